"""Evaluations by several threads, some of them interrupted: for a build with FASTBP_BUILD=races.

    LD_PRELOAD=$(gcc -print-file-name=libtsan.so) python tests/races.py

A data race is printed by the sanitizer, and makes the exit code 66.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from interrupting import stop_in_the_middle

import fastbp
from fastbp import circuits


def objective(widths, m, dtype="float64"):
    net = fastbp.mlp(*widths, l2=0.1, dtype=dtype)
    X, y = np.ones((m, widths[0])), np.ones((m, widths[-1]))
    return net.objective(X, y, n_threads=2), net.init(seed=0)


def of_layers(layers, input_shape, m, **options):
    """Bound to random data, with theta."""
    net = fastbp.Network(layers, input_shape=input_shape)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(m, *input_shape)), rng.normal(size=(m, *net.output_shape))
    return net.objective(X, y, n_threads=2, **options), net.init(seed=0)


def convolution(m):
    layers = [fastbp.Conv2d(1, 3, 3, activation="tanh"), fastbp.MaxPool2d(2), fastbp.Flatten()]
    return of_layers([*layers, fastbp.Dense(None, 2)], (1, 8, 8), m)


def recurrence(m, **options):
    return of_layers([fastbp.LSTM(3, 8), fastbp.Dense(8, 2)], (20, 3), m, **options)


def circuit(m):
    a, b, x = fastbp.variables("a b x")
    made = fastbp.circuit((a * circuits.tanh(b * x) - x) ** 2, wrt=(a, b))
    x, weights = np.linspace(-1, 1, m), np.full(m, 1e-300)  # the factor of these is looked for
    evaluated = made.objective(data={"x": x}, sample_weight=weights, n_threads=2)
    return evaluated, np.array([0.3, 0.7])


def main():
    def dense(m):
        return objective((20, 300, 300, 5), m)

    def interrupted(make):
        def long(m):
            evaluated, theta = make(m)
            return lambda: evaluated(theta), lambda: evaluated.n_evaluations

        return long

    for make in (dense, dense, dense, recurrence):
        stop_in_the_middle(interrupted(make), 4000)  # seen by one thread, told to the other

    for dtype in ("float64", "float32"):
        spans, theta = objective((300, 900, 5), 2100, dtype)
        spans(theta)

    shared, start = objective((5, 6, 2), 3000)
    model = shared.network.bind(start)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(200):
            pool.submit(shared, start)
            pool.submit(shared, start, rows=slice(100))
            pool.submit(model, np.ones((700, 5)))
            pool.submit(fastbp.kernels.forward, np.ones((3, 6)), np.ones((600, 5)))
    assert shared.n_evaluations == 400

    m = 2000
    for evaluated, theta in (
        convolution(m),
        recurrence(m, lengths=np.arange(m) % 20 + 1),
        circuit(200_000),
    ):
        with ThreadPoolExecutor(3) as pool:
            for _ in range(4):
                pool.submit(evaluated, theta)
        assert evaluated.n_evaluations == 4
    layered, theta = convolution(m)
    direction = np.ones(theta.shape)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(layered.hessp, theta, direction) for _ in range(3)]
        asked += [pool.submit(layered.gauss_newton_product, theta, direction) for _ in range(3)]
        asked += [pool.submit(layered.jacobian, theta) for _ in range(3)]
        asked += [pool.submit(layered, theta, rows=slice(100)) for _ in range(3)]
    for each in asked:
        each.result()


if __name__ == "__main__":
    main()
