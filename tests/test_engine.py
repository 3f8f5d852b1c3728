"""The compiled engine against the reference: cost, gradient and forward over the whole table.

The CPU level is the one that FASTBP_CPU chooses; run the file once for each level.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import oracle
import pytest
from chains import dense_chain
from oracle import Oracle, numbers
from problems import (
    DTYPES,
    LARGE,
    SAMPLES,
    WIDE,
    WIDTHS,
    Case,
    hidden_names,
    name_of,
    needs_classes,
    pairs,
    table,
)

import fastbp
from fastbp._core import available_levels, core

# Each of these widths and samples is more work than one thread should do alone.
THREADED = [
    ("squared_error", "identity", "tanh", (30, 20, 20, 1), 20011),
    ("cross_entropy", "softmax", "sigmoid", (64, 25, 10), 8193),
    ("huber", "softplus", "gelu", (150, 70, 33), 2049),
    ("cross_entropy", "softmax", "relu", *LARGE[0]),
    ("squared_error", "identity", "tanh", *LARGE[1]),
]
TABLE = [settings for dtype in DTYPES for settings in table(dtype)]
PAIRS = list(pairs())
BOTH = pytest.mark.parametrize("dtype", DTYPES)


def test_reference_knows_every_row():
    for dtype in DTYPES:
        assert set(core(dtype).ACTIVATIONS) - {"softmax"} == set(oracle.ACTIVATIONS)
        special = {loss for loss, _ in oracle.OF_PREACTIVATION}
        assert set(core(dtype).LOSSES) == set(oracle.OF_OUTPUT) | special


@pytest.mark.parametrize("settings", TABLE, ids=name_of)
def test_table(settings):
    assert max(Case(**settings).deviations()) <= 1


@BOTH
@pytest.mark.parametrize("m", SAMPLES)
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize(
    ("loss", "output", "hidden"),
    [("squared_error", "tanh", "sigmoid"), ("log_cosh", "identity", "relu")],
)
def test_shapes(loss, output, hidden, widths, m, dtype):
    assert max(Case(loss, output, hidden, widths, m, dtype).deviations()) <= 1


@BOTH
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize(("widths", "m"), LARGE, ids=str)
def test_large(widths, m, mean, dtype):
    shape = "squared_error", "identity", "tanh", widths, m, dtype
    case = Case(*shape, mean=mean, weighted=mean, kind=1)
    # Sums of float64 have room enough in the tolerance, and longdouble would take a minute.
    assert max(case.deviations(np.float64)) < 1


@BOTH
@pytest.mark.parametrize("m", SAMPLES)
@pytest.mark.parametrize("widths", WIDE, ids=str)
@pytest.mark.parametrize("hidden", ["silu", "relu"])  # z kept, and not
def test_wide(hidden, widths, m, dtype):
    case = Case("squared_error", "identity", hidden, widths, m, dtype, kind=1)
    assert max(case.deviations(np.float64)) < 1


@pytest.mark.parametrize("n", range(len(PAIRS)), ids=lambda n: "-".join(PAIRS[n]))
def test_exactly(n):
    """Against 50 digits, in float64; every pair, and each hidden activation several times."""
    hidden = hidden_names()[n % len(hidden_names())]
    settings = Case(*PAIRS[n], hidden, (3, 7, 2), 5, "float64", weighted=n % 2 == 0, kind=n)
    assert max(settings.deviations(object)) <= 1


@BOTH
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("l2", [0.0, 3.0])
def test_options(l2, mean, weighted, dtype):
    settings = Case(
        *("cross_entropy", "sigmoid", "silu", (7, 5, 4), 129, dtype),
        l2=l2,
        mean=mean,
        weighted=weighted,
    )
    assert max(settings.deviations()) <= 1


@BOTH
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_large_preactivations(loss, output, dtype):
    """One sample, |z| up to 800: finite, and cost and gradient those of 50 digits."""
    k = 3 if needs_classes(loss, output) else 1
    eps = np.finfo(dtype).eps
    sizes = np.array([1e-8, 1e-3, 0.3, 1.7, 5, 8.5, 17, 36.1, 39.9, 88, 104, 700, 745, 800])
    for z in np.concatenate([-sizes, sizes]).astype(dtype):
        size = {"poisson": z, "gamma": -z}.get(loss, 0) if output == "identity" else 0
        if size > np.log(np.finfo(dtype).max) - 1 or (loss == "gamma" and k > 1):
            continue  # exp(z), or exp(-z), is infinite by definition; gamma takes no one-hot rows
        label = int(z * 100) % k
        y = np.array([[0.25]]) if k == 1 else oracle.one_hot(np.array([label]), k, loss)
        y = np.sign(y) if loss in oracle.SIGNED else y
        theta = np.stack([np.zeros(k), np.array([1, -0.5, 0.25])[:k]], axis=1).ravel()
        reference = Oracle((1, k), (output,), loss, np.array([[z]]), y)
        if reference.distance_to_kink(theta) < 4 * eps:
            continue  # rounding may take either side
        chain = dense_chain(core(dtype), (1, k), (output,), loss)
        problem = core(dtype).BoundNetwork(
            chain, reference.X, None, y.astype(dtype), None, 0.0, True, 1
        )
        cost, gradient = problem.evaluate(theta, True)
        true_cost, true_gradient = reference.cost_and_gradient(theta, object)
        # g' = a(1 - a) and delta = a - y lose their last bits where they vanish: eps at most.
        rounding = 16 * eps * (1 + np.abs(y).max())
        assert abs(cost - true_cost) <= 40 * eps * abs(true_cost) + rounding, z
        scale = np.tile([1, abs(float(z))], k)
        error = np.abs(gradient - true_gradient)
        assert np.all(error <= 40 * eps * np.abs(true_gradient) + rounding * scale), z


@BOTH
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", hidden_names())
def test_activations(name, order, dtype):
    z = np.concatenate([np.linspace(-30, 30, 301), [-800, -100, 100, 800]]).astype(dtype)
    f = numbers(object)
    exact = oracle.ACTIVATIONS[name][order](f, f.array(z)).astype(np.float64)
    value = core(dtype).apply_activation(name, z, order)
    assert value.dtype == dtype
    tolerance = 32 * np.finfo(dtype).eps
    np.testing.assert_allclose(value, exact, rtol=tolerance, atol=tolerance)


@BOTH
@pytest.mark.parametrize("output", core("float64").ACTIVATIONS)
def test_forward(output, dtype):
    for widths in [(7, 3), (33, 7, 33), (1, 7, 1, 5)]:
        case = Case("squared_error", output, "tanh", widths, 129, dtype)
        o = case.oracle
        arguments = case.chain(), case.theta, o.X
        value = core(dtype).forward(*arguments, 1)
        assert value.dtype == dtype
        assert value.shape == (129, widths[-1])
        exact = o.forward(case.theta).astype(np.float64)
        tolerance = 100 * np.finfo(dtype).eps
        np.testing.assert_allclose(value, exact, rtol=tolerance, atol=tolerance)
        assert np.array_equal(core(dtype).forward(*arguments, 4), value)


@BOTH
@pytest.mark.parametrize("settings", THREADED, ids=lambda settings: str(settings[3]))
def test_threads_do_not_change_a_bit(settings, dtype):
    case = Case(*settings, dtype, weighted=True, kind=1)
    alone = case.bits(1)
    for n_threads in range(1, 9):
        problem = case.problem(n_threads)
        for _ in range(1 if settings[3:] in LARGE else 3):
            cost, gradient = problem.evaluate(case.theta, True)
            assert np.append(gradient, cost).tobytes() == alone, n_threads
    o = case.oracle
    forward = [case.core.forward(case.chain(), case.theta, o.X, n).tobytes() for n in (1, 2, 7)]
    assert forward[0] == forward[1] == forward[2]
    relative = 1e-12 if dtype == "float64" else 2e-6
    kind = np.float64 if settings[3:] in LARGE else np.longdouble
    assert abs(case.evaluate()[0] / float(o.cost(case.theta, kind)) - 1) < relative


@pytest.mark.parametrize("m", [1 << 20, 999_999, 20011, 8193])
def test_float32_sums_in_double(m):
    """A million equal terms: a float32 sum over them all would be off by a hundredth. Where tiles
    are no whole groups, the last ones of a chunk count too."""
    X, targets = np.full((m, 1), 0.1, np.float32), np.zeros((m, 1), np.float32)
    chain = dense_chain(core("float32"), (1, 1), ("identity",), "squared_error")
    problem = core("float32").BoundNetwork(chain, X, None, targets, None, 0.0, False, 2)
    cost, gradient = problem.evaluate(np.array([0.0, 1.0]), True)
    x = float(np.float32(0.1))
    np.testing.assert_allclose(cost, m * x * x / 2, rtol=1e-5)
    np.testing.assert_allclose(gradient, [m * x, m * x * x], rtol=1e-5)


@BOTH
@pytest.mark.parametrize("m", [1, 5, 129, 1001])
def test_row_strides(m, dtype):
    """Other layouts of the same numbers give the same bits; only columns need be contiguous."""
    case = Case("cross_entropy", "softmax", "tanh", (9, 7, 3), m, dtype)
    X = case.oracle.X
    want = case.bits(3)
    wide = np.full((m, 20), np.nan, dtype)
    for start in (0, 1, 11):
        view = wide[:, start : start + 9]
        view[:] = X
        assert case.bits(3, view) == want
        wide[:] = np.nan
    apart = np.full((3 * m, 9), np.nan, dtype)
    apart[::3] = X
    assert case.bits(3, apart[::3]) == want
    backward = np.ascontiguousarray(X[::-1])[::-1]
    assert case.bits(3, backward) == want
    frozen = X.copy()
    frozen.setflags(write=False)
    assert case.bits(3, frozen) == want


@BOTH
def test_repeated_row(dtype):
    """A row stride of zero: the same sample m times."""
    case = Case("squared_error", "identity", "tanh", (9, 7, 3), 70, dtype)
    same = np.broadcast_to(case.oracle.X[0], (70, 9))
    assert case.bits(2, same) == case.bits(2, np.ascontiguousarray(same))


@BOTH
@pytest.mark.parametrize("n", range(len(PAIRS)), ids=lambda n: "-".join(PAIRS[n]))
def test_not_finite_theta(n, dtype):
    """NaN anywhere makes the cost NaN; infinity gives what the formulas give."""
    for name in hidden_names()[n % 4 :: 4]:
        case = Case(*PAIRS[n], name, (3, 4, 3), 5, dtype, l2=0.0, kind=n)
        problem = case.problem()
        for place in (0, 5, 17, -1):
            theta = case.theta.copy()
            theta[place] = np.nan
            cost, gradient = problem.evaluate(theta, True)
            assert np.isnan(cost), (name, place)
            assert gradient.shape == theta.shape
            for value in (np.inf, -np.inf):
                theta[place] = value
                with np.errstate(all="ignore"):
                    expected = case.oracle.cost(theta, np.float64)
                cost, gradient = problem.evaluate(theta, True)
                assert isinstance(cost, float)
                assert gradient.shape == theta.shape
                if np.isfinite(expected):
                    np.testing.assert_allclose(cost, expected, rtol=1e-5, atol=1e-5)
                else:
                    assert not np.isfinite(cost), (name, place, value)


@BOTH
def test_results_are_fresh(dtype):
    case = Case("squared_error", "identity", "tanh", (3, 4, 2), 40, dtype)
    theta, problem = case.theta.copy(), case.problem()
    cost, first = problem.evaluate(theta, True)
    assert type(cost) is float
    assert first.dtype == np.float64
    assert first.ndim == 1
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert first.flags.owndata
    kept = first.copy()
    again, second = problem.evaluate(theta, True)
    assert not np.shares_memory(first, second)
    first[:] = 0
    np.testing.assert_array_equal(second, kept)
    only, nothing = problem.evaluate(theta, False)
    assert nothing is None
    assert only == cost == again
    np.testing.assert_array_equal(theta, case.theta)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda theta: theta[:-1],
        lambda theta: np.append(theta, 0.0),
        lambda theta: theta.astype(np.float32),
        lambda theta: theta.astype(complex),
        lambda theta: theta.reshape(1, -1),
        lambda theta: np.repeat(theta, 2)[::2],
        lambda theta: theta.tolist(),
        lambda theta: None,
    ],
)
def test_another_theta_is_not_read(spoil):
    """None is the answer, and the caller converts it or says what is wrong with it."""
    case = Case("squared_error", "identity", "tanh", (3, 4, 2), 40, "float64")
    assert case.problem().evaluate(spoil(case.theta), True) is None


@BOTH
def test_python_threads_share_a_problem(dtype):
    case = Case(*THREADED[1][:4], 3000, dtype)
    problem, want = case.problem(2), case.bits(1)

    def run(_):
        cost, gradient = problem.evaluate(case.theta, True)
        return np.append(gradient, cost).tobytes() == want

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(80)))


@pytest.mark.skipif(not {"v3", "v4"} <= set(available_levels()), reason="needs v3 and v4")
def test_v3_and_v4_give_the_same_bits():
    here = Path(__file__).parent
    package = str(Path(fastbp.__file__).parents[1])  # the one this process has
    running = [
        subprocess.Popen(
            [sys.executable, str(here / "bits.py")],
            env={**os.environ, "FASTBP_CPU": level, "PYTHONPATH": package},
            stdout=subprocess.PIPE,
        )
        for level in ("v3", "v4")
    ]
    v3, v4 = (json.loads(process.communicate()[0]) for process in running)
    assert all(process.returncode == 0 for process in running)
    different = [name for name in v3 if v3[name] != v4[name]]
    assert v3.keys() == v4.keys()
    assert len(v3) > 1000
    assert different == []
