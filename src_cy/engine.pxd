"""One evaluation: tiles of samples through the network and back, sums in a fixed order.

The samples are cut into tiles and the tiles into chunks, by m and the widths alone. Each chunk has
its own partial sums; in the end they are added up in a fixed tree. Threads only choose who computes
a chunk, so that cost and gradient have the same bits for every number of threads.
"""
from libc.stdint cimport int64_t
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from activations cimport activate
from dense cimport (
    Dense, accumulate, backward, fill, forward_first, forward_hidden, pack_first, pack_turned,
    round_up,
)
from few cimport few_backward, few_forward, few_gradient
from lanes cimport LANES, lanes_load, lanes_store, real
from losses cimport apply_loss
from plan cimport Evaluation, Plan
from product cimport Ahead, DEPTH, matrix
from transpose cimport transpose, turn
from fastbp._threads cimport parallel_for

cdef extern from "Python.h":
    # Not cpython.exc's, which is declared to raise: here the exception must stay set (see poll).
    int PyErr_CheckSignals()


cdef enum:
    PACK_FEATURES = 64              # features of the first layer packed by one item of work
    POLL_NANOSECONDS = 50000000
    LONG_TILE = 100000000           # multiply-adds of a forward pass on it: some 10 ms


cdef inline long long now() noexcept nogil:
    """Monotonic nanoseconds."""
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <long long>t.tv_sec * 1000000000 + t.tv_nsec


cdef inline void poll(void *context) noexcept nogil:
    """On the calling thread: looks for Ctrl-C every 50 ms of work. The exception stays set."""
    cdef Evaluation *run = <Evaluation *>context
    cdef long long t = now()
    if t >= run.next_poll and not run.stopped:
        with gil:
            if PyErr_CheckSignals() != 0:
                run.stopped = True
        run.next_poll = now() + POLL_NANOSECONDS


cdef inline bint poll_within(void *context) noexcept nogil:
    """Between the parts of a long product, on the calling thread."""
    poll(context)
    return (<Evaluation *>context).stopped


cdef inline bint is_stopped(void *context) noexcept nogil:
    """The same, on the others."""
    return (<Evaluation *>context).stopped


cdef inline void tile_forward(
    const Evaluation *run, real *scratch, Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns,
    Ahead *ahead,
) noexcept nogil:
    cdef const Plan *plan = run.plan
    cdef Dense *layer = plan.layers
    cdef Py_ssize_t i
    forward_first(layer, run.packed, plan.packed_row,
                  plan.X + start * plan.x_row, plan.x_row, count, columns, plan.stride,
                  scratch + plan.zt_at, scratch + layer.z_at, scratch + plan.mixed_at, ahead)
    for i in range(plan.n_layers):
        if i > 0:
            forward_hidden(layer, run.theta, scratch + plan.layers[i - 1].a_at, columns,
                           plan.stride, scratch + layer.z_at, ahead)
        activate(layer.activation, 0, layer.n_out, columns, plan.stride,
                 scratch + layer.z_at, scratch + layer.a_at, scratch + layer.a_at)
        layer += 1


cdef inline void tile_targets(
    const Plan *plan, Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns, real *y,
) noexcept nogil:
    """y[k, sample]: the targets turned, or one-hot labels.

    Labels were checked when they were bound, and are the user's array: one that has been changed
    since to a class there is not is no class, rather than a place in somebody's memory.
    """
    cdef Py_ssize_t K = plan.layers[plan.n_layers - 1].n_out
    cdef Py_ssize_t s
    cdef int64_t label
    if plan.targets != NULL:
        transpose(count, K, plan.targets + start * K, K, y, plan.stride)
    else:
        fill(K, columns, &plan.other_label, 0, y, plan.stride)
        for s in range(count):
            label = plan.labels[start + s]
            if 0 <= label < K:
                y[label * plan.stride + s] = 1


cdef inline double sum_cost(const real *cost, Py_ssize_t count) noexcept nogil:
    """The sum in double, in an order that depends on count alone."""
    cdef double part[8]
    cdef Py_ssize_t s
    cdef int k
    for k in range(8):
        part[k] = 0
    for s in range(count // 8):
        for k in range(8):
            part[k] += cost[8 * s + k]
    for s in range(count // 8 * 8, count):
        part[s % 8] += cost[s]
    return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]))


