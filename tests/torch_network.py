"""A network of any layers as PyTorch computes it, its parameters taken from theta."""

import warnings

import numpy as np
import pytest


def mean_cost(net, theta, X, y, lengths=None, sample_weight=None):
    """J without a penalty, D, and the outputs (m, *output_shape), all of PyTorch's own functions.

    y : targets (m, *output_shape)
    """
    torch = pytest.importorskip("torch")
    parameters = torch.tensor(np.asarray(theta), dtype=torch.float64, requires_grad=True)
    x = torch.tensor(np.asarray(X, float).reshape(len(X), *net.input_shape))
    steps = None if lengths is None else torch.as_tensor(np.asarray(lengths))
    Thetas = _matrices(parameters, net)
    z = x
    for number, layer in enumerate(net.layers):
        own = [next(Thetas) for _ in layer.matrices]
        z = LAYERS[type(layer).__name__](torch, layer, own, z, steps)
        if number < len(net.layers) - 1:
            z = _activated(torch, layer.output_activation, z)
    output = net.layers[-1].output_activation
    a = _activated(torch, output, z)
    value = _loss(torch, net.loss, output, z, a, torch.tensor(np.asarray(y, float)))
    value = value.reshape(len(X), *z.shape[1:])
    weight = torch.ones(len(X)) if sample_weight is None else torch.tensor(sample_weight)
    weight = weight.double()
    if steps is not None and z.ndim == 3:
        counted = torch.arange(z.shape[1])[None, :] < steps[:, None]
        value = value * counted[:, :, None]
        a = a * counted[:, :, None]
    cost = (value.reshape(len(X), -1).sum(1) * weight).sum() / weight.sum()
    gradient = torch.autograd.grad(cost, parameters)[0]
    return cost.item(), gradient.numpy(), a.detach().numpy()


def _matrices(parameters, net):
    start = 0
    for layer in net.layers:
        for height, columns in (matrix.shape for matrix in layer.matrices):
            yield parameters[start : start + height * columns].reshape(height, columns)
            start += height * columns
    assert start == len(parameters)


def _activated(torch, name, z):
    F = torch.nn.functional
    if name == "softmax":
        return F.softmax(z, dim=-1)
    return {
        "identity": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "softplus": lambda z: F.softplus(z, threshold=1e3),
        "silu": F.silu,
        "gelu": F.gelu,
        "sin": torch.sin,
        "gaussian": lambda z: torch.exp(-z * z),
    }[name](z)


def _loss(torch, loss, output, z, a, y):
    F = torch.nn.functional
    y = y.reshape(z.shape)
    if loss == "squared_error":
        return (a - y) ** 2 / 2
    if (loss, output) == ("cross_entropy", "softmax"):
        return -y * F.log_softmax(z, dim=-1)
    assert (loss, output) == ("cross_entropy", "sigmoid")
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


def _dense(torch, layer, Thetas, x, steps):
    return x @ Thetas[0][:, 1:].T + Thetas[0][:, 0]


def _convolution(torch, layer, Thetas, x, steps):
    F = torch.nn.functional
    weight = Thetas[0][:, 1:].reshape(layer.out_channels, layer.in_channels, *layer.kernel_size)
    function = F.conv1d if len(layer.kernel_size) == 1 else F.conv2d
    with warnings.catch_warnings():  # of the copy that "same" with an even kernel takes
        warnings.simplefilter("ignore", UserWarning)
        return function(x, weight, Thetas[0][:, 0], stride=layer.stride, padding=layer.padding,
                        dilation=layer.dilation)  # fmt: skip


def _pooling(torch, layer, Thetas, x, steps):
    name = {"MaxPool1d": "max_pool1d", "MaxPool2d": "max_pool2d", "AvgPool1d": "avg_pool1d",
            "AvgPool2d": "avg_pool2d"}[type(layer).__name__]  # fmt: skip
    function = getattr(torch.nn.functional, name)
    return function(x, layer.kernel_size, layer.stride, layer.padding)


def _recurrent(torch, layer, Thetas, x, steps):
    kind = type(layer).__name__
    kwargs = {"nonlinearity": layer.nonlinearity} if kind == "RNN" else {}
    module = getattr(torch.nn, kind)(
        layer.input_size, layer.hidden_size, batch_first=True, bidirectional=layer.bidirectional,
        dtype=torch.float64, **kwargs,
    )  # fmt: skip
    named = {}
    for d in range(1 + layer.bidirectional):
        end = "_l0" + "_reverse" * d
        if kind == "GRU":
            of_x, of_h = Thetas[2 * d : 2 * d + 2]
            named |= {"weight_ih" + end: of_x[:, 1:], "bias_ih" + end: of_x[:, 0]}
            named |= {"weight_hh" + end: of_h[:, 1:], "bias_hh" + end: of_h[:, 0]}
            continue
        Theta, n = Thetas[d], layer.input_size
        named |= {"weight_ih" + end: Theta[:, 1 : 1 + n], "weight_hh" + end: Theta[:, 1 + n :]}
        named |= {"bias_ih" + end: Theta[:, 0], "bias_hh" + end: torch.zeros_like(Theta[:, 0])}
    rnn = torch.nn.utils.rnn
    length = x.shape[1]
    if steps is not None:
        x = rnn.pack_padded_sequence(x, steps, batch_first=True, enforce_sorted=False)
    every, last = torch.func.functional_call(module, named, (x,))
    if steps is not None:
        every, _ = rnn.pad_packed_sequence(every, batch_first=True, total_length=length)
    if layer.return_sequences:
        return every
    state = last[0] if kind == "LSTM" else last
    return state.swapaxes(0, 1).reshape(len(every), -1)


LAYERS = {
    "Dense": _dense,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"), _pooling),
    "Flatten": lambda torch, layer, Thetas, x, steps: x.reshape(len(x), -1),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), _recurrent),
}
