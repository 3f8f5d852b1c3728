"""Levenberg-Marquardt: Newton's method with the Gauss-Newton matrix, damped."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import validate
from fastbp.composable import Composable
from fastbp.optimize.secant import Secant

Vector = NDArray[np.float64]
TINY_STEP = 1e-15  # of theta: a step that changes nothing
MOST_DAMPING = 1e100
MOST = 2**31


def levenberg_marquardt(
    objective: Any,
    theta: Any,
    args: tuple[Any, ...] = (),
    *,
    maxiter: int = 1000,
    gtol: float = 1e-8,
    ftol: float = 1e-12,
    target: float = -math.inf,
    max_seconds: float = math.inf,
    damping: float = 1.0,
    acceleration: bool = False,
    bayesian: bool = False,
    validation: Any = None,
    patience: int = 20,
    callback: Callable[[Any], Any] | None = None,
    **unused: Any,
) -> Any:
    """Minimises J(theta) by damped steps with its Gauss-Newton matrix G.

        (G + mu 1) step = -D,   mu by Nielsen's rule from the gain of the step

    G is summed up tile by tile in the engine, never from an m x P matrix of residuals: memory is
    O(P^2), whatever m is; its Cholesky factor is SciPy's. For squared_error this is the classic
    method (Levenberg 1944, Marquardt 1963; H. B. Nielsen 1999, "Damping parameter in Marquardt's
    method"), for other losses the generalised one; the penalty l2 belongs to J. Where residuals
    stay large, what the Hessian has beyond G is estimated from the gradients and added (Dennis,
    Gay and Welsch 1981, "An adaptive nonlinear least-squares algorithm"), as long as it foretells
    the cost better. For up to some thousand parameters.

        result = fastbp.levenberg_marquardt(objective, theta)
        result = minimize(objective, theta, jac=True, method=fastbp.levenberg_marquardt)

    Parameters
    ----------
    objective : Objective
        Or a sum of objectives of networks, frozen in part, penalised.
    theta : array_like, shape (n_parameters,)
    args : tuple
        Empty; there because `scipy.optimize.minimize` passes it on.
    maxiter : int
        Steps that lower J, at most.
    gtol : float
        Ends where max |D| is no larger.
    ftol : float
        Ends where a step lowers J by less than ftol times J.
    target : float
        Ends where J is no larger.
    max_seconds : float
        Ends after this time.
    damping : float
        mu at the beginning, of the largest diagonal entry of G: from a random theta the first steps
        should be short, and near a minimum 1e-3 saves some.
    acceleration : bool
        Adds geodesic acceleration, the second order of the path (Transtrum and Sethna 2012); for
        squared_error alone, at one more evaluation of the residuals a step, and with G alone.
    bayesian : bool
        Of squared_error: the penalty is estimated by Bayesian regularisation (MacKay 1992; Foresee
        and Hagan 1997), beginning with the objective's l2. The result has `l2`, the estimate,
        `alpha`, `beta`, `effective_parameters` and `log_evidence`, by which networks of
        different sizes can be compared; `fun` is J with that l2.
    validation : objective, optional
        Samples that are not trained on, as `net.objective(X, y, l2=0)`: theta of their lowest cost
        is returned, and `patience` steps without a lower one end the fit.
    patience : int
    callback : callable, optional
        callback(result) after each step, with x, fun, jac, nit; StopIteration from it ends the fit.
    **unused
        What `minimize` passes to every method: jac, hess, hessp, bounds, constraints, tol. Bounds
        and constraints are refused.

    Returns
    -------
    scipy.optimize.OptimizeResult
        x, fun, jac, nit, nfev, njev, success, status, message; `damping`, the last mu; with
        validation its cost `validation`. Ctrl-C returns the best so far, with status 3.

    Raises
    ------
    ImportError
        If SciPy is missing.
    TypeError, ValueError
        If the objective has no Gauss-Newton matrix, or its loss no curvature, or theta does not
        fit.
    """
    problem = objective_behind(objective)
    refuse(args, unused)
    settings = Settings(
        validate.count(maxiter, "maxiter", MOST), float(gtol), float(ftol), float(target),
        float(max_seconds), float(damping), bool(acceleration), validation,
        validate.count(patience, "patience", MOST), callback,
    )  # fmt: skip
    kind = Fit
    if bayesian:
        from fastbp.optimize.bayesian import BayesianFit

        kind = BayesianFit
    return kind(problem, problem._vector(theta).astype(np.float64), settings).run()


@dataclass(frozen=True)
class Settings:
    """What `levenberg_marquardt` is told."""

    maxiter: int
    gtol: float
    ftol: float
    target: float
    max_seconds: float
    damping: float
    acceleration: bool
    validation: Any
    patience: int
    callback: Callable[[Any], Any] | None


class Stop(Exception):
    """Ends a fit.

    status : 0 converged, 1 a limit, 2 validation or callback, 3 interrupted, 4 no step lowers J
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Fit:
    """One run: where it is, and what it has counted."""

    def __init__(self, objective: Composable, theta: Vector, settings: Settings) -> None:
        self.objective: Any = objective
        self.settings = settings
        self.x = theta
        self.n_evaluations = self.n_matrices = self.n_steps = 0
        self.start = time.perf_counter()
        self.cost, self.gradient = self._evaluate(theta)
        self.mu = self.fall = 0.0
        self.secant = None if settings.acceleration else Secant(theta.size)
        self.best: tuple[float, Vector] = (math.inf, theta)  # of validation
        self.best_step = 0

    def run(self) -> Any:
        """The fit, to whatever ends it."""
        growth = 2.0
        try:
            self._check_start()
            G = self._matrix()
            self.mu = self.settings.damping * max(float(np.diagonal(G).max()), 1e-300)
            self._look()
            while True:
                step, predicted = self._step(G)
                before = self.gradient
                gain = self._try(step, predicted, G)
                if gain > 0:
                    self.mu *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                    growth = 2.0
                    self._after_step()
                    change = self.gradient - before
                    G = self._matrix()
                    if self.secant is not None:
                        self.secant.learn(step, change, G)
                else:
                    if np.abs(step).max() <= TINY_STEP * (np.abs(self.x).max() + TINY_STEP):
                        raise Stop(0, "converged: steps change theta no more")
                    self.mu *= growth
                    growth *= 2
                    if self.mu > MOST_DAMPING:
                        raise Stop(4, "no step lowers the cost")
                if time.perf_counter() - self.start > self.settings.max_seconds:
                    raise Stop(1, f"reached {self.settings.max_seconds:g} seconds")
        except Stop as stop:
            return self._result(stop.status, str(stop))
        except KeyboardInterrupt:
            return self._result(3, "interrupted: this is the best so far")

    def _check_start(self) -> None:
        if not math.isfinite(self.cost):
            raise ValueError(f"the cost at theta is {self.cost}; start where it is finite")
        self._converged(math.inf)

    def _evaluate(self, theta: Vector) -> tuple[float, Vector]:
        self.n_evaluations += 1
        return self.objective(theta)  # type: ignore[no-any-return]

    def _more(self) -> dict[str, Any]:
        """What the result has besides."""
        return {}

    def _matrix(self) -> NDArray[np.float64]:
        self.n_matrices += 1
        G = self.objective._gauss_newton_matrix(self.x)
        if not np.diagonal(G).any():
            raise ValueError(
                "the Gauss-Newton matrix is 0: a loss such as absolute_error, quantile or hinge "
                "has no curvature; take squared_error, huber, log_cosh, squared_hinge or "
                "cross_entropy, or a method such as L-BFGS-B"
            )
        return G  # type: ignore[no-any-return]

    def _step(self, G: NDArray[np.float64]) -> tuple[Vector, float]:
        """The damped step, and by how much J should fall."""
        factor = self._factor(G)
        step = -solve(factor, self.gradient)
        predicted = 0.5 * float(step @ (self.mu * step - self.gradient))
        if self.settings.acceleration:
            step = step + self._acceleration(factor, step)
        return step, predicted

    def _factor(self, G: NDArray[np.float64]) -> Any:
        """The Cholesky factor of G + mu 1, or of G + S + mu 1, with more damping where the matrix
        is not positive definite: G by rounding, G + S anywhere."""
        while True:
            damped = np.array(G, order="F")
            if self.secant is not None and self.secant.is_used:
                damped += self.secant.matrix
            damped[np.diag_indices_from(damped)] += self.mu
            factor = cholesky(damped)
            if factor is not None:
                return factor
            self.mu = max(4 * self.mu, 1e-16 * float(np.diagonal(G).max()))

    def _acceleration(self, factor: Any, step: Vector) -> Vector:
        """-1/2 (G + mu 1)^-1 R' r_vv, where r_vv is the second derivative of the residuals along
        the step, by a difference; nothing where it would bend the path too much."""
        h = 0.1
        operator = self.objective.jacobian_operator(self.x)
        moved = self.objective.residuals(self.x + h * step) - self.objective.residuals(self.x)
        second = 2 / h * (moved / h - operator @ step)
        bend = -0.5 * solve(factor, operator.T @ second)
        size = float(np.linalg.norm(step))
        return bend if 2 * float(np.linalg.norm(bend)) <= 0.75 * size else np.zeros_like(bend)

    def _try(self, step: Vector, predicted: float, G: NDArray[np.float64]) -> float:
        """Goes to x + step if J is lower there; returns by how much, of what was predicted."""
        theta = self.x + step
        cost, gradient = self._evaluate(theta)
        if self.secant is not None and math.isfinite(cost):
            self.secant.choose(cost - self.cost, step, self.gradient, G)
        if not cost < self.cost or predicted <= 0:
            return -1.0
        gain = (self.cost - cost) / predicted
        fall = (self.cost - cost) / max(abs(self.cost), 1e-300)
        # At once: Ctrl-C must not part theta from its cost.
        self.x, self.cost, self.gradient, self.fall = theta, cost, gradient, fall
        self.n_steps += 1
        return float(gain)

    def _after_step(self) -> None:
        self._look()
        if self.settings.callback is not None:
            try:
                self.settings.callback(self._result(-1, "running"))
            except StopIteration:
                raise Stop(2, "the callback has ended the fit") from None
        self._converged(self.fall)
        if self.n_steps >= self.settings.maxiter:
            raise Stop(1, f"reached {self.settings.maxiter} iterations")

    def _converged(self, fall: float) -> None:
        if self.cost <= self.settings.target:
            raise Stop(0, f"reached the target, a cost of {self.settings.target:g}")
        if np.abs(self.gradient).max() <= self.settings.gtol:
            raise Stop(0, f"converged: no slope is larger than {self.settings.gtol:g}")
        if fall < self.settings.ftol:
            raise Stop(0, f"converged: a step lowers the cost by less than {self.settings.ftol:g}")

    def _look(self) -> None:
        """At the samples that are not trained on."""
        if self.settings.validation is None:
            return
        cost = self.settings.validation.cost(self.x)
        if cost < self.best[0]:
            self.best, self.best_step = (cost, self.x), self.n_steps
        elif self.n_steps - self.best_step >= self.settings.patience:
            raise Stop(
                2,
                f"stopped: {self.settings.patience} steps without a lower cost of the validation "
                "samples",
            )

    def _result(self, status: int, message: str) -> Any:
        from scipy.optimize import OptimizeResult

        x, cost, gradient = self.x, self.cost, self.gradient
        more = self._more()
        if self.settings.validation is not None and math.isfinite(self.best[0]):
            more["validation"] = self.best[0]
            if status >= 0 and self.best[1] is not x:
                x = self.best[1]
                cost, gradient = self._evaluate(x)
        found = {
            "x": x.copy(), "fun": cost, "jac": gradient.copy(), "nit": self.n_steps,
            "nfev": self.n_evaluations, "njev": self.n_matrices, "success": status in (0, 2),
            "status": status, "message": message, "damping": self.mu,
        }  # fmt: skip
        return OptimizeResult(**found, **more)


def cholesky(matrix: NDArray[np.float64]) -> Any:
    """The factor as `solve` takes it; None if the matrix is not positive definite."""
    try:
        from scipy.linalg import LinAlgError, cho_factor
    except ImportError as error:
        raise ImportError("levenberg_marquardt needs SciPy: pip install scipy") from error
    try:
        return cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None


def solve(factor: Any, vector: Vector) -> Vector:
    """The solution for the matrix that was factored."""
    from scipy.linalg import cho_solve

    x: Vector = cho_solve(factor, vector, check_finite=False)
    return x


def objective_behind(function: Any) -> Composable:
    """The objective itself, which `minimize` may have wrapped."""
    for _ in range(3):
        if isinstance(function, Composable):
            break
        function = getattr(function, "__self__", None) or getattr(function, "fun", function)
    if not isinstance(function, Composable):
        raise TypeError(
            f"levenberg_marquardt needs an objective, net.objective(X, y), not "
            f"{validate.described(function)}: it makes use of more than J and its gradient"
        )
    try:
        _ = function._gauss_newton_matrix  # type: ignore[attr-defined]
    except AttributeError as error:
        raise TypeError(
            f"{function!r} has no Gauss-Newton matrix; objectives of networks have one ({error})"
        ) from error
    return function


def refuse(args: tuple[Any, ...], unused: dict[str, Any]) -> None:
    """What this method cannot do must not be asked for in silence."""
    if args:
        raise ValueError("an objective takes no args; bind the data: net.objective(X, y)")
    known = {"jac", "hess", "hessp", "bounds", "constraints", "tol", "disp"}
    for name, value in unused.items():
        if name not in known:
            raise TypeError(f"levenberg_marquardt has no option {name!r}")
        empty = value is None or (name == "constraints" and len(value) == 0)
        if name in ("bounds", "constraints") and not empty:
            raise ValueError(
                f"levenberg_marquardt knows no {name}; scipy.optimize.least_squares(method='trf') "
                "takes bounds, with objective.residuals and objective.jacobian"
            )
