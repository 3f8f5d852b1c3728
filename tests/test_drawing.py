"""Pictures of circuits: as text, as HTML, in the language of Graphviz, and as SVG."""

import re
import shutil
import stat
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from fastbp import circuit, variables
from fastbp.circuits import sigmoid, where

A, B, C, X, Y = variables("a b c x y")

NEURON = """\
                     value  grad
t4 = sigmoid(t3)       0.5     1
└─ t3 = c + t2           0  0.25
   ├─ c                -12  0.25
   └─ t2 = t0 + t1      12  0.25
      ├─ t0 = a * x      2  0.25
      │  ├─ a            1   0.5
      │  └─ x            2  0.25
      └─ t1 = b * y     10  0.25
         ├─ b            2  1.25
         └─ y            5   0.5
output t4"""

SHARED = """\
                                    value  grad
t3 = select(t2, t1, 3)                 25     1
├─ t2 = t0 < t1                         1     0
│  ├─ t0 = a + b                        5    10
│  │  ├─ a                              2    10
│  │  └─ b                              3    10
│  └─ t1 = t0 * t0                     25     1
│     ├─ t0 = a + b ^                   5    10
│     └─ t0 = a + b ^                   5    10
└─ t1 = t0 * t0 ^                      25     1
c                                       7     0
output t3"""


def neuron():
    f = circuit(sigmoid(A * X + B * Y + C))
    f.forward(a=1, b=2, c=-12, x=2, y=5)
    return f


def shared():
    """A circuit with shared gates, a constant and a parameter that nothing needs."""
    s = A + B
    f = circuit(where(s < s * s, s * s, 3.0), wrt=[A, B, C])
    f.forward(2, 3, 7)
    return f


def squeezed(text):
    return [re.sub(r" +", " ", line) for line in text.splitlines()]


# Text


def test_the_tree_of_a_neuron():
    assert repr(neuron().draw()) == str(neuron().draw()) == NEURON


def test_shared_gates_have_their_branches_once():
    assert squeezed(repr(shared().draw())) == squeezed(SHARED)


def test_several_outputs_have_a_tree_each():
    f = circuit([A * B, -A, 2.0, A**B])
    f.forward(2, 3)
    lines = [line.split("  ")[0] for line in repr(f.draw(1)).splitlines()]
    assert lines == [
        "", "t0 = a * b", "├─ a", "└─ b", "t1 = -a", "└─ a", "2", "t2 = a ** b", "├─ a", "└─ b",
        "outputs t0, t1, 2, t2; grads of t1",
    ]  # fmt: skip


def layered():
    """A weighted sum of 20 inputs for each of 25 units, and a sum of those."""
    w, v, x = variables("W", (25, 20)), variables("v", 25), variables("x", 20)
    f = circuit(np.tanh(w @ x) @ v, wrt=[w, v])
    rng = np.random.default_rng(0)
    f.forward(rng.normal(size=525), x=rng.normal(size=20))
    return f


def test_many_wires_are_drawn_in_boxes():
    f = layered()
    drawing, wires = f.draw(), f.wires()
    titles = [each.title for each in drawing.groups]
    assert titles == [
        "data x, 20", "parameter W, 500", "parameter v, 25", "500 multiply", "475 add", "25 tanh",
        "25 multiply", "24 add",
    ]  # fmt: skip
    assert sorted(n for each in drawing.groups for n in each.wires) == list(range(len(wires)))
    arrows = sum(sum(each.operands.values()) for each in drawing.groups)
    assert arrows == sum(len(wire.operands) for wire in wires)
    for each in drawing.groups:
        values = [wires[n].value for n in each.wires]
        low, _, high = each.value.partition(" ... ")
        assert (low, high or low) == (f"{min(values):.9g}", f"{max(values):.9g}")
    text = repr(drawing).splitlines()
    assert text[0].split() == ["box", "gates", "reads", "value", "grad"]
    assert len(text) == 1 + 8 + 1
    assert text[-1].endswith("; 1594 wires in 8 boxes")
    assert len(cells(drawing.html())) == 1 + 8
    assert len(re.findall(r"-> g\d+ ", drawing.dot())) == sum(
        len(each.operands) for each in drawing.groups
    )


