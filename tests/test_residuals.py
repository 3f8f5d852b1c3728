"""Residuals, their Jacobian, and gradients of single samples, over layers, weights and dtypes."""

import numpy as np
import pytest
from layer_cases import CASES, SEQUENCES, data
from scipy.optimize import least_squares
from scipy.sparse.linalg import LinearOperator
from second_order import LONG, derivative
from test_layer_networks import LOSSES, outputs_for, reference

import fastbp
from fastbp import Network

TOLERANCE = {"float64": 1e-11, "float32": 1e-3}  # of the largest entry


def assert_near(found, expected, dtype="float64"):
    scale = max(1e-300, abs(np.asarray(expected)).max(initial=0))
    assert found.shape == np.shape(expected)
    assert abs(np.asarray(found) - expected).max(initial=0) <= TOLERANCE[dtype] * scale


def check(net, m, lengths=False, **settings):
    theta, X, y, ends = data(net, m)
    ends = ends if lengths else None
    dtype = net.dtype.name
    ours = reference(net, X, y, ends, l2=net.l2, **settings)
    objective = net.objective(X, y, lengths=ends, **settings)
    factors, total = ours._factors(LONG)
    root = np.sqrt(factors / total)[:, None]

    def long_residuals(at):
        a = ours.forward(at, LONG).reshape(len(factors), -1)
        weights = np.concatenate([Theta[:, 1:].ravel() for Theta in ours.matrices(at)])
        penalty = np.sqrt(LONG(net.l2) / total) * weights if net.l2 else np.empty(0)
        return np.concatenate([(root * (a - ours._targets(a, LONG))).ravel(), penalty])

    r, R = objective.residuals(theta), objective.jacobian(theta)
    long_theta = np.asarray(theta, LONG)
    assert_near(r, long_residuals(long_theta).astype(float), dtype)
    J, D = objective(theta)
    assert_near(np.array(r @ r / 2), J, dtype)
    assert_near(R.T @ r, D, dtype)
    rng = np.random.default_rng(1)
    v, u = rng.standard_normal(len(theta)), rng.standard_normal(len(r))
    slope = derivative(lambda h: long_residuals(long_theta + h * v)).astype(float)
    assert_near(R @ v, slope, dtype)
    operator = objective.jacobian_operator(theta)
    assert isinstance(operator, LinearOperator)
    assert_near(operator @ v, slope, dtype)
    assert_near(operator.T @ u, R.T @ u, dtype)
    assert_near(objective.gauss_newton_product(theta, v), R.T @ (R @ v), dtype)
    G = objective._gauss_newton_matrix(theta)
    assert (G == G.T).all()
    assert_near(G, R.T @ R, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 33])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, m, dtype):
    layers, shape = CASES[name]
    net = Network(layers, l2=0.3, dtype=dtype, input_shape=shape)
    check(net, m, sample_weight=np.linspace(0.5, 2, m))
    if name in SEQUENCES:
        check(net, m, lengths=True)


@pytest.mark.parametrize("output", ["identity", "tanh", "softmax", "gelu"])
def test_outputs(output):
    check(fastbp.mlp(3, 5, 2, hidden="sigmoid", output=output, loss="squared_error"), 200)


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_sample_gradients_and_gauss_newton_matrix(loss, output):
    net = fastbp.mlp(3, 4, 3, hidden="tanh", output=output, loss=loss, l2=0.2)
    theta, X, _, _ = data(net, 7)
    y = outputs_for(loss, 7, (3,), np.random.default_rng(3))
    objective = net.objective(X, y)
    each = np.array([net.objective(X[i : i + 1], y[i : i + 1], l2=0)(theta)[1] for i in range(7)])
    assert_near(objective.sample_gradients(theta), each)
    G = objective.gauss_newton_product(theta, np.eye(len(theta)))
    assert_near(objective._gauss_newton_matrix(theta), G)
    if loss != "squared_error":
        for name in ("residuals", "jacobian", "jacobian_operator"):
            with pytest.raises(ValueError, match="no sum of squares"):
                getattr(objective, name)(theta)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_same_bits_for_any_number_of_threads(dtype):
    net = fastbp.mlp(10, 12, 3, hidden="tanh", dtype=dtype)
    theta, X, y, _ = data(net, 3000)
    found = [net.objective(X, y, n_threads=n) for n in (1, 2, 3, 8)]
    for name in ("residuals", "jacobian", "sample_gradients", "_gauss_newton_matrix"):
        first, *others = [getattr(each, name)(theta) for each in found]
        assert all((other == first).all() for other in others)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method):
    net = fastbp.mlp(1, 4, 1, hidden="tanh", l2=0.1)
    X = np.linspace(-1, 1, 40)[:, None]
    objective = net.objective(X, np.sin(3 * X[:, 0]))
    theta = net.init(seed=0) * 5
    found = [least_squares(objective.residuals, theta, jac=objective.jacobian, method=method)]
    if method != "lm":
        found.append(least_squares(objective.residuals, theta, jac=objective.jacobian_operator,
                                   method=method, tr_solver="lsmr"))  # fmt: skip
    for fit in found:
        # dogbox creeps along the valley that the penalty leaves.
        assert abs(objective.jac(fit.x)).max() < (1e-2 if method == "dogbox" else 1e-4)
        assert abs(fit.cost - objective.cost(fit.x)) <= 1e-12


def test_large_matrix_in_blocks():
    net = fastbp.mlp(12, 13, 5, hidden="tanh", output="softmax", loss="cross_entropy")
    theta, X, y, _ = data(net, 150)
    objective = net.objective(X, y)
    v = np.random.default_rng(0).standard_normal((net.n_parameters, 2))
    assert_near(objective._gauss_newton_matrix(theta) @ v, objective.gauss_newton_product(theta, v))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("widths", [(4, 2), (18, 5, 1), (19, 5, 1), (20, 9, 2), (30, 9, 4)])
@pytest.mark.parametrize("m", [1, 63, 257, 700])
def test_gauss_newton_matrix_of_many_parameters_and_samples(widths, m, dtype):
    """Groups of rows, registers and tiles that are not full; the same bits for any threads."""
    net = fastbp.mlp(*widths, hidden="tanh", l2=0.3, dtype=dtype)
    rng = np.random.default_rng(m)
    theta = rng.standard_normal(net.n_parameters) / 3
    X, y = rng.standard_normal((m, widths[0])), rng.standard_normal((m, widths[-1]))
    objective = net.objective(X, y, n_threads=1)
    R = objective.jacobian(theta).astype(np.longdouble)
    G = objective._gauss_newton_matrix(theta)
    assert_near(G, (R.T @ R).astype(float), dtype)
    assert (G == G.T).all()
    for n in (2, 3):
        assert (net.objective(X, y, n_threads=n)._gauss_newton_matrix(theta) == G).all()
