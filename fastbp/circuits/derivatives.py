"""Derivatives of expressions, as expressions."""

from typing import Any

import numpy as np

from fastbp._recorder import Expression, Graph, variables_of
from fastbp.circuits.arrays import ExpressionArray, is_array, plain, wrapped
from fastbp.validate import described


def derivative(expression: Any, *variables: Any) -> Any:
    """The derivative of an expression by variables, one after the other, as an expression.

        derivative(f, x)        df/dx
        derivative(f, x, t)     d(df/dx)/dt
        derivative(f, w, w)     the Hessian by a vector w, shape (n, n)

    It is made gate by gate by the chain rule, as those that circuits compile are, is exact to
    rounding, and may be a part of other expressions: of a cost, say, that measures slopes.

    Parameters
    ----------
    expression : Expression, real number, or array of them
    *variables : variable, or array of variables
        At least one. What the expression does not depend on has the derivative 0.

    Returns
    -------
    Expression, or ExpressionArray
        The shape is that of the expression followed by those of the variables.

    Raises
    ------
    TypeError
        If there is no variable, or something else in its place.
    """
    if not variables:
        raise TypeError("derivative needs variables: derivative(f, x), or derivative(f, x, t)")
    wanted = [_variables(each) for each in variables]
    values = np.asarray(plain(expression), dtype=object)
    shape, nodes = values.shape, values.ravel().tolist()
    known = variables_of([*nodes, *(v for each in wanted for v in each.ravel().tolist())])
    graph = Graph(known)
    nodes = [graph.add(each) for each in nodes]
    for each in wanted:
        inputs = [graph.add(variable) for variable in each.ravel().tolist()]
        nodes = [slope for node in nodes for slope in graph.gradient(node, inputs)]
        shape += each.shape
    made = np.empty(len(nodes), object)
    made[:] = [graph.expression(node) for node in nodes]
    return wrapped(made.reshape(shape)) if shape else made[0]


def _variables(given: Any) -> "np.ndarray[Any, Any]":
    """A variable, or an array of them, as an array of objects."""
    if isinstance(given, Expression):
        array = np.empty((), object)
        array[()] = given
    elif is_array(given):
        array = ExpressionArray(given).view(np.ndarray)
    else:
        raise _no_variable(given)
    for each in array.ravel().tolist():
        if type(each) is not Expression or each.op != "input":
            raise _no_variable(each)
    return array


def _no_variable(given: Any) -> TypeError:
    """The error for what stands in the place of a variable."""
    what = repr(given) if isinstance(given, Expression) else described(given)
    return TypeError(
        f"derivatives are by variables, got {what}; for the derivative by an expression put a "
        "variable in its place"
    )
