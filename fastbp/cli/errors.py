"""The error that ends a command with one line."""


class CommandError(Exception):
    """Something the user can put right; its text is the whole line they see."""


def one_line(error: BaseException) -> str:
    """The text of any error on a single line, files named first as the shell does."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())
