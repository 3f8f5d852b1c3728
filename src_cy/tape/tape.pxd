"""The interpreter of circuits: gates one after the other, on one number (numbers.pxd) or on rows of
samples. The two give the same bits.
"""
from matrix.sizes cimport ROW_UNIT
from simd.lanes cimport (
    LANES, kernel_void, lanes_load, lanes_prefetch_far, lanes_splat, lanes_store, lanes_t, real,
)
from tape.gate_values cimport gate, two_gates
from tape.gates cimport (
    ABSOLUTE, ADD, ARCCOS, ARCCOSH, ARCSIN, ARCSINH, ARCTANH, ATAN2, COS, DIGAMMA, DIVIDE, EQUAL,
    ERF, EXP, EXPM1, FLOOR, GAMMALN, GAUSSIAN, HYPOT, LESS, LESS_EQUAL, LOG, LOG1P, LOGADDEXP,
    MASKED_DIVIDE, MASKED_MULTIPLY, MASKED_MULTIPLY_ADD, MASKED_PRODUCT, MAXIMUM, MINIMUM, MOD,
    MULTIPLY, MULTIPLY_ADD, NEGATIVE, NOT_EQUAL, ONE_MINUS_SQUARE, POLYGAMMA, POWER, RELU, ROUND,
    SELECT, SIGMOID, SIGMOID_SLOPE, SIGN, SIN, SOFTPLUS, SQRT, SUBTRACT, TAN, TANH,
)
from tape.numbers cimport (
    ERF_AND_GAUSSIAN, PAIRS, SIGMOID_AND_SLOPE, SIN_AND_COS, SOFTPLUS_AND_SIGMOID, threaded_t,
)

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


cdef inline called_kernel_void run_pair(
    int op, Py_ssize_t columns, const Row *a, real *out, real *other, const Coming *coming,
) noexcept nogil:
    if op == SIGMOID_AND_SLOPE: two_rows(SIGMOID, SIGMOID_SLOPE, columns, a, out, other, coming)
    elif op == SIN_AND_COS: two_rows(SIN, COS, columns, a, out, other, coming)
    elif op == SOFTPLUS_AND_SIGMOID: two_rows(SOFTPLUS, SIGMOID, columns, a, out, other, coming)
    elif op == ERF_AND_GAUSSIAN: two_rows(ERF, GAUSSIAN, columns, a, out, other, coming)


cdef inline called_kernel_void run_arithmetic(
    int op, Py_ssize_t columns, const Row *a, const Row *b, const Row *c, real *out,
) noexcept nogil:
    if op == ADD: short_row(ADD, columns, a, b, c, out)
    elif op == SUBTRACT: short_row(SUBTRACT, columns, a, b, c, out)
    elif op == MULTIPLY: short_row(MULTIPLY, columns, a, b, c, out)
    elif op == MULTIPLY_ADD: short_row(MULTIPLY_ADD, columns, a, b, c, out)
    elif op == DIVIDE: short_row(DIVIDE, columns, a, b, c, out)
    elif op == NEGATIVE: short_row(NEGATIVE, columns, a, b, c, out)
    elif op == ABSOLUTE: short_row(ABSOLUTE, columns, a, b, c, out)
    elif op == RELU: short_row(RELU, columns, a, b, c, out)
    elif op == MINIMUM: short_row(MINIMUM, columns, a, b, c, out)
    elif op == MAXIMUM: short_row(MAXIMUM, columns, a, b, c, out)
    elif op == LESS: short_row(LESS, columns, a, b, c, out)
    elif op == LESS_EQUAL: short_row(LESS_EQUAL, columns, a, b, c, out)
    elif op == EQUAL: short_row(EQUAL, columns, a, b, c, out)
    elif op == NOT_EQUAL: short_row(NOT_EQUAL, columns, a, b, c, out)
    elif op == SELECT: short_row(SELECT, columns, a, b, c, out)
    elif op == MASKED_MULTIPLY: short_row(MASKED_MULTIPLY, columns, a, b, c, out)
    elif op == MASKED_PRODUCT: short_row(MASKED_PRODUCT, columns, a, b, c, out)
    elif op == MASKED_DIVIDE: short_row(MASKED_DIVIDE, columns, a, b, c, out)
    elif op == MASKED_MULTIPLY_ADD: short_row(MASKED_MULTIPLY_ADD, columns, a, b, c, out)
    elif op == SIGN: short_row(SIGN, columns, a, b, c, out)


