"""Comparing given and numerical slopes along many lines, with as few evaluations as that takes.

Real values of J decide every line. A complex step is asked beside them; where they confirm it, it
supplies the digits that a real difference has not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastbp.check.contract import FloatArray
from fastbp.check.differences import GLANCE, Pair, Slope, measure, refine
from fastbp.check.lines import Line

OK, FAIL, KINK = 0, 1, 2
# After this many confirmed failures in a block, a disagreement counts without refined steps.
ENOUGH = 5
# SAMPLE lines are refined before the step is changed for all others, PASSES times at most.
SAMPLE, PASSES = 12, 3
# A slope fails only if steps AGAIN times as long confirm it: at h·4^k alone it may be chance.
AGAIN = 1.618
# A slope of 0 is measured with this step too: under short steps J may stand still by rounding.
FAR = 1e-2


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How closely slopes must agree, and the noise of J.

    A slope passes when |given - numerical| <= relative * max(|given|, |numerical|) + absolute, or
    when what is over lies within the error bar of the numerical slope. `typical` is the size
    of slopes that matter: one-sided slopes that differ by less are no kink.
    """

    relative: float
    absolute: float
    noise: float
    eps: float
    typical: float

    def margin(self, given: float, numerical: float) -> float:
        """How far the two may lie apart, error bars aside."""
        return self.relative * max(abs(given), abs(numerical)) + self.absolute


@dataclass(frozen=True)
class Comparison:
    """Slopes of one block, line by line: as given, as measured, with error bars and verdicts.

    `sides` holds the one-sided slopes of the kinks; `exact` the lines whose numerical slope is a
    complex step that real values confirm, `n_refuted` counts those that they refute.
    """

    given: FloatArray
    numerical: FloatArray
    error: FloatArray
    verdict: npt.NDArray[np.int8]
    exact: npt.NDArray[np.bool_]
    sides: dict[int, tuple[float, float]]
    n_refuted: int = 0

    @property
    def difference(self) -> FloatArray:
        """|given - numerical|; inf where either is not finite."""
        with np.errstate(invalid="ignore"):
            difference = np.abs(self.given - self.numerical)
        difference[np.isnan(difference)] = np.inf
        return difference

    @property
    def scale(self) -> FloatArray:
        """max(|given|, |numerical|)."""
        scale: FloatArray = np.fmax(np.abs(self.given), np.abs(self.numerical))
        return scale

    @property
    def zero(self) -> npt.NDArray[np.bool_]:
        """Slopes given as 0 that are 0: most mistakes in a gradient would leave them 0."""
        right = (self.verdict == OK) & (self.difference <= self.error)
        return np.asarray((self.given == 0.0) & right)

    def unclear(self, share: float) -> npt.NDArray[np.bool_]:
        """Slopes that pass, but are known to no more than this share of their size."""
        blurred = self.error > share * self.scale
        return np.asarray((self.verdict == OK) & blurred & ~self.zero)

    def relative(self, rtol: float) -> FloatArray:
        """difference / max(|given|, |numerical|); where a slope passes, its error bar / rtol is
        added to the scale, so that noise in J does not count as an error."""
        difference, scale = self.difference, self.scale
        scale = scale + np.where(self.verdict == FAIL, 0.0, self.error / rtol)
        ratio = np.full_like(difference, np.inf)
        np.divide(difference, scale, out=ratio, where=np.isfinite(difference) & (scale > 0.0))
        ratio[difference == 0.0] = 0.0
        return ratio


