"""The schedule of a plain chain whose weights fill the caches: a and delta of many samples are
kept, then Delta is made.

A Delta for each chunk (network.pxd) would be written, read and added up, megabytes each time. Here
a tile only leaves what Delta is made of, delta and the inputs of every layer but the first, for all
samples of a window. Then each thread takes a group of columns of one layer's Delta, sums it over
the window while it stays in the second-level cache, and puts it in the gradient. The order of the
sums follows from the window alone. Along directions of theta (chain_tangents.pxd) the same is kept
of each stream: of the values, and of the tangents of each direction.
"""
from evaluation.chain_step cimport ChainStep, accumulate_bias, layer_array
from evaluation.gradient cimport finish, multiplied_by_l2
from evaluation.parameters cimport add_in_double
from evaluation.plan cimport BY_WINDOWS, Evaluation, Plan, data_row
from matrix.layout cimport Strips, adjacent, by_rows, by_strips, column, round_up, strips_size
from matrix.packing cimport matrix_of, pack_panels, packed_only
from matrix.product cimport (
    Addend, Ahead, group_columns, matrix_addend, multiply_add, multiply_add_transposed, nothing,
)
from matrix.sizes cimport DEPTH, PIECE_COLUMNS, ROWS_AHEAD, STRIP, SUMMED
from simd.lanes cimport (
    LANES, kernel_void, lanes_load, lanes_load_part, lanes_prefetch, lanes_store, real,
)
from work.polling cimport interruptible


cdef enum:
    LINE = 8            # doubles of a cache line


cdef inline Strips cached_inputs(
    const Evaluation *run, const ChainStep *layer, Py_ssize_t stream, Py_ssize_t sample,
) noexcept nogil:
    """a[input, sample] from this sample of the window on, the first of a tile."""
    cdef Strips a = layer.inputs_layout
    a.data = run.cached + stream * run.plan.n_cached + layer.cached_inputs_at
    a.data = column(a, sample)
    return a


cdef inline real *activations_of(
    const Evaluation *run, real *scratch, const ChainStep *layer, Py_ssize_t stream,
    Py_ssize_t start,
) noexcept nogil:
    """Where a of the layer is, or a tangent of it, of the tile that begins with this sample: where
    it is kept, or in the scratch of the thread."""
    cdef const Plan *plan = run.plan
    if plan.schedule == BY_WINDOWS and run.gradient != NULL and layer.cached_a_at >= 0:
        return column(
            layer_array(layer, run.cached + stream * plan.n_cached + layer.cached_a_at),
            start - run.window_start)
    return scratch + stream * plan.n_values + layer.a_at


cdef inline Py_ssize_t summed_stream(const Plan *plan, Py_ssize_t k) noexcept nogil:
    """Whose deltas times a are Delta: those of the values, or along direction k."""
    return 1 + k if plan.n_directions > 0 else 0


