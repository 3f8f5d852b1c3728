"""A function of one register, given to the compiler by name, on the arrays of a tile.

Arrays are [rows units, columns samples] with one row stride; columns is a multiple of LANES.
"""
from simd.lanes cimport LANES, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_fma

# `p` is the parameter of those that have one.
ctypedef lanes_t (*function_t)(int order, lanes_t z, lanes_t a, real p) noexcept nogil
# g'(z), and g(z), or g(z) - y with all its digits if there is a y.
ctypedef lanes_t (*limited_t)(
    lanes_t z, const real *y, real p, lanes_t *slope) noexcept nogil


cdef inline void each(
    const int order, function_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out, real p,
) noexcept nogil:
    """out = g(z), or out times a derivative of g."""
    cdef Py_ssize_t _, c
    for _ in range(rows):
        c = 0
        while c < columns:
            if order == 0:
                lanes_store(out + c, g(0, lanes_load(z + c), lanes_splat(0), p))
            else:
                lanes_store(
                    out + c,
                    lanes_load(out + c) * g(order, lanes_load(z + c), lanes_load(a + c), p))
            c += LANES
        z += stride
        a += stride
        out += stride


cdef extern from "simd/constants.h" nogil:
    void with_order "with_constant_0_3"(
        void (*f)(int, function_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const real *, const real *,
                  real *, real) noexcept nogil,
        int order, function_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
        const real *z, const real *a, real *out, real p)
    void with_keep "with_constant_0_1"(
        void (*f)(bint, limited_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, real *, const real *,
                  real *, real) noexcept nogil,
        bint keep, limited_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
        real *z, const real *y, real *out, real p)


cdef inline void each_tangent(
    function_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z,
    const real *a, const real *delta, const real *tangent, real *out, real p,
) noexcept nogil:
    """out = g' out + g'' tangent delta; without delta, out = g' tangent."""
    cdef Py_ssize_t _, c
    cdef lanes_t first, second
    for _ in range(rows):
        c = 0
        while c < columns:
            first = g(1, lanes_load(z + c), lanes_load(a + c), p)
            if delta == NULL:
                lanes_store(out + c, first * lanes_load(tangent + c))
            else:
                second = g(2, lanes_load(z + c), lanes_load(a + c), p)
                # Which of two products is fused with the sum is not left to the compiler.
                lanes_store(out + c, lanes_fma(first, lanes_load(out + c), second * (
                    lanes_load(tangent + c) * lanes_load(delta + c))))
            c += LANES
        z += stride
        a += stride
        out += stride
        tangent += stride
        if delta != NULL:
            delta += stride


cdef inline void tangents(
    function_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z,
    const real *a, const real *delta, const real *tangent, real *out, real p,
) noexcept nogil:
    """`each_tangent` with what there is known to the compiler."""
    if delta == NULL:
        each_tangent(g, rows, columns, stride, z, a, NULL, tangent, out, p)
    else:
        each_tangent(g, rows, columns, stride, z, a, delta, tangent, out, p)


cdef inline void each_limited(
    const bint keep, limited_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    const real *y, real *out, real p,
) noexcept nogil:
    """out = g(z), or g(z) - y; then z = g'(z), if it is kept."""
    cdef Py_ssize_t _, c
    cdef const real *target = NULL
    cdef lanes_t slope
    for _ in range(rows):
        c = 0
        while c < columns:
            if y != NULL:
                target = y + c
            lanes_store(out + c, g(lanes_load(z + c), target, p, &slope))
            if keep:
                lanes_store(z + c, slope)
            c += LANES
        z += stride
        out += stride
        if y != NULL:
            y += stride


cdef inline void each_error(
    function_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z, const real *y,
    real *error, real p,
) noexcept nogil:
    """error = g(z) - y, then z = g'(z), of a function without limits."""
    cdef Py_ssize_t _, c
    cdef lanes_t a
    for _ in range(rows):
        c = 0
        while c < columns:
            a = g(0, lanes_load(z + c), lanes_splat(0), p)
            lanes_store(error + c, a - lanes_load(y + c))
            lanes_store(z + c, g(1, lanes_load(z + c), a, p))
            c += LANES
        z += stride
        y += stride
        error += stride
