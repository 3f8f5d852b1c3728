"""Tapes as Python calls them, and the programs and arguments that they refuse."""

import numpy as np
import pytest
from tapes import (
    NEURON,
    P,
    neuron,
    problem,
    program,
    same,
)

from fastbp._core import core
from fastbp._recorder import Program

EMPTY = np.empty(0)


# Tapes called from Python


def test_forms():
    value, rest = neuron().run(P)
    assert type(value) is float
    assert value == 0.8807970779778823
    np.testing.assert_allclose(rest, [-0.104993585, 0.314980756, 0.104993585], atol=1e-9)
    assert rest.flags.owndata
    assert rest.flags.c_contiguous
    assert neuron().run(P)[1] is not rest
    every = neuron("values", (2, 2)).run(P)
    assert every.shape == (2, 2)
    assert every.tolist() == [[value, rest[0]], rest[1:].tolist()]
    one = core("float64").Tape(program([], [0], 1), "value", (), 1, {}, None)
    assert one.call(2) == 2.0


def test_plain_calls_of_every_kind():
    call, want = neuron().call, neuron().run(P)
    frozen = P[:3].copy()
    frozen.setflags(write=False)
    for arguments in [(P[:3],), (frozen,), (1.0, 2.0, -3.0), (1, 2, -3), (np.float64(1), 2, -3.0)]:
        value, rest = call(*arguments, x=-1, y=3.0)
        assert value == want[0]
        assert same(rest, want[1])
    assert call(a=1, b=2, c=-3, x=-1, y=3)[0] == want[0]


def test_what_is_not_plain_is_passed_on():
    calls = []

    def otherwise(tape, arguments, keywords):
        calls.append((arguments, keywords))
        return tape.run(P)

    tape = neuron(otherwise=otherwise)
    others = [
        (([1.0, 2, -3],), {"x": 1.0, "y": 1.0}),
        ((P[:3].astype("f4"),), {"x": 1.0, "y": 1.0}),
        ((P[:3].astype(">f8"),), {"x": 1.0, "y": 1.0}),
        ((P[:6:2],), {"x": 1.0, "y": 1.0}),
        ((P[None, :3],), {"x": 1.0, "y": 1.0}),
        ((P[:3],), {"x": 1.0}),
        ((P[:3],), {"x": 1.0, "y": np.ones(2)}),
        ((P[:3],), {"x": 1.0, "z": 1.0}),
        ((P[:3],), {"x": 1.0, "a": 1.0}),
        ((P[:3],), {"x": True, "y": 1.0}),
        ((P[:3],), {"x": 10**400, "y": 1.0}),
        ((P,), {}),
        ((1.0, 2.0), {"x": 1.0, "y": 1.0}),
        ((None, 2.0, 3.0), {"x": 1.0, "y": 1.0}),
        ((), {}),
    ]
    for arguments, keywords in others:
        calls.clear()
        assert tape.call(*arguments, **keywords)[0] == 0.8807970779778823
        [(got, named)] = calls
        assert len(got) == len(arguments)
        assert all(a is b for a, b in zip(got, arguments, strict=True))
        assert named == keywords
    with pytest.raises(TypeError, match="expected floats"):
        neuron().call([1.0, 2, -3])


def test_what_otherwise_raises_arrives():
    def otherwise(tape, arguments, keywords):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        neuron(otherwise=otherwise).call("a")


def test_buffers():
    x, value, rest = P.copy(), np.zeros(1), np.zeros(3)
    tape = core("float64").BufferTape(NEURON, [x[:2], x[2:]], [value, rest])
    assert tape.run() is None
    assert (value[0], rest.tolist()) == (neuron().run(P)[0], neuron().run(P)[1].tolist())
    x[0] = 3
    tape.run()
    assert value[0] == neuron().run(x)[0]
    with pytest.raises(ValueError, match="cannot resize"):
        value.resize(5)


# Refusals: nothing reaches outside of an array


def spoiled(**changes):
    fields = ("gates", "constants", "outputs", "n_inputs", "n_uniform_inputs", "n_uniform",
              "n_uniform_slots", "n_slots")  # fmt: skip
    values = {name: getattr(NEURON, name) for name in fields} | changes
    return Program(*(values[name] for name in fields))


def row(**changes):
    gates = NEURON.gates.copy()
    for column, value in changes.items():
        gates[2, ["op", "out", "a", "b", "c"].index(column)] = value
    return spoiled(gates=gates)


