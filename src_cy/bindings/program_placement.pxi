# How the samples of a program are cut into tiles, and where all of it lies in a thread's scratch.


cdef Py_ssize_t gram_chunks(const Plan *plan, Py_ssize_t rows) noexcept:
    """The least number of chunks that sum up R'R, of so many rows of R for each sample."""
    cdef Py_ssize_t chunks = MIN_CHUNKS, n_sums = plan.n_parameters * plan.n_parameters
    while chunks > 1 and (chunks * n_sums > <Py_ssize_t>GRAM_DOUBLES
                          or chunks * <Py_ssize_t>GRAM_SAMPLES > 2 * plan.cut.m * rows):
        chunks //= 2
    return chunks


cdef void place_gram_rows(Plan *plan, Py_ssize_t S, bint sums_up) noexcept:
    """How rows [parameter, sample] lie, of a tile of S samples or of as many as are summed up."""
    plan.gram_row = plan.gram_samples = S
    if sums_up:
        plan.gram_samples = max(S, <Py_ssize_t>GRAM_SAMPLES)
        plan.gram_row = row_stride(plan.gram_samples)


cdef void take_gram_rows(Plan *plan, Py_ssize_t *top, bint has_rows, bint sums_up) noexcept:
    """Where they are."""
    plan.rows_at = take(top, round_up(plan.n_parameters) * plan.gram_row if has_rows else 0)
    plan.rows_transposed_at = take(top, transposed_rows_size(plan) if sums_up else 0)
    plan.packed_rows_at = take(top, packed_rows_size(plan) if sums_up else 0)


cdef int place_program(Workspace self) except -1:
    """How the samples are cut into tiles, and where everything lies in the scratch of a thread."""
    cdef Plan *plan = &self.plan
    cdef const ProgramCode *code = &self.chain.code
    cdef Py_ssize_t line = 64 // sizeof(real), S = MAX_TILE, k, top = 0
    cdef Py_ssize_t K = plan.n_out * plan.positions
    cdef Py_ssize_t widest = K, reals = program_reals(code, plan.n_tangents > 0)
    # Weights that do not stay in the caches are read once for each tile.
    cdef Py_ssize_t bytes = max(
        <Py_ssize_t>PROGRAM_TILE_BYTES, 2 * plan.n_parameters * <Py_ssize_t>sizeof(real))
    # X has no tangents: what is set apart for them is not touched.
    reals += plan.n_tangents * (reals - plan.n_in) + 2 * K
    cdef Py_ssize_t n_sums = plan.n_parameters, chunks = MIN_CHUNKS
    cdef bint wants_inputs = plan.rows_of >= FORWARD_PRODUCT
    cdef bint sums_up = plan.rows_of in (GAUSS_NEWTON, SLOPE_GRAM)
    cdef bint has_rows = sums_up or plan.rows_of in (
        CURVATURE_ROWS, SAMPLE_GRADIENTS, SLOPE_ROWS, SLOPE_GRADIENTS)
    if wants_inputs:
        reals += plan.n_in * (1 + plan.n_tangents)
    if has_rows:
        reals += plan.n_parameters
    while S > line and (
            S >= 2 * plan.cut.m or S * reals * <Py_ssize_t>sizeof(real) > bytes):
        S //= 2
    plan.schedule = BY_STEPS
    plan.padded = plan.stride = S
    if sums_up:
        n_sums *= plan.n_parameters
        chunks = gram_chunks(plan, K if plan.rows_of == GAUSS_NEWTON else K * plan.n_in)
    cut_chunks(plan, S, n_sums, chunks)
    new_thetas(plan, code)
    place_sums(plan)
    plan.n_delta = plan.n_sums * n_products(plan)
    place_gram_rows(plan, S, sums_up)
    if sums_up:
        plan.n_delta = gram_size(plan)
    self.layout = lay_program(code, plan.thetas, S, plan.n_tangents > 0, wants_inputs)
    plan.steps = self.layout.steps
    plan.n_steps = code.n_steps
    plan.n_values = self.layout.n_values
    plan.n_deltas = self.layout.n_deltas
    for k in range(plan.n_steps):
        widest = max(widest, plan.steps[k].n)
    plan.values_at = take(&top, self.layout.n_values)
    plan.input_delta = self.layout.delta(code, 0)
    plan.deltas_at = take(
        &top, self.layout.n_deltas if plan.loss >= 0 or plan.rows_of != NO_ROWS else 0)
    take_gram_rows(plan, &top, has_rows, sums_up)
    plan.output_z_at = plan.values_at + self.layout.value(code, code.output)
    plan.output_delta_at = plan.deltas_at + self.layout.delta(code, code.output)
    plan.tangents_at = take(&top, plan.n_tangents * plan.n_values)
    plan.delta_tangents_at = take(&top, plan.n_tangents * plan.n_deltas)
    if plan.n_tangents > 0 or plan.rows_of != NO_ROWS:
        plan.curvature_at = take(&top, CURVATURE_ARRAYS * plan.n_out * S)
        plan.room_at = take(&top, widest * S)
    plan.slopes_at = take(&top, 2 * K * S if plan.rows_of == SLOPE_COST else 0)
    plan.lengths_at = take(&top, S)
    plan.output_a_at = take(&top, K * S)
    place_rest(plan, top, self.chain.circuit_size)
    return 0
