"""First and second derivative of every gate, against mpmath."""

import itertools
import math

import gates_reference as reference
import pytest
from gates_reference import INF, NAN
from mpmath import mp, mpf

from fastbp import _recorder

DIGITS = 1600  # 1e-300 beside 1, with steps of 60 digits, twice


def derivatives_of(name, point, gate=reference.in_doubles, number=float, constants=()):
    """Value, gradient and Hessian of a gate at a point, by the rules of the recorder.

    Operands named in `constants` are numbers; their rows are left out.
    """
    variables = [_recorder.variable(f"x{i}") for i in range(len(point))]
    operands = [
        float(x) if i in constants else variable
        for i, (x, variable) in enumerate(zip(point, variables, strict=True))
    ]
    graph = _recorder.Graph(variables, reference.in_doubles)
    node = graph.add(_recorder.gate(name, *operands))
    wrt = [i for i in range(len(point)) if i not in constants]
    gradient = graph.gradient(node, wrt)
    hessian = [graph.gradient(g, wrt) for g in gradient]
    wanted = [node, *gradient, *joined(hessian)]
    values = reference.evaluate(graph, wanted, point, gate, number)
    k = len(wrt)
    rows = [values[1 + k + i * k : 1 + k + (i + 1) * k] for i in range(k)]
    return values[0], values[1 : 1 + k], rows


def joined(rows):
    return list(itertools.chain.from_iterable(rows))


def flat(gradient, hessian):
    return [*gradient, *joined(hessian)]


ORDINARY = {
    1: [(0.7,), (-0.4,), (1.9,), (0.03,), (3.5,)],
    2: [(0.7, 1.3), (2.5, -0.8), (1.1, 0.2), (0.3, 3.0), (1.5, -2.0)],
    3: [(1.0, 0.7, 1.3), (-2.0, 2.5, -0.8)],
}
POSITIVE = ("sqrt", "log", "power")
WITHIN = {"arcsin": (-1, 1), "arccos": (-1, 1), "arctanh": (-1, 1), "arccosh": (1, INF)}
OWN = {"round": [(0.7,), (-0.4,), (1.9,)],
       "polygamma": [(1, 0.7), (2, 1.3), (1, -0.4), (3, 5.5), (6, 2.5)]}  # fmt: skip
SMOOTH = [
    name for name in reference.GATES
    if name not in ("constant", "input", *reference.FUSED, *reference.COMPARISONS)
]  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_the_rules_are_right(name):
    """Computed with 200 digits, so that only the rules and their constants, doubles, can err."""
    for point in OWN.get(name, ORDINARY[reference.arity(name)]):
        lowest, highest = WITHIN.get(name, (-INF, INF))
        if (name in POSITIVE and point[0] <= 0) or not lowest < point[0] < highest:
            continue
        with mp.workdps(200):
            point = [mpf(x) for x in point]
            expected = reference.slopes(lambda *x: reference.value(name, *x), point)
            found = derivatives_of(name, point, reference.in_mpmath, mpf)
            for got, want in zip(flat(*found[1:]), flat(*expected[1:]), strict=True):
                error = abs(got - want)
                assert error <= mpf("1e-15") * abs(want) + mpf("1e-40"), (point, float(error))


