"""One circuit at one point has one value and one gradient, to the last bit, whoever asks for them.

Each kind of evaluation has a tape of its own, where other gates share a product and other outputs
are wanted; what else was compiled before must not matter either.
"""

import copy
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tapes import same

from fastbp import circuit, circuits, variables
from fastbp._recorder import gate

P, Q, R, X, Y = variables("p q r x y")
SMOOTH = ("exp", "sin", "cos", "tanh", "sigmoid", "softplus", "erf", "gaussian", "sqrt", "negative")


@st.composite
def expressions(draw):
    """Products and sums that share their operands, and functions of them."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    made = [P, Q, R, X, Y, 2.0]
    for _ in range(draw(st.integers(2, 20))):
        a, b = rng.choice(made[-8:]), rng.choice(made)
        kind = rng.random()
        if kind < 0.4:
            made.append(a * b)
        elif kind < 0.75:
            made.append(a + b)
        elif kind < 0.85:
            made.append(a - b)
        else:
            made.append(gate(rng.choice(SMOOTH), a))
    return made[-1] + P * 0.5


def points(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=3), {"x": float(rng.normal()), "y": float(rng.normal())}


def kinds(f, p, data):
    """Every way to ask for the value, and for the gradient."""
    data = {name: data[name] for name in f.data}
    both, objective = f.value_and_gradient(p, **data), f.objective(data)
    value, gradient = np.zeros(1), np.zeros(3)
    f.callable_into(p, value, gradient, **{k: np.array([v]) for k, v in data.items()})()
    alone = np.zeros(1)
    f.callable_into(p, alone, **{k: np.array([v]) for k, v in data.items()})()
    rows = {name: np.full(70, number) for name, number in data.items()}
    values = [f(p, **data), both[0], objective(p)[0], objective.cost(p), objective.fun(p),
              value[0], alone[0]]  # fmt: skip
    gradients = [f.gradient(p, **data), both[1], f.jacobian(p, **data), objective(p)[1],
                 objective.jac(p), gradient]  # fmt: skip
    if rows:
        values += [*f(p, **rows), *f.value_and_gradient(p, **rows)[0]]
        gradients += [*f.gradient(p, **rows)[:2], *f.value_and_gradient(p, **rows)[1][:2]]
    return values, gradients, [f.hessian(p, **data), f.hessp(p, p, **data)]


@settings(max_examples=300, deadline=None)
@given(expressions(), st.integers(0, 2**32))
def test_whichever_call_made_them(expression, seed):
    with np.errstate(all="ignore"):
        f = circuit(expression, wrt=[P, Q, R])
        p, data = points(seed)
        values, gradients, _ = kinds(f, p, data)
        assert all(same(each, values[0]) for each in values), (f.tape(), values)
        for each in gradients:
            assert same(each, gradients[0]), (f.tape("value_and_gradient"), each, gradients[0])


@settings(max_examples=60, deadline=None)
@given(expressions(), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_whatever_was_compiled_before(expression, seed, rng):
    p, data = points(seed)
    fresh = circuit(expression, wrt=[P, Q, R])
    want = kinds(fresh, p, data)
    used = circuit(expression, wrt=[P, Q, R])
    given = {name: data[name] for name in used.data}
    before = [
        lambda: used.hessian(p, **given), lambda: used.hessp(p, p, **given),
        lambda: used.to_c("used"), lambda: used.gradient(p, **given),
        lambda: (used.forward(p, **given), used.wires()),
    ]  # fmt: skip
    rng.shuffle(before)
    for act in before:
        act()
    for got, expected in zip(kinds(used, p, data), want, strict=True):
        assert all(same(a, b) for a, b in zip(got, expected, strict=True))


M = 1500
RNG = np.random.default_rng(0)
SUMS = {
    "xexpy": P * circuits.exp(Q * X) + R,
    "neuron": (circuits.sigmoid(P * X + Q * Y + R) - Y) ** 2,
    "product": P * X,
    "factor": P * (X * X),
    "many gates": sum(circuits.tanh(P * X + k * Q) * R + Y for k in range(30)),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 63, 64, 65, 700, 40_000])
def test_costs_of_samples(name, dtype, m):
    """The tapes differ in their tiles; the sum does not."""
    f = circuit(SUMS[name], wrt=[P, Q, R])
    data = {each: RNG.normal(size=m) for each in f.data}
    for weights in (None, RNG.uniform(size=m)):
        for reduction in ("mean", "sum"):
            objective = f.objective(data, reduction, weights, dtype=dtype)
            for p in RNG.normal(size=(5, 3)):
                assert objective.cost(p) == objective(p)[0] == objective.fun(p)


def test_circuits_and_their_copies():
    f = circuit((circuits.sigmoid(P * X + Q * Y + R) - Y) ** 2, wrt=[P, Q, R])
    p, data = points(0)
    f.hessian(p, **data)
    other = copy.deepcopy(f)
    assert same(other.hessian(p, **data), f.hessian(p, **data))
    assert same(other.gradient(p, **data), f.gradient(p, **data))
