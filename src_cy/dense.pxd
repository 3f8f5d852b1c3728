"""A dense layer on one tile of samples: z = W a + b forward, W' delta backward, Delta.

Within a tile arrays are feature-major, `a[unit, sample]`. The two exceptions are what the layer
reads as rows: the data X, used where it lies, and the transposed tile `at[sample, unit]` that Delta
of the weights is made from.
"""
from libc.string cimport memset

from dots cimport row_sums
from interleave cimport (
    DEPTH, Matrix, interleave, interleaved, interleaving_pays, matrix, matrix_of,
)
from lanes cimport STRIP, real
from layout cimport Strips, by_rows, by_strips, column, round_up
from product cimport Ahead, Base, base, multiply_add, nothing
from tape cimport Element
from transpose cimport transpose, turn


cdef struct Dense:
    Py_ssize_t n_in
    Py_ssize_t n_out
    int activation
    bint keeps_z
    Py_ssize_t theta_at     # Theta[j, i] is theta[theta_at + j (n_in + 1) + i], bias at i = 0
    Py_ssize_t delta_at     # where Delta of the weights is in the sums of a chunk (see sums_of)
    Py_ssize_t shift        # its columns before the first, so that registers of X are aligned
    Py_ssize_t delta_columns    # shift + n_in, rounded up to whole registers
    Py_ssize_t bias_at      # Delta of b[j] is sums[bias_at + j]
    # Where in the packed weights are: b and W' by strips, for a layer that reads X as scalars; W
    # interleaved; W' interleaved. -1: nowhere.
    Py_ssize_t turned_at
    Py_ssize_t forward_at
    Py_ssize_t backward_at
    Py_ssize_t z_at         # where z and a of a tile are in the scratch of a thread
    Py_ssize_t a_at
    Py_ssize_t row          # how they lie, and the layer's delta (see samples_of)
    Py_ssize_t strip
    const Element *circuit  # three, of an activation that is one: g, g' and g'' (tape.pxd); or NULL


cdef inline Strips samples_of(const Dense *layer, const real *data) noexcept nogil:
    """An array [unit, sample] of the layer."""
    cdef Strips out
    out.data = <real *>data
    out.row = layer.row
    out.strip = layer.strip
    return out


cdef inline Strips sums_of(const Dense *layer, const real *sums) noexcept nogil:
    """Delta of W[j, i], in row j and column shift + i."""
    if interleaving_pays(layer.n_out, layer.delta_columns):
        return by_strips(sums + layer.delta_at, layer.n_out, layer.delta_columns)
    return by_rows(sums + layer.delta_at, layer.delta_columns)


