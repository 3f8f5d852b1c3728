"""Layers in words, as in --layers "conv 8 5x5 relu, maxpool 2, dense 10"; and shapes: 1x28x28.

A layer is its kind, its numbers, and in any order an activation, options with a value, and flags.
"""

import argparse
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from fastbp import layers
from fastbp.cli.errors import CommandError
from fastbp.layers.layer import Layer, Shape, by
from fastbp.names import activations
from fastbp.network import Network
from fastbp.parameterised import canonical, without_parameter
from fastbp.validate import described, one_of
from fastbp.words import folded


@dataclass(frozen=True)
class Kind:
    """What may be said of a layer of one kind, and the argument that each word is.

    classes : by the number of axes beside the channels; under None whatever the input is
    """

    classes: dict[int | None, type[Layer]]
    numbers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    activation: str = ""


_WINDOWS = ("stride", "padding")
_CONVOLUTION = (("out_channels", "kernel_size"), (*_WINDOWS, "dilation"), (), "activation")
_DIRECTIONS = ("bidirectional", "sequences")


def _pooling(one: type[Layer], two: type[Layer]) -> dict[str, Kind]:
    """The words for a pooling layer: with its dimension, or without where the input says it."""
    name = one.__name__.lower().removesuffix("1d")
    each = {name: {1: one, 2: two}, f"{name}1d": {None: one}, f"{name}2d": {None: two}}
    return {key: Kind(classes, ("kernel_size",), _WINDOWS) for key, classes in each.items()}  # type: ignore[arg-type]


KINDS = {
    "conv": Kind({1: layers.Conv1d, 2: layers.Conv2d}, *_CONVOLUTION),
    "conv1d": Kind({None: layers.Conv1d}, *_CONVOLUTION),
    "conv2d": Kind({None: layers.Conv2d}, *_CONVOLUTION),
    **_pooling(layers.MaxPool1d, layers.MaxPool2d),
    **_pooling(layers.AvgPool1d, layers.AvgPool2d),
    "flatten": Kind({None: layers.Flatten}),
    "rnn": Kind({None: layers.RNN}, ("hidden_size",), (), _DIRECTIONS, "nonlinearity"),
    "gru": Kind({None: layers.GRU}, ("hidden_size",), (), _DIRECTIONS),
    "lstm": Kind({None: layers.LSTM}, ("hidden_size",), ("forget_bias",), _DIRECTIONS),
    "dense": Kind({None: layers.Dense}, ("n_out",), (), (), "activation"),
}
ARGUMENTS = {"sequences": "return_sequences"}  # of flags that have a longer name in Python
SHORT = "conv, maxpool, avgpool, flatten, rnn, gru, lstm, dense"
EXAMPLE = "'conv 8 5x5 relu, maxpool 2, dense 10'"
SPATIAL = ("conv", "maxpool", "avgpool")  # after them a dense layer takes all numbers


@dataclass
class Words:
    """One layer as it was written: its kind, and the arguments that follow from the words."""

    text: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def is_spatial(self) -> bool:
        """Whether its output is channels x ..."""
        return self.kind.startswith(SPATIAL)


def shape(text: str) -> Shape:
    """An argparse type: the shape of one sample, such as 1x28x28."""
    sizes = _sizes(text)
    if sizes is None or min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"{described(text)} is not a shape such as 1x28x28 (channels x height x width), 1x200 "
            "(channels x length) or 50x3 (steps x features)"
        )
    return sizes


def chain(text: str) -> list[Words]:
    """An argparse type: layers between commas."""
    return [_layer(number, part) for number, part in enumerate(text.split(","), 1)]


def _layer(number: int, text: str) -> Words:
    """One layer; what is wrong is told with the word marked."""
    words = text.replace("=", " ").split()

    def refuse(place: int, why: str) -> argparse.ArgumentTypeError:
        """The error, with the word in its place marked."""
        marked = [f">>{word}<<" if at == place else word for at, word in enumerate(words)]
        return argparse.ArgumentTypeError(f"layer {number}, '{' '.join(marked)}': {why}")

    if not words:
        raise argparse.ArgumentTypeError(f"layer {number} is empty; layers are written {EXAMPLE}")
    name = folded(words[0])
    kind = KINDS.get(name)
    if kind is None:
        raise refuse(0, f"no layer {words[0]!r}{_near(name, KINDS)}; there are {SHORT}")
    made = Words(" ".join(words), name)
    numbers = list(kind.numbers)
    options = {folded(option): option for option in kind.options}
    flags = {folded(ARGUMENTS.get(flag, flag)): flag for flag in kind.flags}
    flags |= {folded(flag): flag for flag in kind.flags}
    place = 1
    while place < len(words):
        word, at = words[place], place
        place += 1
        option, flag = options.get(folded(word)), flags.get(folded(word))
        if numbers and word[:1].isdigit():
            argument = numbers.pop(0)
            value: Any = _size(word, 1, axes=argument == "kernel_size")
            if value is None:
                wanted = "a size such as 5 or 5x3" if argument == "kernel_size" else "a number"
                raise refuse(at, f"{argument} is {wanted}, of at least 1")
        elif option is not None:
            argument = option
            if place == len(words):
                raise refuse(at, f"{option} has no value after it")
            value = _option(option, words[place])
            if value is None:
                raise refuse(place, f"no {option}: it is {_wanted(option)}")
            place += 1
        elif flag is not None:
            argument, value = ARGUMENTS.get(flag, flag), True
        elif kind.activation and not word[:1].isdigit():
            argument = kind.activation
            value = _activation(word, name)
            if isinstance(value, ValueError):
                others = [*kind.options, *kind.flags]
                also = f". Else {name} takes {', '.join(others)}" if others else ""
                raise refuse(at, f"{_near(word, [*options, *flags], '')}{value}{also}")
        else:
            raise refuse(at, _superfluous(name, kind, word, options, flags))
        if argument in made.arguments:
            raise refuse(at, f"{argument} is said twice")
        made.arguments[argument] = value
    if numbers:
        usage = " ".join([name, *(each.upper() for each in kind.numbers)])
        raise argparse.ArgumentTypeError(
            f"layer {number}, '{made.text}': {numbers[0]} is missing; it is written {usage}"
        )
    return made


