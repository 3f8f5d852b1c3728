"""A network bound to its data: theta in, cost and gradient out."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import targets, threads, validate
from fastbp._core import core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network

PICKLE_VERSION = 1


class Objective:
    """J(theta) and its gradient D for one network and one set of data; for any optimiser.

        J = 1/m sum_i loss(a_i, y_i) + l2/(2m) sum W^2,     D = dJ/dtheta

    with m the number of samples, or the sum of their weights, and no bias in the second sum; with
    reduction="sum" both factors 1/m are left out. Made by `Network.objective`.

        minimize(objective, theta, jac=True, method="L-BFGS-B")
        minimize(objective.fun, theta, jac=objective.jac, method="TNC")

    The data is checked and converted once, here. Data that needs no conversion is referred to, not
    copied: changing X or y afterwards changes the objective. Any number of threads may call one
    objective. A theta with nan or inf in it, or one so large that the sums overflow, gives what
    IEEE arithmetic says: J = inf or nan, never an exception.

    Parameters
    ----------
    network : Network
    X : array_like, shape (m, s_0)
        Samples in rows.
    y : array_like, shape (m,) or (m, K)
        Labels 0..K-1, or targets; see `Network.objective`.
    l2 : float, optional
        The factor of the regularisation; the network's own unless given.
    sample_weight : array_like, shape (m,), optional
        Weights >= 0.
    n_threads : int, optional
        Upper limit of the threads of one call; see `fastbp.threads`.

    Attributes
    ----------
    network : Network
    n_samples : int
    l2 : float
    sample_weight : ndarray or None
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
        "_data", "_evaluate", "_explicit_threads", "_last", "_problem",
        "l2", "n_samples", "n_threads", "network", "sample_weight",
    )  # fmt: skip

    network: "Network"
    n_samples: int
    l2: float
    sample_weight: "NDArray[Any] | None"
    n_threads: int

    def __init__(
        self,
        network: "Network",
        X: Any,
        y: Any,
        l2: float | None = None,
        sample_weight: Any = None,
        n_threads: int | None = None,
    ) -> None:
        real = network.dtype
        X = validate.data(X, network.widths[0], real)
        m = X.shape[0]
        labels, matrix = targets.read(y, network, m)
        set_once = object.__setattr__
        set_once(self, "network", network)
        set_once(self, "n_samples", m)
        set_once(self, "l2", network.l2 if l2 is None else validate.non_negative(l2, "l2"))
        set_once(self, "sample_weight", validate.sample_weight(sample_weight, m, real))
        set_once(self, "n_threads", threads.resolve(n_threads))
        self._explicit_threads = n_threads
        self._data = (X, matrix if labels is None else labels)
        self._last: tuple[bytes, float, NDArray[np.float64]] | None = None
        self._problem = core(real.name).Problem(
            network.widths, *network._for_engine(), X, labels, matrix,
            self.sample_weight, self.l2, network.reduction == "mean", self.n_threads,
        )  # fmt: skip
        self._evaluate = self._problem.evaluate

    def __call__(self, theta: Any) -> "tuple[float, NDArray[np.float64]]":
        """The cost and a fresh gradient at `theta`.

        Parameters
        ----------
        theta : ndarray, shape (n_parameters,)
            Contiguous float64 is read in place; anything else is converted.

        Returns
        -------
        J : float
        D : ndarray of float64, shape (n_parameters,)

        Raises
        ------
        TypeError, ValueError
            If theta has the wrong length or shape, or is not real.
        """
        try:
            return self._evaluate(theta, True)
        except (TypeError, ValueError) as error:
            refusal = error
        try:
            vector = validate.theta(self.network, theta)
            if vector is theta:  # nothing was wrong with it: a signal handler raised this
                raise refusal
        finally:
            del refusal  # it holds this frame, which would hold it, and theta, until collected
        return self._evaluate(vector, True)

    def cost(self, theta: Any) -> float:
        """The cost alone, without the work of a gradient; for methods that need none."""
        return self._evaluate(validate.theta(self.network, theta), False)[0]

    def fun(self, theta: Any) -> float:
        """The cost at `theta`; `fun` and `jac` at the same theta share one evaluation."""
        return self._at(theta)[1]

    def jac(self, theta: Any) -> "NDArray[np.float64]":
        """The gradient at `theta`, a fresh array; shares one evaluation with `fun`."""
        return self._at(theta)[2].copy()

    def _at(self, theta: Any) -> "tuple[bytes, float, NDArray[np.float64]]":
        """The last evaluation if it was at `theta`, else a new one."""
        key = validate.theta(self.network, theta).tobytes()
        last = self._last
        if last is None or last[0] != key:
            # The bytes that are remembered are the ones evaluated, and the tuple is replaced as a
            # whole, so another thread sees a theta and its own result, or the one before.
            last = (key, *self._evaluate(np.frombuffer(key), True))
            self._last = last
        return last

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations since the objective was made."""
        return self._problem.n_evaluations

    @property
    def seconds(self) -> float:
        """Time spent in the evaluations, in seconds."""
        return self._problem.seconds

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise AttributeError(
                f"an Objective is bound to its data and settings: {name} cannot be set; "
                "make another one with net.objective(...)"
            )
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        weighted = "" if self.sample_weight is None else ", weighted"
        return (
            f"<Objective: {self.network.name}, {self.n_samples} samples{weighted}, l2={self.l2:g}, "
            f"n_threads={self.n_threads}; {self.n_evaluations} evaluations in {self.seconds:.3g} s>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        rest = (self.l2, self.sample_weight, self._explicit_threads)
        return _rebuild, (PICKLE_VERSION, self.network, *self._data, *rest)


def _rebuild(version: int, *arguments: Any) -> Objective:
    """The objective of a pickle; its counters start at 0, its threads are those of this process."""
    if version != PICKLE_VERSION:
        raise ValueError(
            f"this Objective was pickled in format {version!r}; this fastbp reads format "
            f"{PICKLE_VERSION}: read it with the fastbp that wrote it"
        )
    return Objective(*arguments)
