"""Pickles of circuits and expressions: the order of variables, and whatever damage."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import BOUNDED, run

from fastbp import Circuit, circuit, circuits, variable, variables
from fastbp._recorder import ARITIES, GATES, Graph
from fastbp.circuits import ExpressionArray
from fastbp.circuits.custom import from_dict, to_dict


def again(x, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(x, protocol))


# The order of variables

A, B = variables("a b")
X, Y = variables("x", 3), variables("y", (2, 2))
Z = variable("z")
ALL = [A, B, *X, *Y.ravel(), Z]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(range(len(ALL))), min_size=1, max_size=4), min_size=1,
                max_size=5), st.sampled_from([list, tuple, dict, ExpressionArray]),
       st.integers(0, 5), st.integers(1, 3))  # fmt: skip
def test_variables_keep_their_order(places, kind, protocol, times):
    """In whatever holds expressions, pickled once or again and again."""
    terms = [sum((i + 2) * ALL[i] for i in each) * (k + 1) for k, each in enumerate(places)]
    held = dict(enumerate(terms)) if kind is dict else kind(terms)
    for _ in range(times):
        held = again(held, protocol)
    read = list(held.values()) if kind is dict else list(held)
    f, g = circuit(terms), circuit(read)
    assert g.parameters == f.parameters
    p = np.arange(1.0, f.n_parameters + 1)
    assert g(p).tolist() == f(p).tolist()
    assert copy.deepcopy(terms)[0] is terms[0]


def test_the_case_of_a_list():
    e = [B * 2, A - B]
    for pickled in (again(e), again(tuple(e)), [*again({"p": e[0], "q": e[1]}).values()]):
        assert circuit(pickled)([1.0, 10.0]).tolist() == [20, -9]
    assert circuit(again([X[1], A, X])[2])([1, 2, 3]).tolist() == [1, 2, 3]


def test_variables_of_a_pickle_come_after_those_there_are():
    first = variable("first")
    read = again([B, A])
    last = variable("last")
    f = circuit(read[0] + read[1] * 2 + first * 3 + last * 4)
    assert f.parameters == ("first", "a", "b", "last")


def test_many_times():
    e = [B * 2, A - B]
    for _ in range(200):
        e = again(e)
    assert circuit(e)([1.0, 10.0]).tolist() == [20, -9]
    assert len(pickle.dumps(e)) < len(pickle.dumps([B * 2, A - B])) + 50


# Damage

BRANCH = circuits.where(X[0] > 0, A / B, 2.5)
F = circuit(circuits.sigmoid(A * X[1] + B) * BRANCH + X[2], wrt=[X, A])


MAKE, (INPUTS, TABLE, FOLD) = F._compiler.graph.__reduce__()


def used(table):
    """How many nodes a table gives, after every use of them; None if it is refused as damaged."""
    try:
        graph = MAKE(INPUTS, table, FOLD)
    except ValueError as error:
        if "damaged" not in str(error):
            raise
        return None
    n = len(graph)
    graph.emit(list(range(n)), list(range(len(INPUTS))), [])
    graph.gradient(n - 1, list(range(len(INPUTS))))
    return n


def test_tables_byte_by_byte():
    """Every single byte of the table of gates, changed in three ways: refused, or a graph."""
    lengths = [
        used(TABLE[:at] + bytes([bad]) + TABLE[at + 1 :])
        for at in range(len(TABLE))
        for bad in (0xFF, TABLE[at] ^ 1, 0x10)
    ]
    assert lengths.count(None) > len(TABLE)
    assert {*lengths} == {None, len(TABLE) // 16}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=9)), min_size=1,
                max_size=4))  # fmt: skip
def test_tables_with_random_bytes(changes):
    damaged = bytearray(TABLE)
    for at, new in changes:
        at %= len(TABLE)
        damaged[at : at + len(new)] = new
    used(bytes(damaged))


def test_whole_pickles_byte_by_byte():
    """In a process of its own: no change of a byte ends it."""
    run(
        BOUNDED
        + """
