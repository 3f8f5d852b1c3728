"""Along directions of theta, of a plain chain: tangents of z, a and delta of a tile, and of Delta.

The formulas are those of tangents.pxd, the products those of chain.pxd and windows.pxd: with the
direction V of theta, and V packed as W is,

    tangent of z      V a + W (tangent of a)
    of delta below    g' (V' delta + W' (tangent of delta)) + g'' (tangent of z) (W' delta)
    of Delta          (tangent of delta) a' + delta (tangent of a)'

The arrays of a tile exist once for each stream: 0 is that of the values, 1 + k that of direction k.
"""
from evaluation.chain cimport (
    Part, add_to_sums, inputs_by_samples, leave_samples_out, multiply_layer, multiply_sample_slopes,
    part_from, tile_backward,
)
from evaluation.chain_step cimport (
    ChainStep, accumulate, backward, delta_matrix, forward_more, layer_array,
)
from evaluation.plan cimport BY_WINDOWS, Data, Evaluation, Plan
from evaluation.tangents cimport direction
from evaluation.windows cimport activations_of, keep
from matrix.layout cimport Strips, by_rows
from matrix.packing cimport Matrix
from matrix.product cimport Ahead, matrix_addend, nothing
from simd.lanes cimport real
from steps.function cimport apply_tangent, multiply_by_tangent


cdef inline real *arrays_of(const Plan *plan, real *scratch, Py_ssize_t stream) noexcept nogil:
    return scratch + stream * plan.n_values


cdef inline const real *packed_direction(const Evaluation *run, Py_ssize_t k) noexcept nogil:
    return run.packed + (1 + k) * run.plan.n_packed


cdef inline const real *z_or_a(
    const ChainStep *layer, const real *values, const real *a,
) noexcept nogil:
    """z of the values, or a where z is not kept."""
    return values + layer.z_at if layer.keeps_z else a


cdef inline void activate_tangents(
    const ChainStep *layer, Py_ssize_t columns, const real *z, const real *a, const real *tangent,
    real *out, real *scratch,
) noexcept nogil:
    """As `apply_tangent`, on arrays of the layer."""
    cdef Py_ssize_t c = 0
    cdef Part part
    while c < columns:
        part = part_from(layer, c, columns)
        apply_tangent(&layer.g, part.rows, part.columns, part.stride, z + part.at, a + part.at,
                      tangent + part.at, out + part.at, scratch)
        c += part.width


cdef inline void multiply_sample_tangents(
    const ChainStep *layer, Py_ssize_t columns, const real *z, const real *a, const real *delta,
    const real *tangent, real *out, real *room, real *scratch,
) noexcept nogil:
    """As `multiply_by_tangent`, in the same way."""
    cdef Py_ssize_t c = 0
    cdef Part part
    while c < columns:
        part = part_from(layer, c, columns)
        multiply_by_tangent(&layer.g, part.rows, part.columns, part.stride, z + part.at,
                            a + part.at, delta + part.at, tangent + part.at, out + part.at,
                            room + part.at, scratch)
        c += part.width


cdef inline void tile_tangents_forward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    Py_ssize_t columns, Ahead *ahead,
) noexcept nogil:
    """Tangents of z and a along all directions, of the values that tile_forward has left."""
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer
    cdef Strips inputs = by_rows(data.X, data.x_row), z
    cdef const real *a = NULL
    cdef Py_ssize_t i, k
    for i in range(plan.n_chain):
        layer = plan.chain + i
        if i > 0:
            a = activations_of(run, scratch, layer - 1, 0, start)
            inputs = layer_array(layer - 1, a)
        for k in range(plan.n_directions):
            if run.work.polling.stopped:
                return
            z = layer_array(layer, arrays_of(plan, scratch, 1 + k) + layer.z_at)
            multiply_layer(plan, scratch, layer, direction(run, k), packed_direction(run, k), data,
                           inputs, count, columns, z, ahead)
            if i > 0:
                forward_more(
                    layer, run.theta, run.packed,
                    layer_array(layer - 1, activations_of(run, scratch, layer - 1, 1 + k, start)),
                    columns, z, ahead)
            if i < plan.n_chain - 1:
                a = activations_of(run, scratch, layer, 0, start)
                activate_tangents(layer, columns, z_or_a(layer, scratch, a), a, z.data,
                                  activations_of(run, scratch, layer, 1 + k, start),
                                  scratch + plan.circuit_at)


