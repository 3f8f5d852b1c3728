"""Costs with right and wrong gradients of every kind, and the verdict that each deserves.

`RIGHT` and `WRONG` map names to functions of a random generator, which return a `Problem`. A right
gradient must pass; `hidden` says that noise truly hides its slopes, so that the report has to say
so. Every wrong gradient is wrong visibly: J shows the mistake above its noise within the size of
the parameters. It must fail, whatever the report says besides.
"""

import math
from dataclasses import replace

import numpy as np
from check_right import RIGHT, Problem, normal, right

import fastbp

WRONG = {}

# Functions that treat complex numbers badly.

TRAPS = {
    "abs": (lambda t: np.abs(t).sum(), np.sign),
    "norm": (np.linalg.norm, lambda t: t / np.linalg.norm(t)),
    "vdot": (lambda t: np.vdot(t, t).real / 2, lambda t: t),
    "real": (lambda t: (np.real(t) ** 4).sum(), lambda t: 4 * t**3),
    "float": (lambda t: float(np.real(t).sum()), np.ones_like),
    "where": (
        lambda t: np.where(np.real(t) > 0, np.real(t) ** 2, 0).sum(), lambda t: 2 * t * (t > 0)
    ),
    "conjugate": (lambda t: (t * np.conj(t)).sum(), lambda t: 2 * t),
}  # fmt: skip


def trap(name, weight, forgotten, constant=0.0):
    penalty, slope = TRAPS[name]

    def make(rng):
        def cost(t):
            J = np.sin(t).sum() + weight * penalty(t) + constant
            return J if np.iscomplexobj(t) else float(np.real(J))

        def gradient(t):
            return np.cos(t) + (0 if forgotten else weight) * slope(t)

        options = {"method": rng.choice(["auto", "complex"])}
        return Problem(cost, gradient, normal(rng, 8, 0.3), options)

    return make


for name in TRAPS:
    RIGHT[f"trap_{name}"] = trap(name, 1e-2, forgotten=False)
    WRONG[f"forgotten_{name}"] = trap(name, 1e-4, forgotten=True)
    WRONG[f"forgotten_{name}_beside_1e3"] = trap(name, 1e-3, forgotten=True, constant=1e3)


@right
def refuses_complex(rng):
    return Problem(lambda t: 1e6 + sum(map(math.sin, t)), np.cos, normal(rng, 8, 0.1))


# Powers between 1 and 2 have a slope at 0, but no curvature.


def power(exponent, slope, away):
    """Of the distances from a point at which all but the first parameter are: all if away is 0."""

    def make(rng):
        c = normal(rng) * rng.choice([0.0, 1.0], 5)
        theta = c.copy()
        theta[0] += away

        def gradient(t):
            side = np.sign(t - c)
            return slope + side * exponent * np.abs(t - c) ** (exponent - 1)

        def cost(t):
            return float((np.abs(t - c) ** exponent).sum() + slope * (t - c).sum())

        return Problem(cost, gradient, theta)

    return make


for exponent in (1.2, 1.5, 1.8):
    RIGHT[f"power_{exponent}"] = power(exponent, 0.0, 0.0)
    RIGHT[f"power_{exponent}_beside_others"] = power(exponent, 0.0, 0.7)
    RIGHT[f"power_{exponent}_on_a_slope"] = power(exponent, -3.0, 0.0)


@right
def power_at_the_edge_of_its_domain(rng):
    c = normal(rng)
    return Problem(
        lambda t: float(((t - c) ** 1.5).sum() + t[0]) if (t >= c).all() else np.inf,
        lambda t: 1.5 * (t - c) ** 0.5 + [1, 0, 0, 0, 0], c.copy(),
    )  # fmt: skip


# Our own networks and circuits.


def objective_of(rng, **options):
    net = fastbp.mlp(4, 6, 3, **options)
    X = rng.normal(size=(25, 4))
    y = rng.integers(0, 3, 25) if options.get("loss") else rng.normal(size=(25, 3))
    return net, net.objective(X, y, l2=0.5)


KINDS = {
    "classifier": {"hidden": "tanh", "output": "softmax", "loss": "cross_entropy"},
    "regression": {"hidden": "gelu"},
    "relu": {"hidden": "relu", "output": "sigmoid", "loss": "cross_entropy"},
    "float32": {"hidden": "tanh", "dtype": "float32"},
}


def own_network(kind):
    def make(rng):
        net, objective = objective_of(rng, **KINDS[kind])
        return Problem(
            lambda t: objective(t)[0], lambda t: objective(t)[1],
            net.init(seed=int(rng.integers(1 << 30))), {}, network=net,
        )  # fmt: skip

    return make


for kind in KINDS:
    RIGHT[f"network_{kind}"] = own_network(kind)


@right
def circuit_on_samples(rng):
    p, q, x, y = fastbp.variables("p q x y")
    f = fastbp.circuit((fastbp.circuits.tanh(p * x) + q * x - y) ** 2, wrt=[p, q])
    objective = f.objective({"x": rng.normal(size=30), "y": rng.normal(size=30)})
    return Problem(lambda t: objective(t)[0], lambda t: objective(t)[1], normal(rng, 2, 0.2))


# Wrong gradients: a right one, spoiled.


def spoiled(base, change):
    def make(rng):
        problem = RIGHT[base](rng)
        place = int(rng.integers(problem.theta.size))

        def gradient(t):
            return change(np.array(problem.gradient(t), dtype=float), t, place)

        return replace(problem, gradient=gradient)

    return make


def times(factor):
    return lambda D, t, place: D * factor


def one_times(factor):
    def change(D, t, place):
        place = int(np.argmax(np.abs(D)))  # an entry that is visible
        D[place] *= factor
        return D

    return change


