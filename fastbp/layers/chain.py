"""Layers in a chain: each fits the one before; their places in theta; the chain as text."""

from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fastbp.blocks import Block
from fastbp.layers.dense import Dense
from fastbp.layers.layer import Layer, Shape, by
from fastbp.layout import table as aligned
from fastbp.names import activations
from fastbp.validate import MAX_WIDTH, count, described


class Chain(NamedTuple):
    """Layers that fit one another, and what they make of a sample."""

    layers: tuple[Layer, ...]
    shapes: tuple[Shape, ...]  # the input's, then that after each layer

    @property
    def is_plain(self) -> bool:
        """Whether all layers are Dense, on vectors: what the engine runs without a program."""
        return len(self.shapes[0]) == 1 and all(type(layer) is Dense for layer in self.layers)


def chain(layers: Iterable[Layer], input_shape: Any = None) -> Chain:
    """The layers, with all widths, after checking that each fits the one before.

    Raises
    ------
    TypeError, ValueError
        If one does not; the message shows the shapes up to it.
    """
    given = _listed(layers)
    shape = _input_shape(given[0], input_shape)
    last_only = [name for name in activations() if name not in activations(hidden=True)]
    fitted: list[Layer] = []
    shapes = [shape]
    for number, layer in enumerate(given, 1):
        before = f"layer {number - 1}" if number > 1 else "the input"
        try:
            fits = layer.fitted(shapes[-1], before)
            shapes.append(fits.output_shape(shapes[-1]))
        except ValueError as error:
            fitted.append(layer)
            raise ValueError(f"layer {number} {error}\n{_until(fitted, shapes)}") from None
        fitted.append(fits)
        if number < len(given) and fits.output_activation in last_only:
            raise ValueError(
                f"layer {number} of {len(given)} has activation {fits.output_activation!r}, which "
                f"only the last layer can have; hidden layers take "
                f"{', '.join(activations(hidden=True))}"
            )
    made = Chain(tuple(fitted), tuple(shapes))
    if not any(layer.matrices for layer in made.layers):
        raise ValueError(
            "no layer has parameters, so that there is nothing to learn; put a Dense, convolutional"
            f" or recurrent layer among them\n{table(made)}"
        )
    return made


def _listed(layers: Any) -> tuple[Layer, ...]:
    """Layers as a tuple of at least one."""
    if isinstance(layers, Layer):
        raise TypeError(f"layers must be a list of layers: Network([{layers!r}], ...)")
    try:
        given = () if isinstance(layers, str) else tuple(layers)
    except TypeError:
        given = ()
    if not given and not isinstance(layers, list | tuple):
        raise TypeError(
            f"layers must be a list of layers, got {described(layers)}; fastbp.mlp(400, 25, 10) "
            "makes a network from widths"
        )
    if not given:
        raise ValueError("a network needs at least one layer, got none")
    for number, layer in enumerate(given, 1):
        if isinstance(layer, Layer):
            continue
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(
                f"layer {number} is the class {layer.__name__}; make one: {layer.__name__}(...)"
            )
        widths = isinstance(layer, int) and len(given) > 1
        advice = f"; from widths: fastbp.mlp{given}" if widths else ""
        raise TypeError(
            f"layer {number} is {described(layer)}; expected a Dense layer, "
            f"Dense(n_in, n_out, activation){advice}"
        )
    return given


def _input_shape(first: Layer, given: Any) -> Shape:
    """The shape of one sample; a first Dense layer with n_in says it itself."""
    if given is None:
        if isinstance(first, Dense) and first.n_in is not None:
            return (first.n_in,)
        advice = {
            "Dense": f"(n_in,), or give the layer its number of inputs: Dense(n_in, "
            f"{getattr(first, 'n_out', 10)})",
            "Conv1d": "(channels, length)", "Conv2d": "(channels, height, width)",
            "MaxPool1d": "(channels, length)", "MaxPool2d": "(channels, height, width)",
            "AvgPool1d": "(channels, length)", "AvgPool2d": "(channels, height, width)",
            "RNN": "(steps, features)", "GRU": "(steps, features)", "LSTM": "(steps, features)",
        }  # fmt: skip
        wanted = advice.get(type(first).__name__, "(...), the shape of one sample")
        raise ValueError(
            f"a network that begins with {first!r} needs the shape of one sample: input_shape="
            f"{wanted}"
        )
    each = (given,) if not isinstance(given, list | tuple) else tuple(given)
    if not each:
        raise ValueError("input_shape is (); a sample has at least one number: input_shape=(1,)")
    shape = tuple(count(n, f"input_shape[{axis}]", MAX_WIDTH) for axis, n in enumerate(each))
    if prod(shape) > MAX_WIDTH:
        raise ValueError(f"input_shape {shape} has more than {MAX_WIDTH} numbers in one sample")
    return shape


def blocks(layers: Iterable[Layer]) -> list[Block]:
    """The weights and the bias of each layer and gate, with the indices of their entries."""
    result, start = [], 0
    for number, layer in enumerate(layers, 1):
        for matrix in layer.matrices:
            height, columns = matrix.shape
            indices = np.arange(start, start + height * columns).reshape(matrix.shape)
            words = [f"layer {number}", matrix.direction]
            of = f" of {matrix.operand}" if matrix.operand else ""
            each = height // max(1, len(matrix.gates))
            for k, gate in enumerate(matrix.gates or ("",)):
                part = indices[k * each : (k + 1) * each]
                name = " ".join(filter(None, [*words, f"gate {gate}" if gate else ""]))
                weights, bias = part[:, 1:], part[:, 0]
                for kind, chosen in (("weights", weights), ("bias", bias)):
                    result.append(
                        Block(f"{name} {kind}{of}", number, kind, chosen.ravel().copy(),
                              chosen.shape, start, columns)
                    )  # fmt: skip
            start += height * columns
    return result


def table(made: Chain) -> str:
    """The layers as text: one row each with shapes, Theta and parameters."""
    if made.is_plain:
        return _table_of_dense(made.layers)  # type: ignore[arg-type]
    rows = [("layer", "", "output", "Theta", "parameters")]
    rows.append(("", "input", by(made.shapes[0]), "", ""))
    for number, (layer, shape) in enumerate(zip(made.layers, made.shapes[1:], strict=True), 1):
        each = [f"{h} x (1 + {c - 1})" for h, c in (matrix.shape for matrix in layer.matrices)]
        twice = len(each) % 2 == 0 and each[: len(each) // 2] == each[len(each) // 2 :] != []
        Thetas = f"2 ({', '.join(each[: len(each) // 2])})" if twice else ", ".join(each)
        n = f"{layer.n_parameters}" if each else ""
        rows.append((str(number), repr(layer), by(shape), Thetas, n))
    rows.append(("total", "", "", "", str(sum(layer.n_parameters for layer in made.layers))))
    return aligned(rows, left=(0, 1, 2, 3), indent="  ")


def _until(layers: list[Layer], shapes: list[Shape]) -> str:
    """The chain up to a layer that does not fit, or whose output does not."""
    known = len(shapes) - 1
    if all(type(layer) is Dense and layer.n_in for layer in layers) and len(shapes[0]) == 1:
        return _table_of_dense(layers)  # type: ignore[arg-type]
    rows = [("", "input", by(shapes[0]))]
    for number, layer in enumerate(layers, 1):
        rows.append((str(number), repr(layer), by(shapes[number]) if number <= known else "?"))
    return aligned(rows, left=(0, 1, 2), indent="  ")


def _table_of_dense(layers: Iterable[Dense]) -> str:
    """The table of a chain of Dense layers, whose widths say everything."""
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
