"""Standard output and standard error as a command finds them: closed, full, or read by nobody."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO


class Nowhere(io.TextIOWrapper):
    """What takes the place of a stream that was closed (``>&-``) before the command started.

    It also holds the number of that stream, which the next file opened, the model, would be given:
    what a library then writes to standard output would go into it.
    """

    def __init__(self) -> None:
        super().__init__(io.BufferedWriter(io.FileIO(os.devnull, "w")), encoding="utf-8")


@contextlib.contextmanager
def opened() -> Iterator[None]:
    """Streams that can be written to, and warnings that are one line on standard error."""
    with contextlib.ExitStack() as stack:
        if sys.stdout is None:
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(Nowhere())))
        if sys.stderr is None:
            stack.enter_context(contextlib.redirect_stderr(stack.enter_context(Nowhere())))
        stack.enter_context(warnings.catch_warnings())
        warnings.showwarning = _show_warning
        yield


def is_closed(stream: TextIO) -> bool:
    """Whether what is written to the stream is lost, because it was closed from the start."""
    return isinstance(stream, Nowhere)


def tell(text: str) -> None:
    """One line on standard error, if there is room for it."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        drop(sys.stderr)


def settle() -> None:
    """Writes out what is left of standard output; drops it where that is not possible."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        drop(sys.stdout)


def drop(stream: TextIO) -> None:
    """Keeps the interpreter from writing to a broken stream once more as it exits."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):  # the stream is not a file of the system
        pass


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"fastbp: warning: {' '.join(str(message).split())}")
