"""Losses of counts and of other numbers above 0, whose mean is what a network gives; their rows are
in losses.pxd."""
from elementary.elementary cimport (
    lanes_abs, lanes_divide, lanes_exp, lanes_exp_parts, lanes_fma, lanes_gt, lanes_log, lanes_lt,
    lanes_max, lanes_rounded, lanes_select, lanes_softplus_excess, lanes_softplus_sigmoid,
)
from simd.lanes cimport ilanes_t, lanes_splat, lanes_t, real


cdef inline lanes_t poisson(
    lanes_t z, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """rate - y log rate with rate = exp(z); slope rate - y, curvature rate."""
    # Written out: some compilers fuse the last product of exp with what is subtracted, some do not.
    cdef lanes_t scale
    cdef lanes_t part = lanes_exp_parts(z, &scale)
    slope[0] = lanes_fma(part, scale, -y)
    curvature[0] = part * scale
    return lanes_fma(part, scale, -lanes_rounded(z * y))


cdef inline lanes_t ratio_excess(lanes_t z, lanes_t rate, lanes_t sigma) noexcept nogil:
    """(r - 1) + s with s = sigmoid(z) and r = s/softplus(z).

    With e = exp(z) it is (e/log(1 + e) - 1)/(1 + e), whose numerator is a series of Gregory's
    coefficients where e is small and the difference has no digits.
    """
    cdef lanes_t e = lanes_exp(z)
    cdef lanes_t series = lanes_fma(
        e, lanes_splat(<real>(-863 / 60480.0)), lanes_splat(<real>(3 / 160.0)))
    series = lanes_fma(e, series, lanes_splat(<real>(-19 / 720.0)))
    series = lanes_fma(e, series, lanes_splat(<real>(1 / 24.0)))
    series = lanes_fma(e, series, lanes_splat(<real>(-1 / 12.0)))
    series = e * lanes_fma(e, series, lanes_splat(0.5))
    return lanes_select(
        lanes_lt(e, lanes_splat(<real>0.00390625)), series * (1 - sigma),
        (lanes_divide(sigma, rate) - 1) + sigma)


cdef inline lanes_t poisson_softplus(
    lanes_t z, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """rate - y log rate with rate = softplus(z), whose logarithm tends to z far below 0.

    Slope s - ry with s = sigmoid(z) and r = s/rate; curvature s(1 - s) + yr((r - 1) + s).
    """
    cdef lanes_t far = lanes_splat(-40)
    cdef lanes_t rate, sigma
    lanes_softplus_sigmoid(z, &rate, &sigma)
    rate = lanes_max(lanes_splat(0), z) + rate
    cdef lanes_t log_rate = lanes_select(lanes_gt(far, z), z, lanes_log(rate))
    cdef lanes_t ratio = lanes_select(lanes_gt(far, z), lanes_splat(1), lanes_divide(sigma, rate))
    slope[0] = sigma - ratio * y
    curvature[0] = lanes_fma(
        y * ratio, ratio_excess(z, rate, sigma), lanes_rounded(sigma * (1 - sigma)))
    return rate - log_rate * y


cdef inline lanes_t gamma(
    lanes_t z, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """z + y exp(-z): half the deviance for the mean exp(z), less 1 + log y; slope 1 - y exp(-z),
    curvature y exp(-z)."""
    cdef lanes_t inverse = lanes_exp(-z)
    slope[0] = lanes_fma(-y, inverse, lanes_splat(1))
    curvature[0] = y * inverse
    return lanes_fma(y, inverse, z)


cdef inline lanes_t negative_binomial(
    lanes_t z, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """y softplus(-u) + softplus(u)/alpha with u = z + log alpha, of mean exp(z) and variance
    mean + alpha mean^2; slope s/alpha - y(1 - s) with s = sigmoid(u), curvature
    (y + 1/alpha) s(1 - s).

    Of s and 1 - s the smaller is e / (1 + e), the other 1 / (1 + e); see cross_entropy.
    """
    cdef lanes_t e
    cdef lanes_t u = z + lanes_log(lanes_splat(p))
    cdef lanes_t other = lanes_divide(lanes_splat(1), lanes_splat(p))
    cdef ilanes_t below = lanes_lt(u, lanes_splat(0))
    cdef lanes_t excess = lanes_softplus_excess(u, &e)
    cdef lanes_t near = lanes_select(below, y, other)
    cdef lanes_t far = lanes_select(below, other, y)
    cdef lanes_t size = lanes_divide(near - lanes_rounded(far * e), e + 1)
    slope[0] = lanes_select(below, -size, size)
    curvature[0] = (y + other) * lanes_divide(e, (e + 1) * (e + 1))
    return lanes_fma(lanes_abs(u), near, lanes_rounded((y + other) * excess))
