"""A network's program as text: one step in a line."""

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp.layers import program as kinds
from fastbp.layers.layer import NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.layers.program import Program

FIRST, LAST = 2, 1  # steps of a long sequence that are shown


def listing(program: "Program") -> str:
    """The steps of a program, in the order in which they run.

        z1 = affine(Theta1, x)
        a1 = tanh(z1)
        z2 = affine(Theta2, a1)
        return softmax(z2)

    Of a long sequence the first steps and the last are shown, and of tables their sizes.
    """
    text = _Text(program)
    lines: list[str] = []
    numbered = list(zip(program.steps.tolist(), program.moments, strict=True))
    for sequence, group in groupby(numbered, lambda pair: pair[1] and pair[1][:2]):
        steps = list(group)
        times = list(dict.fromkeys(moment.time for _, moment in steps if moment))
        hidden = times[FIRST:-LAST] if sequence and len(times) > FIRST + LAST + 1 else []
        for step, moment in steps:
            if not (moment and moment.time in hidden):
                lines.append(text.step(step))
            elif moment.time == hidden[0] and lines[-1] != "...":
                lines.append("...")
        if hidden:
            place = lines.index("...", len(lines) - len(steps) if len(lines) > len(steps) else 0)
            lines[place] = f"...    the same for steps {hidden[0]} to {hidden[-1]}"
    z = program.names[program.output]
    output = program.output_function
    lines.append(f"return {z if output == 'identity' else f'{_function(output)}({z})'}")
    return "\n".join(lines)


def _function(activation: Any) -> str:
    """A name with its parameter, as it is written; a circuit as such."""
    return activation if isinstance(activation, str) else "circuit"


class _Text:
    """The steps of one program in words."""

    def __init__(self, program: "Program") -> None:
        self.program = program
        self.first = np.concatenate([[0], np.cumsum(program.arrays[:, 0])])

    def step(self, columns: list[int]) -> str:
        """One line."""
        kind, *rest = columns
        return (self._affine, self._map, self._gate, self._pool)[kind](rest)

    def _affine(self, columns: list[int]) -> str:
        """A line such as z1 = affine(Theta1, x)."""
        theta, unit, n_units, column, depth, table_at, positions, *rest = columns
        out, unit_step, position_step, flags = rest
        height, width = self.program.thetas[theta].tolist()
        matrix = f"Theta{theta + 1}"
        if (unit, n_units) != (0, height) or (column, depth) != (0, width):
            matrix += f"[{unit}:{unit + n_units}]"
        table = self.program.table[table_at : table_at + positions * depth]
        last = out + (n_units - 1) * unit_step + (positions - 1) * position_step
        made = self._rows(out, last - out + 1)
        sign = "+=" if flags & kinds.ADDS_TO_OUT else "="
        return f"{made} {sign} affine({matrix}, {self._table(table, positions)})"

    def _map(self, columns: list[int]) -> str:
        """A line such as a1 = tanh(z1)."""
        function, z, a, n = columns[:4]
        name = _function(self.program.functions[function])
        return f"{self._rows(a, n)} = {name}({self._rows(z, n)})"

    def _gate(self, columns: list[int]) -> str:
        """A line such as c1[1] = a1[1] * c1[0] + ig1."""
        op, out, n, a, b, d = columns[:6]
        made = self._rows(out, n)
        if op == kinds.WITHIN_LENGTH:
            return f"{made} = {self._rows(a, n)} if {d} < length else {self._rows(b, n)}"
        factors = " * ".join(self._rows(row, n) for row in (a, b) if row != NONE)
        term = "" if d == NONE else self._rows(d, n)
        if op == kinds.NEGATIVE_MULTIPLY_ADD:
            return f"{made} = {term + ' - ' if term else '-'}{factors}"
        return f"{made} = {' + '.join(part for part in (factors, term) if part)}"

    def _pool(self, columns: list[int]) -> str:
        """A line such as p2 = max(a1 at 144 positions of 4 rows)."""
        op, out, n, window, table_at, _ = columns[:6]
        table = self.program.table[table_at : table_at + n * window]
        name = "max" if op == kinds.MAXIMUM else "mean"
        return f"{self._rows(out, n)} = {name}({self._table(table, n)})"

    def _rows(self, first: int, n: int) -> str:
        """n consecutive rows: an array, a step of it, or a part."""
        if first == NONE:
            return "0"
        number = int(np.searchsorted(self.first, first, "right")) - 1
        name, shape = self.program.names[number], self.program.shapes[number]
        start, size = first - int(self.first[number]), int(self.program.arrays[number, 0])
        if n == size:
            return name
        if len(shape) == 2 and start // shape[1] == (start + n - 1) // shape[1]:
            t, unit = divmod(start, shape[1])
            return f"{name}[{t}]" if n == shape[1] else f"{name}[{t}, {unit}:{unit + n}]"
        return f"{name}[{start}:{start + n}]"

    def _table(self, rows: "NDArray[np.int32]", positions: int) -> str:
        """What the rows of a table are: runs of consecutive ones, or their arrays and how many."""
        ends = np.flatnonzero(np.diff(rows) != 1 - (rows[1:] == NONE)) + 1
        runs = np.split(rows, ends)
        if len(runs) <= 2:
            return ", ".join(self._rows(int(run[0]), len(run)) for run in runs)
        used = rows[rows != NONE]
        numbers = np.unique(np.searchsorted(self.first, used, "right") - 1)
        names = ", ".join(self.program.names[number] for number in numbers)
        each = len(rows) // positions
        padded = " or padding" if len(used) < len(rows) else ""
        return f"{names} at {positions} positions of {each} rows{padded}"
