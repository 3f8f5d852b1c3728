# How fast the registers of this build can multiply and add: what benchmarks are measured against.


cdef kernel_void multiply_add_sums(Py_ssize_t n, real factor, real *out) noexcept nogil:
    """out = factor * (out + 1), n times, on PEAK_SUMS registers that never leave the processor."""
    cdef lanes_t acc[PEAK_SUMS]
    cdef lanes_t w = lanes_splat(factor)
    cdef int k
    for k in range(PEAK_SUMS):
        acc[k] = lanes_load(out + k * LANES)
    while n > 0:
        n -= 1
        for k in range(PEAK_SUMS):
            acc[k] = acc[k] * w + w
    for k in range(PEAK_SUMS):
        lanes_store(out + k * LANES, acc[k])


def peak_gflops(Py_ssize_t n=100000, int repetitions=5):
    """Billions of multiplications and additions a second of one thread, the best of a few runs.

    Each run does n multiply-adds in each of 12 registers, held in registers throughout.
    """
    sums, = _tile((1, PEAK_SUMS * LANES))
    cdef real[:, ::1] view = sums
    cdef long long best = -1, start
    cdef int _
    for _ in range(repetitions):
        start = now()
        multiply_add_sums(n, <real>0.5, &view[0, 0])
        start = now() - start
        if best < 0 or start < best:
            best = start
    return 2.0 * PEAK_SUMS * LANES * n / best