TAILS = {
    "sqrt": [1e-300, 1e300, 5e-324],
    "exp": [-700, 700, 1e-300, -1e-9],
    "expm1": [-700, -30, 700, 1e-300, -1e-9],
    "log": [1e-300, 1e300, 5e-324, 1 + 1e-9],
    "log1p": [-1 + 1e-9, 1e-300, 1e300, -1e-9],
    "sin": [1e-300, 1e5, 1e22, 3.14159265],
    "cos": [1e-300, 1e5, 1e22, 1.57079632],
    "tan": [1e-300, 1e5, 1.57079632, 3.14159265],
    "tanh": [1e-300, 1e-9, 20, -20, 300, -350],
    "sigmoid": [1e-9, 40, -40, 700, -700],
    "softplus": [1e-9, 40, -40, 700, -700],
    "sigmoid_slope": [1e-9, 40, -40, 700, -700],
    "erf": [1e-300, 1e-9, 6, -6, 26],
    "gaussian": [1e-9, 6, -6, 26],
    "absolute": [5e-324, 1e300, -1e300],
    "relu": [5e-324, 1e300, -1e300, -5e-324],
    "divide": [(1e200, 1e150), (1e-200, 1e-100), (3, -1e-100), (1e-300, 7)],
    "power": [
        (1e-100, 3), (1e100, 2.5), (1e-100, -1.5), (2, 900), (2, -900), (0.5, 1000),
        (1 + 1e-9, 0.5), (-3, 5), (-3, -2), (7, 1e-9), (1e-300, 1), (3, 0), (1e50, 0),
    ],
    "hypot": [(3e200, 4e200), (1, 1e-9), (1e-9, 1), (-1e-200, 1e-200), (1e300, 1)],
    "atan2": [(1, 1e-9), (1e-9, 1), (-1e-100, 3e-100), (1e100, -2e100), (1e-9, -1)],
    "minimum": [(1, 1 + 1e-15), (1e300, -1e300)],
    "maximum": [(1, 1 + 1e-15), (1e300, -1e300)],
    "multiply": [(1e200, 1e-200), (5e-324, 2)],
    "arcsin": [1e-300, 1e-9, 1 - 1e-9, -1 + 1e-12],
    "arccos": [1e-300, 1e-9, 1 - 1e-9, -1 + 1e-12],
    "arcsinh": [1e-300, 1e-9, -1e9, 1e300, -1e-100],
    "arccosh": [1 + 1e-12, 1 + 1e-6, 1e9, 1e300],
    "arctanh": [1e-300, 1e-9, 1 - 1e-9, -1 + 1e-12],
    "one_minus_square": [1e-300, 1 - 1e-12, -1 - 1e-12, 1e100],
    "gammaln": [1e-300, 1e-9, 0.3, 1 + 1e-9, 1e9, 1e100, -0.5, -1e-9, -7.3],
    "digamma": [1e-100, 1e-9, 0.3, 1e9, 1e100, -0.5, -1e-9],
    "polygamma": [(1, 1e-50), (1, 1e9), (2, 1e-9), (1, -0.3), (5, 33.3)],
    "logaddexp": [(300, -300), (-300, 300), (1e-9, 2e-9), (-5, 700), (1e9, 1e9 + 1)],
    "mod": [(1e20, 7.5), (-1e-20, 3), (1e300, 1e280), (7.25, -2)],
}  # fmt: skip


@pytest.mark.parametrize("name", TAILS)
def test_derivatives_are_accurate_in_the_tails(name):
    """Relative to themselves, beside the rounding of doubles."""
    for point in TAILS[name]:
        point = point if isinstance(point, tuple) else (point,)
        with mp.workdps(DIGITS):
            want = reference.slopes(lambda *x: reference.value(name, *x), point)
        _, gradient, hessian = derivatives_of(name, point)
        pairs = zip(flat(gradient, hessian), flat(*want[1:]), strict=True)
        # The mixed slope of atan2 is a difference of squares, and those of a power by its exponent
        # have log(a) beside 1/b: they are measured against the largest of their kind.
        for number, (got, exact) in enumerate(pairs):
            if name == "power" and point[0] < 0 and number not in (0, 2):
                assert math.isnan(got), "a negative number to a power that is no integer"
                continue
            close(got, exact, 4e-14 * (1 + 30 * (name == "power")), (name, point, number))


def close(got, exact, tolerance, what):
    if abs(exact) < mpf(2) ** -1020:
        assert abs(got) <= 1e-305, what  # subnormal: fewer digits
    elif abs(exact) > mpf(1.7e308):
        assert math.isinf(got) or abs(got) > 1e308, what
        assert (got > 0) == (exact > 0), what
    else:
        assert abs(got / exact - 1) <= tolerance, (what, got, float(exact))


