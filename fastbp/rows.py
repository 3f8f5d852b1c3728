"""Which rows of the data are meant: a slice, row numbers, or a mask."""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from fastbp.validate import as_array
from fastbp.words import described

MOST = np.iinfo(np.int64).max


def read(rows: Any, m: int) -> Any:
    """`rows` of m samples as the engine takes them: a slice, or contiguous int64 (k,), k >= 1.

    The engine compares the numbers with m itself: it is what reads them.
    """
    if isinstance(rows, slice):
        return rows
    if isinstance(rows, Set | Mapping):
        raise TypeError(
            f"rows has no order: {described(rows)}; expected row numbers in a list or an array, "
            "such as sorted(rows)"
        )
    array = as_array(rows, "rows")
    if array.ndim == 0 and array.dtype.kind not in "biu":
        raise TypeError(
            f"rows is {described(rows)}; expected row numbers, a mask of booleans or a slice"
        )
    if array.ndim != 1:
        advice = "for one row give a list of one" if array.ndim == 0 else "use np.ravel(rows)"
        raise ValueError(f"rows has shape {array.shape}; expected a vector of numbers; {advice}")
    if array.size == 0:
        raise ValueError(f"rows names none of the {m} samples; expected at least one")
    kind = array.dtype.kind
    if kind == "b":
        return _marked(array, m)
    if kind not in "iu":
        first = described(array[:1].tolist()[0])
        raise TypeError(
            f"rows has dtype {array.dtype} ({first} is the first); expected integers, a mask of "
            "booleans or a slice"
        )
    if array.dtype == np.uint64 and array.max() > MOST:
        raise IndexError(
            f"rows[{int(array.argmax())}] is {array.max()}, but there are {m} samples: expected "
            f"{-m} ... {m - 1}"
        )
    return np.ascontiguousarray(array, np.int64)


def _marked(mask: Any, m: int) -> Any:
    """The numbers of the rows where a mask is true."""
    if mask.size != m:
        raise IndexError(f"rows is a mask of {mask.size} booleans, but there are {m} samples")
    numbers = np.flatnonzero(mask)
    if numbers.size == 0:
        raise ValueError(f"rows is False for each of the {m} samples; expected at least one")
    return np.ascontiguousarray(numbers, np.int64)
