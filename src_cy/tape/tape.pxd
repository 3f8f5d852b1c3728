"""The interpreter of circuits: gates one after the other, on one number (numbers.pxd) or on rows of
samples. The two give the same bits.
"""
from matrix.sizes cimport ROW_UNIT
from simd.lanes cimport (
    LANES, kernel_void, lanes_load, lanes_prefetch_far, lanes_splat, lanes_store, lanes_t, real,
)
from tape.gate_values cimport gate, two_gates
from tape.gates cimport is_pair, is_short
from tape.numbers cimport threaded_t

cdef extern from * nogil:
    """
    /* A kernel that is called: inlined into the loop over the gates, the constants of every gate
     * would be loaded before it. Cython calls it `inline` all the same. */
    #pragma GCC diagnostic ignored "-Wattributes"
    #define called_kernel_void __attribute__((noinline, flatten)) void
    """
    ctypedef void called_kernel_void


cdef struct Gate:
    int op
    unsigned int out, a, b, c


# A Program laid out: slots below n_numbers hold a number, the others a row.
cdef struct Code:
    Py_ssize_t n_inputs         # numbers, then columns
    Py_ssize_t n_columns
    Py_ssize_t n_constants
    Py_ssize_t n_numbers
    Py_ssize_t n_slots
    Py_ssize_t n_number_gates
    Py_ssize_t n_gates          # on rows
    Py_ssize_t n_outputs
    threaded_t *number_gates
    Gate *gates
    real *constants
    unsigned int *outputs


cdef struct Custom:
    Code code               # g, g' or g'' of z; or two subsequent derivatives of a loss of a and y
    real *splats            # a register of each number


cdef struct Column:
    const real *at
    Py_ssize_t step             # from one sample to the next


cdef struct Coming:
    # The columns that long gates prefetch: memory is read while polynomials are computed.
    const Column *columns
    Py_ssize_t n_columns
    Py_ssize_t start            # the first sample of the next tile


cdef struct Row:
    real *at                # a register of a number, or registers of samples
    Py_ssize_t step         # from one register to the next: 0, or LANES


# Rows

cdef inline void lay_rows(
    const Code *code, real *splats, real *scratch, Py_ssize_t stride, Row *rows,
) noexcept nogil:
    """Where the slots lie: numbers in the registers of `splats`, others in rows of `scratch`."""
    cdef Py_ssize_t i
    for i in range(code.n_numbers):
        rows[i].at = splats + i * LANES
        rows[i].step = 0
    for i in range(code.n_numbers, code.n_slots):
        rows[i].at = scratch + (i - code.n_numbers) * stride
        rows[i].step = LANES


cdef inline Py_ssize_t whole_registers(Py_ssize_t n) noexcept nogil:
    """The next multiple of what short_row and add_up take at once."""
    return (n + ROW_UNIT - 1) // ROW_UNIT * ROW_UNIT


cdef inline void prefetch_next(const Coming *coming, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(coming.n_columns):
        lanes_prefetch_far(<const char *>(coming.columns[j].at + coming.start + i))


cdef inline void row(
    const int op, Py_ssize_t columns, const Row *a, const Row *b, real *out, const Coming *coming,
) noexcept nogil:
    cdef const real *p = a.at
    cdef const real *q = b.at
    cdef Py_ssize_t i = 0
    while i < columns:
        lanes_store(out + i, gate(op, lanes_load(p), lanes_load(q), lanes_splat(0)))
        prefetch_next(coming, i)
        p += a.step
        q += b.step
        i += LANES


cdef inline void short_row(
    const int op, Py_ssize_t columns, const Row *a, const Row *b, const Row *c, real *out,
) noexcept nogil:
    """For a gate that costs no more than the loop around it: four registers at once."""
    cdef const real *p = a.at
    cdef const real *q = b.at
    cdef const real *r = c.at
    cdef Py_ssize_t i = 0, j = a.step, k = b.step, l = c.step
    cdef lanes_t v0, v1, v2, v3
    while i < columns:
        v0 = gate(op, lanes_load(p), lanes_load(q), lanes_load(r))
        v1 = gate(op, lanes_load(p + j), lanes_load(q + k), lanes_load(r + l))
        v2 = gate(op, lanes_load(p + 2 * j), lanes_load(q + 2 * k), lanes_load(r + 2 * l))
        v3 = gate(op, lanes_load(p + 3 * j), lanes_load(q + 3 * k), lanes_load(r + 3 * l))
        lanes_store(out + i, v0)
        lanes_store(out + i + LANES, v1)
        lanes_store(out + i + 2 * LANES, v2)
        lanes_store(out + i + 3 * LANES, v3)
        p += 4 * j
        q += 4 * k
        r += 4 * l
        i += 4 * LANES


cdef inline void two_rows(
    const int first, const int second, Py_ssize_t columns, const Row *a, real *out, real *other,
    const Coming *coming,
) noexcept nogil:
    cdef const real *p = a.at
    cdef lanes_t v, w
    cdef Py_ssize_t i = 0
    while i < columns:
        two_gates(first, second, lanes_load(p), &v, &w)
        lanes_store(out + i, v)
        lanes_store(other + i, w)
        prefetch_next(coming, i)
        p += a.step
        i += LANES


cdef extern from "tape/gates.h" nogil:
    # f(op, ...) with the gate as a constant.
    void with_short_gate(
        void (*f)(int, Py_ssize_t, const Row *, const Row *, const Row *, real *) noexcept nogil,
        int op, Py_ssize_t columns, const Row *a, const Row *b, const Row *c, real *out)
    void with_long_gate(
        void (*f)(int, Py_ssize_t, const Row *, const Row *, real *, const Coming *) noexcept nogil,
        int op, Py_ssize_t columns, const Row *a, const Row *b, real *out, const Coming *coming)
    void with_pair(
        void (*f)(int, int, Py_ssize_t, const Row *, real *, real *, const Coming *) noexcept nogil,
        int op, Py_ssize_t columns, const Row *a, real *out, real *other, const Coming *coming)


cdef inline called_kernel_void run_pair(
    int op, Py_ssize_t columns, const Row *a, real *out, real *other, const Coming *coming,
) noexcept nogil:
    with_pair(two_rows, op, columns, a, out, other, coming)


cdef inline called_kernel_void run_short(
    int op, Py_ssize_t columns, const Row *a, const Row *b, const Row *c, real *out,
) noexcept nogil:
    with_short_gate(short_row, op, columns, a, b, c, out)


cdef inline called_kernel_void run_long(
    int op, Py_ssize_t columns, const Row *a, const Row *b, real *out, const Coming *coming,
) noexcept nogil:
    with_long_gate(row, op, columns, a, b, out, coming)


cdef inline void run_rows(
    const Gate *g, Py_ssize_t n_gates, const Row *rows, Py_ssize_t columns, const Coming *coming,
    Py_ssize_t piece,
) noexcept nogil:
    """The gates on the rows of a tile, rows[slot]; each long gate prefetches `piece` of the columns
    that are coming."""
    cdef Coming part = coming[0]
    cdef Py_ssize_t left = coming.n_columns
    for _ in range(n_gates):
        if is_short(g.op):
            run_short(g.op, columns, rows + g.a, rows + g.b, rows + g.c, rows[g.out].at)
            g += 1
            continue
        part.n_columns = min(left, piece)
        if is_pair(g.op):
            run_pair(g.op, columns, rows + g.a, rows[g.out].at, rows[g.b].at, &part)
        else:
            run_long(g.op, columns, rows + g.a, rows + g.b, rows[g.out].at, &part)
        left -= part.n_columns
        part.columns += part.n_columns
        g += 1
