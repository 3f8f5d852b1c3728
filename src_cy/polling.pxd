"""Ctrl-C in the middle of an evaluation: who looks for it, and who only looks whether it came."""
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from plan cimport Evaluation
from product cimport Ahead, no_data

cdef extern from "Python.h":
    # Not cpython.exc's, which is declared to raise: here the exception must stay set (see poll).
    int PyErr_CheckSignals()


cdef enum:
    POLL_NANOSECONDS = 50000000


cdef inline long long now() noexcept nogil:
    """Monotonic nanoseconds."""
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <long long>t.tv_sec * 1000000000 + t.tv_nsec


cdef inline void start_polling(Evaluation *run) noexcept nogil:
    run.stopped = False
    run.next_poll = now() + POLL_NANOSECONDS


cdef inline void poll(void *context) noexcept nogil:
    """On the calling thread: looks for Ctrl-C every 50 ms of work. The exception stays set."""
    cdef Evaluation *run = <Evaluation *>context
    cdef long long t = now()
    if t >= run.next_poll and not run.stopped:
        with gil:
            if PyErr_CheckSignals() != 0:
                run.stopped = True
        run.next_poll = now() + POLL_NANOSECONDS


cdef inline bint poll_within(void *context) noexcept nogil:
    """Between the parts of a long product, on the calling thread."""
    poll(context)
    return (<Evaluation *>context).stopped


cdef inline bint is_stopped(void *context) noexcept nogil:
    """The same, on the others."""
    return (<Evaluation *>context).stopped


cdef inline Ahead ahead_of(void *context, int worker, bint is_long) noexcept nogil:
    """Of a product: no data to ask for; whether to give it up, if it is long."""
    cdef Ahead ahead = no_data()
    ahead.context = context
    if is_long:
        ahead.stopped = poll_within if worker == 0 else is_stopped
    return ahead
