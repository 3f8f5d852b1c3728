/* The second thing Cython cannot say: from the end of one gate straight to the next.
 *
 * A loop around a switch jumps twice for each gate, and all gates share one prediction of the next;
 * with the address of its code in every gate the arithmetic of a circuit takes little more than half
 * the time. Labels as values are an extension of GCC and Clang, as the vectors of lanes.h.
 */
#ifndef FASTBP_THREADED_H
#define FASTBP_THREADED_H

#include "simd/lanes.h"

typedef struct threaded {
    const void *go;
    void (*call)(const struct threaded *, real *); /* of a GO_CALL gate: all that is no arithmetic */
    uint32_t out, a, b, c;
} threaded_t;

enum {
    GO_ADD, GO_SUBTRACT, GO_MULTIPLY, GO_DIVIDE, GO_MULTIPLY_ADD, GO_NEGATIVE, GO_ABSOLUTE,
    GO_SQRT, GO_RELU, GO_MINIMUM, GO_MAXIMUM, GO_LESS, GO_LESS_EQUAL, GO_EQUAL, GO_NOT_EQUAL,
    GO_SELECT, GO_MASKED_MULTIPLY, GO_MASKED_PRODUCT, GO_MASKED_DIVIDE, GO_MASKED_MULTIPLY_ADD,
    GO_CALL, GO_STOP
};

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

#if defined(__clang__)
#define KEEP_JUMPS
#else
/* What these do undoes all of it: they make one jump of many. */
#define KEEP_JUMPS optimize("no-gcse", "no-crossjumping")
#endif

/* Runs the gates from g to GO_STOP on the numbers s[slot]; without gates, the address of each GO. */
__attribute__((noinline, KEEP_JUMPS))
static const void *const *run_threaded(const threaded_t *g, real *s)
{
    static const void *const labels[] = {
        &&add, &&subtract, &&multiply, &&divide, &&multiply_add, &&negative, &&absolute, &&square_root,
        &&relu, &&minimum, &&maximum, &&less, &&less_equal, &&equal, &&not_equal, &&select,
        &&masked_multiply, &&masked_product, &&masked_divide, &&masked_multiply_add, &&call, &&stop};
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

static inline void link_threaded(threaded_t *g, int go)
{
    g->go = run_threaded(NULL, NULL)[go];
}

#undef A
#undef B
#undef C
#undef GATE
#endif