cdef inline called_kernel_void run_elementary(
    int op, Py_ssize_t columns, const Row *a, const Row *b, real *out, const Coming *coming,
) noexcept nogil:
    if op == SQRT: row(SQRT, columns, a, b, out, coming)
    elif op == EXP: row(EXP, columns, a, b, out, coming)
    elif op == EXPM1: row(EXPM1, columns, a, b, out, coming)
    elif op == LOG: row(LOG, columns, a, b, out, coming)
    elif op == LOG1P: row(LOG1P, columns, a, b, out, coming)
    elif op == SIN: row(SIN, columns, a, b, out, coming)
    elif op == COS: row(COS, columns, a, b, out, coming)
    elif op == TAN: row(TAN, columns, a, b, out, coming)
    elif op == TANH: row(TANH, columns, a, b, out, coming)
    elif op == SIGMOID: row(SIGMOID, columns, a, b, out, coming)
    elif op == SOFTPLUS: row(SOFTPLUS, columns, a, b, out, coming)
    elif op == ERF: row(ERF, columns, a, b, out, coming)
    elif op == SIGMOID_SLOPE: row(SIGMOID_SLOPE, columns, a, b, out, coming)
    elif op == GAUSSIAN: row(GAUSSIAN, columns, a, b, out, coming)
    elif op == POWER: row(POWER, columns, a, b, out, coming)
    elif op == HYPOT: row(HYPOT, columns, a, b, out, coming)
    elif op == ATAN2: row(ATAN2, columns, a, b, out, coming)
    elif op == FLOOR: row(FLOOR, columns, a, b, out, coming)
    elif op == ROUND: row(ROUND, columns, a, b, out, coming)
    elif op == ARCSIN: row(ARCSIN, columns, a, b, out, coming)
    elif op == ARCCOS: row(ARCCOS, columns, a, b, out, coming)
    elif op == ARCSINH: row(ARCSINH, columns, a, b, out, coming)
    elif op == ARCCOSH: row(ARCCOSH, columns, a, b, out, coming)
    elif op == ARCTANH: row(ARCTANH, columns, a, b, out, coming)
    elif op == GAMMALN: row(GAMMALN, columns, a, b, out, coming)
    elif op == DIGAMMA: row(DIGAMMA, columns, a, b, out, coming)
    elif op == ONE_MINUS_SQUARE: row(ONE_MINUS_SQUARE, columns, a, b, out, coming)
    elif op == MOD: row(MOD, columns, a, b, out, coming)
    elif op == LOGADDEXP: row(LOGADDEXP, columns, a, b, out, coming)
    elif op == POLYGAMMA: row(POLYGAMMA, columns, a, b, out, coming)


cdef inline bint is_arithmetic(int op) noexcept nogil:
    """Whether a gate costs no more than the loop around it."""
    return (ADD <= op <= DIVIDE or MINIMUM <= op <= MAXIMUM or LESS <= op <= MASKED_MULTIPLY_ADD
            or op == NEGATIVE or op == ABSOLUTE or op == RELU or op == SIGN)


cdef inline void run_rows(
    const Gate *g, Py_ssize_t n_gates, const Row *rows, Py_ssize_t columns, const Coming *coming,
    Py_ssize_t piece,
) noexcept nogil:
    """The gates on the rows of a tile, rows[slot]; each long gate prefetches `piece` of the columns
    that are coming."""
    cdef Coming part = coming[0]
    cdef Py_ssize_t left = coming.n_columns
    for _ in range(n_gates):
        if is_arithmetic(g.op):
            run_arithmetic(g.op, columns, rows + g.a, rows + g.b, rows + g.c, rows[g.out].at)
            g += 1
            continue
        part.n_columns = min(left, piece)
        if g.op > PAIRS:
            run_pair(g.op, columns, rows + g.a, rows[g.out].at, rows[g.b].at, &part)
        else:
            run_elementary(g.op, columns, rows + g.a, rows + g.b, rows[g.out].at, &part)
        left -= part.n_columns
        part.columns += part.n_columns
        g += 1
