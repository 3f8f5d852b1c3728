"""Rows combined with rows: the gates of recurrent layers, and states kept beyond a sample's end."""
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_gt, lanes_select
from steps.step cimport NEGATIVE_PRODUCT, WITHIN, Step


cdef inline kernel_void products(
    Py_ssize_t n, real sign, const real *a, const real *b, const real *d, real *out,
) noexcept nogil:
    """out = sign a b + d; without a and b out = d, without d there is no sum."""
    cdef lanes_t total
    cdef Py_ssize_t i = 0
    while i < n:
        total = lanes_splat(0)
        if a != NULL:
            total = sign * lanes_load(a + i) * lanes_load(b + i)
        if d != NULL:
            total = lanes_load(d + i) + total if a != NULL else lanes_load(d + i)
        lanes_store(out + i, total)
        i += LANES


cdef inline kernel_void add_product(
    Py_ssize_t n, real sign, const real *delta, const real *other, real *out,
) noexcept nogil:
    """out += sign delta other; without other, delta."""
    cdef Py_ssize_t i = 0
    while i < n:
        if other != NULL:
            lanes_store(out + i, lanes_load(out + i)
                        + sign * lanes_load(delta + i) * lanes_load(other + i))
        else:
            lanes_store(out + i, lanes_load(out + i) + lanes_load(delta + i))
        i += LANES


cdef inline kernel_void choose_within(
    Py_ssize_t rows, Py_ssize_t columns, real t, const real *lengths, const real *a, const real *b,
    real *out,
) noexcept nogil:
    """out = a where t < length, else b, or 0 where b is NULL."""
    cdef Py_ssize_t c, _
    cdef lanes_t other
    for _ in range(rows):
        c = 0
        while c < columns:
            other = lanes_splat(0)
            if b != NULL:
                other = lanes_load(b + c)
            lanes_store(out + c, lanes_select(
                lanes_gt(lanes_load(lengths + c), lanes_splat(t)), lanes_load(a + c), other))
            c += LANES
        a += columns
        out += columns
        if b != NULL:
            b += columns


cdef inline kernel_void add_within(
    Py_ssize_t rows, Py_ssize_t columns, real t, const real *lengths, bint within,
    const real *delta, real *out,
) noexcept nogil:
    """out += delta where t < length, if it is to be within it, else where not."""
    cdef Py_ssize_t c, _
    cdef lanes_t inside, none = lanes_splat(0)
    for _ in range(rows):
        c = 0
        while c < columns:
            inside = lanes_load(delta + c)
            if within:
                inside = lanes_select(
                    lanes_gt(lanes_load(lengths + c), lanes_splat(t)), inside, none)
            else:
                inside = lanes_select(
                    lanes_gt(lanes_load(lengths + c), lanes_splat(t)), none, inside)
            lanes_store(out + c, lanes_load(out + c) + inside)
            c += LANES
        delta += columns
        out += columns


cdef inline const real *row_at(const real *start, Py_ssize_t at) noexcept nogil:
    return start + at if at >= 0 else NULL


cdef inline void gate_forward(
    const Step *step, Py_ssize_t columns, const real *lengths, real *values,
) noexcept nogil:
    cdef const real *a = row_at(values, step.a)
    cdef const real *b = row_at(values, step.b)
    if step.op == WITHIN:
        choose_within(step.n, columns, <real>step.d, lengths, a, b, values + step.out)
    else:
        products(step.n * columns, -1 if step.op == NEGATIVE_PRODUCT else 1, a, b,
                 row_at(values, step.d), values + step.out)


cdef inline void gate_tangent(
    const Step *step, Py_ssize_t columns, const real *lengths, const real *values, real *tangents,
) noexcept nogil:
    """The tangent of a b + d, or of the row that is chosen."""
    cdef Py_ssize_t n = step.n * columns
    cdef real sign = -1 if step.op == NEGATIVE_PRODUCT else 1
    cdef real *out = tangents + step.out
    if step.op == WITHIN:
        choose_within(step.n, columns, <real>step.d, lengths, row_at(tangents, step.a),
                      row_at(tangents, step.b), out)
        return
    products(n, sign, row_at(tangents, step.a), row_at(values, step.b), row_at(tangents, step.d),
             out)
    if step.a >= 0:
        add_product(n, sign, values + step.a, tangents + step.b, out)


cdef inline void gate_tangent_backward(
    const Step *step, Py_ssize_t columns, const real *tangents, const real *deltas,
    real *delta_tangents,
) noexcept nogil:
    """What gate_backward leaves out of the deltas' tangents: delta times the other tangent."""
    cdef Py_ssize_t n = step.n * columns
    cdef const real *delta = deltas + step.out_delta
    cdef real sign = -1 if step.op == NEGATIVE_PRODUCT else 1
    if step.op == WITHIN:
        return
    if step.a_delta >= 0:
        add_product(n, sign, delta, tangents + step.b, delta_tangents + step.a_delta)
    if step.b_delta >= 0:
        add_product(n, sign, delta, tangents + step.a, delta_tangents + step.b_delta)


cdef inline void gate_backward(
    const Step *step, Py_ssize_t columns, const real *lengths, const real *values, real *deltas,
) noexcept nogil:
    cdef Py_ssize_t n = step.n * columns
    cdef const real *delta = deltas + step.out_delta
    cdef real sign = -1 if step.op == NEGATIVE_PRODUCT else 1
    if step.op == WITHIN:
        if step.a_delta >= 0:
            add_within(step.n, columns, <real>step.d, lengths, True, delta, deltas + step.a_delta)
        if step.b_delta >= 0:
            add_within(step.n, columns, <real>step.d, lengths, False, delta, deltas + step.b_delta)
        return
    if step.a_delta >= 0:
        add_product(n, sign, delta, values + step.b, deltas + step.a_delta)
    if step.b_delta >= 0:
        add_product(n, sign, delta, values + step.a, deltas + step.b_delta)
    if step.d_delta >= 0:
        add_product(n, 1, delta, NULL, deltas + step.d_delta)
