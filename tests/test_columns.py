"""Losses that take columns of data besides a and y, against formulas and built-in losses."""

import pickle

import numpy as np
import pytest
import second_order
from second_order import LONG

import fastbp
from fastbp import circuits
from fastbp.layers import LSTM, Dense

RNG = np.random.default_rng(0)
M = 37
X = RNG.standard_normal((M, 3))
EXPOSURE = RNG.uniform(0.5, 3, M)
A, Y, E = fastbp.variables("a y exposure")
# counts in `exposure` units of time: the mean is exposure exp(a)
RATE = fastbp.circuit(E * circuits.exp(A) - Y * (A + circuits.log(E)), wrt=[A, Y])
TOLERANCE = {"float64": 1e-12, "float32": 3e-5}


def near(found, expected, dtype="float64", factor=1.0):
    scale = max(1e-300, np.abs(np.asarray(expected, float)).max())
    assert np.abs(np.asarray(found) - expected).max() <= factor * TOLERANCE[dtype] * scale


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("widths", [(3, 1), (3, 5, 2), (3, 40, 7)])
@pytest.mark.parametrize("m", [1, 3, M])
def test_exposure_is_an_offset_of_poisson(widths, m, dtype):
    """The same cost, gradient and products as poisson of a shifted by log(exposure)."""
    K = widths[-1]
    y = RNG.poisson(2, (m, K)) * 1.0
    net = fastbp.mlp(*widths, hidden="tanh", loss=RATE, l2=0.1, dtype=dtype)
    theta = net.init(seed=1)
    w = np.linspace(1, 2, m)
    objective = net.objective(X[:m], y, sample_weight=w, columns={"exposure": EXPOSURE[:m]})
    J, D = objective(theta)
    a = net.forward(theta, X[:m]).astype(float)
    e = EXPOSURE[:m, None]
    penalty = sum((Theta[:, 1:] ** 2).sum() for Theta in net.unpack(theta))
    each = e * np.exp(a) - y * (a + np.log(e))
    near(J, ((w[:, None] * each).sum() + 0.05 * penalty) / w.sum(), dtype)
    # An input with a weight of 1 to each output, through no hidden layer, would be the offset:
    # here the gradient is held against the outputs' Jacobian, sample by sample.
    rows = np.zeros(len(theta))
    squared = fastbp.mlp(*widths, hidden="tanh", loss="squared_error")
    R = squared.objective(X[:m], np.zeros((m, K))).jacobian(theta).reshape(m, K, -1) * np.sqrt(m)
    slope = (e * np.exp(a) - y) * w[:, None] / w.sum()
    rows = np.einsum("mk,mkp->p", slope, R)
    for block in net.blocks():
        if block.kind == "weights":
            rows[block.indices] += 0.1 / w.sum() * theta[block.indices]
    near(D, rows, dtype, 20)
    G = np.einsum("mkp,mk,mkq->pq", R, w[:, None] * e * np.exp(a) / w.sum(), R)
    for block in net.blocks():
        if block.kind == "weights":
            G[block.indices, block.indices] += 0.1 / w.sum()
    v = RNG.standard_normal(len(theta))
    near(objective.gauss_newton_product(theta, v), G @ v, dtype, 20)
    assert fastbp.check_gradient(objective, theta) or dtype == "float32"
    if dtype == "float64":
        slope = second_order.derivative(
            lambda h: objective(theta + float(h) * v)[1].astype(LONG), 1e-3
        )
        near(objective.hessp(theta, v), slope.astype(float), factor=1e4)
    each = objective.sample_gradients(theta)
    near(w @ each / w.sum(), D - 0.1 / w.sum() * _weights(net, theta), dtype, 50)


def _weights(net, theta):
    out = np.zeros(len(theta))
    for block in net.blocks():
        if block.kind == "weights":
            out[block.indices] = theta[block.indices]
    return out


@pytest.mark.parametrize("output", ["identity", "sigmoid", "softmax", "tanh"])
def test_outputs_and_several_columns(output):
    low, high = fastbp.variables("low high")
    loss = fastbp.circuit(low * (A - Y) ** 2 + high * (A - Y) ** 4 + 0 * low, wrt=[A, Y])
    net = fastbp.mlp(3, 4, 2, output=output, loss=loss)
    theta, y = net.init(seed=0), RNG.random((M, 2))
    columns = {"high": RNG.random(M), "low": 0.5}
    objective = net.objective(X, y, columns=columns)
    a = net.forward(theta, X)
    each = 0.5 * (a - y) ** 2 + columns["high"][:, None] * (a - y) ** 4
    near(objective.cost(theta), each.sum() / M)
    assert fastbp.check_gradient(objective, theta)
    assert fastbp.check_hessp(objective, theta)
    G = objective._gauss_newton_matrix(theta)
    near(objective.gauss_newton_product(theta, np.eye(len(theta))), G, factor=10)
    assert np.linalg.eigvalsh(G).min() >= -1e-13
    again = pickle.loads(pickle.dumps(objective))
    assert again.cost(theta) == objective.cost(theta)
    copy = fastbp.Network.from_dict(net.to_dict())
    assert copy.objective(X, y, columns=columns).cost(theta) == objective.cost(theta)
    fit = fastbp.levenberg_marquardt(objective, theta, maxiter=30)
    assert fit.fun <= objective.cost(theta)


