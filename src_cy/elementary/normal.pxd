"""The error function and the normal distribution on lanes; see elementary.pxd for the conventions.

Near 0 a polynomial in x**2, elsewhere erfc(y) = e**(-y**2) F(t) / (y + 5/2) with F a polynomial in
t = (y - 5/2) / (y + 5/2).
"""

from elementary.exponential cimport _exp_negative
from simd.lanes cimport lanes_splat, lanes_t, real
from simd.lanes_math cimport (
    lanes_abs, lanes_bits, lanes_constant, lanes_divide, lanes_from_bits, lanes_integer, lanes_lt,
    lanes_min, lanes_rounded, lanes_select, lanes_with_sign,
)


cdef inline lanes_t _exp_minus_square(lanes_t y, lanes_t factor) noexcept nogil:
    """e**(-factor y**2), 0 <= y <= 40 (16), factor 1 or 1/2. The square is taken in two parts: its
    rounding error would count as an absolute one in the exponent."""
    cdef lanes_t high = lanes_from_bits(lanes_bits(y) & lanes_integer(-0x8000000, -0x1000))
    cdef lanes_t rest = (y - high) * (y + high)
    return _exp_negative(-(high * high) * factor, lanes_rounded(rest * factor))


cdef inline lanes_t _erf_near_zero(lanes_t y) noexcept nogil:
    """erf(y), |y| <= 1."""
    cdef lanes_t u = y * y
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(1.4628153870203383e-10) * u + lanes_splat(-1.6621108983683877e-09)
        p = p * u + lanes_splat(1.6050441466031628e-08)
        p = p * u + lanes_splat(-1.6562153999131127e-07)
        p = p * u + lanes_splat(1.6481482245321186e-06)
        p = p * u + lanes_splat(-1.4926904532149945e-05)
        p = p * u + lanes_splat(0.00012055387007485453)
        p = p * u + lanes_splat(-0.0008548328553908098)
        p = p * u + lanes_splat(0.0052239776529307055)
        p = p * u + lanes_splat(-0.026866170648047378)
        p = p * u + lanes_splat(0.1128379167097114)
        p = p * u + lanes_splat(-0.376126389031841)
        p = p * u + lanes_splat(0.1283791670955126)
    else:
        p = lanes_splat(7.806903886375949e-05) * u + lanes_splat(-0.0007997853099368513)
        p = p * u + lanes_splat(0.005187162198126316)
        p = p * u + lanes_splat(-0.026853347197175026)
        p = p * u + lanes_splat(0.11283578723669052)
        p = p * u + lanes_splat(-0.3761262595653534)
        p = p * u + lanes_splat(0.12837916612625122)
    return y * p + y


cdef inline lanes_t _erfc_scaled(lanes_t y) noexcept nogil:
    """e**(y**2) erfc(y), y >= 1/2."""
    cdef lanes_t inverse = lanes_divide(lanes_splat(1), y + lanes_splat(2.5))
    cdef lanes_t t = (y - lanes_splat(2.5)) * inverse
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(1.204612572143728e-09) * t + lanes_splat(-8.276788009698264e-08)
        p = p * t + lanes_splat(5.17420314279263e-08)
        p = p * t + lanes_splat(4.88841661267738e-07)
        p = p * t + lanes_splat(6.165103297579057e-08)
        p = p * t + lanes_splat(-2.0035225083408277e-06)
        p = p * t + lanes_splat(-2.3623746992445298e-06)
        p = p * t + lanes_splat(6.775554454968178e-06)
        p = p * t + lanes_splat(1.8252386490632525e-05)
        p = p * t + lanes_splat(-1.953869343868119e-05)
        p = p * t + lanes_splat(-0.00011260611039374526)
        p = p * t + lanes_splat(5.830899024235422e-05)
        p = p * t + lanes_splat(0.0007026938401325748)
        p = p * t + lanes_splat(-0.00043920839314970996)
        p = p * t + lanes_splat(-0.0048187855285458546)
        p = p * t + lanes_splat(0.008393044309656681)
        p = p * t + lanes_splat(0.02836155013208089)
        p = p * t + lanes_splat(-0.17125114524623147)
        p = p * t + lanes_splat(0.45391411664809633)
        p = p * t + lanes_splat(-0.8046518494391475)
        p = p * t + lanes_splat(1.054031820305718)
    else:
        p = lanes_splat(0.000588417868129909) * t + lanes_splat(-0.0003947590303141624)
        p = p * t + lanes_splat(-0.004775707609951496)
        p = p * t + lanes_splat(0.008380154147744179)
        p = p * t + lanes_splat(0.028354916721582413)
        p = p * t + lanes_splat(-0.17124970257282257)
        p = p * t + lanes_splat(0.45391446352005005)
        p = p * t + lanes_splat(-0.8046519160270691)
        p = p * t + lanes_splat(1.0540318489074707)
    return p * inverse


cdef inline lanes_t lanes_gaussian(lanes_t x) noexcept nogil:
    """e**(-x**2); 1.24 / 1.56 ulp."""
    return _exp_minus_square(lanes_min(lanes_constant(40.0, 16.0), lanes_abs(x)), lanes_splat(1))


cdef inline lanes_t lanes_erf(lanes_t x) noexcept nogil:
    """The error function; 1.28 / 1.22 ulp."""
    cdef lanes_t y = lanes_min(lanes_constant(40.0, 16.0), lanes_abs(x))
    cdef lanes_t tail = _exp_minus_square(y, lanes_splat(1)) * _erfc_scaled(y)
    cdef lanes_t near = _erf_near_zero(y)
    near = lanes_select(lanes_lt(y, lanes_splat(1)), near, lanes_splat(1) - tail)
    return lanes_with_sign(near, x)


cdef inline void lanes_normal(lanes_t x, lanes_t *cdf, lanes_t *pdf) noexcept nogil:
    """Distribution and density of the normal law from one exponential: (1 + erf(x / sqrt(2))) / 2,
    its small values without cancellation, 4.7 / 5.6 ulp, and e**(-x**2 / 2) / sqrt(2 pi), 2.3 / 2.1
    ulp."""
    cdef lanes_t half = lanes_splat(0.5)
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t a = lanes_min(lanes_constant(40.0, 16.0), lanes_abs(x))
    cdef lanes_t y = lanes_rounded(a * lanes_constant(0.7071067811865476, 0.7071067690849304))
    cdef lanes_t e = _exp_minus_square(a, half)
    cdef lanes_t tail = lanes_rounded(e * (_erfc_scaled(y) * half))
    tail = lanes_select(lanes_lt(x, lanes_splat(0)), tail, one - tail)
    cdef lanes_t near = lanes_with_sign(_erf_near_zero(y), x) * half + half
    cdf[0] = lanes_select(lanes_lt(y, half), near, tail)
    pdf[0] = e * lanes_constant(0.3989422804014327, 0.3989422917366028)
