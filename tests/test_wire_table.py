"""The table of wires: as text, as HTML, as a sequence, by name."""

from html.parser import HTMLParser

import pytest

from fastbp import circuit, variable, variables
from fastbp.circuits import sigmoid

A, B, C, X, Y = variables("a b c x y")
POINT = [1.0, 2, -3, -1, 3]


def neuron(wrt=None):
    return circuit(sigmoid(A * X + B * Y + C), wrt=wrt or [A, B, C, X, Y])


PRODUCT = """\
number  name  gate       operands  value  grad
     0  x     parameter               -2     3
     1  y     parameter                3    -2
     2  t0    multiply   x, y         -6     1
output t0"""


def test_the_table_as_text():
    f = circuit(X * Y)
    f.forward(-2, 3)
    assert repr(f.wires()) == str(f.wires()) == PRODUCT


def test_the_table_is_a_sequence():
    f = neuron()
    f.forward(POINT)
    wires = f.wires()
    assert len(wires) == 10
    assert [w.number for w in wires] == [*range(10)]
    assert wires["t4"] is wires[9] is wires[-1] is wires[sigmoid(A * X + B * Y + C)]
    assert wires[5:7] == [wires["t0"], wires["t1"]]
    assert wires[A] is wires["a"] is wires[0]
    assert wires["a"] in wires
    assert wires.outputs == ("t4",)
    name, gate, operands = wires["t0"][1:4]
    assert (name, gate, operands) == ("t0", "multiply", ("a", "x"))


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ("q", KeyError, "no wire 'q'; there are a, b, c, x, y, t0, t1, t2, t3, t4"),
        (A * B, KeyError, r"a\*b is no wire of this circuit; there are a, b"),
        (A + variable("z"), KeyError, "z, which is not among the inputs"),
        (A * 0 + 1.0, KeyError, "is no wire"),
        (10, IndexError, "out of range"),
        (1.5, TypeError, "indices must be integers"),
    ],
)
def test_a_wire_that_is_not_there(key, error, message):
    f = neuron()
    f.forward(POINT)
    with pytest.raises(error, match=message):
        f.wires()[key]


def test_gates_never_have_the_name_of_an_input():
    t0, t, tt1, seven = variables("t0 t tt1 7")
    f = circuit(t0 * t + tt1 * seven)
    f.forward(1, 2, 3, 4)
    names = [wire.name for wire in f.wires()]
    assert names == ["t0", "t", "tt1", "7", "ttt0", "ttt1", "ttt2"]
    assert f.wires()["t0"].gate == "parameter"


def test_a_number_is_never_taken_for_an_input():
    three, x = variables("3 x")
    f = circuit(three + x * 3)
    f.forward(1, 2)
    wires = f.wires()
    assert wires[x * 3].operands == ("x", "(3)")
    assert wires[-1].operands == ("3", "t0")
    assert f.draw().dot().count("label=<(3)>") == 1


class Table(HTMLParser):
    """Cells of a table; refuses tags that are not closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.caption = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open[-1] == "caption":
            self.caption += data


def test_the_table_as_html():
    x, y = variables("x<b> y&amp;")
    f = circuit(x * y)
    f.forward(-2, 3)
    table = Table(f.wires()._repr_html_())
    assert table.rows == [
        ["number", "name", "gate", "operands", "value", "grad"],
        ["0", "x<b>", "parameter", "", "-2", "3"],
        ["1", "y&amp;", "parameter", "", "3", "-2"],
        ["2", "t0", "multiply", "x<b>, y&amp;", "-6", "1"],
    ]
    assert table.caption == "output t0"


def test_a_long_table_shows_its_ends():
    e = A
    for _ in range(100_000):
        e = e * 1.0001 + B
    f = circuit(e)
    f.forward(1.0, 0.0)
    wires = f.wires()
    assert len(wires) == 200_002
    assert wires.value == pytest.approx(1.0001**100_000, rel=1e-9)
    assert wires["a"].grad == pytest.approx(1.0001**100_000, rel=1e-9)
    lines = repr(wires).splitlines()
    assert len(lines) == 1 + 60 + 1 + 1
    assert lines[31] == "... 199942 more ..."
    assert lines[-2].split()[1] == "t199999"
    rows = Table(wires._repr_html_()).rows
    assert len(rows) == 62
    assert rows[31] == ["… 199942 more …"]
