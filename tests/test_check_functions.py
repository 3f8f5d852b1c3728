"""check_gradient and any function: how it may be called, what it may return, its bad manners."""

import math
import warnings

import numpy as np
import pytest
from planted import Planted, failing

from fastbp.check import GradientCheckError, check_gradient


def rosenbrock(x, a=100.0):
    return a * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def rosenbrock_gradient(x, a=100.0):
    return np.array(
        [-4 * a * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 2 * a * (x[1] - x[0] ** 2)]
    )


@pytest.mark.parametrize("theta", [[1.2, -0.3], np.array([3, 2]), np.float32([0.1, 5.0])])
def test_plain_functions_of_every_style(theta):
    for report in (
        check_gradient(rosenbrock, theta, rosenbrock_gradient),
        check_gradient(rosenbrock, theta, rosenbrock_gradient, args=(7.0,)),
        check_gradient(lambda x: (rosenbrock(x), rosenbrock_gradient(x)), theta),
        check_gradient(lambda x: (rosenbrock(x), rosenbrock_gradient(x)), theta, jac=True),
        check_gradient(lambda x: np.array(rosenbrock(x)), theta, rosenbrock_gradient),
        check_gradient(lambda x: np.array([rosenbrock(x)]), theta, rosenbrock_gradient),
    ):
        assert report
        assert [block.name for block in report.blocks] == ["theta"]
        assert report.blocks[0].shape == (2,)
    assert not check_gradient(rosenbrock, theta, rosenbrock_gradient, args=(7.0,)).problems
    assert not check_gradient(lambda x: rosenbrock(x, 7.0), theta, rosenbrock_gradient)


def test_scalar_theta_integer_cost_and_a_constant():
    assert check_gradient(lambda x: 3, 2.0, lambda x: np.zeros(1))
    assert not check_gradient(lambda x: 3, 2.0, lambda x: np.ones(1))
    assert check_gradient(lambda x: float(x[0] ** 2), 2.0, lambda x: 2 * x)
    assert check_gradient(lambda x: 0.5 * x @ x, [1.0, 2.0], lambda x: x)  # D is theta itself


def test_given_blocks():
    blocks = {"a": slice(0, 2), "b": [2], "c": np.array([False] * 3 + [True] * 2)}

    def cost(x):
        return (x**3).sum()

    report = check_gradient(cost, np.arange(1.0, 6), lambda x: 3 * x**2, blocks=blocks)
    assert report
    assert [block.name for block in report.blocks] == ["a", "b", "c"]
    assert [block.n_parameters for block in report.blocks] == [2, 1, 2]
    wrong = check_gradient(
        cost, np.arange(1.0, 6), lambda x: 3 * x**2 + [0, 0, 0, 0, 1], blocks=blocks
    )
    assert wrong.likely == ("c",)
    assert wrong.worst.worst_position == (4,)


def test_complex_step_is_used_where_it_works():
    theta = [1.2, -0.3]
    assert check_gradient(rosenbrock, theta, rosenbrock_gradient).method == "complex"
    report = check_gradient(rosenbrock, theta, rosenbrock_gradient, method="central")
    assert report.method == "central"
    exact = check_gradient(rosenbrock, theta, rosenbrock_gradient, method="complex")
    assert exact.max_relative_error < 1e-14


@pytest.mark.parametrize(
    "cost",
    [
        lambda x: float(np.exp(x).real.sum()),  # drops the imaginary part
        lambda x: np.abs(np.exp(x)).sum(),
        lambda x: np.exp(np.asarray(x, dtype=float)).sum(),  # refuses, or warns
        lambda x: sum(math.exp(t) for t in x),
        lambda x: np.exp(x[0]) + np.abs(np.exp(x[1])),  # complex, but wrong
    ],
)
def test_complex_step_is_not_used_where_it_does_not(cost):
    report = check_gradient(cost, [0.3, -0.2], np.exp)
    assert report
    assert report.method == "central"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        assert check_gradient(cost, [0.3, -0.2], np.exp, method="complex")


def good(x):
    return (x**2).sum()


def test_theta_is_never_changed():
    theta = np.array([1.0, 2.0])
    theta.flags.writeable = False
    assert check_gradient(good, theta, lambda x: 2 * x)
    assert theta.tolist() == [1.0, 2.0]


def test_reused_gradient_buffer_fails():
    buffer = np.empty(3)

    def gradient(x):
        return np.multiply(2, x, out=buffer)

    report = check_gradient(good, [1.0, 2.0, 3.0], gradient)
    assert not report
    assert not failing(report)
    assert "fresh array" in report.problems[0]
    views = check_gradient(good, [1.0, 2.0, 3.0], lambda x: gradient(x)[:])
    assert "fresh array" in views.problems[0]


