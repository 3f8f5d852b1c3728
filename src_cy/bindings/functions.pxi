# One function over an array: for validation, and for tests.

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


def _tile(*shapes):
    """Zeroed arrays of a tile."""
    return [np.zeros(shape, np.float64 if sizeof(real) == 8 else np.float32) for shape in shapes]


def _room_for(*functions):
    """Scratch of those that are circuits; never empty, since its address is taken."""
    return _tile(most_scratch(functions) + 1)[0]


def apply_activation(activation, z, int order):
    """g (order 0), g' (1), g'' (2) or g''' (3) at z, elementwise."""
    cdef Py_ssize_t n = np.size(z), padded = round_up(max(n, <Py_ssize_t>1))
    cdef Function g
    cdef real[::1] room = _room_for(activation)
    buffers, = _tile((3, padded))
    read_function(&g, activation)
    buffers[0, :n] = np.ravel(z)
    buffers[2] = 1
    cdef real[:, ::1] view = buffers
    apply(&g, order > 0, 1, padded, padded, &view[0, 0], &view[1, 0], &room[0])
    if order == 0:
        return buffers[1, :n].reshape(np.shape(z))
    multiply_by_slopes(&g, order, 1, padded, padded, &view[0, 0], &view[1, 0], &view[2, 0],
                       &room[0])
    return buffers[2, :n].reshape(np.shape(z))


def apply_circuit_loss(CustomFunction loss, a, y, int order):
    """A loss that is a circuit (order 0), its first (1) or its second (2) derivative at a and y."""
    cdef Py_ssize_t n = np.size(a), padded = round_up(max(n, <Py_ssize_t>1))
    cdef real[::1] room = _room_for(loss)
    buffers, = _tile((4, padded))
    if loss.loss().code.n_columns > 2:
        raise ValueError("expected a loss of a and y alone")
    buffers[0, :n] = np.ravel(a)
    buffers[1, :n] = np.ravel(y)
    cdef real[:, ::1] view = buffers
    custom_loss(loss.loss() + (order == 2), 1, padded, padded, &view[0, 0], &view[1, 0],
                NULL, &view[2, 0], &view[3, 0], &room[0])
    return buffers[3 if order == 0 else 2, :n].reshape(np.shape(a))


cdef dict ELEMENTARY_GATES = {
    gate_name(op).decode(): op for op in range(N_GATES)
    if gate_arity(op) in (1, 2) and (not is_short(op) or op in (SIGN, MINIMUM, MAXIMUM))}
ELEMENTARY = tuple(ELEMENTARY_GATES)


def apply_elementary(name, x, y=None):
    """The gate of that name of x, elementwise; those of two operands take x and y, of one shape, in
    this order."""
    cdef int op = ELEMENTARY_GATES[name]
    cdef Py_ssize_t n = np.size(x), columns = whole_registers(n)
    cdef Row a, b
    cdef Coming nothing_coming
    if y is not None and np.shape(y) != np.shape(x):
        raise ValueError(f"x has shape {np.shape(x)}, y has {np.shape(y)}")
    buffers, = _tile((3, max(columns, <Py_ssize_t>1)))
    buffers[0, :n] = np.ravel(x)
    buffers[1, :n] = 0 if y is None else np.ravel(y)
    cdef real[:, ::1] view = buffers
    a.at, b.at = &view[0, 0], &view[1, 0]
    a.step = b.step = LANES
    nothing_coming.columns = NULL
    nothing_coming.n_columns = nothing_coming.start = 0
    if is_short(op):
        run_short(op, columns, &a, &b, &a, &view[2, 0])
    else:
        run_long(op, columns, &a, &b, &view[2, 0], &nothing_coming)
    return buffers[2, :n].reshape(np.shape(x))