@pytest.mark.parametrize(
    "bad",
    [
        row(op=0), row(op=1), row(op=-1), row(op=99), row(out=10), row(out=-1), row(a=10),
        row(b=-1), row(c=10), row(b=2**31 - 1),
        spoiled(outputs=np.array([10], np.int32)), spoiled(outputs=np.array([-1], np.int32)),
        spoiled(outputs=np.array([], np.int32)), spoiled(n_slots=3, n_uniform_slots=3),
        spoiled(n_inputs=11, n_uniform_inputs=11), spoiled(n_uniform_inputs=-1),
        spoiled(n_uniform_inputs=6), spoiled(n_uniform=99), spoiled(n_uniform=-1),
        spoiled(constants=np.zeros(9)), spoiled(n_uniform_slots=9), spoiled(n_uniform_slots=-1),
        spoiled(n_uniform=3), spoiled(gates=NEURON.gates[:, :4]),
    ],
)  # fmt: skip
def test_a_program_that_contradicts_itself_is_refused(bad):
    with pytest.raises(ValueError, match=r"slot|gate|sizes|samples|outputs"):
        core("float64").Tape(bad, "value_and_rest", (3,), 3, {}, None)


def test_gates_of_numbers_do_not_touch_samples():
    good = program([("exp", 2, 0), ("add", 3, 2, 1)], [3], 2, n_columns=1, n_numbers=1, n_slots=4)
    assert good.n_uniform == 0
    assert problem(good, [np.ones(3)]).values(np.zeros(1)).tolist() == [[2.0, 2.0, 2.0]]
    fields = (good.gates, good.constants, good.outputs, 2, 1)
    with pytest.raises(ValueError, match="gate 0 names slot 2 of 1"):
        problem(Program(*fields, 1, 1, 4), [np.ones(3)])
    with pytest.raises(ValueError, match="gate 0 on samples writes to slot 2 of a number"):
        problem(Program(*fields, 0, 3, 4), [np.ones(3)])


def test_shapes_forms_and_names_are_checked():
    Tape = core("float64").Tape
    for form, shape in [("value_and_rest", (4,)), ("values", (3,)), ("value", ()), ("values", ())]:
        with pytest.raises(ValueError, match="outputs make no"):
            Tape(NEURON, form, shape, 3, {}, None)
    with pytest.raises(ValueError, match="not in tuple"):
        Tape(NEURON, "nothing", (4,), 3, {}, None)
    with pytest.raises(ValueError, match="no input"):
        Tape(NEURON, "values", (4,), 3, {"x": 5}, None)
    with pytest.raises(ValueError, match="6 parameters of 5"):
        Tape(NEURON, "values", (4,), 6, {}, None)
    tape = neuron()
    with pytest.raises(RuntimeError, match="one program"):
        tape.__init__(NEURON, "values", (4,), 3, {}, None)
    for vector in (P[:4], P.astype("f4"), P[::-1], None, P[None]):
        with pytest.raises(TypeError, match="contiguous float64 vector"):
            tape.run(vector)
    with pytest.raises(TypeError, match="contiguous float64 vector"):
        core("float64").Tape.__new__(core("float64").Tape).run(P)


def test_data_is_checked():
    made = program([("add", 2, 0, 1)], [2], 2, n_columns=1, n_numbers=1)
    tape = core("float64").SampleTape(made)
    x, one = np.ones(5), np.ones(1)
    with pytest.raises(ValueError, match="column 0"):
        problem(made, [x], m=6)
    with pytest.raises(ValueError, match="weights"):
        problem(made, [x], weights=np.ones(4))
    with pytest.raises(ValueError, match="0 columns"):
        problem(made, [])
    with pytest.raises(ValueError, match="0 samples"):
        problem(made, [x[:0]])
    with pytest.raises(ValueError, match="too many"):
        problem(made, [x], fixed=[1.0, 2.0])
    with pytest.raises(ValueError, match="Buffer dtype"):
        core("float64").BoundCircuit(tape, [x.astype("f4")], EMPTY, None, 5, True, 1)
    bound = problem(made, [x])
    assert bound.evaluate(np.ones(2)) is None  # it cannot be read where it lies
    with pytest.raises(RuntimeError, match="bound once"):
        bound.__init__(tape, [x], EMPTY, None, 5, True, 1)
    assert bound.evaluate(one)[0] == 10
    for sources, targets in [([x], [one]), ([one, one], [x]), ([], [one])]:
        with pytest.raises(ValueError, match="buffers of"):
            core("float64").BufferTape(program([("add", 2, 0, 1)], [2], 2), sources, targets)
    x.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        core("float64").BufferTape(program([], [0], 1), [one], [x[:1]])
    for kind, arguments in [
        ("BufferTape", ([one, one], [one])),
        ("Tape", ("value", (), 2, {}, None)),
    ]:
        with pytest.raises(ValueError, match="no samples"):
            getattr(core("float64"), kind)(made, *arguments)
