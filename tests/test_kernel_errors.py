"""Arguments that the kernels refuse, and what others may do meanwhile."""

import sys
import threading
import time

import numpy as np
import pytest
from layouts import read_only

from fastbp import kernels

# What is refused

A = np.ones((4, 2))  # samples of the layer below
T = np.ones((3, 3))  # Theta of 2 inputs, 3 outputs
E = np.ones((4, 3))  # delta of the layer

REFUSED = [
    (lambda: kernels.forward(T, A, "swish"), ValueError, "swish.*sigmoid"),
    (lambda: kernels.forward(T, np.ones((4, 3))), ValueError, r"a has shape \(4, 3\).*\(any, 2\)"),
    (lambda: kernels.forward(T, np.ones(2)), ValueError, r"a has shape \(2,\).*matrix"),
    (lambda: kernels.forward(np.ones((3, 1)), A), ValueError, r"Theta has shape \(3, 1\)"),
    (lambda: kernels.forward(np.ones((0, 3)), A), ValueError, "Theta has shape.*non-empty"),
    (lambda: kernels.forward(T, np.ones((0, 2))), ValueError, "a has shape.*non-empty"),
    (lambda: kernels.forward(T * 1j, A), TypeError, "Theta has dtype complex.*real numbers"),
    (lambda: kernels.forward(T, A.astype(object)), TypeError, "a has dtype object.*real numbers"),
    (lambda: kernels.forward(T, A.astype(str)), TypeError, "a has dtype <U.*real numbers"),
    (lambda: kernels.backpropagate(T, A, A), ValueError, r"delta has shape \(4, 2\).*\(any, 3\)"),
    (lambda: kernels.backpropagate(T, E, E), ValueError, r"z has shape \(4, 3\).*\(4, 2\)"),
    (lambda: kernels.backpropagate(T, E, A[:3]), ValueError, r"z has shape \(3, 2\).*\(4, 2\)"),
    (lambda: kernels.backpropagate(T, E, A, "softmax"), ValueError, "softmax"),
    (lambda: kernels.backpropagate(T, E, A * 1j), TypeError, "z has dtype complex.*real numbers"),
    (lambda: kernels.backpropagate(T, E, A, "tanh", E), ValueError, r"error has.*\(4, 2\)"),
    (lambda: kernels.backpropagate(T, E, A, "tanh", A * 1j), TypeError, "error"),
    (lambda: kernels.accumulate(E, A[:2]), ValueError, r"a has shape \(2, 2\).*\(4, any\)"),
    (
        lambda: kernels.accumulate(E, A, T.astype("f4")),
        ValueError,
        r"place.*not an.*\(3, 3\).*float32",
    ),
    (lambda: kernels.accumulate(E, A, T[:2]), ValueError, r"shape \(3, 3\), not.*\(2, 3\)"),
    (lambda: kernels.accumulate(E, A, T.T.copy().T), ValueError, "C-contiguous"),
    (lambda: kernels.accumulate(E, A, read_only(T.copy())), ValueError, "writeable"),
    (lambda: kernels.accumulate(E, A, T.tolist()), ValueError, r"not \[\[.*\(list\)"),
    (lambda: kernels.regularized_gradient(T, E, 1, 4), ValueError, r"Theta has shape.*\(3, 3\)"),
    (
        lambda: kernels.regularized_gradient(T, T, 1, 0),
        ValueError,
        "m, the number of samples, must.*> 0, got 0",
    ),
    (
        lambda: kernels.regularized_gradient(T, T, 1, np.nan),
        ValueError,
        "m, the number of sam.*> 0, got nan",
    ),
    (lambda: kernels.output_delta("mse", "tanh", E, E), ValueError, "mse.*squared_error"),
    (lambda: kernels.output_delta("cross_entropy", "relu", E, E), ValueError, "relu.*sigmoid"),
    (lambda: kernels.output_delta("hinge", "tanh", E, A), ValueError, r"y has shape.*\(4, 3\)"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# What others may do meanwhile

LOW, HIGH, THETA = np.ones((5000, 500)), np.ones((5000, 1500)), np.full((1500, 501), 1e-3)
LONG = {
    "forward": lambda: kernels.forward(THETA, LOW),
    "backpropagate": lambda: kernels.backpropagate(THETA, HIGH, LOW),
    "accumulate": lambda: kernels.accumulate(HIGH, LOW),
    "output_delta": lambda: kernels.output_delta("hinge", "gelu", HIGH, HIGH),
    "regularized_gradient": lambda: kernels.regularized_gradient(HIGH, HIGH, 1, 1),
}


@pytest.mark.parametrize("kernel", LONG)
def test_other_threads_run_while_a_kernel_does(kernel):
    ticks, seen = [0], []

    def work():
        # a busy machine may leave this thread alone for one call, not for all
        while len(seen) < 100 and not any(seen):
            before = ticks[0]
            LONG[kernel]()
            seen.append(ticks[0] - before)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)  # nobody has to give way
    try:
        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            ticks[0] += 1
            time.sleep(1e-4)
    finally:
        sys.setswitchinterval(interval)
    assert max(seen) > 0
