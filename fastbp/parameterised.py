"""Activations and losses that have a parameter, written as "huber(2)": one text for everything.

A text is what files, pickles, the command line and `repr` know, and equal texts are equal networks.
The engine's tables know which functions have a parameter, and between what limits.
"""

import re
from typing import Any, NewType

import numpy as np

from fastbp._core import core
from fastbp.validate import described

# A name with its parameter, for type checkers, which know the names alone.
Parameterised = NewType("Parameterised", str)

FORM = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)


def named(name: str, parameter: float) -> Parameterised:
    """An activation or a loss with its parameter, as the text that `mlp` and `Network` take.

        fastbp.named("quantile", 0.9) == "quantile(0.9)"

    "quantile(tau)": tau from 0 to 1. "huber(delta)": delta > 0. "leaky_relu(s)": slope s >= 0.
    "elu(alpha)": alpha > 0. "negative_binomial(alpha)": alpha > 0. "focal(gamma)": gamma >= 0.

    Raises
    ------
    TypeError, ValueError
        If there is no such function, it has no parameter, or the number is out of its range.
    """
    if isinstance(parameter, bool) or not isinstance(parameter, float | int | np.number):
        raise TypeError(f"the parameter of {name} must be one number, got {described(parameter)}")
    return Parameterised(_text(name, float(parameter)))


def without_parameter(function: Any) -> Any:
    """The name in a text such as "huber(2)"; anything else as it is."""
    return function.partition("(")[0] if isinstance(function, str) else function


def canonical(text: Any) -> Any:
    """The one text of a function with a parameter, "huber(2)" for "huber( 2.0 )"; that of the usual
    parameter is the name alone. Anything else as it is.

    Raises
    ------
    ValueError
        If the function has no parameter, or the number is none or out of its range.
    """
    found = FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return text
    name, inside = found.groups()
    key, equals, number = inside.rpartition("=")
    engine = core("float64")
    if name not in engine.ACTIVATIONS and name not in engine.LOSSES:
        return text  # an unknown name, which the caller refuses
    known = engine.PARAMETERS.get(name)
    if equals and known is not None and key.strip() != known[0]:
        raise ValueError(
            f"{text!r}: the parameter of {name} is called {known[0]}, not {key.strip()}"
        )
    try:
        value = float(number)
    except ValueError:
        raise ValueError(
            f"{text!r}: expected one number in the brackets, as in 'huber(2)'"
        ) from None
    return _text(name, value)


def _text(name: str, value: float) -> str:
    """The one text of a function with this parameter, which is checked."""
    table = core("float64").PARAMETERS
    if name not in table:
        raise ValueError(
            f"{name!r} has no parameter; those that have one are "
            f"{', '.join(f'{each}({table[each][0]})' for each in table)}"
        )
    key, usual, low, high, low_too = table[name]
    if not ((low <= value if low_too else low < value) and value < float("inf") and value <= high):
        least = f"{'>=' if low_too else '>'} {low:g}"
        range_ = f"finite and {least}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise ValueError(f"{key} of {name} must be {range_}, got {value:g}")
    return name if value == usual else f"{name}({repr(value).removesuffix('.0')})"
