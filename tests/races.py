"""Evaluations by several threads, some of them interrupted: for a build with FASTBP_BUILD=races.

    LD_PRELOAD=$(gcc -print-file-name=libtsan.so) python tests/races.py

A data race is printed by the sanitizer, and makes the exit code 66.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from interrupting import stop_in_the_middle

import fastbp


def objective(widths, m, dtype="float64"):
    net = fastbp.mlp(*widths, l2=0.1, dtype=dtype)
    X, y = np.ones((m, widths[0])), np.ones((m, widths[-1]))
    return net.objective(X, y, n_threads=2), net.init(seed=0)


def main():
    def long(m):
        evaluated, theta = objective((20, 300, 300, 5), m)
        return lambda: evaluated(theta), lambda: evaluated.n_evaluations

    for _ in range(3):
        stop_in_the_middle(long, 4000)  # seen by one thread, told to the other

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


if __name__ == "__main__":
    main()
