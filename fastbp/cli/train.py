"""``fastbp train``: a network for the columns of a CSV file."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp
from fastbp.cli import options, scores, training
from fastbp.cli.encoding import (
    FEW,
    Classes,
    Inputs,
    Quantity,
    check_target,
    enough,
    infer_task,
    quantities,
)
from fastbp.cli.errors import CommandError
from fastbp.cli.table import Data, Table, count, listed, open_table
from fastbp.cli.trained import Trained, check_output
from fastbp.names import Loss
from fastbp.network import Network


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp train`` takes."""
    parser = commands.add_parser(
        "train",
        help="train a network on a CSV file",
        description="Train a network to predict one column of a CSV file from the others. "
        "Ctrl-C during training keeps the best so far.",
    )
    parser.add_argument(
        "data",
        metavar="DATA.csv",
        help="samples, one a row; values between commas, semicolons, tabs, bars or white space",
    )
    parser.add_argument(
        "--target", required=True, metavar="COLUMN", help="column to predict: name or 0-based index"
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column to leave out: name or 0-based index (may be repeated)",
    )
    parser.add_argument(
        "--output", metavar="MODEL", help="file for the model (default: DATA.fastbp, here)"
    )
    parser.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="default: texts and few distinct whole numbers are classes",
    )
    parser.add_argument(
        "--loss",
        choices=list(fastbp.losses()),
        metavar="NAME",
        help="default: cross_entropy for classes, squared_error for quantities; one of "
        + ", ".join(fastbp.losses()),
    )
    parser.add_argument(
        "--method",
        type=training.method,
        default="L-BFGS-B",
        metavar="NAME",
        help="optimiser of scipy (default L-BFGS-B): "
        + ", ".join(training.WITH_GRADIENT + training.WITHOUT_GRADIENT),
    )
    options.add_activation(parser)
    options.add_training(parser, hidden="25", l2=3.0, maxiter=500)
    options.add_header(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, train, write the model and report."""
    training.scipy_minimize()
    output = arguments.output or Path(arguments.data).stem + ".fastbp"
    check_output(output, arguments.data)
    table = open_table(arguments.data, arguments.header)
    target_name, names = _columns(table, arguments.target, arguments.ignore)
    data = table.read(names, target_name)

    if arguments.task != "regression":
        check_target(target_name, data)
    task = arguments.task or infer_task(data.texts or [])
    loss = _loss(task, arguments.loss, inferred=arguments.task is None)
    target, y, train, test = _target(target_name, data, task, loss, arguments)
    inputs = Inputs.fit(names, data.numbers[train])
    X = inputs.transform(data.numbers)
    network = _network(len(names), target, loss, arguments)
    print(f"Data: {count(len(X), 'sample')}, {len(train)} for training, {len(test)} held out")
    print(f"Inputs: {count(len(names), 'column')}: {listed(names)}")
    print(f"Target: {target_name}, {_describe(target)}\n")
    print(network, end="\n\n")

    print(f"Training with scipy's {arguments.method} (Ctrl-C keeps the best so far)", flush=True)
    outcome = training.train(
        network.objective(X[train], y[train], n_threads=arguments.threads),
        network.init(seed=arguments.seed),
        method=arguments.method,
        maxiter=arguments.maxiter,
    )
    trained = Trained(network, outcome.theta, inputs, target, table.has_header)
    trained.save(output)
    print(outcome.message, end="\n\n")

    for name, samples in (("Training", train), ("Test", test)):
        if len(samples):
            truth = y[samples] if isinstance(target, Classes) else target.decode(y[samples])
            score = scores.summary(target, truth, trained.predict(data.numbers[samples]))
            print(f"{name}: {score}")
    if len(test) and isinstance(target, Classes) and len(target.labels) <= scores.WIDEST:
        predicted = trained.predict(data.numbers[test])
        print("\n" + scores.confusion_table(y[test], predicted, target.labels))
    print(f"\nTraining took {outcome.times()}")
    print(f"Model written to {output}")
    return 0


def _columns(table: Table, target: str, ignore: list[str]) -> tuple[str, list[str]]:
    """The name of the target and those of the inputs."""
    name = table.column(target, "--target")
    left_out = {name, *(table.column(text, "--ignore") for text in ignore)}
    names = [column for column in table.names if column not in left_out]
    if not names:
        raise CommandError(f"{table.path} has no column besides the target {name!r} to learn from")
    table.check_named(names)
    return name, names


def _loss(task: str, loss: Loss | None, *, inferred: bool) -> Loss:
    """The loss asked for, which settles a task that was only inferred, or that of the task."""
    if loss is None:
        return "cross_entropy" if task == "classification" else "squared_error"
    classifier = task == "classification"
    if not inferred and options.is_classifier(loss) != classifier:
        fitting = [name for name in fastbp.losses() if options.is_classifier(name) == classifier]
        raise CommandError(f"--loss {loss} is not for {task}; choose from {', '.join(fitting)}")
    return loss


def _target(
    name: str, data: Data, task: str, loss: str, arguments: argparse.Namespace
) -> tuple[Classes | Quantity, NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """The target, its encoded values, and the indices for training and held out."""
    fraction, seed = arguments.test_fraction, arguments.seed
    if options.is_classifier(loss):
        classes = Classes.fit(name, data.texts or [])
        labels = classes.encode(data.texts or [])
        n = len(classes.labels)
        if task == "regression" and n > FEW and not enough(len(labels), n):
            raise CommandError(
                f"column {name!r} holds {n} different numbers in {count(len(labels), 'row')}, "
                f"which look like a quantity, and --loss {loss} is for classes; leave --loss out, "
                "or say --task classification"
            )
        return classes, labels, *scores.split(len(labels), fraction, seed, labels)
    values = quantities(name, data, counts=loss == "poisson")
    train, test = scores.split(len(values), fraction, seed)
    quantity = Quantity.fit(name, values[train], log_rate=loss == "poisson")
    return quantity, quantity.encode(values), train, test


def _network(
    n_inputs: int, target: Classes | Quantity, loss: Loss, arguments: argparse.Namespace
) -> Network:
    """One output for a quantity or for two classes, otherwise one for each class."""
    n_outputs, output = 1, options.default_output(loss)
    if isinstance(target, Classes) and (len(target.labels) > 2 or loss == "multiclass_hinge"):
        n_outputs = len(target.labels)
        output = "softmax" if loss == "cross_entropy" else output
    return fastbp.mlp(
        n_inputs,
        *arguments.hidden,
        n_outputs,
        hidden=arguments.activation,
        output=output,
        loss=loss,
        l2=arguments.l2,
        dtype=arguments.dtype,
    )


def _describe(target: Classes | Quantity) -> str:
    if isinstance(target, Quantity):
        return "regression (--task classification for classes)"
    labels = listed([str(label) for label in target.labels])
    if isinstance(target.labels[0], int):
        labels += " (--task regression for a quantity)"
    return f"classification into {labels}"
