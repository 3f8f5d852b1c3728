"""The schedule of a plain chain of dense layers, on one tile of samples.

Such a chain is the program AFFINE, MAP, AFFINE, MAP, ..., in which every AFFINE reads the whole
array before it at one position. No table of rows is needed, arrays are used again layer after
layer, and X is read where the user has it.

forward leaves z and a of every layer, of the last z alone; backward begins with delta(L)
(outputs.pxd) and adds the tile to Delta, or keeps what Delta is made of (windows.pxd).
"""
from evaluation.chain_step cimport (
    ChainStep, accumulate, accumulate_bias, backward, by_samples, delta_matrix, forward,
    forward_units, layer_array, slopes_of,
)
from evaluation.plan cimport BY_WINDOWS, Data, Evaluation, Plan
from evaluation.weights cimport leave_out
from evaluation.windows cimport activations_of, keep
from matrix.layout cimport Strips, adjacent, by_rows, by_strips, round_up
from matrix.packing cimport Matrix
from matrix.product cimport Addend, Ahead
from matrix.sizes cimport STRIP
from matrix.transpose cimport transpose_strips
from simd.lanes cimport LANES, real
from steps.function cimport apply, multiply_by_slopes


cdef inline bint is_one_run(const ChainStep *layer, Py_ssize_t width) noexcept nogil:
    """Whether a strip of the layer's arrays, this wide, is one run of numbers."""
    return (width == layer.layout.row and layer.layout.strip != STRIP
            and layer.g.circuit == NULL)


cdef inline void activate_samples(
    const ChainStep *layer, bint slopes, Py_ssize_t columns, real *z, real *a, real *scratch,
) noexcept nogil:
    """As `apply`, on arrays of the layer: strip by strip, or all of their rows at once."""
    cdef Strips lay = layer.layout
    cdef Py_ssize_t c = 0, width
    while c < columns:
        width = adjacent(lay, c, columns)
        if is_one_run(layer, width):
            apply(&layer.g, slopes, 1, layer.n_out * width, width, z, a, scratch)
        else:
            apply(&layer.g, slopes, layer.n_out, width, lay.row, z, a, scratch)
        z += lay.strip
        a += lay.strip
        c += width


cdef inline void multiply_sample_slopes(
    const ChainStep *layer, Py_ssize_t columns, const real *z, const real *a, real *out,
    real *scratch,
) noexcept nogil:
    """As `multiply_by_slopes`, in the same way."""
    cdef Strips lay = layer.layout
    cdef Py_ssize_t c = 0, width
    while c < columns:
        width = adjacent(lay, c, columns)
        if is_one_run(layer, width):
            multiply_by_slopes(&layer.g, 1, 1, layer.n_out * width, width, z, a, out, scratch)
        else:
            multiply_by_slopes(&layer.g, 1, layer.n_out, width, lay.row, z, a, out, scratch)
        z += lay.strip
        a += lay.strip
        out += lay.strip
        c += width


cdef inline void leave_samples_out(
    const ChainStep *layer, Py_ssize_t columns, const real *w, real *values,
) noexcept nogil:
    """As `leave_out`, of an array of the layer."""
    cdef Strips lay = layer.layout
    cdef Py_ssize_t c = 0, width
    while c < columns:
        width = adjacent(lay, c, columns)
        leave_out(layer.n_out, width, lay.row, w + c, values)
        values += lay.strip
        c += width


cdef inline void tile_forward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    Py_ssize_t columns, Ahead *ahead,
) noexcept nogil:
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer
    cdef Strips inputs = by_rows(data.X, data.x_row), z
    cdef real *a
    cdef Py_ssize_t i
    for i in range(plan.n_chain):
        layer = plan.chain + i
        a = activations_of(run, scratch, layer, start)
        z = layer_array(layer, scratch + layer.z_at if layer.keeps_z else a)
        if layer.transposed_at >= 0:            # the first, unless it is wide
            forward_units(layer, run.packed, data.X, data.x_row, count, columns,
                          by_strips(scratch + plan.z_transposed_at, plan.padded, layer.n_out), z,
                          ahead)
        else:
            forward(layer, run.theta, run.packed, inputs, count if i == 0 else 0, columns, z,
                    ahead)
        if i < plan.n_chain - 1:
            activate_samples(layer, run.gradient != NULL, columns, z.data, a,
                             scratch + plan.circuit_at)
        inputs = layer_array(layer, a)


