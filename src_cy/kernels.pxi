# The kernels by themselves, for other tools and for learners (docstrings: fastbp/kernels.py).
# Arrays of samples are (m, width); inside they are worked off tile by tile, as in the engine.

cdef Dense single_layer(Py_ssize_t n_in, Py_ssize_t n_out):
    cdef Dense layer
    memset(&layer, 0, sizeof(Dense))
    layer.n_in = n_in
    layer.n_out = n_out
    layer.delta_columns = round_up(n_in)
    layer.bias_at = size_of(sums_of(&layer, NULL), n_out, layer.delta_columns)
    layer.turned_at = layer.forward_at = layer.backward_at = -1
    return layer


cdef real *rows_of(const real[:, ::1] array, Py_ssize_t start) noexcept nogil:
    """Where row `start` begins; arrays without columns have no such place."""
    return <real *>&array[start, 0]


cdef int look_for_signals(long long *next_look) except -1 nogil:
    """Ctrl-C, every 50 ms of work. In between the GIL stays free."""
    if now() >= next_look[0]:
        with gil:
            PyErr_CheckSignals()
        next_look[0] = now() + POLL_NANOSECONDS
    return 0


def _tile(*shapes):
    """Zeroed arrays of a tile."""
    return [np.zeros(shape, np.float64 if sizeof(real) == 8 else np.float32) for shape in shapes]


def _room_for(*functions):
    """Scratch of those that are circuits; never empty, since its address is taken."""
    return _tile(most_scratch(functions) + 1)[0]


def layer_forward(const real[:, ::1] Theta, const real[:, ::1] inputs, activation,
                  real[:, ::1] z, real[:, ::1] a):
    cdef Dense layer = single_layer(Theta.shape[1] - 1, Theta.shape[0])
    cdef real[::1] room = _room_for(activation)
    cdef Py_ssize_t rows = round_up(layer.n_out), stride = row_stride(MAX_TILE)
    cdef Py_ssize_t m = inputs.shape[0], start = 0, count, columns, share
    cdef Ahead ahead = no_data()
    cdef long long next_look = now() + POLL_NANOSECONDS
    cdef real[::1] packed, zt
    cdef real[:, ::1] zs, values
    packed, zt, zs, values = _tile(strips_size(layer.n_in + 1, rows), strips_size(MAX_TILE, rows),
                                   (rows, stride), (rows, stride))
    set_activation(&layer, activation)
    layer.turned_at = 0
    for share in range(pack_shares(&layer)):
        pack(&layer, &Theta[0, 0], share, &packed[0])
    with nogil:
        while start < m:
            look_for_signals(&next_look)
            count = min(m - start, <Py_ssize_t>MAX_TILE)
            columns = round_up(count)
            forward_units(&layer, &packed[0], rows_of(inputs, start), layer.n_in, count, columns,
                          by_strips(&zt[0], MAX_TILE, rows), by_rows(&zs[0, 0], stride), &ahead)
            activate_layer(&layer, 0, layer.n_out, columns, stride, &zs[0, 0], &values[0, 0],
                           &values[0, 0], &room[0])
            transpose(layer.n_out, count, &zs[0, 0], stride, rows_of(z, start), layer.n_out, False)
            transpose(layer.n_out, count, &values[0, 0], stride, rows_of(a, start), layer.n_out,
                      False)
            start += MAX_TILE


def layer_backward(const real[:, ::1] Theta, const real[:, ::1] delta, const real[:, ::1] z,
                   activation, real[:, ::1] out):
    cdef Dense layer = single_layer(Theta.shape[1] - 1, Theta.shape[0])
    cdef real[::1] room = _room_for(activation)
    cdef Py_ssize_t stride = row_stride(MAX_TILE), m = delta.shape[0], start = 0, count, columns
    cdef Ahead ahead = no_data()
    cdef long long next_look = now() + POLL_NANOSECONDS
    cdef real[:, ::1] above, below, zs, values
    set_activation(&layer, activation)
    above, below, zs, values = _tile((layer.n_out, stride), *[(layer.n_in, stride)] * 3)
    with nogil:
        while start < m:
            look_for_signals(&next_look)
            count = min(m - start, <Py_ssize_t>MAX_TILE)
            columns = round_up(count)
            transpose(count, layer.n_out, rows_of(delta, start), layer.n_out, &above[0, 0], stride,
                      True)
            transpose(count, layer.n_in, rows_of(z, start), layer.n_in, &zs[0, 0], stride, True)
            backward(&layer, &Theta[0, 0], NULL, by_rows(&above[0, 0], stride), columns,
                     by_rows(&below[0, 0], stride), &ahead)
            activate_layer(&layer, 0, layer.n_in, columns, stride, &zs[0, 0], &values[0, 0],
                           &values[0, 0], &room[0])
            activate_layer(&layer, 1, layer.n_in, columns, stride, &zs[0, 0], &values[0, 0],
                           &below[0, 0], &room[0])
            transpose(layer.n_in, count, &below[0, 0], stride, rows_of(out, start), layer.n_in,
                      False)
            start += MAX_TILE