def worst_of(factor):
    """One random entry, where all slopes are visible."""

    def change(D, t, place):
        D[place] *= factor
        return D

    return change


def nothing(D, t, place):
    return 0 * D


def swapped(D, t, place):
    return np.roll(D, 1)


def shrunk(D, t, place):
    return D + 0.1 * t


for base in (
    "sine", "quadratic", "rosenbrock", "exponential", "product", "ill_conditioned", "logistic",
    "normal_likelihood", "near_a_minimum", "hinge", "mixed_scales", "tiny_cost", "huge_cost",
    "circuit_on_samples", "refuses_complex", "trap_norm", "logarithm_at_1e_12",
    "overflow_beside_theta", "kink_beside_theta",
):  # fmt: skip
    WRONG[f"{base}_one_entry"] = spoiled(base, worst_of(1.5))
    WRONG[f"{base}_zero"] = spoiled(base, nothing)
for base in ("sine", "quadratic", "exponential", "logistic", "mixed_scales", "refuses_complex"):
    WRONG[f"{base}_nearly"] = spoiled(base, worst_of(1 + 1e-4))
    WRONG[f"{base}_swapped"] = spoiled(base, swapped)
    WRONG[f"{base}_sign"] = spoiled(base, worst_of(-1.0))
for base in ("sine", "quadratic", "trap_abs", "offset_1e+03", "offset_1e+06"):
    WRONG[f"{base}_with_weight_decay"] = spoiled(base, shrunk)
for exponent in (-14, -12, -9, -6, -3, 3, 6, 9, 11, 12, 14):
    base = f"scale_1e{exponent}"
    WRONG[f"{base}_nearly"] = spoiled(base, worst_of(1 + 1e-4))
    WRONG[f"{base}_zero"] = spoiled(base, nothing)
    WRONG[f"{base}_twice"] = spoiled(base, times(2.0))
for size in (1e3, 1e6, -1e8, 1e10):
    WRONG[f"offset_{size:.0e}_zero"] = spoiled(f"offset_{size:.0e}", nothing)
    WRONG[f"offset_{size:.0e}_one_entry"] = spoiled(f"offset_{size:.0e}", worst_of(1.5))
for distance in (1e-3, 1e-6, 1e-9):
    base = f"inf_{distance:.0e}_beside_theta"
    WRONG[f"{base}_zero"] = spoiled(base, nothing)
    WRONG[f"{base}_hundred"] = spoiled(base, lambda D, t, place: 0 * D + 100)
    WRONG[f"{base}_nearly"] = spoiled(base, times(1 + 1e-4))
for base in ("single_precision", "single_precision_inside", "single_precision_tanh_network",
             "rough"):  # fmt: skip
    WRONG[f"{base}_one_entry"] = spoiled(base, one_times(1.2))
    WRONG[f"{base}_zero"] = spoiled(base, nothing)
WRONG["six_digits_zero"] = spoiled("six_digits", nothing)
WRONG["six_digits_twice"] = spoiled("six_digits", times(2.0))
WRONG["scale_parameter_near_zero_twice"] = spoiled("scale_parameter_near_zero", times(2.0))
WRONG["fast_oscillation_nearly"] = spoiled("fast_oscillation", times(1 + 1e-3))
for exponent in (1.2, 1.5, 1.8):
    for base in (f"power_{exponent}", f"power_{exponent}_beside_others"):
        WRONG[f"{base}_more"] = spoiled(base, lambda D, t, place: D + 0.01 * (D == 0))
    WRONG[f"power_{exponent}_on_a_slope_one_entry"] = spoiled(
        f"power_{exponent}_on_a_slope", worst_of(1.01)
    )
    WRONG[f"power_{exponent}_on_a_slope_zero"] = spoiled(f"power_{exponent}_on_a_slope", nothing)
WRONG["power_at_the_edge_of_its_domain_zero"] = spoiled("power_at_the_edge_of_its_domain", nothing)
WRONG["kink_at_theta_outside"] = spoiled(
    "kink_at_theta", lambda D, t, place: np.where(t == 0, 1.01, D)
)
WRONG["steep_beside_flat_five_times"] = spoiled("steep_beside_flat", lambda D, t, place: D * [1, 5])
for size in (1.0, 0.1, 0.01, 1e-3):
    WRONG[f"deep_relu_{size:g}_one_entry"] = spoiled(f"deep_relu_{size:g}", one_times(1.1))
    WRONG[f"deep_relu_{size:g}_zero"] = spoiled(f"deep_relu_{size:g}", nothing)


def without_bias(kind):
    def make(rng):
        problem = own_network(kind)(rng)
        bias = np.concatenate(
            [block.indices for block in problem.network.blocks() if block.kind == "bias"]
        )

        def gradient(t):
            D = problem.gradient(t)
            D[bias] = 0
            return D

        return replace(problem, gradient=gradient)

    return make


def without_penalty(kind):
    def make(rng):
        problem = own_network(kind)(rng)

        def gradient(t):
            D = problem.gradient(t)
            for block in problem.network.blocks():
                if block.kind == "weights":
                    D[block.indices] -= 0.5 / 25 * t[block.indices]
            return D

        return replace(problem, gradient=gradient)

    return make


for kind in KINDS:
    WRONG[f"network_{kind}_without_bias"] = without_bias(kind)
    WRONG[f"network_{kind}_without_penalty"] = without_penalty(kind)
    WRONG[f"network_{kind}_one_entry"] = spoiled(f"network_{kind}", one_times(1.1))
    if kind != "float32":
        WRONG[f"network_{kind}_nearly"] = spoiled(f"network_{kind}", one_times(1 + 1e-4))
