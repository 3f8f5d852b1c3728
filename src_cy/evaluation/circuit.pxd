"""A circuit on samples: what is done of each tile, and the order of the whole.

Samples are cut, shared out and summed as chunks.pxd says. The order of the sums does not depend on
the tape: a cost has the same bits with and without a gradient beside it, although the tiles of a
longer tape are shorter. Where chunks begin follows from what such tapes have in common.
"""
from libc.string cimport memcpy, memset

from evaluation.circuit_sums cimport Term, add_parts, add_up, gather_term, weigh_tile
from evaluation.weights cimport factor_fits, largest_weight, quotient, wide_factor
from matrix.sizes cimport PARTS, SUM_SAMPLES, TWO_OUTPUTS
from simd.lanes cimport (
    LANES, lanes_load, lanes_splat, lanes_store, lanes_stream, real, stream_end,
)
from tape.numbers cimport run_threaded
from tape.tape cimport Code, Column, Coming, Gate, Row, lay_rows, run_rows, whole_registers
from work.chunks cimport (
    Cut, Tile, Work, add_in_tree, before_tiles, is_last, is_whole, next_tile, share, start_work,
)


# A program laid out for samples.
cdef struct SampleCode:
    Code code
    Gate *sum_gates             # without those of products that are only added up
    Py_ssize_t n_sum_gates
    Term *terms                 # of each output
    Py_ssize_t piece            # of the columns, for each long gate (see run_rows)


cdef struct CircuitData:
    const SampleCode *tape
    Column *columns
    bint adjacent               # all columns have their samples side by side
    const double *weights       # or NULL
    double weight_factor        # that of the weights when they were bound
    bint mean
    Cut cut
    Py_ssize_t stride           # reals from row to row
    bint stream                 # values are too many for the caches: they are written past them
    Py_ssize_t scratch          # reals a thread needs


cdef struct CircuitRun:
    Work work                   # first: see chunks.pxd
    const CircuitData *samples
    real *numbers               # one of each slot below n_numbers
    real *splats                # a register of each
    Row *rows                   # n_slots for each thread
    real *scratch
    double *partial             # n_chunks x count_sums x PARTS
    # All weights, and so all sums, are multiplied by it; at first by that which the evaluation
    # before has found to be right.
    double weight_factor
    double *sums                # n_outputs
    real *values                # n_outputs x m instead of sums, or NULL


cdef inline void fetch(const Column *column, Py_ssize_t start, Py_ssize_t count,
                       Py_ssize_t columns, Row *row, real *own) noexcept nogil:
    """The row of an input: where the data lies, or `own` if it has gaps or the tile is not full."""
    cdef const real *x = column.at + start * column.step
    cdef Py_ssize_t i
    if column.step == 1 and count == columns:
        row.at = <real *>x
        return
    row.at = own
    for i in range(count):
        own[i] = x[i * column.step]
    for i in range(count, columns):
        own[i] = own[0]


cdef inline void tile_sums(
    const CircuitData *samples, const Row *rows, real *spare, const real *w, bint some_left_out,
    Py_ssize_t count, Py_ssize_t columns, bint first, bint last, double *partial,
) noexcept nogil:
    """Adds the outputs of a tile to their sums.

    `spare` holds three things: room for weights; a row for an output of a tile that is not full,
    with 0 beyond its samples; the running sums of each output. w: the weights, or NULL. first,
    last: whether the tile is the first or the last of those that are summed in `real`.
    """
    cdef const SampleCode *tape = samples.tape
    cdef const Code *code = &tape.code
    cdef real *running = spare + 2 * samples.stride
    cdef const Term *term
    cdef const Term *before = NULL
    cdef Term whole
    cdef Row row
    cdef Py_ssize_t j, at = 0
    row.at = spare + samples.stride
    row.step = LANES
    whole = Term(0, 0, False)
    for j in range(code.n_outputs):
        if code.outputs[j] < code.n_numbers:
            continue
        term = tape.terms + j
        if count < columns:
            gather_term(term, rows, count, columns, row.at)
            add_up(False, columns, &whole, NULL, &row, w, some_left_out, running + j * PARTS, NULL,
                   partial + j * PARTS, NULL, first, last)
        elif before != NULL:
            add_up(True, columns, before, term, rows, w, some_left_out, running + at * PARTS,
                   running + j * PARTS, partial + at * PARTS, partial + j * PARTS, first, last)
            before = NULL
        elif PARTS // LANES <= TWO_OUTPUTS:
            before = term
            at = j
        else:
            add_up(False, columns, term, NULL, rows, w, some_left_out, running + j * PARTS, NULL,
                   partial + j * PARTS, NULL, first, last)
    if before != NULL:
        add_up(False, columns, before, NULL, rows, w, some_left_out, running + at * PARTS, NULL,
               partial + at * PARTS, NULL, first, last)


