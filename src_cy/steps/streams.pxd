"""Streams: a value and its derivatives by inputs of the network, side by side in every row.

A row of a tile of S samples has n parts of S numbers: the value, first derivatives by some inputs,
second derivatives by pairs of these. What is linear maps a row as it is. The others know a chain or
a product rule, here that of a = g(z):

    a_i    = g' z_i                                  delta of z_i  += g'' z_j delta of a_ij, too
    a_ij   = g' z_ij + g'' z_i z_j                   (from both sides, twice where i = j)
    delta of z = g' delta + sum g'' z_i delta_i + sum (g'' z_ij + g''' z_i z_j) delta_ij
"""
from simd.lanes cimport LANES, lanes_load, lanes_splat, lanes_store, lanes_t, real
from simd.lanes_math cimport lanes_fma
from steps.elementwise cimport function_t


cdef struct Streams:
    Py_ssize_t samples          # of a tile: S
    Py_ssize_t n                # streams
    Py_ssize_t row              # n S
    Py_ssize_t n_first          # those after the value that are first derivatives
    # Of each second derivative, by its number among all streams: where in a row the first
    # derivatives are by which it is one.
    const Py_ssize_t *left
    const Py_ssize_t *right


cdef inline lanes_t slope_of(
    function_t g, const bint given, const int order, lanes_t z, lanes_t a, const real *slopes,
    Py_ssize_t size, real p,
) noexcept nogil:
    """A derivative of g; if they are given, from the arrays of all of them."""
    if given:
        return lanes_load(slopes + (order - 1) * size)
    return g(order, z, a, p)


cdef inline void map_streams(
    function_t g, const bint given, const Streams *streams, Py_ssize_t rows, const real *z,
    const real *slopes, real *a, real p,
) noexcept nogil:
    """The derivatives in rows of a = g(z), whose value is there.

    z: what the function has left there, and its derivatives. slopes: g', g'' and g''' in arrays
    [row, sample], if they are given.
    """
    cdef Py_ssize_t S = streams.samples, size = rows * S, c, s, at, _
    cdef lanes_t first, second, zi, zj
    while rows > 0:
        c = 0
        while c < S:
            first = slope_of(g, given, 1, lanes_load(z + c), lanes_load(a + c), slopes, size, p)
            at = c + S
            for _ in range(streams.n_first):
                lanes_store(a + at, first * lanes_load(z + at))
                at += S
            if streams.n_first + 1 < streams.n:
                second = slope_of(g, given, 2, lanes_load(z + c), lanes_load(a + c), slopes, size,
                                  p)
                for s in range(streams.n_first + 1, streams.n):
                    zi = lanes_load(z + streams.left[s] + c)
                    zj = lanes_load(z + streams.right[s] + c)
                    lanes_store(a + at, lanes_fma(first, lanes_load(z + at), second * (zi * zj)))
                    at += S
            c += LANES
            if given:
                slopes += LANES
        rows -= 1
        z += streams.row
        a += streams.row


cdef inline void map_streams_backward(
    function_t g, const bint given, const Streams *streams, Py_ssize_t rows, const real *z,
    const real *a, const real *slopes, real *delta, real p,
) noexcept nogil:
    """delta, of a and its derivatives, becomes that of z and its own; the rest as above."""
    cdef Py_ssize_t S = streams.samples, size = rows * S, c, s, at, _, left, right
    cdef lanes_t kept, value, first, second, third, total, d, zi, zj, turned
    while rows > 0:
        c = 0
        while c < S:
            kept, value = lanes_load(z + c), lanes_load(a + c)
            first = slope_of(g, given, 1, kept, value, slopes, size, p)
            second = slope_of(g, given, 2, kept, value, slopes, size, p)
            total = first * lanes_load(delta + c)
            at = c + S
            for _ in range(streams.n_first):
                d = lanes_load(delta + at)
                total = lanes_fma(second * lanes_load(z + at), d, total)
                lanes_store(delta + at, first * d)
                at += S
            if streams.n_first + 1 < streams.n:
                third = slope_of(g, given, 3, kept, value, slopes, size, p)
                for s in range(streams.n_first + 1, streams.n):
                    left, right = streams.left[s] + c, streams.right[s] + c
                    d = lanes_load(delta + at)
                    zi, zj = lanes_load(z + left), lanes_load(z + right)
                    turned = lanes_fma(third, zi * zj, second * lanes_load(z + at))
                    total = lanes_fma(turned, d, total)
                    lanes_store(delta + at, first * d)
                    d = second * d
                    lanes_store(delta + left, lanes_fma(d, zj, lanes_load(delta + left)))
                    # Loaded after that is stored: of i = j it is the same place.
                    lanes_store(delta + right, lanes_fma(d, zi, lanes_load(delta + right)))
                    at += S
            lanes_store(delta + c, total)
            c += LANES
            if given:
                slopes += LANES
        rows -= 1
        z += streams.row
        a += streams.row
        delta += streams.row


cdef inline lanes_t no_function(int order, lanes_t z, lanes_t a, real p) noexcept nogil:
    """Where slopes are given."""
    return lanes_splat(0)
