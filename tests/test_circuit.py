"""Circuits: values and derivatives, what a call may be, errors."""

import numpy as np
import pytest
from scipy.optimize import rosen_hess

from fastbp import circuit, circuits, variable, variables
from fastbp.circuits import exp, maximum, relu, sigmoid, where

A, B, C, X, Y = variables("a b c x y")
NEURON = circuit(sigmoid(A * X + B * Y + C))
POINT = np.array([1.0, 2, -3, -1, 3])
VALUE = 0.8807970779778823
SLOPES = [-0.104993585, 0.314980756, 0.104993585, 0.104993585, 0.209987171]
FED = circuit(sigmoid(A * X + B * Y + C), wrt=[A, B, C])


# Example E


def test_product():
    f = circuit(X * Y)
    value, gradient = f.value_and_gradient(-2, 3)
    assert value == -6
    assert gradient.tolist() == [3, -2]
    p = np.array([-2.0, 3]) + 0.01 * gradient
    assert round(f(p), 4) == -5.8706


def test_product_of_a_sum():
    x, y, z = variables("x y z")
    f = circuit((x + y) * z)
    value, gradient = f.value_and_gradient([-2, 5, -4])
    assert value == -12
    assert gradient.tolist() == [-4, -4, 3]
    assert round(f(np.array([-2, 5, -4]) + 0.01 * gradient), 4) == -11.5924


def test_the_sigmoid_neuron():
    value, gradient = NEURON.value_and_gradient(POINT)
    assert value == VALUE
    assert gradient.round(9).tolist() == SLOPES
    assert abs(NEURON(POINT + 0.01 * gradient) - 0.8825501816218984) < 3e-16


def test_small_circuits():
    a, b, c, d = variables("a b c d")
    assert circuit(a * a).gradient(3.0).tolist() == [6.0]
    assert circuit(1 / a).gradient(4.0).tolist() == [-0.0625]
    f = circuit((a + b) / (c + d))
    np.testing.assert_allclose(f.gradient(1, 2, 3, 1), [1 / 4, 1 / 4, -3 / 16, -3 / 16])
    x2 = (a * b + c) * d
    f = circuit(x2 * x2)
    np.testing.assert_allclose(f.gradient(1, 2, 3, 4), [320, 160, 160, 200])
    f = circuit(maximum(a, b))
    assert f.gradient(1, 2).tolist() == [0, 1]
    assert f.gradient(2, 1).tolist() == [1, 0]
    for g in (relu(a), maximum(a, 0), maximum(0, a)):
        assert [circuit(g).value_and_gradient(v)[0] for v in (-1, 0, 2)] == [0, 0, 2]
        assert [float(circuit(g).gradient(v)[0]) for v in (-1, 0, 2)] == [0, 0, 1]


POINTS = np.array([[1.2, 0.7], [-0.3, -0.5], [3, 0.1], [-0.1, -1], [-1, 1.1], [2.1, -3]])
LABELS = np.array([1, -1, 1, -1, -1, 1])


def test_the_svm_point_by_point():
    """The pull of the text: 1 or -1 where the margin is under 1, and -a, -b always."""
    label = variable("label")
    score = A * X + B * Y + C
    pull = where(label > 0, where(score < 1, 1.0, 0.0), where(score > -1, -1.0, 0.0))
    f = circuit([score, pull], wrt=[A, B, C])
    parameters, rng = np.array([1.0, -2, -1]), np.random.default_rng(0)
    by_hand, best = parameters.copy(), 0.0
    for _ in range(400):
        i = rng.integers(6)
        (x, y), sign = POINTS[i], LABELS[i]
        _, strength = f(parameters, x=x, y=y, label=float(sign))
        slopes = f.jacobian(parameters, x=x, y=y, label=float(sign))[0]
        parameters = parameters + 0.01 * (strength * slopes - parameters * [1, 1, 0])
        a, b, c = by_hand
        s = a * x + b * y + c
        pulled = 1 if sign == 1 and s < 1 else -1 if sign == -1 and s > -1 else 0
        by_hand = by_hand + 0.01 * np.array([pulled * x - a, pulled * y - b, pulled])
        scores = f(parameters, x=POINTS[:, 0], y=POINTS[:, 1], label=1.0 * LABELS)[:, 0]
        best = max(best, np.mean((scores > 0) == (LABELS > 0)))
    np.testing.assert_allclose(parameters, by_hand, rtol=1e-12)
    assert best == 1


