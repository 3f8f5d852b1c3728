"""Costs on the derivatives of outputs by inputs (dy=), against the reference in long double.

With E = w (da/dx - dy) held, the gradient of w/2 |da/dx - dy|^2 by theta is the derivative by h of
the sum over outputs of the gradient of a_k at X + h E_k: differences of first derivatives, which
have some 13 digits.
"""

import pickle

import numpy as np
import pytest
from layer_cases import CASES, SEQUENCES, data
from program_reference import Reference
from second_order import LONG, derivative
from test_layer_networks import HIDDEN, LOSSES, outputs_for, reference

import fastbp
from fastbp import Network

TOLERANCE = {"float64": 2e-11, "float32": 2e-3}
STEP = 1e-6  # of X: kinks are seldom so near


def assert_near(found, expected, dtype="float64", factor=1):
    scale = max(1e-300, abs(np.asarray(expected)).max(initial=0))
    assert np.shape(found) == np.shape(expected)
    assert abs(np.asarray(found) - expected).max(initial=0) <= factor * TOLERANCE[dtype] * scale


def wanted(net, m, seed=5):
    return np.random.default_rng(seed).standard_normal((m, *net.output_shape, *net.input_shape))


def expected(net, theta, X, y, dy, weight, ends=None, sample_weight=None, l2=0.0):
    """J and D in long double."""
    m, flat = len(X), np.asarray(X, LONG).reshape(len(X), -1)
    theta = np.asarray(theta, LONG)
    ours = reference(net, X, y, ends, l2=l2, sample_weight=sample_weight)
    program, n = ours.program, flat.shape[1]

    def outputs(at):
        return Reference(program, net.loss, at, lengths=ends).forward(theta, LONG).reshape(m, -1)

    beyond = np.zeros((m, n), bool)
    factors, total = ours._factors(LONG)
    K = net.output_shape[-1] if program.positions > 1 else outputs(flat).shape[1]
    factors = np.repeat(factors.reshape(m, -1), K, axis=1)[:, : outputs(flat).shape[1]]
    if ends is not None:
        beyond = np.arange(n) // (n // net.input_shape[0]) >= ends[:, None]
    slopes = np.stack(
        [derivative(lambda h, e=e: outputs(flat + h * e), STEP) for e in np.eye(n, dtype=LONG)], -1
    )
    error = np.where(beyond[:, None], 0, slopes - np.asarray(dy, LONG).reshape(slopes.shape))
    error_w = weight * factors[:, :, None] * error
    J = ours.cost(theta, LONG) + (error_w * error).sum() / (2 * total)
    D = ours.gradient(theta, LONG)

    def gradient_of_outputs(at, k):
        a = Reference(program, net.loss, at, lengths=ends).forward(theta, LONG).reshape(m, -1)
        y = a.copy()
        y[:, k] -= 1  # so that the delta of squared error is that of output k
        held = Reference(program, "squared_error", at, targets=y, mean=False, lengths=ends)
        return held.gradient(theta, LONG)

    for k in range(slopes.shape[1]):
        scale = max(1, abs(error_w[:, k]).max())
        along = error_w[:, k] / scale
        slope = derivative(lambda h, k=k, v=along: gradient_of_outputs(flat + h * v, k), STEP)
        D = D + slope * scale / total
    return float(J), D.astype(float)


def check(net, m, lengths=False, y=None, weight=0.7, seed=0, **settings):
    theta, X, targets, ends = data(net, m, seed)
    y = targets if y is None else y
    ends = ends if lengths else None
    dy, dtype = wanted(net, m), net.dtype.name
    objective = net.objective(X, y, lengths=ends, dy=dy, dy_weight=weight, **settings)
    J, D = objective(theta)
    cost, gradient = expected(net, theta, X, y, dy, weight, ends, l2=net.l2, **settings)
    assert_near(np.array(J), np.array(cost), dtype)
    assert_near(D, gradient, dtype)
    assert objective.cost(theta) == J
    for n_threads in (1, 2, 5):
        again = net.objective(
            X, y, lengths=ends, dy=dy, dy_weight=weight, n_threads=n_threads, **settings
        )(theta)
        assert again[0] == J
        assert (again[1] == D).all()
    if net.loss == "squared_error":
        check_residuals(objective, theta, J, D, dtype)
    if net.activations[-1] != "softmax":
        check_hessian(objective, theta, dtype)
    return objective, theta


