"""Weights of samples: 0 leaves nothing, their scale changes nothing, changes in place are seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import DTYPES, LARGE, SAMPLES, WIDE, hidden_names, needs_classes, pairs

import fastbp

BOTH = pytest.mark.parametrize("dtype", DTYPES)
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}
# (widths, m): tiles, a handful of samples, wide layers, spans of networks that fill the caches.
PATHS = [((4, 6, 3), m) for m in (2, 3, *SAMPLES[1:])]
PATHS += [(WIDE[0], 5), (WIDE[0], 129), (WIDE[1], 129), (WIDE[2], 2), (LARGE[2][0], 7)]
PATHS += [(LARGE[0][0], 1100), (LARGE[3][0], 129)]


def problem(net, m, seed=0):
    """X and y that suit any loss, and theta."""
    rng = np.random.default_rng(seed)
    X, K = rng.normal(size=(m, net.widths[0])), net.widths[-1]
    y = rng.integers(0, K, m) if K > 1 else rng.integers(0, 2, m) * 1.0
    if str(net.loss) == "gamma":  # > 0: no one-hot rows
        y = rng.uniform(0.5, 2, (m, K))
    return X.astype(net.dtype), y, rng.normal(size=net.n_parameters) / np.sqrt(max(net.widths))


def assert_same(got, want, dtype):
    tolerance = TOLERANCE[dtype]
    assert got[0] == pytest.approx(want[0], rel=tolerance)
    np.testing.assert_allclose(
        got[1], want[1], rtol=tolerance, atol=tolerance * np.abs(want[1]).max()
    )


def with_overflow(X, y, rng, size):
    """More samples in between, of X near the largest number, and which they are."""
    m = len(X)
    left_out = np.zeros(2 * m, bool)
    left_out[rng.permutation(2 * m)[:m]] = True
    data = np.empty((2 * m, X.shape[1]), X.dtype)
    data[~left_out] = X
    data[left_out] = size * rng.choice([-1, 1], size=X.shape)
    targets = np.repeat(y[:1], 2 * m, axis=0)
    targets[~left_out] = y
    return data, targets, left_out


@BOTH
@pytest.mark.parametrize("hidden", ["relu", "tanh", "silu"])  # a alone, slopes, z kept
@pytest.mark.parametrize(("widths", "m"), PATHS, ids=str)
def test_weight_0_leaves_nothing_in_every_path(widths, m, hidden, dtype):
    output, loss = ("softmax", "cross_entropy") if widths[-1] > 1 else ("identity", "squared_error")
    net = fastbp.mlp(*widths, hidden=hidden, output=output, loss=loss, dtype=dtype)
    X, y, theta = problem(net, max(1, m // 2))
    size = 0.9 * float(np.finfo(dtype).max)
    rng = np.random.default_rng(1)
    data, targets, left_out = with_overflow(X, y, rng, size)
    weights = np.where(left_out, 0, rng.uniform(0.5, 2, len(data)))
    want = net.cost_and_gradient(theta, X, y, 0.1, weights[~left_out])
    for n_threads in (1, 2):
        objective = net.objective(data, targets, 0.1, weights, n_threads=n_threads)
        assert_same(objective(theta), want, dtype)
        assert objective.cost(theta) == objective(theta)[0]


@BOTH
@pytest.mark.parametrize(("loss", "output"), list(pairs()))
def test_weight_0_leaves_nothing_of_any_loss(loss, output, dtype):
    """Over hidden activations; X that overflows the hidden layer, the output, or the loss."""
    K = 3 if needs_classes(loss, output) else 2
    for n, hidden in enumerate(hidden_names()):
        net = fastbp.mlp(2, 3, K, hidden=hidden, output=output, loss=loss, dtype=dtype)
        X, y, theta = problem(net, 3, n)
        for size in (800.0, 1e20, 0.9 * float(np.finfo(dtype).max)):
            data, targets, left_out = with_overflow(X, y, np.random.default_rng(n), size)
            # l2 / m: m is the sum of the weights.
            want = net.cost_and_gradient(theta, X, y, 0.3)
            got = net.cost_and_gradient(theta, data, targets, 0.9, ~left_out * 3.0)
            assert_same(got, want, dtype)


@BOTH
def test_weight_0_where_a_circuit_overflows(dtype):
    """An infinite slope, and an infinite loss."""
    z, a, y = fastbp.variables("z a y")
    root = fastbp.circuit(fastbp.circuits.sqrt(z))
    loss = fastbp.circuit(fastbp.circuits.exp(a * a) - y, wrt=[a, y])
    net = fastbp.mlp(1, 1, 1, hidden=root, output=root, loss=loss, dtype=dtype)
    X, targets = np.array([[1.0], [0.0], [2.0], [1e30]]), np.ones(4)
    theta = [0.0, 1.0, 0.0, 1.0]
    want = net.cost_and_gradient(theta, X[::2], targets[::2])
    assert_same(net.cost_and_gradient(theta, X, targets, 0, [1, 0, 1, 0]), want, dtype)
    want = net.cost_and_gradient(theta, X[:1], targets[:1])  # a handful of samples
    assert_same(net.cost_and_gradient(theta, X[:2], targets[:2], 0, [1, 0]), want, dtype)


def test_cases_of_weight_0():
    net = fastbp.mlp(1, 1, loss="poisson")
    X, y = np.array([[0.0], [1.0], [1e3]]), np.array([1.0, 2.0, 3.0])
    J, D = net.cost_and_gradient([0, 1.0], X, y, 0, [1, 1, 0])
    assert pytest.approx(0.8591409142295228, rel=1e-15) == J
    np.testing.assert_allclose(D, [0.35914091422952255] * 2, rtol=1e-14)
    single = fastbp.mlp(1, 1, dtype="float32")
    J, D = single.cost_and_gradient([0, 1.0], [[0.0], [1.0], [1e20]], y, 0, [1, 1, 0])
    assert J == 0.5 + 0.0
    J, _ = fastbp.mlp(2, 1).objective(
        [[1, 2], [3, 4], [1e200, 0]], [1, 0, 1], sample_weight=[1, 1, 0]
    )([0.1, 1, 0.2])
    assert pytest.approx(3.865, rel=1e-14) == J


# The scale of weights


SCALES = [1e-310, 5e-324 * 8, 1e-300, 1e-43, 1e-45, 1e-20, 1.0, 1e30, 1e300, 1.7e307]


@BOTH
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("m", [2, 5, 129, 1001])
def test_a_mean_does_not_depend_on_the_scale_of_its_weights(m, scale, dtype):
    net = fastbp.mlp(3, 4, 1, output="sigmoid", loss="cross_entropy", dtype=dtype)
    X, y, theta = problem(net, m)
    weights = np.random.default_rng(2).integers(0, 8, m) + (np.arange(m) == 0)
    scaled = weights * scale
    exact = scaled / scale == weights  # subnormal weights are rounded: what they are counts
    want = net.cost_and_gradient(theta, X, y, 0, weights)
    rounded = 0 if exact.all() else 0.05
    J, D = net.cost_and_gradient(theta, X, y, 0, scaled)
    assert pytest.approx(want[0], rel=TOLERANCE[dtype] + rounded) == J
    bound = (TOLERANCE[dtype] + rounded) * np.abs(want[1]).max()
    np.testing.assert_allclose(D, want[1], rtol=0, atol=bound)
    same = net.cost_and_gradient(theta, X, y, 0, np.full(m, scale))
    assert_same(same, net.cost_and_gradient(theta, X, y), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    st.lists(st.integers(0, 2**20), min_size=1, max_size=40).filter(any),
    st.integers(-1074, 1003),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_powers_of_two_do_not_change_a_bit(dtype, weights, exponent, mean):
    net = fastbp.mlp(2, 3, 1, dtype=dtype, reduction="mean" if mean else "sum", hidden="softplus")
    X, y, theta = problem(net, len(weights))
    J, D = net.cost_and_gradient(theta, X, y, 0, weights)
    scaled = np.ldexp(np.array(weights, float), exponent)
    J_scaled, D_scaled = net.cost_and_gradient(theta, X, y, 0, scaled)
    if mean:
        assert J_scaled == J
        assert D_scaled.tobytes() == D.tobytes()
    elif exponent > -900:
        with np.errstate(over="ignore"):  # both may be too large for a double
            assert J_scaled == np.ldexp(J, exponent)
            np.testing.assert_array_equal(D_scaled, np.ldexp(D, exponent))


@BOTH
def test_float32_weights_of_one_size(dtype):
    """Subnormal in float32, and so given."""
    net = fastbp.mlp(2, 3, 1, dtype=dtype)
    X, y, theta = problem(net, 50)
    want = net.cost_and_gradient(theta, X, y)
    for size in (1e-43, 1e-45, 3e38):
        assert_same(
            net.cost_and_gradient(theta, X, y, 0, np.full(50, size, np.float32)), want, dtype
        )


@BOTH
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("widths", "m"), [((3, 4, 2), 2), ((3, 4, 2), 700), LARGE[2]], ids=str)
def test_weights_changed_in_place_are_followed(widths, m, reduction, dtype):
    net = fastbp.mlp(*widths, dtype=dtype, reduction=reduction, l2=0.5)
    X, _, theta = problem(net, m)
    y = np.random.default_rng(0).normal(size=(m, widths[-1])).astype(dtype)
    weights = np.random.default_rng(1).uniform(0.5, 2, m)
    objective = net.objective(X, y, sample_weight=weights)
    assert objective.sample_weight is weights
    unpenalised = net.objective(X, y, 0, sample_weight=weights)
    before = unpenalised(theta)
    for change in (2.0, 1e-300, 3e-5):
        weights *= change
        fresh = net.objective(X, y, sample_weight=weights.copy())(theta)
        J, D = objective(theta)
        assert fresh[0] == J
        np.testing.assert_array_equal(D, fresh[1])
        if reduction == "mean":
            assert_same(unpenalised(theta), before, dtype)
    weights[:] = 1
    weights[0] = 0
    fresh = net.objective(X[1:], y[1:])(theta)
    assert_same(objective(theta), fresh, dtype)


@BOTH
def test_weights_that_are_all_0_now_are_no_crash(dtype):
    net = fastbp.mlp(2, 1, dtype=dtype)
    for m in (2, 60):
        X, y, theta = problem(net, m)
        weights = np.ones(m)
        objective = net.objective(X, y, sample_weight=weights)
        for value in (0.0, np.nan, np.inf):
            weights[:] = value
            J, D = objective(theta)
            assert not np.isfinite(J)
            assert D.shape == theta.shape


@BOTH
@pytest.mark.parametrize(("reduction", "m", "weight", "l2"),
                         [("sum", 20, 5e-324, 10.0), ("sum", 20, 1e-305, 1e4),
                          ("sum", 20, 1e-300, 1e7), ("mean", 1000, 1e-303, 1e6)])  # fmt: skip
def test_small_weights_beside_a_penalty(reduction, m, weight, l2, dtype):
    net = fastbp.mlp(2, 3, 1, l2=l2, reduction=reduction, dtype=dtype)
    theta = np.full(net.n_parameters, 0.5)
    objective = net.objective(np.ones((m, 2)), np.ones((m, 1)), sample_weight=np.full(m, weight))
    squares = 9 * 0.25
    total = m * weight if reduction == "mean" else 1.0
    J, D = objective(theta)
    assert pytest.approx(0.5 * l2 * squares / total, rel=1e-6) == J
    W = net.unpack(D)[0][:, 1:]
    np.testing.assert_allclose(W, l2 * 0.5 / total, rtol=1e-6)


@pytest.mark.parametrize("weight", [1e-44, 1e-50, 1e-300])
def test_only_a_weight_of_0_leaves_out(weight):
    net = fastbp.mlp(1, 1, dtype="float32")
    X, y = np.array([[1], [1e30]], "f4"), np.zeros((2, 1), "f4")
    assert net.cost([0.0, 1.0], X, y, None, [1, weight]) == np.inf
    assert net.cost([0.0, 1.0], X, y, None, [1, 0.0]) == 0.5
