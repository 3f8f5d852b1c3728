"""``fastbp demo``: handwritten digits, from the data to a confusion table."""

import argparse

import numpy as np
from numpy.typing import NDArray

import fastbp
from fastbp import preparation
from fastbp.check import check_gradient
from fastbp.cli import options, pictures, scores, screen, training
from fastbp.cli.errors import CommandError
from fastbp.datasets import load_digits
from fastbp.objective import Objective

CHECKED_SAMPLES = 100
PICTURES = 8


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp demo`` takes."""
    parser = commands.add_parser(
        "demo",
        help="train a network on handwritten digits",
        description="Train a network on 1797 handwritten digits (shipped with fastbp), check its "
        "gradient, and show what it learnt and got wrong. Ctrl-C during training keeps the best so "
        "far.",
    )
    options.add_widths(parser, "25")
    options.add_training(parser, maxiter=200)
    options.add_l2(parser, 1.0)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and report; 1 if the gradient check fails."""
    training.scipy_minimize()
    images, digits = load_digits()
    images /= 16
    train, test = preparation.split(len(digits), arguments.test, arguments.seed, digits)
    screen.say(
        f"Data: {len(digits)} handwritten digits of 8 x 8 pixels, "
        f"{len(train)} for training, {len(test)} held out\n"
    )

    network = fastbp.mlp(
        64,
        *arguments.widths,
        10,
        hidden="tanh",
        output="softmax",
        loss="cross_entropy",
        l2=arguments.l2,
        dtype=arguments.dtype,
    )
    theta = network.init(seed=arguments.seed)
    screen.network(network)
    few = train[:CHECKED_SAMPLES]
    _check(network.objective(images[few], digits[few], n_threads=arguments.n_threads), theta,
           arguments.seed)  # fmt: skip

    screen.say("Training with scipy's L-BFGS-B (Ctrl-C keeps the best so far)")
    objective = network.objective(images[train], digits[train], n_threads=arguments.n_threads)
    outcome = training.train(objective, theta, maxiter=arguments.maxiter)
    screen.say(outcome.message + "\n")

    fitted = network.predict(outcome.theta, images[train])
    accuracy = f"Accuracy: training {scores.accuracy(digits[train], fitted):.2%}"
    if len(test):
        predicted = network.predict(outcome.theta, images[test])
        accuracy += f", test {scores.accuracy(digits[test], predicted):.2%}"
    screen.say(accuracy + "\n", screen.TITLE)
    if len(test):
        scores.show_confusion(digits[test], predicted, range(10))
        screen.say()
        _wrong(images[test], digits[test], predicted)
    screen.say(f"Training took {outcome.times()}")
    return 0


def _check(objective: Objective, theta: NDArray[np.float64], seed: int) -> None:
    """Check the gradient, and say what its figures mean."""
    # Of many parameters a random subset is checked, so that nobody has to wait.
    n_checks = None if len(theta) <= 5000 else 1000
    report = check_gradient(objective, theta, n_checks=n_checks, seed=seed)
    screen.verdicts(report.text(screen.columns()))
    screen.say()
    if not report:
        raise CommandError("the gradient check failed; not training on a wrong gradient")
    screen.say(
        f"Each of the {report.n_checked} slopes checked is compared with what the cost J itself "
        "says, (J(theta + h) - J(theta - h)) / 2h: gradient and numerical are the two where they "
        "differ most in a block, relative error is that difference over the larger of both. "
        f"Up to {report.rtol:.0e}, what J's own rounding leaves uncertain not counted, a slope "
        "is ok.\n",
        screen.DIM,
    )


def _wrong(
    images: NDArray[np.float64], digits: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    """Pictures of the first digits that were taken for others."""
    wrong = np.flatnonzero(predicted != digits)
    if not len(wrong):
        return
    shown = wrong[:PICTURES]
    which = "Those" if len(shown) == len(wrong) else f"{len(shown)} of the {len(wrong)}"
    screen.say(f"{which} it got wrong:\n", screen.TITLE)
    pictures.show(
        [images[i].reshape(8, 8) for i in shown],
        [f"{digits[i]} taken for {predicted[i]}" for i in shown],
    )
