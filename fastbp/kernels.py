"""The kernels of backpropagation by themselves: the formulas, on arrays with a sample in each row.

    z, a  = forward(Theta, a_below, "tanh")              z = a_below W' + b,  a = g(z)
    cost, delta = output_delta("squared_error", "tanh", z, y)   delta = dloss/dz
    below = backpropagate(Theta, delta, z_below, "tanh")        (delta W + error) * g'(z_below)
    Delta = accumulate(delta, a_below)                          sum of delta [1, a_below]'
    D     = regularized_gradient(Delta, Theta, l2, m)           Delta/m + l2/m [0, W]

They are the compiled kernels the engine is made of. Arrays are taken in any layout and real dtype;
float32 stays float32, anything else is computed in float64. Nothing is changed in place but a
`Delta` that is passed to be added to.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._core import core
from fastbp.names import Activation, Loss, checked, compiled
from fastbp.parameterised import Parameterised, without_parameter
from fastbp.validate import FLOAT64, check_writable, non_negative, numbers, one_of, positive

if TYPE_CHECKING:
    from fastbp._core.interface import Engine
    from fastbp.circuits.circuit import Circuit

Pair = tuple[NDArray[Any], NDArray[Any]]

__all__ = ["accumulate", "backpropagate", "forward", "output_delta", "regularized_gradient"]


def forward(
    Theta: ArrayLike, a: ArrayLike, activation: "Activation | Parameterised | Circuit" = "identity"
) -> tuple[NDArray[Any], NDArray[Any]]:
    """z = a W' + b and g(z) of a dense layer.

    Parameters
    ----------
    Theta : (s_out, 1 + s_in), column 0 the bias b, the others W
    a : (m, s_in), activations of the layer below, or the data
    activation : str, the name of g; or a circuit of z

    Returns
    -------
    z, g(z) : (m, s_out)

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, an array is not real, or the activation is unknown.
    """
    result: Pair | None = _engine(Theta).layer_forward(Theta, a, activation)
    if result is not None:
        return result
    dtype = _common(Theta, a)
    Theta = _matrix(Theta, "Theta", dtype)
    a = _matrix(a, "a", dtype, columns=Theta.shape[1] - 1)
    engine = core(dtype)
    g = _activation(activation, engine.ACTIVATIONS, "activation", dtype)
    converted: Pair = engine.layer_forward(Theta, a, g)
    return converted


def backpropagate(
    Theta: ArrayLike,
    delta: ArrayLike,
    z: ArrayLike,
    activation: "Activation | Parameterised | Circuit" = "identity",
    error: ArrayLike | None = None,
) -> NDArray[Any]:
    """delta of the layer below: (delta W + error) * g'(z).

    By the chain rule dJ/da is summed over all that reads a: delta W comes from the layer above, and
    `error` is whatever else there is. Of a branch it is the delta W of the other layer that reads
    a, of a residual connection the dJ/da above, of a recurrent layer the delta W of the step after,
    of a cost that has a term of its own for a (sparse or contractive networks) that term's slope.

    Parameters
    ----------
    Theta : (s_out, 1 + s_in), of the layer that `delta` belongs to
    delta : (m, s_out), dJ/dz of that layer
    z : (m, s_in), preactivations of the layer below
    activation : str, the name of the g of the layer below; or a circuit of z
    error : (m, s_in), optional, the part of dJ/da that does not come through this layer

    Returns
    -------
    (m, s_in), dJ/dz of the layer below

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, an array is not real, or the activation is unknown.
    """
    below: NDArray[Any] | None = _engine(Theta).layer_backward(Theta, delta, z, activation, error)
    if below is not None:
        return below
    dtype = _common(Theta, delta, z, *(() if error is None else (error,)))
    Theta = _matrix(Theta, "Theta", dtype)
    delta = _matrix(delta, "delta", dtype, columns=len(Theta))
    z = _matrix(z, "z", dtype, rows=len(delta), columns=Theta.shape[1] - 1)
    if error is not None:
        error = _matrix(error, "error", dtype, rows=len(z), columns=z.shape[1])
    engine = core(dtype)
    hidden = tuple(name for name in engine.ACTIVATIONS if name not in engine.OUTPUT_ONLY)
    g = _activation(activation, hidden, "activation", dtype)
    converted: NDArray[Any] = engine.layer_backward(Theta, delta, z, g, error)
    return converted


def accumulate(
    delta: ArrayLike, a: ArrayLike, Delta: "NDArray[np.float64] | None" = None
) -> NDArray[np.float64]:
    """Delta += delta' [1, a], summed over the samples and over nothing else.

    Parameters
    ----------
    delta : (m, s_out), dJ/dz of a layer
    a : (m, s_in), activations of the layer below
    Delta : contiguous float64 (s_out, 1 + s_in), optional; added to in place. Default: zeros.

    Returns
    -------
    Delta, float64 whatever the precision of the samples

    Raises
    ------
    TypeError, ValueError
        If shapes do not match or an array is not real, or Delta cannot be added to in place.
    """
    total: NDArray[np.float64] | None = _engine(delta).layer_accumulate(delta, a, Delta)
    if total is not None:
        return total
    dtype = _common(delta, a)
    delta = _matrix(delta, "delta", dtype)
    a = _matrix(a, "a", dtype, rows=len(delta))
    shape = (delta.shape[1], 1 + a.shape[1])
    if Delta is not None:
        check_writable(Delta, FLOAT64, shape, "Delta is added to in place")
    converted: NDArray[np.float64] = core(dtype).layer_accumulate(delta, a, Delta)
    return converted


def regularized_gradient(
    Delta: ArrayLike, Theta: ArrayLike, l2: float, m: float
) -> NDArray[np.float64]:
    """D = Delta/m + l2/m [0, W]: the gradient of 1/m sum loss + l2/(2m) sum W^2, bias free.

    Parameters
    ----------
    Delta, Theta : (s_out, 1 + s_in)
    l2 : float, lambda
    m : float, number of samples (or the sum of their weights)

    Returns
    -------
    D : float64 (s_out, 1 + s_in)

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, an array is not real, or m is not positive.
    """
    l2, m = non_negative(l2, "l2"), positive(m, "m, the number of samples,")
    engine = core("float64")
    D: NDArray[np.float64] | None = engine.layer_gradient(Delta, Theta, l2, m)
    if D is not None:
        return D
    Delta = _matrix(Delta, "Delta", "float64")
    Theta = _matrix(Theta, "Theta", "float64", rows=Delta.shape[0], columns=Delta.shape[1])
    converted: NDArray[np.float64] = engine.layer_gradient(Delta, Theta, l2, m)
    return converted


def output_delta(
    loss: "Loss | Parameterised | Circuit",
    output: "Activation | Parameterised | Circuit",
    z: ArrayLike,
    y: ArrayLike,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The loss of each sample and delta(L) = dloss/dz.

    Parameters
    ----------
    loss, output : str, names of the loss and of the output activation; or circuits, of a and y and
        of z
    z : (m, K), preactivations of the output layer
    y : (m, K), targets (one-hot for labels; -1 and 1 for hinge and squared_hinge)

    Returns
    -------
    cost : (m,)
    delta : (m, K)

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, an array is not real, or loss and output do not go together.
    """
    result: Pair | None = _engine(z).output_delta(loss, output, z, y)
    if result is not None:
        return result
    dtype = _common(z, y)
    z = _matrix(z, "z", dtype)
    y = _matrix(y, "y", dtype, rows=z.shape[0], columns=z.shape[1])
    engine = core(dtype)
    f = compiled(checked(loss, "loss", tuple(engine.LOSSES), "loss"), "loss", dtype)
    outputs = engine.LOSSES[without_parameter(f)] if isinstance(f, str) else None
    if outputs is None:
        g = _activation(output, engine.ACTIVATIONS, f"output for {loss}", dtype)
    else:
        g = one_of(output, outputs, f"output for {loss}")
    converted: Pair = engine.output_delta(f, g, z, y)
    return converted


