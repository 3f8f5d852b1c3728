"""The best point of a method is known, whatever ends it."""

import numpy as np
import pytest
from scipy.optimize import minimize

import fastbp
from fastbp.watch import Enough, Validation, Watch

NET = fastbp.mlp(3, 4, 2)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2))
OBJECTIVE = NET.objective(X[:30], Y[:30])
THETA = NET.init(seed=0)


@pytest.mark.parametrize("method", ["L-BFGS-B", "CG"])
def test_the_best_point_has_its_cost_and_gradient(method):
    watch, costs = Watch(OBJECTIVE, 10**6), []

    def fun(theta):
        J, D = watch.with_gradient(theta)
        costs.append(J)
        return J, D

    result = minimize(fun, THETA, jac=True, method=method, callback=watch.callback)
    cost, theta, norm = watch.best
    assert cost == min(costs) == OBJECTIVE.cost(theta) <= result.fun
    assert norm == pytest.approx(np.linalg.norm(OBJECTIVE(theta)[1]))
    assert watch.evaluations == len(costs)
    assert watch.iterations == result.nit
    assert watch.seconds_objective > 0


def test_a_theta_that_is_overwritten_later_is_kept_as_it_was():
    watch, theta = Watch(OBJECTIVE, 10), THETA.copy()
    watch.with_gradient(theta)
    theta[:] = np.nan
    watch.with_gradient(theta)
    np.testing.assert_array_equal(watch.best[1], THETA)


def test_a_limit_ends_it():
    watch = Watch(OBJECTIVE, 3)
    with pytest.raises(Enough, match="reached 3 iterations"):
        minimize(watch.with_gradient, THETA, jac=True, method="BFGS", callback=watch.callback)
    assert (watch.iterations, watch.best[1] is None) == (3, False)


def test_evaluations_are_the_iterations_of_methods_that_report_none():
    watch = Watch(OBJECTIVE, 5, counts_evaluations=True)
    for _ in range(4):
        watch.without_gradient(THETA)
        watch.callback()
    with pytest.raises(Enough):
        watch.without_gradient(THETA)
    assert (watch.iterations, watch.evaluations) == (5, 5)


def test_samples_that_training_does_not_see_end_it():
    validation = Validation(NET.objective(X[30:], Y[30:], l2=0), 2)
    watch = Watch(OBJECTIVE, 100, validation)
    watch.with_gradient(THETA)
    watch.callback()
    watch.callback()
    with pytest.raises(Enough, match="2 iterations without a lower cost"):
        watch.callback()
    assert (validation.iteration, watch.iterations) == (1, 3)
    np.testing.assert_array_equal(validation.theta, THETA)
