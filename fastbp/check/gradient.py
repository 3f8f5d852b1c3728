"""check_gradient: the gradient that a function claims against the slopes its cost has."""

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.blocks import Block
from fastbp.check import lines, noise, structure, sweep
from fastbp.check.blocks import BlockSpec, IntArray, find_blocks, left_out, network_of
from fastbp.check.contract import FloatArray, Subject, examine, scales
from fastbp.check.diagnosis import advise, likely_blocks, pattern
from fastbp.check.report import BlockResult, GradientReport, Kink
from fastbp.initializers import generator

_Checked = tuple[Block, IntArray, sweep.Comparison]
METHODS = ("auto", "central", "complex")
# The check of a slope says little if the slope's error bar is this many times the tolerance.
UNCLEAR = 100.0


def check_gradient(
    fun: Callable[..., Any],
    theta: npt.ArrayLike,
    jac: Callable[..., Any] | bool | None = None,
    *,
    args: tuple[Any, ...] = (),
    method: str = "auto",
    n_checks: int | None = None,
    directions: int | None = None,
    seed: int | np.random.Generator = 0,
    rtol: float | None = None,
    atol: float = 0.0,
    step: float | None = None,
    dtype: npt.DTypeLike | None = None,
    blocks: BlockSpec | None = None,
) -> GradientReport:
    """Compare the gradient of a cost with numerical slopes, block by block.

    Each parameter is moved by ±h, h = eps^(1/3) · max(1, |theta_j|), and

        (J(theta + h e_j) - J(theta - h e_j)) / 2h

    must equal D_j within rtol · max(|D_j|, |numerical|). Where it does not, or the noise of J could
    hide a difference, steps from 64 roundings to 8 times the parameter's size are tried and
    extrapolated, until an error bar tells a wrong gradient from a badly scaled parameter, from
    noise in J, and from a kink: there the one-sided slopes differ, any D_j between them is
    right, and it is listed, not failed. The noise of J is measured: rounding, float32, digits.

    Parameters
    ----------
    fun : an objective (`net.objective(X, y)`), or `fun(theta, *args)` returning J, or (J, D).
        Where fun, or the object it is a method of, has an attribute `network`, the report is by
        layer: the table has the network's blocks, weights and bias of each layer apart.
    theta : (n,) point at which to check; never changed. Take a random one: at theta = 0 or at a
        minimum most mistakes are invisible. Or a list, tuple or dict of arrays, where fun
        takes and returns such: the report then has a row for each.
    jac : `jac(theta, *args)` returning D (n,), when fun returns J alone; otherwise True or None.
    args : further arguments of fun and jac.
    method : "central", two evaluations per parameter; "auto" and "complex" also take complex steps,
        Im J(theta + i·1e-20·e_j) / 1e-20, which have no rounding error, where fun takes complex
        theta ("auto" not in single precision). Central differences decide every slope: a complex
        step that they confirm adds digits, one that they refute ends complex steps.
    n_checks : check so many parameters only, spread over all blocks (at least one in each: that
        with the largest gradient, then random ones).
    directions : check so many random directions per block instead of single parameters:
        2 · directions · blocks evaluations however many parameters there are.
    seed : of the random choices; an int or a numpy Generator.
    rtol : relative tolerance; default 1e-6 for double and 1e-3 for single precision.
    atol : absolute tolerance, 0 by default: rounding errors are estimated, not assumed.
    step : relative first step instead of eps^(1/3).
    dtype : precision in which fun computes; default: the network's, or the lower of those of J
        and D.
    blocks : {name: slice, indices or mask} for functions that are not a network of ours.

    Returns
    -------
    GradientReport, truthy when the gradient passes; `print` it, or call `raise_if_failed()`.
    Its `conclusive` is False where most slopes are 0 = 0, or hidden by the noise of J.
    It also fails when D has a wrong shape or dtype, is not finite, lives in memory that a later
    call overwrites, or when fun changes theta or is not repeatable: optimisers trip over these.

    Raises
    ------
    TypeError : fun is no function, returns no number, or no gradient can be found; theta and fun
        are swapped.
    ValueError : theta is not a finite vector, or an argument is out of its range.

    Notes
    -----
    What cannot be seen: errors below rtol, and slopes so small that they drown in the noise of J
    (the report says how many). J is believed; only D is tested. Random directions see an error in
    one parameter only if it stands out from all slopes of its block together.
    Sources: Ridders, Advances in Engineering Software 4 (1982); Squire and Trapp, SIAM Review 40
    (1998); Moré and Wild, SIAM J. Sci. Comput. 33 (2011).
    """
    structure.refuse_mistaken(fun, theta)
    _check_arguments(method, n_checks, directions, rtol, atol, step)
    parts = _parts_of(fun, theta)
    point = structure.as_vector(theta) if parts is None else parts.theta
    subject = _subject(fun, jac, args if isinstance(args, tuple) else (args,), parts)
    if blocks is None and parts is not None:
        blocks = parts.blocks
    divided = find_blocks(fun, point.size, blocks)
    rng = generator(seed)

    # Trial steps may leave the domain of J; what comes back is then judged, not warned about.
    with np.errstate(all="ignore"):
        precision = np.dtype(dtype or getattr(network_of(fun), "dtype", None) or np.float64)
        J, returned, problems = examine(subject, point, rng, precision)
        if returned.size != point.size or returned.dtype.kind not in "biuf" or not np.isfinite(J):
            return _unreadable(subject, problems, method, rtol)
        if dtype is None:
            precision = max(precision, subject.cost_dtype, returned.dtype, key=_eps)
        eps = _eps(precision)
        gradient = returned.ravel().astype(np.float64)
        if precision.kind == "f" and precision.itemsize < 8:
            subject.rounding = precision
            point = point.astype(precision).astype(np.float64)  # J cannot tell the difference

        h = eps ** (1.0 / 3.0) if step is None else step
        center = subject.value(point)
        tolerance = _tolerance(subject, point, center, gradient, rtol, atol, eps, rng)
        by_complex = method == "complex" or (method == "auto" and eps < 1e-10)
        work = point.copy()
        middle = float(np.median(scales(point)))
        checked: list[_Checked] = []
        for block, count in zip(divided, _shares(divided, n_checks), strict=True):
            ways: Sequence[lines.Line]
            if directions is None:
                chosen = _choose(block, count, gradient, rng)
                ways = [
                    lines.Coordinate(subject, point, work, int(j), float(gradient[j]), middle)
                    for j in chosen
                ]
            else:
                chosen = np.arange(directions, dtype=np.int64)
                ways = [
                    lines.Direction(
                        subject, point, block.indices,
                        lines.rademacher(rng, point[block.indices]), gradient,
                    )
                    for _ in chosen
                ]  # fmt: skip
            found = sweep.compare(ways, center, h, tolerance, by_complex)
            by_complex = by_complex and not found.n_refuted
            checked.append((block, chosen, found))

    if not subject.keeps_theta and not np.array_equal(work, point):
        problems.append("the function changes the theta it is given; it must work on a copy")
    with np.errstate(all="ignore"):
        results = [
            _result(block, chosen, found, point, tolerance, directions is not None)
            for block, chosen, found in checked
        ]
    return GradientReport(
        passed=not problems and all(result.passed for result in results),
        blocks=tuple(results),
        problems=tuple(problems),
        likely=likely_blocks(results),
        advice=advise(results),
        kinks=tuple(kink for entry in checked for kink in _kinks(*entry, directions is not None)),
        method=_method(checked),
        rtol=tolerance.relative,
        noise=tolerance.noise,
        n_evaluations=subject.n_evaluations,
        directions=directions is not None,
        gradient=np.concatenate([found.given for _, _, found in checked]),
        numerical=np.concatenate([found.numerical for _, _, found in checked]),
        indices=np.concatenate([chosen for _, chosen, _ in checked]),
        failed=np.concatenate([found.verdict == sweep.FAIL for _, _, found in checked]),
        error=np.concatenate([found.error for _, _, found in checked]),
        single=eps > 1e-10,
        left_out=left_out(divided, point.size),
    )


