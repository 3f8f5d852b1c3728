"""The matrix product of everything, `out += P Q`, and the transposition that feeds it.

All three products of backpropagation are one kernel with other strides. `Q` and `out` have their
columns in the SIMD lanes; the scalars of `P` are broadcast, so it may lie in memory in any way:

    forward       Z[j, s]     += sum_i W[j, i]     A[i, s]      lanes: samples
    first layer   Zt[s, j]    += sum_i X[s, i]     Wt[i, j]     lanes: units, X as the user has it
    backward      dprev[i, s] += sum_j W[j, i]     delta[j, s]  lanes: samples
    Delta         Delta[j, i] += sum_s delta[j, s] At[s, i]     lanes: features; for the first
                                                                layer At is X, as the user has it

Every element is summed over k in order, one fused multiply-add at a time, whatever the block or
the register width: that is why x86-64-v3 and v4 give the same bits.
"""
from libc.string cimport memcpy, memset

from lanes cimport (
    BLOCK_COLUMNS, LANES, kernel_void, lanes_load, lanes_prefetch,
    lanes_prefetch_far, lanes_splat, lanes_store, lanes_t, lanes_zip_high, lanes_zip_low, real,
)


cdef enum:
    DEPTH = 64      # rows of Q taken at once: 64 rows of 4 registers are 16 KiB
    CACHE_LINE = 64
    PACK_ROWS = 47  # rows of P from which copying a panel of Q pays


cdef struct Ahead:
    # Data that will be needed soon: a cache line of it is asked for at each step of a product, so
    # that it arrives from memory while the processor computes.
    const char *next
    const char *end


cdef struct Matrix:
    # Element (r, c) is data[r * row + c * column].
    const real *data
    Py_ssize_t row
    Py_ssize_t column


