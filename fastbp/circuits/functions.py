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
from fastbp.validate import count

__all__ = [
    "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "atan2", "ceil",
    "cos", "digamma", "dot", "erf", "exp", "expm1", "floor", "fmax", "fmin", "gammaln", "hypot",
    "log", "log1p", "logaddexp", "logsumexp", "maximum", "minimum", "mod", "polygamma", "relu",
    "round", "sigmoid", "sign", "sin", "sinc", "softplus", "sqrt", "sum", "tan", "tanh", "where",
    "xlog1py", "xlogy",
]  # fmt: skip

MOST_ORDER = 170  # of polygamma: beyond, the factorial overflows


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


def sign(x: Any) -> Any:
    """1 where x > 0, -1 where x < 0, 0 at 0; its slope is 0."""
    return recorded("sign", x)


def floor(x: Any) -> Any:
    """The greatest integer that is at most x; its slope is 0."""
    return recorded("floor", x)


def ceil(x: Any) -> Any:
    """The least integer that is at least x; its slope is 0."""
    return recorded("ceil", x)


def round(x: Any) -> Any:
    """The nearest integer, the even one of two, as np.round; its slope is 0."""
    return recorded("round", x)


def arcsin(x: Any) -> Any:
    """The inverse of sin, from -pi/2 to pi/2: nan beyond -1 and 1, where its slope is inf."""
    return recorded("arcsin", x)


def arccos(x: Any) -> Any:
    """The inverse of cos, from 0 to pi: nan beyond -1 and 1, where its slope is -inf."""
    return recorded("arccos", x)


def arctan(x: Any) -> Any:
    """The inverse of tan, from -pi/2 to pi/2."""
    return recorded("arctan", x)


def arcsinh(x: Any) -> Any:
    """The inverse of sinh, log(x + sqrt(x**2 + 1))."""
    return recorded("arcsinh", x)


def arccosh(x: Any) -> Any:
    """The inverse of cosh, log(x + sqrt(x**2 - 1)): nan below 1, where its slope is inf."""
    return recorded("arccosh", x)


def arctanh(x: Any) -> Any:
    """The inverse of tanh, log((1 + x) / (1 - x)) / 2: infinite at -1 and 1, nan beyond."""
    return recorded("arctanh", x)


def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0, as np.sinc; exactly 0 at the other integers."""
    return recorded("sinc", x)


def gammaln(x: Any) -> Any:
    """log |Gamma(x)|: inf at 0, -1, -2, ...; its slope is digamma(x)."""
    return recorded("gammaln", x)


def digamma(x: Any) -> Any:
    """The slope of gammaln; that of digamma is polygamma(1, x)."""
    return recorded("digamma", x)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma, n = 0, 1, 2, ..., 170.

    Raises
    ------
    TypeError, ValueError
        If n is no such integer.
    """
    if isinstance(n, int | np.integer) and n == 0:
        return digamma(x)
    return recorded("polygamma", float(count(n, "n of polygamma", MOST_ORDER)), x)


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


def mod(x: Any, y: Any) -> Any:
    """x - y floor(x / y), exactly, with the sign of y, as x % y and np.remainder; nan where y is 0.

    The slope by x is 1, that by y -floor(x / y).
    """
    return recorded("mod", x, y)


def fmin(x: Any, y: Any) -> Any:
    """The lesser of x and y, or the other where one is nan; as np.fmin."""
    return recorded("fmin", x, y)


def fmax(x: Any, y: Any) -> Any:
    """The greater of x and y, or the other where one is nan; as np.fmax."""
    return recorded("fmax", x, y)


def logaddexp(x: Any, y: Any) -> Any:
    """log(e**x + e**y) without overflow; its slopes are sigmoid(x - y) and sigmoid(y - x)."""
    return recorded("logaddexp", x, y)


def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0, unless y is nan."""
    return recorded("xlogy", x, y)


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0, unless y is nan."""
    return recorded("xlog1py", x, y)


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


def logsumexp(x: Any, axis: int | None = None) -> Any:
    """log(sum(e**x)) without overflow, of an array, or along one axis; of nothing -inf.

    Pairs by logaddexp, then pairs of those: the slopes, which are a softmax, keep their digits.
    """
    array = plain(x)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"logsumexp takes an array, got {x!r} ({type(x).__name__})")
    rows = array.ravel() if axis is None else np.moveaxis(array, axis, 0)
    if len(rows) == 0:
        return wrapped(np.full(rows.shape[1:], -np.inf).astype(object))
    while len(rows) > 1:
        half = len(rows) // 2
        pairs = np.asarray(recorded("logaddexp", rows[:half], rows[half : 2 * half]), dtype=object)
        rows = np.concatenate([pairs, rows[2 * half :]])
    return wrapped(np.asarray(rows[0], dtype=object))
