/* Products with rows that a table names: the inputs of a convolution at a position, of a recurrent
 * step. The columns are samples, or those of several positions side by side.
 *
 *     gathered_product    out[u, c]         = addend[u] + sum_k P[u, k] q[rows[k] + c]
 *     scattered_product   out[rows[k] + c] += sum_u P[u, k] q[u, c]
 *     gathered_sums       out[u, k]        += sum of delta[u, c] x[rows[k] + c] over all columns c
 *
 * The same table of rows serves all three. In C because the accumulators must stay in registers
 * (see block.h). Sums over columns are made in as many partial sums as a cache line has numbers,
 * whatever the register length, and then in a tree: v3 and v4 give the same bits.
 */
#ifndef FASTBP_GATHERED_H
#define FASTBP_GATHERED_H

#include <string.h>

#include "matrix/block.h"
#include "simd/lanes_math.h"

#define LINE_REALS ((int)(64 / sizeof(real)))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Positions whose columns lie side by side, in values and in deltas. */
typedef struct {
    const int32_t *inputs;       /* where the first position's inputs begin, in the values */
    const int32_t *input_deltas; /* and their deltas, from the deltas' start */
    ptrdiff_t out;               /* the first unit's output, from the values' start */
    ptrdiff_t out_delta;
    ptrdiff_t columns; /* whole cache lines */
    int apart;         /* no two rows of inputs overlap: the run is one position */
} Run;

/* How many of `left` rows to take now, `most` at most, so that no block is left thin. */
ALWAYS_INLINE int even_part(ptrdiff_t left, const int most) {
    ptrdiff_t parts = (left + most - 1) / most;
    return (int)((left + parts - 1) / parts);
}

/* acc = P[R, n] Q[n, C registers]. Row k of Q is at q + rows[k] if it is by_table, or else at
 * q + k q_row. */
ALWAYS_INLINE void gather_block(
    const int R, const int C, const int by_table, const real *p, ptrdiff_t p_row,
    ptrdiff_t p_column, const real *q, ptrdiff_t q_row, const int32_t *rows, ptrdiff_t n,
    lanes_t acc[2 * BLOCK_ROWS][4]) {
    lanes_t row[4];
    const real *lower = opaque_sum(p, R > BLOCK_ROWS ? BLOCK_ROWS * p_row : 0);
    UNROLLED(r, R) UNROLLED(c, C) acc[r][c] = lanes_splat(0);
    do {
        const real *columns = by_table ? q + *rows++ : q;
        q += by_table ? 0 : q_row;
        UNROLLED(c, C) row[c] = lanes_load(columns + c * LANES);
        UNROLLED(r, R) {
            lanes_t w =
                lanes_splat(r < BLOCK_ROWS ? p[r * p_row] : lower[(r - BLOCK_ROWS) * p_row]);
            UNROLLED(c, C) acc[r][c] += w * row[c];
        }
        p += p_column;
        lower += p_column;
    } while (--n > 0);
}

/* How out begins: as one number for each row, as it is, as 0, or as the sum of the first two. */
enum { FROM_ROWS, FROM_OUT, FROM_NOTHING, FROM_BOTH };

ALWAYS_INLINE void gathered_block(
    const int R, const int C, const real *p, ptrdiff_t p_row, const real *q, const int32_t *rows,
    ptrdiff_t n, int from, const real *addend, ptrdiff_t addend_row, real *out, ptrdiff_t out_row) {
    lanes_t acc[2 * BLOCK_ROWS][4];
    gather_block(R, C, 1, p, p_row, 1, q, 0, rows, n, acc);
    UNROLLED(r, R) {
        const lanes_t each = lanes_splat(from == FROM_ROWS || from == FROM_BOTH ? addend[0] : 0);
        UNROLLED(c, C) {
            real *at = out + c * LANES;
            lanes_t w = each;
            if (from == FROM_OUT) w = lanes_load(at);
            if (from == FROM_BOTH) w += lanes_load(at);
            lanes_store(at, acc[r][c] + w);
        }
        addend = opaque_sum(addend, addend_row);
        out = (real *)opaque_sum(out, out_row);
    }
}

/* Rows of out may overlap, each shifted by some columns: every row is written before the next is
 * read. Columns are taken a cache line at a time whatever the register length: to one number of out
 * the products are added line after line, and from each in the order of the rows. */
ALWAYS_INLINE void scattered_block(
    const int R, const int C, const real *p, ptrdiff_t p_column, const real *q, ptrdiff_t q_row,
    ptrdiff_t n, real *out, const int32_t *rows) {
    lanes_t acc[2 * BLOCK_ROWS][4];
    gather_block(R, C, 0, p, 1, p_column, q, q_row, NULL, n, acc);
    UNROLLED(r, R) {
        real *at = out + rows[r];
        UNROLLED(c, C) lanes_store(at + c * LANES, lanes_load(at + c * LANES) + acc[r][c]);
    }
}

/* The blocks there are: with one register of columns twice as many rows, of 16 registers three for
 * few rows. */
