"""Dot products of rows with a vector, and sums of rows, each in a fixed number of partial sums.

The order of the sums does not depend on the register width, nor on how many rows there are.
"""
from lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from layout cimport Strips, column

cdef enum:
    DOT_BYTES = 64          # of partial sums: as many as the widest register has lanes


cdef inline real add_parts(real *part) noexcept nogil:
    """Their sum, in a tree."""
    cdef int k, width = DOT_BYTES // sizeof(real) // 2
    while width > 0:
        for k in range(width):
            part[k] += part[k + width]
        width //= 2
    return part[0]


cdef inline void dots(
    const int R, Py_ssize_t n, const real *W, Py_ssize_t row, const real *a, real *z,
) noexcept nogil:
    """z[r] += W[r, :] a for R rows at once."""
    cdef lanes_t acc[4][4]
    cdef real part[16]
    cdef Py_ssize_t i = 0, r
    cdef int v, k
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
        z[r] += add_parts(part)


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


cdef inline void row_sum(
    const int R, Py_ssize_t n, Strips a, real *sums,
) noexcept nogil:
    """sums[r] += the sum of a[r, :] for R rows at once."""
    cdef lanes_t acc[4][4]
    cdef real part[16]
    cdef const real *at
    cdef Py_ssize_t i = 0, r
    cdef int v, k
    cdef int lanes = DOT_BYTES // sizeof(real)
    for r in range(R):
        for v in range(lanes // LANES):
            acc[r][v] = lanes_splat(0)
    while i + lanes <= n:
        for v in range(lanes // LANES):
            at = column(a, i + v * LANES)
            for r in range(R):
                acc[r][v] += lanes_load(at + r * a.row)
        i += lanes
    for r in range(R):
        for v in range(lanes // LANES):
            lanes_store(part + v * LANES, acc[r][v])
        for k in range(n - i):
            part[k] += (column(a, i + k) + r * a.row)[0]
        sums[r] += add_parts(part)


cdef inline kernel_void row_sums(Py_ssize_t rows, Py_ssize_t n, Strips a, real *sums) noexcept nogil:
    """sums += the sum of each row of a[rows, n]."""
    cdef Py_ssize_t r = 0
    while r + 4 <= rows:
        row_sum(4, n, a, sums + r)
        a.data += 4 * a.row
        r += 4
    while r < rows:
        row_sum(1, n, a, sums + r)
        a.data += a.row
        r += 1
