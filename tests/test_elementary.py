"""Elementary functions on lanes against mpmath: every CPU level, precision, and range of floats."""

import math

import mpmath as mp
import numpy as np
import pytest
from elementary_calls import ORDERS, apply, dtypes, edges, inf, levels, nan

from fastbp._core import available_levels

mp.mp.prec = 160


def sigmoid(x):
    return mp.exp(x) / (1 + mp.exp(x)) if x < 0 else 1 / (1 + mp.exp(-x))


def sigmoid_slope(x):
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def softplus(x):
    return max(x, 0) + mp.log1p(mp.exp(-abs(x)))


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
    "tan": (mp.tan, 0.95),
    "sqrt": (mp.sqrt, 0.5),
    "sigmoid_slope": (sigmoid_slope, 2.3),
    "softplus": (softplus, 2.45),
    "gaussian": (lambda x: mp.exp(-x * x), 1.65),
    "pow": (lambda x, y: mp.exp(y * mp.log(x)), 0.85),
    "atan2": (mp.atan2, 0.85),
    "hypot": (lambda x, y: mp.sqrt(x * x + y * y), 1.25),
    "arcsin": (mp.asin, 1.75),
    "arccos": (mp.acos, 1.45),
    "arcsinh": (mp.asinh, 1.75),
    "arccosh": (mp.acosh, 2.1),
    "arctanh": (mp.atanh, 2.0),
    "gammaln": (mp.loggamma, 2.5),
    "digamma": (mp.digamma, 3.2),
    "trigamma": (lambda x: mp.psi(1, x), 4.0),
    "tetragamma": (lambda x: mp.psi(2, x), 5.0),
}
OF_TWO = ("pow", "atan2", "hypot")
# sqrt: for its zeros
ODD = ("expm1", "log1p", "tanh", "erf", "sin", "tan", "sqrt", "arcsin", "arcsinh", "arctanh")
# left end of the domain
LOWEST = {"log": 0.0, "log1p": -1.0, "sqrt": 0.0, "arccosh": 1.0, "arcsin": -1.0, "arccos": -1.0,
          "arctanh": -1.0, **dict.fromkeys(("gammaln", "digamma", *ORDERS), 0.0)}  # fmt: skip
HIGHEST = {"arcsin": 1.0, "arccos": 1.0, "arctanh": 1.0}

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
    "tan": (nan, nan),
    "sqrt": (nan, inf),
    "sigmoid_slope": (0.0, 0.0),
    "softplus": (0.0, inf),
    "gaussian": (0.0, 0.0),
    "arcsin": (nan, nan),
    "arccos": (nan, nan),
    "arcsinh": (-inf, inf),
    "arccosh": (nan, inf),
    "arctanh": (nan, nan),
    "gammaln": (inf, inf),
    "digamma": (nan, inf),
    "trigamma": (nan, 0.0),
    "tetragamma": (nan, -0.0),
}

functions = pytest.mark.parametrize("name", FUNCTIONS)


def samples(name, dtype, seed=0):
    """Operands all over the range of `name`: a tuple of one or two arrays."""
    rng = np.random.default_rng(seed)
    if name == "pow":
        return samples_of_pow(dtype, rng)
    if name in OF_TWO:
        return samples_of_a_plane(dtype, rng)
    return (samples_of_a_line(name, dtype, rng),)


def any_bits(dtype, rng, n):
    unsigned = np.uint64 if dtype == "float64" else np.uint32
    bits = rng.integers(0, np.iinfo(unsigned).max, n, dtype=unsigned, endpoint=True)
    return bits.view(dtype)[np.isfinite(bits.view(dtype))].astype(float)


