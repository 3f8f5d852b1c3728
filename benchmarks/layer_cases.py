"""Networks of other layers than dense ones that are timed; for the peers, plain tuples."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np


@dataclass(frozen=True)
class LayerCase:
    """One network and its data.

    A layer is ("conv", channels, kernel) with relu after it, ("pool", window), ("rnn", units) with
    tanh, ("lstm", units), of which the last state goes on, or ("dense", units), the last one.
    Images are (C, H, W), signals (C, L), sequences (T, F).
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[tuple, ...]
    n_samples: int
    output: str
    loss: str
    dtype: str
    l2: float = 0.0

    @property
    def text(self):
        """What it is, for the title of a table."""
        shape = "x".join(map(str, self.input_shape))
        return f"{shape}: {', '.join(' '.join(map(str, layer)) for layer in self.layers)}"

    @cached_property
    def X(self):
        """(n_samples, *input_shape), normal."""
        shape = (self.n_samples, *self.input_shape)
        return np.random.default_rng(1).standard_normal(shape, dtype=np.dtype(self.dtype))

    @property
    def n_outputs(self):
        return self.layers[-1][1]

    @cached_property
    def labels(self):
        """(n_samples,) int64 in 0..K-1, or None if the targets are real numbers."""
        if self.output == "identity":
            return None
        return np.random.default_rng(2).integers(0, self.n_outputs, self.n_samples)

    @cached_property
    def targets(self):
        """(n_samples, K), where there are no labels."""
        rng = np.random.default_rng(3)
        shape = (self.n_samples, self.n_outputs)
        return rng.standard_normal(shape, dtype=np.dtype(self.dtype))

    @cached_property
    def _matrices(self):
        """(height, width, positions) of each layer's matrix."""
        shape, found = self.input_shape, []
        for kind, size, *rest in self.layers:
            if kind == "conv":
                out = tuple(n - rest[0] + 1 for n in shape[1:])
                found.append((size, shape[0] * rest[0] ** len(out), prod(out)))
                shape = (size, *out)
            elif kind == "pool":
                shape = (shape[0], *(n // size for n in shape[1:]))
            elif kind in ("rnn", "lstm"):
                height = size * (4 if kind == "lstm" else 1)
                found.append((height, shape[1] + size, shape[0]))
                shape = (size,)
            else:
                found.append((size, prod(shape), 1))
        return found

    @property
    def shapes(self):
        """(height, width) of each layer's matrix."""
        return [(height, width) for height, width, _ in self._matrices]

    @property
    def flops(self):
        """Multiplications and additions in the products of one call: z, Delta and, but for the
        first layer, W' delta."""
        products = sum(
            height * width * positions * (2 if i == 0 else 3)
            for i, (height, width, positions) in enumerate(self._matrices)
        )
        return 2 * products * self.n_samples

    def thetas(self, count):
        """``count`` parameter vectors, float64, bias in column 0 of each layer's matrix."""
        rng = np.random.default_rng(4)
        scale = np.concatenate(
            [np.full((1 + width) * height, width**-0.5) for height, width in self.shapes]
        )
        return [rng.uniform(-scale, scale) for _ in range(count)]


_CNN = (("conv", 8, 5), ("pool", 2), ("conv", 16, 5), ("pool", 2), ("dense", 10))
_SIGNAL = (("conv", 8, 7), ("pool", 2), ("conv", 16, 5), ("dense", 3))
_TABLE = [
    ("lenet", (1, 28, 28), _CNN, 500, "softmax", "cross_entropy", "float64"),
    ("lenet32", (1, 28, 28), _CNN, 500, "softmax", "cross_entropy", "float32"),
    ("spectra", (1, 200), _SIGNAL, 2000, "identity", "squared_error", "float64"),
    ("rnn", (28, 28), (("rnn", 32), ("dense", 10)), 1000, "softmax", "cross_entropy", "float64"),
    ("lstm", (28, 28), (("lstm", 32), ("dense", 10)), 1000, "softmax", "cross_entropy", "float64"),
    ("lstm32", (28, 28), (("lstm", 32), ("dense", 10)), 1000, "softmax", "cross_entropy",
     "float32"),
    ("lstm_small", (50, 3), (("lstm", 8), ("dense", 10)), 200, "softmax", "cross_entropy",
     "float64"),
]  # fmt: skip
LAYER_CASES = {row[0]: LayerCase(*row) for row in _TABLE}
