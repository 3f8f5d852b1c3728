"""Derivatives that are not summed over the samples: rows for each sample of a tile.

Backward from one output at a time, the deltas of X are the Jacobian of the outputs by the inputs,
and with the values they are, parameter by parameter, its row by theta. Of a loss the rows begin
with the columns of a root of its curvature, so that R'R is the Gauss-Newton matrix; of squared
error they are the Jacobian of the residuals. What is written, sample by sample:

    RESIDUALS           a - y, (K T)
    CURVATURE_ROWS      R, (K T, P)
    RESIDUAL_PRODUCT    the Jacobian of the residuals times a direction of theta, (K T)
    SAMPLE_GRADIENTS    the gradient of the sample's loss, (P)
    FORWARD_PRODUCT     Jacobian of a(L) by X times a direction, (K T)
    BACKWARD_PRODUCT    a row of K T numbers times this Jacobian, (n_in)
    INPUT_JACOBIAN      the Jacobian, (K T, n_in)
    INPUT_HESSIAN       second derivatives of a(L) by X, (K T, n_in, n_in)

the first three times the root of the sample's share of the mean. Two are summed up instead:
GAUSS_NEWTON R'R, and RESIDUAL_TRANSPOSE the Jacobian of the residuals' transpose times numbers.
"""
from libc.math cimport sqrt
from libc.string cimport memcpy, memset

from evaluation.gram cimport add_gram
from evaluation.outputs cimport missing_row, tile_targets
from evaluation.passes cimport program_backward
from evaluation.plan cimport (
    BACKWARD_PRODUCT, CURVATURE_ROWS, FORWARD_PRODUCT, GAUSS_NEWTON, INPUT_HESSIAN, INPUT_JACOBIAN,
    RESIDUAL_PRODUCT, RESIDUAL_TRANSPOSE, RESIDUALS, SAMPLE_GRADIENTS, Data, Evaluation, Plan,
)
from evaluation.tangents cimport (
    direction, hessian_backward, tangent_deltas, tangent_forward, tangent_values,
)
from evaluation.weights cimport leave_out, multiply_weights, tile_weights
from matrix.transpose cimport transpose
from simd.lanes cimport real
from steps.affine cimport affine_rows
from steps.curvature cimport curvature_root, tangent_of_outputs
from steps.function cimport apply, function_errors, multiply_by_slopes, output_loss
from steps.missing cimport clear_missing
from steps.step cimport AFFINE


cdef inline real *output_values(const Plan *plan, real *scratch, Py_ssize_t t) noexcept nogil:
    """z of the outputs at position t."""
    return scratch + plan.output_z_at + t * plan.n_out * plan.padded


cdef inline Py_ssize_t output_z(const Plan *plan, Py_ssize_t t) noexcept nogil:
    """Where in the values they are."""
    return plan.output_z_at - plan.values_at + t * plan.n_out * plan.padded


cdef inline Py_ssize_t output_delta(const Plan *plan, Py_ssize_t t) noexcept nogil:
    """Where in the deltas those of position t are."""
    return plan.output_delta_at - plan.deltas_at + t * plan.n_out * plan.padded


