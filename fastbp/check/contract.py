"""What an optimiser relies on besides the numbers: fresh, finite, float64, repeatable."""

import warnings
from math import isfinite, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.composable import Composable

FloatArray = npt.NDArray[np.float64]


class Subject:
    """The function under test: counts its evaluations and reads what it returns.

    `keeps_theta` is set where the function changes or remembers the array it is given; then every
    evaluation gets a copy of its own. `rounding` is the precision of its computation: parameters
    that differ by less are one and the same to it.
    """

    def __init__(self, fun: Any, jac: Any, args: tuple[Any, ...]) -> None:
        if not (jac is None or jac is True or callable(jac)):
            raise TypeError(
                "jac must be a callable, or True (or nothing) when fun returns (cost, gradient); "
                f"got {jac!r}"
            )
        self._fun = fun
        self._jac = jac if callable(jac) else None
        self._args = args
        # An objective of fastbp computes the cost alone in less time; other functions are called.
        self._cost_alone = fun.cost if jac is None and isinstance(fun, Composable) else None
        self.n_evaluations = 0
        self.keeps_theta = False
        self.usual = 0.0  # size of J at a distance from theta
        self.cost_dtype: np.dtype[Any] = np.dtype(np.float64)
        self.rounding: np.dtype[Any] = np.dtype(np.float64)

    def value(self, x: FloatArray) -> float:
        """J(x) as a float; nan where the function cannot be evaluated (log(-1)) or overflows."""
        try:
            J = float(number(self._cost(x.copy() if self.keeps_theta else x)).real)
        except (ArithmeticError, ValueError):
            return nan
        return J if isfinite(J) else nan

    def complex_value(self, x: npt.NDArray[np.complex128]) -> complex:
        """J(x) at a complex x; nan where the function drops the imaginary part or refuses it."""
        refused = complex(nan, nan)  # complex("nan") has imaginary part 0: a finite slope
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                J = as_array(self._cost(x))
        except Exception:  # a function that takes no complex numbers may raise anything
            return refused
        return complex(J.item()) if J.size == 1 and J.dtype.kind == "c" else refused

    def value_and_gradient(self, x: FloatArray) -> tuple[float, npt.NDArray[Any]]:
        """J(x) and the gradient exactly as returned; here errors of the function come through."""
        self.n_evaluations += 1
        J = self._fun(x, *self._args)
        if self._jac is not None:
            if isinstance(J, tuple):
                raise TypeError(
                    "fun returned a tuple although jac is a callable; fun must return the cost "
                    "alone, or leave jac out if fun returns (cost, gradient)"
                )
            D = self._jac(x, *self._args)
        elif isinstance(J, (tuple, list)) and len(J) == 2:
            J, D = J
        else:
            advice = "return both, or pass the gradient as jac="
            if hasattr(self._fun, "value_and_gradient"):
                advice = "pass its method value_and_gradient"
            raise TypeError(
                f"fun returned {type(J).__name__} where (cost, gradient) was expected; {advice}"
            )
        cost = number(J)
        if isinstance(cost, complex):
            raise TypeError(f"fun returned the complex cost {cost} for a real theta")
        if type(J) is not float:
            self.cost_dtype = as_array(J).dtype
        return float(cost), as_array(D)

    def _cost(self, x: npt.NDArray[Any]) -> Any:
        """J at x as it is returned, by whatever gives it without a gradient."""
        self.n_evaluations += 1
        if self._cost_alone is not None:
            return self._cost_alone(x)
        J = self._fun(x, *self._args)
        return J if self._jac is not None else J[0]


def as_array(value: Any) -> npt.NDArray[Any]:
    """What a function returned as an array of NumPy: also tensors that record gradients, scalars
    of other libraries, and types that NumPy has no number for (bfloat16)."""
    if hasattr(value, "detach"):
        value = value.detach()
        value = value.cpu() if hasattr(value, "cpu") else value
    try:
        array = np.asarray(value)
    except TypeError:
        if not hasattr(value, "float"):
            raise
        array = np.asarray(value.float())
    half = array.dtype.kind == "V" and array.dtype.names is None
    return array.astype(np.float32) if half else array


