"""Derivatives of a network's outputs by its inputs: the methods of a network that give them, and
costs on them.
"""

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastbp import compiled, parameters, samples, threads, validate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.collocation import Collocation
    from fastbp.network import Network

DIRECTIONS = 4  # of X at once, for second derivatives


class InputDerivatives:
    """What `Network` has of derivatives by X; a is what `forward` returns.

    X is (m, *input_shape) or (m, s_0), as for `forward`, and results have its axes. Of sequences
    `lengths` are as there: what comes after the end has derivative 0.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        output_shape: tuple[int, ...]

    def input_gradient(self, theta: Any, X: Any, lengths: Any = None) -> "NDArray[Any]":
        """da/dX of a network of one output, of the shape of X: forces, sensitivities.

        Raises
        ------
        TypeError, ValueError
            If theta or X does not fit, or there are several outputs.
        """
        if int(np.prod(self.output_shape)) != 1:
            raise ValueError(
                f"input_gradient is for a network of one output, this one has {self.output_shape}; "
                "net.input_jacobian(theta, X) has the derivatives of all, net.vjp(theta, X, U) "
                "those of a combination of them"
            )
        return _derivative(self, "input_jacobian", theta, X, lengths, ())

    def input_jacobian(self, theta: Any, X: Any, lengths: Any = None) -> "NDArray[Any]":
        """da/dX, (m, *output_shape, *axes of a sample): one backward pass for each output."""
        return _derivative(self, "input_jacobian", theta, X, lengths, self.output_shape)

    def input_hessian(self, theta: Any, X: Any, lengths: Any = None) -> "NDArray[Any]":
        """d2a/dX2, (m, *output_shape, *axes of a sample, *axes of a sample).

        Tangents of the backward pass along every input: K n times as much work as a gradient.
        Beside a kink (relu) it is the derivative there, 0.
        """
        return _derivative(self, "input_hessian", theta, X, lengths, self.output_shape)

    def jvp(self, theta: Any, X: Any, V: Any, lengths: Any = None) -> "NDArray[Any]":
        """da/dX V of each sample, (m, *output_shape): how the outputs change along V.

        V : array_like, of the shape of X
        """
        return _derivative(self, "forward_product", theta, X, lengths, self.output_shape, V)

    def vjp(self, theta: Any, X: Any, U: Any, lengths: Any = None) -> "NDArray[Any]":
        """U da/dX of each sample, of the shape of X: the gradient of sum(U a) by X.

        U : array_like, (m, *output_shape), or (m,) for one output
        """
        return _derivative(self, "backward_product", theta, X, lengths, (), U)

    # Costs on them

    def symbols(self, inputs: str, outputs: str) -> "tuple[Any, ...]":
        """The inputs and outputs as variables of expressions, for residuals of `collocation`.

            x, t, u = net.symbols("x t", "u")
            u.d(t) + u * u.d(x) - 0.01 * u.d(x, x)

        `d` gives derivatives along inputs, to second order and mixed: of outputs, and by the chain
        rule of expressions of them, (u ** 2).d(x). All other variables do not depend on the inputs.

        Parameters
        ----------
        inputs, outputs : str
            A name for each number, with blanks or commas between them; or one name, for an array of
            all of them in the shape of a sample.

        Returns
        -------
        tuple
            The inputs, then the outputs.

        Raises
        ------
        TypeError, ValueError
            If names are too few or too many, or one comes twice.
        """
        from fastbp.collocation import symbols

        return symbols(cast("Network", self), inputs, outputs)

    def collocation(
        self,
        points: Any,
        residuals: Any,
        data: Any = None,
        l2: float | None = None,
        sample_weight: Any = None,
        n_threads: int | None = None,
    ) -> "Collocation":
        """Residuals of the network and its derivatives at points, as an objective.

            J = 1/(2m) sum_i sum_j r_j(x_i)^2 + l2/(2m) sum W^2

            x, t, u = net.symbols("x t", "u")
            nu = fastbp.variable("nu")
            problem = net.collocation(points, u.d(t) + u * u.d(x) - nu * u.d(x, x))
            problem.parameters                      # ("nu",): behind those of the network in theta

        Parameters
        ----------
        points : array_like, shape (m, *input_shape) or (m, s_0)
        residuals : Expression, or a sequence of them
            Of the symbols that one call of `symbols` made. Other variables are columns of data, or
            further parameters at the end of theta, in the order in which they were made.
        data : mapping, optional
            Names or variables, and for each a number of every point, (m,).
        l2 : float, optional
            Of the network's weights, instead of the network's own.
        sample_weight : array_like, shape (m,), optional
            Weights >= 0 of the points.
        n_threads : int, optional
            Upper limit of the threads of one call.

        Raises
        ------
        TypeError, ValueError
            If there is a residual without an output, two variables of one name, symbols of another
            network, or points that do not fit or are not finite.
        """
        from fastbp.collocation import Collocation

        network = cast("Network", self)
        return Collocation(network, points, residuals, data, l2, sample_weight, n_threads)


def _derivative(
    owner: Any, name: str, theta: Any, X: Any, lengths: Any, outputs: tuple[int, ...],
    beside: Any = None,
) -> "NDArray[Any]":  # fmt: skip
    network: Network = owner
    vector = parameters.theta(network, theta)
    data = samples.data(X, network)
    m = len(data)
    axes = np.shape(X)[1:]
    steps = samples.lengths(lengths, network, m)
    ended = None
    if steps is not None and len(network.output_shape) == 2:
        ended = np.arange(network.output_shape[0]) >= steps[:, None]
    if name == "forward_product":
        beside = _same_shape(beside, "V", data, np.shape(X))
    elif name == "backward_product":
        beside = _of_outputs(beside, network, m, ended)
    engine, chain = compiled.chain(network, steps is not None)
    if beside is not None:
        beside = np.require(beside.reshape(m, -1), network.dtype, ["C", "A"])
    out = engine.input_derivatives(
        chain, vector, data, name, threads.get_num_threads(), beside, steps, DIRECTIONS
    )
    inputs = {"forward_product": (), "input_hessian": (*axes, *axes)}.get(name, axes)
    out = out.reshape(m, *outputs, *inputs)
    if ended is not None and outputs:
        out[ended] = 0
    return out


def _same_shape(V: Any, name: str, data: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any]":
    array = validate.numbers(V, name)
    if array.shape not in (shape, data.shape):
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}, that of X")
    return array


def _of_outputs(
    U: Any, network: "Network", m: int, ended: "NDArray[np.bool_] | None"
) -> "NDArray[Any]":
    array, shape = validate.numbers(U, "U"), (m, *network.output_shape)
    if array.shape != shape and not (array.shape == (m,) and int(np.prod(shape)) == m):
        raise ValueError(f"U has shape {array.shape}; expected {shape}, that of the outputs")
    if ended is None:
        return array
    array = array.copy()
    array[ended] = 0
    return array
