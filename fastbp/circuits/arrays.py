"""Arrays of expressions: NumPy's functions on them, element by element."""

from functools import partial
from typing import Any, NoReturn

import numpy as np

from fastbp._core import core
from fastbp._recorder import Expression, is_operand, refuse_truth, set_hooks
from fastbp.circuits.formulas import written
from fastbp.circuits.recordable import INSTEAD, RECORDABLE
from fastbp.validate import described, not_masked


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
        # NumPy's own pickles do not check that there are as many elements as the shape says.
        return _read, (self.shape, self.ravel().tolist())

    def __hash__(self) -> int:  # type: ignore[override]
        # By identity, as of an Expression: a vector of variables may be a key of data.
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
    method.__doc__ = f"As np.{name}."
    return method


# These methods of arrays are refused as the functions are; NumPy's own would ask for truth values.
for _name in ("argmax", "argmin", "argpartition", "argsort", "nonzero", "partition", "round",
              "searchsorted", "sort"):  # fmt: skip
    setattr(ExpressionArray, _name, _by_function(_name))


def recorded(name: str, *operands: Any) -> Any:
    """The gate or formula `name` on its operands, or on each of their elements; of numbers the
    value."""
    numbers = True
    for x in operands:
        if type(x) is Expression:
            numbers = False
        elif is_array(x):
            each = np.frompyfunc(lambda *scalars: recorded(name, *scalars), len(operands), 1)
            with np.errstate(all="ignore"):  # intermediate results may overflow
                return wrapped(each(*map(loopable, operands)))
    expression = written(name, *operands)
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
        return float(x)  # a longdouble among objects would call its ufunc, which calls this
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


def loopable(x: Any) -> Any:
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


# NumPy computes these ufuncs, on arrays of objects, by the operators of the elements.
_BY_OPERATORS = {
    np.add, np.subtract, np.multiply, np.divide, np.power, np.negative, np.positive, np.square,
    np.reciprocal, np.conjugate, np.matmul,
    *(getattr(np, name) for name in ("vecdot", "matvec", "vecmat") if hasattr(np, name)),
}  # fmt: skip


# Names of ufuncs, of NumPy or scipy.special, and of the gates or formulas that record them.
_BY_NAME: dict[str, str] = {
    **{name: name for name in (
        "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "clip",
        "cos", "cosh", "digamma", "equal", "erf", "exp", "exp2", "expm1", "floor", "floor_divide",
        "fmax", "fmin", "fmod", "gammaln", "greater", "greater_equal", "hypot", "less",
        "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "maximum",
        "minimum", "not_equal", "sign", "sin", "sinh", "softplus", "sqrt", "tan", "tanh", "trunc",
        "xlog1py", "xlogy",
    )},
    "fabs": "absolute", "arctan2": "atan2", "expit": "sigmoid", "float_power": "power",
    "remainder": "mod", "rint": "round", "psi": "digamma",
    "radians": "radians", "deg2rad": "radians", "degrees": "degrees", "rad2deg": "degrees",
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

# What to use in place of functions that cannot be recorded.
_INSTEAD = {
    "bitwise_and": _AND, "logical_and": _AND, "bitwise_or": _OR, "logical_or": _OR,
    "bitwise_xor": "for `a ^ b` of conditions, which are 1 or 0, use a != b",
    "logical_xor": "for conditions, which are 1 or 0, use a != b",
    "invert": _NOT, "logical_not": _NOT,
    "isclose": "use abs(a - b) < tolerance", "allclose": "use abs(a - b) < tolerance",
    "isnan": "use a != a", "isinf": "use abs(a) == np.inf", "isfinite": "use abs(a) < np.inf",
    "cbrt": "use np.sign(a) * abs(a) ** (1 / 3)",
}  # fmt: skip


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: Any) -> Any:
    """A ufunc on operands of which one is an Expression or an ExpressionArray."""
    target = options.pop("out", (None,))[0]
    if options.pop("dtype", None) not in (None, object, np.dtype(object)):
        raise TypeError(f"{ufunc.__name__} of expressions takes no dtype: they are recorded")
    loop: Any = ufunc
    if ufunc.__name__ in _BY_NAME:
        # identity=None: the operands of a reduction may be taken in any order
        scalars = partial(recorded, _BY_NAME[ufunc.__name__])
        loop = np.frompyfunc(scalars, ufunc.nin, 1, identity=None)
    elif ufunc.__name__ == "real":  # NumPy 2.5 asks for the real part of squares in a variance
        loop = np.positive
    elif ufunc not in _BY_OPERATORS:
        _refuse(ufunc)
    if method == "at":
        raise TypeError(f"np.{ufunc.__name__}.at changes an array of numbers in place")
    run = loop if method == "__call__" else getattr(loop, method)
    result = wrapped(run(*(_checked(loopable(x), ufunc) for x in inputs), **options))
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
    """For a ufunc that is not recorded, with what to use instead."""
    name = function.__name__
    known = sorted({each.__name__ for each in _BY_OPERATORS} | {*_BY_NAME})
    advice = _INSTEAD.get(name) or (
        f"of NumPy's and scipy.special's elementwise functions expressions know {', '.join(known)}"
    )
    module = "np." if hasattr(np, name) else ""
    raise TypeError(f"{module}{name} cannot be recorded; {advice}")


