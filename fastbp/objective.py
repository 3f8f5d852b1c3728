"""A network bound to its data: theta in, cost and gradient out."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import compiled, parameters, samples, slopes, targets, validate
from fastbp.class_weight import sample_weight as class_weights
from fastbp.columns import as_given
from fastbp.columns import read as read_columns
from fastbp.derivatives import Residuals, SecondOrder
from fastbp.missing import MISSING, NO_LABEL, Missing, count_known, for_pickle
from fastbp.rows import read as read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp._core.interface import BoundNetwork
    from fastbp.blocks import Block
    from fastbp.network import Network


class Objective(Residuals, SecondOrder):
    """J(theta) and its gradient D for one network and one set of data; for any optimiser.

        J = 1/m sum_i loss(a_i, y_i) + l2/(2m) sum W^2,     D = dJ/dtheta

    or, where the derivatives of the outputs by the inputs are known too, with
    dy_weight/2 |da_i/dx_i - dy_i|^2 added to the loss of each sample,

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
    dy : array_like, shape (m, K, n), optional
        What da/dx should be; see `Network.objective`.
    dy_weight : float
    missing : {"error", "ignore"}, optional
        Whether targets may be missing; see `Network.objective`.
    class_weight : "balanced" or dict, optional
        What `sample_weight` is multiplied by, of the labels as they are now.
    columns : dict or DataFrame, optional
        What a loss that is a circuit takes besides a and y; a copy is made.

    Attributes
    ----------
    network : Network
    n_parameters : int
        The length of theta.
    n_samples : int
    l2 : float
    sample_weight : ndarray of float64, or None
        The weights as they are read: what is written into it counts.
    lengths : ndarray of int64, or None
        A copy, read-only.
    dy : ndarray of the network's dtype, (m, K n), or None
    dy_weight : float
    missing : str
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
        "_beside", "_data", "_evaluate", "_problem", "dy", "dy_weight", "l2", "lengths", "missing",
        "network",
    )  # fmt: skip

    _made_by = "net.objective(...)"

    network: "Network"
    l2: float
    lengths: "NDArray[np.int64] | None"
    dy: "NDArray[Any] | None"
    dy_weight: float
    missing: Missing
    _beside: "NDArray[Any] | None"  # what the loss takes besides a and y, (m, n)
    _data: "tuple[NDArray[Any], NDArray[Any]]"  # X and y as they are read
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
        dy: Any = None,
        dy_weight: float = 1.0,
        missing: Missing = "error",
        class_weight: Any = None,
        columns: Any = None,
    ) -> None:
        given_X, given_y, given_dy = X, y, dy
        validate.one_of(missing, MISSING, "missing")
        X = samples.data(X, network)
        m = X.shape[0]
        steps = samples.lengths(lengths, network, m)
        labels, matrix = targets.read(y, network, m, steps, missing)
        sample_weight = class_weights(class_weight, network, labels, matrix, sample_weight)
        y = matrix if labels is None else labels
        l2 = network.l2 if l2 is None else validate.non_negative(l2, "l2")
        dy = slopes.read(dy, network, m)
        beside = read_columns(columns, network, m)
        dy_weight = validate.non_negative(dy_weight, "dy_weight")
        read = [(X, given_X), (y, given_y), *([] if dy is None else [(dy, given_dy)])]
        self._bind(network.n_parameters, m, sample_weight, n_threads, read)
        # Where z takes the place of a(L) in a cost, there is no derivative of a(L).
        made = compiled.cost_chain if dy is None else compiled.chain
        engine, chain = made(network, steps is not None)
        if labels is not None and labels.ndim > 1:
            labels = labels.reshape(-1)
        problem = engine.BoundNetwork(
            chain, X, labels, matrix, self.sample_weight, l2, network.reduction == "mean",
            self.n_threads, steps, dy, dy_weight, missing == "ignore", beside,
        )  # fmt: skip
        # `_evaluate` is a method of the engine's object: no method of this class is in between.
        self._set(
            network=network, l2=l2, lengths=steps, dy=dy, dy_weight=dy_weight, missing=missing,
            _beside=beside, _data=(X, y),
            _problem=problem, _evaluate=problem.evaluate,
        )  # fmt: skip

    def blocks(self) -> "list[Block]":
        """The bias and the weights of each layer: those of the network."""
        return self.network.blocks()

    def _vector(self, theta: Any, name: str = "") -> "NDArray[np.float64]":
        if name:
            return super()._vector(theta, name)
        return parameters.theta(self.network, theta)

    def _parameters_in_words(self) -> str:
        return f", as theta\n{self.network.table()}"

    def _cost(self, vector: "NDArray[np.float64]") -> float:
        return self._problem.evaluate(vector, False)[0]  # type: ignore[no-any-return]

    def _into(self, vector: "NDArray[np.float64]", out: "NDArray[np.float64]") -> float:
        return self._problem.evaluate_into(vector, out)

    def _on_rows(self, theta: Any, rows: Any, gradient: bool) -> tuple[float, Any]:
        evaluate = self._problem.evaluate
        result = evaluate(theta, gradient, rows)
        if result is None:
            result = evaluate(self._vector(theta), gradient, self._row_numbers(rows))
        return result  # type: ignore[no-any-return]

    def _row_numbers(self, rows: Any) -> Any:
        return read_rows(rows, self.n_samples)

    def _n_targets(self) -> int:
        y = self._data[1]
        K = self.network._outputs_shape[-1]
        steps = int(np.prod(self.network._outputs_shape[:-1]))
        if y.dtype.kind == "i":
            y = np.repeat(np.where(y == NO_LABEL, np.nan, y).reshape(self.n_samples, -1), K, axis=1)
        return count_known(y, self.lengths, steps)

    def _samples(self) -> int:
        return self.n_samples

    def _products(self) -> int:
        return self.n_samples * self.n_parameters * (1 if self.dy is None else 2)

    def _engines(self) -> tuple[Any]:
        return (self._problem,)

    @property
    def _is_mean(self) -> bool:
        return self.network.reduction == "mean"

    def _words(self) -> tuple[str, str]:
        """See Bound."""
        slopes = "" if self.dy is None else f", dy_weight={self.dy_weight:g}"
        return self.network.name, f"l2={self.l2:g}{slopes}"

    def _arguments(self) -> tuple[Any, ...]:
        rest = (self.l2, self.sample_weight, self._explicit_threads)
        X, y = self._data
        wanted = None if self.dy is None else self._slopes()
        others = as_given(self._beside, self.network)
        ends = (self.lengths, wanted, self.dy_weight, self.missing, None, others)
        return (self.network, X, for_pickle(y), *rest, *ends)

    def _slopes(self) -> "NDArray[Any]":
        """dy by outputs and inputs."""
        assert self.dy is not None
        network = self.network
        return self.dy.reshape(self.n_samples, *network.output_shape, *network.input_shape)
