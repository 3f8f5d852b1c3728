"""Far out, where outputs come near their limits: costs and slopes keep their digits.

The reference is the oracle's, in as many digits as 1 - a needs.
"""

import mpmath
import numpy as np
import oracle
import pytest
from problems import DTYPES, needs_classes, pairs

import fastbp
from fastbp import kernels
from fastbp._core import core, level

BOTH = pytest.mark.parametrize("dtype", DTYPES)
# What is below these is lost in the end: an absolute error of slopes, beyond |z| = 700 (85).
LOST = {"float64": 4e-303, "float32": 4e-36}
# The relative error of slopes beyond |z| = 20, and how much larger it is, near and far, where
# products are rounded before anything is added.
FAR_ERROR = {"float64": 3e-14, "float32": 1e-6}
UNFUSED = 4 if level() == "v2" else 1
FAR = {"float64": 690.0, "float32": 80.0}
LIMITS = {"sigmoid": (0, 1), "tanh": (-1, 1), "elu": (-1,), "softmax": (0, 1)}
SIZES = [1e-3, 0.02, 0.3, 0.34, 0.35, 0.5, 0.55, 0.6, 1, 1.7, 3, 5, 8.5, 9, 15, 17, 20, 30, 37.43]
SIZES += [40, 60, 79, 120, 300, 690]


def points(dtype, far=None):
    sizes = np.array([z for z in SIZES if z <= (far or FAR[dtype])])
    return np.concatenate([-sizes[::-1], sizes]).astype(dtype)


def exactly(function, *arguments):
    """The oracle's function at 700 digits, in float64."""
    f = oracle.numbers(object)
    with mpmath.workdps(700):
        result = function(f, *(f.array(each) for each in arguments))
        if isinstance(result, tuple):
            return tuple(each.astype(float) for each in result)
        return result.astype(float)


