# Where everything lies that residuals at points need: streams, the tape and its sources.


@cython.final
cdef class PointSpace:
    """How m points run through a network with streams and a tape, and the memory they do it in."""
    cdef Workspace workspace
    cdef Collocation collocation
    cdef SampleTape tape

    def __cinit__(self):
        memset(&self.collocation, 0, sizeof(Collocation))

    def __dealloc__(self):
        free(<void *>self.collocation.streams.left)
        free(<void *>self.collocation.streams.right)
        free(<void *>self.collocation.inputs)
        free(<void *>self.collocation.sources)


cdef int lay_streams(
    Collocation *c, const int32_t *inputs, Py_ssize_t n_first, const int32_t *pairs,
    Py_ssize_t n_second, Py_ssize_t S,
) except -1:
    """The streams of a tile of S samples."""
    cdef Streams *streams = &c.streams
    cdef Py_ssize_t n = 1 + n_first + n_second, i
    cdef Py_ssize_t *left = <Py_ssize_t *>allocate(n * sizeof(Py_ssize_t))
    cdef Py_ssize_t *right
    cdef Py_ssize_t *by
    streams.left = left
    right = <Py_ssize_t *>allocate(n * sizeof(Py_ssize_t))
    streams.right = right
    by = <Py_ssize_t *>allocate(n * sizeof(Py_ssize_t))
    c.inputs = by
    streams.samples, streams.n, streams.row, streams.n_first = S, n, n * S, n_first
    for i in range(n_first):
        by[i] = inputs[i]
    for i in range(n_second):
        left[1 + n_first + i] = (1 + pairs[2 * i]) * S
        right[1 + n_first + i] = (1 + pairs[2 * i + 1]) * S
    return 0


cdef int lay_sources(
    PointSpace self, const ProgramCode *code, const int32_t *sources,
) except -1:
    """Where the tape's inputs are, and the deltas of those that are outputs."""
    cdef Collocation *c = &self.collocation
    cdef ProgramLayout layout = self.workspace.layout
    cdef Py_ssize_t n = self.tape.tape.code.n_columns, S = c.streams.samples, i, output
    cdef Source *source = <Source *>allocate(n * sizeof(Source))
    c.sources = source
    c.n_outputs = 0
    for i in range(n):
        source[i].kind = sources[3 * i]
        source[i].at = sources[3 * i + 1]
        if source[i].kind == OF_INPUT:
            source[i].at = layout.value(code, sources[3 * i + 1])
        elif source[i].kind == OF_OUTPUT:
            output = code.output + sources[3 * i + 1]
            source[i].at = layout.value(code, output) + sources[3 * i + 2] * S
            source[i].delta_at = layout.delta(code, output) + sources[3 * i + 2] * S
            c.n_outputs += 1
    c.output_delta = layout.delta(code, code.output)
    c.n_output_delta = code.arrays[2 * array_of(code, code.output)] * c.streams.row
    return 0


cdef int place_points(PointSpace self, Py_ssize_t circuit_size) except -1:
    """The scratch of a thread; the streams and sources are laid out."""
    cdef Plan *plan = &self.workspace.plan
    cdef Collocation *c = &self.collocation
    cdef const Code *code = &self.tape.tape.code
    cdef ProgramLayout layout = self.workspace.layout
    cdef Py_ssize_t S = plan.padded, widest = 1, unit = 4 * LANES, top = 0, k
    for k in range(plan.n_steps):
        widest = max(widest, plan.steps[k].n)
    plan.values_at = take(&top, plan.n_values)
    plan.deltas_at = take(&top, plan.n_deltas)
    plan.room_at = take(&top, 3 * widest * S if circuit_size > 0 else 0)
    take_gram_rows(plan, &top, plan.rows_of in (
        CURVATURE_ROWS, GAUSS_NEWTON, GAUSS_NEWTON_PRODUCT, RESIDUAL_PRODUCT),
        plan.rows_of == GAUSS_NEWTON)
    c.columns = (S + unit - 1) // unit * unit       # what short gates take at once
    c.numbers_at = take(&top, code.n_numbers + 1)
    c.splats_at = take(&top, (code.n_numbers + 1) * LANES)
    c.slots_at = take(&top, code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real)))
    c.tape_at = take(&top, (code.n_slots - code.n_numbers) * c.columns)
    c.residuals_at = take(&top, c.n_residuals * S)
    # Columns of data lie where targets do, a row for each.
    plan.y_at = take(&top, plan.n_out * S)
    plan.cost_at = take(&top, S)
    plan.weights_at = take(&top, S)
    plan.sums_at = take(&top, plan.n_delta if plan.sums_in_double else 0)
    plan.circuit_at = take(&top, circuit_size)
    plan.gathered_at = take(&top, gathered_size(plan))
    plan.scratch = top
    plan.steps = layout.steps
    return 0
