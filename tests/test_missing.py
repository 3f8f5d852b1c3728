"""Missing targets, over layers, losses, dtypes, weights and all that an objective has."""

import pickle
import warnings

import numpy as np
import pytest
import second_order
from layer_cases import CASES, SEQUENCES, data
from second_order import LONG, derivative
from test_layer_networks import LOSSES, outputs_for, reference

import fastbp
from fastbp import Network
from fastbp.layers import LSTM, Dense

TOLERANCE = {"float64": 2e-11, "float32": 2e-3}  # of the largest entry
JOINT = (("cross_entropy", "softmax"), ("multiclass_hinge", "identity"),
         ("weston_watkins", "identity"))  # fmt: skip


def assert_near(found, expected, dtype="float64"):
    scale = max(1e-300, abs(np.asarray(expected)).max(initial=0))
    assert abs(np.asarray(found) - expected).max(initial=0) <= TOLERANCE[dtype] * scale


def with_gaps(y, rng, whole=False):
    """y, a third of which is missing; some of it in whole samples; at least one number is there."""
    y = np.array(y, float)
    gaps = rng.random((*y.shape[:-1], 1) if whole else y.shape) < 1 / 3
    if len(y) > 1:
        gaps[len(y) // 2] = True
    gaps[0] = False
    y[np.broadcast_to(gaps, y.shape)] = np.nan
    return y


def check(net, X, y, theta, ends=None, **settings):
    """Cost, gradient, products, and rows of an objective against the reference in NumPy."""
    dtype, m = net.dtype.name, len(X)
    ours = reference(net, X, y, ends, l2=net.l2, **settings)
    objective = net.objective(X, y, lengths=ends, missing="ignore", **settings)
    J, D = objective(theta)
    assert_near(J, ours.cost(theta), dtype)
    assert_near(D, ours.gradient(theta), dtype)
    v = np.random.default_rng(7).standard_normal(net.n_parameters)
    assert_near(objective.hessp(theta, v), second_order.hessian_product(ours, theta, v), dtype)
    G = objective.gauss_newton_product(theta, np.eye(len(theta)))
    places, root = objective._penalty()
    R = objective._problem.rows_of(theta, "curvature_rows").reshape(-1, len(theta)).astype(float)
    penalty = np.zeros(len(theta))
    penalty[places] = root**2
    assert_near(R.T @ R + np.diag(penalty), G, dtype)
    assert_near(objective._gauss_newton_matrix(theta), G, dtype)
    assert np.isfinite(G).all()
    each = objective.sample_gradients(theta)
    weight = settings.get("sample_weight", np.ones(m))
    total = weight.sum()
    W = np.zeros(len(theta))
    W[places] = root**2 * theta[places]
    assert_near(weight @ each / total + W, D, dtype)
    missing = np.isnan(y).reshape(m, -1).all(axis=1)
    assert (each[missing] == 0).all()
    return objective


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 33])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, m, dtype):
    layers, shape = CASES[name]
    net = Network(layers, l2=0.3, dtype=dtype, input_shape=shape)
    theta, X, y, ends = data(net, m)
    y = with_gaps(y, np.random.default_rng(1))
    objective = check(net, X, y, theta, sample_weight=np.linspace(0.5, 2, m))
    r, R = objective.residuals(theta), objective.jacobian(theta)
    J, D = objective(theta)
    assert_near(r @ r / 2, J, dtype)
    assert_near(R.T @ r, D, dtype)
    n = y.size
    assert (r[:n][np.isnan(y).ravel()] == 0).all()
    assert (R[:n][np.isnan(y).ravel()] == 0).all()
    v, u = np.random.default_rng(1).standard_normal((2, max(len(theta), len(r))))
    operator = objective.jacobian_operator(theta)
    assert_near(operator @ v[: len(theta)], R @ v[: len(theta)], dtype)
    assert_near(operator.T @ u[: len(r)], R.T @ u[: len(r)], dtype)
    if name in SEQUENCES:
        check(net, X, y, theta, ends)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_losses(loss, output, dtype):
    net = fastbp.mlp(3, 4, 3, hidden="tanh", output=output, loss=loss, l2=0.1, dtype=dtype)
    theta, X, _, _ = data(net, 19)
    rng = np.random.default_rng(3)
    y = with_gaps(outputs_for(loss, 19, (3,), rng), rng, (loss, output) in JOINT)
    check(net, X, y, theta, sample_weight=np.linspace(1, 2, 19))
    short = fastbp.mlp(3, 3, output=output, loss=loss, dtype=dtype)  # samples are few: other ways
    check(short, X[:2], y[[0, 9]], theta[: short.n_parameters])


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_losses_of_sequences(loss, output):
    net = Network([LSTM(2, 3, return_sequences=True), Dense(None, 3, output)], loss, 0.1,
                  input_shape=(5, 2))  # fmt: skip
    theta, X, _, ends = data(net, 9)
    rng = np.random.default_rng(3)
    y = with_gaps(outputs_for(loss, 9, (5, 3), rng), rng, (loss, output) in JOINT)
    check(net, X, y, theta)
    check(net, X, y, theta, ends)


