"""Threads of the BLAS libraries in this process, limited while an optimiser runs.

scipy's methods multiply small matrices: threads that spin for such work only take the processors
from each other and from the objective. NumPy has its BLAS loaded long before a command can say so
in the environment, hence its own functions are called.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from typing import Any

PARTS = ("openblas", "mkl_rt", "blis")  # in the names of BLAS libraries with threads
# Functions that get and set the number of threads, by their names in builds of OpenBLAS, MKL, BLIS.
FUNCTIONS = [
    *(
        (f"{prefix}openblas_get_num_threads{suffix}", f"{prefix}openblas_set_num_threads{suffix}")
        for prefix in ("scipy_", "")
        for suffix in ("64_", "")
    ),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
]
CHOSEN = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")  # by the user: it stays


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Within the block every BLAS of this process works in the thread that calls it."""
    limited = [] if any(os.environ.get(name) for name in CHOSEN) else _libraries()
    before = [(set_number, get_number()) for get_number, set_number in limited]
    try:
        for set_number, _ in before:
            set_number(1)
        yield
    finally:
        for set_number, number in before:
            set_number(number)


def _libraries() -> list[tuple[Callable[[], int], Callable[[int], Any]]]:
    """How the number of threads is asked for and set, for each library that is loaded."""
    found = []
    for path in _loaded():
        try:
            library = ctypes.CDLL(path)  # loaded already: another handle of it
        except OSError:
            continue
        for getter, setter in FUNCTIONS:
            if hasattr(library, getter) and hasattr(library, setter):
                found.append((getattr(library, getter), getattr(library, setter)))
                break
    return found


def _loaded() -> list[str]:
    """The paths of the BLAS libraries that the process has loaded; none where it cannot be told."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            paths = {line.split(maxsplit=5)[-1].strip() for line in file if "/" in line}
    except OSError:
        paths = set(_loaded_on_macos())
    return sorted(path for path in paths if any(part in os.path.basename(path) for part in PARTS))


def _loaded_on_macos() -> list[str]:
    """Paths of the libraries in this process."""
    try:
        system = ctypes.CDLL(None)
        count, name = system._dyld_image_count, system._dyld_get_image_name
    except (OSError, TypeError, AttributeError):
        return []
    name.restype = ctypes.c_char_p
    return [os.fsdecode(name(index)) for index in range(count())]
