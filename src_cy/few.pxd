"""A dense layer on a handful of samples: lanes are units, there being no samples to fill them.

With m = 1 a register of samples has one in use. Here a tile is sample-major, `a[sample, unit]`, and
every weight is read once, in the order in which it lies: a dot product for each unit going forward,
a sum of rows of W going back. Sums have a fixed order, whatever the register width.
"""
from dense cimport Dense
from dots cimport dot_rows
from interleave cimport DEPTH, matrix
from lanes cimport LANES, multiply_then_add, real
from layout cimport by_rows
from product cimport Ahead, multiply_add, nothing

cdef enum:
    FEW_BYTES = 16          # this many bytes of one unit's samples, or fewer, are few: 2, or 4


cdef inline void few_forward(
    const Dense *layer, const real *theta, Py_ssize_t m, const real *a, Py_ssize_t a_row,
    real *z, Py_ssize_t z_row,
) noexcept nogil:
    """z = W a + b."""
    cdef const real *Theta = theta + layer.theta_at
    cdef Py_ssize_t s, j, row = layer.n_in + 1
    for s in range(m):
        for j in range(layer.n_out):
            z[s * z_row + j] = Theta[j * row]
        dot_rows(layer.n_out, layer.n_in, Theta + 1, row, a + s * a_row, z + s * z_row)


cdef inline void few_backward(
    const Dense *layer, const real *theta, Py_ssize_t m, const real *delta, Py_ssize_t delta_row,
    real *below, Py_ssize_t below_row, Ahead *ahead,
) noexcept nogil:
    """below = W' delta, still to be multiplied by the slope of the layer below."""
    cdef const real *W = theta + layer.theta_at + 1
    cdef Py_ssize_t s, i, j, start, row = layer.n_in + 1
    cdef Py_ssize_t full = layer.n_in // LANES * LANES
    cdef real total, panel
    for s in range(m):
        for i in range(full, layer.n_in):
            # Fused by name: a compiler that turns this loop to registers would not, and these
            # columns would differ from those of multiply_add.
            start = 0
            while start < layer.n_out:
                panel = 0
                for j in range(start, min(start + DEPTH, layer.n_out)):
                    panel = multiply_then_add(delta[s * delta_row + j], W[j * row + i], panel)
                total = panel if start == 0 else total + panel
                start += DEPTH
            below[s * below_row + i] = total
    multiply_add(m, 0, full, layer.n_out, nothing(), matrix(delta, delta_row, 1), by_rows(W, row),
                 by_rows(below, below_row), ahead)


cdef inline void few_gradient(
    const Dense *layer, const real *theta, Py_ssize_t m, const real *delta, Py_ssize_t delta_row,
    const real *a, Py_ssize_t a_row, double scale, double l2, double *gradient,
) noexcept nogil:
    """D = scale (sum over samples of delta [1, a]' + l2 [0, W]), at once: Delta is never stored."""
    cdef Py_ssize_t j, i, s, n = layer.n_in
    cdef const real *W
    cdef double *D
    cdef double d
    for j in range(layer.n_out):
        D = gradient + layer.theta_at + j * (n + 1)
        W = theta + layer.theta_at + j * (n + 1) + 1
        d = delta[j]
        D[0] = d
        for i in range(n):
            D[1 + i] = d * a[i]
        for s in range(1, m):
            d = delta[s * delta_row + j]
            D[0] += d
            for i in range(n):
                D[1 + i] += d * a[s * a_row + i]
        D[0] *= scale
        if l2 != 0:
            for i in range(n):
                D[1 + i] = scale * (D[1 + i] + l2 * W[i])
        elif scale != 1:
            for i in range(n):
                D[1 + i] *= scale
