"""What objectives of networks and of circuits have in common: a model bound to data."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import threads, validate
from fastbp.composable import Composable
from fastbp.last_evaluation import LastEvaluation, referred

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Bound(Composable):
    """J(theta) and its gradient D for one model and one set of data; for any optimiser.

    A subclass says what is evaluated:

        _evaluate(vector)    J and a fresh D; None if it cannot read the vector where it lies
        _cost(vector)        J alone
        _into(vector, out)   J; D is written to `out`, which shares no memory with the vector
        _products()          about how many products a cost takes
        _engines()           what it evaluates with, for the counters
        _is_mean             whether J is a mean over the samples
        _words()             the model and its settings, for repr

    and `_arguments`, for which `Composable` asks. A vector is what `_vector` makes of theta.
    """

    __slots__ = (
        "_explicit_threads", "_last", "n_parameters", "n_samples", "n_threads", "sample_weight",
    )  # fmt: skip

    n_parameters: int
    n_samples: int
    n_threads: int
    sample_weight: "NDArray[Any] | None"
    _explicit_threads: int | None  # what the caller asked for: a pickle of it resolves it anew
    _last: LastEvaluation

    def _bind(
        self,
        n_parameters: int,
        n_samples: int,
        sample_weight: Any,
        n_threads: int | None,
        read: "Iterable[tuple[NDArray[Any], Any]]",
    ) -> None:
        """Sets what every objective has; `read`: each array of data, and what was given for it."""
        weights = validate.sample_weight(sample_weight, n_samples)
        limit = threads.resolve(n_threads)
        self._set(
            n_parameters=n_parameters,
            n_samples=n_samples,
            sample_weight=weights,
            n_threads=limit,
            _explicit_threads=n_threads,
            _last=LastEvaluation(referred(read, weights), limit),
        )

    # What a subclass says

    def _evaluate(self, vector: Any) -> Any:
        raise NotImplementedError

    def _cost(self, vector: "NDArray[np.float64]") -> float:
        raise NotImplementedError

    def _into(self, vector: "NDArray[np.float64]", out: "NDArray[np.float64]") -> float:
        raise NotImplementedError

    def _products(self) -> int:
        raise NotImplementedError

    def _engines(self) -> Iterable[Any]:
        raise NotImplementedError

    @property
    def _is_mean(self) -> bool:
        raise NotImplementedError

    def _words(self) -> tuple[str, str]:
        raise NotImplementedError

    # Rows: only a network has them

    def _on_rows(self, theta: Any, rows: Any, gradient: bool) -> tuple[float, Any]:
        """As `_evaluate`, of some rows of the data; D is None if no gradient is wanted."""
        raise _no_rows()

    def _row_numbers(self, rows: Any) -> Any:
        """`rows` as a slice or a vector of int64."""
        raise _no_rows()

    def _samples(self) -> int | None:
        raise _no_rows()

    # What follows from it

    def __call__(self, theta: Any, rows: Any = None) -> "tuple[float, NDArray[np.float64]]":
        """The cost and a fresh gradient at `theta`.

        Parameters
        ----------
        theta : ndarray, shape (n_parameters,)
            Contiguous float64 is read in place; anything else is converted. The one parameter of a
            circuit may be a number.
        rows : slice, or array_like of int or bool, shape (k,) or (m,), optional
            Of a network: J and D of these samples alone, gathered from the data that is bound, with
            the bits of an objective of X[rows] and y[rows]. Negative numbers count from the end; a
            number may come several times. m, or the sum of the weights, is that of these rows.

        Returns
        -------
        J : float
        D : ndarray of float64, shape (n_parameters,)

        Raises
        ------
        TypeError, ValueError
            If theta has the wrong length or shape, or is not real, or if there are no rows.
        IndexError
            If there is no such row.
        """
        if rows is not None:
            return self._on_rows(theta, rows, True)
        result = self._evaluate(theta)
        if result is None:
            result = self._evaluate(self._vector(theta))
        return result  # type: ignore[no-any-return]

    def cost(self, theta: Any, rows: Any = None) -> float:
        """The cost alone, a float, without the work of a gradient; for methods that need none.

        It has the bits of the J of a call. Parameters and errors are those of a call.
        """
        if rows is not None:
            return self._on_rows(theta, rows, False)[0]
        return self._cost(self._vector(theta))

    def fun(self, theta: Any, rows: Any = None) -> float:
        """The cost at `theta`, a float; for optimisers that take cost and gradient apart.

        `fun` and `jac` at the same theta share one evaluation, unless the data has changed since,
        or is so large beside the work that to look for a change takes longer than the cost, or
        `rows` are given. Parameters and errors are those of a call.
        """
        if rows is not None:
            return self._on_rows(theta, rows, False)[0]
        vector = self._vector(theta)
        return self._last.at(vector, self._evaluate)[0] if self._shares() else self._cost(vector)

    def jac(self, theta: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient D at `theta`, a fresh array of float64, shape (n_parameters,).

        It shares evaluations with `fun`. Parameters and errors are those of a call.
        """
        if rows is not None:
            return self._on_rows(theta, rows, True)[1]  # type: ignore[no-any-return]
        vector = self._vector(theta)
        if self._shares():
            return self._last.at(vector, self._evaluate)[1].copy()
        return self._evaluate(vector)[1]  # type: ignore[no-any-return]

    def _shares(self) -> bool:
        """Whether `fun` and `jac` share evaluations."""
        shared = self._last.is_shared
        return self._last.decide(self._products) if shared is None else shared

    def _write(self, theta: Any, out: "NDArray[np.float64]") -> float:
        """See Composable._write; theta is copied where it shares memory with `out`."""
        vector = self._vector(theta)
        return self._into(vector.copy() if np.may_share_memory(vector, out) else vector, out)

    def _m(self, rows: Any = None) -> float:
        numbers = None if rows is None else self._row_numbers(rows)
        return self._mass(numbers) if self._is_mean else 1.0

    def _mass(self, numbers: Any) -> float:
        """The number of samples, all or these rows; or the sum of their weights as they are now."""
        if self.sample_weight is not None:
            weights = self.sample_weight if numbers is None else self.sample_weight[numbers]
            return float(np.sum(weights, dtype=float))
        if numbers is None:
            return self.n_samples
        if isinstance(numbers, slice):
            return len(range(self.n_samples)[numbers])
        return len(numbers)

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations since the objective was made."""
        return sum(engine.n_evaluations for engine in self._engines())

    @property
    def seconds(self) -> float:
        """Time spent in the evaluations, in seconds."""
        return float(sum(engine.seconds for engine in self._engines()))

    def __repr__(self) -> str:
        model, settings = self._words()
        weighted = "" if self.sample_weight is None else ", weighted"
        return (
            f"<{type(self).__name__}: {model}, {self.n_samples} samples{weighted}, {settings}, "
            f"n_threads={self.n_threads}; {self.n_evaluations} evaluations in "
            f"{self.seconds:.3g} s>"
        )


def _no_rows() -> TypeError:
    """The refusal of rows where there are none."""
    return TypeError("rows= is for objectives of networks, made by net.objective(X, y)")
