"""Every bad input to circuits gets an error that says what to do."""

import decimal

import numpy as np
import pytest
from arrays import misaligned
from refusals import check

from fastbp import circuit, circuits, variable, variables

A, B, X, Y = variables("a b x y")
W, V = variables("w", 3), variables("v", (2, 2))
PLAIN = circuit(A * circuits.tanh(B) + A * A)
FED = circuit(circuits.sigmoid(A * X + B) * Y + W @ W, wrt=[A, B, W])
VECTOR = circuit(A * circuits.sum(circuits.exp(V)), wrt=[A])
P2, P5 = np.array([0.5, -0.25]), np.array([0.5, -0.25, 1, 2, 3])
M = 6
DATA = {"x": np.linspace(-1, 1, M), "y": np.arange(M)}
KINDS = ("value_and_gradient", "gradient", "jacobian", "hessian")


def bound(f=FED, options=None, **changed):
    return f.objective({**DATA, **changed}, **(options or {}))


# Cycles


def test_a_cycle_cannot_be_made():
    """An expression's operands are there before it is, and nothing changes them afterwards."""
    e = A * B
    for name in ("left", "right", "third", "op", "value", "name", "anything"):
        with pytest.raises(AttributeError):
            setattr(e, name, e)
    assert not hasattr(e, "__dict__")
    with pytest.raises(AttributeError):
        e.__setstate__((e, e))
    before = e
    e *= e  # makes another expression: `before` stays as it is
    assert repr(before) == "a*b"
    assert circuit(e)(2, 3) == 36
    with pytest.raises(TypeError, match="expressions are made of variables"):
        type(e)()
    blank = type(e).__new__(type(e))  # empty, but sound
    assert (blank.op, blank.left, blank.value) == ("constant", None, 0)
    assert circuit(blank + A)(3) == 3
    loop = circuits.ExpressionArray([A, B])
    loop[0] = loop[1] + loop[0]
    assert circuit(loop[0])(2, 3) == 5
    nested: list = [A]
    nested.append(nested)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        circuit(nested)


# Making a circuit


def test_outputs_that_are_none():
    check(
        [
            (lambda: circuit("a + b"), TypeError, "a circuit takes variables", "'a + b' (str)"),
            (lambda: circuit(None), TypeError, "a circuit takes", "None (NoneType)"),
            (lambda: circuit(True), TypeError, "a circuit takes", "True (bool)"),
            (lambda: circuit(1j), TypeError, "a circuit takes", "1j (complex)"),
            (lambda: circuit(object), TypeError, "a circuit takes"),
            (lambda: circuit(x for x in [A]), TypeError, "a circuit takes", "generator"),
            (lambda: circuit({A}), TypeError, "a circuit takes", "(set)"),
            (lambda: circuit({"a": A}), TypeError, "a circuit takes", "(dict)"),
            (lambda: circuit([A, None]), TypeError, "expressions and real numbers", "None"),
            (lambda: circuit([A, [B]]), TypeError, "expressions and real numbers", "[b] (list)"),
            (
                lambda: circuit([[A, B], [A]]),
                TypeError,
                "expressions and real numbers",
                "[a, b] (list); rows must have the same length",
            ),
            (lambda: circuit([A, PLAIN]), TypeError, "expressions and real numbers", "Circuit"),
            (lambda: circuit(np.array([1j, 2])), TypeError, "real numbers", "complex128"),
            (lambda: circuit(np.array(["a"])), TypeError, "real numbers", "dtype <U1"),
            (lambda: circuit([]), ValueError, "at least one output"),
            (lambda: circuit(()), ValueError, "at least one output"),
            (lambda: circuit(np.zeros((3, 0))), ValueError, "at least one output", "(3, 0)"),
            (lambda: circuit(W[:0]), ValueError, "at least one output"),
        ]
    )


def test_foreign_operands():
    for foreign in ("a", None, 1j, [None], object(), decimal.Decimal(1),
                    np.complex128(1), np.array([1j]), np.array(["a"]), np.datetime64("2020"), {},
                    b"1", np.array([True]), True):  # fmt: skip
        for use in (lambda x: A + x, lambda x: x * A, lambda x: A**x, lambda x: circuits.exp(x),
                    lambda x: circuits.hypot(A, x), lambda x: circuits.maximum(x, W)):  # fmt: skip
            with pytest.raises(TypeError):
                use(foreign)
    with pytest.raises(OverflowError, match="too large to convert to float"):
        A * 10**400