#define OF_4(X, C) X(1, C) X(2, C) X(3, C) X(4, C)
#define OF_6(X, C) OF_4(X, C) X(5, C) X(6, C)
#define OF_12(X, C) OF_6(X, C) X(7, C) X(8, C) X(9, C) X(10, C) X(11, C) X(12, C)
#if BLOCK_COLUMNS == 4
#define BLOCK_SIZES(X) OF_12(X, 1) OF_6(X, 2) OF_6(X, 3) OF_6(X, 4)
#else
#define BLOCK_SIZES(X) OF_12(X, 1) OF_6(X, 2) OF_4(X, 3)
#endif

/* Registers of columns to take at once, of `left` columns, with so many rows in all. */
ALWAYS_INLINE int block_columns(ptrdiff_t left, ptrdiff_t rows) {
    int most = BLOCK_COLUMNS;
    if (BLOCK_COLUMNS == 2 && even_part(rows, BLOCK_ROWS) <= 4) most = 3;
    return left < most * LANES ? (int)(left / LANES) : most;
}

ALWAYS_INLINE int block_rows(ptrdiff_t left, int C) {
    return even_part(left, C == 1 ? 2 * BLOCK_ROWS : BLOCK_ROWS);
}

/* out[units, columns] = addend + P[units, n] of gathered rows; P has unit stride along a row. */
static void gathered_product(
    ptrdiff_t units, ptrdiff_t columns, ptrdiff_t n, const real *p, ptrdiff_t p_row, const real *q,
    const int32_t *rows, int from, const real *addend, ptrdiff_t addend_row, real *out,
    ptrdiff_t out_row) {
    for (ptrdiff_t k = 0; k < n; k += GATHERED_DEPTH) {
        ptrdiff_t depth = n - k < GATHERED_DEPTH ? n - k : GATHERED_DEPTH;
        for (ptrdiff_t c = 0; c < columns;) {
            int C = block_columns(columns - c, units);
            for (ptrdiff_t u = 0; u < units;) {
                int R = block_rows(units - u, C);
                switch (16 * C + R) {
#define GATHERED(R, C)                                                                        \
    case 16 * (C) + (R):                                                                      \
        gathered_block(R, C, p + u * p_row + k, p_row, q + c, rows + k, depth, from,          \
                       addend + u * addend_row, addend_row, out + u * out_row + c, out_row);  \
        break;
                    BLOCK_SIZES(GATHERED)
                }
                u += R;
            }
            c += C * LANES;
        }
        from = FROM_OUT;
    }
}

/* out[rows[k], columns] += P'[n, units] Q[units, columns]; P has unit stride along a row. Only if
 * the rows of out are apart, more than a cache line of columns is taken at a time. */
static void scattered_product(
    ptrdiff_t units, ptrdiff_t columns, ptrdiff_t n, const real *p, ptrdiff_t p_row, const real *q,
    ptrdiff_t q_row, int apart, real *out, const int32_t *rows) {
    const int line = LINE_REALS / LANES < BLOCK_COLUMNS ? LINE_REALS / LANES : BLOCK_COLUMNS;
    for (ptrdiff_t u = 0; u < units; u += GATHERED_DEPTH) {
        ptrdiff_t depth = units - u < GATHERED_DEPTH ? units - u : GATHERED_DEPTH;
        for (ptrdiff_t c = 0; c < columns;) {
            int C = apart ? block_columns(columns - c, n) : line;
            for (ptrdiff_t k = 0; k < n;) {
                int R = block_rows(n - k, C);
                switch (16 * C + R) {
#define SCATTERED(R, C)                                                                    \
    case 16 * (C) + (R):                                                                   \
        scattered_block(R, C, p + u * p_row + k, p_row, q + u * q_row + c, q_row, depth,   \
                        out + c, rows + k);                                                \
        break;
                    BLOCK_SIZES(SCATTERED)
                }
                k += R;
            }
            c += C * LANES;
        }
    }
}

/* out[i] += the sum of the numbers of acc[i], for n registers, in a tree: upper half to lower. */
ALWAYS_INLINE void add_sums(const int n, lanes_t *acc, real *out) {
    UNROLLED(group, (n + LANES - 1) / LANES) {
        const int first = group * LANES;
        lanes_t part[LANES];
        real sums[LANES];
        UNROLLED(i, LANES) part[i] = lanes_splat(0);
        UNROLLED(i, LANES) if (first + i < n) part[i] = acc[first + i];
#define ROUND(w)                                                               \
    if (LANES >= 2 * (w)) UNROLLED(i, w) {                                     \
            lanes_t a = part[i], b = part[(i + (w)) % LANES];                  \
            part[i] = lanes_zip_low(a, b) + lanes_zip_high(a, b);              \
        }
        ROUND(8) ROUND(4) ROUND(2) ROUND(1)
        lanes_store(sums, part[0]);
        UNROLLED(i, LANES) if (first + i < n) out[first + i] += sums[i];
    }
}

