"""From the graph of a circuit to tapes: which nodes a kind of evaluation needs, and its results."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import threads
from fastbp._core import core
from fastbp._recorder import Graph, Program
from fastbp.circuits.inputs import Inputs, Values

# How many tapes and programs are kept of one circuit. Data may vary over the samples in more ways.
KEPT = 64
KINDS = ("value", "value_and_gradient", "gradient", "jacobian", "hessp", "hessian")


class Nodes(NamedTuple):
    """What a kind of evaluation gives: a graph, nodes of it, and those of v in a product with v."""

    graph: Graph
    outputs: list[int]
    directions: list[int]


class Compiler:
    """What a circuit was recorded as, and the programs and tapes that are made of it.

    Whatever evaluates a circuit, shows it or writes it down, is given this object.

    Attributes
    ----------
    graph : Graph
        The inputs, then the gates; it never changes. Derivatives are appended to copies of it.
    outputs : list of int
        Nodes of the graph.
    shape : tuple of int
        Of the outputs; () of a single one.
    inputs : Inputs
    """

    __slots__ = ("_kept", "graph", "inputs", "outputs", "shape")

    def __init__(
        self, graph: Graph, outputs: list[int], shape: tuple[int, ...], inputs: Inputs
    ) -> None:
        self.graph, self.outputs, self.shape, self.inputs = graph, outputs, shape, inputs
        self._kept: dict[tuple[Any, ...], Any] = {}

    @property
    def n_parameters(self) -> int:
        """How many of the inputs are parameters."""
        return self.inputs.n_parameters

    def check_single(self, what: str, advice: str) -> None:
        """Refuses `what` of a circuit that has not one output alone."""
        if self.shape:
            raise TypeError(
                f"this circuit has outputs of shape {self.shape}; {what} needs a single "
                f"expression: {advice}"
            )

    def kept(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What `make` has made for this key, now or before. The oldest leave when there are many.

        Where several threads make it at once, all get what the first has made.
        """
        made = self._kept.get(key)
        if made is None:
            made = self._kept.setdefault(key, make())
            for old in list(self._kept)[:-KEPT]:
                self._kept.pop(old, None)
        return made

    # Nodes and programs

    def copied_graph(self) -> Graph:
        """A graph of the same nodes, to which others may be appended."""
        return self.graph.first(len(self.graph))

    def nodes(self, kind: str) -> Nodes:
        """The nodes of what a kind of evaluation gives.

        Derivatives are appended to a graph of their own, the gradient first: the numbers of nodes,
        on which the order of sums depends, are the same whatever else was compiled before.
        """
        outputs = self.outputs
        if kind == "value":
            return Nodes(self.graph, outputs, [])
        graph, directions = self.copied_graph(), []
        p = list(range(self.n_parameters))
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

    def program(self, kind: str, varying: tuple[str, ...] = ()) -> Program:
        """See Circuit.program."""

        def make() -> Program:
            return self.fresh_program(kind, varying)

        return self.kept(("program", kind, *varying), make)  # type: ignore[no-any-return]

    def fresh_program(self, kind: str, varying: tuple[str, ...] = ()) -> Program:
        """As program, but kept by nobody: once a tape has copied it, its memory is free."""
        graph, outputs, directions = self.nodes(kind)
        uniform = list(range(self.n_parameters)) + directions
        varied: list[int] = []
        for each in self.inputs.data:
            if each.name in varying:
                varied += [each.start + i for i in each.used]
            else:
                uniform += range(each.start, each.start + each.size)
        return graph.emit(outputs, uniform, varied)

    def unfused_program(self, graph: Graph, outputs: list[int]) -> Program:
        """The program of nodes of a graph with these inputs, in which each gate is a gate of the
        graph: a product and a sum are not made one, which would be rounded once."""
        return graph.emit(outputs, list(range(len(self.inputs.variables))), [], fuse=False)

    # Tapes

    def tape(self, kind: str) -> Any:
        """The compiled tape of a kind, for data that is the same for all samples."""

        def otherwise(own: Any, arguments: Any, keywords: Any) -> Any:
            return self.result(kind, own, self.inputs.read(arguments, keywords))

        def make() -> Any:
            form, shape = "values", self._shape_of(kind)
            if kind == "value_and_gradient":
                form = "value_and_rest"
            elif not shape:
                form = "value"
            names = {} if kind == "hessp" else self.inputs.names()
            program = self.fresh_program(kind)
            return core("float64").Tape(program, form, shape, self.n_parameters, names, otherwise)

        return self.kept(("tape", kind), make)

    def sample_tape(self, kind: str, varying: tuple[str, ...], dtype: str) -> Any:
        """The tape of a kind for samples, shared by all data that varies in the same way."""

        def make() -> Any:
            return core(dtype).SampleTape(self.fresh_program(kind, varying))

        return self.kept(("samples", dtype, kind, *varying), make)

    def bound(
        self,
        tape: Any,
        columns: list[NDArray[Any]],
        fixed: NDArray[np.float64],
        sample_weight: "NDArray[Any] | None",
        m: int,
        is_mean: bool,
        n_threads: int,
        dtype: str,
    ) -> Any:
        """A tape for samples, bound to m of them: see BoundCircuit in fastbp/_core/interface.py."""
        # How samples are cut, and so the bits of sums, depends on the size of a tape and on the
        # number of its sums. Those of the circuit stand for all its tapes: J has the same bits with
        # a gradient and without.
        alike = len(self.graph), 1 + self.n_parameters
        return core(dtype).BoundCircuit(
            tape, columns, fixed, sample_weight, m, is_mean, n_threads, alike
        )

    def columns(
        self, samples: dict[str, NDArray[Any]], real: "np.dtype[Any]"
    ) -> list[NDArray[Any]]:
        """The samples as columns of `real` that the engine can read, where they lie if it can."""
        made = []
        for each in self.inputs.data:
            if each.name in samples:
                array = samples[each.name]
                if not in_place(array, real):
                    array = np.array(array, real, order="C")
                made += [array[:, i] for i in each.used]
        return made

    # Results

    def result(self, kind: str, tape: Any, values: Values) -> Any:
        """The result for values of the inputs that a tape does not take as they are."""
        if not values.samples:
            return tape.run(values.uniform)
        rows = self._sample_values(kind, values)
        if kind == "value_and_gradient":
            return rows[0], rows[1:].T
        return np.moveaxis(rows.reshape(*self._shape_of(kind), values.m), -1, 0)

    def _sample_values(self, kind: str, values: Values) -> NDArray[np.float64]:
        """The outputs of a kind at each sample, shape (outputs, m)."""
        varying = tuple(each.name for each in self.inputs.data if each.name in values.samples)
        tape = self.sample_tape(kind, varying, "float64")
        if values.m == 0:
            return np.empty((tape.n_outputs, 0))
        columns = self.columns(values.samples, np.dtype(np.float64))
        n_threads = threads.get_num_threads()
        problem = self.bound(
            tape, columns, np.empty(0), None, values.m, False, n_threads, "float64"
        )
        return problem.values(values.uniform)  # type: ignore[no-any-return]

    def _shape_of(self, kind: str) -> tuple[int, ...]:
        """Shape of the array in a result; of value_and_gradient that of the gradient."""
        n = self.n_parameters
        shapes = {"value": self.shape, "jacobian": (*self.shape, n), "hessian": (n, n)}
        return shapes.get(kind, (n,))


def in_place(array: NDArray[Any], real: "np.dtype[Any]") -> bool:
    """Whether the engine can read columns of an array where they lie."""
    return (
        array.dtype == real
        and bool(array.flags.aligned)
        and all(stride % real.itemsize == 0 for stride in array.strides)
    )
