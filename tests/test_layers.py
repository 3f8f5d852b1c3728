"""Descriptions of layers: what they take and refuse, shapes, Thetas, first values, files."""

import json
import pickle

import numpy as np
import pytest
from layer_cases import CASES

import fastbp
from fastbp import Network, files
from fastbp.layers import (
    GRU,
    LSTM,
    RNN,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Dense,
    Flatten,
    MaxPool1d,
    MaxPool2d,
)

EVERY = [
    Dense(3, 2, "tanh"),
    Conv1d(2, 3, 5, 2, 1),
    Conv2d(1, 8, (3, 5), padding="same", activation="leaky_relu(0.2)"),
    Conv2d(None, 8, 5, stride=(1, 2), dilation=2),
    MaxPool1d(2),
    MaxPool2d((2, 3), stride=1, padding=(1, 0)),
    AvgPool1d(3, 2, 1),
    AvgPool2d(2),
    Flatten(),
    RNN(3, 4, "relu", return_sequences=True),
    GRU(3, 4, bidirectional=True),
    LSTM(None, 4, forget_bias=1),
]


@pytest.mark.parametrize("layer", EVERY, ids=repr)
def test_a_layer_is_its_arguments(layer):
    again = pickle.loads(pickle.dumps(layer))
    assert again == layer
    assert hash(again) == hash(layer)
    assert type(layer)(**layer.arguments()) == layer
    assert eval(repr(layer), vars(fastbp)) == layer
    assert all(layer != other for other in EVERY if other is not layer)
    with pytest.raises(AttributeError, match="immutable"):
        layer.kernel_size = 3


def test_numbers_for_each_axis_or_one_for_all():
    assert Conv2d(1, 8, 5) == Conv2d(1, 8, (5, 5), (1, 1), [0, 0], dilation=(1, 1))
    assert repr(Conv2d(1, 8, (5, 5), stride=(2, 2))) == "Conv2d(1, 8, 5, stride=2)"
    assert repr(Conv2d(1, 8, (5, 3), padding="same")) == "Conv2d(1, 8, (5, 3), padding='same')"
    assert Conv1d(1, 8, (5,)) == Conv1d(1, 8, np.int64(5))
    assert MaxPool2d(2) == MaxPool2d(2, 2)
    assert repr(AvgPool2d((2, 3), (2, 3), 1)) == "AvgPool2d((2, 3), padding=1)"
    assert repr(LSTM(3, 8, forget_bias=1)) == "LSTM(3, 8, forget_bias=1.0)"
    assert Dense(n_out=10) == Dense(None, 10)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Conv2d(1, 8), TypeError, "Conv2d needs kernel_size"),
        (lambda: Conv2d(1), TypeError, "Conv2d needs out_channels"),
        (lambda: Conv2d(1, 8, 0), ValueError, "kernel_size must be an integer >= 1 or 2 of them"),
        (lambda: Conv2d(1, 8, 5, 0), ValueError, "stride must be an integer >= 1"),
        (lambda: Conv1d(1, 8, 5, -1), ValueError, r"stride must be an integer >= 1, got -1"),
        (lambda: Conv1d(1, 8, 5, dilation=0), ValueError, "dilation must be"),
        (lambda: Conv1d(1, 8, 5, padding=-1), ValueError, "padding must be an integer >= 0"),
        (lambda: Conv2d(1, 8, 2.5), TypeError, "kernel_size must be .* got"),
        (lambda: Conv2d(1, 8, True), TypeError, "kernel_size must be"),
        (lambda: Conv2d(1, 8, (3, 3, 3)), ValueError, "kernel_size has 3 numbers"),
        (lambda: Conv2d(1, 8, 5, padding="full"), ValueError, "'same', 'valid' or integers >= 0"),
        (lambda: Conv2d(1, 8, 5, 2, "same"), ValueError, "padding='same' with stride 2 x 2"),
        (lambda: Conv2d(1, 8, 5, activation="softmax"), ValueError, "unknown activation 'softmax'"),
        (lambda: Conv2d(0, 8, 5), ValueError, "in_channels must be"),
        (lambda: MaxPool2d(2, 0), ValueError, "stride must be"),
        (lambda: MaxPool2d(2, padding=2), ValueError, "more than half of the kernel, 2 x 2"),
        (lambda: MaxPool1d(2, ceil_mode=True), TypeError, "no keyword 'ceil_mode'"),
        (lambda: LSTM(3), TypeError, r"LSTM needs the size of its state.*LSTM\(None, 3\)"),
        (lambda: LSTM(3, 8, 2), TypeError, "positional"),
        (lambda: LSTM(3, 8, num_layers=2), TypeError, "stack layers"),
        (lambda: LSTM(3, 8, batch_first=True), TypeError, "always"),
        (lambda: GRU(3, units=8), TypeError, "hidden_size="),
        (lambda: LSTM(3, 8, return_sequences="yes"), TypeError, "True or False"),
        (lambda: LSTM(3, 8, forget_bias=np.inf), ValueError, "forget_bias must be a finite"),
        (lambda: RNN(3, 8, "softmax"), ValueError, "unknown nonlinearity 'softmax'"),
        (lambda: Conv2d(1, 8, 5, filters=3), TypeError, "here it is out_channels="),
        (lambda: Dense(10), TypeError, r"Dense\(None, 10\) where"),
    ],
)
def test_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


