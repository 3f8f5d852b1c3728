"""Dot products of rows with a vector, and sums of rows, each in a fixed number of partial sums.

The order of the sums does not depend on the register width, nor on how many rows there are.
"""
from matrix.layout cimport Strips, by_rows, column
from matrix.sizes cimport DOT_BYTES, DOT_REGISTERS
from simd.lanes cimport (
    LANES, kernel_void, lanes_load, lanes_load_part, lanes_splat, lanes_store, lanes_t,
    lanes_zip_high, lanes_zip_low, real,
)


cdef inline void dots(
    const int R, const bint by_row, Py_ssize_t n, Strips W, const real *a, real *sums,
) noexcept nogil:
    """sums[r] += W[r, :] a for R rows, a power of 2 up to LANES; a NULL `a` is all ones.

    by_row: W lies by rows, and no address is looked up in strips.
    """
    cdef lanes_t acc[DOT_REGISTERS][4]
    cdef lanes_t factor = lanes_splat(1)
    cdef real part[16]
    cdef const real *at
    cdef Py_ssize_t i = 0, r, left
    cdef int v, k, width, rows = R
    cdef int registers = DOT_BYTES // sizeof(real) // LANES
    for r in range(R):
        for v in range(registers):
            acc[r][v] = lanes_splat(0)
    while i + registers * LANES <= n:
        for v in range(registers):
            at = W.data + i if by_row else column(W, i)
            if a != NULL:
                factor = lanes_load(a + i)
            for r in range(R):
                acc[r][v] += lanes_load(at + r * W.row) * factor
            i += LANES
    if i < n:
        for v in range(registers):
            at = W.data + i if by_row else column(W, i)
            left = max(<Py_ssize_t>0, min(n - i, <Py_ssize_t>LANES))
            if a != NULL:
                factor = lanes_load_part(a + i, left)
            for r in range(R):
                acc[r][v] += lanes_load_part(at + r * W.row, left) * factor
            i += LANES
    # A tree, the upper half of the partial sums to the lower: first whole registers, then two rows
    # in one, whose lanes alternate, then what is left of R rows.
    width = registers // 2
    while width > 0:
        for r in range(R):
            for v in range(width):
                acc[r][v] += acc[r][v + width]
        width //= 2
    while rows > 1:
        rows //= 2
        for k in range(rows):
            acc[k][0] = (lanes_zip_low(acc[k][0], acc[k + rows][0])
                         + lanes_zip_high(acc[k][0], acc[k + rows][0]))
    lanes_store(part, acc[0][0])
    width = LANES // 2
    while width >= R:
        for k in range(width):
            part[k] += part[k + width]
        width //= 2
    for r in range(R):
        sums[r] += part[r]


cdef inline void all_dots(
    const bint by_row, Py_ssize_t rows, Py_ssize_t n, Strips W, const real *a, real *sums,
) noexcept nogil:
    cdef int R = DOT_REGISTERS * LANES // (DOT_BYTES // sizeof(real))
    while rows >= R:
        dots(R, by_row, n, W, a, sums)
        W.data += R * W.row
        sums += R
        rows -= R
    while rows > 0:
        dots(1, by_row, n, W, a, sums)
        W.data += W.row
        sums += 1
        rows -= 1


cdef inline kernel_void dot_rows(
    Py_ssize_t rows, Py_ssize_t n, const real *W, Py_ssize_t row, const real *a, real *z,
) noexcept nogil:
    """z += W a."""
    all_dots(True, rows, n, by_rows(W, row), a, z)


cdef inline kernel_void row_sums(
    Py_ssize_t rows, Py_ssize_t n, Strips a, real *sums,
) noexcept nogil:
    """sums += the sum of each row of a[rows, n]."""
    all_dots(False, rows, n, a, NULL, sums)
