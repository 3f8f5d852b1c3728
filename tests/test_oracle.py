"""The reference itself: its derivatives against differences at 50 digits, its known numbers."""

import mpmath
import numpy as np
import oracle
import pytest
from oracle import Oracle, numbers

PAIRS = [(loss, output) for loss in oracle.OF_OUTPUT for output in (*oracle.ACTIVATIONS, "softmax")]
PAIRS += list(oracle.OF_PREACTIVATION)
POINTS = [-7.3, -1.1, -0.2, 1e-3, 0.4, 2.5, 11.0]


@pytest.mark.parametrize("name", oracle.ACTIVATIONS)
@pytest.mark.parametrize("order", [1, 2])
def test_slopes_are_derivatives(name, order):
    f = numbers(object)
    z = f.array(np.array(POINTS))
    g, given = oracle.ACTIVATIONS[name][0], oracle.ACTIVATIONS[name][order](f, z)
    for point, slope in zip(z, given, strict=True):
        value = mpmath.diff(lambda t: g(f, np.array([t], dtype=object))[0], point, order)
        assert abs(slope - value) < 1e-20


@pytest.mark.parametrize("kind", [np.float64, np.longdouble])
@pytest.mark.parametrize("name", oracle.ACTIVATIONS)
def test_number_types_agree(name, kind):
    exact, rounded = numbers(object), numbers(kind)
    z = np.array([*POINTS, -40.0, 40.0, -800.0, 800.0])
    for function in oracle.ACTIVATIONS[name]:
        values = function(exact, exact.array(z))
        # Through a decimal text: float(mpf) would round longdouble's digits away.
        want = np.array([kind(mpmath.nstr(v, 25)) if abs(v) > 1e-300 else kind(0) for v in values])
        got = function(rounded, rounded.array(z))
        assert got.dtype == kind
        assert np.all(abs(got - want) <= 300 * np.finfo(kind).eps * np.maximum(1, abs(want)))


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_gradient_is_the_derivative_of_the_cost(loss, output):
    """Central differences of a step of 1e-15 at 50 digits: 30 digits are right."""
    rng = np.random.default_rng(5)
    widths = (2, 3, 3)
    targets = {
        "cross_entropy": rng.dirichlet([1, 1, 1], 4),
        "poisson": rng.poisson(2, (4, 3)),
    }.get(loss, rng.standard_normal((4, 3)))
    if "hinge" in loss:
        targets = oracle.one_hot(rng.integers(0, 3, 4), 3, loss)
    problem = Oracle(
        *(widths, ("tanh", output), loss, rng.standard_normal((4, 2)), targets),
        sample_weight=rng.random(4),
        l2=0.3,
    )
    theta = numbers(object).array(rng.standard_normal(problem.n_parameters))
    _, gradient = problem.cost_and_gradient(theta, object)
    step = mpmath.mpf(10) ** -15
    for i in range(problem.n_parameters):
        up, down = theta.copy(), theta.copy()
        up[i] += step
        down[i] -= step
        slope = (problem.cost(up, object) - problem.cost(down, object)) / (2 * step)
        assert abs(slope - gradient[i]) < 1e-25


@pytest.mark.parametrize(
    ("l2", "cost", "norm", "first"),
    [
        (0, 2.0968019834852276, 0.5166457468352148, [0.01231622, 0.00017383, 0.00026146]),
        (3, 2.1433733821049605, 0.5468010013385419, [0.01231622, 0.05473167, 0.00872866]),
    ],
)
def test_known_numbers(l2, cost, norm, first):
    """The regularised 3-5-3 network of the textbook's gradient check."""
    theta = np.concatenate([np.sin(np.arange(1, 21)), np.sin(np.arange(1, 19))]) / 10
    X = np.sin(np.arange(1, 16)).reshape(5, 3) / 10
    y = oracle.one_hot(np.array([2, 3, 1, 2, 3]) - 1, 3, "cross_entropy")
    problem = Oracle((3, 5, 3), ("sigmoid", "sigmoid"), "cross_entropy", X, y, l2=l2)
    value, gradient = problem.cost_and_gradient(theta)
    assert abs(value - cost) < 1e-15
    assert abs(np.sqrt(gradient @ gradient) - norm) < 1e-15
    np.testing.assert_allclose(gradient[:3].astype(float), first, atol=6e-9)
