"""The derivative of delta(L) along a direction: second derivatives of loss and output activation.

With the tangent t of z(L), the Hessian of the loss by z gives

    from z      loss'' t                    softmax: sum(y) (diag(a) - a a') t
    from a - y  (loss'' g'^2 + loss' g'') t

and, of a softmax output with Jacobian S = diag(a) - a a' and u = loss', v = S t

    S (loss'' v) + v (u - a.u) - a (v.u)

Its Gauss-Newton part is what is left without g'' and without the last two terms. It is BB', with
the columns of B

    from z      root(loss'')_k e_k          softmax: root(sum(y) a_k) (e_k - a)
    from a - y  root(loss'')_k g'_k e_k     softmax: root(loss'')_k S e_k
"""
from libc.string cimport memcpy, memset

from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_fma, lanes_gt, lanes_select, lanes_sqrt
from steps.activations cimport SOFTMAX, multiply_slopes
from steps.custom cimport custom_loss
from steps.function cimport (
    Function, add_to, apply, function_errors, multiply_by_slopes, products,
)
from steps.losses cimport SOFTMAX_CROSS_ENTROPY, curvature_of_error, curvature_of_z
from steps.missing cimport clear_missing
from tape.tape cimport Custom

cdef enum:
    CURVATURE_ARRAYS = 4    # of the outputs of a tile, that `prepare_curvature` needs


cdef enum:          # of the Hessian by z(L)
    WHOLE_CURVATURE, GAUSS_NEWTON_PART, ROOT    # the last of the second


cdef struct Curvature:
    bint joint              # softmax: an output depends on all z
    bint of_cross_entropy   # softmax, with the loss computed from z
    int part
    real *factor            # of the tangent; joint: loss'' by a; or the root of either
    real *slope             # joint: loss' by a
    real *a                 # joint


cdef inline kernel_void take_roots(Py_ssize_t n, real *values) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i < n:
        lanes_store(values + i, lanes_sqrt(lanes_load(values + i)))
        i += LANES


cdef inline kernel_void cut_below(Py_ssize_t n, real *values) noexcept nogil:
    """values = 0 where they are negative; NaN stays."""
    cdef Py_ssize_t i = 0
    while i < n:
        lanes_store(values + i, lanes_select(
            lanes_gt(lanes_splat(0), lanes_load(values + i)), lanes_splat(0),
            lanes_load(values + i)))
        i += LANES


cdef inline kernel_void multiply_mass(
    Py_ssize_t rows, Py_ssize_t columns, const real *y, real *out,
) noexcept nogil:
    """out *= the sum of a sample's targets."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t mass
    while c < columns:
        mass = lanes_splat(0)
        for r in range(rows):
            mass += lanes_load(y + r * columns + c)
        for r in range(rows):
            lanes_store(out + r * columns + c, lanes_load(out + r * columns + c) * mass)
        c += LANES


cdef inline kernel_void add_turning(
    Py_ssize_t rows, Py_ssize_t columns, const real *a, const real *u,
    const real *v, real *out,
) noexcept nogil:
    """out += v (u - a.u) - a (v.u): what the change v of a softmax's outputs does to S u."""
    cdef Py_ssize_t r, at, c = 0
    cdef lanes_t mean, change
    while c < columns:
        mean = change = lanes_splat(0)
        for r in range(rows):
            at = r * columns + c
            mean = lanes_fma(lanes_load(a + at), lanes_load(u + at), mean)
            change = lanes_fma(lanes_load(v + at), lanes_load(u + at), change)
        for r in range(rows):
            at = r * columns + c
            lanes_store(out + at, lanes_load(out + at) + lanes_fma(
                lanes_load(v + at), lanes_load(u + at) - mean, -(lanes_load(a + at) * change)))
        c += LANES


cdef inline void prepare_curvature(
    const Function *g, int loss, real p, bint from_z, const Custom *circuit, int part,
    Py_ssize_t rows, Py_ssize_t columns, const real *z, const real *y, const real *beside,
    real *room, real *cost, real *scratch, Curvature *out,
) noexcept nogil:
    """What does not depend on the direction, of so many output rows. `room`: CURVATURE_ARRAYS
    arrays like z; `cost`: a row that is overwritten."""
    cdef Py_ssize_t size = rows * columns
    cdef real *kept = room + 3 * size       # z, or what a function leaves there
    out.joint = g.circuit == NULL and g.activation == SOFTMAX
    out.of_cross_entropy = circuit == NULL and loss == SOFTMAX_CROSS_ENTROPY
    out.part = part
    out.factor, out.slope, out.a = room, room + size, room + 2 * size
    if from_z and circuit == NULL and not out.joint:
        memset(out.factor, 0, size * sizeof(real))      # of the losses with margins it is 0
        curvature_of_z(loss, rows, columns, columns, z, y, out.slope, out.factor, p)
        if part != WHOLE_CURVATURE:     # of focal it may be negative
            cut_below(size, out.factor)
        if part == ROOT:
            take_roots(size, out.factor)
        return
    memcpy(kept, z, size * sizeof(real))
    if circuit == NULL and not out.of_cross_entropy:
        function_errors(g, rows, columns, columns, kept, y, out.slope, scratch)
        curvature_of_error(loss, rows, columns, columns, out.slope, y, out.slope, out.factor, p)
        memcpy(kept, z, size * sizeof(real))
    apply(g, True, rows, columns, columns, kept, out.a, scratch)
    if circuit != NULL:
        custom_loss(circuit + 1, rows, columns, columns, out.a, y, beside, out.factor, cost,
                    scratch)
        custom_loss(circuit, rows, columns, columns, out.a, y, beside, out.slope, cost, scratch)
    if part != WHOLE_CURVATURE:     # of a circuit it may be negative
        cut_below(size, out.factor)
    if part == ROOT:
        take_roots(size, out.factor)
    if out.joint:
        return
    multiply_by_slopes(g, 1, rows, columns, columns, kept, out.a, out.factor, scratch)
    if part != ROOT:
        multiply_by_slopes(g, 1, rows, columns, columns, kept, out.a, out.factor, scratch)
    if part == WHOLE_CURVATURE:
        multiply_by_slopes(g, 2, rows, columns, columns, kept, out.a, out.slope, scratch)
        add_to(size, out.slope, out.factor)


