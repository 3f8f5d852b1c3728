"""What is around an evaluation: one sample, rows of bound data, binding, kernels, beside NumPy.

    python benchmarks/calls.py [--rounds 200] [--seconds 0.0006]

One thread. The calls of a group are timed in turn, round by round, and the shortest round counts:
they are so short that anything else on the machine shows, and a round is shorter than what the
system gives a process at a time.
"""

import argparse
import timeit

import numpy as np
from run import markdown_table

HEAD = ["call", "µs", "beside", "µs", "ratio"]


def shortest(calls, rounds, seconds):
    """{name: µs of its shortest round}; the rounds of all calls in turn."""
    timers = {name: timeit.Timer(call) for name, call in calls.items()}
    counts, best = {}, dict.fromkeys(calls, float("inf"))
    for name, timer in timers.items():
        once = min(timer.repeat(5, 10)) / 10
        counts[name] = max(1, int(seconds / once))
    for _ in range(rounds):
        for name, timer in timers.items():
            best[name] = min(best[name], timer.timeit(counts[name]) / counts[name] * 1e6)
    return best


def one_sample():
    """4-16-2: a prediction, beside the same in NumPy and the bound cost and gradient."""
    import fastbp

    net, rng = fastbp.mlp(4, 16, 2), np.random.default_rng(0)
    theta, X, y = net.init(seed=0), rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    (b1, W1), (b2, W2) = ((T[:, 0].copy(), T[:, 1:].T.copy()) for T in net.unpack(theta))
    model, objective, x, out = net.bind(theta), net.objective(X, y), X[0], np.empty(2)
    calls = {
        "bound": lambda: objective(theta),
        "numpy": lambda: np.tanh(x @ W1 + b1) @ W2 + b2,
        "model": lambda: model(x),
        "out": lambda: model(x, out=out),
        "forward": lambda: net.forward(theta, X),
        "predict": lambda: model.predict(x),
    }
    yield "`model(x)`, 4-16-2", "model", "cost and gradient, bound", "bound"
    yield "`model(x)`", "model", "NumPy", "numpy"
    yield "`model(x, out=out)`", "out", "NumPy", "numpy"
    yield "`net.forward(theta, X)`", "forward", "NumPy", "numpy"
    yield "`model.predict(x)`", "predict", "NumPy", "numpy"
    yield calls


def batches():
    """64-25-10: 32 rows of data that is bound, beside an objective of these rows."""
    import fastbp

    net = fastbp.mlp(64, 25, 10, output="softmax", loss="cross_entropy", l2=0.1)
    rng = np.random.default_rng(0)
    X, y, theta = rng.normal(size=(1797, 64)), rng.integers(0, 10, 1797), net.init(seed=0)
    k = rng.permutation(1797)[:32]
    part = X[k], y[k]
    whole, bound = net.objective(X, y, n_threads=1), net.objective(*part, n_threads=1)
    calls = {
        "bound": lambda: bound(theta),
        "rows": lambda: whole(theta, rows=k),
        "slice": lambda: whole(theta, rows=slice(32, 64)),
        "bind": lambda: net.objective(*part),
        "fresh": lambda: net.objective(X[k], y[k])(theta),
    }
    yield "`objective(theta, rows=k)`, 32 rows, 64-25-10", "rows", "bound to them", "bound"
    yield "`objective(theta, rows=slice(…))`", "slice", "bound to them", "bound"
    yield "`net.objective(X, y)`, binding alone", "bind", "one evaluation", "bound"
    yield "`net.objective(X[k], y[k])(theta)`", "fresh", "bound to them", "bound"
    yield calls


