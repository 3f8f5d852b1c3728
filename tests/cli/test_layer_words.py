"""``--layers`` and ``--input-shape``: networks of any layers, in words."""

import numpy as np
import pytest
from tables import column, write

import fastbp
from fastbp import files
from fastbp.cli import layer_words
from fastbp.datasets import load_digits
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

FAST = ["--maxiter", "15", "--l2", "1"]
IMAGE = "conv 4 3x3 relu, maxpool 2, dense 10"


def layers(text, shape, hidden="tanh", output="softmax"):
    return layer_words.made(layer_words.chain(text), layer_words.shape(shape), hidden, output)


@pytest.mark.parametrize(
    ("text", "shape", "made"),
    [
        ("conv 8 5x5 relu, maxpool 2, dense 10", "1x28x28",
         [Conv2d(1, 8, 5, activation="relu"), MaxPool2d(2), Flatten(), Dense(1152, 10, "softmax")]),
        ("CONV2D 8 5 STRIDE 2 Padding 1x2 dilation=2", "3x28x28",
         [Conv2d(3, 8, 5, 2, (1, 2), 2, "tanh")]),
        ("conv 4 3x2 sin padding same, avgpool 2x3 stride 1x2 padding 1, flatten, dense 3 sigmoid",
         "2x9x9", [Conv2d(2, 4, (3, 2), padding="same", activation="sin"),
                   AvgPool2d((2, 3), (1, 2), 1), Flatten(), Dense(200, 3, "sigmoid")]),
        ("conv 4 7 elu(0.5), maxpool 2, conv1d 2 3, avgpool1d 3 stride 2, dense 5, dense 1",
         "1x40", [Conv1d(1, 4, 7, activation="elu(0.5)"), MaxPool1d(2),
                  Conv1d(4, 2, 3, activation="tanh"), AvgPool1d(3, 2), Flatten(),
                  Dense(14, 5, "tanh"), Dense(5, 1, "softmax")]),
        ("maxpool2d 2, dense 2", "1x4x4", [MaxPool2d(2), Flatten(), Dense(4, 2, "softmax")]),
        ("lstm 8 bidirectional sequences forget_bias 1, gru 4 return_sequences, rnn 3 relu",
         "50x3", [LSTM(3, 8, bidirectional=True, return_sequences=True, forget_bias=1.0),
                  GRU(16, 4, return_sequences=True), RNN(4, 3, "relu")]),
        ("rnn 3 sequences, dense 4, dense 2 identity", "5x2",
         [RNN(2, 3, return_sequences=True), Dense(3, 4, "tanh"), Dense(4, 2, "identity")]),
        ("rnn 3 sequences, flatten, dense 2", "5x2",
         [RNN(2, 3, return_sequences=True), Flatten(), Dense(15, 2, "softmax")]),
        ("dense 5 relu, dense 1", "7", [Dense(7, 5, "relu"), Dense(5, 1, "softmax")]),
    ],
)  # fmt: skip
def test_words_are_layers(text, shape, made):
    assert layers(text, shape) == made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv 8 5x5 rleu, dense 10", "layer 1, 'conv 8 5x5 >>rleu<<': unknown activation 'rleu'"),
        ("conv 8 5x5, maxpol 2", "layer 2, '>>maxpol<< 2': no layer 'maxpol'; did you mean max"),
        ("conv 8 5x5 stide 2", "'conv 8 5x5 >>stide<< 2': did you mean stride?"),
        ("conv 8 5x5 stride", "'conv 8 5x5 >>stride<<': stride has no value after it"),
        ("conv 8 5x5 stride 0", "stride >>0<<': no stride: it is a step such as 2 or 2x1"),
        ("conv 8 5x5 padding -1", "padding >>-1<<': no padding: it is 'same', 'valid' or zeros"),
        ("conv 8", "layer 1, 'conv 8': kernel_size is missing; it is written conv OUT_CHANNELS"),
        ("conv 0 5", "'conv >>0<< 5': out_channels is a number, of at least 1"),
        ("conv 8x8 5", "'conv >>8x8<< 5': out_channels is a number"),
        ("conv 8 5xx", "'conv 8 >>5xx<<': kernel_size is a size such as 5 or 5x3"),
        ("conv 8 5 relu tanh", "'conv 8 5 relu >>tanh<<': activation is said twice"),
        ("conv 8 5 stride 1 stride 2", "'conv 8 5 stride 1 >>stride<< 2': stride is said twice"),
        ("maxpool 2 relu", "'maxpool 2 >>relu<<': maxpool takes KERNEL_SIZE, stride, padding"),
        ("lstm 8 bidirectonal", "lstm takes HIDDEN_SIZE, forget_bias, bidirectional, sequences; "
                                "did you mean bidirectional?"),
        ("lstm 8 forget_bias much", "forget_bias >>much<<': no forget_bias: it is a number"),
        ("gru 8 4", "'gru 8 >>4<<': gru takes"),
        ("flatten 3", "'flatten >>3<<': flatten takes nothing"),
        ("dense", "layer 1, 'dense': n_out is missing; it is written dense N_OUT"),
        ("dense 5,, dense 3", "layer 2 is empty; layers are written 'conv 8 5x5 relu"),
        ("", "layer 1 is empty"),
        ("conv 8 9x9", "layer 1, 'conv 8 9x9': has a kernel of 9 x 9, larger than its input"),
        ("conv 8 3, conv 8 7", "layer 2, 'conv 8 7': has a kernel of 7 x 7, larger than its input"),
        ("lstm 8", "layer 1, 'lstm 8': takes a sequence, steps x features, but the input has 1 x"),
        ("conv1d 8 3", "takes channels x length, but the input has 1 x 8 x 8"),
        ("flatten, maxpool 2", "layer 2, 'maxpool 2': takes channels x length or channels x"),
        ("conv 8 3 padding same stride 2", "the output cannot have the size of the input"),
        ("maxpool 2 padding 2", "padding 2 x 2 is more than half of the kernel"),
        ("dense 10 softmax, dense 3", "'softmax', which only the last layer can have"),
    ],
)  # fmt: skip
def test_the_wrong_word_is_marked(refuse, text, message):
    assert message in refuse("check", "--layers", text, "--input-shape", "1x8x8")


