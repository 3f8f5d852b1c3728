"""Programs of steps with wrong numbers in them: refused, or run without leaving their memory.

What is accepted and still follows the rules of a program has to give what the interpreter in NumPy
gives. Each case runs in a process that would not survive a step beyond its arrays.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import CASES, SEQUENCES, data
from processes import run
from program_reference import Reference
from sound_steps import is_sound

from fastbp import Network
from fastbp._core import core

IMPORT = f"sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport test_damaged_steps\n"
NAMES = ("conv2d dilation", "lenet", "maxpool2d", "avgpool2d", "dense on steps", "rnn sequences",
         "rnn relu sequences", "gru both ways", "lstm stacked", "conv1d last")  # fmt: skip
PARTS = ("arrays", "thetas", "steps", "table")
REFUSALS = (ValueError, TypeError, MemoryError)
# steps have the most numbers
DRAWN = (*["steps"] * 6, "table", "table", "arrays", "thetas", "output", "positions", "ends")
EDGES = (-(2**31), -2, -1, 0, 1, 2, 3, 2**15, 2**16, 2**30, 2**31 - 2, 2**31 - 1)


def program(name, ends=False):
    layers, shape = CASES[name]
    net = Network(layers, input_shape=shape)
    made = net.program(ends)
    others = {key: getattr(made, key) for key in ("functions", "output", "positions",
                                                  "output_function")}  # fmt: skip
    arrays = {part: np.array(getattr(made, part)) for part in PARTS}
    return SimpleNamespace(**arrays, **others), shape[0] if ends else 1


def chain(made, input_steps=1, loss="squared_error", dtype="float64"):
    return core(dtype).Chain(
        made.arrays, made.thetas, tuple(made.functions), made.steps, made.table, made.output,
        made.positions, made.output_function, loss, input_steps,
    )  # fmt: skip


def evaluated(made, input_steps, m, compares):
    """Runs what was accepted; compares it with the interpreter."""
    accepted = chain(made, input_steps)
    n_rows = int(made.arrays[:, 0].astype(np.int64).sum())
    n_parameters = int((made.thetas[:, 0].astype(np.int64) * (1 + made.thetas[:, 1])).sum())
    if n_rows > 20000 or n_parameters > 100000:
        return
    rng = np.random.default_rng(0)
    X = rng.standard_normal((m, made.arrays[0, 0]))
    y = rng.standard_normal((m, made.arrays[made.output, 0]))
    theta = rng.standard_normal(n_parameters) / 2
    lengths = None
    if input_steps > 1:
        lengths = rng.integers(1, input_steps + 1, m)
        ends = np.repeat(lengths * (X.shape[1] // input_steps), X.shape[1]).reshape(X.shape)
        X[np.arange(X.shape[1]) >= ends] = 0
    engine = core("float64")
    bound = engine.BoundNetwork(accepted, X, None, y, None, 0.3, True, 2, lengths)
    J, D = bound.evaluate(theta)
    engine.forward(accepted, theta, X, 2, lengths=lengths)
    if compares and is_sound(made):
        ours = Reference(made, "squared_error", X, y, l2=0.3, lengths=lengths)
        want = ours.gradient(theta)
        assert pytest.approx(ours.cost(theta), rel=1e-10) == J
        assert abs(D - want).max() <= 1e-10 * max(1, abs(want).max())
        compared.append(1)


compared = []


@settings(max_examples=250, deadline=None, database=None, derandomize=True)
@given(st.data())
def damage(drawn):
    """One or two numbers of a program are other ones."""
    name = drawn.draw(st.sampled_from(NAMES))
    made, input_steps = program(name, name in SEQUENCES and drawn.draw(st.booleans()))
    for _ in range(drawn.draw(st.integers(1, 2))):
        part = drawn.draw(st.sampled_from(DRAWN))
        near = drawn.draw(st.sampled_from((*EDGES, *range(-3, 4), None)))
        if part == "ends":
            input_steps = near or 1
            continue
        if part in ("output", "positions"):
            setattr(made, part, near or 0)
            continue
        numbers = getattr(made, part)
        flat = numbers.reshape(-1)
        place = drawn.draw(st.integers(0, flat.size - 1))
        if near is None:  # a number from another place
            near = int(flat[drawn.draw(st.integers(0, flat.size - 1))])
        elif drawn.draw(st.booleans()):
            near = int(np.clip(int(flat[place]) + near, -(2**31), 2**31 - 1))
        flat[place] = near
    try:
        with np.errstate(all="ignore"):
            evaluated(made, input_steps, drawn.draw(st.sampled_from((1, 9))), True)
    except REFUSALS:
        return


def damages():
    damage()
    assert len(compared) > 10, len(compared)


def test_damaged_steps_are_refused_or_run():
    run(IMPORT + "test_damaged_steps.damages()")


def damage_every_number():
    """Each number of some small programs in turn."""
    for name in ("maxpool1d overlapping", "gru of 2 steps", "avgpool1d", "lstm of 2 steps"):
        for ends in (False, True) if name in SEQUENCES else (False,):
            whole, input_steps = program(name, ends)
            n = int(whole.arrays[:, 0].sum())
            for part in PARTS:
                flat = getattr(whole, part).reshape(-1)
                for place, was in enumerate(flat.tolist()):
                    for value in {-2, -1, 0, was - 1, was + 1, n - 1, n, 2**30, 2**31 - 1}:
                        flat[place] = value
                        try:
                            with np.errstate(all="ignore"):
                                evaluated(whole, input_steps, 2, part == "steps")
                        except REFUSALS:
                            pass
                    flat[place] = was


@pytest.mark.slow
def test_every_number_of_small_programs():
    run(IMPORT + "test_damaged_steps.damage_every_number()")


STEP = 12  # columns; the kinds are AFFINE 0, MAP 1, GATE 2, POOL 3
REFUSED = {
    "an array of no rows": ("arrays", (1, 0), 0, "no twin"),
    "a twin of X": ("arrays", (2, 1), 0, "no twin"),
    "a twin that comes later": ("arrays", (1, 1), 2, "no twin"),
    "a twin of other rows": ("arrays", (2, 0), 1, "no twin"),
    "rows beyond 2**31": ("arrays", (0, 0), 2**31 - 1, "rows"),
    "an empty Theta": ("thetas", (0, 0), 0, "empty"),
    "Thetas beyond memory": ("thetas", (), 2**30, "TB"),
    "a kind": ("steps", (0, 0), 4, "no kind 4"),
    "a negative kind": ("steps", (0, 0), -1, "no kind -1"),
    "a Theta that is none": ("steps", (0, 1), 9, "no Theta 9"),
    "a unit": ("steps", (0, 2), 1, "no such part"),
    "units beyond Theta": ("steps", (0, 3), 2**31 - 1, "no such part"),
    "no unit": ("steps", (0, 3), 0, "no such part"),
    "a column": ("steps", (0, 4), -1, "no such part"),
    "depth": ("steps", (0, 5), 2**31 - 1, "no such part"),
    "a place in the table": ("steps", (0, 6), 2**31 - 1, "not in the table"),
    "positions": ("steps", (0, 7), 2**31 - 1, "not in the table"),
    "X is written": ("steps", (0, 8), 0, "X is written|not of one array"),
    "rows beyond all": ("steps", (0, 8), 2**31 - 1, "no rows"),
    "a stride of 0": ("steps", (0, 9), 0, "strides"),
    "a stride beyond all": ("steps", (0, 9), 2**31 - 1, "not of one array"),
    "flags": ("steps", (0, 11), 4, "flags"),
    "a function": ("steps", (1, 1), 5, "no function 5"),
    "a map of a part": ("steps", (1, 3), 0, "no twin|not of one array"),
    "a map of no rows": ("steps", (1, 4), -1, "no rows"),
    "a row of the table": ("table", (0,), 2**31 - 1, "no rows"),
    "a negative row": ("table", (0,), -2, "no rows"),
    "the output": ("output", None, 0, "no output 0"),
    "an output that is none": ("output", None, 99, "no output 99"),
    "no positions": ("positions", None, 0, "at 0 positions"),
    "positions that do not divide": ("positions", None, 3, "at 3 positions"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    part, place, value, message = REFUSED[case]
    made, _ = program("conv1d")
    if place is None:
        setattr(made, part, value)
    else:
        getattr(made, part)[place] = value
    with pytest.raises(REFUSALS, match=message):
        chain(made)


def test_windows_without_a_row_and_operands_without_one():
    made, _ = program("maxpool1d overlapping")
    step = next(step for step in made.steps if step[0] == 3)
    made.table[step[5] : step[5] + step[4]] = -1
    with pytest.raises(ValueError, match="window 0 is empty"):
        chain(made)
    for op, operands in ((0, (-1, 5, 5)), (0, (-1, -1, -1)), (2, (-1, 5, 0)), (2, (5, -1, -1)),
                         (3, (5, 5, 5)), (-1, (5, 5, 5))):  # fmt: skip
        made, _ = program("lstm of 2 steps", True)
        step = next(step for step in made.steps if step[0] == 2)
        step[1], step[4:7] = op, operands
        with pytest.raises(ValueError, match=r"operand|operation|rows"):
            chain(made)
    made, _ = program("avgpool1d")
    next(step for step in made.steps if step[0] == 3)[6] = 0
    with pytest.raises(ValueError, match="divisor 0"):
        chain(made)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("change", [
    lambda a: a.astype(np.int64), lambda a: a.astype(">i4"), lambda a: a[None],
    lambda a: None, lambda a: "text", lambda a: a.astype(float), lambda a: a[..., :0],
])  # fmt: skip
def test_arrays_of_another_kind_are_refused(part, change):
    made, _ = program("conv1d")
    setattr(made, part, change(getattr(made, part)))
    with pytest.raises(REFUSALS):
        chain(made)


def test_twins_and_outputs_that_contradict():
    made, _ = program("conv1d")  # x, z, its twin a, z of the output
    extra = np.vstack([made.arrays, [[made.arrays[1, 0], 1]]]).astype(np.int32)
    made.arrays = extra
    with pytest.raises(ValueError, match="not the only twin of array 1"):
        chain(made)
    made.arrays[-1, 1] = 2
    with pytest.raises(ValueError, match="twin of one"):
        chain(made)
    made.arrays[-1] = made.arrays[3, 0], 3
    with pytest.raises(ValueError, match="output 3 is a twin, or has one"):
        chain(made)
    made, _ = program("conv1d")
    made.steps[0, 8] += made.arrays[1, 0]
    with pytest.raises(ValueError, match="array 2 is written by maps only"):
        chain(made)


def test_functions_that_are_none():
    for functions in (("softmax",), ("no",), (1,), ()):
        made, _ = program("conv1d")
        made.functions = functions
        with pytest.raises(REFUSALS):
            chain(made)


def test_arrays_are_copied_when_a_chain_is_made():
    made, _ = program("lenet")
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(int((made.thetas[:, 0] * (1 + made.thetas[:, 1])).sum()))
    X, y = rng.standard_normal((5, 144)), rng.standard_normal((5, 3))
    accepted = chain(made)
    engine = core("float64")
    bind = lambda: engine.BoundNetwork(accepted, X, None, y, None, 0.0, True, 1)  # noqa: E731
    want = bind().evaluate(theta)
    for part in PARTS:
        getattr(made, part)[...] = 2**31 - 1
    J, D = bind().evaluate(theta)
    assert want[0] == J
    assert (want[1] == D).all()


def test_positions_side_by_side_are_of_one_array():
    """Two positions whose rows follow one another, of X and of the array behind it."""
    made, _ = program("dense on steps")
    n = int(made.arrays[0, 0])
    rng = np.random.default_rng(0)

    class Crossing:
        arrays = np.array([[n, -1], [2, -1], [2, -1]], np.int32)
        thetas = np.array([[1, 1], [1, 1]], np.int32)
        functions = ()
        steps = np.zeros((2, STEP), np.int32)
        table = np.array([0, 1, n - 1, n], np.int32)
        output, positions, output_function = 2, 1, "identity"

    steps = Crossing.steps
    steps[0] = 0, 0, 0, 1, 0, 1, 0, 2, n, 1, 1, 1
    steps[1] = 0, 1, 0, 1, 0, 1, 2, 2, n + 2, 1, 1, 1
    X, y, theta = rng.standard_normal((5, n)), rng.standard_normal((5, 2)), rng.standard_normal(4)
    bound = core("float64").BoundNetwork(chain(Crossing), X, None, y, None, 0.0, True, 1)
    ours = Reference(Crossing, "squared_error", X, y)
    J, D = bound.evaluate(theta)
    assert pytest.approx(ours.cost(theta), rel=1e-12) == J
    assert pytest.approx(ours.gradient(theta), rel=1e-12) == D


def test_states_of_samples_without_lengths_go_on_to_the_end():
    """A program for lengths, bound without any: every sample has all steps."""
    made, steps = program("lstm", True)
    _, X, y, _ = data(Network(*CASES["lstm"][:1], input_shape=CASES["lstm"][1]), 5)
    theta = np.random.default_rng(0).standard_normal(
        int((made.thetas[:, 0] * (1 + made.thetas[:, 1])).sum())
    )
    bound = core("float64").BoundNetwork(
        chain(made, steps), X.reshape(5, -1), None, y, None, 0.0, True, 1
    )
    ours = Reference(made, "squared_error", X.reshape(5, -1), y)
    J, D = bound.evaluate(theta)
    assert pytest.approx(ours.cost(theta), rel=1e-12) == J
    assert pytest.approx(ours.gradient(theta), rel=1e-9, abs=1e-12) == D
