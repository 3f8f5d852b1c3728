"""Random problems for the engine, each with its reference: shared by the tests and scripts here."""

from itertools import count

import numpy as np
from chains import dense_chain
from oracle import SIGNED, Oracle, one_hot

from fastbp._core import core
from fastbp.names import OF_CLASSES

DTYPES = ("float64", "float32")

# Widths around the sizes of register blocks, from no hidden layer to three.
WIDTHS = [
    (1, 1),
    (7, 1),
    (1, 33),
    (33, 7),
    (1, 1, 1),
    (7, 33, 1),
    (33, 7, 7),
    (7, 1, 33),
    (1, 7, 33, 2),
    (33, 33, 1, 7),
    (7, 33, 7, 1),
    (33, 7, 1, 33, 7),
    (7, 33, 33, 7, 33),
    # one unit, or two, of more inputs than a product takes at once
    (131, 1),
    (70, 2, 131, 1),
    (5, 131, 2),
]
SAMPLES = (1, 5, 129, 1001)
# Weights that leave no room in the second-level cache: in one span and in two, with so many samples
# that packing the weights pays and with few, without hidden layers, with narrow ones between wide
# ones; last a first layer that is too narrow for spans.
LARGE = [
    ((700, 300, 260, 3), 1100),
    ((520, 510, 3), 2113),
    ((300, 900), 7),
    ((5, 3000, 50, 2500, 1), 129),
    ((14000, 20, 2), 1030),
]
# Layers that lie by strips and by rows in turn, and samples that fill neither a strip nor a panel.
WIDE = [(300, 130, 270, 49, 5), (10, 300, 60, 300, 2), (401, 50, 1), (1, 300, 1)]

# Norm-wise over a block (one layer's weights, or its biases), relative to the block; where the
# samples cancel, the second number times the norm of the whole gradient is allowed as well.
TOLERANCE = {"float64": (1e-12, 1e-15), "float32": (2e-5, 2e-6)}


def hidden_names():
    return [name for name in core("float64").ACTIVATIONS if name != "softmax"]


def pairs():
    """Every (loss, output activation) that the engine offers."""
    for loss, outputs in core("float64").LOSSES.items():
        for output in outputs or core("float64").ACTIVATIONS:
            yield loss, output


def needs_classes(loss, output):
    """Whether a single output would make the problem trivial."""
    return output == "softmax" or loss in OF_CLASSES


def draw_targets(rng, loss, output, m, k, kind):
    """(labels, targets): labels, or targets of the kinds that suit the loss."""
    if kind % 3 == 0 and k > 1 and loss != "gamma":
        return rng.integers(0, k, m), None
    if loss in OF_CLASSES:
        return None, one_hot(rng.integers(0, k, m), k, loss)
    if (loss, output) == ("cross_entropy", "softmax"):
        return None, rng.dirichlet(np.ones(k), m)
    if loss == "cross_entropy":
        return None, rng.random((m, k)) if kind % 3 == 1 else rng.integers(0, 2, (m, k)) * 1.0
    if loss == "focal":
        return None, rng.integers(0, 2, (m, k)) * 1.0 if kind % 3 == 1 else rng.random((m, k))
    if loss == "gamma":
        return None, rng.gamma(2, 1, (m, k)) + 0.01
    if loss in ("poisson", "negative_binomial"):
        return None, rng.poisson(2, (m, k)) * 1.0
    if loss in SIGNED:
        return None, rng.integers(0, 2, (m, k)) * 2.0 - 1
    return None, rng.standard_normal((m, k))


class Case:
    """A random problem: ``problem(n_threads)`` for the engine, ``oracle`` and ``theta`` beside it.

    Data are drawn again while a sample is so near to a kink that rounding could pass it.
    """

    def __init__(
        self, loss, output, hidden, widths, m, dtype, *, l2=0.5, mean=True, weighted=False, kind=0
    ):
        activations = (*(hidden for _ in widths[2:]), output)
        clear = 1e-5 if dtype == "float32" else 1e-11
        for seed in count(len(widths) + m):
            rng = np.random.default_rng(seed)
            labels, targets = draw_targets(rng, loss, output, m, widths[-1], kind)
            if targets is not None:
                targets = np.ascontiguousarray(targets, dtype)
            weight = (rng.random(m) * (np.arange(m) % 3 != 1)).astype(dtype)  # zeros too
            self.labels, self.targets = labels, targets
            self.weight = weight if weighted else None
            self.oracle = Oracle(
                widths,
                activations,
                loss,
                rng.standard_normal((m, widths[0])).astype(dtype),
                one_hot(labels, widths[-1], loss) if targets is None else targets,
                self.weight,
                l2,
                mean,
            )
            self.theta = rng.uniform(-1, 1, self.oracle.n_parameters)
            for matrix in self.oracle.matrices(self.theta):  # views
                matrix[:, 1:] *= np.sqrt(6 / sum(matrix.shape))
            self.theta = self.theta.astype(dtype).astype(np.float64)
            if self.oracle.distance_to_kink(self.theta) > clear:
                break
        self.dtype = dtype
        self.core = core(dtype)

    def chain(self):
        o = self.oracle
        return dense_chain(self.core, o.widths, o.activations, o.loss)

    def problem(self, n_threads=1, X=None):
        o = self.oracle
        return self.core.BoundNetwork(
            self.chain(),
            o.X if X is None else X,
            self.labels,
            self.targets,
            None if self.weight is None else self.weight.astype(float),
            o.l2,
            o.mean,
            n_threads,
        )

    def evaluate(self, n_threads=1, X=None):
        return self.problem(n_threads, X).evaluate(self.theta, True)

    def deviations(self, kind=np.longdouble):
        """Of cost and gradient blocks, in units of the tolerance: all <= 1 is right."""
        cost, gradient = self.evaluate()
        true_cost, true_gradient = self.oracle.cost_and_gradient(self.theta, kind)
        relative, floor = TOLERANCE[self.dtype]
        yield abs(float(cost - true_cost)) / (relative * (1 + abs(float(true_cost))))
        error = (gradient - true_gradient).astype(np.float64)
        true_gradient = true_gradient.astype(np.float64)
        whole = np.linalg.norm(true_gradient)
        for block in self.oracle.blocks():
            allowed = relative * np.linalg.norm(true_gradient[block]) + floor * whole
            difference = np.linalg.norm(error[block])
            # A NaN must not pass as "not larger".
            yield 0.0 if difference == 0 else difference / allowed if allowed else np.inf

    def bits(self, n_threads=1, X=None):
        """Cost and gradient as bytes."""
        cost, gradient = self.evaluate(n_threads, X)
        return np.append(gradient, cost).tobytes()


def table(dtype):
    """Every loss x output x hidden activation, over shapes, targets and options in turn."""
    turn = count()
    for loss, output in pairs():
        for hidden in hidden_names():
            n = next(turn)
            widths = WIDTHS[n % len(WIDTHS)]
            if needs_classes(loss, output) and widths[-1] == 1:
                widths = (*widths[:-1], 3)
            if len(widths) == 2:
                widths = (widths[0], 5, widths[1])
            yield {
                "loss": loss,
                "output": output,
                "hidden": hidden,
                "widths": widths,
                "m": SAMPLES[n % 3],
                "dtype": dtype,
                "l2": (0.5, 0.0, 3.0)[n % 3],
                "mean": n % 5 != 0,
                "weighted": n % 4 == 0,
                "kind": n // 2,
            }


def name_of(settings):
    widths = "-".join(map(str, settings["widths"]))
    return "{loss}-{output}-{hidden}-{dtype}-{m}x".format(**settings) + widths