@pytest.mark.parametrize("threads", [2, 3])
def test_rows_threads_missing_and_frames(threads):
    m = 2500
    x, e = RNG.standard_normal((m, 3)), RNG.uniform(0.5, 3, m)
    y = RNG.poisson(2, (m, 2)) * 1.0
    net = fastbp.mlp(3, 6, 2, loss=RATE)
    theta = net.init(seed=2)
    one = net.objective(x, y, columns={"exposure": e}, n_threads=1)
    many = net.objective(x, y, columns={"exposure": e[:, None]}, n_threads=threads)
    J, D = one(theta)
    J2, D2 = many(theta)
    assert J == J2
    assert (D == D2).all()
    rows = RNG.permutation(m)[:70]
    J, D = one(theta, rows=rows)
    J2, D2 = net.objective(x[rows], y[rows], columns={"exposure": e[rows]})(theta)
    assert J == J2
    assert (D == D2).all()
    gaps = RNG.random(y.shape) < 0.3
    holes = net.objective(x, np.where(gaps, np.nan, y), columns={"exposure": e}, missing="ignore")
    a = net.forward(theta, x)
    each = e[:, None] * np.exp(a) - y * (a + np.log(e[:, None]))
    near(holes.cost(theta), each[~gaps].sum() / m)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"exposure": e, "other": 0.0})
    assert net.objective(x, y, columns=frame).cost(theta) == one.cost(theta)


def test_sequences():
    """A column holds for all steps of its sample."""
    net = fastbp.Network(
        [LSTM(2, 3, return_sequences=True), Dense(None, 2)], RATE, input_shape=(5, 2)
    )
    x, y = RNG.standard_normal((M, 5, 2)), RNG.poisson(2, (M, 5, 2)) * 1.0
    ends = RNG.integers(1, 6, M)
    theta = net.init(seed=0)
    objective = net.objective(x, y, lengths=ends, columns={"exposure": EXPOSURE})
    a = net.forward(theta, x, ends)
    e = EXPOSURE[:, None, None]
    each = (e * np.exp(a) - y * (a + np.log(e)))[np.arange(5) < ends[:, None]]
    near(objective.cost(theta), each.sum() / M)
    assert fastbp.check_gradient(objective, theta)
    assert fastbp.check_hessp(objective, theta)


def test_refusals():
    net = fastbp.mlp(3, 1, loss=RATE)
    y = np.ones(M)
    for columns, kind, text in (
        (None, ValueError, r"the loss takes 'exposure' besides a and y: give columns=\{'exposure'"),
        ({}, ValueError, "columns lacks 'exposure'"),
        ({"exposure": EXPOSURE, "e": y}, ValueError, "has 'e', which the loss does not take"),
        ({"exposure": y[:4]}, ValueError, r"columns\['exposure'\] has shape \(4,\)"),
        ({"exposure": np.where(y > 0, np.nan, 0)}, ValueError, r"columns\['exposure'\] is nan"),
        ({"exposure": "x"}, (TypeError, ValueError), r"columns\['exposure'\]"),
        (EXPOSURE, TypeError, "columns is a dict of name: numbers"),
    ):
        with pytest.raises(kind, match=text):
            net.objective(X, y, columns=columns)
    with pytest.raises(ValueError, match="'exposure', which the loss does not take; it takes none"):
        fastbp.mlp(3, 1).objective(X, y, columns={"exposure": EXPOSURE})
    with pytest.raises(ValueError, match=r"this loss has 3 variables .* wrt=\[a, y\]"):
        fastbp.mlp(3, 1, loss=fastbp.circuit(E * (A - Y) ** 2))
    with pytest.raises(ValueError, match="the variables of this loss come as y, a"):
        fastbp.mlp(3, 1, loss=fastbp.circuit(E * (A - Y) ** 2, wrt=[Y, A]))
    with pytest.raises(ValueError, match="besides a and y"):
        net.cost(net.init(seed=0), X, y)
