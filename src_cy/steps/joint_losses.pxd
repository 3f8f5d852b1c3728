"""Losses of all outputs of a sample together, computed from z; their rows are in losses.pxd."""
from elementary.elementary cimport (
    lanes_abs, lanes_divide, lanes_eq, lanes_gt, lanes_log1p, lanes_rounded, lanes_select,
)
from simd.lanes cimport LANES, lanes_load, lanes_splat, lanes_store, lanes_t, real
from steps.softmax cimport softmax_powers


cdef inline lanes_t lanes_zero_or_nan(lanes_t v) noexcept nogil:
    """The slope where a loss has none: 0, but no NaN is passed over in silence."""
    return lanes_select(lanes_gt(lanes_abs(v), lanes_splat(-1)), lanes_splat(0), v)


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
