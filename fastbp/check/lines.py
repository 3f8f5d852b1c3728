"""J along one parameter, or along one direction."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from fastbp.check.contract import FloatArray, Subject

COMPLEX_STEP = 1e-20


class Line(Protocol):
    """J along one direction through theta.

    `given` is the slope that the gradient claims, `size` turns the relative step h into a length.
    `native` is |theta| in relative steps, `scale` the larger of it and of what other parameters
    have: the scale on which J may be expected to change. `usual` is the size of J that far away.
    Calling the line with h returns (the displacement really made after rounding, J there).
    """

    given: float
    size: float
    native: float
    scale: float
    usual: float

    def __call__(self, h: float) -> tuple[float, float]: ...

    def complex_slope(self) -> float:
        """The slope of J along the line, by a complex step."""
        ...


class Coordinate:
    """The line along one parameter; `middle` is a middle one of all |theta|.

    `work` is shared by all lines and put back after each call.
    """

    __slots__ = ("_index", "_subject", "_theta", "_type", "_work", "given", "native", "scale",
                 "size", "usual")  # fmt: skip

    def __init__(
        self,
        subject: Subject,
        theta: FloatArray,
        work: FloatArray,
        index: int,
        given: float,
        middle: float,
    ) -> None:
        self._subject = subject
        self._theta = float(theta[index])
        self._work = work
        self._index = index
        self._type = subject.rounding.type
        self.given = given
        self.usual = subject.usual
        self.size = max(1.0, abs(self._theta))
        self.native = abs(self._theta) / self.size or 1.0
        self.scale = min(1.0, max(abs(self._theta), middle) / self.size)

    def __call__(self, h: float) -> tuple[float, float]:
        x = float(self._type(self._theta + h * self.size))
        self._work[self._index] = x
        J = self._subject.value(self._work)
        self._work[self._index] = self._theta
        return x - self._theta, J

    def complex_slope(self) -> float:
        """Im J(theta + i·1e-20·e_j) / 1e-20; nan where J takes no complex theta."""
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
        self.usual = subject.usual
        nonzero = np.abs(theta[indices]) > 0.0
        shares = np.abs(theta[indices][nonzero] / v[nonzero])
        self.native = float(min(1.0, np.min(shares, initial=1.0)))
        self.scale = float(min(1.0, np.median(shares))) if shares.size else 1.0

    def __call__(self, h: float) -> tuple[float, float]:
        x = self._theta.copy()
        start = x[self._indices]
        end = (start + h * self._v).astype(self._subject.rounding).astype(np.float64)
        x[self._indices] = end
        # Rounding moves the points off the line a little; the gradient says what that adds to J.
        bend = float(self._gradient @ (end - start - h * self._v))
        return h, self._subject.value(x) - bend

    def complex_slope(self) -> float:
        """Im J(theta + i·1e-20·v) / 1e-20; nan where J takes no complex theta."""
        x = self._theta.astype(np.complex128)
        x[self._indices] += 1j * COMPLEX_STEP * self._v
        return self._subject.complex_value(x).imag / COMPLEX_STEP


def rademacher(rng: np.random.Generator, theta: FloatArray) -> FloatArray:
    """A random direction: random signs times each parameter's size, of length about 1."""
    signs = rng.integers(0, 2, theta.shape) * 2.0 - 1.0
    sized: FloatArray = signs * np.maximum(1.0, np.abs(theta)) / np.sqrt(theta.size)
    return sized
