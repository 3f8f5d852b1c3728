"""A small pool of POSIX threads, one in each process, that survives fork.

Not OpenMP: libgomp hangs in a forked child after a parallel region in its parent, and ignores
container quotas (see docs). Workers start with the first parallel call, sleep on a condition when
there is nothing to do, take no signals, and are joined at exit. A call from inside a worker, or
while another thread holds the pool, runs inline: correct, and no slower than waiting.
"""
import atexit

from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

cdef extern from *:
    """
    #include <pthread.h>
    #include <signal.h>
    #if defined(__x86_64__)
    #include <cpuid.h>
    #endif
    static pthread_mutex_t pool_owner = PTHREAD_MUTEX_INITIALIZER;
    static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t pool_work = PTHREAD_COND_INITIALIZER;
    static pthread_cond_t pool_done = PTHREAD_COND_INITIALIZER;
    static _Thread_local int pool_inside = 0;

    /* A forked child has one thread and none of the parent's locks. */
    static void pool_reset_locks(void) {
        static const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
        static const pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
        pool_owner = mutex; pool_lock = mutex; pool_work = cond; pool_done = cond;
    }

    /* Threads are numbered when they first own something; a forked child has one of those there
       were, and what the others owned belongs to nobody. */
    static long long pool_numbered = 0, pool_numbered_at_fork = 0, pool_survivor = 0;
    static _Thread_local long long pool_number = 0;

    static void pool_forget_owners(void) {
        pool_numbered_at_fork = pool_numbered;
        pool_survivor = pool_number;
    }

    static int pool_try_own(long long *owner) {
        long long held = __atomic_load_n(owner, __ATOMIC_RELAXED);
        if (held > pool_numbered_at_fork || (held != 0 && held == pool_survivor)) return 0;
        if (pool_number == 0)
            pool_number = __atomic_add_fetch(&pool_numbered, 1, __ATOMIC_RELAXED);
        return __atomic_compare_exchange_n(owner, &held, pool_number, 0,
                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    }

    static void pool_disown(long long *owner) { __atomic_store_n(owner, 0, __ATOMIC_RELEASE); }

    static int pool_start(pthread_t *thread, void *(*main)(void *), void *argument) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(thread, NULL, main, argument);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return failed;
    }

    #if defined(__x86_64__)
    /* For f16c, movbe and lzcnt, which Clang's __builtin_cpu_supports does not know by name. */
    static int pool_has_cpuid(unsigned leaf, unsigned bits) {
        unsigned a, b, c = 0, d;
        return __get_cpuid(leaf, &a, &b, &c, &d) && (c & bits) == bits;
    }
    #endif

    static const char *pool_cpu_level(void) {
    #if defined(__x86_64__)
        __builtin_cpu_init();
        if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("sse4.1") ||
            !__builtin_cpu_supports("ssse3") || !__builtin_cpu_supports("popcnt")) return "v1";
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
            !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2") ||
            !pool_has_cpuid(1, bit_F16C | bit_MOVBE) ||
            !pool_has_cpuid(0x80000001, bit_LZCNT)) return "v2";
        if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
            !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
            !__builtin_cpu_supports("avx512vl")) return "v3";
        return "v4";
    #else
        return "base";
    #endif
    }
    """
    ctypedef struct pthread_t:
        pass
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    pthread_mutex_t pool_owner, pool_lock
    pthread_cond_t pool_work, pool_done
    int pool_inside
    int pthread_mutex_lock(pthread_mutex_t *) nogil
    int pthread_mutex_trylock(pthread_mutex_t *) nogil
    int pthread_mutex_unlock(pthread_mutex_t *) nogil
    int pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *) nogil
    int pthread_cond_timedwait(pthread_cond_t *, pthread_mutex_t *, const timespec *) nogil
    int pthread_cond_signal(pthread_cond_t *) nogil
    int pthread_cond_broadcast(pthread_cond_t *) nogil
    int pthread_join(pthread_t, void **) nogil
    int pthread_atfork(void (*)() noexcept nogil, void (*)() noexcept nogil,
                       void (*)() noexcept nogil) nogil
    void pool_reset_locks() nogil
    void pool_forget_owners() nogil
    bint pool_try_own(long long *) nogil
    void pool_disown(long long *) nogil
    int pool_start(pthread_t *, void *(*)(void *) noexcept nogil, void *) nogil
    const char *pool_cpu_level() nogil

cdef enum:
    MAX_WORKERS = 255
    WAIT_NANOSECONDS = 20000000

# Everything below is guarded by pool_lock; job_* belong to the caller who holds pool_owner.
cdef pthread_t workers[MAX_WORKERS]
cdef int n_workers = 0
cdef bint stopping = False
cdef int forks = 0
cdef long generation = 0
cdef item_t job_run = NULL
cdef void *job_context = NULL
cdef Py_ssize_t job_items = 0
cdef Py_ssize_t job_next = 0
cdef Py_ssize_t job_finished = 0
cdef int job_workers = 0        # how many workers may still join
cdef int job_joined = 0         # gives each its number
cdef int job_active = 0


