"""One evaluation of a network: what is done of each tile, and the order of the whole.

Samples are cut, shared out and summed as chunks.pxd says. Each chunk has its own cost and Delta;
where windows are kept (windows.pxd) a chunk is a tile, and Delta is made by columns.
"""
from evaluation.chain cimport tile_backward, tile_forward
from evaluation.chain_tangents cimport tile_tangents_backward, tile_tangents_forward
from evaluation.chain_step cimport ChainStep, pack_weights, packing_pieces
from evaluation.gradient cimport finish_pieces, run_finish
from evaluation.gram cimport gram_pieces, run_gram
from evaluation.jacobian cimport tile_rows
from evaluation.parameters cimport add_in_double, add_squares
from evaluation.outputs cimport tile_loss, write_outputs
from evaluation.plan cimport (
    BY_STEPS, BY_TILES, BY_WINDOWS, GAUSS_NEWTON, NO_ROWS, SAMPLE_MAJOR, SLOPE_COST, SLOPE_GRAM,
    SLOPE_HESSIAN,
    Data, Evaluation, Plan,
)
from evaluation.sample_major cimport sample_major_tile_backward, sample_major_tile_forward
from evaluation.samples cimport tile_data
from evaluation.slope_hessian cimport tile_slope_hessian
from evaluation.slopes cimport tile_slope_cost, tile_slopes
from evaluation.tangents cimport tile_of_program_backward, tile_of_program_forward
from evaluation.weights cimport quotient, weigh
from evaluation.windows cimport run_columns, window_pieces
from matrix.layout cimport round_up
from matrix.product cimport Ahead, prefetch_next
from matrix.sizes cimport LONG_TILE, NARROW_PIECE, PACK_WORK, SAMPLE_MAJOR_SLOWNESS
from simd.lanes cimport real
from work.chunks cimport (
    Tile, add_in_tree, before_tiles, is_last, is_whole, next_tile, share, start_work,
)
from work.polling cimport interruptible, poll


cdef inline void prefetch_tile(
    const Evaluation *run, const Tile *tile, Ahead *ahead,
) noexcept nogil:
    """Prefetches X of the next tile of the chunk, if there is one, while this one is computed.

    In windows the first product prefetches X itself: it would leave the caches before its tile.
    """
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t start = tile.start + tile.count, row = run.data.x_row
    if start < tile.end and row > 0 and not plan.gathers and plan.schedule != BY_WINDOWS:
        prefetch_next(ahead, <const char *>(run.data.X + start * row),
                      min(plan.cut.tile, tile.end - start) * row * sizeof(real))
    else:
        prefetch_next(ahead, NULL, 0)


cdef inline void run_chunk(void *context, int worker, Py_ssize_t chunk) noexcept nogil:
    """The tiles of one chunk, forward and backward: its cost and its Delta, or its outputs."""
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef real *scratch = run.scratch + worker * plan.scratch
    cdef real *sums = run.sums + chunk * plan.n_delta
    cdef Py_ssize_t start, count, columns, place
    cdef Tile tile
    cdef bint is_long = (
        plan.cut.tile * plan.multiply_adds * (1 + 2 * plan.n_tangents)
        * (SAMPLE_MAJOR_SLOWNESS if plan.schedule == SAMPLE_MAJOR else 1) > LONG_TILE)
    cdef Ahead ahead = interruptible(context, worker, is_long)
    cdef Data data
    cdef double cost = 0
    cdef bint some_left_out = False
    if plan.sums_in_double:
        sums = scratch + plan.sums_at
    before_tiles(&run.work, worker, chunk, &tile)
    while next_tile(&tile):
        start = tile.start
        count = tile.count
        columns = plan.padded if plan.schedule == BY_STEPS else round_up(count)
        place = tile.number % plan.group
        prefetch_tile(run, &tile, &ahead)
        data = tile_data(run, scratch, start, count)
        if plan.schedule == BY_STEPS:
            tile_of_program_forward(run, scratch, &data, count)
        elif plan.schedule == SAMPLE_MAJOR:
            sample_major_tile_forward(run, scratch, &data, &ahead)
        else:
            tile_forward(run, scratch, &data, start, count, columns, &ahead)
            tile_tangents_forward(run, scratch, &data, start, count, columns, &ahead)
        if plan.rows_of == SLOPE_COST:
            cost += tile_slope_cost(run, scratch, &data, count, sums, place == 0)
        elif plan.rows_of == SLOPE_HESSIAN:
            tile_slope_hessian(run, scratch, &data, count, sums, place == 0)
        elif plan.rows_of > SLOPE_COST:
            tile_slopes(run, scratch, &data, start, count, sums, place == 0)
        elif plan.rows_of != NO_ROWS:
            tile_rows(run, scratch, &data, start, count, sums, place == 0)
        elif run.output != NULL:
            write_outputs(run, scratch, start, count, columns)
        else:
            cost += tile_loss(run, scratch, &data, count, columns, &some_left_out)
            if run.gradient != NULL and plan.schedule == BY_STEPS:
                tile_of_program_backward(run, scratch, some_left_out, sums, place == 0)
            elif run.gradient != NULL and plan.schedule == SAMPLE_MAJOR:
                sample_major_tile_backward(run, scratch, some_left_out, &ahead)
            elif run.gradient != NULL and plan.n_directions > 0:
                tile_tangents_backward(run, scratch, &data, start, count, columns, some_left_out,
                                       sums, place == 0, &ahead)
            elif run.gradient != NULL:
                tile_backward(run, scratch, &data, start, count, columns, some_left_out, 0, sums,
                              place == 0, &ahead)
        if (run.gradient != NULL and plan.sums_in_double
                and (place + 1 == plan.group or is_last(&tile))):
            add_in_double(plan.n_delta, sums, tile.number == place,
                          run.partial + chunk * plan.n_delta)
    run.costs[chunk] = cost


