"""A picture of a circuit: each gate with its value and the pull on it."""

from collections.abc import Iterator
from typing import NamedTuple

from fastbp.circuits.wires import Wire, Wires, number

LARGEST = 400  # wires that can still be read in a picture
SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "less": "<",
    "less_equal": "<=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
GREEN, RED = "#1a7f37", "#c62828"  # value and grad, as in the pictures of the text


class Row(NamedTuple):
    """A line of the picture as text: the branch that leads to it, and what it shows."""

    branch: str
    formula: str
    value: str
    grad: str


class Drawing:
    """The wires of a circuit as a picture.

    `print` shows it as a tree from the output down to the inputs, with value and grad of every
    wire; a gate that is used several times has its branches where it comes first, and ^ where it
    comes again. A notebook shows the SVG if Graphviz is installed, else the tree in colours: values
    green, grads red.

    Attributes
    ----------
    wires : Wires

    Raises
    ------
    ValueError
        If there are more than 400 wires.
    """

    def __init__(self, wires: Wires) -> None:
        if len(wires) > LARGEST:
            raise ValueError(
                f"this circuit has {len(wires)} wires; a picture of more than {LARGEST} cannot be "
                "read: f.wires() has them all as a table"
            )
        self.wires = wires

    def __repr__(self) -> str:
        rows = [*_tree(self.wires)]
        width = max(len(row.branch) + len(row.formula) for row in rows)
        rows.insert(0, Row("", "", "value", "grad"))
        values, grads = (max(len(row[i]) for row in rows) for i in (2, 3))
        lines = [
            f"{branch + formula:{width}}  {value:>{values}}  {grad:>{grads}}".rstrip()
            for branch, formula, value, grad in rows
        ]
        return "\n".join([*lines, self.wires.caption])

    def html(self) -> str:
        """The tree as HTML."""
        from html import escape

        cell = '<td style="text-align:right;color:{}">{}</td>'
        lines = [
            '<tr><td style="text-align:left;white-space:pre;font-family:monospace">'
            f"{escape(row.branch + row.formula)}</td>"
            f"{cell.format(GREEN, row.value)}{cell.format(RED, row.grad)}</tr>"
            for row in _tree(self.wires)
        ]
        head = "<tr><th></th><th>value</th><th>grad</th></tr>"
        return (
            f"<table><caption>{escape(self.wires.caption)}</caption><thead>{head}</thead>"
            f"<tbody>{''.join(lines)}</tbody></table>"
        )

    def dot(self) -> str:
        """The picture in the language of Graphviz: operands point to their gates."""
        lines = [
            "digraph circuit {",
            "  rankdir=LR; ordering=in;",
            '  node [fontname="Helvetica", fontsize=11]; edge [arrowsize=0.7];',
        ]
        numbers = {wire.name: wire.number for wire in self.wires}
        n_constants = 0
        for wire in self.wires:
            lines.append(f"  w{wire.number} {_look(wire)};")
            for operand in wire.operands:
                source = f"w{numbers.get(operand)}"
                if operand not in numbers:
                    source = f"c{n_constants}"
                    n_constants += 1
                    lines.append(f"  {source} {_number_look(operand)};")
                lines.append(f"  {source} -> w{wire.number};")
        for i, name in enumerate(self.wires.outputs):
            source = f"w{numbers[name]}" if name in numbers else f"k{i}"
            if name not in numbers:
                lines.append(f"  {source} {_number_look(name)};")
            lines.append(f"  out{i} [shape=point]; {source} -> out{i};")
        return "\n".join([*lines, "}", ""])

    def svg(self) -> str:
        """The picture as SVG, by the program `dot` of Graphviz.

        Raises
        ------
        RuntimeError
            If dot is not installed, or fails.
        """
        from shutil import which
        from subprocess import run

        program = which("dot")
        if program is None:
            raise RuntimeError(
                "an SVG needs the program dot of Graphviz, which is not on the PATH; install it "
                "(apt install graphviz, dnf install graphviz, brew install graphviz, conda install "
                "graphviz), or use print(f.draw()), f.draw().html(), or f.draw().dot() with "
                "Graphviz elsewhere"
            )
        done = run(
            [program, "-Tsvg"], input=self.dot(), capture_output=True, encoding="utf-8", timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed ({done.returncode}): {done.stderr.strip()}")
        return done.stdout

    def _repr_html_(self) -> str:
        from shutil import which

        if which("dot") is None:
            return self.html()
        svg = self.svg()
        return svg[max(0, svg.find("<svg")) :]  # within a page there is no XML declaration


def formula(wire: Wire) -> str:
    """A gate as one would write it: "t1 = a * x", "t3 = sigmoid(t2)"; an input is its name."""
    if not wire.operands:
        return wire.name
    if wire.gate in SIGNS:
        text = f" {SIGNS[wire.gate]} ".join(wire.operands)
    elif wire.gate == "negative":
        text = f"-{wire.operands[0]}"
    else:
        text = f"{wire.gate}({', '.join(wire.operands)})"
    return f"{wire.name} = {text}"


def _tree(wires: Wires) -> Iterator[Row]:
    """From each output down, a line for every use of a wire."""
    by_name = {wire.name: wire for wire in wires}
    met: set[str] = set()
    waiting = [(name, "", "") for name in reversed(wires.outputs)]
    while waiting:
        name, branch, below = waiting.pop()
        if name not in by_name:
            yield Row(branch, name, "", "")
            continue
        wire = by_name[name]
        again = " ^" if name in met and wire.operands else ""
        yield Row(branch, formula(wire) + again, number(wire.value), number(wire.grad))
        if again:
            continue
        met.add(name)
        last = True
        for operand in reversed([each for each in wire.operands if each in by_name]):
            fork, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
            waiting.append((operand, below + fork, below + rest))
            last = False
    # inputs that no output needs hang nowhere
    for wire in wires:
        if wire.name not in met:
            yield Row("", wire.name, number(wire.value), number(wire.grad))


def _look(wire: Wire) -> str:
    from html import escape

    what = wire.name if not wire.operands else f"{wire.name}: {SIGNS.get(wire.gate, wire.gate)}"
    shape = "box" if wire.operands else "ellipse"
    value = f'<font color="{GREEN}">{number(wire.value)}</font>'
    grad = f'<font color="{RED}">{number(wire.grad)}</font>'
    return f"[shape={shape}, label=<{escape(what)}<br/>{value}<br/>{grad}>]"


def _number_look(text: str) -> str:
    return f"[shape=plaintext, width=0, height=0, label=<{text}>]"
