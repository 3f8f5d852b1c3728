"""A circuit bound to data, shared by the tests of its objective."""

import numpy as np

from fastbp import circuit, variables
from fastbp.circuits import sigmoid

RNG = np.random.default_rng(0)
A, B, C, X, Y, LABEL, ALPHA = variables("a b c x y label alpha")
LOSS = (sigmoid(A * X + B * Y + C) - LABEL) ** 2 + ALPHA * (A * A + B * B)
F = circuit(LOSS, wrt=[A, B, C])
M = 1500
DATA = {"x": RNG.normal(size=M), "y": RNG.normal(size=M), "label": RNG.integers(0, 2, M)}
P = np.array([0.5, -1.0, 0.25])


def bound(f=F, alpha=0.1, **options):
    return f.objective(data={**DATA, "alpha": alpha}, **options)
