"""Of which blocks of parameters a check speaks: the caller's, or those of a network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.blocks import Block

IntArray = npt.NDArray[np.int64]
BlockSpec = Mapping[str, slice | npt.ArrayLike]


def find_blocks(fun: Any, n_parameters: int, spec: BlockSpec | None) -> list[Block]:
    """The blocks the caller gave, else those of `fun.network`, else one block "theta"."""
    if spec is not None:
        return _given(spec, n_parameters)
    owner = getattr(fun, "__self__", fun)
    network = owner if getattr(owner, "_further", ()) else network_of(fun)
    if network is not None:
        return _of_network(network, n_parameters)
    return [_named("theta", np.arange(n_parameters, dtype=np.int64), (n_parameters,))]


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
    """The blocks that the caller names."""
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
        blocks.append(_named(str(name), indices, np.shape(chosen)))
    if not blocks:
        raise ValueError('blocks is empty; give at least one, for example {"theta": slice(None)}')
    return blocks


def _of_network(network: Any, n_parameters: int) -> list[Block]:
    """The blocks of a network, or of what has blocks as a network has."""
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
            part.layer,
            part.kind,
            np.asarray(part.indices, dtype=np.int64).ravel(),
            part.shape or (len(part.indices),),
            part.origin,
            part.columns,
        )
        for part in parts
    ]


def _named(name: str, indices: IntArray, shape: tuple[int, ...]) -> Block:
    """A block that is not of a network."""
    return Block(name, 0, "", indices, shape)