def number(J: Any) -> Any:
    """The cost as a Python number."""
    if type(J) is float:
        return J
    array = as_array(J)
    if array.size != 1 or array.dtype.kind not in "biufc":
        raise TypeError(
            f"the cost must be one number, but fun returned {type(J).__name__} of shape "
            f"{array.shape} and dtype {array.dtype}"
        )
    return array.item()


def examine(
    subject: Subject, theta: FloatArray, rng: np.random.Generator, precision: np.dtype[Any]
) -> tuple[float, npt.NDArray[Any], list[str]]:
    """J and the gradient at theta, and everything in the function's manners that is wrong."""
    theta = theta.astype(precision).astype(np.float64)
    x = theta.copy()
    J, D = subject.value_and_gradient(x)
    gradient = D.copy()  # the function may return a buffer that it uses again, or x itself
    problems = _problems_of_gradient(gradient, theta)
    if not np.isfinite(J):
        problems.append(f"the cost at theta is {J}; nothing can be compared there")
    if not np.array_equal(x, theta, equal_nan=True):
        subject.keeps_theta = True
        changed = np.flatnonzero(x != theta)
        problems.append(
            f"the function changes the theta it is given ({changed.size} entries, first index "
            f"{changed[0]}); it must work on a copy"
        )

    if not np.isfinite(J) or gradient.size != theta.size or gradient.dtype.kind not in "biuf":
        return J, gradient, problems

    other = theta + 1e-3 * rng.uniform(-1.0, 1.0, theta.shape) * scales(theta)
    try:
        J_other, D_other = subject.value_and_gradient(other.copy())
    except (ArithmeticError, ValueError):  # outside the domain of J
        J_other, D_other = nan, None
    if D_other is not None and D.size and np.shares_memory(D, D_other):
        problems.append(
            "the gradient of a second call shares memory with that of the first; optimisers keep "
            "the array without copying (BFGS and CG then never converge): return a fresh array"
        )
    J_again, D_again = subject.value_and_gradient(theta.copy())
    single = np.dtype(np.float32) in (precision, subject.cost_dtype, gradient.dtype)
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    # A sum by several threads may differ in its last bits; a random cost differs by far more.
    if abs(J_again - J) > 1e3 * eps * abs(J):
        problems.append(
            f"the cost is not repeatable: {J!r}, then {J_again!r} at the same theta; "
            "fix the random numbers (dropout, mini-batches) while checking"
        )
    elif not _close(D_again, gradient):
        problems.append("the gradient is not repeatable: it differs between two calls at one theta")

    x[:] = 2.0 * theta - other
    J_third = subject.value(x)
    x[:] = other  # the same array object with new contents
    if abs(subject.value(x) - J_other) > 0.5 * abs(J_third - J_other):
        subject.keeps_theta = True  # the function remembers the array, which was changed in place
    values = np.array([J, J_other, J_third])
    if np.unique(values).size == 3 and np.array_equal(values, values.astype(np.float32)):
        subject.cost_dtype = np.dtype(np.float32)  # a float whose digits are those of float32
    return J, gradient, problems


def scales(theta: FloatArray) -> FloatArray:
    """|theta_j|, and for zeros a middle one of the others; what a parameter's scale may be."""
    sizes = np.abs(theta)
    moved = sizes > 0.0
    sizes[~moved] = np.median(sizes[moved]) if moved.any() else 1.0
    return sizes


def _close(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Whether two gradients agree so far that they come from one function."""
    scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-3 * scale, equal_nan=True)


def _problems_of_gradient(gradient: npt.NDArray[Any], theta: FloatArray) -> list[str]:
    """What an optimiser could not take: another shape, another dtype, nan or inf."""
    problems = []
    if gradient.shape != theta.shape:
        problems.append(
            f"the gradient has shape {gradient.shape}, theta has shape {theta.shape}; "
            "return one number per parameter, in one dimension"
        )
    if gradient.dtype != np.float64:
        problems.append(
            f"the gradient has dtype {gradient.dtype}, expected float64 (SLSQP raises, BFGS loses "
            "precision): return gradient.astype(float)"
        )
    if gradient.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(gradient))
        if bad.size:
            problems.append(
                f"the gradient is not finite: {bad.size} of {gradient.size} entries, first "
                f"{gradient.ravel()[bad[0]]} at index {bad[0]}"
            )
    return problems
