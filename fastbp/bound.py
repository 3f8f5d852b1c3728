"""What every objective is: bound to data, it takes theta and gives cost and gradient."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp._memory import fingerprint
from fastbp.composable import Composable

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What `fun` remembers serves `jac` only while the data is what it was, and to know it the data is
# read once more for each of the two: it is worth a cost evaluated twice if the data is small, or
# if so many products are computed for each of its bytes. Measured in benchmarks/sharing.py.
SMALL_DATA = 65536
PRODUCTS_PER_BYTE = 3

Last = tuple[bytes, int, float, "NDArray[np.float64]"]


class Bound(Composable):
    """J(theta) and its gradient D for one model and one set of data; for any optimiser.

    A subclass says what is evaluated, and what may be theta:

        _vector(theta)       theta as the engine reads it, or an error that says what is wrong
        _evaluate(vector)    J and a fresh D; TypeError or ValueError if it cannot read the vector
        _cost(vector)        J alone
        _into(vector, out)   J; D is written to `out`, which shares no memory with the vector
        _products()          about how many products a cost takes
        _engines()           what it evaluates with, for the counters

    besides what `Composable` asks for.
    """

    __slots__ = ("_is_shared", "_last", "_referred", "n_threads")

    _referred: "tuple[NDArray[Any], ...]"  # data that lies in the caller's memory
    _is_shared: bool | None  # whether fun and jac share evaluations; None: not known yet
    # The bytes of theta and the fingerprint of the data, and what was evaluated there; replaced as
    # a whole.
    _last: Last | None
    n_threads: int

    def _begin(self, referred: "tuple[NDArray[Any], ...]") -> None:
        """Nothing is evaluated yet."""
        set_once = (
            object.__setattr__
        )  # ours looks at names: six of them for each batch that is bound
        set_once(self, "_referred", referred)
        set_once(self, "_is_shared", None)
        set_once(self, "_last", None)

    def _evaluate(self, vector: Any) -> "tuple[float, NDArray[np.float64]]":
        raise NotImplementedError

    def _cost(self, vector: "NDArray[np.float64]") -> float:
        raise NotImplementedError

    def _into(self, vector: "NDArray[np.float64]", out: "NDArray[np.float64]") -> float:
        raise NotImplementedError

    def _write(self, theta: Any, out: "NDArray[np.float64]") -> float:
        vector = self._vector(theta)
        return self._into(vector.copy() if np.may_share_memory(vector, out) else vector, out)

    def _products(self) -> int:
        raise NotImplementedError

    def _engines(self) -> Iterable[Any]:
        raise NotImplementedError

    def _on_rows(self, theta: Any, rows: Any, gradient: bool) -> tuple[float, Any]:
        """As `_evaluate`, of some rows of the data; D is None if no gradient is wanted."""
        self._samples()
        raise NotImplementedError

    def _samples(self) -> int | None:
        raise TypeError("rows= is for objectives of networks, made by net.objective(X, y)")

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
        try:
            return self._evaluate(theta)
        except (TypeError, ValueError) as error:
            refusal = error
        try:
            vector = self._vector(theta)
            if vector is theta:  # nothing was wrong with it: a signal handler raised this
                raise refusal
        finally:
            del refusal  # it holds this frame, which would hold it, and theta, until collected
        return self._evaluate(vector)

    def cost(self, theta: Any, rows: Any = None) -> float:
        """The cost alone, without the work of a gradient; for methods that need none."""
        if rows is not None:
            return self._on_rows(theta, rows, False)[0]
        return self._cost(self._vector(theta))

    def fun(self, theta: Any, rows: Any = None) -> float:
        """The cost at `theta`.

        `fun` and `jac` at the same theta share one evaluation, unless the data has changed since,
        or is so large beside the work that to look for a change takes longer than the cost, or
        `rows` are given.
        """
        if rows is not None:
            return self._on_rows(theta, rows, False)[0]
        vector = self._vector(theta)
        return self._at(vector)[2] if self._shares() else self._cost(vector)

    def jac(self, theta: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient at `theta`, a fresh array; shares evaluations with `fun`."""
        if rows is not None:
            return self._on_rows(theta, rows, True)[1]  # type: ignore[no-any-return]
        vector = self._vector(theta)
        return self._at(vector)[3].copy() if self._shares() else self._evaluate(vector)[1]

    def _at(self, vector: "NDArray[np.float64]", data: int | None = None) -> Last:
        """The last evaluation if theta and the data are what they were, else a new one.

        `data` is the fingerprint, where it is known already.
        """
        key = vector.tobytes()
        if data is None:
            data = fingerprint(self._referred, self.n_threads)
        last = self._last
        if last is None or last[0] != key or last[1] != data:
            # The bytes that are remembered are the ones evaluated, and the tuple is replaced as a
            # whole, so another thread sees a theta and its own result, or the one before. The
            # fingerprint is older than the evaluation: data that changed meanwhile has another.
            last = (key, data, *self._evaluate(np.frombuffer(key)))
            self._last = last
        return last

    def _shares(self) -> bool:
        if self._is_shared is None:
            size = sum(array.nbytes for array in self._referred)
            self._is_shared = size <= SMALL_DATA or PRODUCTS_PER_BYTE * size <= self._products()
        return self._is_shared

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations since the objective was made."""
        return sum(engine.n_evaluations for engine in self._engines())

    @property
    def seconds(self) -> float:
        """Time spent in the evaluations, in seconds."""
        return float(sum(engine.seconds for engine in self._engines()))


def referred(
    pairs: "Iterable[tuple[NDArray[Any], Any]]", sample_weight: "NDArray[Any] | None"
) -> "tuple[NDArray[Any], ...]":
    """Of (array, what was given for it) the arrays that the caller can change; weights always, as
    they are an attribute of the objective."""
    arrays = tuple(array for array, given in pairs if _is_referred(array, given))
    return arrays if sample_weight is None else (*arrays, sample_weight)


def _is_referred(array: "NDArray[Any]", given: Any) -> bool:
    if isinstance(given, np.ndarray):
        return array is given or np.may_share_memory(array, given)
    return not isinstance(given, list | tuple)  # a frame, a tensor: who knows


def mass(n_samples: int, sample_weight: "NDArray[Any] | None", rows: Any = None) -> float:
    """m: the number of samples, or of these rows; or the sum of their weights as they are now."""
    if sample_weight is not None:
        return float(np.sum(sample_weight if rows is None else sample_weight[rows], dtype=float))
    if rows is None:
        return n_samples
    return len(range(n_samples)[rows]) if isinstance(rows, slice) else len(rows)
