"""Sine, cosine and tangent on lanes; see elementary.pxd for the conventions.

x = n pi/2 + h + low with |h| <= pi/4 and low below its last place. pi/2 has four parts, the first
three so short that their products with n are exact up to the bound; libm beyond.
"""

from elementary.exponential cimport _nearest
from libc.math cimport cos, fabs, sin, tan
from simd.lanes cimport LANES, ilanes_t, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport (
    LANES_AT_MOST, SIGN_BIT, lanes_abs, lanes_any, lanes_bits, lanes_constant, lanes_divide,
    lanes_eq, lanes_from_bits, lanes_ge, lanes_integer, lanes_minus_product, lanes_odd,
    lanes_rounded, lanes_select, lanes_shift_left,
)

cdef enum:
    SINE, COSINE, TANGENT


cdef inline ilanes_t _sine_cosine(
    lanes_t x, lanes_t *sine, lanes_t *sine_rest, lanes_t *cosine, lanes_t *cosine_rest
) noexcept nogil:
    """sin(h + low) and cos(h + low), each as a sum of two, and n (its lowest bits) for |x| up to
    _trig_bound()."""
    cdef lanes_t t = _nearest(x * lanes_constant(0.6366197723675814, 0.6366197466850281), 0)
    cdef ilanes_t n = lanes_bits(t)
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
    sine[0] = h
    sine_rest[0] = (h * u) * p + lanes_rounded(low * w)
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
    cosine[0] = w
    cosine_rest[0] = (u * u) * p + (cut - lanes_rounded(h * low))
    return n


cdef inline lanes_t _trig_bound() noexcept nogil:
    return lanes_constant(1.6e6, 3200.0)


cdef inline lanes_t _libm_beyond_bound(lanes_t x, lanes_t near, int function) noexcept nogil:
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
            if function == SINE: y[k] = <real>sin(far[k])
            elif function == COSINE: y[k] = <real>cos(far[k])
            else: y[k] = <real>tan(far[k])
    return lanes_load(y)


cdef inline lanes_t _quadrant(ilanes_t n, lanes_t sine, lanes_t cosine) noexcept nogil:
    """sin(n pi/2 + h) from sin(h) and cos(h)."""
    cdef lanes_t v = lanes_select(lanes_odd(n), cosine, sine)
    cdef ilanes_t sign = lanes_shift_left(n & lanes_integer(2, 2), 8 * <int>sizeof(real) - 2)
    return lanes_from_bits(lanes_bits(v) ^ sign)


cdef inline lanes_t lanes_sin(lanes_t x) noexcept nogil:
    """Sine; 0.78 / 0.77 ulp up to 1.6e6 / 3200, libm beyond."""
    cdef lanes_t s, s_rest, c, c_rest
    cdef ilanes_t n = _sine_cosine(x, &s, &s_rest, &c, &c_rest)
    s = lanes_select(lanes_eq(x, lanes_splat(0)), x, _quadrant(n, s + s_rest, c + c_rest))
    return _libm_beyond_bound(x, s, SINE)


cdef inline lanes_t lanes_cos(lanes_t x) noexcept nogil:
    """Cosine; 0.76 / 0.80 ulp up to 1.6e6 / 3200, libm beyond."""
    cdef lanes_t s, s_rest, c, c_rest
    cdef ilanes_t n = _sine_cosine(x, &s, &s_rest, &c, &c_rest) + lanes_integer(1, 1)
    return _libm_beyond_bound(x, _quadrant(n, s + s_rest, c + c_rest), COSINE)


cdef inline void lanes_sin_cos(lanes_t x, lanes_t *sine, lanes_t *cosine) noexcept nogil:
    """Both, with the bits of lanes_sin and lanes_cos. Of these two side by side the compiler would
    share products across the branch to libm, which it then does not fuse."""
    cdef lanes_t s, s_rest, c, c_rest
    cdef ilanes_t n = _sine_cosine(x, &s, &s_rest, &c, &c_rest)
    s = s + s_rest
    c = c + c_rest
    sine[0] = lanes_select(lanes_eq(x, lanes_splat(0)), x, _quadrant(n, s, c))
    cosine[0] = _quadrant(n + lanes_integer(1, 1), s, c)
    sine[0] = _libm_beyond_bound(x, sine[0], SINE)
    cosine[0] = _libm_beyond_bound(x, cosine[0], COSINE)


cdef inline lanes_t lanes_tan(lanes_t x) noexcept nogil:
    """Tangent; 0.83 / 0.87 ulp up to 1.6e6 / 3200, libm beyond.

    sin/cos, or -cos/sin where n is odd. Both are sums of two numbers, and so is their quotient
    until the end: q + (what is left of the division) / denominator.
    """
    cdef lanes_t s, s_rest, c, c_rest
    cdef ilanes_t odd = lanes_odd(_sine_cosine(x, &s, &s_rest, &c, &c_rest))
    cdef lanes_t sine = s + s_rest
    cdef lanes_t cosine = c + c_rest
    s_rest = (s - sine) + s_rest
    c_rest = (c - cosine) + c_rest
    cdef lanes_t top = lanes_select(odd, cosine, sine)
    cdef lanes_t bottom = lanes_select(odd, sine, cosine)
    cdef lanes_t top_rest = lanes_select(odd, c_rest, s_rest)
    cdef lanes_t bottom_rest = lanes_select(odd, s_rest, c_rest)
    cdef lanes_t inverse = lanes_divide(lanes_splat(1), bottom)
    cdef lanes_t q = lanes_rounded(top * inverse)
    cdef lanes_t left = lanes_minus_product(top, q, bottom) + (top_rest - q * bottom_rest)
    q = left * inverse + q
    q = lanes_from_bits(lanes_bits(q) ^ (odd & lanes_integer(SIGN_BIT, SIGN_BIT)))
    return _libm_beyond_bound(x, lanes_select(lanes_eq(x, lanes_splat(0)), x, q), TANGENT)