@pytest.mark.parametrize("shape", ["", "x", "1x0x3", "1x28x", "1,28,28", "-1x3", "1.5", "1 x 2"])
def test_shapes_that_are_none(refuse, shape):
    message = refuse("check", "--layers", "dense 3", f"--input-shape={shape}")
    assert "is not a shape such as 1x28x28" in message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layers", "dense 3"], "--layers needs --input-shape"),
        (["--input-shape", "3"], "--input-shape is for --layers"),
        (["--layers", "dense 3", "--widths", "3,4"], "not allowed with argument"),
    ],
)
def test_options_that_belong_together(refuse, words, message):
    assert message in refuse("check", *words)


@pytest.mark.parametrize(
    ("text", "shape", "more"),
    [
        ("conv 3 3x3 sin, maxpool 2, dense 4", "1x7x7", []),
        ("conv 3 5 stride 2, avgpool 2, dense 1", "2x20", ["--loss", "squared_error"]),
        ("gru 3 bidirectional sequences, dense 3", "5x2", []),
        ("lstm 3, dense 2", "4x2", ["--loss", "huber", "--hidden", "silu"]),
        ("rnn 3 sequences, dense 1", "4x2", []),
        ("rnn 3 sequences, dense 2", "4x2", ["--loss", "poisson", "--directions", "5"]),
    ],
)
def test_check(run, text, shape, more):
    code, out, err = run("check", "--layers", text, "--input-shape", shape, "--samples", 8, *more)
    assert (code, err) == (0, "")
    assert "Gradient check passed" in out


def digits(name="digits.csv", m=250, start=0):
    X, y = load_digits()
    X, y = X.reshape(len(X), -1)[start : start + m], y[start : start + m]
    header = [*(f"p{i}" for i in range(64)), "digit"]
    write(name, [header, *np.column_stack([X, y]).tolist()])
    return X, y


