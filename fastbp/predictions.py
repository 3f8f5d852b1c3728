"""What a network says about samples, from the values of its last layer: classes, probabilities.

Shared by all that predict; they differ in where the values come from.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import samples, targets
from fastbp._core import core
from fastbp.parameterised import without_parameter
from fastbp.validate import where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network

# (m, *positions, K) in the network's dtype: z(L) of the samples if called with True, else a(L).
Outputs = Callable[[bool], "NDArray[Any]"]


def check_theta(vector: "NDArray[np.float64]") -> None:
    """Refuses a theta that is not finite: nothing can be predicted with it."""
    finite = np.isfinite(vector)
    if finite.all():
        return
    place = int(finite.argmin())
    raise ValueError(
        f"theta is not finite in {np.count_nonzero(~finite)} of {vector.size} entries "
        f"(the first is {vector[place]} at entry {place}): nothing can be predicted with it; take "
        "a theta of finite cost"
    )


def shaped(
    network: "Network", output: "NDArray[Any]", steps: "NDArray[np.int64] | None"
) -> "NDArray[Any]":
    """What the engine gives, as (m, *positions, K); 0 where a sample has ended."""
    values = output.reshape(len(output), *network._outputs_shape)
    if steps is not None and values.ndim == 3:
        values[np.arange(values.shape[1]) >= steps[:, np.newaxis]] = 0
    return values


def cut(network: "Network", values: "NDArray[Any]", lengths: Any) -> "NDArray[Any]":
    """Predictions of each step where those after the end of a sample are 0, and classes -1."""
    if lengths is not None and len(network._outputs_shape) == 2:
        steps = samples.lengths(lengths, network, len(values))
        assert steps is not None
        ended = np.arange(values.shape[1]) >= steps[:, np.newaxis]
        values[ended] = -1 if values.dtype.kind == "i" else 0
    return values


def predicted(network: "Network", outputs: Outputs) -> "NDArray[Any]":
    """The class of each sample, int64 (m,), or of a regression a(L), (m,) if K = 1; of a sequence
    that of each step.

    Classes follow from z where g is increasing: activations that saturate may be equal where their
    z are not. With one output sigmoid(z) > 1/2 is z > 0.
    """
    single = network._outputs_shape[-1] == 1
    output = network.activations[-1]
    if targets.name_of(network) not in targets.CLASSIFIERS:
        values = outputs(False)
        if single:
            return values[..., 0]
        last = values.ndim > 2 or network._is_plain
        return values if last else values.reshape(-1, *network.output_shape)
    if single:
        values = outputs(output == "sigmoid")
        _check_nan(values, network)
        return np.asarray(values[..., 0] > 0, np.int64)
    values = outputs(without_parameter(output) in core(network.dtype.name).INCREASING)
    _check_nan(values, network)
    return np.asarray(values.argmax(axis=-1), np.int64)


def probabilities(network: "Network", outputs: Outputs) -> "NDArray[Any]":
    """Of the classes: (m, K), and (m, 2) of a single sigmoid, each computed from z; of a sequence
    those of each step, (m, T, ...)."""
    output = network.activations[-1]
    if output not in ("sigmoid", "softmax"):
        raise ValueError(
            f"a network with output {output!r} gives no probabilities; build it with "
            "output='sigmoid' or 'softmax', or use net.forward for its activations"
        )
    if network._outputs_shape[-1] > 1:
        return outputs(False)
    z = outputs(True)
    both = np.concatenate([-z, z], axis=-1)  # 1 - sigmoid(z) would lose the digits of sigmoid(-z)
    flat = core(network.dtype.name).apply_activation("sigmoid", both.reshape(-1, 2), 0)
    return flat.reshape(both.shape)


def _check_nan(values: "NDArray[Any]", network: "Network") -> None:
    """Refuses samples that have no class: finite theta and X may overflow on the way."""
    missing = np.isnan(values)
    if missing.any():
        row = int(missing.reshape(len(values), -1).any(axis=1).argmax())
        raise ValueError(
            f"the last layer is nan at {where((row,))}: theta and X are so large that sums "
            f"overflow in {network.dtype}, and no class follows; scale X, or take a smaller theta"
        )
