"""Networks as expressions: what the layers compute, written down gate by gate."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import parameters
from fastbp.circuits.arrays import ExpressionArray
from fastbp.circuits.circuit import Circuit, circuit
from fastbp.circuits.new_variables import variables
from fastbp.circuits.steps import activated, affine, run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network


def expressions(network: "Network", theta: Any, inputs: Any) -> Any:
    """See `Network.expressions`."""
    Thetas = [np.asarray(Theta).astype(object) for Theta in
              parameters.unpack(network, _theta(network, theta), "C")]  # fmt: skip
    a = ExpressionArray(inputs)
    shape, n = network.input_shape, network.widths[0]
    if a.shape in (shape, (n,)):
        lead: tuple[int, ...] = ()
    elif a.ndim > 1 and a.shape[1:] in (shape, (n,)):
        lead = a.shape[:1]
    else:
        one = ", ".join(map(str, shape))
        raise ValueError(
            f"the inputs have shape {a.shape}; network {network.name} takes "
            f"({one}{',' * (len(shape) == 1)}) for one sample, (m, {one}) for several"
        )
    units = a.view(np.ndarray).reshape(*lead, n).T
    outputs = np.asarray(_outputs(network, Thetas, units)).astype(object)
    result = ExpressionArray(outputs.T.reshape(*lead, *network.output_shape))
    numeric = all(isinstance(each, float) for each in result.flat)
    return result.astype(float).view(np.ndarray) if numeric else result


def _outputs(network: "Network", Thetas: "list[NDArray[Any]]", units: Any) -> Any:
    """The activations of the last layer, one number of every sample in a row."""
    if not network._is_plain:
        return run(network.program(), Thetas, units)
    for Theta, activation in zip(Thetas, network.activations, strict=True):
        units = affine(Theta[:, 1:], units, Theta[:, 0])
        units = np.asarray(activated(activation, ExpressionArray(units))).astype(object)
    return units


def network_circuit(network: "Network", theta: Any) -> Circuit:
    """See `Network.circuit`."""
    x = variables("x", network.widths[0])
    outputs = expressions(network, theta, x)
    return circuit(outputs.ravel()[0] if network.widths[-1] == 1 else outputs, wrt=[x])


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
