"""A trained network in a file: written whole or not at all, read without pickle.

The file is an ``.npz`` archive of two arrays, not compressed: ``header``, a JSON text, and
``theta``, float64. ``numpy.load(path, allow_pickle=False)`` opens it anywhere.
"""

import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.network import Network
from fastbp.replacing import replacing
from fastbp.validate import described, numbers

FORMAT = "fastbp-model"
VERSION = 1
PIECE = 2**20  # bytes read at a time
LONGEST = 300  # characters of the reason why a file was refused


class Model(NamedTuple):
    """What `load` returns."""

    network: Network
    theta: NDArray[np.float64]
    extra: dict[str, Any]


def save(
    path: str | os.PathLike[str],
    network: Network,
    theta: ArrayLike,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a network, its parameters and notes of your own to `path`.

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
    values = _checked(numbers(theta, "theta"), network)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "network": network.to_dict(),
        "extra": dict(extra or {}),
    }
    try:
        text = json.dumps(header, allow_nan=False)
    except RecursionError:
        raise ValueError("extra is nested too deeply for JSON; make it flatter") from None
    with replacing(path) as file:
        np.savez(file, header=np.array(text), theta=values.astype("<f8"))


def load(path: str | os.PathLike[str]) -> Model:
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
    with _InPieces(io.FileIO(name)) as file:
        try:
            return _read(file)
        except OSError:
            raise
        except _OtherVersion as error:
            raise ValueError(f"{name} {error}") from None
        except Exception as error:
            # zipfile, NumPy's header and JSON fail in a dozen ways of their own, from struct.error
            # to RecursionError, on bytes that somebody else wrote.
            reason = str(error) or type(error).__name__
            reason = reason if len(reason) <= LONGEST else reason[:LONGEST] + "..."
            raise ValueError(f"{name} is not a fastbp model or is damaged: {reason}") from error


class _OtherVersion(Exception):
    """The file is a model, in a format this fastbp does not know."""


class _InPieces(io.BufferedReader):
    """A file of which at most PIECE bytes are read at a time.

    zipfile reads the archive's table of contents in one piece, however long the archive says it is.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """At most PIECE bytes."""
        if size is None or size < 0:
            size = PIECE  # zipfile asks for the rest only near the end of a file, at most 64 KB
        if size > PIECE:
            raise ValueError(f"its table of contents has {size} bytes")
        return super().read(size)


def _read(file: _InPieces) -> Model:
    """The model in an open file; whatever is wrong with it raises."""
    if not zipfile.is_zipfile(file):
        raise ValueError("it is no archive, as fastbp.files.save writes, or was cut short")
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        header = json.loads(_array(archive, "header", "U", ()).item())
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ValueError(f"its header does not say that it is one: {described(header)}")
        if header.get("version") != VERSION:
            raise _OtherVersion(
                f"has format version {described(header.get('version'))}; this fastbp reads version "
                f"{VERSION}: upgrade fastbp"
            )
        network, extra = Network.from_dict(header.get("network", {})), header.get("extra")
        if not isinstance(extra, dict):
            raise ValueError(f"extra is {described(extra)}; expected a dictionary")
        theta = _array(archive, "theta", "biuf", (network.n_parameters,))
    return Model(network, _checked(theta, network), extra)


def _array(
    archive: zipfile.ZipFile, name: str, kinds: str, expected: tuple[int, ...]
) -> NDArray[Any]:
    """One array of an archive, whose dtype and shape are checked before anything is allocated."""
    assert archive.fp is not None
    if f"{name}.npy" not in archive.NameToInfo:
        raise ValueError(f"it holds no {name}")
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ValueError(f"{name} is compressed; fastbp.files.save does not compress")
    if entry.file_size > os.fstat(archive.fp.fileno()).st_size:
        raise ValueError(f"{name} is said to be larger than the file")
    with archive.open(entry) as member:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        elif version == (2, 0):
            shape, _, dtype = np.lib.format.read_array_header_2_0(member)
        else:
            raise ValueError(f"{name} is written in version {version} of NumPy's format")
        if dtype.kind not in kinds:
            raise ValueError(f"{name} has dtype {dtype}")
        if shape != expected:
            raise ValueError(f"{name} has shape {shape}; expected {expected}")
        size = math.prod(shape) * dtype.itemsize
        if size != entry.file_size - member.tell():
            raise ValueError(f"{name} is not as long as its shape and dtype say")
        content = np.empty(size, np.uint8)
        left = content.data
        while left and (piece := member.read(min(len(left), PIECE))):
            left[: len(piece)] = piece
            left = left[len(piece) :]
        if left:
            raise ValueError(f"{name} was cut short")
    return content.view(dtype).reshape(shape)


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
