"""P of a product: its scalars are broadcast, so it may lie in any way; large ones are copied in the
order in which blocks read them."""
from libc.string cimport memcpy

from matrix.layout cimport Strips
from matrix.sizes cimport BLOCK_ROWS, DEPTH, PACK_ROWS, PACK_STRIPS, STRIP
from matrix.transpose cimport pack_lanes
from simd.lanes cimport LANES, inlined_void, kernel_void, lanes_load, lanes_store, real


cdef struct Matrix:
    # Element (r, k) is data[r * row + k * column]; by strips as in layout.pxd, with column = 1.
    const real *data
    Py_ssize_t row
    Py_ssize_t column
    Py_ssize_t strip
    const real *packed     # the same in the order in which blocks read it, or NULL


cdef inline Matrix matrix(const real *data, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    cdef Matrix out
    out.data = data
    out.row = row
    out.column = column
    out.strip = STRIP * column
    out.packed = NULL
    return out


cdef inline Matrix matrix_of(Strips a) noexcept nogil:
    """A view of strips; must be packed before use, since a block walks P with one stride."""
    cdef Matrix out = matrix(a.data, a.row, 1)
    out.strip = a.strip
    return out


cdef inline Matrix packed_only(const real *packed) noexcept nogil:
    """A P that exists in packed form only."""
    cdef Matrix out = matrix(packed, 0, 0)
    out.packed = packed
    return out


cdef inline Matrix from_column(Matrix p, Py_ssize_t k) noexcept nogil:
    """P without its first k columns; k is a multiple of STRIP if P lies by strips."""
    p.data += k // STRIP * p.strip + k % STRIP * p.column
    return p


cdef inline int even_piece(Py_ssize_t left, const int most, Py_ssize_t pieces) noexcept nogil:
    """How many of the rows left to take now, `most` at most: even pieces, so that none is thin.

    left / pieces, rounded up, is found by counting down: a division of 64 bits takes as long as a
    third of a small block.
    """
    cdef int piece = most
    while (piece - 1) * pieces >= left:
        piece -= 1
    return piece


cdef inline inlined_void pack_block(
    const int R, Py_ssize_t n, Matrix p, real *out, bint more,
) noexcept nogil:
    """out[k, r] = p[r, k], of a part of p that lies in one strip.

    more: what lies behind it in `out` is still to be written, and may be written too much of.
    """
    cdef real last[16 * 6 + 16]
    cdef Py_ssize_t k = 0
    cdef int i, r
    if p.row == 1:
        for k in range(n):
            memcpy(out + k * R, p.data + k * p.column, R * sizeof(real))
        return
    if p.column == 1:
        while k + (LANES if more else 2 * LANES) <= n:
            pack_lanes(R, p.data + k, p.row, out + k * R)
            k += LANES
        if k + LANES <= n:
            pack_lanes(R, p.data + k, p.row, last)
            for i in range(R):
                lanes_store(out + k * R + i * LANES, lanes_load(last + i * LANES))
            k += LANES
    while k < n:
        for r in range(R):
            out[k * R + r] = p.data[r * p.row + k * p.column]
        k += 1


cdef extern from "simd/constants.h" nogil:
    void with_rows "with_constant_1_6"(
        inlined_void (*f)(int, Py_ssize_t, Matrix, real *, bint) noexcept nogil,
        int R, Py_ssize_t n, Matrix p, real *out, bint more)


cdef inline kernel_void pack(
    Py_ssize_t rows, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """Copies P[rows, n <= DEPTH]: block of rows after block of rows, in each column after
    column."""
    cdef Py_ssize_t r = 0, k, width = n
    cdef int R
    if p.strip != STRIP * p.column:
        width = STRIP
    while r < rows:
        R = even_piece(rows - r, BLOCK_ROWS, (rows - r + BLOCK_ROWS - 1) // BLOCK_ROWS)
        k = 0
        while k < n:
            with_rows(pack_block, R, min(width, n - k), from_column(p, k), out + k * R,
                      k + width < n or r + R < rows)
            k += width
        out += R * n
        p.data += R * p.row
        r += R


cdef inline void pack_panels(
    Py_ssize_t rows, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """P[rows, n], panel after panel of DEPTH columns."""
    cdef Py_ssize_t k = 0
    while k < n:
        pack(rows, min(n - k, <Py_ssize_t>DEPTH), from_column(p, k), out + k * rows)
        k += DEPTH


cdef inline bint packing_pays(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """Whether a P of so many rows is packed for a Q of so many columns."""
    return rows >= PACK_ROWS and columns >= PACK_STRIPS * STRIP


cdef inline Matrix packed_if_worth(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """P[rows, n] with a packed copy in `out`, if that pays for a Q of so many columns.

    A NULL `out` says that there is no room for a copy.
    """
    if out != NULL and packing_pays(rows, columns):
        pack_panels(rows, n, p, out)
        p.packed = out
    return p
