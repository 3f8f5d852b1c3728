"""A network bound to its data: theta in, cost and gradient out."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import compiled, parameters, samples, targets, threads, validate
from fastbp.bound import Bound, mass, referred
from fastbp.rows import read as read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp._core.interface import BoundNetwork
    from fastbp.layers.chain import Block
    from fastbp.network import Network


class Objective(Bound):
    """J(theta) and its gradient D for one network and one set of data; for any optimiser.

        J = 1/m sum_i loss(a_i, y_i) + l2/(2m) sum W^2,     D = dJ/dtheta

    with m the number of samples, or the sum of their weights, and no bias in the second sum; with
    reduction="sum" both factors 1/m are left out. The loss of a sequence of outputs is the sum over
    its steps. Made by `Network.objective`.

        minimize(objective, theta, jac=True, method="L-BFGS-B")
        minimize(objective.fun, theta, jac=objective.jac, method="TNC")

    The data is checked and converted once, here. Data that needs no conversion is referred to, not
    copied: changing X, y or the weights afterwards changes the objective. Converted data, weights
    in float32 say, is a copy, which such changes do not reach; `sample_weight` is the array that is
    read. A label changed to one that is no class leaves a sample of no class, whose targets are all
    0 (-1 before hinge). Any number of threads may call one objective. A theta with nan or inf in
    it, or one so large that the sums overflow, gives what IEEE arithmetic says: J = inf or nan,
    never an exception.

    Parameters
    ----------
    network : Network
    X : array_like, shape (m, *input_shape) or (m, s_0)
        Samples in rows.
    y : array_like, shape (m,) or (m, K); of a sequence (m, T) or (m, T, K)
        Labels 0..K-1, or targets; see `Network.objective`.
    l2 : float, optional
        The factor of the regularisation; the network's own unless given.
    sample_weight : array_like, shape (m,), optional
        Weights >= 0, float64 whatever the network's dtype. A mean does not depend on their scale,
        and a sample of weight 0 leaves nothing, also where it overflows.
    n_threads : int, optional
        Upper limit of the threads of one call; see `fastbp.threads`.
    lengths : array_like of int, shape (m,), optional
        How many steps of a sequence each sample has.

    Attributes
    ----------
    network : Network
    n_samples : int
    l2 : float
    sample_weight : ndarray of float64, or None
        The weights as they are read: what is written into it counts.
    lengths : ndarray of int64, or None
        A copy, read-only.
    n_threads : int
    n_evaluations : int
        Number of evaluations since the objective was made.
    seconds : float
        Time spent in them.

    Raises
    ------
    TypeError, ValueError
        If the data does not fit the network; the message says what to do.
    """

    __slots__ = (
        "_data", "_evaluate", "_explicit_threads", "_problem",
        "l2", "lengths", "n_samples", "network", "sample_weight",
    )  # fmt: skip

    _made_by = "net.objective(...)"

    network: "Network"
    n_samples: int
    l2: float
    sample_weight: "NDArray[Any] | None"
    lengths: "NDArray[np.int64] | None"
    _explicit_threads: int | None
    _data: "tuple[NDArray[Any], NDArray[Any]]"
    _problem: "BoundNetwork"

    def __init__(
        self,
        network: "Network",
        X: Any,
        y: Any,
        l2: float | None = None,
        sample_weight: Any = None,
        n_threads: int | None = None,
        lengths: Any = None,
    ) -> None:
        given = (X, y)
        X = samples.data(X, network)
        m = X.shape[0]
        steps = samples.lengths(lengths, network, m)
        labels, matrix = targets.read(y, network, m, steps)
        set_once = object.__setattr__
        set_once(self, "network", network)
        set_once(self, "n_samples", m)
        set_once(self, "l2", network.l2 if l2 is None else validate.non_negative(l2, "l2"))
        set_once(self, "sample_weight", validate.sample_weight(sample_weight, m))
        set_once(self, "n_threads", threads.resolve(n_threads))
        set_once(self, "_explicit_threads", n_threads)
        set_once(self, "_data", (X, matrix if labels is None else labels))
        set_once(self, "lengths", steps)
        self._begin(referred(zip(self._data, given, strict=True), self.sample_weight))
        engine, chain = compiled.cost_chain(network, steps is not None)
        if labels is not None and labels.ndim > 1:
            labels = labels.reshape(-1)
        problem = engine.BoundNetwork(
            chain, X, labels, matrix, self.sample_weight, self.l2, network.reduction == "mean",
            self.n_threads, *([] if steps is None else [steps]),
        )  # fmt: skip
        set_once(self, "_problem", problem)
        set_once(self, "_evaluate", problem.evaluate)  # no method of ours in between

    @property
    def n_parameters(self) -> int:
        """The length of theta."""
        return self.network.n_parameters

    def blocks(self) -> "list[Block]":
        """The bias and the weights of each layer: those of the network."""
        return self.network.blocks()

    def _m(self, rows: Any = None) -> float:
        if self.network.reduction == "sum":
            return 1.0
        numbers = None if rows is None else read_rows(rows, self.n_samples)
        return mass(self.n_samples, self.sample_weight, numbers)

    def _samples(self) -> int:
        return self.n_samples

    def _on_rows(self, theta: Any, rows: Any, gradient: bool) -> tuple[float, Any]:
        evaluate = self._problem.evaluate
        try:
            return evaluate(theta, gradient, rows)
        except TypeError as error:
            refusal = error
        try:
            vector = parameters.theta(self.network, theta)
            numbers = read_rows(rows, self.n_samples)
            if vector is theta and numbers is rows:  # as in __call__
                raise refusal
        finally:
            del refusal
        return evaluate(vector, gradient, numbers)

    def _vector(self, theta: Any) -> "NDArray[np.float64]":
        return parameters.theta(self.network, theta)

    def _cost(self, vector: "NDArray[np.float64]") -> float:
        return self._problem.evaluate(vector, False)[0]

    def _into(self, vector: "NDArray[np.float64]", out: "NDArray[np.float64]") -> float:
        return self._problem.evaluate_into(vector, out)

    def _products(self) -> int:
        return self.n_samples * self.network.n_parameters

    def _engines(self) -> tuple[Any]:
        return (self._problem,)

    def _arguments(self) -> tuple[Any, ...]:
        rest = (self.l2, self.sample_weight, self._explicit_threads)
        ends = () if self.lengths is None else (self.lengths,)
        return (self.network, *self._data, *rest, *ends)

    def __repr__(self) -> str:
        weighted = "" if self.sample_weight is None else ", weighted"
        return (
            f"<Objective: {self.network.name}, {self.n_samples} samples{weighted}, l2={self.l2:g}, "
            f"n_threads={self.n_threads}; {self.n_evaluations} evaluations in {self.seconds:.3g} s>"
        )
