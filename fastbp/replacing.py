"""How a file takes the place of another in one step, whatever happens on the way.

The new content goes to a temporary file in the same folder, ``.fastbp-<12 hex digits>.tmp``, which
is renamed at the end. Its writer holds a lock on it (flock) until then, and the system releases the
lock of a writer that is killed. A temporary file that nobody holds is therefore a leftover, and the
next writer in the folder removes it.
"""

import contextlib
import fcntl
import io
import os
import re
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO

TEMPORARY = re.compile(r"\.fastbp-[0-9a-f]{12}\.tmp")


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` when the block ends without an error.

    Until then `path` keeps what it had, and after an error (Ctrl-C too) nothing is left behind. A
    device or a pipe is written to, never replaced.

    Raises
    ------
    OSError
        As ``open(path, "wb")`` does, a file that is write-protected included; or the disk is full.
    """
    name = os.fsdecode(path)
    target = os.path.realpath(name)
    with _naming(name):
        check_writable(target)
    if os.path.exists(target) and not os.path.isfile(target):
        with _naming(name), _Stream(io.FileIO(target, "wb")) as stream:
            yield stream
        return
    folder = os.path.dirname(target)
    _remove_leftovers(folder)
    with _naming(name), _temporary(folder) as (file, temporary):
        if os.path.exists(target):
            _take_over_rights(target, temporary)
        yield file
        file.flush()
        os.fsync(file.fileno())
        # Still locked: released first, the file could be taken for a leftover.
        os.replace(temporary, target)
    _sync_folder(folder)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuses what ``open(path, "wb")`` refuses, and leaves what `path` holds as it is.

    The system is asked rather than the mode: it also knows of lists of rights, of file systems and
    files made immutable, and that modes do not bind root.
    """
    if os.path.isfile(path) or os.path.isdir(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))


def _take_over_rights(target: str, temporary: str) -> None:
    """Owner and mode stay those of the file that is replaced, before there is anything to read."""
    old = os.stat(target)
    with contextlib.suppress(OSError):  # only root may give a file to somebody else
        os.chown(temporary, old.st_uid, old.st_gid)
    os.chmod(temporary, stat.S_IMODE(old.st_mode))


class _Stream(io.BufferedWriter):
    """A device or a pipe. Some devices say that they are always at 0; zipfile must not ask."""

    def tell(self) -> int:
        """Refused, so that zipfile writes as to a pipe."""
        raise io.UnsupportedOperation("a stream has no position")

    def seekable(self) -> bool:
        """No."""
        return False


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Errors of the system carry the name the caller gave, not that of the temporary file."""
    try:
        yield
    except OSError as error:
        file = error.filename
        ours = file is None or file == os.path.realpath(name) or _is_temporary(file)
        if error.errno is None or not ours:
            raise
        raise OSError(error.errno, error.strerror, name) from None


def _is_temporary(path: object) -> bool:
    """Whether a path is named like a temporary file of ours."""
    return isinstance(path, str) and TEMPORARY.fullmatch(os.path.basename(path)) is not None


@contextlib.contextmanager
def _temporary(folder: str) -> Iterator[tuple[BinaryIO, str]]:
    """A locked temporary file, removed in the end if it still has its name."""
    while True:
        path = os.path.join(folder, f".fastbp-{secrets.token_hex(6)}.tmp")
        with open(path, "xb") as file:
            try:
                # Not every file system has locks; where this one cannot be held, nobody else can
                # hold it either, and the file is not taken for a leftover.
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_nlink:
                    yield file, path
                    return
                # Another writer met the file before it was locked, and removed it.
            finally:
                with contextlib.suppress(OSError):
                    os.unlink(path)


def _sync_folder(folder: str) -> None:
    """Makes the new name outlive a loss of power, where the file system lets folders be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_leftovers(folder: str) -> None:
    """Removes the temporary files of writers that were killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _is_temporary(entry.name):
                with contextlib.suppress(OSError):
                    _remove_unless_held(entry.path)


def _remove_unless_held(path: str) -> None:
    """Removes a leftover, unless its writer still holds the lock (BlockingIOError)."""
    # Neither a link nor a pipe of that name is followed or waited for.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(descriptor)
