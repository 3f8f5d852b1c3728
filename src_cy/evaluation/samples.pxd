"""The samples of a tile: where the user has them, or rows of that put side by side."""
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from evaluation.plan cimport Data, Evaluation, Plan, data_row
from matrix.layout cimport round_up
from simd.lanes cimport real


cdef inline Py_ssize_t lengths_size(const Plan *plan) noexcept nogil:
    """Reals that the lengths of a tile's sequences need: two for each, at most."""
    return 2 * plan.padded if plan.has_lengths else 0


cdef inline Data tile_data(
    const Evaluation *run, real *scratch, Py_ssize_t start, Py_ssize_t count,
) noexcept nogil:
    """The samples of a tile: where the user has them, or rows of that put side by side."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t T = plan.positions, K = plan.n_out * T, n = plan.n_in, s, row
    cdef Data data = run.data, gathered
    cdef real *X = scratch + plan.gathered_at + lengths_size(plan)
    cdef real *targets
    cdef real *slopes
    cdef real *beside
    cdef int64_t *labels
    cdef int64_t *lengths = <int64_t *>(scratch + plan.gathered_at)
    if data.weights != NULL:        # they lie in the order of the samples
        data.weights += start
    if not plan.gathers:
        data.X += start * data.x_row
        if data.labels != NULL:
            data.labels += start * T
        if data.targets != NULL:
            data.targets += start * K
        if data.lengths != NULL:
            data.lengths += start
        if data.slopes != NULL:
            data.slopes += start * K * n
        if data.beside != NULL:
            data.beside += start * plan.n_beside
        return data
    gathered = data
    gathered.X = X
    gathered.x_row = round_up(n)
    targets = X + plan.padded * gathered.x_row
    labels = <int64_t *>targets
    slopes = targets + plan.padded * T * max(plan.n_out, <Py_ssize_t>2)
    beside = slopes + (plan.padded * K * n if plan.has_slopes else 0)
    for s in range(count):
        row = data_row(run, start + s)
        memcpy(X + s * gathered.x_row, data.X + row * data.x_row, n * sizeof(real))
        if data.lengths != NULL:
            lengths[s] = data.lengths[row]
        if data.labels != NULL:
            memcpy(labels + s * T, data.labels + row * T, T * sizeof(int64_t))
        if data.targets != NULL:
            memcpy(targets + s * K, data.targets + row * K, K * sizeof(real))
        if plan.has_slopes:
            memcpy(slopes + s * K * n, data.slopes + row * K * n, K * n * sizeof(real))
        if data.beside != NULL:
            memcpy(beside + s * plan.n_beside, data.beside + row * plan.n_beside,
                   plan.n_beside * sizeof(real))
    if data.lengths != NULL:
        gathered.lengths = lengths
    if data.labels != NULL:
        gathered.labels = labels
    if data.targets != NULL:
        gathered.targets = targets
    if plan.has_slopes:
        gathered.slopes = slopes
    if data.beside != NULL:
        gathered.beside = beside
    return gathered


cdef inline Py_ssize_t gathered_size(const Plan *plan) noexcept nogil:
    """Reals that `tile_data` needs. A label takes no more than two."""
    if not plan.gathers:
        return 0
    return lengths_size(plan) + plan.padded * (
        round_up(plan.n_in) + plan.positions * max(plan.n_out, <Py_ssize_t>2)
        + (plan.n_in * plan.n_out * plan.positions if plan.has_slopes else 0) + plan.n_beside)
