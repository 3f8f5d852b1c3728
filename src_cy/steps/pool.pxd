"""The largest, or the mean, of the rows of a window."""
from libc.stdint cimport int32_t

from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_eq, lanes_maximum, lanes_select
from steps.step cimport LARGEST, Step
from steps.streams cimport Streams


cdef inline kernel_void largest_rows(
    Py_ssize_t n, Py_ssize_t window, const int32_t *rows, Py_ssize_t columns, const real *values,
    real *out,
) noexcept nogil:
    cdef Py_ssize_t _, c
    cdef int w, first
    cdef lanes_t best
    for _ in range(n):
        first = 0
        while rows[first] < 0:
            first += 1
        c = 0
        while c < columns:
            best = lanes_load(values + rows[first] + c)
            for w in range(first + 1, window):
                if rows[w] >= 0:
                    best = lanes_maximum(best, lanes_load(values + rows[w] + c))
            lanes_store(out + c, best)
            c += LANES
        rows += window
        out += columns


cdef inline kernel_void add_to_largest(
    Py_ssize_t n, Py_ssize_t window, const int32_t *rows, const int32_t *row_deltas,
    Py_ssize_t columns, const real *values, const real *out, const real *delta, real *deltas,
) noexcept nogil:
    """The delta of a window to the first of its rows that is the largest, or the first NaN."""
    cdef Py_ssize_t _, c
    cdef int w
    cdef lanes_t left, value, best, taken, none = lanes_splat(0)
    for _ in range(n):
        c = 0
        while c < columns:
            left = lanes_load(delta + c)
            best = lanes_load(out + c)
            for w in range(window):
                if rows[w] < 0:
                    continue
                value = lanes_load(values + rows[w] + c)
                # A NaN equals nothing, itself neither: the first of them is the largest, too.
                taken = lanes_select(lanes_eq(value, value), none, left)
                taken = lanes_select(lanes_eq(value, best), left, taken)
                lanes_store(deltas + row_deltas[w] + c,
                            lanes_load(deltas + row_deltas[w] + c) + taken)
                left = lanes_select(lanes_eq(value, value), left, none)
                left = lanes_select(lanes_eq(value, best), none, left)
            c += LANES
        rows += window
        row_deltas += window
        out += columns
        delta += columns


cdef inline kernel_void tangents_of_largest(
    Py_ssize_t n, Py_ssize_t window, const int32_t *rows, Py_ssize_t columns, const real *values,
    const real *out, const real *tangents, real *tangent,
) noexcept nogil:
    """Of each window the tangent of the row that gets its delta in `add_to_largest`."""
    cdef Py_ssize_t _, c
    cdef int w
    cdef lanes_t value, best, found
    for _ in range(n):
        c = 0
        while c < columns:
            best = lanes_load(out + c)
            found = lanes_splat(0)
            for w in range(window - 1, -1, -1):     # the first is the last to be taken
                if rows[w] < 0:
                    continue
                value = lanes_load(values + rows[w] + c)
                found = lanes_select(
                    lanes_eq(value, value), found, lanes_load(tangents + rows[w] + c))
                found = lanes_select(
                    lanes_eq(value, best), lanes_load(tangents + rows[w] + c), found)
            lanes_store(tangent + c, found)
            c += LANES
        rows += window
        out += columns
        tangent += columns


cdef inline kernel_void mean_rows(
    Py_ssize_t n, Py_ssize_t window, const int32_t *rows, Py_ssize_t columns, real factor,
    const real *values, real *out,
) noexcept nogil:
    cdef Py_ssize_t _, c
    cdef int w
    cdef lanes_t total
    for _ in range(n):
        c = 0
        while c < columns:
            total = lanes_splat(0)
            for w in range(window):
                if rows[w] >= 0:
                    total += lanes_load(values + rows[w] + c)
            lanes_store(out + c, factor * total)
            c += LANES
        rows += window
        out += columns


