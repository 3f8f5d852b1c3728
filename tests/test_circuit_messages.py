"""What the messages of circuits advise: how data is passed, and what a bad value is."""

import decimal

import numpy as np
import pandas as pd
from refusals import check

from fastbp import check_gradient, circuit, circuits, variable, variables

A, B, X, Y = variables("a b x y")
W = variables("w", 3)
PLAIN = circuit(A * circuits.tanh(B) + A * A)
FED = circuit(circuits.sigmoid(A * X + B) * Y + W @ W, wrt=[A, B, W])
P2, P5 = np.array([0.5, -0.25]), np.array([0.5, -0.25, 1, 2, 3])


def test_data_goes_by_name():
    of_vector = circuit(circuits.sum(W) * X, wrt=[W[:2]])
    keyword = circuit(A * variable("lambda") + variable("my data"), wrt=[A])
    three = circuit(A * X + B * Y + variable("c"), wrt=[A, B, variable("c2")])
    check(
        [
            (lambda: of_vector([1, 2], x=1), TypeError, "data w[2]", 'name: **{"w[2]": ...}'),
            (lambda: of_vector([1, 2]), TypeError, "data x, w[2]", 'x=..., **{"w[2]": ...}'),
            (lambda: keyword(1), TypeError, '**{"lambda": ...}, **{"my data": ...}'),
            (lambda: keyword.callable_into(P2[:1], P2[:1]), TypeError, '**{"lambda": ...}'),
            (lambda: of_vector.objective(), TypeError, 'name: data={"x": ..., "w[2]": ...}'),
            (lambda: of_vector.objective({"x": 1}), TypeError, 'name: data={"w[2]": ...}'),
            (lambda: FED(P5, -1, 3), ValueError, "a has shape (5,)", "data by name: x=..., y=..."),
            (lambda: FED(P5, -1), TypeError, "got 2 arguments", "data by name: x=..., y=..."),
            (lambda: FED(P5, -1, x=2), TypeError, "pass data by name: y=..."),
            (lambda: three([1, 2, 3], 4, 5, c=6), ValueError, "a has shape (3,)", "x=..., y=..."),
            (lambda: three([1, 2, 3], 4, 5, c=6, x=1, y=1), ValueError, "only data may have sam"),
            (lambda: PLAIN([1, 2, 3], 4), ValueError, "(3,); expected ()", "leave a out of wrt"),
            (lambda: PLAIN(a=[1, 2], b=4), ValueError, "expected (); only data may have samples"),
        ]
    )
    assert of_vector([1, 2], x=2, **{"w[2]": 3}) == 12


def test_values_that_are_no_numbers_are_named():
    check(
        [
            (lambda: PLAIN([A, B]), TypeError, "not expressions (a (Expression) at row 0)",
             "put expressions together before fastbp.circuit"),
            (lambda: PLAIN(W[:2]), TypeError, "not expressions (w[0]", "before fastbp.circuit"),
            (lambda: PLAIN(A, 2), TypeError, "not expressions (a ", "before fastbp.circuit"),
            (lambda: FED(P5, x=A + 1, y=1), TypeError, "not expressions (a + 1", "before"),
            (lambda: PLAIN([2**70, 1]), TypeError, f"({2**70} at row 0)", "np.array(p, float)"),
            (lambda: PLAIN([1, 10**5000]), TypeError,
             "beyond float64 (an int of 16610 bits at row 1"),
            (lambda: PLAIN([1, None]), TypeError, "(None at row 1); fill them in"),
            (lambda: PLAIN([decimal.Decimal(3), 1]), TypeError, "(Decimal('3') (Decimal) at row 0)",
             "np.array(p, float)"),
            (lambda: PLAIN(["1", "2"]), TypeError, "not text ('1' at", "np.array(p, float)"),
        ]
    )  # fmt: skip
    assert PLAIN(np.array([2**70, 1], float)) > 0


def test_tables_of_pandas_are_not_written_out():
    series = pd.Series([1.0, 2.0])
    shape = "got a Series of shape (2,), whose array is .to_numpy()"
    check(
        [
            (lambda: circuit(A, wrt=series), TypeError, shape),
            (lambda: variable(series), TypeError, shape),
            (lambda: variables("x", series), TypeError, shape),
            (lambda: FED.objective([series]), TypeError, "data must be a mapping"),
            (lambda: PLAIN.tape(pd.DataFrame([[1, 2]])), TypeError, "a DataFrame of shape (1, 2)"),
        ]
    )


def test_small_advice():
    g = circuit(A**2 + 1)
    g.forward(1)
    one = np.ones(1)
    check(
        [
            (lambda: circuits.where("a", X, Y), TypeError, "where takes", "got 'a' (str)"),
            (lambda: check_gradient(g, one), TypeError, "returned float", "value_and_gradient"),
            (lambda: g.wires()[99], IndexError, "wire 99 is out of range: there are 3 wires"),
            (lambda: FED.callable_into(P5, one, x=P5, y=one), ValueError,
             "x has 5 numbers; expected 1", "one point at a time, not for samples"),
        ]
    )  # fmt: skip
    assert check_gradient(g.value_and_gradient, one)
    assert repr(circuit(2.0)) == "<Circuit of no inputs: 0 gates>"