def compare(
    lines: Sequence[Line], center: float, h: float, tol: Tolerance, complex_step: bool
) -> Comparison:
    """Compare every line's given slope with the numerical one, refining where they disagree."""
    sweep = _Sweep(lines, center, tol, complex_step)
    pending = list(range(len(lines)))
    for last in (False,) * (PASSES - 1) + (True,):
        unsettled = {i: pair for i, pair in sweep.look(pending, h) if not sweep.settle(i, pair, h)}
        misfits = [i for i, pair in unsettled.items() if sweep.off(i, pair)]
        if last or len(misfits) <= 2 * SAMPLE:
            break
        # The step does not suit these lines. Some of them are refined, which finds a better step.
        sample = misfits[:: len(misfits) // SAMPLE][:SAMPLE]
        steps = [sweep.refine(i, unsettled.pop(i), h) for i in sample]
        sweep.finish({i: pair for i, pair in unsettled.items() if i not in misfits}, h)
        pending = [i for i in misfits if i in unsettled]
        h = float(np.nanmedian(steps)) if np.isfinite(steps).any() else h
    sweep.finish(unsettled, h)
    return sweep.result()


class _Sweep:
    """The lines of one block, and what has been found out about each."""

    def __init__(
        self, lines: Sequence[Line], center: float, tol: Tolerance, complex_step: bool
    ) -> None:
        n = len(lines)
        self._lines = lines
        self._center = center
        self._tol = tol
        self._complex = complex_step
        self._n_failed = self._n_refuted = 0
        self._given = np.array([line.given for line in lines])
        self._numerical, self._error = np.full(n, np.nan), np.zeros(n)
        self._verdict = np.zeros(n, dtype=np.int8)
        self._exact = np.zeros(n, dtype=np.bool_)
        self._sides: dict[int, tuple[float, float]] = {}

    def look(self, pending: Sequence[int], h: float) -> list[tuple[int, Pair | None]]:
        """One central difference of each of these lines."""
        tol = self._tol
        return [(i, measure(self._lines[i], h, tol.noise, tol.eps)) for i in pending]

    def off(self, i: int, pair: Pair | None) -> bool:
        """Whether more than noise lies between the given slope and this difference."""
        if pair is None:
            return True
        difference = abs(self._given[i] - pair.slope)
        return not difference <= self._tol.margin(self._given[i], pair.slope) + pair.roundoff

    def settle(self, i: int, pair: Pair | None, h: float) -> bool:
        """Whether one difference is enough to say that the given slope is right."""
        if pair is None or not np.isfinite(self._given[i]):
            return False
        given, tol = float(self._given[i]), self._tol
        if given == 0.0 and pair.still(self._center):
            return self._stays(i, pair, h)
        margin = tol.margin(given, pair.slope)
        left, right = pair.one_sided(self._center)
        jump = 1e-3 * max(abs(given), abs(pair.slope), tol.typical) + 4.0 * pair.roundoff
        clear = pair.roundoff <= GLANCE * margin
        if not (abs(given - pair.slope) <= margin and clear and abs(right - left) <= jump):
            return False
        self._numerical[i] = pair.slope
        self._ask_complex(i, pair.slope, pair.roundoff)
        return True

    def _stays(self, i: int, pair: Pair, h: float) -> bool:
        """A slope of 0 where J stands still: does it under a long step as well?"""
        far = measure(self._lines[i], max(FAR, 4.0 * h), self._tol.noise, self._tol.eps)
        if far is None or not far.still(self._center):
            return False
        self._numerical[i], self._error[i] = 0.0, far.roundoff
        return True

    def finish(self, unsettled: dict[int, Pair | None], h: float) -> None:
        """Refine these lines, until enough of the block has failed."""
        for i, pair in unsettled.items():
            if self._n_failed < ENOUGH or pair is None:
                self.refine(i, pair, h)
            else:
                self._numerical[i], self._error[i] = pair.slope, pair.roundoff
                self._verdict[i] = FAIL if self.off(i, pair) else OK

    def refine(self, i: int, pair: Pair | None, h: float) -> float:
        """Give line i its verdict by a ladder of steps; returns the step that suits it."""
        tol, given = self._tol, float(self._given[i])
        for start, first in ((h, pair), (AGAIN * h, None)):
            slope = refine(
                self._lines[i], self._center, start, tol.noise, tol.eps, tol.relative, first
            )
            error, verdict = _judge(given, slope, tol)
            if verdict != FAIL:
                break
        self._numerical[i], self._error[i], self._verdict[i] = slope.value, error, verdict
        if self._verdict[i] == KINK:
            self._sides[i] = slope.sides
        else:
            self._ask_complex(i, slope.value, slope.width)
        self._n_failed += int(self._verdict[i] == FAIL)
        return slope.step

    def _ask_complex(self, i: int, slope: float, bar: float) -> None:
        """Take the complex step where the real slope, within a narrow bar, confirms it.

        It is not asked any longer once one was refuted.
        """
        if not self._complex or self._n_refuted:
            return
        exact, tol = self._lines[i].complex_slope(), self._tol
        margin = tol.margin(exact, slope)
        if not abs(exact - slope) <= margin + bar:
            self._n_refuted += 1
            return
        agrees = self._verdict[i] == FAIL or abs(exact - self._given[i]) <= margin
        if agrees and bar <= GLANCE * margin and exact != 0.0:
            self._numerical[i], self._error[i], self._exact[i] = exact, 0.0, True

    def result(self) -> Comparison:
        """Everything found."""
        return Comparison(
            self._given, self._numerical, self._error, self._verdict, self._exact, self._sides,
            self._n_refuted,
        )  # fmt: skip


def _judge(given: float, slope: Slope, tol: Tolerance) -> tuple[float, int]:
    """(error bar, verdict) of a refined slope."""
    margin = tol.margin(given, slope.value)
    difference = abs(given - slope.value)
    # Where no step gives a slope the gradient fails: nothing confirms it.
    if not (np.isfinite(given) and difference <= margin + slope.width + slope.doubt):
        return slope.width, FAIL
    if slope.has_kink(margin):
        return 0.0, KINK
    told = difference <= margin and slope.width <= GLANCE * margin
    return (0.0 if told else slope.width + slope.doubt), OK