cdef inline Py_ssize_t panels(Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    """How many panels of DEPTH rows or columns a matrix of n has if it is packed, else 0."""
    return (n + DEPTH - 1) // DEPTH if at >= 0 else 0


cdef inline Py_ssize_t pack_shares(const Dense *layer) noexcept nogil:
    """How many calls of `pack` there are."""
    return (panels(layer.turned_at, layer.n_in + 1) + panels(layer.forward_at, layer.n_in)
            + panels(layer.backward_at, layer.n_out))


cdef inline void pack(
    const Dense *layer, const real *theta, Py_ssize_t share, real *packed,
) noexcept nogil:
    """One panel of the packed weights."""
    cdef const real *Theta = theta + layer.theta_at
    cdef Py_ssize_t row = layer.n_in + 1, start = share * DEPTH
    if start < layer.n_in + 1 and layer.turned_at >= 0:
        pack_turned(layer, Theta, start, min(start + DEPTH, row), packed + layer.turned_at)
        return
    share -= panels(layer.turned_at, layer.n_in + 1)
    start = share * DEPTH
    if start < layer.n_in and layer.forward_at >= 0:
        interleave(layer.n_out, min(layer.n_in - start, <Py_ssize_t>DEPTH),
                   matrix(Theta + 1 + start, row, 1),
                   packed + layer.forward_at + start * layer.n_out)
        return
    start = (share - panels(layer.forward_at, layer.n_in)) * DEPTH
    interleave(layer.n_in, min(layer.n_out - start, <Py_ssize_t>DEPTH),
               matrix(Theta + 1 + start * row, 1, row),
               packed + layer.backward_at + start * layer.n_in)


cdef inline void pack_turned(
    const Dense *layer, const real *Theta, Py_ssize_t start, Py_ssize_t stop, real *turned,
) noexcept nogil:
    """turned[i, j] = Theta[j, i] for start <= i < stop."""
    cdef Strips out = by_strips(turned, layer.n_in + 1, layer.n_out)
    cdef Py_ssize_t j = 0, row = layer.n_in + 1
    while j < layer.n_out:
        transpose(min(layer.n_out - j, out.row), stop - start, Theta + j * row + start, row,
                  column(out, j) + start * out.row, out.row, True)
        j += out.row


cdef inline void forward_scalars(
    const Dense *layer, const real *packed, const real *X, Py_ssize_t x_row, Py_ssize_t count,
    Py_ssize_t columns, Strips zt, Strips z, real *mixed, Ahead *ahead,
) noexcept nogil:
    """z = W x + b, X as the user has it: zt[sample, unit] by registers of units, then turned."""
    cdef Strips weights = by_strips(packed + layer.turned_at, layer.n_in + 1, layer.n_out)
    cdef Strips biases = weights
    cdef Py_ssize_t units = round_up(layer.n_out)
    biases.row = 0
    weights.data += weights.row
    multiply_add(count, 0, units, layer.n_in, base(biases),
                 interleaved(count, units, layer.n_in, matrix(X, x_row, 1), mixed),
                 weights, zt, ahead)
    # The rows count ... columns hold an earlier tile: lanes that nobody reads.
    turn(columns, layer.n_out, zt, z)


cdef inline void turn_samples(
    const Dense *layer, const real *X, Py_ssize_t x_row, Py_ssize_t count, Strips xt,
) noexcept nogil:
    """xt[feature, sample], of the first layer."""
    cdef Py_ssize_t s = 0
    while s < count:
        transpose(min(count - s, <Py_ssize_t>STRIP), layer.n_in, X + s * x_row, x_row,
                  column(xt, s), xt.row, True)
        s += STRIP


cdef inline void forward(
    const Dense *layer, const real *theta, const real *packed, Strips a, Py_ssize_t columns,
    Strips z, Ahead *ahead,
) noexcept nogil:
    """z = W a + b."""
    cdef const real *Theta = theta + layer.theta_at
    cdef Py_ssize_t row = layer.n_in + 1
    cdef Matrix W = matrix(Theta + 1, row, 1)
    cdef Base biases = base(by_rows(Theta, row))
    biases.by_row = True
    if layer.forward_at >= 0:
        W.interleaved = packed + layer.forward_at
    multiply_add(layer.n_out, 0, columns, layer.n_in, biases, W, a, z, ahead)


cdef inline void backward(
    const Dense *layer, const real *theta, const real *packed, Strips delta, Py_ssize_t columns,
    Strips below, Ahead *ahead,
) noexcept nogil:
    """below = W' delta, still to be multiplied by the slope of the layer below."""
    cdef const real *Theta = theta + layer.theta_at
    cdef Matrix turned = matrix(Theta + 1, 1, layer.n_in + 1)
    if layer.backward_at >= 0:
        turned.interleaved = packed + layer.backward_at
    multiply_add(layer.n_in, 0, columns, layer.n_out, nothing(), turned, delta, below, ahead)


cdef inline Matrix delta_rows(
    const Dense *layer, Strips delta, Py_ssize_t count, real *mixed,
) noexcept nogil:
    """delta as `accumulate` takes it."""
    return interleaved(layer.n_out, layer.delta_columns, count, matrix_of(delta), mixed)


cdef inline void accumulate(
    const Dense *layer, Matrix delta, Py_ssize_t count, Py_ssize_t start, Py_ssize_t stop,
    Strips inputs, bint fresh, real *sums, Ahead *ahead,
) noexcept nogil:
    """Delta of the weights += sum over samples of delta a', or = where it is fresh.

    The columns from `start` to `stop`, for which `inputs` has whole registers: what lies in them
    beside the layer's inputs makes columns that nobody reads.
    """
    cdef Strips Delta = sums_of(layer, sums)
    multiply_add(layer.n_out, start, stop, count, nothing() if fresh else base(Delta), delta, inputs,
                 Delta, ahead)


cdef inline void accumulate_bias(
    const Dense *layer, Strips delta, Py_ssize_t count, bint fresh, real *sums,
) noexcept nogil:
    """Delta of the biases += sum over samples of delta, or = where it is fresh."""
    cdef real *Delta = sums + layer.bias_at
    if fresh:
        memset(Delta, 0, layer.n_out * sizeof(real))
    row_sums(layer.n_out, count, delta, Delta)


cdef inline void widen(Py_ssize_t n, const real *sums, bint fresh, double *wide) noexcept nogil:
    """wide += sums, or = where it is fresh: sums in reals to those in double."""
    cdef Py_ssize_t i
    if fresh:
        for i in range(n):
            wide[i] = sums[i]
    else:
        for i in range(n):
            wide[i] += sums[i]
