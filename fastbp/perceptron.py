"""A network of dense layers from its widths."""

from typing import TYPE_CHECKING

import numpy as np

from fastbp.layers import Dense
from fastbp.names import (
    Activation,
    HiddenActivation,
    Loss,
    Reduction,
    activations,
    advised,
    checked,
)
from fastbp.network import Network
from fastbp.words import described

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from fastbp.circuits.circuit import Circuit
    from fastbp.parameterised import Parameterised


@advised
def mlp(
    *widths: int,
    hidden: "HiddenActivation | Parameterised | Circuit" = "tanh",
    output: "Activation | Parameterised | Circuit" = "identity",
    loss: "Loss | Parameterised | Circuit" = "squared_error",
    l2: float = 0.0,
    dtype: "DTypeLike" = "float64",
    reduction: Reduction = "mean",
) -> Network:
    """A network of dense layers from its widths, inputs first: a multilayer perceptron.

        net = mlp(400, 25, 10, hidden="sigmoid", output="sigmoid", loss="cross_entropy", l2=1.0)

    Parameters
    ----------
    *widths : int
        s_0, s_1, ..., s_L, at least two. Two make a linear or logistic regression.
    hidden, output : str or Circuit
        Activation of all hidden layers, and of the last one; see `Dense`. Two have a parameter:
        "leaky_relu(0.2)", "elu(0.5)".
    loss, l2, dtype, reduction
        As for `Network`.

    Raises
    ------
    TypeError, ValueError
        For fewer than two widths, and as `Dense` and `Network`.
    """
    if len(widths) == 1 and isinstance(widths[0], list | tuple | np.ndarray):
        given = described(widths[0])
        raise TypeError(f"widths are separate arguments: mlp(*widths) for widths = {given}")
    if texts := [width for width in widths if isinstance(width, str)]:
        raise TypeError(
            f"widths are integers, got {texts[0]!r}; activations have keywords: hidden='tanh', "
            "output='softmax'"
        )
    if len(widths) < 2:
        raise ValueError(
            f"mlp takes at least two widths, inputs and outputs: mlp(400, 25, 10); got "
            f"{described(widths)}"
        )
    if isinstance(hidden, list | tuple | int):
        from fastbp.elsewhere import hidden_error

        raise hidden_error(widths, hidden, output)
    hidden = checked(hidden, "activation", activations(hidden=True), "hidden activation")
    output = checked(output, "activation", activations(), "output activation")
    each = [hidden] * (len(widths) - 2) + [output]
    layers = [Dense(*layer) for layer in zip(widths, widths[1:], each, strict=False)]
    return Network(layers, loss, l2, dtype, reduction)
