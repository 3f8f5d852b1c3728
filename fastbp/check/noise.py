"""How uncertain is one value of a cost?

A cost is a smooth function and noise: rounding, float32 somewhere inside, an iteration that stops
early, six printed digits. Differences of high order on close points wipe out what is smooth; what
is left is the noise, times the root of a sum of squared binomials (Moré and Wild, Estimating
computational noise, SIAM J. Sci. Comput. 33, 2011). Points that lie too close show no noise,
because J stands still between them; points too far apart show the shape of J. So the spacing is
moved until neither is the case.
"""

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from fastbp.check.contract import FloatArray, Subject, scales

STRIDE = 32.0
WIDEST, NARROWEST = 0.05, 1e-17


@dataclass(frozen=True, slots=True)
class _Look:
    """Nine values of J at one spacing: does J stand still, does it show its shape, its noise."""

    flat: bool
    shaped: bool
    noise: float
    largest: float


def noise_of(subject: Subject, theta: FloatArray, rng: np.random.Generator, eps: float) -> float:
    """The uncertainty of one value of J near theta: four standard deviations of its noise.

    It is never less than four roundings of J, and that at the better of two spacings: a kink
    between the points looks like noise.
    """
    direction = rng.choice([-1.0, 1.0], theta.shape) * scales(theta)
    spacing = float(eps**0.55)
    look = _look(subject, theta, direction, spacing)
    while look.flat and spacing * STRIDE <= WIDEST:
        spacing *= STRIDE
        look = _look(subject, theta, direction, spacing)
    looks, falls = [look], True
    while falls and spacing / STRIDE >= NARROWEST:
        spacing /= STRIDE
        closer = _look(subject, theta, direction, spacing)
        # As long as closer points show much less of it, it was the shape of J and no noise.
        falls = not closer.flat and (look.shaped or closer.noise < look.noise / 8.0)
        looks.append(closer)
        look = closer
    rough = min((look.noise for look in looks if not look.flat), default=0.0)
    largest = max(look.largest for look in looks)
    return 4.0 * max(rough if isfinite(rough) else 0.0, eps * largest)


def _look(subject: Subject, theta: FloatArray, direction: FloatArray, spacing: float) -> _Look:
    points = [theta + i * spacing * direction for i in range(-4, 5)]
    J = np.array([subject.value(x.astype(subject.rounding).astype(float)) for x in points])
    largest = float(np.max(np.abs(J), where=np.isfinite(J), initial=0.0))
    if not np.all(np.isfinite(J)):
        return _Look(False, True, inf, largest)
    fourth, sixth = (
        float(np.median(np.abs(np.diff(J, order)))) / 0.6745 / norm
        for order, norm in ((4, 70.0**0.5), (6, 924.0**0.5))
    )
    flat = 2 * int(np.count_nonzero(np.diff(J))) < J.size - 1
    return _Look(flat, sixth < 0.2 * fourth, min(fourth, sixth), largest)
