/* The gates of a circuit: one row for each, from which numbers, names and switches are made.
 *
 * A row has its name here and in Python and the number of its operands. SHORT: on rows of samples
 * it costs no more than the loop around it; LONG: more, and data is prefetched meanwhile. Last comes
 * where its code for a number is: a label of threaded.h, or `call` for a function made of what
 * gate_values.pxd says it computes. Pickles have the numbers: a new gate comes last.
 */
#ifndef FASTBP_GATES_H
#define FASTBP_GATES_H

#define GATES(GATE, ...) \
    GATE(CONSTANT, "constant", 0, NONE, stop, __VA_ARGS__)                                        \
    GATE(INPUT, "input", 0, NONE, stop, __VA_ARGS__)                                              \
    GATE(NEGATIVE, "negative", 1, SHORT, negative, __VA_ARGS__)                                   \
    GATE(ABSOLUTE, "absolute", 1, SHORT, absolute, __VA_ARGS__)                                   \
    GATE(SQRT, "sqrt", 1, LONG, square_root, __VA_ARGS__)                                         \
    GATE(EXP, "exp", 1, LONG, call, __VA_ARGS__)                                                  \
    GATE(EXPM1, "expm1", 1, LONG, call, __VA_ARGS__)                                              \
    GATE(LOG, "log", 1, LONG, call, __VA_ARGS__)                                                  \
    GATE(LOG1P, "log1p", 1, LONG, call, __VA_ARGS__)                                              \
    GATE(SIN, "sin", 1, LONG, call, __VA_ARGS__)                                                  \
    GATE(COS, "cos", 1, LONG, call, __VA_ARGS__)                                                  \
    GATE(TAN, "tan", 1, LONG, call, __VA_ARGS__)                                                  \
    GATE(TANH, "tanh", 1, LONG, call, __VA_ARGS__)                                                \
    GATE(SIGMOID, "sigmoid", 1, LONG, call, __VA_ARGS__)                                          \
    GATE(SOFTPLUS, "softplus", 1, LONG, call, __VA_ARGS__)                                        \
    GATE(RELU, "relu", 1, SHORT, relu, __VA_ARGS__)                                               \
    GATE(ERF, "erf", 1, LONG, call, __VA_ARGS__)                                                  \
    GATE(SIGN, "sign", 1, SHORT, call, __VA_ARGS__)                                               \
    GATE(SIGMOID_SLOPE, "sigmoid_slope", 1, LONG, call, __VA_ARGS__)                              \
    GATE(GAUSSIAN, "gaussian", 1, LONG, call, __VA_ARGS__)                                        \
    GATE(ADD, "add", 2, SHORT, add, __VA_ARGS__)                                                  \
    GATE(SUBTRACT, "subtract", 2, SHORT, subtract, __VA_ARGS__)                                   \
    GATE(MULTIPLY, "multiply", 2, SHORT, multiply, __VA_ARGS__)                                   \
    GATE(DIVIDE, "divide", 2, SHORT, divide, __VA_ARGS__)                                         \
    GATE(POWER, "power", 2, LONG, call, __VA_ARGS__)                                              \
    GATE(MINIMUM, "minimum", 2, SHORT, minimum, __VA_ARGS__)                                      \
    GATE(MAXIMUM, "maximum", 2, SHORT, maximum, __VA_ARGS__)                                      \
    GATE(HYPOT, "hypot", 2, LONG, call, __VA_ARGS__)                                              \
    GATE(ATAN2, "atan2", 2, LONG, call, __VA_ARGS__)                                              \
    GATE(LESS, "less", 2, SHORT, less, __VA_ARGS__)                                               \
    GATE(LESS_EQUAL, "less_equal", 2, SHORT, less_equal, __VA_ARGS__)                             \
    GATE(EQUAL, "equal", 2, SHORT, equal, __VA_ARGS__)                                            \
    GATE(NOT_EQUAL, "not_equal", 2, SHORT, not_equal, __VA_ARGS__)                                \
    GATE(SELECT, "select", 3, SHORT, select, __VA_ARGS__)                                         \
    GATE(MULTIPLY_ADD, "multiply_add", 3, SHORT, multiply_add, __VA_ARGS__)                       \
    GATE(MASKED_MULTIPLY, "masked_multiply", 2, SHORT, masked_multiply, __VA_ARGS__)              \
    GATE(MASKED_PRODUCT, "masked_product", 2, SHORT, masked_product, __VA_ARGS__)                 \
    GATE(MASKED_DIVIDE, "masked_divide", 2, SHORT, masked_divide, __VA_ARGS__)                    \
    GATE(MASKED_MULTIPLY_ADD, "masked_multiply_add", 3, SHORT, masked_multiply_add, __VA_ARGS__)  \
    GATE(FLOOR, "floor", 1, LONG, call, __VA_ARGS__)                                              \
    GATE(ROUND, "round", 1, LONG, call, __VA_ARGS__)                                              \
    GATE(ARCSIN, "arcsin", 1, LONG, call, __VA_ARGS__)                                            \
    GATE(ARCCOS, "arccos", 1, LONG, call, __VA_ARGS__)                                            \
    GATE(ARCSINH, "arcsinh", 1, LONG, call, __VA_ARGS__)                                          \
    GATE(ARCCOSH, "arccosh", 1, LONG, call, __VA_ARGS__)                                          \
    GATE(ARCTANH, "arctanh", 1, LONG, call, __VA_ARGS__)                                          \
    GATE(GAMMALN, "gammaln", 1, LONG, call, __VA_ARGS__)                                          \
    GATE(DIGAMMA, "digamma", 1, LONG, call, __VA_ARGS__)                                          \
    GATE(ONE_MINUS_SQUARE, "one_minus_square", 1, LONG, call, __VA_ARGS__)                        \
    GATE(MOD, "mod", 2, LONG, call, __VA_ARGS__)                                                  \
    GATE(LOGADDEXP, "logaddexp", 2, LONG, call, __VA_ARGS__)                                      \
    GATE(POLYGAMMA, "polygamma", 2, LONG, call, __VA_ARGS__)

