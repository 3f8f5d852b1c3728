"""Programs made by hand or at random, and what they compute step by step."""

import numpy as np

from fastbp._core import core
from fastbp._recorder import ARITIES, GATES, Program

NUMBERS = {name: op for op, name in enumerate(GATES)}
COMPUTING = GATES[2:]
ARITY = dict(zip(GATES, ARITIES, strict=True))
DTYPES = ("float64", "float32")
INF, NAN = np.inf, np.nan


def program(gates, outputs, n_inputs, constants=(), n_columns=0, n_numbers=None, n_slots=None):
    """Gates as (name, out, a, b, c); those that write below n_numbers are of numbers."""
    rows = [(NUMBERS[name], *slots, *[0] * (4 - len(slots))) for name, *slots in gates]
    top = 1 + max([n_inputs + len(constants) - 1, *(row[1] for row in rows), *outputs])
    n_slots = top if n_slots is None else n_slots
    n_numbers = n_slots if n_numbers is None else n_numbers
    return Program(
        np.array(rows, np.int32).reshape(-1, 5), np.array(constants, np.float64),
        np.array(outputs, np.int32), n_inputs, n_inputs - n_columns,
        sum(row[1] < n_numbers for row in rows), n_numbers, n_slots,
    )  # fmt: skip


def random_program(rng, n_uniform=3, n_columns=3, n_gates=40, n_outputs=5, names=COMPUTING):
    """Uniform and varying gates on reused slots, results over their own operands included."""
    constants = rng.normal(size=2)
    n_numbers = n_uniform + 2 + 4
    n_slots = n_numbers + n_columns + 5
    gates = []
    for k in range(n_gates):
        name = str(rng.choice(names))
        low, start = (n_uniform + 2, 0) if k < n_gates // 3 else (n_numbers + n_columns, 0)
        high = n_numbers if k < n_gates // 3 else n_slots
        written = {gate[1] for gate in gates}
        given = [*range(n_uniform + 2), *range(n_numbers, n_numbers + n_columns)]
        readable = [s for s in (*given, *written) if start <= s < high]
        gates.append((name, int(rng.integers(low, high)), *map(int, rng.choice(readable, 3))))
    written = sorted({gate[1] for gate in gates})
    outputs = [0, n_numbers, *map(int, rng.choice(written, n_outputs - 2))]
    n_inputs = n_uniform + n_columns
    return program(gates, outputs, n_inputs, constants, n_columns, n_numbers, n_slots)


def by_steps(program, uniform, columns, dtype="float64"):
    """The outputs (n_outputs, m), gate by gate and sample by sample with apply_gate."""
    engine = core(dtype)
    m = len(columns[0]) if columns else 1
    result = np.empty((len(program.outputs), m), dtype)
    for i in range(m):
        slots = np.zeros(program.n_slots, dtype)
        slots[: len(uniform)] = uniform
        slots[len(uniform) : len(uniform) + len(program.constants)] = program.constants
        start = program.n_uniform_slots
        slots[start : start + len(columns)] = [column[i] for column in columns]
        for op, out, *operands in program.gates.tolist():
            slots[out] = engine.apply_gate(op, *(float(slots[s]) for s in operands))
        result[:, i] = slots[program.outputs]
    return result


def problem(
    program, columns, weights=None, m=None, mean=False, threads=1, fixed=(), dtype="float64"
):
    m = (len(columns[0]) if columns else 1) if m is None else m
    columns = [np.asarray(column, dtype) for column in columns]
    weights = None if weights is None else np.asarray(weights, np.float64)
    fixed = np.array(fixed, np.float64)
    tape = core(dtype).SampleTape(program)
    return core(dtype).BoundCircuit(tape, columns, fixed, weights, m, mean, threads)


def special(dtype, rng, n=300):
    """Edges, and ordinary numbers."""
    info = np.finfo(dtype)
    edges = [0.0, -0.0, 1, -1, INF, -INF, NAN, info.smallest_subnormal, -info.tiny, info.max,
             0.5, -0.5, 2, 3, -2, 100, -100, 750, -750, 1e5, -1e5]  # fmt: skip
    return np.concatenate([edges, rng.normal(size=n) * 3]).astype(dtype)


def same(a, b):
    """Equal to the last bit and the sign of zero; any NaN is equal to any other."""
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and bool(
        np.all((a == b) & (np.signbit(a) == np.signbit(b)) | (np.isnan(a) & np.isnan(b)))
    )


NEURON = program(
    [("multiply", 5, 0, 3), ("multiply_add", 5, 1, 4, 5), ("add", 5, 5, 2), ("sigmoid", 6, 5),
     ("sigmoid_slope", 7, 5), ("multiply", 8, 7, 3), ("multiply", 9, 7, 4)],
    [6, 8, 9, 7], 5,
)  # fmt: skip
P = np.array([1.0, 2, -3, -1, 3])


def neuron(form="value_and_rest", shape=(3,), otherwise=None):
    places = dict(zip("abcxy", range(5), strict=True))
    return core("float64").Tape(NEURON, form, shape, 3, places, otherwise)
