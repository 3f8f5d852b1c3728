"""check_gradient raises no false alarm, and is not blind: scales, offsets, noise, kinks, edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import ACTIVATIONS, Planted, failing, layer

from fastbp.check import check_gradient

widths = st.lists(st.integers(1, 6), min_size=2, max_size=5)
seeds = st.integers(0, 2**31)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    widths, seeds, st.sampled_from(sorted(ACTIVATIONS)), st.sampled_from(["sigmoid", "identity"]),
    st.sampled_from([np.float64, np.float32]), st.integers(1, 20), st.sampled_from([0.0, 0.1, 3.0]),
    st.sampled_from(["auto", "central"]),
    st.sampled_from([{}, {"n_checks": 12}, {"directions": 2}]),
)  # fmt: skip
def test_no_false_alarm(widths, seed, hidden, output, dtype, m, l2, method, mode):
    objective = Planted(*widths, m=m, hidden=hidden, output=output, l2=l2, seed=seed, dtype=dtype)
    report = check_gradient(objective, objective.init(seed), method=method, seed=seed, **mode)
    assert report, str(report)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds, st.sampled_from(sorted(ACTIVATIONS)), st.sampled_from(["auto", "central"]))
def test_no_false_alarm_with_badly_scaled_parameters(seed, hidden, method):
    """Inputs from 1e-6 to 1e6, and weights that undo it (or do not)."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-6, 6, size=4)
    objective = Planted(4, 5, 3, hidden=hidden, output="identity", seed=seed, x_scale=scale)
    theta = objective.init(seed)
    if seed % 2:
        objective.unpack(theta)[0][:, 1:] /= scale
        objective.l2 = 0.0
    report = check_gradient(objective, theta, method=method)
    assert report, str(report)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds, st.floats(-8, 8), st.sampled_from([1.0, -1.0]))
def test_no_false_alarm_with_an_offset_in_the_cost(seed, exponent, sign):
    objective = Planted(3, 4, 2, seed=seed, offset=sign * 10.0**exponent)
    report = check_gradient(objective, objective.init(seed), method="central")
    assert report, str(report)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_finds_a_small_error_at_every_scale(scale, offset):
    """J = sum cos(x / s) at x of size s: each parameter as far from 1 as the next is near."""
    theta = scale * np.array([0.3, 1.1, -2.0])

    def cost(x):
        return np.cos(x / scale).sum() + offset

    def right(x):
        return -np.sin(x / scale) / scale

    assert check_gradient(cost, theta, right, method="central")
    wrong = check_gradient(cost, theta, lambda x: right(x) * [1, 1 + 1e-5, 1], method="central")
    assert wrong.indices[wrong.failed].tolist() == [1]


def test_vanishing_gradient_is_still_checked():
    """Layer 1 behind three saturated layers: slopes of 1e-7 beside a cost of 1."""
    options = {"l2": 0.0, "hidden": "sigmoid"}
    theta = Planted(3, 4, 4, 4, 2, **options).init(scale=0.1)
    good, bad = (
        Planted(3, 4, 4, 4, 2, bug=bug, layer=1, **options) for bug in (None, "relative error 1e-5")
    )
    assert np.max(np.abs(good.gradient(theta)[:16])) < 1e-5
    assert check_gradient(good, theta, method="central")
    assert failing(check_gradient(bad, theta, method="central")) == layer(1)


def slopes(value):
    return lambda x: np.array([value, 2 * x[1]])


def kinked(x):
    return 3 * max(x[0], 0.0) - 1 * min(x[0], 0.0) + x[1] ** 2  # slopes -1 and 3 at 0


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0, 2.5, 3.0])
def test_kink_is_reported_and_passes(slope):
    report = check_gradient(kinked, [0.0, 1.0], slopes(slope), method="central")
    assert report
    assert report.blocks[0].verdict == "kink"
    assert report.blocks[0].n_kinks == 1
    (kink,) = report.kinks
    assert (kink.index, kink.gradient) == (0, slope)
    assert kink.left == pytest.approx(-1, abs=1e-8)
    assert kink.right == pytest.approx(3, abs=1e-8)
    assert "1 of 2 at a kink" in str(report)


@pytest.mark.parametrize("slope", [-1.001, 3.001, 10.0, -np.inf])
def test_wrong_gradient_at_a_kink_fails(slope):
    assert not check_gradient(kinked, [0.0, 1.0], slopes(slope), method="central")


@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_kink_beside_theta_is_stepped_around(distance, side):
    theta = [side * distance, 1.0]
    assert check_gradient(kinked, theta, slopes(3.0 if side > 0 else -1.0), method="central")
    assert not check_gradient(kinked, theta, slopes(3.0 if side < 0 else -1.0), method="central")
    assert not check_gradient(kinked, theta, slopes(1.0), method="central")


def test_relu_network_at_its_kinks():
    """Zero inputs and zero biases put every hidden unit of one sample exactly at its kink."""
    objective = Planted(3, 4, 2, hidden="relu", output="identity", l2=0.0)
    objective.X[2] = 0.0
    theta = objective.init()
    objective.unpack(theta)[0][:, 0] = 0.0
    report = check_gradient(objective, theta)
    assert report
    assert {kink.block for kink in report.kinks} == {"layer 1 bias"}
    bug = Planted(3, 4, 2, hidden="relu", output="identity", l2=0.0, bug="slope left out", layer=1)
    bug.X[2] = 0.0
    assert not check_gradient(bug, theta)


def test_domain_with_an_edge():
    def cost(x):
        return math.log(x[0]) + x[1]  # raises ValueError below 0

    def gradient(x):
        return np.array([1 / x[0], 1.0])

    assert check_gradient(cost, [1e-7, 1.0], gradient)
    assert not check_gradient(cost, [1e-7, 1.0], lambda x: gradient(x) * [1.0001, 1.0])

    def one_sided(x):
        return math.sqrt(1 + x[0]) if x[0] >= 0 else math.nan

    assert check_gradient(one_sided, [0.0], lambda x: np.array([0.5]))
    assert not check_gradient(one_sided, [0.0], lambda x: np.array([0.51]))


@pytest.mark.parametrize("exponent", [1.05, 1.2, 1.5, 1.9])
@pytest.mark.parametrize("center", [0.0, 0.7, -3e4])
def test_a_slope_without_curvature(exponent, center):
    def cost(x):
        return float((np.abs(x - center) ** exponent).sum())

    theta = np.full(2, center)
    report = check_gradient(cost, theta, lambda x: np.zeros(2))
    assert report
    assert not report.kinks
    assert np.abs(report.numerical).max() < 1e-3 * np.finfo(float).eps ** (exponent - 1)
    for wrong in (0.3, -0.02):
        assert not check_gradient(cost, theta, lambda x, wrong=wrong: np.array([0, wrong]))
    both = check_gradient(lambda x: cost(x) + abs(x[0] - center), theta, lambda x: [0.4, 0.0])
    assert both
    assert len(both.kinks) == 1


def test_noise_that_hides_the_gradient_is_admitted():
    report = check_gradient(
        lambda x: 1e12 + x.sum() * 1e-9, [1.0, 2.0], lambda x: np.full(2, 1e-9), method="central"
    )
    assert report
    assert report.blocks[0].n_unclear == 2
    assert "2 of 2 slopes are too small to be seen above the noise" in str(report)
