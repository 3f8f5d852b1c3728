"""A folder of sources that has not been built: it says what to do, whatever is imported first."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy

import fastbp

README = Path(__file__).resolve().parent.parent / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A folder with the package as the repository has it."""
    folder = tmp_path_factory.mktemp("sources")
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(Path(fastbp.__file__).parent, folder / "fastbp", ignore=ignored)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        *(["-c", example] for example in EXAMPLES),
        ["-c", "from fastbp import circuits"],
        ["-c", "from fastbp._core.interface import Engine"],
        ["-m", "fastbp", "info"],
    ],
    ids=lambda arguments: arguments[-1].splitlines()[0],
)
def test_sources_without_modules_say_what_to_do(sources, arguments):
    # -S: an editable installation would lend its modules to these sources.
    packages = {str(Path(module.__file__).parents[1]) for module in (np, scipy)}
    done = subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=sources,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(packages)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    python = "{}.{}".format(*sys.version_info)
    assert told.startswith(
        f"ImportError: fastbp's compiled modules for Python {python} are missing"
    )
    assert f"{sources.resolve()} holds sources" in told
    assert "run `python -m pip install -e .` there" in told


def test_the_readme_has_examples():
    assert len(EXAMPLES) >= 2
    assert any("circuit" in example for example in EXAMPLES)
