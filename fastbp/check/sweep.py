"""Comparing given and numerical slopes along many lines, with as few evaluations as that takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import numpy.typing as npt

from fastbp.check.contract import FloatArray
from fastbp.check.differences import Line, Slope, central, refine

OK, FAIL, KINK = 0, 1, 2
CHUNK = 256
# After so many confirmed failures in a block, a disagreement is believed without refinement.
ENOUGH = 5


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How closely slopes must agree, and what J's rounding (`noise`) hides.

    A slope passes when |given - numerical| <= relative * max(|given|, |numerical|) + absolute, or
    when what is over lies within the error bar of the numerical slope.
    """

    relative: float
    absolute: float
    noise: float
    eps: float


@dataclass(frozen=True)
class Comparison:
    """Slopes of one block, line by line: as given, as measured, with error bars and verdicts.

    `sides` holds the one-sided slopes of the kinks.
    """

    given: FloatArray
    numerical: FloatArray
    error: FloatArray
    verdict: npt.NDArray[np.int8]
    sides: dict[int, tuple[float, float]]

    @property
    def difference(self) -> FloatArray:
        """|given - numerical|; inf where either is not finite, 0 where J gives no slope at all."""
        with np.errstate(invalid="ignore"):
            difference = np.abs(self.given - self.numerical)
        difference[np.isnan(difference)] = np.inf
        difference[np.isnan(self.numerical) & (self.verdict == OK)] = 0.0
        return difference

    @property
    def unclear(self) -> npt.NDArray[np.bool_]:
        """Slopes that pass although they differ visibly: the error bar is as large as they are."""
        scale = np.fmax(np.abs(self.given), np.abs(self.numerical))
        lost = ~(self.difference <= 0.1 * scale) | np.isnan(self.numerical)
        return np.asarray(lost & (self.verdict == OK))

    def relative(self, rtol: float) -> FloatArray:
        """difference / (max(|given|, |numerical|) + error / rtol): above rtol where one fails."""
        difference = self.difference
        scale = np.fmax(np.abs(self.given), np.abs(self.numerical)) + self.error / rtol
        ratio = np.full_like(difference, np.inf)
        np.divide(difference, scale, out=ratio, where=np.isfinite(difference) & (scale > 0.0))
        ratio[difference == 0.0] = 0.0
        return ratio


def compare(
    lines: Sequence[Line], center: float, h: float, tol: Tolerance, complex_step: bool
) -> Comparison:
    """Compare every line's given slope with the numerical one, refining where they disagree."""
    n = len(lines)
    given = np.array([line.given for line in lines])
    size = np.array([line.size for line in lines])
    numerical, error = np.empty(n), np.zeros(n)
    verdict = np.zeros(n, dtype=np.int8)
    sides: dict[int, tuple[float, float]] = {}
    finite = np.abs(given[np.isfinite(given)])
    typical = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
    # D is rounded too: beside its largest entries, and (1 - tanh^2, say) beside J.
    floor = tol.absolute + 8.0 * tol.eps * float(np.max(finite, initial=0.0)) + tol.noise
    n_failed = 0

    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        first, jump = _first_pass(lines[part], center, h, complex_step)
        roundoff = np.zeros_like(first) if complex_step else tol.noise / (h * size[part])
        with np.errstate(invalid="ignore"):
            scale = np.fmax(np.abs(given[part]), np.abs(first))
            difference = np.abs(given[part] - first)
            margin = tol.relative * scale + floor
            agrees = difference <= margin
            # Lost in J's rounding, and too small beside its block to matter.
            lost = (
                (difference <= roundoff)
                & (roundoff <= tol.relative * typical)
                & (roundoff <= 0.1 * scale)
            )
            wrong = ~(difference <= margin + roundoff)
            smooth = jump <= 1e-3 * np.maximum(scale, typical) + 2.0 * roundoff
        numerical[part] = first
        error[part] = np.where(agrees, floor, roundoff + floor)

        steps = []
        for k in np.flatnonzero(~((agrees | lost) & smooth)):
            i = start + int(k)
            if n_failed >= ENOUGH and isfinite(first[k]):
                verdict[i] = FAIL if wrong[k] else OK
            else:
                slope = refine(lines[i], center, h, tol.noise, tol.eps, tol.relative)
                steps.append(slope.step)
                confirmed = abs(first[k] - slope.value) <= slope.width + margin[k]
                if complex_step and confirmed and not slope.has_kink(margin[k]):
                    slope = replace(slope, value=float(first[k]), width=0.0)
                numerical[i] = slope.value
                error[i], verdict[i] = _judge(float(given[i]), slope, tol, floor)
                if verdict[i] == KINK:
                    sides[i] = slope.sides
            n_failed += int(verdict[i] == FAIL)
        if len(steps) > len(first) // 4:  # the step does not suit this block
            h = float(np.median(steps))

    return Comparison(given, numerical, error, verdict, sides)


def _first_pass(
    lines: Sequence[Line], center: float, h: float, complex_step: bool
) -> tuple[FloatArray, FloatArray]:
    if complex_step:
        slopes = np.array([line.complex_slope() for line in lines])
        return slopes, np.zeros_like(slopes)
    pairs = np.array([central(line, center, h) for line in lines])
    return pairs[:, 0], pairs[:, 1]


def _judge(given: float, slope: Slope, tol: Tolerance, floor: float) -> tuple[float, int]:
    """(error bar, verdict) of a refined slope."""
    margin = tol.relative * max(abs(given), abs(slope.value)) + floor
    difference = abs(given - slope.value)
    # Where no step gives a slope (J is nan all around) there is nothing to hold against D.
    if not isfinite(given) or difference > margin + slope.width:
        return slope.width + floor, FAIL
    if slope.has_kink(margin):
        return floor, KINK
    return floor + (slope.width if difference > margin else 0.0), OK
