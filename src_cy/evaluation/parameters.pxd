"""Theta's matrices, and where their Deltas are.

Theta k is (n_out, 1 + n_in) with the bias in column 0, one matrix after the other in theta. Its
Delta lies in the sums of a chunk: that of the weights as a matrix of its own, that of the biases
side by side.
"""
from matrix.layout cimport Strips, by_rows, by_strips, size_of
from simd.lanes cimport real


cdef struct ThetaBlock:
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t at               # Theta[j, i] is theta[at + j (n_in + 1) + i], bias at i = 0
    # In the sums: Delta of W[j, i] is in row j and column shift + i, of `columns` (delta_of).
    Py_ssize_t delta_at
    Py_ssize_t columns
    Py_ssize_t shift
    bint strips                 # it lies by strips
    Py_ssize_t bias_at          # Delta of b[j] is sums[bias_at + j]


cdef inline Strips delta_of(const ThetaBlock *theta, const real *sums) noexcept nogil:
    """Delta of the weights."""
    if theta.strips:
        return by_strips(sums + theta.delta_at, theta.n_out, theta.columns)
    return by_rows(sums + theta.delta_at, theta.columns)


cdef inline Py_ssize_t delta_size(const ThetaBlock *theta) noexcept nogil:
    """Reals that Delta of the weights takes."""
    return size_of(delta_of(theta, NULL), theta.n_out, theta.columns)


cdef inline void add_in_double(
    Py_ssize_t n, const real *sums, bint fresh, double *wide,
) noexcept nogil:
    """wide += sums, or wide = sums if fresh: sums in reals are added to sums in double."""
    cdef Py_ssize_t i
    if fresh:
        for i in range(n):
            wide[i] = sums[i]
    else:
        for i in range(n):
            wide[i] += sums[i]


cdef inline double add_squares(
    const ThetaBlock *theta, const real *parameters, double total,
) noexcept nogil:
    """total + the sum of squared weights, bias free, in double: eight sums for each unit's row."""
    cdef const real *row
    cdef double part[8]
    cdef Py_ssize_t j, i
    cdef int k
    for j in range(theta.n_out):
        row = parameters + theta.at + j * (theta.n_in + 1) + 1
        for k in range(8):
            part[k] = 0
        for i in range(theta.n_in // 8):
            for k in range(8):
                part[k] += <double>row[8 * i + k] * <double>row[8 * i + k]
        for i in range(theta.n_in // 8 * 8, theta.n_in):
            part[i % 8] += <double>row[i] * <double>row[i]
        total += (((part[0] + part[4]) + (part[2] + part[6]))
                  + ((part[1] + part[5]) + (part[3] + part[7])))
    return total
