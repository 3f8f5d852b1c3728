"""Residuals of networks and their derivatives by inputs: cost, gradient, Jacobian.

Against differences in 50 digits (small dense networks), the network written out gate by gate and
differentiated by the recorder (all layers), and JAX where it is installed.
"""

import numpy as np
import oracle
import pytest
import residuals_reference
from layer_cases import CASES
from number_types import numbers

import fastbp
from fastbp import Network
from fastbp._core import core
from fastbp.circuits import derivative

NAMES = [name for name in core("float64").ACTIVATIONS if name != "softmax"]
KINKED = ("relu", "leaky_relu", "elu")  # or second derivatives that jump
SIZES = (1, 5, 33, 129)
TOLERANCE = {"float64": 1e-12, "float32": 1e-4}


def close(found, expected, dtype="float64", factor=1):
    scale = max(1e-300, np.abs(expected).max(initial=0))
    assert np.shape(found) == np.shape(expected)
    assert np.abs(np.asarray(found) - expected).max(initial=0) <= factor * TOLERANCE[dtype] * scale


def net_of(hidden, output="identity", widths=(2, 3, 2, 2), **settings):
    return fastbp.mlp(*widths, hidden=hidden, output=output, loss="squared_error", **settings)


def theta_of(net, further=0, seed=0):
    return np.random.default_rng(seed).normal(size=net.n_parameters + further)


def every_kind(net, p):
    """Two residuals with every derivative of two outputs by two inputs, and two parameters."""
    x, t, u, v = net.symbols("x t", "u v")
    first = u.d(t) + u * u.d(x) - p[0] * u.d(x, x) + x * v.d(x, t)
    second = p[1] * v.d(t, t) - t * u + v * v.d(x) + 0.3
    return [first, second]


def every_kind_exactly(point, p):
    u, (x, t) = point.u, point.x
    first = u(0, 1) + u(0) * u(0, 0) - p[0] * u(0, 0, 0) + x * u(1, 0, 1)
    second = p[1] * u(1, 1, 1) - t * u(0) + u(1) * u(1, 0) + numbers(object).array(0.3)
    return [first, second]


# Derivatives of activations


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_third_derivatives(name, dtype):
    z = np.concatenate([np.linspace(-30, 30, 301) + 0.05, [-800, -100, 100, 800]]).astype(dtype)
    f = numbers(object)
    exact, h, g = f.array(z), f.array(1e-15), oracle.ACTIVATIONS[name][2]
    third = ((g(f, exact + h) - g(f, exact - h)) / (2 * h)).astype(np.float64)
    tolerance = 32 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        core(dtype).apply_activation(name, z, 3), third, rtol=tolerance, atol=tolerance
    )


# Cost and gradient


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", NAMES)
def test_activations(hidden, dtype):
    net = net_of(hidden, dtype=dtype)
    points = np.random.default_rng(1).normal(size=(2, 2)).astype(dtype)
    theta = theta_of(net, 2).astype(dtype).astype(float)
    problem = net.collocation(points, every_kind(net, fastbp.variables("p q")))
    J, D = problem(theta)
    true_J, true_D = residuals_reference.cost_and_gradient(net, theta, points, every_kind_exactly)
    assert isinstance(J, float)
    assert D.dtype == np.float64
    close(J, true_J, dtype)
    close(D, true_D, dtype)


@pytest.mark.parametrize("output", core("float64").ACTIVATIONS)
def test_output_activations(output):
    net = net_of("tanh", output)
    points = np.random.default_rng(1).normal(size=(2, 2))
    problem = net.collocation(points, every_kind(net, fastbp.variables("p q")))
    J, D = problem(theta_of(net, 2))
    true_J, true_D = residuals_reference.cost_and_gradient(
        net, theta_of(net, 2), points, every_kind_exactly
    )
    close(J, true_J)
    close(D, true_D)


