"""The matrix product of everything, `out = addend + P Q`; the addend may be out, or nothing.

All three products of backpropagation are one kernel with other strides. `Q` and `out` have their
columns in the SIMD lanes; the scalars of `P` are broadcast, so it may lie in memory in any way:

    forward       Z[j, s]     = b[j] + sum_i W[j, i]     A[i, s]      lanes: samples
    first layer   Zt[s, j]    = b[j] + sum_i X[s, i]     Wt[i, j]     lanes: units, X as the user
                                                                      has it; if wide, as the others
    backward      dprev[i, s] =        sum_j W[j, i]     delta[j, s]  lanes: samples
    Delta         Delta[j, i] +=       sum_s delta[j, s] At[s, i]     lanes: features; for the first
                                                                      layer At is X, where it lies

Every element is a sum of panels of DEPTH products, each summed over k in order, one fused
multiply-add at a time, whatever the block or the register width: that is why x86-64-v3 and v4 give
the same bits.
"""
from libc.string cimport memset

from matrix.block cimport Target, sized_blocks
from matrix.layout cimport Strips, adjacent, by_rows, column
from matrix.packing cimport Matrix, even_piece, from_column
from matrix.sizes cimport (
    BLOCK_COLUMNS, BLOCK_LINES, BLOCK_ROWS, CACHE_LINE, DEPTH, GROUP_BYTES, PACK_ROWS, STRIP,
    THIN_COLUMNS,
)
from matrix.transpose cimport transpose
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_store, lanes_t, real


cdef struct Ahead:
    # Data that will be needed soon. Each step of a product prefetches the place that is `step`
    # bytes further on, so that the data arrives from memory while the processor computes.
    const char *next
    const char *end
    Py_ssize_t step
    Py_ssize_t steps            # of products since `next` was set
    # In long products: whether to give up, asked from time to time. NULL: never.
    bint (*stopped)(void *) noexcept nogil
    void *context


cdef inline Ahead no_data() noexcept nogil:
    """Nothing to prefetch, and no giving up."""
    cdef Ahead out
    memset(&out, 0, sizeof(Ahead))
    return out


