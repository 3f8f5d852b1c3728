"""The model files of fastbp 0.1.0, which are read and no longer written.

An ``.npz`` archive of two arrays, not compressed: ``header``, a JSON text, and ``theta``, float64.
"""

import io
import json
import math
import os
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.network import Network
from fastbp.validate import check_version, described

FORMAT = "fastbp-model"
VERSION = 1
PIECE = 2**20  # bytes read at a time


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


def read(file: io.FileIO) -> tuple[Network, NDArray[Any], dict[str, Any]]:
    """Network, theta and notes in an open file, which is closed; whatever is wrong raises."""
    with _InPieces(file) as pieces:
        if not zipfile.is_zipfile(pieces):
            raise ValueError("it is neither a safetensors file nor an archive, or was cut short")
        pieces.seek(0)
        with zipfile.ZipFile(pieces) as archive:
            header = json.loads(_array(archive, "header", "U", ()).item())
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ValueError(f"its header does not say that it is one: {described(header)}")
            check_version(header.get("version"), VERSION)
            network, extra = Network.from_dict(header.get("network", {})), header.get("extra")
            if not isinstance(extra, dict):
                raise ValueError(f"extra is {described(extra)}; expected a dictionary")
            theta = _array(archive, "theta", "biuf", (network.n_parameters,))
    return network, theta, extra


def _array(
    archive: zipfile.ZipFile, name: str, kinds: str, expected: tuple[int, ...]
) -> NDArray[Any]:
    """One array of an archive, whose dtype and shape are checked before anything is allocated."""
    assert archive.fp is not None
    if f"{name}.npy" not in archive.NameToInfo:
        raise ValueError(f"it holds no {name}")
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ValueError(f"{name} is compressed; fastbp 0.1.0 did not compress")
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
