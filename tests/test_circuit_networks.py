"""Circuits as activations and losses: copies of the built-in ones give their numbers."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from own_functions import ACTIVATIONS, LOSSES, A, E, V, Y, Z
from processes import run

import fastbp
from fastbp import Dense, Network, circuit, files, kernels, mlp, variable
from fastbp._core import available_levels, core
from fastbp.circuits import (
    custom,
    exp,
    expm1,
    log,
    maximum,
    minimum,
    sigmoid,
    sin,
    softplus,
    tanh,
    where,
)

DTYPES = ("float64", "float32")
BOTH = pytest.mark.parametrize("dtype", DTYPES)
TOLERANCE = {"float64": 1e-11, "float32": 3e-4}


def targets(loss, rng, m, K):
    if "hinge" in loss:
        return rng.choice([-1.0, 1.0], (m, K))
    if loss in ("cross_entropy", "focal"):
        return rng.uniform(size=(m, K))
    of_means = ("poisson", "gamma", "negative_binomial")
    return rng.uniform(0, 3, (m, K)) if loss in of_means else rng.normal(size=(m, K))


def assert_close(one, other, dtype):
    assert one[0] == pytest.approx(other[0], rel=TOLERANCE[dtype])
    scale = np.abs(other[1]).max()
    np.testing.assert_allclose(one[1], other[1], rtol=0, atol=TOLERANCE[dtype] * scale)


# The same numbers


def test_every_elementwise_loss_has_its_copy():
    engine = core("float64")
    assert {loss for loss, _ in LOSSES} == {*engine.LOSSES} - {"multiclass_hinge", "weston_watkins"}


@BOTH
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_activations(name, order, dtype):
    z = np.concatenate([np.linspace(-30, 30, 401), [-100, -90, 90, 100]]).astype(dtype)
    compiled = custom.compiled(ACTIVATIONS[name], "activation", dtype)
    got = core(dtype).apply_activation(compiled, z, order)
    want = core(dtype).apply_activation(name, z, order)
    assert got.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(got, want, rtol=64 * eps, atol=64 * eps)
    assert core(dtype).apply_activation(compiled, z[:0], order).shape == (0,)


# of a and y: the loss and, by hand, its first and second derivative with respect to a
DERIVED = {
    "log_cosh": (log((exp(E) + exp(-E)) / 2), lambda a, y: (
        np.log(np.cosh(a - y)), np.tanh(a - y), 1 / np.cosh(a - y) ** 2)),
    "cubic": (E**3 / (1 + Y**2), lambda a, y: (
        (a - y)**3 / (1 + y**2), 3 * (a - y)**2 / (1 + y**2), 6 * (a - y) / (1 + y**2))),
    "linear": (3 * A, lambda a, y: (3 * a, 3 + 0 * a, 0 * a)),
    "logistic": (softplus(-Y * A), lambda a, y: (
        np.logaddexp(0, -y * a), -y / (1 + np.exp(y * a)), y**2 / (4 * np.cosh(y * a / 2) ** 2))),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("n", [0, 1, 7, 300, 1001])
@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_of_losses(name, n, dtype):
    expression, oracle = DERIVED[name]
    compiled = custom.compiled(circuit(expression, wrt=[A, Y]), "loss", dtype)
    a, y = np.random.default_rng(n).normal(size=(2, n)).astype(dtype)
    for order, want in enumerate(oracle(a.astype(float), y.astype(float))):
        got = core(dtype).apply_circuit_loss(compiled, a, y, order)
        assert got.dtype == dtype
        scale = 64 * np.finfo(dtype).eps
        np.testing.assert_allclose(got, want, rtol=scale, atol=scale)


@BOTH
@pytest.mark.parametrize("m", [1, 2, 3, 70, 600])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_networks_with_copies_of_activations(name, m, dtype):
    rng = np.random.default_rng(m)
    X, y = rng.normal(size=(m, 5)), rng.normal(size=(m, 3))
    builtin = mlp(5, 7, 4, 3, hidden=name, output=name, l2=0.1, dtype=dtype)
    ours = mlp(5, 7, 4, 3, hidden=ACTIVATIONS[name], output=ACTIVATIONS[name], l2=0.1, dtype=dtype)
    theta = builtin.init(seed=m)
    assert_close(ours.objective(X, y)(theta), builtin.objective(X, y)(theta), dtype)
    np.testing.assert_allclose(
        ours.forward(theta, X), builtin.forward(theta, X), rtol=0, atol=TOLERANCE[dtype]
    )


@BOTH
@pytest.mark.parametrize("m", [1, 3, 70, 600])
@pytest.mark.parametrize("key", LOSSES, ids="-".join)
def test_networks_with_copies_of_losses(key, m, dtype):
    loss, output = key
    custom, follows = LOSSES[key]
    rng = np.random.default_rng(m)
    for K in (1, 3):
        if output == "softmax" and K == 1:
            continue
        X, y = rng.normal(size=(m, 5)), targets(loss, rng, m, K)
        weights = rng.uniform(size=m)
        builtin = mlp(5, 6, K, output=output, loss=loss, dtype=dtype)
        ours = mlp(5, 6, K, output=follows, loss=custom, dtype=dtype)
        theta = builtin.init(seed=m)
        for w in (None, weights):
            one, other = (net.objective(X, y, sample_weight=w) for net in (ours, builtin))
            assert_close(one(theta), other(theta), dtype)
            assert one.cost(theta) == one(theta)[0]


def test_labels_are_one_hot_targets():
    net = mlp(4, 5, 3, output="sigmoid", loss=LOSSES["squared_error", "identity"][0])
    builtin = mlp(4, 5, 3, output="sigmoid")
    rng = np.random.default_rng(0)
    X, labels, theta = rng.normal(size=(50, 4)), rng.integers(0, 3, 50), net.init(seed=0)
    assert_close(net.objective(X, labels)(theta), builtin.objective(X, labels)(theta), "float64")


def test_one_circuit_may_have_many_layers_and_two_networks_may_mix_them():
    swish = circuit(Z * sigmoid(Z))
    layers = [Dense(3, 40, swish), Dense(40, 300, "silu"), Dense(300, 2, swish)]
    builtin = Network([Dense(layer.n_in, layer.n_out, "silu") for layer in layers])
    ours = Network(layers, loss=LOSSES["squared_error", "identity"][0])
    rng = np.random.default_rng(0)
    X, y, theta = rng.normal(size=(900, 3)), rng.normal(size=(900, 2)), builtin.init(seed=0)
    assert_close(ours.objective(X, y)(theta), builtin.objective(X, y)(theta), "float64")


def test_activations_and_losses_of_ones_own():
    """A quantile loss and a bent identity, checked against differences."""
    quantile = circuit(maximum(0.9 * (Y - A), -0.1 * (Y - A)) + 1e-3 * E**2, wrt=[A, Y])
    bent = circuit(((Z**2 + 1) ** 0.5 - 1) / 2 + Z)
    net = mlp(4, 6, 2, hidden=bent, output=bent, loss=quantile, l2=0.01)
    rng = np.random.default_rng(0)
    objective = net.objective(rng.normal(size=(40, 4)), rng.normal(size=(40, 2)))
    assert fastbp.check_gradient(objective, net.init(seed=1))


def test_a_constant_slope_and_a_constant_loss():
    net = mlp(2, 3, 1, hidden=circuit(2 * Z + 1), loss=circuit(A + 0 * Y, wrt=[A, Y]))
    X = np.ones((5, 2))
    objective = net.objective(X, np.zeros(5))
    assert fastbp.check_gradient(objective, net.init(seed=0))
    flat = mlp(2, 1, loss=circuit(3.0, wrt=[A, Y]))
    value, gradient = flat.objective(X, np.zeros(5))(np.zeros(3))
    assert (value, gradient.tolist()) == (3.0, [0, 0, 0])


def test_kernels_take_circuits():
    rng = np.random.default_rng(0)
    Theta, a, z = rng.normal(size=(3, 5)), rng.normal(size=(300, 4)), rng.normal(size=(300, 4))
    delta, y = rng.normal(size=(300, 3)), rng.normal(size=(300, 4))
    tanh_, half = ACTIVATIONS["tanh"], LOSSES["squared_error", "identity"][0]
    calls = [
        (lambda g, f: kernels.forward(Theta, a, g)),
        (lambda g, f: [kernels.backpropagate(Theta, delta, z, g)]),
        (lambda g, f: kernels.output_delta(f, g, z, y)),
        (lambda g, f: kernels.output_delta(f, "softmax", z, y)),
    ]
    for call in calls:
        for got, want in zip(call(tanh_, half), call("tanh", "squared_error"), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match="a loss is a circuit of two single variables"):
        kernels.output_delta(tanh_, "tanh", z, y)


# Threads and levels


@BOTH
def test_threads_do_not_change_a_bit(dtype):
    custom = LOSSES["huber", "sin"][0]
    net = mlp(6, 20, 3, hidden=ACTIVATIONS["gelu"], loss=custom, dtype=dtype)
    rng = np.random.default_rng(0)
    X, y, theta = rng.normal(size=(5000, 6)), rng.normal(size=(5000, 3)), net.init(seed=0)

    def bits(n_threads):
        value, gradient = net.objective(X, y, n_threads=n_threads)(theta)
        return [value, *gradient]

    alone = bits(1)
    assert all(bits(n) == alone for n in range(2, 9))


LEVEL_BITS = """
import json, sys
import numpy as np
sys.path.insert(0, {tests!r})
from test_circuit_networks import ACTIVATIONS, LOSSES, mlp

