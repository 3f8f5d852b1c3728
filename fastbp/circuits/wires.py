"""The wires of a circuit at one point, as a table: each with its value and the pull on it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from fastbp._recorder import Expression, Graph

SHOWN = 60  # rows of a table; of a longer one the first and the last
COLUMNS = ("number", "name", "gate", "operands", "value", "grad")


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
    shape: tuple[int, ...]  # of the outputs
    n_parameters: int
    graph: Graph
    run: Callable[[NDArray[np.float64]], NDArray[np.float64]]  # inputs -> values, grads, outputs

    def value(self, results: NDArray[np.float64]) -> Any:
        """The circuit's value, of the results of `run`."""
        outputs = results[2 * len(self.names) :]
        return outputs.reshape(self.shape).copy() if self.shape else float(outputs[0])


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

    def __init__(self, sheet: Sheet, results: NDArray[np.float64], output: int | None) -> None:
        n, k = len(sheet.names), sheet.n_parameters
        values, grads = results[: 2 * n].reshape(2, n)
        rows = zip(
            range(n), sheet.names, sheet.gates, sheet.operands, values.tolist(), grads.tolist(),
            strict=True,
        )  # fmt: skip
        self._wires = [Wire(*row) for row in rows]
        self._sheet = sheet
        self._searched: Graph | None = None  # a copy of the graph, in which expressions are found
        self._numbers = {name: number for number, name in enumerate(sheet.names)}
        self.value = sheet.value(results)
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
        """The row of an expression that is part of the circuit."""
        if self._searched is None:
            self._searched = self._sheet.graph.first(len(self._sheet.graph))
        try:
            node = self._searched.add(expression)
        except ValueError as error:
            raise KeyError(f"{expression!r} is no wire of this circuit: {error}") from error
        if node not in self._sheet.rows:
            raise KeyError(
                f"{expression!r} is no wire of this circuit; there are {self._some_names()}"
            )
        return self._sheet.rows[node]

    def _some_names(self) -> str:
        """Names of wires for a message; of many the first and the last."""
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
    """One line of the table: numbers end below each other."""
    text = [
        cell.rjust(width) if i in (0, 4, 5) else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(text).rstrip()
