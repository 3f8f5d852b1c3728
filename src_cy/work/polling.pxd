"""Ctrl-C in the middle of an evaluation: who looks for it, and who only looks whether it came."""
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from evaluation.plan cimport Evaluation, flag_t
from matrix.product cimport Ahead, no_data

cdef extern from "Python.h":
    # Not cpython.exc's, which is declared to raise: here the exception must stay set (see look).
    int PyErr_CheckSignals()


cdef enum:
    POLL_NANOSECONDS = 50000000


cdef inline long long now() noexcept nogil:
    """Monotonic nanoseconds."""
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <long long>t.tv_sec * 1000000000 + t.tv_nsec


cdef inline void start_polling(
    long long start, long long *next_poll, flag_t *stopped,
) noexcept nogil:
    stopped[0] = False
    next_poll[0] = start + POLL_NANOSECONDS


cdef inline void look(long long *next_poll, flag_t *stopped) noexcept nogil:
    """On the calling thread: Ctrl-C, every 50 ms of work. The exception stays set."""
    if now() >= next_poll[0] and not stopped[0]:
        with gil:
            if PyErr_CheckSignals() != 0:
                stopped[0] = True
        next_poll[0] = now() + POLL_NANOSECONDS


cdef inline void poll(void *context) noexcept nogil:
    cdef Evaluation *run = <Evaluation *>context
    look(&run.next_poll, &run.stopped)


cdef inline bint poll_within(void *context) noexcept nogil:
    """Between the parts of a long product, on the calling thread."""
    poll(context)
    return (<Evaluation *>context).stopped


cdef inline bint is_stopped(void *context) noexcept nogil:
    """The same, on the others."""
    return (<Evaluation *>context).stopped


cdef inline Ahead interruptible(void *context, int worker, bint is_long) noexcept nogil:
    """No data to ask for. A long product asks whether to give up: the calling thread polls, the
    others look."""
    cdef Ahead ahead = no_data()
    ahead.context = context
    if is_long:
        ahead.stopped = poll_within if worker == 0 else is_stopped
    return ahead
