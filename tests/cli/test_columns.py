"""Columns of text, gaps, columns left out and kept: what training makes of them, and predict."""

import csv
import io
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from tables import column, plane, shops, write

import fastbp
from fastbp import files

FAST = ["--widths", "none", "--l2", "1e-3", "--maxiter", "200"]
ONE_HOT = ["--categories", "one-hot"]
GAPS = ["--missing", "mean"]


def whole(rows):
    """Without the rows that have a gap."""
    return [row for row in rows if all(map(str, row))]


def test_text_is_told_apart_and_what_is_offered_works(run, refuse):
    rows = [[*row[:2], "x" if i % 3 else "z", *row[2:]] for i, row in enumerate(whole(shops()))]
    rows[0][2] = "it's"
    write("t.csv", rows)
    words = ["train", "t.csv", "--target", "price", *FAST]
    line = refuse(*words)
    assert "t.csv, row 2, column 'city': " in line
    assert """columns 'city', "it's" hold text: --categories one-hot makes""" in line
    left_out = re.search(r"of it, (--ignore .*) leaves it out", line)[1]
    code, out, err = run(*words, *shlex.split(left_out))
    assert (code, err) == (0, "")
    assert "Inputs: 1 column: size" in out
    code, out, err = run(*words, *ONE_HOT)
    assert (code, err) == (0, "")
    assert "Categories: city: Bergen, Bodø, Oslo" in out
    assert float(re.search(r"Test: R2 ([\d.]+)", out)[1]) > 0.99


def encoded(frame, model):
    """What a network is given, as pandas makes it."""
    known = model.extra["inputs"]["categories"]["city"]
    flags = pd.get_dummies(pd.Categorical(frame["city"], known), dtype=float)
    flags[frame["city"].isna()] = np.nan
    X = pd.concat([flags, frame["size"]], axis=1).to_numpy()
    mean, scale = (np.array(model.extra["inputs"][key]) for key in ("mean", "scale"))
    return np.nan_to_num((X - mean) / np.where(scale > 0, scale, 1)) * (scale > 0)


def test_predictions_are_those_of_the_library_on_dummies(run):
    write("shops.csv", shops())
    assert (
        run("train", "shops.csv", "--target", "price", *ONE_HOT, *GAPS, "--test", 0, *FAST)[0] == 0
    )
    model = files.load("shops.fastbp")
    frame = pd.read_csv("shops.csv")
    inputs, target = model.extra["inputs"], model.extra["target"]
    assert inputs["names"] == ["city", "size"]
    share = [frame["city"].eq(name).sum() / frame["city"].notna().sum()
             for name in inputs["categories"]["city"]]  # fmt: skip
    np.testing.assert_allclose(inputs["mean"], [*share, frame["size"].mean()], rtol=1e-12)
    np.testing.assert_allclose(inputs["scale"], [1, 1, 1, frame["size"].std(ddof=0)], rtol=1e-12)
    out = run("predict", "shops.fastbp", "shops.csv")[1]
    expected = model.network.predict(model.theta, encoded(frame, model))
    expected = expected * target["scale"] + target["mean"]
    np.testing.assert_allclose(np.array(column(out, "price"), float), expected, rtol=1e-12)


def test_an_unknown_category_is_named_with_those_that_are_known(run, refuse):
    write("shops.csv", whole(shops()))
    run("train", "shops.csv", "--target", "price", *ONE_HOT, *FAST)
    write("new.csv", [["size", "city"], [50, "Oslo"], [40, "Paris"]])
    for command in ("predict", "check"):
        line = refuse(command, "shops.fastbp", "new.csv")
        assert line.startswith("new.csv, row 3, column 'city': 'Paris' is none of the categories")
        assert "the model knows: Bergen, Bodø, Oslo" in line or command == "check"
        write("new.csv", [["size", "city", "price"], [50, "Oslo", 1], [40, "Paris", 2]])
    write("gap.csv", [["size", "city"], [50, "Oslo"], [40, ""]])
    line = refuse("predict", "shops.fastbp", "gap.csv")
    assert "gap.csv, row 3, column 'city': the value is missing (empty)" in line


def test_a_category_that_training_does_not_see_has_no_effect(run):
    rows = whole(shops(60))
    rows[-1][0] = "Tromsø"  # among the samples held out, or not
    write("t.csv", rows)
    for seed in range(4):
        code, out, err = run("train", "t.csv", "--target", "price", *ONE_HOT, "--seed", seed, *FAST)
        assert (code, err) == (0, "")
        assert "Bergen, Bodø, Oslo, Tromsø" in out
        scale = files.load("t.fastbp").extra["inputs"]["scale"]
        assert set(scale[:4]) <= {0.0, 1.0}


