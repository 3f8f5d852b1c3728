"""One tile of samples through the network and back, in the scratch of a thread.

forward leaves z and a of every layer, of the last z alone; backward begins with delta(L)
(outputs.pxd) and adds the tile to Delta, or keeps what Delta is made of (windows.pxd).
Samples too few to fill the lanes go another way, in which arrays are sample-major
(sample_major.pxd).
"""
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from evaluation.dense cimport (
    Dense, accumulate, accumulate_bias, backward, by_samples, delta_matrix, forward, forward_units,
    layer_array, slopes_of,
)
from evaluation.plan cimport Data, Evaluation, Plan, data_row
from evaluation.sample_major cimport (
    sample_major_backward, sample_major_forward, sample_major_gradient,
)
from evaluation.weights cimport leave_out
from evaluation.windows cimport activations_of, keep
from matrix.layout cimport Strips, adjacent, by_rows, by_strips, round_up
from matrix.packing cimport Matrix
from matrix.product cimport Addend, Ahead
from matrix.sizes cimport STRIP
from matrix.transpose cimport transpose_strips
from simd.lanes cimport LANES, real
from steps.function cimport apply, multiply_by_slopes


cdef inline Py_ssize_t lengths_size(const Plan *plan) noexcept nogil:
    """Reals that the lengths of a tile's sequences need: two for each, at most."""
    return 2 * plan.padded if plan.has_lengths else 0


