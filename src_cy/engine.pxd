"""One evaluation: tiles (tile.pxd) shared out in chunks, sums in a fixed order.

The samples are cut into tiles and the tiles into chunks, by m and the widths alone. Each chunk has
its own cost and Delta, added up in a fixed order in the end; where spans are kept (span.pxd) a
chunk is a tile, and Delta is made by columns. Threads only choose who computes a chunk, so that
cost and gradient have the same bits for every number of threads.
"""
from dense cimport Dense, pack, pack_shares, regularize, sums_of, widen
from lanes cimport real
from layout cimport Strips, adjacent, column, round_up
from plan cimport Data, Evaluation, Plan
from polling cimport interruptible, poll, start_polling
from product cimport Ahead, ask_for
from span cimport run_columns, span_shares
from tile cimport (
    few_tile_backward, few_tile_forward, tile_backward, tile_data, tile_forward, tile_loss,
)
from transpose cimport transpose
from weights cimport quotient, weigh
from fastbp._threads cimport parallel_for

cdef enum:
    LONG_TILE = 100000000           # multiply-adds of a forward pass on it: some 10 ms
    NARROW_SHARE = 131072           # parameters to float32 at once: more are worth a thread
    SLOW_FEW = 8                    # how much longer one takes where weights come from memory


cdef inline void ask_for_tile(
    const Evaluation *run, Py_ssize_t tile, Py_ssize_t end, Ahead *ahead,
) noexcept nogil:
    """X of this tile comes from memory while another is computed, if it is one before `end`."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t start = tile * plan.tile, row = run.data.x_row
    if tile < end and row > 0 and not plan.gathers:
        ask_for(ahead, <const char *>(run.data.X + start * row),
                min(plan.tile, plan.m - start) * row * sizeof(real))
    else:
        ask_for(ahead, NULL, 0)


cdef inline void run_chunk(void *context, int worker, Py_ssize_t chunk) noexcept nogil:
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef real *scratch = run.scratch + worker * plan.scratch
    cdef real *sums = run.sums + chunk * plan.n_delta
    cdef const Dense *last = plan.layers + plan.n_layers - 1
    cdef Py_ssize_t first = chunk * plan.n_tiles // plan.n_chunks
    cdef Py_ssize_t stop = (chunk + 1) * plan.n_tiles // plan.n_chunks
    cdef Py_ssize_t tile, step = 1, end = stop, start, count, columns, place
    cdef bint is_long = (
        plan.tile * plan.n_parameters * (SLOW_FEW if plan.few > 0 else 1) > LONG_TILE)
    cdef Ahead ahead = interruptible(context, worker, is_long)
    cdef Data data
    cdef double cost = 0
    cdef bint some_left_out = False
    if plan.widens:
        sums = scratch + plan.sums_at
    if plan.span > 0:       # chunks of one tile: a thread's next is about so far on
        step, end = run.n_threads, plan.n_tiles
    for tile in range(first, stop):
        if run.stopped:
            return
        start = tile * plan.tile
        count = min(plan.tile, plan.m - start)
        columns = round_up(count)
        ask_for_tile(run, tile + step, end, &ahead)
        data = tile_data(run, scratch, start, count)
        if plan.few > 0:
            few_tile_forward(run, scratch, &data, &ahead)
        else:
            tile_forward(run, scratch, &data, start, count, columns, &ahead)
        if run.output != NULL:
            transpose(last.n_out, count, scratch + (last.z_at if run.from_z else last.a_at),
                      plan.stride, run.output + start * last.n_out, last.n_out, False)
        else:
            cost += tile_loss(run, scratch, &data, count, columns, &some_left_out)
            if run.gradient != NULL and plan.few > 0:
                few_tile_backward(run, scratch, some_left_out, &ahead)
            elif run.gradient != NULL:
                place = (tile - first) % plan.group
                tile_backward(run, scratch, &data, start, count, columns, some_left_out, sums,
                              place == 0, &ahead)
                if plan.widens and (place + 1 == plan.group or tile + 1 == stop):
                    widen(plan.n_delta, sums, tile - place == first,
                          run.partial + chunk * plan.n_delta)
        if worker == 0 and plan.n_tiles > 1:
            poll(context)
    run.costs[chunk] = cost


cdef inline void run_tile(void *context, int worker, Py_ssize_t tile) noexcept nogil:
    """The chunk that is this tile of the span."""
    cdef const Evaluation *run = <const Evaluation *>context
    run_chunk(context, worker, run.span_start // run.plan.tile + tile)


cdef inline void run_narrow(void *context, int worker, Py_ssize_t share) noexcept nogil:
    """theta in float32."""
    cdef const Evaluation *run = <const Evaluation *>context
    cdef real *theta = <real *>run.theta
    cdef Py_ssize_t start = share * NARROW_SHARE, i
    for i in range(start, min(start + NARROW_SHARE, run.plan.n_parameters)):
        theta[i] = <real>run.source[i]


cdef inline void run_pack(void *context, int worker, Py_ssize_t share) noexcept nogil:
    """One share of the packed weights: of the first layer, then of the others."""
    cdef Evaluation *run = <Evaluation *>context
    cdef const Dense *layer = run.plan.layers
    if worker == 0 and share > 0:
        poll(context)
    while share >= pack_shares(layer):
        share -= pack_shares(layer)
        layer += 1
    pack(layer, run.theta, share, run.packed)


cdef inline void run_finish(void *context, int worker, Py_ssize_t item) noexcept nogil:
    """D = scale (Delta + l2 [0, W]) for one layer's share, the chunks added up in their order."""
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef const Dense *layer = plan.layers + item % plan.n_layers
    cdef Py_ssize_t share = item // plan.n_layers, shares = finish_shares(plan)
    cdef Py_ssize_t first = share * layer.n_out // shares
    cdef Py_ssize_t stop = (share + 1) * layer.n_out // shares
    cdef Py_ssize_t j, c, n, at, row = layer.n_in + 1
    cdef Strips Delta = sums_of(layer, run.sums)
    cdef const double *sums
    cdef double *D
    if worker == 0 and share > 0:
        poll(context)
    for j in range(first, stop):
        D = run.gradient + layer.theta_at + j * row
        D[0] = run.scale * sum_chunks(run, layer.bias_at + j, 1, D)[0]
    c = layer.shift
    while c < layer.shift + layer.n_in:
        n = adjacent(Delta, c, layer.shift + layer.n_in)
        for j in range(first, stop):
            at = layer.theta_at + j * row + 1 + c - layer.shift
            D = run.gradient + at
            sums = sum_chunks(run, column(Delta, c) + j * Delta.row - run.sums, n, D)
            regularize(n, sums, run.theta + at, run.scale, run.l2, D)
        c += n


