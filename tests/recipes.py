"""Recipes of random circuits, for other libraries and for other ways of evaluating them."""

import math
from types import SimpleNamespace

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from fastbp import circuit, circuits, variables

SAMPLES = 5
N_DATA, N_PARAMETERS = 2, 4


def checked(examples):
    # derandomize: the same circuits everywhere, so a failure is one that anybody can see again
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


def _scalar(function):
    return np.vectorize(function, otypes=[float])


NUMPY = SimpleNamespace(
    exp=np.exp, expm1=np.expm1, log=np.log, log1p=np.log1p, sqrt=np.sqrt, sin=np.sin, cos=np.cos,
    tan=np.tan, tanh=np.tanh, hypot=np.hypot, atan2=np.arctan2, minimum=np.minimum,
    maximum=np.maximum, where=np.where, absolute=np.abs, erf=_scalar(math.erf),
    sigmoid=lambda x: 1 / (1 + np.exp(-x)), softplus=lambda x: np.logaddexp(0, x),
    relu=lambda x: np.maximum(x, 0), arcsin=np.arcsin, arccos=np.arccos, arctan=np.arctan,
    arcsinh=np.arcsinh, arccosh=np.arccosh, arctanh=np.arctanh, logaddexp=np.logaddexp,
)  # fmt: skip


def always(*operands):
    return True


def apart(a, b, *others):
    """Not at a tie, nor so near that rounding decides."""
    return np.all(np.abs(a - b) > 1e-3)


# gate: (operands, where it is smooth and well conditioned, how it is written)
GATES = {
    "add": (2, always, lambda m, a, b: a + b),
    "subtract": (2, always, lambda m, a, b: a - b),
    "multiply": (2, always, lambda m, a, b: a * b),
    "divide": (2, lambda a, b: np.all(np.abs(b) > 0.2), lambda m, a, b: a / b),
    "negative": (1, always, lambda m, a: -a),
    "square": (1, always, lambda m, a: a**2),
    "cube": (1, always, lambda m, a: a**3),
    "fourth": (1, always, lambda m, a: a**4),
    "fifth": (1, always, lambda m, a: a**5),
    "reciprocal": (1, lambda a: np.all(np.abs(a) > 0.2), lambda m, a: a**-1),
    "minus third": (1, lambda a: np.all(np.abs(a) > 0.4), lambda m, a: a**-3),
    "root of power": (1, lambda a: np.all(a > 0.1), lambda m, a: a**0.5),
    "real power": (1, lambda a: np.all(a > 0.1), lambda m, a: a**-1.7),
    "power": (2, lambda a, b: np.all((a > 0.1) & (np.abs(b) < 4)), lambda m, a, b: a**b),
    "power of 2": (1, always, lambda m, a: 2.0**a),
    "absolute": (1, lambda a: apart(a, 0), lambda m, a: m.absolute(a)),
    "sqrt": (1, lambda a: np.all(a > 0.1), lambda m, a: m.sqrt(a)),
    "exp": (1, always, lambda m, a: m.exp(a)),
    "expm1": (1, always, lambda m, a: m.expm1(a)),
    "log": (1, lambda a: np.all(a > 0.1), lambda m, a: m.log(a)),
    "log1p": (1, lambda a: np.all(a > -0.8), lambda m, a: m.log1p(a)),
    "sin": (1, always, lambda m, a: m.sin(a)),
    "cos": (1, always, lambda m, a: m.cos(a)),
    "tan": (1, lambda a: np.all(np.abs(np.cos(a)) > 0.3), lambda m, a: m.tan(a)),
    "tanh": (1, always, lambda m, a: m.tanh(a)),
    "arcsin": (1, lambda a: np.all(np.abs(a) < 0.9), lambda m, a: m.arcsin(a)),
    "arccos": (1, lambda a: np.all(np.abs(a) < 0.9), lambda m, a: m.arccos(a)),
    "arctan": (1, always, lambda m, a: m.arctan(a)),
    "arcsinh": (1, always, lambda m, a: m.arcsinh(a)),
    "arccosh": (1, lambda a: np.all(a > 1.2), lambda m, a: m.arccosh(a)),
    "arctanh": (1, lambda a: np.all(np.abs(a) < 0.9), lambda m, a: m.arctanh(a)),
    "logaddexp": (2, always, lambda m, a, b: m.logaddexp(a, b)),
    "sigmoid": (1, always, lambda m, a: m.sigmoid(a)),
    "softplus": (1, always, lambda m, a: m.softplus(a)),
    "relu": (1, lambda a: apart(a, 0), lambda m, a: m.relu(a)),
    "erf": (1, always, lambda m, a: m.erf(a)),
    "hypot": (2, lambda a, b: np.all(np.hypot(a, b) > 0.1), lambda m, a, b: m.hypot(a, b)),
    "atan2": (2, lambda a, b: np.all((np.hypot(a, b) > 0.2) & ((b > 0) | (np.abs(a) > 1e-3))),
              lambda m, a, b: m.atan2(a, b)),
    "minimum": (2, apart, lambda m, a, b: m.minimum(a, b)),
    "maximum": (2, apart, lambda m, a, b: m.maximum(a, b)),
    "maximum of number": (1, lambda a: apart(a, 0.5), lambda m, a: m.maximum(0.5, a)),
    "less": (3, apart, lambda m, a, b, c: 1.0 * (a < b) * c),
    "less or equal": (3, apart, lambda m, a, b, c: c - 1.0 * (a <= b)),
    "greater": (3, apart, lambda m, a, b, c: c * (1.0 * (a > b))),
    "equal": (2, apart, lambda m, a, b: a * (1.0 * (a == b)) + b),
    "not equal": (2, apart, lambda m, a, b: a * (1.0 * (a != b))),
    "where": (4, apart, lambda m, a, b, c, d: m.where(a < b, c, d)),
    "multiply add": (3, always, lambda m, a, b, c: a * b + c),
    "scale": (1, always, lambda m, a: 0.25 * a - 1.5),
}  # fmt: skip