CHAIN = [Conv2d(1, 8, 5, activation="relu"), MaxPool2d(2)]


@pytest.mark.parametrize(
    ("layers", "shape", "message", "shown"),
    [
        ([*CHAIN, Conv2d(8, 4, 13)], (1, 28, 28), "layer 3 has a kernel of 13 x 13, larger than",
         "8 x 12 x 12"),
        ([*CHAIN, Conv2d(8, 4, 5, dilation=4)], (1, 28, 28), "with dilation it reaches over 17 x",
         "8 x 12 x 12"),
        ([*CHAIN, MaxPool2d(13)], (1, 28, 28), "layer 3 has a kernel of 13 x 13", "8 x 12 x 12"),
        ([*CHAIN, Conv2d(4, 4, 3)], (1, 28, 28), "layer 3 takes 4 channels, but layer 2 has 8 x 12",
         "8 x 12 x 12"),
        ([*CHAIN], (28, 28, 1), "takes 1 channels, but the input has 28 x 28 x 1.*come first",
         "28 x 28 x 1"),
        ([*CHAIN], (28, 28), "layer 1 takes channels x height x width, but the input has 28 x 28",
         "28 x 28"),
        ([*CHAIN, Dense(1152, 10)], (1, 28, 28), r"layer 3 takes 1152 inputs.*Flatten\(\)",
         "8 x 12 x 12"),
        ([*CHAIN, Flatten(), Dense(100, 10)], (1, 28, 28),
         "layer 4 takes 100 inputs, but layer 3 has 1152", "1152"),
        ([Flatten(), LSTM(None, 3)], (5, 2), r"layer 2 takes a sequence.*leave out Flatten\(\)",
         "10"),
        ([LSTM(2, 3), GRU(None, 3)], (5, 2), "layer 2 takes a seq.*return_sequences=True", "3"),
        ([LSTM(3, 3)], (5, 2), "layer 1 takes 3 features at each step, but the input has 5 x 2",
         "5 x 2"),
        ([LSTM(5, 3)], (5, 2), "steps come first", "5 x 2"),
        ([Flatten(), MaxPool1d(2)], (4, 4), "layer 2 takes channels x length", "16"),
        ([Flatten()], (4, 4), "nothing to learn", "16"),
    ],
)  # fmt: skip
def test_what_does_not_fit_shows_the_chain(layers, shape, message, shown):
    with pytest.raises(ValueError, match=message) as raised:
        Network(layers, input_shape=shape)
    table = str(raised.value).partition("\n")[2]
    assert shown in table
    assert "input" in table
    for layer in layers[: table.count("\n")]:  # up to the one that does not fit
        assert type(layer).__name__ in table


@pytest.mark.parametrize(
    ("layers", "shape", "error", "message"),
    [
        ([LSTM(2, 3)], (0, 2), ValueError, r"input_shape\[0\] must be an integer from 1"),
        ([LSTM(2, 3)], (2.5, 2), TypeError, r"input_shape\[0\] must be an integer"),
        ([LSTM(2, 3)], None, ValueError, r"needs the shape .*input_shape=\(steps, features\)"),
        ([Conv2d(1, 3, 2)], None, ValueError, r"input_shape=\(channels, height, width\)"),
        ([Dense(None, 3)], None, ValueError, r"input_shape=\(n_in,\).*Dense\(n_in, 3\)"),
        ([Dense(2, 3)], (), ValueError, "at least one number"),
        ([Dense(2, 3)], (2**20, 2**20), ValueError, "more than"),
        ([Dense], None, TypeError, "is the class Dense"),
        ([Dense(4, 3, "softmax"), Flatten()], (2, 4), ValueError, "only the last layer"),
    ],
)
def test_input_shapes_that_are_none(layers, shape, error, message):
    with pytest.raises(error, match=message):
        Network(layers, input_shape=shape)


