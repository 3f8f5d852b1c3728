# The kernels by themselves, for other tools and for learners (docstrings: fastbp/kernels.py).
# Arrays of samples are (m, width); inside they go tile by tile, as in the engine.
#
# Each returns None, and has done nothing, where its arguments are not to be read as they are:
# matrices of `real` in C order that fit together, and the name of an activation there is.

cdef ChainStep single_layer(Py_ssize_t n_in, Py_ssize_t n_out, ThetaBlock *theta):
    """A chain of one layer, which has nothing packed; theta is set for it."""
    cdef ChainStep layer
    memset(&layer, 0, sizeof(ChainStep))
    memset(theta, 0, sizeof(ThetaBlock))
    layer.n_in = n_in
    layer.n_out = n_out
    layer.theta = theta
    theta.n_in = n_in
    theta.n_out = n_out
    theta.columns = round_up(n_in)
    theta.strips = packs_delta(&layer)
    theta.bias_at = delta_size(theta)
    layer.transposed_at = layer.forward_at = layer.backward_at = -1
    return layer


cdef int look_for_signals(long long *next_look) except -1 nogil:
    """Ctrl-C, every 50 ms of work. In between the GIL stays free."""
    if now() >= next_look[0]:
        with gil:
            PyErr_CheckSignals()
        next_look[0] = now() + POLL_NANOSECONDS
    return 0


cdef bint is_matrix(array, int type_number, Py_ssize_t rows, Py_ssize_t columns) noexcept:
    """Whether it is one of so many rows and columns, or of any where these are 0; not empty."""
    if not is_plain(array, type_number, 2) or cnp.PyArray_SIZE(<cnp.ndarray>array) == 0:
        return False
    return (rows in (0, height(array))) and (columns in (0, width(array)))


cdef Py_ssize_t height(array) noexcept:
    return cnp.PyArray_DIM(<cnp.ndarray>array, 0)


cdef Py_ssize_t width(array) noexcept:
    return cnp.PyArray_DIM(<cnp.ndarray>array, 1)


cdef real *numbers_of(array) noexcept:
    return <real *>cnp.PyArray_DATA(<cnp.ndarray>array)


cdef object new_matrix(Py_ssize_t rows, Py_ssize_t columns, int type_number):
    cdef cnp.npy_intp shape[2]
    shape[0] = rows
    shape[1] = columns
    return cnp.PyArray_SimpleNew(2, shape, type_number)


cdef bint is_known(activation) noexcept:
    return isinstance(activation, CustomFunction) or (
        parted(activation)[0] in ACTIVATION_ROWS)


def layer_forward(Theta, inputs, activation):
    """(z, a)."""
    if not (is_matrix(Theta, REAL_TYPE, 0, 0) and width(Theta) > 1
            and is_matrix(inputs, REAL_TYPE, 0, width(Theta) - 1) and is_known(activation)):
        return None
    cdef ThetaBlock theta
    cdef ChainStep layer = single_layer(width(Theta) - 1, height(Theta), &theta)
    cdef Py_ssize_t m = height(inputs), tile = min(m, <Py_ssize_t>MAX_TILE), start = 0, top = 0
    cdef Py_ssize_t rows = round_up(layer.n_out), samples = round_up(tile), count, columns, piece
    cdef Py_ssize_t stride = row_stride(samples)
    cdef Ahead ahead = no_data()
    cdef long long next_look = now() + POLL_NANOSECONDS
    cdef Py_ssize_t packed_at = take(&top, strips_size(layer.n_in + 1, rows))
    cdef Py_ssize_t z_transposed_at = take(&top, strips_size(samples, rows))
    cdef Py_ssize_t z_at = take(&top, rows * stride), a_at = take(&top, rows * stride)
    cdef Py_ssize_t room_at = take(&top, most_scratch((activation,)))
    cdef const real *X = numbers_of(inputs)
    read_function(&layer.g, activation)
    layer.transposed_at = 0
    z, a = new_matrix(m, layer.n_out, REAL_TYPE), new_matrix(m, layer.n_out, REAL_TYPE)
    cdef real *out_z = numbers_of(z)
    cdef real *out_a = numbers_of(a)
    cdef real *room = <real *>allocate(top * sizeof(real))
    try:
        for piece in range(packing_pieces(&layer)):
            pack_weights(&layer, numbers_of(Theta), piece, room + packed_at)
        with nogil:
            while start < m:
                look_for_signals(&next_look)
                count = min(m - start, tile)
                columns = round_up(count)
                forward_units(&layer, room + packed_at, X + start * layer.n_in, layer.n_in, count,
                              columns, by_strips(room + z_transposed_at, samples, rows),
                              by_rows(room + z_at, stride), &ahead)
                apply(&layer.g, False, layer.n_out, columns, stride, room + z_at,
                      room + a_at, room + room_at)
                transpose(layer.n_out, count, room + z_at, stride, out_z + start * layer.n_out,
                          layer.n_out, False)
                transpose(layer.n_out, count, room + a_at, stride, out_a + start * layer.n_out,
                          layer.n_out, False)
                start += tile
    finally:
        free(room)
    return z, a


