"""The page of formulas: every row of the engine's tables is there, and says what the engine does.

The formulas are read from the docstrings of the kernels and evaluated in NumPy.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp._core import core

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "site"))

import formulas  # noqa: E402
import mathtext  # noqa: E402
from mathtext import parse  # noqa: E402

ENGINE = core("float64")
ACTIVATIONS = {name: text for name, _, text in formulas.rows("activation")}
LOSSES = [(name, output, text) for name, output, text in formulas.rows("loss")]


def normal(z):
    from math import erf, pi, sqrt

    Phi = np.array([0.5 * (1 + erf(v / sqrt(2))) for v in z])
    return {"Phi": lambda _: Phi, "phi": np.exp(-(z**2) / 2) / sqrt(2 * pi)}


def usual(name):
    """The parameter of a function as a name of its formula, with the value that is usual."""
    if name not in formulas.parameters():
        return {}
    symbol, value, *_ = formulas.parameters()[name]
    return {symbol: value}


# Every row is there


def test_activations_are_those_of_the_engine():
    assert tuple(ACTIVATIONS) == ENGINE.ACTIVATIONS
    text = formulas.activations()
    assert [line[5:-1] for line in text.splitlines() if line[:3] == "###"] == [*ACTIVATIONS]


def test_losses_are_those_of_the_engine():
    table: dict = {}
    for name, output, _ in LOSSES:
        table[name] = None if output is None else (*(table.get(name) or ()), output)
    assert table == ENGINE.LOSSES
    text = formulas.losses()
    assert [line[5:-1] for line in text.splitlines() if line[:3] == "###"] == [*ENGINE.LOSSES]


def test_all_formulas_can_be_read():
    assert "text{1" not in formulas.activations()
    for text in ACTIVATIONS.values():
        for each in formulas.activation_formulas(text):
            parse(each.text)
    for _, _, text in LOSSES:
        parse(formulas.loss_formula(text).text)


# They are what the engine computes


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
def test_activation_is_its_formula(name):
    z = np.linspace(-3, 3, 32) + 0.01
    found = {each.left: each for each in formulas.activation_formulas(ACTIVATIONS[name])}
    a = ENGINE.apply_activation(name, z.reshape(1, -1), 0).ravel()
    slope = ENGINE.apply_activation(name, z.reshape(1, -1), 1).ravel()
    special = {**normal(z), **usual(name)}
    value = found["g"].value({"z": z, **special})
    np.testing.assert_allclose(np.broadcast_to(value, z.shape), a, rtol=1e-12, atol=1e-15)
    names = {"z": z, "a": a, **special, "Phi": special["Phi"](z)}
    value = found["g'"].value(names)
    np.testing.assert_allclose(np.broadcast_to(value, z.shape), slope, rtol=1e-10, atol=1e-14)


def test_a_parameter_is_said_with_its_limits(monkeypatch):
    table = {"huber": ("delta", 1.0, 0.0, np.inf, False), "quantile": ("tau", 0.5, 0.0, 1.0, True)}
    monkeypatch.setattr(formulas, "parameters", lambda: table)
    assert formulas.parameter("tanh") == ""
    assert formulas.parameter("huber") == ("As `huber(delta)`: $\\delta$ > 0, 1 unless given.\n\n")
    assert "≥ 0 and ≤ 1, 0.5 unless given" in formulas.parameter("quantile")


def test_softmax_is_its_formula():
    z = np.array([0.3, -1.2, 2.0])
    (found,) = formulas.activation_formulas(ACTIVATIONS["softmax"])
    net = fastbp.mlp(3, 3, output="softmax")
    theta = np.eye(3, 4, 1).ravel()
    np.testing.assert_allclose(found.value({"z": z}), net.forward(theta, z[None])[0], rtol=1e-13)


@pytest.mark.parametrize(("name", "output", "text"), LOSSES)
def test_loss_is_its_formula(name, output, text):
    rng = np.random.default_rng(0)
    found = formulas.loss_formula(text)
    signed = name in ENGINE.SIGNED_LOSSES
    for _ in range(20):
        z = rng.normal(0, 2, 3)
        y = np.eye(3)[rng.integers(3)]
        if not (signed or "labels, or one" in formulas.targets(name, output or "identity")):
            y = np.abs(rng.normal(size=3)) / 4
            y /= y.sum()
        y = 2 * y - 1 if signed else y
        net = fastbp.mlp(3, 3, output=output or "identity", loss=name)
        theta = np.eye(3, 4, 1).ravel()
        a = net.forward(theta, z[None])[0]
        value = np.sum(found.value({"z": z, "a": a, "y": y, **usual(name)}))
        np.testing.assert_allclose(net.cost(theta, z[None], y[None]), value, rtol=1e-12, atol=1e-15)


# What the page says of targets and predictions


@pytest.mark.parametrize(
    ("loss", "output", "words"),
    [
        ("cross_entropy", "sigmoid", "numbers from 0 to 1; for K > 1 labels too"),
        ("cross_entropy", "softmax", "labels, or rows of probabilities that sum to 1"),
        ("poisson", "identity", "numbers ≥ 0; for K > 1 labels too"),
        ("huber", "identity", "any finite numbers; for K > 1 labels too"),
        ("multiclass_hinge", "identity", "labels, or one-hot rows"),
    ],
)
def test_targets_are_found_by_trying(loss, output, words):
    assert formulas.targets(loss, output) == words


def test_predictions_are_found_by_trying():
    assert formulas.predicted("squared_error", "identity").startswith("the activation a")
    assert "a > 1/2" in formulas.predicted("cross_entropy", "sigmoid")
    assert "single" not in formulas.predicted("cross_entropy", "softmax")


# How formulas are read


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("e^2/2", r"\frac{e^{2}}{2}"),
        ("-ya", "-y a"),
        ("|e| - 1/2", r"\lvert e \rvert - \frac{1}{2}"),
        ("1/(1 + z)", r"\frac{1}{1 + z}"),
        ("log cosh e", r"\log \, \cosh \, e"),
        (
            "z where z > 0 else tau z",
            r"\begin{cases} z & \text{where } z > 0 \\ \tau z & \text{else} \end{cases}",
        ),
    ],
)
def test_formula_becomes_tex(text, tex):
    assert parse(text).tex() == tex


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2z^2 - z", 6.0),
        ("-z^2", -4.0),
        ("z/2/2", 0.5),
        ("2 (z - 1)(z + 1)", 6.0),
        ("max(0, 1 - yz)^2", 49.0),
        ("z where z < 0 else -z where z > 9 else 5", 5.0),
        ("sum_k v_k (v_k - 1)", 8.0),
        ("max_k (v_k + 1) - max v", 1.0),
        ("y log z", -3 * np.log(2)),
    ],
)
def test_formula_has_a_value(text, value):
    names = {"z": 2.0, "y": -3.0, "v": np.array([1.0, 2.0, 3.0])}
    assert parse(text).value(names) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "1 or exp(z)", "(z", "z +", "|z", "z where z else 1", "?"])
def test_what_is_no_formula_is_shown_as_it_is(text):
    with pytest.raises(mathtext.NotAFormula):
        parse(text)
    assert formulas.tex_of(text) == f"\\text{{{text}}}"
