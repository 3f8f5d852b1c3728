"""Programs: what the engine may rely on, and that they compute what their graph says."""

import pickle
import random

import gates_reference as reference
import numpy as np
import pytest
from gates_reference import GATES
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from recorded import a, b, c, gates, graph_of

from fastbp._recorder import Graph, gate


@st.composite
def circuits(draw):
    """A random circuit of three variables, as expressions of which every one uses some before."""
    seed = draw(st.integers(0, 2**32))
    size = draw(st.integers(1, 30))
    rng = random.Random(seed)
    made = [a, b, c, 0.5, 2.0]
    smooth = ["sin", "cos", "tanh", "sigmoid", "softplus", "erf", "gaussian", "negative"]
    for _ in range(size):
        x, y, z = (rng.choice(made[-12:]) for _ in range(3))
        kind = rng.random()
        if kind < 0.35:
            made.append(gate(rng.choice(smooth), x))
        elif kind < 0.9:
            made.append(gate(rng.choice(["add", "add", "subtract", "multiply", "multiply"]), x, y))
        else:
            made.append(gate("select", gate("less", x, y), z, y))
    return made[5:]


POINT = [0.7137, -1.3219, 0.4173]  # of which no short sum ties with another: no kinks


@settings(max_examples=150, deadline=None)
@given(circuits(), st.integers(1, 4), st.sampled_from([(), (0,), (1, 2), (0, 1, 2)]), st.booleans())
def test_a_program_computes_what_its_graph_says(made, n_outputs, varying, fuse):
    graph = Graph([a, b, c], reference.in_doubles)
    nodes = [graph.add(e) for e in made[-n_outputs:]]
    nodes += graph.gradient(nodes[-1], [0, 1, 2])
    uniform = [i for i in range(3) if i not in varying]
    program = graph.emit(nodes, uniform, list(varying), fuse)
    is_sound(program, fuse)
    values = reference.run(program, [POINT[i] for i in (*uniform, *varying)])
    want = reference.evaluate(graph, nodes, POINT)
    if fuse:
        assert values == pytest.approx(want, rel=1e-9, abs=1e-12)
    else:
        # + 0.0: where a program does without a mask, a zero may have the sign of what it met.
        assert [repr(v + 0.0) for v in values] == [repr(v + 0.0) for v in want]


def is_sound(program, fuse):
    """What the engine may rely on."""
    uniform = program.n_uniform_slots
    n_varying = program.n_inputs - program.n_uniform_inputs
    fixed = {*range(program.n_uniform_inputs + len(program.constants))}
    fixed |= {*range(uniform, uniform + n_varying)}
    written = set(fixed)
    assert program.gates.dtype == program.outputs.dtype == np.int32
    assert program.constants.dtype == np.float64
    assert program.gates.shape == (len(program.gates), 5)
    assert program.n_slots >= uniform + n_varying
    for number, (op, out, *operands) in enumerate(program.gates.tolist()):
        arity = reference.arity(GATES[op])
        assert set(operands[:arity]) <= written
        assert operands[arity:] == [0] * (3 - arity)
        assert out not in fixed
        if number < program.n_uniform:
            assert max(out, *operands[:arity]) < uniform
        else:
            assert out >= uniform
            assert max(operands[:arity]) >= uniform
        assert fuse or GATES[op] not in reference.FUSED
        written.add(out)
    assert set(program.outputs.tolist()) <= written
    assert written == set(range(program.n_slots))


@settings(max_examples=40, deadline=None)
@given(circuits())
def test_gradients_and_hessians_of_random_circuits(made):
    with mp.workdps(200):
        graph = Graph([a, b, c], reference.in_doubles)
        node = graph.add(made[-1])
        gradient = graph.gradient(node, [0, 1, 2])
        hessian = [graph.gradient(g, [0, 1, 2]) for g in gradient]
        wanted = [*gradient, *hessian[0], *hessian[1], *hessian[2]]

        def f(*x):
            return reference.evaluate(graph, [node], x, reference.in_mpmath, mpf)[0]

        _, first, second = reference.slopes(f, POINT)
        found = reference.evaluate(graph, wanted, POINT, reference.in_mpmath, mpf)
        for got, want in zip(found, [*first, *second[0], *second[1], *second[2]], strict=True):
            assert abs(got - want) <= mpf("1e-13") * abs(want) + mpf("1e-30")