class Recipe:
    """A circuit that any library can build, and points at which it is smooth and of moderate size.

    A gate that would leave that region becomes a tanh of its first operand.
    """

    def __init__(self, gates, seed):
        rng = np.random.default_rng(seed)
        self.p = rng.uniform(-2, 2, N_PARAMETERS)
        self.data = rng.uniform(-2, 2, (N_DATA, SAMPLES))
        self.v = rng.uniform(-1, 1, N_PARAMETERS)
        self.steps = []
        values = [*self.p, *self.data, 0.75, -1.25]
        with np.errstate(all="ignore"):
            for name, places in gates:
                arity, fits, write = GATES[name]
                # from the end: the latest results are taken most often, so that depth grows
                chosen = [len(values) - 1 - place % len(values) for place in places[:arity]]
                operands = [values[place] for place in chosen]
                value = write(NUMPY, *operands) if fits(*operands) else np.nan
                if not np.all(np.abs(value) < 20):
                    name, chosen = "tanh", chosen[:1]
                    value = np.tanh(operands[0])
                self.steps.append((name, chosen))
                values.append(value)
        # In the end something of the data is added, so that every circuit has samples.
        n, first, x, y = len(values), 0, N_PARAMETERS, N_PARAMETERS + 1
        self.steps += [("multiply add", [first, x, y]), ("sin", [n]), ("add", [n - 1, n + 1])]

    def __repr__(self):
        return f"Recipe {self.steps} at p={self.p.tolist()}, data={self.data.tolist()}"

    def build(self, library, parameters, data):
        """Three results, beginning with the last one."""
        values = [*parameters, *data, 0.75, -1.25]
        for name, chosen in self.steps:
            values.append(GATES[name][2](library, *(values[place] for place in chosen)))
        return [values[-1], values[-4], values[-5]]

    def circuits(self):
        """(of the last result, of three)."""
        a, b, x, y = variables("a b x y")
        w = variables("w", 2)
        built = self.build(circuits, [a, w[0], w[1], b], [x, y])
        # whatever was not used is an input all the same
        wrt = [a, w, b]
        return circuit(built[0], wrt=wrt), circuit(built, wrt=wrt)

    def given(self, f, sample=slice(None)):
        """The data that a circuit has, by name."""
        return {name: self.data["xy".index(name)][sample] for name in f.data}


@st.composite
def recipes(draw, largest=14):
    places = st.lists(st.integers(0, 11), min_size=4, max_size=4)
    gates = draw(st.lists(st.tuples(st.sampled_from(sorted(GATES)), places), min_size=1,
                          max_size=largest))  # fmt: skip
    return Recipe(gates, draw(st.integers(0, 2**32)))
