"""Powers on lanes, x**y for real x and y; see elementary.pxd for the conventions.

|x|**y = exp(y log|x|). An absolute error of the exponent is a relative one of the power, so log|x|
and its product with y are sums of two numbers, high + low, with low below the last place of high.
"""

from elementary.exponential cimport _expm1_reduced, _log2e, _nearest
from elementary.logarithm cimport _significand_of_any
from simd.lanes cimport ilanes_t, lanes_splat, lanes_t, real
from simd.lanes_math cimport (
    MANTISSA_BITS, SIGN_BIT, lanes_abs, lanes_bits, lanes_constant, lanes_divide, lanes_eq,
    lanes_from_bits, lanes_ge, lanes_infinity, lanes_integer, lanes_lt, lanes_min,
    lanes_minus_product, lanes_odd, lanes_rounded, lanes_select, lanes_shift_left,
    lanes_subtract_bits, lanes_with_sign,
)


cdef inline lanes_t _log_in_two(lanes_t x, lanes_t *low) noexcept nogil:
    """log(x) of a finite x > 0; relative error of the sum 2**-64 / 2**-33.

    With f, k, s as in logarithm.pxd and z = s**2: log(x) = k ln 2 + 2s + s z (2/3 + z P(z)). s and
    z (2/3 + z P) have two parts each; z P itself is small enough for one.
    """
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t two = lanes_splat(2)
    cdef lanes_t k, p
    cdef lanes_t m = _significand_of_any(x, &k)
    cdef lanes_t f = m - one
    cdef lanes_t d = m + one
    cdef lanes_t inverse = lanes_divide(one, d)
    cdef lanes_t s = lanes_rounded(f * inverse)
    cdef lanes_t s_low = (lanes_minus_product(f, s, d) - s * (f - (d - two))) * inverse
    cdef lanes_t z = lanes_rounded(s * s)
    cdef lanes_t z_low = (s + s) * s_low - lanes_minus_product(z, s, s)
    cdef lanes_t even, odd, square
    if sizeof(real) == 8:
        square = lanes_rounded(z * z)
        even = lanes_splat(0.13195990630782678) * square + lanes_splat(0.15386755661045642)
        odd = lanes_splat(0.13256855374629745) * square + lanes_splat(0.18181784404621532)
        even = even * square + lanes_splat(0.22222222519479237)
        odd = odd * square + lanes_splat(0.28571428570102153)
        even = even * square + lanes_splat(0.4000000000000225)
        p = odd * z + even
    else:
        p = lanes_splat(0.23419900238513947) * z + lanes_splat(0.2854708433151245)
        p = p * z + lanes_splat(0.40000152587890625)
    p = z * p + lanes_constant(3.700743415417188e-17, -1.9868215517249155e-08)
    cdef lanes_t c = lanes_constant(0.6666666666666666, 0.6666666865348816)
    cdef lanes_t u = c + p
    cdef lanes_t t = lanes_rounded(z * u)
    cdef lanes_t t_low = z * ((c - u) + p) + (z_low * u - lanes_minus_product(t, z, u))
    cdef lanes_t v = lanes_rounded(s * t)
    cdef lanes_t rest = (s * t_low - lanes_minus_product(v, s, t)) + s_low * (t + two)
    rest = k * lanes_constant(5.497923018708371e-14, 1.428606765330187e-06) + rest
    # k ln 2, 2s and v, the largest first
    cdef lanes_t a = lanes_rounded(k * lanes_constant(0.6931471805598903, 0.693145751953125))
    s = s + s
    cdef lanes_t b = a + s
    cdef lanes_t log = b + v
    low[0] = (((a - b) + s) + ((b - log) + v)) + rest
    return log


cdef inline lanes_t _exp_of_two(lanes_t x, lanes_t low) noexcept nogil:
    """e**(x + low), |x| <= 1000 (150), as lanes_exp has it, but the remainder r keeps its low part,
    and so does 1 + r: only the last sum rounds."""
    cdef int bias = 1023 if sizeof(real) == 8 else 127
    cdef lanes_t t = _nearest(x * _log2e(), 2 * bias)
    cdef lanes_t n = t - _nearest(lanes_splat(0), 2 * bias)
    cdef lanes_t h = _nearest(n * lanes_splat(0.5), bias)
    cdef lanes_t first = lanes_from_bits(lanes_shift_left(lanes_bits(h), MANTISSA_BITS))
    cdef lanes_t second = lanes_from_bits(
        lanes_shift_left(lanes_subtract_bits(lanes_bits(t), lanes_bits(h)), MANTISSA_BITS))
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t a = x - n * lanes_constant(0.6931471805598903, 0.693145751953125)  # exact
    low = low - n * lanes_constant(5.497923018708371e-14, 1.428606765330187e-06)
    cdef lanes_t r = a + low
    cdef lanes_t y = one + r
    low = ((one - y) + r) + ((a - r) + low)
    return (_expm1_reduced(r, low) + y) * first * second


cdef inline lanes_t lanes_pow(lanes_t x, lanes_t y) noexcept nogil:
    """x**y; 0.74 / 0.77 ulp. As C99 has it: NaN where x < 0 is finite and y is no integer; 1 where
    x is 1 or y is 0, whatever the other is, and where x is -1 and y infinite."""
    cdef lanes_t infinity = lanes_infinity()
    cdef lanes_t zero = lanes_splat(0)
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t size = lanes_abs(x)
    cdef lanes_t low
    cdef lanes_t log = _log_in_two(size, &low)
    cdef lanes_t factor = y + (size - size)  # NaN where x is
    cdef lanes_t exponent = lanes_rounded(factor * log)
    low = factor * low - lanes_minus_product(exponent, factor, log)
    cdef lanes_t bound = lanes_constant(1000.0, 150.0)
    cdef ilanes_t beyond = lanes_ge(lanes_abs(exponent), bound)
    exponent = lanes_select(beyond, lanes_with_sign(bound, exponent), exponent)
    cdef lanes_t power = _exp_of_two(exponent, lanes_select(beyond, zero, low))

    # |y| + unit has no digits behind the point, and the lowest of its bits says whether it is odd.
    cdef lanes_t unit = lanes_constant(4503599627370496.0, 8388608.0)
    cdef lanes_t steps = lanes_min(unit + unit, lanes_abs(y))
    cdef ilanes_t large = lanes_lt(unit, steps)
    cdef lanes_t nearest = lanes_select(large, steps, steps + unit)
    cdef ilanes_t whole = large | lanes_eq(nearest - unit, steps)

    cdef ilanes_t infinite = lanes_eq(size, infinity)
    cdef ilanes_t edge = (infinite | lanes_eq(size, zero)) & lanes_eq(y, y)
    cdef ilanes_t unity = lanes_eq(size, one) | lanes_eq(y, zero)
    cdef ilanes_t undefined = lanes_lt(x, zero) & ~infinite & ~whole
    cdef lanes_t special = lanes_select(lanes_lt(y, zero) ^ infinite, infinity, zero)
    special = lanes_select(unity, one, special)
    special = lanes_select(undefined, infinity - infinity, special)
    power = lanes_select(edge | unity | undefined, special, power)
    cdef ilanes_t sign = lanes_bits(x) & lanes_integer(SIGN_BIT, SIGN_BIT)
    return lanes_from_bits(lanes_bits(power) ^ (sign & whole & lanes_odd(lanes_bits(nearest))))
