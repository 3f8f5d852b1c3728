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


# Options that have another name here -> their names here
RENAMED = {
    "activation": ("hidden",),
    "output_activation": ("output",),
    "output": ("save",),
    "o": ("save",),
    "hidden": ("widths",),
    "hidden_layer_sizes": ("widths",),
    "layers": ("widths",),
    "test_fraction": ("test",),
    "test_size": ("test",),
    "validation_fraction": ("validation",),
    "validation_split": ("validation",),
    "early_stopping": ("validation",),
    "n_iter_no_change": ("patience",),
    "epochs": ("maxiter",),
    "max_iter": ("maxiter",),
    "iterations": ("maxiter",),
    "solver": ("method",),
    "optimizer": ("method",),
    "drop": ("ignore",),
    "exclude": ("ignore",),
    "label": ("target",),
    "y": ("target",),
    "one_hot": ("categories",),
    "dummies": ("categories",),
    "impute": ("missing",),
    "na": ("missing",),
    "probabilities": ("proba",),
    "columns": ("keep",),
}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are errors of the command."""

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
    """Reads the arguments and runs the command; the exit status."""
    parser = _parser()
    try:
        arguments, unknown = parser.parse_known_args(argv)
        if unknown:
            _refuse(parser, arguments.command, unknown)
    except SystemExit as stop:  # --help and --version
        return stop.code if isinstance(stop.code, int) else 0
    if arguments.command is None:
        parser.print_help()
        return 0
    code: int = arguments.run(arguments)
    return code


def _refuse(parser: _Parser, command: str | None, unknown: list[str]) -> NoReturn:
    """For words that no command has: names of other tools lead to those here."""
    option = next((word for word in unknown if word.startswith("-")), unknown[0])
    name = option.lstrip("-").partition("=")[0]
    text = f"unrecognized arguments: {' '.join(unknown)}"
    if command is not None and option.startswith("-"):
        from fastbp.elsewhere import KEYWORDS
        from fastbp.words import folded

        theirs = {folded(key): ours for key, ours in RENAMED.items()}
        meant = (*theirs.get(folded(name), ()), *KEYWORDS.get(folded(name), ()))
        ours = next((each for each in meant if each in _options(parser, command)), None)
        if ours is not None:
            text += f"; here it is --{ours.replace('_', '-')}"
    raise CommandError(f"{text} (see {parser.prog} {command or ''}".rstrip() + " --help)")


def _options(parser: _Parser, command: str) -> set[str]:
    """The options of a command, as attributes of its arguments."""
    commands = next(
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    return {action.dest for action in commands.choices[command]._actions if action.option_strings}


def _parser() -> _Parser:
    """The parser of all commands."""
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
