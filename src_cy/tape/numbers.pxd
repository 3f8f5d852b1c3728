"""A gate on one number. Arithmetic is computed as it is; a function that is a polynomial on a
register is computed on a register with the number in every lane. The gates of a program are linked,
so that each jumps to the next.
"""
from simd.lanes cimport kernel_void, lanes_splat, lanes_t, real
from simd.lanes_math cimport lanes_rounded
from tape.gate_values cimport gate, two_gates
from tape.gates cimport (
    ADD, ARCCOS, ARCCOSH, ARCSIN, ARCSINH, ARCTANH, ATAN2, COS, DIGAMMA, DIVIDE, ERF, EXP, EXPM1,
    FLOOR, GAMMALN, GAUSSIAN, HYPOT, LESS, LOG, LOG1P, LOGADDEXP, MASKED_MULTIPLY,
    MASKED_MULTIPLY_ADD, MAXIMUM, MINIMUM, MOD, MULTIPLY_ADD, NEGATIVE, NOT_EQUAL, N_GATES,
    ONE_MINUS_SQUARE, POLYGAMMA, POWER, RELU, ROUND, SELECT, SIGMOID, SIGMOID_SLOPE, SIGN, SIN,
    SOFTPLUS, SQRT, TAN, TANH,
)

cdef extern from "tape/threaded.h" nogil:
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
    """
    real first_lane(lanes_t v)


cdef enum:
    # A function and its slope at the same place, when one comes right after the other: what they
    # have in common is computed once. The second result goes to slot b.
    PAIRS = N_GATES
    SIGMOID_AND_SLOPE, SIN_AND_COS, SOFTPLUS_AND_SIGMOID, ERF_AND_GAUSSIAN


cdef inline void number(int op, const threaded_t *g, real *s) noexcept nogil:
    # lanes_rounded hides from the compiler that all lanes are equal. Otherwise it computes parts in
    # scalar code, without fused multiply-adds, and the bits differ from those of a row.
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


cdef inline kernel_void number_floor(const threaded_t *g, real *s) noexcept nogil:
    number(FLOOR, g, s)


cdef inline kernel_void number_round(const threaded_t *g, real *s) noexcept nogil:
    number(ROUND, g, s)


cdef inline kernel_void number_arcsin(const threaded_t *g, real *s) noexcept nogil:
    number(ARCSIN, g, s)


cdef inline kernel_void number_arccos(const threaded_t *g, real *s) noexcept nogil:
    number(ARCCOS, g, s)


cdef inline kernel_void number_arcsinh(const threaded_t *g, real *s) noexcept nogil:
    number(ARCSINH, g, s)


cdef inline kernel_void number_arccosh(const threaded_t *g, real *s) noexcept nogil:
    number(ARCCOSH, g, s)


cdef inline kernel_void number_arctanh(const threaded_t *g, real *s) noexcept nogil:
    number(ARCTANH, g, s)


cdef inline kernel_void number_gammaln(const threaded_t *g, real *s) noexcept nogil:
    number(GAMMALN, g, s)


cdef inline kernel_void number_digamma(const threaded_t *g, real *s) noexcept nogil:
    number(DIGAMMA, g, s)


cdef inline kernel_void number_one_minus_square(const threaded_t *g, real *s) noexcept nogil:
    number(ONE_MINUS_SQUARE, g, s)


cdef inline kernel_void number_mod(const threaded_t *g, real *s) noexcept nogil:
    number(MOD, g, s)


cdef inline kernel_void number_logaddexp(const threaded_t *g, real *s) noexcept nogil:
    number(LOGADDEXP, g, s)


cdef inline kernel_void number_polygamma(const threaded_t *g, real *s) noexcept nogil:
    number(POLYGAMMA, g, s)


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
    elif op == FLOOR: g.call = number_floor
    elif op == ROUND: g.call = number_round
    elif op == ARCSIN: g.call = number_arcsin
    elif op == ARCCOS: g.call = number_arccos
    elif op == ARCSINH: g.call = number_arcsinh
    elif op == ARCCOSH: g.call = number_arccosh
    elif op == ARCTANH: g.call = number_arctanh
    elif op == GAMMALN: g.call = number_gammaln
    elif op == DIGAMMA: g.call = number_digamma
    elif op == ONE_MINUS_SQUARE: g.call = number_one_minus_square
    elif op == MOD: g.call = number_mod
    elif op == LOGADDEXP: g.call = number_logaddexp
    elif op == POLYGAMMA: g.call = number_polygamma
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
