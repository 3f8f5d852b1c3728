"""The numerical slope of a cost along a line through theta, with its error bar.

A first difference costs two evaluations. Where it does not settle the matter, the slope is refined
over a ladder of steps h·4^k. Two differences are extrapolated to h = 0 (Romberg):

    D(h) = (J(h) - J(-h)) / 2h               = slope + c2 h^2 + c4 h^4 + ...
    K(h) = (J(h) - 2 J(0) + J(-h)) / h       = kink + k1 h + k3 h^3 + ...

K is the difference of the one-sided slopes: nought where J is smooth. The slopes on both sides are
D ± K/2, and whatever lies between them is a fair gradient. At each step the error bar is the change
from one extrapolation to the next plus J's noise over h; the step that leaves the narrowest
interval is taken. So a shorter step escapes from a kink beside theta, a longer one from noise,
while at a kink in theta itself the interval stays as wide as the kink. The ladder grows downwards
while noise leaves room for a narrower bar, upwards while a longer step still narrows it. Where no
power of h converges, as at |x|^1.5, which has a slope at 0 but no curvature, each side has its
limit by the ratio test.
"""

from dataclasses import dataclass, replace
from math import ceil, inf, isfinite, log, nan, sqrt

from fastbp.check.extrapolation import RATIO, by_ratio, romberg
from fastbp.check.lines import Line

# Steps end at FARTHEST times the scale of the parameter, and at the relative step LONGEST.
FARTHEST, LONGEST = 16.0, 8.0
RUNGS = 40
# A slope that agrees within rtol passes if its error bar is below GLANCE times rtol: an error of
# the gradient that is large enough to be seen cannot then be hidden by chance.
GLANCE = 30.0
# A slope this many times smaller than the slopes farther along the line counts as 0. At a minimum
# where J is 0, neither the noise of J nor the slope itself says which slopes are small.
NOTHING = 1e-8
# A gradient is wrong only if shorter steps exclude it too: NEARBY times shorter than the parameter,
# since J may be another function farther off, and NEARER times shorter than the best step, since J
# may be full of kinks.
NEARBY, NEARER = 16.0, 64.0
# A limit by the ratio test counts if its error is at most this part of the differences' change.
SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Pair:
    """J on both sides of theta: displacements, values, and the noise of one of the values."""

    up: float
    J_up: float
    down: float
    J_down: float
    noise: float

    @property
    def slope(self) -> float:
        """The central difference."""
        return (self.J_up - self.J_down) / (self.up - self.down)

    @property
    def roundoff(self) -> float:
        """What noise can do to the central difference."""
        return 2.0 * self.noise / (self.up - self.down)

    def one_sided(self, center: float) -> tuple[float, float]:
        """The slopes left and right of theta."""
        return (self.J_down - center) / self.down, (self.J_up - center) / self.up

    def still(self, center: float) -> bool:
        """Whether J does not move at all."""
        return self.J_up == center == self.J_down


def measure(line: Line, h: float, noise: float, eps: float) -> Pair | None:
    """J at ±h; None where the step is lost in the rounding of theta, or J is not finite there."""
    up, J_up = line(h)
    down, J_down = line(-h)
    if not (up > 0.0 > down and isfinite(J_up) and isfinite(J_down)):
        return None
    J = max(abs(J_up), abs(J_down))
    # Where J is far smaller than usual it may be a sum of squares of differences, r = a - b, with a
    # and b of the usual size. The rounding error of r^2 is then proportional to r, the root of J.
    rounded = 4.0 * eps * max(J, min(4.0 * sqrt(J) * sqrt(line.usual), line.usual))
    return Pair(up, J_up, down, J_down, max(noise, rounded))


