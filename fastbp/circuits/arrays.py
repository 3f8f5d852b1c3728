"""Arrays of expressions: NumPy's functions on them, element by element."""

import operator
from typing import Any

import numpy as np

from fastbp._recorder import Expression, gate, is_operand


class ExpressionArray(np.ndarray[Any, Any]):
    """An array of expressions (and numbers), dtype object.

    Arithmetic, comparisons, indexing, `@`, sums and NumPy's elementwise functions (np.exp,
    np.maximum, np.where, np.clip, ...) give arrays of expressions or, without dimensions, an
    Expression. `fastbp.variables("x", 5)` makes one.

    Parameters
    ----------
    values : array_like
        Expressions and real numbers, nested lists of them.

    Raises
    ------
    TypeError
        If there is something else among the values.
    """

    __array_priority__ = 1000.0

    def __new__(cls, values: Any) -> "ExpressionArray":
        return plain(np.array(values, dtype=object)).view(cls)  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply_function(function, args, kwargs)


def recorded(name: str, *operands: Any) -> Any:
    """The gate `name` on its operands, or on each of their elements; of numbers the value."""
    numbers = True
    for x in operands:
        if type(x) is Expression:
            numbers = False
        elif isinstance(x, np.ndarray | list | tuple):
            each = np.frompyfunc(lambda *scalars: recorded(name, *scalars), len(operands), 1)
            return wrapped(each(*map(_loopable, operands)))
    expression = gate(name, *operands)
    return float(expression) if numbers else expression


def plain(x: Any) -> Any:
    """x as NumPy's own loops take it: a scalar, or an ndarray of expressions and Python floats."""
    if isinstance(x, ExpressionArray):
        return x.view(np.ndarray)
    if isinstance(x, list | tuple):
        x = np.array(x, dtype=object)
    if not isinstance(x, np.ndarray):
        return x
    if x.dtype.kind in "iuf":
        return x.astype(float).astype(object)
    if x.dtype.kind != "O":
        raise TypeError(
            f"expressions take arrays of real numbers, got one of dtype {x.dtype}; "
            "convert it with .astype(float)"
        )
    for item in x.flat:
        if not is_operand(item):
            raise TypeError(
                "an array of expressions holds expressions and real numbers, "
                f"got {item!r} ({type(item).__name__})"
            )
    return x


def _loopable(x: Any) -> Any:
    """x plain, and an Expression as an array without dimensions: a ufunc would come back to us."""
    if type(x) is not Expression:
        return plain(x)
    box = np.empty((), object)
    box[()] = x
    return box


def wrapped(result: Any) -> Any:
    """What NumPy made of plain arrays: an ExpressionArray, or float64 if it has numbers only."""
    if not isinstance(result, np.ndarray) or result.dtype != object:
        return result
    if result.ndim == 0:
        return result.item()
    if result.size and all(type(item) is not Expression for item in result.flat):
        return result.astype(float)
    return result.view(ExpressionArray)


# NumPy's loops for objects do these by the operators of the elements.
_BY_OPERATORS = {
    np.add, np.subtract, np.multiply, np.divide, np.power, np.negative, np.positive, np.square,
    np.reciprocal, np.conjugate, np.matmul,
    *(getattr(np, name) for name in ("vecdot", "matvec", "vecmat") if hasattr(np, name)),
}  # fmt: skip

_BY_GATES = {
    np.absolute: "absolute", np.fabs: "absolute", np.exp: "exp", np.expm1: "expm1", np.log: "log",
    np.log1p: "log1p", np.sqrt: "sqrt", np.sin: "sin", np.cos: "cos", np.tan: "tan",
    np.tanh: "tanh", np.sign: "sign", np.hypot: "hypot", np.arctan2: "atan2",
    np.minimum: "minimum", np.maximum: "maximum", np.less: "less", np.less_equal: "less_equal",
    np.equal: "equal", np.not_equal: "not_equal",
}  # fmt: skip


def _clip(x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = recorded("maximum", x, low)
    return x if high is None else recorded("minimum", x, high)


_BY_FUNCTIONS = {
    "greater": lambda x, y: recorded("less", y, x),
    "greater_equal": lambda x, y: recorded("less_equal", y, x),
    "float_power": operator.pow,
    "clip": _clip,
}


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """A ufunc on operands of which one is an Expression or an ExpressionArray."""
    target = options.pop("out", (None,))[0]
    if options.pop("dtype", None) not in (None, object, np.dtype(object)):
        raise TypeError(f"{ufunc.__name__} of expressions takes no dtype: they are recorded")
    loop: Any = ufunc
    if ufunc in _BY_GATES:
        name = _BY_GATES[ufunc]
        # identity=None: the operands of a reduction may be taken in any order
        loop = np.frompyfunc(lambda *each: recorded(name, *each), ufunc.nin, 1, identity=None)
    elif ufunc.__name__ in _BY_FUNCTIONS:
        function: Any = _BY_FUNCTIONS[ufunc.__name__]
        loop = np.frompyfunc(function, ufunc.nin, 1)
    elif ufunc not in _BY_OPERATORS:
        known = sorted({u.__name__ for u in (*_BY_GATES, *_BY_OPERATORS)} | {*_BY_FUNCTIONS})
        raise TypeError(
            f"np.{ufunc.__name__} cannot be recorded; of NumPy's elementwise functions "
            f"expressions know {', '.join(known)}"
        )
    if method == "at":
        raise TypeError(f"np.{ufunc.__name__}.at changes an array of numbers in place")
    run = loop if method == "__call__" else getattr(loop, method)
    result = wrapped(run(*(_checked(_loopable(x), ufunc) for x in inputs), **options))
    if target is None:
        return result
    if target.dtype != object:
        raise TypeError(
            f"np.{ufunc.__name__} of expressions cannot be written into an array of dtype "
            f"{target.dtype}; leave out `out`, or use an ExpressionArray"
        )
    target[...] = result
    return target


def _checked(x: Any, ufunc: np.ufunc) -> Any:
    if isinstance(x, np.ndarray) or x is None or is_operand(x):
        return x
    raise TypeError(
        f"np.{ufunc.__name__} of expressions takes expressions and real numbers, "
        f"got {x!r} ({type(x).__name__})"
    )


def apply_function(function: Any, arguments: tuple[Any, ...], options: Any) -> Any:
    """Another function of NumPy on arguments of which one is an Expression or an array of them."""
    if function is np.where:
        return _where(*arguments, **options)
    arguments = tuple(_as_array(x) for x in arguments)
    own = next((x for x in arguments if isinstance(x, ExpressionArray)), ExpressionArray(0.0))
    result = np.ndarray.__array_function__(own, function, (ExpressionArray,), arguments, options)
    return wrapped(result)


def _as_array(x: Any) -> Any:
    return ExpressionArray(x) if type(x) is Expression else x


def _where(condition: Any, *choices: Any) -> Any:
    if len(choices) != 2:
        raise TypeError(
            "np.where(condition) asks where expressions are true, which is not known before they "
            "have values; use np.where(condition, a, b)"
        )
    return where(condition, *choices)


def where(condition: Any, x: Any, y: Any) -> Any:
    """See fastbp.circuits.where."""
    if isinstance(condition, bool | np.bool_):
        condition = float(condition)
    elif isinstance(condition, np.ndarray | list | tuple):
        condition = np.asarray(condition)
        if condition.dtype == bool:
            condition = condition.astype(float)
    return recorded("select", condition, x, y)
