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


cdef struct Part:
    # Adjacent columns of an array of a layer: rows of so many, `stride` apart, from `at` on.
    Py_ssize_t at, rows, columns, stride
    Py_ssize_t width            # samples: a strip that is one run of numbers is one row


cdef inline Part part_from(
    const ChainStep *layer, Py_ssize_t column, Py_ssize_t columns,
) noexcept nogil:
    """The part that begins with this column, of so many."""
    cdef Strips lay = layer.layout
    cdef Part out
    out.width = adjacent(lay, column, columns)
    out.at = column // STRIP * lay.strip
    out.rows, out.columns, out.stride = layer.n_out, out.width, lay.row
    if out.width == lay.row and lay.strip != STRIP and layer.g.circuit == NULL:
        out.rows, out.columns = 1, layer.n_out * out.width
    return out


cdef inline void activate_samples(
    const ChainStep *layer, bint slopes, Py_ssize_t columns, real *z, real *a, real *scratch,
) noexcept nogil:
    """As `apply`, on arrays of the layer: strip by strip, or all of their rows at once."""
    cdef Py_ssize_t c = 0
    cdef Part part
    while c < columns:
        part = part_from(layer, c, columns)
        apply(&layer.g, slopes, part.rows, part.columns, part.stride, z + part.at, a + part.at,
              scratch)
        c += part.width


cdef inline void multiply_sample_slopes(
    const ChainStep *layer, Py_ssize_t columns, const real *z, const real *a, real *out,
    real *scratch,
) noexcept nogil:
    """As `multiply_by_slopes`, in the same way."""
    cdef Py_ssize_t c = 0
    cdef Part part
    while c < columns:
        part = part_from(layer, c, columns)
        multiply_by_slopes(&layer.g, 1, part.rows, part.columns, part.stride, z + part.at,
                           a + part.at, out + part.at, scratch)
        c += part.width


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


cdef inline void multiply_layer(
    const Plan *plan, real *scratch, const ChainStep *layer, const real *theta, const real *packed,
    const Data *data, Strips inputs, Py_ssize_t count, Py_ssize_t columns, Strips z, Ahead *ahead,
) noexcept nogil:
    """z = W a + b of one layer, of X for the first."""
    if layer.transposed_at >= 0:            # the first, unless it is wide
        forward_units(layer, packed, data.X, data.x_row, count, columns,
                      by_strips(scratch + plan.z_transposed_at, plan.padded, layer.n_out), z, ahead)
    else:
        forward(layer, theta, packed, inputs, count if layer == plan.chain else 0, columns, z,
                ahead)


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
        a = activations_of(run, scratch, layer, 0, start)
        z = layer_array(layer, scratch + layer.z_at if layer.keeps_z else a)
        multiply_layer(plan, scratch, layer, run.theta, run.packed, data, inputs, count, columns,
                       z, ahead)
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


cdef inline Strips inputs_by_samples(
    const Plan *plan, real *scratch, const ChainStep *layer, const real *a, Py_ssize_t columns,
) noexcept nogil:
    """What a layer but the first reads, transposed, from which its Delta is made."""
    cdef Strips inputs = layer.inputs_layout
    cdef Strips at = by_samples(layer, scratch + plan.a_transposed_at, plan.padded)
    inputs.data = <real *>a
    transpose_strips(layer.n_in, columns, inputs, at)
    return at


cdef inline void add_to_sums(
    const Plan *plan, real *scratch, const Data *data, const ChainStep *layer, Strips delta,
    Strips at, Py_ssize_t start, Py_ssize_t count, real *sums, bint fresh, Ahead *ahead,
) noexcept nogil:
    """Delta of one layer, of the inputs at[sample, unit], or of X for the first."""
    cdef Matrix P = delta_matrix(layer, delta, count, scratch + plan.packed_delta_at)
    accumulate_bias(layer, delta, count, fresh, sums)
    if layer == plan.chain:
        accumulate_first(plan, scratch, data, P, start, count, fresh, sums, ahead)
    else:
        accumulate(layer, P, count, 0, layer.theta.columns, at, fresh, sums, ahead)


cdef inline void tile_backward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    Py_ssize_t columns, bint some_left_out, Py_ssize_t stream, real *sums, bint fresh,
    Ahead *ahead,
) noexcept nogil:
    """Adds to Delta of all layers in `sums`, or sets it if fresh; or keeps what Delta is made of.

    stream: whose delta(L) it begins with, that of the values or of a direction.

    A sample that is left out has delta 0. Its a is made 0 as well, and its delta once more after it
    has been multiplied by slopes: both may be infinite, and 0 times infinity is NaN.
    """
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer
    cdef const ChainStep *under = NULL      # the layer below, if there is one, and its a
    cdef real *a = NULL
    cdef real *delta_of = scratch + stream * plan.n_values + plan.delta_at
    cdef real *below = scratch + stream * plan.n_values + plan.below_at
    cdef Strips delta, at
    cdef Addend slopes
    cdef Py_ssize_t i
    for i in range(plan.n_chain - 1, -1, -1):
        if run.work.polling.stopped:
            return
        layer = plan.chain + i
        delta = layer_array(layer, delta_of)
        if i > 0:
            under = plan.chain + (i - 1)
            a = activations_of(run, scratch, under, 0, start)
            if some_left_out:
                leave_samples_out(under, columns, scratch + plan.weights_at, a)
        if plan.schedule == BY_WINDOWS:
            keep(run, layer, stream, delta, start, count)
        else:
            if i > 0:
                at = inputs_by_samples(plan, scratch, layer, a, columns)
            add_to_sums(plan, scratch, data, layer, delta, at, start, count, sums, fresh, ahead)
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
