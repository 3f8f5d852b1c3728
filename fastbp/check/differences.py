"""The numerical slope of a cost along a line through theta, with its error bar.

A first difference costs two evaluations. Only where it disagrees with the gradient is the slope
refined, over a ladder of steps h·4^k. Two differences are extrapolated to h = 0 (Romberg):

    D(h) = (J(h) - J(-h)) / 2h               = slope + c2 h^2 + c4 h^4 + ...
    K(h) = (J(h) - 2 J(0) + J(-h)) / h       = kink + k1 h + k3 h^3 + ...

K is the difference of the one-sided slopes: nought where J is smooth. The slopes on both sides are
D ± K/2, and whatever lies between them is a fair gradient. At each step the error bar is the change
from one extrapolation to the next plus J's rounding noise over h; the step that leaves the
narrowest interval is taken. So a shorter step escapes from a kink beside theta, a longer one from
noise, while at a kink in theta itself the interval stays as wide as the kink.
"""

import warnings
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fastbp.check.contract import FloatArray, Subject

RATIO = 4.0
COMPLEX_STEP = 1e-20


class Line(Protocol):
    """J along one direction through theta.

    `given` is the slope that the gradient claims, `size` turns the relative step h into a length.
    Calling the line with h returns (the displacement really made after rounding, J there).
    """

    given: float
    size: float

    def __call__(self, h: float) -> tuple[float, float]: ...

    def complex_slope(self) -> float: ...


class Coordinate:
    """The line along one parameter. `work` is shared by all lines and put back after each call."""

    __slots__ = ("_index", "_subject", "_theta", "_type", "_work", "given", "size")

    def __init__(
        self, subject: Subject, theta: FloatArray, work: FloatArray, index: int, given: float
    ) -> None:
        self._subject = subject
        self._theta = float(theta[index])
        self._work = work
        self._index = index
        self._type = subject.rounding.type
        self.given = given
        self.size = max(1.0, abs(self._theta))

    def __call__(self, h: float) -> tuple[float, float]:
        x = float(self._type(self._theta + h * self.size))
        self._work[self._index] = x
        J = self._subject.value(self._work)
        self._work[self._index] = self._theta
        return x - self._theta, J

    def complex_slope(self) -> float:
        x = self._work.astype(np.complex128)
        x[self._index] += 1j * COMPLEX_STEP
        return self._subject.complex_value(x).imag / COMPLEX_STEP


class Direction:
    """The line along `v`, a vector over the parameters `indices`; others stay where they are."""

    def __init__(
        self,
        subject: Subject,
        theta: FloatArray,
        indices: npt.NDArray[np.int64],
        v: FloatArray,
        gradient: FloatArray,
    ) -> None:
        self._subject = subject
        self._theta = theta
        self._indices = indices
        self._v = v
        self._gradient = gradient[indices]
        self.given = float(self._gradient @ v)
        self.size = 1.0

    def __call__(self, h: float) -> tuple[float, float]:
        x = self._theta.copy()
        start = x[self._indices]
        end = (start + h * self._v).astype(self._subject.rounding).astype(np.float64)
        x[self._indices] = end
        # Rounding bends the line a little; what that adds to J is known from the gradient.
        bend = float(self._gradient @ (end - start - h * self._v))
        return h, self._subject.value(x) - bend

    def complex_slope(self) -> float:
        x = self._theta.astype(np.complex128)
        x[self._indices] += 1j * COMPLEX_STEP * self._v
        return self._subject.complex_value(x).imag / COMPLEX_STEP


@dataclass(frozen=True, slots=True)
class Slope:
    """A refined slope: `value` ± `width`, which covers error bars and half of a kink.

    `kink` ± `kink_error` is the difference of the one-sided slopes; `step` is the relative step at
    which the plain two-point difference comes nearest.
    """

    value: float
    width: float
    kink: float
    kink_error: float
    step: float

    def has_kink(self, tolerance: float) -> bool:
        """Whether the one-sided slopes differ by more than error bar and tolerance explain."""
        return abs(self.kink) > 4.0 * self.kink_error + tolerance

    @property
    def sides(self) -> tuple[float, float]:
        """The slopes left and right of theta."""
        return self.value - 0.5 * self.kink, self.value + 0.5 * self.kink


def central(line: Line, center: float, h: float) -> tuple[float, float]:
    """The central difference at h, and how far the one-sided slopes lie apart there."""
    up, J_up = line(h)
    down, J_down = line(-h)
    if up == down:
        return float("nan"), float("nan")
    jump = (J_up - center) / up - (J_down - center) / down if up and down else float("nan")
    return (J_up - J_down) / (up - down), abs(jump)


def refine(line: Line, center: float, h: float, noise: float, eps: float, rtol: float) -> Slope:
    """The best slope that a ladder of steps around h can give.

    `noise` is the uncertainty of one value of J. The ladder ends early only in favour of the given
    slope: when that lies in an interval narrower than a quarter of rtol.
    """
    D: dict[int, float] = {}
    K: dict[int, float] = {}
    roundoff: dict[int, float] = {}
    one_sided: dict[int, float] = {}
    best = Slope(float("nan"), inf, 0.0, inf, h)
    for stage in _ladder(h, eps):
        for k in stage:
            length = h * RATIO**k
            up, J_up = line(length)
            down, J_down = line(-length)
            if not (up > 0.0 > down):
                continue
            right, left = (J_up - center) / up, (J_down - center) / down
            D[k], K[k] = (J_up - J_down) / (up - down), right - left
            one_sided[k] = right if isfinite(right) else left
            roundoff[k] = noise / (length * line.size)
        best = _narrowest(D, K, roundoff, h)
        narrow = best.width <= 0.25 * rtol * abs(best.value)
        if narrow and abs(best.value - line.given) <= rtol * abs(best.value):
            break
    if not isfinite(best.width):  # J exists on one side of theta only
        found = _romberg(one_sided, roundoff, (4.0, 16.0), 4.0)
        if found:
            value, error = min(found.values(), key=lambda pair: pair[1])
            best = Slope(value, error, 0.0, inf, h)
    return best


