"""Options that several commands share, and what their values may be."""

import argparse
import math
from collections.abc import Callable
from typing import cast

from fastbp._core import PRECISIONS
from fastbp.names import Activation, activations, losses
from fastbp.targets import CLASSIFIERS
from fastbp.validate import described

DTYPES = tuple(PRECISIONS)


def is_classifier(loss: object) -> bool:
    """Whether the loss trains a network to tell classes apart."""
    return loss in CLASSIFIERS


def default_output(loss: str) -> Activation:
    """The usual output activation of a loss."""
    allowed = losses()[loss]
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


def add_training(parser: argparse.ArgumentParser, *, hidden: str, l2: float, maxiter: int) -> None:
    """The options of a command that trains: ``demo`` and ``train``."""
    parser.add_argument(
        "--hidden",
        type=widths,
        default=widths(hidden),
        metavar="WIDTHS",
        help=f"widths of the hidden layers, 'none' for none (default {hidden})",
    )
    parser.add_argument(
        "--l2",
        type=penalty,
        default=l2,
        metavar="LAMBDA",
        help=f"penalty on the weights, lambda/(2m) times their sum of squares (default {l2:g})",
    )
    parser.add_argument(
        "--maxiter",
        type=integer(1),
        default=maxiter,
        metavar="N",
        help=f"iterations of the optimiser at most (default {maxiter})",
    )
    parser.add_argument(
        "--test-fraction",
        type=fraction,
        default=0.2,
        metavar="F",
        help="share of the samples held out for testing (default 0.2)",
    )
    parser.add_argument(
        "--threads", type=integer(1), metavar="N", help="threads (default: as the machine has)"
    )
    add_seed(parser)
    add_dtype(parser)


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


def add_activation(parser: argparse.ArgumentParser) -> None:
    """``--activation``: of the hidden layers."""
    parser.add_argument(
        "--activation",
        choices=activations(hidden=True),
        default="tanh",
        metavar="NAME",
        help=f"of the hidden layers (default tanh): {', '.join(activations(hidden=True))}",
    )


def add_header(parser: argparse.ArgumentParser) -> None:
    """``--header``: whether the first row of a CSV file names the columns."""
    parser.add_argument(
        "--header",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether the first row names the columns (default: look at it)",
    )
