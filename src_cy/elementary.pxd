"""Elementary functions on lanes: polynomials of our own, since libm does not vectorise.

This file has log and sin; exponential.pxd has exp and what is made of it, normal.pxd erf. All are
to be cimported from here.

One source serves both precisions: `lanes_constant(wide, narrow)` is a number in the digits of
each, and `sizeof(real) == 8` is decided by the C compiler. Coefficients come from coefficients.py.
No operand pair is left for the compiler to fuse in two ways, so builds with fused multiply-add give
the same bits; those without differ in the last place. Infinities, NaN, signed zeros and subnormal
numbers (in and out) are treated as libm treats them.

Errors are the largest seen, in units in the last place, float64 / float32; see
tests/test_elementary.py.
"""

from exponential cimport (
    _nearest, lanes_exp, lanes_exp_negative, lanes_expm1, lanes_sigmoid, lanes_softplus_sigmoid,
    lanes_tanh,
)
from lanes cimport LANES, ilanes_t, lanes_load, lanes_splat, lanes_store, lanes_t, real
from lanes_math cimport (
    LANES_AT_MOST, MANTISSA_BITS, lanes_abs, lanes_add_bits, lanes_any, lanes_bits, lanes_constant,
    lanes_copysign, lanes_divide, lanes_eq, lanes_from_bits, lanes_ge, lanes_gt, lanes_integer,
    lanes_lt, lanes_max, lanes_min, lanes_minus_abs, lanes_odd, lanes_rounded, lanes_select,
    lanes_shift_left, lanes_shift_right, lanes_subtract_bits, lanes_with_sign,
)
from libc.math cimport cos, fabs, sin
from normal cimport lanes_erf, lanes_gaussian, lanes_normal


# log and log1p: x = 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), s = f / (2 + f),
# log(1 + f) = 2 atanh(s) = f - (f**2/2 - s (f**2/2 + R(s**2))).

cdef inline ilanes_t _sqrt_half() noexcept nogil:
    return lanes_integer(0x3FE6A09E667F3BCD, 0x3F3504F3)


cdef inline ilanes_t _one() noexcept nogil:
    return lanes_integer(0x3FF0000000000000, 0x3F800000)


cdef inline lanes_t _significand(lanes_t x, lanes_t *k) noexcept nogil:
    """1 + f of a normal x > 0, and k."""
    cdef ilanes_t i = lanes_add_bits(lanes_bits(x), _one() - _sqrt_half())
    cdef ilanes_t exponent = lanes_shift_right(i, MANTISSA_BITS)
    k[0] = lanes_from_bits(exponent | lanes_integer(0x4330000000000000, 0x4B000000))
    k[0] = k[0] - lanes_constant(4503599627370496.0 + 1023, 8388608.0 + 127)
    i = i & lanes_integer(0x000FFFFFFFFFFFFF, 0x007FFFFF)
    return lanes_from_bits(i + _sqrt_half())


cdef inline lanes_t _log_sum(lanes_t k, lanes_t f) noexcept nogil:
    """k ln 2 + log(1 + f)."""
    cdef lanes_t s = lanes_divide(f, f + lanes_splat(2))
    cdef lanes_t z = s * s
    cdef lanes_t half_square = lanes_rounded(f * (f * lanes_splat(0.5)))
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(0.14795489704105003) * z + lanes_splat(0.1531409963455421)
        p = p * z + lanes_splat(0.18183562269984235)
        p = p * z + lanes_splat(0.2222219861584323)
        p = p * z + lanes_splat(0.28571428741934923)
        p = p * z + lanes_splat(0.39999999999416935)
        p = p * z + lanes_splat(0.6666666666666734)
    else:
        p = lanes_splat(0.29870694875717163) * z + lanes_splat(0.3997758626937866)
        p = p * z + lanes_splat(0.6666677594184875)
    cdef lanes_t low = k * lanes_constant(5.497923018708371e-14, 1.428606765330187e-06)
    low = lanes_rounded(low)
    low = s * (p * z + half_square) + low
    return k * lanes_constant(0.6931471805598903, 0.693145751953125) + (f - (half_square - low))


cdef inline lanes_t _log_or_special(lanes_t x, lanes_t y) noexcept nogil:
    """y = log(x) where 0 < x < inf, else what IEEE says: -inf, NaN, inf."""
    cdef lanes_t infinity = lanes_from_bits(lanes_integer(0x7FF0000000000000, 0x7F800000))
    cdef lanes_t zero = lanes_splat(0)
    y = lanes_select(lanes_lt(x, infinity), y, x)
    y = lanes_select(lanes_eq(x, zero), -infinity, y)
    return lanes_select(lanes_lt(x, zero), infinity - infinity, y)


cdef inline lanes_t lanes_log(lanes_t x) noexcept nogil:
    """Natural logarithm; 0.79 / 0.77 ulp."""
    cdef lanes_t normal = lanes_constant(2.2250738585072014e-308, 1.1754943508222875e-38)
    cdef ilanes_t tiny = lanes_lt(x, normal)
    cdef lanes_t k
    cdef lanes_t up = x * lanes_constant(18014398509481984.0, 33554432.0)
    cdef lanes_t f = _significand(lanes_select(tiny, up, x), &k) - lanes_splat(1)
    k = k - lanes_select(tiny, lanes_constant(54, 25), lanes_splat(0))
    return _log_or_special(x, _log_sum(k, f))