cdef inline void layer_sums(
    const Evaluation *run, real *scratch, const Data *data, const ChainStep *layer,
    Py_ssize_t delta_at, Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns, real *sums,
    bint fresh, Ahead *ahead,
) noexcept nogil:
    """The tangents of Delta of one layer, or what they are made of."""
    cdef const Plan *plan = run.plan
    cdef Strips delta = layer_array(layer, scratch + delta_at), at
    cdef Matrix P
    cdef Py_ssize_t k
    if plan.schedule == BY_WINDOWS:
        for k in range(plan.n_directions):
            keep(run, layer, 1 + k,
                 layer_array(layer, arrays_of(plan, scratch, 1 + k) + delta_at), start, count)
        if layer != plan.chain:
            keep(run, layer, 0, delta, start, count)
        return
    if layer != plan.chain:
        at = inputs_by_samples(plan, scratch, layer,
                               activations_of(run, scratch, layer - 1, 0, start), columns)
    for k in range(plan.n_directions):
        add_to_sums(plan, scratch, data, layer,
                    layer_array(layer, arrays_of(plan, scratch, 1 + k) + delta_at), at, start,
                    count, sums + k * plan.n_sums, fresh, ahead)
    if layer == plan.chain:
        return
    P = delta_matrix(layer, delta, count, scratch + plan.packed_delta_at)
    for k in range(plan.n_directions):
        at = inputs_by_samples(plan, scratch, layer,
                               activations_of(run, scratch, layer - 1, 1 + k, start), columns)
        accumulate(layer, P, count, 0, layer.theta.columns, at, False, sums + k * plan.n_sums,
                   ahead)


cdef inline void below(
    const Evaluation *run, real *scratch, const ChainStep *layer, Py_ssize_t delta_at,
    Py_ssize_t below_at, Py_ssize_t start, Py_ssize_t columns, bint some_left_out, Ahead *ahead,
) noexcept nogil:
    """The deltas of the layer under this one, and their tangents."""
    cdef const Plan *plan = run.plan
    cdef const ChainStep *under = layer - 1
    cdef const real *a = activations_of(run, scratch, under, 0, start)
    cdef const real *z = z_or_a(under, scratch, a)
    cdef Strips delta = layer_array(layer, scratch + delta_at)
    cdef Strips out
    cdef real *tangents
    cdef Py_ssize_t k
    backward(layer, run.theta, run.packed, delta, columns, nothing(),
             layer_array(under, scratch + below_at), ahead)
    for k in range(plan.n_directions):
        if run.work.polling.stopped:
            return
        tangents = arrays_of(plan, scratch, 1 + k)
        out = layer_array(under, tangents + below_at)
        backward(layer, direction(run, k), packed_direction(run, k), delta, columns, nothing(), out,
                 ahead)
        backward(layer, run.theta, run.packed, layer_array(layer, tangents + delta_at), columns,
                 matrix_addend(out), out, ahead)
        multiply_sample_tangents(under, columns, z, a, scratch + below_at, tangents + under.z_at,
                                 out.data, scratch + plan.room_at, scratch + plan.circuit_at)
        if some_left_out:
            leave_samples_out(under, columns, scratch + plan.weights_at, out.data)
    multiply_sample_slopes(under, columns, z, a, scratch + below_at, scratch + plan.circuit_at)
    if some_left_out:
        leave_samples_out(under, columns, scratch + plan.weights_at, scratch + below_at)


cdef inline void tile_tangents_backward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    Py_ssize_t columns, bint some_left_out, real *sums, bint fresh, Ahead *ahead,
) noexcept nogil:
    """As tile_backward, direction by direction: what a product with the Hessian or with the
    Gauss-Newton matrix is made of, from the tangents of delta(L)."""
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer
    cdef Py_ssize_t delta_at = plan.delta_at, below_at = plan.below_at, i, stream
    if plan.gauss_newton:
        for i in range(plan.n_directions):
            tile_backward(run, scratch, data, start, count, columns, some_left_out, 1 + i,
                          sums + i * plan.n_sums, fresh, ahead)
        return
    for i in range(plan.n_chain - 1, -1, -1):
        if run.work.polling.stopped:
            return
        layer = plan.chain + i
        if i > 0 and some_left_out:
            for stream in range(1 + plan.n_directions):
                leave_samples_out(layer - 1, columns, scratch + plan.weights_at,
                                  activations_of(run, scratch, layer - 1, stream, start))
        layer_sums(run, scratch, data, layer, delta_at, start, count, columns, sums, fresh, ahead)
        if i > 0:
            below(run, scratch, layer, delta_at, below_at, start, columns, some_left_out, ahead)
        delta_at, below_at = below_at, delta_at