# (gate, operands): (gradient, Hessian); "any" is a point where no derivative exists.
ANY = "any"
EDGES = [
    ("negative", (INF,), [-1], [0]),
    ("absolute", (0.0,), [0], [0]),
    ("absolute", (-0.0,), [0], [0]),
    ("absolute", (INF,), [1], [0]),
    ("absolute", (-INF,), [-1], [0]),
    ("absolute", (NAN,), [NAN], ANY),
    ("sqrt", (0.0,), [INF], [-INF]),
    ("sqrt", (INF,), [0], [0]),
    ("sqrt", (-1.0,), [NAN], [NAN]),
    ("sqrt", (NAN,), [NAN], [NAN]),
    ("exp", (-INF,), [0], [0]),
    ("exp", (INF,), [INF], [INF]),
    ("exp", (800.0,), [INF], [INF]),
    ("exp", (NAN,), [NAN], [NAN]),
    ("expm1", (-INF,), [0], [0]),
    ("expm1", (INF,), [INF], [INF]),
    ("log", (0.0,), [INF], [-INF]),
    ("log", (INF,), [0], [0]),
    ("log", (-2.0,), [-0.5], [-0.25]),  # of the formula 1/x; the value is nan
    ("log", (NAN,), [NAN], [NAN]),
    ("log1p", (-1.0,), [INF], [-INF]),
    ("log1p", (INF,), [0], [0]),
    ("log1p", (NAN,), [NAN], [NAN]),
    ("sin", (INF,), [NAN], [NAN]),
    ("cos", (-INF,), [NAN], [NAN]),
    ("tan", (INF,), [NAN], [NAN]),
    ("tanh", (INF,), [0], [0]),
    ("tanh", (-INF,), [0], [0]),
    ("tanh", (1e308,), [0], [0]),
    ("tanh", (NAN,), [NAN], [NAN]),
    ("sigmoid", (INF,), [0], [0]),
    ("sigmoid", (-INF,), [0], [0]),
    ("sigmoid", (NAN,), [NAN], [NAN]),
    ("softplus", (INF,), [1], [0]),
    ("softplus", (-INF,), [0], [0]),
    ("softplus", (NAN,), [NAN], [NAN]),
    ("sigmoid_slope", (INF,), [0], [0]),
    ("sigmoid_slope", (-INF,), [0], [0]),
    ("relu", (0.0,), [0], [0]),
    ("relu", (-0.0,), [0], [0]),
    ("relu", (INF,), [1], [0]),
    ("relu", (-INF,), [0], [0]),
    ("relu", (NAN,), [0], [0]),  # as max(x, 0): a nan is not greater
    ("erf", (INF,), [0], [0]),
    ("erf", (-INF,), [0], [0]),
    ("erf", (1e200,), [0], [0]),
    ("erf", (NAN,), [NAN], [NAN]),
    ("gaussian", (INF,), [0], [0]),
    ("gaussian", (-INF,), [0], [0]),
    ("gaussian", (1e200,), [0], [0]),
    ("gaussian", (NAN,), [NAN], [NAN]),
    ("sign", (0.0,), [0], [0]),
    ("sign", (NAN,), [0], [0]),
    ("floor", (2.0,), [0], [0]),
    ("floor", (NAN,), [0], [0]),
    ("round", (2.5,), [0], [0]),
    ("round", (INF,), [0], [0]),
    ("arcsin", (1.0,), [INF], [INF]),
    ("arcsin", (-1.0,), [INF], [-INF]),
    ("arcsin", (1.5,), [NAN], [NAN]),
    ("arcsin", (NAN,), [NAN], [NAN]),
    ("arccos", (1.0,), [-INF], [-INF]),
    ("arccos", (-1.0,), [-INF], [INF]),
    ("arccos", (-2.0,), [NAN], [NAN]),
    ("arcsinh", (INF,), [0], [0]),
    ("arcsinh", (-INF,), [0], [0]),
    ("arcsinh", (0.0,), [1], [0]),
    ("arcsinh", (NAN,), [NAN], [NAN]),
    ("arccosh", (1.0,), [INF], [-INF]),
    ("arccosh", (INF,), [0], [0]),
    ("arccosh", (0.5,), [NAN], [NAN]),
    ("arctanh", (1.0,), [INF], [INF]),
    ("arctanh", (-1.0,), [INF], [-INF]),
    ("arctanh", (0.0,), [1], [0]),
    ("arctanh", (2.0,), [-1 / 3], [4 / 9]),  # of the formula 1/(1 - x**2); the value is nan
    ("arctanh", (NAN,), [NAN], [NAN]),
    ("one_minus_square", (1.0,), [-2], [-2]),
    ("gammaln", (0.0,), [-INF], [INF]),
    ("gammaln", (-0.0,), [INF], [INF]),
    ("gammaln", (-2.0,), [NAN], [INF]),
    ("gammaln", (INF,), [INF], [0]),
    ("gammaln", (-INF,), [NAN], [NAN]),
    ("gammaln", (NAN,), [NAN], [NAN]),
    ("digamma", (0.0,), [INF], [-INF]),
    ("digamma", (INF,), [0], [0]),
    ("digamma", (-3.0,), [INF], [-INF]),
    ("digamma", (NAN,), [NAN], [NAN]),
    ("mod", (5.5, 0.0), [1, NAN], [0, 0, 0, 0]),
    ("mod", (-1.0, 3.0), [1, 1], [0, 0, 0, 0]),
    ("mod", (6.0, 3.0), [1, -2], [0, 0, 0, 0]),
    ("mod", (1.0, INF), [1, 0], [0, 0, 0, 0]),
    ("mod", (NAN, 2.0), [1, NAN], [0, 0, 0, 0]),
    ("logaddexp", (2.0, 2.0), [0.5, 0.5], [0.25, -0.25, -0.25, 0.25]),
    ("logaddexp", (INF, 1.0), [1, 0], [0, 0, 0, 0]),
    ("logaddexp", (-INF, 1.0), [0, 1], [0, 0, 0, 0]),
    ("logaddexp", (-INF, -INF), [NAN, NAN], ANY),
    ("logaddexp", (NAN, 1.0), [NAN, NAN], ANY),
    ("polygamma", (1.0, 0.0), [0, -INF], ANY),
    ("polygamma", (1.0, INF), [0, 0], [0, 0, 0, 0]),
    ("polygamma", (1.0, NAN), [0, NAN], [0, 0, 0, NAN]),
    ("polygamma", (0.5, 1.0), [0, NAN], [0, 0, 0, NAN]),
    ("add", (INF, -INF), [1, 1], [0, 0, 0, 0]),
    ("subtract", (INF, INF), [1, -1], [0, 0, 0, 0]),
    ("multiply", (0.0, INF), [INF, 0], [0, 1, 1, 0]),
    ("multiply", (NAN, 2.0), [2, NAN], [0, 1, 1, 0]),
    ("masked_multiply", (0.0, INF), [INF, 0], [0, 1, 1, 0]),
    ("masked_multiply", (0.0, NAN), [NAN, 0], [0, 1, 1, 0]),
    ("masked_multiply", (INF, 0.0), [0, INF], [0, 1, 1, 0]),
    ("masked_product", (0.0, INF), [INF, 0], [0, 1, 1, 0]),
    ("masked_product", (NAN, 0.0), [0, NAN], [0, 1, 1, 0]),
    ("masked_divide", (0.0, 0.0), [INF, 0], ANY),
    ("masked_divide", (0.0, NAN), [NAN, 0], ANY),
    ("masked_divide", (1.0, 0.0), [INF, -INF], ANY),
    ("divide", (1.0, 0.0), [INF, -INF], ANY),
    ("divide", (0.0, 2.0), [0.5, 0], [0, -0.25, -0.25, 0]),
    ("divide", (1.0, INF), [0, 0], [0, 0, 0, 0]),
    ("divide", (INF, 2.0), [0.5, -INF], [0, -0.25, -0.25, INF]),
    ("power", (0.0, 0.0), [0, 0], ANY),
    ("power", (NAN, 0.0), [0, NAN], ANY),
    ("power", (INF, 0.0), [0, INF], ANY),
    ("power", (5e-324, 0.0), [0, math.log(5e-324)], ANY),
    ("power", (0.0, 3.0), [0, 0], [0, 0, 0, 0]),
    ("power", (0.0, 2.5), [0, 0], [0, 0, 0, 0]),
    ("power", (0.0, 2.0), [0, 0], [2, 0, 0, 0]),
    ("power", (0.0, 1.5), [0, 0], ANY),
    ("power", (0.0, 1.0), [1, 0], ANY),
    ("power", (0.0, 0.5), [INF, 0], ANY),
    ("power", (0.0, -1.0), [-INF, -INF], ANY),
    ("power", (INF, -2.0), [0, 0], [0, 0, 0, 0]),
    ("power", (INF, 2.0), [INF, INF], ANY),
    ("power", (-2.0, 3.0), [12, NAN], ANY),
    ("power", (-2.0, 0.5), [NAN, NAN], ANY),
    ("power", (2.0, -INF), [NAN, 0], ANY),  # inf * 0
    ("power", (2.0, 0.0), [0, math.log(2)], [0, 0.5, 0.5, math.log(2) ** 2]),
    ("minimum", (2.0, 2.0), [0, 1], [0, 0, 0, 0]),
    ("maximum", (2.0, 2.0), [0, 1], [0, 0, 0, 0]),
    ("minimum", (-INF, 1.0), [1, 0], [0, 0, 0, 0]),
    ("maximum", (INF, 1.0), [1, 0], [0, 0, 0, 0]),
    ("maximum", (INF, INF), [0, 1], [0, 0, 0, 0]),
    ("maximum", (NAN, 1.0), [0, 1], [0, 0, 0, 0]),  # a comparison with nan is false
    ("maximum", (0.0, -0.0), [0, 1], [0, 0, 0, 0]),
    ("hypot", (0.0, 0.0), [0, 0], ANY),
    ("hypot", (0.0, 2.0), [0, 1], [0.5, 0, 0, 0]),
    ("hypot", (1.0, INF), [0, NAN], ANY),  # inf / inf
    ("atan2", (0.0, 0.0), [0, 0], ANY),
    ("atan2", (0.0, 2.0), [0.5, 0], [0, -0.25, -0.25, 0]),
    ("atan2", (1.0, INF), [NAN, 0], ANY),
    ("select", (1.0, INF, NAN), [0, 1, 0], [0] * 9),
    ("select", (0.0, INF, NAN), [0, 0, 1], [0] * 9),
    ("select", (NAN, 3.0, 4.0), [0, 1, 0], [0] * 9),
    *((name, (1.0, 1.0), [0, 0], [0] * 4) for name in reference.COMPARISONS),
    *((name, (NAN, 1.0), [0, 0], [0] * 4) for name in reference.COMPARISONS),
]


