"""Held-out samples, and how well a prediction fits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.targets import Classes, Quantity

WIDEST = 30  # a confusion table of more classes is not read by anybody


def split(
    n: int, fraction: float, seed: int, labels: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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


def accuracy(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """The share of samples predicted right."""
    return float(np.mean(truth == predicted))


def r_squared(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """R2 = 1 - sum (y - p)^2 / sum (y - mean y)^2; nan when y is constant."""
    with np.errstate(over="ignore"):
        spread = float(np.square(truth - truth.mean()).sum())
        error = float(np.square(truth - predicted).sum())
    return 1 - error / spread if spread > 0 else float("nan")


def root_mean_square(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """sqrt(mean (y - p)^2), in the units of y."""
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.square(truth - predicted).mean()))


def score(target: Classes | Quantity, truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Accuracy of class indices, or R2 of quantities."""
    return (accuracy if isinstance(target, Classes) else r_squared)(truth, predicted)


def summary(target: Classes | Quantity, truth: NDArray[Any], predicted: NDArray[Any]) -> str:
    """One phrase: accuracy of class indices, or R2 and error of quantities."""
    if isinstance(target, Classes):
        return f"accuracy {accuracy(truth, predicted):.2%}"
    error = root_mean_square(truth, predicted)
    return f"R2 {r_squared(truth, predicted):.4f}, root mean square error {error:.4g}"


def confusion_table(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[int | str]
) -> str:
    """Counts of samples: a row for each true class, a column for each predicted one."""
    k = len(labels)
    counts = np.zeros((k, k), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    names = [name if len(name) <= 10 else name[:9] + "~" for name in map(str, labels)]
    width = max(*map(len, names), len(str(counts.max())))
    first = max(*map(len, names), len("true"))
    lines = [
        " " * first + "  predicted",
        "true".ljust(first) + "".join(name.rjust(width + 2) for name in names),
    ]
    for name, row in zip(names, counts, strict=True):
        cells = [str(value) if value else "." for value in row]
        lines.append(name.ljust(first) + "".join(cell.rjust(width + 2) for cell in cells))
    return "\n".join(lines)
