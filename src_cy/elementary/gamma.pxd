"""log Gamma and its derivatives on lanes; see elementary.pxd for the conventions.

From 1 to 3 a polynomial in t = (x - c) / (x + c), which takes 0 to -1 and infinity to 1, times the
distance from the zeros; above the series of Stirling, DLMF 5.11.1 and 5.11.2, cut off and fitted
anew; below the recurrence Gamma(x + 1) = x Gamma(x), and for negative x the reflection 5.5.3. The
derivatives of digamma are sums, 5.15.1, whose tail is that of Euler and Maclaurin, 25.11.5.
https://dlmf.nist.gov
"""

from elementary.logarithm cimport lanes_log
from elementary.rounding cimport lanes_floor, lanes_round
from elementary.trigonometry cimport lanes_sin, lanes_tan
from simd.lanes cimport ilanes_t, lanes_splat, lanes_t, real
from simd.lanes_math cimport (
    lanes_abs, lanes_any, lanes_constant, lanes_divide, lanes_eq, lanes_ge, lanes_gt,
    lanes_infinity, lanes_lt, lanes_minus_product, lanes_rounded, lanes_select,
)

cdef enum:
    SHIFT = 12              # terms of a sum before its tail
    MOST_ORDER = 170        # beyond, the factorial overflows


cdef inline lanes_t _middle(lanes_t x) noexcept nogil:
    """t for x from 1 to 3."""
    cdef lanes_t c = lanes_constant(1.732, 1.7319999933242798)
    return lanes_divide(x - c, x + c)


cdef inline lanes_t _gammaln_middle(lanes_t x) noexcept nogil:
    """log Gamma(x) / ((x - 1) (x - 2)), 1 <= x <= 3."""
    cdef lanes_t t = _middle(x)
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(-0.03563403375103711) * t + lanes_splat(0.03516729371096775)
        p = p * t + lanes_splat(-0.026644805714972013)
        p = p * t + lanes_splat(0.026326742074559407)
        p = p * t + lanes_splat(-0.03209961342450707)
        p = p * t + lanes_splat(0.03161344391854195)
        p = p * t + lanes_splat(-0.036652038696596986)
        p = p * t + lanes_splat(0.0359889001674108)
        p = p * t + lanes_splat(-0.04300581513801947)
        p = p * t + lanes_splat(0.042035599260679304)
        p = p * t + lanes_splat(-0.05203247509755934)
        p = p * t + lanes_splat(0.050494334114194774)
        p = p * t + lanes_splat(-0.06592272895880782)
        p = p * t + lanes_splat(0.06316895534419907)
        p = p * t + lanes_splat(-0.09019228018897679)
        p = p * t + lanes_splat(0.0842157663398564)
        p = p * t + lanes_splat(-0.1447981473657703)
        p = p * t + lanes_splat(0.12726701934032086)
        p = p * t + lanes_splat(-0.4195009657155377)
        p = p * t + lanes_splat(0.4523045173454509)
    else:
        p = lanes_splat(0.05771078169345856) * t + lanes_splat(-0.07516061514616013)
        p = p * t + lanes_splat(0.0627913847565651)
        p = p * t + lanes_splat(-0.08967901766300201)
        p = p * t + lanes_splat(0.0842224732041359)
        p = p * t + lanes_splat(-0.1448085457086563)
        p = p * t + lanes_splat(0.1272670030593872)
        p = p * t + lanes_splat(-0.4195009171962738)
        p = p * t + lanes_splat(0.45230451226234436)
    return p


cdef inline lanes_t _stirling(lanes_t w) noexcept nogil:
    """x (log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2), w = 1/x**2, x >= 3."""
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(0.27275218701682874) * w + lanes_splat(-0.2132081601426267)
        p = p * w + lanes_splat(0.08278402176351567)
        p = p * w + lanes_splat(-0.02321481393123634)
        p = p * w + lanes_splat(0.006107622051732652)
        p = p * w + lanes_splat(-0.0019075828639762858)
        p = p * w + lanes_splat(0.0008415391251229243)
        p = p * w + lanes_splat(-0.000595235407105527)
        p = p * w + lanes_splat(0.0007936507759474554)
        p = p * w + lanes_splat(-0.0027777777777322718)
        p = p * w + lanes_splat(0.08333333333333331)
    else:
        p = lanes_splat(-0.0005096156382933259) * w + lanes_splat(0.0007942806114442647)
        p = p * w + lanes_splat(-0.002778013003990054)
        p = p * w + lanes_splat(0.0833333358168602)
    return p


