"""Bayesian regularisation: the penalty of a least-squares fit, estimated while it is fitted."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.objective import Objective
from fastbp.optimize.marquardt import Fit, Settings, Stop, cholesky, solve

Vector = NDArray[np.float64]
STEADY = 1e-4  # of lambda: re-estimated, it is the same


class BayesianFit(Fit):
    """Levenberg-Marquardt on beta E_D + alpha E_W, both factors re-estimated after each step.

        E_D = 1/2 sum (a - y)^2,   E_W = 1/2 sum W^2,   lambda = alpha / beta
        gamma = N - alpha tr(H^-1) over the N weights,   H = beta R'R + alpha [0, 1]
        alpha = gamma / (2 E_W),   beta = (n - gamma - biases) / (2 E_D)

    n numbers of data. The biases have no prior: all of them count as determined by the data.
    (D. MacKay 1992, "A practical Bayesian framework for backpropagation networks"; F. D. Foresee
    and M. Hagan 1997, "Gauss-Newton approximation to Bayesian learning".)
    """

    def __init__(self, objective: Any, theta: Vector, settings: Settings) -> None:
        if not isinstance(objective, Objective) or objective.network.loss != "squared_error":
            raise ValueError(
                "bayesian=True is for the objective of one network with squared_error; "
                f"got {objective!r}"
            )
        network, X, y, _, *rest = objective._arguments()
        data = Objective(network, X, y, 0.0, *rest)
        weights = [b.indices for b in network.blocks() if b.kind == "weights"]
        self.weights = np.sort(np.concatenate(weights))
        self.m = data._m()
        self.n_numbers = data._n_targets()
        self.n_biases = theta.size - self.weights.size
        self.penalty = objective.l2 or 1e-3  # lambda
        self.alpha = self.beta = self.gamma = self.evidence = math.nan
        self.change = math.inf
        super().__init__(data, theta, settings)
        self.secant = None  # both estimates are made of R'R

    def _squares(self, theta: Vector) -> float:
        return float(np.square(theta[self.weights]).sum())

    def _evaluate(self, theta: Vector) -> tuple[float, Vector]:
        J, D = super()._evaluate(theta)
        D[self.weights] += self.penalty / self.m * theta[self.weights]
        return J + self.penalty / (2 * self.m) * self._squares(theta), D

    def _matrix(self) -> NDArray[np.float64]:
        """R'R / m, from which both factors follow; then with the penalty that they give."""
        G = super()._matrix()
        self._estimate(G)
        G[self.weights, self.weights] += self.penalty / self.m
        return G

    def _estimate(self, G: NDArray[np.float64]) -> None:
        """alpha and beta anew, and the cost and gradient that they change."""
        damped = G.copy()
        damped[self.weights, self.weights] += self.penalty / self.m
        factor = cholesky(damped)
        if factor is None:  # rounding: as it was
            return
        inverse = solve(factor, np.eye(G.shape[0]))
        trace = float(np.diagonal(inverse)[self.weights].sum())
        squares = self._squares(self.x)
        data = self.cost - self.penalty / (2 * self.m) * squares
        N = self.weights.size
        self.gamma = min(max(N - self.penalty / self.m * trace, 0.0), float(N))
        free = self.n_numbers - self.gamma - self.n_biases
        if free <= 0 or data <= 0 or squares <= 0 or self.gamma <= 0:
            return  # too few data, or a perfect fit: nothing can be estimated
        self.alpha, self.beta = self.gamma / squares, free / (2 * self.m * data)
        self.evidence = self._log_evidence(G, data)
        penalty = self.alpha / self.beta
        self.change = abs(math.log(penalty / self.penalty))
        self.penalty = penalty
        self.cost, self.gradient = self._evaluate(self.x)

    def _log_evidence(self, G: NDArray[np.float64], data: float) -> float:
        """log p(y | X), the biases with the prior of the weights: without any, networks of more
        biases could not be compared with those of fewer."""
        P, penalty = G.shape[0], self.alpha / self.beta
        damped = G.copy()
        damped[np.diag_indices(P)] += penalty / self.m
        factor = cholesky(damped)
        if factor is None:
            return math.nan
        logarithm = 2 * float(np.log(np.diagonal(factor[0])).sum())
        return float(
            -self.beta * self.m * data
            - self.alpha / 2 * float(self.x @ self.x)
            - 0.5 * (logarithm + P * math.log(self.beta * self.m))
            + P / 2 * math.log(self.alpha)
            + self.n_numbers / 2 * math.log(self.beta / (2 * math.pi))
        )

    def _converged(self, fall: float) -> None:
        """As long as the penalty moves, the cost is not the one that is to be lowered."""
        if self.change <= STEADY:
            super()._converged(fall)
        elif self.cost <= self.settings.target:
            raise Stop(0, f"reached the target, a cost of {self.settings.target:g}")

    def _more(self) -> dict[str, Any]:
        return {
            "l2": self.penalty, "alpha": self.alpha, "beta": self.beta,
            "effective_parameters": self.gamma + self.n_biases, "log_evidence": self.evidence,
        }  # fmt: skip