cdef inline Data tile_data(
    const Evaluation *run, real *scratch, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    """The samples of a tile: where the user has them, or rows of that put side by side."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t T = plan.positions, K = plan.n_out * T, n = plan.n_in, s, row
    cdef Data data = run.data, gathered
    cdef real *X = scratch + plan.gathered_at + lengths_size(plan)
    cdef real *targets
    cdef int64_t *labels
    cdef int64_t *lengths = <int64_t *>(scratch + plan.gathered_at)
    if data.weights != NULL:        # they lie in the order of the samples
        data.weights += start
    if not plan.gathers:
        data.X += start * data.x_row
        if data.labels != NULL:
            data.labels += start * T
        if data.targets != NULL:
            data.targets += start * K
        if data.lengths != NULL:
            data.lengths += start
        return data
    gathered = data
    gathered.X = X
    gathered.x_row = round_up(n)
    targets = X + plan.padded * gathered.x_row
    labels = <int64_t *>targets
    for s in range(count):
        row = data_row(run, start + s)
        memcpy(X + s * gathered.x_row, data.X + row * data.x_row, n * sizeof(real))
        if data.lengths != NULL:
            lengths[s] = data.lengths[row]
        if data.labels != NULL:
            memcpy(labels + s * T, data.labels + row * T, T * sizeof(int64_t))
        if data.targets != NULL:
            memcpy(targets + s * K, data.targets + row * K, K * sizeof(real))
    if data.lengths != NULL:
        gathered.lengths = lengths
    if data.labels != NULL:
        gathered.labels = labels
    if data.targets != NULL:
        gathered.targets = targets
    return gathered


cdef inline Py_ssize_t gathered_size(const Plan *plan) noexcept nogil:
    """Reals that `tile_data` needs. A label takes no more than two."""
    if not plan.gathers:
        return 0
    return lengths_size(plan) + plan.padded * (
        round_up(plan.n_in) + plan.positions * max(plan.n_out, <Py_ssize_t>2))


cdef inline bint is_one_run(const Dense *layer, Py_ssize_t width) noexcept nogil:
    """Whether a strip of the layer's arrays, this wide, is one run of numbers."""
    return (width == layer.layout.row and layer.layout.strip != STRIP
            and layer.g.circuit == NULL)


cdef inline void activate_samples(
    const Dense *layer, bint slopes, Py_ssize_t columns, real *z, real *a, real *scratch,
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
    const Dense *layer, Py_ssize_t columns, const real *z, const real *a, real *out, real *scratch,
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
    const Dense *layer, Py_ssize_t columns, const real *w, real *values,
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
    cdef const Dense *layer
    cdef Strips inputs = by_rows(data.X, data.x_row), z
    cdef real *a
    cdef Py_ssize_t i
    for i in range(plan.n_layers):
        layer = plan.layers + i
        a = activations_of(run, scratch, layer, start)
        z = layer_array(layer, scratch + layer.z_at if layer.keeps_z else a)
        if layer.transposed_at >= 0:            # the first, unless it is wide
            forward_units(layer, run.packed, data.X, data.x_row, count, columns,
                          by_strips(scratch + plan.z_transposed_at, plan.padded, layer.n_out), z,
                          ahead)
        else:
            forward(layer, run.theta, run.packed, inputs, count if i == 0 else 0, columns, z,
                    ahead)
        if i < plan.n_layers - 1:
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
    cdef const Dense *layer = plan.layers
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
    const Plan *plan, real *scratch, const Data *data, const Dense *layer, Strips delta,
    Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns, real *sums, bint fresh, Ahead *ahead,
) noexcept nogil:
    """Delta of one layer."""
    cdef const Dense *under = layer - 1
    cdef Matrix P = delta_matrix(layer, delta, count, scratch + plan.packed_delta_at)
    cdef Strips at
    accumulate_bias(layer, delta, count, fresh, sums)
    if layer == plan.layers:
        accumulate_first(plan, scratch, data, P, start, count, fresh, sums, ahead)
    else:
        at = by_samples(layer, scratch + plan.a_transposed_at, plan.padded)
        transpose_strips(layer.n_in, columns, layer_array(under, scratch + under.a_at), at)
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
    cdef const Dense *layer
    cdef const Dense *under
    cdef real *delta_of = scratch + plan.delta_at
    cdef real *below = scratch + plan.below_at
    cdef Strips delta
    cdef Addend slopes
    cdef real *a = NULL     # of the layer below, if there is one
    cdef Py_ssize_t i
    for i in range(plan.n_layers - 1, -1, -1):
        if run.work.polling.stopped:
            return
        layer = plan.layers + i
        delta = layer_array(layer, delta_of)
        if i > 0:
            a = activations_of(run, scratch, layer - 1, start)
            if some_left_out:
                leave_samples_out(layer - 1, columns, scratch + plan.weights_at, a)
        if plan.window > 0:
            keep(run, layer, delta, start, count)
        else:
            add_to_sums(plan, scratch, data, layer, delta, start, count, columns, sums, fresh,
                        ahead)
        if i == 0:
            return
        under = layer - 1
        slopes = slopes_of(layer, under, scratch + under.z_at)
        backward(layer, run.theta, run.packed, delta, columns, slopes, layer_array(under, below),
                 ahead)
        if not slopes.multiply:
            multiply_sample_slopes(under, columns, scratch + under.z_at if under.keeps_z else a,
                                   a, below, scratch + plan.circuit_at)
        if some_left_out:
            leave_samples_out(under, columns, scratch + plan.weights_at, below)
        delta_of, below = below, delta_of


cdef inline void sample_major_tile_forward(
    const Evaluation *run, real *scratch, const Data *data, const Ahead *ahead,
) noexcept nogil:
    """As tile_forward, sample-major but for the outputs.

    From sample_major_at on lie a of the layers 0 to L, delta, below, then z of the layers 1 to L,
    where z is kept.
    """
    cdef const Plan *plan = run.plan
    cdef const Dense *layer
    cdef const Dense *last = plan.layers + plan.n_layers - 1
    cdef Py_ssize_t m = plan.sample_major, row = plan.sample_major_row, i, s, k
    cdef real *a = scratch + plan.sample_major_at
    cdef real *z
    cdef real *own_z
    for s in range(m):
        memcpy(a + s * row, data.X + s * data.x_row, plan.layers.n_in * sizeof(real))
    for i in range(plan.n_layers):
        layer = plan.layers + i
        z = own_z = a + m * row
        if layer.keeps_z and layer != last:
            own_z += (plan.n_layers + 2) * m * row
        sample_major_forward(layer, run.theta, m, a, row, own_z, row, ahead)
        if layer != last:
            apply(&layer.g, run.gradient != NULL, m, round_up(layer.n_out), row, own_z, z,
                  scratch + plan.circuit_at)
        a = z
    for s in range(m):
        for k in range(last.n_out):
            scratch[last.z_at + k * plan.stride + s] = a[s * row + k]


cdef inline void sample_major_tile_backward(
    const Evaluation *run, real *scratch, bint some_left_out, Ahead *ahead,
) noexcept nogil:
    """As tile_backward, and the gradient itself."""
    cdef const Plan *plan = run.plan
    cdef const Dense *layer = plan.layers + plan.n_layers - 1
    cdef const Dense *under
    cdef Py_ssize_t m = plan.sample_major, row = plan.sample_major_row, i, s, k
    cdef real *delta = scratch + plan.sample_major_at + (plan.n_layers + 1) * m * row
    cdef real *below = delta + m * row
    cdef double *wide = <double *>(scratch + plan.double_at)
    cdef real *a
    for s in range(m):
        for k in range(layer.n_out):
            delta[s * row + k] = scratch[plan.delta_at + k * plan.stride + s]
    for i in range(plan.n_layers - 1, -1, -1):
        if run.work.polling.stopped:
            return
        layer = plan.layers + i
        a = scratch + plan.sample_major_at + i * m * row
        if i > 0:
            under = plan.layers + i - 1
            sample_major_backward(layer, run.theta, m, delta, row, below, row, ahead)
            multiply_by_slopes(
                &under.g, 1, m, round_up(under.n_out), row,
                a + (plan.n_layers + 2) * m * row if under.keeps_z else a, a, below,
                scratch + plan.circuit_at)
            if some_left_out:
                for s in range(m):
                    if scratch[plan.weights_at + s] == 0:
                        memset(a + s * row, 0, row * sizeof(real))
                        memset(below + s * row, 0, row * sizeof(real))
        if sizeof(real) == sizeof(double):
            wide = <double *>a
        else:
            for s in range(m * row):
                wide[s] = a[s]
        sample_major_gradient(run, layer, m, delta, row, wide, row, ahead)
        delta, below = below, delta