def test_slots_of_the_dead_are_used_again():
    y = a
    for _ in range(100):
        y = (y * b).tanh() + a
    graph, nodes = graph_of(y)
    assert graph.emit(nodes, [0, 1], [], True).n_slots == 3
    program = graph.emit(nodes, [1], [0], True)
    assert (program.n_uniform_slots, program.n_slots) == (1, 3)
    x = a
    shared = [x := (x * b).tanh() for _ in range(10)]
    total = shared[0]
    for term in shared[1:]:
        total = total * term
    graph, nodes = graph_of(total, *shared)
    assert graph.emit(nodes, [0, 1], []).n_slots == 2 + 11  # outputs are never overwritten


def test_uniform_gates_come_first_and_live_to_the_end():
    graph, nodes = graph_of(a.exp() * b + a.sin().exp())
    program = graph.emit(nodes, [0], [1], True)
    assert [GATES[op] for op, *_ in program.gates] == ["exp", "sin", "exp", "multiply_add"]
    assert (program.n_uniform, program.n_uniform_slots, program.n_slots) == (3, 3, 5)
    is_sound(program, True)


def test_outputs_may_be_inputs_constants_and_each_other():
    graph, nodes = graph_of(b, 2.5, b, a + b)
    program = graph.emit(nodes, [1], [0])
    assert program.outputs.tolist() == [0, 1, 0, 3]
    assert reference.run(program, [3.0, 4.0]) == [3.0, 2.5, 3.0, 7.0]


def test_multiply_add():
    assert gates(a * b + c, fuse=True) == ["multiply_add"]
    assert gates(c + a * b, fuse=True) == ["multiply_add"]
    assert gates(a * b + b * c, fuse=True) == ["multiply", "multiply_add"]
    # the product is wanted too: the sum keeps its bits
    assert gates(a * a + c, a * a, fuse=True) == ["multiply", "multiply_add"]
    assert gates((a * b + c) * (a * b), fuse=True) == ["multiply", "multiply_add", "multiply"]
    assert gates(a * b + c) == ["multiply", "add"]
    graph, nodes = graph_of(a * b + c)
    uniform_product = graph.emit(nodes, [0, 1], [2])
    assert [GATES[op] for op, *_ in uniform_product.gates] == ["multiply_add"]  # the same bits


def test_a_program_and_a_graph_survive_pickling():
    graph, nodes = graph_of((a * b).exp() + 3.0 / c, b)
    program = graph.emit(nodes, [0], [1, 2])
    other = pickle.loads(pickle.dumps(program))
    assert np.array_equal(other.gates, program.gates)
    assert np.array_equal(other.constants, program.constants)
    names = ("n_inputs", "n_uniform_inputs", "n_uniform", "n_uniform_slots", "n_slots")
    assert [getattr(other, n) for n in names] == [getattr(program, n) for n in names]
    again = pickle.loads(pickle.dumps(graph))
    assert again.nodes() == graph.nodes()
    assert again.gradient(nodes[0], [0, 1, 2]) == graph.gradient(nodes[0], [0, 1, 2])
    assert again.nodes() == graph.nodes()


def test_a_damaged_pickle_is_refused():
    rebuild, (variables, table, fold) = graph_of(a + b)[0].__reduce__()
    rows = np.frombuffer(table, np.int32).reshape(-1, 4).copy()
    rows[-1, 2] = 99
    with pytest.raises(ValueError, match="damaged"):
        rebuild(variables, rows.tobytes(), fold)
