"""Products with rows that a table names (see gathered.h)."""
from libc.stdint cimport int32_t

from simd.lanes cimport real

cdef extern from "matrix/gathered.h" nogil:
    enum: FROM_ROWS, FROM_OUT, FROM_NOTHING, FROM_BOTH

    ctypedef struct Run:
        const int32_t *inputs
        const int32_t *input_deltas
        Py_ssize_t out
        Py_ssize_t out_delta
        Py_ssize_t columns
        bint apart

    void gathered_product(
        Py_ssize_t units, Py_ssize_t columns, Py_ssize_t n, const real *p, Py_ssize_t p_row,
        const real *q, const int32_t *rows, int start, const real *addend, Py_ssize_t addend_row,
        real *out, Py_ssize_t out_row)
    void scattered_product(
        Py_ssize_t units, Py_ssize_t columns, Py_ssize_t n, const real *p, Py_ssize_t p_row,
        const real *q, Py_ssize_t q_row, bint apart, real *out, const int32_t *rows)
    void gathered_sums(
        Py_ssize_t units, Py_ssize_t first, Py_ssize_t n, const Run *runs, Py_ssize_t n_runs,
        const real *delta, Py_ssize_t unit_row, const real *x, real *out, Py_ssize_t out_row)
    void run_sums(
        Py_ssize_t units, const Run *runs, Py_ssize_t n_runs, const real *delta,
        Py_ssize_t unit_row, real *out)