cdef inline lanes_t lanes_gammaln(lanes_t x) noexcept nogil:
    """log |Gamma(x)|; 2.00 / 1.97 ulp for x > 0; for x < 0, where it has zeros, some units of its
    largest term. Infinite at 0, -1, -2, ..."""
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t size = lanes_abs(x)
    cdef ilanes_t low = lanes_lt(x, one)
    cdef ilanes_t negative = lanes_lt(x, lanes_splat(0))
    # Of x < 1 the argument is x + 1, or that of the reflection, 1 - x: its distance from 1 is |x|.
    cdef lanes_t y = lanes_select(low, one + size, x)
    cdef lanes_t u = lanes_select(low, size, x - one)
    cdef lanes_t near = (u * (u - one)) * _gammaln_middle(y)
    near = near + lanes_splat(0)        # 0, not -0

    # (y - 1/2) log(y/e) + (log(2 pi) - 1) / 2 + ..., a sum of positive terms. What rounding y/e
    # cuts off is added to its logarithm.
    cdef ilanes_t far = lanes_ge(y, lanes_splat(3))
    cdef lanes_t inverse_e = lanes_constant(0.36787944117144233, 0.3678794503211975)
    cdef lanes_t inverse = lanes_divide(one, y)
    cdef lanes_t part = lanes_rounded(y * inverse_e)
    cdef lanes_t cut = y * lanes_constant(-1.2428753672788363e-17, -9.149755188170102e-09)
    cut = (cut - lanes_minus_product(part, y, inverse_e)) * inverse
    cdef lanes_t log = lanes_log(lanes_select(far, part, size))
    cdef lanes_t log_part = cut * lanes_splat(2.718281828459045) + log
    cdef lanes_t tail = _stirling(inverse * inverse) * inverse
    tail = tail + lanes_constant(0.4189385332046727, 0.418938547372818)
    cdef lanes_t above = (y - lanes_splat(0.5)) * log_part + tail
    above = lanes_select(lanes_eq(y, lanes_infinity()), y, above)

    cdef lanes_t value = lanes_select(far, above, near)
    value = lanes_select(low, value - log, value)
    if lanes_any(negative):
        value = lanes_select(negative, _reflected(x, lanes_select(far, above, near)), value)
    return value


cdef inline lanes_t _reflected(lanes_t x, lanes_t other) noexcept nogil:
    """log(pi / |sin(pi x)|) - other, other = log Gamma(1 - x), x < 0."""
    cdef lanes_t r = lanes_abs(x - lanes_round(x))
    cdef ilanes_t tiny = lanes_lt(r, lanes_constant(1e-30, 1e-15))
    cdef lanes_t sine = lanes_sin(r * lanes_constant(3.141592653589793, 3.1415927410125732))
    cdef lanes_t log = lanes_log(lanes_select(tiny, r, sine))
    cdef lanes_t log_pi = lanes_constant(1.1447298858494002, 1.1447298526763916)
    cdef lanes_t value = lanes_select(tiny, -log, log_pi - log) - other
    return lanes_select(lanes_eq(x, -lanes_infinity()), lanes_infinity(), value)


