"""Second derivatives of objectives that are made of others: sums, and those frozen in part.

Each is there where all the parts have theirs; else it is missing, as `hasattr` says, and the error
names the part that has none.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_WITHOUT = {
    "hessp": (
        "objectives of networks and circuits have one, and a callable may, as its attribute "
        "hessp(theta, v); method='L-BFGS-B' needs none"
    ),
    "hessian": "objectives of networks and circuits have one",
    "hessian_diagonal": "objectives of networks and circuits have one",
    "gauss_newton_product": "objectives of networks have one, and penalties",
    "_gauss_newton_matrix": "objectives of networks have one, and penalties",
}


def directions(owner: Any, v: Any) -> "NDArray[np.float64]":
    """v as (n_parameters,) or (n_parameters, k) of float64."""
    if validate.as_array(v, "v").ndim != 2:
        return owner._vector(v, "v")  # type: ignore[no-any-return]
    array, n = validate.numbers(v, "v"), owner.n_parameters
    if array.shape[0] != n:
        raise ValueError(
            f"v has shape {array.shape}; expected ({n},), or ({n}, k) for k directions in columns"
        )
    return array.astype(np.float64, copy=False)


def _name(name: str) -> str:
    return name if not name.startswith("_") else "Gauss-Newton matrix"


def _of_parts(name: str, text: str) -> property:
    """The sum of what the parts of a sum have by this name."""

    def get(self: Any) -> "Callable[..., NDArray[np.float64]]":
        used = self._used()
        for factor, part in used:
            if not hasattr(part, name):
                raise AttributeError(
                    f"no {_name(name)}: a part has none, {factor:g} * {part!r}; {_WITHOUT[name]}"
                )

        def total(theta: Any, *v: Any) -> "NDArray[np.float64]":
            vector = self._vector(theta)
            along = [directions(self, each) for each in v]
            parts = [factor * getattr(part, name)(vector, *along) for factor, part in used]
            shape = along[0].shape if along else (self.n_parameters,)
            return sum(parts[1:], parts[0]) if parts else np.zeros(shape)

        return total

    return property(get, doc=text)


class OfSum:
    """Of J = sum_k factor_k J_k."""

    __slots__ = ()

    hessp = _of_parts(
        "hessp", "hessp(theta, v): the Hessian times v, or times k of them in columns."
    )
    gauss_newton_product = _of_parts(
        "gauss_newton_product", "gauss_newton_product(theta, v): the Gauss-Newton matrix times v."
    )
    hessian = _of_parts("hessian", "hessian(theta): the Hessian, (n_parameters, n_parameters).")
    hessian_diagonal = _of_parts("hessian_diagonal", "hessian_diagonal(theta): its diagonal.")
    _gauss_newton_matrix = _of_parts("_gauss_newton_matrix", "The Gauss-Newton matrix.")


class OfFrozen:
    """Of J(free) = J(expand(free)): rows and columns of the free parameters."""

    __slots__ = ()

    if TYPE_CHECKING:
        objective: Any
        free: NDArray[np.intp]
        theta: NDArray[np.float64]
        n_parameters: int

        def expand(self, free: Any) -> NDArray[np.float64]: ...

    @property
    def hessp(self) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """hessp(free, v): the Hessian by the free parameters times v, or k of them in columns."""
        return self._product(self.objective.hessp)

    @property
    def gauss_newton_product(self) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """gauss_newton_product(free, v), likewise."""
        return self._product(self.objective.gauss_newton_product)

    @property
    def hessian(self) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian(free): the Hessian by the free parameters."""
        return self._matrix(self.objective.hessian)

    @property
    def hessian_diagonal(self) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian_diagonal(free): its diagonal."""
        whole = self.objective.hessian_diagonal
        return lambda free: whole(self.expand(free))[self.free]

    @property
    def _gauss_newton_matrix(self) -> "Callable[[Any], NDArray[np.float64]]":
        return self._matrix(self.objective._gauss_newton_matrix)

    def _matrix(self, whole: Any) -> "Callable[[Any], NDArray[np.float64]]":
        return lambda free: whole(self.expand(free))[np.ix_(self.free, self.free)]

    def _product(self, whole: Any) -> "Callable[[Any, Any], NDArray[np.float64]]":
        def product(free: Any, v: Any) -> "NDArray[np.float64]":
            along = directions(self, v)
            full = np.zeros((self.theta.size, *along.shape[1:]))
            full[self.free] = along
            return whole(self.expand(free), full)[self.free]  # type: ignore[no-any-return]

        return product
