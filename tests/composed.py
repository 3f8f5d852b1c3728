"""Objectives to compose, and what all ways of evaluating one give."""

import numpy as np
import pytest

import fastbp

RNG = np.random.default_rng(0)
NET = fastbp.mlp(3, 4, 2)
X, Y = RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2))
A = NET.objective(X[:20], Y[:20], sample_weight=np.arange(20) % 3 + 1)
B = NET.objective(X[20:], Y[20:], l2=0.3)
P = NET.n_parameters
THETA = NET.init(seed=0)

WEIGHTS = np.concatenate([b.indices for b in NET.blocks() if b.kind == "weights"])
FREE = np.zeros(P, bool)
FREE[WEIGHTS] = True

V, W = fastbp.variables("v", 2), fastbp.variable("w")
CIRCUIT = fastbp.circuit((V[0] * np.tanh(W) - V[1] ** 3) ** 2 + np.sin(W * V[1]), wrt=[V, W])
F = CIRCUIT.objective()
POINT = np.array([0.3, -0.8, 1.1])


def same(result, J, D, rtol=1e-13):
    assert type(result[0]) is float
    assert result[1].dtype == np.float64
    assert result[0] == pytest.approx(J, rel=rtol)
    np.testing.assert_allclose(result[1], D, rtol=rtol, atol=1e-14)


def all_ways(objective, theta):
    """(J, D), after every way to them has given the same bits."""
    J, D = objective(theta)
    assert objective.fun(theta) == J
    assert objective.cost(theta) == J
    assert np.array_equal(objective.jac(theta), D)
    out = np.full(objective.n_parameters, np.nan)
    assert objective.into(theta, out) == J
    assert np.array_equal(out, D)
    again = objective(theta)[1]
    assert not np.shares_memory(again, D)
    assert not np.shares_memory(objective.jac(theta), objective.jac(theta))
    return J, D