def layer_accumulate(const real[:, ::1] delta, const real[:, ::1] inputs, double[:, ::1] Delta):
    cdef Dense layer = single_layer(inputs.shape[1], delta.shape[1])
    cdef Py_ssize_t stride = row_stride(MAX_TILE), m = delta.shape[0], start = 0, count, s, i, j
    cdef Py_ssize_t n_delta = layer.bias_at + layer.n_out
    cdef Ahead ahead = no_data()
    cdef long long next_look = now() + POLL_NANOSECONDS
    cdef real[:, ::1] above, at
    cdef double[::1] sums = np.zeros(n_delta)
    cdef real[::1] part
    cdef Strips above_rows, weights
    above, at, part = _tile((layer.n_out, stride), (MAX_TILE, layer.delta_columns), n_delta)
    with nogil:
        above_rows = by_rows(&above[0, 0], stride)
        weights = sums_of(&layer, &part[0])
        while start < m:
            look_for_signals(&next_look)
            count = min(m - start, <Py_ssize_t>MAX_TILE)
            transpose(count, layer.n_out, rows_of(delta, start), layer.n_out, &above[0, 0], stride,
                      True)
            for s in range(count):
                for i in range(layer.n_in):
                    at[s, i] = inputs[start + s, i]
            accumulate(&layer, delta_matrix(&layer, above_rows, count, NULL), count, 0,
                       layer.delta_columns, by_rows(&at[0, 0], layer.delta_columns), True,
                       &part[0], &ahead)
            accumulate_bias(&layer, above_rows, count, True, &part[0])
            widen(n_delta, &part[0], start == 0, &sums[0])
            start += MAX_TILE
    for j in range(layer.n_out):
        Delta[j, 0] += sums[layer.bias_at + j]
        for i in range(layer.n_in):
            Delta[j, 1 + i] += sums[column(weights, i) + j * weights.row - &part[0]]


def layer_gradient(const double[:, ::1] Delta, const double[:, ::1] Theta, double l2, double m,
                   double[:, ::1] D):
    cdef Py_ssize_t j, i
    with nogil:
        for j in range(D.shape[0]):
            D[j, 0] = Delta[j, 0] / m
            for i in range(1, D.shape[1]):
                D[j, i] = (Delta[j, i] + l2 * Theta[j, i]) / m


def output_delta(loss, output, const real[:, ::1] z, const real[:, ::1] y,
                 real[:, ::1] delta, real[::1] cost):
    cdef Py_ssize_t K = z.shape[1], stride = row_stride(MAX_TILE), m = z.shape[0]
    cdef Py_ssize_t start = 0, count, columns, i
    cdef Dense layer = single_layer(1, K)
    cdef real[::1] room = _room_for(loss, output)
    cdef const Element *circuit = NULL
    cdef int number = -1
    cdef bint from_z = False
    cdef long long next_look = now() + POLL_NANOSECONDS
    cdef real[:, ::1] zs, values, ys, out
    cdef real[::1] costs
    set_activation(&layer, output)
    if isinstance(loss, Elementwise):
        circuit = (<Elementwise>loss).loss()
    else:
        number = find_loss(loss, output)
        from_z = losses[number].output != NULL
    zs, values, ys, out = _tile(*[(K, stride)] * 4)
    costs, = _tile(stride)
    with nogil:
        while start < m:
            look_for_signals(&next_look)
            count = min(m - start, <Py_ssize_t>MAX_TILE)
            columns = round_up(count)
            transpose(count, K, rows_of(z, start), K, &zs[0, 0], stride, True)
            transpose(count, K, rows_of(y, start), K, &ys[0, 0], stride, True)
            activate_layer(&layer, 0, K, columns, stride, &zs[0, 0], &values[0, 0], &values[0, 0],
                           &room[0])
            output_loss(&layer, number, from_z, circuit, columns, stride, &zs[0, 0],
                        &values[0, 0], &ys[0, 0], &out[0, 0], &costs[0], &room[0])
            transpose(K, count, &out[0, 0], stride, rows_of(delta, start), K, False)
            for i in range(count):
                cost[start + i] = costs[i]
            start += MAX_TILE


