"""The schedule of a plain chain on a handful of samples: lanes are units, as no samples fill them.

With m = 1 a register of samples would use one lane. Here a tile is sample-major, `a[sample, unit]`,
and weights are read as they lie: forward a dot product for each unit, backward a sum of rows of W,
beginning with the last row, which the caches still hold. Sums have a fixed order, whatever the
register width.
"""
from libc.string cimport memcpy, memset

from evaluation.chain_step cimport ChainStep
from evaluation.gradient cimport finish
from evaluation.plan cimport Data, Evaluation, Plan
from matrix.dots cimport dot_rows
from matrix.layout cimport by_rows, round_up
from matrix.packing cimport matrix
from matrix.product cimport Ahead, given_up, multiply_add, nothing
from matrix.sizes cimport DEPTH, POLL_WEIGHTS
from simd.lanes cimport (
    DOUBLES, LANES, doubles_load, doubles_splat, doubles_store, doubles_store_part, doubles_t,
    multiply_then_add, real,
)
from steps.function cimport apply, multiply_by_slopes


cdef inline Py_ssize_t rows_at_once(const ChainStep *layer) noexcept nogil:
    """How many rows of W are computed between two looks whether to give up."""
    return round_up(POLL_WEIGHTS // (layer.n_in + 1) + 1)


cdef inline void sample_major_forward(
    const ChainStep *layer, const real *theta, Py_ssize_t m, const real *a, Py_ssize_t a_row,
    real *z, Py_ssize_t z_row, const Ahead *ahead,
) noexcept nogil:
    """z = W a + b."""
    cdef const real *Theta = theta + layer.theta.at
    cdef Py_ssize_t s, j, start = 0, rows = rows_at_once(layer), row = layer.n_in + 1
    while start < layer.n_out:
        if given_up(ahead):
            return
        rows = min(rows, layer.n_out - start)
        for s in range(m):
            for j in range(start, start + rows):
                z[s * z_row + j] = Theta[j * row]
            dot_rows(rows, layer.n_in, Theta + start * row + 1, row, a + s * a_row,
                     z + s * z_row + start)
        start += rows


cdef inline void sample_major_backward(
    const ChainStep *layer, const real *theta, Py_ssize_t m, const real *delta,
    Py_ssize_t delta_row, real *below, Py_ssize_t below_row, Ahead *ahead,
) noexcept nogil:
    """below = W' delta, still to be multiplied by the slope of the layer below."""
    cdef Py_ssize_t s, i, k, start, row = layer.n_in + 1, n = layer.n_out
    cdef Py_ssize_t full = layer.n_in // LANES * LANES
    cdef const real *W = theta + layer.theta.at + (n - 1) * row + 1     # the last row
    cdef const real *d
    cdef real total, panel
    for s in range(m):
        d = delta + s * delta_row + n - 1
        for i in range(full, layer.n_in):
            # multiply_then_add by name: a compiler that vectorises this loop would not fuse, and
            # these columns would have other bits than those of multiply_add.
            start = 0
            total = 0
            while start < n:
                panel = 0
                for k in range(start, min(start + DEPTH, n)):
                    panel = multiply_then_add(d[-k], W[i - k * row], panel)
                total = panel if start == 0 else total + panel
                start += DEPTH
            below[s * below_row + i] = total
    multiply_add(m, 0, full, n, nothing(), matrix(delta + n - 1, delta_row, -1), by_rows(W, -row),
                 by_rows(below, below_row), ahead)


cdef inline doubles_t outer(
    Py_ssize_t m, const real *delta, Py_ssize_t delta_row, const double *a, Py_ssize_t a_row,
) noexcept nogil:
    """Sum over samples of delta a, of one unit and a register of inputs."""
    cdef doubles_t total = doubles_splat(delta[0]) * doubles_load(a)
    cdef Py_ssize_t s
    for s in range(1, m):
        total += doubles_splat(delta[s * delta_row]) * doubles_load(a + s * a_row)
    return total


cdef inline void outer_row(
    Py_ssize_t m, Py_ssize_t n, const real *delta, Py_ssize_t delta_row, const double *a,
    Py_ssize_t a_row, double *D,
) noexcept nogil:
    """D[:n] = sum over samples of delta a, in aligned registers but for the first and the last,
    which overlap their neighbours: a store across two cache lines takes twice as long."""
    cdef Py_ssize_t i = DOUBLES - <Py_ssize_t>(<size_t>D // sizeof(double) % <size_t>DOUBLES)
    if n < DOUBLES:
        doubles_store_part(D, outer(m, delta, delta_row, a, a_row), n)
        return
    doubles_store(D, outer(m, delta, delta_row, a, a_row))
    while i + DOUBLES <= n:
        doubles_store(D + i, outer(m, delta, delta_row, a + i, a_row))
        i += DOUBLES
    i = n - DOUBLES
    doubles_store(D + i, outer(m, delta, delta_row, a + i, a_row))


cdef inline void sample_major_gradient(
    const Evaluation *run, const ChainStep *layer, Py_ssize_t m, const real *delta,
    Py_ssize_t delta_row, const double *a, Py_ssize_t a_row, const Ahead *ahead,
) noexcept nogil:
    """D = scale (sum over samples of delta [1, a]' + l2 [0, W]), at once: Delta is never stored."""
    cdef Py_ssize_t j, s, n = layer.n_in, at = layer.theta.at, next_look = 0
    cdef double scale = run.scale, l2 = run.l2
    cdef double *D
    for j in range(layer.n_out):
        if j == next_look:
            if given_up(ahead):
                return
            next_look += rows_at_once(layer)
        D = run.gradient + at
        D[0] = delta[j]
        for s in range(1, m):
            D[0] += delta[s * delta_row + j]
        if m == 1:      # known to the compiler: no loop over samples
            outer_row(1, n, delta + j, delta_row, a, a_row, D + 1)
        else:
            outer_row(m, n, delta + j, delta_row, a, a_row, D + 1)
        finish(True, 1 + n, D, run.theta + at, scale, l2, D)
        at += n + 1


cdef inline void sample_major_tile_forward(
    const Evaluation *run, real *scratch, const Data *data, const Ahead *ahead,
) noexcept nogil:
    """As tile_forward, sample-major but for the outputs.

    From sample_major_at on lie a of the layers 0 to L, delta, below, then z of the layers 1 to L,
    where z is kept.
    """
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer
    cdef const ChainStep *last = plan.chain + plan.n_chain - 1
    cdef Py_ssize_t m = plan.sample_major, row = plan.sample_major_row, i, s, k
    cdef real *a = scratch + plan.sample_major_at
    cdef real *z
    cdef real *own_z
    for s in range(m):
        memcpy(a + s * row, data.X + s * data.x_row, plan.chain.n_in * sizeof(real))
    for i in range(plan.n_chain):
        layer = plan.chain + i
        z = own_z = a + m * row
        if layer.keeps_z and layer != last:
            own_z += (plan.n_chain + 2) * m * row
        sample_major_forward(layer, run.theta, m, a, row, own_z, row, ahead)
        if layer != last:
            apply(&layer.g, run.gradient != NULL, m, round_up(layer.n_out), row, own_z, z,
                  scratch + plan.circuit_at)
        a = z
    for s in range(m):
        for k in range(last.n_out):
            scratch[last.z_at + k * plan.stride + s] = a[s * row + k]


cdef inline void sample_major_tile_backward(
    const Evaluation *run, real *scratch, bint some_left_out, Ahead *ahead,
) noexcept nogil:
    """As tile_backward, and the gradient itself."""
    cdef const Plan *plan = run.plan
    cdef const ChainStep *layer = plan.chain + plan.n_chain - 1
    cdef const ChainStep *under
    cdef Py_ssize_t m = plan.sample_major, row = plan.sample_major_row, i, s, k
    cdef real *delta = scratch + plan.sample_major_at + (plan.n_chain + 1) * m * row
    cdef real *below = delta + m * row
    cdef double *wide = <double *>(scratch + plan.double_at)
    cdef real *a
    for s in range(m):
        for k in range(layer.n_out):
            delta[s * row + k] = scratch[plan.delta_at + k * plan.stride + s]
    for i in range(plan.n_chain - 1, -1, -1):
        if run.work.polling.stopped:
            return
        layer = plan.chain + i
        a = scratch + plan.sample_major_at + i * m * row
        if i > 0:
            under = plan.chain + (i - 1)
            sample_major_backward(layer, run.theta, m, delta, row, below, row, ahead)
            multiply_by_slopes(
                &under.g, 1, m, round_up(under.n_out), row,
                a + (plan.n_chain + 2) * m * row if under.keeps_z else a, a, below,
                scratch + plan.circuit_at)
            if some_left_out:
                for s in range(m):
                    if scratch[plan.weights_at + s] == 0:
                        memset(a + s * row, 0, row * sizeof(real))
                        memset(below + s * row, 0, row * sizeof(real))
        if sizeof(real) == sizeof(double):
            wide = <double *>a
        else:
            for s in range(m * row):
                wide[s] = a[s]
        sample_major_gradient(run, layer, m, delta, row, wide, row, ahead)
        delta, below = below, delta
