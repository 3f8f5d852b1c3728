"""The steps of a network's program as expressions."""

import math
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp._core import core
from fastbp._recorder import GATES
from fastbp.circuits.arrays import ExpressionArray, recorded, where
from fastbp.circuits.circuit import Circuit
from fastbp.layers import program as kinds
from fastbp.parameterised import without_parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.layers.program import Program


def run(program: "Program", Thetas: "list[NDArray[Any]]", x: "NDArray[Any]") -> "NDArray[Any]":
    """The program's outputs, g(z), of expressions: one number of every sample in a row."""
    first = np.concatenate([[0], np.cumsum(program.arrays[:, 0])])
    rows = np.zeros((first[-1], *x.shape[1:]), object)
    rows[: len(x)] = x
    for kind, *c in program.steps.tolist():
        if kind == kinds.AFFINE:
            _affine(program, Thetas, rows, c)
        elif kind == kinds.MAP:
            function, z, a, n = c[:4]
            g = activated(program.functions[function], ExpressionArray(rows[z : z + n]))
            rows[a : a + n] = np.asarray(g).astype(object)
        elif kind == kinds.GATE:
            op, out, n, *operands = c[:6]
            a, b, d = (rows[row : row + n] if row >= 0 else None for row in operands)
            value = 0.0 if a is None or b is None else a * b
            value = -value if op == kinds.NEGATIVE_MULTIPLY_ADD else value
            rows[out : out + n] = value if d is None else d if a is None else value + d
        else:
            op, out, n, window, at, divisor = c[:6]
            for i, each in enumerate(program.table[at : at + n * window].reshape(n, window)):
                inside = [rows[row] for row in each if row >= 0]
                if op == kinds.MAXIMUM:
                    rows[out + i] = reduce(lambda p, q: recorded("maximum", p, q), inside)
                else:
                    rows[out + i] = reduce(lambda p, q: p + q, inside) / divisor
    z = rows[first[program.output] : first[program.output + 1]]
    each = z.reshape(program.positions, -1, *z.shape[1:])
    made = [np.asarray(activated(program.output_function, ExpressionArray(k))) for k in each]
    return np.concatenate([k.astype(object) for k in made])


def _affine(
    program: "Program", Thetas: "list[NDArray[Any]]", rows: "NDArray[Any]", c: list[int]
) -> None:
    """One affine step; `c` are its columns in the program."""
    theta, unit, n_units, column, depth, at, positions, out, per_unit, per_position, flags = c
    Theta = Thetas[theta][unit : unit + n_units]
    W = Theta[:, 1 + column : 1 + column + depth]
    bias = Theta[:, 0] if flags & kinds.ADDS_BIAS else np.zeros(n_units, object)
    table = program.table[at : at + positions * depth].reshape(positions, depth)
    for p, each in enumerate(table):
        inside = each >= 0
        made = bias.reshape(-1, *[1] * (rows.ndim - 1))
        if inside.any():
            made = affine(W[:, inside], rows[each[inside]], bias)
        places = out + np.arange(n_units) * per_unit + p * per_position
        rows[places] = rows[places] + made if flags & kinds.ADDS_TO_OUT else made


def affine(W: "NDArray[Any]", units: "NDArray[Any]", bias: "NDArray[Any]") -> "NDArray[Any]":
    """b + W units, the units along the first axis."""
    result: NDArray[Any] = W @ units + bias.reshape(-1, *[1] * (units.ndim - 1))
    return result


def activated(activation: Any, z: Any) -> Any:
    """g of z, whose first axis has the units."""
    if isinstance(activation, Circuit):
        return substituted(activation, [z])
    name = without_parameter(activation)
    if name in OF_PARAMETER:
        usual = core("float64").PARAMETERS[name][1]
        given = activation.removeprefix(name)
        return OF_PARAMETER[name](z, float(given.strip("()")) if given else usual)
    return ACTIVATIONS[name](z)


def substituted(f: Circuit, values: list[Any]) -> Any:
    """A circuit of one output, with `values` in the place of its variables: gates anew."""
    made = list(values)
    for op, operands, constant in f._compiler.graph.nodes()[len(made) :]:
        name = GATES[op]
        below = (made[i] for i in operands)
        made.append(constant if name == "constant" else recorded(name, *below))
    value = made[f._compiler.outputs[0]]
    first = values[0]
    # The value of a constant circuit is one number: it is the same for all units.
    return value if np.shape(value) == np.shape(first) else np.full(np.shape(first), value)


def _softmax(z: Any) -> Any:
    """exp(z) over its sum along the first axis."""
    # Softmax is the same for every shift of z, so the shift's derivative may be left out. That of
    # "round" is 0.
    shift = recorded("round", np.maximum.reduce(z, axis=0))
    powers = recorded("exp", z - shift)
    return powers / np.add.reduce(powers, axis=0)


OF_PARAMETER: dict[str, Any] = {
    "leaky_relu": lambda z, s: where(z > 0, z, s * z),
    "elu": lambda z, alpha: where(z > 0, z, alpha * recorded("expm1", z)),
}
ACTIVATIONS: dict[str, Any] = {
    "identity": lambda z: z,
    **{name: lambda z, name=name: recorded(name, z) for name in (
        "sigmoid", "tanh", "relu", "softplus", "sin", "gaussian",
    )},
    "silu": lambda z: z * recorded("sigmoid", z),
    "gelu": lambda z: z * (0.5 + 0.5 * recorded("erf", z * math.sqrt(0.5))),
    "softmax": _softmax,
}  # fmt: skip
