"""Every method of scipy.optimize that minimises, on one network: all arrive at one minimum."""

import inspect

import numpy as np
import pytest
from scipy import optimize
from scipy.optimize import _minimize, least_squares, minimize

import fastbp

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (80, 2))
y = np.tanh(X @ [1.5, -1.0] + 0.3) + 0.1 * rng.standard_normal(80)
NET = fastbp.mlp(2, 1, 1, hidden="tanh", l2=0.5)
START = np.array([0.1, 0.8, -0.5, 0.1, 0.8])  # in the basin of the minimum, H positive definite

MINIMIZE = sorted(set(_minimize.MINIMIZE_METHODS) - {"_custom"})
NO_DERIVATIVE = {"nelder-mead", "powell", "cobyla", "cobyqa"}
PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
MATRIX = {"dogleg", "trust-exact", "newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
TOLERANCES = {"trust-krylov": 1e-6}  # below, the library behind it divides by 0
GRADIENT = {"cg", "bfgs", "l-bfgs-b", "tnc", "slsqp", "trust-constr"}


def objective():
    return NET.objective(X, y)


def minimum():
    """By Newton's method, to the last digits."""
    bound, theta = objective(), START
    for _ in range(30):
        theta = theta - np.linalg.solve(bound.hessian(theta), bound.jac(theta))
    assert np.abs(bound.jac(theta)).max() < 1e-14
    assert np.linalg.eigvalsh(bound.hessian(theta))[0] > 0
    return theta


MINIMUM = minimum()


def assert_arrived(x, tolerance):
    assert np.abs(x - MINIMUM).max() <= tolerance
    bound = objective()
    assert bound.cost(x) - bound.cost(MINIMUM) <= tolerance**2


def test_every_method_is_here():
    assert set(MINIMIZE) == NO_DERIVATIVE | PRODUCTS | MATRIX | GRADIENT
    words = inspect.signature(least_squares).parameters["method"]
    assert words.default in LEAST_SQUARES


@pytest.mark.parametrize("method", sorted(GRADIENT))
@pytest.mark.parametrize("way", ["jac=True", "fun and jac"])
def test_with_gradients(method, way):
    bound = objective()
    options = {} if method in ("tnc", "slsqp") else {"gtol": 1e-9}
    if method in ("l-bfgs-b", "tnc", "slsqp"):
        options["ftol"] = 1e-15
    if way == "jac=True":
        fit = minimize(bound, START, jac=True, method=method, options=options)
    else:
        fit = minimize(bound.fun, START, jac=bound.jac, method=method, options=options)
    assert_arrived(fit.x, 1e-5)


@pytest.mark.parametrize("method", sorted(PRODUCTS))
def test_with_products(method):
    bound = objective()
    tol = TOLERANCES.get(method, 1e-9)
    fit = minimize(bound.fun, START, jac=bound.jac, hessp=bound.hessp, method=method, tol=tol)
    assert_arrived(fit.x, 1e3 * tol)


@pytest.mark.parametrize("method", sorted(MATRIX))
def test_with_the_hessian(method):
    """dogleg asks for a positive definite matrix: it gets that of Gauss and Newton."""
    bound = objective()
    tol = TOLERANCES.get(method, 1e-9)

    def gauss_newton(theta):
        return bound.gauss_newton_product(theta, np.eye(len(theta)))

    hess = gauss_newton if method == "dogleg" else bound.hessian
    fit = minimize(bound.fun, START, jac=bound.jac, hess=hess, method=method, tol=tol)
    assert_arrived(fit.x, 1e3 * tol)


@pytest.mark.parametrize("method", sorted(NO_DERIVATIVE))
def test_with_costs_alone(method):
    options = {"cobyla": {"rhobeg": 0.1, "maxiter": 10000}, "cobyqa": {"initial_tr_radius": 0.1}}
    tol = {"cobyla": 1e-7, "cobyqa": 1e-7}.get(method, 1e-12)
    fit = minimize(objective().cost, START, method=method, tol=tol, options=options.get(method))
    assert_arrived(fit.x, 1e-4)


LEAST_SQUARES = ["trf", "dogbox", "lm"]
TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-12}


@pytest.mark.parametrize("method", LEAST_SQUARES)
def test_least_squares(method):
    bound = objective()
    fit = least_squares(bound.residuals, START, jac=bound.jacobian, method=method, **TIGHT)
    assert_arrived(fit.x, 1e-6)


@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_least_squares_by_products(method):
    bound = objective()
    fit = least_squares(bound.residuals, START, jac=bound.jacobian_operator, method=method,
                        tr_solver="lsmr", **TIGHT)  # fmt: skip
    assert_arrived(fit.x, 1e-6)


def test_other_functions():
    bound = objective()
    assert_arrived(optimize.root(bound.jac, START, jac=bound.hessian, tol=1e-12).x, 1e-6)
    assert_arrived(fastbp.levenberg_marquardt(bound, START, ftol=0, gtol=1e-10).x, 1e-6)
    found = optimize.basinhopping(
        bound, START, niter=2, stepsize=1e-3, rng=0,
        minimizer_kwargs={"jac": True, "method": "BFGS", "options": {"gtol": 1e-9}},
    )  # fmt: skip
    assert_arrived(found.x, 1e-6)
