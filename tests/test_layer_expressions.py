"""Networks of any layers as expressions, against the engine."""

import numpy as np
import pytest
from layer_cases import CASES, data

import fastbp
from fastbp import Network
from fastbp.layers import RNN, Conv1d, Dense, Flatten, MaxPool1d

SMALL = ["conv1d", "conv1d dilation", "conv2d same", "conv2d last", "maxpool1d overlapping",
         "maxpool2d", "avgpool2d", "dense on steps", "rnn", "gru both ways", "lstm sequences last",
         "lstm of 1 step", "gru sequences"]  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_expressions_are_what_the_engine_computes(name):
    layers, shape = CASES[name]
    net = Network(layers, input_shape=shape)
    theta, X, _, _ = data(net, 3)
    a = net.forward(theta, X)
    for form in (X, X.reshape(3, -1)):
        found = net.expressions(theta, form)
        assert found.shape == a.shape
        assert abs(found - a).max() < 1e-13
    assert abs(net.expressions(theta, X[1]) - a[1]).max() < 1e-13
    f = net.circuit(theta)
    assert abs(np.asarray(f(X[2].ravel())) - a[2].reshape(np.shape(f(X[2].ravel())))).max() < 1e-13


def test_derivatives_by_inputs():
    net = Network([Conv1d(1, 2, 2, activation="tanh"), MaxPool1d(2), RNN(2, 2), Dense(None, 1)],
                  input_shape=(1, 5))  # fmt: skip
    theta, X, _, _ = data(net, 1)
    x = X[0].ravel()
    slope = net.circuit(theta).gradient(x)
    h = 1e-6
    for i in range(5):
        step = np.zeros(5)
        step[i] = h
        up, down = (net.forward(theta, (x + s * step)[None])[0, 0] for s in (1, -1))
        assert abs((up - down) / (2 * h) - slope[i]) < 1e-8


def test_softmax_of_each_step_and_wrong_inputs():
    net = Network([Dense(2, 3, "softmax")], "cross_entropy", input_shape=(4, 2))
    theta, X, _, _ = data(net, 2)
    found = net.expressions(theta, X)
    assert abs(found - net.forward(theta, X)).max() < 1e-14
    with pytest.raises(ValueError, match=r"takes \(4, 2\) for one sample, \(m, 4, 2\) for several"):
        net.expressions(theta, X[..., :1])
    other = Network([Flatten(), Dense(None, 1)], input_shape=(4, 2))
    x = fastbp.variables("x", 8)
    assert other.expressions(other.init(0), x).shape == (1,)
