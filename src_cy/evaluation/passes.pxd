"""A network's program on one tile of samples: forward, its loss, and backward.

Every array of the program lies in the scratch of a thread row after row, a row being the tile's
samples in whole cache lines. Rows are not reused: values and deltas of all steps live until the
tile is done, so that Delta of weights that many steps share is made at once.
"""
from libc.stdint cimport int64_t
from libc.string cimport memset

from evaluation.plan cimport Data, Evaluation, Plan
from evaluation.sums cimport sum_cost
from evaluation.weights cimport leave_out, multiply_weights, tile_weights
from matrix.transpose cimport transpose
from simd.lanes cimport real
from steps.affine cimport affine_backward, affine_forward, affine_sums
from steps.curvature cimport Curvature, prepare_curvature, tangent_of_delta
from steps.function cimport apply, multiply_by_slopes, output_loss
from steps.gate cimport gate_backward, gate_forward
from steps.pool cimport pool_backward, pool_forward
from steps.step cimport AFFINE, GATE, MAP, Step

cdef enum:
    WHOLE = 1 << 30     # a length beyond all steps: that of samples without lengths


cdef inline void take_data(
    const Plan *plan, const Data *data, real *scratch, Py_ssize_t count,
) noexcept nogil:
    """X feature-major. Columns without a sample repeat the first: numbers as likely as any. What
    is beyond the end of a sequence becomes 0. Lengths are read as they are now, which may be other
    ones than were bound: only those from 0 to the steps there are can be used."""
    cdef Py_ssize_t S = plan.padded, s, r, n = plan.n_in, T = plan.n_steps_in
    cdef int64_t length
    cdef real *X = scratch + plan.values_at
    cdef real *lengths = scratch + plan.lengths_at
    transpose(count, n, data.X, data.x_row, X, S, True)
    if count < S:
        for r in range(n):
            for s in range(count, S):
                X[r * S + s] = X[r * S]
    for s in range(S):
        length = WHOLE
        if data.lengths != NULL:
            length = min(max(<int64_t>0, data.lengths[s if s < count else 0]), <int64_t>T)
            for r in range(<Py_ssize_t>length * (n // T), n):
                X[r * S + s] = 0
        lengths[s] = <real>length


cdef inline void program_forward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count,
) noexcept nogil:
    """Values of all rows; those of the output array are z(L), and a(L) if that is asked for."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef Py_ssize_t S = plan.padded, i, t
    cdef real *values = scratch + plan.values_at
    take_data(plan, data, scratch, count)
    for i in range(plan.n_steps):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        if step.kind == AFFINE:
            affine_forward(step, run.theta, values)
        elif step.kind == MAP:
            apply(&step.g, run.gradient != NULL and step.keeps_z, 1, step.n * S, step.n * S,
                  values + step.a, values + step.out, scratch + plan.circuit_at)
        elif step.kind == GATE:
            gate_forward(step, S, scratch + plan.lengths_at, values)
        else:
            pool_forward(step, S, values)
    if run.output != NULL and not run.from_z:
        for t in range(plan.positions):
            i = t * plan.n_out * S
            apply(&plan.output_g, False, plan.n_out, S, S, values + plan.output_z + i,
                  scratch + plan.output_a_at + i, scratch + plan.circuit_at)


cdef inline void program_targets(
    const Plan *plan, const Data *data, Py_ssize_t count, real *y,
) noexcept nogil:
    """y[t K + k, sample]: the targets transposed, or one-hot labels (see tile_targets)."""
    cdef Py_ssize_t K = plan.n_out, T = plan.positions, S = plan.padded, s, t, label
    if data.targets != NULL:
        transpose(count, K * T, data.targets, K * T, y, S, True)
        return
    for s in range(K * T * S):
        y[s] = plan.other_label
    for s in range(count):
        for t in range(T):
            label = data.labels[s * T + t]
            if 0 <= label < K:
                y[(t * K + label) * S + s] = 1


cdef inline void output_tangents(
    const Plan *plan, real *scratch, Py_ssize_t at,
) noexcept nogil:
    """The tangents of the output's deltas at one position, in all directions."""
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, k
    cdef const real *y = scratch + plan.y_at + at
    cdef Curvature curvature
    prepare_curvature(&plan.output_g, plan.loss, plan.loss_parameter, plan.loss_from_z,
                      plan.loss_circuit, plan.gauss_newton, K, S,
                      scratch + plan.values_at + plan.output_z + at, y,
                      scratch + plan.curvature_at, scratch + plan.cost_at,
                      scratch + plan.circuit_at, &curvature)
    for k in range(plan.n_tangents):
        tangent_of_delta(
            &curvature, K, S, y,
            scratch + plan.tangents_at + k * plan.n_values + plan.output_z + at,
            scratch + plan.room_at,
            scratch + plan.delta_tangents_at + k * plan.n_deltas + plan.output_delta + at)


cdef inline double program_loss(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count, bint *some_left_out,
) noexcept nogil:
    """The tile's cost, summed over the positions; leaves the output's deltas."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, t, s, at
    cdef real *delta = scratch + plan.deltas_at + plan.output_delta
    cdef real *cost = scratch + plan.cost_at
    cdef real *w = scratch + plan.weights_at
    cdef real *w_here = w + S
    cdef double total = 0
    cdef Py_ssize_t k
    program_targets(plan, data, count, scratch + plan.y_at)
    some_left_out[0] = False
    if data.weights != NULL:
        some_left_out[0] = tile_weights(data.weights, run.weight_factor, count, S, w)
    else:
        for s in range(S):
            w[s] = s < count
    for t in range(plan.positions):
        at = t * K * S
        if plan.n_tangents > 0:
            output_tangents(plan, scratch, at)
        output_loss(&plan.output_g, plan.loss, plan.loss_parameter, plan.loss_from_z,
                    plan.loss_circuit, K, S, S, scratch + plan.values_at + plan.output_z + at,
                    scratch + plan.output_a_at + at, scratch + plan.y_at + at, delta + at, cost,
                    scratch + plan.circuit_at)
        for s in range(S):
            w_here[s] = w[s]
            if data.lengths != NULL and not t < scratch[plan.lengths_at + s]:
                w_here[s] = 0
        if data.weights != NULL or data.lengths != NULL or count < S:
            multiply_weights(1, S, S, w_here, cost)
            multiply_weights(K, S, S, w_here, delta + at)
            for k in range(plan.n_tangents):
                multiply_weights(K, S, S, w_here, scratch + plan.delta_tangents_at
                                 + k * plan.n_deltas + plan.output_delta + at)
        total += sum_cost(cost, count)
    return total


cdef inline void program_backward(
    const Evaluation *run, real *scratch, const real *w, real *deltas, real *sums,
) noexcept nogil:
    """Adds to Delta in `sums`. w: the weights, if some samples are left out, else NULL."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef Py_ssize_t S = plan.padded, i, c
    cdef real *values = scratch + plan.values_at
    for i in range(plan.n_steps - 1, -1, -1):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        for c in range(step.n_clears):
            memset(deltas + step.clears[c].at, 0, step.clears[c].n * sizeof(real))
        if step.kind == AFFINE:
            affine_backward(step, run.theta, deltas, deltas)
            affine_sums(step, 0, True, values, deltas, sums)
        elif step.kind == MAP:
            multiply_by_slopes(&step.g, 1, 1, step.n * S, step.n * S, values + step.a,
                               values + step.out, deltas + step.out_delta,
                               scratch + plan.circuit_at)
            if w != NULL:
                leave_out(step.n, S, S, w, deltas + step.out_delta)
        elif step.kind == GATE:
            gate_backward(step, S, scratch + plan.lengths_at, values, deltas)
        else:
            pool_backward(step, S, values, deltas)
