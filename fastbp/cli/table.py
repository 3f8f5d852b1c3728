"""Reading a CSV file: its layout, its column names, its numbers, and where one is wrong."""

import csv
import itertools
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import CommandError
from fastbp.validate import described

DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars", " ": "white space"}
WHITE_SPACE = " "  # any amount of it, of blanks and tabs
UNNAMED = "column {} (no name)"  # what a column without a name is called
LOOK = 20  # rows looked at to tell the layout
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "-"))


@dataclass(frozen=True)
class Data:
    """What was read: `numbers` (m, columns), `texts` of one column if asked for, row numbers."""

    path: str
    numbers: NDArray[np.float64]
    texts: list[str] | None
    rows: Sequence[int]


@dataclass(frozen=True)
class Table:
    """A CSV file whose layout is known and whose values are still to be read.

    Rows are numbered from 1 as a spreadsheet does, the header being row 1.
    """

    path: str
    names: tuple[str, ...]
    has_header: bool
    delimiter: str

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each name, the first if there are several."""
        places: dict[str, int] = {}
        for place, name in enumerate(self.names):
            places.setdefault(name, place)
        return places

    def column(self, text: str, option: str) -> str:
        """The name of the column meant by a name or a 0-based index."""
        if text in self.places:
            return text
        if text.isdecimal() and len(text) < 10 and int(text) < len(self.names):
            return self.names[int(text)]
        hint = ""
        if len(self.names) == 1:
            hint = f"; the values of a row are looked for between {_delimiters()}"
        raise CommandError(
            f"{option} {described(text)} is not a column of {self.path}, "
            f"which has {len(self.names)}: {listed(self.names)} (or an index from 0){hint}"
        )

    def check_named(self, names: Sequence[str]) -> None:
        """Refuse to learn from a column without a name: mostly the number of the row."""
        for name in names:
            place = self.places[name]
            if name == UNNAMED.format(place):
                option = f"'{name}'" if str(place) in self.places else place
                raise CommandError(
                    f"{self.path}, row 1: column {place} (from 0) has no name; give it one, or "
                    f"leave it out: --ignore {option}"
                )

    def read(self, numeric: Sequence[str], text: str | None = None) -> Data:
        """Read the named columns; every value must be there and every number finite."""
        if not numeric:
            raise CommandError(f"{self.path} has no column left to use as an input")
        chosen = [self.places[name] for name in numeric]
        text_column = None if text is None else self.places[text]
        values, texts, numbers_of_rows = array("d"), list[str](), array("q")
        for row, cells in itertools.islice(
            _rows(self.path, self.delimiter), int(self.has_header), None
        ):
            if len(cells) != len(self.names):
                raise CommandError(
                    f"{self.path}, row {row}: {count(len(cells), 'value')} where "
                    f"{'the header' if self.has_header else 'the first row'} has {len(self.names)}"
                )
            try:
                values.extend([float(cells[column]) for column in chosen])
            except ValueError:
                raise self._not_a_number(row, cells, chosen) from None
            if text_column is not None:
                texts.append(cells[text_column].strip())
            numbers_of_rows.append(row)
        if not numbers_of_rows:
            raise CommandError(f"{self.path} has a header and no rows after it")
        numbers = np.frombuffer(values).reshape(len(numbers_of_rows), len(chosen))
        self._check_finite(numbers, numeric, numbers_of_rows)
        return Data(self.path, numbers, None if text is None else texts, numbers_of_rows)

    def _not_a_number(self, row: int, cells: list[str], chosen: list[int]) -> CommandError:
        column = next(column for column in chosen if number(cells[column]) is None)
        name, cell = self.names[column], cells[column].strip()
        where, shown = f"{self.path}, row {row}, column {name!r}", described(cell)
        if cell.lower() in MISSING:
            what = "empty" if cell == "" else f"{cell!r}"
            return CommandError(f"{where}: the value is missing ({what}); fill it in or drop it")
        others = {key: what for key, what in DELIMITERS.items() if key != self.delimiter}
        for delimiter, what in others.items():
            parts = cell.split(None if delimiter == WHITE_SPACE else delimiter)
            several = len(parts) > 2 or (len(parts) == 2 and delimiter not in (",", WHITE_SPACE))
            if several and all(number(part) is not None for part in parts):
                return CommandError(
                    f"{where}: {shown} is not a number, but {len(parts)} of them between "
                    f"{what}; the file is read as values between {DELIMITERS[self.delimiter]}"
                )
        if number(cell.replace(",", ".")) is not None:
            return CommandError(f"{where}: {shown} is not a number; write a decimal point")
        return CommandError(
            f"{where}: {shown} is not a number; encode the column as numbers, or leave it out "
            f"with --ignore"
        )

    def _check_finite(
        self, numbers: NDArray[np.float64], names: Sequence[str], rows: Sequence[int]
    ) -> None:
        finite = np.isfinite(numbers)
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            raise CommandError(
                f"{self.path}, row {rows[row]}, column {names[column]!r}: "
                f"{numbers[row, column]} is not a finite number; fill it in or drop the row"
            )


def open_table(path: str, header: str = "auto") -> Table:
    """Look at the first rows of a CSV file.

    Parameters
    ----------
    path
        The file: UTF-8, values between commas, semicolons, tabs, bars or white space, quoted or
        not.
    header
        ``"yes"`` or ``"no"``, or ``"auto"`` to look whether the first row names the columns.
        Columns without names are called ``"0"``, ``"1"``, ...
    """
    if os.path.exists(path) and not os.path.isfile(path):
        # a pipe cannot be read twice, and looking at the first rows is a reading of its own
        raise CommandError(f"{path} is a folder or a pipe; give a CSV file")
    delimiter = _delimiter(path)
    head = [cells for _, cells in itertools.islice(_rows(path, delimiter), LOOK)]
    if not head:
        raise CommandError(f"{path} is empty")
    has_header = _looks_like_header(head) if header == "auto" else header == "yes"
    if not has_header:
        return Table(path, tuple(map(str, range(len(head[0])))), False, delimiter)
    cells = [cell.strip() for cell in head[0]]
    names = tuple(name or UNNAMED.format(place) for place, name in enumerate(cells))
    table = Table(path, names, True, delimiter)
    for column, name in enumerate(names):
        first = table.places[name]
        if first != column:
            raise CommandError(
                f"{path}, row 1: columns {first} and {column} (from 0) are both named "
                f"{described(name)}; rename one"
            )
    return table


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, the long list cut."""
    rest = [] if len(names) <= most else [f"and {len(names) - most} more"]
    return ", ".join([*names[:most], *rest])


