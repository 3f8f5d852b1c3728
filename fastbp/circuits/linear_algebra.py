"""det, inv and solve of small matrices of expressions, by minors.

A program has no branches, so that nothing can be pivoted; the formulas of Cramer and Laplace need
no pivots, and have derivatives wherever there is an inverse. Each minor is computed once. The
relative error of det is of the size of eps * norm**n / abs(det); that of inv and solve, with a step
of Newton behind them, of eps * cond, as LAPACK's.
"""

from typing import Any

import numpy as np

from fastbp.circuits.arrays import ExpressionArray, wrapped

LARGEST = 4


def det(a: Any) -> Any:
    """np.linalg.det of matrices up to 4 x 4."""
    return _shaped(_Minors(a, "det").determinant())


def inv(a: Any) -> Any:
    """np.linalg.inv of matrices up to 4 x 4: the adjugate over the determinant."""
    minors = _Minors(a, "inv")
    return _shaped(minors.solution(np.eye(minors.n).astype(object)))


def solve(a: Any, b: Any) -> Any:
    """np.linalg.solve of matrices up to 4 x 4: the adjugate times b over the determinant."""
    minors = _Minors(a, "solve")
    right = ExpressionArray(b).view(np.ndarray)
    vector = right.ndim == 1
    if right.ndim < 1 or right.shape[0 if vector else -2] != minors.n:
        raise ValueError(
            f"np.linalg.solve: b has shape {right.shape}; expected ({minors.n},) or "
            f"(..., {minors.n}, k), for a of shape {minors.a.shape}"
        )
    result = minors.solution(right[:, None] if vector else right)
    return _shaped(result[..., 0] if vector else result)


def _shaped(result: Any) -> Any:
    """An array of objects as expressions of circuits have it."""
    return wrapped(np.asarray(result, dtype=object))


class _Minors:
    """Determinants of the first rows in some columns, and of the others, each computed once."""

    def __init__(self, a: Any, function: str) -> None:
        self.a = ExpressionArray(a).view(np.ndarray)
        if self.a.ndim < 2 or self.a.shape[-1] != self.a.shape[-2]:
            raise ValueError(
                f"np.linalg.{function} takes square matrices, got an array of shape {self.a.shape}"
            )
        self.n = self.a.shape[-1]
        if not 1 <= self.n <= LARGEST:
            raise TypeError(
                f"np.linalg.{function} cannot be recorded for a matrix of {self.n} x {self.n}: up "
                f"to {LARGEST} x {LARGEST} it is a formula, beyond it needs pivots, which depend "
                "on values; what depends on data alone can be computed before and passed as data"
            )
        self.known: dict[Any, Any] = {}

    def determinant(self) -> Any:
        """That of the whole matrix."""
        every = tuple(range(self.n))
        return self.minor(every, every)

    def solution(self, right: Any) -> Any:
        """x of a x = right."""
        adjugate, determinant = self.adjugate(), np.asarray(self.determinant())[..., None, None]
        x = adjugate @ right / determinant
        if self.n < 3:
            return x
        # One step of Newton removes the error that minors have beyond the condition number.
        return x + adjugate @ (right - self.a @ x) / determinant

    def minor(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> Any:
        """The determinant of these rows and columns, along the first of the rows."""
        if not rows:
            return 1.0
        if len(rows) == 1:
            return self.a[..., rows[0], columns[0]]
        if (rows, columns) not in self.known:
            total: Any = None
            for k, column in enumerate(columns):
                rest = (*columns[:k], *columns[k + 1 :])
                term = self.a[..., rows[0], column] * self.minor(rows[1:], rest)
                total = term if total is None else total - term if k % 2 else total + term
            self.known[rows, columns] = total
        return self.known[rows, columns]

    def adjugate(self) -> Any:
        """The transposed matrix of cofactors: a adjugate = det(a) 1."""
        result = np.empty(self.a.shape, object)
        every = range(self.n)
        for i in every:
            rows = tuple(k for k in every if k != i)
            for j in every:
                columns = tuple(k for k in every if k != j)
                minor = self.minor(rows, columns)
                result[..., j, i] = -minor if (i + j) % 2 else minor
        return result
