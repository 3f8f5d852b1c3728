"""How many threads one evaluation may use.

The first of these that is given decides:

1. the explicit argument `n_threads=` of an objective;
2. `num_threads(n)` around the call, in the same Python thread or asynchronous task;
3. `set_num_threads(n)`, for the whole process;
4. the environment variable FASTBP_NUM_THREADS;
5. the environment variable OMP_NUM_THREADS;
6. the CPUs this process may use: the smaller of its affinity mask and its cgroup's CPU quota.

The environment and the CPUs are looked up once, when a number is first needed. A value of
FASTBP_NUM_THREADS that is no positive integer is an error; one of OMP_NUM_THREADS, which belongs to
OpenMP, is ignored with a warning. What cannot be read in /proc or /sys is no limit. An objective
takes its number when it is bound to its data. Cost and gradient have the same bits for every number
of threads.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from fastbp.validate import count, described

MAX_THREADS = 256  # of the pool
MAX_DIGITS = 18  # of a number in the environment, /proc or /sys: int() refuses thousands of them


class _Block:
    """A `num_threads` block: its number, None once it has ended."""

    __slots__ = ("n",)

    def __init__(self, n: int) -> None:
        self.n: int | None = n


_process: int | None = None
_default: tuple[int, str] | None = None
# The blocks entered here, outermost first. Blocks of coroutines may end in any order, even in
# another context than they began in: a block that has ended therefore says so itself.
_blocks: ContextVar[tuple[_Block, ...]] = ContextVar("fastbp_num_threads", default=())


def set_num_threads(n: int) -> None:
    """Let every evaluation of this process use up to `n` threads.

    Holds for objectives bound, and other calls made, from now on; `num_threads` and an explicit
    `n_threads=` go before it.

    Parameters
    ----------
    n : int
        1 to 256. Small work runs on the calling thread whatever `n` is.

    Raises
    ------
    TypeError, ValueError
        If `n` is no integer, or out of range.
    """
    global _process
    _process = checked(n)


def get_num_threads() -> int:
    """The number of threads a call made here would use."""
    return explain()[0]


@contextmanager
def num_threads(n: int) -> Iterator[int]:
    """Use up to `n` threads inside a `with` block, and what was used before after it.

    The setting belongs to the Python thread, or the asynchronous task, that enters the block:
    others do not see it, except tasks that are started inside the block, until it ends. Blocks may
    be nested, and those of coroutines may overlap and end in any order.

        with fastbp.num_threads(1):
            J, D = net.cost_and_gradient(theta, X, y)

    Raises
    ------
    TypeError, ValueError
        If `n` is no integer from 1 to 256.
    """
    block = _Block(number := checked(n))
    _blocks.set((*_open_blocks(), block))
    try:
        yield number
    finally:
        block.n = None
        _blocks.set(_open_blocks())


def _open_blocks() -> tuple[_Block, ...]:
    """The blocks entered here that have not ended, outermost first."""
    return tuple(block for block in _blocks.get() if block.n is not None)


def resolve(n: int | None) -> int:
    """`n` checked when given, else the number set for this thread, the process or the machine."""
    return get_num_threads() if n is None else checked(n, "n_threads")


def checked(n: int, what: str = "the number of threads") -> int:
    """A number of threads, from 1 to the most that the pool has."""
    return count(n, what, MAX_THREADS)


def explain() -> tuple[int, str]:
    """The number of threads a call made here would use, and where that number comes from."""
    global _default
    for block in reversed(_blocks.get()):
        here = block.n
        if here is not None:
            return here, "num_threads() block"
    if _process is not None:
        return _process, "set_num_threads()"
    if _default is None:
        _default = default_num_threads()
    return _default


def default_num_threads() -> tuple[int, str]:
    """The number of threads and its source when the program sets none."""
    ours = os.environ.get("FASTBP_NUM_THREADS", "").strip()
    if ours:
        number = _count(ours)
        if number is None:
            raise ValueError(
                f"the environment variable FASTBP_NUM_THREADS is {described(ours)}; "
                f"expected an integer from 1 to {MAX_THREADS}; correct it or unset it"
            )
        return number, "FASTBP_NUM_THREADS"
    openmp = os.environ.get("OMP_NUM_THREADS", "").strip()
    if openmp:
        number = _count(openmp.split(",")[0].strip())  # for nested regions OpenMP takes a list
        if number is not None:
            return number, "OMP_NUM_THREADS"
        import warnings

        warnings.warn(
            f"OMP_NUM_THREADS={described(openmp)} is not a positive integer: fastbp ignores it",
            RuntimeWarning,
            stacklevel=2,
        )
    cpus = affinity()
    quota = cgroup_quota()
    if quota is not None and quota < cpus:
        # Rounded down: a quota that is exceeded stops every thread until the next period.
        return max(1, int(quota)), f"cgroup quota of {quota:g} CPUs"
    return min(cpus, MAX_THREADS), "CPUs this process may use"


def _count(text: str) -> int | None:
    """A number of threads that a text says; None if it says none."""
    number = _whole(text)
    return number if number is not None and 1 <= number <= MAX_THREADS else None


def _whole(text: str) -> int | None:
    """A whole number written in digits, None for any other text."""
    digits = text.lstrip("0") or text[-1:]
    plain = text.isascii() and text.isdigit() and len(digits) <= MAX_DIGITS
    return int(digits) if plain else None


def affinity() -> int:
    """The number of CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        with suppress(OSError):  # a sandbox may forbid the call
            return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quota(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> float | None:
    """The CPU time this process's control group grants it, in CPUs; None where there is no limit.

    The limits of all groups from its own up to the root hold together, so the smallest counts.
    Both versions are read: `cpu.max` of v2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` of v1.
    """
    limits = []
    for line in _read(own).splitlines():
        _, *rest = line.split(":", 2)
        if len(rest) < 2:
            continue
        controllers, path = rest
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = [controllers, "cpu"] if controllers else ["", "unified"]
        parts = [part for part in path.split("/") if part]
        for mount in mounts:
            for depth in range(len(parts) + 1):
                folder = os.path.join(root, mount, *parts[:depth])
                if controllers:
                    words = [
                        _read(os.path.join(folder, "cpu.cfs_quota_us")).strip(),
                        _read(os.path.join(folder, "cpu.cfs_period_us")).strip(),
                    ]
                else:
                    words = _read(os.path.join(folder, "cpu.max")).split()
                # No limit is "max" in v2 and -1 in v1; neither is a whole number in digits.
                quota, period = map(_whole, words) if len(words) == 2 else (None, None)
                if quota is not None and period:
                    limits.append(quota / period)
    return min(limits, default=None)


def _read(path: str) -> str:
    """The text of a small file of the system; empty if it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except (OSError, ValueError):  # a path with a null byte is a ValueError
        return ""
