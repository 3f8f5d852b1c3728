"""The function of a layer, named or a circuit, and the loss behind the last one, on one tile."""
from libc.string cimport memcpy, memset

from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_store, real
from steps.activations cimport (
    SOFTMAX, activate, activate_streams, activate_streams_backward, multiply_slopes,
    multiply_tangents, output_errors,
)
from steps.custom cimport SCALE, SET, activate_custom, custom_loss
from steps.losses cimport is_joint, loss_of_error, loss_of_z
from steps.missing cimport add_known, clear_missing, sum_rows
from steps.streams cimport Streams, map_streams, map_streams_backward, no_function
from tape.tape cimport Custom


cdef struct Function:
    int activation          # row of the table; N_ACTIVATIONS: a circuit
    real parameter          # of the activation
    bint keeps_slopes       # in the place of z
    const Custom *circuit   # four, of g and its first derivatives (tape.pxd); or NULL


cdef inline kernel_void subtract(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *a, const real *y,
    real *error,
) noexcept nogil:
    """error = a - y."""
    cdef Py_ssize_t r, c
    for r in range(rows):
        c = r * stride
        while c < r * stride + columns:
            lanes_store(error + c, lanes_load(a + c) - lanes_load(y + c))
            c += LANES


cdef inline void apply(
    const Function *g, bint keep, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    real *z, real *a, real *scratch,
) noexcept nogil:
    """a = g(z), as `activate`, whether g is named or a circuit."""
    if g.circuit == NULL:
        activate(g.activation, keep, rows, columns, stride, z, a, g.parameter)
    else:
        activate_custom(g.circuit, SET, rows, columns, stride, z, a, scratch)


cdef inline void multiply_by_slopes(
    const Function *g, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out, real *scratch,
) noexcept nogil:
    """out *= g' (order 1), g'' (2) or g''' (3), as `multiply_slopes`."""
    if g.circuit == NULL:
        multiply_slopes(g.activation, order, rows, columns, stride, z, a, out, g.parameter)
    else:
        activate_custom(g.circuit + order, SCALE, rows, columns, stride, z, out, scratch)


cdef inline kernel_void products(
    Py_ssize_t n, const real *a, const real *b, real *out,
) noexcept nogil:
    """out = a b."""
    cdef Py_ssize_t i = 0
    while i < n:
        lanes_store(out + i, lanes_load(a + i) * lanes_load(b + i))
        i += LANES


cdef inline kernel_void add_to(Py_ssize_t n, const real *a, real *out) noexcept nogil:
    """out += a."""
    cdef Py_ssize_t i = 0
    while i < n:
        lanes_store(out + i, lanes_load(out + i) + lanes_load(a + i))
        i += LANES


cdef inline void apply_tangent(
    const Function *g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z,
    const real *a, const real *tangent, real *out, real *scratch,
) noexcept nogil:
    """out = g'(z) tangent: the tangent of a."""
    if g.circuit == NULL:
        multiply_tangents(g.activation, rows, columns, stride, z, a, NULL, tangent, out,
                          g.parameter)
    else:
        memcpy(out, tangent, ((rows - 1) * stride + columns) * sizeof(real))
        activate_custom(g.circuit + 1, SCALE, rows, columns, stride, z, out, scratch)


cdef inline void multiply_by_tangent(
    const Function *g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z,
    const real *a, const real *delta, const real *tangent, real *out, real *room, real *scratch,
) noexcept nogil:
    """out = g'(z) out + g''(z) tangent delta; `room` for as much."""
    cdef Py_ssize_t n = (rows - 1) * stride + columns
    if g.circuit == NULL:
        multiply_tangents(g.activation, rows, columns, stride, z, a, delta, tangent, out,
                          g.parameter)
    else:
        products(n, tangent, delta, room)
        activate_custom(g.circuit + 2, SCALE, rows, columns, stride, z, room, scratch)
        activate_custom(g.circuit + 1, SCALE, rows, columns, stride, z, out, scratch)
        add_to(n, room, out)


cdef inline void slopes_of_circuit(
    const Function *g, int most, const Streams *streams, Py_ssize_t rows, const real *z, real *out,
    real *scratch,
) noexcept nogil:
    """g', g'', ... up to the order `most`, each [row, sample]."""
    cdef Py_ssize_t S = streams.samples, r
    cdef int order
    for order in range(1, most + 1):
        for r in range(rows):
            activate_custom(g.circuit + order, SET, 1, S, S, z + r * streams.row, out, scratch)
            out += S


cdef inline void apply_streams(
    const Function *g, const Streams *streams, Py_ssize_t rows, real *z, real *a, real *room,
    real *scratch,
) noexcept nogil:
    """a = g(z) and its derivatives; `room`: for 3 S numbers of each row."""
    apply(g, True, rows, streams.samples, streams.row, z, a, scratch)
    if g.circuit == NULL:
        activate_streams(g.activation, streams, rows, z, a, g.parameter)
    else:
        slopes_of_circuit(g, 2, streams, rows, z, room, scratch)
        called_streams(streams, rows, z, room, a)


