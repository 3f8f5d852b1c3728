"""The documentation: pages run and print what they show, figures and links are there."""

import functools
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import fastbp

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"


def load_runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_run", ROOT / "docs" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


runner = load_runner()
PAGES = runner.pages()
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

NEEDED = [(page, module) for page in PAGES for module in runner.needed(page.read_text("utf-8"))]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
every_text = pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)


@functools.cache
def run(page: Path) -> subprocess.CompletedProcess[str]:
    """A process for each page: pages fork, send signals and set threads."""
    here = {"PYTHONPATH": str(Path(fastbp.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, str(ROOT / "docs" / "run.py"), str(page)],
        env={**os.environ, **here},
        capture_output=True,
        text=True,
        timeout=300,
    )


# The pages


@every_page
def test_page_prints_what_it_shows(page):
    done = run(page)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("page", "module"), NEEDED, ids=[f"{page.stem}-{module}" for page, module in NEEDED]
)
def test_blocks_that_need_a_module_are_run(page, module):
    """A skip of this test says which code of which page has not run."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"the blocks of {page.name} that need {module} are left out")
    done = run(page)
    assert done.returncode == 0, done.stderr
    assert module not in done.stdout


@pytest.mark.parametrize("path", runner.sources(), ids=lambda path: path.stem)
def test_modules_have_what_is_made_of_other_sources(path):
    text = path.read_text(encoding="utf-8")
    assert runner.MADE.search(text)
    assert runner.generated(text) == text


def test_pages_are_found():
    names = {page.name for page in PAGES}
    examples = {"regularised_network", "curve_fitting", "digit_network", "golden_formulas"}
    assert {"README.md", "index.md", *(f"{name}.md" for name in examples)} <= names


def headings(page: Path) -> set[str]:
    """Anchors of a page: its headings in lower case, spaces as hyphens, no punctuation."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@every_text
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target), link


def test_every_figure_is_drawn_by_a_page_and_shown_there():
    drawn = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        here = {
            runner.option(runner.FIGURE, block)
            for block in runner.blocks(text)
            if block.options.startswith("figure=")
        }
        assert here == set(re.findall(r"!\[[^\]]+\]\(figures/([^)]+)\)", text)), page
        drawn |= here
    assert drawn == {path.name for path in FIGURES.iterdir()}


def test_every_figure_has_one_look():
    """docs/style.py says what figures look like; a page says only what is in them."""
    for page in PAGES:
        for block in runner.blocks(page.read_text(encoding="utf-8")):
            if block.options.startswith("figure="):
                where = f"{page.name}, {block.options}"
                assert "xlabel" in block.body, where
                assert "ylabel" in block.body, where
                own = re.search(r"figsize|tab:|#[0-9a-f]{3}|rcParams|plt\.style", block.body)
                assert not own, where
                legends = re.findall(r"legend\(.*\)$", block.body, re.M)
                assert all('loc="outside' in legend for legend in legends), where


@pytest.mark.parametrize("path", sorted(FIGURES.iterdir()), ids=lambda path: path.stem)
def test_figures_are_small_text_without_a_date(path):
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 60_000
    assert text.startswith("<?xml")
    assert "<dc:date>" not in text


def test_readme_has_two_commands_of_one_line():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    after = text.partition("\n## Two commands\n")[2]
    commands = [b.body for b in runner.blocks(after) if b.language == "sh"]
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)
    assert "fastbp demo" in commands[0]
    assert "pytest" in commands[1]


# Optimisers: all of them


def test_every_method_of_minimize_is_on_the_page():
    from scipy.optimize import _minimize

    text = (ROOT / "docs" / "optimisers.md").read_text(encoding="utf-8").lower()
    methods = set(_minimize.MINIMIZE_METHODS) - {"_custom"}
    assert not {method for method in methods if f'"{method}"' not in text}


# Accuracy: the table says what the sources and the tests say


def test_table_of_accuracy_agrees_with_sources_and_tests():
    from test_elementary import FUNCTIONS

    sources = " ".join(path.read_text("utf-8") for path in sorted((ROOT / "src_cy").rglob("*.pxd")))
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \|[^|]+\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.M)
    assert {row[0] for row in rows} == set(FUNCTIONS)
    orders = {"trigamma": 0, "tetragamma": 1}  # of one kernel
    for name, wide, narrow, limit in rows:
        kernel = "polygamma" if name in orders else name
        _, _, text = sources.partition(f"lanes_t lanes_{kernel}(")
        found = re.findall(r"([\d.]+) / ([\d.]+)\s+ulp", text)
        assert (wide, narrow) == found[orders.get(name, 0)], name
        assert float(limit) == FUNCTIONS[name][1], name


# The runner itself: a page that is wrong must fail


def page_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def shown(code: str, output: str, options: str = "") -> str:
    return f"Words.\n\n```python\n{code}\n```\n\n```text{options}\n{output}\n```\n"


@pytest.mark.parametrize(
    ("code", "output", "options"),
    [
        ("print(1.5, 'a')", "1.5 a", ""),
        ("print(1.0000001)", "1.0", ""),
        ("print('x', 3.2e-9)", "x 7.7e-12", " words"),
        ("print(0.97)", "0.98", " rtol=0.02"),
        ("print('anything')", "else", " varies"),
        ("print('float64 v4')", "float64 v4", ""),
    ],
)
def test_runner_accepts(tmp_path, code, output, options):
    runner.run(page_of(tmp_path, shown(code, output, options)))


@pytest.mark.parametrize(
    ("code", "output", "options"),
    [
        ("print(1.5)", "1.6", ""),
        ("print(3)", "4", ""),
        ("print('a')", "b", ""),
        ("print('a 1')", "b 2", " words"),
        ("print(0.90)", "0.98", " rtol=0.02"),
        ("print('float64 v4')", "float64 v3", ""),
        ("print(float('nan'))", "1.0", ""),
        ("1 / 0", "", ""),
        ("pass", "something", ""),
        ("print(1)", "1", " nonsense"),
    ],
)
def test_runner_refuses(tmp_path, code, output, options):
    with pytest.raises(runner.Mismatch):
        runner.run(page_of(tmp_path, shown(code, output, options)))


def test_runner_leaves_out_what_needs_a_missing_module(tmp_path):
    text = shown("import no_such_module", "something").replace("python", "python needs=MODULE")
    runner.run(page_of(tmp_path, text.replace("MODULE", "no_such_module")))
    with pytest.raises(runner.Mismatch, match="No module named"):
        runner.run(page_of(tmp_path, text.replace("MODULE", "json")))


def test_runner_refuses_output_that_is_not_shown(tmp_path):
    with pytest.raises(runner.Mismatch, match="does not show"):
        runner.run(page_of(tmp_path, "```python\nprint(1)\n```\n\nWords.\n\n```text\n1\n```\n"))


def test_runner_updates_and_keeps_options(tmp_path):
    path = page_of(tmp_path, shown("x = 2\nprint(x)", "1", " rtol=0.1") + "\nEnd.\n")
    runner.run(path, update=True)
    text = path.read_text(encoding="utf-8")
    assert text == shown("x = 2\nprint(x)", "2", " rtol=0.1") + "\nEnd.\n"
    runner.run(path)