cdef inline void tangent_of_delta(
    const Curvature *curvature, Py_ssize_t rows, Py_ssize_t columns, const real *y,
    bint may_miss, const real *tangent, real *spare, real *out,
) noexcept nogil:
    """out: the tangent of delta(L), from that of z(L); `spare`: room for as much.

    may_miss: whether targets may be missing (missing.pxd).
    """
    cdef Py_ssize_t n = rows * columns
    if not curvature.joint:
        products(n, curvature.factor, tangent, out)
        if may_miss:
            clear_missing(rows, columns, columns, y, columns, out)
        return
    memcpy(out, tangent, n * sizeof(real))
    multiply_slopes(SOFTMAX, 1, rows, columns, columns, NULL, curvature.a, out, 0)
    if curvature.of_cross_entropy:
        multiply_mass(rows, columns, y, out)
        if may_miss:
            clear_missing(rows, columns, columns, y, columns, out)
        return
    if may_miss:
        clear_missing(rows, columns, columns, y, columns, curvature.factor)
        clear_missing(rows, columns, columns, y, columns, curvature.slope)
    memcpy(spare, out, n * sizeof(real))       # the tangent of a
    products(n, curvature.factor, spare, out)
    multiply_slopes(SOFTMAX, 1, rows, columns, columns, NULL, curvature.a, out, 0)
    if curvature.part == WHOLE_CURVATURE:
        add_turning(rows, columns, curvature.a, curvature.slope, spare, out)


cdef inline void curvature_root(
    const Function *g, int loss, real p, bint from_z, const Custom *circuit, Py_ssize_t rows,
    Py_ssize_t columns, Py_ssize_t k, const real *z, const real *y, const real *beside, real *room,
    real *cost, real *scratch, real *out,
) noexcept nogil:
    """out: column k of a root of the Gauss-Newton part; the other arguments as of
    `prepare_curvature`."""
    cdef Curvature curvature
    cdef Py_ssize_t n = rows * columns
    prepare_curvature(g, loss, p, from_z, circuit, ROOT, rows, columns, z, y, beside, room, cost,
                      scratch, &curvature)
    memset(out, 0, n * sizeof(real))
    if curvature.of_cross_entropy:
        softmax_column(rows, columns, k, curvature.a, y, out)
        return
    memcpy(out + k * columns, curvature.factor + k * columns, columns * sizeof(real))
    if curvature.joint:
        multiply_slopes(SOFTMAX, 1, rows, columns, columns, NULL, curvature.a, out, 0)


cdef inline kernel_void softmax_column(
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t k, const real *a, const real *y, real *out,
) noexcept nogil:
    """out = root(sum(y) a_k) (e_k - a)."""
    cdef Py_ssize_t r, c = 0
    cdef lanes_t mass, root, rest
    while c < columns:
        mass = rest = lanes_splat(0)
        for r in range(rows):
            mass += lanes_load(y + r * columns + c)
            if r != k:      # 1 - a_k with all its digits
                rest += lanes_load(a + r * columns + c)
        root = lanes_sqrt(mass * lanes_load(a + k * columns + c))
        for r in range(rows):
            lanes_store(out + r * columns + c,
                        root * (rest if r == k else -lanes_load(a + r * columns + c)))
        c += LANES


cdef inline void tangent_of_outputs(
    const Function *g, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t k, const real *z,
    const real *tangent, real *room, real *scratch, real *out,
) noexcept nogil:
    """out: how row k of the Jacobian of a(L) by z(L) changes as z(L) changes by the tangent."""
    cdef Py_ssize_t n = rows * columns, c
    cdef real *kept = room
    cdef real *a = room + n
    cdef real *u = room + 2 * n
    cdef real *v = room + 3 * n
    memcpy(kept, z, n * sizeof(real))
    apply(g, True, rows, columns, columns, kept, a, scratch)
    memset(out, 0, n * sizeof(real))
    if g.circuit != NULL or g.activation != SOFTMAX:
        memcpy(out + k * columns, tangent + k * columns, columns * sizeof(real))
        multiply_by_slopes(g, 2, 1, columns, columns, kept + k * columns, a + k * columns,
                           out + k * columns, scratch)
        return
    memset(u, 0, n * sizeof(real))
    for c in range(columns):
        u[k * columns + c] = 1
    memcpy(v, tangent, n * sizeof(real))
    multiply_slopes(SOFTMAX, 1, rows, columns, columns, NULL, a, v, 0)
    add_turning(rows, columns, a, u, v, out)
