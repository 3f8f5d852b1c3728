"""Functions of circuits that are made of gates: values and derivatives beside mpmath and SciPy."""

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import fastbp
from fastbp import circuits

X, Y = fastbp.variables("x y")
INF, NAN = math.inf, math.nan


def mod(x, y):
    return x - y * mp.floor(x / y)


def sinc(x):
    return mp.sincpi(x)


# function: (in mpmath, points, ulp of value, relative error of derivatives)
ONE = {
    "arcsin": (mp.asin, [0.3, -0.999999, 1e-9, 0.5]),
    "arccos": (mp.acos, [0.3, -0.999999, 1e-9, 0.999]),
    "arctan": (mp.atan, [0.3, -1e9, 1e-9, 40.0]),
    "arcsinh": (mp.asinh, [0.3, -1e9, 1e-9, 40.0]),
    "arccosh": (mp.acosh, [1.3, 1e9, 1.0001]),
    "arctanh": (mp.atanh, [0.3, -0.999999, 1e-9]),
    "sinc": (sinc, [1e-9, 0.3, -0.49999, 0.50001, 0.75, 1.5, -7.25, 1000.3]),
    "gammaln": (mp.loggamma, [1e-9, 0.3, 1.3, 2.9, 3.1, 50.0, 1e9]),
    "digamma": (mp.digamma, [1e-9, 0.3, 1.3, 2.9, 3.1, 50.0, 1e9]),
    "floor": (mp.floor, [0.3, -2.5, 1e9 + 0.5]),
    "ceil": (mp.ceil, [0.3, -2.5, 1e9 + 0.5]),
    "round": (mp.nint, [0.3, -2.75, 1e9 + 0.25]),
    "sign": (mp.sign, [0.3, -2.5]),
}
TWO = {
    "mod": (mod, [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.25), (0.3, 9.0)]),
    "logaddexp": (
        lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), [(1.0, 2.0), (2.0, 2.0), (-30.0, 9.0)],
    ),
    "xlogy": (lambda x, y: x * mp.log(y), [(1.5, 2.0), (-2.0, 1e-9)]),
    "xlog1py": (lambda x, y: x * mp.log1p(y), [(1.5, 2.0), (-2.0, 1e-9)]),
    "fmax": (max, [(1.5, 2.0), (-2.0, -3.0)]),
    "fmin": (min, [(1.5, 2.0), (-2.0, -3.0)]),
}  # fmt: skip


def slopes(f, point):
    """Value, gradient and Hessian by differences of 400 digits."""
    with mp.workdps(400):
        h = mp.mpf(10) ** -90
        at = [mp.mpf(x) for x in point]
        k = len(at)

        def moved(*steps):
            here = list(at)
            for i, sign in steps:
                here[i] += sign * h
            return f(*here)

        gradient = [(moved((i, 1)) - moved((i, -1))) / (2 * h) for i in range(k)]
        hessian = [
            [
                (
                    moved((i, 1), (j, 1))
                    - moved((i, 1), (j, -1))
                    - moved((i, -1), (j, 1))
                    + moved((i, -1), (j, -1))
                )
                / (4 * h * h)
                for j in range(k)
            ]
            for i in range(k)
        ]
        flat = [moved(), *gradient, *(x for row in hessian for x in row)]
        return [float(x) for x in flat]


def check(expression, variables, f, points):
    compiled = fastbp.circuit(expression, wrt=variables)
    for point in points:
        want = slopes(f, point)
        value, gradient = compiled.value_and_gradient(*point)
        got = [value, *gradient, *compiled.hessian(point).ravel()]
        np.testing.assert_allclose(got, want, 4e-15, 1e-200, err_msg=str(point))
        assert abs(value - want[0]) <= 4 * math.ulp(want[0]), point


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one(name):
    f, points = ONE[name]
    check(getattr(circuits, name)(X), [X], f, [(x,) for x in points])


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two(name):
    f, points = TWO[name]
    check(getattr(circuits, name)(X, Y), [X, Y], f, points)


def test_polygamma_goes_on_to_any_order():
    for n in (1, 2, 3):
        check(circuits.polygamma(n, X), [X], lambda x, n=n: mp.psi(n, x), [(0.3,), (4.5,), (20.0,)])
    assert circuits.polygamma(0, 0.3) == circuits.digamma(0.3)
    third = circuits.derivative(circuits.gammaln(X), X, X, X)
    assert fastbp.circuit(third)(1.7) == pytest.approx(scipy.special.polygamma(2, 1.7), rel=1e-15)
    with pytest.raises(TypeError, match="n of polygamma must be an integer"):
        circuits.polygamma(X, X)
    with pytest.raises(ValueError, match="n of polygamma must be an integer"):
        circuits.polygamma(-1, X)