cdef inline void multiply_by_stream_slopes(
    const Function *g, const Streams *streams, Py_ssize_t rows, const real *z, const real *a,
    real *delta, real *room, real *scratch,
) noexcept nogil:
    """The deltas of a and its derivatives become those of z and of its own."""
    if g.circuit == NULL:
        activate_streams_backward(g.activation, streams, rows, z, a, delta, g.parameter)
    else:
        slopes_of_circuit(g, 3, streams, rows, z, room, scratch)
        called_streams_backward(streams, rows, z, a, room, delta)


cdef inline kernel_void called_streams(
    const Streams *streams, Py_ssize_t rows, const real *z, const real *slopes, real *a,
) noexcept nogil:
    map_streams(no_function, True, streams, rows, z, slopes, a, 0)


cdef inline kernel_void called_streams_backward(
    const Streams *streams, Py_ssize_t rows, const real *z, const real *a, const real *slopes,
    real *delta,
) noexcept nogil:
    map_streams_backward(no_function, True, streams, rows, z, a, slopes, delta, 0)


cdef inline void function_errors(
    const Function *g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    const real *y, real *error, real *scratch,
) noexcept nogil:
    """error = g(z) - y, then z = g'(z), as `output_errors`."""
    if g.circuit == NULL:
        output_errors(g.activation, rows, columns, stride, z, y, error, g.parameter)
    else:
        activate_custom(g.circuit, SET, rows, columns, stride, z, error, scratch)
        subtract(rows, columns, stride, error, y, error)
        activate_custom(g.circuit + 1, SET, rows, columns, stride, z, z, scratch)


cdef inline bint is_softmax(const Function *g) noexcept nogil:
    return g.circuit == NULL and g.activation == SOFTMAX


cdef inline void rows_of_loss(
    const Function *g, int loss, real p, bint from_z, const Custom *circuit, Py_ssize_t rows,
    Py_ssize_t columns, Py_ssize_t stride, const real *z, const real *a, const real *y,
    const real *beside, real *delta, real *cost, real *scratch,
) noexcept nogil:
    """The cost of some output rows, and their slopes: by a of a circuit or after a softmax, else
    by z. Of a loss of the error, delta is the error and z the slopes of the output."""
    cdef const real *slopes = z
    if is_softmax(g):
        slopes = NULL
    if circuit != NULL:
        custom_loss(circuit, rows, columns, stride, a, y, beside, delta, cost, scratch)
    elif from_z:
        loss_of_z(loss, rows, columns, stride, z, y, delta, cost, p)
    else:
        loss_of_error(loss, rows, columns, stride, delta, y, slopes, delta, cost, p)


cdef inline void output_loss(
    const Function *g, int loss, real p, bint from_z, const Custom *circuit, Py_ssize_t rows,
    Py_ssize_t columns, Py_ssize_t stride, real *z, real *a, const real *y, const real *beside,
    real *delta, real *cost, real *scratch, real *one_row,
) noexcept nogil:
    """The cost of each sample and delta = dloss/dz, whatever the loss, its parameter p and the
    output are. Of z and a nothing is left.

    beside: of a circuit, rows of further numbers of the samples (custom.pxd).
    one_row: room for a row if targets may be missing (missing.pxd), else NULL.
    """
    cdef bint joint = circuit == NULL and from_z and is_joint(loss)
    cdef Py_ssize_t r, at
    if circuit != NULL:
        apply(g, True, rows, columns, stride, z, a, scratch)
    elif not from_z:
        function_errors(g, rows, columns, stride, z, y, delta, scratch)
    if one_row == NULL or joint:
        rows_of_loss(g, loss, p, from_z, circuit, rows, columns, stride, z, a, y, beside, delta,
                     cost, scratch)
        if one_row != NULL:
            sum_rows(rows, columns, stride, y, one_row)
            clear_missing(rows, columns, stride, one_row, 0, delta)
            clear_missing(1, columns, stride, one_row, 0, cost)
    else:
        memset(cost, 0, columns * sizeof(real))
        for r in range(rows):
            at = r * stride
            rows_of_loss(g, loss, p, from_z, circuit, 1, columns, stride, z + at, a + at, y + at,
                         beside, delta + at, one_row, scratch)
            add_known(columns, y + at, one_row, cost)
        clear_missing(rows, columns, stride, y, stride, delta)
    if circuit != NULL:
        multiply_by_slopes(g, 1, rows, columns, stride, z, a, delta, scratch)
    elif not from_z and is_softmax(g):      # its Jacobian is no slope of each unit
        multiply_slopes(SOFTMAX, 1, rows, columns, stride, NULL, z, delta, 0)
