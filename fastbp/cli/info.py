"""``fastbp info``: what this fastbp is and runs on, or what is in a model file."""

import argparse
import os
from typing import Any

import fastbp
from fastbp import files
from fastbp.cli import screen
from fastbp.cli.table import count, listed
from fastbp.cli.targets import Classes
from fastbp.cli.trained import Trained


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp info`` takes."""
    parser = commands.add_parser(
        "info",
        help="show version, CPU level, threads and build, or what is in a model",
        description="Show version, CPU level, threads and build, or what is in a model file.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="file written by fastbp train")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    if arguments.model is None:
        fastbp.show_config()
        return 0
    model = files.load(arguments.model)
    screen.say(f"{arguments.model}: {count(os.path.getsize(arguments.model), 'byte')}\n")
    screen.network(model.network)
    if "inputs" not in model.extra and "target" not in model.extra:
        screen.say("It says nothing of columns: it was written by fastbp.files.save.")
        if model.extra:
            screen.say(f"Notes: {listed(sorted(model.extra))}")
        return 0
    _tell(Trained.load(arguments.model))
    return 0


def _tell(trained: Trained) -> None:
    """Inputs, target and training, in words."""
    target, lines = trained.target, trained.inputs.lines()
    screen.say(f"Target: {target.name}, {target.task}", end="")
    if isinstance(target, Classes):
        screen.say(f" into {listed([str(label) for label in target.labels])}")
    else:
        log = ", the logarithm of a rate" if target.log_rate else ""
        screen.say(f", mean {target.mean:.4g}, scale {target.scale:.4g}{log}")
    screen.say(f"Inputs: {count(len(lines), 'column')}"
          f"{'' if trained.has_header else ', by their places: there was no header'}")  # fmt: skip
    width = max(len(name) for name, _ in lines)
    for name, words in lines:
        screen.say(f"  {name:<{width}}  {words}")
    screen.say(f"Missing values: {_missing(trained.inputs.missing)}")
    if trained.training:
        screen.say(
            f"Training: {', '.join(f'{k} {_short(v)}' for k, v in trained.training.items())}"
        )


def _missing(way: str | None) -> str:
    """What a model does where an input is missing."""
    if way is None:
        return "none may be missing"
    return "the mean of the column" if way == "mean" else "no prediction for the row"


def _short(value: Any) -> str:
    """A value in one short word."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
