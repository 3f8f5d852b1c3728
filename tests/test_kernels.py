"""fastbp.kernels against the formulas, written out in NumPy at higher precision."""

import numpy as np
import oracle
import pytest
from layouts import LAYOUTS, read_only
from oracle import one_hot
from problems import DTYPES, SAMPLES, draw_targets, hidden_names, needs_classes, pairs

import fastbp
from fastbp import kernels
from fastbp._core import core

BOTH = pytest.mark.parametrize("dtype", DTYPES)
F = oracle.numbers(np.longdouble)


def draw(rng, *shape, dtype="float64"):
    return rng.normal(size=shape).astype(dtype)


def assert_near(value, exact, dtype, terms=1):
    """Within a few ulp of the sum of `terms` products of numbers of size 1."""
    assert value.dtype == dtype
    assert value.shape == exact.shape
    tolerance = 40 * (terms + 1) * np.finfo(dtype).eps
    np.testing.assert_allclose(value, exact.astype(float), rtol=tolerance, atol=tolerance)


def activation_of(name, z):
    return oracle._softmax(F, z) if name == "softmax" else oracle.ACTIVATIONS[name][0](F, z)


# The formulas


@BOTH
@pytest.mark.parametrize("m", SAMPLES)
@pytest.mark.parametrize("activation", core("float64").ACTIVATIONS)
def test_forward(activation, m, dtype):
    rng = np.random.default_rng(m)
    for n, (n_in, n_out) in enumerate([(1, 1), (3, 7), (33, 17)]):
        layout = list(LAYOUTS)[(n + m) % 4]
        Theta = read_only(draw(rng, n_out, 1 + n_in, dtype=dtype), layout)
        a = read_only(draw(rng, m, n_in, dtype=dtype), layout)
        z, value = kernels.forward(Theta, a, activation)
        exact = F.array(a) @ F.array(Theta)[:, 1:].T + F.array(Theta)[:, 0]
        assert_near(z, exact, dtype, n_in)
        assert_near(value, activation_of(activation, F.array(z)), dtype)


@BOTH
@pytest.mark.parametrize("m", SAMPLES)
@pytest.mark.parametrize("activation", hidden_names())
def test_backpropagate(activation, m, dtype):
    rng = np.random.default_rng(m)
    for n, (n_in, n_out) in enumerate([(1, 1), (3, 7), (33, 17)]):
        layout = list(LAYOUTS)[(n + m) % 4]
        Theta = read_only(draw(rng, n_out, 1 + n_in, dtype=dtype), layout)
        delta = read_only(draw(rng, m, n_out, dtype=dtype), layout)
        z = read_only(draw(rng, m, n_in, dtype=dtype), layout)
        slope = oracle.ACTIVATIONS[activation][1](F, F.array(z))
        exact = (F.array(delta) @ F.array(Theta)[:, 1:]) * slope
        assert_near(kernels.backpropagate(Theta, delta, z, activation), exact, dtype, n_out)


@BOTH
@pytest.mark.parametrize("m", SAMPLES)
@pytest.mark.parametrize("activation", hidden_names())
def test_backpropagate_with_an_error_from_elsewhere(activation, m, dtype):
    rng = np.random.default_rng(m)
    for n, (n_in, n_out) in enumerate([(1, 1), (3, 7), (33, 17)]):
        layout = list(LAYOUTS)[(n + m) % 4]
        Theta = read_only(draw(rng, n_out, 1 + n_in, dtype=dtype), layout)
        delta = read_only(draw(rng, m, n_out, dtype=dtype), layout)
        z = read_only(draw(rng, m, n_in, dtype=dtype), layout)
        error = read_only(draw(rng, m, n_in, dtype=dtype), list(LAYOUTS)[n])
        slope = oracle.ACTIVATIONS[activation][1](F, F.array(z))
        exact = (F.array(delta) @ F.array(Theta)[:, 1:] + F.array(error)) * slope
        below = kernels.backpropagate(Theta, delta, z, activation, error=error)
        assert_near(below, exact, dtype, n_out + 1)


def slope_of(cost, Theta, step=1e-6):
    """Central differences of `cost`, entry by entry."""
    D = np.empty_like(Theta)
    for place in np.ndindex(Theta.shape):
        change = np.zeros_like(Theta)
        change[place] = step
        D[place] = (cost(Theta + change) - cost(Theta - change)) / (2 * step)
    return D


