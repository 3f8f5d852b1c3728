"""Rows combined with rows: the gates of recurrent layers, and states kept beyond a sample's end."""
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_fma, lanes_gt, lanes_select
from steps.step cimport NEGATIVE_PRODUCT, WITHIN, Step
from steps.streams cimport Streams


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


cdef inline void gate_mixed(
    const Step *step, Py_ssize_t columns, const real *v, const real *e, real *out,
) noexcept nogil:
    """What gate_tangent leaves out of a second tangent: the first ones, v and e, times each
    other."""
    cdef Py_ssize_t n = step.n * columns
    cdef real sign = -1 if step.op == NEGATIVE_PRODUCT else 1
    if step.op != WITHIN and step.a >= 0:
        add_product(n, sign, v + step.a, e + step.b, out + step.out)
        add_product(n, sign, e + step.a, v + step.b, out + step.out)


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


cdef inline kernel_void stream_products(
    Py_ssize_t rows, const Streams *streams, real sign, const real *a, const real *b, real *out,
) noexcept nogil:
    """Adds the derivatives of sign a b: a_i b + a b_i, and a_ij b + a_i b_j + a_j b_i + a b_ij."""
    cdef Py_ssize_t S = streams.samples, c, s, at, left, right, _
    cdef lanes_t total
    for _ in range(rows):
        c = 0
        while c < S:
            for s in range(1, streams.n):
                at = s * S + c
                total = lanes_load(a + at) * lanes_load(b + c)
                total = lanes_fma(lanes_load(a + c), lanes_load(b + at), total)
                if s > streams.n_first:
                    left, right = streams.left[s] + c, streams.right[s] + c
                    total = lanes_fma(lanes_load(a + left), lanes_load(b + right), total)
                    total = lanes_fma(lanes_load(a + right), lanes_load(b + left), total)
                lanes_store(out + at, lanes_fma(lanes_splat(sign), total, lanes_load(out + at)))
            c += LANES
        a += streams.row
        b += streams.row
        out += streams.row


cdef inline kernel_void add_stream_products(
    Py_ssize_t rows, const Streams *streams, real sign, const real *delta, const real *b,
    real *out,
) noexcept nogil:
    """Adds the deltas of a and its derivatives, from those of sign a b, to `out`."""
    cdef Py_ssize_t S = streams.samples, c, s, at, left, right, _
    cdef lanes_t total, value, d
    for _ in range(rows):
        c = 0
        while c < S:
            value = lanes_load(b + c)
            total = lanes_load(out + c)
            for s in range(streams.n):
                at = s * S + c
                d = sign * lanes_load(delta + at)
                total = lanes_fma(d, lanes_load(b + at), total)
                if s > 0:
                    lanes_store(out + at, lanes_fma(d, value, lanes_load(out + at)))
                if s > streams.n_first:
                    left, right = streams.left[s] + c, streams.right[s] + c
                    lanes_store(out + left, lanes_fma(
                        d, lanes_load(b + right), lanes_load(out + left)))
                    lanes_store(out + right, lanes_fma(
                        d, lanes_load(b + left), lanes_load(out + right)))
            lanes_store(out + c, total)
            c += LANES
        delta += streams.row
        b += streams.row
        out += streams.row


cdef inline kernel_void set_rows(Py_ssize_t n, const real *d, real *out) noexcept nogil:
    """out = d, or 0 without d."""
    cdef Py_ssize_t i = 0
    while i < n:
        lanes_store(out + i, lanes_load(d + i) if d != NULL else lanes_splat(0))
        i += LANES


cdef inline void gate_streams(
    const Step *step, const Streams *streams, real *values,
) noexcept nogil:
    """Of all streams; samples with lengths have none."""
    cdef real sign = -1 if step.op == NEGATIVE_PRODUCT else 1
    cdef real *out = values + step.out
    cdef Py_ssize_t r, c
    set_rows(step.n * streams.row, row_at(values, step.d), out)
    if step.a < 0:
        return
    for r in range(step.n):
        c = r * streams.row
        add_product(streams.samples, sign, values + step.a + c, values + step.b + c, out + c)
    stream_products(step.n, streams, sign, values + step.a, values + step.b, out)


cdef inline void gate_streams_backward(
    const Step *step, const Streams *streams, const real *values, real *deltas,
) noexcept nogil:
    cdef real sign = -1 if step.op == NEGATIVE_PRODUCT else 1
    cdef const real *delta = deltas + step.out_delta
    if step.a_delta >= 0:
        add_stream_products(step.n, streams, sign, delta, values + step.b, deltas + step.a_delta)
    if step.b_delta >= 0:
        add_stream_products(step.n, streams, sign, delta, values + step.a, deltas + step.b_delta)
    if step.d_delta >= 0:
        add_product(step.n * streams.row, 1, delta, NULL, deltas + step.d_delta)
