"""What bad input gets: exceptions that say what came, what was expected and what to do.

Every array comes in through here once, when it is bound. An array the engine can read where it lies
is passed on as it is; any other is converted once, block by block, so that no check or conversion
needs a temporary of the data's size. TypeError is about kinds of things, ValueError about values.
"""

import operator
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_WIDTH = 2**31 - 1
MAX_BITS = 200  # of an int in a message
BLOCK = 2**17  # numbers looked at between two chances for Ctrl-C; fits the L2 cache


# Names and numbers


def one_of(
    value: Any,
    known: Sequence[str],
    what: str,
    or_else: str = "",
    elsewhere: Mapping[str, str] | None = None,
) -> str:
    """`value` if it is one of the `known` names of a `what`.

    `or_else`: what no name may be; `elsewhere`: names of other libraries, as `folded` gives them,
    with ours.
    """
    if isinstance(value, str) and value in known:
        return value
    name = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
    key, hint, listed = folded(name), "", f"{', '.join(known)}{or_else}"
    ours = {folded(each): each for each in known}
    if elsewhere and elsewhere.get(key) in known:
        hint = f"; here it is called {elsewhere[key]!r}"
    elif key in ours:
        hint = f"; did you mean {ours[key]!r}?"
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a name, got {described(value)}{hint}; known: {listed}")
    if not hint:
        from difflib import get_close_matches

        close = get_close_matches(key, ours, n=1)
        hint = f"; did you mean {ours[close[0]]!r}?" if close else ""
    end = "" if hint.endswith("?") else "."
    raise ValueError(f"unknown {what} {value!r}{hint}{end} Known: {listed}")


def folded(name: str) -> str:
    """A name in lower case, letters and digits alone: how names of libraries are compared."""
    return "".join(filter(str.isalnum, name.lower()))


def is_instance(value: Any, module: str, name: str) -> bool:
    """Whether `value` is of the class `name` of a module that need not have been imported.

    No value of the class exists before the module defines it. Another thread may be importing the
    module at this moment: it is then in `sys.modules`, and names are still missing from it.
    """
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def is_circuit(value: Any) -> bool:
    """Whether `value` is a Circuit."""
    return is_instance(value, "fastbp.circuits.circuit", "Circuit")


def is_expression(value: Any) -> bool:
    """Whether `value` is an Expression."""
    return is_instance(value, "fastbp._recorder", "Expression")


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


def _number(value: Any, what: str, range_: str) -> float:
    array = None if isinstance(value, str | bytes) else np.asarray(value)
    if array is None or array.ndim or array.dtype.kind not in "biuf":
        raise TypeError(f"{what} must be one number {range_}, got {described(value)}")
    return float(array)


def dtype(value: Any) -> "np.dtype[Any]":
    """The dtype a network computes in: float64 or float32, in the machine's byte order."""
    try:
        name = "" if value is None else np.dtype(value).name  # to NumPy None means float64
    except TypeError:
        name = ""
    if name not in ("float64", "float32"):
        raise ValueError(
            f"dtype must be 'float64' or 'float32', got {described(value)}; "
            "data of any real dtype is converted to it"
        )
    return np.dtype(name)