/* A function and its slope at the same place, when one comes right after the other: what they have
 * in common is computed once. The second result goes to slot b. */
#define PAIRS_OF_GATES(PAIR, ...)                                       \
    PAIR(SIGMOID_AND_SLOPE, SIGMOID, SIGMOID_SLOPE, __VA_ARGS__)        \
    PAIR(SIN_AND_COS, SIN, COS, __VA_ARGS__)                            \
    PAIR(SOFTPLUS_AND_SIGMOID, SOFTPLUS, SIGMOID, __VA_ARGS__)          \
    PAIR(ERF_AND_GAUSSIAN, ERF, GAUSSIAN, __VA_ARGS__)

#define GATE_NUMBER(name, text, operands, kind, label, ...) GATE_##name,
#define PAIR_NUMBER(name, first, second, ...) PAIR_##name,
enum {
    GATES(GATE_NUMBER)
    N_GATES,
    GATE_STOP = N_GATES, /* ends a list of gates on numbers; pairs have the numbers after it */
    PAIRS_OF_GATES(PAIR_NUMBER)
    N_GATES_AND_PAIRS
};
#undef GATE_NUMBER
#undef PAIR_NUMBER

#define GATE_OPERANDS(name, text, operands, kind, label, ...) operands,
#define GATE_TEXT(name, text, operands, kind, label, ...) text,

/* How many operands a gate has; -1 where there is no such gate. */
static inline int gate_arity(int op) {
    static const signed char operands[] = {GATES(GATE_OPERANDS)};
    return op < 0 || op >= N_GATES ? -1 : operands[op];
}

/* The name of a gate; NULL where there is no such gate. */
static inline const char *gate_name(int op) {
    static const char *const names[] = {GATES(GATE_TEXT)};
    return op < 0 || op >= N_GATES ? NULL : names[op];
}

#undef GATE_OPERANDS
#undef GATE_TEXT

/* f(op, ...) with the gate as a constant, so that the compiler makes a copy of an inlined f for
 * each gate of a kind; nothing for gates of another kind. */
#define CASE_OF_SHORT_SHORT(name, f, ...) \
    case GATE_##name:                     \
        f(GATE_##name, __VA_ARGS__);      \
        break;
#define CASE_OF_SHORT_LONG(name, f, ...)
#define CASE_OF_SHORT_NONE(name, f, ...)
#define CASE_OF_LONG_LONG CASE_OF_SHORT_SHORT
#define CASE_OF_LONG_SHORT(name, f, ...)
#define CASE_OF_LONG_NONE(name, f, ...)
#define CASE_OF_SHORT(name, text, operands, kind, label, ...) \
    CASE_OF_SHORT_##kind(name, __VA_ARGS__)
#define CASE_OF_LONG(name, text, operands, kind, label, ...) \
    CASE_OF_LONG_##kind(name, __VA_ARGS__)
#define with_short_gate(f, op, ...) switch (op) { GATES(CASE_OF_SHORT, f, __VA_ARGS__) }
#define with_long_gate(f, op, ...) switch (op) { GATES(CASE_OF_LONG, f, __VA_ARGS__) }

/* f(first, second, ...) with the two gates of a pair. */
#define CASE_OF_PAIR(name, first, second, f, ...)        \
    case PAIR_##name:                                    \
        f(GATE_##first, GATE_##second, __VA_ARGS__);     \
        break;
#define with_pair(f, op, ...) switch (op) { PAIRS_OF_GATES(CASE_OF_PAIR, f, __VA_ARGS__) }

/* The pair of two gates, or 0. */
static inline int pair_of(int first, int second) {
#define PAIR_IF(name, one, two, ...) \
    if (first == GATE_##one && second == GATE_##two) return PAIR_##name;
    PAIRS_OF_GATES(PAIR_IF)
#undef PAIR_IF
    return 0;
}

/* Whether a gate on rows is SHORT. */
static inline int is_short(int op) {
#define IS_SHORT(op, ...) return 1
    with_short_gate(IS_SHORT, op, 0);
#undef IS_SHORT
    return 0;
}

#endif
