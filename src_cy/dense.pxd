"""A dense layer on one tile of samples: z = W a + b forward, W' delta backward, Delta.

Within a tile arrays are feature-major, `a[unit, sample]`. The two exceptions are what the layer
reads as rows: the data X, used where it lies, and the transposed tile `at[sample, unit]` that Delta
of the weights is made from.
"""
from libc.string cimport memset

from dots cimport dot_rows
from lanes cimport LANES, lanes_load, lanes_splat, lanes_store, real
from product cimport Ahead, DEPTH, Matrix, interleave, interleaved, matrix, multiply_add
from tape cimport Element
from transpose cimport transpose, turn


cdef struct Dense:
    Py_ssize_t n_in
    Py_ssize_t n_out
    int activation
    bint keeps_z
    Py_ssize_t theta_at     # Theta[j, i] is theta[theta_at + j (n_in + 1) + i], bias at i = 0
    Py_ssize_t delta_at     # Delta of W[j, i] is partial[delta_at + j delta_row + shift + i]
    Py_ssize_t delta_row    # shift + n_in, rounded up to whole registers
    Py_ssize_t shift        # columns before the first, so that registers of X are aligned
    Py_ssize_t bias_at      # Delta of b[j] is partial[bias_at + j]
    Py_ssize_t forward_at   # where W, interleaved, is in the packed weights; -1: nowhere
    Py_ssize_t backward_at  # and W'
    Py_ssize_t z_at         # where z and a of a tile are in the scratch of a thread
    Py_ssize_t a_at
    const Element *circuit  # three, of an activation that is one: g, g' and g'' (tape.pxd); or NULL


cdef inline Py_ssize_t round_up(Py_ssize_t n) noexcept nogil:
    """The next multiple of LANES."""
    return (n + LANES - 1) // LANES * LANES


cdef inline Py_ssize_t row_stride(Py_ssize_t n) noexcept nogil:
    """A row length >= n in whole registers that does not map all rows to the same cache sets."""
    n = round_up(n)
    if n * sizeof(real) % 512 == 0:
        n += LANES
    return n


cdef inline void fill(
    Py_ssize_t rows, Py_ssize_t columns, const real *value, Py_ssize_t value_step,
    real *out, Py_ssize_t stride,
) noexcept nogil:
    """out[r, :] = value[r * value_step]."""
    cdef Py_ssize_t r, c
    for r in range(rows):
        c = 0
        while c < columns:
            lanes_store(out + c, lanes_splat(value[r * value_step]))
            c += LANES
        out += stride


cdef inline void pack_first(
    const Dense *layer, const real *theta, Py_ssize_t start, Py_ssize_t stop,
    real *packed, Py_ssize_t packed_row,
) noexcept nogil:
    """packed[i, j] = Theta[j, i] for start <= i < stop: the first layer's Q (see product.pxd)."""
    transpose(layer.n_out, stop - start, theta + layer.theta_at + start, layer.n_in + 1,
              packed + start * packed_row, packed_row, True)


