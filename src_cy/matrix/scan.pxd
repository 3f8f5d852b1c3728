"""What numbers there are in an array: are they finite, and between which two are they?"""
from libc.stdint cimport int64_t

from matrix.sizes cimport SCAN_REGISTERS
from simd.lanes cimport (
    LANES, kernel_void, lanes_load, lanes_load_part, lanes_splat, lanes_store, lanes_t, real,
)
from simd.lanes_math cimport lanes_maximum, lanes_minimum


cdef inline kernel_void add_differences(Py_ssize_t n, const real *x, real *sums) noexcept nogil:
    """Sums of x - x, one in each lane: 0, or NaN where x is not finite."""
    cdef lanes_t acc[SCAN_REGISTERS]
    cdef lanes_t v
    cdef Py_ssize_t i = 0
    cdef int k
    for k in range(SCAN_REGISTERS):
        acc[k] = lanes_splat(0)
    while i + SCAN_REGISTERS * LANES <= n:
        for k in range(SCAN_REGISTERS):
            v = lanes_load(x + i + k * LANES)
            acc[k] += v - v
        i += SCAN_REGISTERS * LANES
    while i < n:
        v = lanes_load_part(x + i, min(n - i, <Py_ssize_t>LANES))
        acc[0] += v - v
        i += LANES
    lanes_store(sums, (acc[0] + acc[1]) + (acc[2] + acc[3]))


cdef inline bint all_finite(Py_ssize_t n, const real *x) noexcept nogil:
    cdef real sums[16]
    cdef real total = 0
    cdef int k
    add_differences(n, x, sums)
    for k in range(LANES):
        total += sums[k]
    return total == 0


cdef inline void extend(real x, real *low, real *high) noexcept nogil:
    """NaN stays, as no comparison with it holds."""
    if x < low[0] or x != x:
        low[0] = x
    if x > high[0] or x != x:
        high[0] = x


cdef inline kernel_void find_extremes(
    Py_ssize_t n, const real *x, real *low, real *high,
) noexcept nogil:
    """The least and the greatest of n > 0 numbers; NaN for both if there is one."""
    cdef lanes_t least[SCAN_REGISTERS]
    cdef lanes_t most[SCAN_REGISTERS]
    cdef lanes_t v
    cdef real part[16]
    cdef Py_ssize_t i = 0
    cdef int k
    low[0] = high[0] = x[0]
    if n >= SCAN_REGISTERS * LANES:
        for k in range(SCAN_REGISTERS):
            least[k] = most[k] = lanes_load(x + k * LANES)
        i = SCAN_REGISTERS * LANES
        while i + SCAN_REGISTERS * LANES <= n:
            for k in range(SCAN_REGISTERS):
                v = lanes_load(x + i + k * LANES)
                least[k] = lanes_minimum(least[k], v)
                most[k] = lanes_maximum(most[k], v)
            i += SCAN_REGISTERS * LANES
        for k in range(SCAN_REGISTERS):
            lanes_store(part, least[k])
            extend_all(LANES, part, low, high)
            lanes_store(part, most[k])
            extend_all(LANES, part, low, high)
    extend_all(n - i, x + i, low, high)


cdef inline void extend_all(
    Py_ssize_t n, const real *x, real *low, real *high,
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        extend(x[i], low, high)


cdef inline void find_integer_extremes(
    Py_ssize_t n, const int64_t *x, int64_t *low, int64_t *high,
) noexcept nogil:
    cdef Py_ssize_t i
    low[0] = high[0] = x[0]
    for i in range(n):
        low[0] = min(low[0], x[i])
        high[0] = max(high[0], x[i])