def apply_activation(activation, z, int order):
    """g (order 0), g' (1) or g'' (2) at z, elementwise."""
    cdef Py_ssize_t n = np.size(z), padded = round_up(max(n, <Py_ssize_t>1))
    cdef Dense layer = single_layer(1, 1)
    cdef real[::1] room = _room_for(activation)
    buffers, = _tile((3, padded))
    set_activation(&layer, activation)
    buffers[0, :n] = np.ravel(z)
    buffers[2] = 1
    cdef real[:, ::1] view = buffers
    activate_layer(&layer, 0, 1, padded, padded, &view[0, 0], &view[1, 0], &view[1, 0], &room[0])
    if order == 0:
        return buffers[1, :n].reshape(np.shape(z))
    activate_layer(&layer, order, 1, padded, padded, &view[0, 0], &view[1, 0], &view[2, 0],
                   &room[0])
    return buffers[2, :n].reshape(np.shape(z))


def apply_circuit_loss(Elementwise loss, a, y, int order):
    """A loss that is a circuit (order 0), its first (1) or its second (2) derivative at a and y."""
    cdef Py_ssize_t n = np.size(a), padded = round_up(max(n, <Py_ssize_t>1))
    cdef real[::1] room = _room_for(loss)
    buffers, = _tile((4, padded))
    buffers[0, :n] = np.ravel(a)
    buffers[1, :n] = np.ravel(y)
    cdef real[:, ::1] view = buffers
    element_loss(loss.loss() + (order == 2), 1, padded, padded, &view[0, 0], &view[1, 0],
                 &view[2, 0], &view[3, 0], &room[0])
    return buffers[3 if order == 0 else 2, :n].reshape(np.shape(a))


def extremes(array):
    """The least and the greatest number of a C-contiguous array, as Python's; not-a-number for
    both if there is one. None, if it is not to be read as it is: another dtype or order, or empty.
    """
    cdef cnp.ndarray numbers
    cdef Py_ssize_t n
    cdef real low, high
    cdef int64_t least, most
    if not cnp.PyArray_Check(array) or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array):
        return None
    numbers = <cnp.ndarray>array
    n = cnp.PyArray_SIZE(numbers)
    if n == 0:
        return None
    if cnp.PyArray_TYPE(numbers) == REAL_TYPE:
        with nogil:
            find_extremes(n, <const real *>cnp.PyArray_DATA(numbers), &low, &high)
        return low, high
    if cnp.PyArray_TYPE(numbers) == cnp.NPY_INT64:
        with nogil:
            find_integer_extremes(n, <const int64_t *>cnp.PyArray_DATA(numbers), &least, &most)
        return least, most
    return None


ELEMENTARY = (
    "exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf", "sin", "cos", "tan", "sqrt", "sign",
    "sigmoid_slope", "softplus", "gaussian", "pow", "atan2", "hypot", "minimum", "maximum",
)


cdef kernel_void elementary(int function, Py_ssize_t n, real *x, const real *y) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef lanes_t v, w
    while i < n:
        v = lanes_load(x + i)
        w = lanes_load(y + i)
        if function == 0: v = lanes_exp(v)
        elif function == 1: v = lanes_expm1(v)
        elif function == 2: v = lanes_log(v)
        elif function == 3: v = lanes_log1p(v)
        elif function == 4: v = lanes_tanh(v)
        elif function == 5: v = lanes_sigmoid(v)
        elif function == 6: v = lanes_erf(v)
        elif function == 7: v = lanes_sin(v)
        elif function == 8: v = lanes_cos(v)
        elif function == 9: v = lanes_tan(v)
        elif function == 10: v = lanes_sqrt(v)
        elif function == 11: v = lanes_sign(v)
        elif function == 12: v = lanes_sigmoid_slope(v)
        elif function == 13: v = lanes_softplus(v)
        elif function == 14: v = lanes_gaussian(v)
        elif function == 15: v = lanes_pow(v, w)
        elif function == 16: v = lanes_atan2(v, w)
        elif function == 17: v = lanes_hypot(v, w)
        elif function == 18: v = lanes_minimum(v, w)
        elif function == 19: v = lanes_maximum(v, w)
        lanes_store(x + i, v)
        i += LANES


def apply_elementary(name, x, y=None):
    """The function of that name of x, elementwise; pow, atan2, hypot, minimum and maximum take x
    and y, of one shape, in this order."""
    cdef Py_ssize_t n = np.size(x), padded = round_up(n)
    if y is not None and np.shape(y) != np.shape(x):
        raise ValueError(f"x has shape {np.shape(x)}, y has {np.shape(y)}")
    buffers, = _tile((2, padded))
    buffers[0, :n] = np.ravel(x)
    buffers[1, :n] = 0 if y is None else np.ravel(y)
    cdef real[:, ::1] view = buffers
    if n > 0:
        elementary(ELEMENTARY.index(name), padded, &view[0, 0], &view[1, 0])
    return buffers[0, :n].reshape(np.shape(x))