def test_a_long_chain_is_drawn_in_bands():
    e = A
    for i in range(399):
        e = e * B + i if i % 2 else sigmoid(e)
    f = circuit(e)
    f.forward(1, 2)
    drawing = f.draw()
    assert len(drawing.groups) == 2 + 20
    assert drawing.groups[0].title == "parameter a"
    assert all("sigmoid" in each.title for each in drawing.groups[2:])
    assert sum(len(each.wires) for each in drawing.groups) == 600
    many = [variables(f"p{i}", None)[0] for i in range(500)]
    f = circuit(sum(many))
    f.forward(range(500))
    assert [each.title for each in f.draw().groups] == ["500 parameter", "500 add"]


def test_deep_circuits_are_no_recursion():
    chain = A
    for _ in range(399):
        chain = sigmoid(chain)
    f = circuit(chain)
    f.forward(1)
    assert len(repr(f.draw()).splitlines()) == 1 + 400 + 1  # deep, but not by recursion


# HTML


def cells(html):
    table = ElementTree.fromstring(html)
    return [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]


def test_the_tree_as_html():
    text = [re.split(r" {2,}(?=[-.\d]+ )| {2,}(?=[-.\d]+$)", line) for line in NEURON.splitlines()]
    rows = cells(neuron().draw().html())
    assert rows[0] == ["", "value", "grad"]
    assert rows[1:] == text[1:-1]


def test_names_are_escaped_everywhere():
    x, y = variables("x<b> y&'\"")
    f = circuit(x / y)
    f.forward(1, 2)
    assert cells(f.draw().html())[1][0] == "t0 = x<b> / y&'\""
    assert "<b>" not in f.draw().dot()
    assert "y&amp;" in f.draw().dot()


# Graphviz


def test_every_operand_is_an_arrow():
    for f in (neuron(), shared(), circuit([A, 2.0, A * A])):
        f.forward(*[2.0] * f.n_parameters)
        dot, wires = f.draw().dot(), f.wires()
        arrows = re.findall(r"(\w+) -> (w\d+);", dot)
        assert len(arrows) == sum(len(wire.operands) for wire in wires)
        for wire in wires:
            sources = [source for source, target in arrows if target == f"w{wire.number}"]
            named = [
                wires[int(source[1:])].name
                if source[0] == "w"
                else re.search(rf"{source} \[.*label=<(.*?)>\]", dot)[1]
                for source in sources
            ]
            assert tuple(named) == wire.operands
        assert len(re.findall(r"-> out\d+", dot)) == len(wires.outputs)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it():
    x, y = variables("x<b> y&'\"é")
    for e in (x / y, [x, 2.0, x * x], where(x < y, x**y, 3.0), 1.5):
        f = circuit(e)
        f.forward(*[2.0] * f.n_parameters)
        svg = f.draw().svg()
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
        for wire in f.wires():
            assert any(text.startswith(wire.name) for text in texts)
        assert f.draw()._repr_html_().startswith("<svg")


def test_without_graphviz_there_is_advice_and_html(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = neuron().draw()
    with pytest.raises(RuntimeError, match=r"needs the program dot .*apt install graphviz.*html\("):
        drawing.svg()
    assert drawing._repr_html_() == drawing.html()


def stand_in(tmp_path, monkeypatch, body):
    """A program `dot` that is first on the PATH."""
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_dot_gets_the_picture_and_its_answer_is_the_svg(monkeypatch, tmp_path):
    stand_in(
        tmp_path,
        monkeypatch,
        "assert sys.argv[1:] == ['-Tsvg']\n"
        "text = sys.stdin.buffer.read()\n"
        "sys.stdout.buffer.write(b'<?xml?><svg>' + text.replace(b'<', b'[') + b'</svg>')",
    )
    drawing = neuron().draw()
    assert drawing.svg() == f"<?xml?><svg>{drawing.dot().replace('<', '[')}</svg>"
    assert drawing._repr_html_() == drawing.svg().removeprefix("<?xml?>")


def test_dot_that_fails_is_an_error(monkeypatch, tmp_path):
    stand_in(tmp_path, monkeypatch, "sys.stdin.read(); sys.exit('no such shape')")
    with pytest.raises(RuntimeError, match=r"dot failed \(1\): no such shape"):
        neuron().draw().svg()
