"""A dense layer on a handful of samples: lanes are units, there being no samples to fill them.

With m = 1 a register of samples would use one lane. Here a tile is sample-major, `a[sample, unit]`,
and weights are read as they lie: forward a dot product for each unit, backward a sum of rows of W,
beginning with the last row, which the caches still hold. Sums have a fixed order, whatever the
register width.
"""
from evaluation.dense cimport Dense
from evaluation.gradient cimport finish
from evaluation.plan cimport Evaluation
from matrix.dots cimport dot_rows
from matrix.layout cimport by_rows, round_up
from matrix.packing cimport matrix
from matrix.product cimport Ahead, given_up, multiply_add, nothing
from matrix.sizes cimport DEPTH, POLL_WEIGHTS
from simd.lanes cimport (
    DOUBLES, LANES, doubles_load, doubles_splat, doubles_store, doubles_store_part, doubles_t,
    multiply_then_add, real,
)


cdef inline Py_ssize_t rows_at_once(const Dense *layer) noexcept nogil:
    """How many rows of W are computed between two looks whether to give up."""
    return round_up(POLL_WEIGHTS // (layer.n_in + 1) + 1)


cdef inline void sample_major_forward(
    const Dense *layer, const real *theta, Py_ssize_t m, const real *a, Py_ssize_t a_row,
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
    const Dense *layer, const real *theta, Py_ssize_t m, const real *delta, Py_ssize_t delta_row,
    real *below, Py_ssize_t below_row, Ahead *ahead,
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
    const Evaluation *run, const Dense *layer, Py_ssize_t m, const real *delta,
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
