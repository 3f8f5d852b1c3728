"""Derivatives of the outputs by the inputs, against differences in long double of the reference."""

import numpy as np
import pytest
from layer_cases import CASES, SEQUENCES, data
from program_reference import Reference
from second_order import LONG, derivative
from test_layer_networks import HIDDEN

import fastbp
from fastbp import Network

TOLERANCE = {"float64": 2e-11, "float32": 2e-3}


def assert_near(found, expected, dtype="float64"):
    scale = max(1e-300, abs(np.asarray(expected)).max(initial=0))
    assert found.shape == np.shape(expected)
    assert abs(np.asarray(found) - expected).max(initial=0) <= TOLERANCE[dtype] * scale


def check(net, m, lengths=False, seed=0):
    theta, X, _, ends = data(net, m, seed)
    ends = ends if lengths else None
    dtype = net.dtype.name
    flat = X.reshape(m, -1)
    if ends is not None:
        flat = np.where(np.arange(X[0].size) // X.shape[2] >= ends[:, None] * 1, 0, flat)
    program = net.program(lengths)
    T = net.output_shape[0]

    def outputs(at):
        a = Reference(program, net.loss, at, lengths=ends).forward(theta, LONG)
        a = a.reshape(m, *net.output_shape)
        if ends is not None and a.ndim == 3:
            a[np.arange(T) >= ends[:, None]] = 0
        return a

    V = np.random.default_rng(seed).standard_normal(X.shape)
    U = np.random.default_rng(seed + 1).standard_normal((m, *net.output_shape))
    moved = V.reshape(m, -1).copy()
    if ends is not None:
        moved[np.arange(X[0].size) // X.shape[2] >= ends[:, None]] = 0
    slope = derivative(lambda h: outputs(flat + h * moved)).astype(float)
    assert_near(net.jvp(theta, X, V, ends), slope, dtype)
    jacobian = net.input_jacobian(theta, X, ends)
    assert jacobian.shape == (m, *net.output_shape, *net.input_shape)
    axes = tuple(range(-X.ndim + 1, 0))
    ones = (m, *[1] * len(net.output_shape), *net.input_shape)
    assert_near((jacobian * V.reshape(ones)).sum(axis=axes), slope, dtype)
    weights = U.reshape(*U.shape, *[1] * (X.ndim - 1))
    expected = (jacobian * weights).sum(axis=tuple(range(1, U.ndim)))
    assert_near(net.vjp(theta, X, U, ends), expected, dtype)
    return theta, X, V, jacobian


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 33])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, m, dtype):
    layers, shape = CASES[name]
    net = Network(layers, dtype=dtype, input_shape=shape)
    check(net, m)
    if name in SEQUENCES:
        check(net, m, lengths=True, seed=1)


@pytest.mark.parametrize("output", [*HIDDEN, "softmax"])
def test_second_derivatives(output):
    hidden = output if output != "softmax" else "gelu"
    net = fastbp.mlp(3, 5, 2, hidden=hidden, output=output,
                     loss="cross_entropy" if output == "softmax" else "squared_error")  # fmt: skip
    theta, X, V, _ = check(net, 9)
    H = net.input_hessian(theta, X)
    assert H.shape == (9, 2, 3, 3)
    assert_near(H, H.swapaxes(2, 3))
    step = derivative(
        lambda h: net.input_jacobian(theta, X + float(h) * V).astype(LONG), 1e-3
    ).astype(float)
    assert abs(np.einsum("mkij,mj->mki", H, V) - step).max() <= 1e-9 * max(1, abs(H).max())


def test_second_derivatives_of_layers():
    for name in ("conv2d", "lstm", "gru sequences", "avgpool2d", "maxpool2d", "all of them"):
        layers, shape = CASES[name]
        net = Network(layers, input_shape=shape)
        theta, X, _, _ = data(net, 3)
        H = net.input_hessian(theta, X)
        assert H.shape == (3, *net.output_shape, *shape, *shape)
        flat = H.reshape(3, -1, X[0].size, X[0].size)
        assert_near(flat, flat.swapaxes(2, 3))
        V = np.random.default_rng(0).standard_normal(X.shape)
        step = derivative(lambda h, V=V, net=net, theta=theta, X=X: net.input_jacobian(
            theta, X + float(h) * V).astype(LONG), 1e-4).astype(float)  # fmt: skip
        product = np.einsum("mkij,mj->mki", flat, V.reshape(3, -1)).reshape(step.shape)
        assert abs(product - step).max() <= 1e-7 * max(1, abs(H).max()), name


def test_gradient_of_one_output():
    net = fastbp.mlp(3, 5, 1, hidden="tanh")
    theta, X, _, _ = data(net, 20)
    G = net.input_gradient(theta, X)
    assert_near(G, net.input_jacobian(theta, X)[:, 0])
    assert_near(net.vjp(theta, X, np.ones(20)), G)
    assert_near(net.input_gradient(theta, X[:, ::-1][:, ::-1].tolist()), G)
    z = fastbp.variable("z")
    own = fastbp.mlp(3, 5, 1, hidden=fastbp.circuit(fastbp.circuits.tanh(z)))
    assert_near(own.input_gradient(theta, X), G)
    assert_near(own.input_hessian(theta, X), net.input_hessian(theta, X))


def test_flat_images_and_errors():
    layers, shape = CASES["lenet"]
    net = Network(layers, input_shape=shape)
    theta, X, _, _ = data(net, 4)
    whole = net.input_jacobian(theta, X)
    assert whole.shape == (4, 3, *shape)
    assert (net.input_jacobian(theta, X.reshape(4, -1)) == whole.reshape(4, 3, -1)).all()
    with pytest.raises(ValueError, match="input_jacobian"):
        net.input_gradient(theta, X)
    with pytest.raises(ValueError, match="V has shape"):
        net.jvp(theta, X, X[:3])
    with pytest.raises(ValueError, match="U has shape"):
        net.vjp(theta, X, np.ones((4, 2)))
    with pytest.raises(ValueError, match="theta has"):
        net.input_jacobian(theta[1:], X)


@pytest.mark.parametrize("m", [1, 64, 1000])
def test_same_bits_for_any_number_of_threads(m):
    net = fastbp.mlp(8, 10, 2, hidden="tanh")
    theta, X, _, _ = data(net, m)
    found = []
    for n in (1, 2, 8):
        with fastbp.threads.num_threads(n):
            found.append((net.input_jacobian(theta, X), net.input_hessian(theta, X)))
    for jacobian, hessian in found[1:]:
        assert (jacobian == found[0][0]).all()
        assert (hessian == found[0][1]).all()