cdef inline kernel_void add_to_all(
    Py_ssize_t n, Py_ssize_t window, const int32_t *rows, Py_ssize_t columns, real factor,
    const real *delta, real *deltas,
) noexcept nogil:
    cdef Py_ssize_t _, c
    cdef int w
    cdef lanes_t part
    for _ in range(n):
        c = 0
        while c < columns:
            part = factor * lanes_load(delta + c)
            for w in range(window):
                if rows[w] >= 0:
                    lanes_store(deltas + rows[w] + c, lanes_load(deltas + rows[w] + c) + part)
            c += LANES
        rows += window
        delta += columns


cdef inline void pool_forward(
    const Step *step, Py_ssize_t columns, real *values,
) noexcept nogil:
    if step.op == LARGEST:
        largest_rows(step.n, step.window, step.rows, columns, values, values + step.out)
    else:
        mean_rows(step.n, step.window, step.rows, columns, step.factor, values, values + step.out)


cdef inline void pool_tangent(
    const Step *step, Py_ssize_t columns, const real *values, real *tangents,
) noexcept nogil:
    if step.op == LARGEST:
        tangents_of_largest(step.n, step.window, step.rows, columns, values, values + step.out,
                            tangents, tangents + step.out)
    else:
        mean_rows(step.n, step.window, step.rows, columns, step.factor, tangents,
                  tangents + step.out)


cdef inline void pool_backward(
    const Step *step, Py_ssize_t columns, const real *values, real *deltas,
) noexcept nogil:
    if step.op == LARGEST:
        add_to_largest(step.n, step.window, step.rows, step.row_deltas, columns, values,
                       values + step.out, deltas + step.out_delta, deltas)
    else:
        add_to_all(step.n, step.window, step.row_deltas, columns, step.factor,
                   deltas + step.out_delta, deltas)


cdef inline kernel_void streams_of_largest(
    Py_ssize_t n, Py_ssize_t window, const int32_t *rows, const Streams *streams,
    const real *values, real *out,
) noexcept nogil:
    """The largest of each window, its first, or its first NaN, with the derivatives it has."""
    cdef Py_ssize_t S = streams.samples, c, s, _
    cdef int w
    cdef lanes_t value, best, found
    for _ in range(n):
        c = 0
        while c < S:
            best = lanes_load(out + c)
            for s in range(1, streams.n):
                found = lanes_splat(0)
                for w in range(window - 1, -1, -1):     # the first is the last to be taken
                    if rows[w] < 0:
                        continue
                    value = lanes_load(values + rows[w] + c)
                    found = lanes_select(
                        lanes_eq(value, value), found, lanes_load(values + rows[w] + s * S + c))
                    found = lanes_select(
                        lanes_eq(value, best), lanes_load(values + rows[w] + s * S + c), found)
                lanes_store(out + s * S + c, found)
            c += LANES
        rows += window
        out += streams.row


cdef inline void pool_streams(
    const Step *step, const Streams *streams, real *values,
) noexcept nogil:
    cdef Py_ssize_t i
    if step.op != LARGEST:
        mean_rows(step.n, step.window, step.rows, streams.row, step.factor, values,
                  values + step.out)
        return
    for i in range(step.n):
        largest_rows(1, step.window, step.rows + i * step.window, streams.samples, values,
                     values + step.out + i * streams.row)
    streams_of_largest(step.n, step.window, step.rows, streams, values, values + step.out)


cdef inline void pool_streams_backward(
    const Step *step, const Streams *streams, const real *values, real *deltas,
) noexcept nogil:
    cdef Py_ssize_t i, s, at
    if step.op != LARGEST:
        add_to_all(step.n, step.window, step.row_deltas, streams.row, step.factor,
                   deltas + step.out_delta, deltas)
        return
    for i in range(step.n):
        for s in range(streams.n):      # the winner of the values has all of them
            at = i * streams.row
            add_to_largest(1, step.window, step.rows + i * step.window,
                           step.row_deltas + i * step.window, streams.samples, values,
                           values + step.out + at,
                           deltas + step.out_delta + at + s * streams.samples,
                           deltas + s * streams.samples)
