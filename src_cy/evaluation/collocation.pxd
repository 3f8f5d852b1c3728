"""Collocation: residuals of a network's outputs and their derivatives by inputs, at points.

    J = 1/2 scale sum_i w_i sum_j r_j(x_i, a, a_x, a_xx, ...; further parameters)^2 + the penalty

Of a tile the streams come first; then a tape makes of them the residuals, and the derivatives of
these, or of their squares, by every stream of the outputs: the deltas with which the backward pass
begins. What plan.rows_of asks for is as in jacobian.pxd, a residual in the place of an output.
"""
from libc.math cimport sqrt
from libc.stdint cimport int32_t
from libc.string cimport memset

from evaluation.gradient cimport finish_pieces, run_finish, sum_chunks
from evaluation.gram cimport add_gram, gram_pieces, run_gram
from evaluation.network cimport run_narrow, weigh_samples
from evaluation.parameters cimport add_in_double, add_squares
from evaluation.plan cimport (
    CURVATURE_ROWS, GAUSS_NEWTON, GAUSS_NEWTON_PRODUCT, NO_ROWS, RESIDUAL_PRODUCT,
    RESIDUAL_TRANSPOSE, RESIDUALS, Data, Evaluation, Plan,
)
from evaluation.samples cimport tile_data
from evaluation.streams cimport (
    leave_out_streams, stream_parameter_rows, streams_backward, streams_forward, take_points,
)
from evaluation.sums cimport sum_cost
from evaluation.tangents cimport direction
from evaluation.weights cimport multiply_weights, tile_weights
from matrix.gathered cimport Run, gathered_sums
from matrix.sizes cimport NARROW_PIECE
from matrix.transpose cimport transpose
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from steps.streams cimport Streams
from tape.numbers cimport run_threaded
from tape.tape cimport Code, Coming, Row, lay_rows, run_rows
from work.chunks cimport (
    Tile, add_in_tree, before_tiles, is_last, is_whole, next_tile, share, start_work,
)

cdef enum SourceKind:
    OF_INPUT, OF_OUTPUT, OF_DATA, N_SOURCES


cdef struct Source:         # of a varying input of the tape
    int kind
    Py_ssize_t at           # in the values of a tile; of data, its number
    Py_ssize_t delta_at     # of an output: in the deltas


cdef struct Collocation:
    Streams streams
    const Py_ssize_t *inputs    # by which the first derivatives are
    const Source *sources
    Py_ssize_t n_outputs        # sources that are streams of outputs
    Py_ssize_t n_residuals
    Py_ssize_t n_network        # parameters of the network; the further ones follow
    Py_ssize_t n_further
    Py_ssize_t n_directions     # of a product with the Gauss-Newton matrix
    # Outputs of the tape: 1/2 r^2, its derivatives by the outputs' streams and by the further
    # parameters; or all residuals, then the derivatives of each.
    const Code *code
    Py_ssize_t output_delta     # deltas of the output array, so many
    Py_ssize_t n_output_delta
    # In the scratch of a thread
    Py_ssize_t numbers_at, splats_at, slots_at, tape_at
    Py_ssize_t columns          # samples of a tile, in what the tape takes at once
    Py_ssize_t residuals_at     # or one row of them for each direction


cdef struct StreamRun:
    Evaluation run              # first: see chunks.pxd
    const Collocation *collocation


cdef inline void prepare_tape(
    const Evaluation *run, const Collocation *c, real *scratch,
) noexcept nogil:
    """What does not vary over the samples: numbers, the further parameters first."""
    cdef const Code *code = c.code
    cdef real *numbers = scratch + c.numbers_at
    cdef Py_ssize_t i
    for i in range(c.n_further):
        numbers[i] = run.theta[c.n_network + i]
    for i in range(code.n_constants):
        numbers[c.n_further + i] = code.constants[i]
    run_threaded(code.number_gates, numbers)
    for i in range(code.n_numbers):
        lanes_store(scratch + c.splats_at + i * LANES, lanes_splat(numbers[i]))


