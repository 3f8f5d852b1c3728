"""Predicted classes and probabilities, where outputs saturate, tie, overflow or are not finite."""

import mpmath
import numpy as np
import pytest
from problems import DTYPES

import fastbp
from fastbp._core import core

BOTH = pytest.mark.parametrize("dtype", DTYPES)
INCREASING = core("float64").INCREASING


def biased(loss, output, z, dtype):
    """A network whose preactivations are z, whatever the sample, and its theta."""
    net = fastbp.mlp(1, len(z), output=output, loss=loss, dtype=dtype)
    theta = np.zeros(net.n_parameters)
    theta[::2] = z
    return net, theta


@BOTH
@pytest.mark.parametrize("m", [1, 2, 5, 129, 1001])
@pytest.mark.parametrize("output", INCREASING)
def test_classes_follow_from_z_where_activations_tie(output, m, dtype):
    """All outputs saturate, above or below; softmax underflows or loses 1 - a."""
    loss = "hinge" if output != "softmax" else "cross_entropy"
    for z in ([40, 50, 45], [17, 20, 18], [-800, -760, -900], [-120, -110, -105.5], [9, 9.5, 9.25]):
        net, theta = biased(loss, output, z, dtype)
        assert net.predict(theta, np.zeros((m, 1))).tolist() == [int(np.argmax(z))] * m


@BOTH
@pytest.mark.parametrize(
    ("output", "z"),
    [("silu", [-1.2, -8, -1.4]), ("gelu", [-0.7, -8, -0.8]), ("sin", [2, 1.5, 0.3]),
     ("gaussian", [2, -0.5, 3])],
)  # fmt: skip
def test_classes_of_other_outputs_follow_from_a(output, z, dtype):
    net, theta = biased("hinge", output, z, dtype)
    assert net.predict(theta, [[0.0]]).tolist() == [1]
    assert np.argmax(z) != 1


def test_which_activations_increase():
    z = np.linspace(-12, 12, 4001)
    for name in fastbp.activations(hidden=True):
        rises = bool(np.all(np.diff(core("float64").apply_activation(name, z, 0)) >= 0))
        assert rises == (name in INCREASING), name
    assert "softmax" in INCREASING


@BOTH
@pytest.mark.parametrize("loss", ["cross_entropy", "hinge"])
def test_one_sigmoid_is_decided_by_z(loss, dtype):
    """sigmoid(1e-30) is 1/2 in either precision."""
    net = fastbp.mlp(1, 1, output="sigmoid", loss=loss, dtype=dtype)
    X = np.array([[1e-30], [-1e-30], [0.0], [1.0], [-1.0]])
    assert net.predict([0.0, 1.0], X).tolist() == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_digits_not_scaled(dtype):
    """Trained on pixels 0 to 16 most outputs are 1.0 for several classes."""
    X, _ = fastbp.datasets.load_digits()
    net = fastbp.mlp(64, 10, output="sigmoid", loss="cross_entropy", dtype=dtype)
    theta = net.init(seed=0) * 20
    (Theta,) = net.unpack(theta)
    z = X @ Theta[:, 1:].T + Theta[:, 0]
    assert np.sum((net.forward(theta, X) == 1).sum(axis=1) > 1) > 100
    assert net.predict(theta, X).tolist() == z.argmax(axis=1).tolist()


@BOTH
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_a_theta_that_is_not_finite_is_refused(method, dtype):
    net, theta = biased("cross_entropy", "sigmoid", [1.0, 2.0, 3.0], dtype)
    theta[[1, 4, 5]] = np.nan, np.inf, -np.inf
    with pytest.raises(ValueError, match=r"not finite in 3 of 6 .*first is nan at entry 1.*finite"):
        getattr(net, method)(theta, [[0.0]])
    regression = fastbp.mlp(1, 1, dtype=dtype)
    with pytest.raises(ValueError, match=r"not finite in 1 of 2 .*first is inf at entry 0"):
        regression.predict([np.inf, 1.0], [[0.0]])
    assert np.isnan(regression.forward([np.nan, 1.0], [[0.0]])).all()  # as IEEE says


@BOTH
@pytest.mark.parametrize("k", [1, 3])
def test_nan_is_no_class(k, dtype):
    """Finite theta and X whose sums overflow to inf - inf."""
    net = fastbp.mlp(
        2, 2, k, hidden="identity", output="sigmoid", loss="cross_entropy", dtype=dtype
    )
    big = float(np.sqrt(np.finfo(dtype).max)) * 4
    first = [[0, big, 0], [0, -big, 0]]
    theta = net.pack([first, [[0, 1, 1]] * k])
    with pytest.raises(ValueError, match=rf"nan at row 2: .*sums overflow in {dtype}.*scale X"):
        net.predict(theta, [[1, 0], [2, 0], [big, 0]])


@BOTH
def test_probabilities_of_one_sigmoid_keep_their_digits(dtype):
    net = fastbp.mlp(1, 1, output="sigmoid", loss="cross_entropy", dtype=dtype)
    z = np.array([-80.0, -5, 0, 1e-3, 3, 40, 80]).astype(dtype)
    P = net.predict_proba([0.0, 1.0], z[:, None])
    assert P.dtype == dtype
    for row, x in zip(P, z, strict=True):
        exact = [1 / (1 + mpmath.exp(mpmath.mpf(float(s * x)))) for s in (1, -1)]
        np.testing.assert_allclose(row, np.array(exact, float), rtol=4 * np.finfo(dtype).eps)
