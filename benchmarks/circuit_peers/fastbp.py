"""fastbp: a circuit; threads come from FASTBP_NUM_THREADS."""

import numpy as np

import fastbp
from fastbp import circuits


def _circuit(case):
    p = fastbp.variables("p", case.n)
    return fastbp.circuit(case.formula(p, circuits), wrt=[p])


def call(case):
    f = _circuit(case)
    f.value_and_gradient(np.zeros(case.n))
    return f.value_and_gradient


def buffers(case):
    p, value, gradient = np.zeros(case.n), np.zeros(1), np.zeros(case.n)
    return _circuit(case).callable_into(p, value, gradient), p, value, gradient


def _neuron():
    a, b, c, x, y = fastbp.variables("a b c x y")
    return fastbp.circuit(circuits.sigmoid(a * x + b * y + c), wrt=[a, b, c])


def each(x, y):
    f = _neuron()

    def evaluate(p):
        values, gradients = f.value_and_gradient(p, x=x, y=y)
        return values, gradients.T

    return evaluate


def mean(x, y):
    return _neuron().objective(data={"x": x, "y": y})