ALWAYS_INLINE lanes_t in_register(const real *p) {
    return lanes_rounded(lanes_load(p));
}

/* out[R, C] += sums over all columns of the runs. Alone, those of delta without x; C is then 1. */
ALWAYS_INLINE void sums_block(
    const int R, const int C, const int alone, const Run *runs, ptrdiff_t n_runs,
    const real *delta, ptrdiff_t unit_row, const real *x, ptrdiff_t k, real *out,
    ptrdiff_t out_row) {
    lanes_t total[SUM_ROWS * SUM_COLUMNS][LINE_REALS / LANES];
    real sums[SUM_ROWS * SUM_COLUMNS] = {0};
    UNROLLED(v, LINE_REALS / LANES) {
        lanes_t acc[SUM_ROWS][SUM_COLUMNS];
        UNROLLED(r, R) UNROLLED(c, C) acc[r][c] = lanes_splat(0);
        for (ptrdiff_t j = 0; j < n_runs; j++) {
            const real *d = delta + runs[j].out_delta + v * LANES;
            const real *in[SUM_COLUMNS];
            UNROLLED(c, C) in[c] = alone ? d : x + runs[j].inputs[k + c] + v * LANES;
            for (ptrdiff_t i = 0; i < runs[j].columns; i += LINE_REALS) {
                lanes_t row[SUM_COLUMNS];
                /* Kept in registers: the compiler would load them again for every row. */
                UNROLLED(c, C) {
                    row[c] = lanes_splat(1);
                    if (!alone) row[c] = in_register(in[c] + i);
                }
                UNROLLED(r, R) {
                    lanes_t w = in_register(d + r * unit_row + i);
                    UNROLLED(c, C) acc[r][c] += w * row[c];
                }
            }
        }
        UNROLLED(r, R) UNROLLED(c, C) total[r * C + c][v] = acc[r][c];
    }
    lanes_t one[SUM_ROWS * SUM_COLUMNS];
    UNROLLED(i, SUM_ROWS * SUM_COLUMNS) if (i < R * C) {
        if (LINE_REALS / LANES >= 4) UNROLLED(v, LINE_REALS / LANES / 4 * 2)
            total[i][v] += total[i][v + LINE_REALS / LANES / 4 * 2];
        if (LINE_REALS / LANES >= 2) total[i][0] += total[i][1];
        one[i] = total[i][0];
    }
    add_sums(R * C, one, sums);
    UNROLLED(r, R) UNROLLED(c, C) out[r * out_row + c] += sums[r * C + c];
}

#if BLOCK_COLUMNS == 4
#define SUM_SIZES(X) OF_6(X, 1) OF_6(X, 2) OF_6(X, 3) OF_6(X, 4)
#else
#define SUM_SIZES(X) OF_4(X, 1) OF_4(X, 2) OF_4(X, 3)
#endif

/* Some rows of delta with some inputs, of a size that is not known to the compiler. */
static void some_sums(
    const int R, const int C, const Run *runs, ptrdiff_t n_runs, const real *delta,
    ptrdiff_t unit_row, const real *x, ptrdiff_t k, real *out, ptrdiff_t out_row) {
    switch (16 * C + R) {
#define SUMMED(R, C)                                                                 \
    case 16 * (C) + (R):                                                             \
        sums_block(R, C, 0, runs, n_runs, delta, unit_row, x, k, out, out_row);      \
        break;
        SUM_SIZES(SUMMED)
    }
}

/* Of the inputs from `first` on. Units are taken first: the other way round, a recurrent network of
 * 32 units takes 1 % less time with AVX2, and convolutions 2 to 3 % more. */
static void gathered_sums(
    ptrdiff_t units, ptrdiff_t first, ptrdiff_t n, const Run *runs, ptrdiff_t n_runs,
    const real *delta, ptrdiff_t unit_row, const real *x, real *out, ptrdiff_t out_row) {
    for (ptrdiff_t u = 0; u < units;) {
        int R = even_part(units - u, SUM_ROWS);
        for (ptrdiff_t k = first; k < n;) {
            int C = even_part(n - k, SUM_COLUMNS);
            some_sums(R, C, runs, n_runs, delta + u * unit_row, unit_row, x, k,
                      out + u * out_row + k, out_row);
            k += C;
        }
        u += R;
    }
}

/* out[u] += the sum of row u of delta over all columns. */
static void run_sums(
    ptrdiff_t units, const Run *runs, ptrdiff_t n_runs, const real *delta, ptrdiff_t unit_row,
    real *out) {
    for (ptrdiff_t u = 0; u < units;) {
        int R = even_part(units - u, SUM_ROWS);
        switch (R) {
#define UNIT_SUMS(R, C)                                                                       \
    case R:                                                                                   \
        sums_block(R, C, 1, runs, n_runs, delta + u * unit_row, unit_row, NULL, 0, out + u, 1); \
        break;
#if SUM_ROWS == 6
            OF_6(UNIT_SUMS, 1)
#else
            OF_4(UNIT_SUMS, 1)
#endif
        }
        u += R;
    }
}

#endif
