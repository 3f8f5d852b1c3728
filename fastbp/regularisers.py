"""Which regularisers are there: each is one row of the table, with value, slope and curvature.

A regulariser is a sum over groups of entries of d = theta - towards,

    P(d) = sum_g s_g p(d_g)

with s_g >= 0 the strength of group g over m. All are convex. `eps` smooths those that have a kink
at d_g = 0; with eps = 0 the slope there is 0, the subgradient of least norm, and the curvature that
beside the kink, but 0 at it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import validate

if TYPE_CHECKING:
    from fastbp.blocks import Block

Vector = NDArray[np.float64]


class Terms(NamedTuple):
    """What a regulariser is applied to.

    places : of its n entries in theta
    group : number of the group of each entry, 0 ... n_groups - 1
    strength : of each entry, the same within a group, not yet divided by m
    """

    places: NDArray[np.intp]
    group: NDArray[np.intp]
    strength: Vector

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each entry the sum of the values, (n,) or (n, k), of its group."""
        n_groups = int(self.group.max(initial=-1)) + 1
        total = np.zeros((n_groups, *values.shape[1:]))
        np.add.at(total, self.group, values)
        return total[self.group]


@dataclass(frozen=True)
class Regulariser:
    """A row of the table; d and v are entries at `terms.places`, v also (n, k).

    formula : of p
    groups : which entries make a group: "entry", "input" (a column of W) or "unit" (a row of it)
    is_square : whether P = 1/2 |root(s) d|^2, which has residuals
    value : P, of (terms, d, eps)
    slope : dP/dd, (n,)
    product : Hessian times v, of (terms, d, eps, v)
    diagonal : of the Hessian, (n,)
    """

    formula: str
    groups: str
    is_square: bool
    value: Callable[[Terms, Vector, float], float]
    slope: Callable[[Terms, Vector, float], Vector]
    product: Callable[[Terms, Vector, float, Vector], Vector]
    diagonal: Callable[[Terms, Vector, float], Vector]


def _over(a: Vector, b: Vector) -> Vector:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def _like(a: Vector, v: Vector) -> Vector:
    """a, (n,), beside v, which may be (n, k)."""
    return a if v.ndim == 1 else a[:, np.newaxis]


# d^2 / 2


def _square_value(terms: Terms, d: Vector, eps: float) -> float:
    return 0.5 * float(np.add.reduce(terms.strength * d * d))


def _square_slope(terms: Terms, d: Vector, eps: float) -> Vector:
    return terms.strength * d


def _square_product(terms: Terms, d: Vector, eps: float, v: Vector) -> Vector:
    return _like(terms.strength, v) * v


def _square_diagonal(terms: Terms, d: Vector, eps: float) -> Vector:
    return terms.strength


# root(|d_g|^2 + eps^2) - eps. Where a group is one entry this is |d|.


def _length(terms: Terms, d: Vector, eps: float) -> Vector:
    """Of each entry root(|d_g|^2 + eps^2), which neither overflows nor underflows."""
    if terms.group.size == 0:
        return d
    largest = np.zeros(int(terms.group.max()) + 1)
    np.maximum.at(largest, terms.group, np.abs(d))
    scale = np.maximum(largest, eps)[terms.group]
    scale = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
    return scale * np.sqrt(terms.sums((d / scale) ** 2) + (eps / scale) ** 2)


def _norm_value(terms: Terms, d: Vector, eps: float) -> float:
    # length - eps = |d_g|^2 / (length + eps), of which each entry has a share: no cancellation.
    length = _length(terms, d, eps)
    return float(np.add.reduce(terms.strength * d * _over(d, length + eps)))


def _norm_slope(terms: Terms, d: Vector, eps: float) -> Vector:
    return terms.strength * _over(d, _length(terms, d, eps))


def _norm_product(terms: Terms, d: Vector, eps: float, v: Vector) -> Vector:
    length = _length(terms, d, eps)
    unit = _like(_over(d, length), v)
    across = v - unit * terms.sums(unit * v)
    return _like(_over(terms.strength, length), v) * across


def _norm_diagonal(terms: Terms, d: Vector, eps: float) -> Vector:
    length = _length(terms, d, eps)
    return _over(terms.strength, length) * (1 - _over(d, length) ** 2)