def check_hessian(objective, theta, dtype):
    """Against differences of the gradient, which was compared with the reference."""
    v = np.random.default_rng(3).standard_normal((len(theta), 2))
    found = objective.hessp(theta, v)
    assert (objective.hessp(theta, v[:, 0]) == found[:, 0]).all()
    if dtype == "float64":
        slopes = derivative(
            lambda h: objective(theta + float(h) * v[:, 0])[1].astype(LONG), STEP / 10
        )
        scale = max(1, abs(found).max())
        assert abs(found[:, 0] - slopes.astype(float)).max() <= 1e-6 * scale
    else:
        net = objective.network
        wide = fastbp.Network(net.layers, loss=net.loss, l2=net.l2, input_shape=net.input_shape)
        made = objective._arguments()
        exact = type(objective)(wide, *made[1:]).hessp(theta, v)
        assert_near(found, exact, dtype)
    assert abs(v[:, 1] @ found[:, 0] - v[:, 0] @ found[:, 1]) <= (
        TOLERANCE[dtype] * np.linalg.norm(v[:, 1]) * np.linalg.norm(found[:, 0])
    )


def check_residuals(objective, theta, J, D, dtype):
    r, R = objective.residuals(theta), objective.jacobian(theta)
    assert_near(np.array(r @ r / 2), np.array(J), dtype)
    assert_near(R.T @ r, D, dtype)
    rng = np.random.default_rng(1)
    v, u = rng.standard_normal(len(theta)), rng.standard_normal(len(r))
    operator = objective.jacobian_operator(theta)
    assert_near(operator @ v, R @ v, dtype)
    assert_near(operator.T @ u, R.T @ u, dtype)
    assert_near(objective.gauss_newton_product(theta, v), R.T @ (R @ v), dtype)
    G = objective._gauss_newton_matrix(theta)
    assert (G == G.T).all()
    assert_near(G, R.T @ R, dtype)
    each = objective.sample_gradients(theta)
    weights = objective.sample_weight
    weights = np.ones(len(each)) if weights is None else weights
    places, root = objective._penalty()
    total = weights @ each / weights.sum()
    total[places] += root**2 * theta[places]
    assert_near(total, D, dtype)
    if dtype == "float64":
        step = 1e-6
        slope = (objective.residuals(theta + step * v) - objective.residuals(theta - step * v)) / (
            2 * step
        )
        assert abs(R @ v - slope).max() <= 1e-6 * max(1, abs(slope).max())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, dtype):
    layers, shape = CASES[name]
    net = Network(layers, l2=0.3, dtype=dtype, input_shape=shape)
    check(net, 3, sample_weight=np.array([0.5, 2.0, 0.25]))
    if name in SEQUENCES:
        check(net, 4, lengths=True, seed=1)


@pytest.mark.parametrize("m", [1, 5, 33, 129])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_activations(hidden, m):
    check(fastbp.mlp(3, 5, 4, 2, hidden=hidden), m)


@pytest.mark.parametrize("output", [*HIDDEN, "softmax"])
def test_outputs(output):
    check(fastbp.mlp(3, 5, 2, hidden="gelu", output=output, loss="squared_error"), 9)


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_losses(loss, output):
    net = fastbp.mlp(3, 4, 3, hidden="tanh", output=output, loss=loss, l2=0.2)
    y = outputs_for(loss, 7, (3,), np.random.default_rng(3))
    check(net, 7, y=y)


def test_circuits():
    z, a, y = fastbp.variable("z"), fastbp.variable("a"), fastbp.variable("y")
    tanh = fastbp.circuit(fastbp.circuits.tanh(z))
    loss = fastbp.circuit((a - y) ** 2 / 2, [a, y])
    net = fastbp.mlp(3, 5, 1, hidden="tanh", output="sigmoid", loss="squared_error")
    own = fastbp.mlp(3, 5, 1, hidden=tanh, output="sigmoid", loss=loss)
    theta, X, y, _ = data(net, 20)
    dy = wanted(net, 20)
    J, D = net.objective(X, y, dy=dy)(theta)
    cost, gradient = own.objective(X, y, dy=dy)(theta)
    assert_near(np.array(cost), np.array(J))
    assert_near(gradient, D)


