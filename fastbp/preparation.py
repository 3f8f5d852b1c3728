"""Data made ready for a network: classes numbered, columns standardised, samples held out."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONSTANT = 1e-13  # deviation over mean that rounding may leave in a constant column


class Numbering:
    """Classes and their numbers 0 to K - 1.

    Parameters
    ----------
    labels : sequence of different hashable values
        The classes in the order of their numbers.
    """

    def __init__(self, labels: Sequence[Hashable]) -> None:
        self.labels = tuple(labels)
        self._numbers = {label: number for number, label in enumerate(self.labels)}

    def encode(self, values: Iterable[Hashable]) -> "NDArray[np.int64]":
        """The numbers of some classes; -1 for one that is not known."""
        return np.array([self._numbers.get(value, -1) for value in values], np.int64)

    def decode(self, numbers: "NDArray[Any]") -> list[Any]:
        """The classes of some numbers."""
        return [self.labels[number] for number in numbers.tolist()]


def mean_and_deviation(
    X: "NDArray[np.float64]",
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Mean and standard deviation of each column, of the values that are there: nan is missing.

    The deviation of a constant column is 0. Both are infinite or nan where sums overflow. Every
    column has a value.
    """
    there = ~np.isnan(X)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = X.mean(axis=0, where=there)
        deviation = X.std(axis=0, where=there)
        return mean, np.where(deviation <= CONSTANT * np.abs(mean), 0.0, deviation)


def standardised(
    X: "NDArray[np.float64]", mean: "NDArray[np.float64]", scale: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """(X - mean) / scale; 0 where the scale is 0, and where a value is missing."""
    safe = np.where(scale > 0, scale, 1.0)
    result = np.where(scale > 0, (X - mean) / safe, 0.0)
    result[np.isnan(result)] = 0.0
    return result


def split(
    n: int, fraction: float, seed: int, labels: "NDArray[np.int64] | None" = None
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Indices of the training and of the held-out samples, each class in its share.

    A class keeps at least one sample for training.
    """
    rng = np.random.default_rng(seed)
    groups = (
        [np.arange(n)]
        if labels is None
        else [np.flatnonzero(labels == label) for label in np.unique(labels)]
    )
    held_out = np.zeros(n, dtype=bool)
    for group in groups:
        size = min(round(fraction * len(group)), len(group) - 1)
        held_out[rng.permutation(group)[:size]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
