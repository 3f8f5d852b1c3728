"""Circuits exported to C: compiled here, and compared with the engine, mpmath and themselves."""

import itertools
import math
import random
import re
import shutil
import subprocess

import c_functions
import gates_reference as reference
import numpy as np
import pytest
from c_functions import Function, by_engine, library
from gates_reference import GATES, INF, NAN, NUMBERS
from hypothesis import given, settings
from hypothesis import strategies as st
from tapes import same, special

from fastbp import circuit, circuits, variable, variables
from fastbp._core import core
from fastbp._recorder import gate
from fastbp.circuits import c_source

compiled = pytest.mark.skipif(c_functions.MISSING is not None, reason=str(c_functions.MISSING))

A, B, C = variables("a b c")
MATHEMATICS = {*re.findall(r"(\w+)\(", " ".join(
    [*c_source.EXPRESSIONS.values(), *c_source.HELPERS.values()]))}  # fmt: skip
NAMES = [name for name in GATES[2:] if name not in (*reference.FUSED, *reference.UNMASKED)]
# Units in the last place between C and the true value, rounded. GNU's library: tanh 2, sigmoid 2,
# sigmoid_slope 3, the others 1.
ULP = {
    **dict.fromkeys(NAMES, 0),
    **dict.fromkeys(["exp", "expm1", "log", "log1p", "sin", "cos", "tan", "erf", "power"], 2),
    **dict.fromkeys(["softplus", "gaussian", "hypot", "atan2"], 2),
    **dict.fromkeys(["tanh", "sigmoid", "sigmoid_slope"], 4),
    **dict.fromkeys(["arcsin", "arccos", "arcsinh", "arccosh", "arctanh", "logaddexp"], 4),
    **dict.fromkeys(["gammaln", "digamma"], 8),
    "polygamma": 64,
}
# Near zeros that are no numbers these are known to the size of their terms alone.
CANCEL = ("gammaln", "digamma", "polygamma", "logaddexp")
EXACT = [name for name in NAMES if ULP[name] == 0]
BITWISE = [*EXACT, *reference.UNMASKED, "multiply_add"]  # all gates that have the engine's bits


def circuit_of(name):
    operands = (A, B, C)[: reference.arity(name)]
    return circuit(gate(name, *operands), wrt=operands)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("c")


@pytest.fixture(scope="module")
def gate_functions(folder):
    """A C function for each gate, all of one library."""
    made = {name: circuit_of(name) for name in NAMES}
    code = library("\n".join(f.to_c(f"gate_{name}") for name, f in made.items()), folder, "-O2")
    return {name: Function(code, f"gate_{name}", f) for name, f in made.items()}


def points(name):
    rng = np.random.default_rng(1)
    count = reference.arity(name)
    if count == 1:
        wide = 10.0 ** rng.uniform(-20, 3, 200) * rng.choice([-1, 1], 200)
        return [(x,) for x in np.concatenate([special("float64", rng), wide]).tolist()]
    edges = special("float64", rng, 0).tolist()
    together = list(itertools.product(edges, repeat=count))[:: 1 if count == 2 else 13]
    return [*together, *map(tuple, (rng.normal(size=(200, count)) * 3).tolist())]


def kind(x):
    """What must be equal even where values may differ: nan, infinite, 0, and the sign."""
    return ("nan",) if math.isnan(x) else (math.isinf(x), x == 0, math.copysign(1, x))


# Gates


@compiled
@pytest.mark.parametrize("name", NAMES)
def test_every_gate(name, gate_functions):
    """Like the engine on every edge, to the last bit where it is exact; near the true value."""
    worst = 0.0
    for point in points(name):
        value = float(gate_functions[name](point, slopes=False)[0][0])
        engine = core("float64").apply_gate(NUMBERS[name], *point, *[0.0] * (3 - len(point)))
        assert kind(value) == kind(engine), (point, value, engine)
        if name in EXACT:
            assert same(value, engine), (point, value, engine)
        elif math.isfinite(value) and value != 0 and all(map(math.isfinite, point)):
            true = reference.in_doubles(NUMBERS[name], *point)
            if true != 0:  # mpmath has no -0, which atan2 looks at
                unit = math.ulp(max(abs(true), 1.0)) if name in CANCEL else math.ulp(true)
                worst = max(worst, abs(abs(value) - abs(true)) / unit)
                assert worst <= ULP[name], (point, value, true)


@compiled
@pytest.mark.parametrize("name", NAMES)
def test_the_slopes_of_every_gate(name, gate_functions):
    """Like the engine's; to the last bit if no gate of value and slopes is one of the C library."""
    function = gate_functions[name]
    program = function.circuit.program("jacobian")
    used = {GATES[op] for op in program.gates[:, 0]}
    exact = name in EXACT and used <= {*BITWISE}
    for point in points(name):
        value, slopes = function(point)
        assert same(value, function(point, slopes=False)[0])
        _, expected = by_engine(function.circuit, point)
        if exact:
            assert same(slopes, expected), point
        tolerance = 1e-12 if name == "polygamma" else 1e-13
        np.testing.assert_allclose(slopes, expected, tolerance, 1e-300, err_msg=str(point))
    assert exact == (name in EXACT)


