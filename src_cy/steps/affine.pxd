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
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from steps.step cimport TO_OUT, WITH_BIAS, Step
from steps.streams cimport Streams


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
    """The tangent of z: W tangents of the inputs + V [1, inputs]. Without V it is that along a
    direction of X, which has tangents then."""
    cdef bint adds = step.flags & TO_OUT
    if V == NULL:
        multiply_inputs(step, 0, theta, tangents, FROM_OUT if adds else FROM_NOTHING, tangents)
        return
    if step.first_wanted < step.depth:
        multiply_inputs(step, step.first_wanted, theta, tangents,
                        FROM_OUT if adds else FROM_NOTHING, tangents)
        adds = True
    if step.flags & WITH_BIAS:
        multiply_inputs(step, 0, V, values, FROM_BOTH if adds else FROM_ROWS, tangents)
    else:
        multiply_inputs(step, 0, V, values, FROM_OUT if adds else FROM_NOTHING, tangents)


cdef inline void affine_backward(
    const Step *step, Py_ssize_t first, const real *theta, const real *delta, real *deltas,
) noexcept nogil:
    """Deltas of the inputs += W' delta, those from `first` on."""
    cdef Py_ssize_t r
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


cdef inline kernel_void add_row(
    Py_ssize_t n_samples, Py_ssize_t columns, const real *delta, const real *input, real *out,
) noexcept nogil:
    """out[sample] += the sum of delta input over the positions side by side; without input, of
    delta."""
    cdef Py_ssize_t c = 0, p
    cdef lanes_t total
    while c < n_samples:
        total = lanes_load(out + c)
        p = c
        while p < columns:
            if input != NULL:
                total += lanes_load(delta + p) * lanes_load(input + p)
            else:
                total += lanes_load(delta + p)
            p += n_samples
        lanes_store(out + c, total)
        c += LANES


cdef inline kernel_void add_numbers(
    Py_ssize_t units, Py_ssize_t positions, const Streams *streams, const real *numbers,
    Py_ssize_t row, real *out, Py_ssize_t unit_row,
) noexcept nogil:
    """out[unit, position] += one number of each unit, where the values are."""
    cdef Py_ssize_t u, p, c
    cdef lanes_t number
    for u in range(units):
        number = lanes_splat(numbers[u * row])
        for p in range(positions):
            c = p * streams.row
            while c < p * streams.row + streams.samples:
                lanes_store(out + c, lanes_load(out + c) + number)
                c += LANES
        out += unit_row


cdef inline void affine_streams(
    const Step *step, const Streams *streams, const real *theta, real *values,
) noexcept nogil:
    """Of all streams; the bias belongs to the value alone."""
    cdef const Run *run
    cdef Py_ssize_t r
    multiply_inputs(step, 0, theta, values, FROM_OUT if step.flags & TO_OUT else FROM_NOTHING,
                    values)
    for r in range(step.n_runs if step.flags & WITH_BIAS else 0):
        run = step.runs + r
        add_numbers(step.n_units, run.columns // streams.row, streams, theta + step.bias, step.row,
                    values + run.out, step.unit_row)


cdef inline void affine_stream_sums(
    const Step *step, const Streams *streams, const real *values, const real *deltas, real *sums,
) noexcept nogil:
    """Delta as in `affine_sums`; that of the bias of the value alone."""
    cdef Run one
    cdef Py_ssize_t r, at
    affine_sums(step, 0, False, values, deltas, sums)
    for r in range(step.n_all_runs if step.flags & WITH_BIAS else 0):
        one = step.all_runs[r]
        one.columns = streams.samples
        at = 0
        while at < step.all_runs[r].columns:
            run_sums(step.n_units, &one, 1, deltas, step.unit_row, sums + step.delta_bias)
            one.out_delta += streams.row
            at += streams.row


cdef inline void affine_stream_rows(
    const Step *step, const Streams *streams, const real *values, const real *deltas, real *rows,
    Py_ssize_t row,
) noexcept nogil:
    """As `affine_rows`, summed over the streams too."""
    cdef Py_ssize_t r, u, at
    cdef const Run *run
    affine_rows(step, False, streams.samples, values, deltas, rows, row)
    for r in range(step.n_runs if step.flags & WITH_BIAS else 0):
        run = step.runs + r
        for u in range(step.n_units):
            at = run.out_delta + u * step.unit_row
            while at < run.out_delta + u * step.unit_row + run.columns:
                add_row(streams.samples, streams.samples, deltas + at, NULL,
                        rows + (step.bias + u * step.row) * row)
                at += streams.row


cdef inline void affine_rows(
    const Step *step, bint with_bias, Py_ssize_t n_samples, const real *values, const real *deltas,
    real *rows, Py_ssize_t row,
) noexcept nogil:
    """Adds to rows[parameter, sample] the sum over positions of delta [1, inputs]'; of the 1 if it
    has a bias and that is asked for."""
    cdef Py_ssize_t r, u, k
    cdef const Run *run
    cdef const real *delta
    for r in range(step.n_runs):
        run = step.runs + r
        for u in range(step.n_units):
            delta = deltas + run.out_delta + u * step.unit_row
            if with_bias and step.flags & WITH_BIAS:
                add_row(n_samples, run.columns, delta, NULL,
                        rows + (step.bias + u * step.row) * row)
            for k in range(step.depth):
                add_row(n_samples, run.columns, delta, values + run.inputs[k],
                        rows + (step.weights + u * step.row + k) * row)