cdef inline double tile_loss(
    const Plan *plan, real *scratch, Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns,
) noexcept nogil:
    """The tile's cost; leaves delta(L)."""
    cdef const Dense *last = plan.layers + plan.n_layers - 1
    cdef real *delta = scratch + plan.delta_at
    cdef real *cost = scratch + plan.cost_at
    cdef Py_ssize_t s, k
    cdef real w
    tile_targets(plan, start, count, columns, scratch + plan.y_at)
    apply_loss(plan.loss, last.n_out, columns, plan.stride,
               scratch + (last.z_at if plan.loss_from_z else last.a_at),
               scratch + plan.y_at, delta, cost)
    if not plan.loss_from_z:
        activate(last.activation, 1, last.n_out, columns, plan.stride,
                 scratch + last.z_at, scratch + last.a_at, delta)
    if plan.weights != NULL:
        for s in range(count):
            w = plan.weights[start + s]
            cost[s] *= w
            for k in range(last.n_out):
                delta[k * plan.stride + s] *= w
    return sum_cost(cost, count)


cdef inline void tile_rest(
    const Plan *plan, const real *x, Py_ssize_t full, Py_ssize_t sample, real *rest,
) noexcept nogil:
    """The features after the `full` ones from `lead` on, those before `lead`, and 1.

    Whole registers, where they do not reach beyond the data: what they bring too much is
    overwritten, or makes columns of Delta that nobody reads.
    """
    cdef Py_ssize_t n_in = plan.layers.n_in, after = n_in - plan.lead - full, i
    if (n_in <= plan.x_row and sample * plan.x_row + plan.lead + full + LANES
            <= (plan.m - 1) * plan.x_row + n_in):
        lanes_store(rest, lanes_load(x + plan.lead + full))
        if plan.lead > 0:
            lanes_store(rest + after, lanes_load(x))
    else:
        for i in range(after):
            rest[i] = x[plan.lead + full + i]
        for i in range(plan.lead):
            rest[after + i] = x[i]
    rest[after + plan.lead] = 1


cdef inline void tile_backward(
    const Evaluation *run, real *scratch, Py_ssize_t start, Py_ssize_t count, Py_ssize_t columns,
    double *partial, bint first, Ahead *ahead,
) noexcept nogil:
    cdef const Plan *plan = run.plan
    cdef const Dense *layer
    cdef const Dense *under
    cdef const real *X = plan.X + start * plan.x_row
    cdef real *delta = scratch + plan.delta_at
    cdef real *below = scratch + plan.below_at
    cdef real *at = scratch + plan.at_at
    cdef real *tail = scratch + plan.tail_at
    cdef real *narrow = scratch + plan.narrow_at
    cdef real *mixed = scratch + plan.mixed_at
    cdef Py_ssize_t i, s, full, row
    for i in range(plan.n_layers - 1, 0, -1):
        if run.stopped:
            return
        layer = plan.layers + i
        under = plan.layers + i - 1
        turn(layer.n_in, columns, scratch + under.a_at, plan.stride, at, plan.at_row)
        for s in range(count):
            at[s * plan.at_row + layer.n_in] = 1
        accumulate(layer, matrix(delta, plan.stride, 1), count, NULL, 0, 0, at, plan.at_row,
                   narrow, partial, first, mixed, ahead)
        backward(layer, run.theta, run.packed, delta, columns, plan.stride, below, ahead)
        activate(under.activation, 1, under.n_out, columns, plan.stride,
                 scratch + under.z_at, scratch + under.a_at, below)
        delta, below = below, delta
    if run.stopped:
        return
    layer = plan.layers
    # Delta's columns are the features from `lead` on, then those before it, then the bias: whole
    # registers are read where X lies, the rest is copied.
    full = (layer.n_in - plan.lead) // LANES * LANES
    row = layer.delta_row - full
    for s in range(count):
        tile_rest(plan, X + s * plan.x_row, full, start + s, tail + s * row)
    accumulate(layer, matrix(delta, plan.stride, 1), count, X + plan.lead, plan.x_row, full,
               tail, row, narrow, partial, first, mixed, ahead)