found = []
for dtype in ("float64", "float32"):
    for m in (1, 40, 700):
        rng = np.random.default_rng(m)
        X, y = rng.normal(size=(m, 5)), rng.normal(size=(m, 3))
        for name in ("silu", "tanh", "softplus"):
            g, loss = ACTIVATIONS[name], LOSSES["huber", "sin"][0]
            net = mlp(5, 7, 3, hidden=g, loss=loss, dtype=dtype)
            value, gradient = net.objective(X, y, n_threads=1)(net.init(seed=0))
            found.append([value, *gradient])
json.dump(found, sys.stdout)
"""


@pytest.mark.skipif(not {"v3", "v4"} <= set(available_levels()), reason="needs a CPU of level v4")
def test_v3_and_v4_give_the_same_bits(monkeypatch):
    found = []
    for level in ("v3", "v4"):
        monkeypatch.setenv("FASTBP_CPU", level)
        found.append(json.loads(run(LEVEL_BITS.format(tests=str(Path(__file__).parent)))))
    assert found[0] == found[1]


# Identity


def network():
    z, a, y = variable("z"), variable("a"), variable("y")
    hidden = circuit(where(z > 0, z, 0.25 * expm1(minimum(z, 0))))
    loss = circuit((a - y) ** 2 + 0.5, wrt=[a, y])
    return mlp(3, 4, 2, hidden=hidden, loss=loss, l2=0.5)


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)),
        lambda net: Network.from_dict(json.loads(json.dumps(net.to_dict()))),
    ],
)  # fmt: skip
def test_copies_pickles_and_descriptions_are_equal(copied):
    net = network()
    other = copied(net)
    assert other == net
    assert hash(other) == hash(net)
    assert repr(other) == repr(net)
    rng = np.random.default_rng(0)
    X, y, theta = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), net.init(seed=0)
    one, two = net.objective(X, y)(theta), other.objective(X, y)(theta)
    assert one[0] == two[0]
    assert one[1].tolist() == two[1].tolist()
    assert pickle.loads(pickle.dumps(net.objective(X, y)))(theta)[0] == one[0]


def test_copies_of_circuits_have_the_same_gates_in_the_same_order(tmp_path):
    """Written down anew these would be numbered differently: another order of sums."""
    forms = [(-exp(-Z * Z) + sin(Z)) * tanh(Z), sin(sin(Z) * 0.9 + 0.1 * Z) * 0.9 + 0.1 * Z]
    rng = np.random.default_rng(0)
    for form in forms:
        net = mlp(4, 7, 2, hidden=circuit(form), output=circuit(form))
        net.cost(net.init(seed=0), X := rng.normal(size=(300, 4)), y := X[:, :2])
        files.save(tmp_path / "net", net, net.init(seed=0))
        theta = net.init(seed=1)
        for other in (
            copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net)),
            files.load(tmp_path / "net").network,
        ):  # fmt: skip
            assert other == net
            assert hash(other) == hash(net)
            assert other.gradient(theta, X, y).tobytes() == net.gradient(theta, X, y).tobytes()


def test_networks_are_equal_if_their_circuits_are():
    assert network() == network()
    assert {network(): 1}[network()] == 1
    assert network() != mlp(3, 4, 2, l2=0.5)
    assert mlp(3, 4, 2, hidden=ACTIVATIONS["tanh"]) != mlp(3, 4, 2, hidden=ACTIVATIONS["sigmoid"])
    assert mlp(3, 4, 2, hidden=ACTIVATIONS["tanh"]) != mlp(3, 4, 2, hidden="tanh")
    assert Dense(3, 4, ACTIVATIONS["tanh"]) == Dense(3, 4, circuit(tanh(variable("z"))))
    text = repr(network())
    assert "circuit" in network().table()
    assert "<Circuit of a, y: " in text


def test_files_keep_circuits(tmp_path):
    net = network()
    files.save(tmp_path / "net", net, net.init(seed=0))
    assert files.load(tmp_path / "net").network == net


@pytest.mark.parametrize("constant", [np.inf, -np.inf, np.nan, -np.nan, -0.0, 5e-324])
def test_constants_that_json_has_no_word_for(constant):
    z = variable("z")
    f = circuit(where(z > 0, constant, minimum(z, 0.1)))
    text = json.dumps(custom.to_dict(f), allow_nan=False)
    assert custom.from_dict(json.loads(text)) == f


def test_predictions_are_the_activations():
    net = network()
    X, theta = np.random.default_rng(0).normal(size=(20, 3)), net.init(seed=0)
    np.testing.assert_array_equal(net.predict(theta, X), net.forward(theta, X))


# Errors


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dense(2, 3, circuit(A + Y)), ValueError, r"a circuit of one single variable z"),
        (lambda: Dense(2, 3, circuit([Z, Z])), ValueError, r"a circuit of one single variable z"),
        (lambda: mlp(2, 3, 1, hidden=circuit(A + Y)), ValueError, r"an activation is"),
        (lambda: Dense(2, 3, Z), TypeError, r"be a name, got z .*or a circuit: fastbp\.circuit"),
        (lambda: Dense(2, 3, len), TypeError, r"activation must be a name"),
        (lambda: mlp(2, 3, loss=circuit(Z)), ValueError, r"a loss is a circuit of two"),
        (lambda: mlp(2, 3, loss=circuit(A + Y + Z)), ValueError, r"say which of them are"),
        (lambda: mlp(2, 3, loss=circuit([A, Y])), ValueError, r"a loss is a circuit of"),
        (lambda: mlp(2, 3, loss=circuit(A * Y, wrt=[Y, A])), ValueError, r"come as y, a"),
        (lambda: Dense(2, 3, circuit(V[0] ** 2, wrt=[V[0]])), ValueError, r"one single variable z"),
        (lambda: mlp(2, 3, loss=circuit(V[0] - V[1])), ValueError, r"two single variables"),
        (lambda: mlp(2, 3, loss=E), TypeError, r"loss must be a name.*, or a circuit: fastbp"),
        (lambda: custom.from_dict({"circuit": [["input", "z"], ["sin", 1]], "output": 1,
                                     "n_parameters": 1}), ValueError, r"nodes 0 to 0; got 1"),
        (lambda: custom.from_dict({"circuit": [["input", "z"], ["sinn", 0]], "output": 1,
                                     "n_parameters": 1}), ValueError, r"not the desc"),
        (lambda: custom.from_dict({"circuit": [["input", "z"], ["constant", 10**400]],
                                     "output": 1, "n_parameters": 1}), ValueError, r"not the desc"),
        (lambda: custom.from_dict({"circuit": [["input", "z"], ["input", "y"]], "output": 0,
                                     "n_parameters": 1}), ValueError, r"neither parameters nor"),
        (lambda: custom.from_dict({}), ValueError, r"not the description of a circuit"),
        (lambda: core("float64").CustomFunction(()), ValueError, r"0 programs make no activation"),
        (lambda: core("float64").CustomFunction((circuit(A * Y).program("value"),) * 2), ValueError,
         r"a program of 2 inputs, 0 of them varying, and 1 outputs; expected 2 and 2"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_loss_is_no_activation_to_the_engine():
    engine = core("float64")
    loss = custom.compiled(LOSSES["squared_error", "identity"][0], "loss", "float64")
    activation = custom.compiled(ACTIVATIONS["tanh"], "activation", "float64")
    z = np.zeros((2, 2))
    with pytest.raises(ValueError, match="no activation"):
        engine.apply_activation(loss, z, 0)
    with pytest.raises(ValueError, match="no loss"):
        engine.output_delta(activation, "tanh", z, z)
    single = custom.compiled(ACTIVATIONS["tanh"], "activation", "float32")
    with pytest.raises((TypeError, ValueError)):
        engine.apply_activation(single, z, 0)


def test_softmax_of_ones_own_loss_needs_several_outputs():
    with pytest.raises(ValueError, match="a softmax over a single output is constant"):
        mlp(3, 1, output="softmax", loss=LOSSES["squared_error", "identity"][0])
