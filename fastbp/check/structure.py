"""What may be given as theta and as fun: a vector, or arrays in a list or a dict; and what not."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.check.contract import FloatArray, as_array

Parts = list[tuple[str, tuple[int, ...]]]


def refuse_mistaken(fun: Any, theta: Any) -> None:
    """An error for what is no function, with what may have been meant."""
    if callable(fun):
        return
    name = type(fun).__name__
    if callable(theta):
        raise TypeError(
            f"fun must be callable, not {name}, and theta is the callable "
            f"{type(theta).__name__}: the arguments are swapped; "
            "call check_gradient(objective, theta)"
        )
    if hasattr(fun, "objective"):
        raise TypeError(
            f"fun must be callable, not {name}: a network has a cost only on data; "
            "call check_gradient(net.objective(X, y), theta)"
        )
    raise TypeError(f"fun must be callable, not {name}")


def as_vector(theta: Any) -> FloatArray:
    """theta as a vector of float64, which belongs to the check."""
    if callable(theta):
        raise TypeError(
            f"theta must be a vector of real numbers, not {type(theta).__name__}; "
            "the order is check_gradient(fun, theta, jac)"
        )
    try:
        given = as_array(theta)
    except ValueError as error:  # a list of lists of different lengths
        raise ValueError(
            "theta must be one vector, or a list or dict of arrays; pass net.pack(matrices), or "
            "np.array of each matrix"
        ) from error
    if given.dtype.kind not in "biuf":
        raise TypeError(f"theta must be a vector of real numbers, not of dtype {given.dtype}")
    if given.ndim > 1 or given.size == 0:
        raise ValueError(
            f"theta must be a vector with at least one parameter, but has shape {given.shape}; "
            "pass theta.ravel() or net.pack(matrices)"
        )
    point = np.array(given, dtype=np.float64, ndmin=1)
    bad = np.flatnonzero(~np.isfinite(point))
    if bad.size:
        raise ValueError(f"theta is not finite: theta[{bad[0]}] = {point[bad[0]]}")
    return point


def is_several(theta: Any) -> bool:
    """Whether theta is a list, tuple or dict of arrays (numbers among them), not one vector."""
    if isinstance(theta, Mapping):
        return True
    return isinstance(theta, (list, tuple)) and any(
        hasattr(part, "ndim") and part.ndim > 0 for part in theta
    )


class Several:
    """A theta of several arrays, such as [W1, b1, W2, b2] or {"W": W, "b": b}, seen as a vector.

    `theta` is that vector, `blocks` names its parts, and `cost(fun)`, `gradient(jac)` are the
    caller's functions, which take and return such arrays, as functions of the vector.
    """

    def __init__(self, theta: Any) -> None:
        keyed = isinstance(theta, Mapping)
        self._keys = list(theta) if keyed else None
        self._kind: Callable[[list[Any]], Any] = tuple if isinstance(theta, tuple) else list
        names = [str(key) for key in theta] if keyed else [f"theta[{i}]" for i in range(len(theta))]
        arrays = [as_array(part) for part in (theta.values() if keyed else theta)]
        if not arrays or not all(array.size for array in arrays):
            raise ValueError("theta holds no parameter, or an array without any")
        self._shapes = [array.shape for array in arrays]
        ends = np.cumsum([array.size for array in arrays])
        self._ends = [0, *(int(end) for end in ends)]
        self.theta = as_vector(np.concatenate([array.ravel() for array in arrays]))
        self.blocks = {
            name: slice(start, end)
            for name, start, end in zip(names, self._ends[:-1], self._ends[1:], strict=True)
        }

    def cost(self, fun: Callable[..., Any]) -> Callable[..., Any]:
        """fun(arrays, *args) as a function of the vector; its gradient, if any, as a vector."""

        def of_vector(x: npt.NDArray[Any], *args: Any) -> Any:
            J = fun(self._split(x), *args)
            both = isinstance(J, (tuple, list)) and len(J) == 2
            return (J[0], self._joined(J[1])) if both else J

        return of_vector

    def gradient(self, jac: Callable[..., Any]) -> Callable[..., Any]:
        """jac(arrays, *args) as a function of the vector that returns a vector."""

        def of_vector(x: npt.NDArray[Any], *args: Any) -> Any:
            return self._joined(jac(self._split(x), *args))

        return of_vector

    def _split(self, x: npt.NDArray[Any]) -> Any:
        """The vector as arrays, in the form that theta has."""
        parts = [
            x[start:end].reshape(shape)
            for start, end, shape in zip(self._ends[:-1], self._ends[1:], self._shapes, strict=True)
        ]
        if self._keys is not None:
            return dict(zip(self._keys, parts, strict=True))
        return self._kind(parts)

    def _joined(self, D: Any) -> Any:
        """The gradient's arrays, of the shapes of theta's, as one vector."""
        if isinstance(D, Mapping):
            missing = [key for key in self._keys or () if key not in D]
            if self._keys is None or missing:
                raise TypeError(f"the gradient is a dict, but lacks theta's {missing or 'list'}")
            D = [D[key] for key in self._keys]
        elif self._keys is not None or not isinstance(D, (list, tuple)):
            return D  # a vector already, or something that the check refuses
        arrays = [as_array(part) for part in D]
        shapes = [array.shape for array in arrays]
        if shapes != self._shapes:
            raise ValueError(
                f"the gradient's arrays have shapes {shapes}, those of theta {self._shapes}"
            )
        return np.concatenate([array.ravel() for array in arrays])
