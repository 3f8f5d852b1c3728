"""The problems that are timed: one row each, with the same numbers for every peer."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Case:
    """One network and its data.

    ``limit_us`` is the time of one cost-and-gradient call, in microseconds on two threads, that
    fastbp has to stay under on the machine described in README.md.
    """

    name: str
    widths: tuple[int, ...]
    n_samples: int
    hidden: str
    output: str
    loss: str
    dtype: str
    limit_us: float | None
    l2: float = 0.0

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
    def n_parameters(self):
        return sum((1 + a) * b for a, b in zip(self.widths, self.widths[1:], strict=False))

    def thetas(self, count):
        """``count`` parameter vectors, float64, bias in column 0 of each layer's matrix.

        Several, so that nobody can answer a call from the one before.
        """
        rng = np.random.default_rng(4)
        scale = np.concatenate(
            [
                np.full((1 + a) * b, np.sqrt(6 / (a + b)))
                for a, b in zip(self.widths, self.widths[1:], strict=False)
            ]
        )
        return [rng.uniform(-scale, scale) for _ in range(count)]


_TABLE = [
    # name, widths, samples, hidden, output, loss, dtype, limit in us, l2
    ("xor", (2, 3, 1), 6, "tanh", "sigmoid", "cross_entropy", "float64", 1.5),
    ("one", (4, 120, 84, 2), 1, "tanh", "identity", "squared_error", "float64", 4),
    ("mini", (784, 30, 10), 10, "sigmoid", "softmax", "cross_entropy", "float64", 40),
    ("ex4", (400, 25, 10), 5000, "sigmoid", "sigmoid", "cross_entropy", "float64", 1400, 1.0),
    ("digits", (784, 16, 16, 10), 10000, "sigmoid", "sigmoid", "squared_error", "float64", 3800),
    ("potential", (30, 20, 20, 1), 50000, "tanh", "identity", "squared_error", "float64", 3500),
    ("wide", (784, 512, 512, 10), 2048, "relu", "softmax", "cross_entropy", "float64", 38000),
    ("wide32", (784, 512, 512, 10), 2048, "relu", "softmax", "cross_entropy", "float32", 18500),
    ("potential32", (30, 20, 20, 1), 50000, "tanh", "identity", "squared_error", "float32", 1900),
    ("ex4_32", (400, 25, 10), 5000, "sigmoid", "sigmoid", "cross_entropy", "float32", 750, 1.0),
]
CASES = {row[0]: Case(*row) for row in _TABLE}
# Microseconds of a call of the peers, on two threads, on the machine for which the limits were set.
PEERS_US = {
    "xor": {"numpy": 23, "torch": 145, "jax": 16, "sklearn": 43},
    "mini": {"numpy": 90, "torch": 350, "jax": 167},
    "ex4": {"numpy": 4480, "torch": 2610, "jax": 4560, "sklearn": 5230},
    "digits": {"numpy": 12500, "torch": 6740, "jax": 10000},
    "potential": {"numpy": 23000, "torch": 9290, "jax": 8320, "sklearn": 19100},
    "wide": {"numpy": 50000, "torch": 44000, "jax": 77000, "sklearn": 54300},
    "wide32": {"numpy": 22400, "torch": 20800, "jax": 22300, "sklearn": 30900},
    "potential32": {"numpy": 18100, "torch": 5700, "jax": 4490, "sklearn": 9900},
    "ex4_32": {"numpy": 2600, "torch": 1450, "jax": 2400, "sklearn": 2960},
}
MILLION = Case(
    "million", (30, 20, 20, 1), 1_000_000, "tanh", "identity", "squared_error", "float64", None
)
LARGEST = ("digits", "potential", "wide", "wide32")