def test_the_svm_cost():
    x = np.array([[1.2, 0.7], [-0.3, 0.5], [3, 2.5]])
    y = np.array([1, -1, 1])
    w, b = variables("w", 2), variable("b")
    cost = circuits.sum(maximum(0, 1 - y * (np.dot(x, w) + b))) + 0.1 * np.dot(w, w)
    value, gradient = circuit(cost, wrt=[w, b]).value_and_gradient([0.1, 0.2, 0.3])
    np.testing.assert_allclose(value, 1.815, rtol=1e-15)
    np.testing.assert_allclose(gradient, [-1.48, -0.16, 0], rtol=1e-14, atol=1e-15)


# What a call may be


def test_all_ways_to_give_the_parameters_agree():
    ways = [
        NEURON(POINT), NEURON(POINT.tolist()), NEURON(tuple(POINT)), NEURON(*POINT),
        NEURON(1, 2, -3, -1, 3), NEURON(*map(np.float32, POINT)), NEURON(POINT.astype("f4")),
        NEURON(np.array([1, 2, -3, -1, 3])), NEURON(a=1, b=2, c=-3, x=-1, y=3),
        NEURON(a=1.0, b=np.array(2), c=-3, x=np.int8(-1), y=3), NEURON(POINT[::-1][::-1]),
        FED(POINT[:3], x=-1, y=3.0), FED(1, 2, -3, x=-1, y=3), FED([1, 2, -3], y=3, x=-1),
        FED(a=1, b=2, c=-3, x=-1, y=3), FED(POINT[:3], x=np.float64(-1), y=np.array(3)),
    ]  # fmt: skip
    assert ways == [VALUE] * len(ways)
    assert all(type(value) is float for value in ways)


def test_vectors_of_parameters_and_data():
    w, b, x = variables("w", (2, 3)), variable("b"), variables("x", 3)
    f = circuit(w @ x + b, wrt=[w, b])
    W, p, q = np.arange(6.0).reshape(2, 3), np.append(np.arange(6.0), 0.5), np.array([1.0, 2, 3])
    want = W @ q + 0.5
    for value in (f(p, x=q), f(W, 0.5, x=q), f(w=W, b=0.5, x=[1, 2, 3]), f(W.ravel(), 0.5, x=q)):
        assert value.tolist() == want.tolist()
    jacobian = f.jacobian(p, x=q)
    assert jacobian.shape == (2, 7)
    assert jacobian.tolist() == [[1, 2, 3, 0, 0, 0, 1], [0, 0, 0, 1, 2, 3, 1]]
    samples = np.random.default_rng(0).normal(size=(5, 3))
    assert f(p, x=samples).shape == (5, 2)
    np.testing.assert_allclose(f(p, x=samples), samples @ W.T + 0.5, rtol=1e-15)
    assert f.jacobian(p, x=samples).shape == (5, 2, 7)
    np.testing.assert_array_equal(f.jacobian(p, x=samples)[3], f.jacobian(p, x=samples[3]))


def test_wrt_orders_the_parameters():
    x = variables("x", 3)
    e = A * x[0] + B * x[1] ** 2
    assert circuit(e).parameters == ("a", "b", "x")
    assert circuit(e).n_parameters == 5  # a vector is given as a whole
    assert circuit(e).gradient([2, 3, 5, 7, 11]).tolist() == [5, 49, 2, 42, 0]
    f = circuit(e, wrt=[x, A])
    assert (f.parameters, f.data) == (("x", "a"), ("b",))
    assert f.gradient([5, 7, 11, 2], b=3).tolist() == [2, 42, 0, 5]
    f = circuit(e, wrt=[B, x[1]])
    assert (f.parameters, f.data) == (("b", "x[1]"), ("a", "x[0]"))
    assert f.gradient([3, 7], a=2, **{"x[0]": 5}).tolist() == [49, 42]
    assert circuit(e, wrt=x).gradient([5, 7, 11], a=2, b=3).tolist() == [2, 42, 0]
    assert circuit(e, wrt=A).gradient(2, b=3, x=[5, 7, 11]).tolist() == [5]
    assert circuit(e, wrt=x[:2]).gradient([5, 7], a=2, b=3).tolist() == [2, 42]
    assert circuit(e, wrt=[x[1], x[0]]).gradient([7, 5], a=2, b=3).tolist() == [42, 2]
    unused = variable("unused")
    assert circuit(e, wrt=[unused, A]).gradient([0, 1], b=1, x=[1, 1, 1]).tolist() == [0, 1]