def count(n: int, noun: str) -> str:
    """``1 value``, ``2 values``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _rows(path: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and cells, blank rows left out."""
    row = 0
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines: Iterable[str] = file
            if delimiter == WHITE_SPACE:
                lines = (" ".join(line.split()) + "\n" for line in file)
            reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
            for row, cells in enumerate(reader, start=1):
                if cells and (len(cells) > 1 or cells[0].strip()):
                    yield row, cells
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x}): "
            "save it as CSV in UTF-8"
        ) from None
    except csv.Error as error:
        raise CommandError(f"{path}, row {row + 1}: {error}") from None
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None


def _delimiter(path: str) -> str:
    """The delimiter that cuts the first rows into the same number (over 1) of cells.

    If there is none, the one that finds most in the first row. White space, which is in texts too,
    must cut all rows alike, and is only looked for where nothing else cuts them.
    """
    most, best = 1, ","
    for delimiter in DELIMITERS:
        if delimiter == WHITE_SPACE and most > 1:
            break
        try:
            head = itertools.islice(_rows(path, delimiter), LOOK)
            lengths = [len(cells) for _, cells in head]
        except CommandError:
            continue
        if lengths and lengths[0] > 1 and len(set(lengths)) == 1:
            return delimiter
        if lengths and lengths[0] > most and delimiter != WHITE_SPACE:
            most, best = lengths[0], delimiter
    return best


def _delimiters() -> str:
    *most, last = DELIMITERS.values()
    return f"{', '.join(most)} or {last}"


def _looks_like_header(head: list[list[str]]) -> bool:
    """Whether row 1 holds names: it has no number, or a column turns into numbers below it.

    pandas names columns that have no names 0, 1, 2, ...; they are told from data by the empty cell
    above the numbers of the rows, or by texts below them.
    """
    first = [cell.strip() for cell in head[0]]
    if all(number(cell) is None for cell in first):
        return True
    names = first if first[0] else first[1:]
    if names == [str(i) for i in range(len(names))]:
        return names != first or any(
            number(cell) is None and cell.strip().lower() not in MISSING
            for cells in head[1:2]
            for cell in cells
        )
    return any(
        number(cell) is None and cell.lower() not in MISSING and number(below) is not None
        for cells in head[1:2]
        for cell, below in zip(first, cells, strict=False)
    )


def number(cell: str) -> float | None:
    """The number a cell holds, None if it holds none."""
    try:
        return float(cell)
    except ValueError:
        return None
