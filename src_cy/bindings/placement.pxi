# How an evaluation is cut, and where everything lies: the samples in tiles, chunks and windows,
# Delta in what is summed or kept, the arrays of a tile in the scratch of a thread.


cdef Py_ssize_t reals_to_alignment(const real *X, Py_ssize_t row) noexcept:
    """How many reals before each row of X an aligned register begins; 0 where rows differ in
    that."""
    cdef Py_ssize_t over = <Py_ssize_t>(<size_t>X % <size_t>(LANES * sizeof(real)))
    if row % LANES != 0 or over % <Py_ssize_t>sizeof(real) != 0:
        return 0
    return over // <Py_ssize_t>sizeof(real)


cdef bint is_worth_packing(const Plan *plan) noexcept:
    """Whether a plain chain has products along directions from its own schedules, with what they
    pack and transpose, or step by step as any program."""
    cdef Py_ssize_t numbers = plan.n_in, l
    for l in range(plan.n_chain):
        numbers += plan.chain[l].n_out
    return plan.n_parameters >= PRODUCT_WORK * numbers


cdef void cut_plan(Plan *plan) noexcept:
    """The schedule of a plain chain; its tiles, chunks and windows. They follow from m and the
    widths alone, never from the register length: the order of the sums must not."""
    cdef Py_ssize_t samples = MAX_TILE, widest = 0, streams = 1 + plan.n_directions, n, l
    cdef Py_ssize_t reals = 0       # of one sample
    for l in range(plan.n_chain):
        reals += plan.chain[l].n_out * (2 if plan.chain[l].keeps_z or streams > 1 else 1)
        widest = max(widest, plan.chain[l].n_out)
    reals = (reals + 3 * widest) * streams + plan.chain.n_in + plan.chain.n_out
    plan.sample_major = 0
    if streams == 1 and plan.cut.m * <Py_ssize_t>sizeof(real) <= <Py_ssize_t>SAMPLE_MAJOR_BYTES:
        plan.sample_major = plan.cut.m
    plan.sample_major_row = round_up(max(widest, plan.chain.n_in))
    plan.window = 0
    if plan.n_parameters * <Py_ssize_t>sizeof(real) <= LARGE_THETA:
        if plan.cut.m > MAX_TILE:
            samples = TILE_ROW_BYTES // sizeof(real)
        while samples > MIN_TILE and samples * reals * <Py_ssize_t>sizeof(real) > TILE_BYTES:
            samples //= 2
    elif plan.chain.n_out >= PACK_ROWS and plan.sample_major == 0:
        samples = WINDOW_TILE
        plan.window = choose_window(plan, samples)
    elif plan.cut.m >= 4 * samples:
        # Weights and Delta pass once for each tile: larger ones, a multiple of 4 of them.
        n = (plan.cut.m + 8 * samples - 1) // (8 * samples) * 4
        samples = (plan.cut.m + 16 * n - 1) // (16 * n) * 16
    plan.schedule = BY_TILES
    if plan.sample_major > 0:
        plan.schedule = SAMPLE_MAJOR
    elif plan.window > 0:
        plan.schedule = BY_WINDOWS
    cut_chunks(plan, min(samples, plan.cut.m), plan.n_parameters, MIN_CHUNKS)
    plan.padded = round_up(plan.cut.tile)
    plan.stride = row_stride(plan.padded)


