"""``fastbp info``: what this fastbp is and runs on."""

import argparse

import fastbp


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp info`` takes."""
    parser = commands.add_parser(
        "info",
        help="show version, CPU level, threads and build",
        description="Show version, CPU level, threads and build.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print it."""
    fastbp.show_config()
    return 0
