"""Reading a CSV file: its layout, the names of its columns, its cells, and where one is wrong."""

import csv
import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import CommandError
from fastbp.cli.source import UTF_8, Source, opened
from fastbp.validate import described

DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars", " ": "white space"}
WHITE_SPACE = " "  # any amount of it, of blanks and tabs
UNNAMED = "column {} (no name)"  # what a column without a name is called
LOOK = 20  # rows looked at to tell the layout
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "-"))


@dataclass(frozen=True)
class Data:
    """What was read.

    numbers (m, columns): values, of a column of categories their places among them; nan where a
    value is missing. texts: of the target, if asked for. kept: texts of other columns. rows: their
    numbers.
    """

    path: str
    numbers: NDArray[np.float64]
    texts: list[str] | None
    kept: list[list[str]]
    rows: Sequence[int]

    def complete(self) -> NDArray[np.bool_]:
        """Which rows miss nothing among their inputs."""
        return np.logical_not(np.isnan(self.numbers).any(axis=1), dtype=np.bool_)

    def only(self, wanted: NDArray[np.bool_]) -> "Data":
        """These rows alone."""
        places = np.flatnonzero(wanted).tolist()
        texts = None if self.texts is None else [self.texts[i] for i in places]
        kept = [[column[i] for i in places] for column in self.kept]
        return Data(self.path, self.numbers[wanted], texts, kept, [self.rows[i] for i in places])


