"""The interpreter of circuits: gates one after the other, on one number or on rows of samples.

The two give the same bits. A number is all that arithmetic needs; what is a polynomial on a
register is one here too, with the number in every lane.
"""
from gate_values cimport gate, two_gates
from gates cimport (
    ABSOLUTE, ADD, ATAN2, COS, DIVIDE, EQUAL, ERF, EXP, EXPM1, GAUSSIAN, HYPOT, LESS, LESS_EQUAL,
    LOG, LOG1P, MASKED_DIVIDE, MASKED_MULTIPLY, MASKED_MULTIPLY_ADD, MASKED_PRODUCT, MAXIMUM,
    MINIMUM, MULTIPLY, MULTIPLY_ADD, N_GATES, NEGATIVE, NOT_EQUAL, POWER, RELU, SELECT, SIGMOID,
    SIGMOID_SLOPE, SIGN, SIN, SOFTPLUS, SQRT, SUBTRACT, TAN, TANH,
)
from lanes cimport (
    LANES, kernel_void, lanes_load, lanes_prefetch_far, lanes_splat, lanes_store, lanes_t, real,
)
from lanes_math cimport lanes_rounded

cdef extern from "threaded.h" nogil:
    ctypedef struct threaded_t:
        void (*call)(const threaded_t *, real *) noexcept nogil
        unsigned int out, a, b, c
    enum:
        GO_ADD, GO_SUBTRACT, GO_MULTIPLY, GO_DIVIDE, GO_MULTIPLY_ADD, GO_NEGATIVE, GO_ABSOLUTE
        GO_SQRT, GO_RELU, GO_MINIMUM, GO_MAXIMUM, GO_LESS, GO_LESS_EQUAL, GO_EQUAL, GO_NOT_EQUAL
        GO_SELECT, GO_MASKED_MULTIPLY, GO_MASKED_PRODUCT, GO_MASKED_DIVIDE, GO_MASKED_MULTIPLY_ADD
        GO_CALL, GO_STOP
    void run_threaded(const threaded_t *g, real *s)
    void link_threaded(threaded_t *g, int go)

cdef extern from * nogil:
    """
    #define first_lane(v) ((v)[0])
    /* A kernel that is called: inlined into the loop over the gates, the constants of every gate
     * would be loaded before it. Cython calls it `inline` all the same. */
    #pragma GCC diagnostic ignored "-Wattributes"
    #define called_kernel_void __attribute__((noinline, flatten)) void
    """
    ctypedef void called_kernel_void
    real first_lane(lanes_t v)


cdef enum:
    # A function and its slope at the same place, when one comes right after the other: what they
    # have in common is computed once. The second result goes to slot b.
    PAIRS = N_GATES
    SIGMOID_AND_SLOPE, SIN_AND_COS, SOFTPLUS_AND_SIGMOID, ERF_AND_GAUSSIAN


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


cdef struct Element:
    Code code               # g, g' or g'' of z; or two subsequent derivatives of a loss of a and y
    real *splats            # a register of each number


cdef struct Column:
    const real *at
    Py_ssize_t step             # from one sample to the next


cdef struct Coming:
    # What a long gate asks for ahead: memory is read while polynomials are computed.
    const Column *columns
    Py_ssize_t n_columns
    Py_ssize_t start            # the first sample of the next tile


cdef struct Row:
    real *at                # a register of a number, or registers of samples
    Py_ssize_t step         # from one register to the next: 0, or LANES


# Numbers

cdef inline void number(int op, const threaded_t *g, real *s) noexcept nogil:
    # Did the compiler know that all lanes are the same, it would compute some steps on one number
    # and could not fuse them with the others: other bits than those of a row.
    s[g.out] = first_lane(gate(
        op, lanes_rounded(lanes_splat(s[g.a])), lanes_rounded(lanes_splat(s[g.b])), lanes_splat(0)))


cdef inline kernel_void number_exp(const threaded_t *g, real *s) noexcept nogil:
    number(EXP, g, s)


cdef inline kernel_void number_expm1(const threaded_t *g, real *s) noexcept nogil:
    number(EXPM1, g, s)


cdef inline kernel_void number_log(const threaded_t *g, real *s) noexcept nogil:
    number(LOG, g, s)


cdef inline kernel_void number_log1p(const threaded_t *g, real *s) noexcept nogil:
    number(LOG1P, g, s)


cdef inline kernel_void number_sin(const threaded_t *g, real *s) noexcept nogil:
    number(SIN, g, s)


cdef inline kernel_void number_cos(const threaded_t *g, real *s) noexcept nogil:
    number(COS, g, s)


cdef inline kernel_void number_tan(const threaded_t *g, real *s) noexcept nogil:
    number(TAN, g, s)


cdef inline kernel_void number_tanh(const threaded_t *g, real *s) noexcept nogil:
    number(TANH, g, s)


cdef inline kernel_void number_sigmoid(const threaded_t *g, real *s) noexcept nogil:
    number(SIGMOID, g, s)


cdef inline kernel_void number_softplus(const threaded_t *g, real *s) noexcept nogil:
    number(SOFTPLUS, g, s)


cdef inline kernel_void number_erf(const threaded_t *g, real *s) noexcept nogil:
    number(ERF, g, s)


cdef inline kernel_void number_sign(const threaded_t *g, real *s) noexcept nogil:
    number(SIGN, g, s)


cdef inline kernel_void number_sigmoid_slope(const threaded_t *g, real *s) noexcept nogil:
    number(SIGMOID_SLOPE, g, s)


cdef inline kernel_void number_gaussian(const threaded_t *g, real *s) noexcept nogil:
    number(GAUSSIAN, g, s)


