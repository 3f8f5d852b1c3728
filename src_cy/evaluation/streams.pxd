"""A network's program on one tile, with the derivatives of all rows by inputs beside the values.

The steps are laid out for rows of all streams (streams.pxd of steps/), so that products take them
at once.
"""
from libc.string cimport memset

from evaluation.plan cimport Data, Evaluation, Plan
from evaluation.weights cimport leave_out
from matrix.transpose cimport transpose
from simd.lanes cimport real
from steps.affine cimport (
    affine_backward, affine_stream_rows, affine_stream_sums, affine_streams,
)
from steps.function cimport apply_streams, multiply_by_stream_slopes
from steps.gate cimport gate_streams, gate_streams_backward
from steps.pool cimport pool_streams, pool_streams_backward
from steps.step cimport AFFINE, GATE, MAP, Step
from steps.streams cimport Streams


cdef inline void take_points(
    const Plan *plan, const Streams *streams, const Py_ssize_t *inputs, const Data *data,
    real *scratch, Py_ssize_t count,
) noexcept nogil:
    """X feature-major, and its derivatives: 1 by the input itself, else 0. Columns without a sample
    repeat the first. inputs: by which each first derivative is."""
    cdef Py_ssize_t S = streams.samples, row = streams.row, n = plan.n_in, r, s
    cdef real *X = scratch + plan.values_at
    transpose(count, n, data.X, data.x_row, X, row, True)
    for r in range(n):
        for s in range(count, S):
            X[r * row + s] = X[r * row]
        memset(X + r * row + S, 0, (row - S) * sizeof(real))
    for r in range(streams.n_first):
        for s in range(S):
            X[inputs[r] * row + (1 + r) * S + s] = 1


cdef inline void streams_forward(
    const Evaluation *run, const Streams *streams, real *scratch,
) noexcept nogil:
    """Values and derivatives of all rows, from those of X; of the output array those of z(L)."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef real *values = scratch + plan.values_at
    cdef Py_ssize_t i
    for i in range(plan.n_steps):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        if step.kind == AFFINE:
            affine_streams(step, streams, run.theta, values)
        elif step.kind == MAP:
            apply_streams(&step.g, streams, step.n, values + step.a, values + step.out,
                          scratch + plan.room_at, scratch + plan.circuit_at)
        elif step.kind == GATE:
            gate_streams(step, streams, values)
        else:
            pool_streams(step, streams, values)


cdef inline void leave_out_streams(
    Py_ssize_t rows, const Streams *streams, const real *w, real *values,
) noexcept nogil:
    """All streams of samples of weight 0 become 0."""
    cdef Py_ssize_t s
    for s in range(streams.n):
        leave_out(rows, streams.samples, streams.row, w, values + s * streams.samples)


cdef inline void streams_backward(
    const Evaluation *run, const Streams *streams, const real *w, real *scratch, real *sums,
) noexcept nogil:
    """As `program_backward`, of all streams."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef real *values = scratch + plan.values_at
    cdef real *deltas = scratch + plan.deltas_at
    cdef Py_ssize_t i, c
    for i in range(plan.n_steps - 1, -1, -1):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        for c in range(step.n_clears):
            memset(deltas + step.clears[c].at, 0, step.clears[c].n * sizeof(real))
        if step.kind == AFFINE:
            affine_backward(step, step.first_wanted, run.theta, deltas, deltas)
            if sums != NULL:
                affine_stream_sums(step, streams, values, deltas, sums)
        elif step.kind == MAP:
            multiply_by_stream_slopes(&step.g, streams, step.n, values + step.a, values + step.out,
                                      deltas + step.out_delta, scratch + plan.room_at,
                                      scratch + plan.circuit_at)
            if w != NULL:
                leave_out_streams(step.n, streams, w, deltas + step.out_delta)
        elif step.kind == GATE:
            gate_streams_backward(step, streams, values, deltas)
        else:
            pool_streams_backward(step, streams, values, deltas)


cdef inline void stream_parameter_rows(
    const Plan *plan, const Streams *streams, Py_ssize_t n, real *scratch, real *rows,
) noexcept nogil:
    """rows[parameter, sample] of n parameters: the derivative whose deltas are there, by each."""
    cdef Py_ssize_t i
    for i in range(n):
        memset(rows + i * plan.gram_row, 0, streams.samples * sizeof(real))
    for i in range(plan.n_steps):
        if plan.steps[i].kind == AFFINE:
            affine_stream_rows(plan.steps + i, streams, scratch + plan.values_at,
                               scratch + plan.deltas_at, rows, plan.gram_row)
