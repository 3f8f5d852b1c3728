"""Runs the pages of the documentation: their code, what it prints, their figures.

    python docs/run.py                      # check every page, and the README
    python docs/run.py docs/accuracy.md     # check these pages
    python docs/run.py --update             # write what is printed, and the figures, anew

The ```python blocks of a page are run in order, in one namespace. What a block prints must be the
```text block that follows it: the same words, and numbers equal within RTOL and ATOL, since CPU
levels differ in the last place. A word after `text` asks for another comparison:

    text rtol=0.05      numbers within 5 %: where an optimiser's path amplifies the last place
    text words          the same words, any numbers: a table of rounding errors
    text varies         not compared: what depends on the machine

Between `<!-- made by NAME -->` and `<!-- end -->` is what site/formulas.py makes of the sources; in
a module, between `# made by NAME` and `# end`.

A block ```python figure=NAME.svg leaves a matplotlib figure, which `--update` writes to figures/;
without matplotlib it is left out.
A block ```sh run holds commands of the shell, whose `fastbp` is the one that Python imports.
A block ```python needs=MODULE is left out, with what it prints, where that module is not installed;
the runner then says so. After figure=NAME.svg it may stand as well.
"""

import argparse
import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
FIGURES = DOCS / "figures"
RTOL, ATOL = 1e-6, 1e-9