cdef inline Matrix matrix(const real *data, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    cdef Matrix out
    out.data = data
    out.row = row
    out.column = column
    return out


cdef inline void block(
    const int R, const int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, real *out, Py_ssize_t out_row,
    const char *ahead, Py_ssize_t step,
) noexcept nogil:
    """out[R, C registers] += P[R, n] Q[n, C registers], the accumulators in registers."""
    cdef lanes_t acc[12][4]
    cdef lanes_t row[4]
    cdef lanes_t w
    cdef Py_ssize_t _
    cdef int r, c
    for r in range(R):
        for c in range(C):
            acc[r][c] = lanes_load(out + r * out_row + c * LANES)
            lanes_prefetch(out + (r + R) * out_row + c * LANES)     # for the block to come
    for _ in range(n):
        lanes_prefetch_far(ahead)
        ahead += step
        for c in range(C):
            row[c] = lanes_load(q + c * LANES)
        for r in range(R):
            w = lanes_splat(p[r * p_row])
            for c in range(C):
                acc[r][c] += w * row[c]
        p += p_column
        q += q_row
    for r in range(R):
        for c in range(C):
            lanes_store(out + r * out_row + c * LANES, acc[r][c])


cdef inline kernel_void sized_block(
    int R, int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, real *out, Py_ssize_t out_row,
    const char *ahead, Py_ssize_t step,
) noexcept nogil:
    """`block` with sizes known to the compiler: one copy of it for each."""
    cdef int size = 16 * C + R
    if size == 17: block(1, 1, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 18: block(2, 1, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 19: block(3, 1, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 20: block(4, 1, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 21: block(5, 1, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 22: block(6, 1, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 28: block(12, 1, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 33: block(1, 2, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 34: block(2, 2, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 35: block(3, 2, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 36: block(4, 2, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 37: block(5, 2, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    elif size == 38: block(6, 2, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
    if BLOCK_COLUMNS == 4:
        if size == 44: block(12, 2, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 49: block(1, 3, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 50: block(2, 3, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 51: block(3, 3, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 52: block(4, 3, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 53: block(5, 3, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 54: block(6, 3, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 65: block(1, 4, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 66: block(2, 4, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 67: block(3, 4, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 68: block(4, 4, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 69: block(5, 4, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)
        elif size == 70: block(6, 4, p, p_row, p_column, q, q_row, n, out, out_row, ahead, step)


cdef inline int rows_of_block(Py_ssize_t left, int C) noexcept nogil:
    """How many of the rows left to take now: even shares, so that no block is left thin."""
    cdef Py_ssize_t blocks
    if C < BLOCK_COLUMNS - 1 or C == 1:
        if left >= 12:
            return 12
    blocks = (left + 5) // 6
    return <int>((left + blocks - 1) // blocks)


cdef inline void pack_panel(
    int C, Py_ssize_t n, const real *q, Py_ssize_t q_row, real *panel,
) noexcept nogil:
    """panel[n, C registers] = q, row after row."""
    cdef Py_ssize_t _
    cdef int c
    for _ in range(n):
        for c in range(C):
            lanes_store(panel + c * LANES, lanes_load(q + c * LANES))
        q += q_row
        panel += C * LANES


cdef inline void multiply_panel(
    int C, Py_ssize_t rows, Py_ssize_t n, Matrix p, const real *q, Py_ssize_t q_row,
    real *out, Py_ssize_t out_row, Ahead *ahead,
) noexcept nogil:
    """out[rows, C registers] += P[rows, n] Q[n, C registers], with n <= DEPTH.

    All rows of P pass over a panel of Q that stays in the first-level cache. Where they are many
    the panel is copied first: aligned, and on 4 pages of memory where it may have been on 64.
    """
    cdef lanes_t copied[DEPTH * 4]
    cdef Py_ssize_t r = 0, step
    cdef int R
    if rows > PACK_ROWS:
        pack_panel(C, n, q, q_row, <real *>copied)
        q = <real *>copied
        q_row = C * LANES
    while r < rows:
        R = rows_of_block(rows - r, C)
        step = CACHE_LINE if ahead.next < ahead.end else 0
        sized_block(R, C, p.data + r * p.row, p.row, p.column, q, q_row, n,
                    out + r * out_row, out_row, ahead.next, step)
        ahead.next += n * step
        r += R


cdef inline int panel_columns(Py_ssize_t left) noexcept nogil:
    """How many registers wide the next panel is: even shares, so that none is left thin."""
    cdef Py_ssize_t panels = (left + BLOCK_COLUMNS - 1) // BLOCK_COLUMNS
    return <int>((left + panels - 1) // panels)


cdef inline void multiply_add(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t n,
    Matrix p, const real *q, Py_ssize_t q_row, real *out, Py_ssize_t out_row, Ahead *ahead,
) noexcept nogil:
    """out[rows, columns] += P[rows, n] Q[n, columns]; columns is a multiple of LANES.

    The larger of out and P is gone through once, the other stays in the second-level cache.
    """
    cdef Py_ssize_t k, c
    cdef int C
    if columns > n:
        c = 0
        while c < columns:
            C = panel_columns((columns - c) // LANES)
            k = 0
            while k < n:
                multiply_panel(
                    C, rows, min(n - k, <Py_ssize_t>DEPTH),
                    matrix(p.data + k * p.column, p.row, p.column), q + k * q_row + c, q_row,
                    out + c, out_row, ahead)
                k += DEPTH
            c += C * LANES
    else:
        k = 0
        while k < n:
            c = 0
            while c < columns:
                C = panel_columns((columns - c) // LANES)
                multiply_panel(
                    C, rows, min(n - k, <Py_ssize_t>DEPTH),
                    matrix(p.data + k * p.column, p.row, p.column), q + k * q_row + c, q_row,
                    out + c, out_row, ahead)
                c += C * LANES
            k += DEPTH


cdef inline void transpose_block(
    const real *source, Py_ssize_t source_row, real *out, Py_ssize_t out_row,
) noexcept nogil:
    """A LANES x LANES block, by log2(LANES) rounds of perfect shuffles."""
    cdef lanes_t a[16]
    cdef lanes_t b[16]
    cdef int i, width
    for i in range(LANES):
        a[i] = lanes_load(source + i * source_row)
    width = 1
    while width < LANES:
        for i in range(LANES // 2):
            b[2 * i] = lanes_zip_low(a[i], a[i + LANES // 2])
            b[2 * i + 1] = lanes_zip_high(a[i], a[i + LANES // 2])
        for i in range(LANES):
            a[i] = b[i]
        width *= 2
    for i in range(LANES):
        lanes_store(out + i * out_row, a[i])


cdef inline kernel_void turn(
    Py_ssize_t rows, Py_ssize_t columns, const real *source, Py_ssize_t source_row,
    real *out, Py_ssize_t out_row,
) noexcept nogil:
    """out[c, r] = source[r, c] for rows and columns rounded up to whole registers."""
    cdef Py_ssize_t r = 0, c
    while r < rows:
        c = 0
        while c < columns:
            transpose_block(source + r * source_row + c, source_row,
                            out + c * out_row + r, out_row)
            c += LANES
        r += LANES


cdef inline kernel_void transpose(
    Py_ssize_t rows, Py_ssize_t columns, const real *source, Py_ssize_t source_row,
    real *out, Py_ssize_t out_row,
) noexcept nogil:
    """out[c, r] = source[r, c]; nothing is read or written outside these elements."""
    cdef real corner[256]
    cdef real turned[256]
    cdef Py_ssize_t r, c, height, width, i
    r = 0
    while r < rows:
        height = min(rows - r, <Py_ssize_t>LANES)
        c = 0
        while c < columns:
            width = min(columns - c, <Py_ssize_t>LANES)
            if height == LANES and width == LANES:
                transpose_block(source + r * source_row + c, source_row,
                                out + c * out_row + r, out_row)
            elif height == 1:
                for i in range(width):
                    out[(c + i) * out_row + r] = source[r * source_row + c + i]
            elif width == 1:
                for i in range(height):
                    out[c * out_row + r + i] = source[(r + i) * source_row + c]
            else:
                for i in range(height):
                    memcpy(corner + i * LANES, source + (r + i) * source_row + c,
                           width * sizeof(real))
                transpose_block(corner, LANES, turned, LANES)
                for i in range(width):
                    memcpy(out + (c + i) * out_row + r, turned + i * LANES, height * sizeof(real))
            c += width
        r += height