SEQUENCE = Network([LSTM(3, 4, return_sequences=True), Dense(None, 2)], input_shape=(5, 3))
IMAGE = Network([*CHAIN, Flatten(), Dense(None, 3, "softmax")], "cross_entropy",
                input_shape=(1, 28, 28))  # fmt: skip
STATE = Network([GRU(3, 4), Dense(None, 2)], input_shape=(5, 3))


@pytest.mark.parametrize(
    ("net", "X", "y", "lengths", "message"),
    [
        (IMAGE, (4, 28, 28), (4, 3), None, r"X has shape \(4, 28, 28\).*X\[:, None\]"),
        (IMAGE, (4, 28, 28, 1), (4, 3), None, r"np.moveaxis\(X, -1, 1\)"),
        (IMAGE, (1, 28, 28), (1, 3), None, r"for a single sample use X\[None\]"),
        (IMAGE, (4, 2, 28, 28), (4, 3), None, "expected .m, 1, 28, 28. or .m, 784."),
        (IMAGE, (4, 14, 56), (4, 3), None, r"X.reshape\(-1, 1, 28, 28\)"),
        (IMAGE, (784,), (4, 3), None, "expected"),
        (IMAGE, (), (4, 3), None, "expected"),
        (IMAGE, (0, 1, 28, 28), (0, 3), None, "no samples"),
        (SEQUENCE, (4, 3, 5), (4, 5, 2), None, r"the axes are swapped: X.swapaxes\(1, 2\)"),
        (SEQUENCE, (4, 6, 3), (4, 5, 2), None, "expected .m, 5, 3."),
        (SEQUENCE, (4, 5, 3), (4, 6, 2), None, "each sample has outputs at 5 steps and y has 6"),
        (SEQUENCE, (4, 5, 3), (4, 2), None, "leave out return_sequences=True"),
        (SEQUENCE, (4, 5, 3), (3, 5, 2), None, "X has 4 samples and y has 3"),
        (SEQUENCE, (4, 5, 3), (4, 5, 3), None, "one target for each step"),
        (STATE, (4, 5, 3), (4, 5, 2), None, "expected labels .4,. or targets .4, 2."),
        (SEQUENCE, (4, 5, 3), (4, 5, 2), [1, 2, 3], r"lengths has shape \(3,\); expected \(4,\)"),
        (SEQUENCE, (4, 5, 3), (4, 5, 2), [0, 2, 3, 5], "lengths is 0 .*expected 1 ... 5"),
        (STATE, (4, 5, 3), (4, 2), [1, 2, 3, 6], "lengths is 6 .*expected 1 ... 5"),
        (STATE, (4, 5, 3), (4, 2), [1, -2, 3, 5], "lengths is -2"),
        (IMAGE, (4, 1, 28, 28), (4, 3), [1, 1, 1, 1], "lengths are of sequences, but the input is"),
    ],
)
def test_wrong_data_shows_the_chain(net, X, y, lengths, message):
    with pytest.raises(ValueError, match=message) as raised:
        net.objective(np.ones(X), np.full(y, 1 / 3), lengths=lengths)
    if "no samples" not in message:
        assert str(raised.value).endswith(net.table())


def test_lengths_are_integers():
    X, y = np.ones((2, 5, 3)), np.ones((2, 2))
    with pytest.raises(TypeError, match=r"integers from 1 to 5; got 1.5"):
        STATE.objective(X, y, lengths=[2, 1.5])
    with pytest.raises(TypeError, match="integers"):
        STATE.objective(X, y, lengths=[True, False])
    theta = STATE.init(0)
    whole = STATE.objective(X, y, lengths=[2.0, 5.0])(theta)[0]
    assert whole == STATE.objective(X, y, lengths=np.array([[2], [5]]))(theta)[0]


