"""Which activations and losses there are, and which go together: the engine's tables say."""

from fastbp._core import core


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


def check_pairing(loss: str, output: str, n_outputs: int) -> None:
    """Refuses a loss that cannot follow the output, saying what can."""
    known = losses()
    if output not in known[loss]:
        others = [name for name, outputs in known.items() if output in outputs]
        raise ValueError(
            f"loss {loss!r} cannot follow output {output!r}; use output "
            f"{' or '.join(map(repr, known[loss]))}, or keep the output and use loss "
            f"{' or '.join(map(repr, others))}"
        )
    if n_outputs == 1 and (output == "softmax" or loss == "multiclass_hinge"):
        advice = "output='sigmoid'" if output == "softmax" else "loss='hinge'"
        what = "a softmax" if output == "softmax" else "a multiclass_hinge"
        raise ValueError(
            f"{what} over a single output is constant; use {advice}, or one output per class"
        )
