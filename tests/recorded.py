"""Expressions recorded in a graph: its nodes, its gates, and their values at one point."""

import gates_reference as reference
import numpy as np
from gates_reference import GATES

from fastbp._recorder import Graph
from fastbp.circuits.new_variables import variables

a, b, c = variables("a b c")
x = variables("x", 5)
POINT = {"a": 0.7, "b": -1.3, "c": 2.5} | {f"x[{i}]": 0.3 * i - 0.5 for i in range(5)}
X = np.array([POINT[f"x[{i}]"] for i in range(5)])
INPUTS = [a, b, c, *x]


def value(expression):
    """The value of an expression, or of an array of them, at POINT."""
    array = np.asarray(expression, dtype=object)
    graph = Graph(INPUTS, reference.in_doubles)
    nodes = [graph.add(e) for e in array.flat]
    values = reference.evaluate(graph, nodes, [POINT[e.name] for e in INPUTS])
    return np.array(values).reshape(array.shape)[()]


def graph_of(*expressions, inputs=(a, b, c)):
    """A graph of expressions, and their nodes in it."""
    graph = Graph(inputs, reference.in_doubles)
    return graph, [graph.add(e) for e in expressions]


def gates(*expressions, fuse=False):
    """The names of the gates that a program of the expressions has."""
    graph, nodes = graph_of(*expressions)
    return [GATES[op] for op, *_ in graph.emit(nodes, [0, 1, 2], [], fuse).gates]
