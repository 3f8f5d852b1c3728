"""z = b + W inputs at many positions, with inputs named by a table: rows' += W' delta, and Delta.

Dense on a sequence, convolution and recurrence are this step with other tables.
"""
from matrix.gathered cimport (
    FROM_BOTH, FROM_NOTHING, FROM_OUT, FROM_ROWS, Run, gathered_product, gathered_sums, run_sums,
    scattered_product,
)
from matrix.sizes cimport TABLE_SUM_BYTES
from simd.lanes cimport real
from steps.step cimport TO_OUT, WITH_BIAS, Step

cdef inline void affine_forward(const Step *step, const real *theta, real *values) noexcept nogil:
    cdef const real *W = theta + step.weights
    cdef const Run *run
    cdef Py_ssize_t r
    cdef int start = FROM_OUT if step.flags & TO_OUT else FROM_NOTHING
    if step.flags & WITH_BIAS:
        start = FROM_BOTH if step.flags & TO_OUT else FROM_ROWS
    for r in range(step.n_runs):
        run = step.runs + r
        gathered_product(step.n_units, run.columns, step.depth, W, step.row, values, run.inputs,
                         start, theta + step.bias, step.row, values + run.out, step.unit_row)


cdef inline void affine_backward(const Step *step, const real *theta, real *deltas) noexcept nogil:
    """Deltas of the inputs += W' delta."""
    cdef Py_ssize_t r, first = step.first_wanted
    cdef const Run *run
    if first == step.depth:
        return
    for r in range(step.n_runs):
        run = step.runs + r
        scattered_product(step.n_units, run.columns, step.depth - first,
                          theta + step.weights + first, step.row, deltas + run.out_delta,
                          step.unit_row, deltas, run.input_deltas + first)


cdef inline void affine_sums(
    const Step *step, const real *values, const real *deltas, real *sums,
) noexcept nogil:
    """Delta += the sum over samples and positions of delta [1, inputs]'."""
    cdef Py_ssize_t r = 0, n, columns
    while r < step.n_all_runs:
        n = columns = 0
        while r + n < step.n_all_runs and columns * <Py_ssize_t>sizeof(real) < TABLE_SUM_BYTES:
            columns += step.all_runs[r + n].columns
            n += 1
        gathered_sums(step.n_units, step.depth, step.all_runs + r, n, deltas, step.unit_row, values,
                      sums + step.delta_weights, step.delta_row)
        if step.flags & WITH_BIAS:
            run_sums(step.n_units, step.all_runs + r, n, deltas, step.unit_row,
                     sums + step.delta_bias)
        r += n
