"""The input columns: numbers and categories, what is missing, and what a network is given of them.

A column of categories becomes one column of 0 and 1 for each. Columns of numbers are standardised.
A missing value is the mean of its column, which is 0 then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp import preparation
from fastbp.cli.errors import CommandError
from fastbp.cli.notes import distinct, numbers
from fastbp.cli.table import Column, listed
from fastbp.validate import described

MEAN, DROP = "mean", "drop"
MISSING_WAYS = (MEAN, DROP)

Categories = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Inputs:
    """Columns by name, and the mean and scale of what they become: (x - mean) / scale.

    A scale of 0 marks what was constant, and is always 0. categories : those of each column that
    has some. missing : "mean", "drop", or None where no value may be missing.
    """

    names: tuple[str, ...]
    categories: Categories
    missing: str | None
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        names: Sequence[str],
        categories: Categories,
        missing: str | None,
        X: NDArray[np.float64],
    ) -> "Inputs":
        """Mean and standard deviation of the training samples, as `Table.read` gives them."""
        start = cls(tuple(names), categories, missing, np.empty(0), np.empty(0))
        expanded, owners = start._expanded(X), start.owners()
        there = ~np.isnan(expanded)
        if not there.any(axis=0).all():
            name = owners[int(np.flatnonzero(~there.any(axis=0))[0])]
            raise CommandError(
                f"column {name!r} has no value in the training samples; leave it out: "
                f"--ignore {name!r}"
            )
        mean, scale = preparation.mean_and_deviation(expanded)
        finite = np.isfinite(mean) & np.isfinite(scale)
        if not finite.all():
            name = owners[int(np.flatnonzero(~finite)[0])]
            raise CommandError(f"column {name!r} is too large to standardise; rescale it")
        # Columns of categories are not scaled: a 1 that is rare would become a large number.
        flags = np.array([name in categories for name in owners], dtype=bool)
        scale[flags & (scale > 0)] = 1.0
        return cls(tuple(names), categories, missing, mean, scale)

    @property
    def width(self) -> int:
        """How many inputs the network has."""
        return len(self.owners())

    def owners(self) -> list[str]:
        """The column that each input of the network comes from."""
        return [name for name in self.names for _ in self.categories.get(name, ("",))]

    def columns(self, places: Sequence[int]) -> list[Column]:
        """How the columns at these places of a table, in the order of the names, are read."""
        return [
            Column(place, self.categories.get(name))
            for name, place in zip(self.names, places, strict=True)
        ]

    def transform(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network is given of samples as `Table.read` gives them."""
        return preparation.standardised(self._expanded(X), self.mean, self.scale)

    def _expanded(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """A column for each number, and for each category one of 0 and 1; nan where missing."""
        if not self.categories:
            return X
        parts: list[NDArray[np.float64]] = []
        for name, values in zip(self.names, X.T, strict=True):
            if name not in self.categories:
                parts.append(values[:, None])
                continue
            flags = (values[:, None] == np.arange(len(self.categories[name]))).astype(np.float64)
            flags[np.isnan(values)] = np.nan
            parts.append(flags)
        return np.hstack(parts)

    def lines(self) -> list[tuple[str, str]]:
        """Each column, and what is known of it, in words."""
        result, start = [], 0
        for name in self.names:
            known = self.categories.get(name)
            if known is None:
                mean, scale = self.mean[start], self.scale[start]
                words = f"mean {mean:.4g}, deviation {scale:.4g}" if scale else "constant: left out"
                result.append((name, words))
            else:
                result.append((name, f"categories {listed(list(known))}"))
            start += 1 if known is None else len(known)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, for `from_dict`."""
        return {
            "names": list(self.names),
            "categories": {name: list(known) for name, known in self.categories.items()},
            "missing": self.missing,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any], version: int) -> "Inputs":
        """What `to_dict` gave; KeyError, TypeError or ValueError for anything else.

        Version 1 has numbers alone, none of them missing.
        """
        names = distinct(saved["names"], (str,), "names")
        categories: Categories = {}
        missing = None
        if version > 1:
            categories = _categories(saved["categories"], names)
            missing = saved["missing"]
            if missing is not None and missing not in MISSING_WAYS:
                raise ValueError(
                    f"missing is {described(missing)}; expected {' or '.join(MISSING_WAYS)}"
                )
        width = sum(len(categories.get(name, ("",))) for name in names)
        mean, scale = (numbers(saved[key], width, key) for key in ("mean", "scale"))
        if scale.min(initial=0) < 0:
            raise ValueError(f"scale is {scale.min()}; expected numbers of at least 0")
        return cls(names, categories, missing, mean, scale)


def _categories(saved: object, names: Sequence[str]) -> Categories:
    """The categories of some of the columns."""
    if not isinstance(saved, dict) or not set(saved) <= set(names):
        raise ValueError("categories are not those of columns there are")
    known = {name: distinct(values, (str,), "categories") for name, values in saved.items()}
    if any("" in values for values in known.values()):
        raise ValueError("a category has no name")
    return known
