"""Data that holds no real numbers: what it holds instead, where, and the code that makes numbers.

Imported when there is something to refuse.
"""

import datetime
import numbers
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from fastbp.words import code, columns_of, described, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING = ("", "na", "n/a", "nat", "none", "null", "<na>")  # in text, without its case
DAY = "np.timedelta64(1, 'D')"
CONVERTIBLE = ("written", "numbers", "plain")
RATHER = ("missing", *CONVERTIBLE)  # a message is about these if a column has nothing else

ADVICE = {
    "missing": "fill them in, or leave those rows out",
    "complex": "np.real(np.array({}, complex)) leaves the imaginary part out",
    "expressions": "put expressions together before fastbp.circuit(...) compiles them",
    "sequences": "where all have one length np.array(list({}), float) makes rows of them",
    "objects": "make a number of each",
    "huge": "scale the data first",
}


class Found(NamedTuple):
    """Something in a column that is no number."""

    kind: str  # a key of NOUNS
    place: tuple[int, ...]
    item: Any


class Case(NamedTuple):
    """An array that holds no real numbers, and what an advice depends on."""

    kind: str  # of what is wrong with it: a key of NOUNS
    item: Any  # the first that is wrong
    columns: list[int]  # those that hold the like, of a matrix
    alone: bool  # whether nothing else is wrong with it
    array: "NDArray[Any]"
    value: Any  # what the caller gave, of which NumPy made the array
    what: str  # how messages call it


NOUNS = {
    "text": "text",
    "classes": "text",  # where labels are expected
    "dates": "dates",
    "durations": "durations",
    "periods": "periods",
    "complex": "complex numbers",
    "sequences": "sequences",
    "expressions": "expressions",
    "objects": "Python objects",
    "huge": "numbers beyond float64",
    "missing": "missing values",
    "written": "text",  # that can be read as numbers
    "numbers": "Python objects",  # each can be converted
    "plain": "Python objects",  # numbers that NumPy has a dtype for
}


def refuse_unreadable(value: Any, what: str, error: Exception) -> NoReturn:
    """For what NumPy cannot make an array of."""
    if hasattr(value, "detach") and "strided" in str(getattr(value, "layout", "strided")):
        raise TypeError(
            f"{what} is a {type(value).__name__} that NumPy cannot read; pass "
            f"{what}.detach().cpu().double().numpy()"
        ) from error
    if isinstance(value, list | tuple):
        shapes = [_shape(row) for row in value]
        other = next((row for row, shape in enumerate(shapes) if shape != shapes[0]), None)
        rows = "its rows hold rows of different lengths"
        if other is not None:
            rows = f"row 0 has shape {shapes[0]} and row {other} has shape {shapes[other]}"
        raise TypeError(
            f"{what} cannot be read as an array of numbers: {rows}; give all rows the same number "
            "of entries"
        ) from error
    raise TypeError(
        f"{what} cannot be read as an array of numbers: {error}; got {described(value)}"
    ) from error


def _shape(row: Any) -> Any:
    """The shape of a row, in a message on rows of different shapes."""
    try:
        return np.shape(row)
    except Exception:
        return "that differs from row to row"


def refuse(value: Any, array: "NDArray[Any]", what: str, classes: bool | None) -> NoReturn:
    """For an array whose dtype is none of real numbers.

    classes : whether it is to hold labels; None where neither labels nor their names are expected
    """
    if array.ndim == 0:
        _refuse(array, what, *_of_no_array(array, what))
    if array.dtype.names is not None:
        _refuse(array, what, "records", _of_records(array, what))
    if array.dtype.kind == "c":
        _refuse(array, what, "complex numbers", f"np.real({what}) leaves the imaginary part out")
    if array.dtype.kind == "V":
        _refuse(array, what, "bytes", f"say what they are: {code(value, what)}.view(dtype)")
    columns = array.T if array.ndim == 2 else [array]
    found = {j: first for j, column in enumerate(columns) if (first := _first(column)) is not None}
    kinds = [kind for kind in NOUNS if any(first.kind == kind for first in found.values())]
    if not kinds:  # an empty array
        _refuse(array, what, "Python objects", f"convert it with np.array({what}, float)")
    chosen = [j for j, first in found.items() if first.kind == kinds[0]]
    kind, place, item = found[chosen[0]]
    if array.ndim == 2:
        place = (*place, chosen[0])
    if classes is not None and kind in ("text", "objects", "written") and len(columns) == 1:
        gap = next((gap for gap in np.ndenumerate(array) if _is_gap(gap[1])), None)
        if gap is not None:
            kind, place, item = "missing", *gap
        elif classes or kind != "written":
            kind = "classes"
    alone = set(kinds) <= {kind, *CONVERTIBLE}
    if isinstance(item, np.str_ | np.bytes_):
        item = item.item()
    noun = f"{NOUNS[kind]} ({described(item)} at {where(place, value)})"
    _refuse(array, what, noun, _advice(Case(kind, item, chosen, alone, array, value, what)))