cdef inline void run_tile(void *context, int worker, Py_ssize_t tile) noexcept nogil:
    """The chunk that is this tile of the window."""
    cdef const Evaluation *run = <const Evaluation *>context
    run_chunk(context, worker, run.window_start // run.plan.cut.tile + tile)


cdef inline void run_narrow(void *context, int worker, Py_ssize_t piece) noexcept nogil:
    """One piece of theta, rounded to float32."""
    cdef const Evaluation *run = <const Evaluation *>context
    cdef real *theta = <real *>run.theta
    cdef Py_ssize_t start = piece * NARROW_PIECE, i
    for i in range(start, min(start + NARROW_PIECE, run.plan.n_given)):
        theta[i] = <real>run.source[i]


cdef inline Py_ssize_t all_packing_pieces(const Plan *plan) noexcept nogil:
    """How many pieces pack theta, or one direction."""
    cdef Py_ssize_t n = 0, l
    for l in range(plan.n_chain):
        n += packing_pieces(plan.chain + l)
    return n


cdef inline void run_pack(void *context, int worker, Py_ssize_t piece) noexcept nogil:
    """One piece of the packed weights: of the first layer, then of the others; of theta, then of
    the directions."""
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer = plan.chain
    cdef Py_ssize_t pieces = all_packing_pieces(plan), stream = piece // pieces
    if worker == 0 and piece > 0:
        poll(context)
    piece -= stream * pieces
    while piece >= packing_pieces(layer):
        piece -= packing_pieces(layer)
        layer += 1
    pack_weights(layer, run.theta + stream * plan.n_parameters, piece,
                 run.packed + stream * plan.n_packed)


cdef inline void weigh_samples(Evaluation *run) noexcept nogil:
    """What the sums are multiplied by, from the weights as they are now."""
    cdef const Plan *plan = run.plan
    cdef double total = plan.cut.m
    run.weight_factor = 1
    if run.data.weights != NULL and (run.output == NULL or plan.rows_of != NO_ROWS):
        total = weigh(run.data.weights, plan.cut.m, plan.l2, &run.weight_factor)
    run.l2 = run.weight_factor * plan.l2
    run.scale = quotient(1, total if plan.mean else run.weight_factor)


cdef inline void evaluate_windows(Evaluation *run) noexcept nogil:
    """Window by window: its tiles, each a chunk; then its part of Delta, piece by piece."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t count
    run.window_start = 0
    while run.window_start < plan.cut.m and is_whole(&run.work):
        count = min(plan.window, plan.cut.m - run.window_start)
        share(&run.work, run_tile, (count + plan.cut.tile - 1) // plan.cut.tile,
              run.work.n_threads)
        if run.gradient != NULL:
            share(&run.work, run_columns, window_pieces(plan), run.work.n_threads)
        run.window_start += plan.window


cdef inline void evaluate(Evaluation *run, long long start, double *cost) noexcept nogil:
    """The whole evaluation; `start` is the time now. Afterwards run.work is whole, or there are no
    results."""
    cdef const Plan *plan = run.plan
    cdef int n_threads = run.work.n_threads
    cdef Py_ssize_t c, streams = 1 + plan.n_directions
    cdef double squares
    start_work(&run.work, start)
    weigh_samples(run)
    if sizeof(real) < sizeof(double) and not run.is_packed:
        share(&run.work, run_narrow, (plan.n_given + NARROW_PIECE - 1) // NARROW_PIECE,
              n_threads)
    if (plan.schedule == BY_TILES or plan.schedule == BY_WINDOWS) and not run.is_packed:
        share(&run.work, run_pack, all_packing_pieces(plan) * streams,
              n_threads if plan.n_packed * streams > PACK_WORK else 1)
    if plan.schedule == BY_WINDOWS:
        evaluate_windows(run)
    else:
        share(&run.work, run_chunk, plan.cut.n_chunks, n_threads)
    if run.output != NULL or not is_whole(&run.work):
        return
    add_in_tree(plan.cut.n_chunks, 1, 1, 0, run.costs)
    cost[0] = run.costs[0]
    if plan.l2 != 0:
        squares = 0
        for c in range(plan.n_thetas):
            squares = add_squares(plan.thetas + c, run.theta, squares)
        cost[0] += 0.5 * run.l2 * squares
    cost[0] *= run.scale
    if plan.rows_of == GAUSS_NEWTON or plan.rows_of == SLOPE_GRAM:
        share(&run.work, run_gram, gram_pieces(plan), n_threads)
    elif run.gradient != NULL and (plan.schedule == BY_STEPS or plan.schedule == BY_TILES):
        c = finish_pieces(plan)
        share(&run.work, run_finish, plan.n_thetas * c * max(plan.n_directions, <Py_ssize_t>1),
              n_threads if c > 1 else 1)
