"""A picture of a circuit: each gate with its value and the pull on it."""

from collections.abc import Iterator
from typing import NamedTuple

from fastbp.circuits.grouping import Group, grouped, table
from fastbp.circuits.wires import Wire, Wires, number

LARGEST = 400  # wires that can still be read in a picture
SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "less": "<",
    "less_equal": "<=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
BOX_COLUMNS = ("box", "gates", "reads", "value", "grad")
GREEN, RED = "#1a7f37", "#c62828"  # value and grad


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

    Of more than 400 wires nothing could be read: then gates of one kind at one distance from the
    inputs are one box, with the least and the greatest value and grad, and `print` lists the boxes.

    Attributes
    ----------
    wires : Wires
    groups : list of Group, or None
        The boxes, unless each wire is shown.
    """

    def __init__(self, wires: Wires) -> None:
        self.wires = wires
        self.groups = grouped(wires) if len(wires) > LARGEST else None

    def __repr__(self) -> str:
        if self.groups is not None:
            boxes = [BOX_COLUMNS, *table(self.groups)]
            widths = [max(map(len, column)) for column in zip(*boxes, strict=True)]
            text = [
                "  ".join(cell.ljust(width) for cell, width in zip(box, widths, strict=True))
                for box in boxes
            ]
            return "\n".join([*(line.rstrip() for line in text), self._caption])
        rows = [*_tree(self.wires)]
        width = max(len(row.branch) + len(row.formula) for row in rows)
        rows.insert(0, Row("", "", "value", "grad"))
        values, grads = (max(len(row[i]) for row in rows) for i in (2, 3))
        lines = [
            f"{branch + formula:{width}}  {value:>{values}}  {grad:>{grads}}".rstrip()
            for branch, formula, value, grad in rows
        ]
        return "\n".join([*lines, self.wires.caption])

    @property
    def _caption(self) -> str:
        """What is shown, in boxes."""
        return f"{self.wires.caption}; {len(self.wires)} wires in {len(self.groups or ())} boxes"

    def html(self) -> str:
        """The tree, or the list of boxes, as HTML."""
        from html import escape

        if self.groups is not None:
            colours = ("inherit", "inherit", "inherit", GREEN, RED)
            body = [
                "<tr>"
                + "".join(
                    f'<td style="text-align:left;color:{colour}">{escape(text)}</td>'
                    for text, colour in zip(box, colours, strict=True)
                )
                + "</tr>"
                for box in table(self.groups)
            ]
            top = "".join(f"<th>{column}</th>" for column in BOX_COLUMNS)
            return (
                f"<table><caption>{escape(self._caption)}</caption><thead><tr>{top}</tr></thead>"
                f"<tbody>{''.join(body)}</tbody></table>"
            )
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
        if self.groups is not None:
            return "\n".join([*lines, *_boxes(self.groups), "}", ""])
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
        return svg[max(0, svg.find("<svg")) :]  # an XML declaration may not stand within a page


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
    # Inputs that no output needs are in no tree.
    for wire in wires:
        if wire.name not in met:
            yield Row("", wire.name, number(wire.value), number(wire.grad))


def _boxes(groups: list[Group]) -> Iterator[str]:
    """Boxes and arrows of them; an arrow says how many wires it stands for."""
    from html import escape

    for i, each in enumerate(groups):
        label = f"g{i}: {escape(each.title)}"
        value = f'<font color="{GREEN}">{escape(each.value)}</font>'
        grad = f'<font color="{RED}">{escape(each.grad)}</font>'
        shape = "box" if each.operands else "ellipse"
        yield f"  g{i} [shape={shape}, label=<{label}<br/>{value}<br/>{grad}>];"
        for source, count in each.operands.items():
            yield f'  g{source} -> g{i} [label="{count}", fontsize=9];'


def _look(wire: Wire) -> str:
    """The attributes of a wire's node in Graphviz."""
    from html import escape

    what = wire.name if not wire.operands else f"{wire.name}: {SIGNS.get(wire.gate, wire.gate)}"
    shape = "box" if wire.operands else "ellipse"
    value = f'<font color="{GREEN}">{number(wire.value)}</font>'
    grad = f'<font color="{RED}">{number(wire.grad)}</font>'
    return f"[shape={shape}, label=<{escape(what)}<br/>{value}<br/>{grad}>]"


def _number_look(text: str) -> str:
    """The attributes of a number's node."""
    return f"[shape=plaintext, width=0, height=0, label=<{text}>]"
