"""``fastbp train``: a network for the columns of a CSV file."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp
from fastbp.cli import choices, layer_words, options, scores, screen, training
from fastbp.cli.errors import CommandError
from fastbp.cli.inputs import MISSING_WAYS
from fastbp.cli.prepared import Prepared, prepared
from fastbp.cli.source import STANDARD_INPUT
from fastbp.cli.table import count, listed
from fastbp.cli.targets import Classes, Quantity
from fastbp.cli.trained import Trained, check_save
from fastbp.layers.layer import by
from fastbp.names import OF_CLASSES
from fastbp.network import Network
from fastbp.watch import Validation

PATIENCE = 50  # iterations


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp train`` takes."""
    parser = commands.add_parser(
        "train",
        help="train a network on a CSV file",
        description="Train a network to predict one column of a CSV file from the others, beside "
        "a linear model. Ctrl-C during training keeps the best so far.",
    )
    parser.add_argument(
        "data",
        metavar="DATA.csv",
        help="samples, one a row; values between commas, semicolons, tabs, bars or white space; "
        "- is standard input",
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
        "--categories",
        choices=("one-hot",),
        help="what columns of text become: a column of 0 and 1 for each category",
    )
    parser.add_argument(
        "--category",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column whose values are categories though they are numbers (may be repeated)",
    )
    parser.add_argument(
        "--missing",
        choices=MISSING_WAYS,
        help="what is done where inputs are missing: the mean of the column, or the row dropped; "
        "either drops rows without a target (default: an error)",
    )
    parser.add_argument(
        "--save", metavar="MODEL", help="file for the model (default: DATA.fastbp, here)"
    )
    parser.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="default: texts and few distinct whole numbers are classes",
    )
    options.add_loss(parser, None, "cross_entropy for classes, squared_error for quantities")
    parser.add_argument(
        "--method",
        type=training.method,
        default="L-BFGS-B",
        metavar="NAME",
        help="optimiser of scipy (default L-BFGS-B): "
        + ", ".join(training.WITH_GRADIENT + training.WITHOUT_GRADIENT),
    )
    options.add_hidden(parser)
    parser.add_argument(
        "--l2",
        type=options.chosen_penalty,
        metavar="LAMBDA",
        help="penalty on the weights, lambda/(2m) times their sum of squares (default auto: the "
        f"one of {', '.join(f'{l2:g}' for l2 in choices.L2)} that does best on samples left out)",
    )
    sizes = parser.add_mutually_exclusive_group()
    options.add_widths(sizes, "25")
    options.add_layers(sizes)
    options.add_input_shape(parser)
    options.add_training(parser, maxiter=500)
    parser.add_argument(
        "--validation",
        type=options.fraction,
        default=0.0,
        metavar="SHARE",
        help="share of the training samples that says when to stop (default 0: none)",
    )
    parser.add_argument(
        "--patience",
        type=options.integer(1),
        default=PATIENCE,
        metavar="N",
        help="with --validation: iterations without a better point before training stops "
        f"(default {PATIENCE})",
    )
    options.add_table(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, train, write the model and report."""
    training.scipy_minimize()
    stem = "model" if arguments.data == STANDARD_INPUT else Path(arguments.data).stem
    path = arguments.save or stem + ".fastbp"
    check_save(path, arguments.data)
    if arguments.input_shape is not None and arguments.layers is None:
        raise CommandError("--input-shape is for --layers; without them inputs are a vector")
    samples = prepared(arguments)
    X, y, train = samples.X, samples.y, samples.train
    _network(samples, arguments, 0.0)  # raises before anything is printed
    _tell_data(samples)

    l2 = _l2(samples, arguments)
    network = _network(samples, arguments, l2)
    screen.network(network)
    screen.say(f"Training with scipy's {arguments.method} (Ctrl-C keeps the best so far)")
    objective = partial(network.objective, n_threads=arguments.n_threads)
    validation = None
    if len(samples.validation):
        part = samples.validation
        validation = Validation(objective(X[part], y[part], l2=0.0), arguments.patience)
    outcome = training.train(
        objective(X[train], y[train]),
        network.init(seed=arguments.seed),
        method=arguments.method,
        maxiter=arguments.maxiter,
        validation=validation,
    )
    trained = Trained(
        network,
        outcome.theta,
        samples.inputs,
        samples.target,
        samples.has_header,
        {
            "fastbp": fastbp.__version__,
            "samples": len(train),
            "method": arguments.method,
            "iterations": outcome.iterations,
            "cost": outcome.cost,
        },
    )
    trained.save(path)
    screen.say(outcome.message + "\n")

    _report(samples, trained, arguments)
    screen.say(f"\nTraining took {outcome.times()}")
    screen.say(f"Model written to {path}")
    return 0


def _tell_data(samples: Prepared) -> None:
    """Prints what the samples are."""
    inputs, target = samples.inputs, samples.target
    shares = [f"{len(samples.train)} for training"]
    if len(samples.validation):
        shares.append(f"{len(samples.validation)} for validation")
    screen.say(f"Data: {count(len(samples.X), 'sample')}, {', '.join(shares)}, "
          f"{len(samples.test)} held out")  # fmt: skip
    if samples.left_out:
        screen.say(f"Left out: {count(samples.left_out, 'row')} with missing values")
    screen.say(f"Inputs: {count(len(inputs.names), 'column')}: {listed(inputs.names)}")
    for name, known in inputs.categories.items():
        screen.say(f"Categories: {name}: {listed(known)}")
    missing = int(np.isnan(samples.data.numbers).sum())
    if missing:
        screen.say(f"Missing: {count(missing, 'value')}, the mean of the column instead")
    screen.say(f"Target: {target.name}, {_describe(target)}\n")


def _l2(samples: Prepared, arguments: argparse.Namespace) -> float:
    """The penalty asked for, or the best on samples left out."""
    if arguments.l2 is not None:
        return float(arguments.l2)
    network = partial(_network, samples, arguments)
    train, validation = samples.train, samples.validation
    if len(validation):
        rows = np.concatenate([train, validation])
        n = len(train)
        parts = [(np.arange(n), np.arange(n, len(rows)))]
        how = "on the validation samples"
    else:
        rows = train
        parts = choices.folds(len(train), arguments.seed, choices.multiplications(network(0.0)))
        how = f"by {len(parts)} fold{'s' if len(parts) > 1 else ''} of the training samples"
    l2, tried = choices.penalty(
        network, samples.X[rows], samples.y[rows], parts, seed=arguments.seed,
        maxiter=arguments.maxiter, n_threads=arguments.n_threads,
    )  # fmt: skip
    if tried:
        errors = ", ".join(f"{each:g}: {cost:.4g}" for each, cost in tried.items())
        screen.say(f"Penalty: l2 {l2:g}, chosen {how} (mean loss there {errors}); --l2 sets it\n")
    else:
        screen.say(f"Penalty: l2 {l2:g}: too few samples to choose with; --l2 sets it\n")
    return l2


def _network(
    samples: Prepared, arguments: argparse.Namespace, l2: float, widths: Any = None
) -> Network:
    """One output for a quantity or for two classes, otherwise one for each class."""
    target, loss = samples.target, samples.loss
    n_outputs, output = 1, options.default_output(loss)
    if isinstance(target, Classes) and (len(target.labels) > 2 or loss in OF_CLASSES):
        n_outputs = len(target.labels)
        output = "softmax" if loss == "cross_entropy" else output
    if arguments.layers is not None and widths is None:
        return _of_layers(samples, arguments, l2, n_outputs, output)
    return fastbp.mlp(
        samples.X.shape[1],
        *(arguments.widths if widths is None else widths),
        n_outputs,
        hidden=arguments.hidden,
        output=output,
        loss=loss,
        l2=l2,
        dtype=arguments.dtype,
    )


def _of_layers(
    samples: Prepared, arguments: argparse.Namespace, l2: float, n_outputs: int, output: Any
) -> Network:
    """The network of --layers, whose outputs have to be those of the target."""
    network = layer_words.network(
        arguments, samples.X.shape[1], output, loss=samples.loss, l2=l2, dtype=arguments.dtype
    )
    # Of two classes the network may have one output, or one for each.
    is_pair = isinstance(samples.target, Classes) and n_outputs == 1
    softmax = network.activations[-1] == "softmax"
    if network.output_shape != ((2,) if is_pair and softmax else (n_outputs,)):
        target = samples.target
        what = f"{len(target.labels)} classes" if isinstance(target, Classes) else "a quantity"
        pair = ", or 'dense 2 softmax'" if is_pair and samples.loss == "cross_entropy" else ""
        sequence = ""
        if len(network.output_shape) > 1:
            sequence = (
                "; a recurrent layer without 'sequences' ends in its last state, and flatten makes "
                "one vector of a sequence"
            )
        raise CommandError(
            f"--layers: the network ends in {by(network.output_shape)} outputs, and "
            f"{target.name!r}, {what}, needs {n_outputs}: end with 'dense {n_outputs}'{pair}"
            f"{sequence}"
        )
    return network


def _report(samples: Prepared, trained: Trained, arguments: argparse.Namespace) -> None:
    """Scores of the network and of a linear model, and what the network confuses."""
    parts = [("Training", samples.train), ("Validation", samples.validation),
             ("Test", samples.test)]  # fmt: skip
    for name, part in parts:
        if len(part):
            screen.say(f"{name}: {_summary(samples, part, _predicted(samples, trained, part))}")
    if arguments.widths or arguments.layers:
        _beside_linear(samples, trained, arguments)
    target, test = samples.target, samples.test
    if len(test) and isinstance(target, Classes) and len(target.labels) <= scores.WIDEST:
        predicted = _predicted(samples, trained, test)
        screen.say()
        scores.show_confusion(samples.y[test], predicted, target.labels)


def _beside_linear(samples: Prepared, trained: Trained, arguments: argparse.Namespace) -> None:
    """The same without hidden layers; what to do where that is as good."""
    part = samples.test if len(samples.test) else samples.train
    network = _network(samples, arguments, 1.0, widths=())
    seen = np.concatenate([samples.train, samples.validation])
    theta = choices.fitted(
        network, samples.X[seen], samples.y[seen], seed=arguments.seed,
        maxiter=choices.ITERATIONS, threads=arguments.n_threads,
    )  # fmt: skip
    linear = Trained(network, theta, samples.inputs, samples.target, samples.has_header, {})
    fitted = _predicted(samples, linear, part)
    screen.say(f"Linear model, {'test' if len(samples.test) else 'training'}: "
          f"{_summary(samples, part, fitted)}")  # fmt: skip
    ours = _score(samples, part, _predicted(samples, trained, part))
    theirs = _score(samples, part, fitted)
    if len(samples.test) and theirs >= ours:
        P, m = trained.network.n_parameters, len(samples.train)
        screen.say(
            f"The linear model does no worse: {count(m, 'sample')} show the network's {P} "
            "parameters nothing beyond straight lines that holds for other samples. "
            "--widths none is that model; fewer --widths, a larger --l2 or --validation 0.2 "
            "bring the network nearer to it."
        )


def _predicted(samples: Prepared, trained: Trained, part: NDArray[np.int64]) -> NDArray[Any]:
    """Predictions for a part of the samples."""
    return trained.predict(samples.data.numbers[part])


def _truth(samples: Prepared, part: NDArray[np.int64]) -> NDArray[Any]:
    """What the samples of a part are, in the target's own units."""
    target, y = samples.target, samples.y[part]
    return y if isinstance(target, Classes) else target.in_units(y)


def _summary(samples: Prepared, part: NDArray[np.int64], predicted: NDArray[Any]) -> str:
    """How well predictions fit a part of the samples, in words."""
    return scores.summary(samples.target, _truth(samples, part), predicted)


def _score(samples: Prepared, part: NDArray[np.int64], predicted: NDArray[Any]) -> float:
    """How well predictions fit a part of the samples, as one number."""
    return scores.score(samples.target, _truth(samples, part), predicted)


def _describe(target: Classes | Quantity) -> str:
    """The task, and how to choose the other one."""
    if isinstance(target, Quantity):
        return "regression (--task classification for classes)"
    labels = listed([str(label) for label in target.labels])
    if isinstance(target.labels[0], int):
        labels += " (--task regression for a quantity)"
    return f"classification into {labels}"
