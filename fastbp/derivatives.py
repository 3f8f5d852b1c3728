"""Second derivatives of a network's cost: products with its Hessian, and with what is like it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import validate

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So many directions at once: they share the values of the network and its deltas, and each of them
# needs as much of a thread's memory again. Measured in benchmarks/hessian.py.
AT_ONCE = 8


class SecondOrder:
    """Products of the Hessian of J and of its Gauss-Newton matrix with directions v of theta.

    A subclass gives `n_parameters`; `_vector(theta, name)`, theta or a direction as the engine
    reads it, or an error that says what is wrong; and `_problem`, which has `products`.

    Where an activation or a loss has a kink (relu, hinge, ...), it is the derivative beside the
    kink that counts: the products are those of the function almost everywhere.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        n_parameters: int
        _problem: Any

        def _vector(self, theta: Any, name: str = "") -> "NDArray[np.float64]": ...

    def hessp(self, theta: Any, v: Any) -> "NDArray[np.float64]":
        """The Hessian of J at theta times v, for Newton's methods.

            H v = d/dh D(theta + h v) at h = 0

        exactly, by the tangents of forward and backward pass (Pearlmutter 1994, "Fast exact
        multiplication by the Hessian"), at two to three times the cost of a gradient.

            minimize(objective.fun, theta, jac=objective.jac, hessp=objective.hessp,
                     method="trust-ncg")

        Parameters
        ----------
        theta : array_like, shape (n_parameters,)
        v : array_like, shape (n_parameters,) or (n_parameters, k)
            A direction, or k of them in columns, which share most of the work.

        Returns
        -------
        ndarray of float64, of the shape of v

        Raises
        ------
        TypeError, ValueError
            If theta or v is not real, or has not the length of theta.
        """
        return self._along(theta, v, False)

    def gauss_newton_product(self, theta: Any, v: Any) -> "NDArray[np.float64]":
        """The Gauss-Newton matrix of J at theta times v.

            G = 1/m sum_i J_i' H_i J_i + lambda/m [0, 1]

        J_i is the Jacobian of the outputs of sample i by theta, and H_i the Hessian of its loss by
        these outputs, which are z(L) where the loss is computed from z (cross entropy, Poisson),
        else a(L). G is positive semi-definite for every loss that is convex in them: all named
        ones (Schraudolph 2002, "Fast curvature matrix-vector products"). Of losses without
        curvature (absolute_error, quantile, hinge, multiclass_hinge, weston_watkins) only the
        penalty is left. For squared_error it is R'R of the residuals' Jacobian R.

        Parameters, returns and errors are those of `hessp`.
        """
        return self._along(theta, v, True)

    def hessian(self, theta: Any) -> "NDArray[np.float64]":
        """The Hessian of J at theta, (n_parameters, n_parameters), symmetric to the bit.

        Made of n_parameters products: for few parameters, or methods that factorise it.

            minimize(objective.fun, theta, jac=objective.jac, hess=objective.hessian,
                     method="trust-exact")
        """
        vector = self._vector(theta)
        H = np.empty((self.n_parameters, self.n_parameters))
        for start, columns in self._columns(vector):
            H[start : start + len(columns)] = columns
        H += H.T.copy()
        H *= 0.5
        return H

    def hessian_diagonal(self, theta: Any) -> "NDArray[np.float64]":
        """The diagonal of the Hessian of J at theta, (n_parameters,).

        Exact, of n_parameters products like `hessian`, in O(n_parameters) memory.
        """
        vector = self._vector(theta)
        diagonal = np.empty(self.n_parameters)
        for start, columns in self._columns(vector):
            stop = start + len(columns)
            diagonal[start:stop] = np.diagonal(columns, start)
        return diagonal

    def _columns(self, vector: "NDArray[np.float64]") -> Any:
        """(first, products with the unit vectors from there on), a few at a time."""
        n = self.n_parameters
        for start in range(0, n, AT_ONCE):
            k = min(AT_ONCE, n - start)
            yield start, self._problem.products(vector, np.eye(k, n, start), False)

    def _along(self, theta: Any, v: Any, gauss_newton: bool) -> "NDArray[np.float64]":
        vector = self._vector(theta)
        directions = np.asarray(v)
        if directions.ndim != 2:
            direction = self._vector(v, "v").reshape(1, -1)
            return self._problem.products(vector, direction, gauss_newton)[0]  # type: ignore[no-any-return]
        directions = validate.numbers(v, "v")
        if directions.shape[0] != self.n_parameters:
            raise ValueError(
                f"v has shape {directions.shape}; expected ({self.n_parameters},), or "
                f"({self.n_parameters}, k) for k directions in columns"
            )
        out = np.empty(directions.shape)
        for start in range(0, directions.shape[1], AT_ONCE):
            some = slice(start, start + AT_ONCE)
            rows = np.require(directions[:, some].T, np.float64, ["C", "A"])
            out[:, some] = self._problem.products(vector, rows, gauss_newton).T
        return out
