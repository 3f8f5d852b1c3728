"""Activations: each is one function, giving g, g' or g'' of one register, and one row of the table.

Where the slope follows from a = g(z) alone, a tile keeps only `a`, which overwrites z. A function
whose row says KEEPS_Z has both. One with KEEPS_SLOPE gives g and g' at once, and g' overwrites z:
where g comes near a limit, `a` no longer has the digits of 1 - a and of the slope. To add an
activation: the function, its row, its line in `activate`; names, messages, command line and tests
follow from the table.
"""
from elementary.elementary cimport (
    lanes_constant, lanes_cos, lanes_exp, lanes_expm1, lanes_expm1_exp, lanes_gaussian, lanes_gt,
    lanes_lt, lanes_max, lanes_normal, lanes_select, lanes_sigmoid, lanes_sigmoid_tail, lanes_sin,
    lanes_softplus_sigmoid, lanes_tanh_rest, lanes_with_sign,
)
from libc.math cimport INFINITY
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from steps.parameter cimport Parameter, no_parameter, parameter
from steps.softmax cimport softmax, softmax_errors, softmax_slopes

# `p` is the parameter of those that have one.
ctypedef lanes_t (*function_t)(int order, lanes_t z, lanes_t a, real p) noexcept nogil
# g'(z), and g(z), or g(z) - y with all its digits if there is a y.
ctypedef lanes_t (*limited_t)(
    lanes_t z, const real *y, real p, lanes_t *slope) noexcept nogil

cdef enum:          # what a tile keeps of a layer beside a
    KEEPS_NOTHING, KEEPS_Z, KEEPS_SLOPE

cdef struct Activation:
    const char *name
    int keeps
    bint output_only
    bint increasing         # nowhere falls: the largest z has the largest a
    Parameter parameter

cdef enum:
    IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, ELU, SOFTPLUS, SILU, GELU, SIN, GAUSSIAN, SOFTMAX
    N_ACTIVATIONS