@pytest.mark.parametrize("place", ["hidden", "output"])
def test_circuits_as_activations(place):
    z = fastbp.variable("z")
    own = fastbp.circuit(z * fastbp.circuits.sigmoid(z))
    names = ("tanh", "silu") if place == "output" else ("silu", "identity")
    circuits = ("tanh", own) if place == "output" else (own, "identity")
    points = np.random.default_rng(1).normal(size=(37, 2))
    found = []
    for hidden, output in (names, circuits):
        net = net_of(hidden, output)
        residuals = every_kind(net, fastbp.variables("p q"))
        found.append(net.collocation(points, residuals)(theta_of(net, 2)))
    close(found[1][0], found[0][0])
    close(found[1][1], found[0][1])


def written_out(net, residuals_of, points, theta):
    """J and D by the recorder: the network gate by gate, residuals_of(inputs, outputs)."""
    weights = fastbp.variables("theta", net.n_parameters)
    x = fastbp.variables("X", net.input_shape)
    outputs = net.expressions(weights, x)
    r = residuals_of(x.ravel().tolist(), np.asarray(outputs).ravel().tolist(), derivative)
    cost = fastbp.circuit(0.5 * sum(each * each for each in r), wrt=[weights])
    return cost.objective(data={"X": points})(theta)


def of_layers(x, u, d):
    i, j = 0, len(x) - 1
    first = d(u[0], x[i]) + u[0] * d(u[-1], x[j], x[j]) + 0.5 * d(u[-1], x[i], x[j]) - x[j]
    return [first, d(u[0], x[i], x[i]) * u[-1] - 0.1]


@pytest.mark.parametrize("m", [1, 9])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, m):
    layers, shape = CASES[name]
    net = Network(layers, loss="squared_error", input_shape=shape)
    rng = np.random.default_rng(3)
    theta, points = theta_of(net) / 2, rng.normal(size=(m, *shape))
    x, u = net.symbols("x", "u")
    inputs = np.asarray(x).ravel().tolist()
    outputs = np.asarray(u).ravel().tolist() if np.ndim(u) else [u]
    residuals = of_layers(inputs, outputs, lambda u, *by: u.d(*by))
    J, D = net.collocation(points, residuals)(theta)
    true_J, true_D = written_out(net, of_layers, points, theta)
    close(J, true_J)
    close(D, true_D, factor=10)


@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("widths", [(2, 1, 1), (2, 17, 9, 1), (3, 33, 2)])
def test_sizes(m, widths):
    net = net_of("tanh", widths=widths)
    points = np.random.default_rng(3).normal(size=(m, widths[0]))
    x, u = net.symbols("x", "u")
    x, u = x.tolist(), u.tolist() if np.ndim(u) else [u]
    J, D = net.collocation(points, of_layers(x, u, lambda u, *by: u.d(*by)))(theta_of(net))
    true_J, true_D = written_out(net, of_layers, points, theta_of(net))
    close(J, true_J)
    close(D, true_D)


def test_first_derivatives_alone():
    net = net_of("softplus", widths=(3, 5, 1))
    points = np.random.default_rng(3).normal(size=(7, 3))
    x, y, z, u = net.symbols("x y z", "u")

    def residuals(x, u, d):
        return [d(u[0], x[0]) ** 2 + d(u[0], x[2]) ** 2 - 1]

    problem = net.collocation(points, residuals([x, y, z], [u], lambda u, *by: u.d(*by)))
    true_J, true_D = written_out(net, residuals, points, theta_of(net))
    close(problem(theta_of(net))[0], true_J)
    close(problem(theta_of(net))[1], true_D)


def test_the_chain_rule_of_expressions():
    net = net_of("tanh", widths=(2, 4, 1))
    x, t, u = net.symbols("x t", "u")
    points = np.random.default_rng(3).normal(size=(7, 2))
    kappa = 1 + u**2
    made = (kappa * u.d(x)).d(x) - (x * t).d(t) + (fastbp.variable("c") * x).d(t)
    written = 2 * u * u.d(x) ** 2 + kappa * u.d(x, x) - x
    theta = theta_of(net)
    close(net.collocation(points, made)(theta)[0], net.collocation(points, written)(theta)[0])
    assert u.d(x, t) is u.d(t, x) is u.d(x).d(t)