import pickle
from fastbp import circuit, circuits, variables
a, b = variables("a b")
x = variables("x", 2)
rng = np.random.default_rng(0)
for f in (circuit(circuits.sin(a * b) / x[1], wrt=[a, x]), circuits.exp(a) * x[0], [a, x]):
    data = pickle.dumps(f)
    for at in range(len(data)):
        for new in {0xff, 0, data[at] ^ 1, int(rng.integers(256))}:
            damaged = data[:at] + bytes([new]) + data[at + 1:]
            if damaged[1] > 5 or b"os" in damaged and b"os" not in data:
                continue
            try:
                g = pickle.loads(damaged)
                if isinstance(g, type(f)) and not isinstance(g, list):
                    g = g if hasattr(g, "gradient") else circuit(g)
                    g.value_and_gradient(np.ones(g.n_parameters), **{
                        each.name: np.ones(each.shape) for each in g._compiler.inputs.data})
                    g.hessian(np.ones(g.n_parameters), **{
                        each.name: np.ones(each.shape) for each in g._compiler.inputs.data})
            except Exception:
                pass
"""
    )


def test_inputs_that_are_not_those_of_the_graph():
    _, (version, graph, outputs, shape, inputs) = F.__reduce__()
    rebuild = F.__reduce__()[0]
    for change in (
        {"n_parameters": 3}, {"variables": [*reversed(inputs.variables)]}, {"parameters": ()},
        {"by_name": {}}, {"data": (inputs.data[0]._replace(start=999),)}, {"data": None},
        {"data": (inputs.data[0]._replace(used=(5,)),)}, {"variables": 7},
    ):  # fmt: skip
        bad = copy.copy(inputs)
        bad.__dict__ = {**inputs.__dict__, **change}
        with pytest.raises(ValueError, match="damaged: its inputs and outputs do not fit"):
            rebuild(version, graph, outputs, shape, bad)
    assert isinstance(rebuild(version, graph, outputs, shape, inputs), Circuit)


# Gates without a rule

FUSED = ["multiply_add", "masked_multiply_add"]


@pytest.mark.parametrize("name", FUSED)
def test_gates_that_a_graph_has_not_are_refused(name):
    graph = Graph([A, B])
    with pytest.raises(ValueError, match=f"{name!r} is no gate of 3 operands"):
        graph.put(name, [0, 1, 0])
    make, (inputs, table, fold) = graph.__reduce__()
    row = np.array([GATES.index(name), 0, 1, 0], np.int32).tobytes()
    with pytest.raises(ValueError, match="damaged"):
        make(inputs, table + row, fold)
    z = variable("z")
    description = to_dict(circuit(z * z))
    description["circuit"][1] = [name, 0, 0, 0]
    with pytest.raises(ValueError, match="is no gate of 3 operands"):
        from_dict(description)


def test_every_other_gate_has_a_rule():
    for name, arity in zip(GATES[2:], ARITIES[2:], strict=True):
        if name not in FUSED:
            graph = Graph([A, B, Z])
            node = graph.put(name, [0, 1, 2][:arity])
            graph.gradient(graph.gradient(node, [0, 1, 2])[0], [0, 1, 2])


DESCRIPTIONS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(
        ["input", "constant", "select", "multiply_add", "sin", "add", "z", "circuit", "output"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["circuit", "n_parameters", "output"]), inner),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    DESCRIPTIONS
    | st.fixed_dictionaries(
        {
            "circuit": st.lists(st.lists(DESCRIPTIONS, max_size=4), max_size=5),
            "n_parameters": st.integers(-2, 3) | st.floats(),
            "output": st.integers(-2, 6) | st.floats(),
        }
    )
)
def test_descriptions_of_any_kind(description):
    """A circuit, or a ValueError."""
    try:
        f = from_dict(description)
    except ValueError:
        return
    assert isinstance(f, Circuit)
    assert to_dict(f)["n_parameters"] == f.n_parameters
