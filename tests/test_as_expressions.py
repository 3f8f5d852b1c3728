"""Networks as expressions, and derivatives of expressions."""

import numpy as np
import pytest

import fastbp
from fastbp import circuits
from fastbp.names import activations

X, T, NU = fastbp.variables("x t nu")
ALL = activations()
Z = fastbp.variable("z")
OWN = fastbp.circuit(Z * circuits.tanh(circuits.softplus(Z)))
STEADY = fastbp.circuit(0.0 * Z + 2.0)


def network(hidden, output):
    loss = "cross_entropy" if output == "softmax" else "squared_error"
    return fastbp.mlp(3, 4, 5, 2, hidden=hidden, output=output, loss=loss)


CASES = [
    *((name, "identity") for name in activations(hidden=True)),
    *(("tanh", name) for name in ALL),
    (OWN, OWN),
    (STEADY, "identity"),
]


@pytest.mark.parametrize(("hidden", "output"), CASES, ids=str)
def test_a_network_is_its_expressions(hidden, output):
    net = network(hidden, output)
    theta = net.init(seed=0) * 3
    samples = np.random.default_rng(0).normal(size=(6, 3))
    want = net.forward(theta, samples)
    f = net.circuit(theta)
    assert f.parameters == ("x",)
    close = {"rtol": 1e-13, "atol": 1e-15}
    np.testing.assert_allclose([f(x) for x in samples], want, **close)
    np.testing.assert_allclose(net.expressions(theta, samples), want, **close)
    np.testing.assert_allclose(net.expressions(theta, samples[0]), want[0], **close)
    parameters = fastbp.variables("theta", net.n_parameters)
    g = net.circuit(parameters)
    assert (g.parameters, g.data) == (("x",), ("theta",))
    np.testing.assert_allclose(g(samples[0], theta=theta), want[0], **close)


@pytest.mark.parametrize("hidden", [*activations(hidden=True), OWN], ids=str)
def test_the_cost_of_the_expressions_has_the_gradient_of_the_objective(hidden):
    net = network(hidden, "identity")
    rng = np.random.default_rng(1)
    samples, targets = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    theta = net.init(seed=2)
    parameters = fastbp.variables("theta", net.n_parameters)
    errors = net.expressions(parameters, samples) - targets
    cost = fastbp.circuit((errors**2).sum() / 14)
    J, gradient = net.cost_and_gradient(theta, samples, targets)
    value, slopes = cost.value_and_gradient(theta)
    assert value == pytest.approx(J, rel=1e-13)
    np.testing.assert_allclose(slopes, gradient, 1e-11, 1e-14)


def test_softmax_of_large_numbers_keeps_its_digits():
    net = fastbp.mlp(2, 3, output="softmax", loss="cross_entropy")
    theta = net.pack([[[0, 1, 0], [0, 0, 1], [0, -1, -1]]])
    f = net.circuit(theta)
    for x in ([800.0, -800.0], [1e6, 1e6 + 2], [-1000.0, -1000.25]):
        np.testing.assert_allclose(
            f(x), net.forward(net.pack([[[0, 1, 0], [0, 0, 1], [0, -1, -1]]]), [x])[0], 1e-13
        )
        a = f(x)
        want = (np.diag(a) - np.outer(a, a)) @ [[1, 0], [0, 1], [-1, -1]]
        np.testing.assert_allclose(f.jacobian(x), want, 1e-12, 1e-15)


def test_one_output_has_derivatives_by_the_inputs():
    net = fastbp.mlp(2, 5, 1, hidden="tanh")
    theta, x = net.init(seed=0), np.array([0.3, -0.7])
    f = net.circuit(theta)
    assert f.shape == ()
    h = 1e-6
    rows = np.array([x + h * e for e in np.eye(2)]), np.array([x - h * e for e in np.eye(2)])
    numerical = (net.forward(theta, rows[0]) - net.forward(theta, rows[1]))[:, 0] / (2 * h)
    np.testing.assert_allclose(f.gradient(x), numerical, 1e-8)
    assert "fastbp_surrogate" in f.to_c("surrogate")


