"""Classes numbered, columns standardised, samples held out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbp import preparation


def test_classes_are_numbered_in_their_order():
    numbering = preparation.Numbering(["no", "yes", 3])
    assert numbering.encode(["yes", 3, "no", "maybe"]).tolist() == [1, 2, 0, -1]
    assert numbering.decode(np.array([2, 0])) == [3, "no"]


def test_columns_are_standardised_by_the_values_that_are_there():
    X = np.array([[1.0, 5.0, 0.1], [3.0, 5.0, np.nan], [np.nan, 5.0, 0.3]])
    mean, scale = preparation.mean_and_deviation(X)
    np.testing.assert_allclose(mean, [2, 5, 0.2])
    np.testing.assert_allclose(scale, [1, 0, 0.1])
    result = preparation.standardised(X, mean, scale)
    np.testing.assert_allclose(result, [[-1, 0, -1], [1, 0, 0], [0, 0, 1]], atol=1e-12)


def test_a_constant_column_that_rounding_spreads_has_no_deviation():
    X = np.full((1000, 1), 0.1) + 1e8
    assert preparation.mean_and_deviation(X)[1] == 0


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_columns_that_overflow_are_not_finite(value):
    mean, scale = preparation.mean_and_deviation(np.array([[value], [value], [-value / 2]]))
    assert not np.isfinite([mean, scale]).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 9), st.integers(1, 5))
def test_every_sample_is_in_one_part_and_every_class_in_training(n, fraction, seed, K):
    labels = np.random.default_rng(seed).integers(0, K, n)
    train, test = preparation.split(n, fraction, seed, labels)
    assert sorted([*train, *test]) == list(range(n))
    assert set(labels[train]) == set(labels)
    again = preparation.split(n, fraction, seed, labels)
    assert (again[0] == train).all()
    assert (again[1] == test).all()
