"""Wires: the value of every gate and the pull on it, and steps."""

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastbp import circuit, circuits, variables
from fastbp._core import level
from fastbp.circuits import exp, maximum, relu, sigmoid, tanh, where

A, B, C, X, Y = variables("a b c x y")
POINT = [1.0, 2, -3, -1, 3]


def neuron(wrt=None):
    return circuit(sigmoid(A * X + B * Y + C), wrt=wrt or [A, B, C, X, Y])


# Values and grads, against the gates of the text: they hold numbers and pass pulls back by hand


class Unit:
    def __init__(self, value, *below):
        self.value, self.grad, self.below = value, 0.0, below  # below: (unit, local slope)

    def __add__(self, other):
        return Unit(self.value + other.value, (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        return Unit(self.value - other.value, (self, 1.0), (other, -1.0))

    def __mul__(self, other):
        return Unit(self.value * other.value, (self, other.value), (other, self.value))

    def __truediv__(self, other):
        value = self.value / other.value
        return Unit(value, (self, 1 / other.value), (other, -value / other.value))


def backward(units, output):
    for unit in units:
        unit.grad = 0.0
    output.grad = 1.0
    for unit in reversed(units):
        for operand, slope in unit.below:
            operand.grad += slope * unit.grad


def function(name, u):
    v = u.value
    if name == "tanh":
        return Unit(math.tanh(v), (u, 1 - math.tanh(v) ** 2))
    if name == "sigmoid":
        s = 1 / (1 + math.exp(-v))
        return Unit(s, (u, s * (1 - s)))
    if name == "exp":
        return Unit(math.exp(v), (u, math.exp(v)))
    return Unit(max(v, 0.0), (u, float(v > 0)))


def maximum_of(u, w):
    return Unit(max(u.value, w.value), (u, float(u.value > w.value)), (w, float(u.value < w.value)))


FUNCTIONS = {"tanh": tanh, "sigmoid": sigmoid, "exp": exp, "relu": relu}


def random_circuit(seed):
    """Pairs (expression, unit) of a random circuit of which every part is used, and its inputs."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(0.5, 2, 4)
    pairs = [
        (v, Unit(float(x))) for v, x in zip(variables(f"p{seed}", 4).tolist(), inputs, strict=True)
    ]
    for _ in range(25):
        (e, u), (f, w) = (pairs[i] for i in rng.integers(max(0, len(pairs) - 6), len(pairs), 2))
        kind = rng.choice(["+", "-", "*", "/", "max", *FUNCTIONS])
        if kind == "+":
            made = e + f, u + w
        elif kind == "-" and e is not f:
            made = e - f, u - w
        elif kind == "/" and abs(w.value) > 0.3:
            made = e / f, u / w
        elif kind == "max" and u.value != w.value:
            made = maximum(e, f), maximum_of(u, w)
        elif kind in FUNCTIONS and abs(u.value) < 3:
            made = FUNCTIONS[kind](e), function(kind, u)
        else:
            made = tanh(e * f), function("tanh", u * w)
            pairs.append((e * f, made[1].below[0][0]))
        pairs.append(made)
    return pairs, inputs


@pytest.mark.parametrize("seed", range(12))
def test_every_gate_against_gates_by_hand(seed):
    pairs, inputs = random_circuit(seed)
    units = [unit for _, unit in pairs]
    f = circuit(pairs[-1][0], wrt=[e for e, _ in pairs[:4]])
    assert f.forward(inputs) == pytest.approx(units[-1].value, rel=1e-12)
    table = f.wires()
    backward(units, units[-1])
    compared, grads = set(), {}
    for expression, unit in pairs:
        try:
            wire = table[expression]
        except KeyError:
            assert unit.grad == 0  # no way leads from it to the output
            continue
        assert wire.value == pytest.approx(unit.value, rel=1e-12, abs=1e-14)
        grads[wire.number] = grads.get(wire.number, 0.0) + unit.grad  # equal gates are one
        compared.add(wire.number)
    assert compared == set(range(len(table)))
    for row, grad in grads.items():
        assert table[row].grad == pytest.approx(grad, rel=1e-9, abs=1e-12)


def test_grads_of_branches_add():
    f = circuit(A * A + A)
    f.forward(3)
    assert [(w.name, w.value, w.grad) for w in f.wires()] == [
        ("a", 3, 7), ("t0", 9, 1), ("t1", 12, 1),
    ]  # fmt: skip


def test_data_is_pulled_too_but_constants_are_no_wires():
    f = circuit(2 * A * X + 5, wrt=[A])
    f.forward(3, x=4)
    assert [w.gate for w in f.wires()] == ["parameter", "data", "multiply", "multiply", "add"]
    assert f.wires()["x"].grad == 6
    assert f.wires()[-1].operands == ("t1", "5")


def test_a_power_of_a_negative_base_has_a_finite_pull():
    f = circuit(A**2.5 + B**5)
    f.forward(4, -2)
    assert f.wires().gradient.tolist() == [2.5 * 8, 80]


def test_where_pulls_what_was_chosen():
    f = circuit(where(A < B, A * X, B * Y))
    f.forward(a=1, b=2, x=3, y=4)
    wires = f.wires()
    assert wires[A < B][3:] == (("a", "b"), 1, 0)
    assert (wires[A * X].grad, wires[B * Y].grad) == (1, 0)
    assert wires.gradient.tolist() == [3, 0, 1, 0]


def test_derivatives_taken_before_do_not_show():
    f, g = neuron(), neuron()
    f.hessian(POINT)
    f.hessp(POINT, POINT)
    f.forward(POINT)
    g.forward(POINT)
    assert repr(f.wires()) == repr(g.wires())
    assert len(f.wires()) == 10
    assert f.hessian(POINT).tolist() == g.hessian(POINT).tolist()
    assert f.n_gates == g.n_gates == neuron().n_gates
    assert f == neuron()


# forward and step


def test_forward_is_the_value_and_the_last_wire():
    f = neuron()
    value = f.forward(POINT)
    assert type(value) is float
    assert value == f.wires()[-1].value == f.wires().value
    assert value == pytest.approx(f(POINT), rel=1e-15)
    several = circuit([[A, B], [A * B, 1.0]])
    result = several.forward(2, 3)
    assert result.tolist() == [[2, 3], [6, 1]]
    result[:] = 0
    assert several.forward().tolist() == several.wires().value.tolist() == [[2, 3], [6, 1]]


def test_forward_rounds_after_every_gate():
    x = 1 + 2.0**-30
    f = circuit(A * B + C)
    assert f.forward(x, x, -1) == x * x - 1
    fused = 2.0**-29 + 2.0**-60  # the sum of the exact product: where the CPU can
    assert f(x, x, -1) in ((fused,) if level() in ("v3", "v4") else (fused, x * x - 1))


def test_forward_takes_what_a_call_takes():
    vector, weights, x = variables("v", 3), variables("w", (2, 3)), variables("x", 3)
    f = circuit(circuits.sum(weights @ x) + vector @ x, wrt=[weights, vector])
    p, q = np.arange(9.0), np.array([1.0, 2, 3])
    for value in (
        f.forward(p, x=q),
        f.forward(p[:6].reshape(2, 3), p[6:], x=[1, 2, 3]),
        f.forward(v=p[6:], w=p[:6], x=q),
    ):
        assert value == f(p, x=q)
    assert f.wires().p.tolist() == p.tolist()
    assert f.wires().gradient.tolist() == f.gradient(p, x=q).tolist()
    assert f.wires()["w[1,2]"].value == 5


def test_inputs_that_are_not_given_are_kept():
    f = neuron(wrt=[A, B, C])
    f.forward([1, 2, -3], x=-1, y=3)
    assert f.forward(x=-2) == pytest.approx(f([1, 2, -3], x=-2, y=3), rel=1e-15)
    assert f.forward(b=1) == pytest.approx(f([1, 1, -3], x=-2, y=3), rel=1e-15)
    assert f.forward([0, 1, 0]) == pytest.approx(f([0, 1, 0], x=-2, y=3), rel=1e-15)
    with pytest.raises(TypeError, match="b is given by name and by position"):
        f.forward([1, 2, 3], b=1)
    assert f.wires().p.tolist() == [0, 1, 0]  # what is refused changes nothing


def test_a_step_moves_the_parameters_together_and_nothing_else():
    f = circuit(A * B * X, wrt=[A, B])
    f.forward(2, 3, x=5)
    value = f.step(0.1)  # a += 0.1 * 15, b += 0.1 * 10: both at the old parameters
    assert f.wires().p.tolist() == [3.5, 4]
    assert f.wires()["x"].value == 5
    assert type(value) is float
    assert value == f.forward() == 70
    assert f.step(0) == 70
    assert f.step(-0.01) < 70


def test_a_step_follows_the_sum_of_several_outputs():
    f = circuit([A * B, A])
    f.forward(2, 3)
    assert f.step(np.float32(0.5)).tolist() == [4 * 4, 4]
    assert f.wires().p.tolist() == [4, 4]


def test_a_step_to_infinity_is_no_exception():
    f = circuit(1 / A)
    assert f.forward(0.0) == np.inf
    with np.errstate(all="raise"):
        assert f.step(1.0) == 0
        assert math.isnan(f.forward(math.nan))
        assert math.isnan(f.step(0.0))


def test_a_table_does_not_change():
    f = neuron()
    f.forward(POINT)
    table = f.wires()
    before = repr(table), table.p.tolist()
    f.step(1.0)
    f.forward([0, 0, 0, 0, 0])
    f.wires().p[:] = 7
    assert (repr(table), table.p.tolist()) == before


def test_copies_and_pickles_start_without_a_point():
    f = neuron()
    f.forward(POINT)
    for other in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        with pytest.raises(RuntimeError, match=r"no values yet; call f.forward\(...\) first"):
            other.wires()
        other.forward([0, 0, 0, 0, 0])
        assert other == f
    assert f.wires().p.tolist() == POINT


def test_threads_with_a_copy_each():
    f = circuit(sigmoid(A * X) + B * X, wrt=[A, B])

    def climb(x):
        mine = copy.copy(f)
        mine.forward(0.5, 0.25, x=x)
        return [mine.step(0.01) for _ in range(200)][-1]

    points = [i / 8 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(climb, points)] == [climb(x) for x in points]


# Several outputs


def test_grads_of_one_output_or_of_the_sum():
    f = circuit([[A * B, A + B], [A, 2.0]])
    f.forward(2, 3)
    assert f.wires().gradient.tolist() == [5, 3]
    assert f.wires((0, 0)).gradient.tolist() == [3, 2]
    assert f.wires((0, -1)).gradient.tolist() == [1, 1]
    assert f.wires((1, 0)).gradient.tolist() == [1, 0]
    assert f.wires((1, 1)).gradient.tolist() == [0, 0]
    assert f.wires((1, 1)).outputs == ("t0", "t1", "a", "2")
    assert len(f.wires((1, 1))) == 4
    g = circuit([A * B, A * B, -A])
    g.forward(2, 3)
    assert g.wires().gradient.tolist() == [5, 4]
    assert g.wires(2).gradient.tolist() == [-1, 0]
    assert repr(g.wires()).endswith("outputs t0, t0, t1; grads of their sum")
    assert repr(g.wires(2)).endswith("outputs t0, t0, t1; grads of t1")


def test_outputs_that_cancel_are_pulled_nevertheless():
    f = circuit([A, -A])
    f.forward(3)
    assert [w.grad for w in f.wires()] == [0, 1]


@pytest.mark.parametrize("output", [3, -4, "a", True, 0.0, (0, 0), slice(2), [0, 1], None, (), A])
def test_an_output_that_is_none(output):
    f = circuit([A, B, A * B])
    f.forward(2, 3)
    if output is None:
        assert f.wires(output).gradient.tolist() == [4, 3]
        return
    with pytest.raises(ValueError, match=r"index of one output, got .*shape \(3,\); leave it out"):
        f.wires(output)


def test_a_single_output_is_number_0():
    f = circuit(A * B)
    f.forward(2, 3)
    assert f.wires(0).gradient.tolist() == [3, 2]
    with pytest.raises(ValueError, match="got 1; the outputs have shape"):
        f.wires(1)


def test_outputs_without_gates():
    f = circuit([A, 2.5], wrt=[A, B])
    f.forward(3, 4)
    assert [(w.name, w.value, w.grad) for w in f.wires()] == [("a", 3, 1), ("b", 4, 0)]
    empty = circuit(2.5)
    assert empty.forward() == empty.step(1.0) == 2.5
    assert len(empty.wires()) == 0
    assert repr(empty.wires()).splitlines()[-1] == "output 2.5"


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f.wires(), RuntimeError, "no values yet; call .* with values of a, b, c, x, y"),
        (lambda f: f.step(0.1), RuntimeError, "no values yet"),
        (lambda f: f.draw(), RuntimeError, "no values yet"),
        (lambda f: f.forward(), TypeError, "no values for the parameters a, b, c; pass one vec"),
        (lambda f: f.forward(1, 2, 3), TypeError, "no values for the data x, y"),
        (lambda f: f.forward(1, 2, 3, x=1, z=2), TypeError, "no input 'z'"),
        (lambda f: f.forward(1, 2, 3, x=[1, 2], y=[3, 4]), ValueError,
         r"x has 2 samples; forward takes one, .*pass x\[i\], or call the circuit"),
        (lambda f: f.forward(1, 2, "c", x=1, y=1), TypeError, "c has dtype"),
        (lambda f: f.forward(1, 2), TypeError, "got 2 arguments"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(call, error, message):
    f = neuron(wrt=[A, B, C])
    with pytest.raises(error, match=message):
        call(f)


@pytest.mark.parametrize("rate", ["0.1", None, math.nan, math.inf, [0.1, 0.2], 1j])
def test_a_rate_is_a_number(rate):
    f = neuron()
    f.forward(POINT)
    with pytest.raises((TypeError, ValueError), match="the rate of a step"):
        f.step(rate)
    assert f.wires().p.tolist() == POINT
