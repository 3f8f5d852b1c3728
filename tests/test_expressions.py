"""Expressions as people write them: operators, functions, arrays, NumPy's protocols, errors."""

import copy
import math
import operator
import pickle
from fractions import Fraction

import gates_reference as reference
import numpy as np
import pytest
from recorded import INPUTS, POINT, X, a, b, c, value, x

from fastbp import _recorder, circuits
from fastbp._recorder import Expression, Graph
from fastbp.circuits import ExpressionArray
from fastbp.circuits.new_variables import variable, variables

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.lt, operator.le,
    operator.gt, operator.ge, operator.eq, operator.ne, lambda p, q: abs(p) ** q,
]  # fmt: skip
SCALARS = [3, 2.5, -0.0, np.float64(1.5), np.float32(0.25), np.int8(-3), np.array(2.0), math.inf]


@pytest.mark.parametrize("function", BINARY)
@pytest.mark.parametrize("number", SCALARS, ids=repr)
def test_operators_with_numbers_on_both_sides(function, number):
    with np.errstate(all="ignore"):
        for got, want in [
            (function(a, number), function(POINT["a"], np.float64(number))),
            (function(number, a), function(np.float64(number), POINT["a"])),
        ]:
            assert type(got) is Expression
            assert value(got) == pytest.approx(float(want), rel=1e-15, nan_ok=True)


@pytest.mark.parametrize("function", BINARY)
def test_operators_of_two_expressions(function):
    assert value(function(a, c)) == pytest.approx(float(function(POINT["a"], POINT["c"])))


def test_unary_operators():
    assert value(-a) == -0.7
    assert value(abs(b)) == 1.3
    assert +a is a


def test_what_an_expression_is_made_of():
    e = circuits.where(a < 2, b, 3)
    assert e.op == "select"
    assert e.left.op == "less"
    assert e.right is b
    assert (e.third.op, e.third.value, e.third.left) == ("constant", 3.0, None)
    assert (a.name, a.op, a.left, a.value, a.vector, a.index) == ("a", "input", *[None] * 4)
    assert (x[3].name, x[3].vector.name, x[3].vector.shape, x[3].index) == ("x[3]", "x", (5,), 3)
    assert ((a + b).name, (-a).right) == (None, None)
    W = variables("W", (3, 2))
    assert [e.name for e in W[2]] == ["W[2,0]", "W[2,1]"]
    assert W[2, 1].index == 5
    assert W[0, 0].vector is W[2, 1].vector


REPR = [
    (a - (b - c), "a - (b - c)"),
    ((a - b) - c, "a - b - c"),
    (a + (b + c), "a + (b + c)"),
    (a / (b * c), "a/(b*c)"),
    (-(a + b) * 2, "-(a + b)*2"),
    ((a**b) ** c, "(a**b)**c"),
    (a ** (b**c), "a**b**c"),
    ((-a) ** 2.5, "(-a)**2.5"),
    (2 ** (-a), "2**(-a)"),
    (a * -3, "a*-3"),
    ((a < b) == (c >= 1), "(a < b) == (1 <= c)"),
    (circuits.where(a != 0, abs(b), math.inf), "where(a != 0, abs(b), inf)"),
    (circuits.atan2(x[1], 1e-9), "atan2(x[1], 1e-09)"),
]


@pytest.mark.parametrize(("expression", "text"), REPR, ids=lambda e: str(e)[:20])
def test_repr(expression, text):
    assert repr(expression) == text
    names = {"a": a, "b": b, "c": c, "x": x, "inf": math.inf, **vars(circuits)}
    again = eval(text, {"abs": abs}, names)
    graph = Graph(INPUTS, reference.in_doubles)
    assert graph.add(again) == graph.add(expression)


def test_repr_of_something_large_is_short():
    e = a
    for _ in range(1000):
        e = circuits.where(e < b, e * e, e - 1)
    assert len(repr(e)) <= 200
    assert "..." in repr(e)


