"""A layer of a plain chain, which is an AFFINE step and the MAP behind it, on one tile of samples.

z = W a + b forward, W' delta backward, Delta: the schedules of chain.pxd and windows.pxd are made
of these. Unlike affine.pxd they need no table of rows, and weights and delta may be packed.

Within a tile arrays are feature-major, `a[unit, sample]`. Three arrays are sample-major: X, read
where the user has it; `zt`, the first layer's z before it is transposed; and `at`, the inputs of
the other layers, transposed, from which their Delta is made. A wide first layer transposes X
instead and has no `zt`.
"""
from libc.string cimport memset

from evaluation.parameters cimport ThetaBlock, delta_of
from matrix.dots cimport row_sums
from matrix.layout cimport Strips, by_rows, by_strips, round_up, row_stride
from matrix.packing cimport Matrix, matrix, matrix_of, pack, packed_if_worth, packing_pays
from matrix.product cimport (
    Addend, Ahead, broadcast_addend, factor, matrix_addend, multiply_add, multiply_add_transposed,
    nothing,
)
from matrix.sizes cimport DEPTH
from matrix.transpose cimport transpose_strips, transpose_to_strips
from simd.lanes cimport real
from steps.function cimport Function


cdef struct ChainStep:
    Py_ssize_t n_in
    Py_ssize_t n_out
    Function g
    bint keeps_z            # beside a
    # Its matrix. Delta is shifted so that registers of X are aligned; in windows bias_at is a place
    # in the sums of a tile.
    ThetaBlock *theta
    # Where in the packed weights; -1: nowhere.
    Py_ssize_t transposed_at    # b and W' by strips, of a first layer with units in the lanes
    Py_ssize_t forward_at   # W packed, then b
    Py_ssize_t backward_at  # W' packed
    Py_ssize_t z_at         # where z and a of a tile are in the scratch of a thread
    Py_ssize_t a_at
    # Where in the cache of a window (see windows.pxd); -1: X is not cached, nor are the outputs.
    Py_ssize_t cached_inputs_at
    Py_ssize_t cached_a_at      # which are the inputs of the next layer
    Py_ssize_t cached_delta_at
    Strips layout           # how they lie, and the layer's delta; no data (see layer_array)
    Strips inputs_layout    # the same of what the layer reads, but of X


cdef inline Strips layer_array(const ChainStep *layer, const real *data) noexcept nogil:
    """An array [unit, sample] of the layer."""
    cdef Strips out = layer.layout
    out.data = <real *>data
    return out


cdef inline Strips by_samples(
    const ChainStep *layer, const real *data, Py_ssize_t samples,
) noexcept nogil:
    """The layer's inputs transposed, [sample, input]: by rows for a layer of one or two units,
    whose product takes more adjacent columns at once than a strip has."""
    if layer.n_out <= 2:
        return by_rows(data, row_stride(layer.n_in))
    return by_strips(data, samples, layer.n_in)


cdef inline Addend slopes_of(
    const ChainStep *layer, const ChainStep *under, const real *z,
) noexcept nogil:
    """The slopes of the layer under this one as a factor of the product in `backward`; nothing
    where they are not kept, or the product is too deep for a factor."""
    if under.g.keeps_slopes and layer.n_out <= <Py_ssize_t>DEPTH:
        return factor(layer_array(under, z))
    return nothing()


cdef inline bint packs_delta(const ChainStep *layer) noexcept nogil:
    """Whether delta is packed for Delta of the weights; only then may it lie by strips."""
    return packing_pays(layer.n_out, layer.theta.columns)


