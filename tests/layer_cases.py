"""Networks of every layer and option, small: what the tests of layers go through."""

import numpy as np

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

# name: (layers, input_shape)
CASES = {
    "conv1d": ([Conv1d(2, 3, 3, activation="tanh"), Flatten(), Dense(None, 2)], (2, 7)),
    "conv1d of 1": ([Conv1d(1, 4, 1, activation="relu"), Flatten(), Dense(None, 2)], (1, 5)),
    "conv1d whole": ([Conv1d(3, 2, 6, activation="silu"), Flatten(), Dense(None, 2)], (3, 6)),
    "conv1d stride": ([Conv1d(2, 3, 2, stride=3), Flatten(), Dense(None, 2)], (2, 9)),
    "conv1d dilation": (
        [Conv1d(2, 3, 3, stride=2, padding=2, dilation=2, activation="elu"), Flatten(),
         Dense(None, 2)],
        (2, 8),
    ),
    "conv1d same": ([Conv1d(2, 2, 4, padding="same", activation="sigmoid"), Flatten(),
                     Dense(None, 2)], (2, 6)),
    "conv1d last": ([Conv1d(2, 3, 3, activation="tanh")], (2, 5)),
    "conv2d": ([Conv2d(2, 3, 3, activation="tanh"), Flatten(), Dense(None, 2)], (2, 6, 5)),
    "conv2d 1x1": ([Conv2d(3, 2, 1, activation="relu"), Flatten(), Dense(None, 2)], (3, 3, 2)),
    "conv2d whole": ([Conv2d(1, 2, (4, 3), activation="gelu"), Flatten(), Dense(None, 2)],
                     (1, 4, 3)),
    "conv2d stride": ([Conv2d(1, 2, 2, stride=(3, 4), activation="tanh"), Flatten(),
                       Dense(None, 2)], (1, 8, 9)),
    "conv2d dilation": (
        [Conv2d(2, 2, (2, 3), stride=(2, 1), padding=(1, 2), dilation=(3, 2),
                activation="softplus"), Flatten(), Dense(None, 2)],
        (2, 7, 6),
    ),
    "conv2d same": ([Conv2d(1, 3, (2, 3), padding="same", activation="sin"), Flatten(),
                     Dense(None, 2)], (1, 4, 5)),
    "conv2d valid": ([Conv2d(1, 3, 2, padding="valid"), Flatten(), Dense(None, 2)], (1, 4, 3)),
    "conv2d last": ([Conv2d(1, 2, 2, activation="sigmoid")], (1, 3, 3)),
    "lenet": (
        [Conv2d(1, 3, 3, activation="relu"), MaxPool2d(2), Conv2d(None, 4, 2, activation="relu"),
         MaxPool2d(2), Flatten(), Dense(None, 3)],
        (1, 12, 12),
    ),
    "maxpool1d": ([Conv1d(1, 3, 2), MaxPool1d(2), Flatten(), Dense(None, 2)], (1, 8)),
    "maxpool1d overlapping": (
        [Conv1d(1, 3, 2), MaxPool1d(3, stride=2, padding=1), Flatten(), Dense(None, 2)], (1, 9)
    ),
    "maxpool2d": ([Conv2d(1, 2, 2), MaxPool2d((2, 3), stride=(1, 2), padding=1), Flatten(),
                   Dense(None, 2)], (1, 6, 7)),
    "maxpool2d stride": ([Conv2d(1, 2, 1), MaxPool2d(2, 3), Flatten(), Dense(None, 2)], (1, 6, 8)),
    "maxpool of x": ([MaxPool2d(2), Flatten(), Dense(None, 2)], (2, 4, 4)),
    "maxpool whole": ([Conv2d(1, 3, 2), MaxPool2d((3, 2)), Flatten(), Dense(None, 2)], (1, 4, 3)),
    "avgpool1d": ([Conv1d(1, 3, 2, activation="tanh"), AvgPool1d(3, 2, 1), Flatten(),
                   Dense(None, 2)], (1, 9)),
    "avgpool2d": ([Conv2d(1, 2, 2, activation="tanh"), AvgPool2d((2, 3), padding=1), Flatten(),
                   Dense(None, 2)], (1, 6, 7)),
    "avgpool last": ([Conv2d(1, 2, 2, activation="tanh"), AvgPool2d(2)], (1, 5, 5)),
    "dense on steps": ([Dense(3, 4, "tanh"), Dense(None, 2)], (5, 3)),
    "dense on an image": ([Dense(3, 2, "sin"), Flatten(), Dense(n_out=2)], (2, 4, 3)),
}  # fmt: skip

for kind in (RNN, GRU, LSTM):
    name = kind.__name__.lower()
    CASES |= {
        name: ([kind(3, 4), Dense(4, 2)], (5, 3)),
        f"{name} of 1 step": ([kind(3, 4), Dense(4, 2)], (1, 3)),
        f"{name} of 2 steps": ([kind(1, 1), Dense(1, 1)], (2, 1)),
        f"{name} sequences": ([kind(2, 3, return_sequences=True), Dense(None, 2)], (4, 2)),
        f"{name} last": ([kind(2, 3)], (4, 2)),
        f"{name} sequences last": ([kind(2, 3, return_sequences=True)], (4, 2)),
        f"{name} both ways": ([kind(2, 3, bidirectional=True), Dense(None, 2)], (4, 2)),
        f"{name} both ways of 1 step": (
            [kind(2, 3, bidirectional=True, return_sequences=True), Dense(None, 2)], (1, 2)
        ),
        f"{name} stacked": (
            [kind(2, 3, bidirectional=True, return_sequences=True), kind(None, 2),
             Dense(None, 3, "tanh"), Dense(None, 2)],
            (4, 2),
        ),
    }  # fmt: skip
CASES |= {
    "rnn relu": ([RNN(3, 4, "relu"), Dense(None, 2)], (5, 3)),
    "rnn relu sequences": ([RNN(3, 4, "relu", return_sequences=True), Dense(None, 2)], (5, 3)),
    "all of them": (
        [
            LSTM(2, 3, return_sequences=True),
            GRU(None, 4, return_sequences=True, bidirectional=True),
            RNN(None, 3),
            Dense(None, 2),
        ],
        (4, 2),
    ),
    "conv and lstm": ([Conv1d(4, 5, 2, activation="tanh"), LSTM(None, 3), Dense(None, 2)], (4, 4)),
    "lstm and flatten": ([LSTM(2, 3, return_sequences=True), Flatten(), Dense(None, 2)], (4, 2)),
}
# Those that may be given lengths: what is done to the steps of a sequence.
SEQUENCES = [
    name for name, (_, shape) in CASES.items()
    if len(shape) == 2 and not any(word in name for word in ("conv", "pool", "flatten", "image"))
]  # fmt: skip


def data(net, m, seed=0, loss=None):
    """theta, X, y and lengths for a network: y fits its loss."""
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(net.n_parameters) / 2
    X = rng.standard_normal((m, *net.input_shape))
    y = rng.standard_normal((m, *net.output_shape))
    if net.loss == "cross_entropy":
        y = rng.random(y.shape)
        y /= y.sum(axis=-1, keepdims=True)
    T = net.input_shape[0]
    lengths = rng.integers(1, T + 1, m)
    lengths[0] = T if m > 1 else max(1, T - 1)
    return theta, X, y, lengths