@pytest.mark.parametrize(
    ("layers", "shape", "number"),
    [
        ([LSTM(2, 3, return_sequences=True), Flatten(), Dense(None, 1)], (4, 2), 2),
        ([Conv1d(4, 3, 1), LSTM(None, 3)], (4, 2), 1),
        ([Flatten(), Dense(None, 1)], (4, 2), 1),
    ],
)
def test_lengths_where_steps_are_mixed(layers, shape, number):
    net = Network(layers, input_shape=shape)
    with pytest.raises(ValueError, match=f"layer {number}, .*mixes the steps"):
        net.objective(np.ones((3, *shape)), np.ones((3, *net.output_shape)), lengths=[1, 2, 3])
    with pytest.raises(ValueError, match="mixes the steps"):
        net.program(with_lengths=True)


def test_targets_of_steps_are_told_by_step():
    net = Network([LSTM(2, 3, return_sequences=True), Dense(None, 2, "softmax")], "cross_entropy",
                  input_shape=(4, 2))  # fmt: skip
    X = np.ones((3, 4, 2))
    labels = np.zeros((3, 4), int)
    labels[1, 2] = 2
    with pytest.raises(ValueError, match=r"labels 0..2.*row 6.*row r is step r % 4 of its sample"):
        net.objective(X, labels)
    net.objective(X, labels, lengths=[4, 2, 4])


# Parameters


def test_thetas_and_their_names():
    net = Network([LSTM(3, 4, bidirectional=True, return_sequences=True), GRU(None, 2),
                   Dense(None, 1)], input_shape=(5, 3))  # fmt: skip
    assert net.shapes == ((16, 8), (16, 8), (6, 9), (6, 3), (1, 3))
    assert net.n_parameters == 2 * 128 + 54 + 18 + 3
    theta = net.init(0)
    Thetas = net.unpack(theta)
    assert [Theta.shape for Theta in Thetas] == list(net.shapes)
    assert all(np.shares_memory(Theta, theta) for Theta in Thetas)
    assert (net.pack(Thetas) == theta).all()
    blocks = {block.name: block for block in net.blocks()}
    assert sorted(np.concatenate([b.indices for b in blocks.values()])) == list(range(len(theta)))
    f = blocks["layer 1 backward gate f weights"]
    assert (theta[f.indices].reshape(f.shape) == Thetas[1][4:8, 1:]).all()
    n = blocks["layer 2 gate n bias of h"]
    assert (theta[n.indices] == Thetas[3][4:6, 0]).all()
    assert {b.layer for b in blocks.values()} == {1, 2, 3}
    for block in blocks.values():
        rows, columns = np.divmod(block.indices - block.origin, block.columns)
        assert ((columns == 0) == (block.kind == "bias")).all()
        assert block.shape == ((len(rows),) if block.kind == "bias" else block.shape)
    with pytest.raises(ValueError, match="5 matrices"):
        net.pack(Thetas[:-1])
    with pytest.raises(ValueError, match="so many are the weights alone"):
        net.forward(np.zeros(sum(h * (c - 1) for h, c in net.shapes)), np.ones((1, 5, 3)))


def test_first_values_have_the_right_spread():
    net = Network([Conv2d(4, 32, 5), MaxPool2d(2), Flatten(), Dense(None, 10)],
                  input_shape=(4, 12, 12))  # fmt: skip
    conv, dense = net.unpack(net.init(0))
    assert abs(conv).max() <= np.sqrt(6 / (4 * 25 + 32 * 25))
    assert abs(conv).max() > 0.99 * np.sqrt(6 / (4 * 25 + 32 * 25))
    he = net.unpack(net.init(0, "he_normal"))[0]
    assert abs(np.std(he[:, 1:]) / np.sqrt(2 / 100) - 1) < 0.05
    assert (he[:, 0] == 0).all()
    assert abs(dense).max() <= np.sqrt(6 / (32 * 16 + 10))
    for kind in (RNN, GRU, LSTM):
        for Theta in Network([kind(20, 40)], input_shape=(5, 20)).unpack(
            Network([kind(20, 40)], input_shape=(5, 20)).init(1, "lecun")
        ):
            assert abs(np.std(Theta[:, 1:]) / np.sqrt(1 / 60) - 1) < 0.05


def test_the_forget_bias_is_that_of_its_gate():
    layer = LSTM(3, 4, bidirectional=True, forget_bias=1.0)
    net = Network([layer, Dense(None, 1)], input_shape=(5, 3))
    usual = Network([LSTM(3, 4, bidirectional=True), Dense(None, 1)], input_shape=(5, 3))
    for Theta, other in zip(net.unpack(net.init(0))[:2], usual.unpack(usual.init(0)), strict=False):
        assert (Theta[4:8, 0] == 1).all()
        Theta[4:8, 0] = other[4:8, 0]
        assert (Theta == other).all()


