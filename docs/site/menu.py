"""The menu of the site: the tables of docs/index.md say which page belongs where.

Each section of the index with links to pages becomes a part of the menu, in the order of the links;
pages of other folders follow.
The reference of the API lists its pages, and the names on each.
"""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import public
from run import generated

INDEX, REFERENCE = "docs/index", "docs/api_reference"
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)\.md\)")


def sections(index: str) -> list[tuple[str, list[str]]]:
    """Headings of the index, each with the pages it links to."""
    parts = SECTION.split(index)[1:]
    found = zip(parts[::2], parts[1::2], strict=True)
    return [(title, pages) for title, text in found if (pages := LINK.findall(text))]


def toctree(pages: list[str], *options: str) -> str:
    return "\n".join(["", "```{toctree}", *options, "", *pages, "```", ""])


def listed(module: str, names: list[str]) -> str:
    """An item of a list: a module and what is described on its page, as links."""
    links = ", ".join(f"{{py:obj}}`{name} <{module}.{name}>`" for name in names)
    return f"- {{py:mod}}`{module}`{': ' if names else ''}{links}\n"


def add_menu(app: Any, docname: str, source: list[str]) -> None:
    if docname == INDEX:
        for title, pages in sections(source[0]):
            source[0] += toctree(pages, ":hidden:", f":caption: {title}")
        others = sorted(name for name in app.env.found_docs if not name.startswith("docs/"))
        source[0] += toctree([f"/{name}" for name in others], ":hidden:", ":caption: Project")
    elif docname == REFERENCE:
        pages = public.pages()
        source[0] += toctree([f"api/{module}" for module in pages], ":hidden:")
        source[0] += "".join(listed(module, names) for module, names in pages.items())
    source[0] = generated(source[0])


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", add_menu)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
