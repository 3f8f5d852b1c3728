"""The functions of NumPy that are recorded in a way of their own."""

from functools import partial
from typing import Any, NoReturn

import numpy as np

from fastbp._recorder import refuse_truth
from fastbp.circuits import linear_algebra
from fastbp.circuits.arrays import (
    ExpressionArray,
    by_numpy,
    is_array,
    loopable,
    recorded,
    where,
    wrapped,
)  # fmt: skip
from fastbp.validate import numbers


def _where(condition: Any, *choices: Any) -> Any:
    """np.where of three arguments; that of one asks for truth values."""
    if len(choices) != 2:
        raise TypeError(
            "np.where(condition) asks where expressions are true, which is not known before they "
            "have values; use np.where(condition, a, b)"
        )
    return where(condition, *choices)


# These arrays will be written into: they stay arrays of objects, even of numbers alone.


def _empty_like(prototype: Any, dtype: Any = None, *rest: Any, **options: Any) -> Any:
    """np.empty_like."""
    # np.gradient asks for a dtype of numbers, but writes expressions.
    return np.empty_like(loopable(prototype), object, *rest, **options).view(ExpressionArray)


def _filled_like(function: Any, a: Any, *rest: Any, **options: Any) -> Any:
    """np.zeros_like and the like."""
    result = function(loopable(a), *rest, **options)
    return result.view(ExpressionArray) if result.dtype == object else result


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm of vectors, and of matrices Frobenius' norm."""
    array = ExpressionArray(x)
    if not (ord is None or isinstance(ord, str | int | float)):
        raise TypeError(f"np.linalg.norm cannot be recorded with ord={ord!r}; expected a number")
    vectors = array.ndim == 1 if axis is None else np.size(axis) == 1
    if ord in (None, "fro") or (vectors and ord in (1, 2)):
        return wrapped(by_numpy(np.linalg.norm, (array, ord, axis, keepdims), {}))
    if not vectors or isinstance(ord, str):
        raise TypeError(
            f"np.linalg.norm of expressions has no norm {ord!r} of matrices; expected the "
            "Frobenius norm, or an axis for the norms of vectors"
        )
    lengths = abs(array)
    if abs(ord) == np.inf:
        extreme: Any = np.maximum if ord > 0 else np.minimum
        return extreme.reduce(lengths, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(array != 0, axis=axis, keepdims=keepdims)
    return np.sum(lengths**ord, axis=axis, keepdims=keepdims) ** (1 / ord)


def _truth(name: str, *arguments: Any, **options: Any) -> NoReturn:
    """Refuses np.any and np.all."""
    refuse_truth(f"{name}() of expressions")


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """np.interp: a line in each piece, the last value beyond. The places xp are numbers, x and fp
    expressions or numbers. At a place itself the slope is that of the piece above."""
    places = np.asarray(xp)
    if places.dtype == object:
        raise TypeError(
            "np.interp cannot be recorded with expressions as places xp: in which piece x lies "
            "would depend on all of them; use np.where, a line in each piece"
        )
    places = numbers(xp, "xp")
    x, values = _elements(x), ExpressionArray(fp)
    if places.ndim != 1 or len(places) == 0 or values.shape != places.shape:
        raise ValueError(
            f"xp and fp are two vectors of one length, got shapes {places.shape}, {values.shape}"
        )
    if period is not None:
        raise TypeError("np.interp of expressions has no period; interpolate at x % period")
    if not (np.diff(places) > 0).all():
        raise ValueError("the places xp of np.interp must rise")
    xs, f = places.tolist(), values.tolist()
    result = f[-1] if right is None else right
    for k in range(len(xs) - 2, -1, -1):
        line = f[k] + (f[k + 1] - f[k]) / (xs[k + 1] - xs[k]) * (x - xs[k])
        # The last piece includes its right end: at the last place the value is the last one.
        result = where(x <= xs[k + 1] if k == len(xs) - 2 else x < xs[k + 1], line, result)
    if len(xs) == 1:
        result = where(x <= xs[0], f[0], result)
    return where(x < xs[0], f[0] if left is None else left, result)


def round_to(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """np.round: 10**-decimals times a rounded multiple."""
    if out is not None:
        raise TypeError("np.round of expressions takes no out; assign its result")
    a = _elements(a)
    if decimals == 0:
        return recorded("round", a)
    scale = 10.0 ** abs(decimals)
    if decimals < 0:
        return recorded("round", a / scale) * scale
    return recorded("round", a * scale) / scale


def _elements(x: Any) -> Any:
    """x, as an array if it has elements."""
    return ExpressionArray(x) if is_array(x) else x


def _fix(x: Any, out: Any = None) -> Any:
    """np.fix."""
    if out is not None:
        raise TypeError("np.fix of expressions takes no out; assign its result")
    return recorded("trunc", x)


FUNCTIONS: dict[Any, Any] = {
    **{each: partial(_truth, each.__name__) for each in (np.all, np.any)},
    np.where: _where,
    np.linalg.norm: _norm,
    np.empty_like: _empty_like,
    **{each: partial(_filled_like, each) for each in (np.zeros_like, np.ones_like, np.full_like)},
    np.linalg.det: linear_algebra.det,
    np.linalg.inv: linear_algebra.inv,
    np.linalg.solve: linear_algebra.solve,
    np.interp: interp,
    np.sinc: partial(recorded, "sinc"),
    np.fix: _fix,
    np.round: round_to,
    np.around: round_to,
}
