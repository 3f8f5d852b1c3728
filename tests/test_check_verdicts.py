"""check_gradient says no to wrong gradients that once passed, and says what it could not see."""

import math

import numpy as np
import pytest

import fastbp
from fastbp import check_gradient

X20 = np.random.default_rng(0).normal(size=20)


@pytest.mark.parametrize("method", ["auto", "central", "complex"])
@pytest.mark.parametrize("seed", range(6))
def test_a_function_that_refuses_complex_numbers_has_no_slope_of_zero(method, seed):
    """complex("nan") has the imaginary part 0.0, which is no slope."""

    def offset(t):
        return float(1e6 + t @ t), 0 * t

    def small(t):
        return float(t @ t), 0 * t

    def one_zero(t):
        return sum(map(math.sin, t)), np.cos(t) * (np.arange(t.size) != 3)

    assert not check_gradient(offset, [0.3, 0.7, -1.1], method=method, seed=seed)
    assert not check_gradient(small, np.ones(2), method=method, seed=seed)
    report = check_gradient(one_zero, X20, method=method, seed=seed)
    assert report.indices[report.failed].tolist() == [3]


@pytest.mark.parametrize("method", ["auto", "central", "complex"])
def test_a_layer_without_gradient_beside_a_large_cost(method):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4)), 1e6 + 1e3 * rng.normal(size=50)
    net = fastbp.mlp(4, 6, 1)
    objective, theta = net.objective(X, y), net.init(seed=0)

    def forgetful(t):
        J, D = objective(t)
        D[:30] = 0
        return J, D

    forgetful.network = net
    assert check_gradient(objective, theta, method=method)
    assert not check_gradient(forgetful, theta, method=method)


PENALTIES = {
    "abs": lambda t: np.abs(t).sum(),
    "norm": np.linalg.norm,
    "vdot": lambda t: np.vdot(t, t).real / 2,
    "real": lambda t: (t.real**2).sum(),
    "largest": lambda t: np.max(np.abs(t)),
    "float": lambda t: float(np.sum(np.real(t) ** 4)),
    "where": lambda t: np.where(np.real(t) > 0, np.real(t) ** 2, 0.0).sum(),
    "conjugate": lambda t: (t * np.conj(t)).sum(),
}


@pytest.mark.parametrize("method", ["auto", "complex"])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_a_forgotten_penalty_that_loses_its_imaginary_part(name, offset, method):
    def cost(t):
        J = np.sin(t).sum() + 1e-4 * PENALTIES[name](t) + offset
        return J if np.iscomplexobj(t) else J.real

    def slope(t):
        h = 1e-4  # fourth order: exact to 1e-11 beside slopes of 1e-4
        step = h * np.eye(t.size)
        return np.array(
            [sum(w * PENALTIES[name](t + k * e) for w, k in weights).real / (12 * h) for e in step]
        )

    weights = ((1, -2), (-8, -1), (8, 1), (-1, 2))
    assert not check_gradient(cost, X20, np.cos, method=method)
    right = np.cos(X20) + 1e-4 * slope(X20)

    def both(t):
        return cost(t), right if np.array_equal(t, X20) else np.cos(t)

    assert not failed_entries(check_gradient(both, X20, method=method))


def failed_entries(report):
    return report.indices[report.failed].tolist()


def test_forgotten_lasso_and_zero_gradients():
    t = np.random.default_rng(0).normal(size=200)
    assert not check_gradient(lambda t: (1e6 + np.abs(t).sum(), np.zeros(2)), [1.0, -2.0])
    assert not check_gradient(lambda t: (np.sin(t).sum() + 0.01 * np.abs(t).sum(), np.cos(t)), t)
    assert not check_gradient(lambda t: (0.5 * t @ t + 5e-4 * np.abs(t).sum(), t.copy()), X20)
    assert check_gradient(
        lambda t: (np.sin(t).sum() + 1e-4 * np.abs(t).sum(), np.cos(t) + 1e-4 * np.sign(t)), t
    )


def single(t):
    t = np.float32(t)
    return float(np.float32((t * t).sum())), (2 * t).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_single_precision_behind_double_wrappers(seed):
    t = np.random.default_rng(seed).normal(size=4)
    report = check_gradient(single, t)
    assert report
    assert report.single
    assert "single precision" in str(report)
    assert not check_gradient(lambda t: (single(t)[0], 1.01 * single(t)[1]), t)
    assert not check_gradient(lambda t: (single(t)[0], 0 * t), t)


@pytest.mark.parametrize("seed", range(5))
def test_six_digits(seed):
    t = np.random.default_rng(seed).normal(size=6)

    def cost(t):
        return float(f"{np.exp(t).sum():.6g}")

    report = check_gradient(cost, t, np.exp)
    assert report
    assert "noise of J hides" in str(report)
    assert not check_gradient(cost, t, lambda t: 1.1 * np.exp(t))
    assert not check_gradient(cost, t, lambda t: 0 * t)


