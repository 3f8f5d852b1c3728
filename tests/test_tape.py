"""The interpreter: every gate on numbers and on samples, programs, sums."""

import math
import os

import numpy as np
import pytest
from tapes import (
    ARITY,
    COMPUTING,
    DTYPES,
    INF,
    NAN,
    NUMBERS,
    by_steps,
    problem,
    program,
    random_program,
    same,
    special,
)

from fastbp._core import available_levels, core

BOTH = pytest.mark.parametrize("dtype", DTYPES)
EMPTY = np.empty(0)


# Gates


def operands(dtype, arity, seed=0):
    rng = np.random.default_rng(seed)
    values = special(dtype, rng)
    if arity == 1:
        return values, values, values
    pairs = [special(dtype, rng, 0) for _ in range(2)]
    a, b = (grid.ravel() for grid in np.meshgrid(*pairs))
    a, b = np.concatenate([a, values]), np.concatenate([b, rng.permutation(values)])
    return a, b, rng.permutation(a)


@BOTH
@pytest.mark.parametrize("name", COMPUTING)
def test_a_gate_has_the_same_bits_on_a_number_and_on_samples(name, dtype):
    a, b, c = operands(dtype, ARITY[name])
    one = program([(name, 3, 0, 1, 2)], [3], 3, n_columns=3, n_numbers=0)
    rows = problem(one, [a, b, c], dtype=dtype).values(EMPTY)[0]
    engine, op = core(dtype), NUMBERS[name]
    numbers = [engine.apply_gate(op, *map(float, each)) for each in zip(a, b, c, strict=True)]
    assert same(rows, np.array(numbers, dtype))


@BOTH
@pytest.mark.parametrize("name", COMPUTING)
def test_operands_may_be_numbers_and_the_result_may_take_their_place(name, dtype):
    """Slots 0, 1, 2 are numbers, 3, 4, 5 columns, 6, 7, 8 their copies."""
    rng = np.random.default_rng(1)
    columns = [special(dtype, rng) for _ in range(3)]
    uniform = rng.normal(size=3).astype(dtype)
    for out in (6, 7, 8, 9):
        for slots in ([6, 7, 8], [0, 7, 8], [6, 1, 8], [6, 7, 2], [0, 1, 8], [6, 6, 6]):
            # max(x, x) copies a row to one that may be written
            copies = [("maximum", 6 + k, 3 + k, 3 + k) for k in range(3)]
            made = program([*copies, (name, out, *slots)], [out], 6, n_columns=3, n_numbers=3)
            got = problem(made, columns, dtype=dtype).values(uniform.astype(float))
            assert same(got, by_steps(made, uniform, columns, dtype)), (out, slots)


