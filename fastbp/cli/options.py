"""Options that several commands share, and what their values may be."""

import argparse
import math
from collections.abc import Callable, Sequence
from typing import cast

from fastbp._core import PRECISIONS
from fastbp.cli import layer_words
from fastbp.cli.source import UTF_8, encoding
from fastbp.names import Activation, activations, losses
from fastbp.parameterised import canonical, without_parameter
from fastbp.targets import CLASSIFIERS
from fastbp.validate import described, one_of

DTYPES = tuple(PRECISIONS)


def is_classifier(loss: object) -> bool:
    """Whether the loss trains a network to tell classes apart."""
    return without_parameter(loss) in CLASSIFIERS


def default_output(loss: str) -> Activation:
    """The usual output activation of a loss."""
    allowed = losses()[without_parameter(loss)]
    return "identity" if "identity" in allowed else cast(Activation, allowed[0])


def integer(least: int, most: int = 2**31 - 1) -> Callable[[str], int]:
    """An argparse type: a whole number of at least `least`, and no more than a C int holds."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(
                f"{described(text)} is not a whole number of at least {least}"
            )
        if value > most:
            raise argparse.ArgumentTypeError(f"{described(text)} is more than {most}")
        return value

    return convert


def penalty(text: str) -> float:
    """An argparse type: a finite number, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{described(text)} is not a number of at least 0")
    return value


def chosen_penalty(text: str) -> float | None:
    """An argparse type: a penalty, or ``auto``, which is None."""
    if text.strip().lower() == "auto":
        return None
    try:
        return penalty(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, and not auto") from None


def named(kind: str, known: Sequence[str], what: str) -> Callable[[str], str]:
    """An argparse type: one of the known names; those of other libraries lead to it."""

    def convert(text: str) -> str:
        if text[:1].isdigit() and kind == "activation":
            raise argparse.ArgumentTypeError(
                f"{described(text)} is no activation; widths are given by --widths"
            )
        try:
            whole: str = canonical(text)
            one_of(without_parameter(whole), known, what, kind=kind)
            return whole
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def fraction(text: str) -> float:
    """An argparse type: a number from 0 up to, but not including, 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{described(text)} is not a fraction (0 <= fraction < 1)")
    return value


def widths(text: str) -> tuple[int, ...]:
    """An argparse type: widths such as 25,10; ``none`` for none."""
    if text.strip().lower() == "none":
        return ()
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = (0,)
    if min(values) < 1:
        raise argparse.ArgumentTypeError(
            f"{described(text)} is not a list of widths such as 25,10 (each at least 1)"
        )
    return values


def add_widths(parser: argparse._ActionsContainer, default: str) -> None:
    """``--widths``: of the hidden layers."""
    parser.add_argument(
        "--widths",
        type=widths,
        default=widths(default),
        metavar="WIDTHS",
        help=f"of the hidden layers, 'none' for none (default {default}); the first and the last "
        "follow from the data",
    )


def add_layers(parser: argparse._ActionsContainer) -> None:
    """``--layers``: of all kinds, in words."""
    parser.add_argument(
        "--layers",
        type=layer_words.chain,
        metavar="LAYERS",
        help=f"layers of any kind instead, such as {layer_words.EXAMPLE}: conv CHANNELS KERNEL, "
        "maxpool KERNEL, avgpool KERNEL (stride, padding, dilation N), flatten, rnn N, gru N, "
        "lstm N (bidirectional, sequences), dense N; activations by their names",
    )


def add_input_shape(parser: argparse.ArgumentParser) -> None:
    """``--input-shape``: of a sample."""
    parser.add_argument(
        "--input-shape",
        type=layer_words.shape,
        metavar="SHAPE",
        help="with --layers: the shape of a sample, channels x height x width (1x28x28), "
        "channels x length or steps x features, whose numbers are in this order in its row",
    )


def add_training(parser: argparse.ArgumentParser, *, maxiter: int) -> None:
    """The options of a command that trains: ``demo`` and ``train``."""
    parser.add_argument(
        "--maxiter",
        type=integer(1),
        default=maxiter,
        metavar="N",
        help=f"iterations of the optimiser at most (default {maxiter})",
    )
    parser.add_argument(
        "--test",
        type=fraction,
        default=0.2,
        metavar="SHARE",
        help="share of the samples that is held out for testing (default 0.2)",
    )
    add_threads(parser)
    add_seed(parser)
    add_dtype(parser)


def add_l2(parser: argparse.ArgumentParser, default: float) -> None:
    """``--l2``: the penalty."""
    parser.add_argument(
        "--l2",
        type=penalty,
        default=default,
        metavar="LAMBDA",
        help="penalty on the weights, lambda/(2m) times their sum of squares "
        f"(default {default:g})",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """``--n-threads``: of each evaluation."""
    parser.add_argument(
        "--n-threads", type=integer(1), metavar="N", help="threads (default: as the machine has)"
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """``--seed``: everything random follows from it."""
    parser.add_argument(
        "--seed", type=integer(0), default=0, metavar="N", help="random seed (default 0)"
    )


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """``--dtype``: the precision of the computation."""
    parser.add_argument(
        "--dtype", choices=DTYPES, default="float64", help="precision (default float64)"
    )


def add_hidden(parser: argparse.ArgumentParser) -> None:
    """``--hidden``: the activation of the hidden layers."""
    names = activations(hidden=True)
    parser.add_argument(
        "--hidden",
        type=named("activation", names, "hidden activation"),
        default="tanh",
        metavar="NAME",
        help=f"activation of the hidden layers (default tanh): {', '.join(names)}",
    )


def add_loss(parser: argparse.ArgumentParser, default: str | None, help_: str) -> None:
    """``--loss``: by its name."""
    parser.add_argument(
        "--loss",
        type=named("loss", tuple(losses()), "loss"),
        default=default,
        metavar="NAME",
        help=f"default: {help_}; one of {', '.join(losses())}",
    )


def add_table(parser: argparse.ArgumentParser) -> None:
    """``--header`` and ``--encoding``: how a CSV file is read."""
    parser.add_argument(
        "--header",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether the first row names the columns (default: look at it)",
    )
    parser.add_argument(
        "--encoding",
        type=encoding,
        default=UTF_8,
        metavar="NAME",
        help="of the file's text, such as cp1252, latin-1, utf-16 (default utf-8)",
    )
