"""A circuit gate by gate: the value of every wire, and the pull on it.

One tape computes the values and the grads of all inputs and gates. It is the circuit's own graph,
written down without fused gates, so that each row is one gate of the expression.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from fastbp import validate
from fastbp._core import core
from fastbp._recorder import GATES, Expression
from fastbp.circuits import compiler

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit

SHOWN = 60  # rows of a table; of a longer one the first and the last
COLUMNS = ("number", "name", "gate", "operands", "value", "grad")
CONSTANT, INPUT = GATES.index("constant"), GATES.index("input")


class Wire(NamedTuple):
    """An input or a gate of a circuit, with its value and its grad.

    Attributes
    ----------
    number : int
        Its row.
    name : str
        Of an input its own, of a gate t0, t1, ... in the order in which the gates run.
    gate : str
        "parameter", "data", or the name of the gate.
    operands : tuple of str
        Names of other wires, and numbers.
    value : float
    grad : float
        d output / d this wire.
    """

    number: int
    name: str
    gate: str
    operands: tuple[str, ...]
    value: float
    grad: float


class Sheet(NamedTuple):
    """What a circuit's wires are, whatever their values."""

    names: tuple[str, ...]
    gates: tuple[str, ...]
    operands: tuple[tuple[str, ...], ...]
    rows: dict[int, int]  # node of the graph -> row
    outputs: tuple[str, ...]
    run: Callable[[NDArray[np.float64]], NDArray[np.float64]]  # inputs -> values, grads, outputs


class Point(NamedTuple):
    """Where a circuit was evaluated last."""

    inputs: NDArray[np.float64]
    results: NDArray[np.float64]  # of the sheet of all outputs


# What the methods of Circuit do