def test_bad_wrt():
    check(
        [
            (lambda: circuit(A * B, wrt="a"), TypeError, "wrt must be a list of variables", "'a'"),
            (lambda: circuit(A * B, wrt=2), TypeError, "wrt must be a list of variables", "2"),
            (lambda: circuit(A * B, wrt={A: 1}), TypeError, "wrt must be a list", "(dict)"),
            (lambda: circuit(A * B, wrt=(v for v in [A])), TypeError, "wrt must be a list"),
            (lambda: circuit(A * B, wrt=["a"]), TypeError, "wrt holds 'a'", "variable"),
            (lambda: circuit(A * B, wrt=[None]), TypeError, "wrt holds None"),
            (lambda: circuit(A * B, wrt=[A + 0 * B]), TypeError, "wrt holds a + 0*b"),
            (lambda: circuit(A * B, wrt=[A, 1.5]), TypeError, "wrt holds 1.5"),
            (lambda: circuit(A * B, wrt=[[A, [B]]]), TypeError, "wrt holds [b] (list)"),
            (lambda: circuit(A * B, wrt=[W + 1]), TypeError, "wrt holds"),
            (lambda: circuit(A * B, wrt=np.zeros(2)), TypeError, "wrt holds 0.0"),
            (lambda: circuit(A * B, wrt=[]), ValueError, "wrt is empty"),
            (lambda: circuit(W @ W, wrt=[W[:0]]), ValueError, "wrt is empty"),
            (lambda: circuit(A * B, wrt=[A, B, A]), ValueError, "a comes twice in wrt"),
            (lambda: circuit(W @ W, wrt=[W, W[1]]), ValueError, "w[1] comes twice in wrt"),
            (lambda: circuit(W @ W, wrt=[W[:2], W[1:]]), ValueError, "w[1] comes twice in wrt"),
            (lambda: circuit(W @ W, wrt=[W, W]), ValueError, "comes twice in wrt"),
        ]
    )


def test_a_parameter_that_the_expression_has_not():
    """It is allowed, for a common vector of parameters of several circuits: its slope is 0."""
    f = circuit(A * A, wrt=[X, A])
    assert f.gradient(7, 3).tolist() == [0, 6]
    assert f.hessian(7, 3).tolist() == [[0, 0], [0, 2]]
    assert f.objective()([7, 3])[1].tolist() == [0, 6]


def test_two_variables_of_one_name():
    twin, vector = variable("a"), variables("a", 2)
    check(
        [
            (lambda: circuit(A + twin), ValueError, "two different variables are named 'a'"),
            (lambda: circuit(A + twin, wrt=[A]), ValueError, "two different variables"),
            (lambda: circuit(A * B, wrt=[twin]), ValueError, "two different variables"),
            (lambda: circuit(A + vector[0]), ValueError, "two different variables are named 'a'"),
            (lambda: circuit(W[0] + variables("w", 3)[0]), ValueError, "two different", "'w'"),
        ]
    )


# Calls


def every_call(f):
    """The ways to evaluate a circuit of two parameters."""
    yield f
    for kind in KINDS:
        yield getattr(f, kind)
    yield lambda *p, **data: f.hessp(*p, P2, **data)
    yield lambda *p, **data: f.objective()(*p, **data)
    for name in ("cost", "fun", "jac"):
        yield lambda *p, name=name, **data: getattr(f.objective(), name)(*p, **data)
    yield lambda *p, **data: f.objective().hessp(*p, P2, **data)