def samples_of_a_line(name, dtype, rng):
    """Random bits, grids where the functions bend, edges of overflow and underflow."""
    info = np.finfo(dtype)
    any_float = any_bits(dtype, rng, 800)
    parts = [any_float, any_float[:200] * info.smallest_normal]
    parts += [scale * rng.uniform(-1, 1, 300) for scale in (0.1, 0.4, 1, 3, 10, 40, 100, 750)]
    parts += [np.exp(rng.uniform(-50, 10, 200)) * rng.choice([-1, 1], 200)]
    parts += [1 + 1e-3 * rng.uniform(-1, 1, 100), np.linspace(-2, 2, 257)]
    edges = [np.log(info.max), np.log(info.smallest_normal), np.log(info.smallest_subnormal)]
    for edge in edges:
        parts += [edge + rng.uniform(-1, 1, 60), edge * (1 + info.eps * np.arange(-4, 5))]
    if name in ("sin", "cos", "tan"):
        # the floats nearest to multiples of pi/2, also past the bound
        multiple = np.unique(np.exp(rng.uniform(0, 15, 400)).astype(int))
        parts += [np.array([float(k * mp.pi / 2) for k in multiple])]
    if name in LOWEST or name in HIGHEST:  # where branches begin and end, poles and zeros
        near = 10.0 ** rng.uniform(-16, 0, 300)
        parts += [1 + near, 1 - near, near - 1, 2 + near, 2 - near, rng.uniform(0, 13, 400)]
        parts += [1.4616321449683622 * (1 + 1e-3 * near), 3 + 1e-6 * near, 3 - 1e-6 * near]
    extremes = np.array([info.max, info.smallest_normal, info.smallest_subnormal])
    parts += [extremes, -extremes, 3 * extremes[2:]]
    with np.errstate(over="ignore"):
        x = np.concatenate([part.astype(dtype) for part in parts])
    x = x[np.isfinite(x) & (x > LOWEST.get(name, -inf)) & (x < HIGHEST.get(name, inf))]
    if name in ORDERS:  # beyond, what is small is lost on the way
        x = x[(x > 1e-12) & (x < 1e12)]
    return x[x != 1] if name == "gammaln" else x


def samples_of_pow(dtype, rng):
    """Bases x > 0, also near 1 and subnormal, and exponents for which the results are spread over
    the whole range and somewhat beyond."""
    info = np.finfo(dtype)
    widest = np.log(float(info.max))
    parts = [np.exp(rng.uniform(-widest, widest, 300)), np.exp(rng.uniform(-3, 3, 300))]
    parts += [1 + 0.01 * rng.uniform(-1, 1, 200), 1 + info.eps / 2 * rng.integers(-2000, 2000, 200)]
    parts += [abs(any_bits(dtype, rng, 200)) * info.smallest_normal]
    x = np.concatenate(parts).astype(dtype)
    x = x[(x > 0) & (x != 1)]
    log = np.log(x.astype(float)) * np.where(rng.random(x.size) < 0.3, widest, 1)
    y = (rng.uniform(-1.07, 1.01, x.size) * widest / log).astype(dtype)
    y[::20] = rng.integers(-40, 40, y[::20].size)
    return x, y


def samples_of_a_plane(dtype, rng):
    """Points in all directions, of all sizes, close to the axes, and with subnormal coordinates."""
    info = np.finfo(dtype)
    tiny = float(info.smallest_normal)
    n = 200
    wide = rng.normal(size=n) * 10 ** rng.uniform(-15, 15, n)
    any_float = any_bits(dtype, rng, n)
    m = any_float.size
    with np.errstate(over="ignore"):
        pairs = [
            rng.normal(size=(2, n)),
            (wide, wide * rng.uniform(-3, 3, n)),
            (wide, wide * 10 ** rng.uniform(-9, 9, n)),
            (any_float, any_bits(dtype, rng, 2 * n)[:m]),
            (any_float, any_float * rng.uniform(-3, 3, m)),
            (any_float * tiny, any_float * tiny * rng.uniform(-3, 3, m)),
            (any_float * tiny, any_float * tiny * 10 ** rng.uniform(0, 9, m)),
            rng.integers(-30, 30, (2, n)) * float(info.smallest_subnormal),
            rng.uniform(-1, 1, (2, n)) * float(info.max),
        ]
        x, y = (np.concatenate([pair[k] for pair in pairs]).astype(dtype) for k in (0, 1))
    usable = np.isfinite(x) & np.isfinite(y) & (x != 0)  # mpmath knows no signs of zeros
    return x[usable], y[usable]


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
    operands = samples(name, dtype)
    exact = [f(*map(mp.mpf, map(float, values))) for values in zip(*operands, strict=True)]
    for level in available_levels():
        errors = [
            error(got, want, dtype)
            for got, want in zip(apply(level, dtype, name, *operands), exact, strict=True)
        ]
        worst = int(np.argmax(errors))
        at = [x[worst] for x in operands]
        assert errors[worst] <= bound, f"{level}: {errors[worst]} ulp at {at!r}"


