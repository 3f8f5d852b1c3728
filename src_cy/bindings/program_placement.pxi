# How the samples of a program are cut into tiles, and where all of it lies in a thread's scratch.


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
        while chunks > 1 and chunks * n_sums > <Py_ssize_t>GRAM_DOUBLES:
            chunks //= 2
    cut_chunks(plan, S, n_sums, chunks)
    new_thetas(plan, code)
    place_sums(plan)
    plan.n_delta = plan.n_sums * n_products(plan)
    plan.gram_row = S
    if sums_up:
        plan.gram_row = max(S, <Py_ssize_t>(TABLE_SUM_BYTES // sizeof(real)))
        plan.n_delta = plan.n_parameters * plan.n_parameters
        if plan.n_parameters > MAX_OFFSET // plan.gram_row:
            raise MemoryError(f"a matrix of {plan.n_parameters} parameters by as many is too large")
        plan.places = <int32_t *>allocate(plan.n_parameters * sizeof(int32_t))
        for k in range(plan.n_parameters):
            plan.places[k] = <int32_t>(k * plan.gram_row)
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
    plan.rows_at = take(&top, plan.n_parameters * plan.gram_row if has_rows else 0)
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
