"""A network with what ``fastbp train`` knows of its columns: to a file, and back to work."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import files
from fastbp.cli import options
from fastbp.cli.errors import CommandError, one_line
from fastbp.cli.inputs import Inputs
from fastbp.cli.table import Data, Table, listed, open_table
from fastbp.cli.targets import Classes, Quantity, target_from_dict
from fastbp.network import Network
from fastbp.replacing import check_writable
from fastbp.validate import described

VERSION = 2  # of the notes on columns; version 1 had neither categories nor missing values


@dataclass(frozen=True)
class Trained:
    """A trained network, its inputs and its target; and what is told of its training."""

    network: Network
    theta: NDArray[np.float64]
    inputs: Inputs
    target: Classes | Quantity
    has_header: bool
    training: dict[str, str | int | float]

    def save(self, path: str) -> None:
        """Write everything to one file."""
        extra = {
            "version": VERSION,
            "inputs": self.inputs.to_dict(),
            "target": self.target.to_dict(),
            "has_header": self.has_header,
            "training": self.training,
        }
        files.save(path, self.network, self.theta, extra)

    @classmethod
    def load(cls, path: str) -> "Trained":
        """Read what `save` wrote."""
        network, theta, extra = files.load(path)
        version = extra.get("version", 1)
        if version not in range(1, VERSION + 1) or type(version) is not int:
            raise CommandError(
                f"{path}: what it says of its columns has version {described(version)}; this "
                f"fastbp reads versions 1 to {VERSION}: upgrade fastbp"
            )
        try:
            trained = cls(
                network,
                theta,
                Inputs.from_dict(extra["inputs"], version),
                target_from_dict(extra["target"]),
                extra["has_header"] is True,
                _training(extra["training"] if version > 1 else {}),
            )
        except KeyError:
            raise CommandError(
                f"{path} holds a network but not its columns; `fastbp train` writes both"
            ) from None
        except (TypeError, ValueError, OverflowError) as error:
            raise CommandError(f"{path}: what it says of its columns is damaged: {error}") from None
        trained._check(path)
        return trained

    def _check(self, path: str) -> None:
        """Refuse columns that are not those of the network."""
        network, inputs, target = self.network, self.inputs, self.target
        outputs = [1]
        if isinstance(target, Classes):
            outputs = [len(target.labels)] if len(target.labels) > 2 else [1, 2]
        fits = (
            inputs.width == network.widths[0]
            and target.name not in inputs.names
            and network.widths[-1] in outputs
            and options.is_classifier(network.loss) == isinstance(target, Classes)
        )
        if not fits:
            raise CommandError(
                f"{path}: its columns do not belong to its network {network.name} of loss "
                f"{network.loss}: {inputs.width} inputs, {target.task} of {target.name!r}"
            )

    def read(self, table: Table, kept: Sequence[int] = ()) -> Data:
        """The input columns, matched by name, the texts of the target if it is there, and columns
        to be kept as they are. Missing inputs are nan, where the model knows what to do."""
        places, target = self._match(table)
        missing = self.inputs.missing is not None
        return table.read(self.inputs.columns(places), target, kept, missing)

    def _match(self, table: Table) -> tuple[Sequence[int], int | None]:
        """Where a table has the inputs, and the target if it is there."""
        names, target = self.inputs.names, self.target.name
        if not self.has_header and len(table.names) == len(names):
            # The table has no names, and as many columns as inputs: they are in the same order.
            return range(len(names)), None
        missing = [name for name in names if name not in table.places]
        if missing:
            found = listed(table.names) if table.has_header else "no header row"
            raise CommandError(
                f"{table.path} lacks the column{'s' if len(missing) > 1 else ''} "
                f"{listed([repr(name) for name in missing])} the model needs; it has {found}"
            )
        needed = [*names, target] if target in table.places else names
        # A name that stands for two columns is refused: either could be meant.
        table.check_twins([place for name in needed for place in table.places[name]])
        there = table.places.get(target)
        return [table.places[name][0] for name in names], there[0] if there else None

    def predict(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """Class indices, or quantities in the units of the target, for samples as read."""
        output = self.network.predict(self.theta, self.inputs.transform(X))
        return output if isinstance(self.target, Classes) else self.target.decode(output)

    def probabilities(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """The probability of each class, shape (m, K)."""
        return self.network.predict_proba(self.theta, self.inputs.transform(X))


def opened(path: str, arguments: argparse.Namespace) -> Table:
    """The table of a command that has a trained network."""
    return open_table(path, arguments.header, arguments.encoding)


def _training(saved: object) -> dict[str, str | int | float]:
    """Names and values."""
    if not isinstance(saved, dict):
        raise ValueError(f"training is {described(saved)}; expected names and values")
    for name, value in saved.items():
        if type(value) not in (str, int, float):
            raise ValueError(f"training, {name}: {described(value)} is no text and no number")
    return saved


def check_save(path: str, *inputs: str) -> None:
    """Refuse before any work a file that could not be written after it."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise CommandError(f"--save {path}: there is no folder {folder}")
    if os.path.isdir(path):
        raise CommandError(f"--save {path} is a folder; name a file")
    try:
        check_writable(path)
    except OSError as error:
        raise CommandError(f"--save {one_line(error)}") from None
    replaced = os.path.isfile(target) or not os.path.exists(target)
    if replaced and not os.access(folder, os.W_OK):
        raise CommandError(f"--save {path}: no permission to write there")
    for name in inputs:
        if os.path.exists(path) and os.path.exists(name) and os.path.samefile(path, name):
            raise CommandError(f"--save {path} is read by this command; name another file")