def same(got, want):
    if math.isnan(want) or math.isinf(want):
        return math.isnan(got) if math.isnan(want) else got == want
    return abs(got - want) <= 1e-12 * abs(want)


@pytest.mark.parametrize(("name", "point", "gradient", "hessian"), EDGES, ids=repr)
def test_edges(name, point, gradient, hessian):
    found = derivatives_of(name, point)
    assert all(map(same, found[1], gradient)), found[1]
    if hessian is not ANY:
        assert all(map(same, joined(found[2]), hessian)), found[2]


def test_every_gate_has_its_edges_tested():
    assert {name for name, *_ in EDGES} == {*SMOOTH, *reference.COMPARISONS}


# Powers with a constant exponent are where most powers are; 0**0 has a slope there.
CONSTANT_EXPONENTS = [
    (0.0, 0.0, 0, 0),
    (NAN, 0.0, 0, 0),
    (0.0, 1.0, 1, 0),
    (0.0, 2.0, 0, 2),
    (0.0, 3.0, 0, 0),
    (0.0, 0.5, INF, -INF),
    (0.0, 1.5, 0, INF),
    (-2.0, 2.0, -4, 2),
    (-2.0, 5.0, 80, -160),
    (-2.0, -1.0, -0.25, -0.25),
    (-2.0, -3.0, -3 / 16, -12 / 32),
    (-2.0, 0.5, NAN, NAN),
    (INF, 2.0, INF, 2),
    (INF, -2.0, 0, 0),
    (INF, 0.5, 0, 0),
    (1e-200, 4.0, 0, 0),
]


