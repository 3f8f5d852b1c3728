"""The end of every gradient: D = scale (Delta + l2 [0, W]).

Three ways lead here. Chunks of tiles leave their Deltas, which are added up in their order
(`run_finish`). Windows add up Delta in the gradient, column by column, and call `finish` after the
last (windows.pxd). Few samples make a row of Delta in the gradient, and call it at once
(sample_major.pxd).
"""
from evaluation.parameters cimport ThetaBlock, add_in_double, delta_of
from evaluation.plan cimport NO_ROWS, SLOPE_COST, SLOPE_HESSIAN, Evaluation, Plan
from evaluation.tangents cimport direction
from matrix.layout cimport Strips, adjacent, column
from matrix.sizes cimport FINISH_PIECE
from simd.lanes cimport real
from work.polling cimport poll


cdef inline void finish(
    const bint bias, Py_ssize_t n, const double *sums, const real *Theta, double scale, double l2,
    double *D,
) noexcept nogil:
    """D = scale (sums + l2 Theta), of n numbers of a row of Theta. bias: the first of them is the
    bias, to which no l2 applies. sums may be D."""
    cdef Py_ssize_t i
    if bias:
        D[0] = scale * sums[0]
    if l2 != 0:
        for i in range(bias, n):
            D[i] = scale * (sums[i] + l2 * Theta[i])
    elif scale != 1 or sums != D:
        for i in range(bias, n):
            D[i] = scale * sums[i]


cdef inline const real *multiplied_by_l2(const Evaluation *run, Py_ssize_t k) noexcept nogil:
    """What l2 multiplies: theta, or in a product with direction k that direction."""
    return run.theta if run.plan.n_directions == 0 else direction(run, k)


cdef inline const double *sum_chunks(
    const Evaluation *run, Py_ssize_t at, Py_ssize_t n, double *total,
) noexcept nogil:
    """The n sums from `at` on over all chunks: in `total`, or where those of a single one are."""
    cdef Py_ssize_t c, i, row = run.plan.n_delta
    cdef const double *wide = run.partial + at
    if run.plan.cut.n_chunks == 1 and sizeof(real) == sizeof(double):
        return wide
    for c in range(run.plan.cut.n_chunks):
        if run.plan.sums_in_double:
            for i in range(n):
                total[i] = wide[c * row + i] if c == 0 else total[i] + wide[c * row + i]
        else:
            add_in_double(n, run.sums + c * row + at, c == 0, total)
    return total


cdef inline Py_ssize_t finish_pieces(const Plan *plan) noexcept nogil:
    """Into how many items the end of an evaluation is cut, for each layer."""
    return 1 + plan.n_delta * plan.cut.n_chunks // FINISH_PIECE


cdef inline void run_finish(void *context, int worker, Py_ssize_t item) noexcept nogil:
    """D = scale (Delta + l2 [0, W]) for a piece of a matrix, the chunks added up in their order.

    Along a direction V it is the same with V in the place of W.
    """
    cdef Evaluation *run = <Evaluation *>context
    cdef const Plan *plan = run.plan
    cdef const ThetaBlock *theta = plan.thetas + item % plan.n_thetas
    cdef Py_ssize_t pieces = finish_pieces(plan), piece = item // plan.n_thetas % pieces
    cdef Py_ssize_t k = item // (plan.n_thetas * pieces)
    cdef const real *W = multiplied_by_l2(run, k)
    cdef double *gradient = run.gradient + k * plan.n_parameters
    cdef Py_ssize_t first = piece * theta.n_out // pieces
    cdef Py_ssize_t stop = (piece + 1) * theta.n_out // pieces
    cdef Py_ssize_t c = theta.shift, end = theta.shift + theta.n_in, row = theta.n_in + 1, j, n, at
    # A transpose's numbers have the samples' shares already, and no penalty.
    cdef bint of_cost = plan.rows_of == NO_ROWS or plan.rows_of == SLOPE_COST
    cdef double scale = run.scale if of_cost or plan.rows_of == SLOPE_HESSIAN else 1
    cdef double l2 = run.l2 if of_cost else 0
    cdef Strips Delta = delta_of(theta, run.sums + k * plan.n_sums)
    cdef const double *sums
    cdef double *D
    if worker == 0 and piece > 0:
        poll(context)
    for j in range(first, stop):
        D = gradient + theta.at + j * row
        sums = sum_chunks(run, k * plan.n_sums + theta.bias_at + j, 1, D)
        finish(True, 1, sums, NULL, scale, l2, D)
    while c < end:
        n = adjacent(Delta, c, end)
        for j in range(first, stop):
            at = theta.at + j * row + 1 + c - theta.shift
            D = gradient + at
            sums = sum_chunks(run, column(Delta, c) + j * Delta.row - run.sums, n, D)
            finish(False, n, sums, W + at, scale, l2, D)
        c += n
