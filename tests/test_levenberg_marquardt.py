"""Levenberg-Marquardt: that it arrives, where it must win, what ends it, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize

import fastbp
from fastbp import levenberg_marquardt
from fastbp.optimize.marquardt import Fit, Settings
from fastbp.optimize.secant import Secant

SETTINGS = Settings(
    maxiter=30, gtol=1e-8, ftol=1e-12, target=-math.inf, max_seconds=math.inf, damping=1.0,
    acceleration=False, validation=None, patience=20, callback=None,
)  # fmt: skip


def smooth(m=300, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (m, 5))
    y = np.sin(2 * X[:, 0]) * X[:, 1] + X[:, 2] ** 2 - X[:, 3] * X[:, 4] / 2
    return X, y + noise * rng.standard_normal(m)


@pytest.mark.parametrize("noise", [0.1, 0.0])
def test_wins_against_lbfgs(noise):
    """From most starts, with a tenth of the evaluations."""
    X, y = smooth(noise=noise)
    net = fastbp.mlp(5, 8, 1, hidden="tanh")
    wins = 0
    for seed in range(7):
        objective, theta = net.objective(X, y), net.init(seed=seed)
        fit = levenberg_marquardt(objective, theta, maxiter=100)
        n = 10 * (fit.nfev + fit.njev)
        other = minimize(objective, theta, jac=True, method="L-BFGS-B",
                         options={"maxfun": n, "maxiter": n, "ftol": 0, "gtol": 0})  # fmt: skip
        wins += fit.fun < other.fun
    assert wins >= 5


def test_without_noise_to_rounding():
    net = fastbp.mlp(2, 3, 1, hidden="tanh")
    truth = net.init(seed=3) * 8
    X = np.random.default_rng(0).uniform(-1, 1, (80, 2))
    objective = net.objective(X, net.forward(truth, X)[:, 0])
    start = truth + 0.1 * np.random.default_rng(1).standard_normal(len(truth))
    fit = levenberg_marquardt(objective, start, gtol=0, ftol=0, target=1e-20)
    assert fit.fun <= 1e-20
    assert fit.success
    assert "target" in fit.message


def test_agrees_with_scipy():
    X, y = smooth(100)
    net = fastbp.mlp(5, 2, 1, hidden="tanh", l2=1.0)
    objective = net.objective(X, y)
    fit = levenberg_marquardt(objective, net.init(seed=0), ftol=0)
    near = fit.x + 0.01 * np.random.default_rng(0).standard_normal(len(fit.x))
    other = least_squares(objective.residuals, near, jac=objective.jacobian, method="trf",
                          xtol=1e-14, ftol=1e-14, gtol=1e-10)  # fmt: skip
    assert abs(fit.fun - other.cost) <= 1e-9
    assert abs(fit.jac).max() <= 1e-8
    assert (objective.jac(fit.x) == fit.jac).all()


@pytest.mark.parametrize(("loss", "output"), [
    ("cross_entropy", "softmax"), ("cross_entropy", "sigmoid"), ("huber(0.5)", "identity"),
    ("poisson", "identity"), ("log_cosh", "identity"), ("squared_hinge", "identity"),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_other_losses(loss, output, dtype):
    X, y = smooth(200)
    net = fastbp.mlp(5, 4, 3 if output == "softmax" else 1, hidden="tanh", output=output,
                     loss=loss, l2=1.0, dtype=dtype)  # fmt: skip
    labels = (y > 0).astype(int) + (y > 0.5) if output == "softmax" else (y > 0).astype(float)
    targets = 2 * labels - 1 if loss == "squared_hinge" else labels
    objective, theta = net.objective(X, targets), net.init(seed=0)
    fit = levenberg_marquardt(objective, theta, maxiter=200)
    other = minimize(objective, fit.x, jac=True, method="L-BFGS-B")
    assert fit.fun < objective.cost(theta)
    assert other.fun >= fit.fun - (1e-7 if dtype == "float64" else 1e-4)


def test_as_a_method_of_minimize():
    X, y = smooth()
    net = fastbp.mlp(5, 4, 1, hidden="tanh", l2=0.1)
    objective, theta = net.objective(X, y), net.init(seed=0)
    fit = levenberg_marquardt(objective, theta, maxiter=7)
    options = {"maxiter": 7}
    whole = minimize(objective, theta, jac=True, method=levenberg_marquardt, options=options)
    parts = minimize(objective.fun, theta, jac=objective.jac, method=levenberg_marquardt,
                     options=options)  # fmt: skip
    for other in (whole, parts):
        assert (other.x == fit.x).all()
        assert other.nit == fit.nit == 7
        assert other.status == 1


def test_sums_penalties_and_frozen_parts():
    X, y = smooth()
    net = fastbp.mlp(5, 4, 1, hidden="tanh")
    theta = net.init(seed=0)
    a, b = net.objective(X[:200], y[:200]), net.objective(X[200:], y[200:])
    total = (a + 0.5 * b).with_penalty(l2=0.3)
    whole = net.objective(X, y, sample_weight=np.where(np.arange(300) < 200, 1 / 200, 0.5 / 100),
                          l2=0.3 / 1.0)  # fmt: skip
    v = np.random.default_rng(0).standard_normal((len(theta), 2))
    for name in ("hessp", "gauss_newton_product"):
        one = getattr(a + 0.5 * b, name)(theta, v)
        other = getattr(whole, name)(theta, v) * 1.5
        penalty = np.zeros_like(v)
        for block in net.blocks():
            if block.kind == "weights":
                penalty[block.indices] = 0.3 * v[block.indices]
        np.testing.assert_allclose(one, other - penalty, rtol=1e-9, atol=1e-12)
    fit = levenberg_marquardt(total, theta)
    assert abs(total.jac(fit.x)).max() <= 1e-7
    frozen = total.frozen("layer 1 bias", fit.x)
    free = frozen.reduce(fit.x)
    H = total.hessian(fit.x)
    np.testing.assert_allclose(frozen.hessian(free), H[np.ix_(frozen.free, frozen.free)])
    np.testing.assert_allclose(frozen.hessian_diagonal(free), np.diag(H)[frozen.free])
    np.testing.assert_allclose(frozen.hessp(free, np.eye(len(free))), frozen.hessian(free),
                               rtol=1e-9, atol=1e-12)  # fmt: skip
    assert levenberg_marquardt(frozen, free).fun <= total.cost(fit.x) * (1 + 1e-12)


def test_acceleration():
    """It is -1/2 (G + mu 1)^-1 R' r_vv, if that is short beside the step v."""
    X, y = smooth()
    net = fastbp.mlp(5, 6, 1, hidden="tanh", l2=0.01)
    objective, theta = net.objective(X, y), net.init(seed=0) * 4
    G, mu = objective._gauss_newton_matrix(theta), 0.5
    fit = Fit(objective, theta, SETTINGS)
    fit.mu = mu
    factor = fit._factor(G)
    v = -np.linalg.solve(G + mu * np.eye(len(theta)), objective.jac(theta))
    at = [objective.residuals(theta + h * v) for h in (-1e-3, 0, 1e-3)]
    second = (at[0] - 2 * at[1] + at[2]) / 1e-6
    pull = objective.jacobian(theta).T @ second
    expected = -0.5 * np.linalg.solve(G + mu * np.eye(len(theta)), pull)
    bend = fit._acceleration(factor, v)
    assert np.linalg.norm(bend - expected) <= 0.1 * np.linalg.norm(expected)
    assert not fit._acceleration(factor, 100 * v).any()
    result = levenberg_marquardt(objective, theta, acceleration=True)
    assert result.success
    assert abs(result.jac).max() <= 1e-6


