"""Functions of scalars that are no gate of their own, but made of gates without losing digits."""

import math
from collections.abc import Callable
from typing import Any

from fastbp._recorder import Expression, constant, gate, is_operand


def written(name: str, *operands: Any) -> Expression:
    """The gate `name` of scalars, or what is recorded for the function of that name."""
    formula = FORMULAS.get(name)
    if formula is None:
        return gate(name, *operands)
    for x in operands:
        if x is not None and not is_operand(x):
            gate("add", x, 0.0)  # raises the TypeError of a gate
    return formula(*(None if x is None else constant(x) for x in operands))


def _clip(x: Expression, low: Expression | None, high: Expression | None) -> Expression:
    """min(max(x, low), high)."""
    if low is not None:
        x = gate("maximum", x, low)
    return x if high is None else gate("minimum", x, high)


def _trunc(x: Expression) -> Expression:
    """x rounded towards 0."""
    return gate("select", x < 0, -gate("floor", -x), gate("floor", x))


def _fmod(x: Expression, y: Expression) -> Expression:
    """The rest of x / y, with the sign of x, as in C."""
    size = gate("mod", abs(x), abs(y))
    return gate("select", x < 0, -size, size)


def _floor_divide(x: Expression, y: Expression) -> Expression:
    """The greatest integer that is at most x / y; x / y itself where y is 0."""
    rest = _fmod(x, y)  # (x - rest) / y is an integer, but for rounding
    below = gate("not_equal", rest, 0.0) * gate("not_equal", y < 0, rest < 0)
    return gate("select", y, gate("round", (x - rest) / y) - below, x / y)


def _unless_nan(x: Expression, value: Expression) -> Expression:
    """value, and nan where x is."""
    return gate("select", gate("equal", x, x), value, x)


def _xlogy(x: Expression, y: Expression) -> Expression:
    """x log(y), and 0 where x is 0."""
    return _unless_nan(y, gate("masked_multiply", x, gate("log", y)))


def _xlog1py(x: Expression, y: Expression) -> Expression:
    """x log(1 + y), and 0 where x is 0."""
    return _unless_nan(y, gate("masked_multiply", x, gate("log1p", y)))


def _of_numbers(extreme: str, x: Expression, y: Expression) -> Expression:
    """The extreme of two; where one is nan, the other."""
    both = gate("select", gate("not_equal", x, x), y, gate(extreme, x, y))
    return gate("select", gate("not_equal", y, y), x, both)


def _sinc(x: Expression) -> Expression:
    """sin(pi x) / (pi x). Near 0 its series, of which the derivatives keep their digits; elsewhere
    the sine of the distance from the nearest integer, which is exact."""
    square = (x * math.pi) * (x * math.pi)
    series: Expression | float = 0.0
    for k in range(14, 0, -1):
        series = (series + (-1) ** k / math.factorial(2 * k + 1)) * square
    whole = gate("round", x)
    half = 0.5 * whole
    sign = 1 - 4 * (half - gate("floor", half))
    far = sign * gate("sin", math.pi * (x - whole)) / (math.pi * x)
    return gate("select", abs(x) < 0.5, 1 + series, far)


FORMULAS: dict[str, Callable[..., Expression]] = {
    "ceil": lambda x: -gate("floor", -x),
    "trunc": _trunc,
    "fmod": _fmod,
    "floor_divide": _floor_divide,
    "arctan": lambda x: gate("atan2", x, 1.0),
    "sinh": lambda x: (gate("expm1", x) - gate("expm1", -x)) / 2,
    "cosh": lambda x: (gate("exp", x) + gate("exp", -x)) / 2,
    "exp2": lambda x: gate("power", 2.0, x),
    "log2": lambda x: gate("log", x) / math.log(2),
    "log10": lambda x: gate("log", x) / math.log(10),
    "logaddexp2": lambda x, y: gate("logaddexp", x * math.log(2), y * math.log(2)) / math.log(2),
    "greater": lambda x, y: gate("less", y, x),
    "greater_equal": lambda x, y: gate("less_equal", y, x),
    "clip": _clip,
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "fmax": lambda x, y: _of_numbers("maximum", x, y),
    "fmin": lambda x, y: _of_numbers("minimum", x, y),
    "sinc": _sinc,
    "radians": lambda x: x * (math.pi / 180),
    "degrees": lambda x: x * (180 / math.pi),
}
