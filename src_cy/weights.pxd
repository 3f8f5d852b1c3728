"""Weights of samples: their sum, a power of two that keeps them in range, and what they multiply.

A mean does not depend on the scale of its weights. Multiplied by the power of two that takes the
largest to [1, 2), exactly, those of 1e-310 or 1e308 are as good as 1. A weight of 0 leaves its
sample out: whatever overflows there, 0 is added.
"""
from libc.math cimport INFINITY, frexp, ldexp

from lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, real
from lanes_math cimport lanes_eq, lanes_select

cdef enum:
    WEIGHT_SUMS = 8     # side by side: the order of the sum depends on m alone


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


cdef inline double weigh(const double *weights, Py_ssize_t m, double *factor) noexcept nogil:
    """The sum of the weights times the factor, a power of two."""
    cdef double largest, total = weight_sum(weights, m, 1, &largest)
    cdef int exponent = 1
    factor[0] = 1
    if 0 < largest < INFINITY:      # else there is nothing to scale: all 0, or not finite
        frexp(largest, &exponent)
        factor[0] = ldexp(1, min(max(1 - exponent, -1022), 1022))
    if total == INFINITY:
        return weight_sum(weights, m, factor[0], &largest)
    return factor[0] * total


cdef inline bint tile_weights(
    const double *weights, double factor, Py_ssize_t count, Py_ssize_t columns, real *out,
) noexcept nogil:
    """The weights of a tile times the factor, 0 where there is no sample. Are some samples left
    out?"""
    cdef bint some = False
    cdef Py_ssize_t s
    for s in range(count):
        out[s] = <real>(factor * weights[s])
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
