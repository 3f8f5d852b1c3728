"""How matrices lie in memory.

A matrix that a product reads as Q, or writes, has its columns in the SIMD lanes, and lies strip
after strip. A strip has STRIP columns, as many as a block of the product takes at once, so that
what a block reads and writes of a large matrix is adjacent memory. A matrix that lies row after row
is described in the same way: its strips begin STRIP numbers apart.
"""
from matrix.sizes cimport SET_BYTES, STRIP
from simd.lanes cimport LANES, real


cdef struct Strips:
    # Element (r, c) is data[c // STRIP * strip + r * row + c % STRIP].
    real *data
    Py_ssize_t row
    Py_ssize_t strip


cdef inline Py_ssize_t round_up(Py_ssize_t n) noexcept nogil:
    """The next multiple of LANES."""
    return (n + LANES - 1) // LANES * LANES


cdef inline Py_ssize_t row_stride(Py_ssize_t n) noexcept nogil:
    """A row length >= n in whole registers that does not map all rows to the same cache sets."""
    n = round_up(n)
    if n * sizeof(real) % SET_BYTES == 0:
        n += LANES
    return n


cdef inline Strips by_rows(const real *data, Py_ssize_t row) noexcept nogil:
    """A matrix that lies row after row."""
    cdef Strips out
    out.data = <real *>data
    out.row = row
    out.strip = STRIP
    return out


cdef inline Strips by_strips(const real *data, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """A matrix that lies strip after strip; a single strip is no wider than needed."""
    cdef Strips out
    out.data = <real *>data
    out.row = min(STRIP, round_up(columns))
    out.strip = rows * out.row
    return out


cdef inline Py_ssize_t strips_size(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """Reals that a matrix by strips takes."""
    return (columns + STRIP - 1) // STRIP * by_strips(NULL, rows, columns).strip


cdef inline Py_ssize_t size_of(Strips a, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """Reals that a matrix of more than one row takes, whichever way it lies."""
    return rows * a.row if a.strip == STRIP else strips_size(rows, columns)


cdef inline real *column(Strips a, Py_ssize_t c) noexcept nogil:
    """Where column c begins."""
    return a.data + c // STRIP * a.strip + c % STRIP


cdef inline Py_ssize_t adjacent(Strips a, Py_ssize_t c, Py_ssize_t stop) noexcept nogil:
    """How many columns from c on, up to stop, are adjacent in each row."""
    return stop - c if a.strip == STRIP else min(stop - c, STRIP - c % STRIP)