def test_a_vector_of_parameters_that_does_not_fit():
    for call in every_call(circuit(A * circuits.tanh(B) + A * A)):
        for _ in range(2):  # the first call compiles, the second one is another way in
            check(
                [
                    (
                        lambda call=call: call(P5),
                        ValueError,
                        "p has shape (5,); expected (2,)",
                        "a, b",
                    ),
                    (lambda call=call: call(P2[:1]), ValueError, "p has shape (1,); expected (2,)"),
                    (lambda call=call: call(P2[:0]), ValueError, "p has shape (0,); expected (2,)"),
                    (
                        lambda call=call: call(P2[None]),
                        ValueError,
                        "p has shape (1, 2); expected (2,)",
                    ),
                    (lambda call=call: call(np.array(1.0)), (TypeError, ValueError), "expected"),
                    (
                        lambda call=call: call(P2 * 1j),
                        TypeError,
                        "p has dtype complex128",
                        "real numbers",
                    ),
                    (lambda call=call: call(["1", "2"]), TypeError, "p has dtype <U1", "not text"),
                    (
                        lambda call=call: call([None, 1]),
                        TypeError,
                        "p has dtype object",
                        "None at row 0",
                    ),
                    (lambda call=call: call([A, B]), TypeError, "p has dtype object"),
                    (lambda call=call: call([[1], [1, 2]]), TypeError, "p cannot be read"),
                    (
                        lambda call=call: call(np.zeros(2, "M8[s]")),
                        TypeError,
                        "p has dtype datetime64",
                    ),
                    (lambda call=call: call({"a": 1, "b": 2}), TypeError, "p has dtype object"),
                    (lambda call=call: call([10**400, 1]), TypeError, "p has dtype object"),
                ]
            )


def test_a_masked_vector_is_refused():
    masked = np.ma.array(P2, mask=[False, True])
    check([(lambda call=call: call(masked), ValueError, "masked at") for call in every_call(PLAIN)])


def test_vectors_of_every_layout_are_read():
    frozen = P2.copy()
    frozen.setflags(write=False)
    ways = [
        P2.tolist(), tuple(P2), frozen, np.repeat(P2, 2)[::2], P2[::-1].copy()[::-1],
        P2.astype("f4"), P2.astype(">f8"), misaligned(P2), P2.astype(np.longdouble),
        memoryview(P2), np.ma.array(P2), np.array(P2, np.float16),
    ]  # fmt: skip
    for call in every_call(PLAIN):
        want = call(P2)
        for p in ways:
            np.testing.assert_equal(call(p), want)
    integers = [np.array([3, -2], dtype) for dtype in ("i1", "i8", ">i2")]
    for p in (*integers, [3, -2], [3, -2.0]):
        assert PLAIN(p) == PLAIN(3.0, -2.0)
    assert PLAIN(np.array([True, False])) == PLAIN(1, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0])
def test_numbers_that_are_not_finite_are_arithmetic(value):
    """The result is what IEEE arithmetic says, without a warning; later calls are not touched."""
    before = PLAIN.value_and_gradient(P2)[0], FED.objective({**DATA})(P5)[0]
    with np.errstate(all="raise"):
        for p in ([value, 0.5], [0.5, value], [value, value]):
            results = [call(np.array(p)) for call in every_call(PLAIN)]
            a, b = p
            with np.errstate(all="ignore"):
                want = np.float64(a) * np.tanh(b) + np.float64(a) * a
            np.testing.assert_allclose(results[0], want, rtol=1e-14)
            assert [np.shape(result) for result in results[2:5]] == [(2,), (2,), (2, 2)]
        value_, gradient = FED.objective({**DATA})(np.full(5, value))
        assert np.isnan(value_) or abs(value) > 1 or np.isfinite(value_)
        assert gradient.shape == (5,)
    assert before == (PLAIN.value_and_gradient(P2)[0], FED.objective({**DATA})(P5)[0])


