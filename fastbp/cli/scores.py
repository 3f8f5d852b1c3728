"""How well a prediction fits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import layout
from fastbp.cli import screen
from fastbp.cli.targets import Classes, Quantity

WIDEST = 30  # a confusion table of more classes is not read by anybody


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


def show_confusion(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[int | str]
) -> None:
    """The confusion table, its diagonal and what is beside it in their colours; a list where the
    terminal is too narrow."""
    counts = confusion(truth, predicted, len(labels))
    names = short_names(labels)
    width = max(*map(len, names), len(str(counts.max())))
    first = max(*map(len, names), len("true"))
    if first + len(names) * (width + 2) > screen.columns():
        screen.show([(_confusions(counts, names), "")])
        return
    screen.show([(" " * first + "  predicted", screen.DIM)])
    screen.show(
        [("true".ljust(first) + "".join(name.rjust(width + 2) for name in names), screen.DIM)]
    )
    for i, (name, row) in enumerate(zip(names, counts.tolist(), strict=True)):
        cells = [
            (
                (str(value) if value else ".").rjust(width + 2),
                "" if not value else screen.GOOD if i == j else screen.BAD,
            )
            for j, value in enumerate(row)
        ]
        screen.show([(name.ljust(first), screen.DIM), *cells])


def short_names(labels: Sequence[int | str]) -> list[str]:
    """The names of classes in 10 characters: their beginnings, or their ends where beginnings are
    the same, and in full where both are.

    >>> short_names([9007199254740992, 9007199254740993])
    ['~254740992', '~254740993']
    """
    names = list(map(str, labels))
    begins = [name if len(name) <= 10 else f"{name[:9]}~" for name in names]
    ends = [name if len(name) <= 10 else f"~{name[-9:]}" for name in names]
    return next((short for short in (begins, ends) if len(set(short)) == len(names)), names)


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Counts of samples: a row for each true class, a column for each predicted one."""
    counts = np.zeros((k, k), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def _confusions(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """A line for each class: how many are right, and what others were taken for."""
    lines = []
    width = max(map(len, names))
    for i, (name, row) in enumerate(zip(names, counts.tolist(), strict=True)):
        others = [f"{value} as {names[j]}" for j, value in enumerate(row) if value and i != j]
        line = ", ".join([f"{row[i]} of {sum(row)} right", *others])
        lines.append(f"{name:<{width}}  {line}")
    return layout.wrapped("\n".join(lines), screen.columns())
