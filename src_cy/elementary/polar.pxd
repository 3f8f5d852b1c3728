"""Length and angle of a point (x, y) on lanes; see elementary.pxd for the conventions.

Both coordinates are first divided by the power of two of the larger, so that nothing overflows or
underflows on the way.
"""

from simd.lanes cimport ilanes_t, lanes_splat, lanes_t, real
from simd.lanes_math cimport (
    SIGN_BIT, lanes_abs, lanes_bits, lanes_constant, lanes_divide, lanes_eq, lanes_from_bits,
    lanes_gt, lanes_infinity, lanes_integer, lanes_max, lanes_minus_product, lanes_negative,
    lanes_rounded, lanes_select, lanes_sqrt, lanes_with_sign,
)


cdef inline lanes_t _power_of_two(lanes_t v) noexcept nogil:
    """The largest power of two up to v >= 0, but that of the smallest normal number at least."""
    v = lanes_max(lanes_constant(2.2250738585072014e-308, 1.1754943508222875e-38), v)
    return lanes_from_bits(lanes_bits(v) & lanes_bits(lanes_infinity()))


cdef inline lanes_t _two_over(lanes_t power) noexcept nogil:
    """2 / power for a power of two, by its exponent."""
    return lanes_from_bits(lanes_bits(lanes_infinity()) - lanes_bits(power))


cdef inline lanes_t lanes_hypot(lanes_t x, lanes_t y) noexcept nogil:
    """sqrt(x**2 + y**2); 1.13 / 1.15 ulp. Infinite if x or y is, also beside NaN."""
    x = lanes_abs(x)
    y = lanes_abs(y)
    cdef ilanes_t swap = lanes_gt(x, y)
    cdef lanes_t large = lanes_select(swap, x, y)
    cdef lanes_t small = lanes_select(swap, y, x)
    cdef lanes_t power = _power_of_two(large)
    cdef lanes_t scale = _two_over(power)
    large = large * scale
    small = small * scale
    cdef lanes_t length = lanes_sqrt(small * small + lanes_rounded(large * large))
    length = (length * lanes_splat(0.5)) * power
    cdef ilanes_t infinite = lanes_eq(x, lanes_infinity()) | lanes_eq(y, lanes_infinity())
    return lanes_select(infinite, lanes_infinity(), length)


cdef inline lanes_t _atan_rest(lanes_t t) noexcept nogil:
    """atan(t) - t, |t| <= 1/2."""
    cdef lanes_t u = t * t
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(0.010116440064114954) * u + lanes_splat(-0.027434393637234256)
        p = p * u + lanes_splat(0.04186471530575212)
        p = p * u + lanes_splat(-0.05121994855143744)
        p = p * u + lanes_splat(0.05858296649434693)
        p = p * u + lanes_splat(-0.06663810315307858)
        p = p * u + lanes_splat(0.07692073886840826)
        p = p * u + lanes_splat(-0.09090896243381082)
        p = p * u + lanes_splat(0.11111110659595448)
        p = p * u + lanes_splat(-0.14285714276385272)
        p = p * u + lanes_splat(0.19999999999903106)
        p = p * u + lanes_splat(-0.3333333333333298)
    else:
        p = lanes_splat(0.0390421524643898) * u + lanes_splat(-0.08009076118469238)
        p = p * u + lanes_splat(0.10948410630226135)
        p = p * u + lanes_splat(-0.14273107051849365)
        p = p * u + lanes_splat(0.19999554753303528)
        p = p * u + lanes_splat(-0.333333283662796)
    return (t * u) * p


cdef inline lanes_t lanes_atan2(lanes_t y, lanes_t x) noexcept nogil:
    """The angle of (x, y) in [-pi, pi]; 0.75 / 0.78 ulp. Signs of zeros say which side of a
    quadrant's edge is meant, as in C99.

    With a = min(|x|, |y|) and b = max(|x|, |y|), the angle is a multiple of pi/4 plus or minus
    atan(t), t = a/b where that is at most 1/2, else (a - b)/(a + b). t and pi/4 have two parts.
    """
    cdef lanes_t zero = lanes_splat(0)
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t height = lanes_abs(y)
    cdef lanes_t width = lanes_abs(x)
    cdef ilanes_t steep = lanes_gt(height, width)
    cdef lanes_t a = lanes_select(steep, width, height)
    cdef lanes_t b = lanes_select(steep, height, width)
    cdef lanes_t scale = _two_over(_power_of_two(b))
    cdef ilanes_t infinite = lanes_eq(b, lanes_infinity())
    a = lanes_select(infinite, lanes_select(lanes_eq(a, b), one, a * zero), a * scale)
    # Not 0: 0/0 is to be 0 here.
    b = lanes_max(lanes_splat(8.673617379884035e-19), lanes_select(infinite, one, b * scale))

    cdef ilanes_t middle = lanes_gt(a + a, b)
    cdef lanes_t top = lanes_select(middle, a - b, a)
    cdef lanes_t bottom = lanes_select(middle, a + b, b)
    cdef lanes_t bottom_rest = lanes_select(middle, (b - bottom) + a, zero)
    cdef lanes_t inverse = lanes_divide(one, bottom)
    cdef lanes_t t = lanes_rounded(top * inverse)
    cdef lanes_t rest = lanes_minus_product(top, t, bottom) - t * bottom_rest
    cdef lanes_t u = t * t
    rest = (rest * inverse) * (one - u * (one - u))  # the slope of atan, 1/(1 + u), nearly
    rest = _atan_rest(t) + lanes_rounded(rest)

    cdef ilanes_t left = lanes_negative(x)
    cdef ilanes_t back = (left ^ steep) & lanes_integer(SIGN_BIT, SIGN_BIT)
    t = lanes_from_bits(lanes_bits(t) ^ back)
    rest = lanes_from_bits(lanes_bits(rest) ^ back)
    cdef lanes_t eighths = lanes_select(middle, one, zero)
    eighths = lanes_select(steep, lanes_splat(2) - eighths, eighths)
    eighths = lanes_select(left, lanes_splat(4) - eighths, eighths)
    cdef lanes_t edge = eighths * lanes_constant(0.7853981633974483, 0.785398006439209)  # exact
    cdef lanes_t angle = edge + t
    rest = ((edge - angle) + t) + rest
    rest = eighths * lanes_constant(3.061616997868383e-17, 1.5695823663008923e-07) + rest
    return lanes_with_sign(angle + rest, y)