cdef inline void prefetch_next(Ahead *ahead, const char *next, Py_ssize_t size) noexcept nogil:
    """The next `size` bytes to prefetch, spread over as many steps as there were since the call
    before: a line at each step would fill the buffers that also bring lines from the second-level
    cache."""
    ahead.next = next
    ahead.end = next + size
    ahead.step = CACHE_LINE
    if ahead.steps > 0:
        ahead.step = min(ahead.step, size // ahead.steps + 1)
    ahead.steps = 0


cdef inline bint given_up(const Ahead *ahead) noexcept nogil:
    """Whether the caller wants no more of the product."""
    return ahead.stopped != NULL and ahead.stopped(ahead.context)


cdef struct Addend:
    # A matrix; or one number for each row, in the first column of one; or 0, if there is no data.
    Strips at
    bint broadcast
    bint multiply               # a factor instead, of a product no deeper than DEPTH


cdef inline Addend matrix_addend(Strips at) noexcept nogil:
    """out = at + P Q."""
    cdef Addend out
    out.at = at
    out.broadcast = False
    out.multiply = False
    return out


cdef inline Addend broadcast_addend(const real *data, Py_ssize_t row) noexcept nogil:
    """data[r * row] in all of row r."""
    cdef Addend out = matrix_addend(by_rows(data, row))
    out.broadcast = True
    return out


cdef inline Addend factor(Strips at) noexcept nogil:
    """out = at * P Q, element by element."""
    cdef Addend out = matrix_addend(at)
    out.multiply = True
    return out


cdef inline Addend nothing() noexcept nogil:
    """out = P Q."""
    return matrix_addend(by_rows(NULL, 0))


cdef struct Operand:
    # Q: at[k, c], or at[c, k] where it is transposed, of which `count` rows exist.
    Strips at
    bint transposed
    Py_ssize_t count


cdef inline const real *panel_of(const Operand *q, Py_ssize_t k, Py_ssize_t c) noexcept nogil:
    """Where the panel from row k and column c on begins, a multiple of STRIP where it lies by
    strips."""
    if q.transposed:
        return column(q.at, k) + c * q.at.row
    return column(q.at, c) + k * q.at.row


cdef inline kernel_void any_blocks(
    int R, int C, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
    const real *q, Py_ssize_t q_row, Py_ssize_t n, const Target *target,
) noexcept nogil:
    sized_blocks(R, C, False, p, p_row, p_column, R * p_row, q, q_row, n, target)


cdef inline kernel_void packed_blocks(
    int R, int C, const real *p, const real *q, Py_ssize_t q_row, Py_ssize_t n,
    const Target *target,
) noexcept nogil:
    sized_blocks(R, C, True, p, 1, R, R * n, q, q_row, n, target)


cdef inline void copy_columns(
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


cdef extern from "simd/constants.h" nogil:
    # Without a constant the compiler calls memcpy for each row.
    void with_registers "with_constant_1_4"(
        void (*f)(int, Py_ssize_t, const real *, Py_ssize_t, real *) noexcept nogil,
        int C, Py_ssize_t n, const real *q, Py_ssize_t q_row, real *panel)


cdef inline void transpose_panel(
    Py_ssize_t columns, Py_ssize_t n, Strips source, Py_ssize_t count, real *panel,
) noexcept nogil:
    """panel[n, columns] = source[c, k], of which `count` rows exist: 0 beyond them."""
    cdef Py_ssize_t k = 0, width
    while k < n:
        width = adjacent(source, k, n)
        transpose(min(columns, count), width, column(source, k), source.row, panel + k * columns,
                  columns, True)
        k += width


cdef inline void multiply_panel(
    int C, Py_ssize_t rows, Py_ssize_t n, Matrix p, const Operand *operand, Py_ssize_t c,
    const real *q, const real *next_q, Target target, Ahead *ahead,
) noexcept nogil:
    """out[rows, C registers] = addend + P[rows, n] Q[n, C registers] with n <= DEPTH.

    All rows of P pass over a panel of Q that stays in the first-level cache. A transposed panel is
    transposed into a copy. If P has PACK_ROWS rows or more, any other panel is copied too, so that
    it is aligned, and on 4 pages of memory instead of up to 64; a panel whose rows are adjacent
    needs no copy. The first blocks then prefetch the next panel of Q: one cache line of each row,
    then the next line of each; if the panel is adjacent or transposed, line after line. The other
    blocks prefetch the caller's data. Blocks of a packed P prefetch P itself.
    """
    cdef lanes_t copied[DEPTH * 4]
    cdef Py_ssize_t r = 0, groups, lines = n, asked = 0
    cdef Py_ssize_t q_row = operand.at.row, piece_step = q_row * sizeof(real), piece_lines = n
    cdef Py_ssize_t piece_jump = CACHE_LINE // <Py_ssize_t>sizeof(real)
    cdef int R, most = BLOCK_ROWS, pieces = 0
    cdef Strips source
    if operand.transposed:
        source = operand.at
        source.data = <real *>q
        transpose_panel(C * LANES, n, source, operand.count - c, <real *>copied)
        q = <real *>copied
        q_row = C * LANES
        piece_step = CACHE_LINE
        if source.strip == STRIP:       # by rows
            pieces = C * LANES
            piece_lines = n * sizeof(real) // CACHE_LINE + 1
            piece_jump = source.row
        else:
            pieces = <int>((n + STRIP - 1) // STRIP)
            piece_lines = C * LANES * source.row * sizeof(real) // CACHE_LINE + 1
            piece_jump = source.strip
    elif rows >= PACK_ROWS:
        pieces = (C * LANES * <int>sizeof(real) + CACHE_LINE - 1) // CACHE_LINE
        if q_row != C * LANES:
            with_registers(copy_columns, C, n, q, q_row, <real *>copied)
            q = <real *>copied
            q_row = C * LANES
            # Of rows across the edges of cache lines the last line is new, the first was read with
            # the strip before.
            next_q += piece_jump - 1
        else:
            piece_step = CACHE_LINE
            piece_lines = n * pieces
            pieces = 1
    if p.packed != NULL:
        lines = n // BLOCK_LINES + 1
    elif narrow(C):
        most = 2 * BLOCK_ROWS
    while r < rows:
        groups = (rows - r + most - 1) // most
        R = even_piece(rows - r, most, groups)
        target.count = rows - r - groups * (R - 1)      # blocks of R rows; others have one less
        target.lines = lines
        if pieces > 0:
            target.count = min(target.count, (piece_lines - asked + lines - 1) // lines)
            target.ahead = <const char *>next_q + asked * piece_step
            target.step = piece_step
            asked += target.count * lines
            if asked >= piece_lines:
                asked = 0
                pieces -= 1
                next_q += piece_jump
        elif ahead.next < ahead.end:
            target.ahead = ahead.next
            target.step = ahead.step
            if p.packed != NULL:
                target.lines = min(n * ahead.step // CACHE_LINE + 1, lines)
                target.step = CACHE_LINE
            target.count = min(
                target.count, (ahead.end - ahead.next) // (target.lines * target.step) + 1)
            ahead.next += target.count * target.lines * target.step
            ahead.steps += target.count * n
        else:       # nothing to prefetch: a line that the first-level cache has costs least
            target.ahead = <const char *>&target
            target.step = 0
            target.lines = 0
            ahead.steps += target.count * n
        if p.packed != NULL:
            packed_blocks(R, C, p.packed + r * n, q, q_row, n, &target)
        else:
            any_blocks(R, C, p.data + r * p.row, p.row, p.column, q, q_row, n, &target)
        target.out += target.count * R * target.out_row
        if target.addend != NULL:
            target.addend += target.count * R * target.addend_row
        r += target.count * R


cdef inline bint narrow(int C) noexcept nogil:
    """Whether so few columns leave registers for twice as many rows."""
    return C < BLOCK_COLUMNS - 1 or C == 1


cdef inline Py_ssize_t strip_width(Py_ssize_t rows, Strips q, Strips out) noexcept nogil:
    """Columns to take at once: one row or two leave registers for more, if they are adjacent."""
    if rows <= 2 and q.strip == STRIP and out.strip == STRIP:
        return max(THIN_COLUMNS // rows * LANES, STRIP)
    return STRIP


cdef inline Py_ssize_t group_columns(Py_ssize_t rows) noexcept nogil:
    """How many columns of out to finish before the next: whole strips, at least one."""
    cdef Py_ssize_t strips = GROUP_BYTES // (rows * STRIP * <Py_ssize_t>sizeof(real))
    return max(strips, <Py_ssize_t>1) * STRIP


cdef inline void multiply_add(
    Py_ssize_t rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n, Addend addend, Matrix p,
    Strips q, Strips out, Ahead *ahead,
) noexcept nogil:
    """out = addend + P[rows, n] Q[n, :] from column start to stop, multiples of LANES; n > 0."""
    cdef Operand operand
    operand.at = q
    operand.transposed = False
    operand.count = 0
    multiply(rows, start, stop, n, addend, p, &operand, strip_width(rows, q, out), out, ahead)


cdef inline void multiply_add_transposed(
    Py_ssize_t rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n, Addend addend, Matrix p,
    Strips source, Py_ssize_t count, Strips out, Ahead *ahead,
) noexcept nogil:
    """The same with Q[k, c] = source[c, k], c < count: each panel of it is transposed when its turn
    comes, so that the transposed matrix never lies in memory. start is a multiple of STRIP."""
    cdef Operand operand
    operand.at = source
    operand.transposed = True
    operand.count = count
    multiply(rows, start, stop, n, addend, p, &operand, STRIP, out, ahead)


cdef inline void multiply(
    Py_ssize_t rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n, Addend addend, Matrix p,
    const Operand *q, Py_ssize_t width, Strips out, Ahead *ahead,
) noexcept nogil:
    """P passes once for each group of columns, whose part of out stays in the second-level cache.
    A product that is given up leaves out unfinished.
    """
    cdef Py_ssize_t group = group_columns(rows)
    cdef Py_ssize_t end, k, c, next_c, depth
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
            if p.packed != NULL:
                part.packed = p.packed + k * rows
            depth = min(n - k, <Py_ssize_t>DEPTH)
            target.broadcast = to.broadcast
            target.multiply = to.multiply
            target.addend_row = to.at.row
            c = start
            while c < end:
                next_c = min((c // width + 1) * width, end)
                if next_c < end:
                    next_q = panel_of(q, k, next_c)
                else:
                    next_q = panel_of(q, k + depth, start)
                target.addend = to.at.data
                if to.at.data != NULL and not to.broadcast:
                    target.addend = column(to.at, c)
                target.out = column(out, c)
                multiply_panel(<int>((next_c - c) // LANES), rows, depth, part, q, c,
                               panel_of(q, k, c), next_q, target, ahead)
                c = next_c
            k += depth
            to = matrix_addend(out)
        start = end
