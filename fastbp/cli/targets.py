"""The target: from the texts of its column to what a network computes, and back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli import notes
from fastbp.cli.errors import CommandError
from fastbp.cli.table import MISSING, Data, number
from fastbp.preparation import CONSTANT, Numbering

FEW = 20  # whole numbers with more distinct values than this are quantities, not classes
SAMPLES_PER_CLASS = 5
EXACT = 2.0**53  # from here on different whole numbers are the same float


@dataclass(frozen=True)
class Classes:
    """A target that names a class: whole numbers or texts, in sorted order."""

    name: str
    labels: tuple[int | str, ...]
    task = "classification"

    @classmethod
    def fit(cls, name: str, texts: Sequence[str]) -> "Classes":
        """The classes that there are in a column of texts."""
        numbers = _whole_numbers(texts)
        labels = sorted(set(texts)) if numbers is None else sorted(set(numbers))
        if len(labels) < 2:
            raise CommandError(
                f"column {name!r} holds one class only ({labels[0]!r}); there is nothing to learn"
            )
        return cls(name, tuple(labels))

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Labels 0 to K - 1; -1 for a class that is not known."""
        whole = isinstance(self.labels[0], int)
        return Numbering(self.labels).encode([_whole(text) if whole else text for text in texts])

    def known(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Which rows name a class, and the classes of those; -1 for one never seen."""
        numeric = isinstance(self.labels[0], int)
        named = np.array([not is_missing(text, numeric) for text in texts])
        return self.encode(texts)[named], named

    def decode(self, predictions: NDArray[Any]) -> list[int | str]:
        """The names of class indices."""
        return Numbering(self.labels).decode(predictions)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, for `from_dict`."""
        return {"name": self.name, "classes": list(self.labels)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "Classes":
        """What `to_dict` gave; KeyError or ValueError for anything else."""
        labels = notes.distinct(saved["classes"], (int, str), "classes")
        if len(labels) < 2:
            raise ValueError("there are fewer than two classes")
        return cls(notes.text(saved["name"], "the name of the target"), labels)


@dataclass(frozen=True)
class Quantity:
    """A target that is a number: (y - mean) / scale, or for a log-rate y / scale = exp(output)."""

    name: str
    mean: float
    scale: float
    log_rate: bool
    task = "regression"

    @classmethod
    def fit(cls, name: str, y: NDArray[np.float64], log_rate: bool) -> "Quantity":
        """Mean and scale of the training samples; a log-rate is divided by the mean."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = float(y.mean()), float(y.std())
        if not np.isfinite([mean, scale]).all():
            raise CommandError(f"column {name!r} is too large to standardise; rescale it")
        if scale <= CONSTANT * abs(mean):
            raise CommandError(
                f"column {name!r} is always {mean:g} in the training samples; "
                "there is nothing to learn"
            )
        return cls(name, 0.0, mean, True) if log_rate else cls(name, mean, scale, False)

    def encode(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network is to compute."""
        return (y - self.mean) / self.scale

    def known(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Which rows hold a finite number, and those numbers."""
        values = np.array([math.nan if number(text) is None else float(text) for text in texts])
        finite = np.isfinite(values)
        return values[finite], finite

    def decode(self, predictions: NDArray[Any]) -> NDArray[np.float64]:
        """The quantity, in its units, from what the network computes."""
        output = predictions.astype(np.float64)
        if self.log_rate:
            with np.errstate(over="ignore"):
                return np.exp(output) * self.scale
        return output * self.scale + self.mean

    def in_units(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """What `encode` was given."""
        return y * self.scale + self.mean

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, for `from_dict`."""
        return {
            "name": self.name,
            "mean": self.mean,
            "scale": self.scale,
            "log_rate": self.log_rate,
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "Quantity":
        """What `to_dict` gave; KeyError or ValueError for anything else."""
        mean, scale = notes.numbers([saved["mean"], saved["scale"]], 2, "mean and scale").tolist()
        if scale <= 0:
            raise ValueError(f"the scale of the target is {scale}; expected a number > 0")
        return cls(
            notes.text(saved["name"], "the name of the target"),
            mean,
            scale,
            saved["log_rate"] is True,
        )


def target_from_dict(saved: dict[str, Any]) -> Classes | Quantity:
    """The target a model was trained on."""
    return (Classes if "classes" in saved else Quantity).from_dict(saved)


def check_target(name: str, data: Data) -> None:
    """Refuses a target with cells that are empty, or numbers that are not finite."""
    texts = data.texts or []
    numeric = [number(text) is not None for text in texts]
    some_numeric = any(numeric)
    for row, text, is_number in zip(data.rows, texts, numeric, strict=True):
        place = f"{data.path}, row {row}, column {name!r}"
        if is_missing(text, some_numeric):
            raise CommandError(
                f"{place}: the value is missing ({text!r}); fill it in, drop the row, or say "
                "--missing drop"
            )
        if is_number and not math.isfinite(float(text)):
            raise CommandError(f"{place}: {text} is not a finite number; correct it")


def infer_task(texts: Sequence[str]) -> str:
    """Texts are classes; so are a few distinct whole numbers; other numbers are quantities."""
    if any(number(text) is None for text in texts):
        return "classification"
    whole = _whole_numbers(texts)
    if whole is None:
        return "regression"
    distinct = len(set(whole))
    few = distinct <= 2 or (distinct <= FEW and enough(len(texts), distinct))
    return "classification" if few else "regression"


def enough(n_samples: int, n_classes: int) -> bool:
    """Whether there are samples enough to tell the classes apart."""
    return n_samples >= SAMPLES_PER_CLASS * n_classes


def is_missing(text: str, among_numbers: bool) -> bool:
    """Whether a cell is empty; ``none`` or ``?`` may well be the name of a class, of texts."""
    return text == "" or (among_numbers and text.lower() in MISSING)


def quantities(
    name: str, data: Data, *, counts: bool = False, positive: bool = False
) -> NDArray[np.float64]:
    """The target column as numbers; counts must not be negative, nor 0 where they are positive."""
    for row, text in zip(data.rows, data.texts or [], strict=True):
        value = number(text)
        low = (counts and value is not None and value < 0) or (positive and value == 0)
        if value is None or not math.isfinite(value) or low:
            kind = "count or rate of at least 0" if counts else "finite number"
            kind = "number above 0" if positive else kind
            raise CommandError(
                f"{data.path}, row {row}, column {name!r}: {text!r} is not a {kind}; "
                "choose another --task or --loss, or put the value right"
            )
    return np.array([float(text) for text in data.texts or []])


def _whole(text: str) -> int | None:
    """The whole number a text stands for, such as 7, 7.0 or 7e3; exact, whatever its size."""
    value = number(text)
    if value is None or not value.is_integer():
        return None
    if abs(value) < EXACT:
        return int(value)
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else None


def _whole_numbers(texts: Sequence[str]) -> list[int] | None:
    """Texts as integers, if all of them are; else None."""
    values = [_whole(text) for text in texts]
    whole = [value for value in values if value is not None]
    return whole if len(whole) == len(values) else None