cdef kernel_void add_rows(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *a, real *out,
) noexcept nogil:
    """out += a, in whole registers."""
    cdef Py_ssize_t r, c
    for r in range(rows):
        c = 0
        while c < columns:
            lanes_store(out + r * stride + c,
                        lanes_load(out + r * stride + c) + lanes_load(a + r * stride + c))
            c += LANES


def layer_backward(Theta, delta, z, activation, error=None):
    """(delta W + error) g'(z)."""
    if not (is_matrix(Theta, REAL_TYPE, 0, 0) and width(Theta) > 1
            and is_matrix(delta, REAL_TYPE, 0, height(Theta))
            and is_matrix(z, REAL_TYPE, height(delta), width(Theta) - 1)
            and (error is None or is_matrix(error, REAL_TYPE, height(z), width(z)))
            and is_known(activation)):
        return None
    cdef ThetaBlock theta
    cdef ChainStep layer = single_layer(width(Theta) - 1, height(Theta), &theta)
    cdef Py_ssize_t m = height(delta), tile = min(m, <Py_ssize_t>MAX_TILE), start = 0, top = 0
    cdef Py_ssize_t stride = row_stride(tile), count, columns, n_in = layer.n_in
    cdef Py_ssize_t n_out = layer.n_out
    cdef Ahead ahead = no_data()
    cdef long long next_look = now() + POLL_NANOSECONDS
    cdef Py_ssize_t above_at = take(&top, n_out * stride), below_at = take(&top, n_in * stride)
    cdef Py_ssize_t z_at = take(&top, n_in * stride), a_at = take(&top, n_in * stride)
    cdef Py_ssize_t error_at = take(&top, n_in * stride if error is not None else 0)
    cdef Py_ssize_t room_at = take(&top, most_scratch((activation,)))
    read_function(&layer.g, activation)
    if layer.g.circuit == NULL and activations[layer.g.activation].output_only:
        return None
    out = new_matrix(m, n_in, REAL_TYPE)
    cdef const real *weights = numbers_of(Theta)
    cdef const real *deltas = numbers_of(delta)
    cdef const real *preactivations = numbers_of(z)
    cdef const real *errors = numbers_of(error) if error is not None else NULL
    cdef real *result = numbers_of(out)
    cdef real *room = <real *>allocate(top * sizeof(real))
    try:
        with nogil:
            while start < m:
                look_for_signals(&next_look)
                count = min(m - start, tile)
                columns = round_up(count)
                transpose(count, n_out, deltas + start * n_out, n_out, room + above_at, stride,
                          True)
                transpose(count, n_in, preactivations + start * n_in, n_in, room + z_at, stride,
                          True)
                backward(&layer, weights, NULL, by_rows(room + above_at, stride), columns,
                         nothing(), by_rows(room + below_at, stride), &ahead)
                if errors != NULL:
                    transpose(count, n_in, errors + start * n_in, n_in, room + error_at, stride,
                              True)
                    add_rows(n_in, columns, stride, room + error_at, room + below_at)
                apply(&layer.g, True, n_in, columns, stride, room + z_at, room + a_at,
                      room + room_at)
                multiply_by_slopes(&layer.g, 1, n_in, columns, stride, room + z_at, room + a_at,
                                   room + below_at, room + room_at)
                transpose(n_in, count, room + below_at, stride, result + start * n_in, n_in,
                          False)
                start += tile
    finally:
        free(room)
    return out


def layer_accumulate(delta, inputs, Delta):
    """Delta += delta' [1, inputs], a matrix of float64; a fresh one if it is None."""
    if not (is_matrix(delta, REAL_TYPE, 0, 0) and is_matrix(inputs, REAL_TYPE, height(delta), 0)):
        return None
    cdef ThetaBlock theta
    cdef ChainStep layer = single_layer(width(inputs), width(delta), &theta)
    cdef bint fresh = Delta is None
    if fresh:
        Delta = new_matrix(layer.n_out, 1 + layer.n_in, cnp.NPY_FLOAT64)
    elif not (is_matrix(Delta, cnp.NPY_FLOAT64, layer.n_out, 1 + layer.n_in)
              and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>Delta)):
        return None
    cdef Py_ssize_t m = height(delta), tile = min(m, <Py_ssize_t>MAX_TILE), start = 0, top = 0
    cdef Py_ssize_t stride = row_stride(tile), count, s, i, j, n_out = layer.n_out
    cdef Py_ssize_t n_in = layer.n_in, n_delta = layer.theta.bias_at + n_out
    cdef Py_ssize_t reals = sizeof(double) // sizeof(real)
    cdef Ahead ahead = no_data()
    cdef long long next_look = now() + POLL_NANOSECONDS
    cdef Py_ssize_t sums_at = take(&top, n_delta * reals), above_at = take(&top, n_out * stride)
    cdef Py_ssize_t a_transposed_at = take(&top, tile * layer.theta.columns)
    cdef Py_ssize_t part_at = take(&top, n_delta)
    cdef const real *deltas = numbers_of(delta)
    cdef const real *X = numbers_of(inputs)
    cdef double *out = <double *>cnp.PyArray_DATA(<cnp.ndarray>Delta)
    cdef double *sums
    cdef real *part
    cdef real *at
    cdef Strips above, weights
    cdef real *room = <real *>allocate(top * sizeof(real))
    try:
        with nogil:
            sums, part, at = <double *>(room + sums_at), room + part_at, room + a_transposed_at
            above = by_rows(room + above_at, stride)
            weights = delta_of(&theta, part)
            while start < m:
                look_for_signals(&next_look)
                count = min(m - start, tile)
                transpose(count, n_out, deltas + start * n_out, n_out, above.data, stride, True)
                for s in range(count):
                    memcpy(at + s * layer.theta.columns, X + (start + s) * n_in,
                           n_in * sizeof(real))
                accumulate(&layer, delta_matrix(&layer, above, count, NULL), count, 0,
                           layer.theta.columns, by_rows(at, layer.theta.columns), True, part,
                           &ahead)
                accumulate_bias(&layer, above, count, True, part)
                add_in_double(n_delta, part, start == 0, sums)
                start += tile
            for j in range(n_out):
                if fresh:
                    memset(out, 0, (1 + n_in) * sizeof(double))
                out[0] += sums[layer.theta.bias_at + j]
                for i in range(n_in):
                    out[1 + i] += sums[column(weights, i) + j * weights.row - part]
                out += 1 + n_in
    finally:
        free(room)
    return Delta


