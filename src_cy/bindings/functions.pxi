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
    """g (order 0), g' (1) or g'' (2) at z, elementwise."""
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
    buffers[0, :n] = np.ravel(a)
    buffers[1, :n] = np.ravel(y)
    cdef real[:, ::1] view = buffers
    custom_loss(loss.loss() + (order == 2), 1, padded, padded, &view[0, 0], &view[1, 0],
                &view[2, 0], &view[3, 0], &room[0])
    return buffers[3 if order == 0 else 2, :n].reshape(np.shape(a))


ELEMENTARY = (
    "exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf", "sin", "cos", "tan", "sqrt", "sign",
    "sigmoid_slope", "softplus", "gaussian", "pow", "atan2", "hypot", "minimum", "maximum",
    "floor", "round", "arcsin", "arccos", "arcsinh", "arccosh", "arctanh", "gammaln", "digamma",
    "one_minus_square", "mod", "logaddexp", "polygamma",
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
        elif function == 20: v = lanes_floor(v)
        elif function == 21: v = lanes_round(v)
        elif function == 22: v = lanes_arcsin(v)
        elif function == 23: v = lanes_arccos(v)
        elif function == 24: v = lanes_arcsinh(v)
        elif function == 25: v = lanes_arccosh(v)
        elif function == 26: v = lanes_arctanh(v)
        elif function == 27: v = lanes_gammaln(v)
        elif function == 28: v = lanes_digamma(v)
        elif function == 29: v = lanes_one_minus_square(v)
        elif function == 30: v = lanes_mod(v, w)
        elif function == 31: v = lanes_logaddexp(v, w)
        elif function == 32: v = lanes_polygamma(v, w)
        lanes_store(x + i, v)
        i += LANES


def apply_elementary(name, x, y=None):
    """The function of that name of x, elementwise; those of two operands take x and y, of one
    shape, in this order."""
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
