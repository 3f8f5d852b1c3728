"""Builds the web site of the documentation, which needs no server: open build/site/index.html.

    python docs/build.py                    # to build/site
    python docs/build.py FOLDER

Fails for a warning of Sphinx, a link that leads nowhere, and a public name that is not described.
"""

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS / "site"))

FIRST = """<!doctype html>
<meta charset="utf-8">
<title>fastbp</title>
<meta http-equiv="refresh" content="0; url=docs/index.html">
<a href="docs/index.html">fastbp: documentation</a>
"""


def undescribed(site: Path) -> list[str]:
    """Public names of fastbp that have no entry in the reference."""
    links = import_module("links")
    pages = import_module("public").pages()
    missing = []
    for module, names in pages.items():
        path = site / "docs" / "api" / f"{module}.html"
        ids = links.Page(path).ids if path.exists() else set()
        wanted = [f"module-{module}", *(f"{module}.{name}" for name in names)]
        missing += [name for name in wanted if name not in ids]
    return missing


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    site = parser.parse_args(argv).folder
    sphinx = [sys.executable, "-m", "sphinx", "-q", "--fail-on-warning", "--keep-going"]
    if subprocess.run([*sphinx, "-c", str(DOCS / "site"), str(ROOT), str(site)]).returncode:
        return 1
    (site / "index.html").write_text(FIRST, encoding="utf-8")
    problems = [f"broken link in {line}" for line in import_module("links").broken(site)]
    problems += [f"{name} is not in the reference of the API" for name in undescribed(site)]
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    if not problems:
        print(f"{len(list(site.rglob('*.html')))} pages in {site}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
