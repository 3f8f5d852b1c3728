"""A plain NumPy network with an exact gradient, and switches that plant known mistakes in it.

It shares no code with fastbp. The cost is always right; only the gradient is spoiled.
"""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np


def _relu(z):
    return np.maximum(z, 0.0)


def _softplus(z):
    if np.iscomplexobj(z):  # abs() would lose the imaginary part
        return np.log(1 + np.exp(z))
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


# name: (g from z, g' from a = g(z)); relu's slope at its kink is 0, as everywhere in the trade.
ACTIVATIONS = {
    "identity": (lambda z: z, lambda a: np.ones_like(a)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "relu": (_relu, lambda a: (a.real > 0) * 1.0),
    "softplus": (_softplus, lambda a: 1 - np.exp(-a)),
}

BUGS = (
    "lambda not divided by m",
    "bias regularised",
    "slope left out",
    "slope at z instead of a",
    "bias step summed over units",
    "Delta not divided by m",
    "transposed Theta",
    "gradient transposed",
    "padding leaks",
    "one wrong weight",
    "relative error 1e-5",
)


class Planted:
    """theta -> (J, D) of a network of the given widths on random data of m samples.

    J = 1/m sum loss + l2/(2m) sum W^2; the loss is cross entropy over sigmoid outputs, or half the
    squared error over identity outputs. `bug` is one of BUGS or None, `layer` (1-based) where it
    sits; None plants it in all layers. Every array is of `dtype`; D is float64 at the end.
    """

    def __init__(
        self, *widths, m=7, hidden="sigmoid", output="sigmoid", l2=1.5, bug=None, layer=None,
        seed=0, dtype=np.float64, offset=0.0, tile=4, index=None, x_scale=1.0,
    ):  # fmt: skip
        assert bug is None or bug in BUGS
        rng = np.random.default_rng(seed)
        self.widths, self.m, self.l2, self.dtype = widths, m, l2, np.dtype(dtype)
        self.hidden, self.output = hidden, output
        self.bug, self.layer, self.tile, self.index, self.offset = bug, layer, tile, index, offset
        scale = np.asarray(x_scale, dtype=float)
        self.X = (rng.normal(size=(m, widths[0])) * scale).astype(dtype)
        self.Y = rng.integers(0, 2, size=(m, widths[-1])).astype(dtype)
        if output == "identity":
            self.Y = rng.normal(size=self.Y.shape).astype(dtype)
        self.shapes = [(n_out, 1 + n_in) for n_in, n_out in pairwise(widths)]
        self.ends = np.cumsum([0, *(rows * columns for rows, columns in self.shapes)])
        self.n_parameters = int(self.ends[-1])
        self.n_calls = 0
        self.network = SimpleNamespace(blocks=self.blocks, dtype=self.dtype)

    def blocks(self):
        blocks = []
        for layer, (shape, start) in enumerate(
            zip(self.shapes, self.ends[:-1], strict=True), start=1
        ):
            indices = start + np.arange(shape[0] * shape[1]).reshape(shape)
            for kind, part in (("bias", indices[:, 0]), ("weights", indices[:, 1:])):
                blocks.append(
                    SimpleNamespace(
                        name=f"layer {layer} {kind}", layer=layer, kind=kind, indices=part.ravel(),
                        shape=part.shape, origin=int(start), columns=shape[1],
                    )
                )  # fmt: skip
        return blocks

    def init(self, seed=1, scale=1.0):
        rng = np.random.default_rng(seed)
        parts = [
            rng.normal(size=rows * columns) * scale / np.sqrt(columns)
            for rows, columns in self.shapes
        ]
        return np.concatenate(parts)

    def unpack(self, theta):
        return [
            theta[start : start + rows * columns].reshape(rows, columns)
            for (rows, columns), start in zip(self.shapes, self.ends[:-1], strict=True)
        ]

    def forward(self, Thetas):
        zs, activations = [], [self.X]
        for layer, Theta in enumerate(Thetas, start=1):
            z = activations[-1] @ Theta[:, 1:].T + Theta[:, 0]
            name = self.output if layer == len(Thetas) else self.hidden
            zs.append(z)
            activations.append(ACTIVATIONS[name][0](z))
        return zs, activations

    def cost(self, theta):
        self.n_calls += 1
        if not np.iscomplexobj(theta):
            theta = theta.astype(self.dtype, copy=False)
        Thetas = self.unpack(theta)
        zs, activations = self.forward(Thetas)
        if self.output == "sigmoid":
            losses = _softplus(zs[-1]) - zs[-1] * self.Y
        else:
            losses = (activations[-1] - self.Y) ** 2 / 2
        penalty = sum((Theta[:, 1:] ** 2).sum() for Theta in Thetas) if self.l2 else 0.0
        J = losses.sum() / self.m + self.l2 / (2 * self.m) * penalty
        return complex(J) if np.iscomplexobj(theta) else float(J) + self.offset

    def has(self, bug, layer):
        return self.bug == bug and self.layer in (None, layer)

    def gradient(self, theta):
        Thetas = self.unpack(theta.astype(self.dtype))
        zs, activations = self.forward(Thetas)
        delta = activations[-1] - self.Y  # both pairs of output and loss give a - y
        D = [np.empty(0)] * len(Thetas)
        for layer in range(len(Thetas), 0, -1):
            Theta, a = Thetas[layer - 1], activations[layer - 1]
            Delta = np.hstack([delta.sum(axis=0)[:, None], delta.T @ a])
            if self.has("padding leaks", layer):
                Delta += self._padding(Thetas, layer)
            if self.has("bias step summed over units", layer):
                Delta[:, 0] = delta.sum()
            D[layer - 1] = self._finish(Delta, Theta, layer)
            if layer > 1:
                W = Theta[:, 1:]
                delta = delta @ (W.T if self.has("transposed Theta", layer) else W)
                if not self.has("slope left out", layer - 1):
                    at = zs[layer - 2] if self.has("slope at z instead of a", layer - 1) else a
                    delta = delta * ACTIVATIONS[self.hidden][1](at)
        D = np.concatenate([part.ravel() for part in D]).astype(np.float64)
        if self.bug == "one wrong weight":
            D[self.index] = 1.5 * D[self.index] + 1e-4
        return D

    def _finish(self, Delta, Theta, layer):
        m = self.m
        D = Delta if self.has("Delta not divided by m", layer) else Delta / m
        factor = self.l2 if self.has("lambda not divided by m", layer) else self.l2 / m
        first = 0 if self.has("bias regularised", layer) else 1
        D[:, first:] += factor * Theta[:, first:]
        if self.has("gradient transposed", layer):
            D[:, 1:] = D[:, 1:].T.copy()
        if self.has("relative error 1e-5", layer):
            D *= 1 + 1e-5
        return D

    def _padding(self, Thetas, layer):
        """What zero samples with zero targets, filling the last tile, would add to Delta."""
        n_padded = -self.m % self.tile
        a, activations, zs = np.zeros(self.widths[0], self.dtype), [], []
        for nth, Theta in enumerate(Thetas, start=1):
            activations.append(a)
            zs.append(Theta[:, 1:] @ a + Theta[:, 0])
            a = ACTIVATIONS[self.output if nth == len(Thetas) else self.hidden][0](zs[-1])
        delta = a
        for nth in range(len(Thetas), layer, -1):
            slope = ACTIVATIONS[self.hidden][1](activations[nth - 1])
            delta = (Thetas[nth - 1][:, 1:].T @ delta) * slope
        return n_padded * np.outer(delta, np.append(1.0, activations[layer - 1]))

    def __call__(self, theta):
        return self.cost(theta), self.gradient(theta)


def failing(report):
    """The names of the blocks that failed."""
    return {block.name for block in report.blocks if not block.passed}


def layer(*numbers):
    """The names of all blocks of these layers."""
    return {f"layer {n} {kind}" for n in numbers for kind in ("weights", "bias")}
