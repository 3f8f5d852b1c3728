"""Activations: each is one function, giving g or a derivative of it, of one register; and one row
of the table.

Where the slope follows from a = g(z) alone, a tile keeps only `a`, which overwrites z. A function
whose row says KEEPS_Z has both. One with KEEPS_SLOPE gives g and g' at once, and g' overwrites z:
where g comes near a limit, `a` no longer has the digits of 1 - a and of the slope. To add an
activation: the function, its row, its line in `activate`; names, messages, command line and tests
follow from the table.
"""
from elementary.elementary cimport (
    lanes_constant, lanes_cos, lanes_exp, lanes_expm1, lanes_expm1_exp, lanes_fma, lanes_gaussian,
    lanes_gt, lanes_lt, lanes_max, lanes_normal, lanes_select, lanes_sigmoid, lanes_sigmoid_tail,
    lanes_sin, lanes_softplus_sigmoid, lanes_tanh_rest, lanes_with_sign,
)
from libc.math cimport INFINITY
from libc.string cimport memset
from simd.lanes cimport kernel_void, lanes_load, lanes_splat, lanes_t, real
from steps.elementwise cimport (
    each, each_error, each_limited, function_t, limited_t, tangents, with_keep, with_order,
)
from steps.parameter cimport Parameter, no_parameter, parameter
from steps.softmax cimport softmax, softmax_errors, softmax_slopes
from steps.streams cimport Streams, map_streams, map_streams_backward

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
    """g' as it was kept, g'' = g'(1 - 2a), g''' = g'(1 - 6g')."""
    if order == 3:
        return slope * (1 - 6 * slope)
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
    """g' as it was kept, g'' = -2a g', g''' = g'(4 - 6g')."""
    if order == 3:
        return slope * (4 - 6 * slope)
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
    if order >= 2:
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
    """g' as it was kept, g'' and g''' = 0 where z > 0 else g'."""
    return slope if order == 1 else lanes_select(lanes_gt(a, lanes_splat(0)), lanes_splat(0), slope)


