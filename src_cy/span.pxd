"""Networks whose weights fill the caches: a and delta of many samples are kept, then Delta is made.

A Delta for each chunk (engine.pxd) would be written, read and added up, megabytes each time. Here a
tile only leaves what Delta is made of, delta and the inputs of every layer, for all samples of a
span. Then each thread takes a group of columns of one layer's Delta, sums it over the span while it
stays in the second-level cache, and puts it in the gradient. The order of the sums follows from the
span alone.
"""
from dense cimport Dense, accumulate_bias, regularize, samples_of, widen
from interleave cimport Matrix, interleave_panels, interleaved_matrix, matrix_of
from lanes cimport (
    LANES, STRIP, kernel_void, lanes_load, lanes_load_part, lanes_prefetch, lanes_store, real,
)
from layout cimport Strips, adjacent, by_strips, column, round_up
from plan cimport Data, Evaluation, Plan
from polling cimport interruptible
from product cimport Ahead, group_columns, multiply_add, nothing
from transpose cimport turn


cdef enum:
    SHARE_COLUMNS = 64  # of Delta at most: small, to share out evenly, and whole strips
    SUMMED = 512        # samples in float32 before they are added to the gradient: whole panels
    ROWS_AHEAD = 4      # of the gradient, which comes from memory
    LINE = 8            # doubles of a cache line


cdef inline Strips kept_inputs(
    const Evaluation *run, const Dense *layer, Py_ssize_t sample,
) noexcept nogil:
    """at[sample, input], from this sample of the span on."""
    cdef Strips at = by_strips(run.kept + layer.kept_inputs_at, run.plan.span, layer.n_in)
    at.data += sample * at.row
    return at


cdef inline real *kept_biases(const Evaluation *run, Py_ssize_t sample) noexcept nogil:
    """Sums of delta, of all layers, over the tile of the span that begins with this sample."""
    return run.kept + run.plan.kept_biases_at + sample // run.plan.tile * run.plan.n_units


cdef inline kernel_void copy_to_strips(
    Py_ssize_t rows, Py_ssize_t columns, const real *source, Py_ssize_t source_row, Strips out,
) noexcept nogil:
    """out = source, with zeros up to whole registers."""
    cdef Py_ssize_t c, full = columns // LANES * LANES, _
    for _ in range(rows):
        c = 0
        while c < full:
            lanes_store(column(out, c), lanes_load(source + c))
            c += LANES
        if c < columns:
            lanes_store(column(out, c), lanes_load_part(source + c, columns - c))
        source += source_row
        out.data += out.row


cdef inline void keep_data(
    const Evaluation *run, const Data *data, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    """X of a tile, the inputs of the first layer."""
    cdef const Plan *plan = run.plan
    copy_to_strips(count, plan.layers.n_in, data.X, data.x_row,
                   kept_inputs(run, plan.layers, start - run.span_start))


cdef inline void keep(
    const Evaluation *run, real *scratch, const Dense *layer, Strips delta, Py_ssize_t start,
    Py_ssize_t count, Py_ssize_t columns,
) noexcept nogil:
    """What Delta of a layer is made of: delta interleaved, its sums, and the inputs, turned."""
    cdef const Dense *under = layer - 1
    cdef Py_ssize_t first = start - run.span_start
    accumulate_bias(layer, delta, count, True, kept_biases(run, first))
    # In panels of DEPTH samples, of which all tiles but the last are multiples.
    interleave_panels(layer.n_out, count, matrix_of(delta),
                      run.kept + layer.kept_delta_at + first * layer.n_out)
    if layer != run.plan.layers:    # X was kept on the way forward
        turn(layer.n_in, columns, samples_of(under, scratch + under.a_at),
             kept_inputs(run, layer, first))


cdef inline void add_to_gradient(
    const Evaluation *run, const Dense *layer, Py_ssize_t start, Py_ssize_t stop, Strips Delta,
    bint fresh, bint last,
) noexcept nogil:
    """Columns of Delta to the gradient, or the first of them into it; the last finish it."""
    cdef Py_ssize_t row = layer.n_in + 1, at = layer.theta_at + 1 + start, width = stop - start
    cdef Py_ssize_t i, j, c, n
    cdef double *D
    for j in range(layer.n_out):    # row by row: the gradient is in memory, Delta in a cache
        D = run.gradient + at
        if j + ROWS_AHEAD < layer.n_out:
            for i in range((width + LINE - 1) // LINE):
                lanes_prefetch(<const real *>(D + ROWS_AHEAD * row + i * LINE))
        c = start
        while c < stop:
            n = adjacent(Delta, c, stop)
            widen(n, column(Delta, c) + j * Delta.row, fresh, D + c - start)
            c += n
        if last:
            regularize(width, D, run.theta + at, run.scale, run.l2, D)
        at += row


cdef inline void add_biases(
    const Evaluation *run, const Dense *layer, Py_ssize_t count,
) noexcept nogil:
    """The same for the biases, tile by tile of a span."""
    cdef const Plan *plan = run.plan
    cdef double *D = run.gradient + layer.theta_at
    cdef Py_ssize_t s, j
    for j in range(layer.n_out):
        if run.span_start == 0:
            D[0] = 0
        s = 0
        while s < count:
            D[0] += kept_biases(run, s)[layer.bias_at + j]
            s += plan.tile
        if run.span_start + count == plan.m:
            D[0] *= run.scale
        D += layer.n_in + 1


cdef inline Py_ssize_t share_columns(const Dense *layer) noexcept nogil:
    """How many columns of Delta are made at once: no more than one group of the product."""
    return min(group_columns(layer.n_out), <Py_ssize_t>SHARE_COLUMNS)


cdef inline Py_ssize_t layer_shares(const Dense *layer) noexcept nogil:
    return (layer.n_in + share_columns(layer) - 1) // share_columns(layer)


cdef inline Py_ssize_t span_shares(const Plan *plan) noexcept nogil:
    """How many calls of `run_columns` there are for a span, if any."""
    cdef Py_ssize_t n = 0, l
    if plan.span == 0 or plan.loss < 0:
        return 0
    for l in range(plan.n_layers):
        n += layer_shares(plan.layers + l)
    return n


cdef inline void run_columns(void *context, int worker, Py_ssize_t share) noexcept nogil:
    """A group of columns of one layer's Delta; with the first, the biases."""
    cdef const Evaluation *run = <const Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef const Dense *layer = plan.layers
    cdef Py_ssize_t count = min(plan.span, plan.m - run.span_start), start, stop, first, n, at
    cdef Strips Delta
    cdef Matrix delta
    cdef Ahead ahead = interruptible(context, worker, True)
    while share >= layer_shares(layer):
        share -= layer_shares(layer)
        layer += 1
    start = share * share_columns(layer)
    stop = min(start + share_columns(layer), round_up(layer.n_in))
    Delta = by_strips(run.scratch + worker * plan.share, layer.n_out, layer.n_in)
    Delta.data -= start // STRIP * Delta.strip
    first = 0
    while first < count:
        n = count - first
        if sizeof(real) < sizeof(double):
            n = min(n, <Py_ssize_t>SUMMED)
        delta = interleaved_matrix(run.kept + layer.kept_delta_at + first * layer.n_out)
        multiply_add(layer.n_out, start, stop, n, nothing(), delta,
                     kept_inputs(run, layer, first), Delta, &ahead)
        if run.stopped:
            return
        at = run.span_start + first
        add_to_gradient(run, layer, start, min(stop, layer.n_in), Delta, at == 0, at + n == plan.m)
        first += n
    if start == 0:
        add_biases(run, layer, count)
