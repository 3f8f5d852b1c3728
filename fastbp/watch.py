"""An objective as an optimiser calls it, watched: the best point so far, and when it is enough.

Whatever ends a method, its own rule, a limit, samples that it does not see, or Ctrl-C, the best
point is known.
"""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.objective import Objective


class Enough(Exception):
    """Ends a method, and says why.

    rule : "maxiter" or "patience"
    """

    def __init__(self, message: str, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass
class Validation:
    """Samples that training does not see: what they cost says when to stop.

    objective : of these samples, without a penalty
    patience : iterations without a lower cost after which training ends
    """

    objective: "Objective"
    patience: int
    cost: float = math.inf
    theta: "NDArray[np.float64] | None" = None
    iteration: int = 0

    def look(self, theta: "NDArray[np.float64]", iteration: int) -> None:
        """Keep the point if it is the best so far; `Enough` if there was none for long."""
        cost = self.objective.cost(theta)
        if cost < self.cost:
            self.cost, self.theta, self.iteration = cost, theta, iteration
        elif iteration - self.iteration >= self.patience:
            raise Enough(
                f"stopped: {self.patience} iterations without a lower cost of the validation "
                "samples",
                "patience",
            )


class Watch:
    """The objective as scipy calls it; remembers the best point.

    Parameters
    ----------
    objective : Objective
    maxiter : int
        Iterations after which it is `Enough`.
    validation : Validation, optional
        Looks at the best point after each iteration.
    counts_evaluations : bool
        Whether each evaluation is an iteration, of a method that reports none.

    Attributes
    ----------
    best : (cost, theta or None, norm of the gradient or None)
        One tuple, so that Ctrl-C cannot part the cost from its theta.
    iterations, evaluations : int
    seconds_objective : float
        Time spent in evaluations.
    """

    def __init__(
        self,
        objective: "Objective",
        maxiter: int,
        validation: Validation | None = None,
        counts_evaluations: bool = False,
    ) -> None:
        self.objective = objective
        self.validation = validation
        self.maxiter = maxiter
        self.counts_evaluations = counts_evaluations
        self.iterations = 0
        self.evaluations = 0
        self.seconds_objective = 0.0
        self.best: tuple[float, NDArray[np.float64] | None, float | None] = (math.inf, None, None)

    def with_gradient(self, theta: "NDArray[np.float64]") -> "tuple[float, NDArray[np.float64]]":
        """J and D."""
        start = time.perf_counter()
        cost, gradient = self.objective(theta)
        self._took(start)
        if cost < self.best[0]:
            norm = math.sqrt(float(np.square(gradient).sum()))
            self.best = (cost, np.array(theta, dtype=np.float64), norm)
        self.show()
        return cost, gradient

    def without_gradient(self, theta: "NDArray[np.float64]") -> float:
        """J."""
        start = time.perf_counter()
        cost = self.objective.cost(theta)
        self._took(start)
        if cost < self.best[0]:
            self.best = (cost, np.array(theta, dtype=np.float64), None)
        if self.counts_evaluations:
            self.iterations = self.evaluations
            self._stop_at_limit()
        self.show()
        return cost

    def callback(self, *_: Any) -> None:
        """An iteration is done."""
        if not self.counts_evaluations:
            self.iterations += 1
            self.show()
            self._stop_at_limit()

    def show(self) -> None:
        """For whoever wants to see how it goes: called after each evaluation and iteration."""

    def _stop_at_limit(self) -> None:
        """Raises `Enough` after the last iteration, or if validation says so."""
        best = self.best[1]
        if self.validation is not None and best is not None:
            self.validation.look(best, self.iterations)
        if self.iterations >= self.maxiter:
            raise Enough(f"reached {self.maxiter} iterations", "maxiter")

    def _took(self, start: float) -> None:
        """Counts an evaluation that began at `start`."""
        self.seconds_objective += time.perf_counter() - start
        self.evaluations += 1
