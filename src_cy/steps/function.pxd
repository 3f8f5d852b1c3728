"""The function of a layer, named or a circuit, and the loss behind the last one, on one tile."""
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_store, real
from steps.activations cimport SOFTMAX, activate, multiply_slopes, output_errors
from steps.custom cimport SCALE, SET, activate_custom, custom_loss
from steps.losses cimport loss_of_error, loss_of_z
from tape.tape cimport Custom


cdef struct Function:
    int activation          # row of the table; N_ACTIVATIONS: a circuit
    real parameter          # of the activation
    bint keeps_slopes       # in the place of z
    const Custom *circuit   # three, of g, g' and g'' (tape.pxd); or NULL


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
    """out *= g' (order 1) or g'' (2), as `multiply_slopes`."""
    if g.circuit == NULL:
        multiply_slopes(g.activation, order, rows, columns, stride, z, a, out, g.parameter)
    else:
        activate_custom(g.circuit + order, SCALE, rows, columns, stride, z, out, scratch)


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


cdef inline void output_loss(
    const Function *g, int loss, real p, bint from_z, const Custom *circuit, Py_ssize_t rows,
    Py_ssize_t columns, Py_ssize_t stride, real *z, real *a, const real *y, real *delta, real *cost,
    real *scratch,
) noexcept nogil:
    """The cost of each sample and delta = dloss/dz, whatever the loss, its parameter p and the
    output are. Of z and a nothing is left."""
    cdef bint softmax = g.circuit == NULL and g.activation == SOFTMAX
    if circuit != NULL:
        apply(g, True, rows, columns, stride, z, a, scratch)
        custom_loss(circuit, rows, columns, stride, a, y, delta, cost, scratch)
        multiply_by_slopes(g, 1, rows, columns, stride, z, a, delta, scratch)
    elif from_z:
        loss_of_z(loss, rows, columns, stride, z, y, delta, cost, p)
    else:
        function_errors(g, rows, columns, stride, z, y, delta, scratch)
        loss_of_error(loss, rows, columns, stride, delta, y, NULL if softmax else z, delta,
                      cost, p)
        if softmax:     # its Jacobian is no slope of each unit
            multiply_slopes(SOFTMAX, 1, rows, columns, stride, NULL, z, delta, 0)
