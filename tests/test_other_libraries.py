"""Parameters of other libraries there and back, by the functions that the page on them defines."""

import re
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import fastbp

PAGE = Path(__file__).resolve().parent.parent / "docs" / "other_libraries.md"


def defined():
    """The functions of the page, by name."""
    names: dict = {}
    for code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S):
        for function in re.findall(r"^def .*?(?=\n(?:\n|\S))", code + "\n\n", re.M | re.S):
            exec(function, {"np": np, "fastbp": fastbp, **names}, names)
    for function in names.values():
        function.__globals__.update(names)
    return names


FUNCTIONS = defined()
WIDTHS = [(3, 2), (4, 7, 1), (5, 6, 4, 3), (1, 1, 1)]
every_width = pytest.mark.parametrize("widths", WIDTHS, ids=str)


def test_the_page_defines_the_functions():
    there = {"from_rows", "to_rows", "from_columns", "to_columns", "from_keras", "to_keras"}
    assert there | {"torch_parts", "from_torch", "to_torch"} == set(FUNCTIONS)


@every_width
@pytest.mark.parametrize("way", ["rows", "columns"])
def test_matrices_there_and_back(widths, way):
    net = fastbp.mlp(*widths)
    theta = net.init(seed=0)
    weights, biases = FUNCTIONS[f"to_{way}"](net, theta)
    for W, b, n_in, n_out in zip(weights, biases, widths[:-1], widths[1:], strict=True):
        assert W.shape == ((n_out, n_in) if way == "rows" else (n_in, n_out))
        assert b.shape == (n_out,)
        assert not np.shares_memory(W, theta)
    np.testing.assert_array_equal(FUNCTIONS[f"from_{way}"](net, weights, biases), theta)


@every_width
def test_keras_there_and_back(widths):
    """Kernels (s_in, s_out): outputs as its Dense layers compute them, x @ kernel + bias."""
    rng = np.random.default_rng(0)
    net = fastbp.mlp(*widths, hidden="relu")
    shapes = [s for n, k in pairwise(widths) for s in ((n, k), (k,))]
    weights = [rng.normal(size=shape) for shape in shapes]
    theta = FUNCTIONS["from_keras"](net, weights)
    X = rng.normal(size=(6, widths[0]))
    a = X
    for i, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        a = a @ kernel + bias
        a = a if i == len(widths) - 2 else np.maximum(a, 0)
    np.testing.assert_allclose(net.forward(theta, X), a, rtol=1e-12, atol=1e-14)
    for back, given in zip(FUNCTIONS["to_keras"](net, theta), weights, strict=True):
        np.testing.assert_array_equal(back, given)


@every_width
def test_matlab_there_and_back(widths):
    net = fastbp.mlp(*widths)
    theta = net.init(seed=0)
    unrolled = np.concatenate([Theta.ravel(order="F") for Theta in net.unpack(theta)])
    np.testing.assert_array_equal(net.pack(net.unpack(theta), order="F"), unrolled)
    np.testing.assert_array_equal(net.pack(net.unpack(unrolled, order="F")), theta)


# scikit-learn

ACTIVATIONS = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


