/* A block of the matrix product: the loop in which fastbp spends its time.
 *
 * In C, because the accumulators must stay in registers from the first multiply-add to the last
 * addition. A compiler keeps an array in registers only if every loop over it is unrolled early, and
 * takes the request to do so from a pragma, which Cython cannot write. Without it GCC takes the array
 * through the stack at the begin and the end of every block: 5 % of a product that is 64 deep. Clang,
 * which does not know the pragma of GCC, takes it through the stack at every multiply-add, and a
 * product 4 to 12 times as long.
 */
#ifndef FASTBP_BLOCK_H
#define FASTBP_BLOCK_H

#include "matrix/sizes.h"

/* What blocks have in common but their P and Q: how many there are, one below the other, what is
 * added, where the sums go, what is prefetched into the second-level cache. */
typedef struct {
    ptrdiff_t count;
    const real *addend; /* NULL: nothing is added */
    ptrdiff_t addend_row;
    int broadcast; /* addend is one number for each row */
    int multiply; /* the sums are multiplied by it instead */
    real *out;
    ptrdiff_t out_row;
    const char *ahead;
    ptrdiff_t step;  /* bytes from what is prefetched to what is prefetched next: */
    ptrdiff_t lines; /* so many at the begin of each block, or one at each step of a sum */
} Target;

/* out = addend + P[count R, n] Q[n, C registers], block after block of R rows; n > 0. R and C are
 * known to the compiler. The addend comes last: it arrives while the last products are summed, and
 * no register waits for it. Of a packed P there are many blocks, each of which prefetches a
 * little before it begins: doing so in the loop costs 4 % there on AVX2. */
static inline __attribute__((always_inline)) void blocks(
    const int R, const int C, const int packed, const real *p, ptrdiff_t p_row,
    ptrdiff_t p_column, ptrdiff_t p_block, const real *q, ptrdiff_t q_row, ptrdiff_t n,
    const Target *target) {
    const char *ahead = target->ahead;
    const real *addend = target->addend;
    real *out = target->out;
    ptrdiff_t count = target->count, step = target->step;
    do {
        lanes_t acc[2 * BLOCK_ROWS][THIN_COLUMNS], row[THIN_COLUMNS];
        /* An address of its own: the offsets of 12 rows would take more registers than there are. */
        const real *upper = p, *lower = opaque_sum(p, R > BLOCK_ROWS ? BLOCK_ROWS * p_row : 0);
        const real *columns = q;
        ptrdiff_t left = n, lines = packed ? target->lines : 0;
        for (; lines > 0; lines--) {
            lanes_prefetch_far(ahead);
            ahead += step;
        }
        UNROLLED(r, R) UNROLLED(c, C) acc[r][c] = lanes_splat(0);
        do {
            if (packed) {
                lanes_prefetch_near((const char *)upper + NEAR);
            } else {
                lanes_prefetch_far(ahead);
                ahead += step;
            }
            UNROLLED(c, C) row[c] = lanes_load(columns + c * LANES);
            UNROLLED(r, R) {
                lanes_t w = lanes_splat(
                    r < BLOCK_ROWS ? upper[r * p_row] : lower[(r - BLOCK_ROWS) * p_row]);
                UNROLLED(c, C) acc[r][c] += w * row[c];
            }
            upper += p_column;
            lower += p_column;
            columns += q_row;
        } while (--left > 0);
        /* `target` is read again here: a value kept for the end would be a register less in the loop. */
        target = (const Target *)opaque_sum((const real *)target, 0);
        ptrdiff_t out_row = target->out_row, addend_row = target->addend_row;
        if (addend == NULL) {
            UNROLLED(r, R) {
                UNROLLED(c, C) lanes_store(out + c * LANES, acc[r][c]);
                out = (real *)opaque_sum(out, out_row);
            }
        } else if (target->broadcast) {
            UNROLLED(r, R) {
                lanes_t w = lanes_splat(addend[0]);
                UNROLLED(c, C) lanes_store(out + c * LANES, acc[r][c] + w);
                addend = opaque_sum(addend, addend_row);
                out = (real *)opaque_sum(out, out_row);
            }
        } else if (target->multiply) {
            UNROLLED(r, R) {
                UNROLLED(c, C)
                lanes_store(out + c * LANES, acc[r][c] * lanes_load(addend + c * LANES));
                addend = opaque_sum(addend, addend_row);
                out = (real *)opaque_sum(out, out_row);
            }
        } else {
            UNROLLED(r, R) {
                UNROLLED(c, C)
                lanes_store(out + c * LANES, acc[r][c] + lanes_load(addend + c * LANES));
                addend = opaque_sum(addend, addend_row);
                out = (real *)opaque_sum(out, out_row);
            }
        }
        p += p_block;
    } while (--count > 0);
}

/* The same with sizes known to the compiler: one copy for each. */
#define SIZED(R, C)                                                                            \
    case 16 * (C) + (R):                                                                       \
        blocks(R, C, packed, p, p_row, p_column, p_block, q, q_row, n, target);                  \
        break;
#define SIZED_6(C) SIZED(1, C) SIZED(2, C) SIZED(3, C) SIZED(4, C) SIZED(5, C) SIZED(6, C)
#define SIZED_12(C) \
    SIZED_6(C) SIZED(7, C) SIZED(8, C) SIZED(9, C) SIZED(10, C) SIZED(11, C) SIZED(12, C)

static inline __attribute__((always_inline)) void sized_blocks(
    int R, int C, const int packed, const real *p, ptrdiff_t p_row, ptrdiff_t p_column,
    ptrdiff_t p_block, const real *q, ptrdiff_t q_row, ptrdiff_t n, const Target *target) {
    switch (16 * C + R) {
        SIZED_12(1)
#if BLOCK_COLUMNS == 4
        SIZED_12(2)
        SIZED_6(3)
        SIZED_6(4)
#else
        SIZED_6(2)
        SIZED(1, 3) SIZED(2, 3) SIZED(1, 4) SIZED(2, 4)
#endif
        SIZED(1, 5) SIZED(1, 6) SIZED(1, 7) SIZED(1, 8)
    }
}

#endif
