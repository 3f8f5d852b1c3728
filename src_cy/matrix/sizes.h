/* Every size of the engine that was chosen by measuring: the table to look at on a new machine.
 *
 * Tuned with the cases of benchmarks/ on Xeons with AVX-512 (32 registers; caches of 48 KB and 1
 * to 2 MB), there as the AVX2 build too (16 registers), and on AMD's with AVX2 (32 KB and 512
 * KB). A size that differs is of_registers(with 16, with 32). On aarch64, which has 32, nothing
 * was measured.
 *
 * "bits": sums are made in another order if it is changed, so that results have other last bits.
 * Such a size must not depend on the registers: v3 and v4 give the same bits. All others are
 * free.
 *
 * Beside the engine, the pool of threads, the fingerprint of data and the recorder have sizes of
 * their own, at the top of threads.pyx, memory.pyx and of files of recorder/.
 */
#ifndef FASTBP_SIZES_H
#define FASTBP_SIZES_H

#include "simd/lanes.h"

#define of_registers(sixteen, thirtytwo) (REGISTERS == 32 ? (thirtytwo) : (sixteen))

/* Registers of columns in a block of the product: 6 x 2 sums, 2 of a row of Q and 1 scalar of P;
 * or 6 x 4, 4 and 1. A macro, since block.h asks the preprocessor. */
#define BLOCK_COLUMNS of_registers(2, 4)
/* Columns of a strip: as many as a block takes at once. */
#define STRIP (BLOCK_COLUMNS * LANES)
/* A block of sums over the columns of a table's rows: 4 x 3 sums, 3 of x and 1 of delta; or 6 x
 * 4, 4 and 1. */
#define SUM_ROWS of_registers(4, 6)
#define SUM_COLUMNS of_registers(3, 4)

enum {
    /* matrix/: the product */
    BLOCK_ROWS = 6,                /* of P in a block; twice as many where few columns leave
                                    * registers */
    THIN_COLUMNS = 8,              /* registers of one row, or of two together, where there are
                                    * no more: each waits for its addition */
    DEPTH = 64,                    /* bits. Products that are summed before the sum is added to
                                    * the addend: a panel of Q so deep stays in the first-level
                                    * cache */
    GATHERED_DEPTH = 256,          /* bits. The same where rows are named by a table; they are
                                    * not copied, and few distinct ones are read */
    PACK_ROWS = 48,                /* rows of P from which on it pays to copy a panel of Q, or
                                    * to pack P */
    PACK_STRIPS = 4,               /* strips of Q from which on it pays to pack P */
    GROUP_BYTES = 262144,          /* of `out` that stay in the second-level cache while P
                                    * passes: half of the smaller one */
    NEAR = 2048,                   /* bytes of a packed P that are prefetched into the first-
                                    * level cache before they are read. 512 to 6144 make no
                                    * difference; without it a product of 512 rows is 6 to 8 %
                                    * slower on AVX2 */
    BLOCK_LINES = 8,               /* steps of a packed block for each cache line it
                                    * prefetches: to do it in the inner loop costs 4 % on AVX2 */
    TRANSPOSED_ROWS = 8,           /* rows that are transposed at once when P is packed. A
                                    * block has 6; a transpose of 16 would be 10 copies of the
                                    * last */
    CACHE_LINE = 64,               /* bytes */
    SET_BYTES = 512,               /* rows are no multiple of it apart, else they share few
                                    * cache sets */
    DOT_BYTES = 64,                /* bits. Of partial sums of a dot product: as many as the
                                    * widest register has lanes */
    DOT_REGISTERS = 8,             /* partial sums at once: they hide the latency of an
                                    * addition */
    SCAN_REGISTERS = 4,            /* extremes at once, for the same reason */

    /* tape/, steps/: circuits on rows of samples */
    ROW_UNIT = 64,                 /* samples: a row is a multiple, 4 of the widest registers */
    CUSTOM_ROW = 256,              /* elements of a layer that a circuit as activation or loss
                                    * takes at once: its rows stay in the first-level cache */

    GRAM_ROWS = 96,                /* rows of R by parameters that are packed at once, and stay in
                                    * the second-level cache while the transposed ones pass */
    GRAM_SAMPLES = 256,            /* bits. Samples of R whose products are summed at once */
    GRAM_PIECE = 8,                /* rows of R'R that are mirrored at once: a cache line */
    TABLE_SUM_BYTES = 4096,        /* bits. Of a row: as many positions are summed for Delta at
                                    * once, for a block's rows to stay in the first-level
                                    * cache. */

    /* work/ */
    POLL_NANOSECONDS = 50000000,   /* between two looks for Ctrl-C, which is to be answered in
                                    * 100 ms */