def test_jax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        jnp = jax.numpy
        net = net_of("tanh", widths=(2, 20, 20, 1))
        points = np.random.default_rng(3).uniform(-1, 1, size=(300, 2))
        theta = np.append(theta_of(net) / 2, 0.3)

        def u(p, x):
            a, at = x, 0
            for i, (n, k) in enumerate(net.shapes):
                Theta = p[at : at + n * k].reshape(n, k)
                at += n * k
                a = Theta[:, 1:] @ a + Theta[:, 0]
                a = jnp.tanh(a) if i < 2 else a
            return a[0]

        def residual(p, x):
            ux = jax.grad(u, 1)(p, x)
            H = jax.hessian(u, 1)(p, x)
            return ux[1] + u(p, x) * ux[0] - p[-1] * H[0, 0] + 0.1 * H[0, 1]

        def cost(p):
            return 0.5 * jnp.mean(jax.vmap(lambda x: residual(p, x))(jnp.asarray(points)) ** 2)

        J, D = jax.value_and_grad(cost)(jnp.asarray(theta))
        R = jax.jacrev(lambda p: jax.vmap(lambda x: residual(p, x))(jnp.asarray(points)))(theta)
        x, t, w = net.symbols("x t", "u")
        r = w.d(t) + w * w.d(x) - fastbp.variable("nu") * w.d(x, x) + 0.1 * w.d(x, t)
        problem = net.collocation(points, r)
        close(problem(theta)[0], float(J))
        close(problem(theta)[1], np.asarray(D))
        close(problem.jacobian(theta) * np.sqrt(300), np.asarray(R))
    finally:
        jax.config.update("jax_enable_x64", before)


# Residuals and their Jacobian


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_residuals_make_cost_and_gradient(l2, weighted, reduction):
    net = net_of("tanh", widths=(2, 7, 2), reduction=reduction, l2=l2)
    rng = np.random.default_rng(2)
    points, theta = rng.normal(size=(45, 2)), theta_of(net, 2)
    weights = rng.integers(0, 3, 45).astype(float) if weighted else None
    problem = net.collocation(
        points, every_kind(net, fastbp.variables("p q")), sample_weight=weights
    )
    (J, D), r, R = problem(theta), problem.residuals(theta), problem.jacobian(theta)
    close(0.5 * r @ r, J)
    close(R.T @ r, D)
    close(problem._gauss_newton_matrix(theta), R.T @ R)
    V = rng.normal(size=(len(theta), 11))
    close(problem.gauss_newton_product(theta, V), R.T @ (R @ V))
    close(problem.gauss_newton_product(theta, V[:, 0]), R.T @ (R @ V[:, 0]))
    operator = problem.jacobian_operator(theta)
    close(operator @ V, R @ V)
    close(operator.T @ r, D)
    h = 1e-6
    for k in range(3):
        slope = problem.residuals(theta + h * V[:, k]) - problem.residuals(theta - h * V[:, k])
        close(slope / (2 * h), R @ V[:, k], factor=1e5)


def test_jacobian_of_many_points():
    net = net_of("tanh", widths=(2, 5, 2), dtype="float32")
    points = np.random.default_rng(2).normal(size=(3000, 2))
    problem = net.collocation(points, every_kind(net, fastbp.variables("p q")))
    theta = theta_of(net, 2)
    R = problem.jacobian(theta)
    assert R.shape == (6000, len(theta))
    close(problem._gauss_newton_matrix(theta), R.T @ R, "float32")
    close(problem.gauss_newton_product(theta, theta), R.T @ (R @ theta), "float32")