def test_secant_is_learnt_from_gradients():
    """(G + S) s = y for the last step; both models of a step are compared with what it did."""
    rng = np.random.default_rng(0)
    n = 7
    R = rng.standard_normal((20, n))
    G = R.T @ R
    H = G + np.diag(rng.uniform(-1, 3, n))
    secant = Secant(n)
    for _ in range(5):
        step = rng.standard_normal(n)
        secant.learn(step, H @ step, G)
        np.testing.assert_allclose(G @ step + secant.times(step), H @ step, rtol=1e-9)
    before = np.tril(secant.matrix)
    secant.learn(step, -step, G)  # no curvature along it: nothing but sizes is to be learnt
    ratio = np.tril(secant.matrix)[before != 0] / before[before != 0]
    np.testing.assert_allclose(ratio, ratio[0])
    assert 0 <= ratio[0] <= 1
    secant = Secant(n)
    secant.learn(step, H @ step, G)
    D = rng.standard_normal(n)
    exact = step @ D + step @ H @ step / 2
    assert not secant.is_used
    secant.choose(exact, step, D, G)
    assert secant.is_used
    secant.choose(step @ D + step @ G @ step / 2, step, D, G)
    assert not secant.is_used


def test_few_steps_where_residuals_stay_large():
    """Targets that are noise: G alone is far from the Hessian, and goes on for ever."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (60, 3)), rng.standard_normal(60)
    net = fastbp.mlp(3, 6, 1, hidden="tanh", l2=0.02)
    objective, n, n_plain = net.objective(X, y), 0, 0
    for seed in range(5):
        settings = {"maxiter": 3000, "ftol": 0, "gtol": 1e-9}
        fit = levenberg_marquardt(objective, net.init(seed=seed), **settings)
        plain = Fit(objective, net.init(seed=seed), replace(SETTINGS, **settings))
        plain.secant = None
        assert fit.status == 0
        n, n_plain = n + fit.nit, n_plain + plain.run().nit
    assert n < 0.7 * n_plain


def test_validation_limits_and_callback():
    X, y = smooth(60, noise=0.5)
    X2, y2 = smooth(200, noise=0.5, seed=1)
    net = fastbp.mlp(5, 12, 1, hidden="tanh")
    objective, theta = net.objective(X, y), net.init(seed=0) * 4
    unseen = net.objective(X2, y2)
    fit = levenberg_marquardt(objective, theta, validation=unseen, patience=5)
    assert fit.status == 2
    assert "validation" in fit.message
    assert fit.validation == unseen.cost(fit.x)
    assert fit.fun == objective.cost(fit.x)
    assert fit.validation < unseen.cost(levenberg_marquardt(objective, theta, maxiter=50).x)
    seen = []

    def watch(result):
        seen.append(result.fun)
        if len(seen) == 3:
            raise StopIteration

    fit = levenberg_marquardt(objective, theta, callback=watch)
    assert fit.nit == 3
    assert seen == sorted(seen, reverse=True)
    assert levenberg_marquardt(objective, theta, max_seconds=0).status == 1

    def interrupt(result):
        raise KeyboardInterrupt

    fit = levenberg_marquardt(objective, theta, callback=interrupt)
    assert (fit.status, fit.success, fit.nit) == (3, False, 1)
    assert fit.fun == objective.cost(fit.x)


def test_what_it_refuses():
    X, y = smooth(50)
    net = fastbp.mlp(5, 3, 1, hidden="tanh")
    objective, theta = net.objective(X, y), net.init(seed=0)
    with pytest.raises(ValueError, match="least_squares"):
        levenberg_marquardt(objective, theta, bounds=[(0, 1)] * len(theta))
    with pytest.raises(TypeError, match="no option 'maxiterations'"):
        levenberg_marquardt(objective, theta, maxiterations=3)
    with pytest.raises(TypeError, match="needs an objective"):
        levenberg_marquardt(lambda t: (0.0, t), theta)
    with pytest.raises(TypeError, match="no Gauss-Newton matrix"):
        levenberg_marquardt(objective + (lambda t: (0.0, 0 * t)), theta)
    p = fastbp.variable("p")
    with pytest.raises(TypeError, match="no Gauss-Newton matrix"):
        levenberg_marquardt(fastbp.circuit(p**2).objective(), [1.0])
    flat = fastbp.mlp(5, 3, 1, loss="absolute_error")
    with pytest.raises(ValueError, match="no curvature"):
        levenberg_marquardt(flat.objective(X, y), flat.init(seed=0))
    with pytest.raises(ValueError, match="start where it is finite"):
        levenberg_marquardt(objective, theta * np.nan)
    with pytest.raises(ValueError, match="theta has"):
        levenberg_marquardt(objective, theta[1:])