cdef inline Row *run_tape(
    const Plan *plan, const Collocation *c, const Data *data, Py_ssize_t count, real *scratch,
) noexcept nogil:
    """The rows of the tape, after it has run."""
    cdef const Code *code = c.code
    cdef Row *rows = <Row *>(scratch + c.slots_at)
    cdef Py_ssize_t S = c.streams.samples, i, s
    cdef real *y = scratch + plan.y_at
    cdef const real *source
    cdef real *own
    cdef Coming nothing
    lay_rows(code, scratch + c.splats_at, scratch + c.tape_at, c.columns, rows)
    if data.targets != NULL:
        transpose(count, plan.n_out, data.targets, plan.n_out, y, S, True)
        for i in range(plan.n_out):
            for s in range(count, S):
                y[i * S + s] = y[i * S]
    for i in range(code.n_columns):
        source = scratch + plan.values_at + c.sources[i].at
        if c.sources[i].kind == OF_DATA:
            source = y + c.sources[i].at * S
        own = rows[code.n_numbers + i].at
        for s in range(S):
            own[s] = source[s]
        for s in range(S, c.columns):
            own[s] = source[0]
    nothing.columns = NULL
    nothing.n_columns = nothing.start = 0
    run_rows(code.gates, code.n_gates, rows, c.columns, &nothing, 0)
    return rows


cdef inline kernel_void take_row(
    Py_ssize_t n, const Row *row, const real *w, real *out,
) noexcept nogil:
    """out = the row, times w where there are weights."""
    cdef const real *p = row.at
    cdef Py_ssize_t i = 0
    while i < n:
        lanes_store(out + i, lanes_load(p))
        p += row.step
        i += LANES
    if w != NULL:
        multiply_weights(1, n, n, w, out)


cdef inline void begin_deltas(
    const Plan *plan, const Collocation *c, const Row *rows, Py_ssize_t first, const real *w,
    real *scratch,
) noexcept nogil:
    """The deltas of the outputs' streams: outputs of the tape from `first` on."""
    cdef real *deltas = scratch + plan.deltas_at
    cdef Py_ssize_t i, k = 0
    memset(deltas + c.output_delta, 0, c.n_output_delta * sizeof(real))
    for i in range(c.code.n_columns):
        if c.sources[i].kind == OF_OUTPUT:
            take_row(c.streams.samples, rows + c.code.outputs[first + k], w,
                     deltas + c.sources[i].delta_at)
            k += 1


cdef inline double tile_cost(
    const Evaluation *run, const Collocation *c, const Data *data, Py_ssize_t count, real *scratch,
    real *sums, bint fresh,
) noexcept nogil:
    """The cost of a tile; adds to its chunk's sums, or sets them, if a gradient is wanted."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t S = c.streams.samples, s, i
    cdef real *w = scratch + plan.weights_at
    cdef real *cost = scratch + plan.cost_at
    cdef bint some_left_out = False, weighs = data.weights != NULL or count < S
    cdef const Row *rows = run_tape(plan, c, data, count, scratch)
    cdef double total
    if data.weights != NULL:
        some_left_out = tile_weights(data.weights, run.weight_factor, count, S, w)
    elif weighs:
        for s in range(S):
            w[s] = s < count
    if not weighs:
        w = NULL
    take_row(S, rows + c.code.outputs[0], w, cost)
    total = sum_cost(cost, count)
    if run.gradient == NULL:
        return total
    if fresh:
        memset(sums, 0, plan.n_delta * sizeof(real))
    begin_deltas(plan, c, rows, 1, w, scratch)
    for i in range(c.n_further):
        take_row(S, rows + c.code.outputs[1 + c.n_outputs + i], w, cost)
        sums[plan.n_sums + i] += <real>sum_cost(cost, count)
    if some_left_out:
        leave_out_streams(plan.n_values // c.streams.row, &c.streams, w, scratch + plan.values_at)
    streams_backward(run, &c.streams, w if some_left_out else NULL, scratch, sums)
    return total


cdef inline bint weigh_residuals(
    const Evaluation *run, const Collocation *c, const Data *data, Py_ssize_t count, real *scratch,
) noexcept nogil:
    """Roots of the samples' shares in the mean, 0 where there is none. Samples of weight 0 are left
    out; returns whether there are some."""
    cdef bint some = False
    cdef const Plan *plan = run.plan
    cdef real *w = scratch + plan.weights_at
    cdef Py_ssize_t S = c.streams.samples, s
    if data.weights != NULL:
        some = tile_weights(data.weights, run.weight_factor, count, S, w)
        if some:
            leave_out_streams(plan.n_values // c.streams.row, &c.streams, w,
                              scratch + plan.values_at)
    else:
        for s in range(S):
            w[s] = s < count
    for s in range(S):
        w[s] = <real>sqrt(w[s] * run.scale)
    return some


cdef inline void residual_rows(
    const Evaluation *run, const Collocation *c, const Row *rows, Py_ssize_t j, bint some_left_out,
    real *scratch, real *out,
) noexcept nogil:
    """out[parameter, sample]: the derivatives of residual j times the roots of the shares."""
    cdef const Plan *plan = run.plan
    cdef const real *w = scratch + plan.weights_at
    cdef Py_ssize_t first = c.n_residuals + j * (c.n_outputs + c.n_further), i
    begin_deltas(plan, c, rows, first, w, scratch)
    streams_backward(run, &c.streams, w if some_left_out else NULL, scratch, NULL)
    stream_parameter_rows(plan, &c.streams, c.n_network, scratch, out)
    for i in range(c.n_further):
        take_row(c.streams.samples, rows + c.code.outputs[first + c.n_outputs + i], w,
                 out + (c.n_network + i) * plan.gram_row)


cdef inline kernel_void combine_rows(
    Py_ssize_t n, Py_ssize_t S, const real *rows, Py_ssize_t row, const real *v, real *out,
) noexcept nogil:
    """out[sample] = sum_k v_k rows[k, sample]."""
    cdef Py_ssize_t s = 0, k
    cdef lanes_t total
    while s < S:
        total = lanes_splat(0)
        for k in range(n):
            total += lanes_splat(v[k]) * lanes_load(rows + k * row + s)
        lanes_store(out + s, total)
        s += LANES


cdef inline void add_product_sums(
    const Evaluation *run, const Collocation *c, const real *rows, real *scratch, real *sums,
) noexcept nogil:
    """Adds R' (R v) of these rows of R, [parameter, sample], for every direction v."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t P = plan.n_parameters, k
    cdef real *product = scratch + c.residuals_at
    cdef int32_t here = 0
    cdef Run one = Run(&here, &here, 0, 0, c.streams.samples, True)
    for k in range(c.n_directions):
        combine_rows(P, c.streams.samples, rows, plan.gram_row, direction(run, k), product)
        gathered_sums(P, 0, 1, &one, 1, rows, plan.gram_row, product, sums + k * P, 1)


