"""A circuit gate by gate: the value of every wire at one point, and the pull on it.

One tape computes the values and the grads of all inputs and gates. It is the circuit's own graph,
written down without fused gates, so that each row is one gate of the expression.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp import validate
from fastbp._core import core
from fastbp._recorder import GATES
from fastbp.circuits.compiler import Compiler
from fastbp.circuits.wires import Sheet, Wires

CONSTANT, INPUT = GATES.index("constant"), GATES.index("input")


class Point(NamedTuple):
    """Where a circuit was evaluated last."""

    inputs: NDArray[np.float64]
    results: NDArray[np.float64]  # of the sheet of all outputs


class GateByGate:
    """A circuit at the point where `forward` or `step` evaluated it last."""

    __slots__ = ("_compiler", "_point")

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._point: Point | None = None

    def forward(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """See `Circuit.forward`."""
        inputs, last = self._compiler.inputs, self._point
        if last is not None:
            parameters = () if arguments else inputs.parameters
            for each in (*parameters, *inputs.data):
                kept = last.inputs[each.start : each.start + each.size].reshape(each.shape)
                keywords.setdefault(each.name, kept)
        values = inputs.read(arguments, keywords)
        if values.samples:
            name, array = next(iter(values.samples.items()))
            raise ValueError(
                f"{name} has {len(array)} samples; forward takes one, whose wires can be shown: "
                f"pass {name}[i], or call the circuit itself, f(...)"
            )
        return self._evaluate(values.uniform)

    def step(self, rate: Any) -> Any:
        """See `Circuit.step`."""
        amount = validate.numbers(rate, "the rate of a step")
        if amount.ndim or not np.isfinite(amount):
            raise ValueError(
                f"the rate of a step must be one finite number, got {validate.described(rate)}; "
                "> 0 raises the output, < 0 lowers it"
            )
        point = self._last_point()
        n, k = len(self._sheet(None).names), self._compiler.n_parameters
        inputs = point.inputs.copy()
        with np.errstate(all="ignore"):
            inputs[:k] += float(amount) * point.results[n : n + k]
        return self._evaluate(inputs)

    def wires(self, output: Any = None) -> Wires:
        """See `Circuit.wires`."""
        point = self._last_point()
        if output is None:
            return Wires(self._sheet(None), point.results, None)
        which = self._output_number(output)
        sheet = self._sheet(which)
        return Wires(sheet, sheet.run(point.inputs), which)

    def _evaluate(self, inputs: NDArray[np.float64]) -> Any:
        """The value, by the tape of the wires: the table shows the bits that forward returns."""
        sheet = self._sheet(None)
        results = sheet.run(inputs)
        self._point = Point(inputs, results)
        return sheet.value(results)

    def _last_point(self) -> Point:
        """Where the circuit was evaluated last; a RuntimeError if it was not."""
        if self._point is None:
            raise RuntimeError(
                "the wires have no values yet; call f.forward(...) first, with values of "
                f"{self._compiler.inputs.text.replace('; data:', ',')}"
            )
        return self._point

    def _output_number(self, output: Any) -> int:
        """The number of the output that the caller means by an index."""
        shape = self._compiler.shape or (1,)
        every = np.arange(len(self._compiler.outputs)).reshape(shape)
        chosen: Any = None
        if not isinstance(output, bool | str):
            try:
                chosen = every[output]
            except (IndexError, TypeError):
                chosen = None
        if not isinstance(chosen, np.integer):
            raise ValueError(
                f"output must be the index of one output, got {validate.described(output)}; the "
                f"outputs have shape {shape}; leave it out for the sum of all"
            )
        return int(chosen)

    def _sheet(self, output: int | None) -> Sheet:
        """The sheet for the grads of one output, or, with None, of the sum of all."""

        def make() -> Sheet:
            return _sheet(self._compiler, output)

        return self._compiler.kept(("wires", output), make)  # type: ignore[no-any-return]


def _sheet(compiler: Compiler, output: int | None) -> Sheet:
    """The tape of values and grads, and what its rows are called."""
    graph, outputs, inputs = compiler.copied_graph(), compiler.outputs, compiler.inputs
    n_inputs, n_parameters = len(inputs.variables), compiler.n_parameters
    gates, constants = _gates_below(compiler)
    nodes = [*range(n_inputs), *gates]
    # The sum of the outputs is not made a gate: simplified, it could bypass an output.
    pulled = outputs if output is None else [outputs[output]]
    grads = graph.jacobian_product(pulled, [graph.add(1.0)] * len(pulled), nodes)
    wanted = [*nodes, *grads, *outputs]
    program = compiler.unfused_program(graph, wanted)
    tape = core("float64").Tape(program, "values", (len(wanted),), n_inputs, {}, None)

    names = [str(variable.name) for variable in inputs.variables]
    prefix = "t"
    while any(each.startswith(prefix) and each[len(prefix) :].isdecimal() for each in names):
        prefix += "t"
    names += [f"{prefix}{i}" for i in range(len(gates))]
    text = dict(zip(nodes, names, strict=True))
    taken = set(names)
    for node, value in constants.items():
        text[node] = value if value not in taken else f"({value})"
    kinds = ["parameter"] * n_parameters + ["data"] * (n_inputs - n_parameters)
    operands: list[tuple[str, ...]] = [()] * n_inputs
    for node in gates:
        op, below, _ = graph.node(node)
        kinds.append(GATES[op])
        operands.append(tuple(text[each] for each in below))
    return Sheet(
        names=tuple(names),
        gates=tuple(kinds),
        operands=tuple(operands),
        rows={node: row for row, node in enumerate(nodes)},
        outputs=tuple(text[node] for node in outputs),
        shape=compiler.shape,
        n_parameters=n_parameters,
        graph=compiler.graph,
        run=tape.run,
    )


def _gates_below(compiler: Compiler) -> tuple[list[int], dict[int, str]]:
    """The gates that the outputs need, in their order; and the constants, as text."""
    gates: set[int] = set()
    constants: dict[int, str] = {}
    waiting = list(compiler.outputs)
    while waiting:
        node = waiting.pop()
        if node in gates:
            continue
        op, operands, value = compiler.graph.node(node)
        if op == CONSTANT:
            constants[node] = repr(value).removesuffix(".0")
        elif op != INPUT:
            gates.add(node)
            waiting += operands
    return sorted(gates), constants
