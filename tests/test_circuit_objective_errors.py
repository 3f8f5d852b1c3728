"""Bad data and options of the objective of a circuit, and what is too large."""

import sys

import numpy as np
import pandas as pd
import pytest
from refusals import check

from fastbp import circuit, circuits, variables

A, B, X, Y = variables("a b x y")
W, V = variables("w", 3), variables("v", (2, 2))
PLAIN = circuit(A * circuits.tanh(B) + A * A)
FED = circuit(circuits.sigmoid(A * X + B) * Y + W @ W, wrt=[A, B, W])
VECTOR = circuit(A * circuits.sum(circuits.exp(V)), wrt=[A])
P5 = np.array([0.5, -0.25, 1, 2, 3])
M = 6
DATA = {"x": np.linspace(-1, 1, M), "y": np.arange(M)}


def bound(f=FED, options=None, **changed):
    return f.objective({**DATA, **changed}, **(options or {}))


# Objectives


def test_data_that_does_not_fit():
    nan, inf = np.array(DATA["x"]), np.array(DATA["x"])
    nan[4], inf[2] = np.nan, -np.inf
    samples = np.zeros((M, 2, 2))
    samples[3, 1, 0] = np.nan
    check(
        [
            (lambda: FED.objective(), TypeError, "the data x, y", 'data={"x": ..., "y": ...}'),
            (lambda: FED.objective({"x": 1}), TypeError, "the data y", 'name: data={"y": ...}'),
            (lambda: FED.objective(3), TypeError, "data must be a mapping", "got 3"),
            (lambda: FED.objective([("x", 1)]), TypeError, "data must be a mapping"),
            (lambda: FED.objective("xy"), TypeError, "data must be a mapping"),
            (lambda: bound(z=1), TypeError, "'z', which is no data", "x, y"),
            (lambda: bound(a=1), TypeError, "'a', which is no data", "x, y", "leave it out of wrt"),
            (lambda: PLAIN.objective({"a": 1}), TypeError, "'a', which is no data", "none"),
            (lambda: FED.objective({**DATA, 1: 1}), TypeError, "keys of data are names or var"),
            (lambda: FED.objective({**DATA, X + 1: 1}), TypeError, "keys of data", "x + 1"),
            (lambda: FED.objective({**DATA, A: 1}), TypeError, "'a', which is no data"),
            (lambda: bound(x=nan), ValueError, "x is nan at row 4 (counted", "leave that row out"),
            (lambda: bound(x=inf), ValueError, "x is -inf at row 2", "finite"),
            (lambda: bound(x=nan[::-1]), ValueError, "x is nan at row 1"),
            (lambda: bound(y=np.nan), ValueError, "y, the same for all samples, is nan", "finite"),
            (lambda: VECTOR.objective({"v": samples}), ValueError, "v is nan at row 3, column 2"),
            (lambda: bound(x=np.zeros(0)), ValueError, "not the same samples", "x has 0, y has 6"),
            (lambda: FED.objective({"x": [], "y": 1}), ValueError, "no samples"),
            (lambda: bound(x=np.zeros(M + 1)), ValueError, "x has 7, y has 6", "one row per"),
            (lambda: bound(x=np.zeros((M, 1))), ValueError, "x has shape (6, 1); expected"),
            (lambda: bound(x=DATA["x"] * 1j), TypeError, "x has dtype complex128", "np.real(x)"),
            (lambda: bound(x=["a"] * M), TypeError, "x has dtype <U1", "not text"),
            (lambda: bound(x=[None] * M), TypeError, "x has dtype object", "None at row 0"),
            (lambda: bound(x=np.full(M, A)), TypeError, "x has dtype object"),
            (lambda: bound(x=None), TypeError, "x has dtype object"),
            (lambda: bound(x=np.zeros(M, "m8[s]")), TypeError, "x has dtype timedelta64"),
            (lambda: bound(x=np.full(M, 1e300), options={"dtype": "float32"}), ValueError,
             "x is 1e+300 at row 0", "too large for float32"),
            (lambda: bound(x=np.ma.array(nan, mask=np.isnan(nan))), ValueError, "x is masked at"),
        ]
    )  # fmt: skip


