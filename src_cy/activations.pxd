"""Activations: each is one function, giving g, g' or g'' of one register, and one row of the table.

Where the slope follows from a = g(z) alone the tile keeps only `a` (z is overwritten); a row that
says `keeps_z` has both. To add an activation: the function, its row, its line in `activate`; names,
messages, command line and tests follow from the table.
"""
from elementary cimport (
    lanes_cos, lanes_divide, lanes_exp, lanes_expm1, lanes_gaussian, lanes_gt, lanes_max,
    lanes_normal, lanes_select, lanes_sigmoid, lanes_sin, lanes_softplus_sigmoid, lanes_tanh,
)
from lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real

ctypedef lanes_t (*function_t)(int order, lanes_t z, lanes_t a) noexcept nogil

cdef struct Activation:
    const char *name
    bint keeps_z
    bint output_only
    bint increasing         # nowhere falls: the largest z has the largest a

cdef enum:
    IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, ELU, SOFTPLUS, SILU, GELU, SIN, GAUSSIAN, SOFTMAX
    N_ACTIVATIONS


cdef inline lanes_t identity(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = z, g' = 1."""
    if order == 0:
        return z
    return lanes_splat(1) if order == 1 else lanes_splat(0)


cdef inline lanes_t sigmoid(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = 1/(1 + exp(-z)), g' = a(1 - a), g'' = a(1 - a)(1 - 2a)."""
    if order == 0:
        return lanes_sigmoid(z)
    return a * (1 - a) if order == 1 else a * (1 - a) * (1 - 2 * a)


cdef inline lanes_t tanh(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g' = 1 - a^2, g'' = -2a(1 - a^2)."""
    if order == 0:
        return lanes_tanh(z)
    return 1 - a * a if order == 1 else <real>-2 * a * (1 - a * a)


cdef inline lanes_t relu(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = max(z, 0), g' = 1 where z > 0 else 0 (at the kink too); NaN stays NaN."""
    if order == 0:
        return lanes_select(lanes_gt(lanes_splat(0), z), lanes_splat(0), z)
    if order == 1:
        return lanes_select(lanes_gt(a, lanes_splat(0)), lanes_splat(1), lanes_splat(0))
    return lanes_splat(0)


cdef inline lanes_t leaky_relu(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = z where z > 0 else z/100."""
    if order == 2:
        return lanes_splat(0)
    z = z if order == 0 else a
    return lanes_select(
        lanes_gt(z, lanes_splat(0)),
        z if order == 0 else lanes_splat(1),
        <real>0.01 * z if order == 0 else lanes_splat(<real>0.01),
    )


cdef inline lanes_t elu(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = z where z > 0 else exp(z) - 1; g' = 1 or a + 1; g'' = 0 or a + 1."""
    if order == 0:
        return lanes_select(lanes_gt(z, lanes_splat(0)), z, lanes_expm1(z))
    return lanes_select(
        lanes_gt(a, lanes_splat(0)), lanes_splat(1) if order == 1 else lanes_splat(0), a + 1)


cdef inline lanes_t softplus(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = log(1 + exp(z)), g' = sigmoid(z) = 1 - exp(-a), g'' = g'(1 - g')."""
    cdef lanes_t value, slope
    if order == 0:
        lanes_softplus_sigmoid(z, &value, &slope)
        return lanes_max(lanes_splat(0), z) + value
    slope = -lanes_expm1(-a)
    return slope if order == 1 else slope * lanes_exp(-a)


cdef inline lanes_t silu(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = z s with s = sigmoid(z), g' = s(1 + z(1 - s)), g'' = s(1 - s)(2 + z(1 - 2s))."""
    cdef lanes_t s = lanes_sigmoid(z)
    if order == 0:
        return z * s
    return s * (1 + z * (1 - s)) if order == 1 else s * (1 - s) * (2 + z * (1 - 2 * s))


cdef inline lanes_t gelu(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = z Phi(z), g' = Phi + z phi, g'' = phi(2 - z^2); Phi, phi: the normal distribution."""
    cdef lanes_t Phi, phi
    lanes_normal(z, &Phi, &phi)
    if order == 0:
        return z * Phi
    return Phi + z * phi if order == 1 else 2 * phi - z * (z * phi)


cdef inline lanes_t sin(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g' = cos z, g'' = -sin z."""
    if order == 1:
        return lanes_cos(z)
    return lanes_sin(z) if order == 0 else -a


cdef inline lanes_t gaussian(int order, lanes_t z, lanes_t a) noexcept nogil:
    """g = exp(-z^2), g' = -2za, g'' = (4z^2 - 2)a."""
    if order == 0:
        return lanes_gaussian(z)
    return <real>-2 * (z * a) if order == 1 else 4 * (z * (z * a)) - 2 * a


cdef inline void each(
    function_t g, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out,
) noexcept nogil:
    cdef Py_ssize_t _, c
    for _ in range(rows):
        c = 0
        while c < columns:
            if order == 0:
                lanes_store(out + c, g(0, lanes_load(z + c), lanes_splat(0)))
            else:
                lanes_store(
                    out + c, lanes_load(out + c) * g(order, lanes_load(z + c), lanes_load(a + c)))
            c += LANES
        z += stride
        a += stride
        out += stride


cdef inline void orders(
    function_t g, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out,
) noexcept nogil:
    """`each` with the order known to the compiler."""
    if order == 0:
        each(g, 0, rows, columns, stride, z, a, out)
    elif order == 1:
        each(g, 1, rows, columns, stride, z, a, out)
    else:
        each(g, 2, rows, columns, stride, z, a, out)


cdef inline void softmax(
    int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out,
) noexcept nogil:
    """a_k = exp(z_k - max z) / sum; order 1 multiplies by its Jacobian: a_k (out_k - a . out)."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t top, total
    while c < columns:
        total = lanes_splat(0)
        if order == 0:
            top = lanes_load(z + c)
            for r in range(1, rows):
                top = lanes_select(
                    lanes_gt(lanes_load(z + r * stride + c), top),
                    lanes_load(z + r * stride + c), top)
            for r in range(rows):
                lanes_store(
                    out + r * stride + c, lanes_exp(lanes_load(z + r * stride + c) - top))
                total += lanes_load(out + r * stride + c)
            for r in range(rows):
                lanes_store(
                    out + r * stride + c, lanes_divide(lanes_load(out + r * stride + c), total))
        else:
            for r in range(rows):
                total += lanes_load(a + r * stride + c) * lanes_load(out + r * stride + c)
            for r in range(rows):
                lanes_store(
                    out + r * stride + c,
                    lanes_load(a + r * stride + c) * (lanes_load(out + r * stride + c) - total))
        c += LANES


cdef inline void activation_row(
    Activation *table, int i, const char *name, bint keeps_z, bint output_only, bint increasing,
) noexcept nogil:
    table[i].name = name
    table[i].keeps_z = keeps_z
    table[i].output_only = output_only
    table[i].increasing = increasing


cdef inline void activation_table(Activation *table) noexcept nogil:
    activation_row(table, IDENTITY, "identity", False, False, True)
    activation_row(table, SIGMOID, "sigmoid", False, False, True)
    activation_row(table, TANH, "tanh", False, False, True)
    activation_row(table, RELU, "relu", False, False, True)
    activation_row(table, LEAKY_RELU, "leaky_relu", False, False, True)
    activation_row(table, ELU, "elu", False, False, True)
    activation_row(table, SOFTPLUS, "softplus", False, False, True)
    activation_row(table, SILU, "silu", True, False, False)
    activation_row(table, GELU, "gelu", True, False, False)
    activation_row(table, SIN, "sin", True, False, False)
    activation_row(table, GAUSSIAN, "gaussian", True, False, False)
    activation_row(table, SOFTMAX, "softmax", False, True, True)


cdef inline kernel_void activate(
    int activation, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out,
) noexcept nogil:
    """order 0: out = g(z). order 1, 2: out *= g', g'' (softmax: its Jacobian, no order 2).

    Arrays are [rows units, columns samples] with one row stride; columns is a multiple of LANES,
    and z may be the same array as a unless the row says keeps_z.
    """
    if activation == IDENTITY:
        if order == 2 or (order == 0 and out != z):
            orders(identity, order, rows, columns, stride, z, a, out)
    elif activation == SIGMOID: orders(sigmoid, order, rows, columns, stride, z, a, out)
    elif activation == TANH: orders(tanh, order, rows, columns, stride, z, a, out)
    elif activation == RELU: orders(relu, order, rows, columns, stride, z, a, out)
    elif activation == LEAKY_RELU: orders(leaky_relu, order, rows, columns, stride, z, a, out)
    elif activation == ELU: orders(elu, order, rows, columns, stride, z, a, out)
    elif activation == SOFTPLUS: orders(softplus, order, rows, columns, stride, z, a, out)
    elif activation == SILU: orders(silu, order, rows, columns, stride, z, a, out)
    elif activation == GELU: orders(gelu, order, rows, columns, stride, z, a, out)
    elif activation == SIN: orders(sin, order, rows, columns, stride, z, a, out)
    elif activation == GAUSSIAN: orders(gaussian, order, rows, columns, stride, z, a, out)
    elif activation == SOFTMAX: softmax(order, rows, columns, stride, z, a, out)
