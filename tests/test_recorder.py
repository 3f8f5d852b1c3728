"""The graph of an expression: what is shared, folded and dropped; programs; very long chains."""

import gates_reference as reference
import numpy as np
import pytest
from gates_reference import GATES, INF, NAN
from recorded import a, b, c, gates, graph_of

from fastbp import _recorder
from fastbp._recorder import Graph, gate, variable


def text(expression):
    graph, (node,) = graph_of(expression)
    return repr(graph.expression(node))


def test_equal_gates_are_shared():
    assert gates((a + b) * (a + b)) == ["add", "multiply"]
    assert gates((a + b) * (b + a)) == ["add", "multiply"]
    assert gates(a * b + b * a, gate("hypot", a, b), gate("hypot", b, a)) == [
        "multiply", "add", "hypot",
    ]  # fmt: skip
    assert gates((a - b) * (b - a)) == ["subtract", "subtract", "multiply"]
    _, nodes = graph_of(a.exp(), a.exp(), (a + 0.0).exp())
    assert nodes[0] == nodes[1] != nodes[2]


def test_constants_are_told_apart_by_their_bits():
    graph, nodes = graph_of(a + 0.0, a * 0.0, a + 5, a + 5.0, a * -0.0)
    constants = [value for op, _, value in graph.nodes() if GATES[op] == "constant"]
    assert list(map(repr, constants)) == ["0.0", "5.0", "-0.0"]
    assert nodes[2] == nodes[3]


FOLDED = [
    (lambda: a * _recorder.constant(2.0) ** 3, "a*8"),
    (lambda: a + _recorder.constant(1.0) / 0.0, "a + inf"),
    (lambda: a + gate("log", -1.0), "a + nan"),
    (lambda: gate("select", _recorder.constant(2.0) > 1, a, b), "a"),
    (lambda: gate("select", _recorder.constant(NAN), a, b), "a"),
    (lambda: gate("select", _recorder.constant(0.0), a, b), "b"),
    (lambda: gate("select", c, a, a), "a"),
    (lambda: gate("exp", 0.0) + gate("hypot", 3.0, 4.0), "6"),
]


@pytest.mark.parametrize(("expression", "want"), FOLDED)
def test_constants_are_folded(expression, want):
    assert text(expression()) == want


def test_folding_asks_the_gate_that_was_given():
    asked = []

    def fold(op, *operands):
        asked.append((GATES[op], *operands))
        return 42.0

    graph = Graph([a], fold)
    node = graph.add(a * gate("atan2", 1.0, 2.0))
    assert repr(graph.expression(node)) == "a*42"
    assert [entry[:3] for entry in asked] == [("atan2", 1.0, 2.0)]


def test_an_error_while_folding_comes_through():
    def fold(op, *operands):
        raise ZeroDivisionError("no such number")

    with pytest.raises(ZeroDivisionError, match="no such number"):
        Graph([a], fold).add(a + gate("exp", 1.0))


SIMPLIFIED = [
    (a**1, "a"),
    (a**0, "1"),
    (a**2, "a*a"),
    (a**3, "a*(a*a)"),
    (a**4, "a*a*(a*a)"),
    (a**-1, "1/a"),
    (a**-2, "1/a*(1/a)"),
    (a**5, "a**5"),
    (a**0.5, "a**0.5"),
    (1**a, "1"),
    (a * 1, "a"),
    (1.0 * a, "a"),
    (a * -1, "-a"),
    (a / 1, "a"),
    (a / -1, "-a"),
    (a / 4, "a*0.25"),
    (a / 3, "a/3"),
    (a - 0.0, "a"),
    (a + -0.0, "a"),
    (-0.0 + a, "a"),
    (a + (-b), "a - b"),
    ((-a) + b, "b - a"),
    (a - (-b), "a + b"),
    (gate("negative", -a), "a"),
    ((-a) * (-b), "a*b"),
    ((-a) / (-b), "a/b"),
    ((-a) * 3, "a*-3"),
    (abs(-a), "abs(a)"),
    (abs(abs(a)), "abs(a)"),
    (gate("maximum", 0.0, a), "maximum(a, 0)"),
    (gate("minimum", a, a), "a"),
]
LEFT_ALONE = [a * 0, a + 0.0, 0.0 + a, a - -0.0, 0 / a, a - a, a / a, -(a - b), 0 - a, a == a]


@pytest.mark.parametrize(("expression", "want"), SIMPLIFIED, ids=repr)
def test_what_changes_no_bit_is_left_out(expression, want):
    assert text(expression) == want