@dataclass(frozen=True)
class Column:
    """A column to be read as numbers, or as one of its categories."""

    place: int
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Table:
    """A CSV file whose layout is known and whose values are still to be read.

    Rows are numbered from 1 as a spreadsheet does, the header being row 1.
    """

    source: Source
    names: tuple[str, ...]
    has_header: bool
    delimiter: str

    @property
    def path(self) -> str:
        """What messages call it."""
        return self.source.name

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The places of each name."""
        places: dict[str, list[int]] = {}
        for place, name in enumerate(self.names):
            places.setdefault(name, []).append(place)
        return places

    def columns(self, text: str, option: str) -> list[int]:
        """The places of the columns meant by a name or a 0-based index."""
        if text in self.places:
            return self.places[text]
        if text.isdecimal() and len(text) < 10 and int(text) < len(self.names):
            return [int(text)]
        hint = ""
        if len(self.names) == 1:
            hint = f"; the values of a row are looked for between {_delimiters()}"
        raise CommandError(
            f"{option} {described(text)} is not a column of {self.path}, "
            f"which has {len(self.names)}: {listed(self.names)} (or an index from 0){hint}"
        )

    def column(self, text: str, option: str) -> int:
        """The place of the one column meant by a name or a 0-based index."""
        place, *others = self.columns(text, option)
        if others:
            raise self._twins(place, others[0], f"; say which by its index: {option} {place}")
        return place

    def check_named(self, places: Sequence[int]) -> None:
        """Refuse to learn from columns that cannot be told apart, or have no name: mostly the
        number of the row."""
        for place in places:
            name = self.names[place]
            if name == UNNAMED.format(place):
                option = f"'{name}'" if str(place) in self.places else place
                raise CommandError(
                    f"{self.path}, row 1: column {place} (from 0) has no name; give it one, or "
                    f"leave it out: --ignore {option}"
                )
        self.check_twins(places)

    def check_twins(self, places: Sequence[int]) -> None:
        """Refuse columns of the same name."""
        wanted = set(places)
        for place in places:
            same = [each for each in self.places[self.names[place]] if each in wanted]
            if len(same) > 1:
                option = f"; leave one out by its index: --ignore {same[1]}"
                taken = str(same[1]) in self.places
                raise self._twins(same[0], same[1], "; rename one" if taken else option)

    def _twins(self, first: int, second: int, advice: str) -> CommandError:
        """The error for two columns of one name."""
        return CommandError(
            f"{self.path}, row 1: columns {first} and {second} (from 0) are both named "
            f"{described(self.names[first])}{advice}"
        )

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """Numbers and cells of the rows below the header, all of the same length."""
        for row, cells in itertools.islice(
            _rows(self.source, self.delimiter), int(self.has_header), None
        ):
            if len(cells) != len(self.names):
                raise CommandError(
                    f"{self.path}, row {row}: {count(len(cells), 'value')} where "
                    f"{'the header' if self.has_header else 'the first row'} has {len(self.names)}"
                )
            yield row, cells

    def read(
        self,
        inputs: Sequence[Column],
        target: int | None = None,
        kept: Sequence[int] = (),
        missing: bool = False,
    ) -> Data:
        """Read the columns of inputs as numbers, others as texts.

        missing : whether inputs may be missing, and are nan where they are
        """
        if not inputs:
            raise CommandError(f"{self.path} has no column left to use as an input")
        reader = _Reader(self, inputs, missing)
        texts, others, numbers_of_rows = list[str](), [list[str]() for _ in kept], array("q")
        for row, cells in self.cells():
            reader.take(row, cells)
            if target is not None:
                texts.append(cells[target].strip())
            for column, place in zip(others, kept, strict=True):
                column.append(cells[place].strip())
            numbers_of_rows.append(row)
        if not numbers_of_rows:
            raise CommandError(f"{self.path} has a header and no rows after it")
        numbers = np.frombuffer(reader.values).reshape(len(numbers_of_rows), len(inputs))
        self._check_finite(numbers, inputs, numbers_of_rows, missing)
        return Data(self.path, numbers, None if target is None else texts, others, numbers_of_rows)

    def place(self, row: int, column: int) -> str:
        """A cell in words."""
        return f"{self.path}, row {row}, column {self.names[column]!r}"

    def _check_finite(
        self,
        numbers: NDArray[np.float64],
        inputs: Sequence[Column],
        rows: Sequence[int],
        missing: bool,
    ) -> None:
        """Refuses the first cell that is inf, or nan unless values may be missing."""
        wrong = np.isinf(numbers) if missing else ~np.isfinite(numbers)
        if wrong.any():
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            value = numbers[row, column]
            advice = "fill it in or drop the row"
            if np.isnan(value):
                advice += ": --missing mean, --missing drop"
            raise CommandError(
                f"{self.place(rows[row], inputs[column].place)}: "
                f"{value} is not a finite number; {advice}"
            )


class _Reader:
    """Rows of cells, as numbers one behind the other."""

    def __init__(self, table: Table, inputs: Sequence[Column], missing: bool) -> None:
        self.table, self.missing = table, missing
        self.values = array("d")
        self.inputs = [
            (column.place, None if column.categories is None else _places(column.categories))
            for column in inputs
        ]
        self.plain = [] if any(known for _, known in self.inputs) else [p for p, _ in self.inputs]

    def take(self, row: int, cells: list[str]) -> None:
        """Appends the values of one row."""
        if self.plain:
            try:
                self.values.extend([float(cells[place]) for place in self.plain])
                return
            except ValueError:
                pass  # some cell is to be looked at
        self.values.extend([self._value(row, cells, *column) for column in self.inputs])

    def _value(self, row: int, cells: list[str], place: int, known: dict[str, int] | None) -> float:
        """The number of a cell, or of its category among the known ones."""
        cell = cells[place].strip()
        if known is None:
            value = number(cell)
            if value is not None:
                return value
            if cell.lower() not in MISSING:
                raise self._no_number(row, place, cell)
        elif cell in known:
            return known[cell]
        elif cell:
            raise CommandError(
                f"{self.table.place(row, place)}: {described(cell)} is none of the categories the "
                f"model knows: {listed(list(known))}"
            )
        if not self.missing:
            what = "empty" if cell == "" else f"{cell!r}"
            raise CommandError(
                f"{self.table.place(row, place)}: the value is missing ({what}); fill it in or "
                "drop it: --missing mean fills in the mean of the column, --missing drop leaves "
                "such rows out when training"
            )
        return float("nan")

    def _no_number(self, row: int, place: int, cell: str) -> CommandError:
        """The error for a cell that is no number, with what may have happened."""
        where, shown = self.table.place(row, place), described(cell)
        others = {key: what for key, what in DELIMITERS.items() if key != self.table.delimiter}
        for delimiter, what in others.items():
            parts = cell.split(None if delimiter == WHITE_SPACE else delimiter)
            several = len(parts) > 2 or (len(parts) == 2 and delimiter not in (",", WHITE_SPACE))
            if several and all(number(part) is not None for part in parts):
                return CommandError(
                    f"{where}: {shown} is not a number, but {len(parts)} of them between "
                    f"{what}; the file is read as values between "
                    f"{DELIMITERS[self.table.delimiter]}"
                )
        if number(cell.replace(",", ".")) is not None:
            return CommandError(f"{where}: {shown} is not a number; write a decimal point")
        return NoNumberError(
            f"{where}: {shown} is not a number; correct it, encode the column as numbers, or "
            f"leave it out with --ignore"
        )


class NoNumberError(CommandError):
    """A cell that holds a text, in a column that is read as numbers."""


def _places(categories: Sequence[str]) -> dict[str, int]:
    """The number of each category."""
    return {category: place for place, category in enumerate(categories)}


def open_table(path: str, header: str = "auto", encoding: str = UTF_8) -> Table:
    """Look at the first rows of a CSV file.

    Parameters
    ----------
    path
        The file, a pipe, or ``-`` for standard input: values between commas, semicolons, tabs,
        bars or white space, quoted or not.
    header
        ``"yes"`` or ``"no"``, or ``"auto"`` to look whether the first row names the columns.
        Columns without names are called ``"0"``, ``"1"``, ...
    encoding
        Of its text.
    """
    source = opened(path, encoding)
    delimiter = _delimiter(source)
    head = [cells for _, cells in itertools.islice(_rows(source, delimiter), LOOK)]
    if not head:
        raise CommandError(f"{source.name} is empty")
    has_header = _looks_like_header(head) if header == "auto" else header == "yes"
    if not has_header:
        return Table(source, tuple(map(str, range(len(head[0])))), False, delimiter)
    cells = [cell.strip() for cell in head[0]]
    names = tuple(name or UNNAMED.format(place) for place, name in enumerate(cells))
    return Table(source, names, True, delimiter)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, the long list cut."""
    rest = [] if len(names) <= most else [f"and {len(names) - most} more"]
    return ", ".join([*names[:most], *rest])


