"""Losses: each is one function, giving the loss and its derivative in one register, and one row.

A loss of the error a - y goes with every output activation: it is multiplied by g'. A pair that
is computed from `z` (cross_entropy of a sigmoid, say) gives delta = dloss/dz at once and names the
output it is for; it is finite for every finite z. Losses sum over the K outputs of a sample.
"""
from elementary.elementary cimport (
    lanes_abs, lanes_copysign, lanes_divide, lanes_eq, lanes_exp_negative, lanes_exp_parts,
    lanes_fma, lanes_gt, lanes_log, lanes_log1p, lanes_lt, lanes_max, lanes_rounded, lanes_select,
    lanes_softplus_excess, lanes_softplus_sigmoid, lanes_tanh,
)
from libc.math cimport INFINITY
from simd.lanes cimport (
    LANES, ilanes_t, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real,
)
from steps.parameter cimport Parameter, no_parameter, parameter
from steps.softmax cimport softmax_powers

# Of z, or of the error a - y.
# `p` is the parameter of those that have one.
ctypedef lanes_t (*loss_function_t)(
    lanes_t v, lanes_t y, real p, lanes_t *slope) noexcept nogil

cdef struct Loss:
    const char *name
    const char *output      # computed from z for this output activation; NULL: from a - y
    bint signed_labels      # targets are -1 and +1
    Parameter parameter

cdef enum:
    CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY, SQUARED_ERROR, ABSOLUTE_ERROR, QUANTILE, HUBER, LOG_COSH
    POISSON, POISSON_SOFTPLUS, HINGE, SQUARED_HINGE, MULTICLASS_HINGE, WESTON_WATKINS
    N_LOSSES


