"""The classic calls, net.cost(theta, X, y): the network stays bound to the arrays of the last one.

What is kept is an objective that reads the memory of the caller's arrays and does not keep them
alive. It is used only while a call has these arrays as its arguments, if they lie where they lay
and hold what they held. If some had to be converted, their copies are forgotten as soon as one of
these arrays dies. (Those read where they lie need no reference, and can be resized without one.)
"""

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp import threads
from fastbp._memory import borrowed, fingerprint, same_place
from fastbp.objective import Objective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network

# Other things are bound anew in each call: a list can change unnoticed, and a frame may give other
# memory each time.
KEPT_TYPES = (np.ndarray, np.memmap)


class Kept:
    """What a call leaves to the next, until an array dies of which it has a copy."""

    __slots__ = ("__weakref__", "gradient_asked", "objective")

    def __init__(self, objective: Objective) -> None:
        self.objective: Objective | None = objective
        self.gradient_asked = False  # whether the last call wanted one


class Call(NamedTuple):
    """What a call leaves, and what has to be the same for the next to use it."""

    arrays: "tuple[NDArray[Any] | None, ...]"  # X, y, weights and lengths, not kept alive
    data: int  # their fingerprint
    settings: tuple[Any, ...]
    references: tuple[Any, ...]  # weak, to converted arrays: when one dies, `kept` is emptied
    kept: Kept


def cost(network: "Network", theta: Any, *data: Any) -> float:
    """J at theta; its gradient is evaluated too if it was asked for at the theta before."""
    objective, call = _bound(network, *data)
    if call is None:
        return objective.cost(theta)
    vector, kept = objective._vector(theta), call.kept
    if kept.gradient_asked or objective._last.is_at(vector, call.data):
        kept.gradient_asked = False
        return objective._last.at(vector, objective._evaluate, call.data)[0]
    return objective._cost(vector)


def cost_and_gradient(
    network: "Network", theta: Any, *data: Any
) -> "tuple[float, NDArray[np.float64]]":
    """J and D at theta, from one evaluation, or from that of the call before."""
    objective, call = _bound(network, *data)
    if call is None:
        return objective(theta)
    call.kept.gradient_asked = True
    vector = objective._vector(theta)
    J, D = objective._last.at(vector, objective._evaluate, call.data)
    return J, D.copy()


def _bound(
    network: "Network", X: Any, y: Any, l2: Any, sample_weight: Any, lengths: Any
) -> tuple[Objective, Call | None]:
    """The network bound to data, and the call that keeps it, unless nothing can."""
    given, n_threads = (X, y, sample_weight, lengths), threads.get_num_threads()
    if not (all(map(_is_plain, given)) and (l2 is None or isinstance(l2, int | float))):
        return Objective(network, X, y, l2, sample_weight, lengths=lengths), None
    data, settings = fingerprint(given, n_threads), (l2, n_threads)
    call = network._last_call
    if call is not None and call.data == data and call.settings == settings:
        objective = call.kept.objective
        if objective is not None and all(map(_same, call.arrays, given)):
            return objective, call
    arrays = tuple(None if array is None else borrowed(array) for array in given)
    made = Objective(network, arrays[0], arrays[1], l2, arrays[2], lengths=arrays[3])
    kept = Kept(made)

    def forget(_: Any) -> None:
        kept.objective = None

    references = tuple(
        weakref.ref(array, forget)
        for array in given
        if array is not None and not any(np.may_share_memory(array, a) for a in made._last.data)
    )
    call = Call(arrays, data, settings, references, kept)
    network._set(_last_call=call)
    return made, call


def _is_plain(array: Any) -> bool:
    """Whether an array can be kept: of numbers that NumPy has a name for, unlike float8."""
    if array is None:
        return True
    return type(array) in KEPT_TYPES and array.dtype.kind in "biuf" and array.dtype.isbuiltin < 2


def _same(a: "NDArray[Any] | None", b: "NDArray[Any] | None") -> bool:
    """Whether two arrays lie at the same place, or neither is there."""
    return a is b if a is None or b is None else same_place(a, b)
