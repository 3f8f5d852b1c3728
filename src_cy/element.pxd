"""Activations and losses of the user's making: a circuit run on every element of a tile.

Elements of several units are gathered into one row of the tape, so that a layer that has few
samples does not pay for each unit; the results are scattered from its row. The rows of the tape are
in the scratch of the thread.
"""
from activations cimport activate
from dense cimport Dense, row_stride
from lanes cimport LANES, lanes_load, lanes_store, real
from tape cimport Code, Coming, Row, called_kernel_void, run_rows, whole_registers

cdef enum:
    ROW = 256               # elements in a row of the tape


cdef struct Element:
    Code code               # g, g' or g'' of z; or two subsequent derivatives of a loss of a and y
    real *splats            # a register of each number


cdef inline Py_ssize_t element_scratch(const Element *element) noexcept nogil:
    """Reals that a thread needs to run it."""
    cdef const Code *code = &element.code
    return (code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real))
            + (code.n_slots - code.n_numbers) * row_stride(ROW))


cdef inline Row *lay_element(const Element *element, real *scratch) noexcept nogil:
    cdef const Code *code = &element.code
    cdef Row *rows = <Row *>scratch
    cdef Py_ssize_t i
    scratch += code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real))
    for i in range(code.n_numbers):
        rows[i].at = element.splats + i * LANES
        rows[i].step = 0
    for i in range(code.n_numbers, code.n_slots):
        rows[i].at = scratch + (i - code.n_numbers) * row_stride(ROW)
        rows[i].step = LANES
    return rows


cdef inline void gather(
    Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride, const real *source, const Row *row,
) noexcept nogil:
    cdef Py_ssize_t u, c, at = 0
    for u in range(units):
        c = 0
        while c < columns:
            lanes_store(row.at + at, lanes_load(source + u * stride + c))
            at += LANES
            c += LANES
    while at < whole_registers(units * columns):    # to the end of what the tape takes at once
        lanes_store(row.at + at, lanes_load(source))
        at += LANES


cdef inline void scatter(
    Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride, const Row *row, int order, real *out,
) noexcept nogil:
    """out = the row (order 0), or out *= the row."""
    cdef const real *p = row.at
    cdef Py_ssize_t u, c
    for u in range(units):
        c = 0
        while c < columns:
            if order == 0:
                lanes_store(out + u * stride + c, lanes_load(p))
            else:
                lanes_store(out + u * stride + c, lanes_load(out + u * stride + c) * lanes_load(p))
            p += row.step
            c += LANES


cdef inline void add_units(
    Py_ssize_t units, Py_ssize_t columns, const Row *row, bint first, real *total,
) noexcept nogil:
    """total += the row, unit by unit in their order; = for the first."""
    cdef const real *p = row.at
    cdef Py_ssize_t u, c
    for u in range(units):
        c = 0
        while c < columns:
            if first and u == 0:
                lanes_store(total + c, lanes_load(p))
            else:
                lanes_store(total + c, lanes_load(total + c) + lanes_load(p))
            p += row.step
            c += LANES


cdef inline void run_element(
    const Element *element, const Row *rows, Py_ssize_t n,
) noexcept nogil:
    cdef Coming nothing
    nothing.columns = NULL
    nothing.n_columns = 0
    nothing.start = 0
    run_rows(element.code.gates, element.code.n_gates, rows, whole_registers(n), &nothing, 0)


cdef inline called_kernel_void activate_elements(
    const Element *element, int order, Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, real *out, real *scratch,
) noexcept nogil:
    """As `activate`; out may be z."""
    cdef Row *rows = lay_element(element, scratch)
    cdef const Row *result = rows + element.code.outputs[0]
    cdef Py_ssize_t u = 0, c, some, width
    while u < units and columns > 0:
        some = min(max(<Py_ssize_t>1, ROW // columns), units - u)
        c = 0
        while c < columns:
            width = min(<Py_ssize_t>ROW, columns - c)
            gather(some, width, stride, z + u * stride + c, rows + element.code.n_numbers)
            run_element(element, rows, some * width)
            scatter(some, width, stride, result, order, out + u * stride + c)
            c += width
        u += some


cdef inline called_kernel_void element_loss(
    const Element *element, Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride,
    const real *a, const real *y, real *delta, real *cost, real *scratch,
) noexcept nogil:
    """As `apply_loss`, of a."""
    cdef Row *rows = lay_element(element, scratch)
    cdef const Row *value = rows + element.code.outputs[0]
    cdef const Row *slope = rows + element.code.outputs[1]
    cdef Row *first = rows + element.code.n_numbers
    cdef Py_ssize_t u = 0, c, some, width
    while u < units and columns > 0:
        some = min(max(<Py_ssize_t>1, ROW // columns), units - u)
        c = 0
        while c < columns:
            width = min(<Py_ssize_t>ROW, columns - c)
            gather(some, width, stride, a + u * stride + c, first)
            gather(some, width, stride, y + u * stride + c, first + 1)
            run_element(element, rows, some * width)
            scatter(some, width, stride, slope, 0, delta + u * stride + c)
            add_units(some, width, value, u == 0, cost + c)
            c += width
        u += some


cdef inline void activate_layer(
    const Dense *layer, int order, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, const real *a, real *out, real *scratch,
) noexcept nogil:
    """As `activate`, for whatever activation the layer has."""
    if layer.custom == NULL:
        activate(layer.activation, order, rows, columns, stride, z, a, out)
    else:
        activate_elements(<const Element *>layer.custom + order, order, rows, columns, stride,
                          z, out, scratch)
