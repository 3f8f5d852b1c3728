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
    "residuals": "objectives of networks have them, of squared errors, and penalties",
    "jacobian": "objectives of networks have them, of squared errors, and penalties",
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


class OfSum:
    """Of J = sum_k factor_k J_k."""

    __slots__ = ()

    @property
    def hessp(self) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """hessp(theta, v): the Hessian times v, or times k of them in columns."""
        return self._of_parts("hessp")

    @property
    def gauss_newton_product(self) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """gauss_newton_product(theta, v): the Gauss-Newton matrix times v."""
        return self._of_parts("gauss_newton_product")

    @property
    def hessian(self) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian(theta): the Hessian, (n_parameters, n_parameters)."""
        return self._of_parts("hessian")

    @property
    def hessian_diagonal(self) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian_diagonal(theta): its diagonal."""
        return self._of_parts("hessian_diagonal")

    @property
    def _gauss_newton_matrix(self) -> "Callable[[Any], NDArray[np.float64]]":
        """The Gauss-Newton matrix at theta."""
        return self._of_parts("_gauss_newton_matrix")

    @property
    def residuals(self) -> "Callable[[Any], NDArray[np.float64]]":
        """residuals(theta): those of all parts, each times the root of its factor."""
        return self._stacked("residuals")

    @property
    def jacobian(self) -> "Callable[[Any], NDArray[np.float64]]":
        """jacobian(theta): the Jacobian of `residuals`, (rows, n_parameters)."""
        return self._stacked("jacobian")

    def _stacked(self: Any, name: str) -> "Callable[[Any], NDArray[np.float64]]":
        """What all the parts have by this name, one below the other."""
        used = self._having(name)
        for factor, part in used:
            if factor < 0:
                raise AttributeError(
                    f"no {name}: the sum has {factor:g} * {part!r}, and what is taken away is no "
                    "square"
                )

        def stacked(theta: Any) -> "NDArray[np.float64]":
            vector = self._vector(theta)
            parts = [np.sqrt(factor) * getattr(part, name)(vector) for factor, part in used]
            shape = (0,) if name == "residuals" else (0, self.n_parameters)
            return np.concatenate([np.empty(shape), *parts])

        return stacked

    def _having(self: Any, name: str) -> list[tuple[float, Any]]:
        """The parts that count, if all have what is called so."""
        used: list[tuple[float, Any]] = self._used()
        for factor, part in used:
            if not hasattr(part, name):
                what = _name(name)
                raise AttributeError(
                    f"no {what}: a part has none, {factor:g} * {part!r}; {_WITHOUT[name]}"
                )
        return used

    def _of_parts(self: Any, name: str) -> "Callable[..., NDArray[np.float64]]":
        """The sum of what all the parts have by this name."""
        used = self._having(name)

        def total(theta: Any, *v: Any) -> "NDArray[np.float64]":
            vector = self._vector(theta)
            along = [directions(self, each) for each in v]
            parts = [factor * getattr(part, name)(vector, *along) for factor, part in used]
            shape = along[0].shape if along else (self.n_parameters,)
            return sum(parts[1:], parts[0]) if parts else np.zeros(shape)

        return total


class OfFrozen:
    """Of J(free) = J(expand(free)): rows and columns of the free parameters."""

    __slots__ = ()

    @property
    def hessp(self: Any) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """hessp(free, v): the Hessian by the free parameters times v, or k of them in columns."""
        return _product(self, self.objective.hessp)

    @property
    def gauss_newton_product(self: Any) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """gauss_newton_product(free, v), likewise."""
        return _product(self, self.objective.gauss_newton_product)

    @property
    def hessian(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian(free): the Hessian by the free parameters."""
        return _matrix(self, self.objective.hessian)

    @property
    def hessian_diagonal(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian_diagonal(free): its diagonal."""
        whole = self.objective.hessian_diagonal
        return lambda free: whole(self.expand(free))[self.free]

    @property
    def residuals(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """residuals(free): those of the objective."""
        whole = self.objective.residuals
        return lambda free: whole(self.expand(free))

    @property
    def jacobian(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """jacobian(free): the Jacobian of `residuals`, (rows, free parameters)."""
        whole = self.objective.jacobian
        return lambda free: whole(self.expand(free))[:, self.free]

    @property
    def _gauss_newton_matrix(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """The Gauss-Newton matrix by the free parameters."""
        return _matrix(self, self.objective._gauss_newton_matrix)


class OfPlaced:
    """Of J(theta) = objective(theta[places]): 0 in all other rows and columns."""

    __slots__ = ()

    @property
    def hessp(self: Any) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """hessp(theta, v): the Hessian times v, or k of them in columns."""
        return _spread_product(self, self.objective.hessp)

    @property
    def gauss_newton_product(self: Any) -> "Callable[[Any, Any], NDArray[np.float64]]":
        """gauss_newton_product(theta, v), likewise."""
        return _spread_product(self, self.objective.gauss_newton_product)

    @property
    def hessian(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian(theta): the Hessian."""
        return _spread_matrix(self, self.objective.hessian)

    @property
    def hessian_diagonal(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """hessian_diagonal(theta): its diagonal."""
        whole = self.objective.hessian_diagonal
        return lambda theta: self._spread(whole(self._taken(theta)))

    @property
    def residuals(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """residuals(theta): those of the objective."""
        whole = self.objective.residuals
        return lambda theta: whole(self._taken(theta))

    @property
    def jacobian(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """jacobian(theta): the Jacobian of `residuals`, (rows, n_parameters)."""
        whole = self.objective.jacobian
        return lambda theta: self._spread(whole(self._taken(theta)).T).T

    @property
    def _gauss_newton_matrix(self: Any) -> "Callable[[Any], NDArray[np.float64]]":
        """The Gauss-Newton matrix."""
        return _spread_matrix(self, self.objective._gauss_newton_matrix)


def _spread_product(placed: Any, own: Any) -> "Callable[[Any, Any], NDArray[np.float64]]":
    """Products of directions of the longer theta, of those with the objective's."""

    def product(theta: Any, v: Any) -> "NDArray[np.float64]":
        along = np.ascontiguousarray(directions(placed, v)[placed.places])
        return placed._spread(own(placed._taken(theta), along))  # type: ignore[no-any-return]

    return product


def _spread_matrix(placed: Any, own: Any) -> "Callable[[Any], NDArray[np.float64]]":
    """The matrix of the longer theta, of the objective's."""

    def matrix(theta: Any) -> "NDArray[np.float64]":
        whole = np.zeros((placed.n_parameters, placed.n_parameters))
        whole[np.ix_(placed.places, placed.places)] = own(placed._taken(theta))
        return whole

    return matrix


def _matrix(frozen: Any, whole: Any) -> "Callable[[Any], NDArray[np.float64]]":
    """Rows and columns of what is free, of a function that gives the whole matrix."""
    return lambda free: whole(frozen.expand(free))[np.ix_(frozen.free, frozen.free)]


def _product(frozen: Any, whole: Any) -> "Callable[[Any, Any], NDArray[np.float64]]":
    """The same of a function that gives products with the whole matrix."""

    def product(free: Any, v: Any) -> "NDArray[np.float64]":
        along = directions(frozen, v)
        full = np.zeros((frozen.theta.size, *along.shape[1:]))
        full[frozen.free] = along
        return whole(frozen.expand(free), full)[frozen.free]  # type: ignore[no-any-return]

    return product
