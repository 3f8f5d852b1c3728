"""``fastbp demo``: what it reaches and tells."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from fastbp.check import check_gradient
from fastbp.datasets import load_digits


def test_demo_reaches_96_percent_and_tells_everything():
    done = subprocess.run(
        [sys.executable, "-m", "fastbp", "demo"], capture_output=True, text=True, check=True
    )
    out = done.stdout
    assert done.stderr == ""
    assert "1797 handwritten digits" in out
    assert re.search(r"64-25-10", out)
    assert re.search(r"1 +25 x \(1 \+ 64\) +tanh +1625", out)
    assert "Gradient check passed" in out
    assert "Each of the 1885 slopes checked is compared with" in out
    assert re.search(
        r"iteration 100/200  cost [\d.]+  [\d.]+ s left  gradient norm [\d.e-]+  \d+ evaluations/s",
        out,
    )
    training_accuracy, test_accuracy = map(
        float, re.search(r"training ([\d.]+)%, test ([\d.]+)%", out).groups()
    )
    assert training_accuracy >= 99
    assert test_accuracy >= 96
    assert re.search(r"s in fastbp \(\d+ evaluations.*in scipy", out)
    # the confusion table counts the held-out samples, and its diagonal gives the accuracy
    table = [
        [0 if cell == "." else int(cell) for cell in line.split()[1:]]
        for line in re.findall(r"^\d(?: +(?:\d+|\.)){10}$", out, re.MULTILINE)
    ]
    assert np.shape(table) == (10, 10)
    held_out = int(re.search(r"(\d+) held out", out)[1])
    assert np.sum(table) == held_out
    wrong = held_out - np.trace(table)
    assert f"8 of the {wrong} it got wrong" in out if wrong > 8 else "Those it got wrong" in out
    pairs = [(int(a), int(b)) for a, b in re.findall(r"(\d) taken for (\d)", out)]
    assert len(pairs) == min(wrong, 8)
    assert all(table[a][b] for a, b in pairs)
    assert np.trace(table) / held_out == pytest.approx(test_accuracy / 100, abs=1e-4)


def test_demo_takes_its_options(run):
    code, out, err = run(
        "demo", "--seed", 3, "--maxiter", 5, "--l2", 0.5, "--widths", "6,5", "--n-threads", 1,
        "--dtype", "float32", "--test", 0.5,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "64-6-5-10" in out
    assert "l2 0.5" in out
    assert "float32" in out
    assert "iteration 5/5" in out
    assert "reached 5 iterations" in out
    assert abs(int(re.search(r"(\d+) held out", out)[1]) - 1797 / 2) < 10


def test_demo_is_repeatable_and_its_seed_matters(run):
    def result(seed):
        out = run("demo", "--maxiter", 5, "--widths", 5, "--seed", seed)[1]
        return re.findall(r"cost [\d.]+|accuracy.*|Accuracy.*", out)

    assert result(1) == result(1) != result(2)


def test_demo_with_nothing_held_out_and_no_hidden_layer(run):
    code, out, _ = run("demo", "--test", 0, "--widths", "none", "--maxiter", 3)
    assert code == 0
    assert "1797 for training, 0 held out" in out
    assert "64-10" in out
    assert "test" not in out.split("Accuracy")[1]


def test_demo_does_not_train_on_a_wrong_gradient(refuse, monkeypatch):
    from fastbp.cli import demo

    def wrong(objective, theta, **options):
        return check_gradient(lambda t: (objective.cost(t), 2 * objective(t)[1]), theta)

    monkeypatch.setattr(demo, "check_gradient", wrong)
    assert "gradient check failed" in refuse("demo", "--widths", "none")


@pytest.mark.parametrize("columns", [80, 60, 40])
@pytest.mark.parametrize("words", [["demo"], ["check", "--widths", "5,4,3"]])
def test_lines_fit_the_terminal(run, monkeypatch, columns, words):
    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    too_long = [line for line in out.splitlines() if len(line) > columns]
    assert too_long == []
    assert ("true   0   1   2" in out) == (columns >= 60 and words == ["demo"])
    assert columns != 40 or "block  " not in out
    for figure in ("relative error", "gradient", "numerical", "parameters"):
        assert figure in " ".join(out.split())


def test_pictures_are_the_digits(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = run("demo", "--maxiter", 3)[1]
    head, *lines = out.split("it got wrong:\n\n")[1].splitlines()[:9]
    titles = re.findall(r"\d taken for \d", head)
    assert len(titles) == 4
    X, y = load_digits()
    first = np.array([[" ░▒▓█".index(c) for c in line[:16].ljust(16)[::2]] for line in lines])
    found = np.flatnonzero((np.rint(X / 4) == first.ravel()).all(axis=1))
    assert str(y[found[0]]) == titles[0][0]
    assert all(line[:16].ljust(16)[::2] == line[:16].ljust(16)[1::2] for line in lines)


def test_pictures_without_block_characters():
    done = subprocess.run(
        [sys.executable, "-m", "fastbp", "demo", "--maxiter", "3", "--widths", "none"],
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=True,
    )  # fmt: skip
    assert b"####" in done.stdout
    assert done.stdout.isascii()
