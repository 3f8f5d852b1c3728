"""The problems that are timed: one row each, with the same numbers for every peer."""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from layer_cases import LAYER_CASES


@dataclass(frozen=True)
class Case:
    """One network and its data."""

    name: str
    widths: tuple[int, ...]
    n_samples: int
    hidden: str
    output: str
    loss: str
    dtype: str
    l2: float = 0.0
    layers = ()  # dense ones only: see layer_cases.py for others

    @property
    def shapes(self):
        """(height, width) of each layer's matrix."""
        return [(b, a) for a, b in itertools.pairwise(self.widths)]

    @property
    def text(self):
        """What it is, for the title of a table."""
        return f"{'-'.join(map(str, self.widths))}, {self.hidden}"

    @cached_property
    def X(self):
        """(n_samples, widths[0]), C-contiguous: pixels in [0, 1] for images, else normal."""
        rng = np.random.default_rng(1)
        shape = self.n_samples, self.widths[0]
        draw = rng.random if self.widths[0] > 100 else rng.standard_normal
        return draw(shape, dtype=np.dtype(self.dtype))

    @cached_property
    def labels(self):
        """(n_samples,) int64 in 0..K-1 for a classification with K > 1 outputs, else None."""
        if self.output == "identity" or self.widths[-1] == 1:
            return None
        return np.random.default_rng(2).integers(0, self.widths[-1], self.n_samples)

    @cached_property
    def targets(self):
        """(n_samples, K): one-hot labels, 0/1, or real values."""
        shape = self.n_samples, self.widths[-1]
        rng = np.random.default_rng(3)
        if self.labels is not None:
            targets = np.zeros(shape, self.dtype)
            targets[np.arange(self.n_samples), self.labels] = 1
            return targets
        if self.output == "identity":
            return rng.standard_normal(shape, dtype=np.dtype(self.dtype))
        return rng.integers(0, 2, shape).astype(self.dtype)

    @property
    def flops(self):
        """Multiplications and additions in the products of one call: z, Delta and, but for the
        first layer, W' delta."""
        products = sum(a * b * (2 if i == 0 else 3) for i, (a, b) in enumerate(self.shapes))
        return 2 * products * self.n_samples

    def thetas(self, count):
        """``count`` parameter vectors, float64, bias in column 0 of each layer's matrix.

        Several, so that nobody can answer a call from the one before.
        """
        rng = np.random.default_rng(4)
        scale = np.concatenate(
            [
                np.full((1 + width) * height, np.sqrt(6 / (height + width)))
                for height, width in self.shapes
            ]
        )
        return [rng.uniform(-scale, scale) for _ in range(count)]


_TABLE = [
    # name, widths, samples, hidden, output, loss, dtype, l2
    ("xor", (2, 3, 1), 6, "tanh", "sigmoid", "cross_entropy", "float64"),
    ("one", (4, 120, 84, 2), 1, "tanh", "identity", "squared_error", "float64"),
    ("mini", (784, 30, 10), 10, "sigmoid", "softmax", "cross_entropy", "float64"),
    ("ex4", (400, 25, 10), 5000, "sigmoid", "sigmoid", "cross_entropy", "float64", 1.0),
    ("digits", (784, 16, 16, 10), 10000, "sigmoid", "sigmoid", "squared_error", "float64"),
    ("potential", (30, 20, 20, 1), 50000, "tanh", "identity", "squared_error", "float64"),
    ("wide", (784, 512, 512, 10), 2048, "relu", "softmax", "cross_entropy", "float64"),
    ("wide32", (784, 512, 512, 10), 2048, "relu", "softmax", "cross_entropy", "float32"),
    ("potential32", (30, 20, 20, 1), 50000, "tanh", "identity", "squared_error", "float32"),
    ("ex4_32", (400, 25, 10), 5000, "sigmoid", "sigmoid", "cross_entropy", "float32", 1.0),
]
CASES = {row[0]: Case(*row) for row in _TABLE} | LAYER_CASES
MILLION = Case(
    "million", (30, 20, 20, 1), 1_000_000, "tanh", "identity", "squared_error", "float64"
)