@dataclass(frozen=True, slots=True)
class Slope:
    """A refined slope: `value` ± `error`, and `kink` ± `kink_error`, the difference of its sides.

    `noise` is the part of the error that noise makes, `step` the relative step at which the plain
    two-point difference comes nearest. `doubt` is a further error bar: for what noise may hide.
    """

    value: float = nan
    error: float = inf
    kink: float = 0.0
    kink_error: float = inf
    noise: float = inf
    step: float = nan
    doubt: float = 0.0

    @property
    def width(self) -> float:
        """How far from `value` a fair gradient may lie.

        Where there is no kink, K converges later than D, and its bar says nothing about D; a kink
        beside theta would spoil D as well.
        """
        if abs(self.kink) > self.kink_error:
            return self.error + 0.5 * (abs(self.kink) + self.kink_error)
        return 2.0 * (self.error + self.noise)

    def has_kink(self, tolerance: float) -> bool:
        """Whether the one-sided slopes differ by more than error bar and tolerance explain."""
        return abs(self.kink) > 4.0 * self.kink_error + tolerance

    @property
    def sides(self) -> tuple[float, float]:
        """The slopes left and right of theta."""
        return self.value - 0.5 * self.kink, self.value + 0.5 * self.kink


class Ladder:
    """The differences measured so far along one line, by k, the exponent of their step h·4^k."""

    def __init__(self, line: Line, center: float, h: float, noise: float, eps: float) -> None:
        self._line = line
        self._center = center
        self._h = h
        self._noise = noise
        self._eps = eps
        self.D: dict[int, float] = {}
        self.K: dict[int, float] = {}
        self.roundoff: dict[int, float] = {}
        self.one_sided: dict[int, float] = {}
        self.tried: set[int] = set()

    def fits(self, k: int) -> bool:
        """Whether step k is above the roundings of theta and not beyond all bounds."""
        longest = min(LONGEST, max(FARTHEST * self._line.scale, self.step(0) * RATIO**3))
        return 64.0 * self._eps * self._line.native <= self.step(k) <= longest

    def step(self, k: int) -> float:
        """The relative step of rung k."""
        return float(self._h * RATIO**k)

    def noise_at(self, k: int) -> float:
        """What noise does to a difference at rung k, at least."""
        return self._noise / (self.step(k) * self._line.size)

    def rung_for(self, bar: float) -> int:
        """The rung whose noise is no more than `bar`, within reason."""
        top = max(1, round(log(self._line.scale / (64.0 * self._h), RATIO)))
        wanted = self.noise_at(0) / bar if bar > 0.0 else inf
        return min(top, ceil(log(max(wanted, RATIO), RATIO))) if isfinite(wanted) else top

    def climb(self, k: int) -> None:
        """Measure rung k."""
        if k in self.tried:
            return
        self.tried.add(k)
        line, length = self._line, self.step(k)
        pair = measure(line, length, self._noise, self._eps)
        if pair is not None:
            self.add(k, pair)
            return
        for h in (length, -length):
            moved, J = line(h)
            if moved and isfinite(J):
                self.one_sided[k] = (J - self._center) / moved
                self.roundoff[k] = self.noise_at(k)

    def add(self, k: int, pair: Pair) -> None:
        """Take a pair measured elsewhere for rung k."""
        self.tried.add(k)
        left, right = pair.one_sided(self._center)
        self.D[k], self.K[k] = pair.slope, right - left
        self.one_sided[k] = right
        self.roundoff[k] = pair.roundoff

    def best(self) -> tuple[Slope, int]:
        """The narrowest slope, and its rung."""
        values = romberg(self.D, self.roundoff, (16.0, 256.0), 1.0)
        kinks = romberg(self.K, self.roundoff, (4.0, 64.0), 4.0)
        best, rung = Slope(step=self._h), 0
        least = NOTHING * max(map(abs, self.one_sided.values()), default=0.0)
        for k in sorted(values.keys() & kinks.keys()):
            (value, error), (kink, kink_error) = values[k], kinks[k]
            # An error bar as long as the slope means that the extrapolation has not begun to
            # converge (a J that saturates looks flat far out), unless rounding makes the bar long.
            slope = max(0.1 * abs(value), 0.1 * abs(kink), least)
            noisy = self.roundoff[k]
            if error > max(slope, 2.0 * noisy) or kink_error > max(slope, 8.0 * noisy):
                continue
            found = Slope(value, error, kink, kink_error, noisy, self._h)
            if not self._holds_nearer(found, k):
                continue
            if abs(value - best.value) > found.width + best.width:
                break  # steps from here on are too long: their error bars exclude each other
            if found.width < best.width:
                best, rung = found, k
        if not isfinite(best.width):
            return best, rung
        reach = {k: abs(self.D[k] - best.value) + self.roundoff[k] for k in self.D}
        step = self.step(min(reach, key=lambda k: reach[k]))
        return replace(best, step=step, doubt=self._doubt(rung)), rung

    def _holds_nearer(self, slope: Slope, rung: int) -> bool:
        """Whether plain differences with shorter steps agree with this slope, as they must: far
        out, a J that oscillates faster than the steps looks smooth by chance."""
        far = abs(self.D[rung] - slope.value)
        return all(
            abs(self.D[k] - slope.value)
            <= far * RATIO ** (k - rung) + slope.width + self.roundoff[k]
            for k in self.D
            if k < rung
        )

    def _doubt(self, rung: int) -> float:
        """What noise may hide near theta: kinks. A J has some if it bends less as steps grow."""
        doubt = NEARBY * self._noise / (self._line.scale * self._line.size)
        for k in self.K:
            bend, next_bend = abs(self.K[k]), abs(self.K.get(k + 1, inf))
            if k <= rung + 1 and bend > 8.0 * self.roundoff[k] and next_bend < 2.0 * bend:
                return max(doubt, NEARER * self.noise_at(rung))
        return doubt

    def without_curvature(self) -> Slope:
        """The slope where it is none of a smooth J, nor of a kink: from each side on its own."""
        right = {k: self.one_sided[k] for k in self.K}
        left = {k: self.one_sided[k] - self.K[k] for k in self.K}
        noise = {k: 2.0 * self.roundoff[k] for k in self.K}
        (up, up_error, up_way), (down, down_error, down_way) = (
            by_ratio(side, noise) for side in (right, left)
        )
        error = up_error + down_error
        if not error <= SHARE * max(up_way, down_way):
            return Slope(step=self._h)
        return Slope(0.5 * (up + down), 0.5 * error, up - down, error, 0.0, self.step(min(self.K)))

    def from_one_side(self) -> Slope:
        """The slope where J exists on one side of theta only."""
        found = romberg(self.one_sided, self.roundoff, (4.0, 16.0), 4.0)
        noise = {k: 2.0 * self.roundoff[k] for k in self.one_sided}
        limits = [*found.values(), by_ratio(self.one_sided, noise)[:2]]
        value, error = min(limits, key=lambda pair: pair[1])
        if not isfinite(error):
            return Slope(step=self._h)
        return Slope(value, error, 0.0, 0.0, 0.0, self._h)


