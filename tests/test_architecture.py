"""The house: who may know whom, how long a file may be, and that what is public says what it is."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import fastbp

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src_cy"
# From the bottom to the top: a file knows its own room and those before it.
ROOMS = ("simd", "elementary", "matrix", "tape", "work", "steps", "evaluation", "bindings")
# The recorder writes programs, and knows of the engine what a gate is.
RECORDER = ("tape.gates",)
LONGEST = 400
CIMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+cimport|cimport\s+([\w.]+))", re.MULTILINE)
INCLUDED = re.compile(r'(?:#include|cdef extern from|include)\s+"([\w/]+\.(?:h|pxi))"')

pytestmark = pytest.mark.skipif(not SOURCE.is_dir(), reason="the sources are not here")


def source_files():
    return sorted(path for path in SOURCE.rglob("*") if path.suffix in (".h", ".pxd", ".pxi"))


def rooms_known(text):
    """The modules and headers of src_cy that a source names, as "room.file"."""
    for names in CIMPORT.findall(text):
        yield "".join(names)
    for name in INCLUDED.findall(text):
        yield name.rpartition(".")[0].replace("/", ".")


def climbs(room, known):
    """Whether a file of this room must not know that module."""
    other = known.partition(".")[0]
    if room == "recorder":
        return other in ROOMS and known not in RECORDER
    return other == "recorder" or (other in ROOMS and ROOMS.index(other) > ROOMS.index(room))


def upward(path, text):
    room = path.relative_to(SOURCE).parts[0]
    return [known for known in rooms_known(text) if climbs(room, known)]


def test_every_source_is_in_a_room():
    rooms = {path.relative_to(SOURCE).parts[0] for path in source_files()}
    assert rooms == {*ROOMS, "recorder"}


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_cimports_point_down(path):
    assert upward(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("matrix/a.pxd", "from steps.losses cimport Loss", ["steps.losses"]),
        ("matrix/a.pxd", "cimport evaluation.plan", ["evaluation.plan"]),
        ("simd/a.h", '#include "matrix/block.h"', ["matrix.block"]),
        ("matrix/a.pxd", 'cdef extern from "tape/threaded.h" nogil:', ["tape.threaded"]),
        ("recorder/a.pxi", "from matrix.layout cimport Strips", ["matrix.layout"]),
        ("evaluation/a.pxd", "from recorder.graph cimport Graph", ["recorder.graph"]),
        ("recorder/a.pxi", "from tape.gates cimport ADD", []),
        ("evaluation/a.pxd", "from libc.math cimport exp\nfrom simd.lanes cimport real", []),
    ],
)
def test_a_cimport_that_points_up_is_found(file, line, found):
    assert upward(SOURCE / file, line) == found


# Python


def module_name(path, package):
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree):
    """Modules, or names in them, that a module imports when it is imported itself."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)
            ]


def circle(knows):
    """Modules that import each other, or nothing."""
    left = {name: others - {name} for name, others in knows.items()}
    while free := {name for name, others in left.items() if not others}:
        left = {name: others - free for name, others in left.items() if name not in free}
    return sorted(left)


def imports():
    """Of each module of the package, the modules of the package that it imports."""
    package = Path(fastbp.__file__).parent
    trees = {
        module_name(path, package): ast.parse(path.read_text()) for path in package.rglob("*.py")
    }
    return {
        name: {other if other in trees else other.rpartition(".")[0] for other in imported(tree)}
        & trees.keys()
        for name, tree in trees.items()
    }


def test_imports_make_no_circle():
    knows = imports()
    assert circle(knows) == []
    assert circle({**knows, "fastbp.validate": {"fastbp.network"}}) != []


def test_only_the_command_line_knows_the_command_line():
    for name, others in imports().items():
        if name != "fastbp.__main__" and not name.startswith("fastbp.cli"):
            assert not any(other.startswith("fastbp.cli") for other in others), name


def test_the_recorder_imports_nothing_of_the_package():
    for path in (SOURCE / "recorder").iterdir():
        assert not re.search(r"(from|import) fastbp", path.read_text()), path.name


def reached_into(tree):
    """Private names that a module reads of other objects than its own `self`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own and not node.attr.startswith("__"):
                yield node.attr


def test_the_parts_of_a_circuit_know_its_compiler_alone():
    known = {"_compiler", "_is_plain", "_replace"}  # the second of a network, the last of tuples
    for path in (Path(fastbp.__file__).parent / "circuits").glob("*.py"):
        if path.name != "circuit.py":
            assert set(reached_into(ast.parse(path.read_text()))) <= known, path.name
    assert set(reached_into(ast.parse("f._graph.add(self._x.y)"))) == {"_graph"}


# Files


def test_files_are_short():
    kinds = (".h", ".pxd", ".pxi", ".py", ".pyi", ".pyx")
    folders = ("src_cy", "fastbp", "tests", "benchmarks")
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


# Docstrings


def public_modules():
    for found in pkgutil.walk_packages(fastbp.__path__, "fastbp."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            yield found.name


def without_docstring(module):
    """Public functions, classes, methods and properties of a module that say nothing."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if not inspect.isfunction(value) and not inspect.isclass(value):
            continue
        if not inspect.getdoc(value):
            yield name
        for part in vars(value) if inspect.isclass(value) else ():
            member = inspect.getattr_static(value, part)
            speaks = isinstance(member, property | classmethod | staticmethod)
            if part.startswith("_") or not (speaks or inspect.isfunction(member)):
                continue
            if not inspect.getdoc(getattr(value, part)):
                yield f"{name}.{part}"


@pytest.mark.parametrize("name", ["fastbp", *public_modules()])
def test_public_names_have_docstrings(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert list(without_docstring(module)) == []
