"""A network bound to its parameters: X in, outputs out."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import compiled, parameters, predictions, samples, threads, validate
from fastbp.immutable import Immutable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network

PICKLE_VERSION = 1


class Model(Immutable):
    """a(L) of one network at one theta, for any samples: for predictions that are made often.

        model = net.bind(theta)
        model(X)                        (m, K), as net.forward(theta, X)
        model(x)                        one sample, (s_0,) -> (K,)

    In general X is (m, *input_shape) or (m, s_0), and one sample (s_0,) or of the input shape (also
    where that is (1, s_0)); outputs are (m, *output_shape).

    theta is checked, copied and packed once, here: changing it afterwards changes nothing. A call
    gives the bits of `Network.forward`. A model is immutable and may be called from any number of
    threads; it can be pickled. Made by `Network.bind`.

    Parameters
    ----------
    network : Network
    theta : array_like, shape (n_parameters,)
        Any numbers; one that is not finite gives what IEEE arithmetic says, but predicts nothing.
    n_threads : int, optional
        Upper limit of the threads of one call; see `fastbp.threads`.

    Attributes
    ----------
    network : Network
    theta : ndarray of float64, shape (n_parameters,)
        The copy, read-only.
    n_threads : int

    Raises
    ------
    TypeError, ValueError
        If theta does not fit the network.
    """

    __slots__ = (
        "_explicit_threads", "_is_finite", "_is_plain", "_run", "n_threads", "network", "theta",
    )  # fmt: skip

    _nature = "a Model is bound to its network and theta"
    _made_by = "net.bind(theta)"

    network: "Network"
    theta: "NDArray[np.float64]"
    n_threads: int
    _explicit_threads: int | None
    _is_finite: bool
    _is_plain: bool
    _run: Any

    def __init__(self, network: "Network", theta: Any, n_threads: int | None = None) -> None:
        copy = np.array(parameters.theta(network, theta))
        copy.flags.writeable = False
        limit = threads.resolve(n_threads)
        engine, chain = compiled.chain(network)
        self._set(
            network=network,
            theta=copy,
            n_threads=limit,
            _explicit_threads=n_threads,
            _is_finite=bool(np.isfinite(copy).all()),
            _is_plain=network._is_plain,
            # The engine has a copy of its own: a caller could make `theta` writeable again.
            _run=engine.Model(chain, copy.copy(), limit).run,
        )

    def __call__(
        self, X: Any, out: "NDArray[Any] | None" = None, lengths: Any = None
    ) -> "NDArray[Any]":
        """The activations of the last layer, in the network's dtype.

        Parameters
        ----------
        X : array_like, shape (m, s_0) or (s_0,)
            Samples in rows, or one sample: finite numbers of any real dtype and memory order. A
            C-contiguous ndarray of the network's dtype is read in place.
        out : ndarray, shape (m, K) or (K,), optional
            Where to write them: C-contiguous, of the network's dtype, and no memory of X.
        lengths : array_like of int, shape (m,), optional
            Of sequences: how many steps each sample has; see `Network.forward`.

        Returns
        -------
        ndarray, shape (m, K) or (K,): `out`, or a fresh one

        Raises
        ------
        TypeError, ValueError
            If X does not fit the network or is not finite, or `out` cannot be written to.
        """
        if self._is_plain and lengths is None:
            result = self._run(X, out)
            return self._checked(X, out, False) if result is None else result
        is_single = samples.is_one(X, self.network)
        rows = self._sample(X) if is_single else X
        shape = (*(() if is_single else (len(rows),)), *self.network.output_shape)
        if out is None:
            return self._outputs(rows, False, lengths).reshape(shape)
        self._check_out(out, samples.data(rows, self.network), is_single)
        out[...] = self._outputs(rows, False, lengths).reshape(shape)
        return out

    def predict(self, X: Any, lengths: Any = None) -> Any:
        """What the network says about each sample, as `Network.predict`; of one sample, (s_0,),
        the class or the activations alone.

        Raises
        ------
        TypeError, ValueError
            As `Network.predict`.
        """
        return self._said(predictions.predicted, X, lengths)

    def predict_proba(self, X: Any, lengths: Any = None) -> "NDArray[Any]":
        """Probabilities of the classes, as `Network.predict_proba`; of one sample a vector.

        Raises
        ------
        TypeError, ValueError
            As `Network.predict_proba`.
        """
        return self._said(predictions.probabilities, X, lengths)  # type: ignore[no-any-return]

    def _said(self, what: Any, X: Any, lengths: Any) -> Any:
        """Predictions of one kind (`what` is a function of predictions.py) for X or one sample."""
        rows, is_single = self._rows(X)
        values = what(self.network, partial(self._outputs, rows, lengths=lengths))
        values = predictions.cut(self.network, values, lengths)
        return values[0] if is_single else values

    def _rows(self, X: Any) -> tuple[Any, bool]:
        """X as samples in rows, and whether it was one sample without a row."""
        if not self._is_finite:
            predictions.check_theta(self.theta)
        if not samples.is_one(X, self.network):
            return X, False
        return self._sample(X), True

    def _sample(self, x: Any) -> "NDArray[Any]":
        """One sample as a row."""
        return samples.one(x, self.network)

    def _outputs(self, X: Any, z: bool, lengths: Any = None) -> "NDArray[Any]":
        """a(L), or z(L), of samples in rows: (m, *positions, K)."""
        if lengths is not None:
            return self.network._outputs(self.theta, X, z, lengths, self.n_threads)
        result = self._run(X, None, z)
        if self._is_plain:
            return self._checked(X, None, z) if result is None else result
        if result is None:
            result = self._run(samples.data(X, self.network), None, z, True)
        return predictions.shaped(self.network, result, None)

    def _checked(self, X: Any, out: Any, z: bool) -> "NDArray[Any]":
        """The same of what cannot be read as it is."""
        is_single = samples.is_one(X, self.network)
        rows = self._sample(X) if is_single else X
        data = samples.data(rows, self.network)
        if out is not None:
            self._check_out(out, data, is_single)
        values: NDArray[Any] = self._run(
            data, out[np.newaxis] if is_single and out is not None else out, z, True
        )
        if out is None:
            return values[0] if is_single else values
        return out  # type: ignore[no-any-return]

    def _check_out(self, out: Any, X: "NDArray[Any]", is_single: bool) -> None:
        """Refuses an `out` that the outputs of X cannot be written to."""
        real = self.network.dtype
        shape = (*(() if is_single else (len(X),)), *self.network.output_shape)
        validate.check_writable(out, real, shape, "out is written to in place")
        if np.may_share_memory(out, X):
            raise ValueError(
                "out lies in the memory of X, which is read while out is written; pass another "
                f"array: np.empty({shape}, {str(real)!r})"
            )

    def __repr__(self) -> str:
        return (
            f"<Model: {self.network.name}, {self.theta.size} parameters, "
            f"{self.network.dtype.name}, n_threads={self.n_threads}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (PICKLE_VERSION, self.network, self.theta, self._explicit_threads)


def rebuild(version: int, *arguments: Any) -> Model:
    """The model of a pickle; its threads are those of this process."""
    validate.pickle_version(version, PICKLE_VERSION, "Model")
    return Model(*arguments)
