"""A trained network in a file: written whole or not at all, read without pickle.

The file is an ``.npz`` archive of two arrays: ``header``, a JSON text, and ``theta``, float64.
``numpy.load(path, allow_pickle=False)`` opens it anywhere.
"""

import contextlib
import json
import os
import secrets
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.network import Network

FORMAT = "fastbp-model"
VERSION = 1


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
        The file; it is replaced in one step, so a reader never meets half of it.
    network
        The `Network`.
    theta : shape (network.n_parameters,)
        Its parameters.
    extra
        Anything JSON can say: class names, units, how the inputs were scaled.

    Raises
    ------
    ValueError
        `theta` has the wrong length or is not finite, or `extra` holds nan or inf.
    TypeError
        `extra` holds something JSON cannot say.
    """
    values = _check_theta(np.asarray(theta, dtype=np.float64), network)
    header = json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "network": network.to_dict(),
            "extra": dict(extra or {}),
        },
        allow_nan=False,
    )
    with replacing(path) as file:
        np.savez(file, header=np.array(header), theta=values.astype("<f8"))


def load(path: str | os.PathLike[str]) -> Model:
    """Read what `save` wrote: ``(network, theta, extra)``.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        The file is not a fastbp model, is damaged, or comes from a newer fastbp.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{name} is not a fastbp model (fastbp.files.save writes one)")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                header = json.loads(archive["header"].item())
                theta = archive["theta"].astype(np.float64)
            if header["format"] != FORMAT:
                raise ValueError(f"its format is {header['format']!r}")
            version, description, extra = header["version"], header["network"], header["extra"]
        except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{name} is not a fastbp model or is damaged ({error}); write it again"
            ) from error
    if version != VERSION:
        raise ValueError(
            f"{name} has format version {version}; this fastbp reads version {VERSION}: "
            "upgrade fastbp"
        )
    network = Network.from_dict(description)
    return Model(network, _check_theta(theta, network), extra)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` when the block ends without an error.

    Until then `path` keeps what it had, and after an error (Ctrl-C too) nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        # A device or a pipe must be written to, never replaced; a folder refuses by itself.
        with open(target, "wb") as file:
            yield file
        return
    temporary = target.with_name(f".fastbp-{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename == str(temporary):
            # the reader knows the file by the name it was given
            raise type(error)(error.errno, error.strerror, os.fspath(path)) from None
        raise


def _check_theta(theta: NDArray[np.float64], network: Network) -> NDArray[np.float64]:
    if theta.shape != (network.n_parameters,):
        raise ValueError(
            f"theta has shape {theta.shape}; this network has {network.n_parameters} parameters: "
            f"pass a vector of shape ({network.n_parameters},)"
        )
    if not np.isfinite(theta).all():
        index = int(np.flatnonzero(~np.isfinite(theta))[0])
        raise ValueError(f"theta[{index}] is {theta[index]}; a model must be finite")
    return theta