cdef inline lanes_t softplus(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = log(1 + exp(z)), g' = sigmoid(z) = 1 - exp(-a), g'' = g'(1 - g'), g''' = g''(1 - 2g')."""
    cdef lanes_t value, slope, rest
    if order == 0:
        lanes_softplus_sigmoid(z, &value, &slope)
        return lanes_max(lanes_splat(0), z) + value
    slope = -lanes_expm1(-a)
    if order == 3:
        rest = lanes_exp(-a)
        return slope * rest * (rest - slope)
    return slope if order == 1 else slope * lanes_exp(-a)


cdef inline lanes_t silu(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = z s with s = sigmoid(z), g' = s(1 + z(1 - s)), g'' = s(1 - s)(2 + z(1 - 2s)),
    g''' = s(1 - s)(3(1 - 2s) + z(1 - 6s(1 - s)))."""
    cdef lanes_t s = lanes_sigmoid(z), slope
    if order == 0:
        return z * s
    if order == 3:
        slope = s * (1 - s)
        return slope * lanes_fma(z, 1 - 6 * slope, 3 - 6 * s)
    return s * (1 + z * (1 - s)) if order == 1 else s * (1 - s) * (2 + z * (1 - 2 * s))


cdef inline lanes_t gelu(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = z Phi(z), g' = Phi + z phi, g'' = phi(2 - z^2), g''' = z phi(z^2 - 4);
    Phi, phi: the normal distribution."""
    cdef lanes_t Phi, phi
    lanes_normal(z, &Phi, &phi)
    if order == 0:
        return z * Phi
    if order == 3:
        return (z * phi) * lanes_fma(z, z, lanes_splat(-4))
    # By name: a product that has another use besides is fused by one compiler and not by another.
    return lanes_fma(z, phi, Phi) if order == 1 else lanes_fma(-z, z * phi, 2 * phi)


cdef inline lanes_t sin(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = sin z, g' = cos z, g'' = -sin z, g''' = -cos z."""
    if order == 1:
        return lanes_cos(z)
    if order == 3:
        return -lanes_cos(z)
    return lanes_sin(z) if order == 0 else -a


cdef inline lanes_t gaussian(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """g = exp(-z^2), g' = -2za, g'' = (4z^2 - 2)a, g''' = (12 - 8z^2)za."""
    if order == 0:
        return lanes_gaussian(z)
    if order == 3:      # where a is 0, z^2 may be infinite
        return lanes_fma(<real>-8 * z, z * (z * a), 12 * (z * a))
    return <real>-2 * (z * a) if order == 1 else 4 * (z * (z * a)) - 2 * a


cdef enum:          # what is done with a row of the table
    DESCRIBE, ACTIVATE, MULTIPLY_SLOPES, TANGENTS, OUTPUT_ERRORS, STREAMS, STREAMS_BACKWARD

cdef struct Call:
    # Arguments of the function below that asks for it.
    int order               # of MULTIPLY_SLOPES
    bint keep               # of ACTIVATE
    Py_ssize_t rows
    Py_ssize_t columns
    Py_ssize_t stride
    real *z
    const real *a
    const real *y
    const real *delta       # of TANGENTS
    const real *tangent
    const Streams *streams  # of STREAMS, STREAMS_BACKWARD
    real *out
    real p
    Activation *row         # of DESCRIBE


cdef inline Call call_of(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z, const real *a,
    const real *y, real *out, real p,
) noexcept nogil:
    cdef Call call
    memset(&call, 0, sizeof(Call))
    call.rows, call.columns, call.stride = rows, columns, stride
    call.z, call.a, call.y, call.out, call.p = <real *>z, a, y, out, p
    return call


cdef inline void describe(
    Activation *row, const char *name, int keeps, bint increasing, Parameter own,
) noexcept nogil:
    row.name = name
    row.keeps = keeps
    row.output_only = False
    row.increasing = increasing
    row.parameter = own


cdef inline void plain_row(
    int what, Call call, const char *name, function_t g, int keeps, bint increasing,
    Parameter own,
) noexcept nogil:
    """One whose slopes follow from a, and from z if it is kept."""
    if what == DESCRIBE:
        describe(call.row, name, keeps, increasing, own)
    elif what == ACTIVATE:
        each(0, g, call.rows, call.columns, call.stride, call.z, call.z, call.out, call.p)
    elif what == MULTIPLY_SLOPES:
        with_order(each, call.order, g, call.rows, call.columns, call.stride, call.z, call.a,
                   call.out, call.p)
    elif what == TANGENTS:
        tangents(g, call.rows, call.columns, call.stride, call.z, call.a, call.delta, call.tangent,
                 call.out, call.p)
    elif what == STREAMS:
        map_streams(g, False, call.streams, call.rows, call.z, NULL, call.out, call.p)
    elif what == STREAMS_BACKWARD:
        map_streams_backward(g, False, call.streams, call.rows, call.z, call.a, NULL, call.out,
                             call.p)
    else:
        each_error(g, call.rows, call.columns, call.stride, call.z, call.y, call.out, call.p)


cdef inline void limited_row(
    int what, Call call, const char *name, limited_t g, function_t slopes, bint increasing,
    Parameter own,
) noexcept nogil:
    """One that keeps its slopes; `slopes` gives g' and g'' from them."""
    if what == DESCRIBE:
        describe(call.row, name, KEEPS_SLOPE, increasing, own)
    elif what == ACTIVATE:
        with_keep(each_limited, call.keep, g, call.rows, call.columns, call.stride, call.z, NULL,
                  call.out, call.p)
    elif what == MULTIPLY_SLOPES:
        with_order(each, call.order, slopes, call.rows, call.columns, call.stride, call.z, call.a,
                   call.out, call.p)
    elif what == TANGENTS:
        tangents(slopes, call.rows, call.columns, call.stride, call.z, call.a, call.delta,
                 call.tangent, call.out, call.p)
    elif what == STREAMS:
        map_streams(slopes, False, call.streams, call.rows, call.z, NULL, call.out, call.p)
    elif what == STREAMS_BACKWARD:
        map_streams_backward(slopes, False, call.streams, call.rows, call.z, call.a, NULL,
                             call.out, call.p)
    else:
        each_limited(True, g, call.rows, call.columns, call.stride, call.z, call.y, call.out,
                     call.p)


cdef inline void softmax_row(int what, Call call, const char *name) noexcept nogil:
    """No function of each unit by itself."""
    if what == DESCRIBE:
        describe(call.row, name, KEEPS_NOTHING, True, no_parameter())
        call.row.output_only = True
    elif what == ACTIVATE:
        softmax(call.rows, call.columns, call.stride, call.z, call.out)
    elif what == MULTIPLY_SLOPES:
        softmax_slopes(call.rows, call.columns, call.stride, call.a, call.out)
    elif what == OUTPUT_ERRORS:
        softmax_errors(call.rows, call.columns, call.stride, call.z, call.y, call.out)


cdef inline void table_row(int what, int activation, Call call) noexcept nogil:
    """The table. `what` is known to the compiler, so that each use is a chain of comparisons."""
    cdef Parameter none = no_parameter()
    if activation == IDENTITY:
        # Nothing is to be done for z in the place of a, or with slopes of 1.
        if not (what == ACTIVATE and call.z == call.out
                or what == MULTIPLY_SLOPES and call.order < 2):
            plain_row(what, call, "identity", identity, KEEPS_NOTHING, True, none)
    elif activation == SIGMOID:
        limited_row(what, call, "sigmoid", sigmoid, sigmoid_slopes, True, none)
    elif activation == TANH: limited_row(what, call, "tanh", tanh, tanh_slopes, True, none)
    elif activation == RELU: plain_row(what, call, "relu", relu, KEEPS_NOTHING, True, none)
    elif activation == LEAKY_RELU:
        plain_row(what, call, "leaky_relu", leaky_relu, KEEPS_NOTHING, True,
                  parameter("s", 0.01, 0, INFINITY, True))
    elif activation == ELU:
        limited_row(what, call, "elu", elu, elu_slopes, True,
                    parameter("alpha", 1, 0, INFINITY, False))
    elif activation == SOFTPLUS:
        plain_row(what, call, "softplus", softplus, KEEPS_NOTHING, True, none)
    elif activation == SILU: plain_row(what, call, "silu", silu, KEEPS_Z, False, none)
    elif activation == GELU: plain_row(what, call, "gelu", gelu, KEEPS_Z, False, none)
    elif activation == SIN: plain_row(what, call, "sin", sin, KEEPS_Z, False, none)
    elif activation == GAUSSIAN: plain_row(what, call, "gaussian", gaussian, KEEPS_Z, False, none)
    elif activation == SOFTMAX: softmax_row(what, call, "softmax")


cdef inline kernel_void activation_table(Activation *table) noexcept nogil:
    cdef Call call = call_of(0, 0, 0, NULL, NULL, NULL, NULL, 0)
    cdef int i
    for i in range(<int>N_ACTIVATIONS):
        call.row = table + i
        table_row(DESCRIBE, i, call)


cdef inline kernel_void activate(
    int activation, bint keep, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    real *a, real p,
) noexcept nogil:
    """a = g(z); where the row keeps slopes and they are wanted (keep), z = g'(z).

    Arrays are [rows units, columns samples] with one row stride; columns is a multiple of LANES,
    and z may be the same array as a unless something of it is kept.
    """
    cdef Call call = call_of(rows, columns, stride, z, NULL, NULL, a, p)
    call.keep = keep
    table_row(ACTIVATE, activation, call)


cdef inline kernel_void multiply_slopes(
    int activation, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out, real p,
) noexcept nogil:
    """out *= g' (order 1), g'' (2) or g''' (3), from what `activate` has left in z and a; softmax:
    its Jacobian, order 1 alone."""
    cdef Call call = call_of(rows, columns, stride, z, a, NULL, out, p)
    call.order = order
    table_row(MULTIPLY_SLOPES, activation, call)


cdef inline kernel_void multiply_tangents(
    int activation, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, const real *z,
    const real *a, const real *delta, const real *tangent, real *out, real p,
) noexcept nogil:
    """out = g' out + g'' tangent delta, or without delta g' tangent, from what `activate` has left
    in z and a; no softmax."""
    cdef Call call = call_of(rows, columns, stride, z, a, NULL, out, p)
    call.delta, call.tangent = delta, tangent
    table_row(TANGENTS, activation, call)


cdef inline kernel_void activate_streams(
    int activation, const Streams *streams, Py_ssize_t rows, const real *z, real *a, real p,
) noexcept nogil:
    """The derivatives of a = g(z) beside a, from those beside z; no softmax."""
    cdef Call call = call_of(rows, 0, 0, z, NULL, NULL, a, p)
    call.streams = streams
    table_row(STREAMS, activation, call)


cdef inline kernel_void activate_streams_backward(
    int activation, const Streams *streams, Py_ssize_t rows, const real *z, const real *a,
    real *delta, real p,
) noexcept nogil:
    """The deltas of a and its derivatives become those of z and of its own; no softmax."""
    cdef Call call = call_of(rows, 0, 0, z, a, NULL, delta, p)
    call.streams = streams
    table_row(STREAMS_BACKWARD, activation, call)


cdef inline kernel_void output_errors(
    int activation, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride, real *z,
    const real *y, real *error, real p,
) noexcept nogil:
    """error = g(z) - y with all its digits, then z = g'(z); after softmax z = a."""
    table_row(OUTPUT_ERRORS, activation, call_of(rows, columns, stride, z, NULL, y, error, p))
