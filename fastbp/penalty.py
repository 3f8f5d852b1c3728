"""What is added to an objective for the size of its parameters."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import validate
from fastbp.composable import Composable, Composite
from fastbp.composed_derivatives import directions
from fastbp.regularisers import REGULARISERS, Regulariser, Terms, terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from fastbp.last_evaluation import Result


class Penalty(Composite):
    """What `with_penalty` adds to an objective: regularisers of regularisers.py, divided by m.

    See `Composable.with_penalty`. Where a regulariser has a kink, `hessp` is the derivative beside
    it; all are convex, so that the Gauss-Newton matrix is the Hessian.

    Attributes
    ----------
    strengths : dict
        Those that are not 0, as they were given.
    """

    __slots__ = ("_terms", "biases", "objective", "smooth", "strengths", "towards")

    _made_by = "objective.with_penalty(...)"
    objective: Composable
    strengths: "dict[str, Any]"
    biases: bool
    towards: "NDArray[np.float64] | None"
    smooth: float
    _terms: "tuple[tuple[Regulariser, Terms], ...]"

    def __init__(
        self,
        objective: Composable,
        strengths: "Mapping[str, Any]",
        biases: bool = False,
        towards: Any = None,
        smooth: float = 0.0,
    ) -> None:
        biases = validate.flag(biases, "biases")
        where = np.ones(objective.n_parameters, bool)
        blocks = objective.blocks()
        for block in [] if biases else blocks:
            if block.kind == "bias":
                where[block.indices] = False
        made = {name: terms_of(name, s, blocks, where) for name, s in strengths.items()}
        self._set(
            n_parameters=objective.n_parameters,
            objective=objective,
            strengths={name: strengths[name] for name, terms in made.items() if terms},
            biases=biases,
            towards=None,
            smooth=validate.non_negative(smooth, "smooth"),
            _terms=tuple((REGULARISERS[name], terms) for name, terms in made.items() if terms),
        )
        if towards is not None:
            towards = self._vector(towards, "towards").copy()
            validate.finite_reals(towards, validate.FLOAT64, "towards", in_place=True)
            self._set(towards=towards)

    @property
    def _further(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.objective._further

    def __call__(self, theta: Any, rows: Any = None) -> "Result":
        """The penalty and its fresh gradient; m is that of these rows, if there are some."""
        m, D = self.objective._m(rows), np.zeros(self.n_parameters)
        J = 0.0
        with np.errstate(all="ignore"):  # J itself becomes inf or nan
            for row, terms, d in self._parts(theta):
                J += row.value(terms, d, self.smooth)
                D[terms.places] += row.slope(terms, d, self.smooth)
            return J / m, D / m

    def cost(self, theta: Any, rows: Any = None) -> float:
        """The penalty alone."""
        m = self.objective._m(rows)
        with np.errstate(all="ignore"):
            return sum(row.value(t, d, self.smooth) for row, t, d in self._parts(theta)) / m

    fun = cost

    def jac(self, theta: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient of the penalty."""
        return self(theta, rows)[1]

    def hessian_diagonal(self, theta: Any) -> "NDArray[np.float64]":
        """The diagonal of the Hessian: 0 for what is not penalised."""
        out = np.zeros(self.n_parameters)
        for row, terms, d in self._parts(theta):
            out[terms.places] += row.diagonal(terms, d, self.smooth)
        return out / self.objective._m()

    def hessian(self, theta: Any) -> "NDArray[np.float64]":
        """The Hessian; diagonal where no groups are penalised."""
        if all(row.groups == "entry" for row, _ in self._terms):
            return np.diag(self.hessian_diagonal(theta))
        H = self.hessp(theta, np.eye(self.n_parameters))
        return 0.5 * (H + H.T)

    _gauss_newton_matrix = hessian

    def hessp(self, theta: Any, v: Any) -> "NDArray[np.float64]":
        """The Hessian times v, which may have k directions in columns."""
        along = directions(self, v)
        out = np.zeros(along.shape)
        for row, terms, d in self._parts(theta):
            out[terms.places] += row.product(terms, d, self.smooth, along[terms.places])
        return out / self.objective._m()

    gauss_newton_product = hessp

    def residuals(self, theta: Any) -> "NDArray[np.float64]":
        """root(l2/m) (theta_j - towards_j) of all that is penalised, half whose square is J.

        Raises
        ------
        ValueError
            If there is another regulariser than l2: it is no square.
        """
        self._check_squares()
        root = np.sqrt(1 / self.objective._m())
        parts = [root * np.sqrt(t.strength) * d for _, t, d in self._parts(theta)]
        return np.concatenate([*parts, np.empty(0)])

    def jacobian(self, theta: Any) -> "NDArray[np.float64]":
        """The Jacobian of `residuals`, (rows, n_parameters)."""
        self._check_squares()
        self._vector(theta)
        root = np.sqrt(1 / self.objective._m())
        out = np.zeros((sum(len(t.places) for _, t in self._terms), self.n_parameters))
        at = 0
        for _, terms in self._terms:
            rows = np.arange(at, at + len(terms.places))
            out[rows, terms.places] = root * np.sqrt(terms.strength)
            at += len(rows)
        return out

    def _check_squares(self) -> None:
        other = [name for name in self.strengths if not REGULARISERS[name].is_square]
        if other:
            raise ValueError(
                f"the penalty {' and '.join(other)} is no square, and has no residuals: "
                "fastbp.levenberg_marquardt takes it, by its Gauss-Newton matrix, and every "
                "method that takes a gradient"
            )

    def _parts(self, theta: Any) -> "Iterator[tuple[Regulariser, Terms, NDArray[np.float64]]]":
        """Each regulariser, what it is applied to, and d there."""
        vector = self._vector(theta)
        with np.errstate(all="ignore"):
            away = vector if self.towards is None else vector - self.towards
        for row, terms in self._terms:
            yield row, terms, away[terms.places]

    def _samples(self) -> int | None:
        return None

    def _objectives(self) -> tuple[Composable, ...]:
        return ()

    def _arguments(self) -> tuple[Any, ...]:
        return (self.objective, self.strengths, self.biases, self.towards, self.smooth)

    def __repr__(self) -> str:
        each = [f"{name}={value!r}" for name, value in self.strengths.items()] or ["nothing"]
        if self.smooth:
            each.append(f"smooth={self.smooth:g}")
        biases = ", biases" if self.biases else ""
        towards = "" if self.towards is None else ", towards a theta"
        return f"<Penalty: {', '.join(each)}{biases}{towards}>"
