"""What bad input gets: exceptions that say what came, what was expected and what to do.

Every array comes in through here once, when it is bound. An array the engine can read where it lies
is passed on as it is; any other is converted once, block by block, so that no check or conversion
needs a temporary of the data's size. TypeError is about kinds of things, ValueError about values.
"""

import math
import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fastbp._core import core
from fastbp.words import described as described
from fastbp.words import where as where

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT64 = np.dtype(np.float64)
MAX_WIDTH = 2**31 - 1
BLOCK = 2**17  # numbers in a block: it fits the L2 cache, and Ctrl-C waits for one block at most


# Names and numbers


def one_of(value: Any, known: Sequence[str], what: str, or_else: str = "", kind: str = "") -> str:
    """`value` if it is one of the `known` names of a `what`.

    or_else : what no name may be
    kind : "activation", "loss" or "scheme", for which other libraries have other names
    """
    if isinstance(value, str) and value in known:
        return value
    from fastbp.elsewhere import name_hint

    hint, names = name_hint(kind, value, known), ", ".join(known)
    if not isinstance(value, str):
        raise TypeError(
            f"{what} must be a name, got {described(value)}{hint.rstrip('.')}; known: "
            f"{names}{or_else}"
        )
    raise ValueError(f"unknown {what} {value!r}{hint or '.'} Known: {names}")


def flag(value: Any, what: str) -> bool:
    """`value` as True or False: anything else, "no" say, would mean True."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{what} must be True or False, got {described(value)}")


def pickle_version(version: Any, known: int, what: str) -> None:
    """Refuses a pickle of another format than the `known` one."""
    if version != known:
        raise ValueError(
            f"this {what} was pickled in format {version!r}; this fastbp reads format {known}: "
            "read it with the fastbp that wrote it"
        )


class OtherVersion(Exception):
    """A file is written in a version of its format that this fastbp does not know."""


def check_version(version: Any, known: int) -> None:
    """Raises OtherVersion."""
    if type(version) is not int or version != known:
        raise OtherVersion(
            f"has format version {described(version)}; this fastbp reads version {known}: upgrade "
            "fastbp"
        )


def count(value: Any, what: str, largest: int) -> int:
    """`value` as an int from 1 to `largest`."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{what} must be an integer from 1 to {largest}, got {described(value)}"
        ) from None
    if not 1 <= number <= largest:
        raise ValueError(f"{what} must be an integer from 1 to {largest}, got {number}")
    return number


def non_negative(value: Any, what: str) -> float:
    """`value` as a finite float >= 0."""
    number = _number(value, what, ">= 0")
    if not 0 <= number < np.inf:
        raise ValueError(f"{what} must be a finite number >= 0, got {number}")
    return number


def positive(value: Any, what: str) -> float:
    """`value` as a finite float > 0."""
    number = _number(value, what, "> 0")
    if not 0 < number < np.inf:
        raise ValueError(f"{what} must be a finite number > 0, got {number}")
    return number


def finite(value: Any, what: str) -> float:
    """`value` as a finite float."""
    number = _number(value, what, "that is finite")
    if not -np.inf < number < np.inf:
        raise ValueError(f"{what} must be a finite number, got {number}")
    return number


def _number(value: Any, what: str, range_: str) -> float:
    """`value` as a float; `range_` says in a message which numbers are expected."""
    if type(value) is float:
        return value
    try:
        number = float(value) if np.asarray(value).dtype.kind in "biuf" else None
    except Exception:  # more than one, or something that cannot be an array
        number = None
    if number is None or np.ndim(value) or is_masked(value):
        raise TypeError(f"{what} must be one number {range_}, got {described(value)}")
    return number


def dtype(value: Any) -> "np.dtype[Any]":
    """The dtype a network computes in: float64 or float32, in the machine's byte order."""
    try:
        name = "" if value is None else np.dtype(value).name  # to NumPy None means float64
    except Exception:
        name = ""
    if name not in ("float64", "float32"):
        raise ValueError(
            f"dtype must be 'float64' or 'float32', got {described(value)}; "
            "data of any real dtype is converted to it"
        )
    return np.dtype(name)


# Arrays of numbers


