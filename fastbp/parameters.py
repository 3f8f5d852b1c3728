"""theta: the parameters of a network, as one vector and as a matrix for each layer.

MATLAB and Octave unroll a matrix column by column, [Theta1(:); Theta2(:)], which NumPy calls order
"F"; NumPy and this library row by row, "C". Both vectors have the same length and nothing can tell
them apart: whoever brings a vector from there says order="F".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from fastbp.validate import described, is_vector, numbers, one_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.layered import Layered

Order = Literal["C", "F"]
ORDERS = get_args(Order)


def theta(network: "Layered", value: Any) -> "NDArray[np.float64]":
    """theta as the engine reads it: contiguous float64 of the network's length; any values."""
    if is_vector(value, network.n_parameters):
        return value  # type: ignore[no-any-return]
    try:
        array = numbers(value, "theta")
    except (TypeError, ValueError) as error:
        raise (_refusal_of_parts(network, value) or error) from None
    _check_shape(network, array, value)
    return np.require(array, np.float64, ["C", "A"])


def unpack(network: "Layered", theta: Any, order: Order) -> "list[NDArray[Any]]":
    """See Network.unpack."""
    one_of(order, ORDERS, "order")
    vector = theta if isinstance(theta, np.ndarray) else _array(network, theta)
    if vector.dtype.kind not in "biufcO":
        vector = numbers(vector, "theta")
    _check_shape(network, vector, theta)
    matrices, start = [], 0
    for shape in network.shapes:
        end = start + shape[0] * shape[1]
        matrices.append(vector[start:end].reshape(shape, order=order))
        start = end
    return matrices


def pack(network: "Layered", Thetas: Any, order: Order) -> "NDArray[np.float64]":
    """See Network.pack."""
    if not isinstance(order, str):  # net.pack(Theta1, Theta2)
        raise TypeError("pack takes one list of matrices: net.pack([Theta1, Theta2, ...])")
    one_of(order, ORDERS, "order")
    matrices = _matrices(network, Thetas)
    return np.concatenate([Theta.ravel(order) for Theta in matrices], dtype=np.float64)


def _array(network: "Layered", value: Any) -> "NDArray[Any]":
    """Anything that is given for theta, as an array; an error says how parts of it are joined."""
    try:
        return np.asarray(value)
    except Exception:
        refusal = _refusal_of_parts(network, value)
    if refusal is not None:
        raise refusal
    return numbers(value, "theta")


def _check_shape(network: "Layered", array: "NDArray[Any]", value: Any) -> None:
    """Refuses an array that is no vector of the network's number of parameters."""
    expected = network.n_parameters
    if array.shape == (expected,):
        return
    refusal = _refusal_of_parts(network, value)
    if refusal is not None:
        raise refusal
    if array.ndim != 1:
        advice = "net.pack([...]) joins matrices"
        if array.size == expected:
            advice = (
                "use np.ravel(theta), or, if MATLAB or Octave unrolled it, "
                "net.pack(net.unpack(np.ravel(theta), order='F'))"
            )
        elif array.ndim == 2 and array.shape[1] == network.widths[0]:
            advice = "it looks like X: theta is the first argument, X the second"
        raise ValueError(f"theta has shape {array.shape}; expected ({expected},); {advice}")
    weights = sum(n_out * (columns - 1) for n_out, columns in network.shapes)
    advice = "net.init(seed=0) makes one that fits"
    if array.shape[0] == weights:
        advice = "so many are the weights alone: column 0 of each Theta is the bias"
    raise ValueError(
        f"theta has {array.shape[0]} numbers, but the network has {expected} parameters; "
        f"{advice}\n{network.table()}"
    )


def _refusal_of_parts(network: "Layered", value: Any) -> TypeError | None:
    """The error for what is no vector but holds one, or the parts of one."""
    came, advice = described(value), ""
    if value is None:
        advice = "net.init(seed=0) makes one that fits"
    elif isinstance(value, Mapping):
        advice = "pass its theta.x" if "x" in value else "pass net.pack(list(theta.values()))"
    elif isinstance(value, list | tuple) or (
        isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1
    ):
        came = f"a {type(value).__name__} of {len(value)} arrays"
        dimensions = {_dimensions(part) for part in value}
        if 2 in dimensions and dimensions <= {1, 2}:
            advice = f"pass {_packed(network, value, 'theta')}"
        elif dimensions == {1}:
            advice = "pass np.concatenate(theta)"
    if not advice:
        return None
    return TypeError(
        f"theta is {came}; expected one vector of {network.n_parameters} numbers; {advice}"
    )


def _dimensions(part: Any) -> int:
    """How many axes a part of a theta has; -1 of what is no array."""
    try:
        return np.ndim(part)
    except Exception:
        return -1


def _packed(network: "Layered", parts: Any, name: str) -> str:
    """How matrices Theta, or pairs of weights and biases, become one theta."""
    if len(parts) != 2 * len(network.shapes):
        return f"net.pack({name})"
    shapes = [np.shape(part) for part in parts[::2]]
    n_out_first = shapes == [(n_out, columns - 1) for n_out, columns in network.shapes]
    return (
        f"net.pack([np.column_stack([b, {'W' if n_out_first else 'W.T'}]) "
        f"for W, b in zip({name}[::2], {name}[1::2])])"
    )


def _matrices(network: "Layered", Thetas: Any) -> "list[NDArray[Any]]":
    """The matrices Theta[0], Theta[1], ..., checked against the layers."""
    n, what = len(network.shapes), _matrices_of(network)
    expected = f"pack takes a list with one Theta for each of the {n} {what}"
    if isinstance(Thetas, Mapping):
        raise TypeError(f"{expected}, got {described(Thetas)}; pass list(Thetas.values())")
    if (
        isinstance(Thetas, str)
        or not hasattr(Thetas, "__iter__")
        or (hasattr(Thetas, "ndim") and Thetas.ndim < 3)
    ):
        raise TypeError(f"{expected}, got {described(Thetas)}; pass net.pack([Theta1, ...])")
    given = list(Thetas)
    if len(given) != n:
        advice = f"give one Theta per {'layer' if what == 'layers' else 'matrix'}"
        if len(given) == 2 * n and {_dimensions(b) for b in given[1::2]} == {1}:
            advice = f"join weights and biases: {_packed(network, given, 'Thetas')}"
        raise ValueError(
            f"pack got {len(given)} matrices, but the network has {n} {what}; "
            f"{advice}\n{network.table()}"
        )
    return [
        _matrix(Theta, f"Theta[{number}]", shape)
        for number, (Theta, shape) in enumerate(zip(given, network.shapes, strict=True))
    ]


def _matrices_of(network: "Layered") -> str:
    """Layers, where each has one Theta."""
    return "layers" if len(network.shapes) == len(network.layers) else "matrices"


def _matrix(Theta: Any, name: str, shape: tuple[int, int]) -> "NDArray[Any]":
    """One Theta for `pack`, checked."""
    array = numbers(Theta, name)
    if array.shape != shape:
        n_out, columns = shape
        advice = f"{n_out} rows, the bias in column 0 and {columns - 1} weights"
        if array.shape == (columns, n_out):
            advice += f"; pass np.transpose({name})"
        elif array.shape == (n_out, columns - 1):
            advice += "; the column of biases is missing"
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}: {advice}")
    return array