cdef void cut_chunks(
    Plan *plan, Py_ssize_t tile, Py_ssize_t n_sums, Py_ssize_t least,
) noexcept:
    """Tiles into chunks, `least` or more, and a chunk's into groups; n_sums: numbers that each
    chunk sums up."""
    cdef Cut *cut = &plan.cut
    # In windows each tile is a chunk, without sums of its own.
    cdef Py_ssize_t most = cut.m
    if plan.window == 0:
        most = max(least, min(
            <Py_ssize_t>MAX_CHUNKS, <Py_ssize_t>CHUNK_DOUBLES // n_sums))
    cut[0] = cut_samples(cut.m, tile, tile, most)
    plan.group = max(<Py_ssize_t>1, <Py_ssize_t>MAX_TILE // tile)
    if sizeof(real) == sizeof(double):
        plan.group = cut.n_grains
    plan.sums_in_double = (cut.n_grains + cut.n_chunks - 1) // cut.n_chunks > plan.group


cdef Py_ssize_t choose_window(Plan *plan, Py_ssize_t tile) noexcept:
    """How many samples to keep at once: all, or even parts of them in whole tiles."""
    cdef Py_ssize_t streams = 1 + plan.n_directions, windows, l
    cdef Py_ssize_t reals = 0, most = plan.n_parameters * (2 * streams - 1)   # of a sample, of all
    for l in range(plan.n_chain):
        reals += (plan.chain[l].n_in + plan.chain[l].n_out) * streams
    most = max(most, WINDOW_BYTES // <Py_ssize_t>sizeof(real)) // reals
    most = max(min(most, <Py_ssize_t>MAX_WINDOW), tile)
    windows = (plan.cut.m + most - 1) // most
    return (plan.cut.m + windows * tile - 1) // (windows * tile) * tile


cdef int new_thetas(Plan *plan, const ProgramCode *code) except -1:
    """The matrices Theta, which follow one another in theta."""
    cdef ThetaBlock *theta
    cdef Py_ssize_t k, at = 0
    plan.n_thetas = code.n_thetas
    plan.thetas = <ThetaBlock *>allocate(code.n_thetas * sizeof(ThetaBlock))
    for k in range(code.n_thetas):
        theta = &plan.thetas[k]
        theta.n_out, theta.n_in = code.thetas[2 * k], code.thetas[2 * k + 1]
        theta.columns = theta.n_in
        theta.at = at
        at += theta.n_out * (theta.n_in + 1)
    return 0


cdef void place_sums(Plan *plan) noexcept:
    """Delta of all matrices in the sums of a chunk."""
    cdef ThetaBlock *theta
    cdef Py_ssize_t k
    plan.n_sums = 0
    for k in range(plan.n_thetas):
        theta = &plan.thetas[k]
        theta.delta_at = take(&plan.n_sums, delta_size(theta))
        theta.bias_at = take(&plan.n_sums, theta.n_out)


cdef void place_window(Plan *plan) noexcept:
    """Where the cache of a window has what Delta is made of."""
    cdef ChainStep *layer
    cdef Py_ssize_t l
    plan.n_cached = plan.n_units = 0
    for l in range(plan.n_chain):
        layer = &plan.chain[l]
        layer.cached_inputs_at = layer.cached_a_at = -1
        if l > 0:       # X is where the user has it
            layer.cached_inputs_at = plan.chain[l - 1].cached_a_at = take(
                &plan.n_cached, strips_size(round_up(layer.n_in), plan.window))
        layer.cached_delta_at = take(&plan.n_cached, plan.window * layer.n_out)
        layer.theta.bias_at = take(&plan.n_units, layer.n_out)
    plan.cached_biases_at = take(&plan.n_cached, plan.window // plan.cut.tile * plan.n_units)


cdef void place_arrays(Plan *plan, Py_ssize_t circuit_size) noexcept:
    """The packed weights, and the scratch of a thread."""
    cdef ChainStep *layer = plan.chain
    cdef ChainStep *last = plan.chain + plan.n_chain - 1
    cdef Py_ssize_t samples = plan.padded, packed = 0, top = 0, l, rows, size
    cdef Py_ssize_t at_size = 0, delta_size = 0, packed_delta_size = 0
    cdef Py_ssize_t edges_size = samples * 2 * LANES
    cdef Py_ssize_t piece_size = 0
    cdef Py_ssize_t columns = max(plan.window, samples)   # W packed serves all tiles of a window
    cdef bint pays
    for l in range(plan.n_chain):
        layer = &plan.chain[l]
        layer.transposed_at = layer.forward_at = layer.backward_at = -1
        if l == 0:      # where X would have to be packed, it is transposed instead
            pays = packing_pays(plan.cut.tile, round_up(layer.n_out))
        else:
            pays = plan.cut.m >= PACK_SAMPLES and packing_pays(layer.n_out, columns)
        if pays:
            layer.forward_at = packed
            packed += (layer.n_in + 1) * layer.n_out
        elif l == 0:
            layer.transposed_at = packed
            packed += strips_size(layer.n_in + 1, layer.n_out)
        if l > 0 and plan.cut.m >= PACK_SAMPLES and packing_pays(layer.n_in, columns):
            layer.backward_at = packed
            packed += layer.n_in * layer.n_out
        # Whole registers of units, so that a tile is transposed without looking at its edges.
        rows = round_up(layer.n_out)
        layer.layout = by_rows(NULL, plan.stride)
        if packs_delta(layer) or plan.window > 0:
            packed_delta_size = max(packed_delta_size, layer.n_out * plan.cut.tile)
            if layer != last:       # losses take outputs by rows
                layer.layout = by_strips(NULL, rows, samples)
        if plan.window > 0 and plan.loss >= 0:
            piece_size = max(piece_size, copied_size(plan) + strips_size(layer.n_out, min(
                layer.n_in, piece_columns(layer))))
        if l > 0:
            layer.inputs_layout = plan.chain[l - 1].layout
        size = size_of(layer.layout, rows, samples)
        layer.z_at = layer.a_at = take(&top, size)
        if layer.keeps_z or plan.n_directions > 0:
            layer.a_at = take(&top, size)
        delta_size = max(delta_size, size)
        if l > 0:
            at_size = max(at_size, size_of(by_samples(layer, NULL, samples), samples, layer.n_in))
    if plan.window > 0:       # they are in the cache of the window
        at_size = packed_delta_size = edges_size = 0
    plan.n_packed = packed
    plan.delta_at = take(&top, delta_size)
    plan.output_z_at, plan.output_a_at, plan.output_delta_at = last.z_at, last.a_at, plan.delta_at
    plan.below_at = take(&top, delta_size)
    # So much for each stream; tangents.pxd looks for values and deltas at one place.
    plan.n_values = plan.n_deltas = plan.tangents_at = plan.delta_tangents_at = top
    plan.values_at = plan.deltas_at = 0
    take(&top, plan.n_directions * plan.n_values)
    if plan.n_directions > 0:
        plan.curvature_at = take(&top, CURVATURE_ARRAYS * plan.n_out * plan.stride)
        plan.room_at = take(&top, delta_size)
    plan.a_transposed_at = take(&top, at_size)
    layer = plan.chain
    if layer.transposed_at >= 0:
        plan.z_transposed_at = take(&top, strips_size(samples, layer.n_out))
    plan.packed_delta_at = take(&top, packed_delta_size)
    plan.edges_at = take(&top, edges_size)
    plan.sample_major_at = take(
        &top, plan.sample_major * plan.sample_major_row * (2 * plan.n_chain + 3))
    if sizeof(real) < sizeof(double):       # a in float64
        plan.double_at = take(&top, 2 * plan.sample_major * plan.sample_major_row)
    place_rest(plan, top, circuit_size)
    plan.delta_scratch = 0
    take(&plan.delta_scratch, piece_size)


cdef void place_rest(Plan *plan, Py_ssize_t top, Py_ssize_t circuit_size) noexcept:
    """What the scratch of a thread has for every schedule, from `top` on."""
    cdef Py_ssize_t weights = plan.padded if plan.weighted else 0
    if plan.schedule == BY_STEPS:       # of all samples, and of those that have a position
        weights = 2 * plan.padded
    plan.y_at = take(&top, plan.n_out * plan.positions * plan.stride)
    plan.beside_at = take(&top, plan.n_beside * plan.stride)
    plan.cost_at = take(&top, plan.stride)
    plan.missing_at = take(&top, plan.stride if plan.may_miss else 0)
    plan.weights_at = take(&top, weights)
    plan.sums_at = take(&top, plan.n_delta if plan.sums_in_double else 0)
    plan.circuit_at = take(&top, circuit_size)
    plan.gathered_at = take(&top, gathered_size(plan))
    plan.scratch = top


cdef void find_whole(Plan *plan, Py_ssize_t x_row) noexcept:
    """Which samples can be read in whole registers without leaving the data."""
    cdef ChainStep *layer = plan.chain
    cdef Py_ssize_t beyond = layer.theta.columns - layer.theta.shift - layer.n_in
    plan.whole_from = plan.whole_to = 0
    if plan.gathers:
        plan.whole_to = plan.cut.m
    elif x_row >= layer.n_in:       # else rows overlap, or are one and the same
        plan.whole_from = (layer.theta.shift + x_row - 1) // x_row
        plan.whole_to = plan.cut.m - (beyond + x_row - 1) // x_row
