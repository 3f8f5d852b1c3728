"""exp and its relatives on lanes; see elementary.pxd for the conventions.

x = n ln 2 + r with |r| <= ln 2 / 2; exp(x) = 2**n (1 + expm1(r)).
"""

from simd.lanes cimport lanes_splat, lanes_t, real
from simd.lanes_math cimport (
    MANTISSA_BITS, lanes_abs, lanes_bits, lanes_constant, lanes_copysign, lanes_divide, lanes_eq,
    lanes_fma, lanes_from_bits, lanes_lt, lanes_max, lanes_maximum, lanes_min, lanes_minus_abs,
    lanes_rounded, lanes_select, lanes_shift_left, lanes_subtract_bits, lanes_with_sign,
)


cdef inline lanes_t _nearest(lanes_t x, int bias) noexcept nogil:
    """x rounded to an integer, plus bias, in the lowest bits of a float near
    1.5 2**MANTISSA_BITS."""
    return x + (lanes_constant(6755399441055744.0, 12582912.0) + lanes_splat(bias))


cdef inline lanes_t _remainder(lanes_t x, lanes_t n) noexcept nogil:
    """x - n ln 2; the product with the first part of ln 2 is exact."""
    cdef lanes_t r = x - n * lanes_constant(0.6931471805598903, 0.693145751953125)
    return r - n * lanes_constant(5.497923018708371e-14, 1.428606765330187e-06)


cdef inline lanes_t _expm1_reduced(lanes_t r, lanes_t last) noexcept nogil:
    """r**2 Q(r) + last, where r**2 Q(r) + r = expm1(r); even and odd powers of Q in parallel."""
    cdef lanes_t s = r * r
    cdef lanes_t even, odd
    if sizeof(real) == 8:
        even = lanes_splat(2.762603793338099e-07) * s + lanes_splat(2.480150527366177e-05)
        odd = lanes_splat(2.5053770148985287e-08) * s + lanes_splat(2.7557407556203304e-06)
        even = even * s + lanes_splat(0.0013888888931565008)
        odd = odd * s + lanes_splat(0.0001984126971899396)
        even = even * s + lanes_splat(0.04166666666657676)
        odd = odd * s + lanes_splat(0.008333333333389557)
        even = even * s + lanes_splat(0.5000000000000006)
        odd = odd * s + lanes_splat(0.16666666666666588)
    else:
        even = lanes_splat(0.0013882522471249104) * s + lanes_splat(0.04166720062494278)
        odd = lanes_splat(0.008366520516574383) * s + lanes_splat(0.1666654348373413)
        even = even * s + lanes_splat(0.4999999701976776)
    return (odd * r + even) * s + last


cdef inline lanes_t _log2e() noexcept nogil:
    return lanes_constant(1.4426950408889634, 1.4426950216293335)


cdef inline lanes_t lanes_exp_parts(lanes_t x, lanes_t *scale) noexcept nogil:
    """e**x without its last product, which is that with scale: a caller that adds to it fuses both.

    The power of two is applied in two halves: no overflow before its time, and one rounding where
    the result is subnormal."""
    cdef int bias = 1023 if sizeof(real) == 8 else 127
    x = lanes_max(lanes_constant(-746.0, -105.0), x)
    x = lanes_min(lanes_constant(710.0, 89.0), x)
    cdef lanes_t t = _nearest(x * _log2e(), 2 * bias)
    cdef lanes_t n = t - _nearest(lanes_splat(0), 2 * bias)
    cdef lanes_t h = _nearest(n * lanes_splat(0.5), bias)
    cdef lanes_t first = lanes_from_bits(lanes_shift_left(lanes_bits(h), MANTISSA_BITS))
    scale[0] = lanes_from_bits(
        lanes_shift_left(lanes_subtract_bits(lanes_bits(t), lanes_bits(h)), MANTISSA_BITS))
    cdef lanes_t r = _remainder(x, n)
    return _expm1_reduced(r, r) * first + first


