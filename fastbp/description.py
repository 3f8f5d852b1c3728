"""A network as plain numbers, strings and lists, and back."""

from typing import TYPE_CHECKING, Any

from fastbp import layers, names, validate
from fastbp._core import PRECISIONS
from fastbp.layers import Dense, Layer

if TYPE_CHECKING:
    from fastbp.network import Network

# Every fastbp reads the first version, in which a chain of dense layers on vectors is written.
PLAIN_VERSION, VERSION = 1, 2
KINDS = {
    kind.__name__: kind
    for kind in (
        Dense, layers.Conv1d, layers.Conv2d, layers.MaxPool1d, layers.MaxPool2d, layers.AvgPool1d,
        layers.AvgPool2d, layers.Flatten, layers.RNN, layers.GRU, layers.LSTM,
    )
}  # fmt: skip


def describe(network: "Network") -> dict[str, Any]:
    """See Network.to_dict."""
    plain = network._is_plain
    each = [
        {name: _described(value) for name, value in layer.arguments().items()}
        for layer in network.layers
    ]
    if not plain:
        kinds = (type(layer).__name__ for layer in network.layers)
        each = [{"kind": kind, **layer} for kind, layer in zip(kinds, each, strict=True)]
    return {
        "version": PLAIN_VERSION if plain else VERSION,
        **({} if plain else {"input_shape": list(network.input_shape)}),
        "layers": each,
        "loss": names.described(network.loss),
        "l2": network.l2,
        "dtype": network.dtype.name,
        "reduction": network.reduction,
    }


def _described(value: Any) -> Any:
    """An argument of a layer as JSON has it."""
    if isinstance(value, tuple):
        return list(value)
    return names.described(value) if names.is_circuit(value) else value


def from_description(kind: "type[Network]", description: Any) -> "Network":
    """See Network.from_dict."""
    if not isinstance(description, dict):
        raise ValueError(f"not the description of a network: {validate.described(description)}")
    version = description.get("version")
    if version not in (PLAIN_VERSION, VERSION):
        raise ValueError(
            f"this network is written in format {validate.described(version)}; this fastbp "
            f"reads formats {PLAIN_VERSION} and {VERSION}: read it with the fastbp that wrote it"
        )
    try:
        each = [_layer(layer, version) for layer in description["layers"]]
        shape = None if version == PLAIN_VERSION else description["input_shape"]
        settings = {key: description[key] for key in ("loss", "l2", "dtype", "reduction")}
        settings["loss"] = names.from_description(settings["loss"])
        validate.one_of(settings["dtype"], tuple(PRECISIONS), "dtype")
        return kind(each, **settings, input_shape=shape)
    except KeyError as error:
        raise ValueError(f"not the description of a network: {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not the description of a network: {error}") from error


def _layer(description: Any, version: int) -> Layer:
    """The layer that is described."""
    arguments = {key: names.from_description(value) for key, value in description.items()}
    name = "Dense" if version == PLAIN_VERSION else arguments.pop("kind")
    return KINDS[validate.one_of(name, tuple(KINDS), "kind of layer")](**arguments)