    /* evaluation/ and bindings/placement.pxi: how the samples of a network are cut */
    MAX_TILE = 256,                /* bits. Samples of a tile, where m is no larger */
    MIN_TILE = 32,                 /* bits. Below it the lanes and the blocks are not filled */
    TILE_BYTES = 393216,           /* bits. What a tile's arrays may take of the second-level
                                    * cache */
    PROGRAM_TILE_BYTES = 1048576,  /* bits. The same of a program, of all its values and deltas:
                                    * a tile has a cache line of samples, or more of them
                                    * within this. 512 KB to 1 MB are best for lenet, spectra
                                    * and lstm, 4 MB costs 5 to 20 % */
    STREAM_TILE_BYTES = 262144,    /* bits. The same of a program with derivatives by inputs beside
                                    * all values */
    TILE_ROW_BYTES = 512,          /* bits. Of a row of a tile where m is larger than MAX_TILE:
                                    * arrays of narrow layers then stay in the first-level
                                    * cache */
    LARGE_THETA = 1048576,         /* bits. Bytes of weights that leave no room there: they are
                                    * read rarely */
    MIN_CHUNKS = 4,                /* bits. What can be shared out, whatever it costs */
    MAX_CHUNKS = 32,               /* bits */
    CHUNK_DOUBLES = 131072,        /* bits. Bound on the doubles of all chunks' sums together;
                                    * there are MIN_CHUNKS chunks in any case */
    GRAM_DOUBLES = 8388608,        /* bits. The same of a matrix of parameters by parameters: fewer
                                    * chunks than MIN_CHUNKS if they would take more */
    WINDOW_TILE = 64,              /* bits. Samples of a tile in windows: one panel of DEPTH;
                                    * small, to be shared out evenly */
    WINDOW_BYTES = 33554432,       /* bits. What a window may take; as much as theta if that is
                                    * more */
    MAX_WINDOW = 2048,             /* bits. Samples of a window: more make nothing faster */
    PIECE_COLUMNS = 64,            /* columns of Delta that a thread makes at once, at most:
                                    * small, to be shared out evenly, and whole strips */
    SUMMED = 512,                  /* bits. Samples summed in float32 before they are added to
                                    * the gradient */
    ROWS_AHEAD = 4,                /* rows of the gradient that are prefetched */
    PACK_SAMPLES = 512,            /* samples from which on it pays to pack W and its transpose */
    PRODUCT_WORK = 14,             /* bits. Multiply-adds for each number of a sample, X and all
                                    * layers', from which on products along directions pay for
                                    * what a chain packs and transposes. At 5 (4-16-2) they would
                                    * take 1.2 to 1.4 times as long, at 12 (13-64-1) 1.0 to 1.1,
                                    * at 15 (30-20-20-1) 0.9 to 1, at 53 (100-100-10) 0.8 to 1 */
    SAMPLE_MAJOR_BYTES = 16,       /* bits. Of one unit in all samples: 2 samples, or 4 in
                                    * float32, are too few to fill the lanes */
    SAMPLE_MAJOR_SLOWNESS = 8,     /* how much longer a multiply-add takes where weights come
                                    * from memory */

    /* What is worth a thread, or a look at the clock */
    THREAD_WORK = 1000000,         /* multiply-adds of a forward pass worth waking a thread for */
    PACK_WORK = 100000,            /* packed weights worth waking threads for */
    NARROW_PIECE = 131072,         /* parameters of theta that are rounded to float32 at once */
    FINISH_PIECE = 262144,         /* doubles of Delta that are finished to a gradient at once */
    LONG_TILE = 100000000,         /* multiply-adds of a forward pass of a tile, 10 ms:
                                    * products of such a tile look for Ctrl-C too */
    POLL_WEIGHTS = 1048576,        /* weights of few samples between two looks */

    /* Circuits on samples */
    PARTS = 32,                    /* bits. Partial sums of an output */
    SUM_SAMPLES = 512,             /* bits. That are added up in `real`, then to sums in double */
    TWO_OUTPUTS = 4,               /* registers of partial sums: where an output has no more, two
                                    * are added up at once */
    ROW_BYTES = 24576,             /* bits. What the rows of a tile may take of the first-level
                                    * cache */
    MIN_COLUMNS = 64,              /* bits. Samples of a tile, at least and at most */
    MAX_COLUMNS = 512,
    CHUNK_WORK = 16384,            /* bits. Nodes times samples worth a chunk */
    GATE_SAMPLES = 100000,         /* gates times samples worth waking a thread for */
    POLL_WORK = 1000000,           /* gates times samples between two looks at the clock: 1 to
                                    * 5 ms */
    STREAM_BYTES = 8388608,        /* of all values: more are written past the caches */
    ON_STACK = 256,                /* slots of a circuit of numbers that need no memory of
                                    * their own */
    LONG_CALL = 10000,             /* gates of a call worth giving up the GIL for */

    /* Weights of samples */
    WEIGHT_SUMS = 8,               /* bits. Partial sums of the weights, side by side */
    ORDINARY = 20,                 /* bits. Circuits: weights are not scaled if the largest lies
                                    * between 2^-20 and 2^20 */

    /* Memory */
    HUGE_PAGE = 1 << 21,           /* bytes. Twice as much and more is laid in such pages */
    SPARE_WORKSPACES = 2,          /* that an object keeps: of batches of one size, and of a
                                    * shorter last one */
    PEAK_SUMS = 12                 /* of the measured peak: independent sums, as many as hide
                                    * the latency of a multiply-add */
};

#endif
