"""The thread pool of the process (src_cy/threads.pyx)."""

# One share of the work; worker is 0 for the calling thread, else 1 ... n_threads - 1.
ctypedef void (*item_t)(void *context, int worker, Py_ssize_t item) noexcept nogil
# Called now and then by the calling thread while it waits for the others.
ctypedef void (*waiting_t)(void *context) noexcept nogil

# Runs items 0 ... n_items - 1, each once, in any order on at most n_threads threads. Returns the
# number that were not run: 0, unless the process forked in the middle (a signal handler can).
cdef Py_ssize_t parallel_for(
    item_t run, waiting_t waiting, void *context, Py_ssize_t n_items, int n_threads,
) noexcept nogil

# A try-lock. 0 is free. After fork, a lock held by a thread that does not exist in the child counts
# as free.
cdef bint try_own(long long *owner) noexcept nogil
cdef void disown(long long *owner) noexcept nogil