def test_shapes_and_rows():
    net = fastbp.mlp(4, 6, 1, hidden="tanh", l2=0.1)
    theta, X, y, _ = data(net, 50)
    dy = wanted(net, 50)
    J, D = net.objective(X, y, dy=dy)(theta)
    for shape in ((50, 4), (50, 1, 4)):
        other = net.objective(X, y, dy=np.asfortranarray(dy.reshape(shape)))
        assert other(theta)[0] == J
        assert (other(theta)[1] == D).all()
    weights = np.linspace(0, 2, 50)
    objective = net.objective(X, y, dy=dy, dy_weight=3, sample_weight=weights)
    for rows in (slice(3, 40, 2), np.array([4, 4, -1, 0, 17])):
        part = net.objective(
            X[rows], y[rows], dy=dy[rows], dy_weight=3, sample_weight=weights[rows]
        )
        J, D = part(theta)
        assert objective(theta, rows=rows)[0] == J
        assert (objective(theta, rows=rows)[1] == D).all()
    again = pickle.loads(pickle.dumps(objective))
    assert again(theta)[0] == objective(theta)[0]
    assert "dy_weight=3" in repr(objective)


def test_images_may_be_flat():
    layers, shape = CASES["conv2d"]
    net = Network(layers, input_shape=shape)
    theta, X, y, _ = data(net, 3)
    dy = wanted(net, 3)
    J = net.objective(X, y, dy=dy).cost(theta)
    assert net.objective(X.reshape(3, -1), y, dy=dy.reshape(3, *net.output_shape, -1)).cost(
        theta
    ) == J  # fmt: skip


def test_changed_slopes_are_noticed():
    net = fastbp.mlp(4, 6, 1, hidden="tanh")
    theta, X, y, _ = data(net, 50)
    dy = wanted(net, 50).reshape(50, 4)
    objective = net.objective(X, y, dy=dy)
    before = objective.fun(theta)
    dy += 1
    D = objective.jac(theta)
    assert objective.fun(theta) != before
    assert (net.objective(X, y, dy=dy)(theta)[1] == D).all()


def test_a_sample_of_weight_0_leaves_nothing():
    net = fastbp.mlp(2, 5, 1, hidden="tanh")
    theta, X, y, _ = data(net, 40)
    dy, weights = wanted(net, 40), np.ones(40)
    weights[7] = 0
    J, D = net.objective(np.delete(X, 7, 0), np.delete(y, 7, 0), dy=np.delete(dy, 7, 0))(theta)
    X[7], dy[7] = 1e300, 1e300
    found = net.objective(X, y, dy=dy, sample_weight=weights)(theta)
    assert_near(np.array(found[0]), np.array(J))
    assert_near(found[1], D)


def test_composed():
    net = fastbp.mlp(2, 5, 1, hidden="tanh")
    theta, X, y, _ = data(net, 40)
    dy = wanted(net, 40)
    both = net.objective(X, y, dy=dy, dy_weight=2)
    total = both + 3 * net.objective(X, y)
    assert_near(total(theta)[1], both(theta)[1] + 3 * net.objective(X, y)(theta)[1])
    assert fastbp.check_gradient(total, theta)
    part = both.frozen("layer 1 bias", theta)
    J, D = part(part.reduce(theta))
    assert both(theta)[0] == J
    assert (both(theta)[1][part.free] == D).all()


def test_levenberg_marquardt_learns_forces():
    net = fastbp.mlp(2, 12, 1, hidden="tanh")
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (60, 2))
    y, dy = np.sin(2 * X[:, 0]) * X[:, 1], np.empty((60, 2))
    dy[:, 0], dy[:, 1] = 2 * np.cos(2 * X[:, 0]) * X[:, 1], np.sin(2 * X[:, 0])
    result = fastbp.levenberg_marquardt(net.objective(X, y, dy=dy), net.init(seed=1))
    assert result.fun < 1e-5
    G = net.input_gradient(result.x, X)
    assert abs(G - dy).max() < 0.05


def test_no_hessian_of_softmax_outputs():
    net = fastbp.mlp(3, 4, 2, output="softmax", loss="cross_entropy")
    theta, X, y, _ = data(net, 5)
    objective = net.objective(X, y, dy=wanted(net, 5))
    assert objective.gauss_newton_product(theta, theta).shape == theta.shape
    with pytest.raises(ValueError, match="gauss_newton_product and"):
        objective.hessp(theta, theta)


def test_errors():
    net = fastbp.mlp(3, 4, 2)
    X, y = np.ones((5, 3)), np.ones((5, 2))
    for dy in (np.ones((5, 3)), np.ones((5, 3, 2)), np.ones((4, 2, 3)), 1.0):
        with pytest.raises(ValueError, match=r"dy has shape .*\(5, 2, 3\)"):
            net.objective(X, y, dy=dy)
    bad = np.ones((5, 2, 3))
    bad[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="dy is nan"):
        net.objective(X, y, dy=bad)
    with pytest.raises(ValueError, match="dy_weight"):
        net.objective(X, y, dy=np.ones((5, 2, 3)), dy_weight=-1)
