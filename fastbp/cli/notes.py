"""What a model file says of its columns is read with care: somebody else may have written it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.validate import described


def text(value: object, what: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is {described(value)}; expected a text")
    return value


def distinct(values: object, kinds: tuple[type, ...], what: str) -> tuple[Any, ...]:
    """A list whose entries are different and all of one of the kinds."""
    entries = values if isinstance(values, list) else []
    found = {type(value) for value in entries}
    if len(found) == 1 and found <= set(kinds) and len(set(entries)) == len(entries):
        return tuple(entries)
    raise ValueError(f"{what} is no list of different names")


def numbers(values: object, n: int, what: str) -> NDArray[np.float64]:
    """A list of so many finite numbers."""
    plain = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    array = np.array(values, np.float64) if plain else np.empty(0)
    if not plain or array.shape != (n,) or not np.isfinite(array).all():
        raise ValueError(f"{what} is no list of {n} finite numbers")
    return array
