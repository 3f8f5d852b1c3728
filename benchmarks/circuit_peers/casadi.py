"""CasADi: SX graphs, gradients by its reverse mode, run by its virtual machine; samples by map."""

from types import SimpleNamespace

import casadi as ca
import numpy as np

M = SimpleNamespace(sigmoid=lambda z: 1 / (1 + ca.exp(-z)), relu=lambda z: ca.fmax(z, 0))


def _function(case):
    p = ca.SX.sym("p", case.n)
    value = case.formula([p[i] for i in range(case.n)], M)
    return ca.Function("f", [p], [value, ca.gradient(value, p)])


def call(case):
    f = _function(case)

    def evaluate(p):
        value, gradient = f(p)
        return float(value), gradient.full().ravel()

    return evaluate


KEPT = []  # a buffer object holds nothing alive, not even the memory that it points to


def _bound(f, sources, targets):
    """f as a function without arguments that reads and writes arrays."""
    buffer, run = f.buffer()
    for i, source in enumerate(sources):
        buffer.set_arg(i, memoryview(source))
    for i, target in enumerate(targets):
        buffer.set_res(i, memoryview(target))
    KEPT.append((buffer, run, f, sources, targets))
    return run


def buffers(case):
    p, value, gradient = np.zeros(case.n), np.zeros(1), np.zeros(case.n)
    return _bound(_function(case), [p], [value, gradient]), p, value, gradient


def _neuron():
    p, data = ca.SX.sym("p", 3), ca.SX.sym("data", 2)
    value = M.sigmoid(p[0] * data[0] + p[1] * data[1] + p[2])
    return ca.Function("f", [p, data], [value, ca.gradient(value, p)])


def each(x, y):
    m = len(x)
    f = _neuron().map("samples", "serial", m, [0], [])
    point, data = np.zeros(3), np.ascontiguousarray(np.stack([x, y], axis=1))
    values, gradients = np.zeros(m), np.zeros((m, 3))
    run = _bound(f, [point, data], [values, gradients])

    def evaluate(p):
        point[:] = p
        run()
        return values, gradients.T

    return evaluate


def mean(x, y):
    m = len(x)
    f = _neuron().map("samples", "serial", m, [0], [0, 1])
    point, data = np.zeros(3), np.ascontiguousarray(np.stack([x, y], axis=1))
    value, gradient = np.zeros(1), np.zeros(3)
    run = _bound(f, [point, data], [value, gradient])

    def evaluate(p):
        point[:] = p
        run()
        return value[0] / m, gradient / m

    return evaluate
