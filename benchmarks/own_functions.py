"""What a circuit as activation or loss costs, beside the built-in function that it copies.

    python benchmarks/own_functions.py [--rounds 7] [--seconds 0.1]

One cost-and-gradient call, one thread, float64. Both ways are visited in turn.
"""

import argparse
import sys
from statistics import median

import numpy as np
from run import markdown_table, significant
from worker import time_calls

import fastbp
from fastbp.circuits import absolute, exp, log1p, relu, sigmoid, softplus, tanh

Z = fastbp.variable("z")
A, Y = fastbp.variables("a y")
ACTIVATIONS = {"tanh": tanh(Z), "sigmoid": sigmoid(Z), "relu": relu(Z), "softplus": softplus(Z),
               "silu": Z * sigmoid(Z)}  # fmt: skip
LOSSES = {
    "squared_error": (A - Y) ** 2 / 2,
    "log_cosh": absolute(A - Y) + log1p(exp(-2 * absolute(A - Y))) - float(np.log(2)),
}
SHAPES = {"potential": ((30, 20, 20, 1), 50000), "digits": ((64, 25, 10), 1500)}


def objective(widths, m, **functions):
    """A network of these functions bound to random samples, and a theta."""
    rng = np.random.default_rng(0)
    net = fastbp.mlp(*widths, **functions)
    X, y = rng.normal(size=(m, widths[0])), rng.normal(size=(m, widths[-1]))
    return net.objective(X, y, n_threads=1), net.init(seed=1)


def cases():
    """(what, its name, built-in and own functions)."""
    for name, circuit in ACTIVATIONS.items():
        yield f"hidden {name}", {"hidden": name}, {"hidden": fastbp.circuit(circuit)}
    for name, loss in LOSSES.items():
        yield f"loss {name}", {"loss": name}, {"loss": fastbp.circuit(loss, wrt=[A, Y])}


def rows(rounds, seconds):
    for shape, (widths, m) in SHAPES.items():
        for what, named, own in cases():
            pair = [objective(widths, m, **functions) for functions in (named, own)]
            times = [
                [median(time_calls(call, [theta], seconds)) for call, theta in pair]
                for _ in range(rounds)
            ]
            yield shape, what, *(median(column) for column in zip(*times, strict=True))


def markdown(rounds, seconds):
    """A Markdown table."""
    head = ["network", "what is a circuit", "built in, µs", "circuit, µs", "ratio"]
    body = [
        [shape, what, significant(named), significant(own), f"{own / named:.2f}"]
        for shape, what, named, own in rows(rounds, seconds)
    ]
    return "\n".join(markdown_table(head, body))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1)
    args = parser.parse_args(argv)
    print(markdown(args.rounds, args.seconds))


if __name__ == "__main__":
    sys.exit(main())
