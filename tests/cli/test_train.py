"""``fastbp train`` and ``predict``: every task, loss, activation and method; what is refused."""

import csv
import io
import os
import re

import numpy as np
import pandas as pd
import pytest
from tables import column, flowers, plane, write

import fastbp
from fastbp import files, preparation
from fastbp.cli import options, training
from fastbp.datasets import DIGITS

FAST = ["--widths", "4", "--maxiter", "30"]


def test_classes_are_learnt_and_predicted_by_name(run):
    rows = flowers()
    write("flowers.csv", rows)
    code, out, err = run("train", "flowers.csv", "--target", "kind", "--save", "model", *FAST)
    assert (code, err) == (0, "")
    assert "classification into aster, iris, white, rosé" in out
    assert "4-4-3" in out
    assert "Test: accuracy 100.00%" in out
    assert "Model written to model" in out

    # other order, an extra column of texts, no target
    order = ["high", "note", "const", "wide", "long"]
    new = [dict(zip(rows[0], row, strict=True)) | {"note": "x"} for row in flowers(40, seed=1)[1:]]
    write("new.csv", [order, *[[row[name] for name in order] for row in new]])
    code, out, err = run("predict", "model", "new.csv")
    assert (code, err) == (0, "")
    assert column(out, "kind") == [row["kind"] for row in new]


def test_predict_matches_the_library(run):
    rows = flowers()
    write("flowers.csv", rows)
    run("train", "flowers.csv", "--target", "kind", "--save", "model", *FAST)
    network, theta, extra = files.load("model")
    numbers = np.array([row[:4] for row in rows[1:]], dtype=float)
    scale = np.array(extra["inputs"]["scale"])
    assert (scale == 0).tolist() == [False, False, False, True]
    X = (numbers - extra["inputs"]["mean"]) / np.where(scale > 0, scale, 1)
    X[:, 3] = 0
    code, out, err = run("predict", "model", "flowers.csv", "--proba")
    assert code == 0
    proba = np.array([column(out, f"p({name})") for name in extra["target"]["classes"]], float).T
    assert np.allclose(proba, network.predict_proba(theta, X), rtol=1e-12)
    assert np.allclose(proba.sum(axis=1), 1)
    names = [extra["target"]["classes"][k] for k in proba.argmax(axis=1)]
    assert column(out, "kind") == names
    truth = [row[4] for row in rows[1:]]
    share = np.mean([a == b for a, b in zip(names, truth, strict=True)])
    assert err == f"120 rows with a known target: accuracy {share:.2%}\n"


def test_a_constant_column_stays_without_effect_when_it_varies_later(run):
    rows = flowers()
    write("flowers.csv", rows)
    run("train", "flowers.csv", "--target", "kind", "--save", "model", *FAST)
    write("shifted.csv", [rows[0], *[[*row[:3], "1e6", row[4]] for row in rows[1:]]])
    assert run("predict", "model", "flowers.csv")[1] == run("predict", "model", "shifted.csv")[1]


def test_a_quantity_is_learnt_in_its_own_units(run):
    write("plane.csv", plane())
    code, out, err = run("train", "plane.csv", "--target", "y", "--widths", "none", "--l2", 1e-6)
    assert (code, err) == (0, "")
    assert "regression" in out
    assert float(re.search(r"Test: R2 ([\d.]+)", out)[1]) > 0.9999
    assert os.path.exists("plane.fastbp")
    rows = plane(50, seed=9)
    write("new.csv", rows)
    code, out, err = run("predict", "plane.fastbp", "new.csv", "--save", "out.csv")
    assert (code, out) == (0, "")
    with open("out.csv") as file:
        predicted = np.array(column(file.read(), "y"), float)
    truth = np.array([row[2] for row in rows[1:]], float)
    assert np.abs(predicted - truth).max() < 2
    r2 = 1 - np.square(predicted - truth).sum() / np.square(truth - truth.mean()).sum()
    rmse = np.sqrt(np.square(predicted - truth).mean())
    assert err == (f"50 rows with a known target: R2 {r2:.4f}, root mean square error {rmse:.4g}\n")


def test_two_classes_have_one_output_and_whole_numbers_are_names(run):
    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    rows = [["x", "z", "y"], *[[v, v * v, 7 if v > 0 else 3] for v in x.tolist()]]
    write("two.csv", rows)
    code, out, _ = run("train", "two.csv", "--target", "y", "--save", "model", *FAST)
    assert code == 0
    assert "2-4-1" in out
    assert "classification into 3, 7" in out
    code, out, err = run("predict", "model", "two.csv", "--proba")
    assert set(column(out, "y")) == {"3", "7"}
    p = np.array([column(out, "p(3)"), column(out, "p(7)")], float)
    assert np.allclose(p.sum(axis=0), 1)
    assert [("7" if b > a else "3") for a, b in p.T] == column(out, "y")
    assert float(re.search(r"accuracy ([\d.]+)%", err)[1]) > 95