def forward(circuit: "Circuit", arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """See `Circuit.forward`."""
    last: Point | None = circuit.__dict__.get("_point")
    if last is not None:
        parameters = () if arguments else circuit._inputs.parameters
        for each in (*parameters, *circuit._inputs.data):
            kept = last.inputs[each.start : each.start + each.size].reshape(each.shape)
            keywords.setdefault(each.name, kept)
    values = circuit._inputs.read(arguments, keywords)
    if values.samples:
        name, array = next(iter(values.samples.items()))
        raise ValueError(
            f"{name} has {len(array)} samples; forward takes one, whose wires can be shown: pass "
            f"{name}[i], or call the circuit itself, f(...)"
        )
    return _evaluate(circuit, values.uniform)


def step(circuit: "Circuit", rate: Any) -> Any:
    """See `Circuit.step`."""
    amount = validate.numbers(rate, "the rate of a step")
    if amount.ndim or not np.isfinite(amount):
        raise ValueError(
            f"the rate of a step must be one finite number, got {validate.described(rate)}; > 0 "
            "raises the output, < 0 lowers it"
        )
    point = _point(circuit)
    n, k = len(_sheet(circuit, None).names), circuit.n_parameters
    inputs = point.inputs.copy()
    with np.errstate(all="ignore"):
        inputs[:k] += float(amount) * point.results[n : n + k]
    return _evaluate(circuit, inputs)


def wires(circuit: "Circuit", output: Any = None) -> "Wires":
    """See `Circuit.wires`."""
    point = _point(circuit)
    if output is None:
        return Wires(circuit, _sheet(circuit, None), point.results, None)
    which = _output_number(circuit, output)
    sheet = _sheet(circuit, which)
    return Wires(circuit, sheet, sheet.run(point.inputs), which)


def _evaluate(circuit: "Circuit", inputs: NDArray[np.float64]) -> Any:
    """The value, by the tape of the wires: the table shows the bits that forward returns."""
    sheet = _sheet(circuit, None)
    results = sheet.run(inputs)
    circuit.__dict__["_point"] = Point(inputs, results)
    return _value(circuit, sheet, results)


def _value(circuit: "Circuit", sheet: Sheet, results: NDArray[np.float64]) -> Any:
    outputs = results[2 * len(sheet.names) :]
    return outputs.reshape(circuit.shape).copy() if circuit.shape else float(outputs[0])


def _point(circuit: "Circuit") -> Point:
    point: Point | None = circuit.__dict__.get("_point")
    if point is None:
        raise RuntimeError(
            "the wires have no values yet; call f.forward(...) first, with values of "
            f"{circuit._inputs.text.replace('; data:', ',')}"
        )
    return point


def _output_number(circuit: "Circuit", output: Any) -> int:
    every = np.arange(len(circuit._outputs)).reshape(circuit.shape or (1,))
    chosen: Any = None
    if not isinstance(output, bool | str):
        try:
            chosen = every[output]
        except (IndexError, TypeError):
            chosen = None
    if not isinstance(chosen, np.integer):
        raise ValueError(
            f"output must be the index of one output, got {validate.described(output)}; the "
            f"outputs have shape {circuit.shape or (1,)}; leave it out for the sum of all"
        )
    return int(chosen)


# The tape


def _sheet(circuit: "Circuit", output: int | None) -> Sheet:
    """The sheet for the grads of one output, or, with None, of the sum of all."""
    made: Sheet = compiler.kept(circuit, ("wires", output), lambda: _compiled(circuit, output))
    return made


def _compiled(circuit: "Circuit", output: int | None) -> Sheet:
    graph, outputs, inputs = circuit._graph_of_value(), circuit._outputs, circuit._inputs
    n_inputs = len(inputs.variables)
    gates, constants = _gates_below(circuit)
    nodes = [*range(n_inputs), *gates]
    # The sum of the outputs is no gate of the graph: simplified, it might pass an output by.
    pulled = outputs if output is None else [outputs[output]]
    grads = graph.jacobian_product(pulled, [graph.add(1.0)] * len(pulled), nodes)
    wanted = [*nodes, *grads, *outputs]
    program = graph.emit(wanted, list(range(n_inputs)), [], fuse=False)
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
    kinds = ["parameter"] * circuit.n_parameters + ["data"] * (n_inputs - circuit.n_parameters)
    operands: list[tuple[str, ...]] = [()] * n_inputs
    for node in gates:
        op, below, _ = graph.node(node)
        kinds.append(GATES[op])
        operands.append(tuple(text[each] for each in below))
    return Sheet(
        tuple(names),
        tuple(kinds),
        tuple(operands),
        {node: row for row, node in enumerate(nodes)},
        tuple(text[node] for node in outputs),
        tape.run,
    )


def _gates_below(circuit: "Circuit") -> tuple[list[int], dict[int, str]]:
    """The gates that the outputs need, in their order; and the constants, as text."""
    gates: set[int] = set()
    constants: dict[int, str] = {}
    waiting = list(circuit._outputs)
    while waiting:
        node = waiting.pop()
        if node in gates:
            continue
        op, operands, value = circuit._graph.node(node)
        if op == CONSTANT:
            constants[node] = repr(value).removesuffix(".0")
        elif op != INPUT:
            gates.add(node)
            waiting += operands
    return sorted(gates), constants


# The table


class Wires(Sequence[Wire]):
    """The wires of a circuit at one point: the inputs, then the gates in the order they run.

        wires[0], wires[-1], wires["x"], wires["t2"]    by number and by name
        wires[q]                                        by an expression that is part of the circuit

    What is equal is one gate and constants are folded, so there may be fewer gates than signs in
    the expression. The grad is d output / d wire: 1 at the output itself, and 0 where no way leads
    from the wire to the output. Of several outputs the sum is meant, unless one was chosen. A table
    does not change when the circuit is evaluated again.

    Attributes
    ----------
    value : float or ndarray
        Of the circuit.
    outputs : tuple of str
        Names of the wires that are the outputs.
    p, gradient : ndarray of float64, shape (n_parameters,)
        Values and grads of the parameters.

    Raises
    ------
    KeyError
        For a name or an expression that is no wire.
    """

    def __init__(
        self,
        circuit: "Circuit",
        sheet: Sheet,
        results: NDArray[np.float64],
        output: int | None,
    ) -> None:
        n, k = len(sheet.names), circuit.n_parameters
        values, grads = results[: 2 * n].reshape(2, n)
        rows = zip(
            range(n), sheet.names, sheet.gates, sheet.operands, values.tolist(), grads.tolist(),
            strict=True,
        )  # fmt: skip
        self._wires = [Wire(*row) for row in rows]
        self._graph, self._rows = circuit._graph, sheet.rows
        self._numbers = {name: number for number, name in enumerate(sheet.names)}
        self.value = _value(circuit, sheet, results)
        self.outputs = sheet.outputs
        self.pulled = sheet.outputs if output is None else (sheet.outputs[output],)
        self.p, self.gradient = values[:k].copy(), grads[:k].copy()

    def __len__(self) -> int:
        return len(self._wires)

    @overload
    def __getitem__(self, key: int | str | Expression) -> Wire: ...
    @overload
    def __getitem__(self, key: slice) -> list[Wire]: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self._numbers:
                raise KeyError(f"no wire {key!r}; there are {self._some_names()}")
            return self._wires[self._numbers[key]]
        if isinstance(key, Expression):
            return self._wires[self._row_of(key)]
        try:
            return self._wires[key]
        except IndexError:
            raise IndexError(
                f"wire {key} is out of range: there are {len(self)} wires, counted from 0"
            ) from None

    def _row_of(self, expression: Expression) -> int:
        try:
            node = self._graph.add(expression)
        except ValueError as error:
            raise KeyError(f"{expression!r} is no wire of this circuit: {error}") from error
        if node not in self._rows:
            raise KeyError(
                f"{expression!r} is no wire of this circuit; there are {self._some_names()}"
            )
        return self._rows[node]

    def _some_names(self) -> str:
        names = [*self._numbers]
        return ", ".join(names if len(names) <= 12 else [*names[:10], "...", names[-1]])

    @property
    def caption(self) -> str:
        """Which outputs the grads are of."""
        if len(self.outputs) == 1:
            return f"output {self.outputs[0]}"
        names = ", ".join(self.outputs[:8]) + ", ..." * (len(self.outputs) > 8)
        of = f"of {self.pulled[0]}" if len(self.pulled) == 1 else "of their sum"
        return f"outputs {names}; grads {of}"

    def _table(self) -> tuple[list[tuple[str, ...]], int]:
        """The rows that are shown, as text, and after how many of them some are left out."""
        shown, cut = self._wires, 0
        if len(self) > SHOWN:
            cut = SHOWN // 2
            shown = self._wires[:cut] + self._wires[-cut:]
        rows: list[tuple[str, ...]] = [
            (str(w.number), w.name, w.gate, ", ".join(w.operands), number(w.value), number(w.grad))
            for w in shown
        ]
        return rows, cut

    def __repr__(self) -> str:
        rows, cut = self._table()
        widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
        lines = [_line(row, widths) for row in (COLUMNS, *rows)]
        if cut:
            lines.insert(1 + cut, f"... {len(self) - len(rows)} more ...")
        return "\n".join([*lines, self.caption])

    def _repr_html_(self) -> str:
        from html import escape

        rows, cut = self._table()
        right = ' style="text-align:right"'
        body = [
            "<tr>"
            + "".join(
                f"<td{right if i in (0, 4, 5) else ''}>{escape(cell)}</td>"
                for i, cell in enumerate(row)
            )
            + "</tr>"
            for row in rows
        ]
        if cut:
            body.insert(cut, f'<tr><td colspan="6">… {len(self) - len(rows)} more …</td></tr>')
        head = "".join(f"<th>{column}</th>" for column in COLUMNS)
        return (
            f"<table><caption>{escape(self.caption)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table>"
        )


def number(x: float) -> str:
    """A value or a grad as text."""
    return format(x, ".9g")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    text = [
        cell.rjust(width) if i in (0, 4, 5) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(text).rstrip()
