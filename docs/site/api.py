"""Writes the pages of the reference: one a module, from the docstrings of what is public in it.

A class has its methods and those it inherits from other classes of fastbp, and its call.
"""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import public

FOLDER = "docs/api"


def page(module: str, names: list[str]) -> str:
    """One page, for autodoc to fill in."""
    title = f"``{module}``"
    lines = [title, "=" * len(title), "", f".. automodule:: {module}", ""]
    for name in names:
        value = getattr(import_module(module), name)
        if inspect.isclass(value):
            lines += [f".. autoclass:: {module}.{name}", "   :members:"]
            lines += [f"   :inherited-members: {foreign(value)}"]
            lines += ["   :special-members: __call__"] * documents_call(value)
        else:
            lines += [f".. autofunction:: {module}.{name}"]
        lines += [""]
    return "\n".join(lines)


def foreign(cls: type) -> str:
    """The bases whose members are described elsewhere, as autodoc takes them."""
    names = (base.__name__ for base in cls.__mro__ if not base.__module__.startswith("fastbp"))
    return ", ".join(names)


def documents_call(cls: type) -> bool:
    call = inspect.getattr_static(cls, "__call__", None)
    return bool(getattr(call, "__doc__", None)) and any("__call__" in vars(b) for b in cls.__mro__)


def write_pages(app: Any) -> None:
    """Pages that did not change keep their time, so that Sphinx reads them once."""
    folder = Path(app.srcdir, FOLDER)
    folder.mkdir(exist_ok=True)
    wanted = {f"{name}.rst": page(name, names) for name, names in public.pages().items()}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
