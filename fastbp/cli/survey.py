"""Which columns hold text, and which texts: a look at all cells before they are read as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastbp.cli.errors import CommandError
from fastbp.cli.inputs import Categories
from fastbp.cli.table import MISSING, Table, count, listed, number
from fastbp.validate import described

FEW = 20  # so many categories are allowed however few samples there are
SAMPLES_PER_CATEGORY = 5  # of more categories than FEW, on average
MOST = 10_000  # different texts that are counted


@dataclass
class Found:
    """What the cells of a column are."""

    numbers: int = 0
    first: tuple[int, str] | None = None  # row and text of the first cell that is no number
    others: int = 0
    texts: set[str] = field(default_factory=set)

    def take(self, row: int, cell: str) -> None:
        """Takes note of a cell."""
        if cell and len(self.texts) < MOST:
            self.texts.add(cell)
        if number(cell.replace(",", ".")) is not None:  # a decimal comma is a slip, no text
            self.numbers += 1
        elif cell.lower() not in MISSING:
            self.others += 1
            self.first = self.first or (row, cell)

    @property
    def is_text(self) -> bool:
        """Whether most cells are no numbers: one among many is a slip."""
        return self.others > self.numbers


def categories_of(
    table: Table, inputs: Sequence[int], named: Sequence[int], encode: bool
) -> Categories:
    """The categories of columns of text and of those `named`, in sorted order.

    encode : whether columns of text are to become categories; without it they are refused, with
    what can be done
    """
    found = {place: Found() for place in inputs}
    n = 0
    for row, cells in table.cells():
        n += 1
        for place, column in found.items():
            column.take(row, cells[place].strip())
    texts = [place for place in inputs if found[place].is_text]
    if not encode and (left := [place for place in texts if place not in named]):
        raise _offer(table, left, found)
    chosen = [place for place in inputs if place in texts or place in named]
    if many := [place for place in chosen if not _few(len(found[place].texts), n)]:
        raise _too_many(table, many, found, n)
    for place in chosen:
        if not found[place].texts:
            name = table.names[place]
            raise CommandError(f"column {name!r} is empty; leave it out: --ignore {name!r}")
    return {table.names[place]: tuple(sorted(found[place].texts)) for place in chosen}


def _few(categories: int, n: int) -> bool:
    """Whether so many categories can be learnt from n samples."""
    return categories <= FEW or n >= SAMPLES_PER_CATEGORY * categories


def _offer(table: Table, places: list[int], found: dict[int, Found]) -> CommandError:
    """The error for columns of text, which could become categories or be left out."""
    names = [repr(table.names[place]) for place in places]
    row, cell = found[places[0]].first or (0, "")
    several = len(places) > 1
    return CommandError(
        f"{table.place(row, places[0])}: {described(cell)} is not a number; column"
        f"{'s' if several else ''} {listed(names)} hold{'' if several else 's'} text: "
        f"--categories one-hot makes columns of 0 and 1 of it, {_ignore(table, places)} leaves "
        "it out"
    )


def _too_many(table: Table, places: list[int], found: dict[int, Found], n: int) -> CommandError:
    """The error for columns of more texts than can be categories."""
    several = len(places) > 1
    names = listed([repr(table.names[place]) for place in places])
    counts = listed([str(len(found[place].texts)) for place in places])
    return CommandError(
        f"{table.path}: column{'s' if several else ''} {names} hold"
        f"{'' if several else 's'} {counts} different texts in {count(n, 'row')}: too many to be "
        f"categories; leave {'them' if several else 'it'} out: {_ignore(table, places)}"
    )


def _ignore(table: Table, places: list[int]) -> str:
    """The options that leave columns out, as a shell reads them."""
    import shlex

    return " ".join(f"--ignore {shlex.quote(table.names[place])}" for place in places)
