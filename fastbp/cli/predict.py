"""``fastbp predict``: what a trained network says of the rows of a CSV file."""

import argparse
import csv
import io
import sys
from typing import Any

from numpy.typing import NDArray

from fastbp.cli import options, scores, streams
from fastbp.cli.encoding import Classes
from fastbp.cli.errors import CommandError
from fastbp.cli.table import Data, count
from fastbp.cli.trained import Trained, check_output
from fastbp.replacing import replacing


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp predict`` takes."""
    parser = commands.add_parser(
        "predict",
        help="predict with a trained network",
        description="Predict the target of each row of a CSV file. Columns are matched by name, "
        "in any order; others are ignored. Where the file has the target, how well it is "
        "predicted goes to standard error.",
    )
    parser.add_argument("model", metavar="MODEL", help="file written by fastbp train")
    parser.add_argument("data", metavar="DATA.csv", help="samples, one a row")
    parser.add_argument("--output", metavar="FILE.csv", help="default: standard output")
    parser.add_argument(
        "--proba", action="store_true", help="write the probability of each class as well"
    )
    options.add_header(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict, write, and score what can be scored."""
    if arguments.output is not None:
        check_output(arguments.output, arguments.data, arguments.model)
    elif streams.is_closed(sys.stdout):
        raise CommandError("standard output is closed; name a file with --output")
    trained = Trained.load(arguments.model)
    target = trained.target
    if arguments.proba and not (
        isinstance(target, Classes) and trained.network.loss == "cross_entropy"
    ):
        raise CommandError(
            f"--proba needs a classifier trained with --loss cross_entropy; {arguments.model} "
            f"was trained for {target.task} with {trained.network.loss}"
        )
    data = trained.read(arguments.data, arguments.header)
    predicted = trained.predict(data.numbers)
    text = _csv(trained, data, predicted, arguments.proba)
    if arguments.output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        with replacing(arguments.output) as file:
            file.write(text.encode())
    score = _score(trained, data, predicted)
    if score:
        print(score, file=sys.stderr)
    return 0


def _csv(trained: Trained, data: Data, predicted: NDArray[Any], proba: bool) -> str:
    """A column named as the target and, if asked for, one for the probability of each class."""
    target = trained.target
    columns = [target.decode(predicted) if isinstance(target, Classes) else predicted.tolist()]
    header = [target.name]
    if proba and isinstance(target, Classes):
        columns += trained.probabilities(data.numbers).T.tolist()
        header += [f"p({label})" for label in target.labels]
    text = _Lines()
    # csv.writer quotes the characters of its own end of line, and readers end lines at both.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue()


class _Lines(io.StringIO):
    """Rows that end in a line feed alone; csv.writer writes a row at a time."""

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def _score(trained: Trained, data: Data, predicted: NDArray[Any]) -> str | None:
    """How well the rows whose target is known are predicted; None if there is none."""
    if data.texts is None:
        return None
    truth, known = trained.target.known(data.texts)
    if not known.any():
        return None
    rows = f"{count(int(known.sum()), 'row')} with a known target"
    return f"{rows}: {scores.summary(trained.target, truth, predicted[known])}"