def test_outputs_of_every_shape():
    assert type(circuit(A)(3)) is float
    assert circuit([A])(3).tolist() == [3]
    assert circuit([[A, B], [A + B, 2.0]])(3, 4).tolist() == [[3, 4], [7, 2]]
    assert circuit(np.array([A, B]))([3, 4]).tolist() == [3, 4]
    assert circuit(2.5)() == 2.5
    assert circuit(2.5, wrt=[A]).value_and_gradient(1.0)[1].tolist() == [0]


def test_samples_give_rows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 700))
    p = POINT[:3]
    values, gradients = FED.value_and_gradient(p, x=x, y=y)
    assert values.shape == (700,)
    assert gradients.shape == (700, 3)
    assert FED.hessian(p, x=x, y=y).shape == (700, 3, 3)
    for i in (0, 63, 511, 512, 699):
        at = {"x": float(x[i]), "y": float(y[i])}
        value, gradient = FED.value_and_gradient(p, **at)
        assert values[i] == FED(p, x=x, y=y)[i] == value
        assert gradients[i].tolist() == FED.gradient(p, x=x, y=y)[i].tolist() == gradient.tolist()
        assert FED.hessian(p, x=x, y=y)[i].tolist() == FED.hessian(p, **at).tolist()
        assert FED.hessp(p, p, x=x, y=y)[i].tolist() == FED.hessp(p, p, **at).tolist()
    mixed = FED(p, x=x.astype("f4"), y=[3] * 700)
    np.testing.assert_allclose(mixed, FED(p, x=x, y=3), rtol=1e-6)
    assert FED(p, x=x[:0], y=3).shape == (0,)
    assert FED.value_and_gradient(p, x=x[:0], y=3)[1].shape == (0, 3)
    assert FED(p, x=x[:1], y=3).shape == (1,)


def test_second_derivatives_agree():
    H = NEURON.hessian(POINT)
    np.testing.assert_allclose(H, H.T, rtol=1e-14)
    for v in np.eye(5):
        np.testing.assert_allclose(NEURON.hessp(POINT, v), H @ v, rtol=1e-14, atol=1e-16)
    for i in range(5):
        step = 1e-6 * np.eye(5)[i]
        slope = (NEURON.gradient(POINT + step) - NEURON.gradient(POINT - step)) / 2e-6
        np.testing.assert_allclose(H[i], slope, rtol=1e-8, atol=1e-9)
    one = circuit(A**3)
    assert one.hessian(2.0).tolist() == [[12.0]]
    assert one.hessp(2.0, [1]).tolist() == one.hessp([2.0], [1]).tolist() == [12.0]


@pytest.mark.parametrize("name", ["tape", "v", "value", "gradient"])
def test_data_of_any_name(name):
    """Also of one that compiled functions are kept by."""
    x = variable(name)
    f = circuit(A * x, wrt=[A])
    for _ in range(2):
        assert f(2.0, **{name: 3.0}) == 6
        assert f(2.0, **{name: np.ones(3)}).tolist() == [2, 2, 2]
        assert f.hessp(2.0, [1.0], **{name: np.ones(3)}).shape == (3, 1)
        assert f.value_and_gradient(2.0, **{name: np.ones(3)})[0].tolist() == [2, 2, 2]


@pytest.mark.parametrize("n", range(2, 131))
def test_hessians_of_every_size(n):
    """The graph grows while it is swept, past the ends of what a sweep has room for."""
    v, w = variables("v", n), np.linspace(0.1, 1, n)
    p = np.linspace(-1, 1, n)
    t = np.tanh(w @ p)
    f = circuit(circuits.tanh(w @ v))
    np.testing.assert_allclose(f.hessian(p), -2 * t * (1 - t * t) * np.outer(w, w), atol=1e-13)
    valley = circuit(circuits.sum(100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2))
    np.testing.assert_allclose(valley.hessian(p), rosen_hess(p), rtol=1e-12, atol=1e-11)


def test_results_are_fresh():
    first = NEURON.gradient(POINT)
    second = NEURON.gradient(POINT)
    assert first is not second
    first[:] = 0
    assert second.round(9).tolist() == SLOPES
    value, gradient = NEURON.value_and_gradient(POINT)
    assert gradient.flags.owndata
    assert type(value) is float


