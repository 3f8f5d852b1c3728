"""check_hessp, check_jacobian, check_input_gradient: right ones pass, planted mistakes are seen."""

import numpy as np
import pytest
from layer_cases import CASES, data

import fastbp
from fastbp import Network, check_hessp, check_input_gradient, check_jacobian


def problem(loss="squared_error", output="identity", dtype="float64", seed=0):
    net = fastbp.mlp(3, 4, 2, hidden="tanh", output=output, loss=loss, l2=0.3, dtype=dtype)
    theta, X, y, _ = data(net, 12, seed)
    if loss == "poisson":
        y = abs(y)
    return net, net.objective(X, y), theta


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("loss", "output"), [
    ("squared_error", "identity"), ("squared_error", "softmax"), ("cross_entropy", "softmax"),
    ("cross_entropy", "sigmoid"), ("poisson", "softplus"), ("log_cosh", "tanh"),
])  # fmt: skip
def test_right_ones_pass(loss, output, dtype):
    for seed in range(3):
        _, objective, theta = problem(loss, output, dtype, seed)
        assert check_hessp(objective, theta, seed=seed)
        if loss == "squared_error":
            assert check_jacobian(objective, theta, seed=seed)


@pytest.mark.parametrize("name", ["conv2d", "lenet", "lstm", "gru sequences", "avgpool1d"])
def test_layers_pass(name):
    layers, shape = CASES[name]
    net = Network(layers, input_shape=shape)
    theta, X, y, _ = data(net, 3)
    objective = net.objective(X, y)
    assert check_hessp(objective, theta, n_checks=40)
    assert check_jacobian(objective, theta, n_checks=40)
    report = check_input_gradient(net, theta, X, n_checks=40)
    assert report


def test_the_blocks_of_a_network_are_named():
    net, objective, theta = problem()
    wrong = net.blocks()[2]

    def hessp(t, v):
        product = objective.hessp(t, v)
        product[wrong.indices] *= 1.001
        return product

    class Wrong:
        network, jac = net, objective.jac

    Wrong.hessp = staticmethod(hessp)
    report = check_hessp(Wrong(), theta)
    assert not report
    assert report.likely == (wrong.name,)
    assert any("not symmetric" in problem for problem in report.problems)


@pytest.mark.parametrize("mistake", [
    lambda H, v: 1.001 * (H @ v),
    lambda H, v: np.diag(H) * v,
    lambda H, v: H @ v + 1e-4,
    lambda H, v: np.triu(H) @ v,
    lambda H, v: H @ np.where(np.arange(len(v)) == 3, 0, v),
])  # fmt: skip
def test_wrong_products_fail(mistake):
    _, objective, theta = problem("cross_entropy", "softmax")
    assert check_hessp(objective.jac, theta, lambda t, v: objective.hessian(t) @ v)
    assert not check_hessp(objective.jac, theta, lambda t, v: mistake(objective.hessian(t), v))


def test_wrong_jacobians_fail():
    _, objective, theta = problem()
    assert check_jacobian(objective.residuals, theta, objective.jacobian)
    for place in (0, 7, -1):

        def wrong(t, place=place):
            R = objective.jacobian(t)
            R[place] *= 1.01
            return R

        assert not check_jacobian(objective.residuals, theta, wrong)
    with pytest.raises(ValueError, match="a row for each"):
        check_jacobian(objective.residuals, theta, lambda t: objective.jacobian(t).T)

    class Scaled:  # right slopes of residuals that are not those of the cost
        def residuals(self, t):
            return 2 * objective.residuals(t)

        def jacobian(self, t):
            return 2 * objective.jacobian(t)

        def __call__(self, t):
            return objective(t)

    report = check_jacobian(Scaled(), theta)
    assert len(report.problems) == 2
    assert not report


def test_wrong_input_gradients_fail():
    net, _, theta = problem()
    X = np.random.default_rng(0).standard_normal((4, 3))
    assert check_input_gradient(net, theta, X)

    class Wrong:
        dtype, forward = net.dtype, net.forward
        jvp, input_jacobian = net.jvp, net.input_jacobian

        def vjp(self, theta, X, U):
            out = net.vjp(theta, X, U)
            out[2, 1] *= 1.01
            return out

    report = check_input_gradient(Wrong(), theta, X)
    assert not report
    assert report.indices[report.failed].tolist() == [7]
    assert len(report.problems) == 2
    with pytest.raises(TypeError, match="jac and hessp"):
        check_hessp(lambda t: t, theta)
    with pytest.raises(TypeError, match="residuals and jacobian"):
        check_jacobian(lambda t: t, theta)


def test_circuits_and_sums():
    p, x = fastbp.variables("p q"), fastbp.variable("x")
    f = fastbp.circuit((p[0] * x - p[1]) ** 4, wrt=list(p))
    objective = f.objective({"x": np.linspace(0, 1, 7)})
    assert check_hessp(objective, [1.2, 0.4])
    _, one, theta = problem()
    total = (one + 2 * one).with_penalty(l2=0.4)
    assert check_hessp(total, theta)
    frozen = total.frozen("layer 1 weights", theta)
    assert check_hessp(frozen, frozen.reduce(theta))


def test_covariance():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    design = np.column_stack([np.ones(60), X])
    y = design @ [1, 2, -1, 0.5] + 0.3 * rng.standard_normal(60)
    net = fastbp.mlp(3, 1)
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    s2 = np.sum((y - design @ beta) ** 2) / (60 - 4)
    for weights in (None, np.full(60, 3.0)):
        objective = net.objective(X, y, sample_weight=weights)
        for matrix in ("hessian", "gauss_newton"):
            expected = s2 * np.linalg.inv(design.T @ design)  # equal weights tell nothing new
            np.testing.assert_allclose(objective.covariance(beta, matrix), expected, rtol=1e-9)
    logistic = fastbp.mlp(3, 1, output="sigmoid", loss="cross_entropy")
    theta = np.array([0.1, 0.5, -0.2, 0.3])
    a = 1 / (1 + np.exp(-design @ theta))
    information = (design * (a * (1 - a))[:, None]).T @ design
    labels = (rng.random(60) < a).astype(float)
    found = logistic.objective(X, labels).covariance(theta)
    np.testing.assert_allclose(found, np.linalg.inv(information), rtol=1e-9)
    with pytest.raises(ValueError, match="not positive definite"):
        net.objective(X * [1, 1, 0], y).covariance(beta)
    with pytest.raises(ValueError, match="no more than 4 parameters"):
        net.objective(X[:4], y[:4], l2=1.0).covariance(beta)
    with pytest.raises(ValueError, match="gauss_newton"):
        net.objective(X, y).covariance(beta, "newton")