def test_zeros_infinities_and_nan_are_those_of_scipy():
    values = [0.0, 1.0, -1.0, 2.5, -0.5, INF, -INF, NAN]
    for name in ("xlogy", "xlog1py", "fmax", "fmin", "logaddexp"):
        reference = getattr(np, name, None) or getattr(scipy.special, name)
        x, y = np.repeat(values, 8), np.tile(values, 8)
        f = fastbp.circuit(getattr(circuits, name)(X, Y), wrt=[X, Y])
        with np.errstate(all="ignore"):
            want = reference(x, y)
        np.testing.assert_allclose([f(*each) for each in zip(x, y, strict=True)], want, 1e-15)
    f = fastbp.circuit(circuits.xlogy(X, Y), wrt=[X, Y])
    assert f.gradient(0, 0).tolist() == [-INF, 0]
    assert f.gradient(0, 2).tolist() == [math.log(2), 0]
    sinc = fastbp.circuit(circuits.sinc(X))
    assert [sinc(k) for k in (0, 1, -2, 1e6)] == [1, 0, 0, 0]
    assert sinc.gradient(0)[0] == 0
    assert sinc.hessian([0.0])[0, 0] == pytest.approx(-(math.pi**2) / 3, rel=1e-15)


def test_fmax_keeps_the_number_and_its_slope():
    f = fastbp.circuit(circuits.fmax(X, Y), wrt=[X, Y])
    assert f.gradient(NAN, 2).tolist() == [0, 1]
    assert f.gradient(2, NAN).tolist() == [1, 0]
    assert fastbp.circuit(circuits.fmin(3.0, X)).gradient(NAN).tolist() == [0]


@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
def test_logsumexp(n):
    v = fastbp.variables("v", n)
    rng = np.random.default_rng(n)
    f = fastbp.circuit(circuits.logsumexp(v))
    for scale in (1, 300, 1e5):
        p = rng.normal(size=n) * scale
        assert f(p) == pytest.approx(scipy.special.logsumexp(p), rel=1e-14)
        softmax = scipy.special.softmax(p)
        np.testing.assert_allclose(f.gradient(p), softmax, 1e-13, 1e-300)
        hessian = np.diag(softmax) - np.outer(softmax, softmax)
        np.testing.assert_allclose(f.hessian(p), hessian, 1e-12, 1e-15)
    table = rng.normal(size=(n, 3))
    for axis in (None, 0, 1, -1):
        np.testing.assert_allclose(
            circuits.logsumexp(table, axis), scipy.special.logsumexp(table, axis), 1e-14
        )
    assert f(np.full(n, -INF)) == -INF
    assert circuits.logsumexp(np.zeros((0, 2)), axis=0).tolist() == [-INF, -INF]
    with pytest.raises(TypeError, match="logsumexp takes an array"):
        circuits.logsumexp(X)


def test_numbers_have_the_values_of_gates():
    assert circuits.ceil(2.5) == 3
    assert circuits.floor([1.5, -1.5]).tolist() == [1, -2]
    assert circuits.xlogy(0, 0) == 0
    assert math.isnan(circuits.xlogy(0, NAN))
    assert circuits.sinc([0, 0.5]).tolist() == [1, np.sinc(0.5)]