CLASS_LOSSES = [name for name in fastbp.losses() if options.is_classifier(name)]
VALUE_LOSSES = [name for name in fastbp.losses() if not options.is_classifier(name)]


@pytest.mark.parametrize("loss", CLASS_LOSSES)
@pytest.mark.parametrize("classes", [2, 3])
def test_every_loss_for_classes_trains(run, loss, classes):
    rows = flowers()
    kept = [row for row in rows[1:] if classes == 3 or row[4] != "aster"]
    write("flowers.csv", [rows[0], *kept])
    code, _, err = run("train", "flowers.csv", "--target", "kind", "--loss", loss, "--maxiter", 60)
    assert (code, err) == (0, "")
    err = run("predict", "flowers.fastbp", "flowers.csv")[2]
    assert float(re.search(r"accuracy ([\d.]+)%", err)[1]) > 98


@pytest.mark.parametrize("loss", VALUE_LOSSES)
def test_every_loss_for_quantities_trains(run, loss):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 300)
    rate = 1000 * np.exp(x)  # far from 1: the scaling of a log-rate is put to use
    write("rates.csv", [["x", "y"], *np.column_stack([x, rng.poisson(rate)]).tolist()])
    code, _, err = run("train", "rates.csv", "--target", "y", "--loss", loss, "--l2", 1e-3)
    assert (code, err) == (0, "")
    out, err = run("predict", "rates.fastbp", "rates.csv")[1:]
    assert float(re.search(r"R2 ([\d.]+)", err)[1]) > 0.98
    predicted = np.array(column(out, "y"), float)
    assert np.abs(predicted / rate - 1).mean() < 0.05


@pytest.mark.parametrize("activation", fastbp.activations(hidden=True))
@pytest.mark.parametrize("dtype", options.DTYPES)
def test_every_activation_trains(run, activation, dtype):
    write("flowers.csv", flowers())
    code, out, err = run(
        "train", "flowers.csv", "--target", "kind", "--hidden", activation, "--dtype", dtype,
        "--widths", "8,6", "--maxiter", 80, "--l2", 0.1,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert float(re.search(r"Training: accuracy ([\d.]+)%", out)[1]) > 95
    network = files.load("flowers.fastbp").network
    assert network.widths == (4, 8, 6, 3)
    assert network.activations == (activation, activation, "softmax")
    assert network.dtype == dtype
    assert network.l2 == 0.1


@pytest.mark.parametrize("method", training.WITH_GRADIENT + training.WITHOUT_GRADIENT)
def test_every_method_trains_and_keeps_to_its_iterations(run, method):
    write("plane.csv", plane(60))
    code, out, err = run(
        "train", "plane.csv", "--target", "y", "--widths", "none", "--method", method.lower(),
        "--maxiter", 40, "--l2", 0,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert f"scipy's {method} " in out
    assert max(int(n) for n in re.findall(r"iteration (\d+)/40", out)) <= 40
    costs = [float(cost) for cost in re.findall(r"cost (\S+)", out)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0]
    assert ("gradient norm" in out) == (method in training.WITH_GRADIENT)
    theta = files.load("plane.fastbp").theta
    assert np.isfinite(theta).all()


def test_training_is_repeatable(run):
    write("flowers.csv", flowers())
    thetas = []
    for seed in (1, 1, 2):
        run("train", "flowers.csv", "--target", "kind", "--seed", seed, *FAST)
        thetas.append(files.load("flowers.fastbp").theta)
    assert np.array_equal(thetas[0], thetas[1])
    assert not np.array_equal(thetas[0], thetas[2])


def test_the_digits_can_be_trained_from_their_csv(run):
    code, out, _ = run("train", DIGITS, "--target", "digit", "--maxiter", 60)
    assert code == 0
    assert float(re.search(r"Test: accuracy ([\d.]+)%", out)[1]) > 94
    assert os.path.exists("digits.fastbp")


def test_held_out_samples_do_not_touch_the_standardisation(run):
    write("plane.csv", plane())
    run("train", "plane.csv", "--target", "y", "--test", 0.5, *FAST)
    extra = files.load("plane.fastbp").extra
    numbers = np.array(plane()[1:], float)
    train, test = preparation.split(200, 0.5, 0)
    assert len(test) == 100
    assert np.allclose(extra["inputs"]["mean"], numbers[train, :2].mean(axis=0))
    assert np.allclose(extra["inputs"]["scale"], numbers[train, :2].std(axis=0))
    assert extra["target"]["mean"] == pytest.approx(numbers[train, 2].mean())


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 3, "classification"),
        (["no", "yes"] * 3, "classification"),
        ([1.0, 2.0, 3.0] * 10, "classification"),
        ([1, 2, 3], "regression"),  # too few of each to be classes
        (range(60), "regression"),
        ([0.5, 1, 1.5] * 10, "regression"),
        (["a", "none", "?"] * 10, "classification"),  # words that are classes here
    ],
)
def test_the_task_is_told_from_the_target(run, values, task):
    values = list(values)
    write("t.csv", [["x", "y"], *[[0.1 * i, v] for i, v in enumerate(values)]])
    code, out, err = run("train", "t.csv", "--target", "y", "--maxiter", 2, "--widths", 2)
    assert (code, err) == (0, "")
    assert f"Target: y, {task}" in out


