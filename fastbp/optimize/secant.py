"""What the Hessian has beyond the Gauss-Newton matrix, estimated from gradients that are there."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
# By this factor one model errs less than the other. At 3 fits with large residuals go as far as at
# NL2SOL's 1.5, and those without noise further.
CLEARLY = 3.0
STEEP = 1e-8  # of |step| |y|: a product step'y that is not rounding


class Secant:
    """S, so that G + S is a better model of the Hessian than G where residuals are large.

        S+ = S + (w y' + y w') / y's - (w's) / (y's)^2 y y',     w = (y - G s) - S s

    for the step s that has changed the gradient by y, G at its end; before it, S is made smaller
    where s'S s is larger than s'(y - G s). Then (G + S+) s = y. Which model the next step is made
    with, G or G + S, is what the last step showed: the one that erred less about the cost.
    (J. Dennis, D. Gay, R. Welsch 1981, "An adaptive nonlinear least-squares algorithm", NL2SOL.)

    Parameters
    ----------
    n : int
        Number of parameters.

    Attributes
    ----------
    matrix : ndarray, shape (n, n)
        S, its lower half.
    is_used : bool
        Whether the next step is made with it.
    """

    def __init__(self, n: int) -> None:
        self.matrix: NDArray[np.float64] = np.zeros((n, n), order="F")
        self.is_used = False

    def times(self, v: Vector) -> Vector:
        """S v."""
        from scipy.linalg.blas import dsymv

        product: Vector = dsymv(1.0, self.matrix, v, lower=1)
        return product

    def choose(self, change: float, step: Vector, D: Vector, G: NDArray[np.float64]) -> None:
        """The model for the next step, after one that has changed the cost by `change`."""
        foretold = float(step @ D + 0.5 * (step @ (G @ step)))
        without = abs(change - foretold)
        with_it = abs(change - foretold - 0.5 * float(step @ self.times(step)))
        if self.is_used and CLEARLY * without < with_it:
            self.is_used = False
        elif not self.is_used and CLEARLY * with_it < without:
            self.is_used = True

    def learn(self, step: Vector, y: Vector, G: NDArray[np.float64]) -> None:
        """From a step that has changed the gradient by y; G at its end."""
        from scipy.linalg.blas import dsyr, dsyr2

        missing = y - G @ step
        along, there = float(step @ missing), float(step @ self.times(step))
        if abs(along) < abs(there):
            self.matrix *= abs(along) / abs(there)
        slope = float(step @ y)
        if slope <= STEEP * float(np.linalg.norm(step) * np.linalg.norm(y)):
            return  # no curvature along the step to scale by
        w = missing - self.times(step)
        S = dsyr2(1 / slope, w, y, a=self.matrix, lower=1, overwrite_a=1)
        factor = -float(w @ step) / slope**2
        self.matrix = dsyr(factor, y, a=S, lower=1, overwrite_a=1)