def _checked(x: Any, ufunc: np.ufunc) -> Any:
    """An operand of a ufunc, if it can be one of expressions."""
    if isinstance(x, np.ndarray) or x is None or is_operand(x):
        return x
    raise TypeError(
        f"np.{ufunc.__name__} of expressions takes expressions and real numbers, "
        f"got {x!r} ({type(x).__name__})"
    )


def apply_function(function: Any, arguments: tuple[Any, ...], options: Any) -> Any:
    """Another function of NumPy on arguments of which one is an Expression or an array of them."""
    from fastbp.circuits.numpy_functions import FUNCTIONS  # which imports this module

    own_way = FUNCTIONS.get(function)
    if own_way is not None:
        return own_way(*arguments, **options)
    if function not in RECORDABLE:
        advice = _INSTEAD.get(function.__name__) or INSTEAD.get(function.__name__, _WRITE)
        raise TypeError(f"{_name_of(function)} cannot be recorded; {advice}")
    try:
        return wrapped(by_numpy(function, arguments, options))
    except (AttributeError, NotImplementedError, SystemError, TypeError) as error:
        if type(error) is TypeError and not any(word in str(error) for word in _OF_NUMPY):
            raise
        raise TypeError(
            f"{_name_of(function)} cannot be recorded with these arguments ({error}); {_WRITE}"
        ) from error


_OF_NUMPY = ("_recorder.Expression'", "Cannot cast", "loop of ufunc")  # in NumPy's messages


def _name_of(function: Any) -> str:
    """A function of NumPy as one writes it: np.linalg.norm."""
    return f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"


def by_numpy(function: Any, arguments: tuple[Any, ...], options: Any) -> Any:
    """What NumPy's own code makes of arrays of expressions."""
    arguments = tuple(_as_array(x) for x in arguments)
    own = next((x for x in arguments if isinstance(x, ExpressionArray)), ExpressionArray(0.0))
    return np.ndarray.__array_function__(own, function, (ExpressionArray,), arguments, options)


def _as_array(x: Any) -> Any:
    """An Expression as an array without dimensions; anything else as it is."""
    return ExpressionArray(x) if type(x) is Expression else x


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


def fold(op: int, a: float, b: float, c: float) -> float:
    """The value of a gate of constants: the engine's own."""
    gate = core("float64").apply_gate
    set_hooks(fold=gate)  # the next gate is folded by the engine directly
    return gate(op, a, b, c)


set_hooks(fold=fold, ufunc=apply_ufunc, function=apply_function, described=described)