def test_the_task_can_be_asked_for(run):
    write("t.csv", [["x", "y"], *[[0.1 * i, i % 3] for i in range(60)]])
    assert (
        ", regression" in run("train", "t.csv", "--target", "y", "--task", "regression", *FAST)[1]
    )
    write("t.csv", [["x", "y"], *[[0.1 * i, i % 30] for i in range(60)]])
    out = run("train", "t.csv", "--target", "y", "--task", "classification", *FAST)[1]
    assert "classification into 0, 1, 2" in out


def test_a_loss_for_classes_on_a_quantity_is_asked_about(run, refuse):
    write("t.csv", [["x", "y"], *[[0.1 * i, 0.37 * i] for i in range(60)]])
    line = refuse("train", "t.csv", "--target", "y", "--loss", "cross_entropy")
    assert "column 'y' holds 60 different numbers in 60 rows, which look like a quantity" in line
    assert "or say --task classification" in line
    words = ["train", "t.csv", "--target", "y", "--loss", "cross_entropy", *FAST]
    code, out, _ = run(*words, "--task", "classification")
    assert code == 0
    assert "-4-60" in out
    write("t.csv", [["x", "y"], *[[0.1 * i, 0.5 * (i % 25)] for i in range(200)]])
    assert "-4-25" in run(*words)[1]  # eight samples of each: classes well enough


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("", "the value is missing ('')"),
        ("nan", "the value is missing ('nan')"),
        ("NA", "the value is missing ('NA')"),
        ("inf", "inf is not a finite number"),
    ],
)
@pytest.mark.parametrize("values", [(0, 1), ("no", "yes"), (0.5, 1.5)])
@pytest.mark.parametrize("words_before", [[], ["--task", "classification"], ["--loss", "hinge"]])
def test_an_empty_cell_is_no_class(refuse, cell, words, values, words_before):
    if cell == "NA" and "no" in values:
        pytest.skip("among texts, a name like others")
    write("t.csv", [["x", "y"], *[[i, values[i % 2]] for i in range(40)], [7, cell]])
    line = refuse("train", "t.csv", "--target", "y", *words_before)
    assert f"t.csv, row 42, column 'y': {words}" in line


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["9007199254740992", "9007199254740993"], [2**53, 2**53 + 1]),
        (["-9007199254740993", "-9007199254740992.0"], [-(2**53) - 1, -(2**53)]),
        (["1" + "0" * 30, "1" + "0" * 29 + "1"], [10**30, 10**30 + 1]),
        (["1e30", "1" + "0" * 29 + "1"], [10**30, 10**30 + 1]),
        (["7", "007", "7e0", "8.0"], [7, 8]),
        (["9007199254740992.5", "9007199254740993"], None),  # not whole: texts
    ],
)
def test_whole_numbers_are_exact_class_names(run, names, classes):
    rows = [[len(names) * (i % len(names)) + 0.1 * i, names[i % len(names)]] for i in range(60)]
    write("t.csv", [["x", "y"], *rows])
    code, _, err = run("train", "t.csv", "--target", "y", "--task", "classification", *FAST)
    assert (code, err) == (0, "")
    assert files.load("t.fastbp").extra["target"]["classes"] == (classes or sorted(names))
    predicted = column(run("predict", "t.fastbp", "t.csv")[1], "y")
    assert set(predicted) <= set(map(str, classes or names))


@pytest.mark.parametrize("mark", ["\r", "\n", "\r\n", ",", '"', "'", " ", "\t", "\x0b", "\u2028"])
def test_any_name_of_a_class_is_read_back(run, mark):
    names = [f"a{mark}b", "c"]
    write("t.csv", [["x", "y"], *[[i % 2 + 0.01 * i, names[i % 2]] for i in range(40)]])
    assert run("train", "t.csv", "--target", "y", *FAST)[0] == 0
    assert run("predict", "t.fastbp", "t.csv", "--proba", "--save", "out.csv")[0] == 0
    with open("out.csv", newline="", encoding="utf-8") as file:
        text = file.read()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == ["y", f"p({names[0]})", "p(c)"]
    assert [row[0] for row in rows] == names * 20
    assert text.replace("\r", "").count("\n") >= 41
    assert not text.endswith("\r\n")
    assert pd.read_csv("out.csv")["y"].tolist() == names * 20
