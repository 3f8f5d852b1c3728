"""Rows of text for a screen of some width: a table where it fits, else a list."""

from collections.abc import Collection, Sequence

GAP = "  "


def table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,), indent: str = "") -> str:
    """The rows below each other, their cells aligned.

    left : columns whose cells begin below each other; those of the others end so
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        GAP.join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join((indent + line).rstrip() for line in lines)


def listing(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Each row as a paragraph: its first cell, and below it the others with their names."""
    paragraphs = []
    for first, *cells in rows:
        named = [[name, cell] for name, cell in zip(header[1:], cells, strict=True) if cell]
        paragraphs.append("\n".join([first, table(named, left=(0, 1), indent=GAP)]))
    return "\n".join(paragraphs)


def fits(text: str, columns: int | None) -> bool:
    """Whether no line is longer than so many characters; None for any number."""
    return columns is None or max(map(len, text.splitlines()), default=0) <= columns


def wrapped(text: str, columns: int | None) -> str:
    """Lines of at most so many characters, broken between words; what is indented stays so."""
    if fits(text, columns):
        return text
    from textwrap import fill

    assert columns is not None
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines.append(
            line
            if len(line) <= columns
            else fill(line.strip(), max(columns, 10), initial_indent=indent,
                      subsequent_indent=indent + GAP * bool(indent),
                      break_long_words=False, break_on_hyphens=False)
        )  # fmt: skip
    return "\n".join(lines)
