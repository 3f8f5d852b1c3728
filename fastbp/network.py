"""The network: what its layers are, how well a theta does on data, and in which direction to go."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from fastbp import last_call, names, parameters, predictions, threads, validate
from fastbp._core import core
from fastbp.as_expressions import AsExpressions
from fastbp.description import describe, from_description
from fastbp.immutable import Immutable
from fastbp.initializers import Scheme, random_theta
from fastbp.layers import Block, Dense, blocks, chain, table
from fastbp.model import Model
from fastbp.objective import Objective

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from fastbp._core.interface import Engine
    from fastbp.circuits.circuit import Circuit
    from fastbp.parameterised import Parameterised


class Network(Immutable, AsExpressions):
    """A feed-forward network: layers, a loss and a regularisation; it holds no parameters.

        z(l+1) = W a(l) + b,   a(l+1) = g(z(l+1)),   a(1) = x
        J = 1/m sum_i loss(a(L)_i, y_i) + l2/(2m) sum W^2

    No bias is in the second sum. With reduction="sum" both factors 1/m are left out. The parameters
    are a flat vector theta, the concatenation of Theta[0].ravel(), Theta[1].ravel(), ... where
    Theta[l] has shape (s_{l+1}, 1 + s_l) and its column 0 is the bias. A vector that MATLAB or
    Octave unrolled, column by column, has the same length and another meaning: see `unpack`.

    A network is immutable: networks with equal layers and settings are equal, can be keys of a
    dictionary, and may be used from any number of threads.

    Parameters
    ----------
    layers : sequence of Dense
        Each takes as many inputs as the one before has outputs.
    loss : str or Circuit
        Summed over the K outputs: "cross_entropy" (output "sigmoid" or "softmax"),
        "squared_error" (1/2 ||a - y||^2), "absolute_error", "quantile(tau)", "huber(delta)" (1
        unless given), "log_cosh", "poisson" (output "identity": a is the log of the rate;
        "softplus": the rate), "hinge", "squared_hinge", "multiclass_hinge" (the largest margin:
        Crammer and Singer), "weston_watkins" (the sum of all margins). Or a circuit of two
        variables, the activation a of one output and its target y, in this order.
    l2 : float
        The factor lambda of the regularisation, >= 0; each call may take another.
    dtype : {"float64", "float32"}
        Precision of the arithmetic. theta, J and the gradient are float64 in either case.
    reduction : {"mean", "sum"}

    Attributes
    ----------
    widths : tuple of int
        s_0, ..., K: inputs, units of the layers.
    activations : tuple of str or Circuit
        One for each layer.
    shapes : tuple of (int, int)
        Of the matrices Theta[l].
    n_parameters : int
        The length of theta.

    Raises
    ------
    TypeError, ValueError
        If widths do not match, a name is unknown, a circuit cannot be what it is given for, or the
        loss cannot follow the output.
    """

    __slots__ = ("_chain", "_last_call", "activations", "dtype", "l2", "layers", "loss",
                 "n_parameters", "reduction", "shapes", "widths")  # fmt: skip

    layers: tuple[Dense, ...]
    loss: "names.Loss | Parameterised | Circuit"
    l2: float
    dtype: "np.dtype[Any]"
    reduction: names.Reduction
    widths: tuple[int, ...]
    activations: "tuple[names.Activation | Parameterised | Circuit, ...]"
    shapes: tuple[tuple[int, int], ...]
    n_parameters: int
    _last_call: "last_call.Call | None"
    _chain: "tuple[Engine, Any]"

    @names.advised
    def __init__(
        self,
        layers: Iterable[Dense],
        loss: "names.Loss | Parameterised | Circuit" = "squared_error",
        l2: float = 0.0,
        dtype: "DTypeLike" = "float64",
        reduction: names.Reduction = "mean",
    ) -> None:
        real = validate.dtype(dtype)
        linked = chain(layers)
        set_once = object.__setattr__
        set_once(self, "layers", linked)
        set_once(self, "loss", names.checked(loss, "loss", tuple(names.losses()), "loss"))
        set_once(self, "l2", validate.non_negative(l2, "l2"))
        set_once(self, "dtype", real)
        set_once(
            self, "reduction", validate.one_of(reduction, get_args(names.Reduction), "reduction")
        )
        set_once(self, "widths", (linked[0].n_in, *(layer.n_out for layer in linked)))
        set_once(self, "activations", tuple(layer.activation for layer in linked))
        set_once(self, "shapes", tuple(layer.shape for layer in linked))
        set_once(self, "_last_call", None)
        set_once(self, "n_parameters", sum(layer.n_parameters for layer in linked))
        names.check_pairing(self.loss, self.activations[-1], self.widths[-1])

    # Parameters

    @names.advised
    def init(
        self, seed: Any = None, scheme: Scheme = "uniform", epsilon: float | None = None
    ) -> "NDArray[np.float64]":
        """A random first theta, float64, the same for the same seed.

        Parameters
        ----------
        seed : None, int, sequence of int or numpy.random.Generator
            As numpy.random.default_rng takes them; None draws a new one from the system.
        scheme : str
            "uniform": every entry, biases included, in [-epsilon, epsilon]. "glorot_uniform",
            "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal": weights
            by the widths, bias 0. "glorot" means glorot_uniform, "he" he_normal, "lecun"
            lecun_normal. Formulas and sources: `fastbp.initializers`.
        epsilon : float, optional
            Of the uniform scheme; sqrt(6 / (s_in + s_out)) per layer unless given.

        Raises
        ------
        TypeError, ValueError
            For an unknown scheme, a bad seed, or an epsilon that is not positive.
        """
        return random_theta(self.layers, seed, scheme, epsilon)

    def unpack(self, theta: Any, order: "parameters.Order" = "C") -> "list[NDArray[Any]]":
        """The matrices Theta[0], Theta[1], ... of `theta`, as views of it.

        Writing to a matrix writes to theta; a read-only theta gives read-only matrices. A gradient
        is unpacked in the same way. `theta` may have any dtype of numbers, and any stride.

        Parameters
        ----------
        theta : array_like, shape (n_parameters,)
        order : {"C", "F"}
            "C": theta holds the matrices row by row, as everywhere in this library. "F": column by
            column, as MATLAB and Octave unroll them, [Theta1(:); Theta2(:)]. Such a vector has the
            right length and the wrong meaning: convert it once, net.pack(net.unpack(v, order="F")).

        Raises
        ------
        TypeError, ValueError
            If theta is no vector of n_parameters numbers.
        """
        return parameters.unpack(self, theta, order)

    def pack(self, Thetas: Iterable[Any], order: "parameters.Order" = "C") -> "NDArray[np.float64]":
        """A fresh vector theta from the matrices Theta[0], Theta[1], ...: the inverse of unpack.

        With order="F" it is the vector that MATLAB and Octave make of them, for use there; every
        other function of this library takes order "C".

        Raises
        ------
        TypeError, ValueError
            If there is not one real matrix of shape (s_{l+1}, 1 + s_l) per layer.
        """
        return parameters.pack(self, Thetas, order)

    def blocks(self) -> list[Block]:
        """The bias and the weights of each layer, with the indices of their entries in theta."""
        return blocks(self.layers)

    # Outputs

    def forward(self, theta: Any, X: Any) -> "NDArray[Any]":
        """The activations of the last layer, shape (m, K), in the network's dtype.

        Parameters
        ----------
        theta : array_like, shape (n_parameters,)
        X : array_like, shape (m, s_0)
            Finite numbers of any real dtype and memory order.

        Raises
        ------
        TypeError, ValueError
            If theta or X does not fit the network.
        """
        return self._outputs(theta, X, False)

    def _outputs(self, theta: Any, X: Any, z: bool) -> "NDArray[Any]":
        """a(L), or z(L), of samples."""
        engine, chain = self._compiled()
        n_threads = threads.get_num_threads()
        output: NDArray[Any] | None
        try:
            output = engine.forward(chain, theta, X, n_threads, z)
        except TypeError:  # theta is not to be read as it is
            output = None
        if output is not None:
            return output
        vector = parameters.theta(self, theta)
        data = validate.data(X, self.widths[0], self.dtype)
        output = engine.forward(chain, vector, data, n_threads, z, True)
        assert output is not None
        return output

    def predict(self, theta: Any, X: Any) -> "NDArray[Any]":
        """What the network says about each sample.

        For cross_entropy and the hinge losses the class, int64 (m,): with K > 1 outputs the one
        with the largest activation, which is decided by z where g is increasing, so that outputs
        that saturate do not tie; with one output 1 where a > 1/2 (sigmoid: where z > 0) or a > 0
        (others), else 0. Where a sample may have several classes compare `forward` with 1/2
        yourself. For all other losses the activation, (m,) if K = 1, else (m, K).

        Raises
        ------
        TypeError, ValueError
            If theta or X does not fit the network, if theta is not finite, or if a class would
            have to follow from nan, where sums overflow.
        """
        vector = parameters.theta(self, theta)
        predictions.check_theta(vector)
        return predictions.predicted(self, partial(self._outputs, vector, X))

    def predict_proba(self, theta: Any, X: Any) -> "NDArray[Any]":
        """Probabilities of the classes; for sigmoid and softmax outputs.

        Softmax: (m, K), rows sum to 1. Sigmoid with K > 1: (m, K), one probability for each class
        on its own. Sigmoid with one output: (m, 2), of class 0 and class 1, each with all its
        digits.

        Raises
        ------
        ValueError
            If the output activation gives no probabilities; also as `predict`.
        """
        vector = parameters.theta(self, theta)
        predictions.check_theta(vector)
        return predictions.probabilities(self, partial(self._outputs, vector, X))

    def bind(self, theta: Any, n_threads: int | None = None) -> Model:
        """This network bound to parameters, for predictions that are made often.

            model = net.bind(theta)
            model(X), model(x), model.predict(X)

        Parameters
        ----------
        theta : array_like, shape (n_parameters,)
            Checked, copied and packed once, here.
        n_threads : int, optional
            Upper limit of the threads of one call; see `fastbp.threads` for the rule without it.

        Raises
        ------
        TypeError, ValueError
            If theta does not fit the network.
        """
        return Model(self, theta, n_threads)

    # Cost and gradient

    @names.advised
    def objective(
        self,
        X: Any,
        y: Any,
        l2: float | None = None,
        sample_weight: Any = None,
        n_threads: int | None = None,
    ) -> Objective:
        """This network bound to data, to be called many times.

        Parameters
        ----------
        X : array_like, shape (m, s_0)
            Samples in rows: any real or integer dtype, any memory order, read-only, memory-mapped,
            a DataFrame. Read in place when of the network's dtype and adjacent within a row.
        y : array_like
            K > 1: labels (m,) or (m, 1), integers 0..K-1, or targets (m, K). K = 1: targets (m,) or
            (m, 1). A DataFrame or Series too.
            Targets are 0..1 for cross_entropy (rows sum to 1 under softmax), >= 0 for poisson, -1
            and 1 or 0 and 1 for the hinge losses, one-hot for multiclass_hinge and
            weston_watkins, else any numbers.
            To a loss that is a circuit labels become one-hot rows of 0 and 1.
        l2 : float, optional
            Instead of the network's own.
        sample_weight : array_like, shape (m,), optional
            Weights >= 0, float64. In J and its gradient m becomes their sum. A weight of 0 leaves
            its sample out.
        n_threads : int, optional
            Upper limit of the threads of one call; see `fastbp.threads` for the rule without it.

        Raises
        ------
        TypeError, ValueError
            If the data does not fit the network, or is not finite.
        """
        return Objective(self, X, y, l2, sample_weight, n_threads)

    @names.advised
    def cost(
        self, theta: Any, X: Any, y: Any, l2: float | None = None, sample_weight: Any = None
    ) -> float:
        """The cost J at `theta`; parameters as for `objective`, errors too.

            minimize(net.cost, theta, args=(X, y, 1), method="TNC", jac=net.gradient)

        Arrays of the call before are not bound again, and what was evaluated for them at the same
        theta is not evaluated again, unless they have changed in between; they are not kept alive.
        Lists and frames are bound anew in every call. `objective` binds any data once.
        """
        return last_call.cost(self, theta, X, y, l2, sample_weight)

    @names.advised
    def gradient(
        self, theta: Any, X: Any, y: Any, l2: float | None = None, sample_weight: Any = None
    ) -> "NDArray[np.float64]":
        """The gradient D of the cost at `theta`, float64 (n_parameters,); as `cost`.

        D(l) = Delta(l)/m + l2/m [0, W(l)]
        """
        return last_call.cost_and_gradient(self, theta, X, y, l2, sample_weight)[1]

    @names.advised
    def cost_and_gradient(
        self, theta: Any, X: Any, y: Any, l2: float | None = None, sample_weight: Any = None
    ) -> "tuple[float, NDArray[np.float64]]":
        """The cost and its gradient at `theta` from one evaluation; as `cost` and `gradient`."""
        return last_call.cost_and_gradient(self, theta, X, y, l2, sample_weight)

    def _compiled(self) -> "tuple[Engine, Any]":
        """The engine of the network's dtype, and the network as it runs there."""
        try:
            return self._chain
        except AttributeError:
            pass
        dtype = self.dtype.name
        activations = tuple(names.compiled(g, "activation", dtype) for g in self.activations)
        engine = core(dtype)
        chain = engine.Chain(self.widths, activations, names.compiled(self.loss, "loss", dtype))
        object.__setattr__(self, "_chain", (engine, chain))
        return self._chain

    # Identity

    @property
    def name(self) -> str:
        """The widths, as people write them: "400-25-10"."""
        return "-".join(map(str, self.widths))

    def table(self) -> str:
        """The layers as text: one row each with Theta's shape, activation and parameters."""
        return table(self.layers)

    def to_dict(self) -> dict[str, Any]:
        """The network as plain numbers, strings and lists, ready for JSON."""
        return describe(self)

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> "Network":
        """The network that `to_dict` described.

        Raises
        ------
        ValueError
            If the version is unknown, or the description is not one that `to_dict` gives.
        """
        return from_description(cls, description)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.to_dict(),)

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Network) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> tuple[Any, ...]:
        return self.layers, self.loss, self.l2, self.dtype, self.reduction

    def __repr__(self) -> str:
        return (
            f"Network {self.name}: loss {self.loss}, l2 {self.l2:g}, {self.dtype.name}, "
            f"{self.reduction}\n{self.table()}"
        )


def _rebuild(description: dict[str, Any]) -> Network:
    """The network of a pickle; an unknown version in the description is refused."""
    return Network.from_dict(description)
