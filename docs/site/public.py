"""Which names of fastbp are public, and on which page of the reference each of them stands.

Public are the names of `fastbp.__all__` and of its public modules, and every class that one gets
from them: in the annotation of a return value or of an attribute. What a class inherits is
described with it. A module that a public docstring names in backquotes has a page too, for what its
own docstring says.
"""

import inspect
import pkgutil
import re
from importlib import import_module
from types import ModuleType
from typing import Any

import fastbp

NAMED_MODULE = re.compile(r"`(fastbp(?:\.\w+)+)`")


def modules() -> list[ModuleType]:
    """The public modules: the package, and the modules it offers as attributes."""
    return [fastbp, *(import_module(f"fastbp.{name}") for name in sorted(fastbp._MODULES))]


def exported(module: ModuleType) -> list[str]:
    """The public names of a public module, other modules apart."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
    return [name for name in names if not inspect.ismodule(getattr(module, name))]


def classes() -> dict[str, list[type]]:
    """All classes of the package by their names, private modules and compiled ones included."""
    found: dict[str, list[type]] = {}
    for info in pkgutil.walk_packages(fastbp.__path__, "fastbp."):
        if "._core." in info.name or info.name.endswith("__main__"):
            continue
        module = import_module(info.name)
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == info.name and name[0] != "_":
                found.setdefault(name, []).append(value)
    return found


def obtained(thing: Any) -> str:
    """The annotations that say what one gets from a public function or class."""
    if not inspect.isclass(thing):
        return str(getattr(thing, "__annotations__", {}).get("return", ""))
    text = []
    bases = [base for base in thing.__mro__ if base.__module__.startswith("fastbp")]
    for base in bases:
        for name, annotation in inspect.get_annotations(base).items():
            if not name.startswith("_"):
                text.append(str(annotation))
    for name, member in (item for base in bases for item in vars(base).items()):
        if not name.startswith("_") or name in ("__call__", "__getitem__", "__iter__"):
            member = member.fget if isinstance(member, property) else member
            member = getattr(member, "__func__", member)
            text.append(str(getattr(member, "__annotations__", {}).get("return", "")))
    return " ".join(text)


def meant(name: str, value: Any, candidates: list[type]) -> list[type]:
    """The classes that a name in the annotations of `value` means: of several, the imported one."""
    if len(candidates) < 2:
        return candidates
    things = value.__mro__ if inspect.isclass(value) else [value]
    files = {inspect.getmodule(thing) for thing in things if thing.__module__.startswith("fastbp")}
    text = "\n".join(map(inspect.getsource, files))
    imports = re.findall(rf"from (\S+) import [^\n]*\b{name}\b", text)
    return [cls for cls in candidates if cls.__module__ in (*imports, value.__module__)]


def pages() -> dict[str, list[str]]:
    """Module -> the public names that its page describes, in the order in which they are met."""
    pages: dict[str, list[str]] = {}
    described: set[int] = set()
    queue: list[Any] = []
    # A name that several modules offer is described where it is offered first.
    for module in modules():
        pages[module.__name__] = []
        for name in exported(module):
            value = getattr(module, name)
            if name.startswith("__") or id(value) in described:
                continue
            described.add(id(value))
            pages[module.__name__].append(name)
            queue.append(value)
    known = classes()
    texts = [module.__doc__ or "" for module in modules()]
    for value in queue:  # which grows
        texts.append(inspect.getdoc(value) or "")
        if inspect.isclass(value):
            texts += [inspect.getdoc(member) or "" for member in vars(value).values()]
        for word in re.findall(r"\w+", obtained(value)):
            for cls in meant(word, value, known.get(word, [])):
                if id(cls) not in described:
                    described.add(id(cls))
                    pages.setdefault(cls.__module__, []).append(word)
                    queue.append(cls)
    for text in texts:
        for name in NAMED_MODULE.findall(text):
            if name not in pages and is_module(name):
                pages[name] = []
    return pages


def is_module(name: str) -> bool:
    try:
        return inspect.ismodule(import_module(name))
    except ModuleNotFoundError:
        return False
