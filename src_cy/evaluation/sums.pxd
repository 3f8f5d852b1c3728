"""Sums in an order that depends on how many numbers there are, and on nothing else."""
from simd.lanes cimport real


cdef inline double sum_cost(const real *cost, Py_ssize_t count) noexcept nogil:
    """The sum in double, in an order that depends on count alone."""
    cdef double part[8]
    cdef Py_ssize_t s
    cdef int k
    for k in range(8):
        part[k] = 0
    for s in range(count // 8):
        for k in range(8):
            part[k] += cost[8 * s + k]
    for s in range(count // 8 * 8, count):
        part[s % 8] += cost[s]
    return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]))