cdef inline void place_outputs(
    const CircuitRun *run, Row *rows, Py_ssize_t start, bint full, real *scratch,
) noexcept nogil:
    """The rows of outputs: where their values go, or in the scratch if the tile is not full."""
    cdef const Code *code = &run.samples.tape.code
    cdef Py_ssize_t j, first_result = code.n_numbers + code.n_columns
    cdef unsigned int slot
    for j in range(code.n_outputs):
        slot = code.outputs[j]
        if slot >= first_result:
            rows[slot].at = (run.values + j * run.samples.cut.m + start if full
                             else scratch + (slot - code.n_numbers) * run.samples.stride)


cdef inline void stream(const real *row, Py_ssize_t n, real *out) noexcept nogil:
    """out[:n] = row, past the caches, as far as its registers are aligned."""
    cdef Py_ssize_t i = 0, register = LANES * <Py_ssize_t>sizeof(real)
    while i < n and <size_t>(out + i) % <size_t>register != 0:
        out[i] = row[i]
        i += 1
    while i + LANES <= n:
        lanes_stream(out + i, lanes_load(row + i))
        i += LANES
    while i < n:
        out[i] = row[i]
        i += 1


cdef inline void tile_values(
    const CircuitRun *run, const Row *rows, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    """Copies outputs to their places, where no gate has written them there already."""
    cdef const Code *code = &run.samples.tape.code
    cdef Py_ssize_t j, i
    cdef real *out
    for j in range(code.n_outputs):
        out = run.values + j * run.samples.cut.m + start
        if code.outputs[j] < code.n_numbers:
            for i in range(count):
                out[i] = run.numbers[code.outputs[j]]
        elif run.samples.stream:
            stream(rows[code.outputs[j]].at, count, out)
        elif rows[code.outputs[j]].at != out:
            memcpy(out, rows[code.outputs[j]].at, count * sizeof(real))


cdef inline Py_ssize_t count_sums(const CircuitData *samples) noexcept nogil:
    """Of the outputs, and behind them of the weights."""
    return samples.tape.code.n_outputs + (samples.weights != NULL)


cdef inline void run_sample_chunk(void *context, int worker, Py_ssize_t chunk) noexcept nogil:
    """The tiles of one chunk: their values, or the sums of their outputs."""
    cdef CircuitRun *run = <CircuitRun *>context
    cdef const CircuitData *samples = run.samples
    cdef const SampleCode *tape = samples.tape
    cdef const Code *code = &tape.code
    cdef Row *rows = run.rows + worker * code.n_slots
    cdef real *scratch = run.scratch + worker * samples.scratch
    cdef real *spare = scratch + (code.n_slots - code.n_numbers) * samples.stride
    cdef Py_ssize_t n_sums = count_sums(samples)
    cdef double *partial = run.partial + chunk * n_sums * PARTS
    cdef Tile tile
    cdef Py_ssize_t start, count, columns, done, j
    cdef bint some_left_out = False, first, last
    cdef const real *w = NULL
    cdef Coming coming
    coming.columns = samples.columns
    coming.n_columns = code.n_columns if samples.adjacent else 0
    if rows[code.n_slots - 1].at == NULL:       # this thread has not laid its rows out yet
        lay_rows(code, run.splats, scratch, samples.stride, rows)
    if run.values == NULL:
        # An earlier call for values may have left these rows in its result.
        place_outputs(run, rows, 0, False, scratch)
        memset(partial, 0, n_sums * PARTS * sizeof(double))
    before_tiles(&run.work, worker, chunk, &tile)
    while next_tile(&tile):
        start = tile.start
        count = tile.count
        columns = whole_registers(count)
        for j in range(code.n_columns):
            fetch(samples.columns + j, start, count, columns, rows + code.n_numbers + j,
                  scratch + j * samples.stride)
        coming.start = start + count
        if is_last(&tile):
            coming.n_columns = 0
        if run.values != NULL:
            place_outputs(run, rows, start, count == columns and not samples.stream, scratch)
            run_rows(code.gates, code.n_gates, rows, columns, &coming, tape.piece)
            tile_values(run, rows, start, count)
        else:
            run_rows(tape.sum_gates, tape.n_sum_gates, rows, columns, &coming, tape.piece)
            done = tile.number * samples.cut.tile
            first = done % SUM_SAMPLES == 0
            last = is_last(&tile) or (done + count) % SUM_SAMPLES == 0
            if samples.weights != NULL:
                weigh_tile(
                    samples.weights + start, run.weight_factor, count, columns, first, last,
                    spare, spare + 2 * samples.stride + code.n_outputs * PARTS,
                    partial + code.n_outputs * PARTS, &w, &some_left_out)
            tile_sums(samples, rows, spare, w, some_left_out, count, columns, first, last,
                      partial)
    if run.values == NULL:
        for j in range(n_sums):
            add_parts(partial + j * PARTS)
    elif samples.stream:
        stream_end()


cdef inline void run_samples(CircuitRun *run, long long start) noexcept nogil:
    """Values, or sums of the outputs; the inputs are in `numbers`. It is `start` now; afterwards
    run.work is whole, or there are no results."""
    cdef const Code *code = &run.samples.tape.code
    cdef Py_ssize_t i
    start_work(&run.work, start)
    run_threaded(code.number_gates, run.numbers)
    for i in range(code.n_numbers):
        lanes_store(run.splats + i * LANES, lanes_splat(run.numbers[i]))
    for _ in range(2):
        share(&run.work, run_sample_chunk, run.samples.cut.n_chunks, run.work.n_threads)
        if run.values != NULL or not is_whole(&run.work) or finish_sums(run):
            return


cdef inline bint finish_sums(CircuitRun *run) noexcept nogil:
    """Adds up the sums of the chunks. False if the weights need another factor than they had: then
    the evaluation has to be repeated."""
    cdef const CircuitData *samples = run.samples
    cdef const Code *code = &samples.tape.code
    cdef Py_ssize_t j, n_sums = count_sums(samples), m = samples.cut.m
    cdef double total = m, factor = 1
    add_in_tree(samples.cut.n_chunks, n_sums * PARTS, n_sums, PARTS, run.partial)
    if samples.weights != NULL:
        total = run.partial[code.n_outputs * PARTS]
        factor = run.weight_factor
        if not factor_fits(total, m):
            run.weight_factor = wide_factor(largest_weight(samples.weights, m))
    for j in range(code.n_outputs):
        if code.outputs[j] >= code.n_numbers:
            run.sums[j] = run.partial[j * PARTS]
        else:
            run.sums[j] = run.numbers[code.outputs[j]]
            if samples.mean:
                continue
            run.sums[j] *= total
        run.sums[j] = quotient(run.sums[j], total if samples.mean else factor)
    return samples.weights == NULL or run.weight_factor == factor
