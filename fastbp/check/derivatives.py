"""Checks of other derivatives than gradients, by `check_gradient` of a number made of them.

A product with the Hessian is a gradient: H u is that of D(theta)'u. So is that of residuals,
R'u of r(theta)'u, and of outputs by inputs. Each is compared with differences of what is one order
lower, which is believed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fastbp.check.contract import FloatArray
from fastbp.check.gradient import check_gradient
from fastbp.check.report import GradientReport
from fastbp.initializers import generator

SYMMETRY = 1e-8  # of |u| |H| |v|: what rounding may part u'Hv and v'Hu by
SINGLE = 1e-3  # the same in single precision


def check_hessp(
    objective: Any,
    theta: Any,
    hessp: Callable[..., Any] | None = None,
    *,
    seed: int | np.random.Generator = 0,
    **settings: Any,
) -> GradientReport:
    """Compare a Hessian product with differences of the gradient, entry by entry, block by block.

    H u for a random u is held against numerical slopes of D(theta)'u, by `check_gradient`; then
    u'Hv against v'Hu. Where the objective has a `gauss_newton_product`, it must be symmetric and
    v'Gv not negative.

    Parameters
    ----------
    objective : an objective with `jac` and `hessp`; or jac(theta), the gradient, with `hessp`
        given.
    theta : (n,) point at which to check. At a kink (relu, hinge) there is no second derivative;
        near it, numerical slopes may step over it: such entries are listed as kinks.
    hessp : hessp(theta, v), by default the objective's.
    seed : of the random directions.
    **settings : n_checks, rtol, atol, step, dtype, blocks as of `check_gradient`.

    Returns
    -------
    GradientReport
        Of D'u: its `gradient` is H u, its `numerical` the differences. `problems` name what is
        wrong besides.

    Raises
    ------
    TypeError, ValueError
        As `check_gradient`; TypeError if there is no Hessian product or no gradient.
    """
    jac = getattr(objective, "jac", objective)
    product = hessp if hessp is not None else getattr(objective, "hessp", None)
    if not callable(jac) or product is None:
        raise TypeError(
            "check_hessp needs an objective that has jac and hessp, or a gradient and "
            "hessp=function(theta, v)"
        )
    point = np.asarray(theta, np.float64).reshape(-1)
    rng = generator(seed)
    u, v = rng.standard_normal((2, point.size))
    report = _of_number(
        lambda t: float(np.asarray(jac(t), np.float64) @ u), lambda t: product(t, u), objective,
        point, settings,
    )  # fmt: skip
    problems = [*report.problems, *_unsymmetric(product, point, u, v, report.single, "the Hessian")]
    gauss_newton = None if hessp is not None else getattr(objective, "gauss_newton_product", None)
    if gauss_newton is not None:
        name = "the Gauss-Newton matrix"
        problems += _unsymmetric(gauss_newton, point, u, v, report.single, name)
        curvature = float(v @ gauss_newton(point, v))
        if curvature < 0:
            problems.append(f"{name} is not positive semi-definite: v'Gv = {curvature:.3g}")
    return _with_problems(report, problems)


def check_jacobian(
    objective: Any,
    theta: Any,
    jacobian: Callable[..., Any] | None = None,
    *,
    seed: int | np.random.Generator = 0,
    **settings: Any,
) -> GradientReport:
    """Compare the Jacobian of residuals with their differences, block by block.

    R'u for a random u is held against numerical slopes of r(theta)'u, by `check_gradient`. Where
    the objective has them, 1/2 |r|^2 must be its cost, R'r its gradient, and its
    `jacobian_operator` the same R.

    Parameters
    ----------
    objective : an objective with `residuals` and `jacobian`; or residuals(theta), with `jacobian`
        given: an array (N, n).
    theta, seed, settings : as of `check_hessp`.

    Returns
    -------
    GradientReport

    Raises
    ------
    TypeError, ValueError
        As `check_gradient`; TypeError if there are no residuals or no Jacobian.
    """
    residuals = getattr(objective, "residuals", objective)
    matrix = jacobian if jacobian is not None else getattr(objective, "jacobian", None)
    if not callable(residuals) or matrix is None:
        raise TypeError(
            "check_jacobian needs an objective that has residuals and jacobian, or residuals and "
            "jacobian=function(theta)"
        )
    point = np.asarray(theta, np.float64).reshape(-1)
    rng = generator(seed)
    r, R = np.asarray(residuals(point), np.float64), np.asarray(matrix(point), np.float64)
    if R.shape != (r.size, point.size):
        raise ValueError(
            f"the Jacobian has shape {R.shape}; expected {(r.size, point.size)}, a row for each "
            "residual"
        )
    u = rng.standard_normal(r.size)
    report = _of_number(
        lambda t: float(np.asarray(residuals(t), np.float64) @ u),
        lambda t: np.asarray(matrix(t), np.float64).T @ u, objective, point, settings,
    )  # fmt: skip
    problems = list(report.problems)
    allowed = SINGLE if report.single or r.dtype == np.float32 else SYMMETRY
    if hasattr(objective, "residuals") and callable(objective):
        J, D = objective(point)
        if not np.isclose(0.5 * float(r @ r), J, rtol=allowed, atol=0):
            problems.append(
                f"half the sum of squared residuals is {0.5 * (r @ r):.6g}, J is {J:.6g}"
            )
        if not np.abs(R.T @ r - D).max(initial=0) <= allowed * np.abs(D).max(initial=1e-300):
            problems.append("R'r is not the gradient of the cost")
    operator = getattr(objective, "jacobian_operator", None) if jacobian is None else None
    if operator is not None:
        v, scale = rng.standard_normal(point.size), np.abs(R).max(initial=1e-300)
        made = operator(point)
        if not (
            np.abs(made @ v - R @ v).max(initial=0) <= allowed * scale * np.abs(v).sum()
            and np.abs(made.T @ u - R.T @ u).max(initial=0) <= allowed * scale * np.abs(u).sum()
        ):
            problems.append("jacobian_operator and jacobian are not the same")
    return _with_problems(report, problems)


def check_input_gradient(
    network: Any,
    theta: Any,
    X: Any,
    *,
    seed: int | np.random.Generator = 0,
    **settings: Any,
) -> GradientReport:
    """Compare the derivatives of a network's outputs by its inputs with differences.

    With random U, `net.vjp(theta, X, U)` is held against numerical slopes of sum(U a) by every
    entry of X, by `check_gradient`; then `input_jacobian` and `jvp` against it. A few samples are
    enough.

    Parameters
    ----------
    network : Network
    theta : (n,)
    X : (m, ...) samples
    seed, settings : as of `check_hessp`.

    Returns
    -------
    GradientReport
        Its indices count the entries of X in C order.

    Raises
    ------
    TypeError, ValueError
        As `check_gradient`, or if theta or X does not fit.
    """
    X = np.asarray(X, np.float64)
    rng = generator(seed)
    outputs = network.forward(theta, X)
    U, V = rng.standard_normal(outputs.shape), rng.standard_normal(X.shape)

    def total(x: FloatArray) -> float:
        return float((network.forward(theta, x.reshape(X.shape)) * U).sum())

    def slopes(x: FloatArray) -> FloatArray:
        return np.asarray(network.vjp(theta, x.reshape(X.shape), U), np.float64).ravel()

    settings.setdefault("dtype", network.dtype)
    report = _of_number(total, slopes, None, X.ravel(), settings)
    allowed = SINGLE if network.dtype == np.float32 else SYMMETRY
    problems = list(report.problems)
    slope = float((slopes(X.ravel()) * V.ravel()).sum())
    scale = float(np.abs(slopes(X.ravel())).sum()) + 1e-300
    if not abs(float((network.jvp(theta, X, V) * U).sum()) - slope) <= allowed * scale:
        problems.append("jvp and vjp are not transposes of each other")
    jacobian = network.input_jacobian(theta, X)
    weights = U.reshape(*U.shape, *[1] * (X.ndim - 1))
    sums = (jacobian * weights).sum(axis=tuple(range(1, U.ndim)))
    if not np.abs(sums.ravel() - slopes(X.ravel())).max(initial=0) <= allowed * scale:
        problems.append("input_jacobian and vjp are not the same")
    return _with_problems(report, problems)


class _Number:
    """A number and its gradient, of an objective whose network names the blocks."""

    def __init__(self, value: Any, gradient: Any, owner: Any) -> None:
        self._value, self._gradient = value, gradient
        network = getattr(owner, "network", None)
        if network is not None:
            self.network = network

    def __call__(self, theta: FloatArray) -> tuple[float, Any]:
        return self._value(theta), self._gradient(theta)


def _of_number(
    value: Any, gradient: Any, owner: Any, point: FloatArray, settings: dict[str, Any]
) -> GradientReport:
    if "blocks" not in settings and owner is not None and hasattr(owner, "blocks"):
        found = owner.blocks()
        if found and getattr(owner, "network", None) is None:
            settings = {**settings, "blocks": {block.name: block.indices for block in found}}
    return check_gradient(_Number(value, gradient, owner), point, method="central", **settings)


def _unsymmetric(
    product: Any, point: FloatArray, u: FloatArray, v: FloatArray, single: bool, name: str
) -> list[str]:
    """What is wrong, if a matrix is not symmetric."""
    Hu, Hv = (np.asarray(product(point, each), np.float64) for each in (u, v))
    scale = float(np.linalg.norm(u) * np.linalg.norm(Hv) + np.linalg.norm(v) * np.linalg.norm(Hu))
    apart = abs(float(u @ Hv) - float(v @ Hu))
    if apart <= (SINGLE if single else SYMMETRY) * scale or not np.isfinite(scale):
        return []
    return [f"{name} is not symmetric: u'Hv and v'Hu are {apart:.3g} apart"]


def _with_problems(report: GradientReport, problems: list[str]) -> GradientReport:
    found = tuple(dict.fromkeys(problems))
    return replace(
        report, problems=found, passed=report.passed and len(found) == len(report.problems)
    )
