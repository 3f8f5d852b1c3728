"""The derivatives beyond the gradient that are timed, and the networks of which they are taken."""

from dataclasses import replace

import cases
import numpy as np

CASES = {name: cases.CASES[name] for name in ("xor", "ex4", "digits", "potential", "wide")}
CASES["potential, 5000 samples"] = replace(CASES["potential"], n_samples=5000)
CASES["potential, 2000 samples"] = replace(CASES["potential"], n_samples=2000)


def wanted_slopes(case):
    """What da/dX should be, (m, n)."""
    return np.random.default_rng(6).standard_normal(case.X.shape)


# derivative, the function of derivative_peers/ that makes it, directions, cases
TABLE = [
    ("Hessian product", "product", 1, ("xor", "ex4", "digits", "potential", "wide")),
    ("8 Hessian products", "product", 8, ("xor", "ex4", "digits", "potential", "wide")),
    ("gradient by X", "input_gradient", 0, ("potential",)),
    ("values and slopes", "forces", 0, ("potential, 5000 samples",)),
    ("Jacobian by theta", "jacobian", 0, ("potential, 2000 samples",)),
]
