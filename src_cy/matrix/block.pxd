"""A block of the matrix product, with all sums in registers (see block.h)."""
from simd.lanes cimport real

cdef extern from "matrix/block.h" nogil:
    ctypedef struct Target:
        Py_ssize_t count
        const real *addend
        Py_ssize_t addend_row
        bint broadcast
        bint multiply
        real *out
        Py_ssize_t out_row
        const char *ahead
        Py_ssize_t step
        Py_ssize_t lines

    void sized_blocks(
        int R, int C, bint packed, const real *p, Py_ssize_t p_row, Py_ssize_t p_column,
        Py_ssize_t p_block, const real *q, Py_ssize_t q_row, Py_ssize_t n, const Target *target)
