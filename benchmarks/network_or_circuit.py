"""The same network as a Network and as a circuit: what each costs, by width.

    python benchmarks/network_or_circuit.py [--rounds 7] [--seconds 0.05] [--widths 1 2 4 ...]

s-s-s-1 with tanh, squared error, one cost-and-gradient call in float64 on one thread, for one
sample and for a thousand. Both are visited in turn, and the shortest round of each counts. Making
is recording, compiling, binding and the first call; for a network binding and the first call.
"""

import argparse
import sys
from time import perf_counter

import numpy as np
from run import markdown_table, significant
from worker import time_calls

import fastbp

WIDTHS = (1, 2, 4, 8, 16, 32)
SAMPLES = (1, 1000)


def recorded(net):
    """The cost of one sample as an expression, with all of theta as parameters."""
    theta, y = fastbp.variables("theta", net.n_parameters), fastbp.variable("y")
    output = net.expressions(theta, fastbp.variables("x", net.widths[0]))[0]
    return fastbp.circuit((output - y) ** 2 / 2, wrt=[theta])


def network_bound(net, X, y, theta):
    objective = net.objective(X, y, n_threads=1)
    objective(theta)
    return objective


def circuit_bound(net, X, y, theta):
    objective = recorded(net).objective(data={"x": X, "y": y}, n_threads=1)
    objective(theta)
    return objective


def made(function, *arguments):
    """The result, and the least seconds of three times."""
    seconds = []
    for _ in range(3):
        start = perf_counter()
        result = function(*arguments)
        seconds.append(perf_counter() - start)
    return result, min(seconds)


def rows(widths, rounds, seconds):
    for s in widths:
        net = fastbp.mlp(s, s, s, 1)
        theta = net.init(seed=1)
        for m in SAMPLES:
            rng = np.random.default_rng(0)
            X, y = rng.normal(size=(m, s)), rng.normal(size=m)
            network, network_made = made(network_bound, net, X, y, theta)
            circuit, circuit_made = made(circuit_bound, net, X, y, theta)
            (J, D), (F, G) = network(theta), circuit(theta)
            assert np.isclose(J, F, rtol=1e-12), (J, F)
            assert np.allclose(D, G, rtol=1e-9, atol=1e-12)
            times = [
                [min(time_calls(call, [theta], seconds)) for call in (network, circuit)]
                for _ in range(rounds)
            ]
            fastest = [min(column) for column in zip(*times, strict=True)]
            yield s, net.n_parameters, m, *fastest, network_made, circuit_made


def markdown(widths, rounds, seconds):
    """A Markdown table."""
    head = ["width s", "parameters", "samples", "network, µs", "circuit, µs", "circuit / network",
            "making: network, ms", "making: circuit, ms"]  # fmt: skip
    body = [
        [str(s), str(n), str(m), significant(a), significant(b), significant(b / a),
         significant(1e3 * c), significant(1e3 * d)]
        for s, n, m, a, b, c, d in rows(widths, rounds, seconds)
    ]  # fmt: skip
    return "\n".join(markdown_table(head, body))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    args = parser.parse_args(argv)
    print(markdown(args.widths, args.rounds, args.seconds))


if __name__ == "__main__":
    sys.exit(main())
