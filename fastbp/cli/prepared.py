"""From a CSV file to the samples a network is trained on: columns, kinds, gaps, shares."""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp
from fastbp import preparation
from fastbp.cli import options
from fastbp.cli.errors import CommandError
from fastbp.cli.inputs import DROP, Categories, Inputs
from fastbp.cli.survey import categories_of
from fastbp.cli.table import Column, Data, NoNumberError, Table, count, number, open_table
from fastbp.cli.targets import (
    FEW,
    Classes,
    Quantity,
    check_target,
    enough,
    infer_task,
    is_missing,
    quantities,
)
from fastbp.names import Loss
from fastbp.parameterised import without_parameter
from fastbp.targets import OF_LOG_MEAN

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Prepared:
    """Samples, what is known of their columns, and which of them are for what."""

    data: Data
    has_header: bool
    inputs: Inputs
    X: NDArray[np.float64]
    target: Classes | Quantity
    y: NDArray[Any]
    loss: Loss
    train: Indices
    validation: Indices
    test: Indices
    left_out: int  # rows with missing values


def prepared(arguments: argparse.Namespace) -> Prepared:
    """What the options of ``fastbp train`` say, done."""
    table = open_table(arguments.data, arguments.header, arguments.encoding)
    target_place, places = _columns(table, arguments.target, arguments.ignore)
    names = [table.names[place] for place in places]
    data, categories = _read(table, target_place, places, arguments)
    data, left_out = _without_gaps(data, arguments.missing)

    target_name = table.names[target_place]
    if arguments.task != "regression":
        check_target(target_name, data)
    task = arguments.task or infer_task(data.texts or [])
    loss = _loss(task, arguments.loss, inferred=arguments.task is None)
    classes = _classes(target_name, data, task, loss) if options.is_classifier(loss) else None
    texts = data.texts or []
    labels = None if classes is None else classes.encode(texts)
    train, test = preparation.split(len(texts), arguments.test, arguments.seed, labels)
    validation = train[:0]
    if arguments.validation:
        part = None if labels is None else labels[train]
        left, right = preparation.split(len(train), arguments.validation, arguments.seed + 1, part)
        train, validation = train[left], train[right]
        if not len(validation):
            raise CommandError(
                f"--validation {arguments.validation:g} of {count(len(train), 'sample')} is none; "
                "give a larger share"
            )

    target: Classes | Quantity
    y: NDArray[Any]
    if classes is not None and labels is not None:
        target, y = classes, labels
    else:
        name = without_parameter(loss)
        log_rate = name in OF_LOG_MEAN
        values = quantities(target_name, data, counts=log_rate, positive=name == "gamma")
        target = Quantity.fit(target_name, values[train], log_rate=log_rate)
        y = target.encode(values)
    inputs = Inputs.fit(names, categories, arguments.missing, data.numbers[train])
    X = inputs.transform(data.numbers)
    return Prepared(
        data, table.has_header, inputs, X, target, y, loss, train, validation, test, left_out
    )


def _columns(table: Table, target: str, ignore: list[str]) -> tuple[int, list[int]]:
    """The place of the target and those of the inputs; names are judged when it is known which
    are used."""
    ignored = {place for text in ignore for place in table.columns(text, "--ignore")}
    meant = table.columns(target, "--target")
    left = [place for place in meant if place not in ignored] or meant
    place = left[0] if len(left) == 1 else table.column(target, "--target")
    places = [each for each in range(len(table.names)) if each not in {place, *ignored}]
    if not places:
        raise CommandError(
            f"{table.path} has no column besides the target {table.names[place]!r} to learn from"
        )
    table.check_named(places)
    if table.names[place] in {table.names[each] for each in places}:
        table.check_named([place, *places])
    return place, places


def _read(
    table: Table, target: int, places: list[int], arguments: argparse.Namespace
) -> tuple[Data, Categories]:
    """The numbers of the columns at these places, and which of them are categories."""
    named = [
        place
        for text in arguments.category
        for place in table.columns(text, "--category")
        if place in places
    ]
    encode = arguments.categories is not None
    categories: Categories = {}
    if encode or named:
        categories = categories_of(table, places, named, encode)
    columns = [Column(place, categories.get(table.names[place])) for place in places]
    try:
        data = table.read(columns, target, missing=arguments.missing is not None)
    except NoNumberError:
        categories_of(table, places, named, encode)  # raises a better error for columns of text
        raise
    return data, categories


def _without_gaps(data: Data, missing: str | None) -> tuple[Data, int]:
    """The rows to learn from, and how many are left out because something is missing in them."""
    if missing is None:
        return data, 0
    texts = data.texts or []
    some_numbers = any(number(text) is not None for text in texts)
    there = np.array([not is_missing(text, some_numbers) for text in texts])
    if missing == DROP:
        there &= data.complete()
    if not there.any():
        raise CommandError(f"{data.path} has no row in which nothing is missing")
    return (data, 0) if there.all() else (data.only(there), int((~there).sum()))


def _loss(task: str, loss: Loss | None, *, inferred: bool) -> Loss:
    """The loss asked for, which settles a task that was only inferred, or that of the task."""
    if loss is None:
        return "cross_entropy" if task == "classification" else "squared_error"
    classifier = task == "classification"
    if not inferred and options.is_classifier(loss) != classifier:
        fitting = [name for name in fastbp.losses() if options.is_classifier(name) == classifier]
        raise CommandError(f"--loss {loss} is not for {task}; choose from {', '.join(fitting)}")
    return loss


def _classes(name: str, data: Data, task: str, loss: str) -> Classes:
    """The classes of the target; refuses numbers that look like a quantity."""
    texts = data.texts or []
    classes = Classes.fit(name, texts)
    n = len(classes.labels)
    if task == "regression" and n > FEW and not enough(len(texts), n):
        raise CommandError(
            f"column {name!r} holds {n} different numbers in {count(len(texts), 'row')}, "
            f"which look like a quantity, and --loss {loss} is for classes; leave --loss out, "
            "or say --task classification"
        )
    return classes