cdef void run_items(int worker) noexcept nogil:
    """Takes items until there are none. pool_lock is held on entry and on return.

    An item can run a signal handler, and that can fork: in the child the job is another's, or none.
    """
    global job_next, job_finished
    cdef Py_ssize_t item
    cdef int started_forks = forks
    while forks == started_forks and job_next < job_items:
        item = job_next
        job_next += 1
        pthread_mutex_unlock(&pool_lock)
        job_run(job_context, worker, item)
        pthread_mutex_lock(&pool_lock)
        if forks == started_forks:
            job_finished += 1


cdef void *worker_main(void *argument) noexcept nogil:
    global pool_inside, job_workers, job_joined, job_active
    cdef long seen = <long><Py_ssize_t>argument
    cdef int worker
    pool_inside = 1
    pthread_mutex_lock(&pool_lock)
    while not stopping:
        if generation == seen or job_workers == 0:
            seen = generation
            pthread_cond_wait(&pool_work, &pool_lock)
            continue
        seen = generation
        job_workers -= 1
        job_joined += 1
        job_active += 1
        worker = job_joined
        run_items(worker)
        job_active -= 1
        if job_active == 0:
            pthread_cond_signal(&pool_done)
    pthread_mutex_unlock(&pool_lock)
    return NULL


cdef Py_ssize_t run_inline(item_t run, void *context, Py_ssize_t n_items) noexcept nogil:
    cdef Py_ssize_t item
    for item in range(n_items):
        run(context, 0, item)
    return 0


cdef Py_ssize_t parallel_for(
    item_t run, waiting_t waiting, void *context, Py_ssize_t n_items, int n_threads,
) noexcept nogil:
    global n_workers, generation, job_run, job_context, job_items, job_next, job_finished
    global job_workers, job_joined, pool_inside
    cdef timespec until
    cdef Py_ssize_t missing
    cdef int started_forks, wanted
    wanted = min(n_threads, MAX_WORKERS + 1)
    if n_items < wanted:
        wanted = <int>n_items
    wanted -= 1
    if wanted < 1 or pool_inside or pthread_mutex_trylock(&pool_owner) != 0:
        return run_inline(run, context, n_items)
    pthread_mutex_lock(&pool_lock)
    while n_workers < wanted and not stopping:
        if pool_start(&workers[n_workers], worker_main, <void *><Py_ssize_t>generation) != 0:
            break   # the system gives no more threads: those there are will do
        n_workers += 1
    if n_workers == 0 or stopping:
        pthread_mutex_unlock(&pool_lock)
        pthread_mutex_unlock(&pool_owner)
        return run_inline(run, context, n_items)
    started_forks = forks
    job_run = run
    job_context = context
    job_items = n_items
    job_next = 0
    job_finished = 0
    job_workers = min(wanted, n_workers)
    job_joined = 0
    generation += 1
    pool_inside = 1
    if job_workers == n_workers:
        pthread_cond_broadcast(&pool_work)
    else:
        # Sleepers are alike, and each that wakes without need costs the machine a switch.
        for _ in range(job_workers):
            pthread_cond_signal(&pool_work)
    run_items(0)
    if forks == started_forks:
        job_workers = 0     # whoever wakes now is too late
    while job_active > 0 and forks == started_forks:
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_nsec += WAIT_NANOSECONDS
        if until.tv_nsec >= 1000000000:
            until.tv_nsec -= 1000000000
            until.tv_sec += 1
        if pthread_cond_timedwait(&pool_done, &pool_lock, &until) != 0 and job_active > 0:
            pthread_mutex_unlock(&pool_lock)
            waiting(context)
            pthread_mutex_lock(&pool_lock)
    pool_inside = 0
    missing = n_items
    if forks == started_forks:
        missing -= job_finished
        job_run = NULL
        pthread_mutex_unlock(&pool_owner)
    pthread_mutex_unlock(&pool_lock)
    return missing


cdef bint try_own(long long *owner) noexcept nogil:
    return pool_try_own(owner)


cdef void disown(long long *owner) noexcept nogil:
    pool_disown(owner)


cdef void after_fork_in_child() noexcept nogil:
    global n_workers, forks, job_workers, job_active, generation
    pool_reset_locks()
    pool_forget_owners()
    n_workers = 0
    job_workers = 0
    job_active = 0
    forks += 1


def _stop():
    """Ends the workers and waits for them; later calls run inline."""
    global n_workers, stopping
    cdef int i, n
    with nogil:
        pthread_mutex_lock(&pool_lock)
        stopping = True
        n = n_workers
        n_workers = 0
        pthread_cond_broadcast(&pool_work)
        pthread_mutex_unlock(&pool_lock)
        for i in range(n):
            pthread_join(workers[i], NULL)


def cpu_level():
    """The highest level of this CPU: "v1" (no build runs) to "v4" on x86-64, "base" elsewhere."""
    return pool_cpu_level().decode()


def pool_size():
    """How many worker threads are alive (0 before the first parallel call, and after fork)."""
    return n_workers


pthread_atfork(NULL, NULL, after_fork_in_child)
atexit.register(_stop)