cdef inline Py_ssize_t panels(Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    """How many panels of DEPTH rows or columns a matrix of n has if it is packed, else 0."""
    return (n + DEPTH - 1) // DEPTH if at >= 0 else 0


cdef inline Py_ssize_t packing_pieces(const ChainStep *layer) noexcept nogil:
    """How many calls of `pack_weights` pack the whole layer."""
    return (panels(layer.transposed_at, layer.n_in + 1) + panels(layer.forward_at, layer.n_in)
            + panels(layer.backward_at, layer.n_out))


cdef inline void pack_weights(
    const ChainStep *layer, const real *theta, Py_ssize_t piece, real *packed,
) noexcept nogil:
    """One panel of the packed weights."""
    cdef const real *Theta = theta + layer.theta.at
    cdef Py_ssize_t row = layer.n_in + 1, start, j
    cdef Py_ssize_t n_transposed = panels(layer.transposed_at, row)
    cdef Py_ssize_t n_forward = panels(layer.forward_at, layer.n_in)
    cdef Strips transposed
    if piece < n_transposed:
        start = piece * DEPTH
        transposed = by_strips(packed + layer.transposed_at, row, layer.n_out)
        transposed.data += start * transposed.row
        transpose_to_strips(layer.n_out, min(row - start, <Py_ssize_t>DEPTH), Theta + start, row,
                            transposed)
    elif piece < n_transposed + n_forward:
        start = (piece - n_transposed) * DEPTH
        if start == 0:
            for j in range(layer.n_out):
                packed[layer.forward_at + layer.n_in * layer.n_out + j] = Theta[j * row]
        pack(layer.n_out, min(layer.n_in - start, <Py_ssize_t>DEPTH),
             matrix(Theta + 1 + start, row, 1),
             packed + layer.forward_at + start * layer.n_out)
    else:
        start = (piece - n_transposed - n_forward) * DEPTH
        pack(layer.n_in, min(layer.n_out - start, <Py_ssize_t>DEPTH),
             matrix(Theta + 1 + start * row, 1, row),
             packed + layer.backward_at + start * layer.n_in)


cdef inline void forward_units(
    const ChainStep *layer, const real *packed, const real *X, Py_ssize_t x_row, Py_ssize_t count,
    Py_ssize_t columns, Strips zt, Strips z, Ahead *ahead,
) noexcept nogil:
    """z = W x + b with units in the lanes: zt[sample, unit] from X as it lies, then transposed."""
    cdef Strips weights = by_strips(packed + layer.transposed_at, layer.n_in + 1, layer.n_out)
    cdef Strips biases = weights
    cdef Py_ssize_t units = round_up(layer.n_out)
    biases.row = 0                      # added to every sample
    weights.data += weights.row
    multiply_add(count, 0, units, layer.n_in, matrix_addend(biases), matrix(X, x_row, 1), weights,
                 zt, ahead)
    # The rows from count to columns hold an earlier tile, in lanes that nobody reads.
    transpose_strips(columns, layer.n_out, zt, z)


cdef inline Matrix weights_of(
    const ChainStep *layer, const real *theta, const real *packed,
) noexcept nogil:
    """W as P of a forward product."""
    cdef Matrix W = matrix(theta + layer.theta.at + 1, layer.n_in + 1, 1)
    if layer.forward_at >= 0:
        W.packed = packed + layer.forward_at
    return W


cdef inline void forward(
    const ChainStep *layer, const real *theta, const real *packed, Strips a, Py_ssize_t samples,
    Py_ssize_t columns, Strips z, Ahead *ahead,
) noexcept nogil:
    """z = W a + b, of a[unit, sample]; or of so many `samples` of a[sample, unit], as X lies."""
    cdef const real *Theta = theta + layer.theta.at
    cdef Matrix W = weights_of(layer, theta, packed)
    cdef Addend b = broadcast_addend(Theta, layer.n_in + 1)
    if W.packed != NULL:
        b = broadcast_addend(W.packed + layer.n_in * layer.n_out, 1)
    if samples > 0:
        multiply_add_transposed(layer.n_out, 0, columns, layer.n_in, b, W, a, samples, z, ahead)
    else:
        multiply_add(layer.n_out, 0, columns, layer.n_in, b, W, a, z, ahead)


cdef inline void forward_more(
    const ChainStep *layer, const real *theta, const real *packed, Strips a, Py_ssize_t columns,
    Strips z, Ahead *ahead,
) noexcept nogil:
    """z += W a."""
    multiply_add(layer.n_out, 0, columns, layer.n_in, matrix_addend(z),
                 weights_of(layer, theta, packed), a, z, ahead)


cdef inline void backward(
    const ChainStep *layer, const real *theta, const real *packed, Strips delta, Py_ssize_t columns,
    Addend addend, Strips below, Ahead *ahead,
) noexcept nogil:
    """below = addend + W' delta, or times the slopes of the layer below where the addend is a
    factor; else the caller still has to multiply by them."""
    cdef const real *Theta = theta + layer.theta.at
    cdef Matrix Wt = matrix(Theta + 1, 1, layer.n_in + 1)
    if layer.backward_at >= 0:
        Wt.packed = packed + layer.backward_at
    multiply_add(layer.n_in, 0, columns, layer.n_out, addend, Wt, delta, below, ahead)


cdef inline Matrix delta_matrix(
    const ChainStep *layer, Strips delta, Py_ssize_t count, real *room,
) noexcept nogil:
    """delta as P of `accumulate`, packed where that pays."""
    return packed_if_worth(layer.n_out, layer.theta.columns, count, matrix_of(delta), room)


cdef inline void accumulate(
    const ChainStep *layer, Matrix delta, Py_ssize_t count, Py_ssize_t start, Py_ssize_t stop,
    Strips inputs, bint fresh, real *sums, Ahead *ahead,
) noexcept nogil:
    """Delta of the weights += sum over samples of delta a', or = where it is fresh.

    Only the columns from `start` to `stop`, where `inputs` can be read in whole registers. What a
    register holds beside the layer's inputs makes columns of Delta that nobody reads.
    """
    cdef Strips Delta = delta_of(layer.theta, sums)
    multiply_add(layer.n_out, start, stop, count,
                 nothing() if fresh else matrix_addend(Delta), delta, inputs, Delta, ahead)


cdef inline void accumulate_bias(
    const ChainStep *layer, Strips delta, Py_ssize_t count, bint fresh, real *sums,
) noexcept nogil:
    """Delta of the biases += sum over samples of delta, or = where it is fresh."""
    cdef real *Delta = sums + layer.theta.bias_at
    if fresh:
        memset(Delta, 0, layer.n_out * sizeof(real))
    row_sums(layer.n_out, count, delta, Delta)
