"""Activations and losses: which there are and which go together, by name or as circuits.

The engine's tables know the names; the types below repeat them for type checkers, and a test
compares both. Circuits are imported only where there is one.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, get_args

from fastbp._core import core
from fastbp.parameterised import canonical, without_parameter
from fastbp.validate import one_of

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit

P = ParamSpec("P")
R = TypeVar("R")

# made by literals
HiddenActivation = Literal[
    "identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "silu", "gelu", "sin",
    "gaussian",
]  # fmt: skip
Activation = Literal[HiddenActivation, "softmax"]
Loss = Literal[
    "cross_entropy", "squared_error", "absolute_error", "quantile", "huber", "log_cosh", "poisson",
    "gamma", "negative_binomial", "focal", "hinge", "squared_hinge", "multiclass_hinge",
    "weston_watkins",
]  # fmt: skip
# end
Reduction = Literal["mean", "sum"]
REDUCTIONS = get_args(Reduction)
# Losses of classes that exclude each other, one output each: targets are labels or one-hot rows.
OF_CLASSES = ("multiclass_hinge", "weston_watkins")


class OwnFunction:
    """What may stand where the name of an activation or of a loss is expected: a circuit.

    `Circuit` is its one subclass. So a circuit is known as such without importing circuits.
    """

    __slots__ = ()


def is_circuit(value: Any) -> bool:
    """Whether `value` is a Circuit."""
    return isinstance(value, OwnFunction)


def activations(hidden: bool = False) -> tuple[str, ...]:
    """The names of all activations, or, with `hidden`, of those that any layer can have.

    >>> [name for name in activations() if name not in activations(hidden=True)]
    ['softmax']
    """
    engine = core("float64")
    last = engine.OUTPUT_ONLY if hidden else ()
    return tuple(name for name in engine.ACTIVATIONS if name not in last)


def losses() -> dict[str, tuple[str, ...]]:
    """The names of all losses, each with the output activations it can follow.

    >>> losses()["cross_entropy"]
    ('sigmoid', 'softmax')
    """
    table = core("float64").LOSSES
    return {name: activations() if outputs is None else outputs for name, outputs in table.items()}


def checked(value: Any, kind: str, known: Sequence[str], what: str) -> Any:
    """`value` if it is one of the `known` names of a `what`, with its parameter if it has one, or a
    circuit that can be a `kind`.

    Parameters
    ----------
    kind : {"activation", "loss"}
    """
    if not is_circuit(value):
        text = canonical(value)
        one_of(without_parameter(text), known, what, ", or a circuit: fastbp.circuit(...)", kind)
        return text
    from fastbp.circuits import custom

    return custom.checked_loss(value) if kind == "loss" else custom.checked_activation(value)


def compiled(value: "str | Circuit", kind: str, dtype: str) -> Any:
    """What the engine of a dtype takes for a `kind`: a name, or a circuit compiled for it."""
    if isinstance(value, str):
        return value
    from fastbp.circuits import custom

    return custom.compiled(value, kind, dtype)


def described(value: "str | Circuit") -> Any:
    """A name, or a circuit as plain numbers, strings and lists."""
    if isinstance(value, str):
        return value
    from fastbp.circuits import custom

    return custom.to_dict(value)


def from_description(value: Any) -> Any:
    """What `described` gave; anything else as it is."""
    if not isinstance(value, dict):
        return value
    from fastbp.circuits import custom

    return custom.from_dict(value)


def check_pairing(loss: "str | Circuit", output: "str | Circuit", n_outputs: int) -> None:
    """Refuses a loss that cannot follow the output, saying what can.

    A loss that is a circuit follows every output; an output that is one, only losses of a.
    """
    table = core("float64").LOSSES
    allowed = table[without_parameter(loss)] if isinstance(loss, str) else None
    if allowed is not None and output not in allowed:
        base = without_parameter(output)
        follow = [name for name, outputs in table.items() if outputs is None or base in outputs]
        raise ValueError(
            f"loss {loss!r} cannot follow output {output!r}; use output "
            f"{' or '.join(map(repr, allowed))}, or keep the output and use loss "
            f"{' or '.join(map(repr, follow))}"
        )
    if n_outputs == 1 and (output == "softmax" or loss in OF_CLASSES):
        advice = "output='sigmoid'" if output == "softmax" else "loss='hinge'"
        what = "a softmax" if output == "softmax" else f"a {loss}"
        raise ValueError(
            f"{what} over a single output is constant; use {advice}, or one output per class"
        )


def advised(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, saying what is meant by a keyword that it does not have."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            unknown = next((name for name in kwargs if name not in names), None)
            if unknown is None:
                raise
        from fastbp.elsewhere import keyword_hint

        hint = keyword_hint(unknown, [name for name in names if name != "self"])
        called = function.__qualname__.removesuffix(".__init__")
        raise TypeError(f"{called} has no keyword {unknown!r}{hint}")

    return call


class Advising:
    """A class that says where it is what other libraries have as an attribute of it."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker knows which attributes there are

        def __getattr__(self, name: str) -> Any:
            found = getattr(type(self), name, None)
            if isinstance(found, property):
                return found.fget(self)  # it raised AttributeError, and raises it again
            from fastbp.elsewhere import missing

            raise missing(self, name)
