"""Arrays of expressions: NumPy's functions on them, element by element."""

import math
from functools import partial
from typing import Any, NoReturn

import numpy as np

from fastbp._recorder import Expression, gate, is_operand, refuse_truth
from fastbp.circuits.recordable import INSTEAD, RECORDABLE
from fastbp.validate import not_masked


class ExpressionArray(np.ndarray[Any, Any]):
    """An array of expressions (and numbers), dtype object.

    Arithmetic, comparisons, indexing, `@`, sums and NumPy's elementwise functions (np.exp,
    np.maximum, np.where, np.clip, ...) give arrays of expressions or, without dimensions, an
    Expression. `fastbp.variables("x", 5)` makes one. An array made by np.array([x, y]) is another:
    it has arithmetic, but NumPy's comparisons of it, np.maximum and np.where ask for truth values.

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

    def __reduce__(self) -> Any:
        # NumPy's own would not look whether a damaged pickle has as many elements as the shape
        return _read, (self.shape, self.ravel().tolist())

    def __hash__(self) -> int:  # type: ignore[override]
        # as an Expression's: a vector of variables may be a key of data
        return id(self)

    def __bool__(self) -> bool:
        refuse_truth("an array of expressions")

    def any(self, *arguments: Any, **options: Any) -> Any:
        """Refused, as a truth value."""
        refuse_truth("any() of expressions")

    def all(self, *arguments: Any, **options: Any) -> Any:
        """Refused, as a truth value."""
        refuse_truth("all() of expressions")


def _read(shape: tuple[int, ...], elements: list[Any]) -> ExpressionArray:
    """The array of a pickle."""
    array = np.empty(len(elements), object)
    array[:] = elements
    return ExpressionArray(array.reshape(shape))


def _by_function(name: str) -> Any:
    """The method that asks the function of this name."""

    def method(self: ExpressionArray, *arguments: Any, **options: Any) -> Any:
        return apply_function(getattr(np, name), (self, *arguments), options)

    method.__name__ = name
    return method


# These methods of arrays are refused as the functions are; NumPy's own would ask for truth values.
for _name in ("argmax", "argmin", "argpartition", "argsort", "nonzero", "partition", "round",
              "searchsorted", "sort"):  # fmt: skip
    setattr(ExpressionArray, _name, _by_function(_name))


def recorded(name: str, *operands: Any) -> Any:
    """The gate `name` on its operands, or on each of their elements; of numbers the value."""
    numbers = True
    for x in operands:
        if type(x) is Expression:
            numbers = False
        elif is_array(x):
            each = np.frompyfunc(lambda *scalars: recorded(name, *scalars), len(operands), 1)
            return wrapped(each(*map(_loopable, operands)))
    expression = gate(name, *operands)
    return float(expression) if numbers else expression


def is_array(x: Any) -> bool:
    """Whether x has elements: an array, a list, or what another library makes an array of."""
    if isinstance(x, np.ndarray | list | tuple):
        return True
    return hasattr(type(x), "__array__") and not isinstance(x, np.generic)


def plain(x: Any) -> Any:
    """x as NumPy's own loops take it: a scalar, or an ndarray of expressions and Python floats."""
    if isinstance(x, ExpressionArray):
        return x.view(np.ndarray)
    if isinstance(x, np.longdouble):
        return float(x)  # in an array of objects it would call its ufunc, and that us, forever
    if not is_array(x):
        return x
    not_masked(x, "array")
    x = np.array(x, dtype=object) if isinstance(x, list | tuple) else np.asarray(x)
    if x.dtype.kind in "iuf":
        return x.astype(float).astype(object)
    if x.dtype.kind != "O":
        raise TypeError(
            f"expressions take arrays of real numbers, got one of dtype {x.dtype}; "
            "convert it with .astype(float)"
        )
    for item in x.flat:
        if not is_operand(item):
            advice = "; rows must have the same length" if isinstance(item, list | tuple) else ""
            raise TypeError(
                "an array of expressions holds expressions and real numbers, "
                f"got {item!r} ({type(item).__name__}){advice}"
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


def _clip(x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = recorded("maximum", x, low)
    return x if high is None else recorded("minimum", x, high)


def _cathetus(x: Any) -> Any:
    """sqrt(1 - x**2), accurate near 1 and -1."""
    return recorded("sqrt", (1 - x) * (1 + x))


# What a ufunc does with scalars, by its name: some are those of scipy.special.
_BY_NAME: dict[str, Any] = {
    **{name: partial(recorded, name) for name in (
        "absolute", "cos", "equal", "erf", "exp", "expm1", "hypot", "less", "less_equal", "log",
        "log1p", "maximum", "minimum", "not_equal", "sign", "sin", "softplus", "sqrt", "tan",
        "tanh",
    )},
    "fabs": partial(recorded, "absolute"),
    "arctan2": partial(recorded, "atan2"),
    "expit": partial(recorded, "sigmoid"),
    "float_power": partial(recorded, "power"),
    "greater": lambda x, y: recorded("less", y, x),
    "greater_equal": lambda x, y: recorded("less_equal", y, x),
    "clip": _clip,
    "exp2": lambda x: recorded("power", 2.0, x),
    "log2": lambda x: recorded("log", x) / math.log(2),
    "log10": lambda x: recorded("log", x) / math.log(10),
    "sinh": lambda x: (recorded("expm1", x) - recorded("expm1", -x)) / 2,
    "cosh": lambda x: (recorded("exp", x) + recorded("exp", -x)) / 2,
    "arcsin": lambda x: recorded("atan2", x, _cathetus(x)),
    "arccos": lambda x: recorded("atan2", _cathetus(x), x),
    "arctan": lambda x: recorded("atan2", x, 1.0),
    **{name: lambda x: x * (math.pi / 180) for name in ("radians", "deg2rad")},
    **{name: lambda x: x * (180 / math.pi) for name in ("degrees", "rad2deg")},
}  # fmt: skip

_AND, _OR, _NOT = (
    f"for `{sign}` of conditions, which are 1 or 0, use {use}"
    for sign, use in (
        ("a & b", "a * b"),
        ("a | b", "fastbp.circuits.maximum(a, b)"),
        ("~a", "1 - a"),
    )
)
_WRITE = (
    "write its formula with arithmetic, functions of NumPy for each element, sums and np.where; "
    "what depends on data alone can be computed before and passed as data"
)
_NO_GATE = (
    "there is no gate for it; what depends on data alone can be computed before and passed as data"
)

# What to use in place of functions that cannot be recorded.
_INSTEAD = {
    "bitwise_and": _AND, "logical_and": _AND, "bitwise_or": _OR, "logical_or": _OR,
    "bitwise_xor": "for `a ^ b` of conditions, which are 1 or 0, use a != b",
    "logical_xor": "for conditions, which are 1 or 0, use a != b",
    "invert": _NOT, "logical_not": _NOT,
    **dict.fromkeys(("floor", "ceil", "trunc", "rint", "floor_divide", "remainder"), _NO_GATE),
    "isclose": "use abs(a - b) < tolerance", "allclose": "use abs(a - b) < tolerance",
    "isnan": "use a != a", "isinf": "use abs(a) == np.inf", "isfinite": "use abs(a) < np.inf",
    "fmax": "use np.maximum", "fmin": "use np.minimum",
    "cbrt": "use np.sign(a) * abs(a) ** (1 / 3)",
    "logaddexp": "use b + fastbp.circuits.softplus(a - b)",
}  # fmt: skip


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """A ufunc on operands of which one is an Expression or an ExpressionArray."""
    target = options.pop("out", (None,))[0]
    if options.pop("dtype", None) not in (None, object, np.dtype(object)):
        raise TypeError(f"{ufunc.__name__} of expressions takes no dtype: they are recorded")
    loop: Any = ufunc
    if ufunc.__name__ in _BY_NAME:
        # identity=None: the operands of a reduction may be taken in any order
        loop = np.frompyfunc(_BY_NAME[ufunc.__name__], ufunc.nin, 1, identity=None)
    elif ufunc not in _BY_OPERATORS:
        _refuse(ufunc)
    if method == "at":
        raise TypeError(f"np.{ufunc.__name__}.at changes an array of numbers in place")
    run = loop if method == "__call__" else getattr(loop, method)
    result = wrapped(run(*(_checked(_loopable(x), ufunc) for x in inputs), **options))
    if target is None:
        return result
    if not isinstance(target, np.ndarray):
        raise TypeError(f"out of np.{ufunc.__name__} must be an array, got {target!r}")
    if target.dtype != object:
        raise TypeError(
            f"np.{ufunc.__name__} of expressions cannot be written into an array of dtype "
            f"{target.dtype}; leave out `out`, or use an ExpressionArray"
        )
    target[...] = result
    return target


def _refuse(function: Any) -> NoReturn:
    name = function.__name__
    known = sorted({each.__name__ for each in _BY_OPERATORS} | {*_BY_NAME})
    advice = _INSTEAD.get(name) or (
        f"of NumPy's and scipy.special's elementwise functions expressions know {', '.join(known)}"
    )
    module = "np." if hasattr(np, name) else ""
    raise TypeError(f"{module}{name} cannot be recorded; {advice}")


def _checked(x: Any, ufunc: np.ufunc) -> Any:
    if isinstance(x, np.ndarray) or x is None or is_operand(x):
        return x
    raise TypeError(
        f"np.{ufunc.__name__} of expressions takes expressions and real numbers, "
        f"got {x!r} ({type(x).__name__})"
    )


def apply_function(function: Any, arguments: tuple[Any, ...], options: Any) -> Any:
    """Another function of NumPy on arguments of which one is an Expression or an array of them."""
    own_way = _FUNCTIONS.get(function)
    if own_way is not None:
        return own_way(*arguments, **options)
    if function not in RECORDABLE:
        advice = _INSTEAD.get(function.__name__) or INSTEAD.get(function.__name__, _WRITE)
        raise TypeError(f"{_name_of(function)} cannot be recorded; {advice}")
    try:
        return wrapped(_by_numpy(function, arguments, options))
    except (AttributeError, NotImplementedError, SystemError, TypeError) as error:
        if type(error) is TypeError and not any(word in str(error) for word in _OF_NUMPY):
            raise
        raise TypeError(
            f"{_name_of(function)} cannot be recorded with these arguments ({error}); {_WRITE}"
        ) from error


_OF_NUMPY = ("_recorder.Expression'", "Cannot cast", "loop of ufunc")  # in messages about objects


def _name_of(function: Any) -> str:
    return f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"


def _by_numpy(function: Any, arguments: tuple[Any, ...], options: Any) -> Any:
    """What NumPy's own code makes of arrays of expressions."""
    arguments = tuple(_as_array(x) for x in arguments)
    own = next((x for x in arguments if isinstance(x, ExpressionArray)), ExpressionArray(0.0))
    return np.ndarray.__array_function__(own, function, (ExpressionArray,), arguments, options)


def _as_array(x: Any) -> Any:
    return ExpressionArray(x) if type(x) is Expression else x


def _where(condition: Any, *choices: Any) -> Any:
    if len(choices) != 2:
        raise TypeError(
            "np.where(condition) asks where expressions are true, which is not known before they "
            "have values; use np.where(condition, a, b)"
        )
    return where(condition, *choices)


# Arrays to be written into stay arrays of objects, whatever they hold at first.


def _empty_like(prototype: Any, dtype: Any = None, *rest: Any, **options: Any) -> Any:
    # the dtype that np.gradient asks for is no place for the expressions it computes
    return np.empty_like(_loopable(prototype), object, *rest, **options).view(ExpressionArray)


def _filled_like(function: Any, a: Any, *rest: Any, **options: Any) -> Any:
    result = function(_loopable(a), *rest, **options)
    return result.view(ExpressionArray) if result.dtype == object else result


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    array = ExpressionArray(x)
    if not (ord is None or isinstance(ord, str | int | float)):
        raise TypeError(f"np.linalg.norm cannot be recorded with ord={ord!r}; expected a number")
    vectors = array.ndim == 1 if axis is None else np.size(axis) == 1
    if ord in (None, "fro") or (vectors and ord in (1, 2)):
        return wrapped(_by_numpy(np.linalg.norm, (array, ord, axis, keepdims), {}))
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
    refuse_truth(f"{name}() of expressions")


_FUNCTIONS: dict[Any, Any] = {
    **{each: partial(_truth, each.__name__) for each in (np.all, np.any)},
    np.where: _where,
    np.linalg.norm: _norm,
    np.empty_like: _empty_like,
    **{each: partial(_filled_like, each) for each in (np.zeros_like, np.ones_like, np.full_like)},
}


def where(condition: Any, x: Any, y: Any) -> Any:
    """See fastbp.circuits.where."""
    if isinstance(condition, bool | np.bool_):
        condition = float(condition)
    elif is_array(condition):
        not_masked(condition, "condition")
        condition = np.asarray(condition)
        if condition.dtype == bool:
            condition = condition.astype(float)
    return recorded("select", condition, x, y)
