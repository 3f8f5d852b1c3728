"""Mistakes in losses, activations and functions of circuits: those of a first attempt.

Each is in the value or in the slope of one function, and tests must tell the engine from it.
"""

import math

import mpmath as mp
import numpy as np
import scipy.special
from oracle import ACTIVATIONS, OF_OUTPUT, OF_PREACTIVATION

# The right ones, whatever a test puts into the tables.
HUBER, QUANTILE = OF_OUTPUT["huber(1.5)"], OF_OUTPUT["quantile(0.875)"]
LOG_COSH = OF_OUTPUT["log_cosh"]
WESTON_WATKINS = OF_PREACTIVATION["weston_watkins", "identity"]

# Slopes of losses. (loss, output): {mistake: f(number type, z or a, y) -> slope}


def _hits(z, y):
    """Whether a margin is hit, the label's left out, and where the label is."""
    label = np.argmax(y, axis=1)[:, None] == np.arange(z.shape[1])
    own = np.where(label, z, 0).sum(axis=1, keepdims=True)
    return np.where(~label & (1 + z - own > 0), 1, 0), label, own


def _label_pulled_once(f, z, y):
    hits, label, _ = _hits(z, y)
    return hits - label * hits.max(axis=1, keepdims=True)


def _label_not_pulled(f, z, y):
    return _hits(z, y)[0]


def _no_margin(f, z, y):
    _, label, own = _hits(z, y)
    hits = np.where(~label & (z > own), 1, 0)
    return hits - label * hits.sum(axis=1, keepdims=True)


def _all_classes(f, z, y):
    _, label, _ = _hits(z, y)
    return np.where(label, 1 - z.shape[1], 1)


def _largest_margin_alone(f, z, y):
    return OF_PREACTIVATION["multiclass_hinge", "identity"](f, z, y)[1]


def _mean_of_margins(f, z, y):
    return WESTON_WATKINS(f, z, y)[1] / (z.shape[1] - 1)


SLOPES_OF_LOSSES = {
    ("huber(1.5)", "identity"): {
        "not clipped": lambda f, a, y: a - y,
        "clipped at 1": lambda f, a, y: np.clip(a - y, -1, 1),
        "sign beyond delta": lambda f, a, y: np.where(abs(a - y) <= 1.5, a - y, np.sign(a - y)),
        "divided by delta": lambda f, a, y: np.clip(a - y, -1.5, 1.5) / 1.5,
        "delta without its sign": lambda f, a, y: np.minimum(a - y, 1.5),
        "0 beyond delta": lambda f, a, y: np.where(abs(a - y) <= 1.5, a - y, 0),
    },
    ("quantile(0.875)", "identity"): {
        "tau for 1 - tau": lambda f, a, y: np.where(a > y, 0.875, -0.125),
        "of y - a": lambda f, a, y: np.where(a > y, -0.125, 0.875),
        "of absolute error": lambda f, a, y: np.sign(a - y),
        "of the median": lambda f, a, y: np.sign(a - y) / 2,
        "one side": lambda f, a, y: np.where(a > y, 0, -0.875),
    },
    ("weston_watkins", "identity"): {
        "label pulled once": _label_pulled_once,
        "label not pulled": _label_not_pulled,
        "no margin": _no_margin,
        "all classes": _all_classes,
        "largest margin alone": _largest_margin_alone,
        "mean of margins": _mean_of_margins,
    },
    ("log_cosh", "identity"): {
        "of squared error": lambda f, a, y: a - y,
        "of absolute error": lambda f, a, y: np.sign(a - y),
        "tanh twice as steep": lambda f, a, y: f.tanh(2 * (a - y)),
    },
    ("squared_hinge", "identity"): {
        "not twice": lambda f, a, y: -y * np.maximum(1 - y * a, 0),
        "y forgotten": lambda f, a, y: -2 * np.maximum(1 - y * a, 0),
        "of hinge": lambda f, a, y: np.where(y * a < 1, -y, 0),
        "not clipped": lambda f, a, y: -2 * y * (1 - y * a),
    },
    ("poisson", "softplus"): {
        "of the log rate": lambda f, z, y: f.exp(z) - y,
        "g' forgotten": lambda f, z, y: 1 - y / ACTIVATIONS["softplus"][0](f, z),
    },
}

