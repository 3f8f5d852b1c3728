"""What every objective is: bound to data, it takes theta and gives cost and gradient."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICKLE_VERSION = 1


class Bound:
    """J(theta) and its gradient D for one model and one set of data; for any optimiser.

    A subclass says what is evaluated, and what may be theta:

        _vector(theta)       theta as the engine reads it, or an error that says what is wrong
        _evaluate(vector)    J and a fresh D; TypeError or ValueError if it cannot read the vector
        _cost(vector)        J alone
        _engines()           what it evaluates with, for the counters
        _arguments()         the arguments that make it anew, for pickles
        _made_by             the call that makes it, for messages

    Its attributes are set once, with `object.__setattr__`; those that begin with "_" may change.
    """

    __slots__ = ("_last",)

    _made_by = ""
    # The bytes of a theta, and what was evaluated there; replaced as a whole.
    _last: "tuple[bytes, float, NDArray[np.float64]] | None"

    def _vector(self, theta: Any) -> "NDArray[np.float64]":
        raise NotImplementedError

    def _evaluate(self, vector: Any) -> "tuple[float, NDArray[np.float64]]":
        raise NotImplementedError

    def _cost(self, vector: "NDArray[np.float64]") -> float:
        raise NotImplementedError

    def _engines(self) -> Iterable[Any]:
        raise NotImplementedError

    def _arguments(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def __call__(self, theta: Any) -> "tuple[float, NDArray[np.float64]]":
        """The cost and a fresh gradient at `theta`.

        Parameters
        ----------
        theta : ndarray, shape (n_parameters,)
            Contiguous float64 is read in place; anything else is converted. The one parameter of a
            circuit may be a number.

        Returns
        -------
        J : float
        D : ndarray of float64, shape (n_parameters,)

        Raises
        ------
        TypeError, ValueError
            If theta has the wrong length or shape, or is not real.
        """
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

    def cost(self, theta: Any) -> float:
        """The cost alone, without the work of a gradient; for methods that need none."""
        return self._cost(self._vector(theta))

    def fun(self, theta: Any) -> float:
        """The cost at `theta`; `fun` and `jac` at the same theta share one evaluation."""
        return self._at(theta)[1]

    def jac(self, theta: Any) -> "NDArray[np.float64]":
        """The gradient at `theta`, a fresh array; shares one evaluation with `fun`."""
        return self._at(theta)[2].copy()

    def _at(self, theta: Any) -> "tuple[bytes, float, NDArray[np.float64]]":
        """The last evaluation if it was at `theta`, else a new one."""
        key = self._vector(theta).tobytes()
        last = self._last
        if last is None or last[0] != key:
            # The bytes that are remembered are the ones evaluated, and the tuple is replaced as a
            # whole, so another thread sees a theta and its own result, or the one before.
            last = (key, *self._evaluate(np.frombuffer(key)))
            self._last = last
        return last

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations since the objective was made."""
        return sum(engine.n_evaluations for engine in self._engines())

    @property
    def seconds(self) -> float:
        """Time spent in the evaluations, in seconds."""
        return float(sum(engine.seconds for engine in self._engines()))

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise AttributeError(
                f"an objective is bound to its data and settings: {name} cannot be set; "
                f"make another one with {self._made_by}"
            )
        object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (PICKLE_VERSION, type(self), *self._arguments())


def rebuild(version: int, kind: type[Bound], *arguments: Any) -> Bound:
    """The objective of a pickle; its counters start at 0, its threads are those of this process."""
    if version != PICKLE_VERSION:
        raise ValueError(
            f"this objective was pickled in format {version!r}; this fastbp reads format "
            f"{PICKLE_VERSION}: read it with the fastbp that wrote it"
        )
    return kind(*arguments)