def numbers(
    value: Any, what: str, classes: bool | None = None, or_else: str = ""
) -> "NDArray[Any]":
    """`value` as an ndarray of a boolean, integer or real floating dtype; no copy of an ndarray.

    classes : whether labels are wanted; None if what names classes has no place in it
    or_else : what a message on missing values ends with
    """
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        _refuse_sparse(value, what)
    not_masked(value, what, or_else)
    array = as_array(value, what)
    if array.dtype.isbuiltin == 2 and np.can_cast(array.dtype, np.float64):  # such as bfloat16
        return array.astype(np.float64)
    kind = array.dtype.kind
    if kind in "biuf":
        return array
    if kind == "O" and array.ndim:
        array = _from_nullable(value, array, what, or_else)
    if array.dtype.kind not in "biuf":
        from fastbp.refusals import refuse

        refuse(value, array, what, classes)
    return array


def as_array(value: Any, what: str) -> "NDArray[Any]":
    """`value` as an array of whatever it holds."""
    try:
        return np.asarray(value)
    except MemoryError:
        raise
    except Exception as error:
        from fastbp.refusals import refuse_unreadable

        refuse_unreadable(value, what, error)


def _refuse_sparse(value: Any, what: str) -> NoReturn:
    """For a sparse matrix, with the size of the dense one."""
    size = 8 * math.prod(value.shape) / 1e6
    needed = f", {size:.3g} MB in float64" if size >= 0.1 else ""
    raise TypeError(
        f"{what} is a sparse matrix ({type(value).__name__}) of shape {value.shape}; fastbp reads "
        f"dense data: pass {what}.toarray(){needed}; where that is too large, "
        f"bind some rows at a time, {what}.tocsr()[rows].toarray(), or reduce the columns first"
    )


def is_masked(value: Any) -> bool:
    """Whether `value` is a masked array; numpy.ma is imported only for what may be one."""
    return (
        isinstance(value, np.ndarray)
        and hasattr(value, "mask")
        and isinstance(value, np.ma.MaskedArray)
    )


def not_masked(value: Any, what: str, or_else: str = "") -> None:
    """Refuses a masked array that hides something."""
    if type(value) is np.ndarray or not is_masked(value):
        return
    mask = np.broadcast_to(value.mask, value.shape)
    if mask.dtype == bool and mask.any():  # not so of records, which are refused for their dtype
        place = where(np.argwhere(mask)[0]) if value.ndim else "its only place"
        raise ValueError(
            f"{what} is masked at {place}; fastbp takes no missing values: "
            f"fill them ({what}.filled(value)) or leave those rows out{or_else}"
        )


def _from_nullable(value: Any, array: "NDArray[Any]", what: str, or_else: str) -> "NDArray[Any]":
    """The numbers of a frame or series of pandas' nullable dtypes; anything else as it is."""
    dtypes: Any = getattr(value, "dtypes", getattr(value, "dtype", None))
    kinds = {getattr(dtype, "kind", "O") for dtype in np.ravel(dtypes)}
    if not kinds <= {*"biuf"} or hasattr(value, "levels"):  # a MultiIndex holds tuples
        return array
    missing = np.asarray(value.isna())
    if missing.any():
        place = np.argwhere(missing)[0]
        raise ValueError(
            f"{what} is missing at {where(place, value)} (counted from 0); expected finite "
            f"numbers: fill it in, or leave that row out{or_else}"
        )
    return np.asarray(value.to_numpy(dtype=np.float64))