def test_circuits():
    a, y = fastbp.variables("a y")
    for output in ("tanh", "sigmoid", "softmax"):
        loss = fastbp.circuit((a - y) ** 4 + a * y, wrt=[a, y])
        net = fastbp.mlp(2, 3, 2, output=output, loss=loss, l2=0.2)
        theta, X, t, _ = data(fastbp.mlp(2, 3, 2, output="tanh"), 11)
        t[3], t[5, 1] = np.nan, np.nan
        objective = net.objective(X, t, missing="ignore")

        def cost(at, net=net, X=X, t=t):
            value = net.forward(at, X)
            each = (value - t) ** 4 + value * t
            W = [Theta[:, 1:] for Theta in net.unpack(at)]
            return (np.nansum(each) + 0.1 * sum((w**2).sum() for w in W)) / 11

        assert_near(objective.cost(theta), cost(theta))
        assert fastbp.check_gradient(objective, theta)
        assert fastbp.check_hessp(objective, theta)
        slope = derivative(lambda h, v=theta, o=objective: LONG(o.cost(v + float(h) * v)), 1e-3)
        assert abs(slope - objective(theta)[1] @ theta) <= 1e-8 * abs(slope)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("widths", [(3, 4, 2), (300, 130, 270, 4), (700, 300, 260, 3)])
@pytest.mark.parametrize("m", [1, 3, 129, 1100])
def test_schedules(widths, m, dtype):
    """Few samples, tiles, windows: entries that are there have the cost they have without gaps."""
    net = fastbp.mlp(*widths, hidden="tanh", loss="log_cosh", dtype=dtype)
    rng = np.random.default_rng(m)
    theta, X = net.init(seed=1), rng.standard_normal((m, widths[0]))
    y = rng.standard_normal((m, widths[-1]))
    gaps = rng.random(y.shape) < 0.3
    gaps[0, 0] = True
    gaps[0, 1] = False
    found = []
    for threads in (1, 2, 5):
        J, D = net.objective(X, np.where(gaps, np.nan, y), missing="ignore", n_threads=threads)(
            theta
        )
        found.append((J, D.tobytes()))
    assert len(set(found)) == 1
    error = net.forward(theta, X) - y
    each = np.log(np.cosh(error.astype(float)))
    assert abs(J - each[~gaps].sum() / m) <= TOLERANCE[dtype] * J
    whole = net.objective(X, y, missing="ignore")(theta)
    plain = net.objective(X, y)(theta)
    assert whole[0] == plain[0]
    assert (whole[1] == plain[1]).all()


def test_labels():
    net = fastbp.mlp(3, 5, 4, output="softmax", loss="cross_entropy", l2=0.2)
    theta, X, _, _ = data(net, 20)
    labels = np.random.default_rng(0).integers(0, 4, 20)
    rows = np.eye(4)[labels]
    gaps = np.arange(20) % 3 == 1
    J, D = net.objective(X, rows, sample_weight=1.0 * ~gaps, l2=0)(theta)
    share = np.mean(~gaps)
    rows[gaps] = np.nan
    missing = np.where(gaps, np.nan, labels)
    for y in (rows, missing, missing[:, None], np.ma.masked_array(labels, gaps)):
        objective = net.objective(X, y, missing="ignore", l2=0)
        J2, D2 = objective(theta)
        assert_near(J2, share * J)
        assert_near(D2, share * D)
        again = pickle.loads(pickle.dumps(objective))
        assert again(theta)[0] == J2
        J3, _ = objective(theta, rows=np.arange(0, 20, 2))
        part = net.objective(X[::2], y[::2], missing="ignore", l2=0)
        assert part(theta)[0] == J3
    steps = Network([LSTM(2, 3, return_sequences=True), Dense(None, 3, "softmax")],
                    "cross_entropy", input_shape=(5, 2))  # fmt: skip
    theta, X, _, ends = data(steps, 6)
    labels = np.random.default_rng(1).integers(0, 3, (6, 5)).astype(float)
    labels[np.random.default_rng(2).random((6, 5)) < 0.4] = np.nan
    one_hot = np.where(
        np.isnan(labels)[..., None], np.nan, np.eye(3)[np.nan_to_num(labels).astype(int)]
    )
    for settings in ({}, {"lengths": ends}):
        a = steps.objective(X, labels, missing="ignore", **settings)(theta)
        b = steps.objective(X, one_hot, missing="ignore", **settings)(theta)
        assert_near(a[0], b[0])
        assert_near(a[1], b[1])


