"""Which activations and losses there are, and which go together: the engine's tables say."""

from typing import TYPE_CHECKING

from fastbp._core import core

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit


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


def check_pairing(loss: "str | Circuit", output: "str | Circuit", n_outputs: int) -> None:
    """Refuses a loss that cannot follow the output, saying what can. A circuit goes with all."""
    allowed = core("float64").LOSSES[loss] if isinstance(loss, str) else None
    if allowed is not None and output not in allowed:
        follow = [
            name
            for name, outputs in core("float64").LOSSES.items()
            if outputs is None or output in outputs
        ]
        raise ValueError(
            f"loss {loss!r} cannot follow output {output!r}; use output "
            f"{' or '.join(map(repr, allowed))}, or keep the output and use loss "
            f"{' or '.join(map(repr, follow))}"
        )
    if n_outputs == 1 and (output == "softmax" or loss == "multiclass_hinge"):
        advice = "output='sigmoid'" if output == "softmax" else "loss='hinge'"
        what = "a softmax" if output == "softmax" else "a multiclass_hinge"
        raise ValueError(
            f"{what} over a single output is constant; use {advice}, or one output per class"
        )