cdef inline lanes_t cross_entropy(lanes_t z, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """-y log a - (1 - y) log(1 - a) with a = sigmoid(z): softplus(z) - yz; slope a - y.

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
    return lanes_abs(z) * near + excess


cdef inline lanes_t lanes_zero_or_nan(lanes_t v) noexcept nogil:
    """The slope where a loss has none: 0, but no NaN is passed over in silence."""
    return lanes_select(lanes_gt(lanes_abs(v), lanes_splat(-1)), lanes_splat(0), v)


cdef inline lanes_t squared_error(lanes_t e, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """e^2 / 2 with e = a - y."""
    slope[0] = e
    return <real>0.5 * (e * e)


cdef inline lanes_t absolute_error(lanes_t e, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """|e|; slope 0 at the kink."""
    # NaN is neither above nor below zero, and must not become 0.
    slope[0] = lanes_select(
        lanes_gt(lanes_abs(e), lanes_splat(0)), lanes_copysign(lanes_splat(1), e), e)
    return lanes_abs(e)


cdef inline lanes_t quantile(lanes_t e, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """(1 - tau) e where e > 0 else -tau e; slope 0 at the kink."""
    cdef ilanes_t above = lanes_gt(e, lanes_splat(0))
    slope[0] = lanes_select(above, lanes_splat(1 - p), lanes_splat(-p))
    cdef lanes_t loss = e * slope[0]
    slope[0] = lanes_select(
        lanes_gt(lanes_abs(e), lanes_splat(0)), slope[0], lanes_zero_or_nan(e))
    return loss


cdef inline lanes_t huber(lanes_t e, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """e^2/2 where |e| <= delta else delta (|e| - delta/2)."""
    cdef lanes_t size = lanes_abs(e)
    cdef lanes_t cut = lanes_select(lanes_gt(size, lanes_splat(p)), lanes_splat(p), size)
    slope[0] = lanes_copysign(cut, e)
    return cut * (size - <real>0.5 * cut)


cdef inline lanes_t log_cosh(lanes_t e, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """log cosh e; slope tanh e."""
    cdef lanes_t size = lanes_abs(e)
    slope[0] = lanes_tanh(e)
    # cosh e = 1 + 2 sinh(e/2)^2 where that is small, else exp|e| (1 + exp(-2|e|)) / 2.
    cdef lanes_t t = slope[0] * slope[0]
    return lanes_select(
        lanes_gt(lanes_splat(<real>0.5), size),
        <real>-0.5 * lanes_log1p(-t),
        size + (lanes_log1p(lanes_exp_negative(<real>-2 * size)) - <real>0.69314718055994530942))


cdef inline lanes_t poisson(lanes_t z, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """rate - y log rate with rate = exp(z)."""
    # Written out: some compilers fuse the last product of exp with what is subtracted, some do not.
    cdef lanes_t scale
    cdef lanes_t part = lanes_exp_parts(z, &scale)
    slope[0] = lanes_fma(part, scale, -y)
    return lanes_fma(part, scale, -lanes_rounded(z * y))


cdef inline lanes_t poisson_softplus(lanes_t z, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """rate - y log rate with rate = softplus(z), whose logarithm tends to z far below 0."""
    cdef lanes_t far = lanes_splat(-40)
    cdef lanes_t rate, sigma
    lanes_softplus_sigmoid(z, &rate, &sigma)
    rate = lanes_max(lanes_splat(0), z) + rate
    cdef lanes_t log_rate = lanes_select(lanes_gt(far, z), z, lanes_log(rate))
    cdef lanes_t ratio = lanes_select(lanes_gt(far, z), lanes_splat(1), lanes_divide(sigma, rate))
    slope[0] = sigma - ratio * y
    return rate - log_rate * y


cdef inline lanes_t hinge(lanes_t e, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """max(0, 1 - ya), y = -1 or 1, so that 1 - ya = -y(a - y); slope 0 at the kink."""
    cdef lanes_t short = -y * e
    slope[0] = lanes_select(lanes_gt(short, lanes_splat(0)), -y, lanes_zero_or_nan(short))
    return lanes_select(lanes_gt(lanes_splat(0), short), lanes_splat(0), short)


cdef inline lanes_t squared_hinge(lanes_t e, lanes_t y, real p, lanes_t *slope) noexcept nogil:
    """max(0, 1 - ya)^2, y = -1 or 1."""
    cdef lanes_t short = -y * e
    short = lanes_select(lanes_gt(lanes_splat(0), short), lanes_splat(0), short)
    slope[0] = <real>-2 * y * short
    return short * short


cdef inline void each(
    loss_function_t loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *v, const real *y, const real *slopes, real *delta, real *cost, real p,
) noexcept nogil:
    """A loss of z, or of the error if there are slopes of the output, which multiply its own."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t slope, total
    while c < columns:
        total = lanes_splat(0)
        for r in range(rows):
            total += loss(
                lanes_load(v + r * stride + c), lanes_load(y + r * stride + c), p, &slope)
            if slopes != NULL:
                slope *= lanes_load(slopes + r * stride + c)
            lanes_store(delta + r * stride + c, slope)
        lanes_store(cost + c, total)
        c += LANES


cdef inline void softmax_cross_entropy(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *v, const real *y, real *delta, real *cost,
) noexcept nogil:
    """-sum_k y_k log a_k = sum_k y_k (logsumexp z - z_k); slope a_k sum(y) - y_k, which is
    a_k (sum(y) - y_k) - y_k (1 - a_k)."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t top, total, rest, mass, loss, power, others, target
    while c < columns:
        softmax_powers(rows, columns, stride, v + c, delta + c, &top, &rest)
        mass = lanes_splat(0)
        loss = lanes_splat(0)
        for r in range(rows):
            mass += lanes_load(y + r * stride + c)
            # Halves: the difference of two large z need not be a number.
            loss += lanes_load(y + r * stride + c) * (
                <real>0.5 * top - lanes_rounded(<real>0.5 * lanes_load(v + r * stride + c)))
        lanes_store(cost + c, (mass * lanes_log1p(rest) + loss) + loss)
        total = 1 + rest
        for r in range(rows):
            power = lanes_load(delta + r * stride + c)
            target = lanes_load(y + r * stride + c)
            others = lanes_select(
                lanes_eq(lanes_load(v + r * stride + c), top), rest, total - power)
            lanes_store(delta + r * stride + c, lanes_divide(
                power * (mass - target) - lanes_rounded(target * others), total))
        c += LANES


cdef inline void multiclass_hinge(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *v, const real *y, real *delta, real *cost,
) noexcept nogil:
    """max_k (z_k + 1 - y_k) - sum_k y_k z_k, y one-hot (Crammer and Singer 2001).

    The slope is 1 at the (first) largest margin less y: zero when that is the label itself.
    """
    cdef Py_ssize_t r, c = 0
    cdef lanes_t worst, margin, label, found, hit
    while c < columns:
        worst = lanes_load(v + c) + (1 - lanes_load(y + c))
        label = lanes_load(y + c) * lanes_load(v + c)
        for r in range(1, rows):
            margin = lanes_load(v + r * stride + c) + (1 - lanes_load(y + r * stride + c))
            worst = lanes_select(lanes_gt(worst, margin), worst, margin)
            label += lanes_load(y + r * stride + c) * lanes_load(v + r * stride + c)
        lanes_store(cost + c, worst - label)
        # The label wins ties, so that the slope is 0 where the loss is.
        found = lanes_select(lanes_gt(worst, label), lanes_splat(0), lanes_splat(1))
        for r in range(rows):
            margin = lanes_load(v + r * stride + c) + (1 - lanes_load(y + r * stride + c))
            hit = lanes_select(lanes_gt(worst, margin), lanes_splat(0), 1 - found)
            lanes_store(
                delta + r * stride + c,
                lanes_select(lanes_gt(worst, label),
                             hit - lanes_load(y + r * stride + c),
                             lanes_zero_or_nan(worst - label)))
            found += hit
        c += LANES


cdef inline void weston_watkins(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *v, const real *y, real *delta, real *cost,
) noexcept nogil:
    """sum_k (1 - y_k) max(0, 1 + z_k - sum_k y_k z_k), y one-hot (Weston and Watkins 1999).

    The slope is 1 at each other class that comes nearer than 1 to the label, and at the label less
    their number.
    """
    cdef Py_ssize_t r, c = 0
    cdef lanes_t label, target, margin, loss, hit, count, nothing = lanes_splat(0)
    while c < columns:
        # Where y is 0 or 1 a factor is left out instead of being 0: z may be infinite.
        label = nothing
        for r in range(rows):
            target = lanes_load(y + r * stride + c)
            label += lanes_select(
                lanes_eq(target, nothing), nothing, target * lanes_load(v + r * stride + c))
        loss = nothing
        count = nothing
        for r in range(rows):
            target = lanes_load(y + r * stride + c)
            margin = (lanes_load(v + r * stride + c) - label) + 1
            margin = lanes_select(lanes_eq(target, lanes_splat(1)), nothing, margin)
            hit = lanes_select(
                lanes_gt(margin, nothing), 1 - target, lanes_zero_or_nan(margin))
            loss += lanes_select(lanes_gt(margin, nothing), (1 - target) * margin, hit)
            count += hit
            lanes_store(delta + r * stride + c, hit)
        lanes_store(cost + c, loss)
        for r in range(rows):
            lanes_store(
                delta + r * stride + c,
                lanes_load(delta + r * stride + c) - lanes_load(y + r * stride + c) * count)
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
    loss_row(table, HINGE, "hinge", NULL, True)
    loss_row(table, SQUARED_HINGE, "squared_hinge", NULL, True)
    loss_row(table, MULTICLASS_HINGE, "multiclass_hinge", "identity", False)
    loss_row(table, WESTON_WATKINS, "weston_watkins", "identity", False)
    table[<int>QUANTILE].parameter = parameter("tau", 0.5, 0, 1, True)
    table[<int>HUBER].parameter = parameter("delta", 1, 0, INFINITY, False)


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
    elif loss == MULTICLASS_HINGE: multiclass_hinge(rows, columns, stride, z, y, delta, cost)
    elif loss == WESTON_WATKINS: weston_watkins(rows, columns, stride, z, y, delta, cost)


cdef inline kernel_void loss_of_error(
    int loss, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *error, const real *y, const real *slopes, real *delta, real *cost, real p,
) noexcept nogil:
    """As loss_of_z, of a row that does not, from a - y; delta, which may be the same array, is
    multiplied by the slopes of the output."""
    if loss == SQUARED_ERROR:
        each(squared_error, rows, columns, stride, error, y, slopes, delta, cost, p)
    elif loss == ABSOLUTE_ERROR:
        each(absolute_error, rows, columns, stride, error, y, slopes, delta, cost, p)
    elif loss == QUANTILE: each(quantile, rows, columns, stride, error, y, slopes, delta, cost, p)
    elif loss == HUBER: each(huber, rows, columns, stride, error, y, slopes, delta, cost, p)
    elif loss == LOG_COSH: each(log_cosh, rows, columns, stride, error, y, slopes, delta, cost, p)
    elif loss == HINGE: each(hinge, rows, columns, stride, error, y, slopes, delta, cost, p)
    elif loss == SQUARED_HINGE:
        each(squared_hinge, rows, columns, stride, error, y, slopes, delta, cost, p)
