"""The description of a layer, and of layers in a chain: widths, activations, places in theta."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp.immutable import Immutable
from fastbp.names import Activation, Advising, activations, advised, checked
from fastbp.validate import MAX_WIDTH, count, described

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.circuits.circuit import Circuit
    from fastbp.parameterised import Parameterised


class Block(NamedTuple):
    """A part of theta that belongs together: the weights, or the bias, of one layer."""

    name: str  # such as "layer 1 weights"
    layer: int  # counted from 1
    kind: str  # "weights" or "bias"
    indices: "NDArray[np.intp]"  # of its entries in theta


class Dense(Immutable, Advising):
    """A fully connected layer, z = W a + b, a' = g(z).

    Its parameters are one matrix Theta of shape (n_out, 1 + n_in): column 0 is the bias b, the
    others are the weights W.

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and of outputs, at least 1.
    activation : str or Circuit
        Name of g: "identity", "sigmoid", "tanh", "relu", "leaky_relu" (slope 0.01), "elu"
        (alpha 1), "softplus", "silu", "gelu" (exact), "sin", "gaussian" (exp(-z^2)), or, in the
        last layer only, "softmax". Or a circuit of one variable z, whose value is g(z).

    Raises
    ------
    TypeError, ValueError
        If a width is no positive integer, the activation is unknown, or a circuit that has more
        than one variable or output.

    Examples
    --------
    >>> layer = Dense(400, 25, "sigmoid")
    >>> layer.shape, layer.n_parameters
    ((25, 401), 10025)
    """

    __slots__ = ("activation", "n_in", "n_out")

    n_in: int
    n_out: int
    activation: "Activation | Parameterised | Circuit"

    @advised
    def __init__(
        self, n_in: int, n_out: int, activation: "Activation | Parameterised | Circuit" = "identity"
    ) -> None:
        set_once = object.__setattr__
        set_once(self, "n_in", count(n_in, "n_in", MAX_WIDTH))
        set_once(self, "n_out", count(n_out, "n_out", MAX_WIDTH))
        known = activations()
        set_once(self, "activation", checked(activation, "activation", known, "activation"))

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of Theta, (n_out, 1 + n_in)."""
        return self.n_out, 1 + self.n_in

    @property
    def n_parameters(self) -> int:
        """Number of entries of Theta, n_out (1 + n_in)."""
        return self.n_out * (1 + self.n_in)

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Dense) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"Dense({self.n_in}, {self.n_out}, {self.activation!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Dense, self._fields()

    def _fields(self) -> "tuple[int, int, Activation | Parameterised | Circuit]":
        return self.n_in, self.n_out, self.activation


def chain(layers: Iterable[Dense]) -> tuple[Dense, ...]:
    """The layers as a tuple, after checking that each fits the one before."""
    if isinstance(layers, Dense):
        raise TypeError(f"layers must be a list of layers: Network([{layers!r}], ...)")
    try:
        linked = () if isinstance(layers, str) else tuple(layers)
    except TypeError:
        linked = ()
    if not linked and not isinstance(layers, list | tuple):
        raise TypeError(
            f"layers must be a list of layers, got {described(layers)}; fastbp.mlp(400, 25, 10) "
            "makes a network from widths"
        )
    if not linked:
        raise ValueError("a network needs at least one layer, got none")
    last_only = [name for name in activations() if name not in activations(hidden=True)]
    for number, layer in enumerate(linked, 1):
        if not isinstance(layer, Dense):
            widths = isinstance(layer, int)
            advice = f"; from widths: fastbp.mlp{linked}" if widths and len(linked) > 1 else ""
            raise TypeError(
                f"layer {number} is {described(layer)}; expected a Dense layer, "
                f"Dense(n_in, n_out, activation){advice}"
            )
        before = linked[number - 2].n_out
        if number > 1 and layer.n_in != before:
            raise ValueError(
                f"layer {number} takes {layer.n_in} inputs, but layer {number - 1} has {before} "
                f"outputs; give both the same number\n{table(linked[:number])}"
            )
        if number < len(linked) and layer.activation in last_only:
            raise ValueError(
                f"layer {number} of {len(linked)} has activation {layer.activation!r}, which only "
                f"the last layer can have; hidden layers take {', '.join(activations(hidden=True))}"
            )
    return linked


def blocks(layers: tuple[Dense, ...]) -> list[Block]:
    """The bias and the weights of each layer, with the indices of their entries in theta."""
    result, start = [], 0
    for number, layer in enumerate(layers, 1):
        indices = np.arange(start, start + layer.n_parameters).reshape(layer.shape)
        result.append(Block(f"layer {number} weights", number, "weights", indices[:, 1:].ravel()))
        result.append(Block(f"layer {number} bias", number, "bias", indices[:, 0].copy()))
        start += layer.n_parameters
    return result


def table(layers: tuple[Dense, ...]) -> str:
    """The layers as text: one row each with Theta's shape, the activation and the parameters."""
    rows = [("layer", "Theta", "activation", "parameters")]
    for number, layer in enumerate(layers, 1):
        shape = f"{layer.n_out} x (1 + {layer.n_in})"
        activation = layer.activation if isinstance(layer.activation, str) else "circuit"
        rows.append((str(number), shape, activation, f"{layer.n_parameters}"))
    rows.append(("total", "", "", str(sum(layer.n_parameters for layer in layers))))
    first, second, third, last = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        f"  {a:<{first}}  {b:<{second}}  {c:<{third}}  {d:>{last}}" for a, b, c, d in rows
    )
