"""autograd: reverse mode over the NumPy calls."""

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.scipy.special import expit, logsumexp
from layouts import split
from layouts import weights_then_bias as ORDER  # noqa: F401

from peers import dense_only

ACTIVATE = {
    "identity": lambda z: z,
    "tanh": anp.tanh,
    "sigmoid": expit,
    "relu": lambda z: anp.maximum(z, 0),
}


def prepare(case):
    dense_only(case)
    hidden, output = ACTIVATE[case.hidden], ACTIVATE.get(case.output)
    m, last = case.n_samples, len(case.widths) - 2
    dtype, rows = np.dtype(case.dtype), np.arange(case.n_samples)

    def loss(z):
        if case.loss == "squared_error":
            return 0.5 * anp.sum((output(z) - case.targets) ** 2)
        if case.output == "softmax":
            return anp.sum(logsumexp(z, axis=1)) - anp.sum(z[rows, case.labels])
        return anp.sum(anp.logaddexp(0, z) - case.targets * z)

    def cost(layers):
        a = case.X
        for n, (w, b) in enumerate(layers):
            a = anp.dot(a, w.T) + b
            if n < last:
                a = hidden(a)
        total = loss(a)
        if case.l2:
            total = total + 0.5 * case.l2 * sum(anp.sum(w * w) for w, _ in layers)
        return total / m

    cost_and_gradient = value_and_grad(cost)

    def evaluate(theta):
        layers = split(theta.astype(dtype, copy=False), case.shapes)
        value, grads = cost_and_gradient(layers)
        flat = np.concatenate([g.ravel() for layer in grads for g in layer])
        return float(value), flat.astype(np.float64, copy=False)

    return evaluate
