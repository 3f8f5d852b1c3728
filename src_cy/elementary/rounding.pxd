"""Whole numbers and remainders on lanes; see elementary.pxd for the conventions. All are exact."""

from libc.math cimport copysign, fmod
from simd.lanes cimport LANES, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport (
    LANES_AT_MOST, lanes_abs, lanes_constant, lanes_gt, lanes_lt, lanes_select, lanes_with_sign,
)


cdef inline lanes_t lanes_round(lanes_t x) noexcept nogil:
    """The nearest integer, the even one of two; with the sign of x."""
    cdef lanes_t whole = lanes_constant(4503599627370496.0, 8388608.0)  # from here on all are
    cdef lanes_t size = lanes_abs(x)
    cdef lanes_t near = (size + whole) - whole
    return lanes_with_sign(lanes_select(lanes_lt(size, whole), near, size), x)


cdef inline lanes_t lanes_floor(lanes_t x) noexcept nogil:
    """The greatest integer that is at most x."""
    cdef lanes_t near = lanes_round(x)
    cdef lanes_t less = near - lanes_splat(1)
    return lanes_select(lanes_gt(near, x), less, near)


cdef inline lanes_t lanes_mod(lanes_t x, lanes_t y) noexcept nogil:
    """x - y floor(x / y), as Python's % and np.remainder: exact, with the sign of y. The quotient
    may have a thousand bits: they are libm's affair."""
    cdef real top[LANES_AT_MOST]
    cdef real bottom[LANES_AT_MOST]
    cdef int k
    lanes_store(top, x)
    lanes_store(bottom, y)
    for k in range(LANES):
        top[k] = <real>fmod(top[k], bottom[k])
        if top[k] == 0:
            top[k] = <real>copysign(0, bottom[k])
        elif (top[k] < 0) != (bottom[k] < 0):
            top[k] += bottom[k]
    return lanes_load(top)
