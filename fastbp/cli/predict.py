"""``fastbp predict``: what a trained network says of the rows of a CSV file."""

import argparse
import csv
import io
import itertools
import sys

import numpy as np
from numpy.typing import NDArray

from fastbp.cli import options, scores, streams
from fastbp.cli.errors import CommandError
from fastbp.cli.inputs import DROP
from fastbp.cli.table import Data, Table, count
from fastbp.cli.targets import Classes
from fastbp.cli.trained import Trained, check_save, opened
from fastbp.parameterised import without_parameter
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
    parser.add_argument("data", metavar="DATA.csv", help="samples, one a row; - is standard input")
    parser.add_argument("--save", metavar="FILE.csv", help="default: standard output")
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column of DATA.csv to write before the predictions: name or 0-based index, or 'all' "
        "(may be repeated)",
    )
    parser.add_argument(
        "--proba", action="store_true", help="write the probability of each class as well"
    )
    options.add_table(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict, write, and score what can be scored."""
    if arguments.save is not None:
        check_save(arguments.save, arguments.data, arguments.model)
    elif streams.is_closed(sys.stdout):
        raise CommandError("standard output is closed; name a file with --save")
    trained = Trained.load(arguments.model)
    target = trained.target
    if arguments.proba and not (
        isinstance(target, Classes)
        and without_parameter(trained.network.loss) in ("cross_entropy", "focal")
    ):
        raise CommandError(
            "--proba needs a classifier trained with --loss cross_entropy or focal; "
            f"{arguments.model} was trained for {target.task} with {trained.network.loss}"
        )
    table = opened(arguments.data, arguments)
    kept = _kept(table, arguments.keep)
    data = trained.read(table, kept)
    drops = trained.inputs.missing == DROP
    there = data.complete() if drops else np.ones(len(data.rows), dtype=np.bool_)
    text = _csv(trained, data, there, [table.names[place] for place in kept], arguments.proba)
    if arguments.save is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        with replacing(arguments.save) as file:
            file.write(text.encode())
    if not there.all():
        rows = count(int((~there).sum()), "row")
        print(f"{rows} with missing values: no prediction, an empty cell", file=sys.stderr)
    score = _score(trained, data.only(there))
    if score:
        print(score, file=sys.stderr)
    return 0


def _kept(table: Table, keep: list[str]) -> list[int]:
    """The places of the columns to be kept, each once."""
    places: dict[int, None] = {}
    for text in keep:
        everything = text == "all" and text not in table.places
        meant = range(len(table.names)) if everything else table.columns(text, "--keep")
        places.update(dict.fromkeys(meant))
    return list(places)


def _csv(
    trained: Trained, data: Data, there: NDArray[np.bool_], kept: list[str], proba: bool
) -> str:
    """The columns kept, one named as the target and, if asked for, one for the probability of each
    class. Rows that are not `there` have empty cells."""
    target = trained.target
    numbers = data.numbers[there]
    predicted = trained.predict(numbers)
    columns = [target.decode(predicted) if isinstance(target, Classes) else predicted.tolist()]
    header = [f"predicted {target.name}" if target.name in kept else target.name]
    if proba and isinstance(target, Classes):
        columns += trained.probabilities(numbers).T.tolist()
        header += [f"p({label})" for label in target.labels]
    text = _Lines()
    # csv.writer quotes a cell that holds a character of its line terminator. Readers end a line at
    # "\r" as well as at "\n", so that a cell with either has to be quoted.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*kept, *header])
    rows, empty = zip(*columns, strict=True), [""] * len(columns)
    others = zip(*data.kept, strict=True) if kept else itertools.repeat(())
    for exists, before in zip(there.tolist(), others, strict=False):
        writer.writerow([*before, *(next(rows) if exists else empty)])
    return text.getvalue()


class _Lines(io.StringIO):
    """Rows that end in a line feed alone; csv.writer writes a row at a time."""

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def _score(trained: Trained, data: Data) -> str | None:
    """How well the rows whose target is known are predicted; None if there is none."""
    if data.texts is None:
        return None
    truth, known = trained.target.known(data.texts)
    if not known.any():
        return None
    rows = f"{count(int(known.sum()), 'row')} with a known target"
    predicted = trained.predict(data.numbers[known])
    return f"{rows}: {scores.summary(trained.target, truth, predicted)}"
