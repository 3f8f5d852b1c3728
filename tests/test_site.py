"""The web site: which names its reference describes, its menu, how docstrings are read, links.

That every page is made and every link leads somewhere is tested by building it, where the
generator is installed.
"""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import fastbp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "site"))

import links  # noqa: E402
import menu  # noqa: E402
import public  # noqa: E402

PAGES = public.pages()
DESCRIBED = [(module, name) for module, names in PAGES.items() for name in names]


def value(module, name):
    return getattr(import_module(module), name)


# The reference: no public name is missing


def test_every_public_name_has_its_place_in_the_reference():
    described = {id(value(module, name)) for module, name in DESCRIBED}
    for module in public.modules():
        for name in public.exported(module):
            if not name.startswith("__"):
                assert id(getattr(module, name)) in described, name


@pytest.mark.parametrize(
    "name", [name for name in fastbp.__all__ if inspect.ismodule(getattr(fastbp, name))]
)
def test_every_public_module_has_a_page(name):
    assert f"fastbp.{name}" in PAGES


def test_what_public_functions_give_is_described_too():
    objective = fastbp.mlp(1, 1).objective([[1.0]], [1.0])
    x = fastbp.variable("x")
    f = fastbp.circuit(x * x)
    f.forward(1.0)
    obtained = [
        objective,
        objective + objective,
        objective.frozen("layer 1 bias"),
        fastbp.mlp(1, 1).blocks()[0],
        fastbp.mlp(1, 1).bind([0.0, 1.0]),
        fastbp.check_gradient(objective, [0.0, 1.0]),
        fastbp.check_gradient(objective, [0.0, 1.0]).blocks[0],
        x,  # a class of a compiled module
        f,
        f.objective(),
        f.wires(),
        f.draw(),
        fastbp.variables("v", 3),
    ]
    for thing in obtained:
        assert (type(thing).__module__, type(thing).__name__) in {
            (value(*place).__module__, value(*place).__name__) for place in DESCRIBED
        }, type(thing)


def test_no_name_is_described_twice():
    values = [id(value(*place)) for place in DESCRIBED]
    assert len(values) == len(set(values))


def of_fastbp(cls):
    return [base for base in cls.__mro__ if base.__module__.startswith("fastbp")]


@pytest.mark.parametrize(("module", "name"), DESCRIBED)
def test_what_is_described_says_what_it_is(module, name):
    thing = value(module, name)
    assert inspect.getdoc(thing)
    if not inspect.isclass(thing):
        return
    text = " ".join(base.__doc__ or "" for base in of_fastbp(thing))
    for member in {m for base in of_fastbp(thing) for m in vars(base) if m[0] != "_"}:
        says = inspect.getdoc(getattr(thing, member)) or re.search(rf"\b{member}\b", text)
        assert says or hasattr(np, member), member  # NumPy calls its functions as methods


def test_of_two_classes_of_one_name_the_imported_one_is_meant():
    known = public.classes()
    assert len(known["Program"]) > 1
    meant = public.meant("Program", fastbp.Network, known["Program"])
    assert [cls.__module__ for cls in meant] == ["fastbp.layers.program"]


# The menu


def test_every_page_is_in_the_menu_once():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [page for _, pages in menu.sections(index) for page in pages]
    there = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert len(pages) == len(set(pages))
    assert {page for page in pages if "/" not in page} == there


# Links


def site(tmp_path, text):
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    (tmp_path / "b.html").write_text('<h2 id="here">Words</h2>', encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "link", ["b.html", "b.html#here", "#top", "https://example.org/x#y", "mailto:a@example.org"]
)
def test_links_that_lead_somewhere(tmp_path, link):
    assert links.broken(site(tmp_path, f'<p id="top"><a href="{link}">x</a>')) == []


@pytest.mark.parametrize("link", ["c.html", "b.html#there", "#nowhere", "figures/none.svg"])
def test_links_that_lead_nowhere(tmp_path, link):
    (found,) = links.broken(site(tmp_path, f'<p id="top"><img src="{link}">'))
    assert found.startswith(f"a.html: {link} ")


# Docstrings and mathematics


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("|x| and y_ of *args", r"\|x\| and y\_ of \*args"),
        ("of `|x|` in `a_`", "of `|x|` in `a_`"),
        ("theta_j stays", "theta_j stays"),
        ("Text:\n\n    a * b\n\nMore * text.", "Text:\n\n::\n\n    a * b\n\nMore \\* text."),
        ("Text.\n\n>>> a * b\n|3|\n\n|x|", "Text.\n\n>>> a * b\n|3|\n\n\\|x\\|"),
        ("Attributes\n---\na, b : int\n    |x|", "Attributes\n---\na,b : int\n    \\|x\\|"),
    ],
)  # fmt: skip
def test_docstrings_are_plain_text(text, wanted):
    pytest.importorskip("sphinx")
    import docstrings

    assert "\n".join(docstrings.translated(text.splitlines())) == wanted


def test_mathematics_is_drawn_by_the_browser_and_keeps_its_source():
    pytest.importorskip("latex2mathml")
    pytest.importorskip("docutils")
    import mathml

    text = mathml.rendered(r"\frac{1}{2} < a", "inline")
    assert re.match(r'<math alttext="\\frac\{1\}\{2\} &lt; a" ', text)
    assert "<mfrac>" in text


# All of it


def test_the_site_builds_and_describes_every_public_name(tmp_path):
    for module in ("sphinx", "myst_parser", "furo", "latex2mathml"):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "build.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(fastbp.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    for module, name in DESCRIBED:
        page = links.Page(tmp_path / "docs" / "api" / f"{module}.html")
        assert f"{module}.{name}" in page.ids
    # It needs neither a server nor a network.
    assert (tmp_path / "searchindex.js").exists()
    options = (tmp_path / "_static" / "documentation_options.js").read_text(encoding="utf-8")
    assert "SHOW_SEARCH_SUMMARY: false" in options
    outside = re.compile(r"<(?:script|link|img)\b[^>]*(?:src|href)=\"(?:https?:)?//")
    for path in tmp_path.rglob("*.html"):
        assert not outside.search(path.read_text(encoding="utf-8")), path