def _entry_share(terms: Terms, d: Vector, eps: float) -> Vector:
    """s eps^2 / length^3: where a group is one entry, what is left of 1 - unit^2."""
    length = _length(terms, d, eps)
    return _over(terms.strength, length) * _over(np.full(d.shape, eps), length) ** 2


def _entry_product(terms: Terms, d: Vector, eps: float, v: Vector) -> Vector:
    return _like(_entry_share(terms, d, eps), v) * v


REGULARISERS = {
    "l2": Regulariser(
        "d^2 / 2", "entry", True,
        _square_value, _square_slope, _square_product, _square_diagonal,
    ),
    "l1": Regulariser(
        "root(d^2 + eps^2) - eps", "entry", False,
        _norm_value, _norm_slope, _entry_product, _entry_share,
    ),
    "group_inputs": Regulariser(
        "root(|d_g|^2 + eps^2) - eps", "input", False,
        _norm_value, _norm_slope, _norm_product, _norm_diagonal,
    ),
    "group_units": Regulariser(
        "root(|d_g|^2 + eps^2) - eps", "unit", False,
        _norm_value, _norm_slope, _norm_product, _norm_diagonal,
    ),
}  # fmt: skip


# What they are applied to


def terms_of(
    name: str, strength: Any, blocks: "list[Block]", where: NDArray[np.bool_]
) -> "Terms | None":
    """What the regulariser of this name is applied to; None if its strength is 0 everywhere.

    strength : a number, a sequence with one for each layer that has parameters, or a dict of layer:
        number, of those that `blocks` names
    where : which parameters are penalised at all
    """
    each = _strengths(name, strength, blocks, where.size)
    places = np.flatnonzero(where & (each > 0))
    if places.size == 0:
        return None
    kind = REGULARISERS[name].groups
    group = np.arange(places.size) if kind == "entry" else _groups(name, kind, blocks, places)
    return Terms(places, group, each[places])


def _strengths(name: str, strength: Any, blocks: "list[Block]", n: int) -> Vector:
    """Of each parameter."""
    by_layer = isinstance(strength, dict | list | tuple)
    if not by_layer and not (isinstance(strength, np.ndarray) and strength.ndim == 1):
        return np.full(n, validate.non_negative(strength, name))
    layers = sorted({block.layer for block in blocks} - {0})
    if not layers:
        raise ValueError(
            f"{name}={strength!r} has a strength for each layer, and this objective has no "
            "layers: give one number"
        )
    known = ", ".join(map(str, layers))
    if not isinstance(strength, dict):
        if len(strength) != len(layers):
            raise ValueError(
                f"{name} has {len(strength)} strengths for {len(layers)} layers with parameters "
                f"(layers {known}); give one for each, or a dict of layer: strength"
            )
        strength = dict(zip(layers, strength, strict=True))
    each = np.zeros(n)
    for layer, value in strength.items():
        if isinstance(layer, bool) or not isinstance(layer, int | np.integer):
            raise TypeError(f"{name} has the key {layer!r}; layers are numbers: {known}")
        if layer not in layers:
            raise ValueError(f"{name} has layer {layer}; those with parameters are {known}")
        number = validate.non_negative(value, f"{name} of layer {layer}")
        for block in blocks:
            if block.layer == layer:
                each[block.indices] = number
    return each


def _groups(
    name: str, kind: str, blocks: "list[Block]", places: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The number of the group of each place: its column, or its row, of the matrix Theta."""
    n = int(places.max()) + 1
    n = max([n, *(int(block.indices.max(initial=-1)) + 1 for block in blocks)])
    key = np.full((n, 2), -1)
    for block in blocks:
        if block.columns:
            row, column = np.divmod(block.indices - block.origin, block.columns)
            key[block.indices, 0] = block.origin
            key[block.indices, 1] = column if kind == "input" else row
    if (key[places, 0] < 0).any():
        raise ValueError(
            f"{name} is of the {kind}s of whole layers of a network, and some parameters are in "
            "none: penalise the network's objective before it is frozen or added up with others"
        )
    return np.unique(key[places], axis=0, return_inverse=True)[1].reshape(-1)
