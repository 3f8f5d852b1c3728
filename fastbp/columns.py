"""What a loss takes of each sample besides a and y: columns of data, by their names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp.validate import described, finite_reals, numbers
from fastbp.words import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network


def read(value: Any, network: "Network", m: int) -> "NDArray[Any] | None":
    """Columns as the engine reads them: (m, n) of the network's dtype, C order, a copy.

    value : mapping of name to (m,) or (m, 1), or to one number for all samples; a DataFrame too
    """
    names = _names(network)
    if value is None:
        if names:
            raise ValueError(
                f"the loss takes {_listed(names)} besides a and y: give "
                f"columns={{{', '.join(f'{name!r}: ...' for name in names)}}}, each (m,)"
            )
        return None
    if not isinstance(value, Mapping) and not hasattr(value, "columns"):
        raise TypeError(
            f"columns is a dict of name: numbers of the samples, or a DataFrame; got "
            f"{described(value)}"
        )
    given = [str(name) for name in (value.columns if hasattr(value, "columns") else value)]
    wrong = [name for name in given if name not in names]
    if wrong and (isinstance(value, Mapping) or not names):
        takes = _listed(names) if names else "none: only a circuit of more than a and y takes some"
        raise ValueError(
            f"columns has {wrong[0]!r}, which the loss does not take; it takes {takes}"
        )
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"columns lacks {_listed(missing)}, which the loss takes besides a and y")
    out = np.empty((m, len(names)), network.dtype)
    for k, name in enumerate(names):
        what = f"columns[{name!r}]"
        array = numbers(value[name], what)
        if array.ndim and array.shape not in ((m,), (m, 1)):
            raise ValueError(
                f"{what} has shape {array.shape}; expected ({m},), a number for each sample, or "
                "one number for all"
            )
        flat = np.broadcast_to(array.reshape(-1), (m,)) if array.ndim else np.full(m, array)
        out[:, k] = finite_reals(flat, network.dtype, what, False, value[name])
    return out if names else None


def as_given(columns: "NDArray[Any] | None", network: "Network") -> dict[str, Any] | None:
    """What `read` takes, of what it gave."""
    if columns is None:
        return None
    return dict(zip(_names(network), columns.T, strict=True))


def _names(network: "Network") -> tuple[str, ...]:
    if isinstance(network.loss, str):
        return ()
    from fastbp.circuits import custom

    return custom.columns(network.loss)


def _listed(names: Any) -> str:
    return listed([repr(name) for name in names])
