"""Elementary functions on lanes against mpmath: every CPU level, precision, and range of floats."""

from importlib import import_module

import mpmath as mp
import numpy as np
import pytest

from fastbp._core import PRECISIONS, available_levels

mp.mp.prec = 160


def sigmoid(x):
    return mp.exp(x) / (1 + mp.exp(x)) if x < 0 else 1 / (1 + mp.exp(-x))


# name: (exact function, largest error allowed in units in the last place)
FUNCTIONS = {
    "exp": (mp.exp, 1.15),
    "expm1": (mp.expm1, 1.8),
    "log": (mp.log, 0.85),
    "log1p": (mp.log1p, 1.45),
    "tanh": (mp.tanh, 2.1),
    "sigmoid": (sigmoid, 2.25),
    "erf": (mp.erf, 1.35),
    "sin": (mp.sin, 0.85),
    "cos": (mp.cos, 0.85),
}
ODD = ("expm1", "log1p", "tanh", "erf", "sin")
LOWEST = {"log": 0.0, "log1p": -1.0}  # left end of the domain, where the function is -inf

inf, nan = float("inf"), float("nan")
AT_INFINITY = {  # f(-inf), f(inf)
    "exp": (0.0, inf),
    "expm1": (-1.0, inf),
    "log": (nan, inf),
    "log1p": (nan, inf),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "erf": (-1.0, 1.0),
    "sin": (nan, nan),
    "cos": (nan, nan),
}

levels = pytest.mark.parametrize("level", available_levels())
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])
functions = pytest.mark.parametrize("name", FUNCTIONS)


def apply(level, dtype, name, x):
    engine = import_module(f"fastbp._core.{PRECISIONS[dtype]}_{level}")
    return engine.apply_elementary(name, np.asarray(x, dtype))


def samples(name, dtype, seed=0):
    """Random bits, grids where the functions bend, edges of overflow and underflow."""
    rng = np.random.default_rng(seed)
    info = np.finfo(dtype)
    unsigned = np.uint64 if dtype == "float64" else np.uint32
    bits = rng.integers(0, np.iinfo(unsigned).max, 800, dtype=unsigned, endpoint=True)
    any_float = bits.view(dtype)[np.isfinite(bits.view(dtype))]
    parts = [any_float, any_float[:200] * info.smallest_normal]
    parts += [scale * rng.uniform(-1, 1, 300) for scale in (0.1, 0.4, 1, 3, 10, 40, 100, 750)]
    parts += [np.exp(rng.uniform(-50, 10, 200)) * rng.choice([-1, 1], 200)]
    parts += [1 + 1e-3 * rng.uniform(-1, 1, 100), np.linspace(-2, 2, 257)]
    edges = [np.log(info.max), np.log(info.smallest_normal), np.log(info.smallest_subnormal)]
    for edge in edges:
        parts += [edge + rng.uniform(-1, 1, 60), edge * (1 + info.eps * np.arange(-4, 5))]
    if name in ("sin", "cos"):  # the floats nearest to multiples of pi/2, also past the bound
        multiple = np.unique(np.exp(rng.uniform(0, 15, 400)).astype(int))
        parts += [np.array([float(k * mp.pi / 2) for k in multiple])]
    extremes = np.array([info.max, info.smallest_normal, info.smallest_subnormal])
    parts += [extremes, -extremes, 3 * extremes[2:]]
    with np.errstate(over="ignore"):
        x = np.concatenate([part.astype(dtype) for part in parts])
    return x[np.isfinite(x) & (x > LOWEST.get(name, -inf))]


def error(got, exact, dtype):
    """|got - exact| in units in the last place of exact; inf counts as the next power of two."""
    info = np.finfo(dtype)
    top = mp.ldexp(1, info.maxexp)
    if np.isnan(got):
        return inf
    got = mp.sign(got) * top if np.isinf(got) else mp.mpf(float(got))
    exact = max(-top, min(top, exact))
    exponent = int(mp.floor(mp.log(abs(exact), 2))) if exact else info.minexp
    exponent = min(max(exponent, info.minexp), info.maxexp - 1)
    return float(abs(got - exact) / mp.ldexp(1, exponent - info.nmant))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@functions
def test_error_in_units_in_the_last_place(name, dtype):
    f, bound = FUNCTIONS[name]
    x = samples(name, dtype)
    exact = [f(mp.mpf(float(v))) for v in x]
    for level in available_levels():
        errors = [
            error(got, want, dtype)
            for got, want in zip(apply(level, dtype, name, x), exact, strict=True)
        ]
        worst = int(np.argmax(errors))
        assert errors[worst] <= bound, f"{level}: {errors[worst]} ulp at {x[worst]!r}"


@levels
@dtypes
@functions
def test_infinities_and_nan(name, dtype, level):
    got = apply(level, dtype, name, [-inf, inf, nan])
    np.testing.assert_array_equal(got, np.array([*AT_INFINITY[name], nan], dtype))


@levels
@dtypes
def test_edge_of_the_domain(dtype, level):
    for name, lowest in LOWEST.items():
        below = np.nextafter(np.dtype(dtype).type(lowest), np.dtype(dtype).type(-inf))
        got = apply(level, dtype, name, [lowest, -lowest, below, -2, -np.finfo(dtype).max])
        assert got[0] == -inf
        assert np.isnan(got[2:]).all()
    assert apply(level, dtype, "log", [-0.0])[0] == -inf


@levels
@dtypes
@pytest.mark.parametrize("name", ODD)
def test_zero_keeps_its_sign_and_tiny_numbers_their_value(name, dtype, level):
    zero = apply(level, dtype, name, [0.0, -0.0])
    assert (zero == 0).all()
    assert list(np.signbit(zero)) == [False, True]
    if name != "erf":
        tiny = np.finfo(dtype).smallest_subnormal * np.arange(-20, 21)
        np.testing.assert_array_equal(apply(level, dtype, name, tiny), tiny)


@levels
@dtypes
def test_exact_values(dtype, level):
    ones = np.ones(1, dtype)
    for name, x, want in [("exp", 0, 1), ("cos", 0, 1), ("log", 1, 0), ("sigmoid", 0, 0.5)]:
        np.testing.assert_array_equal(apply(level, dtype, name, x * ones), want * ones)


@levels
@dtypes
@functions
def test_a_lane_does_not_depend_on_its_neighbours(name, dtype, level):
    x = samples(name, dtype, seed=1)[:500]
    together = apply(level, dtype, name, x)
    alone = np.concatenate([apply(level, dtype, name, x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.skipif(not {"v3", "v4"} <= set(available_levels()), reason="needs a CPU of level v4")
@dtypes
@functions
def test_v3_and_v4_give_the_same_bits(name, dtype):
    x = np.concatenate([samples(name, dtype, seed) for seed in range(2, 12)])
    v3, v4 = (apply(level, dtype, name, x).tobytes() for level in ("v3", "v4"))
    assert v3 == v4