cdef inline void tile_transpose(
    const Evaluation *run, const Collocation *c, const Row *rows, Py_ssize_t start,
    Py_ssize_t count, bint some_left_out, real *scratch, real *sums,
) noexcept nogil:
    """Adds R'u, by one backward pass: the deltas of all residuals come together."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t S = c.streams.samples, R = c.n_residuals, n = c.n_outputs + c.n_further
    cdef Py_ssize_t i, j, k, s
    cdef real *u = scratch + c.residuals_at
    cdef real *one = scratch + plan.cost_at
    cdef real *deltas = scratch + plan.deltas_at
    transpose(count, R, run.beside + start * R, R, u, S, True)
    for j in range(R):
        for s in range(count, S):
            u[j * S + s] = 0
        multiply_weights(1, S, S, scratch + plan.weights_at, u + j * S)
    memset(deltas + c.output_delta, 0, c.n_output_delta * sizeof(real))
    for j in range(R):
        k = 0
        for i in range(c.code.n_columns):
            if c.sources[i].kind == OF_OUTPUT:
                take_row(S, rows + c.code.outputs[R + j * n + k], u + j * S, one)
                for s in range(S):
                    deltas[c.sources[i].delta_at + s] += one[s]
                k += 1
        for i in range(c.n_further):
            take_row(S, rows + c.code.outputs[R + j * n + c.n_outputs + i], u + j * S, one)
            sums[plan.n_sums + i] += <real>sum_cost(one, count)
    streams_backward(run, &c.streams, scratch + plan.weights_at if some_left_out else NULL,
                     scratch, sums)


cdef inline void tile_residual_rows(
    const Evaluation *run, const Collocation *c, const Data *data, Py_ssize_t start,
    Py_ssize_t count, real *scratch, real *sums, bint fresh, bint last, Py_ssize_t *filled,
) noexcept nogil:
    """What plan.rows_of says, of a tile whose streams are there.

    filled: columns of R that wait to be summed up to R'R, from one tile to the next. fresh, last:
    whether the tile is the first or the last of those that are summed in `real`.
    """
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t S = c.streams.samples, R = c.n_residuals, P = plan.n_parameters, j
    cdef int what = plan.rows_of
    cdef real *out = scratch + plan.rows_at
    cdef real *residuals = scratch + c.residuals_at
    cdef const Row *rows = run_tape(plan, c, data, count, scratch)
    cdef bint some_left_out = weigh_residuals(run, c, data, count, scratch)
    if fresh and what in (RESIDUAL_TRANSPOSE, GAUSS_NEWTON, GAUSS_NEWTON_PRODUCT):
        memset(sums, 0, plan.n_delta * sizeof(real))
    if what == RESIDUAL_TRANSPOSE:
        tile_transpose(run, c, rows, start, count, some_left_out, scratch, sums)
        return
    for j in range(R):
        if run.work.polling.stopped:
            return
        if what == RESIDUALS:
            take_row(S, rows + c.code.outputs[j], scratch + plan.weights_at, residuals + j * S)
            continue
        residual_rows(run, c, rows, j, some_left_out, scratch, out + filled[0])
        if what == CURVATURE_ROWS:
            transpose(P, count, out, plan.gram_row, run.output + (start * R + j) * P, R * P, False)
        elif what == RESIDUAL_PRODUCT:
            combine_rows(P, S, out, plan.gram_row, direction(run, 0), residuals + j * S)
        elif what == GAUSS_NEWTON_PRODUCT:
            add_product_sums(run, c, out, scratch, sums)
        else:
            filled[0] += S
            if filled[0] + S > plan.gram_samples or (last and j + 1 == R):
                add_gram(plan, scratch, filled[0], False, sums)
                filled[0] = 0
    if what == RESIDUALS or what == RESIDUAL_PRODUCT:
        transpose(R, count, residuals, S, run.output + start * R, R, False)


cdef inline void run_points(void *context, int worker, Py_ssize_t chunk) noexcept nogil:
    """The tiles of one chunk: its cost and its sums, or rows."""
    cdef const Collocation *c = (<StreamRun *>context).collocation
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef real *scratch = run.scratch + worker * plan.scratch
    cdef real *sums = run.sums + chunk * plan.n_delta
    cdef Tile tile
    cdef Data data
    cdef double cost = 0
    cdef Py_ssize_t place, filled = 0
    cdef bint last
    if plan.sums_in_double:
        sums = scratch + plan.sums_at
    prepare_tape(run, c, scratch)
    before_tiles(&run.work, worker, chunk, &tile)
    while next_tile(&tile):
        place = tile.number % plan.group
        last = place + 1 == plan.group or is_last(&tile)
        data = tile_data(run, scratch, tile.start, tile.count)
        take_points(plan, &c.streams, c.inputs, &data, scratch, tile.count)
        streams_forward(run, &c.streams, scratch)
        if plan.rows_of == NO_ROWS:
            cost += tile_cost(run, c, &data, tile.count, scratch, sums, place == 0)
        else:
            tile_residual_rows(run, c, &data, tile.start, tile.count, scratch, sums, place == 0,
                               last, &filled)
        if run.gradient != NULL and plan.sums_in_double and last:
            add_in_double(plan.n_delta, sums, tile.number == place,
                          run.partial + chunk * plan.n_delta)
    run.costs[chunk] = cost


cdef inline void evaluate_collocation(
    StreamRun *context, long long start, double *cost,
) noexcept nogil:
    """The whole evaluation, as `evaluate` of network.pxd."""
    cdef Evaluation *run = &context.run
    cdef const Collocation *c = context.collocation
    cdef const Plan *plan = run.plan
    cdef int n_threads = run.work.n_threads
    cdef Py_ssize_t i, n
    cdef double squares = 0, further = 0
    cdef const double *sums
    start_work(&run.work, start)
    weigh_samples(run)
    if sizeof(real) < sizeof(double):
        share(&run.work, run_narrow, (plan.n_given + NARROW_PIECE - 1) // NARROW_PIECE, n_threads)
    share(&run.work, run_points, plan.cut.n_chunks, n_threads)
    if run.output != NULL or not is_whole(&run.work):
        return
    add_in_tree(plan.cut.n_chunks, 1, 1, 0, run.costs)
    cost[0] = run.costs[0]
    for i in range(plan.n_thetas if plan.l2 != 0 else 0):
        squares = add_squares(plan.thetas + i, run.theta, squares)
    cost[0] = run.scale * (cost[0] + 0.5 * run.l2 * squares)
    if run.gradient == NULL:
        return
    if plan.rows_of == GAUSS_NEWTON:
        share(&run.work, run_gram, gram_pieces(plan), n_threads)
        return
    if plan.rows_of == GAUSS_NEWTON_PRODUCT:
        n = plan.n_delta
        sums = sum_chunks(run, 0, n, run.gradient)
        for i in range(n):
            run.gradient[i] = sums[i]
        return
    n = finish_pieces(plan)
    share(&run.work, run_finish, plan.n_thetas * n, n_threads if n > 1 else 1)
    for i in range(c.n_further):
        sums = sum_chunks(run, plan.n_sums + i, 1, &further)
        run.gradient[c.n_network + i] = sums[0] * (run.scale if plan.rows_of == NO_ROWS else 1)
