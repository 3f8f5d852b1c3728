"""The command ``fastbp``: demo, train, predict, check, info.

Exit codes: 0 done; 1 a gradient failed its check; 2 an error, told in one line on standard error;
130 interrupted with nothing to keep; 141 the reader of our output went away.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from fastbp.cli import streams
from fastbp.cli.errors import CommandError, one_line, unexpected

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        # argparse says nothing of a stream that is full
        (file or sys.stdout).write(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv
        The words after ``fastbp``; those of the process by default.
    """
    with streams.opened():
        code, text = _outcome(argv)
        streams.settle()
        if text:
            streams.tell(f"fastbp: {text}")
        return code


def _outcome(argv: Sequence[str] | None) -> tuple[int, str]:
    """The exit code, and what to say on standard error."""
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code, ""
    except KeyboardInterrupt:
        return 130, "interrupted"
    except BrokenPipeError:
        return 141, ""
    except MemoryError as error:
        return 2, f"error: out of memory: {one_line(error)}"
    except (CommandError, ImportError, OSError, ValueError) as error:
        return 2, f"error: {one_line(error)}"
    except Exception as error:
        return 2, f"error: {unexpected(error)}"


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # --help and --version
        return stop.code if isinstance(stop.code, int) else 0
    if arguments.command is None:
        parser.print_help()
        return 0
    code: int = arguments.run(arguments)
    return code


def _parser() -> _Parser:
    import fastbp
    from fastbp.cli import check, demo, info, predict, train

    parser = _Parser(
        prog="fastbp", description="Exact cost and gradient of neural networks, trained with scipy."
    )
    parser.add_argument("--version", action="version", version=f"fastbp {fastbp.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in (demo, train, predict, check, info):
        command.add_parser(commands)
    return parser