cdef inline lanes_t _digamma_middle(lanes_t x) noexcept nogil:
    """digamma(x), 1 <= x <= 3; its zero has two parts."""
    cdef lanes_t t = _middle(x)
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(-1.129640316968948) * t + lanes_splat(1.1415326640080947)
        p = p * t + lanes_splat(-0.7381732191403594)
        p = p * t + lanes_splat(0.7314465474308567)
        p = p * t + lanes_splat(-0.7955856412144205)
        p = p * t + lanes_splat(0.7936635320093454)
        p = p * t + lanes_splat(-0.7914260570852854)
        p = p * t + lanes_splat(0.7878981176886702)
        p = p * t + lanes_splat(-0.792250716200529)
        p = p * t + lanes_splat(0.7873813337901471)
        p = p * t + lanes_splat(-0.7932897353834913)
        p = p * t + lanes_splat(0.7859758750837309)
        p = p * t + lanes_splat(-0.7953472612569047)
        p = p * t + lanes_splat(0.7832796467568105)
        p = p * t + lanes_splat(-0.8008462822636687)
        p = p * t + lanes_splat(0.7788470190368791)
        p = p * t + lanes_splat(-0.8283379437001878)
        p = p * t + lanes_splat(0.7896911308175997)
        p = p * t + lanes_splat(-1.1500202597677522)
        p = p * t + lanes_splat(0.8641071919845916)
    else:
        p = lanes_splat(0.9165345430374146) * t + lanes_splat(-0.9386534690856934)
        p = p * t + lanes_splat(0.7770323157310486)
        p = p * t + lanes_splat(-0.7928606867790222)
        p = p * t + lanes_splat(0.7789320945739746)
        p = p * t + lanes_splat(-0.8284995555877686)
        p = p * t + lanes_splat(0.7896913290023804)
        p = p * t + lanes_splat(-1.1500194072723389)
        p = p * t + lanes_splat(0.8641071915626526)
    cdef lanes_t distance = x - lanes_constant(1.4616321449683622, 1.4616321325302124)
    return (distance - lanes_constant(9.549995429965697e-17, 1.2438149938918909e-08)) * p


cdef inline lanes_t _digamma_rest(lanes_t w) noexcept nogil:
    """(log x - 1/(2x) - digamma(x)) / w, w = 1/x**2, x >= 3."""
    cdef lanes_t p
    if sizeof(real) == 8:
        p = lanes_splat(88.74061563757228) * w + lanes_splat(-79.7636345078803)
        p = p * w + lanes_splat(34.05110379839731)
        p = p * w + lanes_splat(-9.461116132485568)
        p = p * w + lanes_splat(2.030201385776792)
        p = p * w + lanes_splat(-0.393439201571579)
        p = p * w + lanes_splat(0.08148145473687832)
        p = p * w + lanes_splat(-0.0210425234098703)
        p = p * w + lanes_splat(0.007574806491281204)
        p = p * w + lanes_splat(-0.004166654870711456)
        p = p * w + lanes_splat(0.003968253880833035)
        p = p * w + lanes_splat(-0.008333333333004334)
        p = p * w + lanes_splat(0.0833333333333329)
    else:
        p = lanes_splat(-0.002778570633381605) * w + lanes_splat(0.003855387680232525)
        p = p * w + lanes_splat(-0.008329464122653008)
        p = p * w + lanes_splat(0.08333329111337662)
    return p


cdef inline lanes_t lanes_digamma(lanes_t x) noexcept nogil:
    """The derivative of log Gamma; 2.80 / 2.56 ulp for x > 0; for x < 0, where it has zeros,
    some units of its largest term. -inf at 0, inf at -0, NaN at -1, -2, ..."""
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t size = lanes_abs(x)
    cdef ilanes_t low = lanes_lt(x, one)
    cdef ilanes_t negative = lanes_lt(x, lanes_splat(0))
    cdef lanes_t y = lanes_select(low, one + size, x)
    cdef ilanes_t far = lanes_ge(y, lanes_splat(3))
    cdef lanes_t inverse = lanes_divide(one, lanes_select(far, y, x))
    cdef lanes_t w = inverse * inverse
    cdef lanes_t above = w * _digamma_rest(w) + lanes_rounded(lanes_splat(0.5) * inverse)
    above = lanes_log(y) - above
    cdef lanes_t other = lanes_select(far, above, _digamma_middle(y))
    cdef lanes_t value = lanes_select(low, other - inverse, other)
    if not lanes_any(negative):
        return value
    cdef lanes_t r = x - lanes_round(x)
    cdef lanes_t pi = lanes_constant(3.141592653589793, 3.1415927410125732)
    r = lanes_select(lanes_eq(r, lanes_splat(0)), lanes_infinity() - lanes_infinity(), r)
    return lanes_select(negative, other - lanes_divide(pi, lanes_tan(pi * r)), value)


cdef inline lanes_t _inverse_power(lanes_t x, lanes_t n, int most) noexcept nogil:
    """x**-(n + 1), n = 1, 2, ... up to `most`."""
    cdef lanes_t inverse = lanes_divide(lanes_splat(1), x)
    cdef lanes_t p = inverse * inverse
    cdef int j
    for j in range(1, most):
        p = lanes_select(lanes_gt(n, lanes_splat(j)), p * inverse, p)
    return p