def _engine(array: Any) -> "Engine":
    """That which may read this array as it is; it says itself whether it can."""
    return core("float32" if getattr(array, "dtype", None) == np.float32 else "float64")


def _activation(value: Any, known: Sequence[str], what: str, dtype: str) -> Any:
    """One of the names, or a circuit compiled for the engine."""
    return compiled(checked(value, "activation", known, what), "activation", dtype)


def _common(*arrays: ArrayLike) -> str:
    """float32 if all arrays are, else float64."""
    try:
        single = all(np.asarray(a).dtype == np.float32 for a in arrays)
    except Exception:  # what is no array is refused by _matrix, which knows its name
        single = False
    return "float32" if single else "float64"


def _matrix(
    array: ArrayLike, name: str, dtype: str, rows: int | None = None, columns: int | None = None
) -> NDArray[Any]:
    """A contiguous matrix of `dtype`, not empty, with the rows and columns that are expected."""
    given = numbers(array, name)
    expected = tuple("any" if n is None else n for n in (rows, columns))
    if (
        given.ndim != 2
        or given.size == 0
        or (rows is not None and given.shape[0] != rows)
        or (columns is not None and given.shape[1] != columns)
        or (name == "Theta" and given.shape[1] < 2)
    ):
        raise ValueError(
            f"{name} has shape {given.shape}; expected a non-empty matrix (rows, columns) = "
            f"({expected[0]}, {expected[1]})"
        )
    return np.require(given, dtype, ["C", "A"])
