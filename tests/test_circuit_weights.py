"""Weights of samples in objectives of circuits: what is left out, and the scale of the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tapes import DTYPES

from fastbp import circuit, circuits, variables

P, Q, X, Y = variables("p q x y")
F = circuit((circuits.tanh(P * X + Q) - Y) ** 2, wrt=[P, Q])
GROWS = circuit(circuits.exp(P * X) * Q, wrt=[P, Q])
LINEAR = circuit(P * X, wrt=[P])
POINT = np.array([0.7, -0.3])
INF, NAN = np.inf, np.nan


def results(objective, p):
    """Everything that is summed, as one vector."""
    J, D = objective(p)
    parts = [J, D, objective.cost(p), objective.fun(p), objective.jac(p), objective.hessian(p)]
    return np.concatenate([np.ravel(part) for part in [*parts, objective.hessp(p, p)]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("m", [2, 64, 65, 513, 1500])
def test_a_weight_of_0_leaves_nothing(dtype, reduction, m):
    rng = np.random.default_rng(m)
    x, weights = rng.uniform(-1, 1, m), rng.integers(1, 4, m).astype(float)
    out = rng.integers(0, m, 1 + m // 5)
    x[out], weights[out], weights[-1] = 1e30, 0, 2
    x[-1] = 0.5
    for f in (GROWS, circuit(P / X + Q * X * X * X * X * X * X * X * X * X * X * X, wrt=[P, Q])):
        data = {"x": np.where(weights == 0, 1.0, x)}
        want = results(f.objective(data, reduction, weights, dtype=dtype), POINT)
        assert np.isfinite(want).all()
        got = results(f.objective({"x": x}, reduction, weights, dtype=dtype), POINT)
        assert got.tolist() == want.tolist()


def test_a_worked_sample_that_is_left_out():
    z = np.array([0.0, 1.0, 1000.0])
    objective = circuit(circuits.exp(P * X), wrt=[P]).objective({"x": z}, sample_weight=[1, 1, 0])
    assert objective(np.array([1.0]))[0] == pytest.approx((1 + np.e) / 2, rel=1e-15)
    assert objective.cost(1.0) == pytest.approx((1 + np.e) / 2, rel=1e-15)


def test_an_infinite_sample_of_any_weight_is_not_left_out():
    for weight in (5e-324, 1e-300, 1e-20, 1.0):
        J, D = GROWS.objective({"x": [0.0, 1e4]}, sample_weight=[weight, weight])(POINT)
        assert J == -INF
        assert not np.isfinite(D).any()


SCALES = [2.0**-1000, 2.0**-200, 1.0, 2.0**200, 2.0**1000]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DTYPES), st.sampled_from([1, 3, 64, 700]), st.integers(0, 9999))
def test_a_mean_does_not_depend_on_the_scale_of_its_weights(dtype, m, seed):
    rng = np.random.default_rng(seed)
    data = {"x": rng.normal(size=m), "y": rng.normal(size=m)}
    weights = rng.uniform(0, 1, m)
    weights[0] = 1
    want = results(F.objective(data, "mean", weights, dtype=dtype), POINT)
    for scale in SCALES:
        got = results(F.objective(data, "mean", weights * scale, dtype=dtype), POINT)
        assert got.tolist() == want.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "weights",
    [[1e-310, 2e-310, 3e-310], [1e-43, 2e-43, 3e-43], [1e300, 2e300, 3e300], [1e40, 2e40, 3e40],
     [5e-324, 1e-323, 1.5e-323], [8e307, 1.6e308, 4e307]],
)  # fmt: skip
def test_weights_at_the_ends_of_a_precision(weights, dtype):
    data = {"x": [1.0, 2.0, 3.0], "y": [0.0, 1.0, 1.0]}
    relative = np.array(weights) / max(weights)
    want = results(F.objective(data, "mean", relative, dtype=dtype), POINT)
    got = results(F.objective(data, "mean", weights, dtype=dtype), POINT)
    tolerance = 1e-15 if dtype == "float64" else 2e-7
    np.testing.assert_allclose(got, want, rtol=5 * tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weight", [1e-45, 1e-43, 1e-38, 1e38])
def test_weights_of_float32(weight, dtype):
    data = {"x": [1.0, 2.0, 3.0], "y": [0.0, 1.0, 1.0]}
    weights = np.full(3, weight, np.float32)
    assert weights[0] > 0
    want = results(F.objective(data, "mean", np.ones(3), dtype=dtype), POINT)
    got = results(F.objective(data, "mean", weights, dtype=dtype), POINT)
    tolerance = 1e-15 if dtype == "float64" else 2e-7
    np.testing.assert_allclose(got, want, rtol=5 * tolerance, atol=tolerance)


def test_a_sum_has_the_scale_of_its_weights():
    data = {"x": [1.0, 2.0, 4.0]}
    for scale in (2.0**-1060, 2.0**-30, 1.0, 3.0, 2.0**900):
        weights = scale * np.array([1.0, 2.0, 3.0])
        objective = LINEAR.objective(data, "sum", weights)
        assert objective(np.array([3.0])) == (51 * scale, [17 * scale])
    uniform = circuit(P * Q, wrt=[P, Q]).objective({}, "sum", [2.0**-1060])
    assert uniform(np.array([3.0, 1.0]))[0] == 3 * 2.0**-1060


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [3, 65, 5000])
def test_weights_changed_in_place_are_followed(dtype, m):
    rng = np.random.default_rng(m)
    data = {"x": rng.normal(size=m), "y": rng.normal(size=m)}
    for reduction in ("mean", "sum"):
        weights = rng.uniform(0, 1, m)
        objective = F.objective(data, reduction, weights, dtype=dtype)
        objective(POINT)
        for change in (2.0, 2.0**-120, 2.0**100, rng.integers(0, 3, m), 3.0):
            weights *= change
            weights[-1] += 1e-3
            fresh = F.objective(data, reduction, weights.copy(), dtype=dtype)
            assert objective(POINT)[0] == fresh(POINT)[0]
            assert objective(POINT)[1].tolist() == fresh(POINT)[1].tolist()
            assert objective.cost(POINT) == fresh.cost(POINT) == fresh(POINT)[0]


def test_weights_that_are_all_0_or_nan_later_are_what_ieee_says():
    weights = np.ones(3)
    objective = F.objective({"x": [1.0, 2, 3], "y": [0.0, 1, 1]}, "mean", weights)
    for value in (0.0, NAN, INF):
        weights[:] = value
        assert np.isnan(objective(POINT)[0])
    weights[:] = 1
    assert np.isfinite(objective(POINT)[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_and_any_number_of_threads(dtype):
    rng = np.random.default_rng(0)
    m = 200_000
    data = {"x": rng.normal(size=m), "y": rng.normal(size=m)}
    weights = rng.uniform(0, 1, m) * (rng.uniform(size=m) < 0.9)
    bits = [results(F.objective(data, "mean", weights, n, dtype), POINT) for n in (1, 2, 3, 7)]
    assert all(each.tolist() == bits[0].tolist() for each in bits)