def _superfluous(name: str, kind: Kind, word: str, *known: dict[str, str]) -> str:
    """What a kind of layer takes, for a message on a word that it does not take."""
    takes = [*(each.upper() for each in kind.numbers), *kind.options, *kind.flags]
    if kind.activation:
        takes.append("an activation")
    names = [each for group in known for each in group]
    return f"{name} takes {', '.join(takes) or 'nothing'}{_near(word, names)}"


def _near(word: str, known: Sequence[str] | dict[str, Any], before: str = "; ") -> str:
    """A known word that looks like this one, as a question."""
    near = difflib.get_close_matches(folded(word), list(known), 1)
    return f"{before}did you mean {near[0]}?{'' if before else ' '}" if near else ""


def _sizes(text: str) -> Shape | None:
    """Sizes such as 5 or 5x3; None if the text is none."""
    if not re.fullmatch(r"\d{1,9}(x\d{1,9})*", text, re.ASCII | re.IGNORECASE):
        return None
    return tuple(map(int, text.lower().split("x")))


def _size(text: str, least: int, axes: bool) -> "int | Shape | None":
    """A number, or with `axes` one for each axis; None if it is none."""
    sizes = _sizes(text)
    if sizes is None or min(sizes) < least or (len(sizes) > 1 and not axes):
        return None
    return sizes if len(sizes) > 1 else sizes[0]


def _option(option: str, text: str) -> Any:
    """The value of an option of a layer; None if the text is none."""
    if option == "padding" and text.lower() in ("same", "valid"):
        return text.lower()
    if option == "forget_bias":
        try:
            return float(text)
        except ValueError:
            return None
    return _size(text, 0 if option == "padding" else 1, axes=True)


def _wanted(option: str) -> str:
    """What an option takes, in words."""
    if option == "forget_bias":
        return "a number"
    return "'same', 'valid' or zeros such as 1 or 1x2" if option == "padding" else (
        "a step such as 2 or 2x1, of at least 1"
    )  # fmt: skip


def _activation(word: str, kind: str) -> Any:
    """The name, or what is wrong with it."""
    try:
        whole: str = canonical(word)
        known = activations() if kind == "dense" else activations(hidden=True)
        one_of(without_parameter(whole), known, "activation", kind="activation")
    except ValueError as error:
        return error
    return whole


def made(chain: Sequence[Words], input_shape: Shape, hidden: str, output: Any) -> list[Layer]:
    """The layers. Those that have an activation and were given none take `hidden`, a last dense
    one `output`. Before a dense layer the channels of an image or a signal are flattened.

    Raises
    ------
    CommandError
        If a layer does not take what the one before gives.
    """
    result: list[Layer] = []
    shape, is_spatial = input_shape, len(input_shape) > 2
    for number, words in enumerate(chain, 1):
        before = f"layer {number - 1}" if number > 1 else "the input"
        try:
            if words.kind == "dense" and is_spatial and len(shape) > 1:
                result.append(layers.Flatten())
                shape = result[-1].output_shape(shape)
            usual = output if number == len(chain) and words.kind == "dense" else hidden
            layer = _built(words, shape, before, usual)
            shape = layer.output_shape(shape)
        except (TypeError, ValueError) as error:
            raise CommandError(f"--layers: layer {number}, '{words.text}': {error}") from None
        is_spatial = words.is_spatial
        result.append(layer)
    return result


def network(
    arguments: argparse.Namespace, n_inputs: int | None, output: Any, **settings: Any
) -> Network:
    """The network of --layers and --input-shape; of vectors of n_inputs where no shape is given.

    Raises
    ------
    CommandError
        If the shape has another number of inputs, or a layer does not fit.
    """
    given = arguments.input_shape
    if given is None and n_inputs is None:
        raise CommandError(
            "--layers needs --input-shape, the shape of one sample, such as 1x28x28 or 64"
        )
    if given is not None and n_inputs is not None and prod(given) != n_inputs:
        raise CommandError(
            f"--input-shape {'x'.join(map(str, given))} has {prod(given)} numbers, and there are "
            f"{n_inputs} inputs; --ignore leaves columns out"
        )
    shape: Shape = given or (n_inputs or 0,)
    each = made(arguments.layers, shape, arguments.hidden, output)
    return Network(each, input_shape=shape, **settings)


def _built(words: Words, shape: Shape, before: str, usual: Any) -> Layer:
    """The layer of these words on an input of this shape."""
    kind = KINDS[words.kind]
    axes = len(shape) - 1
    one = kind.classes.get(None) or kind.classes.get(axes)
    if one is None:
        raise ValueError(
            f"takes channels x length or channels x height x width, but {before} has {by(shape)}; "
            "--input-shape says the shape of one sample, such as 1x28x28"
        )
    arguments = dict(words.arguments)
    if kind.activation == "activation":
        arguments.setdefault("activation", usual)
    return one(**arguments).fitted(shape, before)
