"""Grey images in a terminal: two characters for each pixel, the more ink the darker."""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastbp.cli import screen

BLOCKS, PLAIN = " ░▒▓█", " .:*#"  # of 0, 1/4, 1/2, 3/4, 1
GAP = "    "


def picture(image: NDArray[np.float64]) -> list[str]:
    """The lines of an image (rows, columns) of numbers from 0, paper, to 1, ink."""
    inks = BLOCKS if _has_blocks() else PLAIN
    levels = np.rint(np.clip(image, 0, 1) * (len(inks) - 1)).astype(int)
    return ["".join(inks[level] * 2 for level in row) for row in levels.tolist()]


def show(images: Sequence[NDArray[np.float64]], titles: Sequence[str]) -> None:
    """Images with titles above them, as many beside each other as the terminal has room for."""
    width = max(*(2 * image.shape[1] for image in images), *map(len, titles), 1)
    beside = max(1, (screen.columns() + len(GAP)) // (width + len(GAP)))
    for start in range(0, len(images), beside):
        part = slice(start, start + beside)
        rows = zip(*(picture(image) for image in images[part]), strict=True)
        head = GAP.join(title.ljust(width) for title in titles[part])
        screen.show([(head.rstrip(), screen.BAD)])
        for cells in rows:
            screen.show([(GAP.join(cell.ljust(width) for cell in cells).rstrip(), "")])
        screen.say()


def _has_blocks() -> bool:
    """Whether standard output can say the characters."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