def described(value: Any) -> str:
    """A value in an error message: short, with its type when that is not plain."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if hasattr(value, "to_numpy"):
        return f"a {type(value).__name__} of shape {value.shape}, whose array is .to_numpy()"
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        return f"an int of {value.bit_length()} bits"
    text = repr(value)
    if len(text) > 60:
        text = text[:57] + "..."
    plain = isinstance(value, str | int | float | None)
    return text if plain else f"{text} ({type(value).__name__})"


# Arrays of numbers


def numbers(value: Any, what: str, text_hint: str = "") -> "NDArray[Any]":
    """`value` as an ndarray of a boolean, integer or real floating dtype; no copy of an ndarray."""
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise TypeError(
            f"{what} is a sparse matrix ({type(value).__name__}); fastbp reads dense data: "
            f"pass {what}.toarray()"
        )
    not_masked(value, what)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{what} cannot be read as an array of numbers: {error}; got {described(value)}"
        ) from error
    if array.dtype.kind == "O" and array.ndim:
        array = _from_nullable(value, array, what)
    if array.dtype.kind not in "biuf":
        _refuse_dtype(array, what, text_hint)
    return array


def not_masked(value: Any, what: str) -> None:
    """Refuses a masked array that hides something."""
    if not is_instance(value, "numpy.ma", "MaskedArray"):
        return
    mask = np.broadcast_to(value.mask, value.shape)
    if mask.dtype == bool and mask.any():  # a mask of records is refused with their dtype
        place = np.argwhere(mask)[0]
        raise ValueError(
            f"{what} is masked at {where(place)}; fastbp takes no missing values: "
            f"fill them ({what}.filled(value)) or leave those rows out"
        )


def _from_nullable(value: Any, array: "NDArray[Any]", what: str) -> "NDArray[Any]":
    """The numbers of a frame or series of pandas' nullable dtypes; anything else as it is."""
    dtypes: Any = getattr(value, "dtypes", getattr(value, "dtype", None))
    if any(getattr(dtype, "kind", "O") not in "biuf" for dtype in np.ravel(dtypes)):
        return array
    missing = np.asarray(value.isna())
    if missing.any():
        place = np.argwhere(missing)[0]
        raise ValueError(
            f"{what} is missing at {where(place)} (counted from 0); expected finite numbers: "
            "fill it in, or leave that row out"
        )
    return np.asarray(value.to_numpy(dtype=np.float64))


def _refuse_dtype(array: "NDArray[Any]", what: str, text_hint: str) -> NoReturn:
    kind, expected = array.dtype.kind, "expected real numbers"
    if kind == "c":
        advice = f"pass {what}.real if the imaginary part means nothing"
    elif kind == "O":
        found, item = _first_non_number(array)
        expected = f"expected real numbers, not Python objects{found}"
        advice = "fill in what is missing"
        if item is not None or not found:
            advice = f"convert it with np.array({what}, float)"
    elif kind in "US":
        expected = "expected real numbers, not text"
        advice = text_hint or f"convert it with np.array({what}, float)"
    elif kind in "mM":
        advice = "turn dates into numbers of seconds or days first"
    else:
        advice = "numpy.lib.recfunctions.structured_to_unstructured makes one array of a record"
    if array.ndim == 0 and kind in "OUS":
        advice = "pass an array or a list of numbers"
        if isinstance(array.item(), Mapping):
            advice = f"pass one array, such as np.column_stack(list({what}.values()))"
    if kind == "O" and is_expression(item):
        expected = f"expected real numbers, not expressions{found}"
        advice = "put expressions together before fastbp.circuit(...) compiles them"
    raise TypeError(f"{what} has dtype {array.dtype}; {expected}; {advice}")


def _first_non_number(array: "NDArray[Any]") -> tuple[str, Any]:
    """The first that is no number, or an int too large for NumPy's: in words, and itself."""
    for place, item in np.ndenumerate(array):
        number = isinstance(item, int | float | np.number | np.bool_)
        if not number or (isinstance(item, int) and item.bit_length() > 63):
            return f" ({described(item)}{' at ' + where(place) if place else ''})", item
    return "", None


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
        low, high = np.minimum.reduce(lows), np.maximum.reduce(highs)
    else:
        low, high = _extremes(array)
    return low.item(), high.item()


def _extremes(block: "NDArray[Any]") -> tuple[Any, Any]:
    # Two SIMD passes over a block in cache: as fast as one sum, and exact where a sum overflows.
    return np.minimum.reduce(block, axis=None), np.maximum.reduce(block, axis=None)


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


def where(place: Any) -> str:
    """An index in words; rows and columns count from 0, as in NumPy."""
    if len(place) == 2:
        return f"row {place[0]}, column {place[1]}"
    return f"row {place[0]}" if len(place) == 1 else f"index {tuple(map(int, place))}"


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
    array: "NDArray[Any]", real: "np.dtype[Any]", what: str, in_place: bool
) -> "NDArray[Any]":
    """`array` itself if `in_place`, else its C-ordered copy in dtype `real`; finite either way."""
    if in_place:
        result, finite = array, all_finite(array)
    else:
        result, finite = np.empty(array.shape, real), True
        with np.errstate(all="ignore"):
            for rows in blocks(array):
                result[rows] = array[rows]
                finite = finite and all_finite(result[rows])
    if not finite:
        _refuse_non_finite(array, result, what)
    return result