# Circuits


def random_circuit(seed, size, names, n_outputs=1):
    """Gates of gates of five inputs and some numbers: parameters a, b, c, data d and w[2]."""
    rng = random.Random(seed)
    made = [A, B, C, *variables("w", 2), variable("d"), 0.1, -2.5, 3.0]
    for _ in range(size):
        name = rng.choice(names)
        made.append(gate(name, *(rng.choice(made[-20:]) for _ in range(reference.arity(name)))))
    outputs = made[-1] if n_outputs == 1 else [rng.choice(made) for _ in range(n_outputs)]
    return circuit(outputs, wrt=[A, B, C])


def data_of(f, d, w):
    """Those of the values that the circuit has as data, in its order."""
    given = {"d": d, "w": w}
    return [given[name] for name in f.data]


seeds = st.integers(0, 2**32)
numbers = st.floats(-4, 4) | st.sampled_from([0.0, -0.0, INF, -INF, NAN, 1e300, 5e-324])
vectors = st.lists(numbers, min_size=3, max_size=3)
parts = st.sampled_from([None, (1, 10**6), (7, 10**6), (3, 0)])


def set_parts(monkeypatch, sizes):
    """As for a circuit of many gates, with parts of so many and so many numbers on the stack."""
    if sizes is not None:
        monkeypatch.setattr(c_source, "WHOLE", 0)
        monkeypatch.setattr(c_source, "PART", sizes[0])
        monkeypatch.setattr(c_source, "ON_STACK", sizes[1])


def work_of(source):
    found = re.search(r"work: room for (\d+) numbers", source)
    return int(found[1]) if found else 0


@compiled
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seeds, st.integers(1, 60), st.sampled_from([1, 1, 4]), vectors, vectors, parts)
def test_random_arithmetic_has_the_bits_of_the_engine(folder, seed, size, n, p, rest, sizes):
    f = random_circuit(seed, size, EXACT, n)
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_parts(monkeypatch, sizes)
        source = f.to_c("f")
    function = Function(library(source, folder, "-O1"), "f", f, work_of(source))
    data = data_of(f, rest[0], rest[1:])
    value, slopes = function(p, *data)
    expected_value, expected = by_engine(f, p, *data)
    assert same(value, expected_value)
    assert same(slopes, expected)
    assert same(function(p, *data, slopes=False)[0], expected_value)


@compiled
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(seeds, st.integers(1, 60), st.sampled_from([1, 1, 4]), vectors, vectors, parts)
def test_random_circuits_are_made_of_their_gates(
    folder, gate_functions, seed, size, n, p, rest, sizes
):
    """The bits of the exported gates, one after the other."""

    def one(op, *operands):
        operands = operands[: reference.arity(GATES[op])]
        if GATES[op] in reference.UNMASKED:  # of numbers C has it without a mask
            return reference.in_doubles(op, *operands)
        return float(gate_functions[GATES[op]](operands, slopes=False)[0][0])

    f = random_circuit(seed, size, NAMES, n)
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_parts(monkeypatch, sizes)
        source = f.to_c("f")
    function = Function(library(source, folder, "-O2"), "f", f, work_of(source))
    data = data_of(f, rest[0], rest[1:])
    value, slopes = function(p, *data)
    graph, outputs, _ = f._compiler.nodes("value_and_gradient")
    program = f._compiler.unfused_program(graph, outputs)
    inputs = [*p, *(float(x) for each in data for x in np.ravel(each))]
    assert same(np.concatenate([value, slopes]), np.array(reference.run(program, inputs, one)))


@compiled
def test_the_neuron_of_example_e(folder):
    a, b, c, x, y = variables("a b c x y")
    f = circuit(circuits.sigmoid(a * x + b * y + c), wrt=[a, b, c])
    source = f.to_c("neuron")
    assert (
        "double fastbp_neuron(const double *p, double x_, double y_, double *gradient)\n{" in source
    )
    value, slopes = Function(library(source, folder), "neuron", f)([1, 2, -3], -1, 3)
    assert abs(value[0] - 0.8807970779778823) < 3e-16
    assert slopes.round(9).tolist() == [-0.104993585, 0.314980756, 0.104993585]


@compiled
def test_what_compilers_do_by_themselves_changes_little(folder):
    """Fused products where the compiler may: the value of a long sum within its rounding."""
    x = variables("x", 40)
    f = circuit(circuits.dot(x, np.arange(1.0, 41)) + x[0] * x[1], wrt=[x])
    p = np.linspace(-1, 1, 40)
    path = c_functions.built(f.to_c("f"), folder, "-O3")
    value, slopes = Function(c_functions.ctypes.CDLL(str(path)), "f", f)(p)
    np.testing.assert_allclose(value[0], f(p), 1e-13)
    np.testing.assert_allclose(slopes, f.gradient(p), 1e-14)


