"""What a network computes of samples."""

import numpy as np
import pytest
from oracle import SIGNED
from problems import pairs

import fastbp
from fastbp._core import core
from fastbp.names import OF_CLASSES

# Outputs

X6 = np.array([[1.2, 0.7], [-0.3, -0.5], [3.0, 0.1], [-0.1, -1.0], [-1.0, 1.1], [2.1, -3.0]])


def linear(n_out, **kwargs):
    """A network without hidden layer, and the theta for which z = X Theta^T with chosen Theta."""
    net = fastbp.mlp(2, n_out, **kwargs)
    rows = [[0.0, 1.0, -1.0], [0.5, -1.0, 0.0], [-0.5, 0.0, 2.0]][:n_out]
    Theta = np.array(rows)
    return net, net.pack([Theta]), Theta[:, 0] + X6 @ Theta[:, 1:].T


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_forward_is_the_last_activation_in_the_dtype_of_the_network(dtype):
    net, theta, Z = linear(3, output="sigmoid", dtype=dtype)
    A = net.forward(theta, X6)
    assert A.dtype == dtype
    np.testing.assert_allclose(A, 1 / (1 + np.exp(-Z)), rtol=1e-14 if dtype == "float64" else 1e-6)


def test_forward_through_a_hidden_layer():
    net = fastbp.mlp(2, 3, 2, hidden="tanh")
    theta = net.init(seed=0)
    first, second = net.unpack(theta)
    hidden = np.tanh(first[:, 0] + X6 @ first[:, 1:].T)
    expected = second[:, 0] + hidden @ second[:, 1:].T
    np.testing.assert_allclose(net.forward(theta, X6), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        (loss, output)
        for loss, output in pairs()
        if loss in ("cross_entropy", *OF_CLASSES, *SIGNED) and output in core("float64").INCREASING
    ],
)
def test_predict_of_several_classes_is_the_largest(loss, output):
    net, theta, Z = linear(3, output=output, loss=loss)
    labels = net.predict(theta, X6)
    assert labels.dtype == np.int64
    assert labels.tolist() == Z.argmax(axis=1).tolist()
    assert len(set(labels.tolist())) == 3


@pytest.mark.parametrize(
    ("loss", "output"),
    [("cross_entropy", "sigmoid"), ("hinge", "identity"), ("hinge", "tanh"), ("hinge", "sigmoid")],
)
def test_predict_of_two_classes_is_a_threshold(loss, output):
    net, theta, Z = linear(1, output=output, loss=loss)
    labels = net.predict(theta, X6)
    assert labels.dtype == np.int64
    assert labels.tolist() == (Z[:, 0] > 0).astype(int).tolist()


def test_predict_of_a_regression_is_the_output():
    net, theta, Z = linear(3)
    np.testing.assert_allclose(net.predict(theta, X6), Z, rtol=1e-14)
    net, theta, Z = linear(1)
    np.testing.assert_allclose(net.predict(theta, X6), Z[:, 0], rtol=1e-14)


def test_predict_proba():
    net, theta, Z = linear(3, output="softmax", loss="cross_entropy")
    P = net.predict_proba(theta, X6)
    np.testing.assert_allclose(P, np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True), rtol=1e-13)
    net, theta, Z = linear(1, output="sigmoid", loss="cross_entropy")
    P = net.predict_proba(theta, X6)
    assert P.shape == (6, 2)
    np.testing.assert_allclose(P[:, 1], 1 / (1 + np.exp(-Z[:, 0])), rtol=1e-13)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-15)
    net, theta, Z = linear(3, output="sigmoid")
    np.testing.assert_allclose(net.predict_proba(theta, X6), 1 / (1 + np.exp(-Z)), rtol=1e-13)


@pytest.mark.parametrize("output", fastbp.activations(hidden=True))
def test_other_outputs_are_no_probabilities(output):
    net, theta, _ = linear(1, output=output)
    if output == "sigmoid":
        assert net.predict_proba(theta, X6).shape == (6, 2)
    else:
        with pytest.raises(
            ValueError, match=f"output '{output}' gives no probabilities.*net.forward"
        ):
            net.predict_proba(theta, X6)


@pytest.mark.parametrize("method", ["forward", "predict", "predict_proba"])
def test_outputs_check_theta_and_X(method):
    net, theta, _ = linear(1, output="sigmoid")
    call = getattr(net, method)
    with pytest.raises(ValueError, match=r"theta has 2 numbers.*3 parameters"):
        call(theta[:2], X6)
    with pytest.raises(ValueError, match="X is nan at row 2, column 1"):
        call(theta, np.where(np.arange(12).reshape(6, 2) == 5, np.nan, X6))
    with pytest.raises(ValueError, match="no samples"):
        call(theta, X6[:0])
    with pytest.raises(ValueError, match=r"for a single sample use X.reshape\(1, -1\)"):
        call(theta, X6[0])
