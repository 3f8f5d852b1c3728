"""From the graph of a circuit to tapes: which nodes a kind of evaluation needs, and its results."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import threads
from fastbp._core import core
from fastbp._recorder import Graph, Program
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
    graph, outputs, directions = nodes(circuit, kind)
    uniform = list(range(inputs.n_parameters)) + directions
    varied: list[int] = []
    for each in inputs.data:
        if each.name in varying:
            varied += [each.start + i for i in each.used]
        else:
            uniform += range(each.start, each.start + each.size)
    return graph.emit(outputs, uniform, varied)


class Nodes(NamedTuple):
    """What a kind of evaluation gives: a graph, nodes of it, and those of v in a product with v."""

    graph: Graph
    outputs: list[int]
    directions: list[int]


def nodes(circuit: "Circuit", kind: str) -> Nodes:
    """The nodes of what a kind of evaluation gives.

    Derivatives are appended to a graph of their own, the gradient first: the numbers of nodes, on
    which the order of sums depends, are the same whatever else was compiled before.
    """
    outputs = circuit._outputs
    if kind == "value":
        return Nodes(circuit._graph, outputs, [])
    graph, directions = circuit._graph_of_value(), []
    p = list(range(circuit.n_parameters))
    slopes = [graph.gradient(output, p) for output in outputs]
    wanted = [node for gradient in slopes for node in gradient]
    if kind == "value_and_gradient":
        wanted = [*outputs, *wanted]
    elif kind == "hessian":
        wanted = [node for slope in wanted for node in graph.gradient(slope, p)]
    elif kind == "hessp":
        directions = [graph.new_input(f"v[{i}]") for i in p]
        wanted = graph.jacobian_product(wanted, directions, p)
    return Nodes(graph, wanted, directions)


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
