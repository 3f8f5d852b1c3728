"""The matrix product of everything, `out += P Q` or `out = P Q`.

All three products of backpropagation are one kernel with other strides. `Q` and `out` have their
columns in the SIMD lanes; the scalars of `P` are broadcast, so it may lie in memory in any way:

    forward       Z[j, s]     += sum_i W[j, i]     A[i, s]      lanes: samples
    first layer   Zt[s, j]    += sum_i X[s, i]     Wt[i, j]     lanes: units, X as the user has it
    backward      dprev[i, s] += sum_j W[j, i]     delta[j, s]  lanes: samples
    Delta         Delta[j, i] += sum_s delta[j, s] At[s, i]     lanes: features; for the first
                                                                layer At is X, as the user has it

Every element is a sum of panels of DEPTH products, each summed over k in order, one fused
multiply-add at a time, whatever the block or the register width: that is why x86-64-v3 and v4 give
the same bits.
"""
from libc.string cimport memcpy

from lanes cimport (
    BLOCK_COLUMNS, LANES, opaque_sum, kernel_void, lanes_load, lanes_prefetch, lanes_prefetch_far,
    lanes_splat, lanes_store, lanes_t, real,
)
from transpose cimport shuffle


cdef enum:
    DEPTH = 64      # rows of Q taken at once: 64 rows of 4 registers are 16 KiB
    CACHE_LINE = 64
    PACK_ROWS = 48  # rows of P from which copying a panel of Q, or interleaving P, pays
    BLOCK_ROWS = 6
    PACK_PANELS = 4             # panels of Q from which interleaving P pays
    GROUP_BYTES = 262144        # of out, kept in the second-level cache while P passes


cdef struct Ahead:
    # Data that will be needed soon: a cache line of it is asked for at each step of a product, so
    # that it arrives from memory while the processor computes.
    const char *next
    const char *end
    # In long products: whether to give up, asked from time to time. NULL: never.
    bint (*stopped)(void *) noexcept nogil
    void *context


cdef struct Matrix:
    # Element (r, c) is data[r * row + c * column].
    const real *data
    Py_ssize_t row
    Py_ssize_t column
    const real *interleaved     # the same in the order in which blocks read it (see interleave)