@pytest.mark.parametrize("expression", LEFT_ALONE, ids=repr)
def test_what_would_change_a_bit_stays(expression):
    assert len(gates(expression)) == {"-": 2}.get(repr(expression)[0], 1)


SPECIAL = [0.0, -0.0, 1.0, -1.5, INF, -INF, NAN, 5e-324, 1e308]


@pytest.mark.parametrize("expression", [e for e, _ in SIMPLIFIED] + LEFT_ALONE, ids=repr)
def test_simplification_keeps_the_value(expression):
    """Powers become products, which err by a few units in the last place; all else keeps bits,
    but for the sign of the greater of 0 and -0, which NumPy leaves open.
    """
    graph, nodes = graph_of(expression)
    for x in SPECIAL:
        for y in SPECIAL:
            (got,) = reference.evaluate(graph, nodes, [x, y, 0.0])
            want = plainly(expression, {"a": x, "b": y})
            if expression.op in ("power", "maximum"):
                assert got == pytest.approx(want, rel=1e-15, nan_ok=True)
            else:
                assert repr(got) == repr(want), (x, y)


def plainly(e, values):
    """The value of a small expression as it was recorded, without any graph."""
    if e.op == "input":
        return values[e.name]
    if e.op == "constant":
        return e.value
    operands = [plainly(x, values) for x in (e.left, e.right, e.third) if x is not None]
    return reference.in_doubles(GATES.index(e.op), *operands)


def test_gates_put_one_by_one_are_the_same_graph():
    x, y = variable("x"), variable("y")
    graph = Graph([x, y])
    output = graph.add((y - x) * 2.0 + gate("sin", x * y) ** 0.5 + x)
    n = len(graph)
    graph.gradient(output, [0, 1])
    table = graph.first(n).nodes()
    assert table == graph.nodes()[:n]
    other = Graph([x, y])
    for op, operands, value in table[2:]:
        if value is None:
            other.put(GATES[op], operands)
        else:
            other.put(GATES[op], value=value)
    assert other.nodes() == table
    for bad in (("sin", [0, 1]), ("sin", [99]), ("sin", [-1]), ("input", []), ("nothing", [0]),
                ("add", [0])):  # fmt: skip
        with pytest.raises(ValueError, match=r"is no gate of|has the nodes"):
            other.put(*bad)
    for n in (-1, len(graph) + 1):
        with pytest.raises(ValueError, match="nodes; got"):
            graph.first(n)
    assert len(graph.first(0)) == 0


def test_dead_gates_are_dropped():
    graph, nodes = graph_of(a.exp(), b.log(), gate("select", 1.0 + a * 0, a, b).sin())
    assert gates(a.exp()) == ["exp"]
    assert [GATES[op] for op, *_ in graph.emit(nodes[1:2], [0, 1, 2], []).gates] == ["log"]
    assert len(graph.emit([], [0], [1, 2]).gates) == 0


def test_an_adjoint_that_is_1_or_absent_costs_nothing():
    graph, (node,) = graph_of(a * b + c)
    gradient = graph.gradient(node, [0, 1, 2])
    assert list(map(repr, map(graph.expression, gradient))) == ["b", "a", "1"]
    assert repr(graph.expression(graph.gradient(graph.add(a.exp()), [1])[0])) == "0"


def test_derivatives_share_the_gates_of_the_value():
    graph, (node,) = graph_of((a * b).exp())
    before = len(graph)
    graph.gradient(node, [0])
    appended = [GATES[op] for op, *_ in graph.nodes()[before:]]
    assert appended == ["constant", "constant", "masked_multiply"]
    graph, (node,) = graph_of(a.tanh())
    hessian = graph.gradient(graph.gradient(node, [0])[0], [0])[0]
    ops = [GATES[op] for op, *_ in graph.emit([node, hessian], [0, 1, 2], []).gates]
    assert ops.count("tanh") == ops.count("sigmoid_slope") == 1


def test_only_the_way_to_the_inputs_is_differentiated():
    graph, (node,) = graph_of(a * (b.exp() * c.sin()).log())
    before = len(graph)
    graph.gradient(node, [0])
    assert len(graph) <= before + 2


def test_adjoints_of_every_gate():
    s, t = a + b, (a + b) * c
    graph, (n_s, n_t) = graph_of(s, t)
    adjoints = graph.adjoints(n_t)
    shown = {node: repr(graph.expression(adjoint)) for node, adjoint in adjoints.items()}
    assert shown == {n_t: "1", n_s: "c", 0: "c", 1: "c", 2: "a + b"}


