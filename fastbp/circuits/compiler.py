"""From the graph of a circuit to tapes: which nodes a kind of evaluation needs, and its results."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import threads
from fastbp._core import core
from fastbp._recorder import Program
from fastbp.circuits.inputs import Values

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit

KINDS = ("value", "value_and_gradient", "gradient", "jacobian", "hessp", "hessian")


def program(circuit: "Circuit", kind: str, varying: tuple[str, ...]) -> Program:
    """See Circuit.program."""
    key = (kind, *varying)
    made: Program | None = circuit._compiled.get(key)
    if made is None:
        made = circuit._compiled[key] = fresh_program(circuit, kind, varying)
    return made


def fresh_program(circuit: "Circuit", kind: str, varying: tuple[str, ...]) -> Program:
    """As program, but kept by nobody: once a tape has copied it, its memory is free."""
    inputs = circuit._inputs
    outputs = nodes(circuit, kind)
    uniform = list(range(inputs.n_parameters))
    varied: list[int] = []
    if kind == "hessp":
        uniform += circuit._compiled["v"]
    for each in inputs.data:
        if each.name in varying:
            varied += [each.start + i for i in each.used]
        else:
            uniform += range(each.start, each.start + each.size)
    return circuit._graph.emit(outputs, uniform, varied)


def nodes(circuit: "Circuit", kind: str) -> list[int]:
    """The nodes of what a kind of evaluation gives, appended to the graph."""
    graph, outputs = circuit._graph, circuit._outputs
    p = list(range(circuit.n_parameters))
    if kind == "value":
        return outputs
    if kind == "jacobian":
        return [node for output in outputs for node in graph.gradient(output, p)]
    gradient = graph.gradient(outputs[0], p)
    if kind == "value_and_gradient":
        return [*outputs, *gradient]
    if kind == "gradient":
        return gradient
    if kind == "hessian":
        return [node for slope in gradient for node in graph.gradient(slope, p)]
    v = circuit._compiled.setdefault("v", [graph.new_input(f"v[{i}]") for i in p])
    return graph.jacobian_product(gradient, v, p)


def shape_of(circuit: "Circuit", kind: str) -> tuple[int, ...]:
    """Shape of the array in a result; of value_and_gradient that of the gradient."""
    n = circuit.n_parameters
    shapes = {"value": circuit.shape, "jacobian": (*circuit.shape, n), "hessian": (n, n)}
    return shapes.get(kind, (n,))


def tape(circuit: "Circuit", kind: str) -> Any:
    """The compiled tape of a kind, for data that is the same for all samples."""
    made = circuit._compiled.get(("tape", kind))
    if made is None:
        form, shape = "values", shape_of(circuit, kind)
        if kind == "value_and_gradient":
            form = "value_and_rest"
        elif not shape:
            form = "value"
        names = {} if kind == "hessp" else circuit._inputs.names()

        def otherwise(own: Any, arguments: Any, keywords: Any) -> Any:
            return result(circuit, kind, own, circuit._inputs.read(arguments, keywords))

        read = fresh_program(circuit, kind, ())
        made = core("float64").Tape(read, form, shape, circuit.n_parameters, names, otherwise)
        made = circuit._compiled.setdefault(("tape", kind), made)
    return made


def result(circuit: "Circuit", kind: str, tape: Any, values: Values) -> Any:
    """The result for values of the inputs that a tape does not take as they are."""
    if not values.samples:
        return tape.run(values.uniform)
    rows = _sample_values(circuit, kind, values)
    if kind == "value_and_gradient":
        return rows[0], rows[1:].T
    return np.moveaxis(rows.reshape(*shape_of(circuit, kind), values.m), -1, 0)


def _sample_values(circuit: "Circuit", kind: str, values: Values) -> NDArray[np.float64]:
    """(outputs, m)."""
    varying = tuple(name for name in circuit.data if name in values.samples)
    gates = program(circuit, kind, varying)
    if values.m == 0:
        return np.empty((len(gates.outputs), 0))
    problem = core("float64").TapeProblem(
        gates, columns(circuit, values.samples, np.dtype(np.float64)), np.empty(0), None, values.m,
        False, threads.get_num_threads(),
    )  # fmt: skip
    return problem.values(values.uniform)


def columns(
    circuit: "Circuit", samples: dict[str, NDArray[Any]], real: "np.dtype[Any]"
) -> list[NDArray[Any]]:
    """The samples as columns of `real` that the engine can read, where they lie if it can."""
    made = []
    for each in circuit._inputs.data:
        if each.name in samples:
            array = samples[each.name]
            if not in_place(array, real):
                array = np.array(array, real, order="C")
            made += [array[:, i] for i in each.used]
    return made


def in_place(array: NDArray[Any], real: "np.dtype[Any]") -> bool:
    """Whether the engine can read columns of an array where they lie."""
    return (
        array.dtype == real
        and bool(array.flags.aligned)
        and all(stride % real.itemsize == 0 for stride in array.strides)
    )
