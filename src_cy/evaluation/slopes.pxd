"""The cost of the outputs' derivatives by the inputs, G = da/dX, beside those they should have, Y:

    1/2 w |G - Y|^2         of each sample, with w = slope_weight

No matrix is made for its gradient. With E = w (G - Y) held, E_k G_k is the derivative of output k
along a direction of X, E_k, which every sample has its own of. Tangents along it and their backward
pass (tangents.pxd) give its derivative by theta, one output after the other. The delta of the loss
joins the tangents of the first output's delta: the same pass takes both back.

What there is of the residuals G - Y, times the root of w and of the sample's share of the mean:

    SLOPE_COST          the cost with that of the loss, and its gradient
    SLOPE_RESIDUALS     the residuals, (K T, n_in)
    SLOPE_ROWS          R, their Jacobian by theta, (K T, n_in, P)
    SLOPE_GRAM          R'R, summed up
    SLOPE_PRODUCT       R times a direction of theta, (K T, n_in)
    SLOPE_TRANSPOSE     R' times numbers, summed up
    SLOPE_GRADIENTS     the gradient of the sample's cost alone, without that of the loss, (P)
    SLOPE_HESSIAN       the Hessian of the cost, without that of the loss, times a direction of
                        theta (slope_hessian.pxd)
"""
from libc.math cimport sqrt
from libc.string cimport memcpy, memset

from evaluation.gram cimport add_gram
from evaluation.jacobian cimport (
    begin_from_output, multiply_shares, output_delta, output_values, output_z,
    weigh_rows, write,
)
from evaluation.outputs cimport tile_loss
from evaluation.passes cimport program_backward
from evaluation.plan cimport (
    SLOPE_GRADIENTS, SLOPE_GRAM, SLOPE_PRODUCT, SLOPE_RESIDUALS, SLOPE_ROWS, SLOPE_TRANSPOSE, Data,
    Evaluation, Plan,
)
from evaluation.sums cimport sum_cost
from evaluation.tangents cimport (
    direction, hessian_backward, tangent_deltas, tangent_forward, tangent_values,
)
from evaluation.weights cimport leave_out, tile_weights
from matrix.transpose cimport transpose
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_eq, lanes_fma, lanes_select
from steps.affine cimport affine_rows
from steps.curvature cimport tangent_of_outputs
from steps.function cimport add_to
from steps.step cimport AFFINE


cdef inline kernel_void slope_errors(
    Py_ssize_t rows, Py_ssize_t columns, const real *slopes, const real *w, real weight,
    real *errors, real *cost,
) noexcept nogil:
    """errors: the wanted slopes, which become weight w (slopes - wanted); cost = half the sum of
    errors (slopes - wanted). 0 where w is, whatever is there."""
    cdef Py_ssize_t r, at, c = 0
    cdef lanes_t error, factor, total, zero = lanes_splat(0)
    while c < columns:
        factor = lanes_splat(weight) * lanes_load(w + c)
        total = zero
        for r in range(rows):
            at = r * columns + c
            error = lanes_select(lanes_eq(lanes_load(w + c), zero), zero,
                                 lanes_load(slopes + at) - lanes_load(errors + at))
            total = lanes_fma(error, error, total)
            lanes_store(errors + at, factor * error)
        lanes_store(cost + c, (lanes_splat(<real>0.5) * factor) * total)
        c += LANES