def blocks(array: "NDArray[Any]") -> Iterator[slice]:
    """Slices of rows that cut `array` into blocks of about BLOCK numbers."""
    m = array.shape[0]
    rows = max(1, BLOCK * m // max(1, array.size))
    for start in range(0, m, rows):
        yield slice(start, start + rows)


def extremes(array: "NDArray[Any]") -> tuple[float, float]:
    """The least and the greatest entry of a nonempty array; nan for both if any entry is nan."""
    if array.size > BLOCK:
        parts = [_extremes(array[rows]) for rows in blocks(array)]
        lows, highs = zip(*parts, strict=True)
        return np.minimum.reduce(lows).item(), np.maximum.reduce(highs).item()
    return _extremes(array)


def _extremes(block: "NDArray[Any]") -> tuple[float, float]:
    """As `extremes`, of an array that fits the cache."""
    found = core("float32" if block.dtype.itemsize == 4 else "float64").extremes(block)
    if found is not None:
        return found
    # Two SIMD passes over a block in cache: as fast as one sum, and exact where a sum overflows.
    low, high = np.minimum.reduce(block, axis=None), np.maximum.reduce(block, axis=None)
    return low.item(), high.item()


def all_finite(array: "NDArray[Any]") -> bool:
    """Whether no entry is nan or infinite."""
    if array.dtype.kind != "f" or array.size == 0:
        return True
    low, high = extremes(array)
    return bool(low - low == 0 == high - high)


def first_where(array: "NDArray[Any]", test: Any) -> tuple[int, ...] | None:
    """Index of the first entry for which `test`, vectorised over a block of rows, is true."""
    for rows in blocks(array):
        found = test(array[rows])
        if found.any():
            place = np.unravel_index(int(found.argmax()), found.shape)
            return (rows.start + int(place[0]), *map(int, place[1:]))
    return None


def is_vector(value: Any, n: int) -> bool:
    """Whether the engine can read `value` where it lies as a vector of n float64."""
    return (
        type(value) is np.ndarray
        and value.dtype == FLOAT64
        and value.shape == (n,)
        and value.flags.c_contiguous
        and value.flags.aligned
    )


def check_writable(value: Any, real: "np.dtype[Any]", shape: tuple[int, ...], why: str) -> None:
    """Refuses what the engine cannot write to in place as an array of this dtype and shape.

    why : what is done with it, as in "out is written to in place"
    """
    if not (
        type(value) is np.ndarray
        and value.dtype == real
        and value.shape == shape
        and value.flags.carray  # C-contiguous, aligned and writeable
    ):
        raise ValueError(
            f"{why}: it must be a writeable C-contiguous array of {real} and shape {shape}, not "
            f"{described(value)}"
        )


def readable(array: "NDArray[Any]", real: "np.dtype[Any]") -> bool:
    """Whether the engine can read a 1-d or 2-d array in place: rows of adjacent, aligned reals."""
    return bool(
        array.dtype == real
        and array.flags.aligned
        and (
            array.flags.c_contiguous
            or (
                array.ndim == 2
                and array.strides[1] == real.itemsize
                and array.strides[0] % real.itemsize == 0
            )
        )
    )


def finite_reals(
    array: "NDArray[Any]",
    real: "np.dtype[Any]",
    what: str,
    in_place: bool,
    value: Any = None,
    or_else: str = "",
) -> "NDArray[Any]":
    """`array` itself if `in_place`, else its C-ordered copy in dtype `real`; finite either way.

    value : what the array was made of; a message has the names of its columns
    or_else : what a message on nan ends with
    """
    if in_place:
        result, finite = array, all_finite(array)
    else:
        result, finite = np.empty(array.shape, real), True
        with np.errstate(all="ignore"):
            for rows in blocks(array):
                result[rows] = array[rows]
                finite = finite and all_finite(result[rows])
    if not finite:
        _refuse_non_finite(array, result, what, value, or_else)
    return result


def _refuse_non_finite(
    array: "NDArray[Any]", result: "NDArray[Any]", what: str, source: Any, or_else: str
) -> NoReturn:
    """For data with nan or inf in it, or too large for the dtype; names the first place."""
    place = first_where(result, lambda part: ~np.isfinite(part))
    assert place is not None
    value = array[place]
    if np.isfinite(value):
        limit = np.finfo(result.dtype).max
        advice = (
            "or build the network with dtype='float64'" if result.dtype == np.float32 else "first"
        )
        raise ValueError(
            f"{what} is {value!s} at {where(place, source)} (counted from 0): too large for "
            f"{result.dtype}, which ends at {limit:.2g}; scale the data {advice}"
        )
    raise ValueError(
        f"{what} is {value} at {where(place, source)} (counted from 0); expected finite numbers: "
        f"correct the value, fill it in, or leave that row out{or_else if np.isnan(value) else ''}"
    )


def sample_weight(value: Any, m: int) -> "NDArray[np.float64] | None":
    """Weights as the engine reads them: contiguous float64 (m,), finite, >= 0, not all zero."""
    if value is None:
        return None
    array = numbers(value, "sample_weight")
    if array.shape != (m,):
        advice = "use np.ravel(sample_weight)" if array.size == m else "give one weight per sample"
        raise ValueError(f"sample_weight has shape {array.shape}; expected ({m},); {advice}")
    in_place = readable(array, FLOAT64) and array.flags.c_contiguous
    result = finite_reals(array, FLOAT64, "sample_weight", bool(in_place), value)
    low, high = extremes(result)
    if low < 0:
        place = first_where(result, lambda part: part < 0)
        assert place is not None
        raise ValueError(
            f"sample_weight is {array[place]} at {where(place, value)}; expected weights >= 0; "
            "a weight of 0 leaves a sample out"
        )
    if high == 0:
        raise ValueError("sample_weight is 0 for every sample; expected at least one weight > 0")
    return result