def small_kernels():
    """4 inputs, 16 units, one sample."""
    from fastbp import kernels

    rng = np.random.default_rng(0)
    Theta, D = rng.normal(size=(16, 5)), rng.normal(size=(16, 5))
    a, z, delta = rng.normal(size=(1, 4)), rng.normal(size=(1, 4)), rng.normal(size=(1, 16))
    W, b = Theta[:, 1:].T.copy(), Theta[:, 0].copy()
    calls = {
        "forward": lambda: kernels.forward(Theta, a, "tanh"),
        "forward, numpy": lambda: np.tanh(a @ W + b),
        "back": lambda: kernels.backpropagate(Theta, delta, z, "tanh"),
        "back, numpy": lambda: (delta @ W.T) * (1 - np.tanh(z) ** 2),
        "error": lambda: kernels.backpropagate(Theta, delta, z, "tanh", error=a),
        "accumulate": lambda: kernels.accumulate(delta, a),
        "accumulate, numpy": lambda: np.hstack([delta.T.sum(1, keepdims=True), delta.T @ a]),
        "gradient": lambda: kernels.regularized_gradient(D, Theta, 1.0, 5.0),
        "gradient, numpy": lambda: (D + np.hstack([np.zeros((16, 1)), Theta[:, 1:]])) / 5.0,
        "output": lambda: kernels.output_delta("squared_error", "tanh", delta, delta),
        "output, numpy": lambda: (np.tanh(delta) - delta) * (1 - np.tanh(delta) ** 2),
    }
    yield "`kernels.forward`, 4 → 16", "forward", "NumPy", "forward, numpy"
    yield "`kernels.backpropagate`", "back", "NumPy", "back, numpy"
    yield "`kernels.backpropagate(…, error=)`", "error", "NumPy, without", "back, numpy"
    yield "`kernels.accumulate`", "accumulate", "NumPy", "accumulate, numpy"
    yield "`kernels.regularized_gradient`", "gradient", "NumPy", "gradient, numpy"
    yield "`kernels.output_delta`, 16", "output", "NumPy", "output, numpy"
    yield calls


def optimisers():
    """What an optimiser calls: into a buffer of its own, and the classic call of TNC."""
    import fastbp

    net = fastbp.mlp(4, 16, 2)
    rng = np.random.default_rng(0)
    X, y, theta = rng.normal(size=(150, 4)), rng.normal(size=(150, 2)), net.init(seed=0)
    objective, D = net.objective(X, y), np.empty(theta.size)
    calls = {"bound": lambda: objective(theta)}
    if hasattr(objective, "into"):
        calls["into"] = lambda: objective.into(theta, D)
        yield (
            "`objective.into(theta, D)`, 150 samples, 4-16-2",
            "into",
            "`objective(theta)`",
            "bound",
        )
    moved = [theta, theta + 1e-3]  # an optimiser does not come twice to the same theta

    def classic():
        moved.reverse()
        return net.cost(moved[0], X, y), net.gradient(moved[0], X, y)

    def shared():
        moved.reverse()
        return objective.fun(moved[0]), objective.jac(moved[0])

    calls |= {"classic": classic, "shared": shared}
    yield "`net.cost` and `net.gradient`, as TNC calls them", "classic", "`fun` and `jac`", "shared"
    yield calls


def circuits():
    """A long circuit bound to data once more."""
    import fastbp

    x = fastbp.variable("x")
    p = fastbp.variables("p", 200)
    value = x
    for i in range(7000):
        value = fastbp.circuits.sin(value * p[i % 200]) + x
    circuit = fastbp.circuit(value, wrt=p)
    data = {"x": np.linspace(-1, 1, 10)}
    theta = np.full(200, 0.5)
    start = timeit.default_timer()
    circuit.objective(data)(theta)
    first = (timeit.default_timer() - start) * 1e6
    objective = circuit.objective(data)
    calls = {
        "again": lambda: circuit.objective(data)(theta),
        "bound": lambda: objective(theta),
    }
    yield (
        f"a second `circuit.objective(data)` and its call, {circuit.n_gates} gates",
        "again",
        (f"its call alone; the first took {first:.0f} µs"),
        "bound",
    )
    yield calls


GROUPS = (one_sample, batches, small_kernels, optimisers, circuits)


def rows(rounds, seconds):
    for group in GROUPS:
        *lines, calls = group()
        best = shortest(calls, rounds, seconds)
        for what, name, beside, other in lines:
            ratio = f"{best[name] / best[other]:.2f}"
            yield [what, f"{best[name]:.2f}", beside, f"{best[other]:.2f}", ratio]


def markdown(rounds, seconds):
    return "\n".join(markdown_table(HEAD, list(rows(rounds, seconds))))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.0006)
    args = parser.parse_args(argv)
    print(markdown(args.rounds, args.seconds))


if __name__ == "__main__":
    main()