def _ladder(h: float, eps: float) -> list[list[int]]:
    """Exponents of steps, nearest first: from 64 roundings to 8 times the parameter's size."""
    fits = [k for k in range(-30, 30) if 64.0 * eps <= h * RATIO**k <= 8.0]
    near, close = [0, 1, 2], [-2, -1, 3]
    return [near, close, [k for k in fits if k not in near + close]]


def _narrowest(
    D: dict[int, float], K: dict[int, float], roundoff: dict[int, float], h: float
) -> Slope:
    values = _romberg(D, roundoff, (16.0, 256.0), 1.0)
    kinks = _romberg(K, roundoff, (4.0, 64.0), 4.0)
    best = Slope(float("nan"), inf, 0.0, inf, h)
    for k in sorted(values.keys() & kinks.keys()):
        (value, error), (kink, kink_error) = values[k], kinks[k]
        # A bar as long as the slope says that the extrapolation has not begun to converge
        # (far out, a saturating J looks flat), unless it is rounding that makes it long.
        slope = 0.1 * max(abs(value), abs(kink))
        if error > max(slope, 2.0 * roundoff[k]) or kink_error > max(slope, 8.0 * roundoff[k]):
            continue
        width = error + 0.5 * (abs(kink) + kink_error)
        if abs(value - best.value) > width + best.width:
            break  # noise bars can be trusted, those of long steps only while they agree
        if width < best.width:
            best = Slope(value, width, kink, kink_error, h)
    if not isfinite(best.width):
        return best
    reach = {k: abs(D[k] - best.value) + roundoff[k] for k in D if isfinite(D[k])}
    return replace(best, step=h * RATIO ** min(reach, key=lambda k: reach[k]))


def _romberg(
    row: dict[int, float], roundoff: dict[int, float], powers: tuple[float, ...], gain: float
) -> dict[int, tuple[float, float]]:
    """For each step k the extrapolation with the smallest error bar, and that bar.

    `powers` are RATIO to the exponents of the error terms, in turn; `gain` is how many times the
    rounding noise of one J a difference carries.
    """
    found: dict[int, tuple[float, float]] = {}
    for power in powers:
        better = {k: (power * row[k] - row[k + 1]) / (power - 1.0) for k in row if k + 1 in row}
        for k in better:
            if k + 1 not in better:
                continue
            # The first change can vanish by chance; a hundredth of the correction stands behind it.
            change = max(abs(better[k] - better[k + 1]), 0.01 * abs(better[k] - row[k]))
            error = change + gain * roundoff[k]
            if isfinite(error) and (k not in found or error < found[k][1]):
                found[k] = (better[k], error)
        row = better
    return found


def noise_of(subject: Subject, theta: FloatArray, direction: FloatArray, eps: float) -> float:
    """The uncertainty of one value of J near theta, from fourth differences on nine close points.

    Differences of order 4 wipe out what is smooth; what is left is sqrt(70) times the rounding
    noise (Moré and Wild, Estimating computational noise, SIAM J. Sci. Comput. 33, 2011). Four times
    that, at the better of two spacings, and no less than four roundings of J.
    """
    largest, rough = 0.0, inf
    for spacing in (eps**0.55, eps**0.7):
        points = [theta + i * spacing * direction for i in range(-4, 5)]
        J = np.array([subject.value(x.astype(subject.rounding).astype(float)) for x in points])
        largest = max(largest, float(np.max(np.abs(J), where=np.isfinite(J), initial=0.0)))
        if np.all(np.isfinite(J)):
            rough = min(rough, float(np.median(np.abs(np.diff(J, 4)))) / 0.6745 / 70.0**0.5)
    return 4.0 * max(rough if isfinite(rough) else 0.0, eps * largest)


def accepts_complex(subject: Subject, theta: FloatArray, direction: FloatArray, h: float) -> bool:
    """Whether the complex step gives the slope that two real values of J confirm roughly.

    A function that takes abs() or .real somewhere returns a complex number and a wrong slope.
    """
    x = theta + 1j * COMPLEX_STEP * direction
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        slope = subject.complex_value(x).imag / COMPLEX_STEP
    up, down = theta + h * direction, theta - h * direction
    real = (subject.value(up) - subject.value(down)) / (2.0 * h)
    scale = max(abs(slope), abs(real))
    slack = 1e-3 * scale + 1e-6 * abs(subject.value(theta))
    return isfinite(slope) and abs(slope - real) <= slack


def rademacher(rng: np.random.Generator, theta: FloatArray) -> FloatArray:
    """A random direction: random signs times each parameter's size, of length about 1."""
    signs = rng.integers(0, 2, theta.shape) * 2.0 - 1.0
    sized: FloatArray = signs * np.maximum(1.0, np.abs(theta)) / np.sqrt(theta.size)
    return sized