def test_names():
    assert [v.name for v in variables("p, q  r")] == ["p", "q", "r"]
    assert isinstance(variables("p"), tuple)
    assert variable("größe").name == "größe"
    for bad in ("", " ", " a", "x[0]"):
        with pytest.raises(ValueError, match="a variable's name must be"):
            variable(bad)
    for bad in (None, 3, b"a", ["a"]):
        with pytest.raises(TypeError, match=r"must be a str, got|must be one str, got"):
            variable(bad)
        with pytest.raises(TypeError, match="must be one str, got"):
            variables(bad)
    with pytest.raises(ValueError, match="no name in ' , '"):
        variables(" , ")
    with pytest.raises(ValueError, match="'a' comes twice"):
        variables("a b a")
    with pytest.raises(ValueError, match="a variable's name must be"):
        variables("y[", 3)
    for names in ("x y", "x, y", "x,y"):
        with pytest.raises(ValueError, match=r'one name, got .*fastbp\.variables\("x", 3\)'):
            variables(names, 3)


@pytest.mark.parametrize("shape", [0, -1, (2, 0), 2**31, (2**20, 2**20)])
def test_shapes_out_of_range(shape):
    with pytest.raises(ValueError, match="must have lengths from 1"):
        variables("x", shape)


@pytest.mark.parametrize("shape", ["3", 2.0, (2, 1.5), (), True, [None]])
def test_shapes_that_are_none(shape):
    with pytest.raises(TypeError, match="must be an int or a tuple of them"):
        variables("x", shape)


def test_a_vector_of_variables_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 1.0
    y = x + 0.5
    y[0] = a
    assert y[0] is a


FOREIGN = ["1", None, 1j, True, np.True_, np.complex128(1), Fraction(1, 2), object(), [1], {}]


@pytest.mark.parametrize("other", FOREIGN, ids=lambda other: type(other).__name__)
def test_foreign_operands(other):
    for function in (operator.add, operator.sub, operator.mul, operator.pow, operator.lt):
        if isinstance(other, list):
            continue
        if isinstance(other, Fraction) and function is operator.pow:
            continue  # Fraction makes a float of itself
        with pytest.raises(TypeError):
            function(a, other)
        with pytest.raises(TypeError):
            function(other, a)
    for function in (circuits.maximum, circuits.hypot, circuits.atan2):
        if not isinstance(other, list):
            with pytest.raises(TypeError, match="real numbers"):
                function(a, other)


def test_equality_with_what_is_no_number():
    assert (a == None) is False  # noqa: E711
    assert (a != "a") is True
    for other in (True, 1j, np.False_):
        with pytest.raises(TypeError, match="real numbers"):
            a == other  # noqa: B015
    assert hash(a) == hash(a) != hash(b)
    assert {a: 1}[a] == 1


def test_no_truth_value():
    for use in (
        lambda: bool(a),
        lambda: 1 if a > 0 else 2,
        lambda: max(a, 0),
        lambda: 0 < a < 1,
        lambda: not a,
        lambda: a in [b],
        lambda: np.maximum(np.array([a, b], dtype=object), 0),
        lambda: np.any(x > 0),
    ):
        with pytest.raises(TypeError, match=r"fastbp\.circuits\.where.*maximum"):
            use()


def test_no_float_unless_constant():
    for use in (lambda: float(a), lambda: math.exp(a * 2), lambda: float(x[0])):
        with pytest.raises(TypeError, match=r"no value.*fastbp\.circuits"):
            use()
    assert float(_recorder.constant(2)) == 2.0
    with pytest.raises(TypeError):
        int(a)
    with pytest.raises(TypeError, match=r"made of variables"):
        Expression()
    with pytest.raises(TypeError, match="two arguments"):
        pow(a, 2, 3)
    with pytest.raises(OverflowError):
        a + 10**400
    with pytest.raises(TypeError):
        operator.matmul(a, 2)


@pytest.mark.parametrize(
    ("use", "advice"),
    [
        (lambda p, q: p & q, r"use a \* b"),
        (lambda p, q: p | q, r"use fastbp\.circuits\.maximum\(a, b\)"),
        (lambda p, q: p ^ q, "use a != b"),
        (lambda p, q: ~p if isinstance(p, Expression) else ~q, "use 1 - a"),
    ],
)
def test_operators_that_are_no_gates(use, advice):
    for p, q in ((a > 0, b > 0), (a, 2), (3, a), (a, True), (a, np.float64(2)), (np.int64(2), a)):
        with pytest.raises(TypeError, match=f"cannot be recorded; .*{advice}"):
            use(p, q)


