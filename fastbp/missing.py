"""Targets that are missing: how do they come, and how does the engine get them?

They come as NaN, as masked entries or as pandas' NA. Checks are made of y with something harmless
in their place. The engine gets NaN, or the label NO_LABEL, which no caller may give.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from fastbp.names import OF_CLASSES
from fastbp.validate import is_masked
from fastbp.words import where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network

Missing = Literal["error", "ignore"]
MISSING = get_args(Missing)
NO_LABEL = -1
ADVICE = "; missing='ignore' leaves out this target alone"

Read = tuple["NDArray[np.int64] | None", "NDArray[Any] | None"]


def as_nan(y: Any) -> Any:
    """y with NaN for what is masked or NA; anything else as it is."""
    if is_masked(y):
        return y.astype(np.float64).filled(np.nan) if y.dtype.kind in "biuf" else y
    if hasattr(y, "isna") and hasattr(y, "to_numpy") and np.any(y.isna()):
        try:
            return y.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            return y  # it holds other things than numbers, which are refused as usual
    return y


def are_joint(network: "Network") -> bool:
    """Whether the loss takes the targets of a sample together."""
    return network.loss in OF_CLASSES or (
        network.loss == "cross_entropy" and network.activations[-1] == "softmax"
    )


def read(array: "NDArray[Any]", network: "Network", y: Any, rest: Callable[..., Read]) -> Read:
    """As `rest`, which reads targets or labels none of which is missing."""
    absent = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    if not absent.any():
        return rest(array, network, y)
    if absent.all():
        raise ValueError("y is missing everywhere: there is nothing to fit; give some targets")
    m, K = len(array), network._outputs_shape[-1]
    if K > 1 and array.size == m:
        labels, _ = rest(np.where(absent, 0, array), network, y)
        assert labels is not None  # a copy, since `array` holds no integers
        labels[absent.reshape(m)] = NO_LABEL
        return labels, None
    filled = np.where(absent, 1, array)
    absent = absent.reshape(m, K)
    rows = np.asarray(absent.any(axis=1))
    if are_joint(network):
        _check_whole(absent, rows, network, y)
        filled[rows] = np.arange(K) == 0
    labels, targets = rest(filled, network, y)
    if labels is not None:
        labels[rows] = NO_LABEL
        return labels, None
    assert targets is not None
    if np.may_share_memory(targets, filled):  # nothing was converted: y is read where it lies
        in_place = array.flags.c_contiguous and array.flags.aligned
        return None, (array if in_place else np.ascontiguousarray(array)).reshape(m, K)
    targets[absent] = np.nan
    return None, targets


def _check_whole(absent: "NDArray[Any]", rows: "NDArray[Any]", network: "Network", y: Any) -> None:
    """Refuses a sample for which some of its classes have a target and others have none."""
    torn = rows & ~absent.all(axis=1)
    if torn.any():
        row = int(torn.argmax())
        raise ValueError(
            f"y is missing at {where((row, int(absent[row].argmax())), y)}, but not in all of that "
            f"row; loss {network.loss!r} takes the targets of a sample together: give all "
            f"{absent.shape[1]} of them, or leave out all"
        )


def count_known(y: "NDArray[Any]", ends: "NDArray[np.int64] | None", steps: int) -> int:
    """How many numbers of targets there are, as the engine has them.

    ends : where each sample ends, of `steps` steps, or None
    """
    known = ~np.isnan(y)
    if ends is not None and steps > 1:
        known &= np.repeat(np.arange(steps) < ends[:, np.newaxis], y.shape[1] // steps, axis=1)
    return int(np.count_nonzero(known))


def for_pickle(y: "NDArray[Any]") -> "NDArray[Any]":
    """What the engine reads, as a caller may give it."""
    if y.dtype.kind == "i" and (y == NO_LABEL).any():
        return np.where(y == NO_LABEL, np.nan, y)
    return y
