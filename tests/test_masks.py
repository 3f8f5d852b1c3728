"""A pull of exactly 0 stays 0: the branch not taken, weights of 0, functions far out."""

import itertools
import math

import gates_reference as reference
import numpy as np
import pytest
from c_functions import MISSING, Function, library
from gates_reference import INF, NAN
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import fastbp
from fastbp import _recorder, circuits
from fastbp.circuits import cos, exp, hypot, log, log1p, maximum, relu, sigmoid, sqrt, tanh, where

A, B, C, X, Y = fastbp.variables("a b c x y")
# Of each gate, places where its value or a slope is infinite or undefined, or overflows.
ORDINARY = (0.0, -0.0, 1.0, -1.0, 2.5, -800.0, 800.0, 1e9, -1e9, 5e-324)
SPECIAL = (*ORDINARY, 1e300, INF, -INF, NAN)
NAMES = [name for name in reference.GATES[2:] if name not in reference.FUSED]


def derivatives(expression, point, **data):
    """Gradient, Hessian and a Hessian product of a circuit, all that there is of first and second
    derivatives, in one array."""
    f = fastbp.circuit(expression, wrt=[X, Y])
    point = np.asarray(point, float)
    return np.concatenate([
        f.gradient(point, **data),
        f.hessian(point, **data).ravel(),
        f.hessp(point, [1.0, -2.0], **data),
    ])  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_branch_not_taken_has_no_part_in_any_derivative(name):
    """Each gate at all special places, alone and within others, beside x*y as the branch taken."""
    arity = reference.arity(name)
    for inside in (lambda x: x, lambda x: sqrt(log(x)), lambda x: 1 / x, lambda x: x * x * x * x):
        operands = [inside(X), inside(Y), inside(Y)][:arity]
        for outside in (lambda e: e, lambda e: sqrt(e), lambda e: exp(e) * X, tanh, log):
            e = outside(_recorder.gate(name, *operands))
            f = fastbp.circuit(where(C, e, X * Y), wrt=[X, Y])
            points = [p for p in itertools.product(ORDINARY, repeat=2) if arity > 1 or p[1] == 2.5]
            for point in points:
                p = np.array(point)
                assert f.gradient(p, c=0).tolist() == [p[1], p[0]], (point, outside)
                assert f.hessian(p, c=0).tolist() == [[0, 1], [1, 0]], (point, outside)
                assert f.hessp(p, [3.0, 4.0], c=0).tolist() == [4, 3], (point, outside)


OF_ONE = [
    name for name in NAMES if reference.arity(name) == 1 and name not in ("sign", "sigmoid_slope")
]  # fmt: skip
LEAVES = st.sampled_from([X, Y, A, 0.0, 1.0, -2.0, 1e300])
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.tuples(st.sampled_from(OF_ONE), inner)
        | st.tuples(st.sampled_from([n for n in NAMES if reference.arity(n) == 2]), inner, inner)
        | st.tuples(st.just("select"), inner, inner, inner)
    ),
    max_leaves=8,
)


def built(tree):
    if not isinstance(tree, tuple):
        return tree
    return _recorder.gate(tree[0], *map(built, tree[1:]))


@settings(max_examples=150, deadline=None)
@given(TREES, st.lists(st.sampled_from(ORDINARY), min_size=3, max_size=3))
def test_any_expression_times_a_weight_of_zero_has_no_derivative(tree, point):
    """Also as one sample among others, in either precision, and in an objective."""
    x, y, a = point
    e = A * Y + B * built(tree)
    data = {"a": a, "b": 0.0}
    got = derivatives(e, (x, y), **data)
    assert got.tolist() == [0, a, 0, 0, 0, 0, 0, 0]
    f = fastbp.circuit(where(B, built(tree), A * Y), wrt=[X, Y])
    samples = {"a": np.full(3, a), "b": np.zeros(3)}
    assert f.gradient([x, y], **samples).tolist() == [[0, a]] * 3
    assert f.hessian([x, y], **samples).tolist() == [[[0, 0], [0, 0]]] * 3
    for dtype in ("float64", "float32"):
        if np.isfinite(np.asarray([a, x, y], dtype)).all():
            objective = f.objective(samples, dtype=dtype)
            p = np.array([x, y], float)
            assert objective(p)[1].tolist() == [0, np.asarray(a, dtype)]
            assert objective.hessp(p, np.ones(2)).tolist() == [0, 0]


@settings(max_examples=100, deadline=None)
@given(TREES, st.lists(st.sampled_from(SPECIAL), min_size=3, max_size=3))
def test_rows_of_samples_have_the_bits_of_single_numbers(tree, point):
    x, y, a = point
    f = fastbp.circuit(where(B, built(tree), A * Y) + built(tree) * B, wrt=[X, Y])
    b = np.array([0.0, 1.0, 2.0, -0.0, NAN])
    rows = f.gradient([x, y], a=np.full(5, a), b=b)
    second = f.hessp([x, y], [1.0, 2.0], a=np.full(5, a), b=b)
    for i in range(5):
        assert repr(rows[i].tolist()) == repr(f.gradient([x, y], a=a, b=b[i]).tolist())
        one = f.hessp([x, y], [1.0, 2.0], a=a, b=b[i])
        assert repr(second[i].tolist()) == repr(one.tolist())