# Identity


@pytest.mark.parametrize("name", CASES)
def test_networks_are_described_pickled_and_saved(name, tmp_path):
    layers, shape = CASES[name]
    net = Network(layers, l2=0.5, dtype="float32", input_shape=shape)
    description = json.loads(json.dumps(net.to_dict()))
    for again in (Network.from_dict(description), pickle.loads(pickle.dumps(net))):
        assert again == net
        assert hash(again) == hash(net)
        assert again.layers == net.layers
        assert again.input_shape == shape
    theta = net.init(0)
    files.save(tmp_path / "net", net, theta)
    model = files.load(tmp_path / "net")
    assert model.network == net
    assert (model.theta == theta).all()
    assert description["version"] == 2
    assert "kind" in description["layers"][0]


def test_a_plain_chain_is_described_as_ever():
    net = fastbp.mlp(3, 2, 1)
    assert net.to_dict()["version"] == 1
    assert net.to_dict()["layers"][0] == {"n_in": 3, "n_out": 2, "activation": "tanh"}
    assert Network([Dense(None, 2, "tanh"), Dense(n_out=1)], input_shape=3) == net
    assert Network(net.layers, input_shape=(3,)).to_dict() == net.to_dict()
    assert Network(net.layers, input_shape=(1, 3)) != net


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "written in format 3; this fastbp reads formats 1 and 2"),
        ({"layers": [{"n_in": 2, "n_out": 1, "activation": "tanh"}]}, "'kind' is missing"),
        ({"layers": [{"kind": "Conv4d"}]}, "unknown kind of layer 'Conv4d'"),
        ({"layers": [{"kind": "LSTM", "input_size": 3}]}, "not the description of a network"),
        ({"input_shape": [0, 3]}, "input_shape"),
        ({"input_shape": None}, "needs the shape"),
    ],
)
def test_damaged_descriptions(change, message):
    description = {**STATE.to_dict(), **change}
    with pytest.raises(ValueError, match=message):
        Network.from_dict(description)


def test_a_network_says_its_shapes():
    assert IMAGE.input_shape == (1, 28, 28)
    assert IMAGE.output_shape == (3,)
    assert IMAGE.widths == (784, 8 * 24 * 24, 1152, 1152, 3)
    assert IMAGE.name == "1x28x28-8x24x24-8x12x12-1152-3"
    assert "8 x 24 x 24" in repr(IMAGE)
    assert "208" in IMAGE.table()
    assert SEQUENCE.output_shape == (5, 2)


# The program as text


def test_a_program_reads_like_formulas():
    net = fastbp.mlp(2, 3, 4, output="softmax", loss="cross_entropy")
    assert str(net.program()).split("\n") == [
        "z1 = affine(Theta1, x)",
        "a1 = tanh(z1)",
        "z2 = affine(Theta2, a1)",
        "return softmax(z2)",
    ]


def test_tables_and_long_sequences_are_summarised():
    lines = str(IMAGE.program()).split("\n")
    assert lines[:3] == [
        "z1 = affine(Theta1, x at 576 positions of 25 rows)",
        "a1 = relu(z1)",
        "p2 = max(a1 at 1152 positions of 4 rows)",
    ]
    padded = Network([Conv1d(1, 2, 3, padding=1)], input_shape=(1, 4)).program()
    assert "or padding" in str(padded)
    net = Network([RNN(3, 4), Dense(None, 1)], input_shape=(100, 3))
    assert str(net.program()).split("\n") == [
        "z1[0] = affine(Theta1, x[0], 0)",
        "h1[0] = tanh(z1[0])",
        "z1[1] = affine(Theta1, x[1], h1[0])",
        "h1[1] = tanh(z1[1])",
        "...    the same for steps 2 to 98",
        "zend1 = affine(Theta1, x[99], h1[98])",
        "end1 = tanh(zend1)",
        "z2 = affine(Theta2, end1)",
        "return z2",
    ]
    assert "if 3 < length else" in str(
        Network([RNN(3, 4), Dense(None, 1)], input_shape=(4, 3)).program(with_lengths=True)
    )
    for name, (layers, shape) in CASES.items():
        assert str(Network(layers, input_shape=shape).program()), name
