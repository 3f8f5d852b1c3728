"""Objectives: what an optimiser relies on, and the meaning of l2, weights and reduction."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from problems import pairs
from scipy.optimize import minimize

import fastbp

NET = fastbp.mlp(3, 5, 3, hidden="sigmoid", output="sigmoid", loss="cross_entropy")
COURSE_THETA = np.sin(np.concatenate([np.arange(1, 21), np.arange(1, 19)])) / 10
COURSE_X = np.sin(np.arange(1, 16)).reshape(5, 3) / 10
COURSE_LABELS = np.array([2, 3, 1, 2, 3]) - 1

RNG = np.random.default_rng(0)
REGRESSION = fastbp.mlp(3, 4, 2)
X = RNG.normal(size=(30, 3))
Y = RNG.normal(size=(30, 2))
THETA = REGRESSION.init(seed=0)


def bound(net=REGRESSION, **kwargs):
    return net.objective(X, Y, **kwargs)


# The numbers of the textbook


@pytest.mark.parametrize(
    ("l2", "J", "norm", "first"),
    [
        (
            0,
            2.0968019834852276,
            0.5166457468352148,
            [0.01231622, 0.00017383, 0.00026146, 0.0001087],
        ),
        (
            3,
            2.1433733821049605,
            0.5468010013385419,
            [0.01231622, 0.05473167, 0.00872866, -0.04529945],
        ),
    ],
)
def test_the_regularised_network_of_the_course(l2, J, norm, first):
    cost, gradient = NET.cost_and_gradient(COURSE_THETA, COURSE_X, COURSE_LABELS, l2)
    assert cost == pytest.approx(J, rel=1e-14)
    assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-14)
    np.testing.assert_allclose(gradient[:4], first, atol=5e-9)


def test_one_linear_unit_and_its_step_of_descent():
    net = fastbp.mlp(1, 1)
    theta, data = np.array([0.0, 1.0]), ([[2.1]], [4.0])  # the bias b = 0, then w = 1
    J, D = net.cost_and_gradient(theta, *data)
    assert pytest.approx(3.61, rel=1e-14) == 2 * J  # squared_error is one half of the square
    np.testing.assert_allclose(2 * D, [-3.8, -7.98], rtol=1e-14)
    theta = theta - 0.01 * 2 * D
    np.testing.assert_allclose(theta, [0.038, 1.0798], rtol=1e-14)
    assert 2 * net.cost(theta, *data) == pytest.approx(2.8710591364, rel=1e-12)


# What an optimiser relies on


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_call_gives_a_float_and_a_fresh_contiguous_float64_gradient(dtype):
    objective = bound(fastbp.mlp(3, 4, 2, dtype=dtype))
    J, D = objective(THETA)
    again = objective(THETA)[1]
    assert type(J) is float
    assert type(D) is np.ndarray
    assert D.dtype == np.float64
    assert D.shape == THETA.shape
    assert D.flags.c_contiguous
    assert D.flags.owndata
    assert D.flags.writeable
    assert not np.shares_memory(D, again)
    assert np.array_equal(D, again)
    assert type(objective.fun(THETA)) is float
    assert type(objective.cost(THETA)) is float
    assert type(REGRESSION.cost(THETA, X, Y)) is float


def test_all_ways_to_the_cost_and_gradient_agree():
    objective = bound(l2=0.3)
    J, D = objective(THETA)
    assert objective.fun(THETA) == objective.cost(THETA) == REGRESSION.cost(THETA, X, Y, 0.3) == J
    assert np.array_equal(objective.jac(THETA), D)
    assert np.array_equal(REGRESSION.gradient(THETA, X, Y, 0.3), D)
    both = REGRESSION.cost_and_gradient(THETA, X, Y, l2=0.3)
    assert both[0] == J
    assert np.array_equal(both[1], D)


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "TNC", "SLSQP", "Newton-CG"])
def test_scipy_finds_the_same_minimum_by_every_way_to_call(method):
    ridge = fastbp.mlp(3, 2)
    theta = ridge.init(seed=0)
    A = np.hstack([np.ones((30, 1)), X])
    normal = A.T @ A + 0.5 * np.diag([0.0, 1, 1, 1])
    best = np.linalg.solve(normal, A.T @ Y).T.ravel()
    objective = ridge.objective(X, Y, l2=0.5)
    settings = {"method": method, "tol": 1e-12}
    fits = [
        minimize(objective, theta, jac=True, **settings),
        minimize(objective.fun, theta, jac=objective.jac, **settings),
        minimize(ridge.cost, theta, args=(X, Y, 0.5), jac=ridge.gradient, **settings),
    ]
    for fit in fits:
        np.testing.assert_allclose(fit.x, best, atol=1e-4)


def test_a_float32_network_trains_with_scipy():
    net = fastbp.mlp(3, 4, 2, dtype="float32")
    objective = bound(net, l2=0.1)
    fit = minimize(objective, THETA, jac=True, method="L-BFGS-B")
    assert fit.fun < 0.9 * objective.cost(THETA)
    assert np.abs(fit.jac).max() < 1e-3


def test_fun_and_jac_share_one_evaluation():
    objective = bound()
    assert objective.n_evaluations == 0
    J, D = objective.fun(THETA), objective.jac(THETA)
    objective.jac(THETA.copy())
    objective.fun(THETA.tolist())
    assert objective.n_evaluations == 1
    assert objective.seconds > 0
    expected = objective(THETA)
    assert objective.n_evaluations == 2
    assert expected[0] == J
    assert np.array_equal(expected[1], D)


def test_jac_returns_a_fresh_array_each_time():
    objective = bound()
    first = objective.jac(THETA)
    first[...] = np.nan
    assert np.array_equal(objective.jac(THETA), objective(THETA)[1])


def test_a_theta_changed_in_place_is_a_new_theta():
    objective = bound()
    theta = THETA.copy()
    before = objective.fun(theta)
    theta[0] += 1
    assert objective.fun(theta) == objective(theta)[0] != before
    assert np.array_equal(objective.jac(theta), objective(theta)[1])


@pytest.mark.parametrize(
    "convert",
    [
        np.ndarray.tolist,
        lambda t: t.astype(">f8"),
        lambda t: np.repeat(t, 2)[::2],
        lambda t: t[::-1].copy()[::-1],
        lambda t: t.view(np.matrix).A1,
        lambda t: np.ma.MaskedArray(t),
    ],
)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_theta_of_any_kind_gives_the_same_bits(convert):
    objective = bound()
    J, D = objective(THETA)
    for result in (objective(convert(THETA)), REGRESSION.cost_and_gradient(convert(THETA), X, Y)):
        assert result[0] == J
        assert np.array_equal(result[1], D)
    assert objective.fun(convert(THETA)) == J


def test_a_masked_theta_is_refused():
    objective = bound()
    theta = np.ma.MaskedArray(THETA, mask=np.arange(len(THETA)) == 2)
    for function in (objective, objective.fun, objective.cost):
        with pytest.raises(ValueError, match="theta is masked at row 2"):
            function(theta)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.longdouble, np.int64, bool])
def test_theta_of_any_real_dtype_is_converted(dtype):
    objective = bound()
    theta = (8 * THETA).astype(dtype)
    assert objective(theta)[0] == objective(theta.astype(float))[0]


def test_a_read_only_theta_is_read():
    objective = bound()
    theta = THETA.copy()
    theta.flags.writeable = False
    assert objective(theta)[0] == objective(THETA)[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
@pytest.mark.parametrize("net", [REGRESSION, fastbp.mlp(3, 4, 2, hidden="relu", l2=1.0)])
def test_a_theta_that_is_not_finite_or_overflows_gives_what_ieee_says(value, net):
    objective = net.objective(X, Y)
    theta = np.full(net.n_parameters, value)
    J, D = objective(theta)
    assert not np.isfinite(J)
    assert D.shape == theta.shape
    assert not np.isfinite(objective.fun(theta))
    assert objective.jac(theta).shape == theta.shape
    assert np.isfinite(objective(THETA)[0])


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_the_error_of_a_signal_handler_comes_through(error):
    objective = bound()

    def interrupted(theta):
        raise error("time is up")

    objective._set(_evaluate=interrupted)
    with pytest.raises(error, match="time is up"):
        objective(THETA)


# Meaning


def test_l2_is_the_call_s_or_the_network_s():
    net = fastbp.mlp(3, 4, 2, l2=0.7)
    assert bound(net).l2 == 0.7
    assert bound(net).cost(THETA) == bound(l2=0.7).cost(THETA)
    assert bound(net, l2=0).cost(THETA) == bound().cost(THETA)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_l2_leaves_the_biases_out_and_follows_the_reduction(reduction):
    net = fastbp.mlp(3, 4, 2, reduction=reduction)
    m = 30 if reduction == "mean" else 1
    plain, with_l2 = bound(net)(THETA), bound(net, l2=0.6)(THETA)
    W = np.concatenate([b.indices for b in net.blocks() if b.kind == "weights"])
    mask = np.zeros(net.n_parameters)
    mask[W] = 1
    assert with_l2[0] - plain[0] == pytest.approx(0.6 / (2 * m) * (THETA[W] ** 2).sum(), rel=1e-12)
    np.testing.assert_allclose(with_l2[1] - plain[1], 0.6 / m * mask * THETA, atol=1e-14)


def test_sum_is_m_times_the_mean():
    total, mean = bound(fastbp.mlp(3, 4, 2, reduction="sum"))(THETA), bound()(THETA)
    assert total[0] == pytest.approx(30 * mean[0], rel=1e-13)
    np.testing.assert_allclose(total[1], 30 * mean[1], rtol=1e-11)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_weight_counts_like_repeated_samples(reduction):
    net = fastbp.mlp(3, 4, 2, l2=0.5, reduction=reduction)
    times = np.arange(30) % 4
    weighted = net.objective(X, Y, sample_weight=times)
    repeated = net.objective(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    assert weighted.n_samples == 30
    J, D = repeated(THETA)
    assert weighted(THETA)[0] == pytest.approx(J, rel=1e-13)
    np.testing.assert_allclose(weighted(THETA)[1], D, rtol=1e-10, atol=1e-15)


def test_data_that_needs_no_conversion_is_referred_to():
    data = X.copy()
    objective = REGRESSION.objective(data, Y)
    before = objective.cost(THETA)
    data *= 2
    assert objective.cost(THETA) == REGRESSION.cost(THETA, 2 * X, Y) != before


# Threads, copies, pickles


def test_bits_do_not_depend_on_the_number_of_threads():
    samples, targets = RNG.normal(size=(3000, 3)), RNG.normal(size=(3000, 2))
    expected = REGRESSION.objective(samples, targets, n_threads=1)(THETA)
    for n_threads in range(2, 9):
        J, D = REGRESSION.objective(samples, targets, n_threads=n_threads)(THETA)
        assert expected[0] == J
        assert np.array_equal(D, expected[1])


def test_eight_threads_may_share_an_objective():
    objective = bound(l2=0.1)
    thetas = [REGRESSION.init(seed) for seed in range(40)]
    expected = [objective(theta) for theta in thetas]

    def work(number):
        for turn in range(200):
            index = (number * 7 + turn // 2) % 40
            J, D = expected[index]
            theta = thetas[index]
            if objective.fun(theta) != J or not np.array_equal(objective.jac(theta), D):
                return f"fun or jac of theta {index}"
            result = objective(theta)
            if result[0] != J or not np.array_equal(result[1], D):
                return f"call of theta {index}"
        return ""

    with ThreadPoolExecutor(8) as pool:
        assert not "".join(pool.map(work, range(8)))


@pytest.mark.parametrize(
    "copied", [copy.copy, lambda objective: pickle.loads(pickle.dumps(objective))]
)
@pytest.mark.parametrize("kind", ["targets", "weighted", "labels", "hinge", "float32"])
def test_copies_and_pickles_give_the_same_bits(copied, kind):
    net, y, options = REGRESSION, Y, {"l2": 0.25}
    if kind == "weighted":
        options["sample_weight"] = np.arange(30) % 3
    elif kind == "labels":
        net, y = fastbp.mlp(3, 4, 2, output="softmax", loss="cross_entropy"), np.arange(30) % 2
    elif kind == "hinge":
        net, y = fastbp.mlp(3, 4, 2, loss="hinge"), (Y > 0).astype(int)
    elif kind == "float32":
        net = fastbp.mlp(3, 4, 2, dtype="float32")
    objective = net.objective(X, y, n_threads=2, **options)
    J, D = objective(THETA)
    again = copied(objective)
    assert again.n_evaluations == 0
    assert (again.network, again.l2, again.n_threads) == (net, 0.25, 2)
    assert again(THETA)[0] == J
    assert np.array_equal(again(THETA)[1], D)


def test_a_pickle_of_another_version_is_refused():
    rebuild, arguments = bound().__reduce__()
    with pytest.raises(ValueError, match="pickled in format 99; this fastbp reads format 1"):
        rebuild(99, *arguments[1:])


def test_attributes_and_repr():
    objective = bound(l2=0.5, n_threads=2)
    objective(THETA)
    assert objective.network is REGRESSION
    assert (objective.n_samples, objective.n_threads, objective.l2) == (30, 2, 0.5)
    assert objective.sample_weight is None
    text = repr(objective)
    assert text.startswith("<Objective: 3-4-2, 30 samples, l2=0.5, n_threads=2; 1 evaluation")
    weighted = bound(sample_weight=np.ones(30))
    assert weighted.sample_weight.tolist() == [1.0] * 30
    assert ", weighted" in repr(weighted)
    for name in ("l2", "network", "n_threads", "n_evaluations", "anything"):
        with pytest.raises(AttributeError, match=f"{name} cannot be set; make another one"):
            setattr(objective, name, 1)


def test_labels_changed_after_binding_are_no_place_in_memory():
    net = fastbp.mlp(3, 4, 2, output="softmax", loss="cross_entropy")
    y = np.arange(30) % 2
    objective, theta = net.objective(X, y), net.init(seed=0)
    J, D = objective(theta)
    for wrong in (2, -1, 5000, 10**12, -(10**12)):
        y[7] = wrong
        assert objective(theta)[0] < J  # no class: this sample costs nothing
    y[7] = 1
    assert objective(theta)[0] == J
    np.testing.assert_array_equal(objective(theta)[1], D)


@pytest.mark.parametrize(("loss", "output"), list(pairs()))
def test_a_nan_in_theta_is_not_a_flat_place(loss, output):
    net = fastbp.mlp(3, 4, 3, hidden="relu", output=output, loss=loss)
    theta = net.init(seed=0)
    theta[-4:] = np.nan
    y = np.ones((30, 3)) if loss.startswith("gamma") else np.arange(30) % 3  # > 0: no one-hot rows
    J, D = net.objective(X, y)(theta)
    assert np.isnan(J)
    assert np.isnan(D).any()


def test_a_network_that_no_machine_holds_is_refused():
    net = fastbp.mlp(1, 2**31 - 1, 2**31 - 1, 1)
    message = r"a network of 4611686022722355198 parameters needs .* TB for theta alone"
    with pytest.raises(MemoryError, match=message):
        net.objective([[1.0]], [1.0])
