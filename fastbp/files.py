"""A trained network in a file: written whole or not at all, read without pickle.

The file is in the safetensors format (safetensors.py): the matrices of theta, float64, under the
names "Theta[0]", "Theta[1]", ...; and one text, "fastbp", a JSON object of

    version     of this description, 1
    network     what `Network.to_dict` says, circuits included
    extra       notes of whoever saved it
    crc32       of the matrices' bytes, one after the other

so that whatever reads safetensors reads the matrices. The archives that fastbp 0.1.0 wrote are read
as well.
"""

import io
import json
import os
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp import npz_files, safetensors
from fastbp.network import Network
from fastbp.replacing import replacing
from fastbp.validate import OtherVersion, check_version, described, numbers

VERSION = 1
KEY = "fastbp"
LONGEST = 300  # characters of the reason why a file was refused


class Saved(NamedTuple):
    """What `load` returns: ``net, theta, extra = fastbp.load(path)``."""

    network: Network
    theta: NDArray[np.float64]
    extra: dict[str, Any]


def save(
    path: str | os.PathLike[str],
    network: Network,
    theta: ArrayLike,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a network, its parameters and notes of your own to `path`, as `net.save(path, theta)`.

    Parameters
    ----------
    path
        The file; it is replaced in one step, so a reader never meets half of it. What writers that
        were killed left in its folder is removed.
    network
        The `Network`.
    theta : shape (network.n_parameters,)
        Its parameters.
    extra
        Anything JSON can say: class names, units, how the inputs were scaled.

    Raises
    ------
    OSError
        `path` cannot be written; a file that is write-protected stays as it is (PermissionError).
    ValueError
        `theta` has the wrong length or is not finite, or `extra` holds nan or inf, or is nested too
        deeply.
    TypeError
        `network` is no Network, `theta` holds no real numbers, or `extra` something JSON cannot
        say.
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"network is {described(network)}; expected a fastbp.Network: "
            "files.save(path, network, theta)"
        )
    if not isinstance(extra, Mapping | None):
        raise TypeError(f"extra is {described(extra)}; expected a dictionary, or None")
    values = _checked(numbers(theta, "theta"), network).astype("<f8")
    header = {
        "version": VERSION,
        "network": network.to_dict(),
        "extra": dict(extra or {}),
        "crc32": zlib.crc32(values.data),
    }
    try:
        text = json.dumps(header, allow_nan=False)
    except RecursionError:
        raise ValueError("extra is nested too deeply for JSON; make it flatter") from None
    matrices = network.unpack(values)
    arrays = {_name(layer): Theta for layer, Theta in enumerate(matrices)}
    with replacing(path) as file:
        safetensors.write(file, arrays, {KEY: text})


def load(path: str | os.PathLike[str]) -> Saved:
    """Read what `save` wrote: ``(network, theta, extra)``.

    Whatever the file holds, it takes a small multiple of its size in memory: what it claims to hold
    is compared with its size before it is read.

    Raises
    ------
    OSError
        The file cannot be opened or read.
    ValueError
        The file is not a fastbp model, is damaged, or comes from a newer fastbp.
    """
    name = os.fsdecode(path)
    with io.FileIO(name) as file:
        try:
            network, theta, extra = _read(file)
            return Saved(network, _checked(theta, network), extra)
        except OSError:
            raise
        except OtherVersion as error:
            raise ValueError(f"{name} {error}") from None
        except Exception as error:
            # zipfile, NumPy's header and JSON fail in a dozen ways of their own, from struct.error
            # to RecursionError, on bytes that somebody else wrote.
            reason = str(error) or type(error).__name__
            reason = reason if len(reason) <= LONGEST else reason[:LONGEST] + "..."
            raise ValueError(f"{name} is not a fastbp model or is damaged: {reason}") from error


def _read(file: io.FileIO) -> tuple[Network, NDArray[Any], dict[str, Any]]:
    """The model in an open file; whatever is wrong with it raises."""
    start = file.read(9) or b""
    file.seek(0)
    if not safetensors.is_one(start, os.fstat(file.fileno()).st_size):
        return npz_files.read(file)
    arrays, metadata = safetensors.read(file)
    if KEY not in metadata:
        raise ValueError("it is a safetensors file of something else: it names no network")
    header = json.loads(metadata[KEY])
    if not isinstance(header, dict):
        raise ValueError(f"its description is {described(header)}; expected an object")
    check_version(header.get("version"), VERSION)
    network, extra = Network.from_dict(header.get("network", {})), header.get("extra")
    if not isinstance(extra, dict):
        raise ValueError(f"extra is {described(extra)}; expected a dictionary")
    theta = _together(arrays, network)
    if header.get("crc32") != zlib.crc32(theta.data):
        raise ValueError("its matrices are not those that were written: the crc32 differs")
    return network, theta, extra


def _name(layer: int) -> str:
    return f"Theta[{layer}]"


def _together(arrays: "dict[str, NDArray[Any]]", network: Network) -> "NDArray[np.float64]":
    """theta of the matrices."""
    expected = {_name(layer): shape for layer, shape in enumerate(network.shapes)}
    for name, shape in expected.items():
        if name not in arrays:
            raise ValueError(f"it holds no {name}")
        if arrays[name].shape != shape or arrays[name].dtype != np.float64:
            raise ValueError(
                f"{name} is {arrays[name].dtype} {arrays[name].shape}; expected float64 {shape}"
            )
    if len(arrays) > len(expected):
        other = sorted(arrays.keys() - expected.keys())
        raise ValueError(f"it holds {other[0]!r} too, which is no matrix of this network")
    return np.concatenate([arrays[name].reshape(-1) for name in expected])


def _checked(theta: NDArray[Any], network: Network) -> NDArray[np.float64]:
    """theta as float64, of the network's length and finite."""
    if theta.shape != (network.n_parameters,):
        raise ValueError(
            f"theta has shape {theta.shape}; this network has {network.n_parameters} parameters: "
            f"pass a vector of shape ({network.n_parameters},)"
        )
    with np.errstate(all="ignore"):
        values = np.asarray(theta, np.float64)
    if not np.isfinite(values).all():
        index = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"theta[{index}] is {values[index]}; a model must be finite")
    return values
