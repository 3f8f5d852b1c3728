"""A network, points and residuals bound together: physics-informed costs and inverse problems."""

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fastbp import compiled, samples, validate
from fastbp.blocks import Block
from fastbp.circuits.residuals import Residuals as Tapes
from fastbp.circuits.symbols import Symbols
from fastbp.composed_derivatives import directions
from fastbp.derivatives import AT_ONCE, Residuals
from fastbp.further import Further
from fastbp.rows import read as read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp._core.interface import BoundCollocation
    from fastbp.network import Network


class Collocation(Further, Residuals):
    """J(theta) of residuals of a network and its derivatives by the inputs; for any optimiser.

        J = 1/(2m) sum_i sum_j r_j(x_i; a, da/dx, d2a/dx2; p)^2 + l2/(2m) sum W^2,   D = dJ/dtheta

    theta has the parameters of the network, then the further ones p: variables of the residuals
    that are neither symbols nor data, in the order in which they were made. With weights m is their
    sum, with reduction="sum" nothing is divided by m. Made by `Network.collocation`.

        x, t, u = net.symbols("x t", "u")
        inside = net.collocation(points, u.d(t) + u * u.d(x) - nu * u.d(x, x))
        cost = inside + 10 * net.objective(X0, u0)
        minimize(cost, theta, jac=True, method="L-BFGS-B")

    Sums with objectives of the network, or of other residuals, have one theta: the network's
    parameters, then the further ones of all parts, each name once (see `Sum`).

    Derivatives by the inputs are exact, to second order and mixed, and carried through the network
    beside the values; the gradient is that of J. Where an activation has a kink (relu, ...) its
    derivatives are those beside it, so that second ones are 0 almost everywhere: take tanh, sin,
    softplus, silu, gelu. There is no `hessp`, for which activations would need their fourth
    derivatives; `gauss_newton_product`, `jacobian` and `fastbp.levenberg_marquardt` are there.

    Data that needs no conversion is referred to, not copied, as an objective's.

    Parameters
    ----------
    network : Network
        Its loss plays no part.
    points : array_like, shape (m, *input_shape) or (m, s_0)
    residuals : Expression, or sequence of Expression
    data : mapping of names or variables to array_like, shape (m,), optional
    l2, sample_weight, n_threads
        As of `Network.objective`.

    Attributes
    ----------
    network : Network
    expressions : tuple of Expression
        The residuals.
    parameters : tuple of str
        The names of the further parameters, in their order.
    n_parameters : int
        The length of theta, with them.
    n_residuals : int
        Of each point.
    n_samples : int
        m.
    l2 : float
    sample_weight : ndarray of float64, or None
    n_threads, n_evaluations, seconds
        As of `Objective`.
    """

    __slots__ = (
        "_data", "_evaluate", "_points", "_problem", "expressions", "l2", "network", "parameters",
    )  # fmt: skip

    _made_by = "net.collocation(...)"

    network: "Network"
    expressions: tuple[Any, ...]
    l2: float
    dy = None
    _points: "NDArray[Any]"
    _data: "dict[str, NDArray[Any]]"  # as the engine reads it
    _problem: "BoundCollocation"  # type: ignore[assignment]

    def __init__(
        self,
        network: "Network",
        points: Any,
        residuals: Any,
        data: Any = None,
        l2: float | None = None,
        sample_weight: Any = None,
        n_threads: int | None = None,
    ) -> None:
        X = samples.data(points, network)
        m, real = X.shape[0], network.dtype
        columns = {name: _column(value, name, m, real) for name, value in _named(data).items()}
        matrix = np.ascontiguousarray(np.transpose([*columns.values()]), real) if columns else None
        l2 = network.l2 if l2 is None else validate.non_negative(l2, "l2")
        outputs = int(np.prod(network.output_shape))
        positions = network.program().positions
        tapes = Tapes(
            residuals, X.shape[1], outputs, positions, network.activations[-1], tuple(columns)
        )
        n = network.n_parameters + len(tapes.parameters)
        self._bind(n, m, sample_weight, n_threads, [(X, points)])
        engine, chain = compiled.chain(network)
        inputs, pairs, sources = tapes.numbers()
        cost, rows = tapes.tapes(real.name)
        problem = engine.BoundCollocation(
            chain, X, matrix, self.sample_weight, l2, network.reduction == "mean", self.n_threads,
            inputs, pairs, sources, cost, rows, len(tapes.expressions), len(tapes.parameters),
        )  # fmt: skip
        self._set(
            network=network, expressions=tapes.expressions, parameters=tapes.parameters, l2=l2,
            _points=X, _data=columns, _problem=problem, _evaluate=problem.evaluate,
        )  # fmt: skip

    @property
    def n_residuals(self) -> int:
        """How many residuals each point has."""
        return len(self.expressions)

    def blocks(self) -> list[Block]:
        """Those of the network, and the further parameters one by one."""
        return [*self.network.blocks(), *self._further_blocks()]

    @property
    def _further(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.parameters

    # Derivatives

    def gauss_newton_product(self, theta: Any, v: Any) -> "NDArray[np.float64]":
        """The Gauss-Newton matrix R'R of the residuals' Jacobian R at theta times v.

        It is made point by point of rows of R, in O(1) memory in m.

        Parameters
        ----------
        theta : array_like, shape (n_parameters,)
        v : array_like, shape (n_parameters,) or (n_parameters, k)

        Returns
        -------
        ndarray of float64, of the shape of v
        """
        vector, along = self._vector(theta), directions(self, v)
        rows = np.ascontiguousarray(np.atleast_2d(along.T), np.float64)
        made = [
            self._problem.products(vector, rows[i : i + AT_ONCE])
            for i in range(0, len(rows), AT_ONCE)
        ]
        out = np.concatenate([np.empty((0, self.n_parameters)), *made]).T.copy()
        places, root = self._penalty()
        out[places] += root * root * rows.T[places]
        return out.reshape(along.shape)

    @property
    def hessp(self) -> NoReturn:
        """There is none: it would need fourth derivatives of the activations."""
        raise AttributeError(
            "a collocation has no hessp, for which activations would need their fourth "
            "derivatives; gauss_newton_product is its positive semi-definite part, "
            "fastbp.levenberg_marquardt minimises with it, and method='L-BFGS-B' needs neither"
        )

    @property
    def sample_gradients(self) -> NoReturn:
        """There are none; rows of `jacobian` are the derivatives of each point."""
        raise AttributeError(
            "a collocation has no sample_gradients; jacobian has a row for each residual of each "
            "point"
        )

    def _per_sample(self) -> int:
        return self.n_residuals

    def _with_residuals(self, theta: Any) -> "NDArray[np.float64]":
        return self._vector(theta)

    # What Bound asks for

    def _parameters_in_words(self) -> str:
        further = f"\nbehind it: {', '.join(self.parameters)}" if self.parameters else ""
        return f", as theta\n{self.network.table()}{further}"

    def _cost(self, vector: "NDArray[np.float64]") -> float:
        return self._problem.evaluate(vector, False)[0]  # type: ignore[no-any-return]

    def _into(self, vector: "NDArray[np.float64]", out: "NDArray[np.float64]") -> float:
        return self._problem.evaluate_into(vector, out)

    def _on_rows(self, theta: Any, rows: Any, gradient: bool) -> tuple[float, Any]:
        evaluate = self._problem.evaluate
        result = evaluate(theta, gradient, rows)
        if result is None:
            result = evaluate(self._vector(theta), gradient, self._row_numbers(rows))
        return result  # type: ignore[no-any-return]

    def _row_numbers(self, rows: Any) -> Any:
        return read_rows(rows, self.n_samples)

    def _samples(self) -> int:
        return self.n_samples

    def _products(self) -> int:
        return 4 * self.n_samples * self.n_parameters

    def _engines(self) -> tuple[Any]:
        return (self._problem,)

    @property
    def _is_mean(self) -> bool:
        return self.network.reduction == "mean"

    def _words(self) -> tuple[str, str]:
        """See Bound."""
        further = f" and {', '.join(self.parameters)}" if self.parameters else ""
        return f"{self.network.name}{further}, {self.n_residuals} residuals", f"l2={self.l2:g}"

    def _arguments(self) -> tuple[Any, ...]:
        rest = (self.l2, self.sample_weight, self._explicit_threads)
        return (self.network, self._points, self.expressions, self._data, *rest)


def symbols(network: "Network", inputs: str, outputs: str) -> tuple[Any, ...]:
    """See Network.symbols."""
    made = Symbols(
        _names(inputs, "inputs", network.input_shape),
        _names(outputs, "outputs", network.output_shape),
        network.input_shape,
        network.output_shape,
    )
    twice = set(made.inputs) & set(made.outputs)
    if twice:
        raise ValueError(f"{min(twice)!r} is the name of an input and of an output")
    return made.variables()


def _names(given: Any, what: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    if not isinstance(given, str):
        raise TypeError(f"the names of {what} must be one str, got {validate.described(given)}")
    names, n = tuple(given.replace(",", " ").split()), int(np.prod(shape))
    if len(names) not in (1, n):
        raise ValueError(
            f"{len(names)} names of {what}, {given!r}; the network has {n}: give each a name, or "
            f"one name for an array of them all, of shape {shape}"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"a name comes twice in {given!r}; name each of the {what} once")
    return names


def _named(data: Any) -> dict[str, Any]:
    """The data by names, which may have been given as variables."""
    if data is None:
        return {}
    if not hasattr(data, "keys"):
        raise TypeError(
            f"data must be a mapping of names to columns, got {validate.described(data)}"
        )
    return {str(getattr(key, "name", key)): data[key] for key in data.keys()}  # noqa: SIM118


def _column(value: Any, name: str, m: int, real: "np.dtype[Any]") -> "NDArray[Any]":
    array = validate.numbers(value, name)
    if array.shape not in ((m,), (m, 1)):
        raise ValueError(f"{name} has shape {array.shape}; expected ({m},), a number of each point")
    return validate.finite_reals(array.reshape(-1), real, name, False, value)