def test_what_does_not_fit_is_refused():
    net = fastbp.mlp(3, 2)
    with pytest.raises(ValueError, match=r"the inputs have shape \(2,\); network 3-2 takes \(3,\)"):
        net.expressions(net.init(seed=0), [1.0, 2.0])
    with pytest.raises(ValueError, match=r'fastbp\.variables\("theta", 8\)'):
        net.circuit(fastbp.variables("theta", 7))
    with pytest.raises(ValueError, match="7 numbers, but the network has 8 parameters"):
        net.circuit(np.ones(7))
    with pytest.raises(TypeError, match="text"):
        net.circuit(["text"] * 8)


# Derivatives


def values(expression, **given):
    f = fastbp.circuit(expression)
    return f(**{name: given[name] for name in (*f.parameters, *f.data)})


def test_derivatives_in_the_language_of_expressions():
    u = circuits.sin(X) * circuits.exp(-NU * T)
    d = circuits.derivative
    at = {"x": 0.7, "t": 0.3, "nu": 1.1}
    decay = np.exp(-1.1 * 0.3)
    for expression, want in [
        (d(u, X), np.cos(0.7) * decay),
        (d(u, X, X), -np.sin(0.7) * decay),
        (d(u, T), -1.1 * np.sin(0.7) * decay),
        (d(u, X, T), -1.1 * np.cos(0.7) * decay),
        (d(u, X, X, X), -np.cos(0.7) * decay),
        (d(u, X, X, X, X), np.sin(0.7) * decay),
        (d(d(u, X), T), -1.1 * np.cos(0.7) * decay),
    ]:
        assert type(expression) is type(X)
        assert values(expression, **at) == pytest.approx(want, rel=1e-14)
    assert values(d(u, T) - d(u, X, X), **at) == pytest.approx((1 - 1.1) * np.sin(0.7) * decay)


def test_shapes_of_derivatives():
    v, W = fastbp.variables("v", 3), fastbp.variables("W", (2, 3))
    quadratic = v @ (v * [1, 2, 3])
    assert circuits.derivative(quadratic, v).shape == (3,)
    hessian = circuits.derivative(quadratic, v, v)
    assert fastbp.circuit(hessian, wrt=[v])([1, 1, 1]).tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]
    jacobian = circuits.derivative(W @ v, v)
    assert [[each.name for each in row] for row in jacobian] == [[x.name for x in row] for row in W]
    assert circuits.derivative(W @ v, W).shape == (2, 2, 3)
    assert circuits.derivative([X * T, X], X).shape == (2,)
    assert values(circuits.derivative(X, T)) == 0
    assert values(circuits.derivative(3.0, T)) == 0
    assert values(circuits.derivative(quadratic, [v[2], v[0]]), v=[1, 2, 3]).tolist() == [18, 2]


def test_a_branch_not_taken_has_no_part_in_a_derivative():
    root = circuits.derivative(circuits.where(X > 0, circuits.sqrt(X), 0), X)
    assert values(root, x=0) == 0
    assert values(root, x=4) == 0.25


def test_what_is_no_variable_is_refused():
    for wrong in (X * 2, 3.0, "x", [X, 1.0], None):
        with pytest.raises(TypeError, match="derivatives are by variables, got"):
            circuits.derivative(X**2, wrong)
    with pytest.raises(TypeError, match="derivative needs variables"):
        circuits.derivative(X**2)
    with pytest.raises(TypeError):
        circuits.derivative("x", X)


def test_a_network_that_solves_an_equation_by_its_own_derivative():
    """u' = -u, u(0) = 1, of a network of one input, fitted by its residuals."""
    from scipy.optimize import minimize

    net = fastbp.mlp(1, 6, 1, hidden="tanh")
    theta = fastbp.variables("theta", net.n_parameters)
    (u,) = net.expressions(theta, [X])
    residual = fastbp.circuit((circuits.derivative(u, X) + u) ** 2, wrt=[theta])
    (at_0,) = net.expressions(theta, [0.0])
    points = np.linspace(0, 2, 21)
    start = fastbp.circuit((at_0 - 1) ** 2).objective()
    cost = residual.objective({"x": points}) + start
    assert fastbp.check_gradient(cost, net.init(seed=0))
    found = minimize(cost, net.init(seed=0), jac=True, method="BFGS", options={"maxiter": 300})
    fitted = net.forward(found.x, points[:, None])[:, 0]
    np.testing.assert_allclose(fitted, np.exp(-points), atol=2e-2)