def _method(checked: Sequence[_Checked]) -> str:
    """ "complex" where complex steps were confirmed on most slopes that are not 0, and refuted
    nowhere."""
    n_exact = sum(int(found.exact.sum()) for _, _, found in checked)
    n_zero = sum(int(found.zero.sum()) for _, _, found in checked)
    n_lines = sum(chosen.size for _, chosen, _ in checked)
    refuted = any(found.n_refuted for _, _, found in checked)
    return "complex" if n_exact and 2 * n_exact >= n_lines - n_zero and not refuted else "central"


def _parts_of(fun: Any, theta: Any) -> structure.Several | None:
    """theta as several arrays, where it is; our own networks take one vector."""
    if not structure.is_several(theta):
        return None
    if hasattr(network_of(fun), "pack"):
        raise TypeError(
            f"theta is a {type(theta).__name__} of arrays, but the objective of a network takes "
            "one vector: pass net.pack([Theta1, Theta2, ...])"
        )
    return structure.Several(theta)


def _subject(fun: Any, jac: Any, args: tuple[Any, ...], parts: structure.Several | None) -> Subject:
    """What is checked; of a theta of several arrays its functions take the vector."""
    if parts is not None:
        fun = parts.cost(fun)
        jac = parts.gradient(jac) if callable(jac) else jac
    return Subject(fun, jac, args)


def _tolerance(
    subject: Subject,
    point: FloatArray,
    center: float,
    gradient: FloatArray,
    rtol: float | None,
    atol: float,
    eps: float,
    rng: np.random.Generator,
) -> sweep.Tolerance:
    """How far slopes may be from the gradient: see sweep.Tolerance."""
    subject.usual = noise.usual_size(subject, point, rng)
    level = noise.noise_of(subject, point, center, rng, eps)
    finite = gradient[np.isfinite(gradient)]
    typical = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
    relative = rtol or (1e-6 if eps < 1e-10 else 1e-3)
    return sweep.Tolerance(relative, atol, level, eps, typical)


