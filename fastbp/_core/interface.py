"""What every compiled engine offers, whatever its precision and CPU level (for type checkers).

.ci/stubs makes the stub of each engine from this file, and stubtest holds it against the module.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastbp._recorder import Program


class Chain(Protocol):
    """A network as the engine runs it."""

    # A program (fastbp/layers/program.py): int32 arrays in C order; functions are names, or
    # CustomFunction.
    def __init__(
        self,
        arrays: NDArray[np.int32],
        thetas: NDArray[np.int32],
        functions: tuple[Any, ...],
        steps: NDArray[np.int32],
        table: NDArray[np.int32],
        output: int,
        positions: int,
        output_function: Any,
        loss: Any,
        input_steps: int = 1,
    ) -> None: ...


class BoundNetwork(Protocol):
    """A network bound to its data: the one call into the engine."""

    def __init__(
        self,
        chain: Chain,
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[Any] | None,
        sample_weight: NDArray[np.float64] | None,
        l2: float,
        mean: bool,
        n_threads: int,
        lengths: NDArray[np.int64] | None = None,  # of sequences
        slopes: NDArray[Any] | None = None,  # wanted of the outputs, (m, K T n_in)
        slope_weight: float = 0.0,
        may_miss: bool = False,  # targets NaN and labels -1 are missing
        beside: NDArray[Any] | None = None,  # (m, n) that a loss takes besides a and y
    ) -> None: ...

    # J, and D as a fresh float64 vector, or None when no gradient is wanted; of all samples, or of
    # these rows: a slice, or a contiguous vector of int64. None, and nothing done, if theta is no
    # contiguous float64 vector of the right length, or rows are neither: the caller reads them with
    # all checks and calls again. So it is wherever an argument may be anything; only a Tape, which
    # users call without Python in between, is given a function to call instead.
    def evaluate(self, theta: Any, gradient: bool = True, rows: Any = None) -> Any: ...

    # (k, n_parameters): the Hessian, or the Gauss-Newton matrix, times each of k directions.
    def products(
        self,
        theta: NDArray[np.float64],
        directions: NDArray[np.float64],
        gauss_newton: bool = False,
    ) -> NDArray[np.float64]: ...

    # What there is of each sample, (m, n) of real: "residuals", "residual_product" with a direction
    # of theta, "curvature_rows", "sample_gradients"; and "slope_residuals", "slope_product",
    # "slope_rows", "slope_gradients".
    def rows_of(
        self, theta: NDArray[np.float64], name: str, direction: Any = None, out: Any = None
    ) -> NDArray[Any]: ...

    # The transpose of the residuals' Jacobian times (m, K T) numbers of real; of slopes
    # (m, K T n_in).
    def residual_transpose(
        self, theta: NDArray[np.float64], numbers: NDArray[Any], of_slopes: bool = False
    ) -> NDArray[np.float64]: ...

    # The Hessian of what slopes cost times a direction of theta.
    def slope_hessian_product(
        self, theta: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...

    # (n_parameters, n_parameters), symmetric.
    def gauss_newton_matrix(
        self, theta: NDArray[np.float64], of_slopes: bool = False
    ) -> NDArray[np.float64]: ...

    # J; the gradient is written to `out`, which is not theta.
    def evaluate_into(self, theta: NDArray[np.float64], out: NDArray[np.float64]) -> float: ...

    @property
    def n_evaluations(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    @property
    def threads_used(self) -> int: ...


class Model(Protocol):
    """A network bound to its parameters, which nobody may change."""

    def __init__(self, chain: Chain, theta: NDArray[np.float64], n_threads: int) -> None: ...

    # The outputs, or z(L). None if X cannot be read where it lies, or if X or `out` does not fit:
    # the caller then converts X, or says what is wrong.
    def run(self, X: Any, out: Any = None, z: bool = False, is_checked: bool = False) -> Any: ...


class CustomFunction(Protocol):
    """A circuit as activation (programs of g, g', g'', g''') or loss (of value and slope, slope and
    second derivative)."""

    def __init__(self, programs: tuple[Program, ...]) -> None: ...


class Tape(Protocol):
    """A circuit of numbers; its results are those of one form and shape."""

    def __init__(
        self,
        program: Program,
        form: str,  # "value": float; "values": array; "value_and_rest": float and array
        shape: tuple[int, ...],
        n_parameters: int,
        names: dict[str, int],  # of scalar inputs, which may come by name
        # Called with (tape, arguments, keywords) where the arguments are no plain numbers.
        otherwise: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any] | None,
    ) -> None: ...

    def call(self, p: Any = None, /, *rest: Any, **keywords: Any) -> Any: ...

    def run(self, vector: NDArray[np.float64]) -> Any: ...


class BufferTape(Protocol):
    """A circuit of numbers that reads and writes buffers of the caller."""

    def __init__(
        self,
        program: Program,
        sources: list[NDArray[np.float64]],
        targets: list[NDArray[np.float64]],
    ) -> None: ...

    def run(self) -> None: ...


class SampleTape(Protocol):
    """A program laid out for samples: shared, and never changed, by all that is bound to data."""

    def __init__(self, program: Program) -> None: ...

    @property
    def n_gates(self) -> int: ...

    @property
    def n_outputs(self) -> int: ...


class BoundCircuit(Protocol):
    """A circuit bound to samples."""

    def __init__(
        self,
        tape: SampleTape,
        columns: list[NDArray[Any]],  # one for each varying input
        fixed: NDArray[np.float64],  # the last of the uniform inputs
        sample_weight: NDArray[np.float64] | None,
        m: int,
        mean: bool,
        n_threads: int,
        # Size and number of sums of a tape: tapes for which both are equal sum in the same order.
        alike: tuple[int, int] | None = None,
    ) -> None: ...

    # Sum or mean over the samples of the first output, and a fresh vector of those of the others;
    # None if the inputs are no contiguous float64 vector.
    def evaluate(self, inputs: Any) -> Any: ...

    # The same, with the others written to `out`.
    def evaluate_into(self, inputs: NDArray[np.float64], out: NDArray[np.float64]) -> float: ...

    # The outputs of each sample, (n_outputs, m).
    def values(self, inputs: NDArray[np.float64]) -> NDArray[Any]: ...

    @property
    def n_evaluations(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    @property
    def threads_used(self) -> int: ...


class BoundCollocation(Protocol):
    """Residuals of a network's outputs and their derivatives by inputs, bound to points."""

    def __init__(
        self,
        chain: Chain,
        X: NDArray[Any],
        columns: NDArray[Any] | None,  # of data, (m, n)
        sample_weight: NDArray[np.float64] | None,
        l2: float,
        mean: bool,
        n_threads: int,
        inputs: NDArray[np.int32],  # by which there are first derivatives
        pairs: NDArray[np.int32],  # (n, 2): places of those of second derivatives among them
        # (n, 3), of the tapes' varying inputs: 0, input; 1, output, and which of its streams (the
        # value, the first, the second derivatives); 2, column of the data.
        sources: NDArray[np.int32],
        # Half the sum of squares, its derivatives by sources that are outputs, then by further
        # parameters; and the residuals, then the same derivatives of each.
        cost: SampleTape,
        rows: SampleTape,
        n_residuals: int,
        n_further: int,
    ) -> None: ...

    # As those of BoundNetwork; theta has the further parameters at its end.

    def evaluate(self, theta: Any, gradient: bool = True, rows: Any = None) -> Any: ...

    def evaluate_into(self, theta: NDArray[np.float64], out: NDArray[np.float64]) -> float: ...

    def rows_of(
        self, theta: NDArray[np.float64], name: str, direction: Any = None, out: Any = None
    ) -> NDArray[Any]: ...

    def residual_transpose(
        self, theta: NDArray[np.float64], numbers: NDArray[Any]
    ) -> NDArray[np.float64]: ...

    # R'R of the residuals' Jacobian times each of k directions.
    def products(
        self, theta: NDArray[np.float64], directions: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...

    def gauss_newton_matrix(self, theta: NDArray[np.float64]) -> NDArray[np.float64]: ...

    @property
    def n_evaluations(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    @property
    def threads_used(self) -> int: ...


class Engine(Protocol):
    """The extension module of one precision and one CPU level; `real` is its dtype."""

    ACTIVATIONS: tuple[str, ...]
    OUTPUT_ONLY: tuple[str, ...]  # activations of the last layer only
    INCREASING: tuple[str, ...]  # activations that never decrease
    LOSSES: dict[str, tuple[str, ...] | None]  # name -> output activations; None: any
    SIGNED_LOSSES: tuple[str, ...]  # their targets are -1 and 1
    # name -> its parameter: name, usual value, low, high, whether it may be low
    PARAMETERS: dict[str, tuple[str, float, float, float, bool]]
    ELEMENTARY: tuple[str, ...]  # what apply_elementary knows
    COMPILER: str
    REAL: int  # NumPy's number for the dtype
    Chain: type[Chain]
    BoundNetwork: type[BoundNetwork]
    Model: type[Model]
    CustomFunction: type[CustomFunction]
    Tape: type[Tape]
    BufferTape: type[BufferTape]
    SampleTape: type[SampleTape]
    BoundCircuit: type[BoundCircuit]
    BoundCollocation: type[BoundCollocation]

    # The outputs, or z(L). None if theta or X cannot be read where they lie, or do not fit.
    def forward(
        self,
        chain: Any,  # Chain
        theta: NDArray[np.float64],
        X: Any,
        n_threads: int,
        z: bool = False,
        is_checked: bool = False,
        lengths: NDArray[np.int64] | None = None,  # of sequences
    ) -> Any: ...

    # A derivative of the outputs by the inputs, (m, n) of real: "forward_product" and
    # "backward_product" with what is beside, "input_jacobian", "input_hessian".
    def input_derivatives(
        self,
        chain: Any,  # Chain
        theta: NDArray[np.float64],
        X: NDArray[Any],
        name: str,
        n_threads: int,
        beside: Any = None,
        lengths: NDArray[np.int64] | None = None,
        n_tangents: int = 0,  # at once, of the Hessian
    ) -> NDArray[Any]: ...

    # For fastbp.kernels: of matrices in C order of `real`, Delta and D of float64. None if one of
    # them is not such a matrix, or does not fit the others.

    def layer_forward(self, Theta: Any, inputs: Any, activation: Any) -> Any: ...

    def layer_backward(
        self, Theta: Any, delta: Any, z: Any, activation: Any, error: Any = None
    ) -> Any: ...

    def layer_accumulate(self, delta: Any, inputs: Any, Delta: Any) -> Any: ...

    def layer_gradient(self, Delta: Any, Theta: Any, l2: float, m: float) -> Any: ...

    def output_delta(self, loss: Any, output: Any, z: Any, y: Any) -> Any: ...

    # The value of a gate, as every tape computes it.
    def apply_gate(self, op: int, a: float, b: float = 0.0, c: float = 0.0) -> float: ...

    # Of a C-contiguous array of `real` or int64; None for any other.
    def extremes(self, array: NDArray[Any]) -> tuple[float, float] | None: ...

    # For the tests: one function over an array.

    def apply_activation(self, activation: Any, z: NDArray[Any], order: int) -> NDArray[Any]: ...

    def apply_circuit_loss(
        self, loss: Any, a: NDArray[Any], y: NDArray[Any], order: int
    ) -> NDArray[Any]: ...

    # pow, atan2, hypot, minimum and maximum take x and y, of one shape, in this order.
    def apply_elementary(
        self, name: str, x: NDArray[Any], y: NDArray[Any] | None = None
    ) -> NDArray[Any]: ...
