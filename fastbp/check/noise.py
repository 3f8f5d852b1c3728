"""How uncertain is one value of a cost?

A cost is a smooth function and noise: rounding, float32 somewhere inside, an iteration that stops
early, six printed digits. Differences of high order on close points wipe out what is smooth; what
is left is the noise, times the root of a sum of squared binomials (Moré and Wild, Estimating
computational noise, SIAM J. Sci. Comput. 33, 2011). Where the points lie too far apart, or beside
a kink, what is left shrinks with the spacing; noise does not: it is what two spacings agree on.
The wider of them is tried first, since noise matters as it is at the steps of differences: points
that lie closer than its grain, or than two printed values, show none.
"""

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from fastbp.check.contract import FloatArray, Subject, scales

SPACING, WIDEST, STRIDE, N_LOOKS = 3e-4, 0.5, 32.0, 9
ALIKE = 16.0
# A larger part of J than this is no noise but the shape of J: a fast oscillation, say.
SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class _Look:
    """Nine values of J at one spacing: what differences leave of them, the largest of them, the
    smallest jump from one to the next, and whether most stand still."""

    noise: float
    largest: float
    jump: float
    still: bool


def noise_of(
    subject: Subject, theta: FloatArray, center: float, rng: np.random.Generator, eps: float
) -> float:
    """The uncertainty of one value of J near theta: six standard deviations of its noise, and no
    less than four roundings of `center`, J there."""
    step = scales(theta)

    def look(spacing: float) -> _Look:
        return _look(subject, theta, rng.choice([-1.0, 1.0], theta.shape) * step, spacing)

    spacing = SPACING
    wider = look(spacing)
    while wider.still and spacing * STRIDE <= WIDEST:
        spacing *= STRIDE
        wider = look(spacing)
    closer = look(spacing / STRIDE)
    looks = [wider, closer]
    while not (_alike(wider, closer) or closer.still or len(looks) >= N_LOOKS):
        wider, closer = closer, look(spacing / STRIDE ** len(looks))
        looks.append(closer)
    grain = (closer.jump or wider.jump) if closer.still else 0.0
    agree = _alike(wider, closer)
    rough = max(wider.noise, closer.noise) if agree else min(wider.noise, closer.noise)
    rough = rough if rough <= SHARE * wider.largest else 0.0
    grain = grain if grain <= 0.01 * wider.largest else 0.0
    largest = max(a.largest for a in looks)
    if rough <= 2.0 * eps * largest:  # rounding alone, which is proportional to J
        rough *= abs(center) / largest if largest else 0.0
    return max(6.0 * rough, grain, 4.0 * eps * abs(center))


def usual_size(subject: Subject, theta: FloatArray, rng: np.random.Generator) -> float:
    """|J| where all parameters are a tenth of their size away from theta; 0 if not finite."""
    away = theta + 0.1 * rng.choice([-1.0, 1.0], theta.shape) * scales(theta)
    J = abs(subject.value(away))
    return J if isfinite(J) else 0.0


def _alike(a: _Look, b: _Look) -> bool:
    """Whether two spacings leave the same, and little of J."""
    low, high = sorted((a.noise, b.noise))
    return high <= ALIKE * low and high <= SHARE * a.largest


def _look(subject: Subject, theta: FloatArray, direction: FloatArray, spacing: float) -> _Look:
    """Nine values of J along a direction, and what their differences say of its noise."""
    points = [theta + i * spacing * direction for i in range(-4, 5)]
    J = np.array([subject.value(x.astype(subject.rounding).astype(float)) for x in points])
    largest = float(np.max(np.abs(J), where=np.isfinite(J), initial=0.0))
    if not np.all(np.isfinite(J)):
        return _Look(inf, largest, 0.0, False)
    noise = min(
        float(np.sqrt(np.mean(np.diff(J, order) ** 2))) / norm
        for order, norm in ((4, 70.0**0.5), (6, 924.0**0.5))
    )
    jumps = np.abs(np.diff(J))
    jump = np.min(jumps, initial=inf, where=jumps > 0.0) if jumps.any() else 0.0
    still = 2 * int(np.count_nonzero(np.diff(J))) < J.size - 1
    return _Look(noise, largest, float(jump), still)
