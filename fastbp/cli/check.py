"""``fastbp check``: is the gradient right?"""

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp
from fastbp.check import check_gradient
from fastbp.cli import layer_words, options, screen
from fastbp.cli.errors import CommandError
from fastbp.cli.inputs import DROP
from fastbp.cli.targets import Classes, quantities
from fastbp.cli.trained import Trained, opened
from fastbp.network import Network
from fastbp.objective import Objective
from fastbp.parameterised import without_parameter
from fastbp.targets import OF_LOG_MEAN

SAMPLES = 50


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp check`` takes."""
    parser = commands.add_parser(
        "check",
        help="check a gradient against finite differences",
        description="Check the gradient of a network against finite differences, on random data "
        "or, given MODEL and DATA.csv, of a trained network on its data. Exit code 1 if it fails.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="file written by fastbp train")
    parser.add_argument(
        "data", nargs="?", metavar="DATA.csv", help="samples with their target; - is standard input"
    )
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument(
        "--widths",
        type=options.widths,
        default=(64, 25, 10),
        metavar="WIDTHS",
        help="from the inputs to the outputs (default 64,25,10)",
    )
    options.add_layers(sizes)
    options.add_input_shape(parser)
    options.add_hidden(parser)
    options.add_loss(parser, "cross_entropy", "cross_entropy")
    parser.add_argument(
        "--output",
        type=options.named("activation", fastbp.activations(), "output activation"),
        metavar="NAME",
        help="activation of the output (default: the usual one of the loss)",
    )
    options.add_l2(parser, 1.0)
    parser.add_argument(
        "--samples",
        type=options.integer(1),
        metavar="N",
        help=f"samples (default {SAMPLES}; with DATA.csv all, otherwise its first N)",
    )
    parser.add_argument(
        "--n-checks",
        type=options.integer(1),
        metavar="N",
        help="parameters checked, drawn at random (default: all)",
    )
    parser.add_argument(
        "--directions",
        type=options.integer(1),
        metavar="N",
        help="check N random directions instead of single parameters",
    )
    options.add_seed(parser)
    options.add_dtype(parser)
    options.add_table(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 1 if the gradient fails."""
    if arguments.directions and arguments.n_checks:
        raise CommandError("--directions and --n-checks exclude each other; give one")
    if arguments.model is None:
        objective, theta = _random(arguments)
    elif arguments.data is None:
        raise CommandError(f"give the data to check {arguments.model} on: fastbp check MODEL DATA")
    else:
        objective, theta = _saved(arguments)
    screen.network(objective.network)
    report = check_gradient(
        objective,
        theta,
        n_checks=arguments.n_checks,
        directions=arguments.directions,
        seed=arguments.seed,
    )
    screen.verdicts(report.text(screen.columns()))
    return 0 if report else 1


def _random(arguments: argparse.Namespace) -> tuple[Objective, NDArray[np.float64]]:
    """A network of the widths asked for, at a random theta, on random data."""
    widths, loss = arguments.widths, arguments.loss
    output = arguments.output or options.default_output(loss)
    settings = {"loss": loss, "l2": arguments.l2, "dtype": arguments.dtype}
    if arguments.layers is not None:
        network = layer_words.network(arguments, None, output, **settings)
    elif arguments.input_shape is not None:
        raise CommandError("--input-shape is for --layers; with --widths the first is the inputs")
    elif len(widths) < 2:
        raise CommandError("--widths needs at least the inputs and the outputs, as in 64,10")
    else:
        network = fastbp.mlp(*widths, hidden=arguments.hidden, output=output, **settings)
    rng = np.random.default_rng(arguments.seed)
    m = arguments.samples or SAMPLES
    X = rng.standard_normal((m, network.widths[0]))
    return network.objective(X, _random_target(rng, network, m)), network.init(rng)


def _random_target(rng: np.random.Generator, network: Network, m: int) -> NDArray[Any]:
    """Labels, counts or quantities, as the loss takes them."""
    *steps, k = network._outputs_shape
    if options.is_classifier(network.loss):
        return rng.integers(0, max(k, 2), (m, *steps, 1)[: len(steps) + 1 + (k == 1)])
    if without_parameter(network.loss) in OF_LOG_MEAN:
        return 1.0 + rng.poisson(1.0, (m, *steps, k))
    return rng.standard_normal((m, *steps, k))


def _saved(arguments: argparse.Namespace) -> tuple[Objective, NDArray[np.float64]]:
    """A trained network on data of its own."""
    trained = Trained.load(arguments.model)
    data = trained.read(opened(arguments.data, arguments))
    target = trained.target
    if trained.inputs.missing == DROP:
        data = data.only(data.complete())
        if not data.rows:
            raise CommandError(f"{data.path} has no row in which nothing is missing")
    if data.texts is None:
        raise CommandError(f"{data.path} lacks the target {target.name!r}, which the cost needs")
    y: NDArray[Any]
    if isinstance(target, Classes):
        y = target.encode(data.texts)
        if y.min() < 0:
            i = int(y.argmin())
            raise CommandError(
                f"{data.path}, row {data.rows[i]}, column {target.name!r}: {data.texts[i]!r} is "
                "not a class the model knows"
            )
    else:
        y = target.encode(quantities(target.name, data, counts=target.log_rate))
    few = slice(arguments.samples)
    X = trained.inputs.transform(data.numbers[few])
    return trained.network.objective(X, y[few]), trained.theta