def test_two_heads_on_one_layer():
    """What the first head sends back is the error at the second."""
    rng = np.random.default_rng(0)
    X, ys = draw(rng, 9, 4), draw(rng, 2, 9, 3)
    shared, heads = draw(rng, 5, 5), draw(rng, 2, 3, 6)

    def cost(Theta):
        a = kernels.forward(Theta, X, "tanh")[1]
        return sum(
            ((kernels.forward(head, a, "sigmoid")[1] - y) ** 2).sum() / 2
            for head, y in zip(heads, ys, strict=True)
        )

    z, a = kernels.forward(shared, X, "tanh")
    deltas = [
        kernels.output_delta("squared_error", "sigmoid", kernels.forward(head, a, "sigmoid")[0], y)[
            1
        ]
        for head, y in zip(heads, ys, strict=True)
    ]
    error = kernels.backpropagate(heads[0], deltas[0], z)  # identity: delta W alone
    delta = kernels.backpropagate(heads[1], deltas[1], z, "tanh", error=error)
    np.testing.assert_allclose(
        kernels.accumulate(delta, X), slope_of(cost, shared), rtol=1e-6, atol=1e-8
    )


def test_backpropagation_through_time():
    """h_t = tanh(Theta [1, x_t, h_{t-1}]), a linear output at every step: delta_t gets the error of
    the step after."""
    rng = np.random.default_rng(1)
    steps, m, n, H = 6, 4, 3, 5
    X, y = draw(rng, steps, m, n), draw(rng, steps, m, 2)
    Theta, out = draw(rng, H, 1 + n + H) / 2, draw(rng, 2, 1 + H)

    def run(Theta):
        h, states = np.zeros((m, H)), []
        for x in X:
            inputs = np.hstack([x, h])
            z, h = kernels.forward(Theta, inputs, "tanh")
            states.append((inputs, z, h))
        return states

    def cost(Theta):
        return sum(
            ((kernels.forward(out, h)[1] - target) ** 2).sum() / 2
            for (_, _, h), target in zip(run(Theta), y, strict=True)
        )

    Delta, error = np.zeros_like(Theta), np.zeros((m, H))
    recurrent = np.ascontiguousarray(np.delete(Theta, range(1, 1 + n), axis=1))  # bias and h alone
    for (inputs, z, h), target in zip(reversed(run(Theta)), y[::-1], strict=True):
        above = kernels.forward(out, h)[1] - target
        delta = kernels.backpropagate(out, above, z, "tanh", error=error)
        kernels.accumulate(delta, inputs, Delta)
        error = kernels.backpropagate(recurrent, delta, h)  # to the h of the step before
    np.testing.assert_allclose(Delta, slope_of(cost, Theta), rtol=1e-6, atol=1e-8)


def test_an_error_in_another_precision_makes_all_float64():
    Theta, delta, z = (np.ones(shape, "f4") for shape in ((2, 3), (4, 2), (4, 2)))
    below = kernels.backpropagate(Theta, delta, z, error=np.full((4, 2), 1e-9))
    assert below.dtype == np.float64
    np.testing.assert_array_equal(below, 2 + 1e-9)
    assert kernels.backpropagate(Theta, delta, z, error=np.ones((4, 2), "f4")).dtype == "f4"