def test_frames():
    pandas = pytest.importorskip("pandas")
    net = fastbp.mlp(2, 3, 2)
    theta, X, y, _ = data(net, 6)
    y = np.round(10 * y)
    y[1, 0] = y[4, 1] = np.nan
    frame = pandas.DataFrame(y, columns=["a", "b"])
    expected = net.objective(X, y, missing="ignore")(theta)
    for each in (frame, frame.astype("Int64"), np.ma.masked_invalid(y)):
        found = net.objective(X, each, missing="ignore")(theta)
        assert found[0] == expected[0]
        assert (found[1] == expected[1]).all()
    with pytest.raises(ValueError, match=r"missing='ignore' leaves out this target alone"):
        net.objective(X, frame.astype("Int64"))
    with pytest.raises(ValueError, match=r"missing='ignore' leaves out this target alone"):
        net.objective(X, np.ma.masked_invalid(y))


def test_y_is_read_where_it_lies():
    net = fastbp.mlp(2, 3, 2)
    theta, X, y, _ = data(net, 8)
    y[2, 1] = np.nan
    objective = net.objective(X, y, missing="ignore")
    before = objective.cost(theta)
    y[2, 1] = 3.0
    full = net.objective(X, y).cost(theta)
    assert objective.cost(theta) == full != before
    y[:, 0] = np.nan
    assert_near(objective.cost(theta), ((net.forward(theta, X) - y)[:, 1] ** 2).sum() / 16)


def test_composed_and_fitted():
    rng = np.random.default_rng(4)
    net = fastbp.mlp(2, 6, 2, l2=1e-4)
    X = rng.uniform(-1, 1, (80, 2))
    y = np.stack([np.sin(X[:, 0] + X[:, 1]), X[:, 0] * X[:, 1]], axis=1)
    y[rng.random(y.shape) < 0.4] = np.nan
    objective = net.objective(X, y, missing="ignore")
    theta = net.init(seed=3)
    total = objective + 2 * objective
    assert_near(total(theta)[1], 3 * objective(theta)[1])
    part = objective.frozen("layer 1 weights", theta)
    assert fastbp.check_gradient(part, part.reduce(theta))
    assert fastbp.check_hessp(objective, theta)
    assert fastbp.check_jacobian(objective, theta)
    fit = fastbp.levenberg_marquardt(objective, theta)
    assert fit.fun < 1e-4
    bayesian = fastbp.levenberg_marquardt(objective, theta, bayesian=True)
    assert np.isfinite(bayesian.fun)
    assert objective._n_targets() == np.isfinite(y).sum()


def test_standard_errors_count_what_is_there():
    rng = np.random.default_rng(5)
    X, noise = rng.standard_normal((60, 2)), rng.standard_normal(60)
    y = X @ [1.0, -2.0] + 0.3 + 0.1 * noise
    there = rng.random(60) < 0.7
    net = fastbp.mlp(2, 1)
    part = net.objective(X[there], y[there])
    best = fastbp.levenberg_marquardt(part, np.zeros(3)).x
    whole = net.objective(X, np.where(there, y, np.nan), missing="ignore")
    assert np.allclose(whole.covariance(best), part.covariance(best), rtol=1e-9)


def test_refusals():
    net = fastbp.mlp(2, 3)
    X, y = np.zeros((4, 2)), np.zeros((4, 3))
    y[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"y is nan at row 2, column 1.*missing='ignore'"):
        net.objective(X, y)
    with pytest.raises(ValueError, match=r"unknown missing 'drop'\. Known: error, ignore"):
        net.objective(X, y, missing="drop")
    with pytest.raises(TypeError, match="missing must be a name"):
        net.objective(X, y, missing=None)
    with pytest.raises(ValueError, match="missing everywhere"):
        net.objective(X, np.full((4, 3), np.nan), missing="ignore")
    y[3, 0] = np.inf
    with pytest.raises(ValueError, match=r"y is inf at row 3, column 0"):
        net.objective(X, y, missing="ignore")
    soft = fastbp.mlp(2, 3, output="softmax", loss="cross_entropy")
    rows = np.full((4, 3), 1 / 3)
    rows[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"missing at row 2, column 1, but not in all of that row"):
        soft.objective(X, rows, missing="ignore")
    with pytest.raises(ValueError, match=r"labels -1\.\.2.*nan with missing='ignore'"):
        soft.objective(X, [0, 1, 2, -1], missing="ignore")
    with pytest.raises(ValueError, match=r"y is 1\.5 at row 1: no label"):
        soft.objective(X, [0, 1.5, 2, np.nan], missing="ignore")
    with pytest.raises(ValueError, match=r"y is 2\.0 at row 0; loss 'hinge'"):
        fastbp.mlp(2, 1, loss="hinge").objective(X, [2.0, 1, 1, np.nan], missing="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y[3, 0] = 0
        net.objective(X.astype("float32"), y.astype("float32"), missing="ignore")