cdef inline lanes_t lanes_log1p(lanes_t x) noexcept nogil:
    """log(1 + x); 1.35 / 1.38 ulp. What rounding 1 + x has cut off is added to f."""
    cdef lanes_t u = x + lanes_splat(1)
    cdef lanes_t b = u - lanes_splat(1)
    cdef lanes_t cut = (lanes_splat(1) - (u - b)) + (x - b)
    cdef lanes_t k
    cdef lanes_t m = _significand(u, &k)
    cdef lanes_t scale = lanes_from_bits(
        lanes_add_bits(lanes_subtract_bits(lanes_bits(m), lanes_bits(u)), _one()))
    cut = lanes_select(lanes_lt(x, lanes_constant(1e20, 1e10)), cut * scale, lanes_splat(0))
    cdef lanes_t f = cut + (m - lanes_splat(1))
    return lanes_copysign(_log_or_special(u, _log_sum(k, f)), x)


# sin and cos: x = n pi/2 + h + low with |h| <= pi/4 and low below its last place. pi/2 has four
# parts, the first three so short that their products with n are exact up to the bound; libm beyond.

cdef inline void _sine_cosine(
    lanes_t x, lanes_t *sine, lanes_t *cosine, ilanes_t *n
) noexcept nogil:
    """sin(h + low), cos(h + low) and n (its lowest bits) for |x| up to _trig_bound()."""
    cdef lanes_t t = _nearest(x * lanes_constant(0.6366197723675814, 0.6366197466850281), 0)
    n[0] = lanes_bits(t)
    t = t - _nearest(lanes_splat(0), 0)
    cdef lanes_t a = x - t * lanes_constant(1.5707963267341256, 1.57080078125)
    cdef lanes_t b = a - t * lanes_constant(6.077100506303966e-11, -4.454515874385834e-06)
    cdef lanes_t low = (a - b) - t * lanes_constant(6.077100506303966e-11, -4.454515874385834e-06)
    cdef lanes_t h = b - t * lanes_constant(2.0222662487111665e-21, 6.076561476220377e-11)
    low = low + ((b - h) - t * lanes_constant(2.0222662487111665e-21, 6.076561476220377e-11))
    low = low - t * lanes_constant(8.4784276603689e-32, 5.390302953474238e-15)

    cdef lanes_t u = h * h
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(1.5895433282063223e-10) * u + lanes_splat(-2.5050734389185376e-08)
        p = p * u + lanes_splat(2.755731353851405e-06)
        p = p * u + lanes_splat(-0.00019841269829358528)
        p = p * u + lanes_splat(0.00833333333332184)
        p = p * u + lanes_splat(-0.1666666666666663)
    else:
        p = lanes_splat(-0.00019518288900144398) * u + lanes_splat(0.008332189172506332)
        p = p * u + lanes_splat(-0.16666655242443085)
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t w = one - u * lanes_splat(0.5)
    sine[0] = h + ((h * u) * p + lanes_rounded(low * w))
    if sizeof(real) == 8:
        p = lanes_splat(-1.1358740979413157e-11) * u + lanes_splat(2.0875705255272026e-09)
        p = p * u + lanes_splat(-2.755731421616885e-07)
        p = p * u + lanes_splat(2.4801587288999782e-05)
        p = p * u + lanes_splat(-0.001388888888887334)
        p = p * u + lanes_splat(0.041666666666666595)
    else:
        p = lanes_splat(2.4432327336398885e-05) * u + lanes_splat(-0.0013887309469282627)
        p = p * u + lanes_splat(0.04166664555668831)
    cdef lanes_t cut = (one - w) - u * lanes_splat(0.5)
    cosine[0] = w + ((u * u) * p + (cut - lanes_rounded(h * low)))


cdef inline lanes_t _quadrant(ilanes_t n, lanes_t sine, lanes_t cosine) noexcept nogil:
    """sin(n pi/2 + h) from sin(h) and cos(h)."""
    cdef lanes_t v = lanes_select(lanes_odd(n), cosine, sine)
    cdef ilanes_t sign = lanes_shift_left(n & lanes_integer(2, 2), 8 * <int>sizeof(real) - 2)
    return lanes_from_bits(lanes_bits(v) ^ sign)


cdef inline lanes_t _trig_bound() noexcept nogil:
    return lanes_constant(1.6e6, 3200.0)


cdef inline lanes_t _libm_beyond_bound(lanes_t x, lanes_t near, bint cosine) noexcept nogil:
    """near, with the lanes beyond the bound replaced: a lane never depends on its neighbours."""
    cdef real far[LANES_AT_MOST]
    cdef real y[LANES_AT_MOST]
    cdef int k
    if not lanes_any(lanes_ge(lanes_abs(x), _trig_bound())):
        return near
    lanes_store(far, x)
    lanes_store(y, near)
    for k in range(LANES):
        if fabs(far[k]) >= (1.6e6 if sizeof(real) == 8 else 3200.0):
            y[k] = <real>(cos(far[k]) if cosine else sin(far[k]))
    return lanes_load(y)


cdef inline lanes_t lanes_sin(lanes_t x) noexcept nogil:
    """Sine; 0.78 / 0.77 ulp up to 1.6e6 / 3200, libm beyond."""
    cdef lanes_t sine, cosine
    cdef ilanes_t n
    _sine_cosine(x, &sine, &cosine, &n)
    sine = lanes_select(lanes_eq(x, lanes_splat(0)), x, _quadrant(n, sine, cosine))
    return _libm_beyond_bound(x, sine, False)


cdef inline lanes_t lanes_cos(lanes_t x) noexcept nogil:
    """Cosine; 0.76 / 0.80 ulp up to 1.6e6 / 3200, libm beyond."""
    cdef lanes_t sine, cosine
    cdef ilanes_t n
    _sine_cosine(x, &sine, &cosine, &n)
    return _libm_beyond_bound(x, _quadrant(n + lanes_integer(1, 1), sine, cosine), True)
