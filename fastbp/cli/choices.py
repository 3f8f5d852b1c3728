"""What is decided by samples left out: the penalty l2, and whether a linear model would do."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli import training
from fastbp.cli.errors import CommandError
from fastbp.network import Network

L2 = (1.0, 3.0, 10.0, 30.0)  # one of these is chosen
USUAL = 3.0  # of fewer than FEWEST samples
FEWEST = 30
FOLDS = 5
WORK = 5_000_000  # if an evaluation takes more multiplications, the choice is made by one fold
MOST = 20_000  # at most so many samples are used: the best l2 does not depend on their number
ITERATIONS = 100

Indices = NDArray[np.int64]


def multiplications(network: Network) -> int:
    """How many one sample takes, forward: every weight once, or at every position."""
    if network._structure.is_plain:
        return network.n_parameters
    affine = network.program().steps.astype(np.int64)
    affine = affine[affine[:, 0] == 0]
    return int((affine[:, 3] * affine[:, 5] * affine[:, 7]).sum())


def folds(n: int, seed: int, multiplications: int) -> list[tuple[Indices, Indices]]:
    """Pairs of samples to train on and samples left out; [] where there are too few."""
    if n < FEWEST:
        return []
    order = np.random.default_rng(seed).permutation(n)[:MOST]
    fold = np.arange(len(order)) % FOLDS
    which = range(FOLDS if n * multiplications <= WORK else 1)
    return [(np.sort(order[fold != k]), np.sort(order[fold == k])) for k in which]


def penalty(
    network: Callable[[float], Network],
    X: NDArray[np.float64],
    y: NDArray[Any],
    parts: Sequence[tuple[Indices, Indices]],
    *,
    seed: int,
    maxiter: int,
    n_threads: int | None,
) -> tuple[float, dict[float, float]]:
    """The l2 with the lowest mean cost of the samples left out, and that cost for each tried.

    network : the network with an l2
    parts : samples to train on and samples left out, indices of rows of X
    """
    costs = dict.fromkeys(L2, 0.0)
    for train, left_out in parts:
        for l2 in L2:
            net = network(l2)
            theta = fitted(net, X[train], y[train], seed=seed, maxiter=maxiter, threads=n_threads)
            unseen = net.objective(X[left_out], y[left_out], l2=0.0, n_threads=n_threads)
            costs[l2] += unseen.cost(theta) / len(parts)
    finite = [l2 for l2 in L2 if np.isfinite(costs[l2])]
    if not parts or not finite:
        return USUAL, {}
    return min(finite, key=lambda l2: costs[l2]), costs


def fitted(
    network: Network,
    X: NDArray[np.float64],
    y: NDArray[Any],
    *,
    seed: int,
    maxiter: int,
    threads: int | None,
) -> NDArray[np.float64]:
    """The parameters that scipy's L-BFGS-B finds, quietly; the first ones where it fails."""
    theta = network.init(seed=seed)
    objective = network.objective(X, y, n_threads=threads)
    try:
        iterations = min(maxiter, ITERATIONS)
        return training.train(objective, theta, maxiter=iterations, quiet=True).theta
    except CommandError:
        return theta
