"""Arrays of expressions, and NumPy's functions on them."""

import gates_reference as reference
import numpy as np
import pytest

from fastbp import circuits
from fastbp._recorder import Expression, Graph
from fastbp.circuits import ExpressionArray
from fastbp.circuits.expressions import variables

a, b, c = variables("a b c")
x = variables("x", 5)
POINT = {"a": 0.7, "b": -1.3, "c": 2.5} | {f"x[{i}]": 0.3 * i - 0.5 for i in range(5)}
X = np.array([POINT[f"x[{i}]"] for i in range(5)])
INPUTS = [a, b, c, *x]


def value(expression):
    """The value of an expression, or of an array of them, at POINT."""
    array = np.asarray(expression, dtype=object)
    graph = Graph(INPUTS, reference.in_doubles)
    nodes = [graph.add(e) for e in array.flat]
    values = reference.evaluate(graph, nodes, [POINT[e.name] for e in INPUTS])
    return np.array(values).reshape(array.shape)[()]


UFUNCS = [
    np.exp, np.expm1, np.sin, np.cos, np.tan, np.tanh, np.absolute, np.fabs, np.negative,
    np.positive, np.square, np.reciprocal, np.sign, np.conjugate,
]  # fmt: skip


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_ufuncs_of_one_operand(ufunc):
    assert type(ufunc(a)) is Expression
    assert value(ufunc(a)) == pytest.approx(ufunc(0.7))
    assert type(ufunc(x)) is ExpressionArray
    assert value(ufunc(x)) == pytest.approx(ufunc(X))
    for positive in (np.log, np.log1p, np.sqrt):
        assert value(positive(abs(x))) == pytest.approx(positive(abs(X)))


UFUNCS_OF_TWO = [
    np.add, np.subtract, np.multiply, np.divide, np.minimum, np.maximum, np.hypot, np.arctan2,
    np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
]  # fmt: skip


@pytest.mark.parametrize("ufunc", UFUNCS_OF_TWO)
def test_ufuncs_of_two_operands(ufunc):
    cases = [
        (a, 0.25), (0.25, a), (a, b), (x, 0.25), (0.25, x), (x, a), (a, x), (x, x), (x, X), (X, x),
        (a, np.arange(1, 4)), (np.arange(3), a), (x[:2], np.float32(0.5)), (x, [1, 2, 3, 4, 5]),
    ]  # fmt: skip
    for p, q in cases:
        got = ufunc(p, q)
        want = ufunc(at_point(p), at_point(q))
        assert type(got) is (Expression if want.ndim == 0 else ExpressionArray)
        assert value(got) == pytest.approx(want.astype(float))


def at_point(p):
    return value(p) if isinstance(p, Expression | ExpressionArray) else np.asarray(p)


def test_powers_of_arrays():
    assert value(x**2) == pytest.approx(X**2)
    assert value(np.power(abs(x), a)) == pytest.approx(abs(X) ** 0.7)
    assert value(2**x) == pytest.approx(2**X)
    assert value(np.float_power(abs(x), 1.5)) == pytest.approx(abs(X) ** 1.5)
    assert type(np.float64(2) ** a) is Expression


def test_reductions():
    W = np.arange(10.0).reshape(2, 5) * x
    at = np.arange(10.0).reshape(2, 5) * X
    for function in (np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std):
        assert type(function(W)) is Expression
        assert value(function(W)) == pytest.approx(function(at))
        assert value(function(W, axis=0)) == pytest.approx(function(at, axis=0))
        assert value(function(W, axis=1, keepdims=True)) == pytest.approx(
            function(at, axis=1, keepdims=True)
        )
    assert value(W.sum()) == pytest.approx(at.sum())
    assert value(np.cumsum(x)) == pytest.approx(np.cumsum(X))
    assert value(np.diff(x)) == pytest.approx(np.diff(X))
    assert value(np.add.outer(x, x)) == pytest.approx(np.add.outer(X, X))
    assert np.sum(x[:0]) == 0


