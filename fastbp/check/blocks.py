"""Which parameters belong together, and what they are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BlockSpec = Mapping[str, slice | npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class Block:
    """A named set of parameters.

    `layer` counts from 1 at the input; 0 means that the blocks are not layers of a network.
    `origin` and `columns` place parameter j at (row, column) = divmod(j - origin, columns) of
    Theta, whose column 0 is the bias; `columns` = 0 means that there is no such matrix.
    """

    name: str
    indices: IntArray
    shape: tuple[int, ...]
    layer: int = 0
    kind: str = ""
    origin: int = 0
    columns: int = 0

    def position(self, index: int) -> tuple[int, ...]:
        """(row, column) in Theta, or (index,) where there is no Theta."""
        return divmod(index - self.origin, self.columns) if self.columns else (index,)


def find_blocks(fun: Any, n_parameters: int, spec: BlockSpec | None) -> list[Block]:
    """The blocks the caller gave, else those of `fun.network`, else one block "theta"."""
    if spec is not None:
        return _given(spec, n_parameters)
    network = network_of(fun)
    if network is not None:
        return _of_network(network, n_parameters)
    return [Block("theta", np.arange(n_parameters, dtype=np.int64), (n_parameters,))]


def left_out(blocks: list[Block], n_parameters: int) -> IntArray:
    """The parameters that lie in none of the blocks."""
    inside = np.zeros(n_parameters, dtype=np.bool_)
    for block in blocks:
        inside[block.indices] = True
    return np.flatnonzero(~inside).astype(np.int64)


def network_of(fun: Any) -> Any:
    """The network behind an objective, or behind a method of an objective or a network."""
    owner = getattr(fun, "__self__", fun)
    network = getattr(owner, "network", owner)
    return network if hasattr(network, "blocks") else None


def _given(spec: BlockSpec, n_parameters: int) -> list[Block]:
    if not isinstance(spec, Mapping):
        raise TypeError(
            f"blocks must be a dict such as {{'theta': slice(None)}}, of names and slices, indices "
            f"or masks; got {type(spec).__name__}"
        )
    everything = np.arange(n_parameters, dtype=np.int64)
    blocks = []
    for name, where in spec.items():
        try:
            if isinstance(where, slice):
                chosen = everything[where]
            else:  # an empty list has dtype float, which does not index
                chosen = everything[np.asarray(where)] if np.size(where) else everything[:0]
        except IndexError as error:
            raise ValueError(
                f"blocks[{name!r}] does not index a theta of {n_parameters} parameters: {error}"
            ) from error
        indices = np.unique(chosen)
        if indices.size == 0:
            raise ValueError(
                f"blocks[{name!r}] holds no parameter; give a slice, indices or a boolean mask "
                f"into a theta of {n_parameters} parameters"
            )
        blocks.append(Block(str(name), indices, np.shape(chosen)))
    if not blocks:
        raise ValueError('blocks is empty; give at least one, for example {"theta": slice(None)}')
    return blocks


def _of_network(network: Any, n_parameters: int) -> list[Block]:
    parts = list(network.blocks())
    n_expected = sum(len(part.indices) for part in parts)
    if n_expected != n_parameters:
        raise ValueError(
            f"theta has {n_parameters} parameters, but the network has {n_expected}; "
            "use theta = network.init()"
        )
    return [
        Block(
            part.name,
            np.asarray(part.indices, dtype=np.int64).ravel(),
            part.shape or (len(part.indices),),
            part.layer,
            part.kind,
            part.origin,
            part.columns,
        )
        for part in parts
    ]