cdef inline void weigh_rows(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count,
) noexcept nogil:
    """The roots of the samples' shares in the mean, 0 where there is no sample. Values of samples
    of weight 0 become 0, so that an overflow there leaves nothing."""
    cdef const Plan *plan = run.plan
    cdef real *w = scratch + plan.weights_at
    cdef Py_ssize_t S = plan.padded, s
    if data.weights != NULL:
        if tile_weights(data.weights, run.weight_factor, count, S, w):
            leave_out(plan.n_values // S, S, S, w, scratch + plan.values_at)
    else:
        for s in range(S):
            w[s] = s < count
    for s in range(S):
        w[s] = <real>sqrt(w[s] * run.scale)


cdef inline void multiply_shares(
    const Plan *plan, real *scratch, const Data *data, Py_ssize_t t, real *rows,
) noexcept nogil:
    """Rows of the outputs at position t times the roots of the shares; 0 beyond a sample's end."""
    cdef Py_ssize_t S = plan.padded, s
    cdef real *w = scratch + plan.weights_at
    cdef real *here = w + S
    memcpy(here, w, S * sizeof(real))
    if data.lengths != NULL:
        for s in range(S):
            if not t < scratch[plan.lengths_at + s]:
                here[s] = 0
    multiply_weights(plan.n_out, S, S, here, rows)


cdef inline void write(
    const Plan *plan, const real *rows, Py_ssize_t n, Py_ssize_t count, real *out,
    Py_ssize_t out_row,
) noexcept nogil:
    """rows[i, sample] to out[sample, i]."""
    transpose(n, count, rows, plan.padded, out, out_row, False)


cdef inline void multiply_by_output_slopes(
    const Plan *plan, real *scratch, Py_ssize_t t, real *rows,
) noexcept nogil:
    """K rows times the Jacobian of a(L) by z(L) at position t, which is symmetric."""
    cdef Py_ssize_t K = plan.n_out, S = plan.padded
    cdef real *kept = scratch + plan.curvature_at
    memcpy(kept, output_values(plan, scratch, t), K * S * sizeof(real))
    apply(&plan.output_g, True, K, S, S, kept, kept + K * S, scratch + plan.circuit_at)
    multiply_by_slopes(&plan.output_g, 1, K, S, S, kept, kept + K * S, rows,
                       scratch + plan.circuit_at)


cdef inline void begin_from_output(
    const Plan *plan, real *scratch, Py_ssize_t t, Py_ssize_t k, real *deltas,
) noexcept nogil:
    """The deltas of the outputs: those of output k at position t by z, and 0."""
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, s
    cdef real *delta = deltas + output_delta(plan, t)
    memset(deltas + output_delta(plan, 0), 0, plan.positions * K * S * sizeof(real))
    for s in range(S):
        delta[k * S + s] = 1
    multiply_by_output_slopes(plan, scratch, t, delta)


cdef inline void parameter_rows(
    const Plan *plan, real *scratch, const real *deltas, real *rows, Py_ssize_t row,
) noexcept nogil:
    """rows[parameter, sample]: the derivative whose deltas these are, by every parameter."""
    cdef Py_ssize_t i
    for i in range(plan.n_parameters):
        memset(rows + i * row, 0, plan.padded * sizeof(real))
    for i in range(plan.n_steps):
        if plan.steps[i].kind == AFFINE:
            affine_rows(plan.steps + i, True, plan.padded, scratch + plan.values_at, deltas, rows,
                        row)


cdef inline void tile_residuals(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, n = K * plan.positions, t
    cdef real *error = scratch + plan.output_delta_at
    tile_targets(plan, data, count, scratch + plan.y_at)
    weigh_rows(run, scratch, data, count)
    for t in range(plan.positions):
        function_errors(&plan.output_g, K, S, S, output_values(plan, scratch, t),
                        scratch + plan.y_at + t * K * S, error + t * K * S,
                        scratch + plan.circuit_at)
        if plan.may_miss:
            clear_missing(K, S, S, scratch + plan.y_at + t * K * S, S, error + t * K * S)
        multiply_shares(plan, scratch, data, t, error + t * K * S)
    write(plan, error, n, count, run.output + start * n, n)


cdef inline void tile_curvature_rows(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    real *sums, bint fresh,
) noexcept nogil:
    """R, written or summed up to R'R: as many columns as there is room for at a time."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, P = plan.n_parameters, t, k, filled = 0
    cdef real *deltas = scratch + plan.deltas_at
    cdef real *rows = scratch + plan.rows_at
    cdef bint last, sums_up = plan.rows_of == GAUSS_NEWTON
    tile_targets(plan, data, count, scratch + plan.y_at)
    weigh_rows(run, scratch, data, count)
    for t in range(plan.positions):
        for k in range(K):
            if run.work.polling.stopped:
                return
            memset(deltas + output_delta(plan, 0), 0, plan.positions * K * S * sizeof(real))
            curvature_root(
                &plan.output_g, plan.loss, plan.loss_parameter, plan.loss_from_z,
                plan.loss_circuit, K, S, k, output_values(plan, scratch, t),
                scratch + plan.y_at + t * K * S, scratch + plan.beside_at,
                scratch + plan.curvature_at, scratch + plan.cost_at, scratch + plan.circuit_at,
                deltas + output_delta(plan, t))
            if plan.may_miss:
                clear_missing(K, S, S, scratch + plan.y_at + (t * K + k) * S, 0,
                              deltas + output_delta(plan, t))
            multiply_shares(plan, scratch, data, t, deltas + output_delta(plan, t))
            program_backward(run, scratch, NULL, deltas, NULL)
            parameter_rows(plan, scratch, deltas, rows + filled, plan.gram_row)
            last = t + 1 == plan.positions and k + 1 == K
            if not sums_up:
                write(plan, rows, P, count,
                      run.output + (start * plan.positions * K + t * K + k) * P,
                      plan.positions * K * P)
                continue
            filled += S
            if filled + S > plan.gram_samples or last:
                add_gram(plan, scratch, filled, fresh, sums)
                filled = 0
                fresh = False


cdef inline void tile_sample_gradients(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, P = plan.n_parameters, t, s
    cdef real *deltas = scratch + plan.deltas_at
    cdef real *w = scratch + plan.weights_at
    tile_targets(plan, data, count, scratch + plan.y_at)
    for s in range(S):
        w[s] = s < count
    for t in range(plan.positions):
        output_loss(&plan.output_g, plan.loss, plan.loss_parameter, plan.loss_from_z,
                    plan.loss_circuit, K, S, S, output_values(plan, scratch, t),
                    scratch + plan.output_a_at + t * K * S, scratch + plan.y_at + t * K * S,
                    scratch + plan.beside_at, deltas + output_delta(plan, t),
                    scratch + plan.cost_at, scratch + plan.circuit_at, missing_row(plan, scratch))
        multiply_shares(plan, scratch, data, t, deltas + output_delta(plan, t))
    program_backward(run, scratch, NULL, deltas, NULL)
    parameter_rows(plan, scratch, deltas, scratch + plan.rows_at, plan.gram_row)
    write(plan, scratch + plan.rows_at, P, count, run.output + start * P, P)


cdef inline void tile_forward_product(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    """Along directions of X, or along one of theta."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, n = K * plan.positions, t
    cdef bint by_theta = plan.rows_of == RESIDUAL_PRODUCT
    cdef real *tangents = tangent_values(plan, scratch, 0)
    cdef real *out = scratch + plan.output_a_at
    if by_theta:
        tile_targets(plan, data, count, scratch + plan.y_at)
        weigh_rows(run, scratch, data, count)
    else:
        transpose(count, plan.n_in, run.beside + start * plan.n_in, plan.n_in, tangents, S, True)
    tangent_forward(run, direction(run, 0) if by_theta else NULL, scratch, tangents)
    for t in range(plan.positions):
        memcpy(out + t * K * S, tangents + output_z(plan, t), K * S * sizeof(real))
        multiply_by_output_slopes(plan, scratch, t, out + t * K * S)
        if by_theta and plan.may_miss:
            clear_missing(K, S, S, scratch + plan.y_at + t * K * S, S, out + t * K * S)
        if by_theta:
            multiply_shares(plan, scratch, data, t, out + t * K * S)
    write(plan, out, n, count, run.output + start * n, n)


cdef inline void tile_backward_product(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    real *sums, bint fresh,
) noexcept nogil:
    """To X, or summed up to theta."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, n = K * plan.positions, t, s, i
    cdef bint by_theta = plan.rows_of == RESIDUAL_TRANSPOSE
    cdef real *deltas = scratch + plan.deltas_at
    cdef real *delta = deltas + output_delta(plan, 0)
    transpose(count, n, run.beside + start * n, n, delta, S, True)
    for i in range(n):
        for s in range(count, S):
            delta[i * S + s] = 0
    if by_theta:
        tile_targets(plan, data, count, scratch + plan.y_at)
        weigh_rows(run, scratch, data, count)
    if by_theta and plan.may_miss:
        clear_missing(n, S, S, scratch + plan.y_at, S, delta)
    for t in range(plan.positions):
        multiply_by_output_slopes(plan, scratch, t, delta + t * K * S)
        if by_theta:
            multiply_shares(plan, scratch, data, t, delta + t * K * S)
    if by_theta and fresh:
        memset(sums, 0, plan.n_delta * sizeof(real))
    program_backward(run, scratch, NULL, deltas, sums if by_theta else NULL)
    if not by_theta:
        write(plan, deltas + plan.input_delta, plan.n_in, count, run.output + start * plan.n_in,
              plan.n_in)


cdef inline void tile_input_jacobian(
    const Evaluation *run, real *scratch, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, n = K * plan.positions, t, k
    cdef real *deltas = scratch + plan.deltas_at
    for t in range(plan.positions):
        for k in range(K):
            begin_from_output(plan, scratch, t, k, deltas)
            program_backward(run, scratch, NULL, deltas, NULL)
            write(plan, deltas + plan.input_delta, plan.n_in, count,
                  run.output + (start * n + t * K + k) * plan.n_in, n * plan.n_in)


cdef inline void tile_input_hessian(
    const Evaluation *run, real *scratch, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    """As many directions at a time as there are tangents."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, n_in = plan.n_in, n = K * plan.positions
    cdef Py_ssize_t first = 0, some, i, j, t, k, s
    cdef real *deltas = scratch + plan.deltas_at
    cdef real *tangents
    while first < n_in:
        some = min(plan.n_tangents, n_in - first)
        for i in range(plan.n_tangents):
            tangents = tangent_values(plan, scratch, i)
            memset(tangents, 0, n_in * S * sizeof(real))
            j = min(first + i, n_in - 1)        # those beyond the last are computed for nothing
            for s in range(S):
                tangents[j * S + s] = 1
            tangent_forward(run, NULL, scratch, tangents)
        for t in range(plan.positions):
            for k in range(K):
                if run.work.polling.stopped:
                    return
                begin_from_output(plan, scratch, t, k, deltas)
                for i in range(plan.n_tangents):
                    tangents = tangent_deltas(plan, scratch, i)
                    memset(tangents + output_delta(plan, 0), 0, n * S * sizeof(real))
                    tangent_of_outputs(
                        &plan.output_g, K, S, k, output_values(plan, scratch, t),
                        tangent_values(plan, scratch, i) + output_z(plan, t),
                        scratch + plan.curvature_at, scratch + plan.circuit_at,
                        tangents + output_delta(plan, t))
                hessian_backward(run, plan.n_tangents, True, NULL, scratch, NULL, NULL)
                for i in range(some):
                    write(plan, tangent_deltas(plan, scratch, i) + plan.input_delta, n_in, count,
                          run.output + ((start * n + t * K + k) * n_in + first + i) * n_in,
                          n * n_in * n_in)
        first += some


cdef inline void tile_rows(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    real *sums, bint fresh,
) noexcept nogil:
    """What plan.rows_of says, of a tile whose values are there."""
    cdef int what = run.plan.rows_of
    if what == RESIDUALS:
        tile_residuals(run, scratch, data, start, count)
    elif what == CURVATURE_ROWS or what == GAUSS_NEWTON:
        tile_curvature_rows(run, scratch, data, start, count, sums, fresh)
    elif what == SAMPLE_GRADIENTS:
        tile_sample_gradients(run, scratch, data, start, count)
    elif what == FORWARD_PRODUCT or what == RESIDUAL_PRODUCT:
        tile_forward_product(run, scratch, data, start, count)
    elif what == BACKWARD_PRODUCT or what == RESIDUAL_TRANSPOSE:
        tile_backward_product(run, scratch, data, start, count, sums, fresh)
    elif what == INPUT_JACOBIAN:
        tile_input_jacobian(run, scratch, start, count)
    else:
        tile_input_hessian(run, scratch, start, count)
