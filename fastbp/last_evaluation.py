"""When may `jac` answer with what `fun` evaluated: where theta and the data have not changed."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp._memory import fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray

# An evaluation serves a second call only while the data is what it was. To know that, the data is
# read once more in each of the two calls, which is worth a second evaluation if the data is small,
# or if an evaluation computes so many products for each byte. Measured in benchmarks/sharing.py.
SMALL_DATA = 65536
PRODUCTS_PER_BYTE = 3

Result = tuple[float, "NDArray[np.float64]"]  # J and its gradient


class LastEvaluation:
    """J and D of an objective at the theta where it was evaluated last.

    Parameters
    ----------
    data : tuple of ndarray
        The arrays that the caller can change: see `referred`.
    n_threads : int
        Among how many threads the reading of the data is shared.
    """

    __slots__ = ("_last", "data", "is_shared", "n_threads")

    def __init__(self, data: "tuple[NDArray[Any], ...]", n_threads: int) -> None:
        self.data, self.n_threads = data, n_threads
        # The bytes of theta, the fingerprint of the data, and J and D. The tuple is replaced as a
        # whole: another thread sees a theta with its own result, this one or the one before.
        self._last: tuple[bytes, int, Result] | None = None
        self.is_shared: bool | None = None  # None: `decide` has not been asked

    def decide(self, products: Callable[[], int]) -> bool:
        """Whether calls share evaluations: whether looking for changes of the data takes less than
        a second evaluation, of about so many products."""
        size = sum(array.nbytes for array in self.data)
        self.is_shared = size <= SMALL_DATA or PRODUCTS_PER_BYTE * size <= products()
        return self.is_shared

    def is_at(self, vector: "NDArray[np.float64]", state: int) -> bool:
        """Whether the last evaluation was at this theta, on data of the fingerprint `state`."""
        last = self._last
        return last is not None and last[1] == state and last[0] == vector.tobytes()

    def at(
        self,
        vector: "NDArray[np.float64]",
        evaluate: "Callable[[NDArray[np.float64]], Result]",
        state: int | None = None,
    ) -> Result:
        """J and D at this theta: those of the last evaluation if they hold, else of a new one.

        `state`, the fingerprint of the data, is taken here unless it is given.
        """
        key = vector.tobytes()
        if state is None:
            state = fingerprint(self.data, self.n_threads)
        last = self._last
        if last is None or last[0] != key or last[1] != state:
            # The evaluation reads the bytes that are remembered, whatever another thread writes
            # into theta meanwhile. The fingerprint was taken before it: data that changes during
            # the evaluation has another fingerprint in the next call.
            last = (key, state, evaluate(np.frombuffer(key)))
            self._last = last
        return last[2]


def referred(
    pairs: "Iterable[tuple[NDArray[Any], Any]]", sample_weight: "NDArray[Any] | None"
) -> "tuple[NDArray[Any], ...]":
    """Of pairs (array, what the caller gave for it) the arrays that the caller can change.

    Weights are always among them, since they are an attribute of the objective.
    """
    arrays = [a for a, given in pairs if a is given or a.base is given or _is_referred(a, given)]
    return tuple(arrays) if sample_weight is None else (*arrays, sample_weight)


def _is_referred(array: "NDArray[Any]", given: Any) -> bool:
    """Whether an array lies in memory that the caller has."""
    if isinstance(given, np.ndarray):
        return np.may_share_memory(array, given)
    # A list was copied. A frame or a tensor may have given its own memory.
    return not isinstance(given, list | tuple)