FENCE = re.compile(r"^```(\w+)[ \t]*([^\n]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
MADE = re.compile(
    r"(?P<page><!-- made by (?P<of>\w+) -->)\n.*?(?P<end><!-- end -->)"
    r"|^(?P<code># made by (?P<part>\w+))\n.*?(?P<last>^# end$)",
    re.DOTALL | re.MULTILINE,
)
FIGURE = re.compile(r"figure=([\w-]+\.svg)")
NEEDS = re.compile(r"needs=(\w+)")
# Digits that belong to a name (v4, float64) are no number.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")


class Block(NamedTuple):
    """A fenced block: what stands after the fence, its text, and where it lies in the page."""

    language: str
    options: str
    body: str
    start: int
    end: int
    line: int


class Mismatch(Exception):
    """A page says something else than its code does."""


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def sources() -> list[Path]:
    """Modules with parts that are made of other sources."""
    return [ROOT / "fastbp" / "names.py"]


def blocks(page: str) -> list[Block]:
    return [
        Block(*found.groups(), found.start(), found.end(), page.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(page)
    ]


def steps(page: str) -> Iterator[tuple[Block, Block | None]]:
    """Each block that runs, with the text block after it if nothing but blank lines is between."""
    found = blocks(page)
    for block, after in zip_longest(found, found[1:]):
        if block.language == "python" or is_of_shell(block):
            follows = (
                after is not None
                and after.language == "text"
                and not page[block.end : after.start].strip()
            )
            yield block, after if follows else None


def needed(page: str) -> list[str]:
    """The modules that blocks of a page need, each once."""
    found = (option(NEEDS, block) for block in blocks(page))
    return list(dict.fromkeys(module for module in found if module))


def run(path: Path, update: bool = False) -> list[str]:
    """Runs one page. Returns the modules whose blocks were left out.

    Raises
    ------
    Mismatch
        If a block fails, or prints something else than the page shows.
    """
    page = path.read_text(encoding="utf-8")
    fresh = generated(page)
    if fresh != page and not update:
        raise Mismatch(f"{path.name}: the sources say something else; python docs/run.py --update")
    page = fresh
    namespace: dict[str, Any] = {"__name__": "__main__"}
    written, position = [], 0
    for block, shown in steps(page):
        where = f"{path.name}, line {block.line}"
        if is_missing(block):
            continue
        printed = execute(block, namespace, where, update)
        if not update:
            compare(printed, shown, where)
            continue
        written.append(page[position : block.end])
        position = block.end if shown is None else shown.end
        if printed:
            options = "" if shown is None or not shown.options else f" {shown.options}"
            written.append(f"\n\n```text{options}\n{printed}```")
    if update:
        path.write_text("".join([*written, page[position:]]), encoding="utf-8")
    return [module for module in needed(page) if find_spec(module) is None]


def generated(page: str) -> str:
    """The page with what is made of the sources made anew."""
    if not MADE.search(page):
        return page
    sys.path.insert(0, str(DOCS / "site"))
    from formulas import PARTS

    def anew(found: re.Match[str]) -> str:
        if found["code"]:
            return f"{found['code']}\n{PARTS[found['part']]()}{found['last']}"
        return f"{found['page']}\n\n{PARTS[found['of']]()}\n{found['end']}"

    return MADE.sub(anew, page)


def is_missing(block: Block) -> bool:
    """Whether a block needs a module that is not installed."""
    module = option(NEEDS, block)
    return module is not None and find_spec(module) is None


def option(pattern: re.Pattern[str], block: Block) -> str | None:
    """What one of the options after the fence says."""
    found = (pattern.fullmatch(word) for word in block.options.split())
    return next((match[1] for match in found if match), None)


def is_of_shell(block: Block) -> bool:
    """Whether a block holds commands of the shell that run; others, of ```sh alone, do not."""
    return block.language == "sh" and block.options == "run"


def execute_in_shell(block: Block, where: str) -> str:
    """Runs commands, whose `fastbp` is the one that Python imports here, and returns what they say
    on standard output and standard error."""
    here = Path(find_spec("fastbp").origin).parents[1]  # type: ignore[union-attr, arg-type]
    paths = [str(here), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, paths))
    environment = {**os.environ, "COLUMNS": "160", "PYTHONPATH": path}
    command = f"""fastbp() {{ "{sys.executable}" -m fastbp "$@"; }}\n{block.body}"""
    done = subprocess.run(
        ["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment, check=False,
    )  # fmt: skip
    if "Traceback" in done.stdout or ": not found" in done.stdout:
        raise Mismatch(f"{where}: the commands failed\n{done.stdout}")
    return "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())


def execute(block: Block, namespace: dict[str, Any], where: str, update: bool) -> str:
    """Runs one block and returns what it printed, without spaces at the ends of lines."""
    if is_of_shell(block):
        return execute_in_shell(block, where)
    figure = option(FIGURE, block)
    for word in block.options.split():
        if not FIGURE.fullmatch(word) and not NEEDS.fullmatch(word):
            raise Mismatch(f"{where}: unknown option {word!r}")
    printed = io.StringIO()
    try:
        code = compile("\n" * block.line + block.body, where, "exec")
        with contextlib.redirect_stdout(printed):
            if figure:
                draw(code, namespace, FIGURES / figure if update else None)
            else:
                exec(code, namespace)
    except Exception:
        raise Mismatch(f"{where}: the code failed\n{traceback.format_exc()}") from None
    return "".join(line.rstrip() + "\n" for line in printed.getvalue().splitlines())


def draw(code: Any, namespace: dict[str, Any], path: Path | None) -> None:
    """Runs code that leaves a figure; the file is text and the same for the same numbers."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        return
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    sys.path.insert(0, str(DOCS))
    from style import STYLE

    with matplotlib.rc_context(STYLE):
        exec(code, namespace)
        if path is not None:
            path.parent.mkdir(exist_ok=True)
            plt.savefig(path, metadata={"Date": None, "Creator": None})
            lines = path.read_text(encoding="utf-8").splitlines()
            path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
        plt.close("all")


def compare(printed: str, shown: Block | None, where: str) -> None:
    if shown is None:
        if printed:
            raise Mismatch(f"{where}: prints what the page does not show\n{printed}")
        return
    options = shown.options or f"rtol={RTOL}"
    if not printed:
        raise Mismatch(f"{where}: prints nothing, the page shows\n{shown.body}")
    if options == "varies":
        return
    words = NUMBER.sub("#", printed).split(), NUMBER.sub("#", shown.body).split()
    # Rules of tables are as long as the numbers above them.
    same = [re.sub("[-=]{3,}", "---", " ".join(side)) for side in words]
    difference = f"{where}: prints\n{printed}\nbut the page shows\n{shown.body}"
    if same[0] != same[1]:
        raise Mismatch(difference)
    if options == "words":
        return
    tolerance = re.fullmatch(r"rtol=([0-9.e-]+)", options)
    if not tolerance:
        raise Mismatch(f"{where}: unknown option {options!r}")
    rtol = float(tolerance[1])
    for new, old in zip(NUMBER.findall(printed), NUMBER.findall(shown.body), strict=True):
        a, b = float(new), float(old)
        if abs(a - b) > rtol * max(abs(a), abs(b)) + ATOL:
            raise Mismatch(f"{difference}\n{new} is not {old} within {rtol:g}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, help="all, unless given")
    parser.add_argument("--update", action="store_true", help="write outputs and figures anew")
    arguments = parser.parse_args(argv)
    # Before numpy is imported: on a busy machine the threads of scipy's BLAS wait for one another.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What a shell starts in the background has it ignored; a page shows what Ctrl-C does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    failures = 0
    for path in [page.resolve() for page in arguments.pages] or [*pages(), *sources()]:
        with tempfile.TemporaryDirectory() as folder:
            before = os.getcwd()
            os.chdir(folder)  # what a page writes is thrown away
            try:
                missing = run(path, arguments.update)
                without = f", without the blocks that need {' and '.join(missing)}"
                print(f"{path.name}: ok{without if missing else ''}")
            except Mismatch as mismatch:
                failures += 1
                print(mismatch, file=sys.stderr)
            finally:
                os.chdir(before)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
