"""The one number that an activation or a loss may have, as in "huber(2)"."""


cdef struct Parameter:
    const char *name            # NULL: it has none
    double usual                # where none is given
    double low, high            # it lies between
    bint low_too                # and may be `low`


cdef inline Parameter parameter(
    const char *name, double usual, double low, double high, bint low_too,
) noexcept nogil:
    cdef Parameter out
    out.name = name
    out.usual = usual
    out.low = low
    out.high = high
    out.low_too = low_too
    return out


cdef inline Parameter no_parameter() noexcept nogil:
    return parameter(NULL, 0, 0, 0, False)
