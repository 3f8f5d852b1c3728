"""Networks as expressions: what the layers compute, written down gate by gate."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import parameters
from fastbp._core import core
from fastbp._recorder import GATES
from fastbp.circuits.arrays import ExpressionArray, recorded, where
from fastbp.circuits.circuit import Circuit, circuit
from fastbp.circuits.expressions import variables
from fastbp.parameterised import without_parameter

if TYPE_CHECKING:
    from fastbp.network import Network


def expressions(network: "Network", theta: Any, inputs: Any) -> Any:
    """See `Network.expressions`."""
    Thetas = parameters.unpack(network, _theta(network, theta), "C")
    a = ExpressionArray(inputs)
    if a.ndim not in (1, 2) or a.shape[-1] != network.widths[0]:
        raise ValueError(
            f"the inputs have shape {a.shape}; network {network.name} takes "
            f"({network.widths[0]},) for one sample, (m, {network.widths[0]}) for several"
        )
    units = a.T.view(np.ndarray)
    for Theta, activation in zip(Thetas, network.activations, strict=True):
        matrix = np.asarray(Theta).astype(object)
        bias = matrix[:, 0].reshape(-1, *[1] * (units.ndim - 1))
        units = _activated(activation, ExpressionArray(matrix[:, 1:] @ units + bias))
        units = np.asarray(units).astype(object)
    result = ExpressionArray(units.T)
    numeric = all(isinstance(each, float) for each in result.flat)
    return result.astype(float).view(np.ndarray) if numeric else result


def network_circuit(network: "Network", theta: Any) -> Circuit:
    """See `Network.circuit`."""
    x = variables("x", network.widths[0])
    outputs = expressions(network, theta, x)
    return circuit(outputs[0] if network.widths[-1] == 1 else outputs, wrt=[x])


def _theta(network: "Network", theta: Any) -> Any:
    """theta as an array that `unpack` takes: numbers, or an array of expressions."""
    array = theta if isinstance(theta, np.ndarray) else np.asarray(theta)
    if array.dtype != object:
        return parameters.theta(network, theta)
    array = ExpressionArray(array)
    if array.shape != (network.n_parameters,):
        raise ValueError(
            f"theta has shape {array.shape}; network {network.name} has {network.n_parameters} "
            f'parameters: fastbp.variables("theta", {network.n_parameters})'
        )
    return array


def _activated(activation: Any, z: Any) -> Any:
    """g of z, whose first axis has the units."""
    if isinstance(activation, Circuit):
        return substituted(activation, [z])
    name = without_parameter(activation)
    if name in OF_PARAMETER:
        usual = core("float64").PARAMETERS[name][1]
        given = activation.removeprefix(name)
        return OF_PARAMETER[name](z, float(given.strip("()")) if given else usual)
    return ACTIVATIONS[name](z)


def substituted(f: Circuit, values: list[Any]) -> Any:
    """A circuit of one output, with `values` in the place of its variables: gates anew."""
    made = list(values)
    graph = f._graph_of_value()
    for op, operands, constant in graph.nodes()[len(made) :]:
        name = GATES[op]
        below = (made[i] for i in operands)
        made.append(constant if name == "constant" else recorded(name, *below))
    value = made[f._outputs[0]]
    first = values[0]
    # a constant circuit is the same for all of them
    return value if np.shape(value) == np.shape(first) else np.full(np.shape(first), value)


def _softmax(z: Any) -> Any:
    # A shift that is flat: its derivative is 0, as that of the result by any shift is.
    shift = recorded("round", np.maximum.reduce(z, axis=0))
    powers = recorded("exp", z - shift)
    return powers / np.add.reduce(powers, axis=0)


OF_PARAMETER: dict[str, Any] = {
    "leaky_relu": lambda z, s: where(z > 0, z, s * z),
    "elu": lambda z, alpha: where(z > 0, z, alpha * recorded("expm1", z)),
}
ACTIVATIONS: dict[str, Any] = {
    "identity": lambda z: z,
    **{name: lambda z, name=name: recorded(name, z) for name in (
        "sigmoid", "tanh", "relu", "softplus", "sin", "gaussian",
    )},
    "silu": lambda z: z * recorded("sigmoid", z),
    "gelu": lambda z: z * (0.5 + 0.5 * recorded("erf", z * math.sqrt(0.5))),
    "softmax": _softmax,
}  # fmt: skip