def refine(
    line: Line, center: float, h: float, noise: float, eps: float, rtol: float, first: Pair | None
) -> Slope:
    """The best slope that a ladder of steps around h can give.

    `noise` is the uncertainty of one value of J, `first` what has been measured at h. The ladder
    ends early only in favour of the given slope: when that lies in the middle of an interval that
    is narrow beside it.
    """
    ladder = Ladder(line, center, h, noise, eps)
    if first is not None:
        ladder.add(0, first)
    lost = first is not None and abs(first.slope - line.given) <= 2.0 * first.roundoff
    start = ladder.rung_for(0.25 * rtol * abs(line.given)) if lost else 0
    for k in range(start, start + 3):
        if ladder.fits(k):
            ladder.climb(k)
    best, rung = ladder.best()
    native = round(log(line.native, RATIO))
    if not isfinite(best.width) and native <= -3:  # try theta itself as the scale
        ladder = Ladder(line, center, h * RATIO**native, noise, eps)
        for k in (0, 1, 2):
            ladder.climb(k)
        best, rung = ladder.best()

    up_next = True
    while len(ladder.tried) < RUNGS:
        agrees = abs(best.value - line.given) <= 0.5 * rtol * abs(best.value)
        if agrees and best.width <= GLANCE * rtol * abs(best.value):
            break
        found = isfinite(best.width)
        below, above = min(ladder.tried) - 1, max(ladder.tried) + 1
        down = ladder.fits(below) and (not found or ladder.noise_at(below) < 0.5 * best.width)
        up = ladder.fits(above) and (not found or above - rung <= 3)
        if not (down or up):
            break
        if found and up and down:
            up_next = best.width <= 8.0 * ladder.roundoff[rung]
        ladder.climb(above if up and (up_next or not down) else below)
        up_next = not up_next
        best, rung = ladder.best()
    if not isfinite(best.width) and len(ladder.D) <= 2:
        return ladder.from_one_side()
    return min(best, ladder.without_curvature(), key=lambda slope: slope.width)