cdef inline lanes_t lanes_exp(lanes_t x) noexcept nogil:
    """e**x; 1.08 / 1.05 ulp."""
    cdef lanes_t scale
    cdef lanes_t part = lanes_exp_parts(x, &scale)
    return part * scale


cdef inline lanes_t _exp_negative(lanes_t x, lanes_t rest) noexcept nogil:
    """e**(x - rest) for x <= 0 and a small rest, in fewer instructions than exp: the result is made
    2**100 (2**32) times too large, so that one power of two will do, and scaled down after that."""
    cdef int bias = 1023 + 100 if sizeof(real) == 8 else 127 + 32
    x = lanes_max(lanes_constant(-746.0, -105.0), x)
    cdef lanes_t t = _nearest(x * _log2e(), bias)
    cdef lanes_t n = t - _nearest(lanes_splat(0), bias)
    cdef lanes_t scale = lanes_from_bits(lanes_shift_left(lanes_bits(t), MANTISSA_BITS))
    cdef lanes_t r = _remainder(x, n) - rest
    cdef lanes_t y = _expm1_reduced(r, r) * scale + scale
    return y * lanes_constant(7.888609052210118e-31, 2.3283064365386963e-10)


cdef inline lanes_t lanes_exp_negative(lanes_t x) noexcept nogil:
    """e**x for x <= 0; 1.08 / 1.05 ulp."""
    return _exp_negative(x, lanes_splat(0))


cdef inline lanes_t lanes_expm1_exp(lanes_t x, lanes_t low, lanes_t *power) noexcept nogil:
    """e**x - 1 from x = low on, and e**x; below both are those of low."""
    cdef int bias = 1023 - 1 if sizeof(real) == 8 else 127 - 1
    cdef lanes_t y = lanes_max(low, x)
    y = lanes_min(lanes_constant(710.0, 89.0), y)
    cdef lanes_t t = _nearest(y * _log2e(), bias)
    cdef lanes_t n = t - _nearest(lanes_splat(0), bias)
    cdef lanes_t scale = lanes_from_bits(lanes_shift_left(lanes_bits(t), MANTISSA_BITS))
    cdef lanes_t a = y - n * lanes_constant(0.6931471805598903, 0.693145751953125)  # exact
    cdef lanes_t tail = n * lanes_constant(5.497923018708371e-14, 1.428606765330187e-06)
    tail = lanes_rounded(tail)
    cdef lanes_t r = a - tail
    cdef lanes_t p = _expm1_reduced(r, (a - r) - tail) + r  # with what rounding r has cut off
    cdef lanes_t half = lanes_fma(p, scale, scale - lanes_splat(0.5))  # 2**1024: double last
    cdef lanes_t half_power = lanes_fma(p, scale, scale)    # p scale alone may underflow
    power[0] = half_power + half_power
    return lanes_copysign(lanes_select(lanes_eq(n, lanes_splat(0)), p, half + half), x)


cdef inline lanes_t lanes_expm1(lanes_t x) noexcept nogil:
    """e**x - 1; 1.64 / 1.74 ulp."""
    cdef lanes_t power
    return lanes_expm1_exp(x, lanes_constant(-40.0, -20.0), &power)


