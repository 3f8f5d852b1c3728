"""micrograd: Python objects, made anew for every call. It has no exp; here is one in its style."""

import math
from types import SimpleNamespace

import numpy as np
from micrograd.engine import Value


def _sigmoid(z):
    out = Value(1 / (1 + math.exp(-z.data)), (z,), "sigmoid")

    def _backward():
        z.grad += out.data * (1 - out.data) * out.grad

    out._backward = _backward
    return out


M = SimpleNamespace(sigmoid=_sigmoid, relu=Value.relu)


def call(case):
    def evaluate(p):
        values = [Value(x) for x in p.tolist()]
        out = case.formula(values, M)
        out.backward()
        return out.data, np.array([v.grad for v in values])

    return evaluate
