"""Arrays of expressions, and NumPy's functions on them."""

import numpy as np
import pandas as pd
import pytest
import scipy.special
from recorded import X, a, b, value, x

from fastbp import circuit, circuits
from fastbp._recorder import Expression
from fastbp.circuits import ExpressionArray
from fastbp.circuits.new_variables import variables

UFUNCS = [
    np.exp, np.expm1, np.sin, np.cos, np.tan, np.tanh, np.absolute, np.fabs, np.negative,
    np.positive, np.square, np.reciprocal, np.sign, np.conjugate, np.floor, np.ceil, np.trunc,
    np.rint, np.arctan, np.arcsinh, np.sinh, np.cosh, scipy.special.gammaln, scipy.special.psi,
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
    np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.fmax, np.fmin,
    np.logaddexp, np.logaddexp2, np.remainder, np.fmod, np.floor_divide, scipy.special.xlogy,
    scipy.special.xlog1py,
]  # fmt: skip


@pytest.mark.parametrize("ufunc", UFUNCS_OF_TWO)
def test_ufuncs_of_two_operands(ufunc):
    cases = [
        (a, 0.25), (0.25, a), (a, b), (x, 0.25), (0.25, x), (x, a), (a, x), (x, x), (x, X), (X, x),
        (a, np.arange(1, 4)), (np.arange(3), a), (x[:2], np.float32(0.5)), (x, [1, 2, 3, 4, 5]),
    ]  # fmt: skip
    for p, q in cases:
        got = ufunc(p, q)
        with np.errstate(all="ignore"):
            want = ufunc(at_point(p), at_point(q))
        assert type(got) is (Expression if want.ndim == 0 else ExpressionArray)
        assert value(got) == pytest.approx(want.astype(float), nan_ok=True)


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
        (np.linalg.norm(x, np.inf), np.linalg.norm(X, np.inf)),
        (np.linalg.norm(x, -np.inf), np.linalg.norm(X, -np.inf)),
        (np.linalg.norm(x, 3), np.linalg.norm(X, 3)),
        (np.linalg.norm(x, 0), np.linalg.norm(X, 0)),
        (np.linalg.norm(W * x, 3, axis=1), np.linalg.norm(W * X, 3, axis=1)),
        (np.linalg.norm(W * x, np.inf, axis=0), np.linalg.norm(W * X, np.inf, axis=0)),
        (np.linalg.norm(W * x, 3, axis=(1,)), np.linalg.norm(W * X, 3, axis=1)),
        (np.linalg.norm(W * x, "fro"), np.linalg.norm(W * X)),
        (np.linalg.norm(W * x, axis=1, keepdims=True), np.linalg.norm(W * X, axis=1)[:, None]),
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


def test_arrays_like_another_are_written_into():
    for make in (np.zeros_like, np.empty_like, np.ones_like, lambda like: np.full_like(like, 2)):
        out = make(x)
        assert type(out) is ExpressionArray
        out[:] = 0.5
        out[1] = x[0] * 2
        assert value(out) == pytest.approx([0.5, -1, 0.5, 0.5, 0.5])
        assert make(a).shape == ()
    assert value(np.full_like(x, a)) == pytest.approx(np.full(5, 0.7))
    assert type(np.zeros_like(x, dtype=float)) is np.ndarray
    assert np.zeros_like(x, shape=(2, 2)).shape == (2, 2)
    assert value(np.roll(x, 1)) == pytest.approx(np.roll(X, 1))
    assert value(np.gradient(x, 0.5)) == pytest.approx(np.gradient(X, 0.5))
    assert value(np.polyval([1, 2, 3], a)) == pytest.approx(np.polyval([1, 2, 3], 0.7))
    assert value(np.polyval([1, 2, 3], x)) == pytest.approx(np.polyval([1, 2, 3], X))


# ufunc: its derivative
FORMULAS = {
    np.log2: lambda v: 1 / (v * np.log(2)),
    np.log10: lambda v: 1 / (v * np.log(10)),
    np.exp2: lambda v: 2**v * np.log(2),
    np.arctan: lambda v: 1 / (1 + v**2),
    np.arcsin: lambda v: 1 / np.sqrt(1 - v**2),
    np.arccos: lambda v: -1 / np.sqrt(1 - v**2),
    np.sinh: np.cosh,
    np.cosh: np.sinh,
    np.radians: lambda v: np.pi / 180,
    np.degrees: lambda v: 180 / np.pi,
    scipy.special.expit: lambda v: scipy.special.expit(v) * scipy.special.expit(-v),
    scipy.special.erf: lambda v: 2 / np.sqrt(np.pi) * np.exp(-(v**2)),
    scipy.special.log1p: lambda v: 1 / (1 + v),
    scipy.special.expm1: np.exp,
}


