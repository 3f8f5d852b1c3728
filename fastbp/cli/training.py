"""Training through scipy that keeps the best point, whatever ends it."""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli import blas
from fastbp.cli.errors import CommandError
from fastbp.cli.progress import Progress, Silent, duration
from fastbp.objective import Objective
from fastbp.watch import Enough, Validation, Watch

WITH_GRADIENT = ("L-BFGS-B", "TNC", "BFGS", "CG", "Newton-CG", "SLSQP", "trust-constr")
WITHOUT_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")
WITH_HESSIAN = ("dogleg", "trust-ncg", "trust-exact", "trust-krylov")


def method(text: str) -> str:
    """An argparse type: a method of `scipy.optimize.minimize`, upper and lower case alike."""
    usable = WITH_GRADIENT + WITHOUT_GRADIENT
    for name in usable:
        if name.lower() == text.lower():
            return name
    if text.lower() in WITH_HESSIAN:
        raise argparse.ArgumentTypeError(
            f"{text!r} needs a Hessian, which is not computed here; use {WITH_GRADIENT[0]}"
        )
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a method of scipy.optimize.minimize; choose from {', '.join(usable)}"
    )


def scipy_minimize() -> Callable[..., Any]:
    """`scipy.optimize.minimize`, imported only now; called early, it says early what is missing."""
    try:
        minimize: Callable[..., Any] = import_module("scipy.optimize").minimize
    except ImportError:
        raise CommandError(
            "training needs SciPy, which is not installed: pip install scipy"
        ) from None
    return minimize


@dataclass(frozen=True)
class Outcome:
    """How training ended. `theta` has the lowest cost of all points evaluated, or, with validation
    samples, of the points after each iteration the lowest cost of those."""

    theta: NDArray[np.float64]
    cost: float
    gradient_norm: float | None
    iterations: int
    evaluations: int
    message: str
    seconds: float
    seconds_objective: float
    seconds_display: float

    def times(self) -> str:
        """Time in our code, in scipy and in the display, apart."""
        rest = max(self.seconds - self.seconds_objective - self.seconds_display, 0.0)
        return (
            f"{duration(self.seconds)} = {self.seconds_objective:.3f} s in fastbp "
            f"({self.evaluations} evaluations, "
            f"{1e6 * self.seconds_objective / self.evaluations:.0f} us each) "
            f"+ {rest:.3f} s in scipy + {self.seconds_display:.3f} s for this display"
        )


class _Watch(Watch):
    """A `Watch` that feeds the progress line."""

    def __init__(
        self,
        objective: Objective,
        method: str,
        maxiter: int,
        validation: Validation | None,
        quiet: bool,
    ) -> None:
        # COBYLA's iterations are its evaluations, and it does not report them
        super().__init__(objective, maxiter, validation, method == "COBYLA")
        self.progress = Silent() if quiet else Progress(sys.stdout, maxiter)
        self.seconds_display = 0.0

    def finish(self) -> None:
        """The last state of the line."""
        self.progress.finish(self.iterations, self.evaluations, self.best[0], self.best[2])

    def show(self) -> None:
        """The line as it is now, if one is due."""
        start = time.perf_counter()
        self.progress.update(self.iterations, self.evaluations, self.best[0], self.best[2])
        self.seconds_display += time.perf_counter() - start


def train(
    objective: Objective,
    theta: NDArray[np.float64],
    *,
    method: str = "L-BFGS-B",
    maxiter: int = 200,
    validation: Validation | None = None,
    quiet: bool = False,
) -> Outcome:
    """Minimise the objective from `theta` by a method of scipy; Ctrl-C keeps the best so far.

    Parameters
    ----------
    objective
        The cost and its gradient.
    theta : shape (n_parameters,)
        The start.
    method
        A name out of `WITH_GRADIENT` or `WITHOUT_GRADIENT`.
    maxiter
        Iterations at most.
    validation
        Samples that decide which point is kept, and when training ends.
    quiet
        Whether nothing is shown, and Ctrl-C is passed on.

    Raises
    ------
    KeyboardInterrupt
        Before there was any point to keep.
    CommandError
        No point had a finite cost.
    """
    minimize = scipy_minimize()
    gradient = method in WITH_GRADIENT
    watch = _Watch(objective, method, maxiter, validation, quiet)
    start = time.perf_counter()
    try:
        with warnings.catch_warnings(), blas.one_thread():
            # The report says how training ended, also where SciPy would warn.
            warnings.simplefilter("ignore")
            result = minimize(
                watch.with_gradient if gradient else watch.without_gradient,
                theta,
                jac=True if gradient else None,
                method=method,
                callback=watch.callback,
                options=_options(method, maxiter),
            )
        message = str(result.message)
    except Enough as enough:
        message = f"{enough} (--{enough.rule})"
    except KeyboardInterrupt:
        message = "interrupted; going on with the best so far"
        if quiet or watch.best[1] is None:
            raise
    seconds = time.perf_counter() - start
    cost, best, norm = watch.best
    if best is None:
        raise CommandError(
            "no point reached a finite cost; scale the data down or try another --seed"
        )
    watch.finish()
    if validation is not None and validation.theta is not None:
        message += f"; kept iteration {validation.iteration}, the best on the validation samples"
        best = validation.theta
        cost, norm = objective.cost(best), None
    return Outcome(
        theta=best,
        cost=cost,
        gradient_norm=norm,
        iterations=watch.iterations,
        evaluations=watch.evaluations,
        message=" ".join(message.split()),
        seconds=seconds,
        seconds_objective=watch.seconds_objective,
        seconds_display=watch.seconds_display,
    )


def _options(method: str, maxiter: int) -> dict[str, Any]:
    """Lift every limit but that on iterations, which `_Watch` keeps where scipy does not."""
    unlimited = sys.maxsize // 2
    if method == "TNC":
        return {"maxfun": 2**31 - 1}
    if method == "L-BFGS-B":
        return {"maxiter": maxiter, "maxfun": unlimited}
    if method == "COBYQA":
        return {"maxiter": maxiter, "maxfev": unlimited}
    return {"maxiter": maxiter}