cdef inline lanes_t _half_expm1(lanes_t y) noexcept nogil:
    """g = expm1(2 y) / 2 for y >= 0, by y = n ln 2 / 2 + r.

    One part of ln 2 / 2 is enough where tanh is made of it. n is rounded down: r >= 0, so that no
    term of g = 2**n r + 2**n r**2 Q(r) + (2**n - 1) / 2 cancels another.
    """
    cdef int bias = 1023 if sizeof(real) == 8 else 127
    cdef lanes_t half = lanes_splat(0.5)
    # 255/512: rounds down almost always, and never in doubt near 0
    cdef lanes_t t = _nearest(y * (_log2e() + _log2e()) - lanes_splat(0.498046875), bias)
    cdef lanes_t n = t - _nearest(lanes_splat(0), bias)
    cdef lanes_t scale = lanes_from_bits(lanes_shift_left(lanes_bits(t), MANTISSA_BITS))
    cdef lanes_t r = y - n * lanes_constant(0.34657359027997264, 0.3465735912322998)
    cdef lanes_t s = r * r
    cdef lanes_t even, odd
    if sizeof(real) == 8:
        even = lanes_splat(0.00013292158331329977) * s + lanes_splat(0.0031734992569383614)
        odd = lanes_splat(3.5198822420664296e-05) * s + lanes_splat(0.0007093055924258993)
        even = even * s + lanes_splat(0.04444442093507578)
        odd = odd * s + lanes_splat(0.012698614675448883)
        even = even * s + lanes_splat(0.3333333332641476)
        odd = odd * s + lanes_splat(0.133333335019026)
        even = even * s + lanes_splat(0.9999999999999902)
        odd = odd * s + lanes_splat(0.6666666666680671)
    else:
        even = lanes_splat(0.0595334954559803) * s + lanes_splat(0.3343588709831238)
        odd = lanes_splat(0.12740087509155273) * s + lanes_splat(0.6665907502174377)
        even = even * s + lanes_splat(1.0000017881393433)
    return ((odd * r + even) * s + r) * scale + (scale * half - half)


cdef inline lanes_t lanes_tanh_rest(lanes_t x, lanes_t *rest) noexcept nogil:
    """|tanh x| = g / (g + 1), g = expm1(2|x|) / 2, and 1 - |tanh x| = 1 / (g + 1), which keeps its
    digits far out, down to 2e-304 (9e-38).

    The error of g matters less and less as g grows, where that of expm1(-2|x|) would be doubled.
    1 - rest lacks the digits of a small g that 1 + g cut: they are what is left of g / (g + 1)
    after it.
    """
    cdef lanes_t g = _half_expm1(lanes_min(lanes_constant(350.0, 43.0), lanes_abs(x)))
    rest[0] = lanes_divide(lanes_splat(1), g + lanes_splat(1))
    cdef lanes_t q = lanes_splat(1) - rest[0]
    return q - rest[0] * (q - rest[0] * g)


cdef inline lanes_t lanes_tanh(lanes_t x) noexcept nogil:
    """tanh x; 1.66 / 1.65 ulp (2.04 / 2.02 without fused multiply-add)."""
    cdef lanes_t rest
    return lanes_with_sign(lanes_tanh_rest(x, &rest), x)


cdef inline lanes_t lanes_sigmoid_tail(lanes_t x) noexcept nogil:
    """sigmoid(-|x|) = e / (1 + e), e = e**-|x|: the smaller of sigmoid(x) and 1 - sigmoid(x)."""
    cdef lanes_t e = lanes_exp_negative(lanes_minus_abs(x))
    return lanes_divide(e, e + lanes_splat(1))


cdef inline lanes_t lanes_sigmoid(lanes_t x) noexcept nogil:
    """1 / (1 + e**-x); 2.17 / 2.17 ulp. It is e / (1 + e), e = e**x, where x < 0: small results
    keep their digits."""
    cdef lanes_t e = lanes_exp_negative(lanes_minus_abs(x))
    cdef lanes_t top = lanes_select(lanes_lt(x, lanes_splat(0)), e, lanes_splat(1))
    return lanes_divide(top, e + lanes_splat(1))


