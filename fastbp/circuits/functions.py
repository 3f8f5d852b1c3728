"""The functions of which expressions are made.

Each takes scalars (expressions, real numbers) or arrays of them, which are broadcast, and gives an
Expression, an ExpressionArray, or, if there are numbers only, a float or an array of float64,
computed by the gate that a circuit would use. Anything else gets a TypeError.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastbp.circuits import arrays
from fastbp.circuits.arrays import is_array, plain, recorded, wrapped

__all__ = [
    "absolute", "atan2", "cos", "dot", "erf", "exp", "expm1", "hypot", "log", "log1p", "maximum",
    "minimum", "relu", "sigmoid", "sin", "softplus", "sqrt", "sum", "tan", "tanh", "where",
]  # fmt: skip


# One operand


def exp(x: Any) -> Any:
    """e**x."""
    return recorded("exp", x)


def expm1(x: Any) -> Any:
    """e**x - 1, accurate where x is small."""
    return recorded("expm1", x)


def log(x: Any) -> Any:
    """The natural logarithm: -inf at 0, nan below."""
    return recorded("log", x)


def log1p(x: Any) -> Any:
    """log(1 + x), accurate where x is small."""
    return recorded("log1p", x)


def sqrt(x: Any) -> Any:
    """The square root: nan below 0; its slope at 0 is inf."""
    return recorded("sqrt", x)


def sin(x: Any) -> Any:
    """The sine of x radians."""
    return recorded("sin", x)


def cos(x: Any) -> Any:
    """The cosine of x radians."""
    return recorded("cos", x)


def tan(x: Any) -> Any:
    """The tangent of x radians."""
    return recorded("tan", x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent; its slope is accurate in the tails too."""
    return recorded("tanh", x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x); its slope is accurate in the tails too."""
    return recorded("sigmoid", x)


def softplus(x: Any) -> Any:
    """log(1 + e**x), without overflow."""
    return recorded("softplus", x)


def relu(x: Any) -> Any:
    """max(x, 0); the slope at 0 is 0."""
    return recorded("relu", x)


def erf(x: Any) -> Any:
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    return recorded("erf", x)


def absolute(x: Any) -> Any:
    """|x|; the slope at 0 is 0."""
    return recorded("absolute", x)


# Two and three operands


def hypot(x: Any, y: Any) -> Any:
    """sqrt(x**2 + y**2) without overflow; both slopes at (0, 0) are 0."""
    return recorded("hypot", x, y)


def atan2(y: Any, x: Any) -> Any:
    """The angle of the point (x, y), from -pi to pi; both slopes at (0, 0) are 0."""
    return recorded("atan2", y, x)


def minimum(x: Any, y: Any) -> Any:
    """The lesser of x and y; nan if one is nan.

    Where both are equal, y has the slope, unless it is a number: minimum(0, x) is minimum(x, 0).
    """
    return recorded("minimum", x, y)


def maximum(x: Any, y: Any) -> Any:
    """The greater of x and y; nan if one is nan.

    Where both are equal, y has the slope, unless it is a number: maximum(0, x) is maximum(x, 0),
    with the value and the slope of relu(x).
    """
    return recorded("maximum", x, y)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition is not 0 (nan is not), else y; as np.where.

    Conditions are expressions, such as the comparison a < b, numbers or booleans. Both branches are
    computed; the derivatives are those of the branch that is taken, also where a slope of the other
    is infinite or nan:

        where(x > 0, sqrt(x), 0)
    """
    return arrays.where(condition, x, y)


# Sums


def sum(x: Any, axis: int | None = None) -> Any:
    """The sum of the elements of an array or an iterable, from the first to the last; of an array
    also along one axis. An empty sum is 0.
    """
    if isinstance(x, Iterable) and not is_array(x):
        x = list(x)
    array = plain(x)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"sum takes an array or an iterable, got {x!r} ({type(x).__name__})")
    return wrapped(np.add.reduce(array, axis=axis))


def dot(x: Any, y: Any) -> Any:
    """The sum of products of two vectors; of arrays the matrix product, as np.dot.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    return wrapped(np.dot(plain(x), plain(y)))