def _refuse(array: "NDArray[Any]", what: str, noun: str, advice: str) -> NoReturn:
    """Raises the TypeError."""
    raise TypeError(f"{what} has dtype {array.dtype}; expected real numbers, not {noun}; {advice}")


def _of_no_array(array: "NDArray[Any]", what: str) -> tuple[str, str]:
    """Noun and advice for one thing that is no array and no list."""
    item, noun = array.item() if array.dtype.kind in "OUS" else array[()], "Python objects"
    advice = "pass an array or a list of numbers"
    if _kind(item) == "expressions":
        noun = "expressions"
        advice = ADVICE["expressions"]
    elif isinstance(item, str | bytes):
        noun, advice = "text", f"{advice}; np.loadtxt and pandas.read_csv read files"
    elif isinstance(item, Mapping):
        advice = f"pass one array, such as np.column_stack(list({what}.values()))"
    elif hasattr(item, "__iter__"):
        advice += f": np.array(list({what}))"
    return f"{noun} ({described(item)})", advice


def _of_records(array: "NDArray[Any]", what: str) -> str:
    """The code that makes a matrix of records."""
    names = array.dtype.names or ()
    good = [name for name in names if array.dtype[name].kind in "biuf"]
    fields = what if len(good) == len(names) else f"{what}[{good}]"
    return (
        "from numpy.lib.recfunctions import structured_to_unstructured; "
        f"{what} = structured_to_unstructured({fields})"
    )


def _first(column: "NDArray[Any]") -> Found | None:
    """What a column holds that is no number: the first, anything else before what is missing."""
    if column.dtype.kind in "mM":
        kind = "dates" if column.dtype.kind == "M" else "durations"
        return Found(kind, (0,) * column.ndim, column.flat[0]) if column.size else None
    others: dict[str, Found] = {}
    for place, item in np.ndenumerate(column):
        kind = _kind(item)
        if kind not in others:
            others[kind] = Found(kind, place, item)
            if kind not in RATHER:
                return others[kind]
    for kind in RATHER:
        if kind in others:
            return others[kind]
    return None


def _kind(item: Any) -> str:
    """What one item of a column is: a key of NOUNS."""
    if isinstance(item, str | bytes):
        try:
            float(item)
        except ValueError:
            text = item if isinstance(item, str) else item.decode("latin-1")
            return "missing" if text.strip().lower() in MISSING else "text"
        return "written"
    if _is_gap(item):
        return "missing"
    if isinstance(item, numbers.Real | Decimal | np.bool_):
        try:
            float(item)
        except OverflowError:
            return "huge"
        long = isinstance(item, int) and item.bit_length() > 63
        plain = isinstance(item, int | float | np.generic) and not long
        return "plain" if plain else "numbers"
    if isinstance(item, datetime.date | np.datetime64):
        return "dates"
    if isinstance(item, datetime.timedelta | np.timedelta64):
        return "durations"
    if type(item).__name__ == "Period" and hasattr(item, "to_timestamp"):
        return "periods"
    if isinstance(item, numbers.Complex):
        return "complex"
    from fastbp._recorder import Expression

    if isinstance(item, Expression):
        return "expressions"
    if isinstance(item, list | tuple | set | np.ndarray):
        return "sequences"
    try:
        float(item)
    except Exception:
        return "objects"
    return "numbers"


def _is_gap(item: Any) -> bool:
    """Whether an item says that there is none: None, nan, NA, NaT."""
    return (
        item is None
        or type(item).__name__ in ("NAType", "NaTType")
        or (
            isinstance(item, float | np.floating | Decimal | np.datetime64 | np.timedelta64)
            and item != item
        )
    )