cdef inline void few_tile_forward(const Evaluation *run, real *scratch) noexcept nogil:
    """As tile_forward, sample-major but for the outputs.

    From few_at on: a of layers 0 ... L, delta, below, then z of layers 1 ... L where it is kept.
    """
    cdef const Plan *plan = run.plan
    cdef const Dense *layer
    cdef const Dense *last = plan.layers + plan.n_layers - 1
    cdef Py_ssize_t m = plan.few, row = plan.few_row, i, s, k
    cdef real *a = scratch + plan.few_at
    cdef real *z
    for s in range(m):
        memcpy(a + s * row, plan.X + s * plan.x_row, plan.layers.n_in * sizeof(real))
    for i in range(plan.n_layers):
        layer = plan.layers + i
        z = a + m * row
        few_forward(layer, run.theta, m, a, row, z, row)
        if i < plan.n_layers - 1:
            if layer.keeps_z:
                memcpy(z + (plan.n_layers + 2) * m * row, z, m * row * sizeof(real))
            activate(layer.activation, 0, m, round_up(layer.n_out), row, z, z, z)
        a = z
    for s in range(m):
        for k in range(last.n_out):
            scratch[last.z_at + k * plan.stride + s] = a[s * row + k]
    activate(last.activation, 0, last.n_out, round_up(m), plan.stride,
             scratch + last.z_at, scratch + last.a_at, scratch + last.a_at)


cdef inline void few_tile_backward(
    const Evaluation *run, real *scratch, Ahead *ahead,
) noexcept nogil:
    """As tile_backward, and the gradient itself."""
    cdef const Plan *plan = run.plan
    cdef const Dense *layer = plan.layers + plan.n_layers - 1
    cdef const Dense *under
    cdef Py_ssize_t m = plan.few, row = plan.few_row, i, s, k
    cdef real *delta = scratch + plan.few_at + (plan.n_layers + 1) * m * row
    cdef real *below = delta + m * row
    cdef real *a
    for s in range(m):
        for k in range(layer.n_out):
            delta[s * row + k] = scratch[plan.delta_at + k * plan.stride + s]
    for i in range(plan.n_layers - 1, -1, -1):
        layer = plan.layers + i
        a = scratch + plan.few_at + i * m * row
        few_gradient(layer, run.theta, m, delta, row, a, row, plan.scale, plan.l2, run.gradient)
        if i > 0:
            under = plan.layers + i - 1
            few_backward(layer, run.theta, m, delta, row, below, row, ahead)
            activate(under.activation, 1, m, round_up(under.n_out), row,
                     a + (plan.n_layers + 2) * m * row if under.keeps_z else a, a, below)
            delta, below = below, delta


cdef inline void run_chunk(void *context, int worker, Py_ssize_t chunk) noexcept nogil:
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef real *scratch = run.scratch + worker * plan.scratch
    cdef double *partial = run.partial + chunk * plan.n_delta
    cdef const Dense *last = plan.layers + plan.n_layers - 1
    cdef Py_ssize_t first = chunk * plan.n_tiles // plan.n_chunks
    cdef Py_ssize_t stop = (chunk + 1) * plan.n_tiles // plan.n_chunks
    cdef Py_ssize_t tile, start, count, columns
    cdef Ahead ahead
    cdef double cost = 0
    ahead.context = context
    ahead.stopped = NULL
    if plan.tile * plan.n_parameters > LONG_TILE:
        ahead.stopped = poll_within if worker == 0 else is_stopped
    for tile in range(first, stop):
        if run.stopped:
            return
        start = tile * plan.tile
        count = min(plan.tile, plan.m - start)
        columns = round_up(count)
        # While this tile is computed the next one comes from memory.
        ahead.next = <const char *>(plan.X + (start + count) * plan.x_row)
        ahead.end = ahead.next
        if tile + 1 < stop and plan.x_row > 0:
            ahead.end += min(plan.tile, plan.m - start - count) * plan.x_row * sizeof(real)
        if plan.few > 0:
            few_tile_forward(run, scratch)
        else:
            tile_forward(run, scratch, start, count, columns, &ahead)
        if run.output != NULL:
            transpose(last.n_out, count, scratch + last.a_at, plan.stride,
                      run.output + start * last.n_out, last.n_out)
        else:
            cost += tile_loss(plan, scratch, start, count, columns)
            if run.gradient != NULL and plan.few > 0:
                few_tile_backward(run, scratch, &ahead)
            elif run.gradient != NULL:
                tile_backward(run, scratch, start, count, columns, partial, tile == first, &ahead)
        if worker == 0 and plan.n_tiles > 1:
            poll(context)
    run.costs[chunk] = cost