cdef inline lanes_t _zeta(lanes_t n, lanes_t x, int most) noexcept nogil:
    """zeta(n + 1, x): the sum of (x + k)**-(n + 1) over k = 0, 1, ..., x > 0."""
    cdef lanes_t one = lanes_splat(1)
    cdef ilanes_t near = lanes_lt(x, lanes_splat(SHIFT))
    cdef lanes_t z = lanes_select(near, x + lanes_splat(SHIFT), x)
    cdef lanes_t v = lanes_divide(one, z)
    cdef lanes_t w = v * v
    cdef lanes_t s = n + one
    # B(2j) / (2j)! s (s + 1) ... (s + 2j - 2) z**-(2j - 1)
    cdef lanes_t term = lanes_rounded(s * v)
    cdef lanes_t tail = term * lanes_splat(0.08333333333333333)
    cdef double factors[8]
    cdef int j
    factors[:] = [
        -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07,
        2.08767569878681e-08, -5.284190138687493e-10, 1.3382536530684679e-11,
        -3.3896802963225827e-13, 8.586062056277845e-15]
    for j in range(8):
        term = (term * w) * ((s + lanes_splat(2 * j + 1)) * (s + lanes_splat(2 * j + 2)))
        tail = lanes_rounded(term * lanes_splat(factors[j])) + tail
    tail = tail + lanes_splat(0.5)
    cdef lanes_t power = _inverse_power(z, n, most)
    cdef lanes_t total = power * tail + lanes_divide(_power_below(z, n, most), n)
    for j in range(SHIFT - 1, -1, -1):
        power = _inverse_power(x + lanes_splat(j), n, most)
        total = total + lanes_select(near, power, lanes_splat(0))
    return total


cdef inline lanes_t _power_below(lanes_t x, lanes_t n, int most) noexcept nogil:
    """x**-n."""
    cdef lanes_t inverse = lanes_divide(lanes_splat(1), x)
    cdef lanes_t p = inverse
    cdef int j
    for j in range(1, most):
        p = lanes_select(lanes_gt(n, lanes_splat(j)), p * inverse, p)
    return p


cdef inline lanes_t lanes_polygamma(lanes_t n, lanes_t x) noexcept nogil:
    """The n-th derivative of digamma, n = 1, 2, ..., 170: (-1)**(n + 1) n! zeta(n + 1, x);
    for x > 0 2.93 / 2.62 ulp if n = 1, 2.99 / 3.18 ulp if n = 2. NaN for other n."""
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t zero = lanes_splat(0)
    cdef ilanes_t order = (lanes_eq(n, lanes_floor(n)) & lanes_ge(n, one)
                           & lanes_ge(lanes_splat(MOST_ORDER), n))
    cdef ilanes_t negative = lanes_lt(x, zero)
    cdef lanes_t r, factor = one, sign = one
    cdef int most = 1
    n = lanes_select(order, n, one)
    while lanes_any(lanes_gt(n, lanes_splat(most))):
        most += 1
        factor = lanes_select(lanes_ge(n, lanes_splat(most)), factor * lanes_splat(most), factor)
        sign = lanes_select(lanes_ge(n, lanes_splat(most)), -sign, sign)
    cdef lanes_t value = _zeta(n, lanes_abs(x), most)
    value = lanes_select(lanes_eq(x, zero), _inverse_power(x, n, most), value)
    if lanes_any(negative):
        # the sum over all integers, by the distance from the nearest, without what is above x
        r = x - lanes_round(x)
        value = lanes_select(negative, _zeta_below(n, x, r, sign, most), value)
    value = (sign * factor) * value
    return lanes_select(order, value, lanes_infinity() - lanes_infinity())


cdef inline lanes_t _zeta_below(
    lanes_t n, lanes_t x, lanes_t r, lanes_t sign, int most,
) noexcept nogil:
    """zeta(n + 1, x), x < 0."""
    cdef lanes_t one = lanes_splat(1)
    cdef lanes_t rest = _zeta(n, one - r, most) - _zeta(n, one - x, most)
    rest = _zeta(n, one + r, most) + sign * rest
    return _inverse_power(r, n, most) + rest