def test_changed_theta_fails_and_is_survived():
    def cost(x):
        value = (x**2).sum()
        x *= 2
        return value

    report = check_gradient(cost, [1.0, 2.0], lambda x: 2 * x)
    assert "changes the theta" in report.problems[0]

    def pair(x):
        D = 2 * x
        value = (x**2).sum()
        x += 1
        return value, D

    report = check_gradient(pair, [1.0, 2.0])
    assert len(report.problems) == 1
    assert "changes the theta" in report.problems[0]
    assert not failing(report)


def test_function_that_remembers_theta_by_reference_is_checked_rightly():
    class Memo:
        x = value = None

        def __call__(self, x):
            if self.x is None or not np.array_equal(self.x, x):
                self.x, self.value = x, (x**2).sum()  # keeps the caller's array
            return self.value

    assert check_gradient(Memo(), [1.0, 2.0], lambda x: 2 * x, method="central")
    assert not check_gradient(Memo(), [1.0, 2.0], lambda x: 2.1 * x, method="central")


def test_random_cost_fails():
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: good(x) + rng.normal(), [1.0, 2.0], lambda x: 2 * x)
    assert "not repeatable" in report.problems[0]
    report = check_gradient(good, [1.0, 2.0], lambda x: 2 * x + rng.normal())
    assert "gradient is not repeatable" in report.problems[0]


@pytest.mark.parametrize(
    ("gradient", "word"),
    [
        (lambda x: np.ones(4), "shape (4,), theta has shape (3,)"),
        (lambda x: (2 * x)[:, None], "shape (3, 1)"),
        (lambda x: (2 * x).astype(np.float32), "float32, expected float64"),
        (lambda x: (2 * x).astype(int), "int64, expected float64"),
        (lambda x: 2 * x + 0j, "complex128"),
        (lambda x: 2 * x + [0, np.nan, 0], "1 of 3 entries, first nan at index 1"),
        (lambda x: 2 * x + [np.inf, 0, np.nan], "2 of 3 entries, first inf at index 0"),
    ],
)
def test_gradients_that_are_no_gradients(gradient, word):
    report = check_gradient(good, [1.0, 2.0, 3.0], gradient)
    assert not report
    assert word in " ".join(report.problems)
    assert word in str(report)
    with pytest.raises(GradientCheckError):
        report.raise_if_failed()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_cost_that_is_not_finite(value):
    report = check_gradient(lambda x: value, [1.0], lambda x: x)
    assert not report
    assert f"the cost at theta is {value}" in str(report)
    assert math.isnan(report.max_relative_error)


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ((3, [1.0]), TypeError, "fun must be callable"),
        ((good, [1.0], 3), TypeError, "jac must be a callable"),
        ((good, [1.0]), TypeError, r"\(cost, gradient\) was expected"),
        ((lambda x: (1.0, x), [1.0], lambda x: x), TypeError, "returned a tuple although"),
        ((lambda x: x, [1.0, 2.0], lambda x: x), TypeError, "must be one number"),
        ((lambda x: "a", [1.0, 2.0], lambda x: x), TypeError, "must be one number"),
        ((lambda x: 1j, [1.0, 2.0], lambda x: x), TypeError, "complex cost"),
        ((good, np.ones((2, 2)), lambda x: x), ValueError, r"shape \(2, 2\)"),
        ((good, [], lambda x: x), ValueError, "at least one parameter"),
        ((good, [1.0, np.nan], lambda x: x), ValueError, r"theta\[1\] = nan"),
        ((good, [1j], lambda x: x), TypeError, "complex128"),
        ((good, ["a"], lambda x: x), TypeError, "real numbers"),
    ],
)
def test_bad_arguments(arguments, error, word):
    with pytest.raises(error, match=word):
        check_gradient(*arguments)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"method": "forward"}, "auto, central, complex"),
        ({"n_checks": 0}, "n_checks must be a whole number"),
        ({"n_checks": np.inf}, "n_checks must be a whole number"),
        ({"directions": float("nan")}, "directions must be a whole number"),
        ({"directions": 1.5}, "directions must be a whole number"),
        ({"n_checks": 1, "directions": 1}, "not both"),
        ({"rtol": 0.0}, "rtol"),
        ({"atol": -1.0}, "atol"),
        ({"step": 2.0}, "step"),
        ({"blocks": {}}, "blocks is empty"),
        ({"blocks": {"a": []}}, "holds no parameter"),
        ({"blocks": {"a": [7]}}, "does not index"),
    ],
)
def test_bad_options(options, word):
    with pytest.raises(ValueError, match=word):
        check_gradient(good, [1.0, 2.0], lambda x: 2 * x, **options)


def test_theta_of_the_wrong_length_for_the_network():
    objective = Planted(3, 2)
    with pytest.raises(ValueError, match="9 parameters, but the network has 8"):
        check_gradient(objective, np.ones(9))


def test_a_function_that_names_its_network_gets_its_layers():
    objective = Planted(3, 4, 2)

    def pair(theta):
        return objective(theta)

    pair.network = objective
    names = [block.name for block in check_gradient(pair, objective.init()).blocks]
    assert names == [f"layer {n} {kind}" for n in (1, 2) for kind in ("bias", "weights")]