@levels
@dtypes
@pytest.mark.parametrize("name", AT_INFINITY)
def test_infinities_and_nan(name, dtype, level):
    got = apply(level, dtype, name, [-inf, inf, nan])
    np.testing.assert_array_equal(got, np.array([*AT_INFINITY[name], nan], dtype))


@levels
@dtypes
def test_edge_of_the_domain(dtype, level):
    for name, lowest in LOWEST.items():
        if name not in ("log", "log1p", "sqrt"):
            continue
        below = np.nextafter(np.dtype(dtype).type(lowest), np.dtype(dtype).type(-inf))
        got = apply(level, dtype, name, [lowest, -lowest, below, -2, -np.finfo(dtype).max])
        assert got[0] == (0 if name == "sqrt" else -inf)
        assert np.isnan(got[2:]).all()
    assert apply(level, dtype, "log", [-0.0])[0] == -inf


@levels
@dtypes
def test_ends_of_domains_and_poles(dtype, level):
    for name, at, want in [
        ("arcsin", [1, -1, 1.01, -2], [math.pi / 2, -math.pi / 2, nan, nan]),
        ("arccos", [1, -1, 1.01, -2], [0, math.pi, nan, nan]),
        ("arctanh", [1, -1, 1.01, -2], [inf, -inf, nan, nan]),
        ("arccosh", [1, 0.99, -1, -1e10], [0, nan, nan, nan]),
        ("gammaln", [0, -0.0, 1, 2, -1, -1e15], [inf, inf, 0, 0, inf, inf]),
        ("digamma", [0, -0.0, -1, -1e15], [-inf, inf, nan, nan]),
        ("trigamma", [0, -0.0, -1], [inf, inf, inf]),
    ]:
        got = apply(level, dtype, name, at)
        np.testing.assert_allclose(got, np.array(want, dtype), np.finfo(dtype).eps)
    orders = np.array([0, -1, 0.5, inf, nan, 171], dtype)
    assert np.isnan(apply(level, dtype, "polygamma", orders, np.ones(6))).all()


@levels
@dtypes
def test_gamma_functions_of_negative_numbers(dtype, level):
    """They have zeros between the poles: errors are measured in units of their terms."""
    rng = np.random.default_rng(3)
    x = -np.concatenate([rng.uniform(0, 20, 400), 10.0 ** rng.uniform(-11, 0, 100)]).astype(dtype)
    x = x[x != np.round(x)]
    exact = [mp.mpf(float(v)) for v in x]
    poles = [abs(v - mp.nint(v)) for v in exact]
    for name, of, size in [
        ("gammaln", lambda v: mp.log(abs(mp.gamma(v))), lambda r: 1 - mp.log(r)),
        ("digamma", mp.digamma, lambda r: 3 + 1 / r),
        ("trigamma", lambda v: mp.psi(1, v), lambda r: 1 / r**2),
        ("tetragamma", lambda v: mp.psi(2, v), lambda r: 2 / r**3),
    ]:
        got = apply(level, dtype, name, x)
        errors = [
            abs(mp.mpf(float(one)) - of(v)) / max(abs(of(v)), size(r))
            for one, v, r in zip(got, exact, poles, strict=True)
        ]
        assert max(errors) < 6 * np.finfo(dtype).eps, (name, x[int(np.argmax(errors))])


@levels
@dtypes
def test_whole_numbers_and_remainders_are_those_of_numpy(dtype, level):
    x, y = edges(dtype)
    half = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, -0.3], dtype)
    for name, of in [("floor", np.floor), ("round", np.rint)]:
        for values in (x, half):
            assert apply(level, dtype, name, values).tobytes() == of(values).tobytes()
    with np.errstate(all="ignore"):
        want = np.remainder(x, y)
    got = apply(level, dtype, "mod", x, y)
    np.testing.assert_array_equal(got, want)
    number = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


