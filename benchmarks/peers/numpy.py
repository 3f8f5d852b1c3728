"""NumPy, written as a careful user would: BLAS for the products, every array reused in place."""

import numpy as np
from layouts import split
from layouts import weights_then_bias as ORDER  # noqa: F401

from peers import dense_only


def _sigmoid(z):
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


ACTIVATE = {
    "identity": lambda z: None,
    "tanh": lambda z: np.tanh(z, out=z),
    "sigmoid": _sigmoid,
    "relu": lambda z: np.maximum(z, 0, out=z),
}


def _times_slope(name, a, delta, scratch):
    """delta *= g'(z), from the activation a = g(z)."""
    if name == "tanh":
        np.multiply(a, a, out=scratch)
        np.subtract(1, scratch, out=scratch)
        delta *= scratch
    elif name == "sigmoid":
        np.subtract(1, a, out=scratch)
        scratch *= a
        delta *= scratch
    elif name == "relu":
        np.greater(a, 0, out=scratch, casting="unsafe")
        delta *= scratch


def _sigmoid_cross_entropy(z, case, delta):
    cost = np.maximum(z, 0).sum() - np.vdot(case.targets, z)
    cost += np.log1p(np.exp(-np.abs(z))).sum()
    _sigmoid(z)
    np.subtract(z, case.targets, out=delta)
    return cost


def _softmax_cross_entropy(z, case, delta):
    rows = np.arange(len(z))
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=delta)
    total = delta.sum(axis=1, keepdims=True)
    cost = np.log(total).sum() - z[rows, case.labels].sum()
    delta /= total
    delta[rows, case.labels] -= 1
    return cost


def _squared_error(z, case, delta):
    ACTIVATE[case.output](z)
    np.subtract(z, case.targets, out=delta)
    cost = 0.5 * np.vdot(delta, delta)
    _times_slope(case.output, z, delta, np.empty_like(z))
    return cost


LOSS = {
    ("sigmoid", "cross_entropy"): _sigmoid_cross_entropy,
    ("softmax", "cross_entropy"): _softmax_cross_entropy,
}


def prepare(case):
    dense_only(case)
    m, widths, dtype = case.n_samples, case.widths, np.dtype(case.dtype)
    activations = [case.X] + [np.empty((m, s), dtype) for s in widths[1:]]
    deltas = [None] + [np.empty((m, s), dtype) for s in widths[1:]]
    scratch = [None] + [np.empty((m, s), dtype) for s in widths[1:-1]]
    ones = np.ones(m, dtype)
    loss = LOSS.get((case.output, case.loss), _squared_error)
    activate = ACTIVATE[case.hidden]
    last = len(widths) - 1

    def evaluate(theta):
        layers = split(theta.astype(dtype, copy=False), case.shapes)
        gradient = np.empty(theta.size, dtype)
        grads = split(gradient, case.shapes)
        for n, (w, b) in enumerate(layers, 1):
            np.matmul(activations[n - 1], w.T, out=activations[n])
            activations[n] += b
            if n < last:
                activate(activations[n])
        cost = float(loss(activations[last], case, deltas[last]))
        for n in range(last, 0, -1):
            dw, db = grads[n - 1]
            np.matmul(deltas[n].T, activations[n - 1], out=dw)
            np.matmul(ones, deltas[n], out=db)
            if n > 1:
                np.matmul(deltas[n], layers[n - 1][0], out=deltas[n - 1])
                _times_slope(case.hidden, activations[n - 1], deltas[n - 1], scratch[n - 1])
        if case.l2:
            for (w, _), (dw, _) in zip(layers, grads, strict=True):
                cost += 0.5 * case.l2 * float(np.vdot(w, w))
                dw += case.l2 * w
        gradient /= m
        return cost / m, gradient.astype(np.float64, copy=False)

    return evaluate