@pytest.mark.parametrize("ufunc", FORMULAS, ids=lambda ufunc: ufunc.__name__)
def test_ufuncs_that_are_formulas(ufunc):
    f = circuit(ufunc(a))
    for at in (1e-9, 0.3, 0.999):
        assert f(at) == pytest.approx(ufunc(at), rel=1e-14)
        assert f.gradient(at)[0] == pytest.approx(FORMULAS[ufunc](at), rel=1e-13)
    mixed = ExpressionArray([a, 0.5])
    assert circuit(ufunc(mixed))(0.3) == pytest.approx(ufunc(np.array([0.3, 0.5])))


def test_series_and_frames_are_arrays():
    series = pd.Series(X)
    for got, want in [
        (x * series, X * X),
        (x @ series, X @ X),
        (circuits.maximum(a * series, 0), np.maximum(0.7 * X, 0)),
        (circuits.relu(series * a), np.maximum(0.7 * X, 0)),
        (circuits.sum(a * series), 0.7 * X.sum()),
        (circuits.where(series > 0, x, 0), np.where(X > 0, X, 0)),
        (x * pd.DataFrame([X, X]), np.stack([X * X, X * X])),
        (circuits.exp(pd.DataFrame({"p": [1.0, 2]}) * a), np.exp([[0.7], [1.4]])),
        (circuits.sum(pd.DataFrame([X, X]) * a), 1.4 * X.sum()),
    ]:
        assert value(got) == pytest.approx(want)
    assert circuit(a * series)(2).tolist() == (2 * X).tolist()


def test_masked_arrays_are_refused():
    masked = np.ma.array(X, mask=[0, 1, 0, 0, 0])
    for use in (lambda: x * masked, lambda: circuits.exp(masked * a), lambda: x @ masked):
        with pytest.raises(ValueError, match=r"array is masked at row 1; .*filled"):
            use()
    with pytest.raises(ValueError, match="condition is masked at row 0"):
        circuits.where(np.ma.array([True, False], mask=[1, 0]), x[:2], 0)
    assert type(x * np.ma.array(X)) is ExpressionArray
    assert value(x * np.ma.array(X)) == pytest.approx(X * X)


def test_truth_values_of_arrays():
    for use in (
        lambda: bool(x > 0),
        lambda: 1 if x else 2,
        lambda: (x > 0).any(),
        lambda: np.any(x > 0, axis=0),
        lambda: (x > 0).all(axis=0),
        lambda: np.all(x > 0),
        lambda: any(x > 0),
        lambda: bool(ExpressionArray([a])),
        lambda: np.array([a, b]) > 0,
        lambda: np.clip(np.array([a, b]), 0, 1),
    ):
        with pytest.raises(TypeError, match=r"circuits\.where.*ExpressionArray\(\[x, y\]\)"):
            use()


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
    with pytest.raises(TypeError, match=r"np\.spacing cannot be recorded.*expit.*sqrt"):
        np.spacing(x)
    with pytest.raises(TypeError, match="gamma cannot be recorded"):
        scipy.special.gamma(a)
    with pytest.raises(TypeError, match="cannot be recorded; use a != a"):
        np.isnan(a)
    for use, advice in [
        (lambda: np.logical_and(x, a), r"a \* b"),
        (lambda: (x > 0) & (a > 0), r"a \* b"),
        (lambda: np.logical_or(a, x), r"circuits\.maximum"),
        (lambda: (x > 0) | True, r"circuits\.maximum"),
        (lambda: ~(x > 0), "1 - a"),
        (lambda: np.logical_not(x), "1 - a"),
        (lambda: np.isclose(x, a), "< tolerance"),
        (lambda: np.allclose(a, x), "< tolerance"),
    ]:
        with pytest.raises(TypeError, match=f"cannot be recorded; .*{advice}"):
            use()
    with pytest.raises(TypeError, match=r"np\.linalg\.norm of expressions has no norm 2 of mat"):
        np.linalg.norm(np.outer(x, x), 2)
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
    two = np.longdouble(2)
    for got in (two * x, x * two, [two] * 5 * x, np.multiply(two, x), np.array([two] * 5, "O") * x):
        assert value(got) == pytest.approx(2 * X)
    assert value(two**a + two / a + a * two) == pytest.approx(2**0.7 + 2 / 0.7 + 1.4)
