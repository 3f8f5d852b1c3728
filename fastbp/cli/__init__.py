"""The command ``fastbp``: demo, train, predict, check, info.

Exit codes: 0 done; 1 a gradient failed its check; 2 an error, told in one line on standard error;
130 interrupted with nothing to keep; 141 the reader of our output went away.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from fastbp.cli.errors import CommandError, one_line


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv
        The words after ``fastbp``; those of the process by default.
    """
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("fastbp: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_stdout()
        return 141
    except MemoryError as error:
        text = f"out of memory: {one_line(error)}"
    except (CommandError, ImportError, OSError, ValueError) as error:
        text = one_line(error)
    print(f"fastbp: error: {text}", file=sys.stderr)
    return 2


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


def _drop_stdout() -> None:
    """Keep the interpreter from flushing into the broken pipe once more as it exits."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):  # standard output is not a file of the system
        pass
