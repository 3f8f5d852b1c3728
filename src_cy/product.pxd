"""The matrix product of everything, `out = addend + P Q`; the addend may be out, or nothing.

All three products of backpropagation are one kernel with other strides. `Q` and `out` have their
columns in the SIMD lanes; the scalars of `P` are broadcast, so it may lie in memory in any way:

    forward       Z[j, s]     = b[j] + sum_i W[j, i]     A[i, s]      lanes: samples
    first layer   Zt[s, j]    = b[j] + sum_i X[s, i]     Wt[i, j]     lanes: units, X as the user
                                                                      has it; if wide, as the others
    backward      dprev[i, s] =        sum_j W[j, i]     delta[j, s]  lanes: samples
    Delta         Delta[j, i] +=       sum_s delta[j, s] At[s, i]     lanes: features; for the first
                                                                      layer At is X, where it lies,
                                                                      or a copy (span.pxd)

Every element is a sum of panels of DEPTH products, each summed over k in order, one fused
multiply-add at a time, whatever the block or the register width: that is why x86-64-v3 and v4 give
the same bits.
"""
from libc.string cimport memset

from interleave cimport BLOCK_ROWS, DEPTH, PACK_ROWS, Matrix, even_share, from_column
from lanes cimport (
    BLOCK_COLUMNS, LANES, STRIP, kernel_void, lanes_load, lanes_prefetch_far, lanes_splat,
    lanes_store, lanes_t, opaque_sum, real,
)
from layout cimport Strips, by_rows, column


cdef enum:
    CACHE_LINE = 64
    GROUP_BYTES = 262144        # of out, kept in the second-level cache while P passes


cdef struct Ahead:
    # Data that will be needed soon: a cache line of it is asked for at each step of a product, so
    # that it arrives from memory while the processor computes.
    const char *next
    const char *end
    # In long products: whether to give up, asked from time to time. NULL: never.
    bint (*stopped)(void *) noexcept nogil
    void *context


cdef inline Ahead no_data() noexcept nogil:
    """Nothing to ask for ahead, and no giving up."""
    cdef Ahead out
    memset(&out, 0, sizeof(Ahead))
    return out


cdef inline bint given_up(const Ahead *ahead) noexcept nogil:
    return ahead.stopped != NULL and ahead.stopped(ahead.context)


cdef struct Addend:
    # A matrix; or one number for each row, in the first column of one; or 0, if there is no data.
    Strips at
    bint broadcast


cdef inline Addend matrix_addend(Strips at) noexcept nogil:
    cdef Addend out
    out.at = at
    out.broadcast = False
    return out


cdef inline Addend broadcast_addend(const real *data, Py_ssize_t row) noexcept nogil:
    """data[r * row] in all of row r."""
    cdef Addend out = matrix_addend(by_rows(data, row))
    out.broadcast = True
    return out


cdef inline Addend nothing() noexcept nogil:
    return matrix_addend(by_rows(NULL, 0))


cdef struct Target:
    # All of a block but its P and Q: what is added, where the sum goes, what is asked for ahead.
    const real *addend
    Py_ssize_t addend_row
    bint broadcast
    real *out
    Py_ssize_t out_row
    const char *ahead
    Py_ssize_t step


