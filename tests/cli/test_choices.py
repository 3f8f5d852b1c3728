"""What samples left out decide: the penalty, when to stop, whether a linear model would do."""

import itertools
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from oracle import SIGNED
from tables import flowers, plane, write

import fastbp
from fastbp import files, preparation
from fastbp.cli import blas, choices, training
from fastbp.names import OF_CLASSES


def noisy(m=60, n=8):
    """A plane in noise: small penalties fit the noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m, n))
    return X, X @ rng.normal(size=n) + rng.normal(0, 2, m)


def curved(m=300):
    rng = np.random.default_rng(1)
    X = rng.uniform(-2, 2, (m, 2))
    return X, np.sin(2 * X[:, 0]) * X[:, 1]


def written(X, y, name="t.csv"):
    header = [*(f"x{i}" for i in range(X.shape[1])), "y"]
    return write(name, [header, *np.column_stack([X, y]).tolist()])


@pytest.mark.parametrize("data", [noisy, curved])
def test_the_penalty_is_the_best_by_folds(data):
    X, y = data()
    network = lambda l2: fastbp.mlp(X.shape[1], 5, 1, l2=l2)  # noqa: E731
    parts = choices.folds(len(X), 0, 100)
    left_out = np.concatenate([part for _, part in parts])
    assert sorted(left_out) == list(range(len(X)))
    assert all(sorted([*train, *part]) == list(range(len(X))) for train, part in parts)
    best, costs = choices.penalty(network, X, y, parts, seed=0, maxiter=50, n_threads=1)
    from scipy.optimize import minimize

    for l2, cost in costs.items():
        unseen = []
        for train, part in parts:
            net = network(l2)
            result = minimize(
                net.objective(X[train], y[train]), net.init(seed=0), jac=True, method="L-BFGS-B",
                options={"maxiter": 50},
            )  # fmt: skip
            unseen.append(np.mean((net.predict(result.x, X[part]) - y[part]) ** 2) / 2)
        assert cost == pytest.approx(np.mean(unseen), rel=0.05)
    assert best == min(costs, key=costs.get)
    assert (best > 1) == (data is noisy)


def test_how_many_folds():
    assert choices.folds(29, 0, 10) == []
    assert len(choices.folds(30, 0, 10)) == 5
    assert len(choices.folds(10_000, 0, 1000)) == 1
    (train, part), *_ = choices.folds(10**6, 0, 1000)
    assert len(train) + len(part) == choices.MOST
    assert len(np.intersect1d(train, part)) == 0


def test_the_penalty_that_is_chosen_is_told_and_used(run):
    written(*noisy())
    code, out, err = run("train", "t.csv", "--target", "y", "--maxiter", 50)
    assert (code, err) == (0, "")
    l2 = float(re.search(r"Penalty: l2 ([\d.]+), chosen by 5 folds of the training", out)[1])
    tried = dict(re.findall(r"([\d.]+): ([\d.]+)[,)]", out))
    assert list(map(float, tried)) == list(choices.L2)
    assert float(min(tried, key=lambda each: float(tried[each]))) == l2
    assert files.load("t.fastbp").network.l2 == l2
    assert "Penalty" not in run("train", "t.csv", "--target", "y", "--l2", 2, "--maxiter", 5)[1]
    assert files.load("t.fastbp").network.l2 == 2
    assert "Penalty: l2" in run("train", "t.csv", "--target", "y", "--l2", "auto")[1]
    written(*noisy(20))
    assert "too few samples to choose" in run("train", "t.csv", "--target", "y")[1]
    assert files.load("t.fastbp").network.l2 == choices.USUAL


# A linear model beside the network


def test_a_linear_model_that_does_no_worse_is_told(run):
    written(*noisy())
    out = run("train", "t.csv", "--target", "y", "--l2", "1e-3")[1]
    network = float(re.search(r"^Test: R2 (-?[\d.]+)", out, re.MULTILINE)[1])
    linear = float(re.search(r"^Linear model, test: R2 (-?[\d.]+)", out, re.MULTILINE)[1])
    assert linear > network
    assert "The linear model does no worse: 48 samples show the network's 251" in out
    assert "--widths none is that model" in out
    alone = run("train", "t.csv", "--target", "y", "--l2", 1, "--widths", "none")[1]
    assert "Linear model" not in alone
    found = float(re.search(r"^Test: R2 (-?[\d.]+)", alone, re.MULTILINE)[1])
    assert found == pytest.approx(linear, abs=2e-3)


def test_a_network_that_does_better_is_not_doubted(run):
    written(*curved())
    out = run("train", "t.csv", "--target", "y", "--l2", "0.01")[1]
    assert "does no worse" not in out
    X, y = curved()
    train, test = preparation.split(len(y), 0.2, 0)
    mean, std = X[train].mean(axis=0), X[train].std(axis=0)
    A = np.column_stack([np.ones(len(y)), (X - mean) / std])
    t = (y - y[train].mean()) / y[train].std()
    penalty = np.diag([0.0, 1.0, 1.0])  # l2 1: ridge regression, by the normal equations
    w = np.linalg.solve(A[train].T @ A[train] + penalty, A[train].T @ t[train])
    error = A[test] @ w - t[test]
    r2 = 1 - np.square(error).sum() / np.square(t[test] - t[test].mean()).sum()
    found = float(re.search(r"Linear model, test: R2 (-?[\d.]+)", out)[1])
    assert found == pytest.approx(r2, abs=2e-4)


@pytest.mark.parametrize("loss", ["cross_entropy", *OF_CLASSES, *SIGNED])
def test_linear_models_of_classes(run, loss):
    write("flowers.csv", flowers())
    out = run("train", "flowers.csv", "--target", "kind", "--loss", loss, "--test", 0, "--l2", 1)[1]
    assert re.search(r"Linear model, training: accuracy (9\d|100)\.", out)
    assert "does no worse" not in out  # nothing was held out


# Validation


def test_training_stops_where_validation_samples_are_best(run):
    X, y = noisy()
    written(X, y)
    words = ["train", "t.csv", "--target", "y", "--l2", 0, "--validation", 0.3, "--patience", 7]
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "Data: 60 samples, 34 for training, 14 for validation, 12 held out" in out
    kept = int(re.search(r"stopped: 7 iterations without a lower cost of the .*kept iteration "
                         r"(\d+), the best", out)[1])  # fmt: skip
    assert int(re.findall(r"iteration (\d+)/500", out)[-1]) == kept + 7
    assert re.search(r"^Validation: R2 ", out, re.MULTILINE)
    # the same points by hand, without a limit
    network, theta, extra = files.load("t.fastbp")
    train, _ = preparation.split(60, 0.2, 0)
    left, right = preparation.split(len(train), 0.3, 1)
    train, validation = train[left], train[right]
    Z = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
    t = (y - y[train].mean()) / y[train].std()
    assert np.allclose(extra["inputs"]["mean"], X[train].mean(axis=0))
    from scipy.optimize import minimize

    unseen = network.objective(Z[validation], t[validation], l2=0)
    costs = []
    minimize(
        network.objective(Z[train], t[train]), network.init(seed=0), jac=True, method="L-BFGS-B",
        callback=lambda x: costs.append(unseen.cost(x)), options={"maxiter": kept + 7},
    )  # fmt: skip
    assert unseen.cost(theta) == pytest.approx(min(costs), rel=1e-6)
    assert int(np.argmin(costs)) + 1 == kept


@pytest.mark.parametrize("method", training.WITH_GRADIENT + training.WITHOUT_GRADIENT)
def test_every_method_stops_by_validation(method):
    X, y = noisy()
    net = fastbp.mlp(8, 4, 1)
    seen = training.Validation(net.objective(X[40:], y[40:]), patience=3)
    outcome = training.train(
        net.objective(X[:40], y[:40]), net.init(seed=0), method=method, maxiter=400,
        validation=seen, quiet=True,
    )  # fmt: skip
    assert "stopped: 3 iterations without" in outcome.message
    assert outcome.iterations == seen.iteration + 3
    assert np.array_equal(outcome.theta, seen.theta)
    assert net.cost(outcome.theta, X[40:], y[40:]) == seen.cost
    assert outcome.cost == pytest.approx(net.cost(outcome.theta, X[:40], y[:40]), rel=1e-12)


def test_the_penalty_is_chosen_by_the_validation_samples(run):
    written(*noisy())
    out = run("train", "t.csv", "--target", "y", "--validation", 0.3, "--maxiter", 40)[1]
    assert re.search(r"Penalty: l2 \d+, chosen on the validation samples", out)


def test_a_share_that_is_no_sample(refuse):
    written(*noisy(12))
    line = refuse("train", "t.csv", "--target", "y", "--validation", 0.01)
    assert "--validation 0.01 of 10 samples is none; give a larger share" in line


def test_ctrl_c_while_choosing_leaves_nothing(run, monkeypatch):
    written(*noisy())

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(choices, "fitted", interrupt)
    assert run("train", "t.csv", "--target", "y")[0] == 130
    assert os.listdir() == ["t.csv"]


def test_counts_are_scored_in_their_units(run):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 300)
    rows = np.column_stack([x, rng.poisson(1000 * np.exp(x))]).tolist()
    write("t.csv", [["x", "y"], *rows])
    words = ["train", "t.csv", "--target", "y", "--loss", "poisson", "--l2", "1e-3", "--test", 0]
    told = re.search(r"Training: (.*)", run(*words)[1])[1]
    assert run("predict", "t.fastbp", "t.csv")[2] == f"300 rows with a known target: {told}\n"


# Threads of BLAS


def test_blas_has_one_thread_within_the_block_and_the_number_before_after():
    code = """if True:
        import scipy.linalg
        from fastbp.cli import blas
        ask = [get for get, _ in blas._libraries()]
        before = [get() for get in ask]
        try:
            with blas.one_thread():
                print(len(ask), {get() for get in ask})
                raise KeyError
        except KeyError:
            print([get() for get in ask] == before)
    """
    clean = {name: value for name, value in os.environ.items() if name not in blas.CHOSEN}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean)
    found, *rest = done.stdout.split(maxsplit=1)
    assert rest == ["{1}\nTrue\n"] or found == "0", done
    # what a user has chosen stays
    chosen = {**clean, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=chosen)
    assert done.stdout.endswith("True\n")
    assert found == "0" or not done.stdout.startswith(f"{found} {{1}}") or os.cpu_count() == 1


def test_training_runs_in_the_block(monkeypatch):
    inside = []

    class Block:
        def __enter__(self):
            inside.append(True)

        def __exit__(self, *_):
            inside.append(False)

    monkeypatch.setattr(blas, "one_thread", Block)
    X, y = noisy()
    net = fastbp.mlp(8, 1)
    seen = itertools.count()

    def objective(theta):
        assert inside == [True]
        next(seen)
        return net.cost_and_gradient(theta, X, y)

    training.train(objective, net.init(seed=0), method="BFGS", maxiter=5, quiet=True)
    assert inside == [True, False]
    assert next(seen) > 2


def test_planes_are_planes(run):
    write("plane.csv", plane())
    out = run("train", "plane.csv", "--target", "y", "--widths", 4, "--maxiter", 60)[1]
    assert float(re.search(r"Linear model, test: R2 ([\d.]+)", out)[1]) > 0.999