def test_products():
    W = np.arange(10.0).reshape(2, 5)
    V = variables("V", (5, 2))
    for got, want in [
        (W @ x, W @ X),
        (x @ W.T, X @ W.T),
        (x @ x, X @ X),
        (np.dot(W, x), W @ X),
        (np.dot(x, x), X @ X),
        (np.vdot(x, x), X @ X),
        (np.inner(W, x), W @ X),
        (np.outer(x, x), np.outer(X, X)),
        (np.tensordot(W, x, axes=1), W @ X),
        (np.linalg.norm(x), np.linalg.norm(X)),
        (np.linalg.norm(x, 1), np.linalg.norm(X, 1)),
        (np.trace(np.outer(x, x)), X @ X),
    ]:
        assert type(got) is (ExpressionArray if np.ndim(want) else Expression)
        assert value(got) == pytest.approx(want)
    assert (W @ V).shape == (2, 2)


def test_plain_object_arrays():
    plain = np.array(x, dtype=object).view(np.ndarray)
    assert type(plain) is np.ndarray
    W = np.arange(10.0).reshape(2, 5)
    assert value(np.dot(W, plain)) == pytest.approx(W @ X)
    assert value(plain @ plain) == pytest.approx(X @ X)
    assert value(plain * 2 + plain) == pytest.approx(3 * X)
    assert value(plain * a) == pytest.approx(X * 0.7)
    assert value(plain.sum()) == pytest.approx(X.sum())
    for ufunc in (np.exp, np.sin, np.tanh, np.absolute, np.fabs, np.square):
        assert value(ufunc(plain)) == pytest.approx(ufunc(X))
    assert value(np.hypot(plain, plain)) == pytest.approx(np.hypot(X, X))
    assert value(circuits.maximum(plain, 0)) == pytest.approx(np.maximum(X, 0))


def test_where_and_clip_of_numpy():
    assert value(np.where(x > 0, x, 0.0)) == pytest.approx(np.where(X > 0, X, 0))
    assert value(np.where(a > 0, a, b)) == 0.7
    assert value(np.clip(x, -0.1, a)) == pytest.approx(np.clip(X, -0.1, 0.7))
    assert value(x.clip(0)) == pytest.approx(X.clip(0))
    assert value(np.clip(a, None, 0.5)) == 0.5
    with pytest.raises(TypeError, match=r"np\.where\(condition, a, b\)"):
        np.where(x > 0)


def test_shapes_are_arranged_as_usual():
    y = np.concatenate([x, [a, 1.0]]).reshape(7, 1)
    assert type(y) is ExpressionArray
    assert np.stack([x, x]).shape == (2, 5)
    assert y.T[0, 5] is a
    assert type(y[1:3]) is ExpressionArray
    assert [e.name for e in x[::-2]] == ["x[4]", "x[2]", "x[0]"]
    assert ExpressionArray([[a, 1], [b, 2.5]]).shape == (2, 2)


def test_in_place_and_out():
    y = x * 1.5
    before = y
    y += a
    assert y is before
    assert value(y) == pytest.approx(1.5 * X + 0.7)
    out = ExpressionArray([0.0] * 5)
    assert np.exp(x, out=out) is out
    assert value(out) == pytest.approx(np.exp(X))
    with pytest.raises(TypeError, match="cannot be written into an array of dtype float64"):
        np.exp(x, out=np.zeros(5))
    floats = np.ones(5)
    with pytest.raises(TypeError):
        floats += x


def test_what_numpy_cannot_do_with_expressions():
    with pytest.raises(TypeError, match=r"np\.sinh cannot be recorded.*sqrt"):
        np.sinh(x)
    with pytest.raises(TypeError, match="cannot be recorded"):
        np.isnan(a)
    with pytest.raises(TypeError, match="takes no dtype"):
        np.add(a, 1, dtype=float)
    with pytest.raises(TypeError, match="changes an array of numbers in place"):
        np.add.at(np.zeros(3), [0], a)
    with pytest.raises(TypeError, match=r"dtype bool; convert it with \.astype\(float\)"):
        x * np.array([True] * 5)
    with pytest.raises(TypeError, match="dtype <U1"):
        x * np.array(["s"] * 5)
    with pytest.raises(TypeError, match="complex128"):
        x * np.ones(5, complex)
    with pytest.raises(TypeError, match="holds expressions and real numbers, got 'b'"):
        ExpressionArray([a, "b"])
    with pytest.raises(ValueError, match="broadcast"):
        x + np.ones(3)


def test_longdouble_and_big_endian_arrays():
    assert value(x * np.ones(5, np.longdouble)) == pytest.approx(X)
    assert value(x * np.full(5, 2.0, ">f8")) == pytest.approx(2 * X)
