"""What an objective of a circuit adds up, against the circuit called sample by sample.

A tape that is added up leaves out products that only the sum needs. Whether it may depends on how
the outputs share their gates: a value and its gradient where one output is a factor of another, as
bilinear functions and Horner's rule have them. The circuits here are drawn for that.
"""

import math
import random

import gates_reference as reference
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from tapes import DTYPES

from fastbp import circuit, variables
from fastbp._recorder import gate

# One sample; tiles of 64 and of 512, whole, with a rest, and one sample short.
SAMPLES = (1, 2, 63, 64, 65, 130, 511, 512, 513, 1025)
PARAMETERS, DATA = variables("p q r s"), variables("x y z")
NUMBER = reference.NUMBERS


def by_samples(f, p, columns, weights, reduction):
    """J, gradient and Hessian from one call for each sample, and the sums of absolute values."""
    m = max((len(column) for column in columns.values() if np.ndim(column)), default=1)
    w = [1.0] * m if weights is None else [float(each) for each in weights]
    terms = []
    for i in range(m):
        data = {name: float(c[i] if np.ndim(c) else c) for name, c in columns.items()}
        parts = f(p, **data), f.gradient(p, **data), f.hessian(p, **data)
        terms.append(np.concatenate([np.ravel(part) for part in parts]))
    total = math.fsum(w) if reduction == "mean" else 1.0
    rows = list(zip(*terms, strict=True))
    sums = [math.fsum(a * b for a, b in zip(w, row, strict=True)) / total for row in rows]
    sizes = [math.fsum(a * abs(b) for a, b in zip(w, row, strict=True)) / total for row in rows]
    return np.array(sums), np.array(sizes)


def by_objective(f, p, columns, weights, reduction, dtype="float64"):
    """The same from an objective, in every way that it offers: equal ones are compared here."""
    n = len(p)
    objective = f.objective(columns, reduction, weights, dtype=dtype)
    J, D = objective(p)
    H = objective.hessian(p)
    np.testing.assert_array_equal(D, objective.jac(p))
    assert objective.fun(p) == J
    products = np.array([objective.hessp(p, v) for v in np.eye(n)]).reshape(n, n)
    return np.concatenate([[J], D, H.ravel()]), objective.cost(p), products.T.ravel()


def agree(f, p, columns, weights, reduction, dtype, rtol):
    want, size = by_samples(f, p, columns, weights, reduction)
    size += size.max()  # what cancels leaves the roundings of its parts
    got, cost, products = by_objective(f, p, columns, weights, reduction, dtype)
    n = len(p)
    what = (
        f"{f.tape('hessian')}, {reduction}, {dtype}, m = {[np.shape(c) for c in columns.values()]}"
    )
    assert (np.abs(got - want) <= rtol * size).all(), (what, got, want)
    assert abs(cost - want[0]) <= rtol * size[0], what
    product = want[1 + n :]
    assert (np.abs(products - product) <= rtol * size[1 + n :]).all(), (what, products, product)