@compiled
def test_a_long_circuit(folder):
    """A chain: nothing recurses, what the stack cannot hold lies in the room that is given."""
    x, b = variables("x b")
    e = x
    for _ in range(600):
        e = circuits.maximum(e * 1.0001 - b, -5.0)
    f = circuit(e, wrt=[x, b])
    source = f.to_c("chain")
    work = work_of(source)
    assert len(f._compiler.nodes("gradient").graph) > 1800
    assert source.count("static void fastbp_chain_part_") > 5
    assert (work > 0) == ("double *work" in source)
    function = Function(library(source, folder, "-O0"), "chain", f, work)
    for p in ([1.0, 0.001], [-4.0, 0.5]):
        value, slopes = function(p)
        expected_value, expected = by_engine(f, p)
        assert same(value, expected_value)
        assert same(slopes, expected)


def test_a_very_long_circuit_is_written():
    x = variable("x")
    e = x
    for _ in range(100_000):
        e = circuits.sin(e)
    source = circuit(e).to_c("chain")
    assert source.count("= sin(") == 100_000
    assert source.count("= cos(") == 100_000
    assert work_of(source) > 100_000


@compiled
def test_outputs_that_are_inputs_or_numbers(folder, monkeypatch):
    a, b, d = variables("a b d")
    f = circuit([[a, 2.5, d], [a * b, -INF, a]], wrt=[a, b])
    expected = [1, 0, 0, 0, 0, 0, 3, 2, 0, 0, 1, 0]
    for sizes in (None, (1, 10**6), (1, 0)):
        set_parts(monkeypatch, sizes)
        source = f.to_c("f")
        value, slopes = Function(library(source, folder), "f", f, work_of(source))([2, 3], 4)
        assert value.tolist() == [2, 2.5, 4, 6, -INF, 2]
        assert slopes.tolist() == expected
    assert "value[0] ... value[5]: the outputs, shape [2, 3], row by row." in source


@compiled
def test_inputs_that_nothing_reads(folder, monkeypatch):
    a, b = variables("a b")
    w = variables("w", 3)
    fs = [
        circuit(3.5, wrt=[a]), circuit([2.0, 3.0]), circuit(w[1] + 0 * w[0], wrt=[a]),
        circuit(b * b, wrt=[a]), circuit(a), circuit(w[2], wrt=[w[0]]),
    ]  # fmt: skip
    for sizes in (None, (1, 10**6)):
        set_parts(monkeypatch, sizes)
        code = library("".join(f.to_c(f"f{i}") for i, f in enumerate(fs)), folder)
        results = [
            Function(code, f"f{i}", f)(np.ones(f.n_parameters), *([5, 6, 7] if e.shape else 4.0
                                       for e in f._compiler.inputs.data))
            for i, f in enumerate(fs)
        ]  # fmt: skip
        assert [value.tolist() for value, _ in results] == [[3.5], [2, 3], [6], [16], [1], [4]]
        assert [slopes.tolist() for _, slopes in results] == [[0], [], [0], [0], [1], [0]]


NUMBERS_OF_ALL_KINDS = [
    0.0, -0.0, 1.0, -2.5, 0.1, 1 / 3, math.pi, 1e6, 123456.0625, 1e22, 1e-300,
    -1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, -5e-324, INF, -INF, NAN,
]  # fmt: skip


@compiled
def test_numbers_are_exact(folder):
    f = circuit(NUMBERS_OF_ALL_KINDS)
    value, _ = Function(library(f.to_c("f"), folder), "f", f)([])
    assert same(value, np.array(NUMBERS_OF_ALL_KINDS))


@compiled
@pytest.mark.skipif(not shutil.which("nm"), reason="no nm to list the symbols with")
def test_nothing_is_needed_but_the_mathematical_functions(folder, monkeypatch):
    for sizes in (None, (50, 10**6), (50, 0)):
        set_parts(monkeypatch, sizes)
        source = random_circuit(3, 300, NAMES).to_c("f")
        target = c_functions.built(source, folder, "-O2", "-fno-builtin", as_object=True)
        listing = subprocess.run(["nm", target], capture_output=True, text=True, check=True).stdout
        kinds = {line.split()[-1].lstrip("_"): line.split()[-2] for line in listing.splitlines()}
        needed = {name for name, letter in kinds.items() if letter == "U"}
        kept = {
            name for name, letter in kinds.items() if letter in "bBdDcC" and name[:7] == "fastbp_"
        }
        assert needed - {"GLOBAL_OFFSET_TABLE_", "stack_chk_fail"} <= MATHEMATICS
        assert kept <= {"fastbp_f_parts"}
        assert [name for name, letter in kinds.items() if letter == "T"] == ["fastbp_f"]
