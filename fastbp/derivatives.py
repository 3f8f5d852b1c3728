"""Derivatives of a network's cost beyond the gradient: second ones, and those of its residuals."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import slopes, validate
from fastbp.bound import Bound
from fastbp.composed_derivatives import directions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp._core.interface import BoundNetwork
    from fastbp.network import Network

# So many directions at once: they share the values of the network and its deltas. Of more than MANY
# parameters two: the sums of each direction are as long as theta, and leave the caches.
AT_ONCE = 8
MANY = 65536


class SecondOrder(Bound):
    """Products of the Hessian of J and of its Gauss-Newton matrix with directions v of theta.

    Where an activation or a loss has a kink (relu, hinge, ...), it is the derivative beside the
    kink that counts: the products are those of the function almost everywhere.
    """

    __slots__ = ()

    network: "Network"
    dy: "NDArray[Any] | None"
    _problem: "BoundNetwork"

    def _gauss_newton_matrix(self, theta: Any) -> "NDArray[np.float64]":
        """G at theta; see `gauss_newton_product`."""
        raise NotImplementedError

    def _n_targets(self) -> int:
        """How many targets count: m K, less what is missing or after the end of a sequence."""
        raise NotImplementedError

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
        else a(L); of a loss that is a circuit, H_i where it is positive. G is positive
        semi-definite (Schraudolph 2002, "Fast curvature matrix-vector products"). Of losses without
        curvature (absolute_error, quantile, hinge, multiclass_hinge, weston_watkins) only the
        penalty is left. For squared_error G is R'R of the residuals' Jacobian R.

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

    def covariance(self, theta: Any, matrix: str = "hessian") -> "NDArray[np.float64]":
        """The covariance of theta at a minimum, (P, P); its diagonal's roots are standard errors.

            squared_error   s^2 (m H)^-1,  s^2 = |a - y|^2 / (n - P)
            others          (m H)^-1

        with H the Hessian of J, m the number of samples or the sum of their weights, and n that of
        targets, m K where none is missing and no sequence ends early: J m is
        minus the logarithm of a likelihood for cross_entropy, poisson and negative_binomial, and of
        a posterior with a penalty. Where a loss is no likelihood (huber, hinge, ...) the numbers
        are of the right order only. (Seber and Wild 1989, "Nonlinear Regression".)

        Parameters
        ----------
        theta : array_like, shape (P,)
            A minimum of J: elsewhere the matrix means little.
        matrix : {"hessian", "gauss_newton"}
            The second is positive semi-definite everywhere, and the usual choice for regression.

        Raises
        ------
        ValueError
            If the matrix is not positive definite: theta is no minimum, or some parameters do
            nothing or the same as others; or if there are no more numbers than parameters.
        """
        kind = validate.one_of(matrix, ("hessian", "gauss_newton"), "matrix")
        vector = self._vector(theta)
        H = self.hessian(vector) if kind == "hessian" else self._gauss_newton_matrix(vector)
        m = self._m()
        try:
            np.linalg.cholesky(H)
        except np.linalg.LinAlgError:
            raise ValueError(
                f"the {kind} matrix is not positive definite at theta: it is no minimum, or some "
                "parameters do nothing or the same as others; a penalty, l2=, or freezing them "
                "makes it so"
            ) from None
        inverse = np.linalg.inv(H)
        inverse = 0.5 * (inverse + inverse.T) / m
        if self.network.loss == "squared_error":
            r = self._problem.rows_of(vector, "residuals")
            known = self._n_targets()
            free = known - self.n_parameters
            if free < 1:
                raise ValueError(
                    f"{known} numbers are no more than {self.n_parameters} parameters: no "
                    "variance can be estimated"
                )
            inverse *= float(np.square(r, dtype=np.float64).sum()) * m / free
        return inverse

    def _columns(self, vector: "NDArray[np.float64]") -> Any:
        """(first, products with the unit vectors from there on), a few at a time."""
        n = self.n_parameters
        step = _at_once(n)
        for start in range(0, n, step):
            k = min(step, n - start)
            yield start, self._along_rows(vector, np.eye(k, n, start), False)

    def _along(self, theta: Any, v: Any, gauss_newton: bool) -> "NDArray[np.float64]":
        vector = self._vector(theta)
        along = v if validate.is_vector(v, vector.size) else directions(self, v)
        if along.ndim == 1:
            return self._along_rows(vector, along.reshape(1, -1), gauss_newton)[0]  # type: ignore[no-any-return]
        out = np.empty(along.shape)
        step = _at_once(self.n_parameters)
        for start in range(0, along.shape[1], step):
            some = slice(start, start + step)
            rows = np.require(along[:, some].T, np.float64, ["C", "A"])
            out[:, some] = self._along_rows(vector, rows, gauss_newton).T
        return out

    def _along_rows(
        self, vector: "NDArray[np.float64]", rows: "NDArray[np.float64]", gauss_newton: bool
    ) -> "NDArray[np.float64]":
        """The products with directions in rows."""
        if self.dy is not None and not gauss_newton and self.network.activations[-1] == "softmax":
            raise ValueError(
                "second derivatives of a cost with dy= are not there of a softmax output; "
                "gauss_newton_product and fastbp.levenberg_marquardt are, and L-BFGS-B needs none"
            )
        products = self._problem.products(vector, rows, gauss_newton)
        if self.dy is not None:
            slopes.add_products(self._problem, vector, rows, gauss_newton, products)
        return products


class Residuals(Bound):
    """The residuals of a squared error and their Jacobian, and gradients sample by sample.

        J(theta) = 1/2 |r|^2,   D = R'r,   G = R'R,   R = dr/dtheta

    r has first, sample by sample, the K outputs (of every step of a sequence), a - y over root(m),
    or times root(w_i / sum w) with weights, and 0 where the target is missing; then, if there is a
    penalty, root(lambda/m) W of every weight in the order of theta. With reduction="sum" nothing is
    divided by m. Between the two stand, if there is a dy, the m K n numbers da/dx - dy, times
    root(dy_weight) besides.
    """

    __slots__ = ()

    network: "Network"
    l2: float
    dy: "NDArray[Any] | None"
    _problem: "BoundNetwork"

    def residuals(self, theta: Any) -> "NDArray[np.float64]":
        """r at theta, for `scipy.optimize.least_squares`; its squared norm is 2 J.

            least_squares(objective.residuals, theta, jac=objective.jacobian, method="lm")

        Returns
        -------
        ndarray of float64, (m K,), with a penalty (m K + weights,)

        Raises
        ------
        TypeError, ValueError
            If theta does not fit, or the loss is no sum of squares.
        """
        vector = self._with_residuals(theta)
        places, root = self._penalty()
        return np.concatenate([*self._rows_of(vector, "residuals"), root * vector[places]])

    def _rows_of(self, *what: Any) -> "list[NDArray[Any]]":
        """Numbers of each sample, one after the other; then those of its slopes, if there are."""
        vector, name, *rest = what
        rows = [self._problem.rows_of(vector, name, *rest).reshape(-1)]
        if self.dy is not None:
            of_slopes = {"residuals": "slope_residuals", "residual_product": "slope_product"}[name]
            rows.append(self._problem.rows_of(vector, of_slopes, *rest).reshape(-1))
        return rows

    def jacobian(self, theta: Any) -> "NDArray[np.float64]":
        """R at theta, (m K, P), with a penalty (m K + weights, P): rows as of `residuals`.

        It needs 8 m K P bytes: `gauss_newton_product` and `levenberg_marquardt` do without it.

        Raises
        ------
        TypeError, ValueError
            If theta does not fit, or the loss is no sum of squares.
        """
        vector = self._with_residuals(theta)
        places, root = self._penalty()
        ends = [0, self.n_samples * self._per_sample()]
        if self.dy is not None:
            ends.append(ends[1] + self.dy.size)
        R = np.empty((ends[-1] + len(places), self.n_parameters))
        names = ("curvature_rows", "slope_rows")
        for name, (start, stop) in zip(names, itertools.pairwise(ends), strict=False):
            rows = R[start:stop].reshape(self.n_samples, -1)
            if self.network.dtype == R.dtype:  # a copy would take longer than the derivatives
                self._problem.rows_of(vector, name, None, rows)
            else:
                rows[:] = self._problem.rows_of(vector, name)
        R[ends[-1] :] = 0
        R[ends[-1] + np.arange(len(places)), places] = root
        return R

    def jacobian_operator(self, theta: Any) -> Any:
        """R at theta as a `scipy.sparse.linalg.LinearOperator`, in O(m K) memory.

        R v by tangents of a forward pass, R'u by a backward pass.

        Raises
        ------
        ImportError
            If SciPy is missing.
        TypeError, ValueError
            If theta does not fit, or the loss is no sum of squares.
        """
        try:
            from scipy.sparse.linalg import LinearOperator
        except ImportError as error:
            raise ImportError("jacobian_operator needs SciPy: pip install scipy") from error
        vector = self._with_residuals(theta).copy()
        places, root = self._penalty()
        problem, m = self._problem, self.n_samples
        n = m * self._per_sample()
        end = n if self.dy is None else n + self.dy.size
        real = self.network.dtype

        def matvec(v: "NDArray[Any]") -> "NDArray[np.float64]":
            direction = np.ascontiguousarray(v, np.float64).reshape(-1)
            rows = self._rows_of(vector, "residual_product", direction)
            return np.concatenate([*rows, root * direction[places]])

        def rmatvec(u: "NDArray[Any]") -> "NDArray[np.float64]":
            numbers = np.ascontiguousarray(u, np.float64).reshape(-1)
            total = problem.residual_transpose(vector, numbers[:n].astype(real).reshape(m, -1))
            if end > n:
                data = numbers[n:end].astype(real).reshape(m, -1)
                total += problem.residual_transpose(vector, data, True)
            total[places] += root * numbers[end:]
            return total

        shape = (end + len(places), self.n_parameters)
        return LinearOperator(shape, matvec=matvec, rmatvec=rmatvec, dtype=np.float64)

    def sample_gradients(self, theta: Any) -> "NDArray[np.float64]":
        """The gradient of each sample's loss alone, (m, P): without weights, penalty or 1/m.

        Their mean, plus lambda/m W, is the gradient of J where samples are not weighted.
        """
        vector = self._vector(theta)
        rows = self._problem.rows_of(vector, "sample_gradients").astype(np.float64, copy=False)
        if self.dy is not None:
            rows += self._problem.rows_of(vector, "slope_gradients")
        return rows

    def _per_sample(self) -> int:
        """How many residuals a sample has, those of slopes not counted."""
        return int(np.prod(self.network.output_shape))

    def _with_residuals(self, theta: Any) -> "NDArray[np.float64]":
        if self.network.loss != "squared_error":
            raise ValueError(
                f"the loss of this network, {self.network.loss}, is no sum of squares, and has no "
                "residuals; gauss_newton_product and hessp are there for every loss, and "
                "fastbp.levenberg_marquardt for all that have a curvature"
            )
        return self._vector(theta)

    def _penalty(self) -> "tuple[NDArray[np.intp], float]":
        """The places of the weights in theta, if they are penalised, and root(lambda/m)."""
        if self.l2 == 0:
            return np.empty(0, np.intp), 0.0
        weights = [b.indices for b in self.network.blocks() if b.kind == "weights"]
        return np.sort(np.concatenate(weights)), float(np.sqrt(self.l2 / self._m()))

    def _gauss_newton_matrix(self, theta: Any) -> "NDArray[np.float64]":
        """G at theta, (P, P), symmetric; made tile by tile, never from R as a whole."""
        vector = self._vector(theta)
        G = self._problem.gauss_newton_matrix(vector)
        if self.dy is not None:
            G += self._problem.gauss_newton_matrix(vector, True)
        places, root = self._penalty()
        G[places, places] += root * root
        return G


def _at_once(n_parameters: int) -> int:
    """How many directions are computed together."""
    return AT_ONCE if n_parameters <= MANY else 2
