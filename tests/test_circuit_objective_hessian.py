"""Second derivatives of circuits bound to data."""

import numpy as np
import pytest
from scipy.optimize import minimize

from fastbp import circuit, variables
from fastbp.circuits import sigmoid

RNG = np.random.default_rng(0)
A, B, C, X, Y, LABEL, ALPHA = variables("a b c x y label alpha")
LOSS = (sigmoid(A * X + B * Y + C) - LABEL) ** 2 + ALPHA * (A * A + B * B)
F = circuit(LOSS, wrt=[A, B, C])
M = 1500
DATA = {"x": RNG.normal(size=M), "y": RNG.normal(size=M), "label": RNG.integers(0, 2, M)}
P = np.array([0.5, -1.0, 0.25])


def bound(**options):
    return F.objective(data={**DATA, "alpha": 0.1}, **options)


def test_the_product_with_the_hessian():
    objective = bound()
    H = F.hessian(P, **DATA, alpha=0.1).mean(axis=0)
    for v in [*np.eye(3), np.array([1.0, -2, 3])]:
        np.testing.assert_allclose(objective.hessp(P, v), H @ v, rtol=1e-12, atol=1e-14)
    one = circuit(A**2 * X, wrt=[A]).objective(data={"x": [1.0, 3]})
    assert one.hessp([5], [1]).tolist() == [4]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_hessian(weighted, reduction):
    weights = RNG.uniform(0, 2, M) if weighted else np.ones(M)
    by_hand = np.einsum("i,ijk->jk", weights, F.hessian(P, **DATA, alpha=0.1))
    if reduction == "mean":
        by_hand /= weights.sum()
    objective = bound(sample_weight=weights if weighted else None, reduction=reduction)
    H = objective.hessian(P)
    np.testing.assert_allclose(H, by_hand, rtol=1e-12, atol=1e-14 * M)
    np.testing.assert_allclose(H @ P, objective.hessp(P, P), rtol=1e-12)
    steps = 1e-6 * np.eye(3)
    slopes = [(objective.jac(P + h) - objective.jac(P - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(H, slopes, rtol=1e-7, atol=1e-9 * M)
    H[:] = 0
    assert objective.hessian(P).any()
    single = bound(dtype="float32").hessian(P)
    np.testing.assert_allclose(single, bound().hessian(P), rtol=1e-4, atol=1e-6)


def test_the_hessian_of_no_parameters():
    nothing = circuit(2.0).objective()
    assert nothing([])[0] == 2
    assert nothing.hessian([]).shape == (0, 0)
    assert nothing.hessp([], []).shape == (0,)


def test_scipy_finds_the_minimum_by_the_hessian():
    objective = bound()
    found = minimize(objective, P, jac=True, method="BFGS")
    exact = minimize(
        objective.fun, P, jac=objective.jac, hess=objective.hessian, method="trust-exact"
    )
    np.testing.assert_allclose(exact.x, found.x, atol=1e-3)
    assert np.abs(exact.jac).max() < 1e-5