GRID = np.array([0.0, -0.0, 1, -1, 2.5, INF, -INF, NAN])
EXACT = {
    "negative": np.negative, "absolute": np.abs, "sqrt": np.sqrt, "add": np.add,
    "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "minimum": np.minimum, "maximum": np.maximum, "less": np.less, "less_equal": np.less_equal,
    "equal": np.equal, "not_equal": np.not_equal, "sign": np.sign,
    "relu": lambda a, b, c: np.maximum(a, 0), "select": lambda a, b, c: np.where(a, b, c),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("name", EXACT)
def test_exact_gates(name, dtype):
    a, b, c = (grid.ravel().astype(dtype) for grid in np.meshgrid(GRID, GRID, GRID))
    f = EXACT[name]
    with np.errstate(all="ignore"):
        want = f(*(a, b, c)[: f.nin] if isinstance(f, np.ufunc) else (a, b, c)).astype(dtype)
    engine, op = core(dtype), NUMBERS[name]
    got = [engine.apply_gate(op, *map(float, each)) for each in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(np.array(got, dtype), want)


def test_multiply_add_is_rounded_once_where_the_processor_can():
    x = 1 + 2.0**-30
    got = core("float64").apply_gate(NUMBERS["multiply_add"], x, x, -1 - 2.0**-29)
    assert got in (2.0**-60, 0.0)
    if available_levels()[-1] in ("v3", "v4") and os.environ.get("FASTBP_CPU") != "v2":
        assert got == 2.0**-60


@pytest.mark.parametrize("op", [-1, 0, 1, len(COMPUTING) + 2])
def test_what_computes_nothing_is_no_gate(op):
    with pytest.raises(ValueError, match="no gate"):
        core("float64").apply_gate(op, 1.0)


# Programs


@BOTH
@pytest.mark.parametrize("seed", range(8))
def test_random_programs(seed, dtype):
    rng = np.random.default_rng(seed)
    made = random_program(rng)
    uniform = rng.normal(size=3).astype(dtype)
    columns = [rng.normal(size=130).astype(dtype) for _ in range(3)]
    want = by_steps(made, uniform, columns, dtype)
    got = problem(made, columns, dtype=dtype).values(uniform.astype(float))
    assert got.dtype == dtype
    assert same(got, want)
    with np.errstate(over="ignore"):
        fixed = problem(made, columns, fixed=uniform[1:], dtype=dtype).values(
            uniform[:1].astype(float)
        )
    assert same(fixed, want)


@pytest.mark.parametrize("m", [1, 2, 63, 64, 65, 127, 511, 512, 513, 1025, 3000])
@pytest.mark.parametrize("layout", ["contiguous", "strided", "backward", "broadcast"])
def test_every_number_of_samples_in_every_layout(m, layout):
    rng = np.random.default_rng(m)
    wide = rng.normal(size=(m, 3))
    wide = {
        "contiguous": np.asfortranarray(wide),
        "strided": wide,
        "backward": wide[::-1],
        "broadcast": np.broadcast_to(wide[0], (m, 3)),
    }[layout]
    gates = [("multiply", 5, 2, 0), ("multiply_add", 5, 3, 1, 5), ("tanh", 5, 5), ("add", 6, 5, 4)]
    made = program(gates, [6, 2, 0], 5, n_columns=3, n_numbers=2)
    p, columns = np.array([0.5, -2.0]), list(wide.T)
    rows = problem(made, columns).values(p)
    x, y, z = columns
    np.testing.assert_allclose(rows[0], np.tanh(0.5 * x - 2 * y) + z, rtol=1e-14, atol=1e-15)
    assert same(rows[1], np.ascontiguousarray(x))
    assert (rows[2] == 0.5).all()
    first, rest = problem(made, columns).evaluate(p)
    want = [math.fsum(row) for row in rows]
    np.testing.assert_allclose([first, *rest], want, rtol=1e-13, atol=1e-12)
    before = wide.copy()
    weights = rng.uniform(size=m)
    first, rest = problem(made, columns, weights, mean=True).evaluate(p)
    want = [math.fsum(row * weights) / math.fsum(weights) for row in rows]
    np.testing.assert_allclose([first, *rest], want, rtol=1e-13, atol=1e-13)
    assert rest[1] == 0.5  # what is the same for all samples is its own mean
    np.testing.assert_array_equal(wide, before)


@BOTH
def test_values_too_many_for_the_caches(dtype):
    """They are written past them: a number, an input, a result, and the same result again."""
    m = 500_003
    x, y = np.random.default_rng(0).normal(size=(2, m)).astype(dtype)
    gates = [("sin", 3, 1), ("multiply_add", 4, 3, 2, 0), ("tanh", 3, 4)]
    made = program(gates, [4, 0, 3, 2, 3, 4], 3, n_columns=2, n_numbers=1)
    one = np.ones(1)
    for threads in (1, 2):
        rows = problem(made, [x, y], threads=threads, dtype=dtype).values(one)
        assert rows.nbytes > 2**23
        for part in (slice(0, 700), slice(250_000, 250_100), slice(m - 3, m)):
            want = problem(made, [x[part], y[part]], dtype=dtype).values(one)
            assert same(rows[:, part], want)


TAME = ("multiply", "add", "tanh", "multiply_add", "sigmoid", "minimum")


@BOTH
@pytest.mark.parametrize("seed", range(20))
def test_sums_are_those_of_the_values(seed, dtype):
    """Also where a product is only added up and gets no row, or almost could do without."""
    rng = np.random.default_rng(seed)
    names = rng.choice([*TAME, *["multiply"] * 6], 4)
    made = random_program(rng, n_gates=12, n_outputs=9, names=names)
    for m in (1, 100, 512, 1300):
        columns = [rng.normal(size=m).astype(dtype) for _ in range(3)]
        p, weights = rng.normal(size=3), rng.uniform(size=m).astype(dtype)
        rows = problem(made, columns, dtype=dtype).values(p).astype(float)
        for w in (None, weights):
            bound = problem(made, columns, w, dtype=dtype)
            first, rest = bound.evaluate(p)
            want = [math.fsum(row if w is None else row * w) for row in rows]
            scale = [math.fsum(np.abs(row)) + 1 for row in rows]
            error = np.abs(np.array([first, *rest]) - want) / scale
            assert error.max() < 40 * np.finfo(dtype).eps
            assert same(bound.values(p).astype(float), rows)  # sums left them as they were


@pytest.mark.parametrize("m", [5, 64, 600])
def test_what_lies_beyond_the_last_sample_is_not_added(m):
    """0 times infinity is NaN: lanes that hold no sample must not reach the sum."""
    made = program([("multiply", 3, 2, 0), ("multiply", 4, 2, 1)], [3, 4, 2], 3, (), 1, 2, 5)
    first, rest = problem(made, [np.ones(m)]).evaluate(np.array([INF, -INF]))
    assert (first, rest[0], rest[1]) == (INF, -INF, m)
    made = program([("divide", 3, 1, 2), ("multiply", 4, 3, 1)], [4], 3, (), 2, 1, 5)
    x = np.full(m, 2.0)
    assert problem(made, [x, x]).evaluate(np.zeros(1))[0] == 2 * m


def test_float32_sums_in_double():
    m = 1 << 20
    made = program([], [0], 1, n_columns=1, n_numbers=0)
    x = np.full(m, 0.1, np.float32)
    first, rest = problem(made, [x], dtype="float32").evaluate(EMPTY)
    assert rest.shape == (0,)
    np.testing.assert_allclose(first, m * float(np.float32(0.1)), rtol=1e-6)


def test_a_program_of_numbers_has_one_sample():
    made = program([("exp", 1, 0)], [1], 1)
    first, _ = problem(made, [], m=1, mean=True).evaluate(np.array([2.0]))
    np.testing.assert_allclose(first, np.exp(2), rtol=1e-15)


def test_many_gates_and_slots():
    """Numbers that no stack holds, rows that no cache holds, tiles of the least size."""
    n = 3000
    chain = [("add", n_slots, 0, n_slots - 1) for n_slots in range(2, n)]
    tape = core("float64").Tape(program(chain, [n - 1], 2), "value", (), 2, {}, None)
    assert tape.run(np.array([1.0, 5.0])) == 5 + n - 2
    assert tape.call(1.0, 5.0) == 5 + n - 2
    made = program(chain, [n - 1], 2, n_columns=1, n_numbers=1)
    x = np.arange(200.0)
    assert same(problem(made, [x]).values(np.array([1.0]))[0], x + n - 2)


PAIRS = [("sigmoid", "sigmoid_slope"), ("sin", "cos"), ("softplus", "sigmoid"), ("erf", "gaussian")]


@BOTH
@pytest.mark.parametrize("names", [*PAIRS, *(pair[::-1] for pair in PAIRS)], ids="-".join)
def test_a_function_and_its_slope_side_by_side(names, dtype):
    """Computed together, the two give the same bits as alone."""
    x = special(dtype, np.random.default_rng(0))
    alone = [problem(program([(name, 1, 0)], [1], 1, n_columns=1, n_numbers=0), [x], dtype=dtype)
             .values(EMPTY)[0] for name in names]  # fmt: skip
    for slots in ([1, 2], [2, 1], [2, 2], [1, 0], [0, 1]):
        # The input is copied, so that its slot may be written.
        copied = [("maximum", 3, 0, 0), ("maximum", 4, 3, 3)]
        gates = [*copied, *((name, slot + 4, 4) for name, slot in zip(names, slots, strict=True))]
        for n_columns in (0, 1):
            made = program(
                gates, [s + 4 for s in slots], 1, (), n_columns, 0 if n_columns else 7, 7
            )
            if n_columns:
                got = problem(made, [x], dtype=dtype).values(EMPTY)
            else:
                tape = core(dtype).Tape(made, "values", (2,), 1, {}, None)
                got = np.array([tape.run(np.array([float(v)])) for v in x], dtype).T
            want = list(alone)
            if slots[0] == slots[1]:
                want[0] = want[1]
            elif slots[0] == 0:  # the first result has taken the place of the operand
                want[1] = by_steps(made, [], [x], dtype)[1] if n_columns else got[1]
            assert same(got, np.array(want)), (slots, n_columns)
