"""What layers of each kind compute of one sample: the formulas of their docstrings in loops."""

from itertools import product

import numpy as np
import oracle

FLOAT = oracle.numbers(np.float64)


def forward(net, theta, x, length=None):
    """The outputs of one sample, of the network's output shape."""
    Thetas, a = iter(net.unpack(theta)), np.asarray(x, float).reshape(net.input_shape)
    for layer in net.layers:
        own = [next(Thetas) for _ in layer.matrices]
        a = LAYERS[type(layer).__name__](layer, own, a, len(a) if length is None else length)
        a = _activated(layer.output_activation, a)
    return a


def _activated(name, z):
    if name == "softmax":
        return oracle._softmax(FLOAT, z.reshape(-1, z.shape[-1])).reshape(z.shape)
    return oracle.ACTIVATIONS[name][0](FLOAT, z)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _dense(layer, Thetas, a, length):
    return a @ Thetas[0][:, 1:].T + Thetas[0][:, 0]


def _places(layer, shape):
    """Of each window its place in the output, and places in the input with those in the kernel."""
    dilation = getattr(layer, "dilation", (1,) * len(shape))
    padding = layer.padding
    if padding == "valid":
        padding = [0] * len(shape)
    before, total = padding, [2 * p for p in padding] if padding != "same" else None
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, layer.kernel_size, strict=True)]
        before = [t // 2 for t in total]
    counts = [
        (n + t - d * (k - 1) - 1) // s + 1
        for n, t, d, k, s in zip(
            shape, total, dilation, layer.kernel_size, layer.stride, strict=True
        )
    ]
    for place in product(*map(range, counts)):
        inside = []
        for tap in product(*map(range, layer.kernel_size)):
            at = tuple(
                s * i + d * j - p
                for i, j, s, d, p in zip(place, tap, layer.stride, dilation, before, strict=True)
            )
            if all(0 <= i < n for i, n in zip(at, shape, strict=True)):
                inside.append((tap, at))
        yield counts, place, inside


def _convolution(layer, Thetas, a, length):
    out = None
    w = Thetas[0][:, 1:].reshape(layer.out_channels, layer.in_channels, *layer.kernel_size)
    for counts, place, inside in _places(layer, a.shape[1:]):
        if out is None:
            out = np.zeros((layer.out_channels, *counts))
        for k, c in product(range(layer.out_channels), range(layer.in_channels)):
            out[(k, *place)] += sum(w[(k, c, *tap)] * a[(c, *at)] for tap, at in inside)
        out[(slice(None), *place)] += Thetas[0][:, 0]
    return out


def _pooling(layer, Thetas, a, length):
    out = None
    for counts, place, inside in _places(layer, a.shape[1:]):
        if out is None:
            out = np.zeros((len(a), *counts))
        for c in range(len(a)):
            values = [a[(c, *at)] for _, at in inside]
            mean = sum(values) / np.prod(layer.kernel_size)
            out[(c, *place)] = max(values) if "Max" in type(layer).__name__ else mean
    return out


def _rnn(layer, Thetas, x, state):
    h = _activated(layer.nonlinearity, Thetas[0] @ np.concatenate([[1], x, state[0]]))
    return [h]


def _lstm(layer, Thetas, x, state):
    h, c = state
    i, f, g, o = np.split(Thetas[0] @ np.concatenate([[1], x, h]), 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return [_sigmoid(o) * np.tanh(c), c]


def _gru(layer, Thetas, x, state):
    rx, zx, nx = np.split(Thetas[0] @ np.concatenate([[1], x]), 3)
    rh, zh, nh = np.split(Thetas[1] @ np.concatenate([[1], state[0]]), 3)
    r, z = _sigmoid(rx + rh), _sigmoid(zx + zh)
    n = np.tanh(nx + r * nh)
    return [(1 - z) * n + z * state[0]]


def _recurrent(step, n_states):
    def layer_of(layer, Thetas, a, length):
        each, last = [], []
        half = len(Thetas) // (1 + layer.bidirectional)
        for direction in range(1 + layer.bidirectional):
            own = Thetas[direction * half : (direction + 1) * half]
            state = [np.zeros(layer.hidden_size)] * n_states
            out = np.zeros((len(a), layer.hidden_size))
            for t in range(length) if direction == 0 else reversed(range(length)):
                state = step(layer, own, a[t], state)
                out[t] = state[0]
            each.append(out)
            last.append(state[0])
        return np.concatenate(each, axis=1) if layer.return_sequences else np.concatenate(last)

    return layer_of


LAYERS = {
    "Dense": _dense,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"), _pooling),
    "Flatten": lambda layer, Thetas, a, length: a.ravel(),
    "RNN": _recurrent(_rnn, 1),
    "GRU": _recurrent(_gru, 1),
    "LSTM": _recurrent(_lstm, 2),
}