def test_a_function_into_buffers():
    p, value, gradient = POINT[:3].copy(), np.zeros(1), np.zeros(3)
    x, y = np.array([-1.0]), np.array(3.0)
    run = FED.callable_into(p, value, gradient, x=x, y=y)
    assert run() is None
    assert value[0] == VALUE
    assert gradient.round(9).tolist() == SLOPES[:3]
    x[0] = 0.5
    run()
    assert value[0] == FED(p, x=0.5, y=3)
    only = FED.callable_into(p, value, x=x, y=y)
    p[0] = 7
    only()
    assert value[0] == FED(p, x=0.5, y=3)
    assert gradient.tolist() == FED.gradient([1, 2, -3], x=0.5, y=3).tolist()
    import array

    plain, out = array.array("d", [1, 2, -3, -1, 3]), array.array("d", [0])
    NEURON.callable_into(plain, out)()
    assert out[0] == VALUE
    pair, both, slopes = circuit([A * B, A + B]), np.zeros(2), np.zeros((2, 2))
    pair.callable_into(np.array([2.0, 3]), both, slopes)()
    assert both.tolist() == [6, 5]
    assert slopes.tolist() == [[3, 2], [1, 1]]
    run = FED.callable_into(p, value, gradient=gradient, x=x, y=y)
    gradient[:] = 0
    run()
    assert gradient.tolist() == FED.gradient(p, x=0.5, y=3).tolist()


def test_data_may_have_the_name_of_any_argument_of_a_function_into_buffers():
    names = ("self", "p", "value", "gradient", "data", "circuit")
    data = variables(" ".join(names))
    f = circuit(A * sum(k * x for k, x in enumerate(data, 1)), wrt=[A])
    buffers = {name: np.array([k + 0.5]) for k, name in enumerate(names)}
    numbers = {name: buffer[0] for name, buffer in buffers.items()}
    p, value, gradient = np.array([2.0]), np.zeros(1), np.zeros(1)
    f.callable_into(p, value, gradient, **buffers)()
    assert value[0] == f(2.0, **numbers) == 2 * gradient[0]
    value[0] = 0
    f.callable_into(p, value, **buffers)()
    assert value[0] == f(2.0, **numbers) == f.objective(numbers)(p)[0]
    assert f.hessp(p, p, **numbers) == 0


def test_what_ieee_says():
    with np.errstate(all="raise"):
        assert circuit(1 / A)(0.0) == np.inf
        assert np.isnan(circuit(circuits.log(A))(-1.0))
        assert circuit(exp(A))(1000) == np.inf
        assert np.isnan(NEURON(np.full(5, np.nan)))
        assert circuit(A * B)(np.inf, 0) != circuit(A * B)(np.inf, 0)


# The tape


def test_what_is_equal_is_computed_once_and_what_is_constant_never():
    f = circuit((A + B) * (A + B) + exp(A + B) * (2 * 3))
    assert f.tape().count("add(a, b)") == 1
    assert "6" in f.tape()
    assert f.n_gates == f.tape().count("=")
    assert circuit(A * B + C).tape() == "t0 = multiply_add(a, b, c)\nreturn t0"
    assert circuit([A, 2.0]).tape() == "return a, 2"
    assert circuit(A).n_gates == 0
    unused = A * B
    exp(unused)
    assert circuit(unused + 1).n_gates == 1
    assert "sigmoid_slope" in NEURON.tape("gradient")
    assert "v[0]" in NEURON.tape("hessp")
    with pytest.raises(ValueError, match="unknown tape 'gradiant'; did you mean 'gradient'"):
        NEURON.tape("gradiant")


