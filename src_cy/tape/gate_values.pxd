"""What each gate computes, on a register."""
from elementary.elementary cimport (
    lanes_abs, lanes_arccos, lanes_arccosh, lanes_arcsin, lanes_arcsinh, lanes_arctanh, lanes_atan2,
    lanes_cos, lanes_digamma, lanes_divide, lanes_eq, lanes_erf, lanes_exp, lanes_expm1,
    lanes_floor, lanes_gammaln, lanes_gaussian, lanes_ge, lanes_gt, lanes_hypot, lanes_log,
    lanes_log1p, lanes_logaddexp, lanes_lt, lanes_maximum, lanes_minimum, lanes_mod,
    lanes_one_minus_square, lanes_polygamma, lanes_pow, lanes_round, lanes_select, lanes_sigmoid,
    lanes_sigmoid_slope, lanes_sign, lanes_sin, lanes_sin_cos, lanes_softplus, lanes_sqrt,
    lanes_tan, lanes_tanh,
)
from simd.lanes cimport ilanes_t, lanes_splat, lanes_t
from simd.lanes_math cimport lanes_masked_product, lanes_masked_quotient, lanes_masked_sum
from tape.gates cimport (
    ABSOLUTE, ADD, ARCCOS, ARCCOSH, ARCSIN, ARCSINH, ARCTANH, ATAN2, COS, DIGAMMA, DIVIDE, EQUAL,
    ERF, EXP, EXPM1, FLOOR, GAMMALN, GAUSSIAN, HYPOT, LESS, LESS_EQUAL, LOG, LOG1P, LOGADDEXP,
    MASKED_DIVIDE, MASKED_MULTIPLY, MASKED_MULTIPLY_ADD, MASKED_PRODUCT, MAXIMUM, MINIMUM, MOD,
    MULTIPLY, MULTIPLY_ADD, NEGATIVE, NOT_EQUAL, ONE_MINUS_SQUARE, POLYGAMMA, POWER, RELU, ROUND,
    SELECT, SIGMOID, SIGMOID_SLOPE, SIGN, SIN, SOFTPLUS, SQRT, SUBTRACT, TAN, TANH,
)


cdef inline lanes_t truth(ilanes_t mask) noexcept nogil:
    return lanes_select(mask, lanes_splat(1), lanes_splat(0))


cdef inline lanes_t unless_zero(lanes_t a, lanes_t value, lanes_t otherwise) noexcept nogil:
    return lanes_select(lanes_eq(a, lanes_splat(0)), otherwise, value)


cdef inline lanes_t gate(int op, lanes_t a, lanes_t b, lanes_t c) noexcept nogil:
    """The value of a gate; operands it has not are not looked at."""
    if op == NEGATIVE: return -a
    elif op == ABSOLUTE: return lanes_abs(a)
    elif op == SQRT: return lanes_sqrt(a)
    elif op == EXP: return lanes_exp(a)
    elif op == EXPM1: return lanes_expm1(a)
    elif op == LOG: return lanes_log(a)
    elif op == LOG1P: return lanes_log1p(a)
    elif op == SIN: return lanes_sin(a)
    elif op == COS: return lanes_cos(a)
    elif op == TAN: return lanes_tan(a)
    elif op == TANH: return lanes_tanh(a)
    elif op == SIGMOID: return lanes_sigmoid(a)
    elif op == SOFTPLUS: return lanes_softplus(a)
    elif op == RELU: return lanes_select(lanes_gt(lanes_splat(0), a), lanes_splat(0), a)
    elif op == ERF: return lanes_erf(a)
    elif op == SIGN: return lanes_sign(a)
    elif op == SIGMOID_SLOPE: return lanes_sigmoid_slope(a)
    elif op == GAUSSIAN: return lanes_gaussian(a)
    elif op == ADD: return a + b
    elif op == SUBTRACT: return a - b
    elif op == MULTIPLY: return a * b
    elif op == DIVIDE: return lanes_divide(a, b)
    elif op == POWER: return lanes_pow(a, b)
    elif op == MINIMUM: return lanes_minimum(a, b)
    elif op == MAXIMUM: return lanes_maximum(a, b)
    elif op == HYPOT: return lanes_hypot(a, b)
    elif op == ATAN2: return lanes_atan2(a, b)
    elif op == LESS: return truth(lanes_lt(a, b))
    elif op == LESS_EQUAL: return truth(lanes_ge(b, a))
    elif op == EQUAL: return truth(lanes_eq(a, b))
    elif op == NOT_EQUAL: return lanes_select(lanes_eq(a, b), lanes_splat(0), lanes_splat(1))
    elif op == SELECT: return unless_zero(a, b, c)
    elif op == MULTIPLY_ADD: return a * b + c
    elif op == MASKED_MULTIPLY: return lanes_masked_product(a, b)
    elif op == MASKED_PRODUCT: return unless_zero(b, lanes_masked_product(a, b), lanes_splat(0))
    elif op == MASKED_DIVIDE: return lanes_masked_quotient(a, b)
    elif op == MASKED_MULTIPLY_ADD: return lanes_masked_sum(a, b, c)
    elif op == FLOOR: return lanes_floor(a)
    elif op == ROUND: return lanes_round(a)
    elif op == ARCSIN: return lanes_arcsin(a)
    elif op == ARCCOS: return lanes_arccos(a)
    elif op == ARCSINH: return lanes_arcsinh(a)
    elif op == ARCCOSH: return lanes_arccosh(a)
    elif op == ARCTANH: return lanes_arctanh(a)
    elif op == GAMMALN: return lanes_gammaln(a)
    elif op == DIGAMMA: return lanes_digamma(a)
    elif op == ONE_MINUS_SQUARE: return lanes_one_minus_square(a)
    elif op == MOD: return lanes_mod(a, b)
    elif op == LOGADDEXP: return lanes_logaddexp(a, b)
    elif op == POLYGAMMA: return lanes_polygamma(a, b)
    return a


cdef inline void two_gates(
    int first, int second, lanes_t x, lanes_t *value, lanes_t *other,
) noexcept nogil:
    """The values of two gates at one place; what they have in common is left to the compiler."""
    if first == SIN and second == COS:
        lanes_sin_cos(x, value, other)
    else:
        value[0] = gate(first, x, x, x)
        other[0] = gate(second, x, x, x)
