"""The derivatives beyond the gradient that are timed, and the networks of which they are taken."""

from dataclasses import replace

import cases
import numpy as np

CASES = {name: cases.CASES[name] for name in ("xor", "ex4", "digits", "potential", "wide")}
CASES["potential, 5000 samples"] = replace(CASES["potential"], n_samples=5000)
CASES["potential, 2000 samples"] = replace(CASES["potential"], n_samples=2000)
CASES["burgers"] = cases.Case(
    "burgers", (2, 20, 20, 20, 20, 1), 10000, "tanh", "identity", "squared_error", "float64"
)
VISCOSITY = 0.01 / np.pi


def edge(case):
    """Points at the edge of the case's domain, (200, 2), and what u should be there, (200, 1)."""
    points = np.random.default_rng(7).uniform(-1, 1, (200, 2))
    points[100:, 0] = np.sign(points[100:, 0])
    return points, -np.sin(np.pi * points[:, :1])


def wanted_slopes(case):
    """What da/dX should be, (m, n)."""
    return np.random.default_rng(6).standard_normal(case.X.shape)


# derivative, the function of derivative_peers/ that makes it, directions, cases
TABLE = [
    ("Hessian product", "product", 1, ("xor", "ex4", "digits", "potential", "wide")),
    ("8 Hessian products", "product", 8, ("xor", "ex4", "digits", "potential", "wide")),
    ("gradient by X", "input_gradient", 0, ("potential",)),
    ("values and slopes", "forces", 0, ("potential, 5000 samples",)),
    ("Burgers' equation", "burgers", 0, ("burgers",)),
    ("Jacobian by theta", "jacobian", 0, ("potential, 2000 samples",)),
]