def test_copies_and_pickles():
    e = (a * x[2]).exp() + circuits.where(a < b, 1.5, c)
    assert copy.copy(e) is copy.deepcopy(e) is e
    assert copy.deepcopy([x])[0][2] is x[2]
    again, p, q = pickle.loads(pickle.dumps([e, a, x]))
    found = _recorder.variables_of([again])
    assert [v.name for v in found] == ["a", "b", "c", "x[2]"]
    assert any(v is p for v in found)
    assert any(v is q[2] for v in found)
    assert q[0].vector is q[4].vector
    assert repr(again) == repr(e)
    assert pickle.loads(pickle.dumps(_recorder.constant(-0.0))).value == 0.0


# Functions


ONE = {
    "exp": np.exp, "expm1": np.expm1, "log1p": lambda v: np.log1p(abs(v)), "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "softplus": lambda v: np.log1p(np.exp(v)), "relu": lambda v: np.maximum(v, 0),
    "erf": np.vectorize(math.erf), "absolute": np.abs, "log": lambda v: np.log(abs(v)),
    "sqrt": lambda v: np.sqrt(abs(v)),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_operand(name):
    function = getattr(circuits, name)
    prepared = abs if name in ("log", "sqrt", "log1p") else operator.pos
    assert function(a).op == name
    assert value(function(prepared(b))) == pytest.approx(ONE[name](POINT["b"]))
    array = function(prepared(x))
    assert type(array) is ExpressionArray
    assert value(array) == pytest.approx(ONE[name](X))
    assert value(function([a, prepared(b), 0.5])) == pytest.approx(
        ONE[name](np.array([0.7, -1.3, 0.5]))
    )
    assert "\n" not in function.__doc__ or len(function.__doc__) < 400


TWO = {"minimum": np.minimum, "maximum": np.maximum, "hypot": np.hypot, "atan2": np.arctan2}


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_operands(name):
    function = getattr(circuits, name)
    assert value(function(a, b)) == pytest.approx(TWO[name](0.7, -1.3))
    assert value(function(0.25, b)) == pytest.approx(TWO[name](0.25, -1.3))
    assert value(function(x, a)) == pytest.approx(TWO[name](X, 0.7))
    assert value(function(x[:, None], np.arange(3.0))) == pytest.approx(
        TWO[name](X[:, None], np.arange(3.0))
    )


def test_where():
    assert value(circuits.where(a > 0, b, 1)) == -1.3
    assert value(circuits.where(x > 0, x, a)) == pytest.approx(np.where(X > 0, X, 0.7))
    mask = np.array([True, False, True, False, True])
    assert value(circuits.where(mask, x, 0)) == pytest.approx(np.where(mask, X, 0))
    assert circuits.where(True, a, b).op == "select"
    assert value(circuits.where([True, False], a, b)) == pytest.approx([0.7, -1.3])


def test_sum_and_dot():
    assert value(circuits.sum(x)) == pytest.approx(X.sum())
    assert value(circuits.sum([a, b, 3])) == pytest.approx(0.7 - 1.3 + 3)
    assert value(circuits.sum(e * e for e in x)) == pytest.approx(X @ X)
    assert circuits.sum([]) == 0
    W = np.arange(10.0).reshape(2, 5)
    assert value(circuits.sum(W * x, axis=1)) == pytest.approx(W @ X)
    assert value(circuits.dot(x, W[1])) == pytest.approx(X @ W[1])
    assert value(circuits.dot(W, x)) == pytest.approx(W @ X)
    with pytest.raises(ValueError, match="not aligned"):
        circuits.dot(x, [1.0, 2.0])
    with pytest.raises(TypeError, match="sum takes an array"):
        circuits.sum(a)
    with pytest.raises(TypeError, match="real numbers"):
        circuits.sum([a, "b"])
    assert (circuits.sum([1.0, 2.0]), circuits.dot([1.0, 2.0], [3, 4])) == (3.0, 11.0)


def test_sums_begin_with_their_first_term():
    assert repr(circuits.sum([a, b, c])) == "a + b + c"
    assert repr(circuits.dot(x[:2], x[3:])) == "x[0]*x[3] + x[1]*x[4]"
