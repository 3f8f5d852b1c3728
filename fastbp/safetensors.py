"""The safetensors format, version 0.4: how are named arrays written to a file, and read strictly?

    8 bytes     N, the length of the header, little-endian
    N bytes     the header, JSON: name -> {"dtype", "shape", "data_offsets": [start, stop]}, and
                "__metadata__": text -> text; padded by blanks to whole words of 8 bytes
    the rest    the arrays, C order, little-endian, side by side: from start to stop of each

What `write` writes has the bytes that the safetensors package writes; what breaks a rule of the
format, `read` refuses, as that package does (https://github.com/huggingface/safetensors). Nothing
is read before its size was compared with that of the file.
"""

import io
import json
import math
import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

LONGEST_HEADER = 100_000_000  # bytes, a rule of the format
PIECE = 2**20  # bytes read at a time
METADATA = "__metadata__"
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
# In the format's own order, by which arrays are sorted that are written.
_ORDER = ("BOOL", "U8", "I8", "I16", "U16", "F16", "I32", "U32", "F32", "F64", "I64", "U64")


def write(
    file: BinaryIO, arrays: "Mapping[str, NDArray[Any]]", metadata: Mapping[str, str]
) -> None:
    """Writes arrays of the dtypes in `DTYPES`, by their names, and texts about them."""
    little = {
        name: np.asarray(a, a.dtype.newbyteorder("<"), order="C") for name, a in arrays.items()
    }
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    stop = 0
    order = sorted(little, key=lambda name: (-_ORDER.index(NAMES[little[name].dtype]), name))
    for name in order:
        array, start = little[name], stop
        stop += array.nbytes
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(arrays[name].shape),
            "data_offsets": [start, stop],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in order:
        file.write(little[name].reshape(-1).view(np.uint8).data)


def is_one(start: bytes, size: int) -> bool:
    """Whether a file of this size that starts with these 9 bytes may be in the format."""
    return len(start) == 9 and start[8:] == b"{" and 2 <= _length(start) <= size - 8


def read(file: io.FileIO) -> "tuple[dict[str, NDArray[Any]], dict[str, str]]":
    """The arrays in an open file, by their names, and the texts about them.

    Raises
    ------
    ValueError, RecursionError
        The file breaks a rule of the format, or has a dtype that NumPy does not.
    OSError
        It cannot be read.
    """
    size = os.fstat(file.fileno()).st_size
    start = _exactly(file, min(size, 8), "its length")
    length = _length(start) if len(start) == 8 else size
    if not 2 <= length <= min(size - 8, LONGEST_HEADER):
        raise ValueError(f"its header is said to have {length} bytes, the file has {size}")
    header = json.loads(
        _exactly(file, length, "its header").tobytes().decode("utf-8"),
        object_pairs_hook=_without_twins, parse_constant=_refuse_constant,
    )  # fmt: skip
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(t, str) for t in metadata.values()):
        raise ValueError(f"{METADATA} is not an object of texts")
    entries = sorted((_entry(name, value) for name, value in header.items()), key=lambda e: e[3:])
    stop = 0
    for name, dtype, shape, begin, end in entries:
        if begin != stop or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} does not lie where its neighbours, its shape and dtype say")
        stop = end
    if stop != size - 8 - length:
        raise ValueError(f"its arrays have {stop} bytes, and the file {size - 8 - length} for them")
    arrays = {}
    for name, dtype, shape, begin, end in entries:
        arrays[name] = _exactly(file, end - begin, name).view(dtype).reshape(shape)
    return arrays, metadata


def _length(start: Any) -> int:
    return int(struct.unpack_from("<Q", start)[0])


def _exactly(file: io.FileIO, n: int, what: str) -> "NDArray[np.uint8]":
    """The next n bytes, of which the file has that many."""
    content = np.empty(n, np.uint8)
    at = 0
    while at < n:
        read = file.readinto(content.data[at : at + PIECE])
        if not read:
            raise ValueError(f"{what} was cut short")
        at += read
    return content


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name comes twice in its header")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} in its header")


def _entry(name: str, value: Any) -> "tuple[str, np.dtype[Any], tuple[int, ...], int, int]":
    """name, dtype, shape, start and stop of an array, from its description."""
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{name!r} has dtype {dtype!r}; known: {', '.join(DTYPES)}")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"{name!r} has a shape or offsets that are no whole numbers")
    if len(offsets) != 2 or len(shape) > 32:
        raise ValueError(f"{name!r} has {len(offsets)} offsets and {len(shape)} axes")
    return name, np.dtype(DTYPES[dtype]), tuple(shape), offsets[0], offsets[1]
