"""Models whose notes about their columns are damaged: one line, whatever is wrong with them."""

import copy
import random

import pytest
from tables import flowers, plane, shops, write

import fastbp
from fastbp import files

JUNK = [None, True, 0, -1, 1, 2.5, 1e308, 10**400, "", "y", "wide", "\ud800", [], {}, [0.0], ["a"],
        [1, "a"], [[1]], {"a": 1}, [1, 1]]  # fmt: skip
FAST = ["--widths", "2", "--maxiter", "5", "--l2", "1"]
SHOPS = ["--categories", "one-hot", "--missing", "mean"]


@pytest.fixture
def models(run):
    write("flowers.csv", flowers(60))
    write("plane.csv", plane(40))
    run("train", "flowers.csv", "--target", "kind", *FAST)
    run("train", "plane.csv", "--target", "y", *FAST)
    write("shops.csv", shops(60))
    run("train", "shops.csv", "--target", "price", *SHOPS, *FAST)
    return {name: files.load(f"{name}.fastbp") for name in ("flowers", "plane", "shops")}


def with_notes(model, notes):
    files.save("damaged", model.network, model.theta, notes)
    return "damaged"


@pytest.mark.parametrize(
    ("name", "way", "value", "words"),
    [
        ("plane", ["inputs", "mean"], [0.0], "mean is no list of 2 finite numbers"),
        ("plane", ["inputs", "mean"], [0.0, "1"], "mean is no list of 2 finite numbers"),
        ("plane", ["inputs", "mean"], [[0.0], [1.0]], "mean is no list of 2 finite numbers"),
        ("plane", ["inputs", "scale"], [1.0, -1.0], "scale is -1.0"),
        ("plane", ["inputs", "scale"], 1.0, "scale is no list of 2 finite numbers"),
        ("plane", ["inputs", "names"], ["a", "a"], "names is no list of different names"),
        ("plane", ["inputs", "names"], ["a", 1], "names is no list of different names"),
        ("plane", ["inputs", "names"], "ab", "names is no list of different names"),
        ("plane", ["inputs", "names"], ["a", "y"], "do not belong to its network"),
        ("plane", ["target", "scale"], 0, "the scale of the target is 0.0"),
        ("plane", ["target", "mean"], 10**400, "is damaged"),
        ("plane", ["target", "name"], 3, "the name of the target is 3"),
        ("plane", ["target"], {"name": "y", "classes": ["a", "b"]}, "do not belong to its network"),
        ("plane", ["inputs"], [], "is damaged"),
        ("plane", ["target"], None, "is damaged"),
        ("plane", ["version"], 3, "has version 3; this fastbp reads versions 1 to 2: upgrade"),
        ("plane", ["version"], "2", "has version '2'; this"),
        ("plane", ["version"], True, "has version True"),
        ("plane", ["training"], [1], "training is [1] (list)"),
        ("plane", ["training", "cost"], [1], "training, cost: [1] (list) is no text and no number"),
        ("plane", ["inputs", "missing"], "median", "missing is 'median'; expected mean or drop"),
        ("plane", ["inputs", "missing"], ["mean"], "missing is ['mean'] (list); expected"),
        ("plane", ["inputs", "categories"], [], "categories are not those of columns there are"),
        ("plane", ["inputs", "categories"], {"c": ["x"]}, "categories are not those of columns"),
        ("plane", ["inputs", "categories"], {"a": ["x", "z"]}, "mean is no list of 3 finite"),
        ("plane", ["inputs", "categories"], {"a": [""]}, "a category has no name"),
        ("shops", ["inputs", "categories", "city"], ["Oslo", "Oslo"], "no list of different names"),
        ("shops", ["inputs", "categories", "city"], ["Oslo", 1], "no list of different names"),
        ("shops", ["inputs", "categories", "city"], ["Oslo"], "mean is no list of"),
        ("shops", ["inputs", "categories"], {}, "mean is no list of 2 finite numbers"),
        ("flowers", ["target", "classes"], ["a", "b"], "do not belong to its network"),
        ("flowers", ["target", "classes"], ["a", "b", 3], "classes is no list of different names"),
        ("flowers", ["target", "classes"], ["a", "b", "a"], "classes is no list of different"),
        ("flowers", ["target", "classes"], [["a"]], "classes is no list of different names"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(models, refuse, name, way, value, words):
    notes = copy.deepcopy(models[name].extra)
    parent = notes
    for key in way[:-1]:
        parent = parent[key]
    parent[way[-1]] = value
    damaged = with_notes(models[name], notes)
    for command in ("predict", "check"):
        line = refuse(command, damaged, f"{name}.csv")
        assert line.startswith("damaged: ")
        assert words in line


def test_a_column_without_spread_and_a_shorter_mean_are_told_apart(models, run):
    notes = copy.deepcopy(models["plane"].extra)
    notes["inputs"]["scale"][0] = 0.0
    assert run("predict", with_notes(models["plane"], notes), "plane.csv")[0] == 0


def places(value, here=()):
    yield here
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*here, key))


def mutated(notes, rng):
    notes = copy.deepcopy(notes)
    *way, last = rng.choice([place for place in places(notes) if place])
    parent = notes
    for key in way:
        parent = parent[key]
    if rng.randrange(4) == 0:
        del parent[last]
    else:
        parent[last] = rng.choice(JUNK)
    return notes


@pytest.mark.parametrize("name", ["flowers", "plane", "shops"])
def test_notes_with_any_entry_changed(models, run, name):
    rng, refused = random.Random(0), 0
    for _ in range(250):
        notes = mutated(models[name].extra, rng)
        if rng.randrange(3) == 0:
            notes = mutated(notes, rng) if notes else notes
        damaged = with_notes(models[name], notes)
        for words in (["predict"], ["check", "--n-checks", "2", "--samples", "5"]):
            code, _, err = run(words[0], damaged, f"{name}.csv", *words[1:])
            # a mean of 1e308 makes a cost of inf, whose gradient fails its check
            assert code in (0, 2) or (code, words[0]) == (1, "check"), (notes, err)
            assert "mistake in fastbp" not in err, (notes, err)
            assert err.count("\n") <= 1, (notes, err)
            refused += code == 2
        code, _, err = run("info", damaged)
        assert code in (0, 2), (notes, err)
        assert "mistake in fastbp" not in err, (notes, err)
    assert refused > 200


@pytest.mark.parametrize("command", ["predict", "check"])
def test_a_network_that_is_no_classifier_has_no_classes(models, refuse, command):
    notes = models["flowers"].extra
    net = fastbp.mlp(4, 2, 3)
    files.save("other", net, net.init(seed=0), notes)
    assert "do not belong to its network 4-2-3 of loss squared_error" in refuse(
        command, "other", "flowers.csv"
    )