cdef inline void run_pack(void *context, int worker, Py_ssize_t item) noexcept nogil:
    """One share of the packed weights: of the first layer, then of each that is packed turned."""
    cdef Evaluation *run = <Evaluation *>context
    cdef const Dense *layer = run.plan.layers
    cdef Py_ssize_t items = layer.n_in // PACK_FEATURES + 1
    if worker == 0 and item > 0:
        poll(context)
    if item < items:
        pack_first(layer, run.theta, item * PACK_FEATURES,
                   min((item + 1) * PACK_FEATURES, layer.n_in + 1), run.packed,
                   run.plan.packed_row)
        return
    while item >= items:
        item -= items
        layer += 1
        items = turned_panels(layer)
    pack_turned(layer, run.theta, item, run.packed)


cdef inline Py_ssize_t turned_panels(const Dense *layer) noexcept nogil:
    return (layer.n_out + DEPTH - 1) // DEPTH if layer.turned_at >= 0 else 0


cdef inline void run_finish(void *context, int worker, Py_ssize_t item) noexcept nogil:
    """D = scale (Delta + l2 [0, W]) for one layer's share: its partial sums added in a tree."""
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef const Dense *layer = plan.layers + item % plan.n_layers
    cdef Py_ssize_t share = item // plan.n_layers, shares = finish_shares(plan)
    cdef Py_ssize_t j, i, c, step, row = layer.n_in + 1
    cdef Py_ssize_t lead = plan.lead if layer == plan.layers else 0
    cdef const real *Theta
    cdef double *sums
    cdef double *D
    if worker == 0 and share > 0:
        poll(context)
    for j in range(share * layer.n_out // shares, (share + 1) * layer.n_out // shares):
        sums = run.partial + layer.delta_at + j * layer.delta_row
        step = 1
        while step < plan.n_chunks:
            c = 0
            while c + step < plan.n_chunks:
                for i in range(row):
                    sums[c * plan.n_delta + i] += sums[(c + step) * plan.n_delta + i]
                c += 2 * step
            step *= 2
        D = run.gradient + layer.theta_at + j * row
        Theta = run.theta + layer.theta_at + j * row
        D[0] = plan.scale * sums[layer.n_in]
        scaled(layer.n_in - lead, plan, sums, Theta + 1 + lead, D + 1 + lead)
        scaled(lead, plan, sums + layer.n_in - lead, Theta + 1, D + 1)


cdef inline void scaled(
    Py_ssize_t n, const Plan *plan, const double *sums, const real *W, double *D,
) noexcept nogil:
    cdef Py_ssize_t i
    if plan.l2 == 0:
        for i in range(n):
            D[i] = plan.scale * sums[i]
    else:
        for i in range(n):
            D[i] = plan.scale * (sums[i] + plan.l2 * W[i])


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


cdef inline Py_ssize_t evaluate(Evaluation *run, int n_threads, double *cost) noexcept nogil:
    """Everything. Returns how many shares of the work were not done (see parallel_for)."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t missing, c, step
    run.stopped = False
    run.next_poll = now() + POLL_NANOSECONDS
    missing = 0
    if plan.few == 0:
        c = plan.layers.n_in // PACK_FEATURES + 1
        for step in range(1, plan.n_layers):
            c += turned_panels(plan.layers + step)
        missing = parallel_for(
            run_pack, poll, run, c,
            n_threads if plan.layers.n_in * plan.layers.n_out > 100000 else 1)
    missing += parallel_for(run_chunk, poll, run, plan.n_chunks, n_threads)
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
        cost[0] += 0.5 * plan.l2 * sum_squares(plan, run.theta)
    cost[0] *= plan.scale
    if run.gradient != NULL and plan.few == 0:
        c = finish_shares(plan)
        missing += parallel_for(
            run_finish, poll, run, plan.n_layers * c, n_threads if c > 1 else 1)
    return missing
