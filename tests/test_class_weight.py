"""Weights of classes, against scikit-learn's and against the weights of samples they stand for."""

import pickle

import numpy as np
import pytest

import fastbp
from fastbp.layers import LSTM, Dense

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3))
LABELS = RNG.choice(4, 40, p=[0.6, 0.25, 0.1, 0.05])
V = RNG.random(40)


def net_of(K, loss="cross_entropy", dtype="float64"):
    output = "identity"
    if loss == "cross_entropy":
        output = "sigmoid" if K == 1 else "softmax"
    return fastbp.mlp(3, 5, K, output=output, loss=loss, dtype=dtype, l2=0.1)


def same(a, b, theta):
    (J, D), (J2, D2) = a(theta), b(theta)
    assert J == J2
    assert (D == D2).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "multiclass_hinge", "weston_watkins"])
@pytest.mark.parametrize("weights", [None, V])
def test_labels(loss, dtype, weights):
    net = net_of(4, loss, dtype)
    theta = net.init(seed=0)
    base = np.ones(40) if weights is None else weights
    for given in ("balanced", {0: 0.5, 3: 7}):
        of_class = [40 / (4 * (k == LABELS).sum()) for k in range(4)]
        if given != "balanced":
            of_class = [0.5, 1, 1, 7]
        expected = np.array(of_class)[LABELS] * base
        one = net.objective(X, LABELS, sample_weight=weights, class_weight=given)
        assert np.allclose(one.sample_weight, expected, rtol=1e-15)
        same(one, net.objective(X, LABELS, sample_weight=one.sample_weight), theta)
        same(one, pickle.loads(pickle.dumps(one)), theta)
        if loss in ("multiclass_hinge", "weston_watkins"):  # one-hot rows are labels to these
            rows = net.objective(X, np.eye(4)[LABELS], sample_weight=weights, class_weight=given)
            same(one, rows, theta)


def test_scikit_learn_has_the_same():
    theirs = pytest.importorskip("sklearn.utils.class_weight")
    for given in ("balanced", {0: 0.5, 3: 7}):
        ours = net_of(4).objective(X, LABELS, class_weight=given).sample_weight
        assert np.allclose(ours, theirs.compute_sample_weight(given, LABELS), rtol=1e-15)


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "squared_hinge"])
def test_one_output(loss):
    net = net_of(1, loss)
    theta = net.init(seed=0)
    y = (LABELS > 0) * 1
    n = y.sum()
    balanced = np.where(y == 1, 40 / (2 * n), 40 / (2 * (40 - n)))
    expected = net.objective(X, y, sample_weight=balanced)
    same(net.objective(X, y, class_weight="balanced"), expected, theta)
    same(net.objective(X, y[:, None] * 1.0, class_weight="balanced"), expected, theta)
    expected = net.objective(X, y, sample_weight=np.where(y == 1, 3.0, 1.0))
    same(net.objective(X, y, class_weight={1: 3}), expected, theta)
    if loss != "cross_entropy":
        signed = 2 * y - 1
        same(net.objective(X, signed, class_weight={1: 3, -1: 1}), expected, theta)


def test_classes_that_are_not_there_and_labels_that_are_missing():
    net = net_of(4)
    few = np.where(LABELS == 3, 0, LABELS)
    weight = net.objective(X, few, class_weight="balanced").sample_weight
    for k in range(3):
        assert np.allclose(weight[few == k], 40 / (3 * (few == k).sum()))
    missing = np.where(np.arange(40) % 4 == 0, np.nan, LABELS)
    there = np.isfinite(missing)
    one = net.objective(X, missing, missing="ignore", class_weight="balanced")
    part = net.objective(X[there], LABELS[there], class_weight="balanced")
    assert (one.sample_weight[~there] == 1).all()
    assert (one.sample_weight[there] == part.sample_weight).all()
    theta = net.init(seed=1)
    whole = net.objective(X, missing, missing="ignore", class_weight="balanced", l2=0)
    known = net.objective(X[there], LABELS[there], class_weight="balanced", l2=0)
    assert np.isclose(whole.cost(theta), 0.75 * known.cost(theta), rtol=1e-14)


def test_refusals():
    net = net_of(4)
    for given, kind, text in (
        ("balance", ValueError, "unknown class_weight 'balance'; class_weight is 'balanced'"),
        ([1, 2, 3, 4], TypeError, r"got .*dict\(enumerate\(weights\)\)"),
        ({4: 1.0}, ValueError, r"label 4, but the network's classes are 0, 1, 2.* 3"),
        ({"a": 1.0}, TypeError, "the key 'a'; labels are integers"),
        ({1: -1.0}, ValueError, r"class_weight\[1\] must be a finite number >= 0"),
        ({1: "x"}, TypeError, r"class_weight\[1\] must be one number"),
        ({0: 0, 1: 0, 2: 0, 3: 0}, ValueError, "sample_weight is 0 for every sample"),
    ):
        with pytest.raises(kind, match=text):
            net.objective(X, LABELS, class_weight=given)
    with pytest.raises(ValueError, match="class_weight needs labels, and y has targets; give"):
        net.objective(X, np.eye(4)[LABELS], class_weight="balanced")
    squared = fastbp.mlp(3, 1)
    with pytest.raises(ValueError, match="loss 'squared_error' takes no classes"):
        squared.objective(X, LABELS, class_weight="balanced")
    with pytest.raises(ValueError, match=r"labels 0 and 1, and y is 0\.5 at row 0"):
        net_of(1).objective(X, np.full(40, 0.5), class_weight="balanced")
    steps = fastbp.Network([LSTM(2, 3, return_sequences=True), Dense(None, 3, "softmax")],
                           "cross_entropy", input_shape=(5, 2))  # fmt: skip
    with pytest.raises(ValueError, match="a label for each step"):
        steps.objective(np.zeros((2, 5, 2)), np.zeros((2, 5), int), class_weight="balanced")
    with pytest.raises(TypeError, match=r"here it is class_weight="):
        net.objective(X, LABELS, pos_weight=3)
