"""SIMD registers as values (see lanes.h). Cython takes `lanes_t` for a number, so that
`acc += w * row` is one instruction; comparisons and shuffles go through macros."""

cdef extern from "simd/lanes.h" nogil:
    ctypedef double real
    ctypedef long long integer
    ctypedef double lanes_t
    ctypedef long long ilanes_t
    ctypedef double doubles_t
    ctypedef void kernel_void
    ctypedef void inlined_void
    ctypedef void called_void

    const int LANES
    const int DOUBLES

    lanes_t lanes_splat(real x)
    lanes_t lanes_load(const real *p)
    lanes_t lanes_load_part(const real *p, Py_ssize_t n)
    void lanes_store(real *p, lanes_t v)
    void lanes_store_high(real *p, lanes_t v)
    void lanes_stream(real *p, lanes_t v)
    void stream_end()
    doubles_t doubles_splat(double x)
    doubles_t doubles_load(const double *p)
    void doubles_store(double *p, doubles_t v)
    lanes_t lanes_from_doubles(const double *p, double factor)
    void doubles_store_part(double *p, doubles_t v, Py_ssize_t n)
    real multiply_then_add(real a, real b, real c)
    const real *opaque_sum(const real *p, Py_ssize_t n)
    void lanes_prefetch(const real *p)
    void lanes_prefetch_far(const char *p)
    lanes_t lanes_zip_low(lanes_t a, lanes_t b)
    lanes_t lanes_zip_high(lanes_t a, lanes_t b)
    lanes_t lanes_even_1(lanes_t a, lanes_t b)
    lanes_t lanes_odd_1(lanes_t a, lanes_t b)
    lanes_t lanes_even_2(lanes_t a, lanes_t b)
    lanes_t lanes_odd_2(lanes_t a, lanes_t b)
    lanes_t lanes_even_4(lanes_t a, lanes_t b)
    lanes_t lanes_odd_4(lanes_t a, lanes_t b)
    lanes_t lanes_even_8(lanes_t a, lanes_t b)
    lanes_t lanes_odd_8(lanes_t a, lanes_t b)