@pytest.mark.parametrize(("base", "exponent", "first", "second"), CONSTANT_EXPONENTS)
def test_powers_with_a_constant_exponent(base, exponent, first, second):
    value, gradient, hessian = derivatives_of("power", (base, exponent), constants={1})
    with mp.workdps(40):
        want = float(reference.value("power", mpf(base), mpf(exponent)))
    assert same(value, want)
    assert same(gradient[0], first)
    assert same(hessian[0][0], second)


@pytest.mark.parametrize(
    ("base", "exponent", "first", "second"),
    [
        (2.0, 3.0, 8 * math.log(2), 8 * math.log(2) ** 2),
        (2.0, -INF, 0, 0),
        (0.0, 2.0, 0, 0),
        (0.0, 0.0, 0, 0),
        (1.0, INF, 0, 0),
        (-2.0, 2.0, NAN, NAN),
    ],
)
def test_powers_with_a_constant_base(base, exponent, first, second):
    _, gradient, hessian = derivatives_of("power", (base, exponent), constants={0})
    assert same(gradient[0], first)
    assert same(hessian[0][0], second)


def test_a_constant_never_has_the_slope_of_a_tie():
    for name in ("maximum", "minimum"):
        for constant in (0, 1):
            _, gradient, hessian = derivatives_of(name, (0.0, 0.0), constants={constant})
            assert gradient == [0.0]
            assert hessian == [[0.0]]


def test_the_slope_of_maximum_with_0_is_that_of_relu():
    for x in (-1.5, -0.0, 0.0, 5e-324, 2.0, INF, NAN):
        of_maximum = derivatives_of("maximum", (0.0, x), constants={0})
        assert repr(of_maximum) == repr(derivatives_of("relu", (x,)))
