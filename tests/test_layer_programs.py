"""Programs that layers emit: values and gradients against PyTorch's layers and complex steps."""

import numpy as np
import pytest
from layer_cases import CASES, SEQUENCES, data
from layer_formulas import forward
from program_reference import Reference
from sound_steps import check
from torch_network import mean_cost

from fastbp import Network

TOLERANCE = 1e-12  # of the largest entry


def made(name, **settings):
    layers, shape = CASES[name]
    return Network(layers, input_shape=shape, **settings)


def reference(net, X, y, lengths=None, **settings):
    program = net.program(lengths is not None)
    return Reference(program, net.loss, X.reshape(len(X), -1), y.reshape(len(y), -1),
                     lengths=lengths, **settings)  # fmt: skip


def assert_near(found, expected):
    scale = max(1e-300, abs(np.asarray(expected)).max())
    assert abs(np.asarray(found) - expected).max() <= TOLERANCE * scale


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_formulas(name):
    net = made(name)
    theta, X, y, lengths = data(net, 4, seed=3)
    for ends in [None, lengths] if name in SEQUENCES else [None]:
        found = reference(net, X, y, ends).forward(theta).reshape(4, *net.output_shape)
        for x, a, n in zip(X, found, lengths, strict=True):
            expected = forward(net, theta, x, None if ends is None else n)
            if ends is not None and a.ndim == 2:
                a, expected = a[:n], expected[:n]
            assert_near(a, expected)


@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_torch(name, m):
    net = made(name)
    theta, X, y, _ = data(net, m)
    J, D, a = mean_cost(net, theta, X, y)
    ours = reference(net, X, y)
    assert_near(ours.forward(theta).reshape(a.shape), a)
    assert_near(ours.cost(theta), J)
    assert_near(ours.gradient(theta), D)


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_that_end_are_those_of_torch(name):
    net = made(name)
    theta, X, y, lengths = data(net, 6, seed=1)
    J, D, a = mean_cost(net, theta, X, y, lengths)
    ours = reference(net, X, y, lengths)
    found = ours.forward(theta).reshape(a.shape)
    if a.ndim == 3:
        found = found * (np.arange(a.shape[1]) < lengths[:, None])[:, :, None]
    assert_near(found, a)
    assert_near(ours.cost(theta), J)
    assert_near(ours.gradient(theta), D)


@pytest.mark.parametrize("name", [n for n in CASES if "gelu" not in repr(CASES[n])])
def test_gradients_are_those_of_complex_steps(name):
    net = made(name)
    theta, X, y, lengths = data(net, 3, seed=2)
    for ends in [None, lengths] if name in SEQUENCES else [None]:
        ours = reference(net, X, y, ends, l2=0.3, sample_weight=np.array([1.0, 0.5, 2.0]))
        assert_near(ours.gradient(theta), ours.complex_step(theta))


@pytest.mark.parametrize("name", ["conv1d last", "lstm sequences last"])
def test_gradients_in_long_double_are_the_same(name):
    net = made(name)
    theta, X, y, _ = data(net, 3)
    ours = reference(net, X, y)
    assert_near(ours.gradient(theta), ours.gradient(theta, np.longdouble))


@pytest.mark.parametrize("name", [*SEQUENCES, "conv2d", "lenet"])
def test_steps_write_each_row_once_and_read_what_is_written(name):
    for ends in [False, True] if name in SEQUENCES else [False]:
        check(made(name).program(ends))
