"""Objectives made of objectives: sums, and some of the parameters alone."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import validate
from fastbp.blocks import Block
from fastbp.composable import Composable, Composite
from fastbp.composed_derivatives import OfFrozen, OfSum
from fastbp.further import Further, behind, placed, shared
from fastbp.penalty import Penalty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.last_evaluation import Result


class Sum(Further, OfSum, Composite):
    """J = sum_k factor_k J_k on one theta; made by `+`, `-`, `*` and `/` of objectives.

        J = sum_k factor_k J_k(theta),   D = sum_k factor_k D_k(theta)

    in the order of the terms. Where objectives have further parameters behind those of the network
    (`Network.collocation`), theta has the network's, then those of all terms in their order, each
    name once: a term takes what it knows. `fun` and `jac` share what each of its objectives shares.
    A callable is called for each, and again in `cost`: it returns (J, D). A term of factor 0 is
    left out. `rows` are rows of every objective, all of which have as many samples; m of a penalty
    is that of these rows.

    Parameters
    ----------
    terms : iterable of (float, objective or callable)

    Attributes
    ----------
    terms : tuple of (float, objective or callable)
        Sums within sums are resolved.
    n_parameters : int
    network : Network
        That of its objectives, if they have one and the same.
    parameters : tuple of str
        Names of the further parameters, in their order at the end of theta.

    Raises
    ------
    ValueError
        If the objectives have different numbers of parameters, further ones not counted.
    """

    __slots__ = ("parameters", "terms")

    _made_by = "a + 2 * b"
    terms: tuple[tuple[float, Any], ...]

    def __init__(self, terms: Iterable[tuple[float, Any]]) -> None:
        flat: list[tuple[float, Any]] = []
        for factor, part in terms:
            inner = part.terms if isinstance(part, Sum) else ((1.0, part),)
            flat += [(factor * each, behind(objective)) for each, objective in inner]
        parts = [part for _, part in flat if isinstance(part, Composable)]
        if not parts:
            raise TypeError("a sum has at least one objective that knows its number of parameters")
        n, names = shared(parts)
        placed_terms = (
            (factor, placed(part, n, names) if isinstance(part, Composable) else part)
            for factor, part in flat
        )
        self._set(terms=tuple(placed_terms), n_parameters=n, parameters=names)

    def __call__(self, theta: Any, rows: Any = None) -> "Result":
        """The cost and a fresh gradient at `theta`, float64 (n_parameters,); of some rows alone,
        as `rows` of `Objective` says them, if every part has them."""
        vector = self._vector(theta)
        total, D = 0.0, np.zeros(self.n_parameters)
        for factor, part in self._used(rows):
            J, slope = part(vector, rows) if isinstance(part, Composable) else _called(part, vector)
            total += factor * J
            with np.errstate(all="ignore"):
                D += factor * slope
        return total, D

    def cost(self, theta: Any, rows: Any = None) -> float:
        """The cost alone, without the work of gradients."""
        return self._total("cost", theta, rows)

    def fun(self, theta: Any, rows: Any = None) -> float:
        """The cost at `theta`; its objectives share evaluations with `jac`."""
        return self._total("fun", theta, rows)

    def jac(self, theta: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient at `theta`, a fresh array."""
        vector, D = self._vector(theta), np.zeros(self.n_parameters)
        for factor, part in self._used(rows):
            slope = (
                part.jac(vector, rows) if isinstance(part, Composable) else _called(part, vector)[1]
            )
            with np.errstate(all="ignore"):
                D += factor * slope
        return D

    def _total(self, what: str, theta: Any, rows: Any) -> float:
        """The sum of the parts' `cost`, or `fun`: `what` names the method."""
        vector, total = self._vector(theta), 0.0
        for factor, part in self._used(rows):
            call = getattr(part, what) if isinstance(part, Composable) else None
            total += factor * (call(vector, rows) if call else _called(part, vector)[0])
        return total

    def _used(self, rows: Any = None) -> list[tuple[float, Any]]:
        """The terms that count; of rows only if all of them have rows of as many samples."""
        used = [term for term in self.terms if term[0] != 0]
        if rows is not None:
            _same_samples([part for _, part in used])
        return used

    def _samples(self) -> int | None:
        return _same_samples([part for _, part in self._used()])

    def _objectives(self) -> list[Composable]:
        seen = {id(part): part for _, part in self.terms if isinstance(part, Composable)}
        return list(seen.values())

    @property
    def network(self) -> Any:
        """The network of its objectives, if they have one and the same."""
        networks = [part.network for part in self._objectives() if hasattr(part, "network")]
        if not networks or any(each != networks[0] for each in networks):
            raise AttributeError(f"no network: its objectives have {len(networks)}, not one")
        return networks[0]

    def blocks(self) -> list[Block]:
        """Those of the first objective that has some, and the further parameters."""
        found = next((found for part in self._objectives() if (found := part.blocks())), [])
        first = self.n_parameters - len(self.parameters)
        if self.parameters:
            found = [block for block in found if block.indices.max() < first]
        return [*found, *self._further_blocks()]

    @property
    def _further(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.parameters

    def _m(self, rows: Any = None) -> float:
        """That of its one objective besides penalties; of several there is no one m."""
        own = [part for _, part in self.terms if not isinstance(part, Penalty)]
        alone = len(own) == 1 and isinstance(own[0], Composable)
        return own[0]._m(rows) if alone else 1.0

    def _arguments(self) -> tuple[Any, ...]:
        return (self.terms,)

    def __repr__(self) -> str:
        texts = [part if factor == 1 else f"{factor:g} * {part}" for factor, part in self.terms]
        return f"<Sum: {' + '.join(map(str, texts))}>"


class Frozen(OfFrozen, Composite):
    """An objective of some of its parameters; the others keep their values.

        J(free) = J(expand(free)),   D = those entries of the gradient there

    Made by `objective.frozen`. Each call evaluates the whole gradient of the objective.

    Parameters
    ----------
    objective : objective
    mask : ndarray of bool, shape (n,)
        True for what is frozen.
    theta : array_like, shape (n,), optional
        The values of what is frozen; 0 unless given.

    Attributes
    ----------
    objective : objective
    free : ndarray of int
        The places of its parameters in the theta of the objective.
    theta : ndarray
        The values of what is frozen.
    n_parameters : int
        Of what is free.
    """

    __slots__ = ("free", "objective", "theta")

    _made_by = "objective.frozen(...)"
    objective: Composable
    free: "NDArray[np.intp]"
    theta: "NDArray[np.float64]"

    def __init__(self, objective: Composable, mask: Any, theta: Any = None) -> None:
        free = np.flatnonzero(~mask)
        if free.size == 0:
            raise ValueError(f"all {mask.size} parameters are frozen; leave at least one free")
        held = np.zeros(mask.size) if theta is None else objective._vector(theta).copy()
        for array in (free, held):
            array.flags.writeable = False
        self._set(n_parameters=free.size, objective=objective, free=free, theta=held)

    def expand(self, free: Any) -> "NDArray[np.float64]":
        """The full theta, a fresh vector, of its free parameters."""
        return self._placed(self.theta, self._vector(free))

    def reduce(self, theta: Any) -> "NDArray[np.float64]":
        """The free parameters, a fresh vector, of a full theta: the inverse of expand."""
        return self.objective._vector(theta)[self.free]

    def __call__(self, free: Any, rows: Any = None) -> "Result":
        """The cost and a fresh gradient by the free parameters; `rows` as the objective has it."""
        J, D = self.objective(self.expand(free), rows)
        return J, D[self.free]

    def cost(self, free: Any, rows: Any = None) -> float:
        """The cost alone, without the work of a gradient."""
        return self.objective.cost(self.expand(free), rows)

    def fun(self, free: Any, rows: Any = None) -> float:
        """The cost; shares evaluations with `jac` as the objective does."""
        return self.objective.fun(self.expand(free), rows)

    def jac(self, free: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient by the free parameters, a fresh array."""
        return self.objective.jac(self.expand(free), rows)[self.free]

    def _placed(
        self, others: "NDArray[np.float64]", free: "NDArray[np.float64]"
    ) -> "NDArray[np.float64]":
        """A full vector: these free parameters, and the others from `others`."""
        theta = others.copy()
        theta[self.free] = free
        return theta

    def blocks(self) -> list[Block]:
        """What is left of the objective's blocks.

        Weights that are not all of their Theta, or whose bias is partly frozen, have layer 0: they
        are no matrix any more.
        """
        place = np.full(self.theta.size, -1)
        place[self.free] = np.arange(self.free.size)
        old = self.objective.blocks()
        left = {b.name: (at := place[b.indices])[at >= 0] for b in old}
        torn = {(b.layer, b.origin) for b in old if 0 < left[b.name].size < b.indices.size}
        gone = {(b.layer, b.origin) for b in old if not left[b.name].size}
        made = []
        for b in old:
            if not left[b.name].size:
                continue
            layer, shape, origin, columns = b.layer, b.shape, 0, 0
            if (b.layer, b.origin) in torn:
                layer, shape = b.layer if b.kind == "bias" else 0, ()
            elif b.columns and (b.layer, b.origin) not in gone:
                origin, columns = int(place[b.origin]), b.columns
            made.append(Block(b.name, layer, b.kind, left[b.name], shape, origin, columns))
        return made

    def _m(self, rows: Any = None) -> float:
        return self.objective._m(rows)

    def _samples(self) -> int | None:
        return self.objective._samples()

    def _objectives(self) -> tuple[Composable, ...]:
        return (self.objective,)

    def _arguments(self) -> tuple[Any, ...]:
        mask = np.ones(self.theta.size, bool)
        mask[self.free] = False
        return (self.objective, mask, self.theta)

    def __repr__(self) -> str:
        return f"<Frozen: {self.free.size} of {self.theta.size} parameters free, {self.objective}>"


def mask_of(objective: Composable, which: Any) -> "NDArray[np.bool_]":
    """Where parameters are frozen, of what `Composable.frozen` takes."""
    n = objective.n_parameters
    if isinstance(which, Block | str):
        which = [which]
    if isinstance(which, list | tuple) and all(isinstance(b, Block | str) for b in which):
        mask = np.zeros(n, bool)
        blocks = {block.name: block for block in objective.blocks()}
        for block in which:
            if isinstance(block, str):
                validate.one_of(block, tuple(blocks), "block of parameters")
                block = blocks[block]
            if block.indices.size and not -n <= block.indices.min() <= block.indices.max() < n:
                raise ValueError(
                    f"{block.name} has index {block.indices.max()}, but the objective has {n} "
                    "parameters: take the blocks of its own network"
                )
            mask[block.indices] = True
        return mask
    mask = validate.as_array(which, "what is frozen")
    if mask.dtype != np.bool_ or mask.shape != (n,):
        raise TypeError(
            f"frozen takes a mask of {n} bools, True for what is frozen, or blocks of net.blocks() "
            f"or their names; got {validate.described(which)}; of indices a mask is made by "
            f"mask = np.zeros({n}, bool); mask[indices] = True"
        )
    return mask.copy()


def _same_samples(parts: list[Any]) -> int | None:
    """How many samples all these parts of a sum have; None if none has data."""
    found: tuple[int, Any] | None = None
    for part in parts:
        if not isinstance(part, Composable):
            raise TypeError(
                f"rows= is for sums of objectives of networks; a part is {part!r}, a callable that "
                "knows no rows: give the sum of the others rows=, and add what it returns"
            )
        m = part._samples()
        if m is not None and found is not None and m != found[0]:
            raise ValueError(
                f"rows= are rows of every part of a sum, but {found[1]!r} has {found[0]} samples "
                f"and {part!r} has {m}: evaluate each with rows of its own"
            )
        found = found or (None if m is None else (m, part))
    return found[0] if found else None


def _called(function: Any, theta: "NDArray[np.float64]") -> "Result":
    """J and D of a callable that knows nothing of objectives."""
    result = function(theta)
    try:
        J, D = result
        number, slope = float(J), np.asarray(D, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{function!r} is part of a sum and must return (J, D), a number and its gradient; "
            f"it returned {validate.described(result)}"
        ) from error
    if slope.shape != theta.shape:
        raise ValueError(
            f"{function!r} is part of a sum and returned a gradient of shape {slope.shape}; "
            f"expected {theta.shape}, one number for each parameter"
        )
    return number, slope