def test_numbers_can_be_categories(run):
    rng = np.random.default_rng(0)
    code = rng.integers(0, 4, 200)
    rows = [[k, i % 7, [3.5, -20, 40, 1][k]] for i, k in enumerate(code.tolist())]
    write("t.csv", [["zone", "x", "y"], *rows])
    words = ["train", "t.csv", "--target", "y", "--task", "regression", *FAST]
    assert float(re.search(r"Test: R2 (-?[\d.]+)", run(*words)[1])[1]) < 0.9
    out = run(*words, "--category", "zone")[1]
    assert "Categories: zone: 0, 1, 2, 3" in out
    assert float(re.search(r"Test: R2 ([\d.]+)", out)[1]) > 0.999


def test_names_of_rows_are_no_categories(run, refuse):
    rows = whole(shops(150))
    write("t.csv", [["who", *rows[0]], *[[f"n{i}", *row] for i, row in enumerate(rows[1:])]])
    words = ["train", "t.csv", "--target", "price", *ONE_HOT, *FAST]
    line = refuse(*words)
    n = len(rows) - 1
    assert f"column 'who' holds {n} different texts in {n} rows: too many to be categories" in line
    assert line.endswith("leave it out: --ignore who")
    assert run(*words, "--ignore", "who")[0] == 0


@pytest.mark.parametrize("cell", ["1,5", "12O", "x"])
def test_one_text_among_numbers_is_a_slip(refuse, cell):
    write("t.csv", [["a", "y"], *[[i, i % 3] for i in range(30)], [cell, 2]])
    line = refuse("train", "t.csv", "--target", "y", *ONE_HOT, *FAST)
    assert f"t.csv, row 32, column 'a': '{cell}' is not a number" in line


def test_an_empty_column_of_categories(refuse):
    write("t.csv", [["a", "b", "y"], *[[i, "", i % 3] for i in range(30)]])
    words = ["train", "t.csv", "--target", "y", *FAST]
    assert "column 'b' is empty; leave it out" in refuse(*words, "--category", "b")
    assert "column 'b' has no value in the training samples" in refuse(*words, *GAPS)


# Gaps


@pytest.mark.parametrize("gap", ["", "NA", "nan", "?", "null", "-"])
def test_the_mean_stands_for_what_is_missing(run, gap):
    rows = plane(100)
    rows[7][0] = rows[20][1] = rows[33][2] = gap
    write("plane.csv", rows)
    code, out, err = run("train", "plane.csv", "--target", "y", *GAPS, "--test", 0, *FAST)
    assert (code, err) == (0, "")
    assert "Data: 99 samples" in out
    assert "Left out: 1 row with missing values" in out
    assert "Missing: 2 values, the mean of the column instead" in out
    inputs = files.load("plane.fastbp").extra["inputs"]
    frame = pd.read_csv("plane.csv", na_values=["?", "-"]).dropna(subset="y")
    np.testing.assert_allclose(inputs["mean"], frame[["a", "b"]].mean(), rtol=1e-12)
    np.testing.assert_allclose(inputs["scale"], frame[["a", "b"]].std(ddof=0), rtol=1e-12)
    write("gap.csv", [["a", "b"], [gap, 3]])
    write("mean.csv", [["a", "b"], [repr(inputs["mean"][0]), 3]])
    predicted = [run("predict", "plane.fastbp", name)[1] for name in ("gap.csv", "mean.csv")]
    assert predicted[0] == predicted[1]
    assert run("check", "plane.fastbp", "plane.csv")[0] == 2  # the target is missing in one row
    write("known.csv", [row for row in rows if row[2] != gap])
    assert run("check", "plane.fastbp", "known.csv")[0] == 0


def test_rows_with_gaps_are_dropped_and_get_no_prediction(run):
    rows = plane(100)
    rows[7][0] = rows[20][1] = ""
    write("plane.csv", rows)
    write("whole.csv", whole(rows))
    code, out, err = run("train", "plane.csv", "--target", "y", "--missing", "drop", *FAST)
    assert (code, err) == (0, "")
    assert "Data: 98 samples" in out
    assert "Left out: 2 rows with missing values" in out
    run("train", "whole.csv", "--target", "y", *FAST)
    theta = files.load("whole.fastbp").theta
    assert np.array_equal(files.load("plane.fastbp").theta, theta)
    code, out, err = run("predict", "plane.fastbp", "plane.csv")
    assert code == 0
    assert err.startswith("2 rows with missing values: no prediction, an empty cell\n98 rows with ")
    lines = out.splitlines()
    assert len(lines) == 101
    assert [i for i, line in enumerate(lines) if line in ("", '""')] == [7, 20]
    assert run("check", "plane.fastbp", "plane.csv")[0] == 0