cdef inline const double *sum_chunks(
    const Evaluation *run, Py_ssize_t at, Py_ssize_t n, double *total,
) noexcept nogil:
    """The n sums from `at` on over all chunks: in `total`, or where those of a single one are."""
    cdef Py_ssize_t c, i, row = run.plan.n_delta
    cdef const double *wide = run.partial + at
    if run.plan.n_chunks == 1 and sizeof(real) == sizeof(double):
        return wide
    for c in range(run.plan.n_chunks):
        if run.plan.widens:
            for i in range(n):
                total[i] = wide[c * row + i] if c == 0 else total[i] + wide[c * row + i]
        else:
            widen(n, run.sums + c * row + at, c == 0, total)
    return total


cdef inline Py_ssize_t finish_shares(const Plan *plan) noexcept nogil:
    """Into how many items the end of an evaluation is cut, for each layer."""
    return 1 + plan.n_delta * plan.n_chunks // 262144


cdef inline double sum_squares(const Plan *plan, const real *theta) noexcept nogil:
    """Sum of squared weights, bias free, in double: eight sums for each unit's row."""
    cdef const Dense *layer
    cdef const real *row
    cdef double total = 0
    cdef double part[8]
    cdef Py_ssize_t l, j, i
    cdef int k
    for l in range(plan.n_layers):
        layer = plan.layers + l
        for j in range(layer.n_out):
            row = theta + layer.theta_at + j * (layer.n_in + 1) + 1
            for k in range(8):
                part[k] = 0
            for i in range(layer.n_in // 8):
                for k in range(8):
                    part[k] += <double>row[8 * i + k] * <double>row[8 * i + k]
            for i in range(layer.n_in // 8 * 8, layer.n_in):
                part[i % 8] += <double>row[i] * <double>row[i]
            total += (((part[0] + part[4]) + (part[2] + part[6]))
                      + ((part[1] + part[5]) + (part[3] + part[7])))
    return total


cdef inline void weigh_samples(Evaluation *run) noexcept nogil:
    """What the sums are multiplied by, from the weights as they are now."""
    cdef const Plan *plan = run.plan
    cdef double total = plan.m
    run.weight_factor = 1
    if run.data.weights != NULL and run.output == NULL:
        total = weigh(run.data.weights, plan.m, plan.l2, &run.weight_factor)
    run.l2 = run.weight_factor * plan.l2
    run.scale = quotient(1, total if plan.mean else run.weight_factor)


cdef inline Py_ssize_t evaluate_spans(Evaluation *run) noexcept nogil:
    """Span by span the tiles, each a chunk, then the gradient."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t missing = 0, count
    run.span_start = 0
    while run.span_start < plan.m and missing == 0 and not run.stopped:
        count = min(plan.span, plan.m - run.span_start)
        missing = parallel_for(run_tile, poll, run, (count + plan.tile - 1) // plan.tile,
                               run.n_threads)
        if run.gradient != NULL and missing == 0 and not run.stopped:
            missing = parallel_for(run_columns, poll, run, span_shares(plan), run.n_threads)
        run.span_start += plan.span
    return missing


cdef inline Py_ssize_t evaluate(Evaluation *run, long long start, double *cost) noexcept nogil:
    """Everything; it is `start` now. Returns how many shares of the work were not done (see
    parallel_for)."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t missing, c, step
    start_polling(start, &run.next_poll, &run.stopped)
    weigh_samples(run)
    missing = 0
    if sizeof(real) < sizeof(double) and not run.is_packed:
        missing += parallel_for(run_narrow, poll, run,
                                (plan.n_parameters + NARROW_SHARE - 1) // NARROW_SHARE,
                                run.n_threads)
    if plan.few == 0 and not run.is_packed:
        c = 0
        for step in range(plan.n_layers):
            c += pack_shares(plan.layers + step)
        missing += parallel_for(
            run_pack, poll, run, c,
            run.n_threads if plan.layers.n_in * plan.layers.n_out > 100000 else 1)
    if plan.span > 0:
        missing += evaluate_spans(run)
    else:
        missing += parallel_for(run_chunk, poll, run, plan.n_chunks, run.n_threads)
    if run.stopped or missing > 0 or run.output != NULL:
        return missing
    step = 1
    while step < plan.n_chunks:
        c = 0
        while c + step < plan.n_chunks:
            run.costs[c] += run.costs[c + step]
            c += 2 * step
        step *= 2
    cost[0] = run.costs[0]
    if plan.l2 != 0:
        cost[0] += 0.5 * run.l2 * sum_squares(plan, run.theta)
    cost[0] *= run.scale
    if run.gradient != NULL and plan.few == 0 and plan.span == 0:
        c = finish_shares(plan)
        missing += parallel_for(
            run_finish, poll, run, plan.n_layers * c, run.n_threads if c > 1 else 1)
    return missing
