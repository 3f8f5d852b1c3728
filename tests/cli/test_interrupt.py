"""Ctrl-C keeps the best point, or leaves nothing; a reader that goes away is no traceback."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from tables import flowers, write

import fastbp
from fastbp import files, preparation
from fastbp.cli import training
from fastbp.cli.errors import CommandError

# A shell may start us with SIGINT ignored, which children inherit and Python keeps.
WITH_SIGINT = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('fastbp', run_name='__main__')"
)
FAST = ["--widths", "4", "--maxiter", "30"]


class Interrupting:
    """An objective that remembers what it was asked and is interrupted at the n-th evaluation."""

    def __init__(self, objective, n):
        self.objective, self.n, self.seen = objective, n, []

    def __call__(self, theta):
        if len(self.seen) == self.n:
            raise KeyboardInterrupt
        cost, gradient = self.objective(theta)
        self.seen.append((cost, np.array(theta)))
        return cost, gradient

    def cost(self, theta):
        return self(theta)[0]


@pytest.mark.parametrize("method", training.WITH_GRADIENT + training.WITHOUT_GRADIENT)
@pytest.mark.parametrize("n", [1, 2, 12])
def test_an_interrupted_training_returns_the_best_point_seen(method, n):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    net = fastbp.mlp(3, 2, 1, output="sigmoid", loss="cross_entropy", l2=0.1)
    objective = Interrupting(net.objective(X, y), n)
    outcome = training.train(objective, net.init(seed=0), method=method, maxiter=1000)
    assert len(objective.seen) == n
    assert outcome.evaluations == n
    assert "interrupted" in outcome.message
    cost, theta = min(objective.seen, key=lambda pair: pair[0])
    assert outcome.cost == cost
    assert np.array_equal(outcome.theta, theta)
    assert net.cost(outcome.theta, X, y) == pytest.approx(cost, rel=1e-12)


def test_an_interrupt_before_the_first_evaluation_is_an_interrupt():
    net = fastbp.mlp(3, 1)
    objective = Interrupting(net.objective(np.eye(3), np.ones(3)), 0)
    with pytest.raises(KeyboardInterrupt):
        training.train(objective, net.init(seed=0))


def test_the_best_point_is_kept_even_if_the_method_ends_elsewhere():
    class Worse:
        def __init__(self):
            self.calls = 0

        def __call__(self, theta):
            self.calls += 1
            return float(self.calls), np.ones(3)  # every later point is worse

    start = np.array([1.0, 2.0, 3.0])
    outcome = training.train(Worse(), start, method="CG", maxiter=10)
    assert outcome.cost == 1
    assert np.array_equal(outcome.theta, start)


def test_a_cost_that_is_never_finite_is_an_error():
    with pytest.raises(CommandError, match="no point reached a finite cost"):
        training.train(lambda theta: (np.inf, np.zeros(2)), np.zeros(2))


def test_ctrl_c_with_nothing_to_keep_is_130(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fastbp, "show_config", interrupt)
    assert run("info") == (130, "", "fastbp: interrupted\n")


def interrupt_after(mark, *words):
    """Start a command, send SIGINT when it prints `mark`, and collect how it ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_SIGINT, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith(mark):
                    process.send_signal(signal.SIGINT)
                    break
            out, err = process.communicate(timeout=300)
        except BaseException:
            process.kill()
            raise
    return process.returncode, "".join(lines) + out, err


def test_ctrl_c_in_train_writes_the_best_so_far():
    write("flowers.csv", flowers())
    code, out, err = interrupt_after(
        "iteration 50/", "train", "flowers.csv", "--target", "kind", "--save", "model",
        "--method", "nelder-mead", "--widths", "12,12", "--maxiter", 10**9,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "interrupted; going on with the best so far" in out
    assert "Test: accuracy" in out
    assert sorted(os.listdir()) == ["flowers.csv", "model"]
    network, theta, extra = files.load("model")
    # what was printed last is the cost of what was written
    rows = flowers()
    numbers = np.array([row[:4] for row in rows[1:]], float)
    labels = np.array([extra["target"]["classes"].index(row[4]) for row in rows[1:]])
    train, _ = preparation.split(len(labels), 0.2, 0, labels)
    scale = np.array(extra["inputs"]["scale"])
    X = np.where(scale > 0, (numbers - extra["inputs"]["mean"]) / np.where(scale > 0, scale, 1), 0)
    cost = float(re.findall(r"cost (\S+)", out)[-1])
    assert network.cost(theta, X[train], labels[train]) == pytest.approx(cost, rel=1e-4)


def test_ctrl_c_in_demo_keeps_the_best_so_far():
    code, out, err = interrupt_after(
        "iteration 5/", "demo", "--widths", "200,200", "--maxiter", 10**6, "--l2", 0.01
    )
    assert (code, err) == (0, "")
    assert "interrupted; going on with the best so far" in out
    assert re.search(r"Accuracy: training [\d.]+%, test [\d.]+%", out)


def test_ctrl_c_before_training_is_130_and_leaves_nothing():
    code, _, err = interrupt_after("Data:", "demo", "--widths", "900,900", "--maxiter", 10**6)
    assert code == 130
    assert err == "fastbp: interrupted\n"
    assert os.listdir() == []


def test_a_reader_that_goes_away_is_no_traceback(run):
    write("flowers.csv", flowers(2000))
    run("train", "flowers.csv", "--target", "kind", *FAST)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "fastbp", "predict", "flowers.fastbp", "flowers.csv"],
            stdout=stdout, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 141
    assert done.stderr == ""