def _kinks(
    block: Block, chosen: IntArray, found: sweep.Comparison, directions: bool
) -> Iterator[Kink]:
    """The parameters (or directions) of a block at a kink of J."""
    for i, (left, right) in found.sides.items():
        j = int(chosen[i])
        position = (j,) if directions else block.position(j)
        yield Kink(block.name, j, position, left, right, float(found.given[i]))


def _result(
    block: Block,
    chosen: IntArray,
    found: sweep.Comparison,
    theta: FloatArray,
    tolerance: sweep.Tolerance,
    directions: bool,
) -> BlockResult:
    """What was found in one block."""
    kink = found.verdict == sweep.KINK
    relative = np.where(kink, 0.0, found.relative(tolerance.relative))
    absolute = np.where(kink, 0.0, found.difference)
    failed = found.verdict == sweep.FAIL
    worst = int(np.argmax(np.where(failed | ~failed.any(), relative, -1.0)))
    index = int(chosen[worst])
    n_failed = int(np.sum(failed))
    hint = ""
    if n_failed and not directions:
        hint = pattern(block, theta[chosen], chosen, found, failed)
    return BlockResult(
        name=block.name,
        layer=block.layer,
        kind=block.kind,
        shape=block.shape,
        n_parameters=block.indices.size,
        n_checked=chosen.size,
        n_failed=n_failed,
        n_kinks=int(np.sum(found.verdict == sweep.KINK)),
        n_unclear=int(np.sum(found.unclear(UNCLEAR * tolerance.relative))),
        n_zero=int(np.sum(found.zero)),
        max_relative_error=float(relative[worst]),
        max_absolute_error=float(np.max(absolute)),
        worst_index=index,
        worst_position=(index,) if directions else block.position(index),
        worst_gradient=float(found.given[worst]),
        worst_numerical=float(found.numerical[worst]),
        hint=hint,
    )


def _shares(blocks: Sequence[Block], n_checks: int | None) -> list[int]:
    """How many parameters of each block to check: equal shares, what small blocks leave over
    going to the larger ones, and never none."""
    sizes = [block.indices.size for block in blocks]
    if n_checks is None:
        return sizes
    shares = [0] * len(sizes)
    left = max(n_checks, len(sizes))
    for nth, i in enumerate(sorted(range(len(sizes)), key=lambda i: sizes[i])):
        shares[i] = min(sizes[i], left // (len(sizes) - nth))
        left -= shares[i]
    return shares


def _choose(block: Block, count: int, gradient: FloatArray, rng: np.random.Generator) -> IntArray:
    """The parameter with the largest gradient and random others, in order."""
    if count >= block.indices.size:
        return block.indices
    largest = int(np.argmax(np.abs(gradient[block.indices])))
    others = np.delete(block.indices, largest)
    chosen = rng.choice(others, count - 1, replace=False)
    return np.sort(np.append(chosen, block.indices[largest])).astype(np.int64)


def _unreadable(
    subject: Subject, problems: Sequence[str], method: str, rtol: float | None
) -> GradientReport:
    """The report on functions that cannot be checked, with the problems that say why."""
    nothing = np.empty(0)
    return GradientReport(
        passed=False,
        blocks=(),
        problems=tuple(problems),
        likely=(),
        advice="",
        kinks=(),
        method=method,
        rtol=rtol or 1e-6,
        noise=float("nan"),
        error=nothing,
        n_evaluations=subject.n_evaluations,
        directions=False,
        gradient=nothing,
        numerical=nothing,
        indices=nothing.astype(np.int64),
        failed=nothing.astype(np.bool_),
    )


def _check_arguments(
    method: str,
    n_checks: int | None,
    directions: int | None,
    rtol: float | None,
    atol: float,
    step: float | None,
) -> None:
    """Refuses arguments of check_gradient that make no sense."""
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")
    for name, count in (("n_checks", n_checks), ("directions", directions)):
        whole = isinstance(count, Integral | np.integer) and not isinstance(count, bool)
        if count is not None and not (whole and count >= 1):
            raise ValueError(f"{name} must be a whole number from 1 up, not {count!r}")
    if n_checks is not None and directions is not None:
        raise ValueError("give n_checks (single parameters) or directions, not both")
    if rtol is not None and not 0.0 < rtol < 1.0:
        raise ValueError(f"rtol must lie between 0 and 1, not {rtol!r}")
    if not 0.0 <= atol < np.inf:
        raise ValueError(f"atol must be 0 or more, not {atol!r}")
    if step is not None and not 0.0 < step < 1.0:
        raise ValueError(f"step must lie between 0 and 1, not {step!r}")


def _eps(dtype: np.dtype[Any]) -> float:
    """The rounding unit; integers and wider floats count as double, in which they are read."""
    if dtype.kind != "f":
        return float(np.finfo(np.float64).eps)
    return max(float(np.finfo(dtype).eps), float(np.finfo(np.float64).eps))
