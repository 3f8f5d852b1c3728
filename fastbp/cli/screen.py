"""What a command prints: as wide as the terminal is, in colours where it has them.

Colours need rich (pip install rich), a terminal that has them, and no NO_COLOR in the environment.
"""

import importlib
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from fastbp import layout
from fastbp.network import Network

NARROWEST = 20  # columns
Part = tuple[str, str]  # text and its style, "" for none

GOOD, BAD, TITLE, DIM = "green", "red", "bold", "dim"


def columns() -> int:
    """The width of the terminal; 80 where there is none."""
    return max(NARROWEST, shutil.get_terminal_size().columns)


def say(text: str = "", style: str = "", end: str = "\n") -> None:
    """Print lines that fit the terminal, broken between words."""
    show([(layout.wrapped(text, columns()), style)], end)


def show(parts: Sequence[Part], end: str = "\n") -> None:
    """Print texts in their styles, as they are."""
    console = _console()
    if console is None:
        print(_sayable("".join(text for text, _ in parts)), end=end, flush=True)
        return
    text_of = importlib.import_module("rich.text").Text
    line = text_of()
    for text, style in parts:
        line.append(_sayable(text), style=style)
    console.print(line, end=end, soft_wrap=True)
    sys.stdout.flush()


def _sayable(text: str) -> str:
    """The text with what standard output cannot say written in ASCII."""
    name = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(name, "backslashreplace").decode(name)


def _console() -> Any:
    """rich's console, where colours are possible and wanted; else None."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return None
    try:
        console = importlib.import_module("rich.console").Console
    except ImportError:
        return None
    return console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def network(net: Network) -> None:
    """The layers: a table, or a list where that is too wide."""
    headline, _, table = str(net).partition("\n")
    say(headline, TITLE)
    if not layout.fits(table, columns()):
        plain = net._structure.is_plain
        rows = [
            [f"layer {n}", ", ".join(f"{h} x (1 + {c - 1})" for h, c in shapes),
             _name(layer.output_activation) if plain else repr(layer), str(layer.n_parameters)]
            for n, layer in enumerate(net.layers, 1)
            for shapes in [[matrix.shape for matrix in layer.matrices]]
        ]  # fmt: skip
        header = ["layer", "Theta", "activation" if plain else "kind", "parameters"]
        table = layout.listing(header, [*rows, ["total", "", "", str(net.n_parameters)]])
    show([(table, "")])
    say()


def _name(activation: object) -> str:
    """The name of an activation."""
    return activation if isinstance(activation, str) else "circuit"


def verdicts(text: str) -> None:
    """A report whose last words of lines are verdicts."""
    for line in text.splitlines():
        words = line.split()
        last = words[-1] if words else ""
        style = {"ok": GOOD, "kink": "yellow", "FAIL": BAD}.get(last, "")
        if line.startswith("Gradient check"):
            show([(line, f"bold {GOOD if 'passed' in line else BAD}")])
        elif style:
            cut = len(line) - len(last)
            show([(line[:cut], ""), (last, style)])
        else:
            show([(line, "")])