def test_a_gap_says_what_can_be_done(run, refuse):
    rows = plane(40)
    rows[7][0] = ""
    write("t.csv", rows)
    line = refuse("train", "t.csv", "--target", "y", *FAST)
    for option in re.findall(r"--missing \w+", line):
        assert run("train", "t.csv", "--target", "y", *option.split(), *FAST)[0] == 0
    assert len(re.findall(r"--missing \w+", line)) == 2
    write("t.csv", [["a", "y"], *[["", 1.5 * i] for i in range(9)]])
    line = refuse("train", "t.csv", "--target", "y", "--missing", "drop", *FAST)
    assert "t.csv has no row in which nothing is missing" in line
    write("t.csv", [["a", "y"], [1, 2.5], ["inf", 2], [3, 2]])
    assert "inf is not a finite number" in refuse("train", "t.csv", "--target", "y", *GAPS, *FAST)


# Files of older versions


def test_a_model_of_the_version_before_is_read(run):
    write("plane.csv", plane())
    run("train", "plane.csv", "--target", "y", *FAST)
    network, theta, extra = files.load("plane.fastbp")
    expected = run("predict", "plane.fastbp", "plane.csv")
    inputs = {key: extra["inputs"][key] for key in ("names", "mean", "scale")}
    old = {"inputs": inputs, "target": extra["target"], "has_header": True}
    files.save("old", network, theta, old)
    assert run("predict", "old", "plane.csv") == expected
    assert run("check", "old", "plane.csv")[0] == 0
    assert run("info", "old")[0] == 0


# Names are judged when it is known which columns are used


def test_a_name_twice_matters_where_it_is_used(run, refuse):
    rows = plane(60)[1:]
    write("t.csv", [["a", "b", "a", "y"], *[[x, z, "text", y] for x, z, y in rows]])
    words = ["train", "t.csv", "--target", "y", *FAST]
    line = refuse(*words)
    assert line.endswith("both named 'a'; leave one out by its index: --ignore 2")
    code, out, _ = run(*words, "--ignore", 2)
    assert code == 0
    assert "Inputs: 2 columns: a, b" in out
    assert "Inputs: 1 column: b" in run(*words, "--ignore", "a")[1]
    assert "both named 'a'; say which by its index: --target 0" in refuse(
        "train", "t.csv", "--target", "a"
    )
    run(*words, "--ignore", "a")
    assert run("predict", "t.fastbp", "t.csv")[0] == 0  # of the two it needs none
    run(*words, "--ignore", 2)
    assert "columns 0 and 2 (from 0) are both named 'a'" in refuse("predict", "t.fastbp", "t.csv")


# Columns that are kept


def test_columns_are_kept_beside_the_predictions(run, refuse):
    write("shops.csv", whole(shops()))
    run("train", "shops.csv", "--target", "price", *ONE_HOT, *FAST)
    write("new.csv", [["id", "size", "city"], ["a,1", "50", "Oslo"], ["b", " 40", "Bodø"]])
    predicted = column(run("predict", "shops.fastbp", "new.csv")[1], "price")
    out = run("predict", "shops.fastbp", "new.csv", "--keep", "id", "--keep", 2, "--keep", "id")[1]
    assert list(csv.reader(io.StringIO(out))) == [
        ["id", "city", "price"], ["a,1", "Oslo", predicted[0]], ["b", "Bodø", predicted[1]],
    ]  # fmt: skip
    out = run("predict", "shops.fastbp", "shops.csv", "--keep", "all")[1]
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["city", "size", "price", "predicted price"]
    assert [row[:3] for row in rows] == whole(shops())[1:]
    line = refuse("predict", "shops.fastbp", "new.csv", "--keep", "nothing")
    assert "--keep 'nothing' is not a column of new.csv" in line


# What is in a model


def test_info_says_what_is_in_a_model(run, refuse):
    write("shops.csv", shops())
    run("train", "shops.csv", "--target", "price", *ONE_HOT, *GAPS, *FAST)
    code, out, err = run("info", "shops.fastbp")
    assert (code, err) == (0, "")
    assert "Network 4-1: loss squared_error, l2 0.001" in out
    assert "Target: price, regression, mean " in out
    assert re.search(r"^  city +categories Bergen, Bodø, Oslo$", out, re.MULTILINE)
    assert re.search(r"^  size +mean [\d.]+, deviation [\d.]+$", out, re.MULTILINE)
    assert "Missing values: the mean of the column" in out
    assert f"Training: fastbp {fastbp.__version__}, samples 96, method L-BFGS-B, iteration" in out
    net = fastbp.mlp(2, 1)
    files.save("bare", net, net.init(seed=0), {"units": "m", "by": "me"})
    code, out, _ = run("info", "bare")
    assert code == 0
    assert "Network 2-1" in out
    assert "It says nothing of columns" in out
    assert "Notes: by, units" in out
    assert "is not a fastbp model" in refuse("info", "shops.csv")
