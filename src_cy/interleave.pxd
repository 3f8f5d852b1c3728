"""P of a product: its scalars are broadcast, so it may lie in any way; large ones are copied in the
order in which blocks read them."""
from libc.string cimport memcpy

from block cimport BLOCK_ROWS
from lanes cimport (
    LANES, STRIP, kernel_void, lanes_load, lanes_store, lanes_store_high, lanes_t, real,
)
from layout cimport Strips
from transpose cimport shuffle


cdef enum:
    DEPTH = 64          # products that are summed before they are added to the addend
    TURNED_ROWS = 8     # at once, at most: of 16 registers most would repeat the last of 6 rows
    PACK_ROWS = 48      # rows of P from which copying a panel of Q, or interleaving P, pays
    PACK_STRIPS = 4     # strips of Q from which interleaving P pays


cdef struct Matrix:
    # Element (r, k) is data[r * row + k * column]; by strips as in layout.pxd, with column = 1.
    const real *data
    Py_ssize_t row
    Py_ssize_t column
    Py_ssize_t strip
    const real *interleaved     # the same in the order in which blocks read it, or NULL


cdef inline Matrix matrix(const real *data, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    cdef Matrix out
    out.data = data
    out.row = row
    out.column = column
    out.strip = STRIP * column
    out.interleaved = NULL
    return out


cdef inline Matrix matrix_of(Strips a) noexcept nogil:
    """One by strips has to be interleaved: blocks take steps of one size only."""
    cdef Matrix out = matrix(a.data, a.row, 1)
    out.strip = a.strip
    return out


cdef inline Matrix interleaved_matrix(const real *interleaved) noexcept nogil:
    """One of which there is nothing else."""
    cdef Matrix out = matrix(interleaved, 0, 0)
    out.interleaved = interleaved
    return out


cdef inline Matrix from_column(Matrix p, Py_ssize_t k) noexcept nogil:
    """The same without its first k columns: a multiple of STRIP, if it lies by strips."""
    p.data += k // STRIP * p.strip + k % STRIP * p.column
    return p


cdef inline int even_share(Py_ssize_t left, const int most, Py_ssize_t shares) noexcept nogil:
    """How many of those left to take now, `most` at most: even shares, so that none is left thin.

    The quotient left / shares, rounded up, is looked for: a division of 64 bits takes as long as a
    third of a small block.
    """
    cdef int share = most
    while (share - 1) * shares >= left:
        share -= 1
    return share


cdef inline void interleave_lanes(
    const int R, const real *p, Py_ssize_t p_row, real *out,
) noexcept nogil:
    """out[k, r] = p[r, k], a register of each row; less than a register is written too much."""
    cdef lanes_t a[6][16]
    cdef int turned = min(LANES, <int>TURNED_ROWS), i, g
    for g in range((R + turned - 1) // turned):
        for i in range(turned):
            a[g][i] = lanes_load(p + min(g * turned + i, R - 1) * p_row)
        shuffle(turned, a[g])
    # In this order what a store writes too much is overwritten by the next.
    for i in range(turned):
        for g in range((R + turned - 1) // turned):
            lanes_store(out + i * R + g * LANES, a[g][i])
    # 16 lanes of 8 rows: each register holds two columns, and all rows are in one group.
    if turned < LANES:
        for i in range(turned):
            lanes_store_high(out + (turned + i) * R, a[0][i])


cdef inline void interleave_block(const int R, Py_ssize_t n, Matrix p, real *out) noexcept nogil:
    """out[k, r] = p[r, k], of a part of p that lies in one strip."""
    cdef real last[16 * 6 + 16]
    cdef Py_ssize_t k = 0
    cdef int i, r
    if p.row == 1:
        for k in range(n):
            memcpy(out + k * R, p.data + k * p.column, R * sizeof(real))
        return
    if p.column == 1:
        while k + 2 * LANES <= n:
            interleave_lanes(R, p.data + k, p.row, out + k * R)
            k += LANES
        if k + LANES <= n:
            interleave_lanes(R, p.data + k, p.row, last)
            for i in range(R):
                lanes_store(out + k * R + i * LANES, lanes_load(last + i * LANES))
            k += LANES
    while k < n:
        for r in range(R):
            out[k * R + r] = p.data[r * p.row + k * p.column]
        k += 1


cdef inline void interleave_part(int R, Py_ssize_t n, Matrix p, real *out) noexcept nogil:
    if R == 6: interleave_block(6, n, p, out)
    elif R == 5: interleave_block(5, n, p, out)
    elif R == 4: interleave_block(4, n, p, out)
    elif R == 3: interleave_block(3, n, p, out)
    elif R == 2: interleave_block(2, n, p, out)
    else: interleave_block(1, n, p, out)


cdef inline kernel_void interleave(
    Py_ssize_t rows, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """P[rows, n <= DEPTH] block of rows after block of rows, and in each k after k."""
    cdef Py_ssize_t r = 0, k, width = n
    cdef int R
    if p.strip != STRIP * p.column:
        width = STRIP
    while r < rows:
        R = even_share(rows - r, BLOCK_ROWS, (rows - r + BLOCK_ROWS - 1) // BLOCK_ROWS)
        k = 0
        while k < n:
            interleave_part(R, min(width, n - k), from_column(p, k), out + k * R)
            k += width
        out += R * n
        p.data += R * p.row
        r += R


cdef inline void interleave_panels(
    Py_ssize_t rows, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """P[rows, n], panel after panel of DEPTH columns."""
    cdef Py_ssize_t k = 0
    while k < n:
        interleave(rows, min(n - k, <Py_ssize_t>DEPTH), from_column(p, k), out + k * rows)
        k += DEPTH


cdef inline bint interleaving_pays(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """Whether a P of so many rows is interleaved for a Q of so many columns."""
    return rows >= PACK_ROWS and columns >= PACK_STRIPS * STRIP


cdef inline Matrix interleaved(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """P[rows, n] with an interleaved copy in `out`, if that pays for a Q of so many columns.

    A NULL `out` says that there is no room for one.
    """
    if out != NULL and interleaving_pays(rows, columns):
        interleave_panels(rows, n, p, out)
        p.interleaved = out
    return p
