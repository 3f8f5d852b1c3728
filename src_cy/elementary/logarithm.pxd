"""log and log1p on lanes; see elementary.pxd for the conventions.

x = 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), s = f / (2 + f),
log(1 + f) = 2 atanh(s) = f - (f**2/2 - s (f**2/2 + R(s**2))).
"""

from simd.lanes cimport ilanes_t, lanes_splat, lanes_t, real
from simd.lanes_math cimport (
    MANTISSA_BITS, lanes_add_bits, lanes_bits, lanes_constant, lanes_copysign, lanes_divide,
    lanes_eq, lanes_fma, lanes_from_bits, lanes_infinity, lanes_integer, lanes_lt, lanes_rounded,
    lanes_select, lanes_shift_right, lanes_subtract_bits,
)


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


cdef inline lanes_t _significand_of_any(lanes_t x, lanes_t *k) noexcept nogil:
    """1 + f of any finite x > 0, and k."""
    cdef lanes_t normal = lanes_constant(2.2250738585072014e-308, 1.1754943508222875e-38)
    cdef ilanes_t tiny = lanes_lt(x, normal)
    cdef lanes_t up = x * lanes_constant(18014398509481984.0, 33554432.0)
    cdef lanes_t m = _significand(lanes_select(tiny, up, x), k)
    k[0] = k[0] - lanes_select(tiny, lanes_constant(54, 25), lanes_splat(0))
    return m


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
    low = lanes_fma(s, lanes_fma(p, z, half_square), low)
    return lanes_fma(
        k, lanes_constant(0.6931471805598903, 0.693145751953125), f - (half_square - low))


cdef inline lanes_t _log_or_special(lanes_t x, lanes_t y) noexcept nogil:
    """y = log(x) where 0 < x < inf, else what IEEE says: -inf, NaN, inf."""
    cdef lanes_t infinity = lanes_infinity()
    cdef lanes_t zero = lanes_splat(0)
    y = lanes_select(lanes_lt(x, infinity), y, x)
    y = lanes_select(lanes_eq(x, zero), -infinity, y)
    return lanes_select(lanes_lt(x, zero), infinity - infinity, y)


cdef inline lanes_t lanes_log(lanes_t x) noexcept nogil:
    """Natural logarithm; 0.79 / 0.77 ulp."""
    cdef lanes_t k
    cdef lanes_t f = _significand_of_any(x, &k) - lanes_splat(1)
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