def test_attributes_and_repr():
    assert repr(FED) == "<Circuit of a, b, c; data: x, y: 4 gates>"
    assert (FED.parameters, FED.data, FED.n_parameters) == (("a", "b", "c"), ("x", "y"), 3)
    two = circuit([variables("v", 3) @ np.ones(3), A], wrt=[A])
    assert repr(two) == "<Circuit of a; data: v[3]: 2 gates, outputs of shape (2,)>"
    for change in (lambda: setattr(FED, "n_parameters", 1), lambda: delattr(FED, "shape")):
        with pytest.raises(AttributeError, match="a Circuit is immutable"):
            change()


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: NEURON(), TypeError, r"no values for the parameters a, b, c, x, y; pass one vec"),
        (lambda: NEURON(a=1, b=2), TypeError, r"no values for the parameters c, x, y"),
        (lambda: NEURON([1, 2, 3]), ValueError, r"p has shape \(3,\); expected \(5,\), the para"),
        (lambda: NEURON(POINT[None]), ValueError, r"p has shape \(1, 5\)"),
        (lambda: NEURON(1, 2, 3), TypeError, r"got 3 arguments; expected one vector of 5 numbers"),
        (lambda: NEURON(*range(6)), TypeError, r"got 6 arguments"),
        (lambda: NEURON("abcde"), TypeError, r"p has dtype"),
        (lambda: NEURON(POINT * 1j), TypeError, r"complex128; expected real numbers"),
        (lambda: NEURON([1, 2, None, 4, 5]), TypeError, r"p has dtype object"),
        (lambda: NEURON(1, 2, 3, 4, "x"), TypeError, r"y has dtype"),
        (lambda: NEURON(1, 2, 3, 4, [5, 6]), ValueError, r"y has shape \(2,\); expected \(\)"),
        (lambda: NEURON(POINT, a=1), TypeError, r"a is given by name and by position"),
        (lambda: NEURON(POINT, d=1), TypeError, r"no input 'd'"),
        (lambda: FED(POINT[:3], x=1, yy=1), TypeError, r"no input 'yy'; did you mean 'y'\?"),
        (lambda: FED(POINT[:3]), TypeError, r"no values for the data x, y; pass them by name: x="),
        (lambda: FED(POINT[:3], x=1), TypeError, r"no values for the data y"),
        (lambda: FED(POINT), ValueError, r"p has shape \(5,\); expected \(3,\)"),
        (lambda: FED(POINT[:3], x="1", y=1), TypeError, r"x has dtype"),
        (lambda: FED(POINT[:3], x=[[1]], y=1), ValueError, r"x has shape \(1, 1\); expected a num"),
        (lambda: FED(POINT[:3], x=[1, 2], y=[1]), ValueError, r"x has 2, y has 1; give each one"),
        (lambda: circuit([A, B]).gradient(1, 2), TypeError, r"needs a single expression: f.jacob"),
        (lambda: circuit([A, B]).value_and_gradient(1, 2), TypeError, r"outputs of shape \(2,\)"),
        (lambda: circuit([A, B]).hessian(1, 2), TypeError, r"a Hessian needs a single expression"),
        (lambda: circuit([A, B]).hessp([1, 2], [1, 2]), TypeError, r"a Hessian needs a single"),
        (lambda: NEURON.hessp(POINT, [1, 2]), ValueError, r"v has shape \(2,\); expected \(5,\)"),
        (lambda: circuit("a"), TypeError, r"a circuit"),
        (lambda: circuit(None), TypeError, r"a circuit"),
        (lambda: circuit([A, "b"]), TypeError, r"expressions and real numbers, got 'b'"),
        (lambda: circuit([]), ValueError, r"at least one output"),
        (lambda: circuit(A, wrt=[]), ValueError, r"wrt is empty"),
        (lambda: circuit(A, wrt=[A + B]), TypeError, r"wrt holds .*expected variables"),
        (lambda: circuit(A, wrt=["a"]), TypeError, r"wrt holds 'a'; expected variables"),
        (lambda: circuit(A, wrt="a"), TypeError, r"wrt must be a list of variables"),
        (lambda: circuit(A, wrt=[A, A]), ValueError, r"a comes twice in wrt"),
        (lambda: circuit(A + variable("a")), ValueError, r"two different variables .*named 'a'"),
        (lambda: FED.callable_into([1, 2, 3], np.zeros(1), x=POINT[:1], y=POINT[:1]), TypeError,
         r"p must be a C-contiguous buffer of float64; np.zeros\(3\) makes one"),
        (lambda: FED.callable_into(POINT[:3], np.zeros(1), x=POINT[:1]), TypeError,
         r"no buffers for the data y"),
        (lambda: NEURON.callable_into(POINT, np.zeros(2)), ValueError, r"value has 2 numbers; ex"),
        (lambda: NEURON.callable_into(POINT, np.zeros(1), np.zeros(4)), ValueError,
         r"gradient has 4 numbers; expected 5"),
        (lambda: NEURON.callable_into(POINT[:4], np.zeros(1)), ValueError, r"p has 4 numbers"),
        (lambda: NEURON.callable_into(POINT, np.zeros(1, "f4")), TypeError, r"value must be a wri"),
        (lambda: NEURON.callable_into(POINT, np.zeros(1), np.zeros(10)[::2]), TypeError,
         r"gradient must be a writeable C-contiguous"),
        (lambda: NEURON.callable_into(POINT, b"12345678"), TypeError, r"value must be a writeab"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_error_of_a_wrong_call_leaves_the_circuit_as_it_is():
    f = circuit(A * B)
    for _ in range(2):
        with pytest.raises(ValueError, match="p has shape"):
            f.value_and_gradient([1, 2, 3])
        assert f.value_and_gradient([2, 3])[0] == 6
