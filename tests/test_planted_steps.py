"""Mistakes planted in the gradient of programs are seen by what the engine's is compared with."""

import numpy as np
import pytest
from layer_cases import CASES, data
from planted_steps import BUGS, PlantedSteps

from fastbp import Network
from fastbp.check import check_gradient

TOLERANCE = 1e-12


def planted(bug, case):
    name, ends = case
    layers, shape = CASES[name]
    net = Network(layers, l2=0.3, input_shape=shape)
    theta, X, y, lengths = data(net, 6, seed=3)
    if bug == "maximum to all equal":
        X = np.repeat(np.round(X[:, :, ::3]), 3, axis=2)  # windows of equal numbers
    lengths = lengths if ends else None
    made = PlantedSteps(
        net.program(ends), net.loss, X.reshape(6, -1), y.reshape(6, -1), l2=0.3, lengths=lengths,
        bug=bug,
    )  # fmt: skip
    return net.objective(X, y, lengths=lengths), made, theta


def is_near(found, expected):
    return abs(found - expected).max() <= TOLERANCE * abs(expected).max()


@pytest.mark.parametrize("bug", BUGS)
def test_the_engine_is_not_what_a_mistake_would_give(bug):
    objective, made, theta = planted(bug, BUGS[bug])
    J, D = objective(theta)
    assert pytest.approx(made.cost(theta), rel=1e-12) == J
    assert not is_near(made.gradient(theta), D)
    made.bug = ""
    assert is_near(made.gradient(theta), D)


@pytest.mark.parametrize("bug", [bug for bug in BUGS if "equal" not in bug])
def test_a_gradient_with_a_mistake_fails_its_check(bug):
    _, made, theta = planted(bug, BUGS[bug])
    assert not check_gradient(made.cost, theta, made.gradient)
    made.bug = ""
    assert check_gradient(made.cost, theta, made.gradient)


@pytest.mark.parametrize("bug", BUGS)
def test_complex_steps_see_the_mistake(bug):
    _, made, theta = planted(bug, BUGS[bug])
    if "equal" in bug:  # at a kink one winner is as good as another: there is no step to compare
        made.X = made.X + 1e-3 * np.random.default_rng(0).standard_normal(made.X.shape)
        made.bug = ""
    exact = made.complex_step(theta)
    assert is_near(made.gradient(theta), exact) == (made.bug == "")
    made.bug = ""
    assert is_near(made.gradient(theta), exact)
