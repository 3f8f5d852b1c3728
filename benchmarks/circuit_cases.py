"""The circuits that are timed: formulas that every peer writes down with its own operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

POINTS = ((1.2, 0.7), (-0.3, -0.5), (3.0, 0.1), (-0.1, -1.0), (-1.0, 1.1), (2.1, -3.0))
LABELS = (1, -1, 1, -1, -1, 1)
L2 = 0.1


def neuron(p, m):
    """sigmoid(a x + b y + c) of p = (a, b, c, x, y); m has the peer's own sigmoid and relu."""
    return m.sigmoid(p[0] * p[3] + p[1] * p[4] + p[2])


def hinge_net(p, m):
    """2-3-1 with ReLU, hinge loss on six points, L2 on all but the biases; 13 parameters."""
    cost = L2 * sum(p[i] * p[i] for i in (0, 1, 2, 3, 4, 5, 9, 10, 11))
    for (x, y), label in zip(POINTS, LABELS, strict=True):
        hidden = [m.relu(p[2 * i] * x + p[2 * i + 1] * y + p[6 + i]) for i in range(3)]
        score = p[9] * hidden[0] + p[10] * hidden[1] + p[11] * hidden[2] + p[12]
        cost = cost + m.relu(1 - label * score)
    return cost


@dataclass(frozen=True)
class Case:
    """One circuit of n parameters."""

    name: str
    n: int
    formula: Callable[[Any, Any], Any]

    def points(self, count):
        """``count`` parameter vectors."""
        rng = np.random.default_rng(5)
        return [rng.uniform(-1, 1, self.n) for _ in range(count)]


CASES = {case.name: case for case in (Case("neuron", 5, neuron), Case("hinge net", 13, hinge_net))}

# The neuron with a, b, c as parameters and x, y as samples: every value and gradient, or the mean.
N_SAMPLES = 1_000_000

# An expression, recorded and compiled.
N_GATES = 100_000
N_CHAIN = 1_000_000


def samples():
    """x and y, each (N_SAMPLES,)."""
    return np.random.default_rng(6).standard_normal((2, N_SAMPLES))


def sample_points(count):
    """``count`` vectors (a, b, c)."""
    return list(np.random.default_rng(7).uniform(-1, 1, (count, 3)))


def many_gates(x, n, m):
    """A sum of sigmoid(x_i x_j + x_k): n gates, no two of them equal."""
    e = m.sigmoid(x[0] * x[1] + x[2])
    size, made = len(x), 3
    i = j = k = 0
    while made < n:
        k += 1
        if k == size:
            j, k = j + 1, 0
        if j >= size - 1:
            i, j = i + 1, i + 1
        e = e + m.sigmoid(x[i] * x[j + 1] + x[k])
        made += 4
    return e