@BOTH
@pytest.mark.parametrize("m", SAMPLES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_accumulate(layout, m, dtype):
    rng = np.random.default_rng(m)
    for n_in, n_out in [(1, 1), (3, 7), (33, 17)]:
        delta = read_only(draw(rng, m, n_out, dtype=dtype), layout)
        a = read_only(draw(rng, m, n_in, dtype=dtype), layout)
        ones = np.ones((m, 1))
        exact = F.array(delta).T @ np.hstack([F.array(ones), F.array(a)])
        Delta = kernels.accumulate(delta, a)
        assert Delta.dtype == np.float64
        np.testing.assert_allclose(
            Delta, exact.astype(float), rtol=0, atol=4 * np.sqrt(m) * np.finfo(dtype).eps * 10
        )
        start = draw(rng, n_out, 1 + n_in)
        total = start.copy()
        assert kernels.accumulate(delta, a, total) is total
        np.testing.assert_allclose(total, start + Delta, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("l2", "m"), [(0, 1), (3.0, 5), (0.5, 2.25)])
def test_regularized_gradient(l2, m, layout):
    rng = np.random.default_rng(0)
    for shape in [(1, 2), (7, 4), (17, 34)]:
        Delta, Theta = (read_only(draw(rng, *shape), layout) for _ in range(2))
        D = kernels.regularized_gradient(Delta, Theta, l2, m)
        expected = Delta / m
        expected[:, 1:] += l2 / m * Theta[:, 1:]
        np.testing.assert_allclose(D, expected, rtol=1e-14, atol=1e-15)


@BOTH
@pytest.mark.parametrize("m", SAMPLES)
@pytest.mark.parametrize(("loss", "output"), list(pairs()))
def test_output_delta(loss, output, m, dtype):
    rng = np.random.default_rng(m)
    for kind, k in enumerate((3, 17) if needs_classes(loss, output) else (1, 7, 17)):
        labels, targets = draw_targets(rng, loss, output, m, k, kind)
        y = one_hot(labels, k, loss) if targets is None else targets
        y = read_only(y.astype(dtype), list(LAYOUTS)[kind])
        z = read_only(draw(rng, m, k, dtype=dtype), list(LAYOUTS)[(kind + m) % 4])
        cost, delta = kernels.output_delta(loss, output, z, y)
        values, exact = oracle.loss_and_delta(F, loss, output, F.array(z), F.array(y))
        assert_near(cost, values.sum(axis=1), dtype, 4 * k)
        smooth = np.ones(m, bool)  # at a kink rounding may choose the side
        for nudge in (1e-5, -1e-5):
            _, beside = oracle.loss_and_delta(F, loss, output, F.array(z) + nudge, F.array(y))
            smooth &= np.all(abs(beside - exact) < 1e-3, axis=1)
        if loss == "hinge":  # and where an output touches 1 (sin), it may round to it
            smooth &= np.all((values > 1e-6) | (exact == 0), axis=1)
        assert smooth.mean() > 0.9
        assert_near(delta[smooth], exact[smooth], dtype, 4 * k)


def test_together_they_are_the_gradient_of_the_engine():
    net = fastbp.mlp(5, 9, 7, 3, hidden="silu", output="softmax", loss="cross_entropy", l2=0.7)
    rng = np.random.default_rng(0)
    X, y, theta = draw(rng, 300, 5), rng.integers(0, 3, 300), net.init(seed=1)
    Thetas, a, z = net.unpack(theta), [X], [None]
    for Theta, name in zip(Thetas, net.activations, strict=True):
        below, above = kernels.forward(Theta, a[-1], name)
        z.append(below)
        a.append(above)
    cost, delta = kernels.output_delta(net.loss, "softmax", z[-1], np.eye(3)[y])
    D = []
    for n in (2, 1, 0):
        Delta = kernels.accumulate(delta, a[n])
        D.insert(0, kernels.regularized_gradient(Delta, Thetas[n], net.l2, 300))
        if n:
            delta = kernels.backpropagate(Thetas[n], delta, z[n], "silu")
    weights = sum((Theta[:, 1:] ** 2).sum() for Theta in Thetas)
    J, gradient = net.cost_and_gradient(theta, X, y)
    assert cost.mean() + 0.7 / 600 * weights == pytest.approx(J, rel=1e-14)
    np.testing.assert_allclose(net.pack(D), gradient, rtol=1e-12, atol=1e-15)


# The worked examples of the three golden formulas


def without_bias(W):
    return np.hstack([np.zeros((len(W), 1)), W])


def test_relu_then_sigmoid_without_bias_learns_as_numpy_does():
    rng = np.random.default_rng(3)
    X = draw(rng, 40, 3)
    y = (abs(X[:, :1]) > X[:, 1:2]).astype(float)
    ours = [without_bias(rng.normal(size=(6, 3))), without_bias(rng.normal(size=(1, 6)))]
    V, W = ours[0][:, 1:].T.copy(), ours[1][:, 1:].T.copy()
    rate, costs = 0.05, []
    for _ in range(500):
        z1, a1 = kernels.forward(ours[0], X, "relu")
        z2, _ = kernels.forward(ours[1], a1, "sigmoid")
        cost, delta2 = kernels.output_delta("squared_error", "sigmoid", z2, y)
        delta1 = kernels.backpropagate(ours[1], delta2, z1, "relu")
        costs.append(cost.sum())
        for Theta, step in zip(
            ours, (kernels.accumulate(delta1, X), kernels.accumulate(delta2, a1)), strict=True
        ):
            Theta[:, 1:] -= rate * step[:, 1:]
        # delta = g'(z) error, error_prev = W delta, dW = X_prev' delta
        hidden = np.maximum(X @ V, 0)
        out = 1 / (1 + np.exp(-hidden @ W))
        delta_out = out * (1 - out) * (out - y)
        delta_hidden = (hidden > 0) * (delta_out @ W.T)
        W -= rate * hidden.T @ delta_out
        V -= rate * X.T @ delta_hidden
    np.testing.assert_allclose(ours[0][:, 1:], V.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours[1][:, 1:], W.T, rtol=1e-8, atol=1e-10)
    assert costs[-1] < 0.6 * costs[0]


def test_sigmoid_then_sigmoid_sums_the_bias_step_over_samples_only():
    rng = np.random.default_rng(4)
    X, y = draw(rng, 30, 2), rng.random((30, 3))
    Thetas = [draw(rng, 4, 3), draw(rng, 3, 5)]
    z1, a1 = kernels.forward(Thetas[0], X, "sigmoid")
    z2, a2 = kernels.forward(Thetas[1], a1, "sigmoid")
    _, delta2 = kernels.output_delta("squared_error", "sigmoid", z2, y)
    np.testing.assert_allclose(delta2, a2 * (1 - a2) * (a2 - y), rtol=1e-12, atol=1e-16)
    delta1 = kernels.backpropagate(Thetas[1], delta2, z1, "sigmoid")
    error = delta2 @ Thetas[1][:, 1:]
    np.testing.assert_allclose(delta1, a1 * (1 - a1) * error, rtol=1e-12, atol=1e-16)
    steps = [kernels.accumulate(delta1, X), kernels.accumulate(delta2, a1)]
    np.testing.assert_allclose(steps[0][:, 0], delta1.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(steps[1][:, 0], delta2.sum(axis=0), rtol=1e-12)
    # Summed over the units too, as the text has it, each bias would get another number.
    assert abs(steps[1][:, 0] - delta2.sum()).min() > 1e-3
    net = fastbp.mlp(2, 4, 3, hidden="sigmoid", output="sigmoid", reduction="sum")
    np.testing.assert_allclose(net.pack(steps), net.gradient(net.pack(Thetas), X, y), rtol=1e-12)


# What goes in


def test_float32_stays_and_everything_else_is_float64():
    Theta, a = np.ones((2, 3)), np.arange(8).reshape(4, 2)
    for theta_type, a_type, result in [
        (np.float32, np.float32, np.float32),
        (np.float32, np.float64, np.float64),
        (np.int8, np.float32, np.float64),
        (np.bool_, np.uint64, np.float64),
        (np.float16, np.float16, np.float64),
        (">f8", "<f4", np.float64),
    ]:
        z, value = kernels.forward(Theta.astype(theta_type), a.astype(a_type), "relu")
        assert z.dtype == value.dtype == result
        np.testing.assert_array_equal(z, a.sum(axis=1, keepdims=True) + np.ones((1, 2)))
    z, _ = kernels.forward(Theta.tolist(), a.tolist())
    assert z.dtype == np.float64


@BOTH
def test_inputs_are_left_alone_and_results_are_fresh(dtype):
    rng = np.random.default_rng(0)
    Theta, a, z, y = (draw(rng, *s, dtype=dtype) for s in [(3, 5), (6, 4), (6, 3), (6, 3)])
    delta = draw(rng, 6, 3, dtype=dtype)
    D = draw(rng, 3, 5)
    given = (Theta, a, z, y, delta, D)
    kept = [array.copy() for array in given]
    results = [
        *kernels.forward(Theta, a),
        *kernels.output_delta("squared_error", "identity", z, y),
        kernels.backpropagate(Theta, delta, a),
        kernels.accumulate(delta, a),
        kernels.regularized_gradient(D, D, 1, 1),
    ]
    for array, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(array, before)
        assert not any(np.shares_memory(array, result) for result in results)
    assert all(result.flags.c_contiguous and result.flags.writeable for result in results)


def test_nonfinite_numbers_pass_through():
    z, value = kernels.forward([[0.0, 1.0]], [[np.nan], [np.inf], [-np.inf], [1.0]], "sigmoid")
    np.testing.assert_array_equal(z[:, 0], [np.nan, np.inf, -np.inf, 1])
    np.testing.assert_array_equal(value[:3, 0], [np.nan, 1, 0])
    assert value[3, 0] == pytest.approx(1 / (1 + np.exp(-1)))