def test_arguments():
    for call in (FED, *(getattr(FED, kind) for kind in KINDS)):
        for _ in range(2):
            check(
                [
                    (
                        lambda call=call: call(),
                        TypeError,
                        "no values for the parameters a, b, w[3]",
                    ),
                    (lambda call=call: call(P5), TypeError, "no values for the data x, y", "x=..."),
                    (
                        lambda call=call: call(P5, x=1),
                        TypeError,
                        "no values for the data y",
                        "y=...",
                    ),
                    (
                        lambda call=call: call(P5, x=1, y=1, z=1),
                        TypeError,
                        "no input 'z'",
                        "a, b, w[3]",
                    ),
                    (lambda call=call: call(P5, x=1, yy=1), TypeError, "'yy'; did you mean 'y'?"),
                    (
                        lambda call=call: call(P5, x=1, y=1, a=1),
                        TypeError,
                        "a is given by name and by pos",
                    ),
                    (
                        lambda call=call: call(1, 2, x=1, y=1),
                        TypeError,
                        "got 2 arguments",
                        "a, b, w[3]",
                    ),
                    (
                        lambda call=call: call(1, 2, P5, x=1, y=1),
                        ValueError,
                        "w has shape (5,)",
                        "(3,)",
                    ),
                    (
                        lambda call=call: call(1, [2, 3], P5[:3], x=1, y=1),
                        ValueError,
                        "b has shape (2,)",
                    ),
                    (lambda call=call: call(a=1, b=2, x=1, y=1), TypeError, "no values", "w[3]"),
                    (lambda call=call: call(P5, 1, x=1, y=1), TypeError, "got 2 arguments"),
                    (
                        lambda call=call: call(P5, x="1", y=1),
                        TypeError,
                        "x has dtype <U1",
                        "not text",
                    ),
                    (
                        lambda call=call: call(P5, x=None, y=1),
                        TypeError,
                        "x has dtype object",
                        "None",
                    ),
                    (lambda call=call: call(P5, x=1j, y=1), TypeError, "x has dtype complex128"),
                    (lambda call=call: call(P5, x=[1, 2], y=[1]), ValueError, "x has 2, y has 1"),
                    (lambda call=call: call(P5, x=[[1, 2]], y=1), ValueError, "x has shape (1, 2)"),
                    (lambda call=call: call(P5, x=A, y=1), TypeError, "x has dtype object"),
                ]
            )
    check(
        [
            (lambda: VECTOR(1, v=[1, 2, 3, 4]), ValueError, "v has shape (4,); expected (2, 2)"),
            (lambda: VECTOR(1, v=np.zeros((3, 4))), ValueError, "v has shape (3, 4)", "(m, 2, 2)"),
            (lambda: VECTOR(1, v=np.zeros((1, 3, 2, 2))), ValueError, "v has shape (1, 3, 2, 2)"),
            (lambda: VECTOR(1, **{"v[0]": 1}), TypeError, "no input 'v[0]'"),
            (lambda: FED.hessp(P5, P2, x=1, y=1), ValueError, "v has shape (2,); expected (5,)"),
            (lambda: FED.hessp(P5, "v", x=1, y=1), TypeError, "v has dtype <U1"),
            (lambda: FED.hessp(P5, x=1, y=1), TypeError, "v"),
        ]
    )


def test_samples_that_are_none():
    """A plain call of no samples gives no rows; an objective of no samples has no mean."""
    empty = {"x": np.zeros(0), "y": 1.0}
    assert FED(P5, **empty).shape == (0,)
    assert FED.gradient(P5, **empty).shape == (0, 5)
    assert FED.jacobian(P5, **empty).shape == (0, 5)
    assert FED.hessian(P5, **empty).shape == (0, 5, 5)
    assert FED.hessp(P5, P5, **empty).shape == (0, 5)
    assert VECTOR(1.0, v=np.zeros((0, 2, 2))).shape == (0,)


def test_several_outputs_have_no_gradient():
    pair = circuit([A * B, A + B])
    check(
        [
            (lambda: pair.gradient(1, 2), TypeError, "outputs of shape (2,)", "f.jacobian"),
            (lambda: pair.value_and_gradient(1, 2), TypeError, "f.jacobian"),
            (lambda: pair.hessian(1, 2), TypeError, "a Hessian needs a single expression"),
            (lambda: pair.hessp(P2, P2), TypeError, "a Hessian needs a single expression"),
            (lambda: pair.objective(), TypeError, "an objective needs a single expression"),
            (lambda: circuit([A]).gradient(1), TypeError, "outputs of shape (1,)"),
        ]
    )


def test_names_of_tapes():
    check(
        [
            (lambda: PLAIN.tape("jacobi"), ValueError, "unknown tape 'jacobi'", "'jacobian'"),
            (lambda: PLAIN.tape(1), TypeError, "tape must be a name, got 1"),
        ]
    )
