"""The command itself: help, versions, words it does not understand, what it imports."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastbp
from fastbp.cli import training


def test_alone_it_prints_its_help(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    for command in ("demo", "train", "predict", "check", "info"):
        assert re.search(rf"^ +{command} ", out, re.MULTILINE)


def test_version_and_help(run):
    assert run("--version") == (0, f"fastbp {fastbp.__version__}\n", "")
    for command in ("demo", "train", "predict", "check", "info"):
        code, out, err = run(command, "--help")
        assert (code, err) == (0, "")
        assert out.startswith(f"usage: fastbp {command}")


def test_info_is_show_config(run, capsys):
    fastbp.show_config()
    expected = capsys.readouterr().out
    assert run("info") == (0, expected, "")
    assert fastbp.__version__ in expected


def test_it_is_a_process_too():
    done = subprocess.run(
        [sys.executable, "-m", "fastbp", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"fastbp {fastbp.__version__}\n"
    done = subprocess.run(
        [sys.executable, "-m", "fastbp", "nonsense"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("fastbp: error: ")
    assert done.stderr.count("\n") == 1


PACKAGES = str(Path(fastbp.__file__).parents[1])
SCRIPT = "import sys; from fastbp.cli import main; sys.exit(main())"  # as pip writes it


@pytest.mark.parametrize("start", [["-m", "fastbp"], ["-c", SCRIPT]])
@pytest.mark.parametrize("words", [["info"], ["demo"], ["--version"]])
def test_an_unknown_cpu_level_gets_one_line(start, words):
    done = subprocess.run(
        [sys.executable, *start, *words],
        env={**os.environ, "FASTBP_CPU": "v9", "PYTHONPATH": PACKAGES},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("fastbp: error: FASTBP_CPU='v9' is not a CPU level; use one of ")
    assert done.stderr.count("\n") == 1


def test_importing_fastbp_loads_no_command_and_no_optimiser():
    code = (
        "import sys, fastbp; "
        "print([n for n in ('fastbp.cli', 'argparse', 'scipy.optimize') if n in sys.modules])"
    )
    clean = subprocess.run(
        [sys.executable, "-c", "import sys, numpy; print('argparse' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.replace("'", '"'))
    assert [n for n in loaded if n != "argparse" or clean.stdout.strip() == "False"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "x.csv"], "--target"),
        (["demo", "--maxiter", "0"], "'0' is not a whole number of at least 1"),
        (["demo", "--maxiter", "two"], "'two' is not a whole number"),
        (["demo", "--test", "1"], "not a fraction"),
        (["demo", "--test", "-0.1"], "not a fraction"),
        (["demo", "--l2", "-1"], "not a number of at least 0"),
        (["demo", "--l2", "nan"], "not a number of at least 0"),
        (["demo", "--l2", "inf"], "not a number of at least 0"),
        (["demo", "--seed", "-1"], "at least 0"),
        (["demo", "--n-threads", "0"], "at least 1"),
        (["demo", "--dtype", "float16"], "float64"),
        (["demo", "--widths", "25,0"], "not a list of widths"),
        (["demo", "--widths", "a"], "not a list of widths"),
        (["check", "--widths", "4"], "--widths needs at least"),
        (["check", "--loss", "nothing"], "squared_error"),
        (["check", "--hidden", "softmax"], "tanh"),
        (["check", "--output", "relu"], "cross_entropy"),
        (["check", "--directions", "2", "--n-checks", "2"], "give one"),
        (["check", "model"], "give the data"),
        (["predict", "model"], "DATA.csv"),
    ],
)
def test_bad_words_get_one_line(refuse, words, message):
    assert message in refuse(*words)


@pytest.mark.parametrize("name", training.WITH_HESSIAN)
def test_a_method_that_needs_a_hessian_is_refused(refuse, name):
    line = refuse("train", "x.csv", "--target", "y", "--method", name)
    assert "needs a Hessian" in line
    assert "L-BFGS-B" in line


def test_an_unknown_method_gets_the_list(refuse):
    line = refuse("train", "x.csv", "--target", "y", "--method", "adam")
    for name in training.WITH_GRADIENT + training.WITHOUT_GRADIENT:
        assert name in line


def test_methods_are_those_of_scipy():
    from scipy.optimize._minimize import MINIMIZE_METHODS

    ours = training.WITH_GRADIENT + training.WITHOUT_GRADIENT + training.WITH_HESSIAN
    assert sorted(name.lower() for name in ours) == sorted(MINIMIZE_METHODS)


@pytest.mark.parametrize("words", [["demo"], ["train", "x.csv", "--target", "y"]])
def test_without_scipy_it_says_what_to_install(refuse, monkeypatch, words):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    assert refuse(*words) == ("training needs SciPy, which is not installed: pip install scipy")


@pytest.mark.parametrize(
    "error", [ValueError("one\n  two"), MemoryError(), OSError(28, "No space")]
)
def test_errors_from_below_are_one_line_too(refuse, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(fastbp, "show_config", fail)
    assert refuse("info") in ("one two", "out of memory: MemoryError", "No space")
