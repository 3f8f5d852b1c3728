"""Hessian and Gauss-Newton products of networks, over layers, activations, losses and dtypes."""

import numpy as np
import pytest
import second_order
from layer_cases import CASES, SEQUENCES, data
from test_layer_networks import HIDDEN, LOSSES, outputs_for, reference

import fastbp
from fastbp import Network
from fastbp.layers import LSTM, Conv2d, Dense, Flatten, MaxPool2d

TOLERANCE = {"float64": 2e-11, "float32": 2e-3}  # of the largest entry
KINKED = ("absolute_error", "quantile", "hinge", "multiclass_hinge", "weston_watkins")


def assert_near(found, expected, dtype="float64"):
    scale = max(1e-300, abs(np.asarray(expected)).max())
    assert abs(np.asarray(found) - expected).max() <= TOLERANCE[dtype] * scale


def check_products(net, m, lengths=False, seed=0, y=None, **settings):
    theta, X, drawn, ends = data(net, m, seed)
    y = drawn if y is None else y
    ends = ends if lengths else None
    ours = reference(net, X, y, ends, l2=net.l2, **settings)
    objective = net.objective(X, y, lengths=ends, **settings)
    V = np.random.default_rng(seed + 1).standard_normal((net.n_parameters, 3))
    H = objective.hessp(theta, V)
    for i in range(3):
        assert_near(H[:, i], second_order.hessian_product(ours, theta, V[:, i]), net.dtype.name)
    assert_near(objective.hessp(theta, V[:, 0]), H[:, 0], net.dtype.name)
    return objective, ours, theta, V


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 33])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, m, dtype):
    layers, shape = CASES[name]
    net = Network(layers, l2=0.3, dtype=dtype, input_shape=shape)
    check_products(net, m, sample_weight=np.linspace(0.5, 2, m))
    if name in SEQUENCES:
        check_products(net, m, lengths=True, seed=1)


@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("widths", [(3, 4, 2), (2, 3, 3, 1)])
def test_activations(widths, activation):
    net = fastbp.mlp(*widths, hidden=activation, l2=0.1)
    check_products(net, 17)
    net = Network([Conv2d(1, 2, 2, activation=activation), MaxPool2d(2), Flatten(),
                   Dense(None, 2)], input_shape=(1, 5, 5))  # fmt: skip
    check_products(net, 5)


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_losses(loss, output):
    net = fastbp.mlp(3, 4, 3, hidden="tanh", output=output, loss=loss, l2=0.1)
    y = outputs_for(loss, 9, (3,), np.random.default_rng(3))
    objective, ours, theta, V = check_products(net, 9, y=y, sample_weight=np.linspace(1, 2, 9))
    G = second_order.gauss_newton_matrix(ours, theta)
    assert_near(objective.gauss_newton_product(theta, V), G @ V)
    ours_G = objective.gauss_newton_product(theta, np.eye(len(theta)))
    assert_near(ours_G, ours_G.T)
    if loss in KINKED:
        assert_near(ours_G, np.diag(np.diag(ours_G)))
    assert np.linalg.eigvalsh(ours_G).min() >= -1e-14 * abs(ours_G).max()


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_losses_of_sequences(loss, output):
    net = Network([LSTM(2, 3, return_sequences=True), Dense(None, 3, output)], loss, 0.1,
                  input_shape=(5, 2))  # fmt: skip
    y = outputs_for(loss, 9, (5, 3), np.random.default_rng(3))
    for lengths in (False, True):
        check_products(net, 9, lengths=lengths, y=y)


def test_circuits():
    z = fastbp.variable("z")
    a, y = fastbp.variables("a y")
    C = fastbp.circuits
    net = fastbp.mlp(2, 3, 2, hidden=fastbp.circuit(z * C.sigmoid(1.5 * z)), output="tanh",
                     loss=fastbp.circuit((a - y) ** 4 + a * y, wrt=[a, y]), l2=0.2)  # fmt: skip
    theta, X, y, _ = data(fastbp.mlp(2, 3, 2, hidden="tanh", output="tanh"), 11)
    objective = net.objective(X, y)
    V = np.random.default_rng(0).standard_normal((net.n_parameters, 2))
    H = objective.hessian(theta)
    assert_near(objective.hessp(theta, V), H @ V)
    for i in range(2):  # differences of D itself, which other tests hold against other oracles
        slope = second_order.derivative(
            lambda h, v=V[:, i]: objective(theta + float(h) * v)[1].astype(np.longdouble)
        )
        assert abs(slope - H @ V[:, i]).max() <= 1e-9 * abs(H @ V).max()


