"""softmax, the one activation that depends on all units together, and its Jacobian.

Where an output comes near 1, its distance from 1 is computed as the sum of the other outputs, which
keeps its digits.
"""
from elementary.elementary cimport lanes_divide, lanes_eq, lanes_exp, lanes_gt, lanes_select
from simd.lanes cimport LANES, lanes_load, lanes_splat, lanes_store, lanes_t, real


cdef inline void softmax_powers(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z, real *powers,
    lanes_t *top, lanes_t *rest,
) noexcept nogil:
    """exp(z_k - max z) of a register of columns, the maximum, and the sum of the powers less the 1
    of one maximum."""
    cdef Py_ssize_t r
    cdef lanes_t power
    cdef lanes_t ties = lanes_splat(-1)
    top[0] = lanes_load(z)
    for r in range(1, rows):
        top[0] = lanes_select(
            lanes_gt(lanes_load(z + r * stride), top[0]), lanes_load(z + r * stride), top[0])
    rest[0] = lanes_splat(0)
    for r in range(rows):
        power = lanes_exp(lanes_load(z + r * stride) - top[0])
        rest[0] += lanes_select(    # 1 - 1, but no NaN is passed over
            lanes_eq(lanes_load(z + r * stride), top[0]), power - 1, power)
        ties += lanes_select(
            lanes_eq(lanes_load(z + r * stride), top[0]), lanes_splat(1), lanes_splat(0))
        lanes_store(powers + r * stride, power)
    rest[0] += ties


cdef inline void softmax(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z, real *out,
) noexcept nogil:
    """a_k = exp(z_k) / sum_j exp(z_j), of z less the largest; out may be z."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t top, total
    while c < columns:
        total = lanes_splat(0)
        top = lanes_load(z + c)
        for r in range(1, rows):
            top = lanes_select(
                lanes_gt(lanes_load(z + r * stride + c), top),
                lanes_load(z + r * stride + c), top)
        for r in range(rows):
            lanes_store(out + r * stride + c, lanes_exp(lanes_load(z + r * stride + c) - top))
            total += lanes_load(out + r * stride + c)
        for r in range(rows):
            lanes_store(
                out + r * stride + c, lanes_divide(lanes_load(out + r * stride + c), total))
        c += LANES


cdef inline void softmax_errors(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z, const real *y, real *error,
) noexcept nogil:
    """error = a - y, that of the largest a from 1 - a; then z = a."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t top, rest, total, power
    while c < columns:
        softmax_powers(rows, columns, stride, z + c, error + c, &top, &rest)
        total = 1 + rest
        for r in range(rows):
            power = lanes_divide(lanes_load(error + r * stride + c), total)
            lanes_store(error + r * stride + c, lanes_select(
                lanes_eq(lanes_load(z + r * stride + c), top),
                (1 - lanes_load(y + r * stride + c)) - lanes_divide(rest, total),
                power - lanes_load(y + r * stride + c)))
            lanes_store(z + r * stride + c, power)
        c += LANES


cdef inline void softmax_slopes(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *a, real *out,
) noexcept nogil:
    """out times the Jacobian, a_k (out_k - a . out). The result does not change if one number is
    subtracted from all out_k. That of the largest a is, so that no a near 1 loses digits."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t top, chosen, total
    while c < columns:
        top = lanes_load(a + c)
        chosen = lanes_load(out + c)
        for r in range(1, rows):
            chosen = lanes_select(
                lanes_gt(lanes_load(a + r * stride + c), top),
                lanes_load(out + r * stride + c), chosen)
            top = lanes_select(
                lanes_gt(lanes_load(a + r * stride + c), top),
                lanes_load(a + r * stride + c), top)
        total = lanes_splat(0)
        for r in range(rows):
            total += (lanes_load(a + r * stride + c)
                      * (lanes_load(out + r * stride + c) - chosen))
        for r in range(rows):
            lanes_store(
                out + r * stride + c,
                lanes_load(a + r * stride + c)
                * ((lanes_load(out + r * stride + c) - chosen) - total))
        c += LANES
