"""A network's program on one tile of samples, forward and backward.

Every array of the program lies in the scratch of a thread row after row, a row being the tile's
samples in whole cache lines. Rows are not reused: values and deltas of all steps live until the
tile is done, so that Delta of weights that many steps share is made at once.
"""
from libc.stdint cimport int64_t
from libc.string cimport memset

from evaluation.plan cimport NO_ROWS, Data, Evaluation, Plan
from evaluation.weights cimport leave_out
from matrix.transpose cimport transpose
from simd.lanes cimport real
from steps.affine cimport affine_backward, affine_forward, affine_sums
from steps.function cimport apply, multiply_by_slopes
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


cdef inline bint goes_back(const Evaluation *run) noexcept nogil:
    """Whether slopes are needed after the values."""
    return run.gradient != NULL or run.plan.rows_of != NO_ROWS


cdef inline void program_forward(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count,
) noexcept nogil:
    """Values of all rows; those of the output array are z(L)."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef Py_ssize_t S = plan.padded, i
    cdef real *values = scratch + plan.values_at
    take_data(plan, data, scratch, count)
    for i in range(plan.n_steps):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        if step.kind == AFFINE:
            affine_forward(step, run.theta, values)
        elif step.kind == MAP:
            apply(&step.g, goes_back(run) and step.keeps_z, 1, step.n * S, step.n * S,
                  values + step.a, values + step.out, scratch + plan.circuit_at)
        elif step.kind == GATE:
            gate_forward(step, S, scratch + plan.lengths_at, values)
        else:
            pool_forward(step, S, values)


cdef inline void program_backward(
    const Evaluation *run, real *scratch, const real *w, real *deltas, real *sums,
) noexcept nogil:
    """Deltas of all rows; adds to Delta in `sums`, unless that is NULL. w: the weights, if some
    samples are left out, else NULL."""
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
            affine_backward(step, step.first_wanted, run.theta, deltas, deltas)
            if sums != NULL:
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
