"""Programs and pickles of circuits with a wrong number somewhere: an error, or a circuit that runs.

Nothing in the engine may read or write outside of its own memory, whatever the bytes say. Each case
runs in a process that would not survive it.
"""

import pickle
from pathlib import Path

import numpy as np
import pytest
from processes import BOUNDED, run
from tapes import NEURON, P, problem, program

from fastbp import circuit, circuits, variables
from fastbp._core import core
from fastbp._recorder import Program

ROWS = program(
    [("multiply", 5, 0, 1), ("exp", 5, 5), ("multiply", 8, 6, 5), ("sigmoid", 9, 8),
     ("sigmoid_slope", 10, 8), ("multiply_add", 8, 9, 10, 7), ("maximum", 11, 8, 2)],
    [8, 9, 5, 11], 4, (0.5, 2.0), n_columns=2, n_numbers=6,
)  # fmt: skip


IMPORT = f"sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport test_program_damage\n"


def parts(made):
    return [made.gates.copy(), made.constants, made.outputs.copy(), made.n_inputs,
            made.n_uniform_inputs, made.n_uniform, made.n_uniform_slots, made.n_slots]  # fmt: skip


def damaged(made, rng):
    """The program with one byte of its numbers changed."""
    arguments = parts(made)
    place = int(rng.choice(8, p=[0.6, 0.0, 0.1, 0.06, 0.06, 0.06, 0.06, 0.06]))
    if place in (0, 2):
        raw = arguments[place].view(np.uint8).reshape(-1)
        raw[rng.integers(len(raw))] = rng.integers(256)
    else:
        raw = np.array([arguments[place]], np.int32).view(np.uint8)
        raw[rng.integers(4)] = rng.integers(256)
        arguments[place] = int(raw.view(np.int32)[0])
    return Program(*arguments)


def use(made, rng):
    """Whatever a program can be used for, with as many inputs as it says."""
    engine = core("float64")
    n, m = min(made.n_inputs, 1000), int(rng.choice([1, 64, 300]))
    tape = engine.Tape(made, "values", (len(made.outputs),), n, {}, None)
    tape.run(np.ones(n))
    engine.BufferTape(made, [np.ones(n)], [np.ones(len(made.outputs))]).run()
    bound = problem(made, [], m=m)
    bound.values(np.ones(n))
    bound.evaluate(np.ones(n))


def use_rows(made, rng):
    n = min(max(made.n_inputs - made.n_uniform_inputs, 0), 100)
    columns = [np.ones(int(rng.choice([64, 300])))[:64] for _ in range(n)]
    for column in columns:
        column.setflags(write=False)
    bound = problem(made, columns, m=64)
    given = np.ones(made.n_uniform_inputs)
    bound.values(given)
    bound.evaluate(given)
    assert all((column == 1).all() for column in columns), "data was written to"


def damage(seed, count=4000):
    """Run by `test_a_damaged_program_is_refused_or_runs`, in another process."""
    rng = np.random.default_rng(seed)
    refused = 0
    with np.errstate(all="ignore"):
        for _ in range(count):
            for made, act in ((NEURON, use), (ROWS, use_rows)):
                try:
                    act(damaged(made, rng), rng)
                except (ValueError, TypeError, OverflowError, MemoryError):
                    refused += 1
    assert count / 2 < refused < 2 * count


def test_a_damaged_program_is_refused_or_runs():
    run(IMPORT + "test_program_damage.damage(0)")


A, B, X, Y = variables("a b x y")
F = circuit(circuits.tanh(A * X + B) * circuits.maximum(X, Y) - B, wrt=[A, B])


def damage_pickles():
    data = pickle.dumps(F)
    rng = np.random.default_rng(0)
    p = np.array([0.5, 2.0])
    for place in range(len(data)):
        for value in {0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))}:
            changed = bytearray(data)
            if changed[place] == value:
                continue
            changed[place] = value
            try:
                with np.errstate(all="ignore"):
                    f = pickle.loads(bytes(changed))
                    f(p, x=1.0, y=2.0)
                    f.value_and_gradient(p, x=1.0, y=2.0)
                    f.hessian(p, x=np.ones(70), y=np.ones(70))
                    f.objective({"x": np.ones(70), "y": 1.0})(p)
            except Exception:  # whatever pickle says; the process goes on
                continue


def test_a_damaged_pickle_of_a_circuit_ends_no_process():
    run(BOUNDED + IMPORT + "test_program_damage.damage_pickles()")


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ([("exp", 4, 3)], "reads slot 3, which is empty"),
        ([("exp", 2, 0)], "writes to slot 2 of an input or a constant"),
        ([("exp", 0, 2)], "writes to slot 0 of a number"),
        ([("exp", 1, 2)], "writes to slot 1 of a number"),
        ([("exp", 3, 9)], "names slot 9 of 5"),
        ([("exp", 3, 2), ("add", 4, 3, 4)], "reads slot 4, which is empty"),
    ],
)
def test_what_a_gate_may_touch(gates, message):
    """Slots: 0 an input, 1 a constant, 2 a column, 3 and 4 for results on samples."""
    made = program(gates, [2], 2, (0.5,), n_columns=1, n_numbers=2, n_slots=5)
    made = Program(made.gates, made.constants, made.outputs, 2, 1, 0, 2, 5)
    with pytest.raises(ValueError, match=message):
        core("float64").SampleTape(made)


def test_outputs_that_nothing_has_written():
    made = program([("exp", 3, 2)], [4], 2, (0.5,), n_columns=1, n_numbers=2, n_slots=5)
    with pytest.raises(ValueError, match="output 0 is slot 4 of 5, or an empty one"):
        core("float64").SampleTape(made)


def test_a_tape_of_a_program_that_promises_more_than_it_has():
    gates, constants, outputs, *_ = parts(NEURON)
    with pytest.raises(ValueError, match="sizes of this program contradict"):
        core("float64").Tape(
            Program(gates, constants, outputs, 5, 5, len(gates), 2**30, 2**30), "values", (4,), 5,
            {}, None,
        )  # fmt: skip
    assert core("float64").Tape(NEURON, "values", (4,), 5, {}, None).run(P).shape == (4,)
    for shape in ((-1, -4), (2, 3), (2**40, 0), (5,)):
        with pytest.raises(ValueError, match="shape"):
            core("float64").Tape(NEURON, "values", shape, 5, {}, None)
