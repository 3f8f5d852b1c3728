"""Hessian and Gauss-Newton products of plain chains, which pack theta and directions.

The same network behind a pooling of single numbers is no plain chain: its steps run one after the
other. Those products are held against an oracle in test_second_order.py, and some here.
"""

import numpy as np
import pytest
import second_order
from layer_cases import data
from test_layer_networks import HIDDEN, LOSSES, outputs_for, reference
from test_second_order import assert_near

import fastbp
from fastbp import Network
from fastbp.layers import Dense, Flatten, MaxPool1d

# Narrow and wide layers beside each other, as many units as fill registers, and others; then
# with weights that fill the caches.
TILES = [
    (33, 40, 37, 5), (20, 48, 1), (130, 129, 3), (3, 64, 64, 2), (64, 25, 10), (40, 2, 70, 70, 1)
]  # fmt: skip
WINDOWS = [(700, 300, 260, 3), (9, 530, 520, 2)]


def pair(widths, hidden="tanh", output="identity", loss="squared_error", dtype="float64", l2=0.3):
    """The network, and the same one run step by step."""
    functions = [hidden] * (len(widths) - 2) + [output]
    layers = [Dense(None, n, g) for n, g in zip(widths[1:], functions, strict=True)]
    chain = fastbp.mlp(*widths, hidden=hidden, output=output, loss=loss, l2=l2, dtype=dtype)
    steps = Network([MaxPool1d(1), Flatten(), *layers], loss, l2, dtype=dtype,
                    input_shape=(1, widths[0]))  # fmt: skip
    return chain, steps


def check_pair(nets, m, k=3, y=None, weight=None):
    chain, steps = nets
    theta, X, drawn, _ = data(chain, m)
    theta /= 3
    y = drawn if y is None else y
    V = np.random.default_rng(1).standard_normal((chain.n_parameters, k))
    one = chain.objective(X, y, sample_weight=weight)
    other = steps.objective(X[:, None], y, sample_weight=weight)
    for name in ("hessp", "gauss_newton_product"):
        found = getattr(one, name)(theta, V)
        assert_near(found, getattr(other, name)(theta, V), chain.dtype.name)
        assert_near(getattr(one, name)(theta, V[:, 0]), found[:, 0], chain.dtype.name)
    return one, theta, X, V


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_activations(hidden, dtype):
    for widths in TILES[:2]:
        check_pair(pair(widths, hidden, dtype=dtype), 70)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_losses(loss, output, dtype):
    rng = np.random.default_rng(3)
    y = outputs_for(loss, 70, (5,), rng)
    check_pair(pair(TILES[0], "silu", output, loss, dtype), 70, y=y, weight=rng.random(70))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 2, 15, 64, 65, 257, 700])
@pytest.mark.parametrize("widths", TILES)
def test_tiles(widths, m, dtype):
    weight = np.arange(m) % 3 if m > 2 else None
    check_pair(pair(widths, dtype=dtype), m, weight=weight)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("m", "k"), [(1, 1), (3, 2), (63, 2), (130, 1), (600, 3)])
@pytest.mark.parametrize("widths", WINDOWS)
def test_windows(widths, m, k, dtype):
    check_pair(pair(widths, dtype=dtype), m, k)
    y, weight = np.arange(m) % widths[-1], np.arange(1, m + 1) % 4 if m > 3 else None
    nets = pair(widths, "silu", "softmax", "cross_entropy", dtype)
    check_pair(nets, m, k, y=y, weight=weight)


def test_many_directions():
    """More than fit a window at once, each as if it were alone."""
    for widths in (TILES[0], WINDOWS[1]):
        one, theta, _, V = check_pair(pair(widths), 300, 9)
        found = one.hessp(theta, V)
        for i in (4, 8):
            assert_near(one.hessp(theta, V[:, i]), found[:, i])


@pytest.mark.parametrize("widths", [TILES[0], WINDOWS[1]])
def test_an_oracle_that_is_not_ours(widths):
    chain, _ = pair(widths)
    theta, X, y, _ = data(chain, 9)
    theta /= 3
    ours = reference(chain, X, y, l2=chain.l2)
    v = np.random.default_rng(0).standard_normal(len(theta))
    assert_near(chain.objective(X, y).hessp(theta, v), second_order.hessian_product(ours, theta, v))


def test_circuits():
    z, a, y = fastbp.variables("z a y")
    hidden = fastbp.circuit(z * fastbp.circuits.sigmoid(1.5 * z))
    loss = fastbp.circuit((a - y) ** 4 + a * y, wrt=[a, y])
    for widths in (TILES[0], WINDOWS[1]):
        check_pair(pair(widths, hidden, "tanh", loss), 70)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("widths", [*TILES[:3], WINDOWS[0]])
def test_same_bits_for_any_number_of_threads(widths, dtype):
    chain, _ = pair(widths, dtype=dtype)
    theta, X, y, _ = data(chain, 700)
    V = np.random.default_rng(0).standard_normal((len(theta), 2))
    for name in ("hessp", "gauss_newton_product"):
        found = [getattr(chain.objective(X, y, n_threads=n), name)(theta, V) for n in (1, 2, 3, 8)]
        for each in found[1:]:
            assert (each == found[0]).all()


@pytest.mark.parametrize("widths", [TILES[0], WINDOWS[0]])
def test_a_sample_of_weight_0_leaves_nothing(widths):
    chain, _ = pair(widths, "softplus", "identity", "poisson")
    theta, X, y, _ = data(chain, 70)
    theta /= 10
    X[[4, 69]] = 1e300
    y = abs(y)
    w = np.ones(70)
    w[[4, 69]] = 0
    V = np.random.default_rng(0).standard_normal((len(theta), 2))
    one = chain.objective(X, y, sample_weight=w)
    other = chain.objective(X[w > 0], y[w > 0])
    for name in ("hessp", "gauss_newton_product"):
        assert_near(getattr(one, name)(theta, V), getattr(other, name)(theta, V))


def test_X_as_it_lies():
    """Rows that begin anywhere, and are longer than the network's inputs."""
    chain, _ = pair(TILES[0])
    theta, X, y, _ = data(chain, 80)
    v = np.random.default_rng(0).standard_normal(len(theta))
    wanted = chain.objective(X, y).hessp(theta, v)
    room = np.full((80, X.shape[1] + 6), np.nan)
    for shift in (0, 1, 5):
        view = room[:, shift : shift + X.shape[1]]
        view[:] = X
        assert_near(chain.objective(view, y).hessp(theta, v), wanted)
