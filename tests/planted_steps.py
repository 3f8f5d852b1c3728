"""The interpreter of programs with known mistakes planted in its gradient; its cost is right."""

from dataclasses import dataclass

import numpy as np
from program_reference import Reference

# name: the network of layer_cases.py in which it shows, and whether samples have lengths there
BUGS = {
    "wrong tap": ("conv2d", False),
    "missing position": ("conv1d", False),
    "wrong gate order": ("lstm", False),
    "state's delta set": ("gru sequences", False),
    "step beyond the length counted": ("lstm sequences", True),
    "maximum to all equal": ("maxpool1d overlapping", False),
    "bias added at one position": ("conv2d stride", False),
}


@dataclass
class PlantedSteps(Reference):
    """A Reference with one of BUGS, or none, in its gradient."""

    bug: str = ""
    spoils: bool = False

    def gradient(self, theta, kind=np.float64):
        self.spoils = False
        try:
            return super().gradient(theta, kind)
        finally:
            self.spoils = False

    def _values(self, theta, kind):
        values = super()._values(theta, kind)
        self.spoils = True  # what follows in a gradient goes backward
        return values

    def cost(self, theta, kind=np.float64):
        honest = Reference(self.program, self.loss, self.X, self.targets, self.sample_weight,
                           self.l2, self.mean, self.lengths)  # fmt: skip
        return honest.cost(theta, kind)

    def _has(self, bug):
        return self.spoils and self.bug == bug

    def _affine(self, Thetas, c):
        out, W, b, source, flags = super()._affine(Thetas, c)
        if self._has("wrong tap"):
            source = np.roll(source, 1, axis=1)
        if self._has("missing position") and len(source) > 1:
            out, source = out[:, :-1], source[:-1]
        if self._has("wrong gate order") and len(out) % 4 == 0:
            out = out.reshape(4, -1, out.shape[1])[[1, 0, 2, 3]].reshape(out.shape)
        if self._has("bias added at one position") and len(source) > 1:
            flags &= ~1
        return out, W, b, source, flags

    def _factors(self, kind):
        factors, m = super()._factors(kind)
        if self._has("step beyond the length counted"):
            factors = np.ones_like(factors)
        return factors, m

    def _add_back(self, d, rows, value):
        if self._has("state's delta set"):
            d[rows] = value
        else:
            super()._add_back(d, rows, value)

    def _maximum_back(self, V, d, source, delta):
        if not self._has("maximum to all equal"):
            super()._maximum_back(V, d, source, delta)
            return
        values = np.where((source < 0)[:, :, None], -np.inf, V[source])
        largest = values == values.max(axis=1, keepdims=True)
        np.add.at(d, self.home[source], np.where(largest, delta[:, None], 0))

    def __call__(self, theta):
        return self.cost(theta), self.gradient(theta)