# Values of losses, each with the slope of the right one.
VALUES_OF_LOSSES = {
    ("huber(1.5)", "identity"): {
        "jumps at delta": lambda f, a, y: np.where(
            abs(a - y) <= 1.5, (a - y) ** 2 / 2, 1.5 * abs(a - y)
        ),
        "not halved": lambda f, a, y: np.where(
            abs(a - y) <= 1.5, (a - y) ** 2, 1.5 * (2 * abs(a - y) - 1.5)
        ),
        "divided by delta": lambda f, a, y: HUBER(f, a, y)[0] / 1.5,
    },
    ("quantile(0.875)", "identity"): {
        "tau for 1 - tau": lambda f, a, y: np.maximum(0.875 * (a - y), 0.125 * (y - a)),
        "twice, as absolute error": lambda f, a, y: 2 * QUANTILE(f, a, y)[0],
    },
    ("weston_watkins", "identity"): {
        "label counted": lambda f, z, y: np.maximum(1 + z - _hits(z, y)[2], 0),
        "no margin": lambda f, z, y: np.maximum(z - _hits(z, y)[2], 0),
        "squared": lambda f, z, y: _hits(z, y)[0] * (1 + z - _hits(z, y)[2]) ** 2,
    },
    ("log_cosh", "identity"): {
        "log 2 forgotten": lambda f, a, y: LOG_COSH(f, a, y)[0] + np.log(2),
    },
}

# Slopes of activations, from z.
SLOPES_OF_ACTIVATIONS = {
    "leaky_relu(0.25)": {
        "of the usual slope": lambda f, z: np.where(z > 0, 1, 0.01),
        "of relu": lambda f, z: np.where(z > 0, 1, 0),
        "1 - s": lambda f, z: np.where(z > 0, 1, 0.75),
        "1 below too": lambda f, z: np.ones_like(z),
        "branches swapped": lambda f, z: np.where(z > 0, 0.25, 1),
    },
    "elu(2.5)": {
        "without alpha": lambda f, z: np.where(z > 0, 1, f.exp(np.minimum(z, 0))),
        "a + 1": lambda f, z: np.where(z > 0, 1, 2.5 * f.expm1(np.minimum(z, 0)) + 1),
        "alpha above too": lambda f, z: 2.5 * f.exp(np.minimum(z, 0)),
        "of celu": lambda f, z: np.where(z > 0, 1, f.exp(np.minimum(z, 0) / 2.5)),
        "1 below too": lambda f, z: np.ones_like(z),
    },
    "gelu": {
        "z density forgotten": lambda f, z: ACTIVATIONS["gelu"][0](f, z) / z,
        "of silu": lambda f, z: ACTIVATIONS["silu"][1](f, z),
    },
    "silu": {"z g' forgotten": lambda f, z: ACTIVATIONS["sigmoid"][0](f, z)},
    "softplus": {"slope of sigmoid": lambda f, z: ACTIVATIONS["sigmoid"][1](f, z)},
}

# Slopes of functions of circuits by each operand, in mpmath.
SLOPES = {
    "floor": {"1, as if it were not there": lambda x: [1]},
    "ceil": {"1, as if it were not there": lambda x: [1]},
    "round": {"1, as if it were not there": lambda x: [1]},
    "sign": {"of x": lambda x: [1], "of itself": lambda x: [mp.sign(x)]},
    "mod": {
        "none by the divisor": lambda x, y: [1, 0],
        "quotient cut, not floored": lambda x, y: [1, -int(x / y)],
        "quotient not whole": lambda x, y: [1, -x / y],
        "sign of the quotient": lambda x, y: [1, mp.floor(x / y)],
    },
    "arcsin": {
        "of arcsinh": lambda x: [1 / mp.sqrt(1 + x * x)],
        "root forgotten": lambda x: [1 / (1 - x * x)],
        "of arccos": lambda x: [-1 / mp.sqrt(1 - x * x)],
    },
    "arccos": {
        "of arcsin": lambda x: [1 / mp.sqrt(1 - x * x)],
        "root forgotten": lambda x: [-1 / (1 - x * x)],
    },
    "arctan": {
        "of arctanh": lambda x: [1 / (1 - x * x)],
        "of arcsinh": lambda x: [1 / mp.sqrt(1 + x * x)],
    },
    "arcsinh": {
        "of arcsin": lambda x: [1 / mp.sqrt(abs(1 - x * x))],
        "of arccosh": lambda x: [1 / mp.sqrt(abs(x * x - 1))],
        "root forgotten": lambda x: [1 / (1 + x * x)],
    },
    "arccosh": {
        "of arcsinh": lambda x: [1 / mp.sqrt(1 + x * x)],
        "half of it": lambda x: [1 / mp.sqrt(x - 1)],
        "root forgotten": lambda x: [1 / (x * x - 1)],
    },
    "arctanh": {
        "of arctan": lambda x: [1 / (1 + x * x)],
        "root taken": lambda x: [1 / mp.sqrt(1 - x * x)],
        "sign": lambda x: [1 / (x * x - 1)],
    },
    "sinc": {
        "without pi": lambda x: [mp.cos(x) / x - mp.sin(x) / x**2],
        "pi forgotten once": lambda x: [(mp.cospi(x) - mp.sincpi(x)) / (mp.pi * x)],
        "of sin alone": lambda x: [mp.cospi(x) / x],
        "of the first terms": lambda x: [-(mp.pi**2) * x / 3],
    },
    "gammaln": {
        "of large numbers": lambda x: [mp.log(x) - 1 / (2 * x)],
        "one further": lambda x: [mp.digamma(x + 1)],
        "of gamma": lambda x: [mp.gamma(min(x, 100)) * mp.digamma(x)],
    },
    "digamma": {
        "of large numbers": lambda x: [1 / x + 1 / (2 * x**2) + 1 / (6 * x**3)],
        "sign": lambda x: [-mp.psi(1, x)],
        "two orders higher": lambda x: [mp.psi(2, x)],
    },
    "logaddexp": {
        "swapped": lambda x, y: [1 / (1 + mp.exp(x - y)), 1 / (1 + mp.exp(y - x))],
        "halves": lambda x, y: [mp.mpf(1) / 2, mp.mpf(1) / 2],
        "of the maximum": lambda x, y: [mp.mpf(x > y), mp.mpf(x <= y)],
        "not divided by the sum": lambda x, y: [mp.exp(x), mp.exp(y)],
    },
    "xlogy": {
        "none by x": lambda x, y: [0, x / y],
        "x forgotten": lambda x, y: [mp.log(y), 1 / y],
        "1/y forgotten": lambda x, y: [mp.log(y), x],
        "of xlog1py": lambda x, y: [mp.log1p(y), x / (1 + y)],
    },
    "xlog1py": {
        "none by x": lambda x, y: [0, x / (1 + y)],
        "of xlogy": lambda x, y: [mp.log(y), x / y],
        "x forgotten": lambda x, y: [mp.log1p(y), 1 / (1 + y)],
    },
    "fmax": {
        "of fmin": lambda x, y: [mp.mpf(x < y), mp.mpf(x > y)],
        "halves": lambda x, y: [mp.mpf(1) / 2, mp.mpf(1) / 2],
        "of the first": lambda x, y: [1, 0],
    },
    "fmin": {
        "of fmax": lambda x, y: [mp.mpf(x > y), mp.mpf(x < y)],
        "halves": lambda x, y: [mp.mpf(1) / 2, mp.mpf(1) / 2],
        "of the second": lambda x, y: [0, 1],
    },
}

