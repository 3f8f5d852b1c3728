"""How messages write values, places, columns and names."""

from collections.abc import Iterable
from reprlib import Repr
from typing import Any

import numpy as np

MAX_BITS = 200  # of an int in a message
MAX_TEXT = 60  # characters of a value in a message
MAX_COLUMNS = 8  # names of columns that are listed

# This repr reads the first few entries only: a list may have millions.
_short = Repr()
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = 20
_short.maxstring = _short.maxother = 2 * MAX_TEXT


def described(value: Any) -> str:
    """A value in an error message: short, with its type when that is not plain."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if hasattr(value, "to_numpy") and hasattr(value, "shape"):
        return f"a {type(value).__name__} of shape {value.shape}, whose array is .to_numpy()"
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        return f"an int of {value.bit_length()} bits"
    text = " ".join(_short.repr(value).split())
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 3] + "..."
    plain = isinstance(value, str | int | float | None)
    return text if plain else f"{text} ({type(value).__name__})"


def where(place: Any, value: Any = None) -> str:
    """An index in words; rows and columns count from 0, as in NumPy.

    A column of a `value` that gives its columns names, as a DataFrame does, is named too; so is a
    Series, and the one column of a frame that is read as a vector.
    """
    if len(place) == 2:
        return f"row {place[0]}, column {place[1]}{named(value, place[1])}"
    return f"row {place[0]}{only(value)}" if len(place) == 1 else f"index {tuple(map(int, place))}"


def only(value: Any) -> str:
    """The name of a Series or of a frame's one column, as it follows a row; "" without one."""
    names = columns_of(value)
    if names is None and hasattr(value, "to_numpy"):
        names = [getattr(value, "name", None)]
    return (
        f", column {names[0]!r}" if names and len(names) == 1 and names[0] not in (None, 0) else ""
    )


def named(value: Any, column: int) -> str:
    """The name of a column of a frame, as it follows the number of the column; "" without one."""
    names = columns_of(value)
    return f" {names[column]!r}" if names is not None and names[column] != column else ""


def columns_of(value: Any) -> list[Any] | None:
    """The names of the columns of a frame; None for what is no frame."""
    names = getattr(value, "columns", None)
    if names is None or np.ndim(value) != 2:
        return None
    return [name.item() if isinstance(name, np.generic) else name for name in names]


def listed(names: Iterable[Any]) -> str:
    """Names in a row; of many the first ones."""
    words = [str(name) for name in names]
    more = ", ..." if len(words) > MAX_COLUMNS else ""
    return ", ".join(words[:MAX_COLUMNS]) + more


def folded(name: str) -> str:
    """A name in lower case, letters and digits alone: how names of libraries are compared."""
    return "".join(filter(str.isalnum, name.lower()))


def code(value: Any, what: str) -> str:
    """How code names a value of which it uses methods of arrays."""
    return what if isinstance(value, np.ndarray) else f"np.asarray({what})"