def test_hessian_is_symmetric_and_has_its_diagonal():
    net = fastbp.mlp(3, 5, 4, hidden="sigmoid", output="softmax", loss="cross_entropy", l2=0.3)
    theta, X, y, _ = data(net, 40)
    objective = net.objective(X, y)
    H = objective.hessian(theta)
    assert (H == H.T).all()
    assert_near(objective.hessp(theta, np.eye(len(theta))), H)
    assert_near(objective.hessian_diagonal(theta), np.diag(H))
    squared = fastbp.mlp(3, 2, output="identity", loss="squared_error", l2=0.3)
    theta, X, y, _ = data(squared, 40)
    objective = squared.objective(X, y)  # linear: Hessian and Gauss-Newton matrix are the same
    V = np.eye(len(theta))
    assert_near(objective.hessp(theta, V), objective.gauss_newton_product(theta, V))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 7, 64, 3000])
def test_same_bits_for_any_number_of_threads(m, dtype):
    net = fastbp.mlp(10, 12, 3, hidden="tanh", output="softmax", loss="cross_entropy", dtype=dtype)
    theta, X, y, _ = data(net, m)
    V = np.random.default_rng(0).standard_normal((net.n_parameters, 2))
    found = [net.objective(X, y, n_threads=n).hessp(theta, V) for n in (1, 2, 3, 8)]
    for each in found[1:]:
        assert (each == found[0]).all()


def test_a_sample_of_weight_0_leaves_nothing():
    net = fastbp.mlp(2, 3, 1, hidden="softplus", loss="poisson")
    theta, X, y, _ = data(net, 9)
    X[4] = 1e300
    y = abs(y)
    w = np.ones(9)
    w[4] = 0
    rest = w > 0
    V = np.eye(len(theta))
    one = net.objective(X, y, sample_weight=w)
    other = net.objective(X[rest], y[rest])
    for name in ("hessp", "gauss_newton_product"):
        assert_near(getattr(one, name)(theta, V), getattr(other, name)(theta, V))


def test_reduction_sum_and_scale_of_weights():
    settings = {"hidden": "tanh", "output": "sigmoid", "loss": "cross_entropy", "l2": 0.5}
    net = fastbp.mlp(3, 4, 2, **settings)
    theta, X, y, _ = data(net, 12)
    v = np.random.default_rng(0).standard_normal(net.n_parameters)
    mean = net.objective(X, y).hessp(theta, v)
    total = fastbp.mlp(3, 4, 2, **settings, reduction="sum").objective(X, y).hessp(theta, v)
    assert_near(total, 12 * mean)
    w = np.linspace(1, 3, 12)
    some = net.objective(X, y, sample_weight=w, l2=0).hessp(theta, v)
    for scale in (1e-310, 1e300):
        scaled = net.objective(X, y, sample_weight=w * scale, l2=0).hessp(theta, v)
        assert_near(scaled, some, "float32" if scale < 1e-300 else "float64")


def test_wrong_directions():
    net = fastbp.mlp(2, 3, 1)
    objective = net.objective(np.zeros((4, 2)), np.zeros(4))
    theta = net.init(seed=0)
    P = net.n_parameters
    for v, kind, words in (
        (np.ones(P + 1), ValueError, "v has"),
        (np.ones((P + 1, 2)), ValueError, "in columns"),
        (np.ones((P, 2), complex), TypeError, "v"),
        (["a"] * P, TypeError, "v"),
    ):
        with pytest.raises(kind, match=words):
            objective.hessp(theta, v)
    assert objective.hessp(theta, np.ones((P, 0))).shape == (P, 0)
    assert objective.hessp(theta.tolist(), [1] * P).shape == (P,)
    order = np.asfortranarray(np.eye(P))
    assert (objective.hessp(theta, order) == objective.hessp(theta, np.eye(P))).all()
    assert np.isnan(objective.hessp(theta * np.nan, np.ones(P))).any()