def _refuse_non_finite(array: "NDArray[Any]", result: "NDArray[Any]", what: str) -> NoReturn:
    place = first_where(result, lambda part: ~np.isfinite(part))
    assert place is not None
    value = array[place]
    if np.isfinite(value):
        limit = np.finfo(result.dtype).max
        advice = (
            "or build the network with dtype='float64'" if result.dtype == np.float32 else "first"
        )
        raise ValueError(
            f"{what} is {value!s} at {where(place)} (counted from 0): too large for "
            f"{result.dtype}, which ends at {limit:.2g}; scale the data {advice}"
        )
    raise ValueError(
        f"{what} is {value} at {where(place)} (counted from 0); expected finite numbers: "
        "correct the value, fill it in, or leave that row out"
    )


# The arguments of a network


def data(X: Any, n_in: int, real: "np.dtype[Any]") -> "NDArray[Any]":
    """X as the engine reads it: real (m, n_in), finite, adjacent within a row; m >= 1."""
    array = numbers(X, "X")
    if array.ndim != 2:
        _refuse_dimensions(array, n_in)
    if array.shape[1] != n_in:
        _refuse_width(array, n_in)
    if array.shape[0] == 0:
        raise ValueError(f"X has shape {array.shape}: no samples; expected at least one row")
    return finite_reals(array, real, "X", readable(array, real))


def _refuse_dimensions(array: "NDArray[Any]", n_in: int) -> NoReturn:
    advice = "flatten each sample: X.reshape(len(X), -1)"
    if array.ndim == 0:
        advice = "put each sample into a row"
    elif array.ndim == 1 and n_in == 1:
        advice = "for samples of one number each use X.reshape(-1, 1)"
    elif array.ndim == 1:
        advice = "for a single sample use X.reshape(1, -1)"
    raise ValueError(
        f"X has shape {array.shape}; expected (m, {n_in}), one row per sample; {advice}"
    )


def _refuse_width(array: "NDArray[Any]", n_in: int) -> NoReturn:
    m, n = array.shape
    advice = f"or build the network for {n} inputs"
    if n == 0:
        advice = "each sample has no numbers"
    elif m == n_in:
        advice = "samples are rows: pass X.T"
    elif n == n_in + 1 and m > 0 and bool(np.all(array[:, 0] == 1)):
        advice = "fastbp adds the bias itself: leave out the column of ones, X[:, 1:]"
    raise ValueError(
        f"X has shape {array.shape}, so {n} columns; the network has {n_in} inputs and expects "
        f"(m, {n_in}); {advice}"
    )


def sample_weight(value: Any, m: int, real: "np.dtype[Any]") -> "NDArray[Any] | None":
    """Weights as the engine reads them: contiguous real (m,), finite, >= 0, not all zero."""
    if value is None:
        return None
    array = numbers(value, "sample_weight")
    if array.shape != (m,):
        advice = "use sample_weight.ravel()" if array.size == m else "give one weight per sample"
        raise ValueError(f"sample_weight has shape {array.shape}; expected ({m},); {advice}")
    in_place = readable(array, real) and array.flags.c_contiguous
    result = finite_reals(array, real, "sample_weight", bool(in_place))
    low, high = extremes(result)
    if low < 0:
        place = first_where(result, lambda part: part < 0)
        assert place is not None
        raise ValueError(
            f"sample_weight is {array[place]} at {where(place)}; expected weights >= 0; "
            "a weight of 0 leaves a sample out"
        )
    if high == 0:
        raise ValueError(
            f"sample_weight is 0 for every sample in {real}; expected at least one weight > 0"
        )
    with np.errstate(over="ignore"):
        total = float(np.add.reduce(result, dtype=np.float64))
    if total == np.inf:
        raise ValueError(
            "sample_weight sums to more than float64 holds; divide the weights by their largest"
        )
    return result