# Values. function: (who has the right one, {mistake: (f, a point where it shows)})
VALUES = {
    "floor": (np.floor, {"cut": (int, (-2.5,))}),
    "ceil": (np.ceil, {"cut": (int, (2.5,)), "1 more than floor": (lambda x: x // 1 + 1, (2.0,))}),
    "round": (np.round, {
        "halves up": (lambda x: math.floor(x + 0.5), (2.5,)),
        "halves away from 0": (lambda x: math.copysign(math.floor(abs(x) + 0.5), x), (-2.5,)),
        "cut": (int, (1.75,)),
    }),
    "sign": (np.sign, {"1 at 0": (lambda x: 1 if x >= 0 else -1, (0.0,))}),
    "mod": (np.mod, {
        "sign of the dividend": (math.fmod, (-7.5, 2.0)),
        "sign always positive": (lambda x, y: x % abs(y), (7.5, -2.25)),
    }),
    "arccos": (np.arccos, {"from -pi/2": (lambda x: -math.asin(x), (0.3,))}),
    "arcsinh": (np.arcsinh, {"cancels": (lambda x: np.log(x + math.hypot(x, 1)), (-40.0,))}),
    "arccosh": (np.arccosh, {"overflows": (lambda x: np.log(x + np.sqrt(x * x - 1)), (1e200,))}),
    "arctanh": (np.arctanh, {"cancels": (lambda x: np.log((1 + x) / (1 - x)) / 2, (1e-9,))}),
    "sinc": (np.sinc, {"without pi": (lambda x: math.sin(x) / x, (0.75,))}),
    "gammaln": (scipy.special.gammaln, {
        "overflows": (lambda x: np.log(scipy.special.gamma(x)), (200.0,)),
        "of large numbers": (lambda x: (x - 0.5) * math.log(x) - x + 0.9189385332046727, (1.3,)),
    }),
    "digamma": (scipy.special.digamma, {
        "of large numbers": (lambda x: math.log(x) - 1 / (2 * x), (1.3,)),
        "not reflected": (lambda x: scipy.special.digamma(abs(x)), (-0.3,)),
    }),
    "logaddexp": (np.logaddexp, {
        "overflows": (lambda x, y: np.log(np.exp(x) + np.exp(y)), (800.0, 799.0)),
        "maximum alone": (max, (1.0, 2.0)),
    }),
    "xlogy": (scipy.special.xlogy, {"0 times infinity": (lambda x, y: x * np.log(y), (0.0, 0.0))}),
    "xlog1py": (
        scipy.special.xlog1py, {"0 times infinity": (lambda x, y: x * np.log1p(y), (0.0, -1.0))}
    ),
    "fmax": (np.fmax, {"nan passed on": (np.maximum, (math.nan, 2.0))}),
    "fmin": (np.fmin, {"nan passed on": (np.minimum, (2.0, math.nan))}),
}  # fmt: skip
