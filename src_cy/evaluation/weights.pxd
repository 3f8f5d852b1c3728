"""Weights of samples: their sum, a power of two that keeps them in range, and what they multiply.

A mean does not depend on the scale of its weights. Multiplied by the power of two that takes the
largest to [1, 2), exactly, those of 1e-310 or 1e308 are as good as 1; in circuits weights of
ordinary size are left as they are. A weight of 0 leaves its sample out: whatever overflows there,
0 is added.
"""
cimport cython
from libc.math cimport INFINITY, fmin, frexp, ldexp

from matrix.sizes cimport ORDINARY, WEIGHT_SUMS
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, real
from simd.lanes_math cimport lanes_eq, lanes_select


cdef inline double weight_sum(
    const double *weights, Py_ssize_t m, double factor, double *largest,
) noexcept nogil:
    """The sum of factor times the weights, and the largest of them."""
    cdef double part[WEIGHT_SUMS]
    cdef double top[WEIGHT_SUMS]
    cdef double w
    cdef Py_ssize_t s, full = m // WEIGHT_SUMS * WEIGHT_SUMS
    cdef int k, width = WEIGHT_SUMS // 2
    for k in range(WEIGHT_SUMS):
        part[k] = top[k] = 0
    s = 0
    while s < full:
        for k in range(WEIGHT_SUMS):
            w = weights[s + k]
            part[k] += factor * w
            top[k] = w if w > top[k] else top[k]
        s += WEIGHT_SUMS
    for s in range(full, m):
        w = weights[s]
        part[s % WEIGHT_SUMS] += factor * w
        top[s % WEIGHT_SUMS] = max(top[s % WEIGHT_SUMS], w)
    while width > 0:
        for k in range(width):
            part[k] += part[k + width]
            top[k] = max(top[k], top[k + width])
        width //= 2
    largest[0] = top[0]
    return part[0]


@cython.cdivision(True)
cdef inline double quotient(double a, double b) noexcept nogil:
    """a / b as IEEE says, b = 0 included, also in a build that checks divisions."""
    return a / b


cdef inline double factor_for(double largest) noexcept nogil:
    """The power of two that takes the largest weight to [1, 2)."""
    cdef int exponent = 1
    if not 0 < largest < INFINITY:      # there is nothing to scale: all 0, or not finite
        return 1
    frexp(largest, &exponent)
    return ldexp(1, min(max(1 - exponent, -1022), 1022))


cdef inline double limited_factor(double factor, double l2) noexcept nogil:
    """The factor, or a smaller one with which l2, which it multiplies too, stays below 2**900."""
    cdef int exponent
    if factor * l2 < ldexp(1, 900):
        return factor
    frexp(l2, &exponent)
    return fmin(factor, ldexp(1, max(0, 900 - exponent)))


cdef inline double weigh(
    const double *weights, Py_ssize_t m, double l2, double *factor,
) noexcept nogil:
    """The sum of the weights times the factor, a power of two."""
    cdef double largest, total = weight_sum(weights, m, 1, &largest)
    factor[0] = limited_factor(factor_for(largest), l2)
    if total == INFINITY:
        return weight_sum(weights, m, factor[0], &largest)
    return factor[0] * total


cdef inline real scaled(double factor, double weight) noexcept nogil:
    """factor times weight. Where that underflows it is the least positive number: only a weight of
    0 leaves its sample out."""
    cdef real out = <real>(factor * weight)
    if out == 0 and weight != 0:
        return <real>(5e-324 if sizeof(real) == sizeof(double) else 1.4e-45)
    return out


cdef inline bint tile_weights(
    const double *weights, double factor, Py_ssize_t count, Py_ssize_t columns, real *out,
) noexcept nogil:
    """The weights of a tile times the factor, 0 where there is no sample. Returns whether some
    samples are left out."""
    cdef bint some = False
    cdef Py_ssize_t s
    for s in range(count):
        out[s] = scaled(factor, weights[s])
        some = some or out[s] == 0
    for s in range(count, columns):
        out[s] = 0
    return some


cdef inline kernel_void multiply_weights(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *w, real *values,
) noexcept nogil:
    """values[row, sample] *= w[sample], and 0 where that is 0, also if the value is not finite."""
    cdef Py_ssize_t c, _
    for _ in range(rows):
        c = 0
        while c < columns:
            lanes_store(values + c, lanes_select(
                lanes_eq(lanes_load(w + c), lanes_splat(0)), lanes_splat(0),
                lanes_load(values + c) * lanes_load(w + c)))
            c += LANES
        values += stride


cdef inline kernel_void leave_out(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *w, real *values,
) noexcept nogil:
    """values[row, sample] = 0 where w[sample] is."""
    cdef Py_ssize_t c, _
    for _ in range(rows):
        c = 0
        while c < columns:
            lanes_store(values + c, lanes_select(
                lanes_eq(lanes_load(w + c), lanes_splat(0)), lanes_splat(0),
                lanes_load(values + c)))
            c += LANES
        values += stride


# Of circuits, whose tiles are weighed by the threads that have them. What factor the weights need
# is known in the end only, so that the factor used is that of the evaluation before.

cdef inline double wide_factor(double largest) noexcept nogil:
    """As factor_for, but 1 for weights of ordinary size: these need not be multiplied."""
    return 1 if ldexp(1, -ORDINARY) <= largest <= ldexp(1, ORDINARY) else factor_for(largest)


cdef inline bint factor_fits(double total, Py_ssize_t m) noexcept nogil:
    """Whether m weights of this sum, each times its factor, are surely within the range of `real`.

    The largest lies between their mean and their sum.
    """
    return total >= m * ldexp(1, -2 * ORDINARY) and total <= ldexp(1, 3 * ORDINARY)


cdef inline double largest_weight(const double *weights, Py_ssize_t m) noexcept nogil:
    cdef double largest
    weight_sum(weights, m, 1, &largest)
    return largest