cdef inline void accumulate_first(
    const Plan *plan, real *scratch, const Data *data, Matrix delta, Py_ssize_t start,
    Py_ssize_t count, bint fresh, real *sums, Ahead *ahead,
) noexcept nogil:
    """Delta of the first layer's weights, made from X where it lies, in whole registers.

    At the ends of the data a register would reach beyond it: there the outer columns of each row
    are copied first.
    """
    cdef const ChainStep *layer = plan.chain
    cdef const real *x = data.X - layer.theta.shift
    cdef real *edges = scratch + plan.edges_at
    cdef Py_ssize_t low = 0, high = layer.theta.columns, end = layer.theta.shift + layer.n_in, s, i
    if start < plan.whole_from or start + count > plan.whole_to:
        low = LANES if layer.theta.shift > 0 else 0
        high = max(end // LANES * LANES, low)
        for s in range(count):
            for i in range(layer.theta.shift, min(low, end)):
                edges[2 * LANES * s + i] = x[s * data.x_row + i]
            for i in range(high, end):
                edges[2 * LANES * s + LANES + i - high] = x[s * data.x_row + i]
        accumulate(layer, delta, count, 0, low, by_rows(edges, 2 * LANES), fresh, sums, ahead)
        # Columns are counted from the first of Delta.
        accumulate(layer, delta, count, high, layer.theta.columns,
                   by_rows(edges + LANES - high, 2 * LANES), fresh, sums, ahead)
    accumulate(layer, delta, count, low, high, by_rows(x, data.x_row), fresh, sums, ahead)


cdef inline void add_to_sums(
    const Plan *plan, real *scratch, const Data *data, const ChainStep *layer, Strips delta,
    Strips inputs, Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns, real *sums, bint fresh,
    Ahead *ahead,
) noexcept nogil:
    """Delta of one layer, of inputs[unit, sample], or of X for the first."""
    cdef Matrix P = delta_matrix(layer, delta, count, scratch + plan.packed_delta_at)
    cdef Strips at
    accumulate_bias(layer, delta, count, fresh, sums)
    if layer == plan.chain:
        accumulate_first(plan, scratch, data, P, start, count, fresh, sums, ahead)
    else:
        at = by_samples(layer, scratch + plan.a_transposed_at, plan.padded)
        transpose_strips(layer.n_in, columns, inputs, at)
        accumulate(layer, P, count, 0, layer.theta.columns, at, fresh, sums, ahead)


cdef inline void tile_backward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    Py_ssize_t columns, bint some_left_out, real *sums, bint fresh, Ahead *ahead,
) noexcept nogil:
    """Adds to Delta of all layers in `sums`, or sets it if fresh; or keeps what Delta is made of.

    A sample that is left out has delta 0. Its a is made 0 as well, and its delta once more after it
    has been multiplied by slopes: both may be infinite, and 0 times infinity is NaN.
    """
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer
    cdef const ChainStep *under = NULL      # the layer below, if there is one, and its a
    cdef real *a = NULL
    cdef real *delta_of = scratch + plan.delta_at
    cdef real *below = scratch + plan.below_at
    cdef Strips delta, inputs
    cdef Addend slopes
    cdef Py_ssize_t i
    for i in range(plan.n_chain - 1, -1, -1):
        if run.work.polling.stopped:
            return
        layer = plan.chain + i
        delta = layer_array(layer, delta_of)
        if i > 0:
            under = plan.chain + (i - 1)
            a = activations_of(run, scratch, under, start)
            if some_left_out:
                leave_samples_out(under, columns, scratch + plan.weights_at, a)
        if plan.schedule == BY_WINDOWS:
            keep(run, layer, delta, start, count)
        else:
            inputs = layer.inputs_layout
            inputs.data = a
            add_to_sums(plan, scratch, data, layer, delta, inputs, start, count, columns, sums,
                        fresh, ahead)
        if i == 0:
            return
        slopes = slopes_of(layer, under, scratch + under.z_at)
        backward(layer, run.theta, run.packed, delta, columns, slopes, layer_array(under, below),
                 ahead)
        if not slopes.multiply:
            multiply_sample_slopes(under, columns, scratch + under.z_at if under.keeps_z else a,
                                   a, below, scratch + plan.circuit_at)
        if some_left_out:
            leave_samples_out(under, columns, scratch + plan.weights_at, below)
        delta_of, below = below, delta_of