def test_a_convolutional_network_from_table_to_predictions(run, refuse):
    digits()
    code, out, err = run("train", "digits.csv", "--target", "digit", "--layers", IMAGE,
                         "--input-shape", "1x8x8", "--save", "model", *FAST)  # fmt: skip
    assert (code, err) == (0, "")
    assert "Network 1x8x8-4x6x6-4x3x3-36-10" in out
    assert "Linear model, test" in out
    network, theta, _ = files.load("model")
    assert network.input_shape == (1, 8, 8)
    assert network.layers[-1] == Dense(36, 10, "softmax")
    code, out, err = run("predict", "model", "digits.csv", "--proba")
    assert code == 0
    proba = np.array([column(out, f"p({k})") for k in range(10)], float).T
    trained = fastbp.cli.trained.Trained.load("model")
    X, y = load_digits()
    expected = network.predict_proba(theta, trained.inputs.transform(X.reshape(-1, 64)[:250]))
    assert np.allclose(proba, expected, rtol=1e-10)
    assert (proba.argmax(axis=1) == y[:250]).mean() > 0.5
    code, out, err = run("check", "model", "digits.csv", "--samples", 20, "--n-checks", 30)
    assert (code, err) == (0, "")
    code, out, err = run("info", "model")
    assert (code, err) == (0, "")
    assert "Conv2d(1, 4, 3, activation='relu')" in out
    assert "64 columns" in out


def test_a_narrow_terminal_shows_the_layers_as_a_list(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    code, out, err = run("check", "--layers", "conv 3 3x3 sin, maxpool 2, dense 4",
                         "--input-shape", "1x7x7", "--samples", 4, "--directions", 2)  # fmt: skip
    assert (code, err) == (0, "")
    assert "MaxPool2d(2)" in out
    assert max(map(len, out.split("Gradient")[0].splitlines())) < 80


def test_sequences_and_quantities(run):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 12))
    y = X[:, ::2].sum(axis=1)
    write("s.csv", [[*(f"x{i}" for i in range(12)), "y"], *np.column_stack([X, y]).tolist()])
    code, out, err = run("train", "s.csv", "--target", "y", "--layers", "lstm 4, dense 1",
                         "--input-shape", "6x2", "--maxiter", 60)  # fmt: skip
    assert (code, err) == (0, "")
    assert "Penalty: l2" in out
    assert "LSTM(2, 4)" in out
    assert run("predict", "s.fastbp", "s.csv")[0] == 0


def test_two_classes_have_one_output_or_two(run, refuse):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6))
    kind = np.where(X.sum(axis=1) > 0, "yes", "no")
    write("k.csv", [[*"abcdef", "kind"], *([*row, k] for row, k in zip(X, kind, strict=True))])
    words = ["train", "k.csv", "--target", "kind", "--input-shape", "1x6", *FAST]
    for last in ("dense 1", "dense 1 sigmoid", "dense 2 softmax"):
        assert run(*words, "--layers", f"conv 2 3, {last}")[0] == 0
        assert run("predict", "k.fastbp", "k.csv", "--proba")[0] == 0
    assert "needs 1: end with 'dense 1', or 'dense 2 softmax'" in refuse(
        *words, "--layers", "conv 2 3, dense 3", "--save", "other"
    )


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("conv 2 3, dense 9", "1x8x8",
         "ends in 9 outputs, and 'digit', 10 classes, needs 10: end with 'dense 10'"),
        ("lstm 3 sequences, dense 10", "8x8", "ends in 8 x 10 outputs"),
        ("lstm 3 sequences, dense 10", "8x8", "a recurrent layer without 'sequences' ends in"),
        ("conv 2 3, dense 10", "1x9x9", "1x9x9 has 81 numbers, and there are 64 inputs"),
        ("conv 2 3, dense 10", None, "takes channels x length or channels x height x width"),
        ("conv 2 3, dense 10 tanh", "1x8x8", "cross_entropy"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_table(refuse, text, shape, message):
    digits()
    words = ["train", "digits.csv", "--target", "digit", "--layers", text]
    assert message in refuse(*words, *(["--input-shape", shape] if shape else []))


def test_a_shape_without_layers(refuse):
    digits()
    words = ["train", "digits.csv", "--target", "digit", "--input-shape", "1x8x8"]
    assert "--input-shape is for --layers" in refuse(*words)


def test_a_penalty_is_chosen_by_the_work_of_a_sample():
    from fastbp.cli import choices

    net = fastbp.Network(layers("conv 8 5x5, dense 10", "1x28x28"), "cross_entropy",
                         input_shape=(1, 28, 28))  # fmt: skip
    assert choices.multiplications(net) == 24 * 24 * 8 * 25 + 8 * 24 * 24 * 10
    assert choices.multiplications(fastbp.mlp(3, 4, 2)) == 26
