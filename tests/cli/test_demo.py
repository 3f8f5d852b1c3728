"""``fastbp demo``: what it reaches and tells."""

import re
import subprocess
import sys

import numpy as np
import pytest

from fastbp.check import check_gradient


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
    assert re.search(
        r"iteration 100/200  cost [\d.]+  gradient norm [\d.e-]+  \d+ evaluations/s"
        r"  [\d.]+ s left", out
    )  # fmt: skip
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