def count(n: int, noun: str) -> str:
    """``1 value``, ``2 values``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _rows(source: Source, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and cells, blank rows left out."""
    row = 0
    try:
        with source.open() as file:
            lines: Iterable[str] = file
            if delimiter == WHITE_SPACE:
                lines = (" ".join(line.split()) + "\n" for line in file)
            reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
            for row, cells in enumerate(reader, start=1):
                if cells and (len(cells) > 1 or cells[0].strip()):
                    yield row, cells
    except UnicodeDecodeError as error:
        raise source.not_text(error) from None
    except UnicodeError as error:  # UTF-16 without a mark
        raise CommandError(f"{source.name} is not {source.encoding} text: {error}") from None
    except csv.Error as error:
        raise CommandError(f"{source.name}, row {row + 1}: {error}") from None
    except OSError as error:
        raise CommandError(f"{source.name}: {error.strerror or error}") from None


def _delimiter(source: Source) -> str:
    """The delimiter that cuts the first rows into the same number (over 1) of cells.

    If there is none, the one that finds most in the first row. White space, which is in texts too,
    must cut all rows alike, and is only looked for where nothing else cuts them.
    """
    most, best = 1, ","
    for delimiter in DELIMITERS:
        if delimiter == WHITE_SPACE and most > 1:
            break
        try:
            head = itertools.islice(_rows(source, delimiter), LOOK)
            lengths = [len(cells) for _, cells in head]
        except CommandError:
            continue
        if lengths and lengths[0] > 1 and len(set(lengths)) == 1:
            return delimiter
        if lengths and lengths[0] > most and delimiter != WHITE_SPACE:
            most, best = lengths[0], delimiter
    return best


def _delimiters() -> str:
    """All delimiters in words."""
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