@st.composite
def polynomials(draw):
    """(circuit, p, columns, weights): products and sums of whole numbers, exact in float32 too."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["bilinear", "horner", "any"]))
    p, data = PARAMETERS[: rng.randint(1, 4)], DATA[: rng.randint(1, 3)]
    if kind == "bilinear":
        made = [a * b for a in p for b in data] + [b * b for b in data] + [a * a for a in p]
        made += [a * (b * c) for a in p for b in data for c in (*data, 2.0)]
        cost = sum(rng.sample(made[1:], rng.randint(0, 3)), made[0])
        cost = rng.choice([cost, cost * rng.choice(made), cost * p[0], rng.choice(made) * data[-1]])
    elif kind == "horner":
        polynomial = p[-1]
        for coefficient in p[-2::-1]:
            polynomial = polynomial * data[0] + coefficient
        residual = polynomial - data[-1]
        cost = rng.choice([residual, residual * data[0], residual * residual])
    else:
        made = [(each, 1) for each in (*p, *data)]
        for _ in range(rng.randint(2, 6)):
            (a, degree), (b, other) = rng.choice(made[-5:]), rng.choice(made)
            product = rng.random() < 0.7 and degree + other < 6
            made.append((a * b, degree + other) if product else (a + b, max(degree, other)))
        cost = made[-1][0]
    m = draw(st.sampled_from(SAMPLES))
    entries = np.random.default_rng(rng.randrange(2**32))
    columns = {each.name: entries.integers(-2, 3, m).astype(float) for each in data}
    for name in list(columns)[1:]:
        if rng.random() < 0.2:
            columns[name] = float(rng.randint(-2, 2))
    weights = draw(st.sampled_from([None, 1, 2]))
    if weights:
        weights = entries.integers(0, weights + 1, m).astype(float)
        weights[-1] = 2
    f = circuit(cost, wrt=list(p))
    columns = {name: columns[name] for name in f.data}
    if not any(map(np.ndim, columns.values())):
        weights = None if weights is None else weights[-1:]
    return f, entries.integers(-2, 3, len(p)).astype(float), columns, weights


def exact(f, p, columns, weights, reduction, dtype):
    """Sums of whole numbers below 2**24, whose halves are whole too: nothing is rounded."""
    want, size = by_samples(f, p, columns, weights, "sum")
    assert size.max() < 2**24
    if reduction == "mean":
        want /= max(map(np.size, columns.values()), default=1) if weights is None else sum(weights)
    got, cost, products = by_objective(f, p, columns, weights, reduction, dtype)
    shapes = [np.shape(column) for column in columns.values()]
    what = f"{f.tape('hessian')}\n{p}, {reduction}, {dtype}, {shapes}"
    assert got.tolist() == want.tolist(), what
    assert cost == want[0], what
    assert products.tolist() == want[1 + len(p) :].tolist(), what


def case(cost, n, *columns, p=None):
    """A circuit of the first n parameters and the data x, y ..., beside what it is asked about."""
    p = np.arange(3.0, 3 + n) if p is None else p
    named = {
        each.name: np.array(column, float) for each, column in zip(DATA, columns, strict=False)
    }
    return circuit(cost, wrt=list(PARAMETERS[:n])), p, named, None


P, Q, R, S = PARAMETERS
X, Y, Z = DATA


@settings(max_examples=300, deadline=None)
@given(polynomials(), st.sampled_from(["mean", "sum"]), st.sampled_from(DTYPES))
@example(case(P * (X * X), 1, [1, 2]), "mean", "float64")
@example(case(P * (0.5 * X), 1, [1, 2, 4]), "sum", "float64")
@example(case(((S * X + R) * X + Q) * X + P, 4, [1, 2, -1]), "sum", "float32")
def test_polynomials_of_whole_numbers_are_added_up_exactly(problem, reduction, dtype):
    exact(*problem, reduction, dtype)


def test_worked_sums():
    objective = circuit(P * (X * X), wrt=[P]).objective({"x": np.array([1.0, 2.0])})
    J, D = objective([3.0])
    assert (J, D.tolist(), objective.cost(3.0)) == (7.5, [2.5], 7.5)
    objective = circuit(P * (0.5 * X), wrt=[P]).objective({"x": [1, 2, 4]}, "sum")
    assert objective(3.0)[0] == 10.5


def test_horners_rule_is_fitted():
    x = np.linspace(-1, 1, 21)
    y = 1 + 2 * x - x**2 + 0.5 * x**3
    polynomial = ((S * X + R) * X + Q) * X + P
    f = circuit((polynomial - Y) ** 2, wrt=[P, Q, R, S])
    found = minimize(f.objective({"x": x, "y": y}), np.zeros(4), jac=True, method="BFGS")
    np.testing.assert_allclose(found.x, [1, 2, -1, 0.5], atol=1e-4)


GATES = [name for name in reference.GATES[2:] if name not in reference.FUSED]
SHAPES = {
    "alone": lambda g: g,
    "factor": lambda g: S * (g * X),
    "square": lambda g: g * g,
    "sum": lambda g: (g + P) * X + Q * (g * Y),
}


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_gate_alone_and_as_a_factor(name, shape):
    """Operands between 0.1 and 0.9: every gate and its slopes are defined and smooth there."""
    rng = np.random.default_rng(NUMBER[name])
    operands = (P * X, Q * Y, R * Z)[: reference.arity(name)]
    if name == "arccosh":
        operands = (1 + P * X,)
    elif name == "polygamma":
        operands = (2.0, P * X + 0.1 * Q)
    f = circuit(SHAPES[shape](gate(name, *operands)), wrt=[P, Q, R, S])
    p = np.array([0.9, 0.8, 0.7, 0.6])
    for m, dtype in ((1, "float64"), (63, "float64"), (64, "float32"), (513, "float64")):
        every = {each: rng.uniform(0.2, 0.9, m).astype("f4").astype(float) for each in "xyz"}
        columns = {each: every[each] for each in f.data}
        weights = rng.integers(0, 3, m) + (np.arange(m) == 0)
        for reduction, w in (("mean", None), ("sum", weights)):
            agree(f, p, columns, w, reduction, dtype, {"float64": 1e-12, "float32": 1e-4}[dtype])
