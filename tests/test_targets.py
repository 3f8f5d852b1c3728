"""y: labels and targets of any kind, and what a bad y gets, read from its messages."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from arrays import KINDS, assert_same, read_only, with_entry
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbp
from fastbp._core import core

M = 40
REGRESSION = fastbp.mlp(3, 4, 1)
CLASSES = fastbp.mlp(3, 4, 10, output="softmax", loss="cross_entropy")
BINARY = fastbp.mlp(3, 4, 1, output="sigmoid", loss="cross_entropy")
STRUCTURED = fastbp.mlp(3, 4, loss="multiclass_hinge")
X = np.random.default_rng(0).integers(-8, 9, (M, 3)) / 4.0  # exact in every floating dtype
LABELS = np.arange(M) % 10
VALUES = X[:, 0] - 2 * X[:, 1]


def cost_and_gradient(net, y):
    return net.cost_and_gradient(net.init(seed=0), X, y)


# Good y of any kind


@pytest.mark.parametrize("kind", [*KINDS, "Series"])
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_targets_of_any_kind_give_the_same_bits(kind):
    net = fastbp.mlp(3, 4, 2)
    Y = X[:, :2] * 3
    if kind == "Series":
        net, Y, given_Y = REGRESSION, VALUES, pd.Series(VALUES, index=np.arange(M)[::-1])
    else:
        given_Y = KINDS[kind](Y)
    theta = net.init(seed=0)
    assert_same(net.cost_and_gradient(theta, X, given_Y), net.cost_and_gradient(theta, X, Y))


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.tolist(),
        LABELS.astype(np.int8),
        LABELS.astype(np.uint64),
        LABELS.astype(float),
        LABELS.astype(np.float16),
        LABELS.astype(">i4"),
        np.repeat(LABELS, 2)[::2],
        pd.Series(LABELS),
        read_only(LABELS),
        np.ma.MaskedArray(LABELS, mask=False),
        np.eye(10)[LABELS],
        np.eye(10, dtype=bool)[LABELS],
        np.asfortranarray(np.eye(10)[LABELS]),
        pd.get_dummies(pd.Series(LABELS)),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_labels_of_any_kind_give_the_same_bits(labels):
    theta = CLASSES.init(seed=0)
    assert_same(
        CLASSES.cost_and_gradient(theta, X, labels), CLASSES.cost_and_gradient(theta, X, LABELS)
    )


@pytest.mark.parametrize("shape", [(M,), (M, 1)])
def test_one_output_takes_a_vector_or_a_column(shape):
    assert_same(
        cost_and_gradient(REGRESSION, VALUES.reshape(shape)), cost_and_gradient(REGRESSION, VALUES)
    )


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_hinge_targets_are_signs_or_bits(loss):
    net = fastbp.mlp(3, 4, 1, loss=loss)
    bits = (VALUES > 0).astype(int)
    expected = cost_and_gradient(net, 2.0 * bits - 1)
    for y in (bits, bits.astype(bool), 2 * bits - 1, bits[:, None]):
        assert_same(cost_and_gradient(net, y), expected)


# Bad y


@pytest.mark.parametrize(
    ("net", "y", "error", "message"),
    [
        (CLASSES, LABELS + 1, ValueError, "labels 1..10, but.*10 outputs are the classes 0..9: "
         "labels start at 1; subtract 1: y - 1"),
        (CLASSES, with_entry(LABELS, 7, 10), ValueError, "labels 0..10, but.*classes 0..9 "
         ".first at row 7.; 11 classes need a last layer of 11 outputs"),
        (CLASSES, with_entry(LABELS, 3, -1), ValueError, "labels -1..9.*first at row 3.*>= 0"),
        (CLASSES, with_entry(LABELS, 3, 2**63, np.uint64), ValueError, "0..9223372036854775808"),
        (fastbp.mlp(3, 2), np.where(VALUES > 0, 1, -1), ValueError, r"pass \(y \+ 1\) // 2"),
        (CLASSES, with_entry(LABELS, 3, 0.5, float), ValueError, "y is 0.5 at row 3: no label"),
        (CLASSES, with_entry(LABELS, 3, np.nan, float), ValueError, "y is nan at row 3"),
        (CLASSES, with_entry(LABELS, 3, 1e300, float), ValueError, "labels 0..1000000.*at row 3"),
        (CLASSES, LABELS[None, :], ValueError, r"shape \(1, 40\); .*for labels use np.ravel\(y\)"),
        (CLASSES, np.eye(10)[LABELS].T, ValueError, "samples are rows: pass y.T"),
        (CLASSES, np.eye(11)[LABELS], ValueError, r"shape \(40, 11\); expected labels \(40,\) or "
         r"targets \(40, 10\); the last layer has 10 outputs and y has 11 columns"),
        (CLASSES, LABELS[:-1], ValueError, "X has 40 rows and y has 39: they must be the same"),
        (CLASSES, 3, ValueError, r"y has shape \(\); expected labels \(40,\)"),
        (CLASSES, LABELS.astype(str), TypeError, "not text .*number the classes: .*return_inverse"),
        (CLASSES, LABELS.astype(object), TypeError, "y has dtype object"),
        (CLASSES, LABELS + 0j, TypeError, "y has dtype complex128"),
        (CLASSES, None, TypeError, "y has dtype object"),
        (CLASSES, scipy.sparse.csr_array(np.eye(10)[LABELS]), TypeError, "y is a sparse matrix"),
        (CLASSES, np.ma.MaskedArray(LABELS, mask=LABELS == 4), ValueError, "y is masked at row 4"),
        (CLASSES, with_entry(np.eye(10)[LABELS], (6, 0), 1), ValueError, "y sums to 2 in row 6; "
         "with a softmax output.*use output='sigmoid'"),
        (CLASSES, with_entry(np.eye(10)[LABELS], (6, 0), -0.5), ValueError, "y is -0.5 at row 6, "
         "column 0; loss 'cross_entropy' takes probabilities from 0 to 1"),
        (CLASSES, with_entry(np.eye(10)[LABELS], (6, 3), np.nan), ValueError, "row 6, column 3"),
        (BINARY, np.where(VALUES > 0, 1, 2), ValueError, "labels start at 1; subtract 1"),
        (BINARY, np.where(VALUES > 0, 1, -1), ValueError, r"pass \(y \+ 1\) / 2, or .*'hinge'"),
        (BINARY, with_entry(VALUES * 0, 8, 7), ValueError, "y is 7.0 at row 8.*K outputs"),
        (BINARY, with_entry(VALUES * 0, 8, np.inf), ValueError, "y is inf at row 8"),
        (REGRESSION, np.zeros((M, 2)), ValueError, r"expected \(40,\) or \(40, 1\); the last layer "
         "has 1 output and y has 2 columns"),
        (REGRESSION, VALUES[None, :], ValueError, "samples are rows: pass y.T"),
        (REGRESSION, np.append(VALUES, 0), ValueError, "X has 40 rows and y has 41"),
        (REGRESSION, with_entry(VALUES, 31, np.nan), ValueError, "y is nan at row 31"),
        (fastbp.mlp(3, 2), with_entry(X[:, :2], (31, 1), -np.inf), ValueError,
         "y is -inf at row 31, column 1"),
        (fastbp.mlp(3, 1, loss="poisson"), VALUES, ValueError, "'poisson' takes counts or rates"),
        (fastbp.mlp(3, 1, loss="hinge"), with_entry(VALUES * 0 + 1, 5, 0.5), ValueError,
         "y is 0.5 at row 5; loss 'hinge' takes -1 and 1, or 0 and 1"),
        (fastbp.mlp(3, 1, loss="squared_hinge"), np.arange(M) % 3 - 1, ValueError, "not a mixture"),
        (STRUCTURED, np.ones((M, 4)), ValueError, "y names 4 classes in row 0; .*exactly one"),
        (STRUCTURED, with_entry(np.eye(4)[LABELS % 4], 9, 0), ValueError,
         "y names 0 classes in row 9; .*for several use loss='hinge'"),
    ],
)  # fmt: skip
def test_bad_y_says_what_is_wrong(net, y, error, message):
    with pytest.raises(error, match=message):
        net.objective(X, y)


@pytest.mark.parametrize("loss", [loss for loss in core("float64").LOSSES if loss != "gamma"])
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_labels_are_one_hot_targets(loss, data):
    allowed = core("float64").LOSSES[loss]
    output = data.draw(st.sampled_from(allowed or ("identity", "softmax", "sigmoid")))
    K, m = data.draw(st.integers(2, 5)), data.draw(st.integers(1, 20))
    labels = np.array(data.draw(st.lists(st.integers(0, K - 1), min_size=m, max_size=m)))
    net = fastbp.mlp(3, 4, K, output=output, loss=loss)
    theta = net.init(seed=data.draw(st.integers(0, 99)))
    hot = np.eye(K)[labels]
    samples = np.resize(X, (m, 3))
    expected = net.cost_and_gradient(theta, samples, labels)
    choices = [hot, 2 * hot - 1] if "hinge" in loss else [hot]
    for targets in choices:
        J, D = net.cost_and_gradient(theta, samples, targets)
        assert pytest.approx(expected[0], rel=1e-14) == J
        np.testing.assert_allclose(D, expected[1], rtol=1e-12, atol=1e-15)


def test_soft_targets_of_a_coarser_dtype_may_sum_to_nearly_one():
    P = np.random.default_rng(1).dirichlet(np.ones(10), M).astype(np.float16)
    assert np.isfinite(CLASSES.cost(CLASSES.init(seed=0), X, P))
