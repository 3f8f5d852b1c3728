"""``fastbp demo``: handwritten digits, from the data to a confusion table."""

import argparse

import fastbp
from fastbp.check import check_gradient
from fastbp.cli import options, scores, training
from fastbp.cli.errors import CommandError
from fastbp.datasets import load_digits

CHECKED_SAMPLES = 100


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Say what ``fastbp demo`` takes."""
    parser = commands.add_parser(
        "demo",
        help="train a network on handwritten digits",
        description="Train a network on 1797 handwritten digits (shipped with fastbp), check its "
        "gradient, and show what it learnt. Ctrl-C during training keeps the best so far.",
    )
    options.add_training(parser, widths_="25", maxiter=200)
    options.add_l2(parser, 1.0)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and report; 1 if the gradient check fails."""
    training.scipy_minimize()
    images, digits = load_digits()
    images /= 16
    train, test = scores.split(len(digits), arguments.test, arguments.seed, digits)
    print(
        f"Data: {len(digits)} handwritten digits of 8 x 8 pixels, "
        f"{len(train)} for training, {len(test)} held out\n",
        flush=True,
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
    print(network, end="\n\n")

    few = train[:CHECKED_SAMPLES]
    # a random subset of the parameters once checking them all would be felt
    n_checks = None if network.n_parameters <= 5000 else 1000
    report = check_gradient(
        network.objective(images[few], digits[few], n_threads=arguments.n_threads),
        theta,
        n_checks=n_checks,
        seed=arguments.seed,
    )
    print(report, end="\n\n", flush=True)
    if not report:
        raise CommandError("the gradient check failed; not training on a wrong gradient")

    print("Training with scipy's L-BFGS-B (Ctrl-C keeps the best so far)", flush=True)
    objective = network.objective(images[train], digits[train], n_threads=arguments.n_threads)
    outcome = training.train(objective, theta, maxiter=arguments.maxiter)
    print(outcome.message, end="\n\n")

    fitted = network.predict(outcome.theta, images[train])
    print(f"Accuracy: training {scores.accuracy(digits[train], fitted):.2%}", end="")
    if len(test):
        predicted = network.predict(outcome.theta, images[test])
        print(f", test {scores.accuracy(digits[test], predicted):.2%}\n")
        print(scores.confusion_table(digits[test], predicted, range(10)))
    print(f"\nTraining took {outcome.times()}")
    return 0
