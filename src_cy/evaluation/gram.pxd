"""R'R, the Gauss-Newton matrix, of rows of R that are made tile by tile: [parameter, sample].

Only the lower half is summed up. The rows are P of the product and, transposed, also its Q, so that
a group of parameters, packed, meets all parameters up to its own. The sums of a chunk lie by
strips. When all are there, the halves are written alike.
"""
from evaluation.gradient cimport sum_chunks
from evaluation.plan cimport Evaluation, Plan
from matrix.layout cimport Strips, adjacent, by_rows, by_strips, column, round_up, strips_size
from matrix.packing cimport Matrix, matrix, packed_if_worth
from matrix.product cimport Ahead, matrix_addend, multiply_add, no_data, nothing
from matrix.sizes cimport GRAM_PIECE, GRAM_ROWS
from matrix.transpose cimport transpose_strips
from simd.lanes cimport real
from work.polling cimport poll


cdef inline Py_ssize_t gram_size(const Plan *plan) noexcept nogil:
    """Reals of the sums."""
    return strips_size(plan.n_parameters, plan.n_parameters)


cdef inline Py_ssize_t packed_rows_size(const Plan *plan) noexcept nogil:
    """Reals of a group of packed rows."""
    return min(plan.n_parameters, <Py_ssize_t>GRAM_ROWS) * plan.gram_samples


cdef inline Py_ssize_t transposed_rows_size(const Plan *plan) noexcept nogil:
    return strips_size(plan.gram_samples, plan.n_parameters)


cdef inline void add_gram(
    const Plan *plan, real *scratch, Py_ssize_t samples, bint fresh, real *sums,
) noexcept nogil:
    """sums += rows rows' of so many samples, or = where fresh; at least the lower half of it."""
    cdef Py_ssize_t start = 0, n, P = plan.n_parameters
    cdef const real *rows = scratch + plan.rows_at
    cdef Strips Q = by_strips(scratch + plan.rows_transposed_at, samples, P)
    cdef Strips out = by_strips(sums, P, P)
    cdef Matrix group
    cdef Ahead ahead = no_data()
    transpose_strips(P, samples, by_rows(rows, plan.gram_row), Q)
    while start < P:
        n = min(P - start, <Py_ssize_t>GRAM_ROWS)
        group = packed_if_worth(
            n, P, samples, matrix(rows + start * plan.gram_row, plan.gram_row, 1),
            scratch + plan.packed_rows_at)
        multiply_add(n, 0, round_up(start + n), samples, nothing() if fresh else matrix_addend(out),
                     group, Q, out, &ahead)
        out.data += n * out.row
        start += n


cdef inline Py_ssize_t gram_pieces(const Plan *plan) noexcept nogil:
    """How many calls of `run_gram` there are."""
    return (plan.n_parameters + GRAM_PIECE - 1) // GRAM_PIECE


cdef inline void run_gram(void *context, int worker, Py_ssize_t piece) noexcept nogil:
    """Some rows of the lower half of R'R, the chunks added up in their order, and the same numbers
    as columns of the upper half."""
    cdef Evaluation *run = <Evaluation *>context
    cdef Py_ssize_t P = run.plan.n_parameters, first = piece * GRAM_PIECE
    cdef Py_ssize_t stop = min(first + GRAM_PIECE, P), i, j, c, n
    cdef Strips lower = by_strips(run.sums, P, P)
    cdef const double *sums
    cdef double *G = run.gradient
    if worker == 0:
        poll(context)
    for j in range(first, stop):
        c = 0
        while c <= j:
            n = adjacent(lower, c, j + 1)
            sums = sum_chunks(run, column(lower, c) + j * lower.row - run.sums, n, G + j * P + c)
            for i in range(n):
                G[j * P + c + i] = sums[i]
            c += n
    for i in range(stop):
        for j in range(max(first, i + 1), stop):
            G[i * P + j] = G[j * P + i]