def relative(value, exact, floor):
    value, exact = np.asarray(value, float), np.asarray(exact, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(value - exact) / np.abs(exact)
    return float(np.where(np.abs(value - exact) <= floor, 0, error).max())


@BOTH
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu"])
def test_slopes_keep_their_digits(name, dtype):
    z = points(dtype)
    one = np.ones((len(z), 1), dtype)
    slopes = kernels.backpropagate(np.array([[0, 1]], dtype), one, z[:, None], name)[:, 0]
    exact = exactly(oracle.ACTIVATIONS[name][1], z)
    eps = np.finfo(dtype).eps
    near = np.abs(z) <= (20 if dtype == "float64" else 10)
    assert relative(slopes[near], exact[near], LOST[dtype]) <= 10 * UNFUSED * eps
    assert relative(slopes, exact, LOST[dtype]) <= UNFUSED * FAR_ERROR[dtype]
    second = core(dtype).apply_activation(name, z, 2)
    exact = exactly(oracle.ACTIVATIONS[name][2], z)
    assert relative(second, exact, 4 * eps * np.abs(exact) + LOST[dtype]) <= 1e-3  # 1 - 2a near 0
    largest = float(np.finfo(dtype).max)
    far = np.array([-largest, -800, 800, largest], dtype)
    a = core(dtype).apply_activation(name, far, 0)
    limits = {"sigmoid": [0, 0, 1, 1], "tanh": [-1, -1, 1, 1], "elu": [-1, -1, 800, largest]}
    assert a.tolist() == np.array(limits[name], dtype).tolist()
    slopes = core(dtype).apply_activation(name, far, 1)
    assert np.all(slopes[:2] <= LOST[dtype])
    assert np.all(slopes[2:] == 1) if name == "elu" else np.all(slopes[2:] <= LOST[dtype])


@BOTH
def test_a_hidden_layer_that_saturates(dtype):
    """Blocks of saturated units are as exact as the others."""
    for name in ("sigmoid", "tanh", "elu"):
        for m in (1, 2, 5, 129):  # a handful of samples, and tiles
            for z in (8.0, 9.0, 30.0, 60.0):
                z = -z if name == "elu" else z
                net = fastbp.mlp(1, 1, 1, hidden=name, dtype=dtype)
                theta = np.array([z, 0.5, 0.25, 1])
                X = np.full((m, 1), 0.25, dtype)
                D = net.gradient(theta, X, np.zeros(m))
                with mpmath.workdps(100):
                    at = oracle.Oracle(
                        (1, 1, 1), (name, "identity"), "squared_error", X, np.zeros((m, 1))
                    )
                    exact = at.cost_and_gradient(theta, object)[1].astype(float)
                eps = np.finfo(dtype).eps
                np.testing.assert_allclose(D, exact, rtol=100 * eps, atol=LOST[dtype])


@BOTH
@pytest.mark.parametrize(("loss", "output"), [p for p in pairs() if p[1] in LIMITS])
def test_costs_and_slopes_at_the_limits(loss, output, dtype):
    """Targets that outputs come near to: relative errors, of costs down to the smallest numbers."""
    limits = (-1, 1) if loss in oracle.SIGNED else LIMITS[output]
    K = 3 if needs_classes(loss, output) else 1
    z = points(dtype, 300 if K == 3 else None)
    z = z[z < 0] if output == "elu" else z
    rows = np.stack([z, -0.5 * z, 0.25 * z][:K], axis=1)
    if K > 1:
        rows = np.concatenate([rows, np.stack([0 * z, z, 0.875 * z], axis=1)]).astype(dtype)
    targets = [np.full(K, limit) for limit in limits]
    if K > 1:
        targets = [np.eye(K)[k] * (limits[-1] - limits[0]) + limits[0] for k in range(K)]
    eps = np.finfo(dtype).eps
    for target in targets:
        y = np.repeat(target[None].astype(dtype), len(rows), axis=0)
        cost, delta = kernels.output_delta(loss, output, rows, y)
        exact_cost, exact_delta = exactly(
            lambda f, z, y: oracle.loss_and_delta(f, loss, output, z, y), rows, y
        )
        floor = LOST[dtype]
        error = relative(cost, exact_cost.sum(axis=1), floor)
        assert error <= 60 * eps + UNFUSED * FAR_ERROR[dtype]
        kink = np.abs(exact_delta) < 1e-3 * floor
        error = relative(np.where(kink, 0, delta), np.where(kink, 0, exact_delta), floor)
        assert error <= 60 * eps + 2 * UNFUSED * FAR_ERROR[dtype]
        assert np.all(np.abs(delta[kink]) <= floor)


@BOTH
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_cross_entropy_is_finite_for_every_finite_z(output, dtype):
    largest = float(np.finfo(dtype).max) * 0.3
    for size in (800.0, 1e15, largest):
        z = np.array([[size, -size, 0], [size, size, -size], [-size, -size, -size]], dtype)
        for k in range(3):
            y = np.repeat(np.eye(3)[k : k + 1], 3, axis=0).astype(dtype)
            cost, delta = kernels.output_delta("cross_entropy", output, z, y)
            assert np.isfinite(cost).all()
            assert np.isfinite(delta).all()
            want = exactly(
                lambda f, z, y: oracle.loss_and_delta(f, "cross_entropy", output, z, y), z, y
            )
            np.testing.assert_allclose(cost, want[0].sum(axis=1), rtol=1e-6, atol=1e-30)
            np.testing.assert_allclose(delta, want[1], rtol=1e-6, atol=1e-30)


def test_cases_of_the_tails():
    cost, delta = kernels.output_delta("cross_entropy", "sigmoid", [[40.0]], [[1.0]])
    assert cost[0] == pytest.approx(4.248354255291589e-18, rel=1e-14)
    assert delta[0, 0] == pytest.approx(-4.248354255291589e-18, rel=1e-14)
    cost, delta = kernels.output_delta("cross_entropy", "softmax", [[0.0, 40.0]], [[0.0, 1.0]])
    assert cost[0] == pytest.approx(4.248354255291589e-18, rel=1e-14)
    np.testing.assert_allclose(
        delta[0], [4.248354255291589e-18, -4.248354255291589e-18], rtol=1e-14
    )
    cost, _ = kernels.output_delta("cross_entropy", "softmax", [[1e308, -1e308]], [[1.0, 0.0]])
    assert cost[0] == 0
    cost, delta = kernels.output_delta("squared_error", "softmax", [[0.0, 40.0]], [[0.0, 1.0]])
    assert cost[0] == pytest.approx(4.248354255291589e-18**2, rel=1e-13)


@BOTH
@pytest.mark.parametrize(("loss", "output"), [p for p in pairs() if p[1] in LIMITS])
def test_delta_is_the_slope_of_the_cost_returned(loss, output, dtype):
    """Where the output is flat, between points whose costs differ by much more than rounding."""
    rng = np.random.default_rng(0)
    K = 3 if needs_classes(loss, output) else 2
    for size in (5.0, 20.0, 60.0):
        z = (rng.uniform(0.5, 1, (20, K)) * size * rng.choice([-1, 1], (20, K))).astype(dtype)
        labels = rng.integers(0, K, 20)
        y = oracle.one_hot(labels, K, loss).astype(dtype)
        _, delta = kernels.output_delta(loss, output, z, y)
        _, exact = exactly(lambda f, z, y: oracle.loss_and_delta(f, loss, output, z, y), z, y)
        assert relative(delta, exact, LOST[dtype]) <= 400 * np.finfo(dtype).eps
