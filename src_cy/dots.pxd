"""Dot products of rows with a vector, each in a fixed number of partial sums.

The order of the sums does not depend on the register width, nor on how many rows there are.
"""
from lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real

cdef enum:
    DOT_BYTES = 64          # of partial sums: as many as the widest register has lanes


cdef inline void dots(
    const int R, Py_ssize_t n, const real *W, Py_ssize_t row, const real *a, real *z,
) noexcept nogil:
    """z[r] += W[r, :] a for R rows at once."""
    cdef lanes_t acc[4][4]
    cdef real part[16]
    cdef Py_ssize_t i = 0, r
    cdef int v, width, k
    cdef int lanes = DOT_BYTES // sizeof(real)
    for r in range(R):
        for v in range(lanes // LANES):
            acc[r][v] = lanes_splat(0)
    while i + lanes <= n:
        for r in range(R):
            for v in range(lanes // LANES):
                acc[r][v] += lanes_load(W + r * row + i + v * LANES) * lanes_load(a + i + v * LANES)
        i += lanes
    for r in range(R):
        for v in range(lanes // LANES):
            lanes_store(part + v * LANES, acc[r][v])
        for k in range(n - i):
            part[k] += W[r * row + i + k] * a[i + k]
        width = lanes // 2
        while width > 0:
            for k in range(width):
                part[k] += part[k + width]
            width //= 2
        z[r] += part[0]


cdef inline kernel_void dot_rows(
    Py_ssize_t rows, Py_ssize_t n, const real *W, Py_ssize_t row, const real *a, real *z,
) noexcept nogil:
    """z += W a."""
    cdef Py_ssize_t j = 0
    while j + 4 <= rows:
        dots(4, n, W + j * row, row, a, z + j)
        j += 4
    while j < rows:
        dots(1, n, W + j * row, row, a, z + j)
        j += 1
