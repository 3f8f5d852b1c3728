"""Every gate and its derivatives at edges, as compiled: alone, on samples, and beside a reference.

test_derivatives.py compares the rules of the recorder with mpmath; here the engine runs them.
"""

import itertools
import math

import gates_reference as reference
import numpy as np
import pytest
from gates_reference import INF, NAN

from fastbp import circuit, variables
from fastbp._recorder import Graph, gate

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 5e-324, -1e-310, 1e-200, 1e200, -1e200, 40.0, -750.0,
         INF, -INF, NAN]  # fmt: skip
FEWER = [0.0, -0.0, 1.0, -2.0, 0.5, 1e-200, -1e200, INF, -INF, NAN]
POINTS = {
    1: [(x,) for x in EDGES],
    2: list(itertools.product(FEWER, repeat=2)),
    3: list(itertools.product([0.0, -0.0, 1.0, NAN], [0.0, 2.0, INF, NAN], [-0.0, -3.0, NAN])),
}
# A mask between numbers is left out: arguments are taken for finite. test_tape has those of gates.
HIDDEN = (*reference.FUSED, *reference.UNMASKED)
NAMES = [name for name in reference.GATES[2:] if name not in HIDDEN]


def perfect(op, *operands):
    """A gate rounded once; with the signed zeros and the infinity beside nan of the C standard."""
    special = {"hypot": np.hypot, "atan2": np.arctan2}.get(reference.GATES[op])
    if reference.GATES[op] == "power" and np.isinf(operands[0]):
        return math.pow(*operands)  # np.power takes a square root instead: another value at -inf
    if special is None or (np.isfinite(operands).all() and all(operands)):
        return reference.in_doubles(op, *operands)
    with np.errstate(all="ignore"):
        return float(special(*operands))


def close(got, want, what):
    """Equal where undefined, infinite or subnormal, else to some units in the last place."""
    want = np.asarray(want, float)
    got = np.asarray(got, float)
    assert got.shape == want.shape
    ok = (got == want) | (np.isnan(got) & np.isnan(want))
    # the mixed slope of atan2 is a difference of squares, known to their size
    size = np.max(np.abs(want), where=np.isfinite(want), initial=0.0)
    with np.errstate(all="ignore"):
        ok |= np.abs(got - want) <= 1e-13 * np.abs(want) + 1e-15 * size + 1e-305
        # one rounding may decide whether something overflows
        ok |= (np.abs(got) > 1e306) & (np.abs(want) > 1e306) & (np.sign(got) == np.sign(want))
    assert ok.all(), (what, got, want)


@pytest.mark.parametrize("name", NAMES)
def test_a_gate_at_its_edges(name):
    n = reference.arity(name)
    own = variables("x0 x1 x2")[:n]
    f = circuit(gate(name, *own), wrt=list(own))
    graph = Graph(list(own), perfect)
    node = graph.add(gate(name, *own))
    gradient = graph.gradient(node, list(range(n)))
    hessian = [graph.gradient(slope, list(range(n))) for slope in gradient]
    wanted = [node, *gradient, *itertools.chain(*hessian)]
    for point in POINTS[n]:
        value, *slopes = reference.evaluate(graph, wanted, point, perfect)
        close(f(*point), value, (name, point))
        result, first = f.value_and_gradient(*point)
        close(result, value, (name, point))
        close(first, slopes[:n], (name, point, "gradient"))
        close(f.gradient(*point), slopes[:n], (name, point, "gradient"))
        second = np.reshape(slopes[n:], (n, n))
        if name == "power" and not np.isfinite(value):
            continue  # where the value is infinite there is no curvature to agree on
        if name == "arctanh" and np.isinf(point[0]):
            continue  # nor beyond the domain: slopes there are those of a formula
        close(f.hessian(*point), second, (name, point, "Hessian"))
        for i, direction in enumerate(np.eye(n)):
            product = f.hessp(np.array(point), direction)
            finite = np.isfinite(second).all()
            if finite and np.abs(second).max() < 1e300:  # 0 * inf in the other columns is nan
                known = np.isfinite(product)
                close(product[known], second[i, known], (name, point, "product"))


@pytest.mark.parametrize("name", NAMES)
def test_samples_at_the_edges_have_the_bits_of_single_calls(name):
    n = reference.arity(name)
    own = variables("x0 x1 x2")[:n]
    (scale,) = variables("scale")
    f = circuit(scale * gate(name, *own), wrt=[scale])
    everything = circuit([gate(name, *own), *own], wrt=list(own))
    columns = np.array(POINTS[n]).T
    data = {v.name: column for v, column in zip(own, columns, strict=True)}
    rows, slopes = f.value_and_gradient([1.0], **data)
    for i, point in enumerate(POINTS[n]):
        value, slope = f.value_and_gradient(
            [1.0], **{v.name: x for v, x in zip(own, point, strict=True)}
        )
        for one, other in ((rows[i], value), (slopes[i], slope), (value, everything(*point)[0])):
            np.testing.assert_array_equal(one, other)
            assert np.isnan(other).all() or np.array_equal(
                np.signbit(one), np.signbit(np.asarray(other))
            )
