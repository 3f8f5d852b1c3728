"""Further parameters, behind those of a network in theta: how objectives that have different ones
share a theta.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import validate
from fastbp.blocks import Block
from fastbp.composable import Composable, Composite
from fastbp.composed_derivatives import OfPlaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.last_evaluation import Result

Bounds = list[tuple[float | None, float | None]]


class Further:
    """What objectives with further parameters have.

    Attributes
    ----------
    parameters : tuple of str
        Names of the further parameters, in their order at the end of theta.
    """

    __slots__ = ()

    parameters: tuple[str, ...]

    def bounds(self: Any, **limits: Any) -> Bounds:
        """Bounds of every parameter, for `scipy.optimize.minimize`: those given by name, or none.

            minimize(cost, theta, jac=True, method="L-BFGS-B", bounds=cost.bounds(nu=(0, None)))

        Parameters
        ----------
        **limits : (low, high) of a further parameter, each a number or None

        Raises
        ------
        TypeError, ValueError
            If there is no such parameter, or its limits are no pair.
        """
        bounds: Bounds = [(None, None)] * self.n_parameters
        first = self.n_parameters - len(self.parameters)
        for name, pair in limits.items():
            validate.one_of(name, self.parameters, "further parameter")
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TypeError(f"bounds of {name} are a pair (low, high), got {pair!r}")
            bounds[first + self.parameters.index(name)] = pair[0], pair[1]
        return bounds

    def _further_blocks(self: Any) -> list[Block]:
        first = self.n_parameters - len(self.parameters)
        return [Block(name, 0, "", np.array([first + i])) for i, name in enumerate(self.parameters)]


class Placed(OfPlaced, Composite):
    """An objective on a longer theta, of which it takes some numbers.

        J(theta) = objective(theta[places]),   D is 0 elsewhere

    Made by sums of objectives whose further parameters differ.

    Parameters
    ----------
    objective : objective
    places : ndarray of int
        Of its parameters in theta, each once.
    n_parameters : int
        The length of theta.
    """

    __slots__ = ("objective", "places")

    objective: Composable
    places: "NDArray[np.intp]"

    def __init__(self, objective: Composable, places: "NDArray[np.intp]", n: int) -> None:
        self._set(objective=objective, places=places, n_parameters=n)

    def __call__(self, theta: Any, rows: Any = None) -> "Result":
        """The cost and a fresh gradient at `theta`."""
        J, D = self.objective(self._taken(theta), rows)
        return J, self._spread(D)

    def cost(self, theta: Any, rows: Any = None) -> float:
        """The cost alone."""
        return self.objective.cost(self._taken(theta), rows)

    def fun(self, theta: Any, rows: Any = None) -> float:
        """The cost; shares evaluations with `jac` as the objective does."""
        return self.objective.fun(self._taken(theta), rows)

    def jac(self, theta: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient, a fresh array."""
        return self._spread(self.objective.jac(self._taken(theta), rows))

    def _taken(self, theta: Any) -> "NDArray[np.float64]":
        return self._vector(theta)[self.places]

    def _spread(self, own: "NDArray[np.float64]") -> "NDArray[np.float64]":
        whole = np.zeros((self.n_parameters, *own.shape[1:]))
        whole[self.places] = own
        return whole

    @property
    def network(self) -> Any:
        """The objective's, if it has one."""
        return self.objective.network  # type: ignore[attr-defined]

    def blocks(self) -> list[Block]:
        """The objective's, at their places in theta."""
        return [
            block._replace(indices=self.places[block.indices]) for block in self.objective.blocks()
        ]

    def _m(self, rows: Any = None) -> float:
        return self.objective._m(rows)

    def _samples(self) -> int | None:
        return self.objective._samples()

    def _objectives(self) -> tuple[Composable, ...]:
        return (self.objective,)

    def _arguments(self) -> tuple[Any, ...]:
        return self.objective, self.places, self.n_parameters

    def __repr__(self) -> str:
        return repr(self.objective)


def behind(part: Composable) -> Composable:
    """The objective itself, if it is one on a longer theta."""
    return part.objective if isinstance(part, Placed) else part


def shared(parts: Iterable[Composable]) -> tuple[int, tuple[str, ...]]:
    """The length of the theta that these share, and the names of its further parameters.

    The parameters of the network come first, then the further ones of all parts in the order of the
    parts, each name once.

    Raises
    ------
    ValueError
        If the parts have different numbers of parameters before the further ones.
    """
    first: Composable | None = None
    names: list[str] = []
    for part in parts:
        own = part._further
        first = first or part
        if part.n_parameters - len(own) != first.n_parameters - len(first._further):
            raise ValueError(
                f"{first!r} has {first.n_parameters} parameters and {part!r} has "
                f"{part.n_parameters}: objectives are added up on one theta; freeze what one "
                "of them lacks, or build both with the same parameters"
            )
        names += [name for name in own if name not in names]
    assert first is not None
    return first.n_parameters - len(first._further) + len(names), tuple(names)


def placed(part: Composable, n: int, names: tuple[str, ...]) -> Composable:
    """A part on a theta of n numbers, whose last have these names."""
    if part.n_parameters == n and part._further == names:
        return part
    first = n - len(names)
    own = [first + names.index(name) for name in part._further]
    return Placed(part, np.array([*range(first), *own], np.intp), n)
