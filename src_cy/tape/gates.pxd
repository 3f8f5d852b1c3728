"""The gates of a circuit: their numbers, names and operands.

Comparisons give 1 or 0. SIGMOID_SLOPE, GAUSSIAN, ONE_MINUS_SQUARE and the masked gates are not for
users: the derivatives of the others need them, or the tape is faster with them. With them the set
is closed: the derivative of every gate is made of gates, so a gradient, a Hessian or a Hessian
product is one more tape. What a gate computes is in gate_values.pxd.

A masked gate is 0 where its first operand is 0, MASKED_PRODUCT where either is, also if the other
is infinite or NaN. MULTIPLY_ADD and MASKED_MULTIPLY_ADD are written into programs alone: a graph
has their two gates.
"""

cdef enum:
    CONSTANT, INPUT
    # one operand
    NEGATIVE, ABSOLUTE, SQRT, EXP, EXPM1, LOG, LOG1P, SIN, COS, TAN, TANH, SIGMOID, SOFTPLUS, RELU
    ERF
    SIGN, SIGMOID_SLOPE, GAUSSIAN
    # two
    ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, MINIMUM, MAXIMUM, HYPOT, ATAN2
    LESS, LESS_EQUAL, EQUAL, NOT_EQUAL
    # three
    SELECT, MULTIPLY_ADD
    # What is older keeps its number: pickles have it. threaded.h has these in the same order.
    MASKED_MULTIPLY, MASKED_PRODUCT, MASKED_DIVIDE      # two
    MASKED_MULTIPLY_ADD                                 # three
    FLOOR, ROUND, ARCSIN, ARCCOS, ARCSINH, ARCCOSH, ARCTANH, GAMMALN, DIGAMMA   # one
    ONE_MINUS_SQUARE
    MOD, LOGADDEXP, POLYGAMMA                           # two
    N_GATES


cdef inline int gate_arity(int op) noexcept nogil:
    """How many operands a gate has; -1 where there is no such gate."""
    if op < 0 or op >= N_GATES:
        return -1
    if op >= FLOOR:
        return 1 if op < MOD else 2
    if op >= MASKED_MULTIPLY:
        return 2 if op < MASKED_MULTIPLY_ADD else 3
    if op >= SELECT:
        return 3
    if op >= ADD:
        return 2
    return 1 if op >= NEGATIVE else 0


cdef inline bint is_fused(int op) noexcept nogil:
    """Whether a gate is of programs alone."""
    return op == MULTIPLY_ADD or op == MASKED_MULTIPLY_ADD


cdef inline const char *gate_name(int op) noexcept nogil:
    """The word for a gate; NULL where there is no such gate."""
    if op == CONSTANT: return b"constant"
    elif op == INPUT: return b"input"
    elif op == NEGATIVE: return b"negative"
    elif op == ABSOLUTE: return b"absolute"
    elif op == SQRT: return b"sqrt"
    elif op == EXP: return b"exp"
    elif op == EXPM1: return b"expm1"
    elif op == LOG: return b"log"
    elif op == LOG1P: return b"log1p"
    elif op == SIN: return b"sin"
    elif op == COS: return b"cos"
    elif op == TAN: return b"tan"
    elif op == TANH: return b"tanh"
    elif op == SIGMOID: return b"sigmoid"
    elif op == SOFTPLUS: return b"softplus"
    elif op == RELU: return b"relu"
    elif op == ERF: return b"erf"
    elif op == SIGN: return b"sign"
    elif op == SIGMOID_SLOPE: return b"sigmoid_slope"
    elif op == GAUSSIAN: return b"gaussian"
    elif op == ADD: return b"add"
    elif op == SUBTRACT: return b"subtract"
    elif op == MULTIPLY: return b"multiply"
    elif op == DIVIDE: return b"divide"
    elif op == POWER: return b"power"
    elif op == MINIMUM: return b"minimum"
    elif op == MAXIMUM: return b"maximum"
    elif op == HYPOT: return b"hypot"
    elif op == ATAN2: return b"atan2"
    elif op == LESS: return b"less"
    elif op == LESS_EQUAL: return b"less_equal"
    elif op == EQUAL: return b"equal"
    elif op == NOT_EQUAL: return b"not_equal"
    elif op == SELECT: return b"select"
    elif op == MULTIPLY_ADD: return b"multiply_add"
    elif op == MASKED_MULTIPLY: return b"masked_multiply"
    elif op == MASKED_PRODUCT: return b"masked_product"
    elif op == MASKED_DIVIDE: return b"masked_divide"
    elif op == MASKED_MULTIPLY_ADD: return b"masked_multiply_add"
    elif op == FLOOR: return b"floor"
    elif op == ROUND: return b"round"
    elif op == ARCSIN: return b"arcsin"
    elif op == ARCCOS: return b"arccos"
    elif op == ARCSINH: return b"arcsinh"
    elif op == ARCCOSH: return b"arccosh"
    elif op == ARCTANH: return b"arctanh"
    elif op == GAMMALN: return b"gammaln"
    elif op == DIGAMMA: return b"digamma"
    elif op == ONE_MINUS_SQUARE: return b"one_minus_square"
    elif op == MOD: return b"mod"
    elif op == LOGADDEXP: return b"logaddexp"
    elif op == POLYGAMMA: return b"polygamma"
    return NULL
