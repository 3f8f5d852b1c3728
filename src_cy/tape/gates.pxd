"""The gates of a circuit: their numbers, names and operands.

Comparisons give 1 or 0. SIGMOID_SLOPE, GAUSSIAN, ONE_MINUS_SQUARE and the masked gates are not for
users: the derivatives of the others need them, or the tape is faster with them. With them the set
is closed: the derivative of every gate is made of gates, so a gradient, a Hessian or a Hessian
product is one more tape. The table of them is gates.h; what a gate computes is in gate_values.pxd.

A masked gate is 0 where its first operand is 0, MASKED_PRODUCT where either is, also if the other
is infinite or NaN. MULTIPLY_ADD and MASKED_MULTIPLY_ADD are written into programs alone: a graph
has their two gates.
"""

cdef extern from "tape/gates.h" nogil:
    enum:
        CONSTANT "GATE_CONSTANT", INPUT "GATE_INPUT", NEGATIVE "GATE_NEGATIVE",
        ABSOLUTE "GATE_ABSOLUTE", SQRT "GATE_SQRT", EXP "GATE_EXP", EXPM1 "GATE_EXPM1",
        LOG "GATE_LOG", LOG1P "GATE_LOG1P", SIN "GATE_SIN", COS "GATE_COS", TAN "GATE_TAN",
        TANH "GATE_TANH", SIGMOID "GATE_SIGMOID", SOFTPLUS "GATE_SOFTPLUS", RELU "GATE_RELU",
        ERF "GATE_ERF", SIGN "GATE_SIGN", SIGMOID_SLOPE "GATE_SIGMOID_SLOPE",
        GAUSSIAN "GATE_GAUSSIAN", ADD "GATE_ADD", SUBTRACT "GATE_SUBTRACT",
        MULTIPLY "GATE_MULTIPLY", DIVIDE "GATE_DIVIDE", POWER "GATE_POWER",
        MINIMUM "GATE_MINIMUM", MAXIMUM "GATE_MAXIMUM", HYPOT "GATE_HYPOT", ATAN2 "GATE_ATAN2",
        LESS "GATE_LESS", LESS_EQUAL "GATE_LESS_EQUAL", EQUAL "GATE_EQUAL",
        NOT_EQUAL "GATE_NOT_EQUAL", SELECT "GATE_SELECT", MULTIPLY_ADD "GATE_MULTIPLY_ADD",
        MASKED_MULTIPLY "GATE_MASKED_MULTIPLY", MASKED_PRODUCT "GATE_MASKED_PRODUCT",
        MASKED_DIVIDE "GATE_MASKED_DIVIDE", MASKED_MULTIPLY_ADD "GATE_MASKED_MULTIPLY_ADD",
        FLOOR "GATE_FLOOR", ROUND "GATE_ROUND", ARCSIN "GATE_ARCSIN", ARCCOS "GATE_ARCCOS",
        ARCSINH "GATE_ARCSINH", ARCCOSH "GATE_ARCCOSH", ARCTANH "GATE_ARCTANH",
        GAMMALN "GATE_GAMMALN", DIGAMMA "GATE_DIGAMMA", ONE_MINUS_SQUARE "GATE_ONE_MINUS_SQUARE",
        MOD "GATE_MOD", LOGADDEXP "GATE_LOGADDEXP", POLYGAMMA "GATE_POLYGAMMA"
        N_GATES
        STOP "GATE_STOP"

    int gate_arity(int op)              # -1 where there is no such gate
    const char *gate_name(int op)       # NULL where there is no such gate
    bint is_short(int op)               # on rows: costs no more than the loop around it
    int pair_of(int first, int second)  # the number of a pair of gates, or 0


cdef inline bint is_pair(int op) noexcept nogil:
    """Whether it is a pair of gates: of linked gates alone."""
    return op > N_GATES


cdef inline bint is_fused(int op) noexcept nogil:
    """Whether a gate is of programs alone."""
    return op == MULTIPLY_ADD or op == MASKED_MULTIPLY_ADD
