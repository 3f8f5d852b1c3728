/* Transposition in registers: rows exchange single lanes, then pairs, then fours, ...
 *
 * In C for the reason block.h gives: arrays of registers stay in registers only if all loops over
 * them are unrolled early.
 */
#ifndef FASTBP_TRANSPOSE_H
#define FASTBP_TRANSPOSE_H

#include "matrix/sizes.h"

/* Rows that are transposed at once to be packed. */
#define PACKED_ROWS (LANES < TRANSPOSED_ROWS ? LANES : TRANSPOSED_ROWS)

/* The registers of `a` as rows of a matrix, transposed: log2(rows) rounds. With fewer rows than
 * lanes, register i of the result holds columns i, i + rows, ... */
static inline __attribute__((always_inline)) void shuffle(const int rows, lanes_t *a) {
    lanes_t b;
#define EXCHANGE(width, even, odd)                                   \
    UNROLLED(pair, rows / 2) {                                       \
        const int i = pair / (width) * 2 * (width) + pair % (width); \
        b = even(a[i], a[i + (width)]);                              \
        a[i + (width)] = odd(a[i], a[i + (width)]);                  \
        a[i] = b;                                                    \
    }
    if (rows > 1) EXCHANGE(1, lanes_even_1, lanes_odd_1)
    if (rows > 2) EXCHANGE(2, lanes_even_2, lanes_odd_2)
    if (rows > 4) EXCHANGE(4, lanes_even_4, lanes_odd_4)
    if (rows > 8) EXCHANGE(8, lanes_even_8, lanes_odd_8)
#undef EXCHANGE
}

/* out[c, r] = source[r, c], LANES x LANES. */
static inline __attribute__((always_inline)) void transpose_block(
    const real *source, ptrdiff_t source_row, real *out, ptrdiff_t out_row) {
    lanes_t a[16];
    UNROLLED(i, LANES) {
        a[i] = lanes_load(source);
        source = opaque_sum(source, source_row);
    }
    shuffle(LANES, a);
    UNROLLED(i, LANES) {
        lanes_store(out, a[i]);
        out = (real *)opaque_sum(out, out_row);
    }
}

/* out[k, r] = p[r, k] of R rows and LANES columns; less than a register is written too much. */
static inline __attribute__((always_inline)) void pack_lanes(
    const int R, const real *p, ptrdiff_t p_row, real *out) {
    lanes_t a[6][16];
    const int groups = (R + PACKED_ROWS - 1) / PACKED_ROWS;
    UNROLLED(g, groups) {
        UNROLLED(i, PACKED_ROWS) {
            int r = g * PACKED_ROWS + i;
            a[g][i] = lanes_load(p + (r < R ? r : R - 1) * p_row);
        }
        shuffle(PACKED_ROWS, a[g]);
    }
    /* In this order what a store writes too much is overwritten by the next. */
    UNROLLED(i, PACKED_ROWS) UNROLLED(g, groups) lanes_store(out + i * R + g * LANES, a[g][i]);
    /* 16 lanes of 8 rows: each register holds two columns, and all rows are in one group. */
    if (PACKED_ROWS < LANES)
        UNROLLED(i, PACKED_ROWS) lanes_store_high(out + (PACKED_ROWS + i) * R, a[0][i]);
}

#endif
