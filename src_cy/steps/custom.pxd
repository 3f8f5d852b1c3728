"""Activations and losses of the user's making: a circuit run on every element of a tile.

Elements of several units are gathered into one row of the tape, so that a layer that has few
samples does not pay for each unit; the results are scattered from its row. The rows of the tape are
in the scratch of the thread.
"""
from libc.string cimport memset

from matrix.layout cimport row_stride
from matrix.sizes cimport CUSTOM_ROW
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_store, real
from tape.tape cimport (
    Code, Coming, Custom, Row, called_kernel_void, lay_rows, run_rows, whole_registers,
)

cdef enum:
    SET, SCALE, ADD_UP      # out = the row; out *= the row; out += the row


cdef inline Py_ssize_t custom_scratch(const Custom *element) noexcept nogil:
    """Reals that a thread needs to run it."""
    cdef const Code *code = &element.code
    return (code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real))
            + (code.n_slots - code.n_numbers) * row_stride(CUSTOM_ROW))


cdef inline Row *lay_custom(const Custom *element, real *scratch) noexcept nogil:
    cdef const Code *code = &element.code
    cdef Row *rows = <Row *>scratch
    lay_rows(code, element.splats,
             scratch + code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real)),
             row_stride(CUSTOM_ROW), rows)
    return rows


cdef inline void gather(
    Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride, const real *source, const Row *row,
) noexcept nogil:
    """source[units, columns] one unit after the other to the row, whole to what the tape takes."""
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
    int how, Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride, const Row *row, real *out,
) noexcept nogil:
    """The row to out[units, columns]; with stride 0 unit after unit to one row."""
    cdef const real *p = row.at
    cdef real *q
    cdef Py_ssize_t u, c
    for u in range(units):
        c = 0
        while c < columns:
            q = out + u * stride + c
            if how == SET: lanes_store(q, lanes_load(p))
            elif how == SCALE: lanes_store(q, lanes_load(q) * lanes_load(p))
            else: lanes_store(q, lanes_load(q) + lanes_load(p))
            p += row.step
            c += LANES


cdef inline void run_custom(
    const Custom *element, const Row *rows, Py_ssize_t n,
) noexcept nogil:
    cdef Coming nothing
    nothing.columns = NULL
    nothing.n_columns = 0
    nothing.start = 0
    run_rows(element.code.gates, element.code.n_gates, rows, whole_registers(n), &nothing, 0)


cdef inline called_kernel_void activate_custom(
    const Custom *element, int how, Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride,
    const real *z, real *out, real *scratch,
) noexcept nogil:
    """out = the element's function of z, or out times it; out may be z."""
    cdef Row *rows = lay_custom(element, scratch)
    cdef const Row *result = rows + element.code.outputs[0]
    cdef Py_ssize_t u = 0, c, some, width
    while u < units and columns > 0:
        some = min(max(<Py_ssize_t>1, CUSTOM_ROW // columns), units - u)
        c = 0
        while c < columns:
            width = min(<Py_ssize_t>CUSTOM_ROW, columns - c)
            gather(some, width, stride, z + u * stride + c, rows + element.code.n_numbers)
            run_custom(element, rows, some * width)
            scatter(how, some, width, stride, result, out + u * stride + c)
            c += width
        u += some


cdef inline called_kernel_void custom_loss(
    const Custom *element, Py_ssize_t units, Py_ssize_t columns, Py_ssize_t stride,
    const real *a, const real *y, const real *beside, real *delta, real *cost, real *scratch,
) noexcept nogil:
    """As `loss_of_z`, of a; beside: rows of further numbers of the samples, the circuit's inputs
    after a and y, which are the same for all units."""
    cdef Row *rows = lay_custom(element, scratch)
    cdef const Row *value = rows + element.code.outputs[0]
    cdef const Row *slope = rows + element.code.outputs[1]
    cdef Row *first = rows + element.code.n_numbers
    cdef Py_ssize_t u = 0, c, some, width, j
    memset(cost, 0, columns * sizeof(real))
    while u < units and columns > 0:
        some = min(max(<Py_ssize_t>1, CUSTOM_ROW // columns), units - u)
        c = 0
        while c < columns:
            width = min(<Py_ssize_t>CUSTOM_ROW, columns - c)
            gather(some, width, stride, a + u * stride + c, first)
            gather(some, width, stride, y + u * stride + c, first + 1)
            for j in range(element.code.n_columns - 2):
                gather(some, width, 0, beside + j * stride + c, first + 2 + j)
            run_custom(element, rows, some * width)
            scatter(SET, some, width, stride, slope, delta + u * stride + c)
            scatter(ADD_UP, some, width, 0, value, cost + c)
            c += width
        u += some