cdef inline lanes_t lanes_softplus_excess(lanes_t x, lanes_t *power) noexcept nogil:
    """softplus(x) - max(x, 0) = log(1 + e) with e = e**-|x|, which is returned too.

    A polynomial, since 0 <= e <= 1.
    """
    cdef lanes_t e = lanes_exp_negative(lanes_minus_abs(x))
    cdef lanes_t s = e * e
    cdef lanes_t p, high
    if sizeof(real) == 8:
        p = lanes_splat(0.09013171156706128) * e + lanes_splat(-0.099810204526946)
        high = lanes_splat(2.5333325131714726e-05) * e + lanes_splat(-0.0002917958630027552)
        p = p * e + lanes_splat(0.11107507347074107)
        high = high * e + lanes_splat(0.0015959053828654643)
        p = p * e + lanes_splat(-0.12499479863528921)
        high = high * e + lanes_splat(-0.005543587872277336)
        p = p * e + lanes_splat(0.14285658931689363)
        high = high * e + lanes_splat(0.013839549981748665)
        p = p * e + lanes_splat(-0.1666666250188665)
        high = high * e + lanes_splat(-0.026745364658773568)
        p = p * e + lanes_splat(0.1999999979154793)
        high = high * e + lanes_splat(0.042301652577294825)
        p = p * e + lanes_splat(-0.24999999993685926)
        high = high * e + lanes_splat(-0.057503307094544764)
        p = p * e + lanes_splat(0.33333333333235254)
        high = high * e + lanes_splat(0.07035626575587274)
        p = p * e + lanes_splat(-0.4999999999999946)
        high = high * e + lanes_splat(-0.08081254845894188)
        p = high * ((s * s) * (s * s) * s) + p
    else:
        p = lanes_splat(-0.003290468594059348) * e + lanes_splat(0.020086241886019707)
        p = p * e + lanes_splat(-0.05745723098516464)
        p = p * e + lanes_splat(0.10661128163337708)
        p = p * e + lanes_splat(-0.15344880521297455)
        p = p * e + lanes_splat(0.19692102074623108)
        p = p * e + lanes_splat(-0.24958018958568573)
        p = p * e + lanes_splat(0.33330464363098145)
        p = p * e + lanes_splat(-0.4999993145465851)
    power[0] = e
    return p * s + e


cdef inline void lanes_softplus_sigmoid(
    lanes_t x, lanes_t *excess, lanes_t *sigmoid
) noexcept nogil:
    """softplus(x) - max(x, 0), and the slope of softplus, 1 / (1 + e**-x), from one exponential and
    one division; softplus has 1.94 / 1.76 ulp (2.41 / 2.16 without fused multiply-add), sigmoid
    2.17 / 2.17 ulp."""
    cdef lanes_t e
    excess[0] = lanes_softplus_excess(x, &e)
    cdef lanes_t top = lanes_select(lanes_lt(x, lanes_splat(0)), e, lanes_splat(1))
    sigmoid[0] = lanes_divide(top, e + lanes_splat(1))


cdef inline lanes_t lanes_softplus(lanes_t x) noexcept nogil:
    """log(1 + e**x) = max(x, 0) + log1p(e**-|x|); 1.94 / 1.76 ulp."""
    cdef lanes_t excess, slope
    lanes_softplus_sigmoid(x, &excess, &slope)
    return lanes_max(lanes_splat(0), x) + excess


cdef inline lanes_t lanes_sigmoid_slope(lanes_t x) noexcept nogil:
    """e / (1 + e)**2 with e = e**-|x|, the slope of sigmoid; 2.15 / 2.12 ulp. Small results keep
    their digits, which s (1 - s) does not. The square is 1 + e (2 + e): one rounding less."""
    cdef lanes_t e = lanes_exp_negative(lanes_minus_abs(x))
    return lanes_divide(e, e * (e + lanes_splat(2)) + lanes_splat(1))


cdef inline lanes_t lanes_logaddexp(lanes_t x, lanes_t y) noexcept nogil:
    """log(e**x + e**y) = max(x, y) + log1p(e**-|x - y|); within 3 ulp of the larger of the two
    terms. Equal infinities give themselves."""
    cdef lanes_t e
    cdef lanes_t excess = lanes_softplus_excess(x - y, &e)
    cdef lanes_t log2 = lanes_constant(0.6931471805599453, 0.6931471824645996)
    excess = lanes_select(lanes_eq(x, y), log2, excess)
    return lanes_maximum(x, y) + excess