def test_a_cost_that_stands_still_hides_its_slopes():
    report = check_gradient(lambda x: float(1e15 + x @ x), X20, lambda x: 2 * x)
    assert report
    assert not report.conclusive
    assert report.n_unclear == 20
    assert "proves little" in str(report)


@pytest.mark.parametrize("method", ["auto", "central", "complex"])
def test_infinity_beside_theta(method):
    def edge(x):
        return float(x[0] ** 2) if x[0] < 1 else np.inf

    for theta in ([1 - 1e-6], [1 - 3e-5], [1 - 1e-9]):
        assert check_gradient(edge, theta, lambda x: 2 * x, method=method)
        assert not check_gradient(edge, theta, lambda x: np.array([100.0]), method=method)
        assert not check_gradient(edge, theta, lambda x: 0 * x, method=method)
    overflow = [709.78]
    assert check_gradient(lambda x: float(np.exp(x[0])), overflow, np.exp, method=method)
    assert not check_gradient(lambda x: float(np.exp(x[0])), overflow, lambda x: 0 * x)
    alone = check_gradient(lambda x: 1.0 if x[0] == 2.0 else np.inf, [2.0], lambda x: 0 * x)
    assert not alone


SCALES = [1e-14, 1e-12, 1e-9, 1e-6, 1.0, 1e6, 2e11, 1e13, 1e14, 1e16]


@pytest.mark.parametrize("method", ["auto", "central"])
@pytest.mark.parametrize("scale", SCALES)
def test_parameters_of_every_scale(scale, method):
    theta = scale * np.array([0.3, 1.1, -2.0])

    def cost(x):
        return np.cos(x / scale).sum()

    def slope(x):
        return -np.sin(x / scale) / scale

    assert check_gradient(cost, theta, slope, method=method)
    for factor in (1 + 1e-4, 1 + 5e-3, 1.05, 2, 0):
        assert not check_gradient(cost, theta, lambda x, c=factor: c * slope(x), method=method)
    small = np.array([0.3, 1.1, -2.0]) * min(scale, 1.0)
    assert check_gradient(lambda x: float(np.log(abs(x)).sum()), small, lambda x: 1 / x)


def test_a_cost_that_oscillates_fast():
    def cost(x):
        return float(np.sin(1e10 * x).sum())

    for factor, passes in ((1, True), (1 + 1e-3, False)):
        report = check_gradient(cost, [0.3, 1.1], lambda x, c=factor: c * 1e10 * np.cos(1e10 * x))
        assert bool(report) is passes


def test_every_entry_has_an_error_budget_of_its_own():
    def cost(x):
        return float(1e10 * np.sin(x[0]) + 1e-6 * np.sin(x[1]))

    for factor in (1, 5, 1.001, 0):
        report = check_gradient(
            cost,
            [0.0, 0.5],
            lambda x, c=factor: np.array([1e10 * np.cos(x[0]), c * 1e-6 * np.cos(x[1])]),
        )
        assert failed_entries(report) == ([] if factor == 1 else [1])


def test_blocks_that_leave_parameters_out_are_told():
    report = check_gradient(
        lambda x: (x @ x, 2 * x * [1, 1, 0]), [1.0, 2.0, 3.0], blocks={"a": [0, 1]}
    )
    assert report
    assert report.left_out.tolist() == [2]
    assert "not checked, because blocks leaves them out: 1 of 3 parameters, indices 2" in str(
        report
    )


def test_what_is_printed_beside_fail_shows_the_mistake():
    report = check_gradient(lambda t: (np.maximum(t, 0).sum(), np.full(3, 2.0)), np.zeros(3))
    assert not report
    assert report.max_relative_error == pytest.approx(0.75)
    assert report.numerical[0] == pytest.approx(0.5)
    assert "7.5e-01" in str(report)
    assert report.blocks[0].hint == ""  # one-sided slopes of 0 and 1 prove no factor


def test_hints_only_where_the_data_prove_them():
    def hint(slope, theta=(0.3, -0.7, 1.2)):
        return check_gradient(lambda t: (np.sin(t).sum(), slope(t)), theta).blocks[0].hint

    assert "1.5 times" in hint(lambda t: 1.5 * np.cos(t))
    assert "0.2 * theta" in hint(lambda t: np.cos(t) + 0.2 * t)
    assert "not flat" in hint(lambda t: 0 * t)
    assert "one entry of 3" in hint(lambda t: np.cos(t) * [1, 2, 1])
    assert hint(lambda t: np.cos(t) + np.array([3.0, 1e-4, 1e-4])) == ""


def test_zeros_that_prove_nothing():
    rng = np.random.default_rng(0)
    net = fastbp.mlp(4, 5, 3, hidden="tanh", output="softmax", loss="cross_entropy")
    objective = net.objective(rng.normal(size=(9, 4)), rng.integers(0, 3, 9))
    report = check_gradient(objective, np.zeros(net.n_parameters))
    assert report
    assert report.n_zero == 40
    assert not report.conclusive
    assert "40 of 43 slopes are 0 = 0, which proves nothing" in str(report)
    assert check_gradient(objective, net.init(seed=0)).conclusive