# A function of x and y, a point, its gradient and its Hessian there.
WORKED = {
    "norm squared": (hypot(X, Y) ** 2, (0, 0), [0, 0], [2, 0, 0, 2]),
    "root squared": (sqrt(X * X + Y * Y) ** 2, (0, 0), [0, 0], [2, 0, 0, 2]),
    "np.linalg.norm": (np.linalg.norm(circuits.ExpressionArray([X, Y])) ** 2, (0, 0), [0, 0],
                       [2, 0, 0, 2]),
    "root of x, squared": (3 * sqrt(X) ** 2 + Y, (0, 5), [3, 1], [0, 0, 0, 0]),
    "a root, 4th power": (sqrt(X) ** 4, (0, 0), [0, 0], [2, 0, 0, 0]),
    "exp of minus r**2": (exp(-(hypot(X, Y) ** 2)), (0, 0), [0, 0], [-2, 0, 0, -2]),
    "r**2 exp(-r)": (hypot(X, Y) ** 2 * exp(-hypot(X, Y)), (0, 0), [0, 0], [2, 0, 0, 2]),
    "r**2 / (1 + r)": (hypot(X, Y) ** 2 / (1 + hypot(X, Y)), (0, 0), [0, 0], [2, 0, 0, 2]),
    "the same with a root": (sqrt(X * X + Y * Y) ** 2 * exp(-sqrt(X * X + Y * Y)), (0, 0), [0, 0],
                             [2, 0, 0, 2]),
    "root left": (where(X > 0, sqrt(X), 0), (-1, 0), [0, 0], [0, 0, 0, 0]),
    "root at its edge": (where(X > 0, sqrt(X), 0), (0, 0), [0, 0], [0, 0, 0, 0]),
    "elu far out": (where(X > 0, X, exp(X) - 1), (710, 0), [1, 0], [0, 0, 0, 0]),
    "elu": (where(X > 0, X, exp(X) - 1), (-1, 0), [math.exp(-1), 0], [math.exp(-1), 0, 0, 0]),
    "logistic, left": (1 / (1 + exp(-X)), (-800, 0), [0, 0], [0, 0, 0, 0]),
    "logistic, right": (1 / (1 + exp(-X)), (800, 0), [0, 0], [0, 0, 0, 0]),
    "logistic": (1 / (1 + exp(-X)), (0, 0), [0.25, 0], [0, 0, 0, 0]),
    "a relu's root": (sqrt(sqrt(relu(X))) * Y, (-1, 3), [0, 0], [0, 0, 0, 0]),
    "log of a root": (where(X > 0, log(sqrt(X)), Y), (0, 3), [0, 1], [0, 0, 0, 0]),
    "weight times log": (Y * log(X), (0.5, 0), [0, math.log(0.5)], [0, 2, 2, 0]),
    "weight times root": (Y * sqrt(X), (0, 0), [0, 0], [0, INF, INF, 0]),
    "x log x": (X * log1p(X), (0, 0), [0, 0], [2, 0, 0, 0]),
    "flat bottom": (exp(-1 / (X * X)), (0, 0), [0, 0], [0, 0, 0, 0]),
    "a sine far out": (where(X > 0, cos(1 / X), Y), (0, 1), [0, 1], [0, 0, 0, 0]),
    "maximum": (maximum(X, log(Y)), (1, 0), [1, 0], [0, 0, 0, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKED)
def test_derivatives_that_exist(name):
    expression, point, gradient, hessian = WORKED[name]
    want = [*gradient, *hessian]
    h = np.reshape(hessian, (2, 2))
    np.testing.assert_allclose(derivatives(expression, point)[:6], want, rtol=1e-15, atol=0)
    if np.isfinite(h).all():
        np.testing.assert_allclose(derivatives(expression, point)[6:], h @ [1, -2], rtol=1e-15)


LOSSES = {  # of a and y: as a circuit, and in mpmath of s, 1 - s and y
    "focal": (-(Y * (1 - X) ** 2 * log(X) + (1 - Y) * X**2 * log(1 - X)),
              lambda s, r, y: -(y * r**2 * mp.log(s) + (1 - y) * s**2 * mp.log(r))),
    "cross entropy": (-Y * log(X) - (1 - Y) * log1p(-X),
                      lambda s, r, y: -y * mp.log(s) - (1 - y) * mp.log(r)),
    "squared error": ((X - Y) ** 2, lambda s, r, y: (s - y) ** 2 if y != 1 else r**2),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_losses_of_saturated_outputs(name, dtype):
    """Where a is 1.0 or 0.0 as a number, the cost and its slope are those of z."""
    expression, of_s = LOSSES[name]
    loss = fastbp.circuit(expression, wrt=[X, Y])
    net = fastbp.mlp(1, 1, output="sigmoid", loss=loss, dtype=dtype)
    for z, label in itertools.product((0.5, -3.0, 20.0, -20.0, 40.0, -40.0, 90.0), (0.0, 1.0)):
        if name == "squared error" and label == 1 and z > 15:
            continue  # a - 1 is no 1 - a: what is lost there is lost
        cost, gradient = net.cost_and_gradient([z, 0.0], [[0.0]], [label])

        def exact(z, label=label):
            return of_s(1 / (1 + mp.exp(-z)), 1 / (1 + mp.exp(z)), label)

        with mp.workdps(150):
            want, slope = float(exact(mpf(z))), float(mp.diff(exact, mpf(z)))
        smallest = 1e-30 if dtype == "float32" else 1e-200
        rel = 1e-5 if dtype == "float32" else 1e-12
        assert cost == pytest.approx(want, rel=rel, abs=smallest), (z, label)
        assert gradient[0] == pytest.approx(slope, rel=rel, abs=smallest), (z, label)


def test_the_case_of_the_focal_loss():
    loss = fastbp.circuit(LOSSES["focal"][0], wrt=[X, Y])
    net = fastbp.mlp(1, 1, output="sigmoid", loss=loss)
    cost, gradient = net.cost_and_gradient([40.0, 0.0], [[0.0]], [1.0])
    assert cost == pytest.approx(7.7e-53, rel=1e-2)
    assert gradient.tolist() == pytest.approx([-3 * cost, 0], rel=1e-12)


def test_a_safe_divisor_of_the_users_own():
    """a / where(h, h, c): where h is 0 it is a / c."""
    h = hypot(A, B)
    f = fastbp.circuit(A / where(h, h, C), wrt=[A, B, C])
    assert f.gradient(0, 0, 5).tolist() == [0.2, 0, 0]
    assert f.hessian([0, 0, 5]).round(15).tolist() == [[0, 0, -0.04], [0, 0, 0], [-0.04, 0, 0]]
    with mp.workdps(400):
        want = reference.slopes(lambda a, b, c: a / mp.hypot(a, b), (0.3, -0.4, 5.0))
    assert f.gradient(0.3, -0.4, 5) == pytest.approx([float(x) for x in want[1]], rel=1e-15)
    flat = [float(x) for row in want[2] for x in row]
    assert f.hessian([0.3, -0.4, 5]).ravel() == pytest.approx(flat, rel=1e-14, abs=1e-15)
    with_one = fastbp.circuit(A / where(h, h, 1))
    assert with_one.gradient(0, 0).tolist() == [1, 0]


def test_what_has_no_derivative_is_no_number():
    """A slope of 0 does not stop an infinite pull."""
    for expression, point in (
        (np.linalg.norm(circuits.ExpressionArray([X, Y])), (0, 0)),
        ((X**3) ** (1 / 3) + Y, (0, 1)),
        (log(sigmoid(X)) + Y, (-800, 0)),
    ):
        assert math.isnan(derivatives(expression, point)[0])
    assert derivatives(sqrt(X), (0, 0))[0] == INF
    assert math.isnan(derivatives(where(X > 0, 1, sqrt(X)), (-1, 0))[0])


def test_masks_only_where_they_are_needed():
    """No gate of a net has one, nor has what is surely finite: nothing is paid for."""
    W, V = fastbp.variables("W", (4, 3)), fastbp.variables("v", 4)
    x = fastbp.variables("u", 3)
    net = V @ np.tanh(W @ x)
    for expression in (
        (net - Y) ** 2, circuits.softplus(-Y * net), sqrt(1 + net * net), 1 / (1 + exp(-abs(X))),
        log1p(exp(-2 * abs(X - Y))), exp(-(X * X)) * X, X / (2 + cos(Y)),
    ):  # fmt: skip
        f = fastbp.circuit(expression)
        for kind in ("value_and_gradient", "hessp"):
            assert "masked" not in f.tape(kind), (expression, f.tape(kind))
    assert "masked" in fastbp.circuit(X / (1 + Y * exp(X))).tape("gradient")


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
def test_c_code_and_wires_say_the_same(tmp_path):
    f = fastbp.circuit(where(X > 0, log(sqrt(X)) * Y, X * Y) + 1 / (1 + exp(-Y)))
    in_c = Function(library(f.to_c("f"), tmp_path), "f", f)
    for point in ((0, 3), (-1, -800), (4, 2), (0, 0)):
        value, gradient = f.value_and_gradient(point)
        assert np.isfinite(gradient).all()
        got = in_c(point)
        assert got[0][0] == pytest.approx(value, rel=1e-15)
        assert got[1] == pytest.approx(gradient, rel=1e-14)
        f.forward(*point)
        assert f.wires().gradient == pytest.approx(gradient, rel=1e-14)