def layer_gradient(Delta, Theta, double l2, double m):
    """Delta/m + l2/m [0, W], of float64."""
    if not (is_matrix(Delta, cnp.NPY_FLOAT64, 0, 0)
            and is_matrix(Theta, cnp.NPY_FLOAT64, height(Delta), width(Delta))
            and width(Theta) > 1):
        return None
    cdef Py_ssize_t rows = height(Delta), columns = width(Delta), j, i
    D = new_matrix(rows, columns, cnp.NPY_FLOAT64)
    cdef double *out = <double *>cnp.PyArray_DATA(<cnp.ndarray>D)
    cdef const double *sums = <const double *>cnp.PyArray_DATA(<cnp.ndarray>Delta)
    cdef const double *weights = <const double *>cnp.PyArray_DATA(<cnp.ndarray>Theta)
    with nogil:
        for j in range(rows):
            out[0] = sums[0] / m
            for i in range(1, columns):
                out[i] = (sums[i] + l2 * weights[i]) / m
            out += columns
            sums += columns
            weights += columns
    return D


def output_delta(loss, output, z, y):
    """(cost, delta). Loss and output go together."""
    if not (is_matrix(z, REAL_TYPE, 0, 0) and is_matrix(y, REAL_TYPE, height(z), width(z))
            and is_known(output)):
        return None
    cdef Py_ssize_t K = width(z), m = height(z), tile = min(m, <Py_ssize_t>MAX_TILE), start = 0
    cdef Py_ssize_t stride = row_stride(tile), top = 0, count, columns, i
    cdef ThetaBlock theta
    cdef ChainStep layer = single_layer(1, K, &theta)
    cdef Py_ssize_t z_at = take(&top, K * stride), a_at = take(&top, K * stride)
    cdef Py_ssize_t y_at = take(&top, K * stride), delta_at = take(&top, K * stride)
    cdef Py_ssize_t cost_at = take(&top, stride)
    cdef Py_ssize_t room_at = take(&top, most_scratch((loss, output)))
    cdef cnp.npy_intp n = m
    cdef const Custom *circuit = NULL
    cdef int number = -1
    cdef real p = 0
    cdef bint from_z = False
    cdef long long next_look = now() + POLL_NANOSECONDS
    read_function(&layer.g, output)
    if isinstance(loss, CustomFunction):
        circuit = (<CustomFunction>loss).loss()
        if circuit.code.n_columns > 2:
            raise ValueError("kernels take losses of a and y alone")
    else:
        row = loss_row(loss, output)
        if row is None:
            return None
        number = row
        p = parted(loss)[1]
        from_z = losses[number].output != NULL
    cost, delta = cnp.PyArray_SimpleNew(1, &n, REAL_TYPE), new_matrix(m, K, REAL_TYPE)
    cdef const real *preactivations = numbers_of(z)
    cdef const real *targets = numbers_of(y)
    cdef real *costs = numbers_of(cost)
    cdef real *deltas = numbers_of(delta)
    cdef real *room = <real *>allocate(top * sizeof(real))
    try:
        with nogil:
            while start < m:
                look_for_signals(&next_look)
                count = min(m - start, tile)
                columns = round_up(count)
                transpose(count, K, preactivations + start * K, K, room + z_at, stride, True)
                transpose(count, K, targets + start * K, K, room + y_at, stride, True)
                output_loss(&layer.g, number, p, from_z, circuit, K, columns, stride, room + z_at,
                            room + a_at, room + y_at, NULL, room + delta_at, room + cost_at,
                            room + room_at, NULL)
                transpose(K, count, room + delta_at, stride, deltas + start * K, K, False)
                for i in range(count):
                    costs[start + i] = room[cost_at + i]
                start += tile
    finally:
        free(room)
    return cost, delta