cdef inline void block(
    const int R, const int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, const Target *target,
) noexcept nogil:
    """out = addend + P[R, n] Q[n, C registers], the accumulators in registers.

    The addend comes last: it arrives while the last products are summed, and no register waits for
    it.
    """
    cdef lanes_t acc[12][4]
    cdef lanes_t row[4]
    cdef lanes_t w
    # An address of its own: the offsets of 12 rows would take more registers than there are.
    cdef const real *lower = opaque_sum(p, BLOCK_ROWS * p_row)
    cdef const real *at
    cdef const char *ahead = target.ahead
    cdef Py_ssize_t step = target.step, addend_step
    cdef real *out
    cdef int r, c
    for r in range(R):
        for c in range(C):
            acc[r][c] = lanes_splat(0)
    while n > 0:                # down to 0: a register less than upwards
        n -= 1
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
    # Read again: what is kept for the end is missing in the loop.
    target = <const Target *>opaque_sum(<const real *>target, 0)
    out = target.out
    step = target.out_row
    at = target.addend
    addend_step = target.addend_row
    if at == NULL:
        for r in range(R):
            for c in range(C):
                lanes_store(out + c * LANES, acc[r][c])
            out = <real *>opaque_sum(out, step)
    elif target.broadcast:
        for r in range(R):
            w = lanes_splat(at[0])
            for c in range(C):
                lanes_store(out + c * LANES, acc[r][c] + w)
            at = opaque_sum(at, addend_step)
            out = <real *>opaque_sum(out, step)
    else:
        for r in range(R):
            for c in range(C):
                lanes_store(out + c * LANES, acc[r][c] + lanes_load(at + c * LANES))
            at = opaque_sum(at, addend_step)
            out = <real *>opaque_sum(out, step)