cdef inline lanes_t identity(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = z, g' = 1."""
    if order == 0:
        return z
    return lanes_splat(1) if order == 1 else lanes_splat(0)


cdef inline lanes_t sigmoid(lanes_t z, const real *y, real p, lanes_t *slope) noexcept nogil:
    """g = 1/(1 + exp(-z)), g' = a(1 - a), from the smaller of a and 1 - a."""
    cdef lanes_t tail = lanes_sigmoid_tail(z)
    slope[0] = tail * (1 - tail)
    if y == NULL:
        return lanes_select(lanes_lt(z, lanes_splat(0)), tail, 1 - tail)
    return lanes_select(
        lanes_lt(z, lanes_splat(0)), tail - lanes_load(y), (1 - lanes_load(y)) - tail)


cdef inline lanes_t sigmoid_slopes(int order, lanes_t slope, lanes_t a, real p) noexcept nogil:
    """g' as it was kept, g'' = g'(1 - 2a)."""
    return slope if order == 1 else slope * (1 - 2 * a)


cdef inline lanes_t tanh(lanes_t z, const real *y, real p, lanes_t *slope) noexcept nogil:
    """g = tanh z, g' = (1 - |a|)(1 + |a|), from 1 - |a|."""
    cdef lanes_t rest, size = lanes_tanh_rest(z, &rest)
    slope[0] = rest + rest * size
    if y == NULL:
        return lanes_with_sign(size, z)
    return lanes_select(
        lanes_gt(lanes_splat(<real>0.5), rest),
        (lanes_with_sign(lanes_splat(1), z) - lanes_load(y)) - lanes_with_sign(rest, z),
        lanes_with_sign(size, z) - lanes_load(y))


cdef inline lanes_t tanh_slopes(int order, lanes_t slope, lanes_t a, real p) noexcept nogil:
    """g' as it was kept, g'' = -2a g'."""
    return slope if order == 1 else <real>-2 * a * slope


cdef inline lanes_t relu(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = max(z, 0), g' = 1 where z > 0 else 0, at the kink too; NaN stays NaN."""
    if order == 0:
        return lanes_max(lanes_splat(0), z)
    if order == 1:
        return lanes_select(lanes_gt(a, lanes_splat(0)), lanes_splat(1), lanes_splat(0))
    return lanes_splat(0)


cdef inline lanes_t leaky_relu(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = z where z > 0 else sz, g' = 1 where z > 0 else s."""
    if order == 2:
        return lanes_splat(0)
    z = z if order == 0 else a      # whose sign is that of z: s >= 0
    return lanes_select(
        lanes_gt(z, lanes_splat(0)),
        z if order == 0 else lanes_splat(1),
        p * z if order == 0 else lanes_splat(p),
    )


cdef inline lanes_t elu(lanes_t z, const real *y, real p, lanes_t *slope) noexcept nogil:
    """g = z where z > 0 else alpha (exp(z) - 1), g' = 1 where z > 0 else alpha exp(z)."""
    cdef lanes_t power
    cdef lanes_t value = p * lanes_expm1_exp(z, lanes_constant(-700.0, -85.0), &power)
    power = p * power
    slope[0] = lanes_select(lanes_gt(z, lanes_splat(0)), lanes_splat(1), power)
    value = lanes_select(lanes_gt(z, lanes_splat(0)), z, value)
    if y == NULL:
        return value
    return lanes_select(
        lanes_gt(lanes_splat(<real>0.5 * p), power),
        (-lanes_splat(p) - lanes_load(y)) + power, value - lanes_load(y))


cdef inline lanes_t elu_slopes(int order, lanes_t slope, lanes_t a, real p) noexcept nogil:
    """g' as it was kept, g'' = 0 where z > 0 else g'."""
    return slope if order == 1 else lanes_select(lanes_gt(a, lanes_splat(0)), lanes_splat(0), slope)


cdef inline lanes_t softplus(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = log(1 + exp(z)), g' = sigmoid(z) = 1 - exp(-a), g'' = g'(1 - g')."""
    cdef lanes_t value, slope
    if order == 0:
        lanes_softplus_sigmoid(z, &value, &slope)
        return lanes_max(lanes_splat(0), z) + value
    slope = -lanes_expm1(-a)
    return slope if order == 1 else slope * lanes_exp(-a)


cdef inline lanes_t silu(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = z s with s = sigmoid(z), g' = s(1 + z(1 - s)), g'' = s(1 - s)(2 + z(1 - 2s))."""
    cdef lanes_t s = lanes_sigmoid(z)
    if order == 0:
        return z * s
    return s * (1 + z * (1 - s)) if order == 1 else s * (1 - s) * (2 + z * (1 - 2 * s))


cdef inline lanes_t gelu(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = z Phi(z), g' = Phi + z phi, g'' = phi(2 - z^2); Phi, phi: the normal distribution."""
    cdef lanes_t Phi, phi
    lanes_normal(z, &Phi, &phi)
    if order == 0:
        return z * Phi
    return Phi + z * phi if order == 1 else 2 * phi - z * (z * phi)


cdef inline lanes_t sin(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = sin z, g' = cos z, g'' = -sin z."""
    if order == 1:
        return lanes_cos(z)
    return lanes_sin(z) if order == 0 else -a


cdef inline lanes_t gaussian(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = exp(-z^2), g' = -2za, g'' = (4z^2 - 2)a."""
    if order == 0:
        return lanes_gaussian(z)
    return <real>-2 * (z * a) if order == 1 else 4 * (z * (z * a)) - 2 * a


cdef inline void each(
    function_t g, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out, real p,
) noexcept nogil:
    """out = g(z), or out *= g' or g''."""
    cdef Py_ssize_t _, c
    for _ in range(rows):
        c = 0
        while c < columns:
            if order == 0:
                lanes_store(out + c, g(0, lanes_load(z + c), lanes_splat(0), p))
            else:
                lanes_store(
                    out + c,
                    lanes_load(out + c) * g(order, lanes_load(z + c), lanes_load(a + c), p))
            c += LANES
        z += stride
        a += stride
        out += stride


cdef inline void orders(
    function_t g, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out, real p,
) noexcept nogil:
    """`each` with the order known to the compiler."""
    if order == 0:
        each(g, 0, rows, columns, stride, z, a, out, p)
    elif order == 1:
        each(g, 1, rows, columns, stride, z, a, out, p)
    else:
        each(g, 2, rows, columns, stride, z, a, out, p)


cdef inline void each_limited(
    limited_t g, bint keep, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    const real *y, real *out, real p,
) noexcept nogil:
    """out = g(z), or g(z) - y; then z = g'(z), if it is kept."""
    cdef Py_ssize_t _, c
    cdef const real *target = NULL
    cdef lanes_t slope
    for _ in range(rows):
        c = 0
        while c < columns:
            if y != NULL:
                target = y + c
            lanes_store(out + c, g(lanes_load(z + c), target, p, &slope))
            if keep:
                lanes_store(z + c, slope)
            c += LANES
        z += stride
        out += stride
        if y != NULL:
            y += stride


cdef inline void limited(
    limited_t g, bint keep, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    real *a, real p,
) noexcept nogil:
    """`each_limited` with what is kept known to the compiler."""
    if keep:
        each_limited(g, True, rows, columns, stride, z, NULL, a, p)
    else:
        each_limited(g, False, rows, columns, stride, z, NULL, a, p)


cdef inline void each_error(
    function_t g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z, const real *y,
    real *error, real p,
) noexcept nogil:
    """error = g(z) - y, then z = g'(z), of a function without limits."""
    cdef Py_ssize_t _, c
    cdef lanes_t a
    for _ in range(rows):
        c = 0
        while c < columns:
            a = g(0, lanes_load(z + c), lanes_splat(0), p)
            lanes_store(error + c, a - lanes_load(y + c))
            lanes_store(z + c, g(1, lanes_load(z + c), a, p))
            c += LANES
        z += stride
        y += stride
        error += stride


cdef inline void activation_row(
    Activation *table, int i, const char *name, int keeps, bint output_only, bint increasing,
) noexcept nogil:
    table[i].name = name
    table[i].keeps = keeps
    table[i].output_only = output_only
    table[i].increasing = increasing
    table[i].parameter = no_parameter()


cdef inline void activation_table(Activation *table) noexcept nogil:
    activation_row(table, IDENTITY, "identity", KEEPS_NOTHING, False, True)
    activation_row(table, SIGMOID, "sigmoid", KEEPS_SLOPE, False, True)
    activation_row(table, TANH, "tanh", KEEPS_SLOPE, False, True)
    activation_row(table, RELU, "relu", KEEPS_NOTHING, False, True)
    activation_row(table, LEAKY_RELU, "leaky_relu", KEEPS_NOTHING, False, True)
    activation_row(table, ELU, "elu", KEEPS_SLOPE, False, True)
    activation_row(table, SOFTPLUS, "softplus", KEEPS_NOTHING, False, True)
    activation_row(table, SILU, "silu", KEEPS_Z, False, False)
    activation_row(table, GELU, "gelu", KEEPS_Z, False, False)
    activation_row(table, SIN, "sin", KEEPS_Z, False, False)
    activation_row(table, GAUSSIAN, "gaussian", KEEPS_Z, False, False)
    activation_row(table, SOFTMAX, "softmax", KEEPS_NOTHING, True, True)
    table[<int>LEAKY_RELU].parameter = parameter("s", 0.01, 0, INFINITY, True)
    table[<int>ELU].parameter = parameter("alpha", 1, 0, INFINITY, False)


cdef inline kernel_void activate(
    int activation, bint keep, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    real *a, real p,
) noexcept nogil:
    """a = g(z); where the row keeps slopes and they are wanted (keep), z = g'(z).

    Arrays are [rows units, columns samples] with one row stride; columns is a multiple of LANES,
    and z may be the same array as a unless something of it is kept.
    """
    if activation == IDENTITY:
        if a != z:
            each(identity, 0, rows, columns, stride, z, z, a, p)
    elif activation == SIGMOID: limited(sigmoid, keep, rows, columns, stride, z, a, p)
    elif activation == TANH: limited(tanh, keep, rows, columns, stride, z, a, p)
    elif activation == RELU: each(relu, 0, rows, columns, stride, z, z, a, p)
    elif activation == LEAKY_RELU: each(leaky_relu, 0, rows, columns, stride, z, z, a, p)
    elif activation == ELU: limited(elu, keep, rows, columns, stride, z, a, p)
    elif activation == SOFTPLUS: each(softplus, 0, rows, columns, stride, z, z, a, p)
    elif activation == SILU: each(silu, 0, rows, columns, stride, z, z, a, p)
    elif activation == GELU: each(gelu, 0, rows, columns, stride, z, z, a, p)
    elif activation == SIN: each(sin, 0, rows, columns, stride, z, z, a, p)
    elif activation == GAUSSIAN: each(gaussian, 0, rows, columns, stride, z, z, a, p)
    elif activation == SOFTMAX: softmax(rows, columns, stride, z, a)


cdef inline kernel_void multiply_slopes(
    int activation, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out, real p,
) noexcept nogil:
    """out *= g' (order 1) or g'' (2), from what `activate` has left in z and a; softmax: its
    Jacobian, no order 2."""
    if activation == IDENTITY:
        if order == 2:
            each(identity, 2, rows, columns, stride, z, a, out, p)
    elif activation == SIGMOID: orders(sigmoid_slopes, order, rows, columns, stride, z, a, out, p)
    elif activation == TANH: orders(tanh_slopes, order, rows, columns, stride, z, a, out, p)
    elif activation == RELU: orders(relu, order, rows, columns, stride, z, a, out, p)
    elif activation == LEAKY_RELU: orders(leaky_relu, order, rows, columns, stride, z, a, out, p)
    elif activation == ELU: orders(elu_slopes, order, rows, columns, stride, z, a, out, p)
    elif activation == SOFTPLUS: orders(softplus, order, rows, columns, stride, z, a, out, p)
    elif activation == SILU: orders(silu, order, rows, columns, stride, z, a, out, p)
    elif activation == GELU: orders(gelu, order, rows, columns, stride, z, a, out, p)
    elif activation == SIN: orders(sin, order, rows, columns, stride, z, a, out, p)
    elif activation == GAUSSIAN: orders(gaussian, order, rows, columns, stride, z, a, out, p)
    elif activation == SOFTMAX: softmax_slopes(rows, columns, stride, a, out)


cdef inline kernel_void output_errors(
    int activation, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    const real *y, real *error, real p,
) noexcept nogil:
    """error = g(z) - y with all its digits, then z = g'(z); after softmax z = a."""
    if activation == IDENTITY: each_error(identity, rows, columns, stride, z, y, error, p)
    elif activation == SIGMOID: each_limited(sigmoid, True, rows, columns, stride, z, y, error, p)
    elif activation == TANH: each_limited(tanh, True, rows, columns, stride, z, y, error, p)
    elif activation == RELU: each_error(relu, rows, columns, stride, z, y, error, p)
    elif activation == LEAKY_RELU: each_error(leaky_relu, rows, columns, stride, z, y, error, p)
    elif activation == ELU: each_limited(elu, True, rows, columns, stride, z, y, error, p)
    elif activation == SOFTPLUS: each_error(softplus, rows, columns, stride, z, y, error, p)
    elif activation == SILU: each_error(silu, rows, columns, stride, z, y, error, p)
    elif activation == GELU: each_error(gelu, rows, columns, stride, z, y, error, p)
    elif activation == SIN: each_error(sin, rows, columns, stride, z, y, error, p)
    elif activation == GAUSSIAN: each_error(gaussian, rows, columns, stride, z, y, error, p)
    elif activation == SOFTMAX: softmax_errors(rows, columns, stride, z, y, error)