def test_jacobian_product_is_the_gradient_of_the_weighted_sum():
    graph, nodes = graph_of(a * b, a + c)
    v, w = graph.new_input("v"), graph.new_input("w")
    product = graph.jacobian_product(nodes, [v, w], [0, 1, 2])
    values = reference.evaluate(graph, product, [2.0, 3.0, 5.0, 0.5, 0.25])
    assert values == [3 * 0.5 + 0.25, 2 * 0.5, 0.25]
    assert [e.name for e in graph.inputs] == ["a", "b", "c", "v", "w"]
    with pytest.raises(ValueError, match="2 nodes and 1 cotangents"):
        graph.jacobian_product(nodes, [v], [0])


def test_the_adjoint_of_an_inner_node():
    graph, (inner, node) = graph_of(a * b, (a * b).exp() * a)
    (adjoint,) = graph.gradient(node, [inner])
    assert repr(graph.expression(adjoint)) == "a*exp(a*b)"


# Errors


def test_a_variable_that_is_no_input():
    x = variable("x")
    with pytest.raises(ValueError, match=r"has the variable x, which is not among .*\(a, b, c\)"):
        graph_of((a + x) * b)
    with pytest.raises(ValueError, match="there are none"):
        Graph([]).add(x)


def test_bad_inputs():
    with pytest.raises(TypeError, match="must be a variable, got a \\+ b"):
        Graph([a + b])
    with pytest.raises(TypeError, match="must be a variable, got 'a'"):
        Graph(["a"])
    with pytest.raises(ValueError, match="a comes twice"):
        Graph([a, b, a])
    with pytest.raises(ValueError, match="two different variables are named 'a'"):
        Graph([a, variable("a")])
    one, other = _recorder.Vector("x", (3,)).elements(), _recorder.Vector("x", (4,)).elements()
    with pytest.raises(ValueError, match="two different variables are named 'x'"):
        Graph([one[0], other[3]])
    with pytest.raises(ValueError, match="two different variables are named 'x'"):
        Graph([one[0], variable("x")])
    assert len(Graph(one)) == 3


@pytest.mark.parametrize("foreign", ["a", None, 1j, True, [a], np.array([1.0, 2.0]), object()])
def test_foreign_objects(foreign):
    graph = Graph([a])
    with pytest.raises(TypeError, match="real numbers"):
        graph.add(foreign)
    with pytest.raises(TypeError, match="real numbers"):
        _recorder.variables_of([a, foreign])
    with pytest.raises(TypeError, match="real numbers"):
        gate("exp", foreign)


def test_nodes_that_are_not_there():
    graph, (node,) = graph_of(a + b)
    for wrong in (-1, 1000, 10**12):
        with pytest.raises((ValueError, OverflowError)):
            graph.gradient(wrong, [0])
        with pytest.raises((ValueError, OverflowError)):
            graph.gradient(node, [wrong])
        with pytest.raises((ValueError, OverflowError)):
            graph.emit([wrong], [0, 1, 2], [])
        with pytest.raises((ValueError, OverflowError)):
            graph.expression(wrong)
        with pytest.raises((ValueError, OverflowError)):
            graph.node(wrong)
    with pytest.raises(TypeError):
        graph.gradient("node", [0])


def test_bad_lists_of_inputs():
    graph, (node,) = graph_of(a + b)
    with pytest.raises(ValueError, match="need the input b, which is neither"):
        graph.emit([node], [0], [2])
    with pytest.raises(ValueError, match="the input a is given twice"):
        graph.emit([node], [0, 1], [0])
    with pytest.raises(ValueError, match="is no input"):
        graph.emit([node], [0, 1, node], [])


def test_a_graph_is_made_once():
    graph = Graph([a])
    with pytest.raises(TypeError, match="has its inputs"):
        graph.__init__([b])
    with pytest.raises(TypeError, match="must be a str"):
        graph.new_input(3)


def test_variables_of_come_in_the_order_of_their_making():
    x = _recorder.Vector("x", (3,)).elements()
    y = variable("y")
    found = _recorder.variables_of([y * x[2], 3.0, x[0] + a, x[0]])
    assert [e.name for e in found] == ["a", "x[0]", "x[2]", "y"]
    assert found[0] is a
    assert _recorder.variables_of(np.array([[a, b], [b, 1.0]], dtype=object))[1] is b
    assert _recorder.variables_of([]) == []
