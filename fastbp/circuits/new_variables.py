"""New variables: what the expressions of a circuit are made of."""

import operator
from typing import Any, overload

from fastbp._recorder import Expression, Vector
from fastbp._recorder import variable as _variable
from fastbp.circuits.arrays import ExpressionArray
from fastbp.validate import described

MAX_SIZE = 2**31 - 1


def variable(name: str) -> Expression:
    """A new variable. Two variables are different even if they have the same name.

        a = fastbp.variable("a")

    Parameters
    ----------
    name : str
        What it is called in messages, and the keyword that feeds it when it is data.

    Raises
    ------
    TypeError
        If the name is no str.
    ValueError
        If the name is empty, has blanks at its ends, or brackets.
    """
    return _variable(name)


@overload
def variables(names: str, shape: None = None) -> tuple[Expression, ...]: ...
@overload
def variables(names: str, shape: int | tuple[int, ...]) -> ExpressionArray: ...
def variables(names: str, shape: Any = None) -> Any:
    """Several variables by their names, or one vector (or array) of variables.

        a, b, c = fastbp.variables("a b c")
        x = fastbp.variables("x", 5)              # x[0] ... x[4]
        W = fastbp.variables("W", (3, 2))         # W[0, 0] ... W[2, 1]

    Parameters
    ----------
    names : str
        Names with blanks or commas between them; with a shape the one name of the vector.
    shape : int or tuple of int, optional
        Shape of the vector or array, each length at least 1.

    Returns
    -------
    tuple of Expression, or ExpressionArray of the shape
        The array is read-only: it stands for the vector as a whole.

    Raises
    ------
    TypeError
        If the names are no str, or the shape is not made of integers.
    ValueError
        If a name is bad (see `variable`) or comes twice, there are several with a shape, or a
        length is less than 1.
    """
    if not isinstance(names, str):
        raise TypeError(
            f"the names of variables must be one str, got {described(names)}; for example "
            'fastbp.variables("a b c") or fastbp.variables("x", 5)'
        )
    words = names.replace(",", " ").split()
    if shape is not None:
        if len(words) > 1:
            raise ValueError(
                f"with a shape there is one name, got {names!r}; make each vector by itself, "
                f'fastbp.variables("{words[0]}", {shape!r}), or leave out the shape for single '
                "variables"
            )
        lengths = _lengths(shape)
        array = ExpressionArray(Vector(names, lengths).elements()).reshape(lengths)
        array.setflags(write=False)
        return array
    if not words:
        raise ValueError(f'there is no name in {names!r}; for example fastbp.variables("a b c")')
    for word in words:
        if words.count(word) > 1:
            raise ValueError(f"the name {word!r} comes twice in {names!r}; name each variable once")
    return tuple(_variable(word) for word in words)


def _lengths(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of lengths, checked."""
    try:
        lengths = tuple(map(operator.index, shape if isinstance(shape, tuple | list) else [shape]))
    except TypeError:
        lengths = ()
    if not lengths or isinstance(shape, bool):
        raise TypeError(
            f"the shape of a vector of variables must be an int or a tuple of them, "
            f"got {described(shape)}"
        )
    size = 1
    for length in lengths:
        size *= length
        if not 1 <= length <= size <= MAX_SIZE:
            raise ValueError(
                f"the shape of a vector of variables must have lengths from 1 and at most "
                f"{MAX_SIZE} elements, got {described(shape)}"
            )
    return lengths