def _advice(case: Case) -> str:
    """What to do."""
    kind, item, what = case.kind, case.item, case.what
    if kind == "classes":
        alike = isinstance(item, str | bytes) and len({type(each) for each in case.array.flat}) == 1
        text = what if alike else f"np.array({what}, str)"  # mixed types may have no order
        return f"number the classes: classes, {what} = np.unique({text}, return_inverse=True)"
    if kind in CONVERTIBLE:
        return f"convert it with np.array({what}, float)"
    names = columns_of(case.value)
    if kind == "objects" and names is not None and _is_hashable(item):
        kind = "text"  # intervals, say, are categories too
    if kind in ADVICE:
        return ADVICE[kind].format(what)
    if names is None:
        return _in_array(case)
    return _in_frame(kind, case.value, list(dict.fromkeys(names[j] for j in case.columns)), what)


def _is_hashable(item: Any) -> bool:
    """Whether a set can hold the item, as categories must."""
    try:
        hash(item)
    except TypeError:
        return False
    return True


def _is_polars(value: Any) -> bool:
    """Whether code for the value is written with polars' methods, not with pandas'."""
    return type(value).__module__.startswith("polars")


def _in_frame(kind: str, frame: Any, names: list[Any], what: str) -> str:
    """For text, dates, durations and periods in columns of a DataFrame."""
    if _is_polars(frame):
        if kind == "text":
            return (
                f"{what}.to_dummies({names}) makes columns of 0 and 1 of it, "
                f"{what}.drop({names}) leaves it out"
            )
        numbered = f"[{what}[name].to_physical() for name in {names}]"
        return f"make numbers of it: {what} = {what}.with_columns({numbered})"
    if kind == "text":
        return (
            f"pd.get_dummies({what}, columns={names}, dtype=float) makes columns of 0 and 1 of it, "
            f"{what}.drop(columns={names}) leaves it out"
        )
    if kind == "periods":
        days = f"t = pd.PeriodIndex({what}[{{0}}]).to_timestamp(); "
        days += f"{what}[{{0}}] = (t - t.min()) / {DAY}"
    elif kind == "dates":
        days = f"t = pd.to_datetime({what}[{{0}}], utc=True); {what}[{{0}}] = (t - t.min()) / {DAY}"
    else:
        days = f"{what}[{{0}}] = pd.to_timedelta({what}[{{0}}]) / {DAY}"
    if len(names) > 1:
        return f"make days of them: for name in {names}: {days.format('name')}"
    return f"make days of it: {days.format(repr(names[0]))}"


def _in_array(case: Case) -> str:
    """For text, dates, durations and periods in what is no DataFrame."""
    kind, item, columns, alone, array, value, what = case
    array_of = code(value, what)
    series = hasattr(value, "to_numpy")
    if kind == "text":
        if array.ndim != 2:
            return "give a number for each, or leave it out"
        rest = f"np.delete({array_of}, {columns}, axis=1).astype(float)"
        return (
            f"np.hstack([{rest}, *({array_of}[:, [j]] == np.unique({array_of}[:, j]) for j in "
            f"{columns})]) makes columns of 0 and 1 of it, {rest} leaves it out"
        )
    dates = kind == "dates"
    if kind == "periods" and array.ndim == 1:
        days = f"t = pd.PeriodIndex({what}).to_timestamp(); {what} = (t - t.min()) / {DAY}"
        return f"make days of them: {days}"
    if _is_polars(value):
        return f"make numbers of them: {what} = {what}.to_physical()"
    if array.dtype.kind in "mM" or (series and array.ndim == 1):
        if series and dates:
            days = f"t = pd.to_datetime({what}, utc=True); {what} = (t - t.min()) / {DAY}"
        elif series:
            days = f"{what} = pd.to_timedelta({what}) / {DAY}"
        else:
            first = f" - {array_of}.min()" if dates else ""
            days = f"{what} = ({array_of}{first}) / {DAY}"
        return f"make days of them: {days}"
    if isinstance(item, np.generic):
        return f"make one dtype of them: np.array({what}, {'<M8[s]' if dates else '<m8[s]'!r})"
    number, unit = "t.total_seconds()", "seconds"
    if kind == "periods":
        number, unit = "t.ordinal", "numbers"
    elif dates and isinstance(item, datetime.datetime):
        number = "t.timestamp()"
    elif dates:
        number, unit = "t.toordinal()", "days"
    if array.ndim == 1:
        return f"make {unit} of them: {what} = np.array([{number} for t in {what}])"
    end = f"; {what} = {what}.astype(float)" if alone else ""
    return (
        f"make {unit} of them: {what} = np.array({what}, object); {what}[:, {columns}] = "
        f"np.vectorize(lambda t: {number}, otypes=[float])({what}[:, {columns}]){end}"
    )