cdef inline Matrix matrix(const real *data, Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    cdef Matrix out
    out.data = data
    out.row = row
    out.column = column
    out.interleaved = NULL
    return out


cdef inline void block(
    const int R, const int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, real *out, Py_ssize_t out_row,
    bint fresh, const char *ahead, Py_ssize_t step,
) noexcept nogil:
    """out[R, C registers] += P[R, n] Q[n, C registers], or =, the accumulators in registers.

    What is in out comes last: it has arrived by then, and no register waits for it.
    """
    cdef lanes_t acc[12][4]
    cdef lanes_t row[4]
    cdef lanes_t w
    # With a base of its own: the offsets of 12 rows would take more registers than there are.
    cdef const real *lower = opaque_sum(p, BLOCK_ROWS * p_row)
    cdef const real *at = out
    cdef Py_ssize_t _
    cdef int r, c
    for r in range(R):
        for c in range(C):
            acc[r][c] = lanes_splat(0)
            lanes_prefetch(at + c * LANES)
        at = opaque_sum(at, out_row)
    for _ in range(n):
        lanes_prefetch_far(ahead)
        ahead += step
        for c in range(C):
            row[c] = lanes_load(q + c * LANES)
        for r in range(R):
            w = lanes_splat(p[r * p_row] if r < BLOCK_ROWS else lower[(r - BLOCK_ROWS) * p_row])
            for c in range(C):
                acc[r][c] += w * row[c]
        p += p_column
        lower += p_column
        q += q_row
    at = opaque_sum(out, 0)
    for r in range(R):
        for c in range(C):
            if not fresh:
                acc[r][c] += lanes_load(at + c * LANES)
            lanes_store(<real *>at + c * LANES, acc[r][c])
        at = opaque_sum(at, out_row)


cdef inline void sized_block(
    int R, int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, real *out, Py_ssize_t out_row,
    bint fresh, const char *ahead, Py_ssize_t step,
) noexcept nogil:
    """`block` with sizes known to the compiler: one copy of it for each."""
    cdef int size = 16 * C + R
    if size == 17: block(1, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 18: block(2, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 19: block(3, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 20: block(4, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 21: block(5, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 22: block(6, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 23: block(7, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 24: block(8, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 25: block(9, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 26: block(10, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 27: block(11, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 28: block(12, 1, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 33: block(1, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 34: block(2, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 35: block(3, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 36: block(4, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 37: block(5, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 38: block(6, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    if BLOCK_COLUMNS < 4:
        return
    if size == 39: block(7, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 40: block(8, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 41: block(9, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 42: block(10, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 43: block(11, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 44: block(12, 2, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 49: block(1, 3, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 50: block(2, 3, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 51: block(3, 3, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 52: block(4, 3, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 53: block(5, 3, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 54: block(6, 3, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 65: block(1, 4, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 66: block(2, 4, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 67: block(3, 4, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 68: block(4, 4, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 69: block(5, 4, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)
    elif size == 70: block(6, 4, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)


cdef inline kernel_void any_block(
    int R, int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, real *out, Py_ssize_t out_row,
    bint fresh, const char *ahead, Py_ssize_t step,
) noexcept nogil:
    sized_block(R, C, p, p_row, p_column, q, q_row, n, out, out_row, fresh, ahead, step)


cdef inline kernel_void interleaved_block(
    int R, int C, const real *p, const real *q, Py_ssize_t q_row, Py_ssize_t n,
    real *out, Py_ssize_t out_row, bint fresh, const char *ahead, Py_ssize_t step,
) noexcept nogil:
    sized_block(R, C, p, 1, R, q, q_row, n, out, out_row, fresh, ahead, step)


cdef inline void pack_columns(
    const int C, Py_ssize_t n, const real *q, Py_ssize_t q_row, real *panel,
) noexcept nogil:
    """panel[n, C registers] = q, row after row."""
    cdef Py_ssize_t _
    cdef int c
    for _ in range(n):
        for c in range(C):
            lanes_store(panel + c * LANES, lanes_load(q + c * LANES))
        q += q_row
        panel += C * LANES


cdef inline void pack_panel(
    int C, Py_ssize_t n, const real *q, Py_ssize_t q_row, real *panel,
) noexcept nogil:
    """The same with the number known to the compiler, which else calls memcpy for each row."""
    if C == 1: pack_columns(1, n, q, q_row, panel)
    elif C == 2: pack_columns(2, n, q, q_row, panel)
    elif C == 3: pack_columns(3, n, q, q_row, panel)
    else: pack_columns(4, n, q, q_row, panel)


cdef inline void interleave_block(const int R, Py_ssize_t n, Matrix p, real *out) noexcept nogil:
    """out[k, r] = p[r, k]."""
    cdef lanes_t a[BLOCK_ROWS][16]
    cdef real turned[16 * BLOCK_ROWS + 16]
    cdef Py_ssize_t k = 0
    cdef int i, g, r
    if p.row == 1:
        for k in range(n):
            memcpy(out + k * R, p.data + k * p.column, R * sizeof(real))
        return
    if p.column == 1:
        while k + LANES <= n:
            for g in range((R + LANES - 1) // LANES):
                for i in range(LANES):
                    a[g][i] = lanes_load(p.data + min(g * LANES + i, R - 1) * p.row + k)
                shuffle(a[g])
            # In this order what a store writes too much is overwritten by the next.
            for i in range(LANES):
                for g in range((R + LANES - 1) // LANES):
                    lanes_store(turned + i * R + g * LANES, a[g][i])
            for g in range(R):
                lanes_store(out + k * R + g * LANES, lanes_load(turned + g * LANES))
            k += LANES
    while k < n:
        for r in range(R):
            out[k * R + r] = p.data[r * p.row + k * p.column]
        k += 1


cdef inline int even_share(Py_ssize_t left, const int most) noexcept nogil:
    """How many of those left to take now, `most` at most: even shares, so that none is left thin.

    The quotient is looked for, and `most` is known to the compiler: a division of 64 bits takes as
    long as a third of a small block.
    """
    cdef Py_ssize_t shares = (left + most - 1) // most
    cdef int share = most
    while (share - 1) * shares >= left:
        share -= 1
    return share


cdef inline kernel_void interleave(
    Py_ssize_t rows, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """P[rows, n <= DEPTH] block of rows after block of rows, and in each k after k."""
    cdef Py_ssize_t r = 0
    cdef int R
    cdef Matrix part = p
    while r < rows:
        R = even_share(rows - r, BLOCK_ROWS)
        part.data = p.data + r * p.row
        if R == 6: interleave_block(6, n, part, out)
        elif R == 5: interleave_block(5, n, part, out)
        elif R == 4: interleave_block(4, n, part, out)
        elif R == 3: interleave_block(3, n, part, out)
        elif R == 2: interleave_block(2, n, part, out)
        else: interleave_block(1, n, part, out)
        out += R * n
        r += R


cdef inline bint interleaving_pays(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    return rows >= PACK_ROWS and columns >= PACK_PANELS * BLOCK_COLUMNS * LANES


cdef inline Matrix interleaved(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t n, Matrix p, real *out,
) noexcept nogil:
    """P[rows, n] with an interleaved copy in `out`, if that pays for a Q of so many columns.

    A NULL `out` says that there is no room for one.
    """
    cdef Py_ssize_t k = 0
    if out != NULL and interleaving_pays(rows, columns):
        while k < n:
            interleave(rows, min(n - k, <Py_ssize_t>DEPTH),
                       matrix(p.data + k * p.column, p.row, p.column), out + k * rows)
            k += DEPTH
        p.interleaved = out
    return p


cdef inline void multiply_panel(
    int C, Py_ssize_t rows, Py_ssize_t n, Matrix p, const real *q, Py_ssize_t q_row,
    const real *next_q, real *out, Py_ssize_t out_row, bint fresh, Ahead *ahead,
) noexcept nogil:
    """out[rows, C registers] += P[rows, n] Q[n, C registers], or =, with n <= DEPTH.

    All rows of P pass over a panel of Q that stays in the first-level cache. Where they are many
    the panel is copied first, unless its rows are adjacent already: to be aligned, and on 4 pages
    of memory instead of up to 64. The first blocks then ask for the next panel, one column of
    registers each.
    """
    cdef lanes_t copied[DEPTH * 4]
    cdef const char *coming
    cdef Py_ssize_t r = 0, step, q_step = q_row * sizeof(real)
    cdef int R, next_columns = 0
    if rows >= PACK_ROWS and q_row != C * LANES:
        pack_panel(C, n, q, q_row, <real *>copied)
        q = <real *>copied
        q_row = C * LANES
        next_columns = C
    while r < rows:
        if next_columns > 0:
            next_columns -= 1
            coming = <const char *>(next_q + next_columns * LANES)
            step = q_step
        else:
            coming = ahead.next
            step = CACHE_LINE if ahead.next < ahead.end else 0
            ahead.next += n * step
        if p.interleaved != NULL:
            R = even_share(rows - r, BLOCK_ROWS)
            interleaved_block(R, C, p.interleaved + r * n, q, q_row, n,
                              out + r * out_row, out_row, fresh, coming, step)
        else:
            if narrow(C):
                R = even_share(rows - r, 2 * BLOCK_ROWS)
            else:
                R = even_share(rows - r, BLOCK_ROWS)
            any_block(R, C, p.data + r * p.row, p.row, p.column, q, q_row, n,
                      out + r * out_row, out_row, fresh, coming, step)
        r += R


cdef inline bint narrow(int C) noexcept nogil:
    """Whether so few columns leave registers for twice as many rows."""
    return C < BLOCK_COLUMNS - 1 or C == 1


cdef inline Py_ssize_t group_columns(Py_ssize_t rows) noexcept nogil:
    """How many columns of out to finish before the next: whole panels, at least one."""
    cdef Py_ssize_t panel = BLOCK_COLUMNS * LANES
    cdef Py_ssize_t panels = GROUP_BYTES // (rows * panel * <Py_ssize_t>sizeof(real))
    return max(panels, <Py_ssize_t>1) * panel


cdef inline void multiply_add(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t n,
    Matrix p, const real *q, Py_ssize_t q_row, real *out, Py_ssize_t out_row, bint fresh,
    Ahead *ahead,
) noexcept nogil:
    """out[rows, columns] += P[rows, n] Q[n, columns]; columns is a multiple of LANES.

    fresh: out = P Q, whatever was there; n > 0.
    P passes once for each group of columns, whose part of out stays in the second-level cache.
    A product that is given up leaves out unfinished.
    """
    cdef Py_ssize_t group = group_columns(rows), start = 0, stop, k, c, depth
    cdef const real *panel
    cdef int C
    cdef Matrix part
    while start < columns:
        stop = min(start + group, columns)
        k = 0
        while k < n:
            if ahead.stopped != NULL and ahead.stopped(ahead.context):
                return
            part = matrix(p.data + k * p.column, p.row, p.column)
            if p.interleaved != NULL:
                part.interleaved = p.interleaved + k * rows
            depth = min(n - k, <Py_ssize_t>DEPTH)
            c = start
            while c < stop:
                C = even_share((stop - c) // LANES, BLOCK_COLUMNS)
                panel = q + k * q_row + c
                multiply_panel(
                    C, rows, depth, part, panel, q_row,
                    panel + C * LANES if c + C * LANES < stop else q + (k + depth) * q_row + start,
                    out + c, out_row, fresh and k == 0, ahead)
                c += C * LANES
            k += depth
        start = stop
