"""Circuits as activations and losses of networks.

An activation is a circuit of one variable, z; a loss is one of two, the activation a of an output
and its target y, in this order, and of any number of columns of data, and is summed over the
outputs. Both are compiled into the tiles of
the engine together with their derivatives: no Python runs in the loop over the samples.
"""

import math
from typing import Any

from fastbp._core import core
from fastbp._recorder import GATES, Expression, Graph, gate, variable
from fastbp.circuits.circuit import Circuit
from fastbp.circuits.inputs import Inputs
from fastbp.validate import count

CONSTANT, INPUT = GATES.index("constant"), GATES.index("input")


def checked_activation(value: Circuit) -> Circuit:
    """`value` if it can be an activation."""
    if value.shape or len(value._compiler.inputs.variables) != 1 or _has_vectors(value):
        raise ValueError(
            f"an activation is a circuit of one single variable z with one output, got {value}; "
            "for example z = fastbp.variable('z'); fastbp.circuit(z * fastbp.circuits.sigmoid(z))"
        )
    return value


def checked_loss(value: Circuit) -> Circuit:
    """`value` if it can be a loss."""
    names = [str(each.name) for each in value._compiler.inputs.variables]
    if value.shape or len(names) < 2 or value.n_parameters == 0 or _has_vectors(value):
        raise ValueError(
            f"a loss is a circuit of two single variables, a and y, with one output, got {value}; "
            "for example a, y = fastbp.variables('a y'); fastbp.circuit((a - y) ** 2)"
        )
    if len(names) > 2 and value.n_parameters != 2:
        raise ValueError(
            f"this loss has {len(names)} variables ({value}); say which of them are the activation "
            "and its target, the others being columns of data: fastbp.circuit(..., wrt=[a, y])"
        )
    if names[:2] == ["y", "a"]:
        raise ValueError(
            f"the variables of this loss come as y, a ({value}); expected the activation first: "
            "fastbp.circuit(..., wrt=[a, y])"
        )
    return value


def columns(value: Any) -> tuple[str, ...]:
    """The names of the columns of data that a loss takes besides a and y."""
    if not isinstance(value, Circuit):
        return ()
    return tuple(str(each.name) for each in value._compiler.inputs.variables[2:])


def _has_vectors(value: Circuit) -> bool:
    """Whether some variable is part of a vector."""
    return any(each.vector is not None for each in value._compiler.inputs.variables)


def compiled(value: Circuit, kind: str, dtype: str) -> Any:
    """A circuit as the engine of a dtype takes it for an "activation", a "loss", or a "logit loss":
    a loss of a = sigmoid(z) as one of z."""

    compiler = value._compiler

    def make() -> Any:
        graph, output = compiler.copied_graph(), compiler.outputs[0]
        if kind == "logit loss":
            graph, output = _of_logit(graph, output, columns(value))
        [slope] = graph.gradient(output, [0])
        [curvature] = graph.gradient(slope, [0])
        if kind != "activation":
            pairs = ([output, slope], [slope, curvature])
            inputs = list(range(len(compiler.inputs.variables)))
            programs = [graph.emit(pair, [], inputs) for pair in pairs]
        else:
            [third] = graph.gradient(curvature, [0])
            nodes = (output, slope, curvature, third)
            programs = [graph.emit([node], [], [0]) for node in nodes]
        return core(dtype).CustomFunction(tuple(programs))

    return compiler.kept((kind, dtype), make)


def _of_logit(graph: Graph, output: int, names: tuple[str, ...]) -> tuple[Graph, int]:
    """The graph of a loss of a, y and columns of data with these names, with sigmoid(z) for a.

    Where sigmoid(z) rounds to 1 or 0, 1 - a and log(a) would have lost what z still has.
    """
    z, y = variable("z"), variable("y")
    others = [variable(name) for name in names]
    a, rest = gate("sigmoid", z), gate("sigmoid", -z)  # `rest` is 1 - a
    log_a, log_rest = -gate("softplus", -z), -gate("softplus", z)
    made: list[Any] = [a, y, *others]
    known: dict[tuple[Any, ...], Expression] = {
        ("subtract", 1.0, id(a)): rest, ("subtract", 1.0, id(rest)): a,
        ("subtract", id(a), 1.0): -rest,
        ("log", id(a)): log_a, ("log", id(rest)): log_rest,
    }  # fmt: skip
    for op, operands, constant in graph.nodes()[len(made) :]:
        name = GATES[op]
        below = [made[i] for i in operands]
        if op == CONSTANT:
            made.append(constant)
            continue
        keys = [x if isinstance(x, float) else id(x) for x in below]
        same = known.get((name, *keys))
        made.append(gate(name, *below) if same is None else same)
        if name == "negative" and below[0] is a:
            known["log1p", id(made[-1])] = log_rest
    whole = Graph([z, y, *others])
    return whole, whole.add(made[output])


def to_dict(value: Circuit) -> dict[str, Any]:
    """A circuit of single variables as plain numbers, strings and lists, ready for JSON.

    Gate by gate, in their order: the circuit that is read back has the same bits.
    """
    nodes: list[list[Any]] = []
    compiler = value._compiler
    for op, operands, constant in compiler.graph.nodes():
        rest: list[Any] = [*operands]
        if op == INPUT:
            rest = [constant]
        elif op == CONSTANT:  # JSON has no word for inf and nan
            assert isinstance(constant, float)
            rest = [constant if math.isfinite(constant) else _word(constant)]
        nodes.append([GATES[op], *rest])
    output = compiler.outputs[0]
    return {"circuit": nodes, "n_parameters": value.n_parameters, "output": output}


def from_dict(description: dict[str, Any]) -> Circuit:
    """The circuit that `to_dict` described.

    Raises
    ------
    ValueError
        If the description is not one that `to_dict` gives.
    """
    try:
        nodes, output = description["circuit"], description["output"]
        names = [rest[0] for kind, *rest in nodes if kind == GATES[INPUT]]
        variables = [variable(name) for name in names]
        graph = Graph(variables)
        for kind, *rest in nodes[len(names) :]:
            if kind == GATES[CONSTANT]:
                graph.put(kind, value=float(rest[0]))
            else:
                graph.put(kind, rest)
        n = count(description["n_parameters"], "n_parameters", len(variables))
        inputs = Inputs([graph.expression(output)], variables[:n])
        if len(inputs.variables) < len(variables):
            raise ValueError("it has inputs that are neither parameters nor used")
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f"not the description of a circuit: {error!r}") from error
    return Circuit(graph, [output], (), inputs)


def _word(value: float) -> str:
    """What `float` reads as this value, its sign included: inf, -inf, nan or -nan."""
    return f"{'-' if math.copysign(1, value) < 0 else ''}{abs(value)}"