cdef inline kernel_void number_power(const threaded_t *g, real *s) noexcept nogil:
    number(POWER, g, s)


cdef inline kernel_void number_hypot(const threaded_t *g, real *s) noexcept nogil:
    number(HYPOT, g, s)


cdef inline kernel_void number_atan2(const threaded_t *g, real *s) noexcept nogil:
    number(ATAN2, g, s)


cdef inline void two_numbers(int first, int second, const threaded_t *g, real *s) noexcept nogil:
    cdef lanes_t value, other
    two_gates(first, second, lanes_rounded(lanes_splat(s[g.a])), &value, &other)
    s[g.out] = first_lane(value)
    s[g.b] = first_lane(other)


cdef inline kernel_void number_sigmoid_and_slope(const threaded_t *g, real *s) noexcept nogil:
    two_numbers(SIGMOID, SIGMOID_SLOPE, g, s)


cdef inline kernel_void number_sin_and_cos(const threaded_t *g, real *s) noexcept nogil:
    two_numbers(SIN, COS, g, s)


cdef inline kernel_void number_softplus_and_sigmoid(const threaded_t *g, real *s) noexcept nogil:
    two_numbers(SOFTPLUS, SIGMOID, g, s)


cdef inline kernel_void number_erf_and_gaussian(const threaded_t *g, real *s) noexcept nogil:
    two_numbers(ERF, GAUSSIAN, g, s)


cdef inline int pair(int first, int second) noexcept nogil:
    """The pair of two gates, or 0."""
    if first == SIGMOID and second == SIGMOID_SLOPE: return SIGMOID_AND_SLOPE
    if first == SIN and second == COS: return SIN_AND_COS
    if first == SOFTPLUS and second == SIGMOID: return SOFTPLUS_AND_SIGMOID
    if first == ERF and second == GAUSSIAN: return ERF_AND_GAUSSIAN
    return 0


cdef inline void link(int op, threaded_t *g) noexcept nogil:
    """Tells g where its code is; out, a, b, c are its slots. Rows of gates have one order there."""
    cdef int go = GO_CALL
    if op == EXP: g.call = number_exp
    elif op == EXPM1: g.call = number_expm1
    elif op == LOG: g.call = number_log
    elif op == LOG1P: g.call = number_log1p
    elif op == SIN: g.call = number_sin
    elif op == COS: g.call = number_cos
    elif op == TAN: g.call = number_tan
    elif op == TANH: g.call = number_tanh
    elif op == SIGMOID: g.call = number_sigmoid
    elif op == SOFTPLUS: g.call = number_softplus
    elif op == ERF: g.call = number_erf
    elif op == SIGN: g.call = number_sign
    elif op == SIGMOID_SLOPE: g.call = number_sigmoid_slope
    elif op == GAUSSIAN: g.call = number_gaussian
    elif op == POWER: g.call = number_power
    elif op == HYPOT: g.call = number_hypot
    elif op == ATAN2: g.call = number_atan2
    elif op == SIGMOID_AND_SLOPE: g.call = number_sigmoid_and_slope
    elif op == SIN_AND_COS: g.call = number_sin_and_cos
    elif op == SOFTPLUS_AND_SIGMOID: g.call = number_softplus_and_sigmoid
    elif op == ERF_AND_GAUSSIAN: g.call = number_erf_and_gaussian
    elif NEGATIVE <= op <= SQRT: go = GO_NEGATIVE + op - NEGATIVE
    elif ADD <= op <= DIVIDE: go = GO_ADD + op - ADD
    elif MINIMUM <= op <= MAXIMUM: go = GO_MINIMUM + op - MINIMUM
    elif LESS <= op <= NOT_EQUAL: go = GO_LESS + op - LESS
    elif MASKED_MULTIPLY <= op <= MASKED_MULTIPLY_ADD:
        go = GO_MASKED_MULTIPLY + op - MASKED_MULTIPLY
    elif op == MULTIPLY_ADD: go = GO_MULTIPLY_ADD
    elif op == RELU: go = GO_RELU
    elif op == SELECT: go = GO_SELECT
    else: go = GO_STOP
    link_threaded(g, go)


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
    cdef Py_ssize_t unit = 64
    return (n + unit - 1) // unit * unit


cdef inline void ask_for(const Coming *coming, Py_ssize_t i) noexcept nogil:
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
        ask_for(coming, i)
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
        ask_for(coming, i)
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


cdef inline bint is_arithmetic(int op) noexcept nogil:
    return (ADD <= op <= DIVIDE or MINIMUM <= op <= MAXIMUM or LESS <= op <= MASKED_MULTIPLY_ADD
            or op == NEGATIVE or op == ABSOLUTE or op == RELU or op == SIGN)


cdef inline void run_rows(
    const Gate *g, Py_ssize_t n_gates, const Row *rows, Py_ssize_t columns, const Coming *coming,
    Py_ssize_t share,
) noexcept nogil:
    """The gates on the rows[slot] of a tile; each long one asks for `share` of what is coming."""
    cdef Coming part = coming[0]
    cdef Py_ssize_t left = coming.n_columns
    for _ in range(n_gates):
        if is_arithmetic(g.op):
            run_arithmetic(g.op, columns, rows + g.a, rows + g.b, rows + g.c, rows[g.out].at)
            g += 1
            continue
        part.n_columns = min(left, share)
        if g.op > PAIRS:
            run_pair(g.op, columns, rows + g.a, rows[g.out].at, rows[g.b].at, &part)
        else:
            run_elementary(g.op, columns, rows + g.a, rows + g.b, rows[g.out].at, &part)
        left -= part.n_columns
        part.columns += part.n_columns
        g += 1
