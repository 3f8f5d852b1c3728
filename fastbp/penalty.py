"""What is added to an objective for the size of its parameters."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import validate
from fastbp.composable import Composable, Composite
from fastbp.composed_derivatives import directions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.last_evaluation import Result


class Penalty(Composite):
    """What `with_penalty` adds to an objective.

        l2/(2m) sum_j (theta_j - towards_j)^2 + l1/m sum_j |theta_j - towards_j|

    See `Composable.with_penalty`. `hessp` is that of the first sum: the second has curvature
    nowhere but at 0.
    """

    __slots__ = ("biases", "l1", "l2", "objective", "towards", "where")

    _made_by = "objective.with_penalty(...)"
    objective: Composable
    l2: float
    l1: float
    biases: bool
    towards: "NDArray[np.float64] | None"
    where: "NDArray[np.bool_]"  # the parameters in the sums

    def __init__(
        self, objective: Composable, l2: float, l1: float, biases: bool, towards: Any
    ) -> None:
        biases = validate.flag(biases, "biases")
        where = np.ones(objective.n_parameters, bool)
        for block in [] if biases else objective.blocks():
            if block.kind == "bias":
                where[block.indices] = False
        self._set(
            n_parameters=objective.n_parameters,
            objective=objective,
            l2=validate.non_negative(l2, "l2"),
            l1=validate.non_negative(l1, "l1"),
            biases=biases,
            where=where,
            towards=None,
        )
        if towards is not None:
            towards = self._vector(towards, "towards").copy()
            validate.finite_reals(towards, validate.FLOAT64, "towards", in_place=True)
            self._set(towards=towards)

    def __call__(self, theta: Any, rows: Any = None) -> "Result":
        """The penalty and its fresh gradient; m is that of these rows, if there are some."""
        J, D = self._at(theta, rows, gradient=True)
        return J, D

    def cost(self, theta: Any, rows: Any = None) -> float:
        """The penalty alone."""
        return self._at(theta, rows, gradient=False)[0]

    fun = cost

    def jac(self, theta: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient of the penalty."""
        return self(theta, rows)[1]

    def hessian_diagonal(self, theta: Any) -> "NDArray[np.float64]":
        """l2/m, and 0 for what is not penalised."""
        self._vector(theta)
        return np.where(self.where, self.l2 / self.objective._m(), 0.0)

    def hessian(self, theta: Any) -> "NDArray[np.float64]":
        """The diagonal matrix of `hessian_diagonal`."""
        return np.diag(self.hessian_diagonal(theta))

    _gauss_newton_matrix = hessian

    def hessp(self, theta: Any, v: Any) -> "NDArray[np.float64]":
        """l2/m v, and 0 for what is not penalised; v may have k directions in columns."""
        along = directions(self, v)
        diagonal = self.hessian_diagonal(theta)
        return (diagonal if along.ndim == 1 else diagonal[:, None]) * along

    gauss_newton_product = hessp

    def _at(self, theta: Any, rows: Any, gradient: bool) -> tuple[float, Any]:
        """J, and D if it is wanted; each penalty adds its own to both."""
        vector, m = self._vector(theta), self.objective._m(rows)
        J, D = 0.0, np.zeros(self.n_parameters) if gradient else None
        with np.errstate(all="ignore"):  # J itself becomes inf or nan
            away = vector if self.towards is None else vector - self.towards
            d = np.where(self.where, away, 0.0)
            if self.l2 != 0:
                J += self.l2 / (2 * m) * float(np.add.reduce(d * d))
                if D is not None:
                    D += (self.l2 / m) * d
            if self.l1 != 0:
                J += self.l1 / m * float(np.add.reduce(np.abs(d)))
                if D is not None:
                    D += (self.l1 / m) * np.sign(d)
        return J, D

    def _samples(self) -> int | None:
        return None

    def _objectives(self) -> tuple[Composable, ...]:
        return ()

    def _arguments(self) -> tuple[Any, ...]:
        return (self.objective, self.l2, self.l1, self.biases, self.towards)

    def __repr__(self) -> str:
        biases = ", biases" if self.biases else ""
        towards = "" if self.towards is None else ", towards a theta"
        return f"<Penalty: l2={self.l2:g}, l1={self.l1:g}{biases}{towards}>"
