"""The end of a tile's forward pass: z(L) becomes a(L), or the loss and delta(L).

The outputs of a tile are [t K + k, sample], K rows for each of `positions` steps of a sequence, in
rows of plan.stride. A schedule of a plain chain reads no column without a sample afterwards; a
program reads all of them, so that their deltas are made 0.
"""
from libc.math cimport NAN
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from evaluation.plan cimport BY_STEPS, NO_LABEL, Data, Evaluation, Plan
from evaluation.sums cimport sum_cost
from evaluation.tangents cimport tangent_deltas, tangent_values
from evaluation.weights cimport multiply_weights, tile_weights
from matrix.transpose cimport transpose
from simd.lanes cimport called_void, real
from steps.curvature cimport (
    GAUSS_NEWTON_PART, WHOLE_CURVATURE, Curvature, prepare_curvature, tangent_of_delta,
)
from steps.function cimport apply, output_loss


cdef inline called_void write_outputs(
    const Evaluation *run, real *scratch, Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns,
) noexcept nogil:
    """a(L) of the tile, or z(L), to the caller's rows."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t n = plan.n_out * plan.positions, t, at
    cdef const real *values = scratch + (plan.output_z_at if run.from_z else plan.output_a_at)
    if not run.from_z:
        for t in range(plan.positions):
            at = t * plan.n_out * plan.stride
            apply(&plan.output_g, False, plan.n_out, columns, plan.stride,
                  scratch + plan.output_z_at + at, scratch + plan.output_a_at + at,
                  scratch + plan.circuit_at)
    transpose(n, count, values, plan.stride, run.output + start * n, n, False)


cdef inline void tile_targets(
    const Plan *plan, const Data *data, Py_ssize_t count, real *y,
) noexcept nogil:
    """y[t K + k, sample]: the targets transposed, or one-hot labels; and what is beside them.

    They are laid out for every tile of every evaluation, not once when they are bound: the arrays
    are the user's, and an objective follows what is changed in them. That costs 1 % of ex4 and
    digits of benchmarks/; of a single layer 10 x 10, which does least beside it, 7 % with labels
    and 20 % with targets.

    The labels were checked when they were bound, but the array is the user's, who may have changed
    it since. A label that is no class must not become an address: its targets are all other_label,
    or NaN if it says that it is missing.
    """
    cdef Py_ssize_t K = plan.n_out, T = plan.positions, s, t, k
    cdef int64_t label
    if data.beside != NULL:
        transpose(count, plan.n_beside, data.beside, plan.n_beside,
                  y + (plan.beside_at - plan.y_at), plan.stride, True)
    if data.targets != NULL and K * T == 1:
        memcpy(y, data.targets, count * sizeof(real))
    elif data.targets != NULL:
        transpose(count, K * T, data.targets, K * T, y, plan.stride, True)
    else:
        for s in range(K * T * plan.stride):
            y[s] = plan.other_label
        for s in range(count):
            for t in range(T):
                label = data.labels[s * T + t]
                if 0 <= label < K:
                    y[(t * K + label) * plan.stride + s] = 1
                elif plan.may_miss and label == NO_LABEL:
                    for k in range(K):
                        y[(t * K + k) * plan.stride + s] = NAN


cdef inline real *missing_row(const Plan *plan, real *scratch) noexcept nogil:
    """Room for a row if targets may be missing, else NULL."""
    return scratch + plan.missing_at if plan.may_miss else NULL


cdef inline real *tangent_of_output(
    const Plan *plan, real *scratch, Py_ssize_t k,
) noexcept nogil:
    """Along direction k: of z."""
    return tangent_values(plan, scratch, k) + (plan.output_z_at - plan.values_at)


cdef inline real *tangent_of_output_delta(
    const Plan *plan, real *scratch, Py_ssize_t k,
) noexcept nogil:
    """And of delta."""
    return tangent_deltas(plan, scratch, k) + (plan.output_delta_at - plan.deltas_at)


cdef inline void output_tangents(
    const Plan *plan, real *scratch, Py_ssize_t at,
) noexcept nogil:
    """The tangents of the output's deltas at one position, in all directions."""
    cdef Py_ssize_t K = plan.n_out, S = plan.stride, k
    cdef const real *y = scratch + plan.y_at + at
    cdef Curvature curvature
    prepare_curvature(&plan.output_g, plan.loss, plan.loss_parameter, plan.loss_from_z,
                      plan.loss_circuit,
                      GAUSS_NEWTON_PART if plan.gauss_newton else WHOLE_CURVATURE, K, S,
                      scratch + plan.output_z_at + at, y, scratch + plan.beside_at,
                      scratch + plan.curvature_at,
                      scratch + plan.cost_at, scratch + plan.circuit_at, &curvature)
    for k in range(plan.n_directions):
        tangent_of_delta(&curvature, K, S, y, plan.may_miss,
                         tangent_of_output(plan, scratch, k) + at, scratch + plan.room_at,
                         tangent_of_output_delta(plan, scratch, k) + at)


cdef inline double tile_loss(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count,
    Py_ssize_t columns, bint *some_left_out,
) noexcept nogil:
    """The tile's cost, summed over the positions; leaves delta(L), and says whether some samples
    have the weight 0."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, t, s, k, at
    cdef real *delta = scratch + plan.output_delta_at
    cdef real *cost = scratch + plan.cost_at
    cdef real *w = scratch + plan.weights_at
    cdef real *w_here = w
    cdef double total = 0
    cdef bint is_program = plan.schedule == BY_STEPS
    cdef bint has_lengths = is_program and data.lengths != NULL
    cdef bint weighs = data.weights != NULL or has_lengths or (is_program and count < columns)
    tile_targets(plan, data, count, scratch + plan.y_at)
    some_left_out[0] = False
    if data.weights != NULL:
        some_left_out[0] = tile_weights(data.weights, run.weight_factor, count, columns, w)
    elif weighs:
        for s in range(columns):
            w[s] = s < count
    for t in range(plan.positions):
        at = t * K * plan.stride
        if plan.n_directions > 0:
            output_tangents(plan, scratch, at)
        output_loss(&plan.output_g, plan.loss, plan.loss_parameter, plan.loss_from_z,
                    plan.loss_circuit, K, columns, plan.stride, scratch + plan.output_z_at + at,
                    scratch + plan.output_a_at + at, scratch + plan.y_at + at,
                    scratch + plan.beside_at, delta + at, cost, scratch + plan.circuit_at,
                    missing_row(plan, scratch))
        if has_lengths:
            w_here = w + plan.stride
            for s in range(columns):
                w_here[s] = w[s] if t < scratch[plan.lengths_at + s] else 0
        if weighs:
            multiply_weights(1, columns, plan.stride, w_here, cost)
            multiply_weights(K, columns, plan.stride, w_here, delta + at)
            for k in range(plan.n_directions):
                multiply_weights(K, columns, plan.stride, w_here,
                                 tangent_of_output_delta(plan, scratch, k) + at)
        total += sum_cost(cost, count)
    return total
