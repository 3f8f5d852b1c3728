"""A network as plain numbers, strings and lists, and back."""

from typing import TYPE_CHECKING, Any

from fastbp import names, validate
from fastbp._core import PRECISIONS
from fastbp.layers import Dense

if TYPE_CHECKING:
    from fastbp.network import Network

FORMAT_VERSION = 1


def describe(network: "Network") -> dict[str, Any]:
    """See Network.to_dict."""
    return {
        "version": FORMAT_VERSION,
        "layers": [
            {
                "n_in": layer.n_in,
                "n_out": layer.n_out,
                "activation": names.described(layer.activation),
            }
            for layer in network.layers
        ],
        "loss": names.described(network.loss),
        "l2": network.l2,
        "dtype": network.dtype.name,
        "reduction": network.reduction,
    }


def from_description(kind: "type[Network]", description: Any) -> "Network":
    """See Network.from_dict."""
    if not isinstance(description, dict):
        raise ValueError(f"not the description of a network: {validate.described(description)}")
    version = description.get("version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"this network is written in format {validate.described(version)}; this fastbp "
            f"reads format {FORMAT_VERSION}: read it with the fastbp that wrote it"
        )
    try:
        layers = [
            Dense(**{key: names.from_description(value) for key, value in layer.items()})
            for layer in description["layers"]
        ]
        settings = {key: description[key] for key in ("loss", "l2", "dtype", "reduction")}
        settings["loss"] = names.from_description(settings["loss"])
        validate.one_of(settings["dtype"], tuple(PRECISIONS), "dtype")
        return kind(layers, **settings)
    except KeyError as error:
        raise ValueError(f"not the description of a network: {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not the description of a network: {error}") from error
