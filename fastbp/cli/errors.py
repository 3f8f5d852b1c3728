"""The errors that end a command with one line."""

import os
import traceback

LONGEST = 500  # characters of a message


class CommandError(Exception):
    """Something the user can put right; its text is the whole line they see."""


def one_line(error: BaseException) -> str:
    """The text of any error on a single line, files named first as the shell does."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    else:
        text = str(error) or type(error).__name__
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."


def unexpected(error: BaseException) -> str:
    """A mistake of ours in one line that a report of it can begin with."""
    *_, place = traceback.extract_tb(error.__traceback__)
    return (
        f"{type(error).__name__}: {one_line(error)} "
        f"({os.path.basename(place.filename)}, line {place.lineno}); this is a mistake in fastbp: "
        "please report it with the command and this line"
    )
