"""Ctrl-C in the middle of an evaluation: the calling thread polls for it, the others see a flag.

Every `context` here begins with a Polling: what threads pass on is a pointer to it.
"""
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from matrix.product cimport Ahead, no_data
from matrix.sizes cimport POLL_NANOSECONDS

cdef extern from "Python.h":
    # Not cpython.exc's, which is declared to raise: here the exception must stay set (see poll).
    int PyErr_CheckSignals()

cdef extern from *:
    """
    typedef _Atomic int fastbp_flag;
    """
    ctypedef bint flag_t "fastbp_flag"      # one thread sets it while others look at it


cdef struct Polling:
    long long next_poll
    flag_t stopped


cdef inline long long now() noexcept nogil:
    """Monotonic nanoseconds."""
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <long long>t.tv_sec * 1000000000 + t.tv_nsec


cdef inline void start_polling(Polling *polling, long long start) noexcept nogil:
    """Nobody has given up yet; it is `start` now."""
    polling.stopped = False
    polling.next_poll = start + POLL_NANOSECONDS


cdef inline void poll(void *context) noexcept nogil:
    """Asks Python for signals, every 50 ms, on the calling thread. An exception stays set."""
    cdef Polling *polling = <Polling *>context
    if now() >= polling.next_poll and not polling.stopped:
        with gil:
            if PyErr_CheckSignals() != 0:
                polling.stopped = True
        polling.next_poll = now() + POLL_NANOSECONDS


cdef inline bint poll_within(void *context) noexcept nogil:
    """Between the parts of a long product, on the calling thread."""
    poll(context)
    return (<Polling *>context).stopped


cdef inline bint is_stopped(void *context) noexcept nogil:
    """The same on the other threads: they look at the flag alone."""
    return (<Polling *>context).stopped


cdef inline Ahead interruptible(void *context, int worker, bint is_long) noexcept nogil:
    """Nothing to prefetch. A long product asks from time to time whether to give up: on the calling
    thread it polls, on the others it looks at the flag."""
    cdef Ahead ahead = no_data()
    ahead.context = context
    if is_long:
        ahead.stopped = poll_within if worker == 0 else is_stopped
    return ahead