@levels
@dtypes
def test_logaddexp(dtype, level):
    rng = np.random.default_rng(4)
    x = (rng.normal(size=500) * 10.0 ** rng.uniform(-3, 3, 500)).astype(dtype)
    y = (x + rng.normal(size=500) * 10.0 ** rng.uniform(-3, 2, 500)).astype(dtype)
    for a, b, got in zip(x, y, apply(level, dtype, "logaddexp", x, y), strict=True):
        a, b = mp.mpf(float(a)), mp.mpf(float(b))
        want, larger = mp.log(mp.exp(a) + mp.exp(b)), max(a, b)
        error = abs(mp.mpf(float(got)) - want) / max(abs(larger), want - larger)
        assert error < 3.2 * np.finfo(dtype).eps
    x, y = edges(dtype)
    with np.errstate(all="ignore"):
        want = np.logaddexp(x, y)
    got = apply(level, dtype, "logaddexp", x, y)
    np.testing.assert_allclose(got, want, 4 * np.finfo(dtype).eps, 4 * np.finfo(dtype).eps)


@levels
@dtypes
@pytest.mark.parametrize("name", ODD)
def test_zero_keeps_its_sign_and_tiny_numbers_their_value(name, dtype, level):
    zero = apply(level, dtype, name, [0.0, -0.0])
    assert (zero == 0).all()
    assert list(np.signbit(zero)) == [False, True]
    if name not in ("erf", "sqrt"):
        tiny = np.finfo(dtype).smallest_subnormal * np.arange(-20, 21)
        np.testing.assert_array_equal(apply(level, dtype, name, tiny), tiny)


@levels
@dtypes
def test_exact_values(dtype, level):
    ones = np.ones(1, dtype)
    for name, x, want in [
        ("exp", 0, 1), ("cos", 0, 1), ("log", 1, 0), ("sigmoid", 0, 0.5), ("gaussian", 0, 1),
        ("sigmoid_slope", 0, 0.25), ("sqrt", 9, 3), ("sign", 7, 1), ("sign", -7, -1),
    ]:  # fmt: skip
        np.testing.assert_array_equal(apply(level, dtype, name, x * ones), want * ones)
    for name, x, y, want in [("pow", 3, 4, 81), ("pow", -2, -3, -0.125), ("hypot", 3, -4, 5)]:
        np.testing.assert_array_equal(apply(level, dtype, name, x * ones, y * ones), want * ones)


@levels
@dtypes
def test_sign(dtype, level):
    x, _ = edges(dtype)
    got = apply(level, dtype, "sign", x)
    np.testing.assert_array_equal(got, np.sign(x))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(x))


@levels
@dtypes
def test_sqrt_is_rounded_correctly(dtype, level):
    x = np.concatenate([samples("sqrt", dtype, seed)[0] for seed in range(2, 12)])
    np.testing.assert_array_equal(apply(level, dtype, "sqrt", x), np.sqrt(x))


@levels
@dtypes
def test_operands_of_two_shapes_are_an_error(dtype, level):
    with pytest.raises(ValueError, match=r"x has shape \(2,\), y has \(3,\)"):
        apply(level, dtype, "hypot", np.ones(2), np.ones(3))


@levels
@dtypes
@functions
def test_a_lane_does_not_depend_on_its_neighbours(name, dtype, level):
    operands = [x[:500] for x in samples(name, dtype, seed=1)]
    together = apply(level, dtype, name, *operands)
    alone = np.concatenate(
        [apply(level, dtype, name, *[x[k : k + 1] for x in operands]) for k in range(500)]
    )
    np.testing.assert_array_equal(together, alone)


@pytest.mark.skipif(not {"v3", "v4"} <= set(available_levels()), reason="needs a CPU of level v4")
@dtypes
@functions
def test_v3_and_v4_give_the_same_bits(name, dtype):
    several = [samples(name, dtype, seed) for seed in range(2, 12)]
    operands = [np.concatenate(parts) for parts in zip(*several, strict=True)]
    v3, v4 = (apply(level, dtype, name, *operands).tobytes() for level in ("v3", "v4"))
    assert v3 == v4
