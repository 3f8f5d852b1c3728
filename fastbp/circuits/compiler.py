"""From the graph of a circuit to tapes: which nodes a kind of evaluation needs, and its results."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import threads
from fastbp._core import core
from fastbp._recorder import Graph, Program
from fastbp.circuits.inputs import Values

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit

# Of a circuit so many tapes and programs are kept; data may vary in more ways than that.
KEPT = 64
KINDS = ("value", "value_and_gradient", "gradient", "jacobian", "hessp", "hessian")


def kept(circuit: "Circuit", key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """What `make` has made for this key, now or before. The oldest leave when there are many."""
    compiled = circuit._compiled
    made = compiled.get(key)
    if made is None:
        made = compiled.setdefault(key, make())
        for old in list(compiled)[:-KEPT]:
            compiled.pop(old, None)
    return made


def program(circuit: "Circuit", kind: str, varying: tuple[str, ...]) -> Program:
    """See Circuit.program."""

    def make() -> Program:
        return fresh_program(circuit, kind, varying)

    return kept(circuit, ("program", kind, *varying), make)  # type: ignore[no-any-return]


def sample_tape(circuit: "Circuit", kind: str, varying: tuple[str, ...], dtype: str) -> Any:
    """The tape of a kind for samples, shared by all data that varies in the same way."""

    def make() -> Any:
        return core(dtype).SampleTape(fresh_program(circuit, kind, varying))

    return kept(circuit, ("samples", dtype, kind, *varying), make)


def alike(circuit: "Circuit") -> tuple[int, int]:
    """What decides how samples are cut: the same for all tapes whose sums have the same bits."""
    return circuit._n_nodes, 1 + circuit.n_parameters


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

    def otherwise(own: Any, arguments: Any, keywords: Any) -> Any:
        return result(circuit, kind, own, circuit._inputs.read(arguments, keywords))

    def make() -> Any:
        form, shape = "values", shape_of(circuit, kind)
        if kind == "value_and_gradient":
            form = "value_and_rest"
        elif not shape:
            form = "value"
        names = {} if kind == "hessp" else circuit._inputs.names()
        read = fresh_program(circuit, kind, ())
        return core("float64").Tape(read, form, shape, circuit.n_parameters, names, otherwise)

    return kept(circuit, ("tape", kind), make)


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
    tape = sample_tape(circuit, kind, varying, "float64")
    if values.m == 0:
        return np.empty((tape.n_outputs, 0))
    problem = core("float64").BoundCircuit(
        tape, columns(circuit, values.samples, np.dtype(np.float64)), np.empty(0), None, values.m,
        False, threads.get_num_threads(), alike(circuit),
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
