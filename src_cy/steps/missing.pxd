"""Targets that are missing: NaN in y. Such an entry has no cost, no slope and no curvature.

Where outputs stay apart, each of them is looked at by itself; a loss of all outputs together is
left out as a whole.
"""
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_eq, lanes_select


cdef inline kernel_void clear_missing(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *y, Py_ssize_t y_stride,
    real *values,
) noexcept nogil:
    """values[row, sample] = 0 where y[row, sample] is NaN; y_stride 0: one row of y for all."""
    cdef Py_ssize_t r, c
    cdef lanes_t target
    for r in range(rows):
        c = 0
        while c < columns:
            target = lanes_load(y + r * y_stride + c)
            lanes_store(values + r * stride + c, lanes_select(
                lanes_eq(target, target), lanes_load(values + r * stride + c), lanes_splat(0)))
            c += LANES


cdef inline kernel_void add_known(
    Py_ssize_t columns, const real *y, const real *values, real *out,
) noexcept nogil:
    """out[sample] += values[sample] where y[sample] is not NaN."""
    cdef Py_ssize_t c = 0
    cdef lanes_t target
    while c < columns:
        target = lanes_load(y + c)
        lanes_store(out + c, lanes_load(out + c) + lanes_select(
            lanes_eq(target, target), lanes_load(values + c), lanes_splat(0)))
        c += LANES


cdef inline kernel_void sum_rows(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *values, real *out,
) noexcept nogil:
    """out[sample] = sum of values[row, sample]: NaN where any of them is."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t total
    while c < columns:
        total = lanes_splat(0)
        for r in range(rows):
            total += lanes_load(values + r * stride + c)
        lanes_store(out + c, total)
        c += LANES
