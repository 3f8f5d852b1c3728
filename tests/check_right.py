"""Costs with right gradients: smooth ones, scales, noise, kinks, edges of the domain.

`RIGHT` maps names to functions of a random generator, which return a `Problem`.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from planted import Planted

import fastbp


@dataclass(frozen=True)
class Problem:
    """cost(theta) -> J, gradient(theta) -> D, where to check, and options of check_gradient."""

    cost: Any
    gradient: Any
    theta: Any
    options: dict = field(default_factory=dict)
    hidden: bool = False
    network: Any = None

    def fun(self, theta):
        return self.cost(theta), self.gradient(theta)

    def check(self, seed=0):
        def pair(theta):
            return self.fun(theta)

        if self.network is not None:
            pair.network = self.network
        return fastbp.check_gradient(pair, self.theta, seed=seed, **self.options)


RIGHT = {}


def right(make):
    RIGHT[make.__name__] = make
    return make


def normal(rng, n=5, away=0.05):
    """Random parameters, none of them nearly 0."""
    theta = rng.normal(size=n)
    return theta + np.copysign(away, theta)


# Smooth functions, which also take complex numbers.


@right
def sine(rng):
    return Problem(lambda t: np.sin(t).sum(), np.cos, normal(rng))


@right
def quadratic(rng):
    A = rng.normal(size=(6, 6))
    A = A @ A.T
    return Problem(lambda t: 0.5 * t @ A @ t, lambda t: A @ t, normal(rng, 6))


@right
def linear(rng):
    c = rng.normal(size=4)
    return Problem(lambda t: c @ t, lambda t: c.copy(), normal(rng, 4))


@right
def constant(rng):
    return Problem(lambda t: 3.7, lambda t: np.zeros(t.size), normal(rng))


@right
def rosenbrock(rng):
    def cost(t):
        return (100 * (t[1:] - t[:-1] ** 2) ** 2 + (1 - t[:-1]) ** 2).sum()

    def gradient(t):
        D = np.zeros_like(t)
        D[:-1] = -400 * t[:-1] * (t[1:] - t[:-1] ** 2) - 2 * (1 - t[:-1])
        D[1:] += 200 * (t[1:] - t[:-1] ** 2)
        return D

    return Problem(cost, gradient, normal(rng, 8))


@right
def exponential(rng):
    return Problem(lambda t: np.exp(3 * t).sum(), lambda t: 3 * np.exp(3 * t), normal(rng))


@right
def product(rng):
    return Problem(lambda t: np.prod(t), lambda t: np.prod(t) / t, normal(rng, 6, 0.3))


@right
def ill_conditioned(rng):
    d = 10.0 ** np.linspace(-6, 6, 7)
    return Problem(lambda t: (d * t**2).sum() / 2, lambda t: d * t, normal(rng, 7, 0.3))


# Perfect fits: J is 0 and so are all slopes, and neither says what is small.


@right
def perfect_fit(rng):
    net = fastbp.mlp(3, 4, 1)
    theta, X = net.init(seed=rng), rng.normal(size=(20, 3))
    objective = net.objective(X, net.forward(theta, X))
    return Problem(lambda t: objective(t)[0], lambda t: objective(t)[1], theta)


@right
def perfect_fit_of_relu(rng):
    net = fastbp.mlp(3, 4, 1, hidden="relu")
    theta, X = net.init(seed=rng), rng.normal(size=(20, 3))
    objective = net.objective(X, net.forward(theta, X))
    return Problem(lambda t: objective(t)[0], lambda t: objective(t)[1], theta)


@right
def perfect_exponentials(rng):
    x, truth = np.linspace(0, 1, 30), normal(rng, 4)
    y = truth[0] * np.exp(truth[1] * x) + truth[2] * np.exp(truth[3] * x)

    def residual(t):
        return t[0] * np.exp(t[1] * x) + t[2] * np.exp(t[3] * x) - y

    def gradient(t):
        first, second = np.exp(t[1] * x), np.exp(t[3] * x)
        J = np.array([first, t[0] * x * first, second, t[2] * x * second])
        return J @ residual(t)

    return Problem(lambda t: 0.5 * residual(t) @ residual(t), gradient, truth)


@right
def edge_of_a_squared_ramp(rng):
    c = normal(rng)
    return Problem(
        lambda t: (np.maximum(t - c, 0) ** 2).sum(), lambda t: 2 * np.maximum(t - c, 0), c.copy()
    )


@right
def minimum_of_a_quartic(rng):
    c = normal(rng)
    return Problem(lambda t: ((t - c) ** 4).sum(), lambda t: 4 * (t - c) ** 3, c.copy())


@right
def near_a_minimum(rng):
    A = rng.normal(size=(12, 4))
    b = A @ np.ones(4)
    theta = np.ones(4) + 1e-5 * normal(rng, 4)
    return Problem(lambda t: 0.5 * ((A @ t - b) ** 2).sum(), lambda t: A.T @ (A @ t - b), theta)


@right
def logistic(rng):
    X, y = rng.normal(size=(30, 5)), rng.integers(0, 2, 30)

    def cost(t):
        z = X @ t
        return (np.log1p(np.exp(-z)) + (1 - y) * z).mean()

    return Problem(cost, lambda t: X.T @ (1 / (1 + np.exp(-X @ t)) - y) / 30, normal(rng))


@right
def normal_likelihood(rng):
    x = 3 + 2 * rng.normal(size=40)

    def cost(t):  # inf where sigma is not positive
        if t[1] <= 0:
            return np.inf
        return 40 * math.log(t[1]) + ((x - t[0]) ** 2).sum() / (2 * t[1] ** 2)

    def gradient(t):
        r = x - t[0]
        return np.array([-r.sum() / t[1] ** 2, 40 / t[1] - (r**2).sum() / t[1] ** 3])

    return Problem(cost, gradient, np.array([rng.normal(), 1 + rng.uniform()]))


# Scales.


def scaled(scale):
    def make(rng):
        return Problem(
            lambda t: np.cos(t / scale).sum(),
            lambda t: -np.sin(t / scale) / scale,
            scale * normal(rng, 4, 0.3),
            {"method": rng.choice(["auto", "central"])},
        )

    return make


for exponent in (-14, -12, -9, -6, -3, 3, 6, 9, 11, 12, 14):
    RIGHT[f"scale_1e{exponent}"] = scaled(10.0**exponent)


@right
def logarithm_at_1e_12(rng):
    theta = 1e-12 * np.abs(normal(rng, 3, 0.3))
    return Problem(lambda t: float(np.log(np.abs(t)).sum()), lambda t: 1 / t, theta)


@right
def mixed_scales(rng):
    s = 10.0 ** np.array([-12.0, -6, 0, 6, 12])
    return Problem(
        lambda t: np.sin(t / s).sum(), lambda t: np.cos(t / s) / s, s * rng.uniform(0.3, 1.2, 5)
    )


@right
def steep_beside_flat(rng):
    def cost(t):
        return float(1e10 * np.sin(t[0]) + 1e-6 * np.sin(t[1]))

    theta = np.array([0.0, rng.uniform(0.3, 1.0)])
    return Problem(cost, lambda t: np.array([1e10, 1e-6]) * np.cos(t), theta)


@right
def tiny_cost(rng):
    return Problem(lambda t: 1e-200 * np.sin(t).sum(), lambda t: 1e-200 * np.cos(t), normal(rng))


@right
def huge_cost(rng):
    return Problem(lambda t: 1e200 * np.sin(t).sum(), lambda t: 1e200 * np.cos(t), normal(rng))


@right
def fast_oscillation(rng):
    theta = rng.uniform(0.3, 1.3, 2)
    return Problem(lambda t: float(np.sin(1e8 * t).sum()), lambda t: 1e8 * np.cos(1e8 * t), theta)


# Noise, and large constants.


def offset(size):
    def make(rng):
        return Problem(
            lambda t: float(np.sin(t).sum() + size), np.cos, normal(rng, 5, 0.1), {},
            hidden=abs(size) > 1e9,
        )  # fmt: skip

    return make


for size in (1e3, 1e6, -1e8, 1e10):
    RIGHT[f"offset_{size:.0e}"] = offset(size)


@right
def offset_that_hides_all(rng):
    return Problem(lambda t: float(1e15 + t @ t), lambda t: 2 * t, normal(rng), {}, hidden=True)


@right
def six_digits(rng):
    return Problem(lambda t: float(f"{np.exp(t).sum():.6g}"), np.exp, normal(rng), {}, hidden=True)


@right
def rough(rng):
    """A deterministic noise of 1e-9, as an iteration that stops early leaves."""

    def cost(t):
        return float(np.exp(t).sum() * (1 + 1e-9 * math.sin(1e9 * float(t @ t))))

    return Problem(cost, np.exp, normal(rng), {}, hidden=True)


@right
def single_precision(rng):
    def cost(t):
        t = np.float32(t)
        return float(np.float32((t * t).sum()))

    return Problem(cost, lambda t: (2 * np.float32(t)).astype(float), normal(rng))


@right
def single_precision_inside(rng):
    def cost(t):  # each term in float32, their sum in float64
        return float(np.exp(np.float32(t)).astype(float).sum())

    return Problem(
        cost, lambda t: np.exp(np.float32(t)).astype(float), normal(rng), {}, hidden=True
    )


def single_network(hidden):
    def make(rng):
        net = Planted(
            4, 5, 1, hidden=hidden, output="identity", l2=0.1, seed=int(rng.integers(1 << 30)),
            dtype=np.float32,
        )  # fmt: skip
        return Problem(net.cost, net.gradient, net.init(int(rng.integers(1 << 30))))

    return make


for name in ("tanh", "relu"):
    RIGHT[f"single_precision_{name}_network"] = single_network(name)


# Kinks, edges of the domain.


@right
def hinge(rng):
    X, y = rng.normal(size=(40, 5)), rng.choice([-1.0, 1.0], 40)
    return Problem(
        lambda t: float(np.maximum(0, 1 - y * (X @ t)).mean()),
        lambda t: -(X * (y * (y * (X @ t) < 1))[:, None]).mean(0),
        normal(rng),
    )


@right
def kink_at_theta(rng):
    theta = normal(rng)
    theta[2] = 0.0
    return Problem(
        lambda t: float(np.abs(t).sum()), lambda t: np.where(t == 0, 0.4, np.sign(t)), theta
    )


@right
def kink_beside_theta(rng):
    theta = normal(rng)
    theta[1] = rng.choice([-1, 1]) * 10.0 ** rng.uniform(-9, -4)
    return Problem(lambda t: float(np.abs(t).sum()), np.sign, theta)


def edge(distance):
    def make(rng):
        theta = np.array([1 - distance, rng.normal()])

        def cost(t):
            return float(t[0] ** 2 + np.sin(t[1])) if t[0] < 1 else np.inf

        return Problem(
            cost, lambda t: np.array([2 * t[0], np.cos(t[1])]), theta,
            {"method": rng.choice(["auto", "central"])},
        )  # fmt: skip

    return make


for distance in (1e-3, 1e-6, 1e-9):
    RIGHT[f"inf_{distance:.0e}_beside_theta"] = edge(distance)


@right
def overflow_beside_theta(rng):
    return Problem(lambda t: float(np.exp(t[0])), np.exp, np.array([709.7 + 0.08 * rng.uniform()]))


@right
def scale_parameter_near_zero(rng):
    def cost(t):
        return -math.log(t[0]) + 1e6 * t[0] if t[0] > 0 else np.inf

    return Problem(cost, lambda t: -1 / t + 1e6, np.array([10.0 ** rng.uniform(-8, -4)]))


def deep_relu(scale):
    def make(rng):
        widths = [(5, 8, 8, 8, 2), (6, 10, 10, 1), (3, 20, 20, 2)][rng.integers(3)]
        seed = int(rng.integers(1 << 30))
        net = Planted(*widths, m=20, hidden="relu", output="identity", l2=0.0, seed=seed)
        return Problem(
            net.cost, net.gradient, net.init(seed, scale), {"method": "central"},
            hidden=scale < 0.5, network=net.network,
        )  # fmt: skip

    return make


for size in (1.0, 0.1, 0.01, 1e-3, 1e-4):
    RIGHT[f"deep_relu_{size:g}"] = deep_relu(size)
