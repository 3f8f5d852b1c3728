"""z = b + W inputs at many positions, with inputs named by a table: rows' += W' delta, and Delta.

Dense on a sequence, convolution and recurrence are this step with other tables. With a direction V
of theta and the tangents of the inputs, those of z, of delta and of Delta follow by the product
rule; an input without a delta, X above all, has no tangent.
"""
from matrix.gathered cimport (
    FROM_BOTH, FROM_NOTHING, FROM_OUT, FROM_ROWS, Run, gathered_product, gathered_sums, run_sums,
    scattered_product,
)
from matrix.sizes cimport TABLE_SUM_BYTES
from simd.lanes cimport real
from steps.step cimport TO_OUT, WITH_BIAS, Step


cdef inline void multiply_inputs(
    const Step *step, Py_ssize_t first, const real *theta, const real *inputs, int start, real *out,
) noexcept nogil:
    """out = start + W inputs, those from `first` on."""
    cdef const Run *run
    cdef Py_ssize_t r
    for r in range(step.n_runs):
        run = step.runs + r
        gathered_product(step.n_units, run.columns, step.depth - first,
                         theta + step.weights + first, step.row, inputs, run.inputs + first, start,
                         theta + step.bias, step.row, out + run.out, step.unit_row)


cdef inline void affine_forward(const Step *step, const real *theta, real *values) noexcept nogil:
    cdef int start = FROM_OUT if step.flags & TO_OUT else FROM_NOTHING
    if step.flags & WITH_BIAS:
        start = FROM_BOTH if step.flags & TO_OUT else FROM_ROWS
    multiply_inputs(step, 0, theta, values, start, values)


cdef inline void affine_tangent(
    const Step *step, const real *theta, const real *V, const real *values, real *tangents,
) noexcept nogil:
    """The tangent of z: W tangents of the inputs + V [1, inputs]."""
    cdef bint adds = step.flags & TO_OUT
    if step.first_wanted < step.depth:
        multiply_inputs(step, step.first_wanted, theta, tangents,
                        FROM_OUT if adds else FROM_NOTHING, tangents)
        adds = True
    if step.flags & WITH_BIAS:
        multiply_inputs(step, 0, V, values, FROM_BOTH if adds else FROM_ROWS, tangents)
    else:
        multiply_inputs(step, 0, V, values, FROM_OUT if adds else FROM_NOTHING, tangents)


cdef inline void affine_backward(
    const Step *step, const real *theta, const real *delta, real *deltas,
) noexcept nogil:
    """Deltas of the inputs += W' delta."""
    cdef Py_ssize_t r, first = step.first_wanted
    cdef const Run *run
    if first == step.depth:
        return
    for r in range(step.n_runs):
        run = step.runs + r
        scattered_product(step.n_units, run.columns, step.depth - first,
                          theta + step.weights + first, step.row, delta + run.out_delta,
                          step.unit_row, run.apart, deltas, run.input_deltas + first)


cdef inline void affine_sums(
    const Step *step, Py_ssize_t first, bint with_bias, const real *values, const real *deltas,
    real *sums,
) noexcept nogil:
    """Delta += the sum over samples and positions of delta [1, inputs]', of the inputs from `first`
    on, and of the 1 if it has a bias and that is asked for."""
    cdef Py_ssize_t r = 0, n, columns
    if step.n_all_runs > 0 and first == step.depth and not with_bias:
        return
    while r < step.n_all_runs:
        n = columns = 0
        while r + n < step.n_all_runs and columns * <Py_ssize_t>sizeof(real) < TABLE_SUM_BYTES:
            columns += step.all_runs[r + n].columns
            n += 1
        gathered_sums(step.n_units, first, step.depth, step.all_runs + r, n, deltas, step.unit_row,
                      values, sums + step.delta_weights, step.delta_row)
        if with_bias and step.flags & WITH_BIAS:
            run_sums(step.n_units, step.all_runs + r, n, deltas, step.unit_row,
                     sums + step.delta_bias)
        r += n
