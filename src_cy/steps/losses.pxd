"""Losses: each is one function, giving the loss, its first and its second derivative in one
register, and one row of the table.

A loss of the error a - y goes with every output activation: it is multiplied by g'. A pair that
is computed from `z` (cross_entropy of a sigmoid, say) gives delta = dloss/dz at once and names the
output it is for; it is finite for every finite z. Losses sum over the K outputs of a sample.
"""
from elementary.elementary cimport (
    lanes_abs, lanes_copysign, lanes_divide, lanes_exp, lanes_exp_negative, lanes_fma, lanes_gt,
    lanes_log1p, lanes_lt, lanes_rounded, lanes_select, lanes_softplus_excess, lanes_tanh,
    lanes_tanh_rest,
)
from libc.math cimport INFINITY
from simd.lanes cimport (
    LANES, ilanes_t, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real,
)
from steps.count_losses cimport gamma, negative_binomial, poisson, poisson_softplus
from steps.joint_losses cimport (
    lanes_zero_or_nan, multiclass_hinge, softmax_cross_entropy, weston_watkins,
)
from steps.parameter cimport Parameter, no_parameter, parameter

# Of z, or of the error a - y.
# `p` is the parameter of those that have one.
ctypedef lanes_t (*loss_function_t)(
    lanes_t v, lanes_t y, real p, lanes_t *slope, lanes_t *curvature) noexcept nogil

cdef struct Loss:
    const char *name
    const char *output      # computed from z for this output activation; NULL: from a - y
    bint signed_labels      # targets are -1 and +1
    Parameter parameter

cdef enum:
    CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY, SQUARED_ERROR, ABSOLUTE_ERROR, QUANTILE, HUBER, LOG_COSH
    POISSON, POISSON_SOFTPLUS, GAMMA, NEGATIVE_BINOMIAL, FOCAL
    HINGE, SQUARED_HINGE, MULTICLASS_HINGE, WESTON_WATKINS
    N_LOSSES


