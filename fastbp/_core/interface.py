"""What every compiled engine offers, whatever its precision and CPU level (for type checkers)."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Problem(Protocol):
    """A network bound to its data: the one call into the engine."""

    n_evaluations: int
    seconds: float

    # The second part is a fresh float64 gradient, or None when none is wanted.
    def evaluate(self, theta: NDArray[np.float64], gradient: bool) -> tuple[float, Any]: ...


class Engine(Protocol):
    """The extension module of one precision and one CPU level; `real` is its dtype."""

    ACTIVATIONS: tuple[str, ...]
    OUTPUT_ONLY: tuple[str, ...]  # activations of the last layer only
    LOSSES: dict[str, tuple[str, ...] | None]  # name -> output activations; None: any
    SIGNED_LOSSES: tuple[str, ...]  # their targets are -1 and 1

    def Problem(
        self,
        widths: tuple[int, ...],
        activations: tuple[str, ...],
        loss: str,
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[Any] | None,
        sample_weight: NDArray[Any] | None,
        l2: float,
        mean: bool,
        n_threads: int,
    ) -> Problem: ...

    def forward(
        self,
        widths: tuple[int, ...],
        activations: tuple[str, ...],
        theta: NDArray[np.float64],
        X: NDArray[Any],
        n_threads: int,
    ) -> NDArray[Any]: ...
