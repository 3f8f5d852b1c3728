"""Along directions of theta: tangents of all values of a tile, of its deltas, and of Delta.

With the direction V of theta the tangent of a value is its derivative by h at theta + h V. The
tangents of one direction lie as the values do, in a stream of their own beside them, and those of
the deltas likewise. Every step knows its product or chain rule. The sums that are left are

    the tangent of Delta        Hessian times V             (R. Pearlmutter 1994)
    Delta of delta = H t        Gauss-Newton matrix times V (N. Schraudolph 2002)

where t is the tangent of z(L) and H the curvature of the loss there (curvature.pxd).
"""
from libc.string cimport memset

from evaluation.passes cimport program_backward, program_forward
from evaluation.plan cimport NO_ROWS, Data, Evaluation, Plan
from evaluation.weights cimport leave_out
from simd.lanes cimport real
from steps.affine cimport affine_backward, affine_sums, affine_tangent
from steps.function cimport apply_tangent, multiply_by_slopes, multiply_by_tangent
from steps.gate cimport gate_backward, gate_tangent, gate_tangent_backward
from steps.pool cimport pool_backward, pool_tangent
from steps.step cimport AFFINE, GATE, MAP, Step


cdef inline const real *direction(const Evaluation *run, Py_ssize_t i) noexcept nogil:
    """V i: the directions follow theta."""
    return run.theta + (1 + i) * run.plan.n_parameters


cdef inline real *tangent_values(const Plan *plan, real *scratch, Py_ssize_t i) noexcept nogil:
    return scratch + plan.tangents_at + i * plan.n_values


cdef inline real *tangent_deltas(const Plan *plan, real *scratch, Py_ssize_t i) noexcept nogil:
    return scratch + plan.delta_tangents_at + i * plan.n_deltas


cdef inline void tangent_forward(
    const Evaluation *run, const real *V, real *scratch, real *tangents,
) noexcept nogil:
    """Tangents of all rows, of the values that program_forward has left."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef Py_ssize_t S = plan.padded, i
    cdef const real *values = scratch + plan.values_at
    for i in range(plan.n_steps):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        if step.kind == AFFINE:
            affine_tangent(step, run.theta, V, values, tangents)
        elif step.kind == MAP:
            apply_tangent(&step.g, 1, step.n * S, step.n * S, values + step.a, values + step.out,
                          tangents + step.a, tangents + step.out, scratch + plan.circuit_at)
        elif step.kind == GATE:
            gate_tangent(step, S, scratch + plan.lengths_at, values, tangents)
        else:
            pool_tangent(step, S, values, tangents)


cdef inline void step_backward(
    const Evaluation *run, const Step *step, Py_ssize_t first, const real *V, real *scratch,
    const real *w, const real *tangents, const real *deltas, real *delta_tangents, real *sums,
) noexcept nogil:
    """The tangents of what a step backward adds to, from its deltas and their tangents.

    first: of the inputs of an affine step, those from there on; w: the weights of the samples if
    some are left out, else NULL.
    """
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t S = plan.padded
    cdef const real *values = scratch + plan.values_at
    if step.kind == AFFINE:
        affine_backward(step, first, run.theta, delta_tangents, delta_tangents)
        if V != NULL:
            affine_backward(step, first, V, deltas, delta_tangents)
        if sums != NULL:
            affine_sums(step, 0, True, values, delta_tangents, sums)
            affine_sums(step, step.first_tangent, False, tangents, deltas, sums)
    elif step.kind == MAP:
        multiply_by_tangent(
            &step.g, 1, step.n * S, step.n * S, values + step.a, values + step.out,
            deltas + step.out_delta, tangents + step.a, delta_tangents + step.out_delta,
            scratch + plan.room_at, scratch + plan.circuit_at)
        if w != NULL:
            leave_out(step.n, S, S, w, delta_tangents + step.out_delta)
    elif step.kind == GATE:
        gate_backward(step, S, scratch + plan.lengths_at, values, delta_tangents)
        gate_tangent_backward(step, S, tangents, deltas, delta_tangents)
    else:
        pool_backward(step, S, values, delta_tangents)


cdef inline void hessian_backward(
    const Evaluation *run, Py_ssize_t n_tangents, bint to_inputs, const real *V, real *scratch,
    const real *w, real *sums,
) noexcept nogil:
    """The deltas, which all directions share, and their tangents, of X too if so asked; and those
    of Delta, if there are sums for them. V: the first of the directions of theta, or NULL if they
    are directions of X."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef Py_ssize_t S = plan.padded, i, k, c, first
    cdef const real *values = scratch + plan.values_at
    cdef real *deltas = scratch + plan.deltas_at
    for i in range(plan.n_steps - 1, -1, -1):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        first = step.first_wanted if to_inputs else step.first_hidden
        for c in range(step.n_clears):
            memset(deltas + step.clears[c].at, 0, step.clears[c].n * sizeof(real))
        for k in range(n_tangents):
            for c in range(step.n_clears):
                memset(tangent_deltas(plan, scratch, k) + step.clears[c].at, 0,
                       step.clears[c].n * sizeof(real))
            step_backward(run, step, first, V + k * plan.n_parameters if V != NULL else NULL,
                          scratch, w, tangent_values(plan, scratch, k), deltas,
                          tangent_deltas(plan, scratch, k),
                          sums + k * plan.n_sums if sums != NULL else NULL)
        if step.kind == AFFINE:
            affine_backward(step, first, run.theta, deltas, deltas)
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


cdef inline void tile_of_program_forward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count,
) noexcept nogil:
    """Values, and the tangents of all directions."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t k
    program_forward(run, scratch, data, count)
    for k in range(plan.n_directions if plan.rows_of == NO_ROWS else 0):
        tangent_forward(run, direction(run, k), scratch, tangent_values(plan, scratch, k))


cdef inline void tile_of_program_backward(
    const Evaluation *run, real *scratch, bint some_left_out, real *sums, bint fresh,
) noexcept nogil:
    """Adds to the sums of this tile's chunk, or sets them: Delta, or its tangents, or what a
    Gauss-Newton product is made of."""
    cdef const Plan *plan = run.plan
    cdef const real *w = scratch + plan.weights_at if some_left_out else NULL
    cdef Py_ssize_t S = plan.padded, k
    if fresh:
        memset(sums, 0, plan.n_delta * sizeof(real))
    # The deltas of a sample that is left out are 0, and must not meet what is infinite.
    if some_left_out:
        leave_out(plan.n_values // S, S, S, w, scratch + plan.values_at)
        for k in range(plan.n_tangents):
            leave_out(plan.n_values // S, S, S, w, tangent_values(plan, scratch, k))
    if plan.n_tangents == 0:
        program_backward(run, scratch, w, scratch + plan.deltas_at, sums)
    elif plan.gauss_newton:
        for k in range(plan.n_tangents):
            program_backward(run, scratch, w, tangent_deltas(plan, scratch, k),
                             sums + k * plan.n_sums)
    else:
        hessian_backward(run, plan.n_tangents, False, direction(run, 0), scratch, w, sums)
