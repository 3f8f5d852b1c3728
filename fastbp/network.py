"""The network: what its layers are, how well a theta does on data, and in which direction to go."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastbp import compiled, last_call, names, parameters, predictions, samples, threads, validate
from fastbp.description import describe, from_description
from fastbp.input_derivatives import InputDerivatives
from fastbp.layered import Layered
from fastbp.layers.layer import Layer
from fastbp.missing import Missing
from fastbp.model import Model
from fastbp.objective import Objective

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import DTypeLike, NDArray

    from fastbp._core.interface import Engine
    from fastbp.circuits.circuit import Circuit
    from fastbp.parameterised import Parameterised


class Network(InputDerivatives, Layered):
    """A feed-forward network: layers, a loss and a regularisation; it holds no parameters.

        z(l+1) = W a(l) + b,   a(l+1) = g(z(l+1)),   a(1) = x
        J = 1/m sum_i loss(a(L)_i, y_i) + l2/(2m) sum W^2

    No bias is in the second sum. With reduction="sum" both factors 1/m are left out. The parameters
    are a flat vector theta, the concatenation of Theta[0].ravel(), Theta[1].ravel(), ... where
    Theta[l] has shape (s_{l+1}, 1 + s_l) and its column 0 is the bias. A vector that MATLAB or
    Octave unrolled, column by column, has the same length and another meaning: see `unpack`.
    Convolutions and recurrent layers have such matrices too; their docstrings say which.

    Where the output is a sequence, (T, K), the loss is summed over its steps, only those before a
    sample's length, and m stays the number of samples.

    A network is immutable: networks with equal layers and settings are equal, can be keys of a
    dictionary, and may be used from any number of threads.

    Parameters
    ----------
    layers : sequence of layers
        `Dense`, `Conv1d`, `Conv2d`, `MaxPool1d`, `MaxPool2d`, `AvgPool1d`, `AvgPool2d`, `Flatten`,
        `RNN`, `GRU`, `LSTM`. Each takes what the one before gives; numbers of inputs that follow
        from it may be None.
    loss : str or Circuit
        Summed over the K outputs: "cross_entropy" (output "sigmoid" or "softmax"),
        "squared_error" (1/2 ||a - y||^2), "absolute_error", "quantile(tau)", "huber(delta)" (1
        unless given), "log_cosh", "poisson" (output "identity": a is the log of the rate;
        "softplus": the rate), "gamma", "negative_binomial(alpha)" (a is the log of
        the mean; alpha 1 unless given), "focal(gamma)" (output "sigmoid"; 2 unless given), "hinge",
        "squared_hinge", "multiclass_hinge" (the largest margin: Crammer and Singer),
        "weston_watkins" (the sum of all margins). Or a circuit of two variables, the activation a
        of one output and its target y, in this order; further ones are columns of data.
    l2 : float
        The factor lambda of the regularisation, >= 0; each call may take another.
    dtype : {"float64", "float32"}
        Precision of the arithmetic. theta, J and the gradient are float64 in either case.
    reduction : {"mean", "sum"}
    input_shape : int or tuple of int, optional
        Of one sample: (n,), (steps, features), (channels, length), (channels, height, width). A
        first layer that is Dense says it itself.

    Attributes
    ----------
    layers : tuple of layers
        With all their numbers of inputs.
    input_shape, output_shape : tuple of int
        Of one sample.
    widths : tuple of int
        s_0, ..., K: how many numbers go into the network, and come out of each layer.
    activations : tuple of str or Circuit
        One for each layer: "identity" of those that end in none.
    shapes : tuple of (int, int)
        Of the matrices Theta[l].
    n_parameters : int
        The length of theta.

    Raises
    ------
    TypeError, ValueError
        If shapes do not match (the message shows all up to there), a name is unknown, a circuit
        cannot be what it is given for, or the loss cannot follow the output.
    """

    __slots__ = ("_engines", "_last_call", "dtype", "l2", "loss", "reduction")

    loss: "names.Loss | Parameterised | Circuit"
    l2: float
    dtype: "np.dtype[Any]"
    reduction: names.Reduction
    _last_call: "last_call.Call | None"
    _engines: "dict[bool, tuple[Engine, Any]]"  # by whether samples have lengths; see compiled.py

    @names.advised
    def __init__(
        self,
        layers: Iterable[Layer],
        loss: "names.Loss | Parameterised | Circuit" = "squared_error",
        l2: float = 0.0,
        dtype: "DTypeLike" = "float64",
        reduction: names.Reduction = "mean",
        input_shape: "int | tuple[int, ...] | None" = None,
    ) -> None:
        real = validate.dtype(dtype)
        self._link(layers, input_shape)
        self._set(
            loss=names.checked(loss, "loss", tuple(names.losses()), "loss"),
            l2=validate.non_negative(l2, "l2"),
            dtype=real,
            reduction=validate.one_of(reduction, names.REDUCTIONS, "reduction"),
            _last_call=None,
            _engines={},
        )
        names.check_pairing(self.loss, self.activations[-1], self._outputs_shape[-1])

    # Outputs

    def forward(self, theta: Any, X: Any, lengths: Any = None) -> "NDArray[Any]":
        """The activations of the last layer, shape (m, *output_shape), in the network's dtype.

        Parameters
        ----------
        theta : array_like, shape (n_parameters,)
        X : array_like, shape (m, *input_shape) or (m, s_0)
            Finite numbers of any real dtype and memory order.
        lengths : array_like of int, shape (m,), optional
            Of sequences: how many steps each sample has, 1 ... T. What X holds after them counts
            for nothing; the last state is the one at the last of them, and outputs after it are 0.

        Raises
        ------
        TypeError, ValueError
            If theta, X or lengths do not fit the network.
        """
        outputs = self._outputs(theta, X, False, lengths)
        plain = self._is_plain
        return outputs if plain else outputs.reshape(-1, *self.output_shape)

    def _outputs(
        self, theta: Any, X: Any, z: bool, lengths: Any = None, n_threads: int | None = None
    ) -> "NDArray[Any]":
        """a(L), or z(L), of samples: (m, *positions, K), 0 after the end of a sequence."""
        n_threads = threads.get_num_threads() if n_threads is None else n_threads
        output: NDArray[Any] | None = None
        steps = None
        if lengths is None:
            engine, chain = compiled.chain(self)
            output = engine.forward(chain, theta, X, n_threads, z)
        if output is None:
            vector = parameters.theta(self, theta)
            data = samples.data(X, self)
            steps = samples.lengths(lengths, self, len(data))
            engine, chain = compiled.chain(self, steps is not None)
            ends = () if steps is None else (steps,)
            output = engine.forward(chain, vector, data, n_threads, z, True, *ends)
        assert output is not None
        return output if self._is_plain else predictions.shaped(self, output, steps)

    def predict(self, theta: Any, X: Any, lengths: Any = None) -> "NDArray[Any]":
        """What the network says about each sample, or each step of a sequence.

        For cross_entropy and the hinge losses the class, int64 (m,): with K > 1 outputs the one
        with the largest activation, which is decided by z where g is increasing, so that outputs
        that saturate do not tie; with one output 1 where a > 1/2 (sigmoid: where z > 0) or a > 0
        (others), else 0. Where a sample may have several classes compare `forward` with 1/2
        yourself. For all other losses the activation, (m,) if K = 1, else (m, K). Where the output
        is a sequence (T, K), all this of each step, (m, T) or (m, T, K); steps after the end that
        `lengths` says are of class -1, or 0.

        Raises
        ------
        TypeError, ValueError
            If theta, X or lengths do not fit the network, if theta is not finite, or if a class
            would have to follow from nan, where sums overflow.
        """
        vector = parameters.theta(self, theta)
        predictions.check_theta(vector)
        values = predictions.predicted(self, partial(self._outputs, vector, X, lengths=lengths))
        return predictions.cut(self, values, lengths)

    def predict_proba(self, theta: Any, X: Any, lengths: Any = None) -> "NDArray[Any]":
        """Probabilities of the classes; for sigmoid and softmax outputs.

        Softmax: (m, K), rows sum to 1. Sigmoid with K > 1: (m, K), one probability for each class
        on its own. Sigmoid with one output: (m, 2), of class 0 and class 1, each with all its
        digits. Where the output is a sequence, (m, T, ...): of each step; 0 after the end of a
        sample.

        Raises
        ------
        ValueError
            If the output activation gives no probabilities; also as `predict`.
        """
        vector = parameters.theta(self, theta)
        predictions.check_theta(vector)
        values = predictions.probabilities(self, partial(self._outputs, vector, X, lengths=lengths))
        return predictions.cut(self, values, lengths)

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
        lengths: Any = None,
        dy: Any = None,
        dy_weight: float = 1.0,
        missing: Missing = "error",
        class_weight: "Literal['balanced'] | dict[int, float] | None" = None,
        columns: Any = None,
    ) -> Objective:
        """This network bound to data, to be called many times.

        Parameters
        ----------
        X : array_like, shape (m, *input_shape) or (m, s_0)
            Samples in rows: any real or integer dtype, any memory order, read-only, memory-mapped,
            a DataFrame. Read in place when of the network's dtype and adjacent within a sample.
        y : array_like
            K > 1: labels (m,) or (m, 1), integers 0..K-1, or targets (m, K). K = 1: targets (m,) or
            (m, 1). A DataFrame or Series too. Where the output is a sequence (T, K): labels (m, T),
            or targets (m, T, K); the loss is summed over the steps, and m is the number of samples.
            Targets are 0..1 for cross_entropy (rows sum to 1 under softmax) and focal, >= 0 for
            poisson and negative_binomial, > 0 for gamma, -1 and 1 or 0 and 1 for the hinge losses,
            one-hot for multiclass_hinge and weston_watkins, else any numbers.
            To a loss that is a circuit labels become one-hot rows of 0 and 1.
        l2 : float, optional
            Instead of the network's own.
        sample_weight : array_like, shape (m,), optional
            Weights >= 0, float64. In J and its gradient m becomes their sum. A weight of 0 leaves
            its sample out.
        n_threads : int, optional
            Upper limit of the threads of one call; see `fastbp.threads` for the rule without it.
        lengths : array_like of int, shape (m,), optional
            Of sequences: how many steps each sample has, 1 ... T, the rest being padding. The last
            state is the one at the last of them; of an output for each step those after it count
            for nothing, whatever y holds there.
        dy : array_like, shape (m, K, n), optional
            What the derivatives of the outputs by the inputs should be, as `input_jacobian` gives
            them (forces, Sobolev training); with one output (m, n) too, as `input_gradient` does.
            Adds dy_weight/2 |da_i/dx_i - dy_i|^2 to the loss of each sample.
        dy_weight : float
            >= 0, in units of the loss over those of dy squared.
        missing : {"error", "ignore"}
            "ignore": y may hold nan (or be masked, or have pandas' NA). A target that is nan has
            no cost, gradient, curvature or residual; m stays the number of samples, or the sum of
            their weights. With softmax cross entropy and the losses of classes the targets of a
            sample are all there or all missing, and a label may be nan.
        class_weight : "balanced" or dict of label: weight, optional
            What the weight of each sample is multiplied by, where y is labels: of "balanced",
            m / (K n_k) with n_k samples of class k among K classes; of a dict, 1 for the labels
            that it does not name. Of one output the labels are 0 and 1, or -1 and 1.
        columns : dict of name: array_like (m,), or DataFrame, optional
            What a loss that is a circuit takes besides a and y: exposure, offset, variance; one
            number of each sample, for all its outputs and steps. Copied.

        Raises
        ------
        TypeError, ValueError
            If the data does not fit the network, or is not finite.
        """
        return Objective(
            self, X, y, l2, sample_weight, n_threads, lengths, dy, dy_weight, missing,
            class_weight, columns,
        )  # fmt: skip

    @names.advised
    def cost(
        self,
        theta: Any,
        X: Any,
        y: Any,
        l2: float | None = None,
        sample_weight: Any = None,
        lengths: Any = None,
    ) -> float:
        """The cost J at `theta`; parameters as for `objective`, errors too.

            minimize(net.cost, theta, args=(X, y, 1), method="TNC", jac=net.gradient)

        Arrays of the call before are not bound again, and what was evaluated for them at the same
        theta is not evaluated again, unless they have changed in between; they are not kept alive.
        Lists and frames are bound anew in every call. `objective` binds any data once.
        """
        return last_call.cost(self, theta, X, y, l2, sample_weight, lengths)

    @names.advised
    def gradient(
        self,
        theta: Any,
        X: Any,
        y: Any,
        l2: float | None = None,
        sample_weight: Any = None,
        lengths: Any = None,
    ) -> "NDArray[np.float64]":
        """The gradient D of the cost at `theta`, float64 (n_parameters,); as `cost`.

        D(l) = Delta(l)/m + l2/m [0, W(l)]
        """
        return last_call.cost_and_gradient(self, theta, X, y, l2, sample_weight, lengths)[1]

    @names.advised
    def cost_and_gradient(
        self,
        theta: Any,
        X: Any,
        y: Any,
        l2: float | None = None,
        sample_weight: Any = None,
        lengths: Any = None,
    ) -> "tuple[float, NDArray[np.float64]]":
        """The cost and its gradient at `theta` from one evaluation; as `cost` and `gradient`."""
        return last_call.cost_and_gradient(self, theta, X, y, l2, sample_weight, lengths)

    # Identity

    def to_dict(self) -> dict[str, Any]:
        """The network as plain numbers, strings and lists, ready for JSON."""
        return describe(self)

    def save(self, path: "str | PathLike[str]", theta: Any, extra: Any = None) -> None:
        """Write the network and its parameters to a file, which `fastbp.load` reads.

        Parameters and errors are those of `fastbp.files.save(path, self, theta, extra)`.
        """
        from fastbp import files

        files.save(path, self, theta, extra)

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
        """What makes networks equal."""
        return self.layers, self.input_shape, self.loss, self.l2, self.dtype, self.reduction

    def __repr__(self) -> str:
        return (
            f"Network {self.name}: loss {self.loss}, l2 {self.l2:g}, {self.dtype.name}, "
            f"{self.reduction}\n{self.table()}"
        )


def _rebuild(description: dict[str, Any]) -> Network:
    """The network of a pickle; an unknown version in the description is refused."""
    return Network.from_dict(description)