cdef inline real *cached_biases(
    const Evaluation *run, Py_ssize_t stream, Py_ssize_t sample,
) noexcept nogil:
    """Sums of delta, of all layers, over the tile of the window that begins with this sample."""
    cdef const Plan *plan = run.plan
    return (run.cached + stream * plan.n_cached + plan.cached_biases_at
            + sample // plan.cut.tile * plan.n_units)


cdef inline kernel_void copy_data(
    const Evaluation *run, Py_ssize_t sample, Py_ssize_t rows, Py_ssize_t start, Py_ssize_t stop,
    Strips out,
) noexcept nogil:
    """out[sample, start ... stop] = X from this sample of the window on, 0 beyond its columns."""
    cdef Py_ssize_t full = min(stop, run.plan.chain.n_in // LANES * LANES), s, c
    cdef const real *x
    for s in range(run.window_start + sample, run.window_start + sample + rows):
        x = run.data.X + data_row(run, s) * run.data.x_row
        c = start
        while c < full:
            lanes_store(column(out, c), lanes_load(x + c))
            c += LANES
        if c < stop:
            lanes_store(column(out, c), lanes_load_part(x + c, run.plan.chain.n_in - c))
        out.data += out.row


cdef inline real *cached_delta(
    const Evaluation *run, const ChainStep *layer, Py_ssize_t stream, Py_ssize_t sample,
) noexcept nogil:
    """delta packed, from this sample of the window on."""
    return (run.cached + stream * run.plan.n_cached + layer.cached_delta_at
            + sample * layer.n_out)


cdef inline void keep(
    const Evaluation *run, const ChainStep *layer, Py_ssize_t stream, Strips delta,
    Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    """What Delta of a layer is made of beside its inputs: delta packed, and its sums."""
    cdef Py_ssize_t first = start - run.window_start
    accumulate_bias(layer, delta, count, True, cached_biases(run, stream, first))
    # In panels of DEPTH samples, of which all tiles but the last are multiples.
    pack_panels(layer.n_out, count, matrix_of(delta),
                cached_delta(run, layer, stream, first))


cdef inline void add_to_gradient(
    const Evaluation *run, const ChainStep *layer, Py_ssize_t k, Py_ssize_t start, Py_ssize_t stop,
    Strips Delta, bint fresh, bint last,
) noexcept nogil:
    """Adds columns of Delta to the gradient, or to the product with direction k, or sets these if
    fresh; after the last window finishes them."""
    cdef Py_ssize_t row = layer.n_in + 1, at = layer.theta.at + 1 + start, width = stop - start
    cdef Py_ssize_t i, j, c, n
    cdef const real *W = multiplied_by_l2(run, k)
    cdef double *D
    for j in range(layer.n_out):    # row by row: the gradient is in memory, Delta in a cache
        D = run.gradient + k * run.plan.n_parameters + at
        if j + ROWS_AHEAD < layer.n_out:
            for i in range((width + LINE - 1) // LINE):
                lanes_prefetch(<const real *>(D + ROWS_AHEAD * row + i * LINE))
        c = start
        while c < stop:
            n = adjacent(Delta, c, stop)
            add_in_double(n, column(Delta, c) + j * Delta.row, fresh, D + c - start)
            c += n
        if last:
            finish(False, width, D, W + at, run.scale, run.l2, D)
        at += row


cdef inline void add_biases(
    const Evaluation *run, const ChainStep *layer, Py_ssize_t k, Py_ssize_t count,
) noexcept nogil:
    """The same for the biases: the sums of delta, tile by tile of the window."""
    cdef const Plan *plan = run.plan
    cdef double *D = run.gradient + k * plan.n_parameters + layer.theta.at
    cdef Py_ssize_t s, j
    for j in range(layer.n_out):
        if run.window_start == 0:
            D[0] = 0
        s = 0
        while s < count:
            D[0] += cached_biases(run, summed_stream(plan, k), s)[layer.theta.bias_at + j]
            s += plan.cut.tile
        if run.window_start + count == plan.cut.m:
            finish(True, 1, D, NULL, run.scale, run.l2, D)
        D += layer.n_in + 1


cdef inline Py_ssize_t piece_columns(const ChainStep *layer) noexcept nogil:
    """How many columns of Delta are a piece: no more than one group of the product."""
    return min(group_columns(layer.n_out), <Py_ssize_t>PIECE_COLUMNS)


cdef inline Py_ssize_t layer_pieces(const ChainStep *layer) noexcept nogil:
    """How many pieces Delta of a layer has."""
    return (layer.n_in + piece_columns(layer) - 1) // piece_columns(layer)


cdef inline Py_ssize_t n_products(const Plan *plan) noexcept nogil:
    """How many Deltas are made: that of the gradient, or one for each direction."""
    return max(plan.n_directions, <Py_ssize_t>1)


cdef inline Py_ssize_t window_pieces(const Plan *plan) noexcept nogil:
    """How many calls of `run_columns` there are for a window, if any."""
    cdef Py_ssize_t n = 0, l
    if plan.schedule != BY_WINDOWS or plan.loss < 0:
        return 0
    for l in range(plan.n_chain):
        n += layer_pieces(plan.chain + l)
    return n * n_products(plan)


cdef inline Py_ssize_t copied_size(const Plan *plan) noexcept nogil:
    """Reals of a panel of X by strips, as wide as a piece."""
    return strips_size(DEPTH, min(plan.chain.n_in, piece_columns(plan.chain)))


cdef inline void delta_times_inputs(
    const Evaluation *run, const ChainStep *layer, Py_ssize_t k, Py_ssize_t first,
    Py_ssize_t count, Py_ssize_t start, Py_ssize_t stop, real *copied, Strips Delta, Ahead *ahead,
) noexcept nogil:
    """Columns of Delta, or of that along direction k, of so many samples of the window.

    X is read where the user has it, in whole registers. Columns that fill no register, and samples
    that are gathered, are copied panel by panel.
    """
    cdef const Plan *plan = run.plan
    cdef const real *delta = cached_delta(run, layer, summed_stream(plan, k), first)
    cdef Addend addend = nothing()
    cdef Py_ssize_t s = 0, n, full = min(stop, layer.n_in // LANES * LANES)
    cdef Strips inputs
    if layer != plan.chain:
        multiply_add_transposed(layer.n_out, start, stop, count, addend, packed_only(delta),
                                cached_inputs(run, layer, 0, first), round_up(layer.n_in), Delta,
                                ahead)
        if plan.n_directions > 0 and not plan.gauss_newton:
            multiply_add_transposed(layer.n_out, start, stop, count, matrix_addend(Delta),
                                    packed_only(cached_delta(run, layer, 0, first)),
                                    cached_inputs(run, layer, 1 + k, first), round_up(layer.n_in),
                                    Delta, ahead)
        return
    if start < full and not plan.gathers:
        inputs = by_rows(run.data.X + (run.window_start + first) * run.data.x_row, run.data.x_row)
        multiply_add(layer.n_out, start, full, count, addend, packed_only(delta), inputs,
                     Delta, ahead)
        start = full
    if start == stop:
        return
    while s < count:
        n = min(count - s, <Py_ssize_t>DEPTH)
        inputs = by_strips(copied, n, layer.n_in)
        inputs.data -= start // STRIP * inputs.strip
        copy_data(run, first + s, n, start, stop, inputs)
        multiply_add(layer.n_out, start, stop, n, addend,
                     packed_only(delta + s * layer.n_out), inputs, Delta, ahead)
        if run.work.polling.stopped:
            return
        addend = matrix_addend(Delta)
        s += n


cdef inline void run_columns(void *context, int worker, Py_ssize_t piece) noexcept nogil:
    """One piece of the columns of one layer's Delta, direction by direction where there are some.
    The first piece makes the biases too."""
    cdef const Evaluation *run = <const Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer = plan.chain
    cdef Py_ssize_t m = plan.cut.m, count = min(plan.window, m - run.window_start)
    cdef Py_ssize_t start, stop, first, n, at, k = piece % n_products(plan)
    cdef Strips Delta
    cdef real *copied = run.scratch + worker * plan.delta_scratch
    cdef Ahead ahead = interruptible(context, worker, True)
    piece //= n_products(plan)
    while piece >= layer_pieces(layer):
        piece -= layer_pieces(layer)
        layer += 1
    start = piece * piece_columns(layer)
    stop = min(start + piece_columns(layer), round_up(layer.n_in))
    Delta = by_strips(copied + copied_size(plan), layer.n_out, layer.n_in)
    Delta.data -= start // STRIP * Delta.strip
    first = 0
    while first < count:
        n = count - first
        if sizeof(real) < sizeof(double):
            n = min(n, <Py_ssize_t>SUMMED)
        delta_times_inputs(run, layer, k, first, n, start, stop, copied, Delta, &ahead)
        if run.work.polling.stopped:
            return
        at = run.window_start + first
        add_to_gradient(run, layer, k, start, min(stop, layer.n_in), Delta, at == 0,
                        at + n == m)
        first += n
    if start == 0:
        add_biases(run, layer, k, count)