cdef inline Py_ssize_t panels(Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    """How many panels of DEPTH columns a matrix of n has if it is packed, else 0."""
    return (n + DEPTH - 1) // DEPTH if at >= 0 else 0


cdef inline Py_ssize_t hidden_panels(const Dense *layer) noexcept nogil:
    """How many calls of pack_hidden there are."""
    return panels(layer.forward_at, layer.n_in) + panels(layer.backward_at, layer.n_out)


cdef inline void pack_hidden(
    const Dense *layer, const real *theta, Py_ssize_t panel, real *packed,
) noexcept nogil:
    """W and W' interleaved: one panel of either."""
    cdef const real *W = theta + layer.theta_at + 1
    cdef Py_ssize_t row = layer.n_in + 1, forward = panels(layer.forward_at, layer.n_in), start
    if panel < forward:
        start = panel * DEPTH
        interleave(layer.n_out, min(layer.n_in - start, <Py_ssize_t>DEPTH),
                   matrix(W + start, row, 1), packed + layer.forward_at + start * layer.n_out)
    else:
        start = (panel - forward) * DEPTH
        interleave(layer.n_in, min(layer.n_out - start, <Py_ssize_t>DEPTH),
                   matrix(W + start * row, 1, row),
                   packed + layer.backward_at + start * layer.n_in)


cdef inline void forward_first(
    const Dense *layer, const real *packed, Py_ssize_t packed_row,
    const real *X, Py_ssize_t x_row, Py_ssize_t count, Py_ssize_t columns, Py_ssize_t stride,
    real *zt, real *z, real *mixed, Ahead *ahead,
) noexcept nogil:
    """z = W x + b, X as the user has it: zt[sample, unit] by registers of units, then turned."""
    cdef Py_ssize_t s, j
    for s in range(count):
        j = 0
        while j < layer.n_out:
            lanes_store(zt + s * packed_row + j, lanes_load(packed + j))
            j += LANES
    j = round_up(layer.n_out)
    multiply_add(count, j, layer.n_in,
                 interleaved(count, j, layer.n_in, matrix(X, x_row, 1), mixed),
                 packed + packed_row, packed_row, zt, packed_row, False, ahead)
    # The rows count ... columns hold an earlier tile: lanes that nobody reads.
    turn(columns, layer.n_out, zt, packed_row, z, stride)


cdef inline void forward_hidden(
    const Dense *layer, const real *theta, const real *packed, const real *a, Py_ssize_t columns,
    Py_ssize_t stride, real *z, Ahead *ahead,
) noexcept nogil:
    """z = W a + b."""
    cdef const real *Theta = theta + layer.theta_at
    cdef Py_ssize_t row = layer.n_in + 1
    cdef Matrix W = matrix(Theta + 1, row, 1)
    if layer.forward_at >= 0:
        W.interleaved = packed + layer.forward_at
    fill(layer.n_out, columns, Theta, row, z, stride)
    multiply_add(layer.n_out, columns, layer.n_in, W, a, stride, z, stride, False, ahead)


cdef inline void backward(
    const Dense *layer, const real *theta, const real *packed, const real *delta,
    Py_ssize_t columns, Py_ssize_t stride, real *below, Ahead *ahead,
) noexcept nogil:
    """below = W' delta, still to be multiplied by the slope of the layer below."""
    cdef const real *Theta = theta + layer.theta_at
    cdef Matrix turned = matrix(Theta + 1, 1, layer.n_in + 1)
    if layer.backward_at >= 0:
        turned.interleaved = packed + layer.backward_at
    multiply_add(layer.n_in, columns, layer.n_out, turned,
                 delta, stride, below, stride, True, ahead)


cdef inline void accumulate(
    const Dense *layer, const real *delta, Py_ssize_t stride, Py_ssize_t count,
    Py_ssize_t start, Py_ssize_t stop, const real *inputs, Py_ssize_t input_row,
    bint fresh, real *sums, real *mixed, Ahead *ahead,
) noexcept nogil:
    """Delta of the weights += sum over samples of delta a', or = where it is fresh.

    The columns from `start` to `stop`, for which `inputs` has whole registers: what lies in them
    beside the layer's inputs makes columns that nobody reads.
    """
    multiply_add(layer.n_out, stop - start, count,
                 interleaved(layer.n_out, stop - start, count, matrix(delta, stride, 1), mixed),
                 inputs, input_row, sums + layer.delta_at + start, layer.delta_row, fresh, ahead)


cdef inline void accumulate_bias(
    const Dense *layer, const real *delta, Py_ssize_t stride, Py_ssize_t count,
    const real *ones, bint fresh, real *sums,
) noexcept nogil:
    """Delta of the biases += sum over samples of delta, or = where it is fresh."""
    cdef real *Delta = sums + layer.bias_at
    if fresh:
        memset(Delta, 0, layer.n_out * sizeof(real))
    dot_rows(layer.n_out, count, delta, stride, ones, Delta)


cdef inline void widen(Py_ssize_t n, const real *sums, bint fresh, double *wide) noexcept nogil:
    """wide += sums, or = where it is fresh: sums in reals to those in double."""
    cdef Py_ssize_t i
    if fresh:
        for i in range(n):
            wide[i] = sums[i]
    else:
        for i in range(n):
            wide[i] += sums[i]