cdef inline void take_numbers(
    const Plan *plan, real *scratch, const real *numbers, const real *beyond, Py_ssize_t t,
    Py_ssize_t k, const Data *data, Py_ssize_t count, real *out,
) noexcept nogil:
    """(n_in) numbers of each sample and output, of output k at position t: out[input, sample].
    Beyond the end of a sequence those of `beyond`, laid out like `out`, or 0 if that is NULL."""
    cdef Py_ssize_t n = plan.n_in, outputs = plan.n_out * plan.positions, S = plan.padded, r, s
    transpose(count, n, numbers + (t * plan.n_out + k) * n, outputs * n, out, S, True)
    for r in range(n):
        for s in range(count, S):
            out[r * S + s] = 0
    for s in range(count if data.lengths != NULL else 0):
        for r in range(<Py_ssize_t>scratch[plan.lengths_at + s] * (n // plan.n_steps_in), n):
            out[r * S + s] = beyond[r * S + s] if beyond != NULL else 0


cdef inline void weigh_slopes(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count,
) noexcept nogil:
    """The weights of a tile, 0 where there is no sample. Values of samples of weight 0 become 0, so
    that an overflow there leaves nothing."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t S = plan.padded, s
    cdef real *w = scratch + plan.weights_at
    if data.weights == NULL:
        for s in range(S):
            w[s] = s < count
    elif tile_weights(data.weights, run.weight_factor, count, S, w):
        leave_out(plan.n_values // S, S, S, w, scratch + plan.values_at)


cdef inline void weigh_position(
    const Plan *plan, real *scratch, const Data *data, Py_ssize_t t,
) noexcept nogil:
    """The second row of weights: those of the first, and 0 where a sample ends before t."""
    cdef Py_ssize_t S = plan.padded, s
    cdef real *w = scratch + plan.weights_at
    memcpy(w + S, w, S * sizeof(real))
    for s in range(S if data.lengths != NULL else 0):
        if not t < scratch[plan.lengths_at + s]:
            w[S + s] = 0


cdef inline void go_along(
    const Evaluation *run, const real *V, real *scratch, const Data *data, Py_ssize_t t,
    Py_ssize_t k, bint shares, const real *delta_of_loss, real *sums,
) noexcept nogil:
    """Backward from output k at position t, with a delta of 1 or the roots of the shares, and with
    the tangents that are there: along V and back to X, or along a direction of X if V is NULL."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded
    cdef real *delta = scratch + plan.deltas_at + output_delta(plan, t)
    cdef real *tangents = tangent_deltas(plan, scratch, 0) + output_delta(plan, 0)
    begin_from_output(plan, scratch, t, k, scratch + plan.deltas_at)
    memset(tangents, 0, plan.positions * K * S * sizeof(real))
    tangent_of_outputs(
        &plan.output_g, K, S, k, output_values(plan, scratch, t),
        tangent_values(plan, scratch, 0) + output_z(plan, t), scratch + plan.curvature_at,
        scratch + plan.circuit_at, tangents + t * K * S)
    if shares:
        multiply_shares(plan, scratch, data, t, delta)
        multiply_shares(plan, scratch, data, t, tangents + t * K * S)
    if delta_of_loss != NULL:
        add_to(plan.positions * K * S, delta_of_loss, tangents)
    hessian_backward(run, 1, V != NULL, V, scratch, NULL, sums)


cdef inline double tile_slope_cost(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count, real *sums,
    bint fresh,
) noexcept nogil:
    """The cost of a tile, that of the loss included; its gradient into the sums, if wanted."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, size = plan.positions * K * S, t, k
    cdef real *deltas = scratch + plan.deltas_at
    cdef real *errors = tangent_values(plan, scratch, 0)        # in the place of X
    cdef real *w = scratch + plan.weights_at
    cdef real *delta_of_loss = scratch + plan.slopes_at
    cdef real *z = delta_of_loss + size
    cdef const real *slopes = deltas + plan.input_delta
    cdef double total
    cdef bint some_left_out = False
    memcpy(z, output_values(plan, scratch, 0), size * sizeof(real))     # a loss leaves none of it
    total = tile_loss(run, scratch, data, count, S, &some_left_out)
    memcpy(output_values(plan, scratch, 0), z, size * sizeof(real))
    memcpy(delta_of_loss, deltas + output_delta(plan, 0), size * sizeof(real))
    weigh_slopes(run, scratch, data, count)
    if run.gradient != NULL and fresh:
        memset(sums, 0, plan.n_delta * sizeof(real))
    for t in range(plan.positions):
        weigh_position(plan, scratch, data, t)
        for k in range(K):
            if run.work.polling.stopped:
                return total
            begin_from_output(plan, scratch, t, k, deltas)
            program_backward(run, scratch, NULL, deltas, NULL)
            take_numbers(plan, scratch, data.slopes, slopes, t, k, data, count, errors)
            slope_errors(plan.n_in, S, slopes, w + S, data.slope_weight, errors,
                         scratch + plan.cost_at)
            total += sum_cost(scratch + plan.cost_at, count)
            if run.gradient != NULL:
                tangent_forward(run, NULL, scratch, errors)
                go_along(run, NULL, scratch, data, t, k, False,
                         delta_of_loss if t == 0 and k == 0 else NULL, sums)
    return total


cdef inline void pair_rows(const Plan *plan, real *scratch, real *rows) noexcept nogil:
    """rows[parameter, sample] += the derivative by every parameter of that along a direction of
    X."""
    cdef Py_ssize_t i
    for i in range(plan.n_steps):
        if plan.steps[i].kind == AFFINE:
            affine_rows(plan.steps + i, True, plan.padded, scratch + plan.values_at,
                        tangent_deltas(plan, scratch, 0), rows, plan.gram_row)
            affine_rows(plan.steps + i, False, plan.padded, tangent_values(plan, scratch, 0),
                        scratch + plan.deltas_at, rows, plan.gram_row)


cdef inline void clear_rows(const Plan *plan, real *rows) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(plan.n_parameters):
        memset(rows + i * plan.gram_row, 0, plan.padded * sizeof(real))


cdef inline Py_ssize_t tile_slope_rows(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count, Py_ssize_t t,
    Py_ssize_t k, bint last, real *out, Py_ssize_t filled, real *sums,
) noexcept nogil:
    """R of output k at position t, one input after the other: written, or summed up as `filled`
    columns become too many for another tile's; returns how many are there."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t n = plan.n_in, S = plan.padded, P = plan.n_parameters, i, s
    cdef Py_ssize_t row = n * plan.n_out * plan.positions * P
    cdef real *along = tangent_values(plan, scratch, 0)
    cdef real *rows = scratch + plan.rows_at
    cdef real root = <real>sqrt(data.slope_weight)
    for i in range(n):
        if run.work.polling.stopped:
            return 0
        memset(along, 0, n * S * sizeof(real))
        for s in range(S):
            if data.lengths == NULL or (
                    i < <Py_ssize_t>scratch[plan.lengths_at + s] * (n // plan.n_steps_in)):
                along[i * S + s] = root
        tangent_forward(run, NULL, scratch, along)
        go_along(run, NULL, scratch, data, t, k, True, NULL, NULL)
        clear_rows(plan, rows + filled)
        pair_rows(plan, scratch, rows + filled)
        if plan.rows_of == SLOPE_ROWS:
            write(plan, rows, P, count, out + i * P, row)
            continue
        filled += S
        if filled + S > plan.gram_samples or (last and i + 1 == n):
            add_gram(plan, scratch, filled, False, sums)
            filled = 0
    return filled


cdef inline void tile_slopes(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t start, Py_ssize_t count,
    real *sums, bint fresh,
) noexcept nogil:
    """What plan.rows_of says, of all but the cost, of a tile whose values are there."""
    cdef const Plan *plan = run.plan
    cdef int what = plan.rows_of
    cdef Py_ssize_t n = plan.n_in, K = plan.n_out, S = plan.padded, P = plan.n_parameters
    cdef Py_ssize_t outputs = K * plan.positions, filled = 0, t, k, i, at
    cdef real *deltas = scratch + plan.deltas_at
    cdef real *along = tangent_values(plan, scratch, 0)
    cdef real *w = scratch + plan.weights_at
    cdef const real *slopes = deltas + plan.input_delta
    cdef real root = <real>sqrt(data.slope_weight)
    if what == SLOPE_GRADIENTS:
        clear_rows(plan, scratch + plan.rows_at)
        for i in range(S):
            w[i] = i < count
    else:
        weigh_rows(run, scratch, data, count)
    if fresh and (what == SLOPE_GRAM or what == SLOPE_TRANSPOSE):
        memset(sums, 0, plan.n_delta * sizeof(real))
    if what == SLOPE_PRODUCT:
        memset(along, 0, n * S * sizeof(real))
        tangent_forward(run, direction(run, 0), scratch, along)
    for t in range(plan.positions):
        weigh_position(plan, scratch, data, t)
        for k in range(K):
            if run.work.polling.stopped:
                return
            at = (start * outputs + t * K + k) * n
            if what == SLOPE_ROWS or what == SLOPE_GRAM:
                filled = tile_slope_rows(run, scratch, data, count, t, k, t * K + k + 1 == outputs,
                                         run.output + at * P, filled, sums)
            elif what == SLOPE_PRODUCT:
                go_along(run, direction(run, 0), scratch, data, t, k, True, NULL, NULL)
                slopes = tangent_deltas(plan, scratch, 0) + plan.input_delta
                for i in range(n * S):
                    along[i] = root * slopes[i]
                write(plan, along, n, count, run.output + at, outputs * n)
            elif what == SLOPE_TRANSPOSE:
                take_numbers(plan, scratch, run.beside + start * outputs * n, NULL, t, k, data,
                             count, along)
                for i in range(n * S):
                    along[i] *= root
                tangent_forward(run, NULL, scratch, along)
                go_along(run, NULL, scratch, data, t, k, True, NULL, sums)
            else:
                begin_from_output(plan, scratch, t, k, deltas)
                program_backward(run, scratch, NULL, deltas, NULL)
                take_numbers(plan, scratch, data.slopes, slopes, t, k, data, count, along)
                slope_errors(n, S, slopes, w + S,
                             root if what == SLOPE_RESIDUALS else data.slope_weight, along,
                             scratch + plan.cost_at)
                if what == SLOPE_RESIDUALS:
                    write(plan, along, n, count, run.output + at, outputs * n)
                    continue
                tangent_forward(run, NULL, scratch, along)
                go_along(run, NULL, scratch, data, t, k, False, NULL, NULL)
                pair_rows(plan, scratch, scratch + plan.rows_at)
    if what == SLOPE_GRADIENTS:
        write(plan, scratch + plan.rows_at, P, count, run.output + start * P, P)
