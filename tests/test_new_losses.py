"""Losses of z with a parameter: value, slope and curvature against mpmath, near and far."""

import mpmath
import numpy as np
import pytest

import fastbp

POINTS = [-690.0, -80.0, -37.4, -20.0, -3.0, -0.5, -1e-3, 0.0, 1e-8, 0.3, 1.7, 8.5, 36.1, 88.0, 690]


def softplus(z):
    return max(z, 0) + mpmath.log1p(mpmath.exp(-abs(z)))


def gamma(z, y):
    return z + y * mpmath.exp(-z)


def negative_binomial(alpha):
    return lambda z, y: (
        y * softplus(-(z + mpmath.log(alpha))) + softplus(z + mpmath.log(alpha)) / alpha
    )


def focal(power):
    def loss(z, y):
        ours, theirs = mpmath.exp(-power * softplus(z)), mpmath.exp(-power * softplus(-z))
        return y * ours * softplus(-z) + (1 - y) * theirs * softplus(z)

    return loss


CASES = [
    ("gamma", "identity", gamma, (0.25, 3.0)),
    ("negative_binomial", "identity", negative_binomial(mpmath.mpf(1)), (0.0, 1.0, 7.0)),
    ("negative_binomial(0.01)", "identity", negative_binomial(mpmath.mpf("0.01")), (0.0, 4.0)),
    ("negative_binomial(30)", "identity", negative_binomial(mpmath.mpf(30)), (0.0, 4.0)),
    ("focal", "sigmoid", focal(2), (0.0, 1.0, 0.3)),
    ("focal(0)", "sigmoid", focal(0), (0.0, 1.0, 0.3)),
    ("focal(0.5)", "sigmoid", focal(mpmath.mpf("0.5")), (0.0, 1.0, 0.3)),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("loss", "output", "formula", "targets"), CASES)
def test_value_slope_and_curvature(loss, output, formula, targets, dtype):
    net = fastbp.mlp(1, 1, output=output, loss=loss, dtype=dtype)
    eps = np.finfo(dtype).eps
    far = 700 if dtype == "float64" else 80
    for y in np.array(targets, dtype):
        for z in np.array(POINTS, dtype):
            if abs(z) > far:
                continue
            objective = net.objective([[0.0]], [y])
            J, D = objective([z, 0.0])
            H = objective.hessp([z, 0.0], [1.0, 0.0])[0]
            G = objective.gauss_newton_product([z, 0.0], [1.0, 0.0])[0]
            with mpmath.workdps(1200):
                exact = [mpmath.diff(lambda t, y=y: formula(t, mpmath.mpf(float(y))),
                                     mpmath.mpf(float(z)), n) for n in range(3)]  # fmt: skip
            # Where terms of both signs meet, their rounding is left: in units of each of them.
            size = 1 + abs(float(z)) + float(y) + abs(float(exact[0]))
            tiny = 1e-300 if dtype == "float64" else 1e-35
            for found, value in zip((J, D[0], H), exact, strict=True):
                assert abs(found - value) <= 40 * eps * (abs(value) + size) + tiny, (z, y)
            assert abs(J - exact[0]) <= 60 * eps * abs(exact[0]) + 8 * eps * abs(float(z)) + tiny
            assert max(H, 0) == G


def test_dispersion_goes_to_poisson():
    """As alpha goes to 0, slopes are those of poisson."""
    X, y = np.linspace(-1, 1, 9)[:, None], np.arange(9.0)
    theta = np.array([0.3, 0.9])
    poisson = fastbp.mlp(1, 1, loss="poisson").objective(X, y)(theta)[1]
    near = fastbp.mlp(1, 1, loss="negative_binomial(1e-8)").objective(X, y)(theta)[1]
    assert np.allclose(near, poisson, rtol=1e-6)


def test_predictions_and_refusals():
    X = np.linspace(-1, 1, 40)[:, None]
    labels = (X[:, 0] > 0.1) * 1
    net = fastbp.mlp(1, 1, output="sigmoid", loss="focal(1.5)")
    fit = fastbp.levenberg_marquardt(net.objective(X, labels, l2=1e-3), net.init(seed=0))
    assert (net.predict(fit.x, X) == labels).mean() > 0.95
    assert net.predict_proba(fit.x, X).shape == (40, 2)
    assert net.objective(X, labels, class_weight="balanced").sample_weight is not None
    mean = fastbp.mlp(1, 1, loss="gamma")
    with pytest.raises(ValueError, match=r"y is 0\.0 at row \d+; loss 'gamma' takes numbers > 0"):
        mean.objective(X, labels)
    with pytest.raises(ValueError, match=r"'gamma' takes numbers > 0, and one-hot rows hold 0"):
        fastbp.mlp(1, 3, loss="gamma").objective(X, labels)
    with pytest.raises(ValueError, match="alpha of negative_binomial must be finite and > 0"):
        fastbp.mlp(1, 1, loss="negative_binomial(0)")
    with pytest.raises(ValueError, match="use output 'sigmoid'"):
        fastbp.mlp(1, 2, output="softmax", loss="focal")
    with pytest.raises(ValueError, match="here it is called 'focal'"):
        fastbp.mlp(1, 1, output="sigmoid", loss="FocalLoss")
