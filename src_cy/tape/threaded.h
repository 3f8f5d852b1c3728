/* The second thing Cython cannot say: from the end of one gate straight to the next.
 *
 * A loop around a switch jumps twice for each gate, and all gates share one prediction of the next;
 * with the address of its code in every gate the arithmetic of a circuit takes little more than half
 * the time. Labels as values are an extension of GCC and Clang, as the vectors of lanes.h.
 */
#ifndef FASTBP_THREADED_H
#define FASTBP_THREADED_H

#include "simd/lanes.h"
#include "tape/gates.h"

typedef struct threaded {
    const void *go;
    void (*call)(const struct threaded *, real *); /* of gates that are no arithmetic */
    uint32_t out, a, b, c;
} threaded_t;

#ifdef FASTBP_FLOAT32
#define real_abs __builtin_fabsf
#define real_sqrt __builtin_sqrtf
#else
#define real_abs __builtin_fabs
#define real_sqrt __builtin_sqrt
#endif

#define A s[g->a]
#define B s[g->b]
#define C s[g->c]
#define GATE(label, value) label: s[g->out] = (value); g++; goto *g->go;

#define GATE_LABEL(name, text, operands, kind, label, ...) &&label,
#define PAIR_LABEL(...) &&call,

#if defined(__clang__)
#define KEEP_JUMPS
#else
/* What these do undoes all of it: they make one jump of many. */
#define KEEP_JUMPS optimize("no-gcse", "no-crossjumping")
#endif

/* Runs the gates from g to GATE_STOP on the numbers s[slot]; without gates, the address of the code
 * of each. */
__attribute__((noinline, KEEP_JUMPS))
static const void *const *run_threaded(const threaded_t *g, real *s)
{
    static const void *const labels[] = {
        GATES(GATE_LABEL) &&stop, PAIRS_OF_GATES(PAIR_LABEL)};
    if (g == NULL)
        return labels;
    goto *g->go;
    GATE(add, A + B)
    GATE(subtract, A - B)
    GATE(multiply, A * B)
    GATE(divide, A / B)
    GATE(multiply_add, multiply_then_add(A, B, C))
    GATE(negative, -A)
    GATE(absolute, real_abs(A))
    GATE(square_root, real_sqrt(A))
    GATE(relu, 0 > A ? 0 : A)
    GATE(minimum, A == A ? (A < B ? A : B) : A)
    GATE(maximum, A == A ? (A > B ? A : B) : A)
    GATE(less, A < B ? 1 : 0)
    GATE(less_equal, A <= B ? 1 : 0)
    GATE(equal, A == B ? 1 : 0)
    GATE(not_equal, A == B ? 0 : 1)
    GATE(select, A == 0 ? C : B)
    GATE(masked_multiply, A == 0 ? 0 : A * B)
    GATE(masked_product, A == 0 || B == 0 ? 0 : A * B)
    GATE(masked_divide, A == 0 ? 0 : A / B)
    GATE(masked_multiply_add, A == 0 ? C : multiply_then_add(A, B, C))
call:
    g->call(g, s);
    g++;
    goto *g->go;
stop:
    return NULL;
}

/* Gates and pairs on numbers, defined in numbers.pxd; and a function for each, in which the gate is
 * a constant: everything that it calls is inlined. */
static void fastbp_number(int op, const threaded_t *g, real *s);
static void fastbp_two_numbers(int first, int second, const threaded_t *g, real *s);

#define CALL_OF_GATE(name, ...) \
    static kernel_void number_##name(const threaded_t *g, real *s) { \
        fastbp_number(GATE_##name, g, s); \
    }
#define CALL_OF_PAIR(name, first, second, ...) \
    static kernel_void number_##name(const threaded_t *g, real *s) { \
        fastbp_two_numbers(GATE_##first, GATE_##second, g, s); \
    }
#define NAME_OF_CALL(name, ...) number_##name,
GATES(CALL_OF_GATE)
PAIRS_OF_GATES(CALL_OF_PAIR)

/* Tells g where the code of its gate is; out, a, b, c are its slots. */
static inline void link_gate(int op, threaded_t *g)
{
    static void (*const calls[])(const threaded_t *, real *) = {
        GATES(NAME_OF_CALL) NULL, PAIRS_OF_GATES(NAME_OF_CALL)};
    g->go = run_threaded(NULL, NULL)[op];
    g->call = calls[op];
}

#undef A
#undef B
#undef C
#undef GATE
#undef GATE_LABEL
#undef PAIR_LABEL
#undef CALL_OF_GATE
#undef CALL_OF_PAIR
#undef NAME_OF_CALL
#endif