def at(expression, **values):
    f = fastbp.circuit(expression)
    return f(**{name: values[name] for name in (*f.parameters, *f.data)})


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
def test_python_rounds_and_divides():
    for x in (2.5, -2.5, 7.0, -0.3):
        assert at(round(X), x=x) == round(x)
        assert at(round(X, 1), x=x + 0.04) == np.round(x + 0.04, 1)
        assert at(np.round(X * 100, -2), x=x) == np.round(x * 100, -2)
        assert at(math.floor(X), x=x) == math.floor(x)
        assert at(math.ceil(X), x=x) == math.ceil(x)
        assert at(math.trunc(X), x=x) == np.fix(x) == at(np.fix(X), x=x)
        for y in (2.0, -0.75, INF):
            assert at(X % Y, x=x, y=y) == x % y
            assert at(X // Y, x=x, y=y) == x // y


def test_variance_of_a_list():
    v = fastbp.variables("v", 4)
    p = np.array([1.0, 2.0, -3.0, 0.5])
    for f in (np.var, np.std, np.mean):
        for made in (f(list(v)), f(v), f(v, ddof=1) if f is not np.mean else f(v)):
            assert fastbp.circuit(made)(p) in (
                pytest.approx(f(p)), pytest.approx(f(p, ddof=1) if f is not np.mean else f(p))
            )  # fmt: skip
    assert (X.shape, X.ndim, X.size, X.dtype) == ((), 0, 1, np.dtype(object))


def test_interpolation():
    places, values = [0.0, 1.0, 2.5, 4.0], [1.0, -2.0, 3.0, 3.5]
    f = fastbp.circuit(np.interp(X, places, values))
    for x in (-1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.9, 4.0, 7.0):
        assert f(x) == pytest.approx(np.interp(x, places, values), rel=1e-15)
    assert f.gradient(0.5) == [-3]
    assert f.gradient(1.0) == [5 / 1.5]
    assert f.gradient(-1.0) == f.gradient(9.0) == [0]
    v = fastbp.variables("v", 4)
    g = fastbp.circuit(np.interp([0.5, 5.0], places, v, right=9.0))
    assert g(values).tolist() == [-0.5, 9]
    np.testing.assert_array_equal(g.jacobian(values), [[0.5, 0.5, 0, 0], [0, 0, 0, 0]])
    for bad in ([0.0, 0.0], [1.0, 0.0]):
        with pytest.raises(ValueError, match="must rise"):
            np.interp(X, bad, [1, 2])
    with pytest.raises(ValueError, match="one length"):
        np.interp(X, [1, 2], [1, 2, 3])


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_small_matrices(n):
    """The error grows as the condition number does, as that of LAPACK."""
    M, b = fastbp.variables("M", (n, n)), fastbp.variables("b", n)
    inverse = fastbp.circuit(np.linalg.inv(M))
    solution = fastbp.circuit(np.linalg.solve(M, b), wrt=[M, b])
    determinant = fastbp.circuit(np.linalg.det(M))
    rng = np.random.default_rng(n)
    for logarithm in (0, 2, 5, 8):
        for _ in range(20):
            left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
            matrix = left * np.logspace(0, -logarithm, n) @ right
            vector = rng.normal(size=n)
            exact = mp.matrix(matrix.tolist())
            want = np.array((exact**-1).tolist(), float)
            allowed = 30 * np.finfo(float).eps * np.linalg.cond(matrix)
            scale = np.abs(want).max()
            assert np.abs(inverse(matrix.ravel()) - want).max() <= allowed * scale
            x = np.array(mp.lu_solve(exact, mp.matrix(vector.tolist())).tolist(), float)[:, 0]
            got = solution(np.concatenate([matrix.ravel(), vector]))
            assert np.abs(got - x).max() <= allowed * np.linalg.norm(vector) * scale
            sizes = np.linalg.svd(matrix)[1]
            allowed = 30 * np.finfo(float).eps * np.prod(sizes[0] / sizes)
            value, gradient = determinant.value_and_gradient(matrix.ravel())
            assert value == pytest.approx(float(mp.det(exact)), rel=allowed)
            slope = (value * want.T).ravel()  # Jacobi's formula
            assert np.abs(gradient - slope).max() <= 2 * allowed * np.abs(slope).max()
    stack = fastbp.variables("S", (2, n, n))
    p = rng.normal(size=(2, n, n))
    for f in (np.linalg.det, np.linalg.inv):
        np.testing.assert_allclose(fastbp.circuit(f(stack))(p.ravel()), f(p), 1e-10, 1e-12)
    several = fastbp.circuit(np.linalg.solve(M, np.eye(n)))
    np.testing.assert_allclose(several(p[0].ravel()), np.linalg.inv(p[0]), 1e-10, 1e-12)


def test_matrices_that_are_refused():
    M = fastbp.variables("M", (2, 3))
    with pytest.raises(ValueError, match="takes square matrices"):
        np.linalg.det(M)
    with pytest.raises(ValueError, match=r"b has shape \(3,\)"):
        np.linalg.solve(M[:, :2], M[0])
    with pytest.raises(TypeError, match="5 x 5: up to 4 x 4"):
        np.linalg.solve(fastbp.variables("B", (5, 5)), np.ones(5))