cdef inline lanes_t cross_entropy(
    lanes_t z, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """-y log a - (1 - y) log(1 - a) with a = sigmoid(z): softplus(z) - yz; slope a - y,
    curvature a(1 - a).

    Of a and 1 - a the smaller is e / (1 + e), the other 1 / (1 + e). No two terms of the loss have
    different signs, and for y = 0 or 1 none of the slope.
    """
    cdef lanes_t e
    cdef lanes_t excess = lanes_softplus_excess(z, &e)
    cdef lanes_t other = 1 - y
    cdef lanes_t near = lanes_select(lanes_lt(z, lanes_splat(0)), y, other)
    cdef lanes_t far = lanes_select(lanes_lt(z, lanes_splat(0)), other, y)
    cdef lanes_t size = near - lanes_rounded(far * e)
    slope[0] = lanes_divide(lanes_select(lanes_lt(z, lanes_splat(0)), -size, size), e + 1)
    curvature[0] = lanes_divide(e, (e + 1) * (e + 1))
    return lanes_abs(z) * near + excess


cdef inline lanes_t squared_error(
    lanes_t e, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """e^2 / 2 with e = a - y."""
    slope[0] = e
    curvature[0] = lanes_splat(1)
    return <real>0.5 * (e * e)


cdef inline lanes_t absolute_error(
    lanes_t e, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """|e|; slope 0 at the kink, curvature 0."""
    curvature[0] = lanes_zero_or_nan(e)
    # NaN is neither above nor below zero, and must not become 0.
    slope[0] = lanes_select(
        lanes_gt(lanes_abs(e), lanes_splat(0)), lanes_copysign(lanes_splat(1), e), e)
    return lanes_abs(e)


cdef inline lanes_t quantile(
    lanes_t e, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """(1 - tau) e where e > 0 else -tau e; slope 0 at the kink, curvature 0."""
    curvature[0] = lanes_zero_or_nan(e)
    cdef ilanes_t above = lanes_gt(e, lanes_splat(0))
    slope[0] = lanes_select(above, lanes_splat(1 - p), lanes_splat(-p))
    cdef lanes_t loss = e * slope[0]
    slope[0] = lanes_select(
        lanes_gt(lanes_abs(e), lanes_splat(0)), slope[0], lanes_zero_or_nan(e))
    return loss


cdef inline lanes_t huber(
    lanes_t e, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """e^2/2 where |e| <= delta else delta (|e| - delta/2); curvature 1 or 0."""
    cdef lanes_t size = lanes_abs(e)
    curvature[0] = lanes_select(lanes_gt(size, lanes_splat(p)), lanes_splat(0), lanes_splat(1))
    cdef lanes_t cut = lanes_select(lanes_gt(size, lanes_splat(p)), lanes_splat(p), size)
    slope[0] = lanes_copysign(cut, e)
    return cut * (size - <real>0.5 * cut)


cdef inline lanes_t log_cosh(
    lanes_t e, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """log cosh e; slope tanh e, curvature 1 - tanh(e)^2."""
    cdef lanes_t rest
    cdef lanes_t size = lanes_tanh_rest(e, &rest)
    curvature[0] = lanes_fma(rest, size, rest)
    size = lanes_abs(e)
    slope[0] = lanes_tanh(e)
    # cosh e = 1 + 2 sinh(e/2)^2 where that is small, else exp|e| (1 + exp(-2|e|)) / 2.
    cdef lanes_t t = slope[0] * slope[0]
    return lanes_select(
        lanes_gt(lanes_splat(<real>0.5), size),
        <real>-0.5 * lanes_log1p(-t),
        size + (lanes_log1p(lanes_exp_negative(<real>-2 * size)) - <real>0.69314718055994530942))


cdef inline lanes_t focal_side(
    lanes_t p, lanes_t q, lanes_t rate, lanes_t log_p, real power, lanes_t *slope,
    lanes_t *curvature,
) noexcept nogil:
    """p^power L with p = sigmoid(z), q = 1 - p and L = -log q, `rate`; slope by z
    p^power (power q L + p), curvature p^power q (power (power q L + p) + p (power (1 - L) + 1)).
    """
    cdef lanes_t weight = lanes_exp(power * log_p)
    cdef lanes_t first = lanes_fma(power * q, rate, p)
    cdef lanes_t inner = lanes_fma(lanes_splat(power), 1 - rate, lanes_splat(1))
    inner = lanes_fma(p, inner, lanes_rounded(power * first))
    slope[0] = weight * first
    curvature[0] = weight * (q * inner)
    return weight * rate


cdef inline lanes_t focal(
    lanes_t z, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """-y (1 - a)^gamma log a - (1 - y) a^gamma log(1 - a) with a = sigmoid(z); curvature below
    0 where a class is missed by far (Lin, Goyal, Girshick, He, Dollar 2017).
    """
    cdef lanes_t e, ours, theirs, first, second, other_first, other_second
    cdef ilanes_t below = lanes_lt(z, lanes_splat(0))
    cdef lanes_t excess = lanes_softplus_excess(z, &e)
    cdef lanes_t small = lanes_divide(e, e + 1)
    cdef lanes_t large = lanes_divide(lanes_splat(1), e + 1)
    cdef lanes_t a = lanes_select(below, small, large)
    cdef lanes_t rest = lanes_select(below, large, small)
    cdef lanes_t rate = lanes_select(below, lanes_splat(0), z) + excess     # -log(1 - a)
    cdef lanes_t other_rate = lanes_select(below, -z, lanes_splat(0)) + excess
    ours = focal_side(a, rest, rate, -other_rate, p, &first, &second)
    theirs = focal_side(rest, a, other_rate, -rate, p, &other_first, &other_second)
    slope[0] = lanes_fma(1 - y, first, -lanes_rounded(y * other_first))
    curvature[0] = lanes_fma(1 - y, second, lanes_rounded(y * other_second))
    return lanes_fma(1 - y, ours, lanes_rounded(y * theirs))


cdef inline lanes_t hinge(
    lanes_t e, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """max(0, 1 - ya), y = -1 or 1, so that 1 - ya = -y(a - y); slope 0 at the kink, curvature 0."""
    cdef lanes_t short = -y * e
    curvature[0] = lanes_zero_or_nan(short)
    slope[0] = lanes_select(lanes_gt(short, lanes_splat(0)), -y, lanes_zero_or_nan(short))
    return lanes_select(lanes_gt(lanes_splat(0), short), lanes_splat(0), short)


cdef inline lanes_t squared_hinge(
    lanes_t e, lanes_t y, real p, lanes_t *slope, lanes_t *curvature,
) noexcept nogil:
    """max(0, 1 - ya)^2, y = -1 or 1; curvature 2 where the loss is not 0."""
    cdef lanes_t short = -y * e
    curvature[0] = lanes_select(
        lanes_gt(short, lanes_splat(0)), lanes_splat(2), lanes_zero_or_nan(short))
    short = lanes_select(lanes_gt(lanes_splat(0), short), lanes_splat(0), short)
    slope[0] = <real>-2 * y * short
    return short * short


cdef inline void each(
    loss_function_t loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *v, const real *y, const real *slopes, real *delta, real *cost, real p,
) noexcept nogil:
    """A loss of z, or of the error if there are slopes of the output, which multiply its own."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t slope, unused, total
    while c < columns:
        total = lanes_splat(0)
        for r in range(rows):
            total += loss(
                lanes_load(v + r * stride + c), lanes_load(y + r * stride + c), p, &slope, &unused)
            if slopes != NULL:
                slope *= lanes_load(slopes + r * stride + c)
            lanes_store(delta + r * stride + c, slope)
        lanes_store(cost + c, total)
        c += LANES


cdef inline void each_curvature(
    loss_function_t loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *v, const real *y, real *slope, real *curvature, real p,
) noexcept nogil:
    """The derivatives of a loss, of z or of the error; `curvature` may be the same array as v."""
    cdef Py_ssize_t r, at, c = 0
    cdef lanes_t first, second
    while c < columns:
        for r in range(rows):
            at = r * stride + c
            loss(lanes_load(v + at), lanes_load(y + at), p, &first, &second)
            lanes_store(slope + at, first)
            lanes_store(curvature + at, second)
        c += LANES


cdef inline void loss_row(
    Loss *table, int i, const char *name, const char *output, bint signed_labels,
) noexcept nogil:
    table[i].name = name
    table[i].output = output
    table[i].signed_labels = signed_labels
    table[i].parameter = no_parameter()


cdef inline void loss_table(Loss *table) noexcept nogil:
    loss_row(table, CROSS_ENTROPY, "cross_entropy", "sigmoid", False)
    loss_row(table, SOFTMAX_CROSS_ENTROPY, "cross_entropy", "softmax", False)
    loss_row(table, SQUARED_ERROR, "squared_error", NULL, False)
    loss_row(table, ABSOLUTE_ERROR, "absolute_error", NULL, False)
    loss_row(table, QUANTILE, "quantile", NULL, False)
    loss_row(table, HUBER, "huber", NULL, False)
    loss_row(table, LOG_COSH, "log_cosh", NULL, False)
    loss_row(table, POISSON, "poisson", "identity", False)
    loss_row(table, POISSON_SOFTPLUS, "poisson", "softplus", False)
    loss_row(table, GAMMA, "gamma", "identity", False)
    loss_row(table, NEGATIVE_BINOMIAL, "negative_binomial", "identity", False)
    loss_row(table, FOCAL, "focal", "sigmoid", False)
    loss_row(table, HINGE, "hinge", NULL, True)
    loss_row(table, SQUARED_HINGE, "squared_hinge", NULL, True)
    loss_row(table, MULTICLASS_HINGE, "multiclass_hinge", "identity", False)
    loss_row(table, WESTON_WATKINS, "weston_watkins", "identity", False)
    table[<int>QUANTILE].parameter = parameter("tau", 0.5, 0, 1, True)
    table[<int>HUBER].parameter = parameter("delta", 1, 0, INFINITY, False)
    table[<int>NEGATIVE_BINOMIAL].parameter = parameter("alpha", 1, 0, INFINITY, False)
    table[<int>FOCAL].parameter = parameter("gamma", 2, 0, INFINITY, True)


cdef inline bint is_joint(int loss) noexcept nogil:
    """Whether it is a loss of all outputs of a sample together."""
    return loss in (SOFTMAX_CROSS_ENTROPY, MULTICLASS_HINGE, WESTON_WATKINS)


cdef inline kernel_void loss_of_z(
    int loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *y, real *delta, real *cost, real p,
) noexcept nogil:
    """cost[s] = sum_k loss(z[k, s], y[k, s]) and delta[k, s] = dloss/dz, of a row that names its
    output activation. delta is another array than z."""
    if loss == CROSS_ENTROPY: each(cross_entropy, rows, columns, stride, z, y, NULL, delta, cost, p)
    elif loss == SOFTMAX_CROSS_ENTROPY:
        softmax_cross_entropy(rows, columns, stride, z, y, delta, cost)
    elif loss == POISSON: each(poisson, rows, columns, stride, z, y, NULL, delta, cost, p)
    elif loss == POISSON_SOFTPLUS:
        each(poisson_softplus, rows, columns, stride, z, y, NULL, delta, cost, p)
    elif loss == GAMMA: each(gamma, rows, columns, stride, z, y, NULL, delta, cost, p)
    elif loss == NEGATIVE_BINOMIAL:
        each(negative_binomial, rows, columns, stride, z, y, NULL, delta, cost, p)
    elif loss == FOCAL: each(focal, rows, columns, stride, z, y, NULL, delta, cost, p)
    elif loss == MULTICLASS_HINGE: multiclass_hinge(rows, columns, stride, z, y, delta, cost)
    elif loss == WESTON_WATKINS: weston_watkins(rows, columns, stride, z, y, delta, cost)


cdef inline void error_row(
    loss_function_t loss, bint curved, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *error, const real *y, const real *slopes, real *delta, real *other, real p,
) noexcept nogil:
    """Of a loss of the error: slope and curvature in delta and other, or delta and the cost."""
    if curved:
        each_curvature(loss, rows, columns, stride, error, y, delta, other, p)
    else:
        each(loss, rows, columns, stride, error, y, slopes, delta, other, p)


cdef inline void error_table(
    int loss, bint curved, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *error, const real *y, const real *slopes, real *delta, real *other, real p,
) noexcept nogil:
    if loss == SQUARED_ERROR:
        error_row(squared_error, curved, rows, columns, stride, error, y, slopes, delta, other, p)
    elif loss == ABSOLUTE_ERROR:
        error_row(absolute_error, curved, rows, columns, stride, error, y, slopes, delta, other, p)
    elif loss == QUANTILE:
        error_row(quantile, curved, rows, columns, stride, error, y, slopes, delta, other, p)
    elif loss == HUBER:
        error_row(huber, curved, rows, columns, stride, error, y, slopes, delta, other, p)
    elif loss == LOG_COSH:
        error_row(log_cosh, curved, rows, columns, stride, error, y, slopes, delta, other, p)
    elif loss == HINGE:
        error_row(hinge, curved, rows, columns, stride, error, y, slopes, delta, other, p)
    elif loss == SQUARED_HINGE:
        error_row(squared_hinge, curved, rows, columns, stride, error, y, slopes, delta, other, p)


cdef inline kernel_void loss_of_error(
    int loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *error, const real *y, const real *slopes, real *delta, real *cost, real p,
) noexcept nogil:
    """As loss_of_z, of a row that does not, from a - y; delta, which may be the same array, is
    multiplied by the slopes of the output."""
    error_table(loss, False, rows, columns, stride, error, y, slopes, delta, cost, p)


cdef inline kernel_void curvature_of_error(
    int loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *error, const real *y, real *slope, real *curvature, real p,
) noexcept nogil:
    """First and second derivative by a, of a row computed from a - y; `slope` may be the array of
    the errors."""
    error_table(loss, True, rows, columns, stride, error, y, NULL, slope, curvature, p)


cdef inline kernel_void curvature_of_z(
    int loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *y, real *slope, real *curvature, real p,
) noexcept nogil:
    """First and second derivative by z, of a row computed from z whose outputs do not depend on
    each other."""
    if loss == CROSS_ENTROPY:
        each_curvature(cross_entropy, rows, columns, stride, z, y, slope, curvature, p)
    elif loss == POISSON:
        each_curvature(poisson, rows, columns, stride, z, y, slope, curvature, p)
    elif loss == POISSON_SOFTPLUS:
        each_curvature(poisson_softplus, rows, columns, stride, z, y, slope, curvature, p)
    elif loss == GAMMA:
        each_curvature(gamma, rows, columns, stride, z, y, slope, curvature, p)
    elif loss == NEGATIVE_BINOMIAL:
        each_curvature(negative_binomial, rows, columns, stride, z, y, slope, curvature, p)
    elif loss == FOCAL:
        each_curvature(focal, rows, columns, stride, z, y, slope, curvature, p)
