# What bound networks and bound circuits have in common: memory to run in, which one run has at a
# time; how a run ends; how many there were, and how long they took.

cdef extern from *:
    """
    /* The last few blocks of scratch that were given back. Who binds batch after batch gets the
       same memory again, not pages from the system each time. A block begins with its size, and
       serves only for exactly that: what is read beyond the end is found in any other build. */
    enum { SPARE_BLOCKS = 4, SPARE_BYTES = 1 << 20, BLOCK_HEAD = 64 };
    static void *spare_blocks[SPARE_BLOCKS];
    static unsigned spare_turn = 0;

    static void *take_spare(size_t n_bytes) {
        for (int i = 0; i < SPARE_BLOCKS; i++) {
            void *none = NULL;
            void *block = __atomic_exchange_n(&spare_blocks[i], NULL, __ATOMIC_ACQ_REL);
            if (block != NULL && *(size_t *)block == n_bytes) return block;
            if (block != NULL && !__atomic_compare_exchange_n(
                    &spare_blocks[i], &none, block, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
                free(block);
        }
        return NULL;
    }

    static void give_spare(void *block) {
        if (block != NULL && *(size_t *)block <= SPARE_BYTES) {
            unsigned turn = __atomic_fetch_add(&spare_turn, 1, __ATOMIC_RELAXED);
            block = __atomic_exchange_n(
                &spare_blocks[turn % SPARE_BLOCKS], block, __ATOMIC_ACQ_REL);
        }
        free(block);
    }
    """
    const size_t BLOCK_HEAD
    void *take_spare(size_t n_bytes)
    void give_spare(void *block)


cdef real *new_room(Py_ssize_t n) except NULL:
    """n zeroed reals, to be given back with `free_room`."""
    cdef size_t n_bytes = BLOCK_HEAD + n * sizeof(real)
    cdef char *block = <char *>take_spare(n_bytes)
    if block == NULL:
        block = <char *>allocate(n_bytes)
        (<size_t *>block)[0] = n_bytes
    else:
        memset(block + BLOCK_HEAD, 0, n_bytes - BLOCK_HEAD)
    return <real *>(block + BLOCK_HEAD)


cdef void free_room(real *room) noexcept:
    if room != NULL:
        give_spare(<char *>room - BLOCK_HEAD)


# Memory that runs have one at a time: that which is kept, or, for whoever comes second, as much of
# their own.
cdef struct Scratch:
    real *kept
    Py_ssize_t size             # reals
    long long owner             # see try_own


cdef int keep_scratch(Scratch *scratch, Py_ssize_t size) except -1:
    scratch.size = size
    scratch.kept = new_room(size)
    return 0


cdef real *lend(Scratch *scratch) except NULL:
    """For `give_back`. What is kept holds what the last run left there; a block that is not kept
    holds zeros."""
    return scratch.kept if try_own(&scratch.owner) else new_room(scratch.size)


cdef void give_back(Scratch *scratch, real *room) noexcept:
    if room == scratch.kept:
        disown(&scratch.owner)
    else:
        free_room(room)


cdef int check_whole(const Work *work) except -1:
    """Raises if an evaluation has no results."""
    if work.polling.stopped:
        return -1       # the exception of the signal handler is set
    if work.missing > 0:
        raise RuntimeError("the process forked while this evaluation ran; evaluate again")
    return 0


cdef class Bound:
    """What is bound to data, and counts its evaluations."""
    cdef readonly long long n_evaluations
    cdef long long nanoseconds
    # How many threads an evaluation is shared among: small work gets fewer than asked for.
    cdef readonly int threads_used

    cdef void count(self, long long start) noexcept:
        """One more, that began at `start`."""
        count_up(&self.n_evaluations, 1)
        count_up(&self.nanoseconds, now() - start)

    @property
    def seconds(self):
        """Time spent in evaluations."""
        return self.nanoseconds * 1e-9
