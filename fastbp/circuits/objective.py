"""A circuit bound to data: parameters in, value and gradient out."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import validate
from fastbp._recorder import Expression
from fastbp.blocks import Block
from fastbp.bound import Bound
from fastbp.circuits.arrays import ExpressionArray
from fastbp.circuits.compiler import Compiler, in_place
from fastbp.circuits.inputs import Values, as_mapping, vector_name
from fastbp.composed_derivatives import directions
from fastbp.names import REDUCTIONS

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit


class CircuitObjective(Bound):
    """F(p) and its gradient for one circuit f and one set of data; for any optimiser.

        F(p) = sum_i w_i f(p; data_i) / sum_i w_i,   w_i = 1 unless weights are given

    With reduction="sum" it is not divided. Made by `Circuit.objective`.

        minimize(objective, p, jac=True, method="L-BFGS-B")
        minimize(objective.fun, p, jac=objective.jac, hessp=objective.hessp, method="trust-ncg")

    `hessian` is for methods that want all second derivatives.

    The data is checked and converted once, here. Data that needs no conversion is referred to, not
    copied: changing it afterwards changes the objective; weights, both parts of a mean. Any number
    of threads may call one objective; value and gradient have the same bits for every number of
    threads, and the value with or without a gradient. A sample of weight 0 leaves nothing. Values
    of others that are undefined or overflow give nan or inf, as IEEE arithmetic says, never an
    exception.

    Parameters
    ----------
    circuit : Circuit
    data : mapping of names or variables to values, or a DataFrame
    reduction, sample_weight, n_threads, dtype
        See `Circuit.objective`.

    Attributes
    ----------
    circuit : Circuit
    n_parameters : int
        The length of p.
    reduction : str
    n_samples : int
    sample_weight : ndarray or None
    n_threads : int
    dtype : numpy.dtype
    n_evaluations : int
        Number of evaluations since the objective was made.
    seconds : float
        Time spent in them.

    Raises
    ------
    TypeError, ValueError
        If the data does not fit the circuit; the message says what to do.
    """

    __slots__ = (
        "_columns", "_compiler", "_data", "_fixed", "_problems", "_varying",
        "circuit", "dtype", "reduction",
    )  # fmt: skip

    _made_by = "f.objective(...)"
    _argument = "p"

    circuit: "Circuit"
    reduction: str
    dtype: "np.dtype[Any]"
    _compiler: Compiler  # the circuit's
    _data: dict[str, Any]  # by name, as it was given
    _columns: list[NDArray[Any]]  # of the data that varies over the samples, as the engine reads it
    _varying: tuple[str, ...]  # the names of that data
    _fixed: NDArray[np.float64]  # the data that is the same for all samples
    _problems: dict[str, Any]  # the circuit bound to the data, for each kind of evaluation

    def __init__(
        self,
        circuit: "Circuit",
        data: Any = None,
        reduction: str = "mean",
        sample_weight: Any = None,
        n_threads: int | None = None,
        dtype: Any = "float64",
    ) -> None:
        compiler = circuit._compiler
        compiler.check_single("an objective", "add up what is to be minimised")
        real = validate.dtype(dtype)
        named = _by_name(data)
        values, samples = _read(circuit, named, real)
        reduction = validate.one_of(reduction, REDUCTIONS, "reduction")
        read = [(array, named[name]) for name, array in samples.items()]
        self._bind(circuit.n_parameters, values.m, sample_weight, n_threads, read)
        self._set(
            circuit=circuit,
            reduction=reduction,
            dtype=real,
            _data=named,
            _compiler=compiler,
            _columns=compiler.columns(samples, real),
            _varying=tuple(name for name in circuit.data if name in samples),
            _fixed=np.ascontiguousarray(values.uniform[circuit.n_parameters :]),
            _problems={},
        )

    def hessp(self, p: Any, v: Any) -> NDArray[np.float64]:
        """The Hessian at `p` times `v`, a fresh array; v may have k directions in columns."""
        vector, along = self._vector(p), directions(self, v)
        if along.ndim == 2:
            return np.column_stack(
                [np.empty((self.n_parameters, 0)), *(self.hessp(p, each) for each in along.T)]
            )
        return self._run_all("hessp", np.concatenate([vector, along]))

    def hessian_diagonal(self, p: Any) -> NDArray[np.float64]:
        """The diagonal of `hessian`, a fresh vector."""
        return np.diagonal(self.hessian(p)).copy()

    def hessian(self, p: Any) -> NDArray[np.float64]:
        """The Hessian of F at `p`, a fresh array of shape (n_parameters, n_parameters).

        Its n_parameters**2 entries are added up over the samples in one evaluation: for few
        parameters, or methods that factorise it. `hessp` needs n_parameters of them only.

            minimize(objective.fun, p, jac=objective.jac, hess=objective.hessian,
                     method="trust-exact")
        """
        n = self.circuit.n_parameters
        return self._run_all("hessian", self._vector(p)).reshape(n, n)

    def blocks(self) -> list[Block]:
        """The variables that are parameters, with the indices of their entries in p."""
        return [
            Block(each.name, 0, "", np.arange(each.start, each.start + each.size))
            for each in self._compiler.inputs.parameters
        ]

    def _parameters_in_words(self) -> str:
        return f": {self._compiler.inputs.text}"

    def _evaluate(self, vector: Any) -> Any:
        problem = self._problems.get("value_and_gradient") or self._problem("value_and_gradient")
        return problem.evaluate(vector)

    def _cost(self, vector: NDArray[np.float64]) -> float:
        return self._problem("value").evaluate(vector)[0]  # type: ignore[no-any-return]

    def _into(self, vector: NDArray[np.float64], out: NDArray[np.float64]) -> float:
        problem = self._problem("value_and_gradient")
        return problem.evaluate_into(vector, out)  # type: ignore[no-any-return]

    def _problem(self, kind: str) -> Any:
        """The circuit bound to the data, for this kind of evaluation."""
        problem = self._problems.get(kind)
        if problem is None:
            problem = self._compiler.bound(
                self._sample_tape(kind), self._columns, self._fixed, self.sample_weight,
                self.n_samples, self._is_mean, self.n_threads, self.dtype.name,
            )  # fmt: skip
            problem = self._problems.setdefault(kind, problem)
        return problem

    def _sample_tape(self, kind: str) -> Any:
        """The tape of a kind for data that varies as this does, which other objectives share."""
        return self._compiler.sample_tape(kind, self._varying, self.dtype.name)

    def _run_all(self, kind: str, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """All outputs of a kind as one vector: it has none if there are no parameters."""
        if self.circuit.n_parameters == 0:
            return np.empty(0)
        first, rest = self._problem(kind).evaluate(vector)
        return np.concatenate([[first], rest])

    def _products(self) -> int:
        return self.n_samples * int(self._sample_tape("value_and_gradient").n_gates)

    def _engines(self) -> list[Any]:
        return [*self._problems.values()]

    def _arguments(self) -> tuple[Any, ...]:
        rest = (self.reduction, self.sample_weight, self._explicit_threads, self.dtype.name)
        return (self.circuit, self._data, *rest)

    @property
    def _is_mean(self) -> bool:
        return self.reduction == "mean"

    def _words(self) -> tuple[str, str]:
        """See Bound."""
        return self._compiler.inputs.text, self.reduction


def _read(
    circuit: "Circuit", named: dict[str, Any], real: "np.dtype[Any]"
) -> tuple[Values, dict[str, NDArray[Any]]]:
    """The values of all data, checked, and of those that vary over the samples the finite arrays
    (m, size) that the engine reads."""
    unknown = [name for name in named if name not in circuit.data]
    if unknown:
        advice = f"expected {', '.join(circuit.data) or 'none'}"
        if unknown[0] in circuit.parameters:
            advice += "; it is a parameter: leave it out of wrt to make it data"
        raise TypeError(f"data has {unknown[0]!r}, which is no data of this circuit; {advice}")
    inputs, n = circuit._compiler.inputs, circuit.n_parameters
    values = inputs.read((np.zeros(n),), named, as_mapping)
    if values.samples and values.m == 0:
        raise ValueError("the data has no samples; expected at least one row")
    samples, start = {}, n
    for each in inputs.data:
        if each.name in values.samples:
            array = values.samples[each.name]
            if not each.shape:
                array = array[:, 0]  # a vector, so that a message names a row and no column
            as_it_is, given = in_place(array, real), named[each.name]
            array = validate.finite_reals(array, real, each.name, as_it_is, given)
            samples[each.name] = array.reshape(values.m, each.size)
        else:
            shared = values.uniform[start : start + each.size]
            what = f"{each.name}, the same for all samples,"
            validate.finite_reals(shared, real, what, real == shared.dtype)
            start += each.size
    return values, samples


def _by_name(data: Any) -> dict[str, Any]:
    """The data with names for keys."""
    if data is None:
        return {}
    if not (hasattr(data, "keys") and hasattr(data, "__getitem__")):
        raise TypeError(
            f"data must be a mapping of names to values, got {validate.described(data)}; for "
            'example data={"x": X, "y": y}'
        )
    named = {}
    for key in data.keys():  # noqa: SIM118
        name = key
        if isinstance(key, Expression):
            name = key.name
        elif isinstance(key, ExpressionArray):
            name = vector_name(key)
        if not isinstance(name, str):
            raise TypeError(
                f"the keys of data are names or variables, a vector as a whole, got {key!r}"
            )
        if name in named:
            raise ValueError(f"data has {name!r} twice; give it once, by name or by variable")
        named[name] = data[key]
    return named
