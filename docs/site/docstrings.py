"""Docstrings of this project as reStructuredText.

They are plain text: names between single backquotes, formulas and code as indented paragraphs, the
sections of NumPy's standard. Nothing else in them is markup: |x|, y_ and *args are meant so.
"""

import re
from typing import Any

from sphinx.domains.python import PyObject

MARKUP = re.compile(r"(?<=\w)_(?!\w)|[|*]")
QUOTED = re.compile(r"(`[^`]*`)")


def literal(text: str) -> str:
    """A line of text without markup, but for what is between backquotes."""
    parts = QUOTED.split(text)
    parts[::2] = [MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def translated(lines: list[str]) -> list[str]:
    """The lines of a docstring, with its indented paragraphs as literal blocks."""
    out: list[str] = []
    base = 0  # of the text around
    in_code = False
    section = ""
    for i, line in enumerate(lines):
        blank = not line.strip()
        after_blank = i > 0 and not lines[i - 1].strip()
        if in_code and not blank and indent(line) <= base:
            in_code = False
        if not blank and not in_code:
            if after_blank and indent(line) > base:
                out += [" " * base + "::", ""]
                in_code = True
            elif not line.lstrip().startswith(">>>"):
                base = indent(line)
        if line.startswith("---") and i > 0:
            section = lines[i - 1]
        elif section == "Attributes" and " : " in line:
            names, _, kind = line.partition(" : ")  # napoleon takes "a, b" for a type and a name
            line = f"{names.replace(', ', ',')} : {kind}"
        out.append(line if in_code or is_example(lines, i) else literal(line))
    return out


def is_example(lines: list[str], i: int) -> bool:
    """Whether line i belongs to a doctest, which ends with a blank line."""
    while i >= 0 and lines[i].strip():
        if lines[i].lstrip().startswith(">>>"):
            return True
        i -= 1
    return False


def translate(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = translated(lines)


def setup(app: Any) -> dict[str, bool]:
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-docstring", translate, priority=400)  # napoleon comes at 500
    return {"parallel_read_safe": True, "parallel_write_safe": True}