def test_options_that_do_not_fit():
    def options(**given):
        return lambda: bound(options=given)

    nan, negative = np.ones(M), np.ones(M)
    nan[3], negative[2] = np.nan, -0.5
    check(
        [
            (options(reduction="max"), ValueError, "unknown reduction 'max'", "mean, sum"),
            (options(reduction=None), TypeError, "reduction must be a name, got None"),
            (options(dtype="float16"), ValueError, "dtype must be 'float64' or 'float32'"),
            (options(dtype="real"), ValueError, "dtype must be 'float64' or 'float32'"),
            (options(dtype=None), ValueError, "dtype must be", "None"),
            (options(dtype=int), ValueError, "dtype must be 'float64' or 'float32'"),
            (options(dtype=complex), ValueError, "dtype must be 'float64' or 'float32'"),
            (options(n_threads=0), ValueError, "n_threads must be an integer from 1"),
            (options(n_threads=-1), ValueError, "n_threads must be an integer from 1"),
            (options(n_threads=1.5), TypeError, "n_threads must be an integer from 1"),
            (options(n_threads=True), TypeError, "n_threads must be an integer from 1"),
            (options(sample_weight=negative), ValueError, "-0.5 at row 2", "weights >= 0"),
            (options(sample_weight=np.zeros(M)), ValueError, "0 for every sample", "> 0"),
            (options(sample_weight=nan), ValueError, "sample_weight is nan at row 3"),
            (options(sample_weight=nan * np.inf), ValueError, "sample_weight is inf at row 0"),
            (options(sample_weight=np.ones(M + 1)), ValueError, "(7,); expected (6,)"),
            (
                options(sample_weight=np.ones((M, 1))),
                ValueError,
                "(6, 1)",
                "np.ravel(sample_weight)",
            ),
            (options(sample_weight=2.0), ValueError, "sample_weight has shape ()"),
            (options(sample_weight=[None] * M), TypeError, "sample_weight has dtype object"),
            (options(sample_weight=np.ones(M) * 1j), TypeError, "complex128"),
            (options(sample_weight="balanced"), TypeError, "sample_weight has dtype"),
        ]
    )


def test_columns_of_a_frame_are_named():
    v = variables("v", 3)
    f = circuit(A * (v @ v), wrt=[A])
    frame = pd.DataFrame(np.eye(M)[:, :3], columns=[*"pqr"])
    assert f.objective({"v": frame})(2.0)[0] == 2 * 3 / M
    frame.loc[3, "r"] = np.nan
    check([(lambda: f.objective({"v": frame}), ValueError, "v is nan at row 3, column 2 'r'")])


def test_an_objective_after_an_error_is_as_before():
    objective = bound()
    want = objective(P5)[0]
    for p in (P5[:2], P5 * 1j, None, "p", [[1]], [None] * 5):
        for call in (objective, objective.fun, objective.jac, objective.cost):
            with pytest.raises((TypeError, ValueError)):
                call(p)
        for v in (p, P5):
            with pytest.raises((TypeError, ValueError)):
                objective.hessp(v, p)
    assert objective(P5)[0] == objective.fun(P5) == want


# Size


@pytest.mark.parametrize("shape", [2**31, 2**64, (2**16, 2**16), 10**30, (2**62, 4)])
def test_too_many_variables(shape):
    with pytest.raises(ValueError, match="lengths from 1 and at most 2147483647 elements"):
        variables("x", shape)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space differ elsewhere")
def test_what_does_not_fit_into_memory_is_a_memory_error():
    """A Hessian of 20 000 parameters has 400 million gates."""
    import os
    import subprocess
    from pathlib import Path

    import fastbp

    if "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("a sanitized build maps terabytes: no limit is small enough there")
    script = """
import resource
import numpy as np
from fastbp import circuit, circuits, variables
x = variables("x", 20_000)
e = circuits.sum(x) ** 5
f = circuit(e)
p = np.full(20_000, 1e-4)
value = f(p)
with open("/proc/self/statm") as file:
    mapped = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + 150_000_000, resource.RLIM_INFINITY))
try:
    f.hessian(p)
except MemoryError:
    pass
else:
    raise AssertionError("it fitted")
assert f(p) == value
assert abs(f.gradient(p)[0] - 5 * 2.0**4) < 1e-9
"""
    packages = str(Path(fastbp.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": packages},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
