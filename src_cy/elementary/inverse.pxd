"""Inverse trigonometric and hyperbolic functions on lanes; see elementary.pxd for the conventions.

Each is a logarithm or an angle of what is computed without cancellation: of x**2 beside 1 the
factors (1 - x) (1 + x) are taken.
"""

from elementary.logarithm cimport lanes_log1p
from elementary.polar cimport lanes_atan2
from simd.lanes cimport ilanes_t, lanes_splat, lanes_t
from simd.lanes_math cimport (
    lanes_abs, lanes_constant, lanes_copysign, lanes_divide, lanes_gt, lanes_infinity, lanes_lt,
    lanes_rounded, lanes_select, lanes_sqrt,
)


cdef inline lanes_t lanes_one_minus_square(lanes_t x) noexcept nogil:
    """1 - x**2; 1.5 ulp."""
    return (lanes_splat(1) - x) * (lanes_splat(1) + x)


cdef inline lanes_t lanes_arcsin(lanes_t x) noexcept nogil:
    """Arc sine; 1.40 / 1.59 ulp. NaN beyond 1 and -1."""
    return lanes_atan2(x, lanes_sqrt(lanes_one_minus_square(x)))


cdef inline lanes_t lanes_arccos(lanes_t x) noexcept nogil:
    """Arc cosine; 1.24 / 1.17 ulp. NaN beyond 1 and -1."""
    return lanes_atan2(lanes_sqrt(lanes_one_minus_square(x)), x)


cdef inline lanes_t _beyond_squares() noexcept nogil:
    """From here on x is sqrt(x**2 + 1) and log1p(x) is log(x), and x**2 is finite up to here."""
    return lanes_constant(1.152921504606847e18, 1099511627776.0)


cdef inline lanes_t _log1p_or_double(lanes_t x, lanes_t sum) noexcept nogil:
    """log(1 + sum), or log(2x) beyond."""
    cdef ilanes_t far = lanes_gt(x, _beyond_squares())
    cdef lanes_t log2 = lanes_constant(0.6931471805599453, 0.6931471824645996)
    cdef lanes_t log = lanes_log1p(lanes_select(far, x, sum))
    return log + lanes_select(far, log2, lanes_splat(0))


cdef inline lanes_t lanes_arcsinh(lanes_t x) noexcept nogil:
    """Inverse hyperbolic sine, log(x + sqrt(x**2 + 1)); 1.41 / 1.44 ulp.

    With r = sqrt(x**2 + 1) and x > 0, x + r - 1 is x + x**2 / (1 + r).
    """
    cdef lanes_t size = lanes_abs(x)
    cdef lanes_t square = lanes_rounded(size * size)
    cdef lanes_t root = lanes_sqrt(square + lanes_splat(1))
    cdef lanes_t sum = lanes_divide(square, root + lanes_splat(1)) + size
    return lanes_copysign(_log1p_or_double(size, sum), x)


cdef inline lanes_t lanes_arccosh(lanes_t x) noexcept nogil:
    """Inverse hyperbolic cosine, log(x + sqrt(x**2 - 1)); 1.88 / 1.64 ulp. NaN below 1."""
    cdef lanes_t above = x - lanes_splat(1)
    cdef lanes_t sum = lanes_sqrt(lanes_rounded(above * (x + lanes_splat(1)))) + above
    cdef lanes_t nothing = lanes_infinity() - lanes_infinity()
    return lanes_select(lanes_lt(x, lanes_splat(1)), nothing, _log1p_or_double(x, sum))


cdef inline lanes_t lanes_arctanh(lanes_t x) noexcept nogil:
    """Inverse hyperbolic tangent, log((1 + x) / (1 - x)) / 2; 1.50 / 1.63 ulp. Infinite at 1 and
    -1, NaN beyond."""
    cdef lanes_t size = lanes_abs(x)
    cdef lanes_t ratio = lanes_divide(size + size, lanes_splat(1) - size)
    return lanes_copysign(lanes_splat(0.5) * lanes_log1p(ratio), x)