cdef inline void sized_block(
    int R, int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, const Target *target,
) noexcept nogil:
    """`block` with sizes known to the compiler: one copy of it for each."""
    cdef int size = 16 * C + R
    if size == 17: block(1, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 18: block(2, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 19: block(3, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 20: block(4, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 21: block(5, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 22: block(6, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 23: block(7, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 24: block(8, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 25: block(9, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 26: block(10, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 27: block(11, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 28: block(12, 1, p, p_row, p_column, q, q_row, n, target)
    elif size == 33: block(1, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 34: block(2, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 35: block(3, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 36: block(4, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 37: block(5, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 38: block(6, 2, p, p_row, p_column, q, q_row, n, target)
    if BLOCK_COLUMNS < 4:
        return
    if size == 39: block(7, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 40: block(8, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 41: block(9, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 42: block(10, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 43: block(11, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 44: block(12, 2, p, p_row, p_column, q, q_row, n, target)
    elif size == 49: block(1, 3, p, p_row, p_column, q, q_row, n, target)
    elif size == 50: block(2, 3, p, p_row, p_column, q, q_row, n, target)
    elif size == 51: block(3, 3, p, p_row, p_column, q, q_row, n, target)
    elif size == 52: block(4, 3, p, p_row, p_column, q, q_row, n, target)
    elif size == 53: block(5, 3, p, p_row, p_column, q, q_row, n, target)
    elif size == 54: block(6, 3, p, p_row, p_column, q, q_row, n, target)
    elif size == 65: block(1, 4, p, p_row, p_column, q, q_row, n, target)
    elif size == 66: block(2, 4, p, p_row, p_column, q, q_row, n, target)
    elif size == 67: block(3, 4, p, p_row, p_column, q, q_row, n, target)
    elif size == 68: block(4, 4, p, p_row, p_column, q, q_row, n, target)
    elif size == 69: block(5, 4, p, p_row, p_column, q, q_row, n, target)
    elif size == 70: block(6, 4, p, p_row, p_column, q, q_row, n, target)


cdef inline kernel_void any_block(
    int R, int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, const Target *target,
) noexcept nogil:
    sized_block(R, C, p, p_row, p_column, q, q_row, n, target)


cdef inline kernel_void interleaved_block(
    int R, int C, const real *p, const real *q, Py_ssize_t q_row, Py_ssize_t n,
    const Target *target,
) noexcept nogil:
    sized_block(R, C, p, 1, R, q, q_row, n, target)


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


cdef inline void multiply_panel(
    int C, Py_ssize_t rows, Py_ssize_t n, Matrix p, const real *q, Py_ssize_t q_row,
    const real *next_q, Target target, Ahead *ahead,
) noexcept nogil:
    """out[rows, C registers] = addend + P[rows, n] Q[n, C registers] with n <= DEPTH.

    All rows of P pass over a panel of Q that stays in the first-level cache. Where they are many
    the panel is copied first, unless its rows are adjacent already: to be aligned, and on 4 pages
    of memory instead of up to 64. The first blocks then ask for the next panel, a piece each: a
    column of registers, or n cache lines where the panel is adjacent. The others ask for the
    caller's data, or else for the next block of an interleaved P.
    """
    cdef lanes_t copied[DEPTH * 4]
    cdef Py_ssize_t r = 0, piece_step = q_row * sizeof(real), piece = LANES
    cdef int R, pieces = 0
    if rows >= PACK_ROWS:
        pieces = C
        if q_row != C * LANES:
            pack_panel(C, n, q, q_row, <real *>copied)
            q = <real *>copied
            q_row = C * LANES
        else:
            pieces = LANES * <int>sizeof(real) * C // CACHE_LINE
            piece = n * CACHE_LINE // sizeof(real)
            piece_step = CACHE_LINE
    while r < rows:
        if p.interleaved != NULL or not narrow(C):
            R = even_share(rows - r, BLOCK_ROWS)
        else:
            R = even_share(rows - r, 2 * BLOCK_ROWS)
        target.step = CACHE_LINE
        if pieces > 0:
            pieces -= 1
            target.ahead = <const char *>(next_q + pieces * piece)
            target.step = piece_step
        elif ahead.next < ahead.end:
            target.ahead = ahead.next
            ahead.next += n * CACHE_LINE
        elif p.interleaved != NULL:
            target.ahead = <const char *>(p.interleaved + (r + R) * n)
        else:
            target.ahead = ahead.next
            target.step = 0
        if p.interleaved != NULL:
            interleaved_block(R, C, p.interleaved + r * n, q, q_row, n, &target)
        else:
            any_block(R, C, p.data + r * p.row, p.row, p.column, q, q_row, n, &target)
        target.out += R * target.out_row
        if target.addend != NULL:
            target.addend += R * target.addend_row
        r += R


cdef inline bint narrow(int C) noexcept nogil:
    """Whether so few columns leave registers for twice as many rows."""
    return C < BLOCK_COLUMNS - 1 or C == 1


cdef inline Py_ssize_t group_columns(Py_ssize_t rows) noexcept nogil:
    """How many columns of out to finish before the next: whole strips, at least one."""
    cdef Py_ssize_t strips = GROUP_BYTES // (rows * STRIP * <Py_ssize_t>sizeof(real))
    return max(strips, <Py_ssize_t>1) * STRIP


cdef inline void multiply_add(
    Py_ssize_t rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n, Addend addend, Matrix p,
    Strips q, Strips out, Ahead *ahead,
) noexcept nogil:
    """out = addend + P[rows, n] Q[n, :] from column start to stop, multiples of LANES; n > 0.

    P passes once for each group of columns, whose part of out stays in the second-level cache.
    A product that is given up leaves out unfinished.
    """
    cdef Py_ssize_t group = group_columns(rows), end, k, c, next_c, depth
    cdef const real *next_q
    cdef Matrix part
    cdef Addend to
    cdef Target target
    target.out_row = out.row
    while start < stop:
        end = min(start // STRIP * STRIP + group, stop)
        to = addend
        k = 0
        while k < n:
            if given_up(ahead):
                return
            part = from_column(p, k)
            if p.interleaved != NULL:
                part.interleaved = p.interleaved + k * rows
            depth = min(n - k, <Py_ssize_t>DEPTH)
            target.broadcast = to.broadcast
            target.addend_row = to.at.row
            c = start
            while c < end:
                next_c = min((c // STRIP + 1) * STRIP, end)
                if next_c < end:
                    next_q = column(q, next_c) + k * q.row
                else:
                    next_q = column(q, start) + (k + depth) * q.row
                target.addend = to.at.data
                if to.at.data != NULL and not to.broadcast:
                    target.addend = column(to.at, c)
                target.out = column(out, c)
                multiply_panel(<int>((next_c - c) // LANES), rows, depth, part,
                               column(q, c) + k * q.row, q.row, next_q, target, ahead)
                c = next_c
            k += depth
            to = matrix_addend(out)
        start = end