def trained(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few iterations are enough here
        return model.fit(X, y)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("task", ["two classes", "three classes", "several labels", "regression"])
def test_scikit_learn_there_and_back(hidden, task):
    neural = pytest.importorskip("sklearn.neural_network")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    settings = {"activation": ACTIVATIONS[hidden], "alpha": 0.3, "solver": "lbfgs", "max_iter": 8}
    kind = "MLPRegressor" if task == "regression" else "MLPClassifier"
    theirs = getattr(neural, kind)(hidden_layer_sizes=(5, 3), random_state=0, **settings)
    if task == "regression":
        y, output, loss, K = rng.normal(size=60), "identity", "squared_error", 1
    elif task == "several labels":
        y, output, loss, K = rng.integers(0, 2, (60, 3)), "sigmoid", "cross_entropy", 3
    else:
        classes = 2 if task == "two classes" else 3
        y, loss, K = rng.integers(0, classes, 60), "cross_entropy", 1 if classes == 2 else 3
        output = "sigmoid" if classes == 2 else "softmax"
    trained(theirs, X, y)
    ours = fastbp.mlp(4, 5, 3, K, hidden=hidden, output=output, loss=loss, l2=0.3)
    theta = FUNCTIONS["from_columns"](ours, theirs.coefs_, theirs.intercepts_)
    np.testing.assert_allclose(ours.cost(theta, X, y), theirs.loss_, rtol=1e-9)

    moved = theta + rng.normal(0, 0.1, theta.size)
    theirs.coefs_, theirs.intercepts_ = FUNCTIONS["to_columns"](ours, moved)
    if task == "regression":
        np.testing.assert_allclose(ours.predict(moved, X), theirs.predict(X), rtol=1e-10)
    else:
        np.testing.assert_allclose(ours.predict_proba(moved, X), theirs.predict_proba(X), rtol=1e-9)
    back = FUNCTIONS["from_columns"](ours, theirs.coefs_, theirs.intercepts_)
    np.testing.assert_array_equal(back, moved)


# PyTorch: what the table of costs says


def torch_loss(torch, output, K):
    nn = torch.nn
    if output == "softmax":
        return nn.CrossEntropyLoss()
    loss = nn.BCEWithLogitsLoss() if output == "sigmoid" else nn.MSELoss()
    factor = K if output == "sigmoid" else K / 2
    return lambda z, y: factor * loss(z, y)


@pytest.mark.parametrize(
    ("hidden", "module"),
    [("tanh", "Tanh"), ("relu", "ReLU"), ("silu", "SiLU"), ("gelu", "GELU"), ("elu", "ELU"),
     ("leaky_relu", "LeakyReLU"), ("softplus", "Softplus"), ("sigmoid", "Sigmoid")],
)  # fmt: skip
@pytest.mark.parametrize(("output", "K"), [("softmax", 3), ("sigmoid", 3), ("identity", 2)])
def test_torch_there_and_back(hidden, module, output, K):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    layers = torch.nn.Linear(4, 6), getattr(torch.nn, module)(), torch.nn.Linear(6, K)
    theirs = torch.nn.Sequential(*layers).double()
    linear = layers[::2]
    loss = "squared_error" if output == "identity" else "cross_entropy"
    ours = fastbp.mlp(4, 6, K, hidden=hidden, output=output, loss=loss)
    X = rng.normal(size=(20, 4))
    y = rng.integers(0, K, 20) if output == "softmax" else rng.integers(0, 2, (20, K)).astype(float)

    def theta_of(tensors):
        arrays = [t.detach().numpy() for t in tensors]
        return FUNCTIONS["from_rows"](ours, arrays[::2], arrays[1::2])

    parameters = [p for layer in linear for p in (layer.weight, layer.bias)]
    theta = theta_of(parameters)
    cost = torch_loss(torch, output, K)(theirs(torch.from_numpy(X)), torch.from_numpy(y))
    cost.backward()
    J, D = ours.cost_and_gradient(theta, X, y)
    np.testing.assert_allclose(J, cost.item(), rtol=1e-12)
    np.testing.assert_allclose(D, theta_of([p.grad for p in parameters]), rtol=1e-9, atol=1e-13)

    moved = theta + rng.normal(0, 0.1, theta.size)
    with torch.no_grad():
        for layer, W, b in zip(linear, *FUNCTIONS["to_rows"](ours, moved), strict=True):
            layer.weight.copy_(torch.from_numpy(W))
            layer.bias.copy_(torch.from_numpy(b))
    np.testing.assert_array_equal(theta_of(parameters), moved)


# Layers besides Dense, of PyTorch

HERE = {
    "conv1d": ([fastbp.Conv1d(2, 3, 3), fastbp.Flatten(), fastbp.Dense(None, 2)], (2, 6)),
    "conv2d": ([fastbp.Conv2d(2, 3, (2, 3)), fastbp.Flatten(), fastbp.Dense(None, 2)], (2, 4, 5)),
    "rnn": ([fastbp.RNN(3, 4), fastbp.Dense(4, 2)], (5, 3)),
    "lstm": ([fastbp.LSTM(3, 4), fastbp.Dense(4, 2)], (5, 3)),
    "gru": ([fastbp.GRU(3, 4), fastbp.Dense(4, 2)], (5, 3)),
    "both ways": ([fastbp.LSTM(3, 4, bidirectional=True), fastbp.Dense(8, 2)], (5, 3)),
    "gru both ways": ([fastbp.GRU(3, 3, bidirectional=True), fastbp.Dense(6, 2)], (5, 3)),
    "two layers": (
        [fastbp.LSTM(3, 4, return_sequences=True, bidirectional=True), fastbp.LSTM(8, 4)], (5, 3)
    ),
}  # fmt: skip


def as_modules(torch, layers):
    """The modules of PyTorch with the arguments of these layers."""
    for layer in layers:
        kind = getattr(
            torch.nn, {"Dense": "Linear"}.get(type(layer).__name__, type(layer).__name__)
        )
        if isinstance(layer, fastbp.Dense):
            yield kind(layer.n_in, layer.n_out)
        elif isinstance(layer, fastbp.Flatten):
            yield kind()
        elif isinstance(layer, fastbp.Conv1d | fastbp.Conv2d):
            yield kind(layer.in_channels, layer.out_channels, layer.kernel_size)
        else:
            yield kind(layer.input_size, layer.hidden_size, batch_first=True,
                       bidirectional=layer.bidirectional)  # fmt: skip


def outputs(torch, layers, modules, x):
    for layer, module in zip(layers, modules, strict=True):
        x = module(x)
        if isinstance(x, tuple):  # a recurrent module: states, and the last of each direction
            states, last = x
            last = last[0] if isinstance(last, tuple) else last
            x = states if layer.return_sequences else last.swapaxes(0, 1).reshape(len(states), -1)
    return x


@pytest.mark.parametrize("case", HERE)
def test_torch_layers_there_and_back(case):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers, shape = HERE[case]
    net = fastbp.Network(layers, input_shape=shape)
    modules = torch.nn.ModuleList(as_modules(torch, net.layers)).double()
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(6, *shape)))
    theta = FUNCTIONS["from_torch"](net, modules.state_dict())
    with torch.no_grad():
        theirs = outputs(torch, net.layers, modules, X).numpy()
        np.testing.assert_allclose(net.forward(theta, X), theirs, rtol=1e-10, atol=1e-13)
        other = theta + 0.1
        arrays = FUNCTIONS["to_torch"](net, other, modules.state_dict())
        modules.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
        theirs = outputs(torch, net.layers, modules, X).numpy()
    np.testing.assert_allclose(net.forward(other, X), theirs, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(FUNCTIONS["from_torch"](net, arrays), other, rtol=1e-15)
