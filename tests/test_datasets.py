"""The digits that come with fastbp are all there, as the source has them."""

import csv

import numpy as np
import pytest

from fastbp import datasets
from fastbp.datasets import DIGITS, load_digits


def test_shapes_types_and_ranges():
    X, y = load_digits()
    assert (X.shape, X.dtype) == ((1797, 64), np.float64)
    assert (y.shape, y.dtype) == ((1797,), np.int64)
    assert X.flags.c_contiguous
    assert y.flags.c_contiguous
    assert (X.min(), X.max()) == (0, 16)


def test_values_are_those_of_the_source():
    # sums and class counts of the copy in scikit-learn 1.9
    X, y = load_digits()
    assert X.sum() == 561718
    assert (X * np.arange(64)).sum() == 17660653
    assert (X @ X.sum(axis=0)).sum() == 8532074612
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert y[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert X[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]


def test_it_reads_what_a_csv_reader_reads():
    X, y = load_digits()
    with open(DIGITS, newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][0] == "pixel_0_0"
    assert rows[0][63:] == ["pixel_7_7", "digit"]
    assert np.array_equal(np.array(rows[1:], dtype=float), np.column_stack([X, y]))


def test_every_call_gives_arrays_of_its_own():
    X, y = load_digits()
    X[:], y[:] = -1, -1
    again, labels = load_digits()
    assert again.min() == 0
    assert labels.min() == 0
    assert again.flags.writeable
    assert labels.flags.writeable


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[:-100],
        lambda text: text + b"0,1\n",
        lambda text: text.replace(b"16", b"x", 1),
        lambda text: text + b"\xff",
        lambda text: text + b"0" * 10**7,
    ],
)
def test_a_damaged_file_is_a_value_error(tmp_path, monkeypatch, damage):
    (tmp_path / "digits.csv").write_bytes(damage(DIGITS.read_bytes()))
    monkeypatch.setattr(datasets, "DIGITS", tmp_path / "digits.csv")
    with pytest.raises(ValueError, match=r"is damaged; install fastbp again|codec"):
        load_digits()
    (tmp_path / "digits.csv").unlink()
    with pytest.raises(FileNotFoundError):
        load_digits()
