"""Bayesian regularisation against its formulas, and the exact evidence of a linear model."""

import numpy as np
import pytest

import fastbp
from fastbp import levenberg_marquardt


def curve(m, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (m, 2))
    truth = np.sin(3 * X[:, 0]) * X[:, 1]
    return X, truth + 0.1 * rng.standard_normal(m), truth


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_estimates_satisfy_their_equations(dtype):
    X, y, _ = curve(150)
    net = fastbp.mlp(2, 6, 1, hidden="tanh", dtype=dtype)
    theta = net.init(seed=0) * 3
    fit = levenberg_marquardt(net.objective(X, y), theta, bayesian=True, maxiter=500)
    assert fit.success
    objective = net.objective(X, y, l2=fit.l2)
    J, D = objective(fit.x)
    loose = 1e-6 if dtype == "float64" else 2e-2
    assert abs(J - fit.fun) <= 1e-3 * loose * J
    assert abs(D).max() <= (1e-6 if dtype == "float64" else 1e-4)
    weights = np.concatenate([b.indices for b in net.blocks() if b.kind == "weights"])
    G = objective.gauss_newton_product(fit.x, np.eye(len(theta)))  # with the penalty
    gamma = len(weights) - fit.l2 / 150 * np.diag(np.linalg.inv(G))[weights].sum()
    squares = np.sum(fit.x[weights] ** 2)
    errors = np.sum((net.forward(fit.x, X)[:, 0] - y) ** 2)
    n_biases = len(theta) - len(weights)
    assert abs(fit.effective_parameters - gamma - n_biases) <= 1e3 * loose
    assert abs(fit.alpha - gamma / squares) <= 1e3 * loose * fit.alpha
    assert abs(fit.beta - (150 - gamma - n_biases) / errors) <= 1e3 * loose * fit.beta
    assert abs(fit.l2 - fit.alpha / fit.beta) <= 1e-9 * fit.l2
    assert 0.08 < fit.beta**-0.5 < 0.12


def test_evidence_of_a_linear_model_is_exact():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 5))
    X -= X.mean(axis=0)
    y = X @ [1.0, 0.5, 0, 0, -0.2] + 0.5 * rng.standard_normal(40)
    y -= y.mean()  # no bias is needed
    fit = levenberg_marquardt(fastbp.mlp(5, 1).objective(X, y), np.full(6, 0.1), bayesian=True)
    design = np.column_stack([np.ones(40), X])
    covariance = np.eye(40) / fit.beta + design @ design.T / fit.alpha
    sign, logarithm = np.linalg.slogdet(2 * np.pi * covariance)
    exact = -0.5 * (logarithm + y @ np.linalg.solve(covariance, y))
    assert sign == 1
    assert abs(fit.log_evidence - exact) <= 1e-4 * abs(exact)


def test_better_on_unseen_samples_and_evidence_chooses():
    X, y, _ = curve(150)
    X2, _, truth = curve(2000, seed=1)
    best = {}
    for width in (2, 16):
        net = fastbp.mlp(2, width, 1, hidden="tanh")
        objective = net.objective(X, y)
        starts = [net.init(seed=seed) * 3 for seed in range(4)]
        fits = [levenberg_marquardt(objective, s, bayesian=True, maxiter=300) for s in starts]
        plain = levenberg_marquardt(objective, starts[0], maxiter=300)
        assert all(fit.effective_parameters < net.n_parameters for fit in fits)
        best[width] = max(fits, key=lambda fit: fit.log_evidence)
        apart = [
            np.sqrt(np.mean((net.forward(x, X2)[:, 0] - truth) ** 2))
            for x in (best[width].x, plain.x)
        ]
    assert best[16].log_evidence - best[2].log_evidence > 50
    assert apart[0] < 0.7 * apart[1]


def test_weights_validation_and_refusals():
    X, y, _ = curve(60)
    net = fastbp.mlp(2, 4, 1, hidden="tanh")
    objective, theta = net.objective(X, y, sample_weight=np.linspace(1, 2, 60)), net.init(seed=0)
    unseen = net.objective(*curve(60, seed=2)[:2])
    fit = levenberg_marquardt(objective, theta, bayesian=True, validation=unseen, maxiter=40)
    assert fit.validation == unseen.cost(fit.x)
    classes = fastbp.mlp(2, 4, 1, output="sigmoid", loss="cross_entropy")
    with pytest.raises(ValueError, match="squared_error"):
        levenberg_marquardt(classes.objective(X, y > 0), theta, bayesian=True)
    with pytest.raises(ValueError, match="of one network"):
        levenberg_marquardt(objective + objective, theta, bayesian=True)
