"""rows= of sums, frozen and penalised objectives: as composed of objectives of these rows alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbp
from fastbp.compose import Sum

RNG = np.random.default_rng(3)
M = 24
X, Y = RNG.normal(size=(M, 3)), RNG.normal(size=(M, 2))
WEIGHT = RNG.uniform(0.5, 2, M)
NETS = {r: fastbp.mlp(3, 4, 2, reduction=r) for r in ("mean", "sum")}
THETA = NETS["mean"].init(seed=0)
ROWS = {
    "numbers": np.array([3, 0, 7, 7, -1]), "slice": slice(2, 20, 3), "back": slice(None, None, -2),
    "mask": np.arange(M) % 3 == 1, "list": [5],
}  # fmt: skip
COMPOSED = {
    "sum": lambda a, b: a + 2 * b - b / 3,
    "penalty": lambda a, b: a.with_penalty(l2=0.7, l1=0.2),
    "moved": lambda a, b: (a - 3 * b).with_penalty(l2=0.7, biases=True, towards=THETA),
    "frozen": lambda a, b: a.frozen("layer 1 weights", THETA),
    "nested": lambda a, b: (a.with_penalty(l2=2) + b).frozen("layer 2 bias").with_penalty(l1=1),
    "left out": lambda a, b: Sum(((2.0, a), (0.0, lambda theta: (0.0, 0 * theta)))),
}


def parts(net, k=slice(None)):
    return (
        net.objective(X[k], Y[k], sample_weight=WEIGHT[k]),
        net.objective(X[k] ** 2, Y[k], l2=0.3),
    )


@pytest.mark.parametrize("reduction", NETS)
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("how", COMPOSED)
def test_the_bits_of_these_rows_alone(how, rows, reduction):
    k, net = ROWS[rows], NETS[reduction]
    composed = COMPOSED[how](*parts(net))
    alone = COMPOSED[how](*parts(net, k))
    theta = THETA[: composed.n_parameters]
    J, D = alone(theta)
    got = composed(theta, rows=k)
    assert (got[0], got[1].tolist()) == (J, D.tolist())
    assert composed.cost(theta, rows=k) == composed.fun(theta, rows=k) == J
    assert composed.jac(theta, rows=k).tolist() == D.tolist()
    whole = composed(theta)
    assert composed(theta, None)[0] == whole[0] == composed.fun(theta)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-M, M - 1), min_size=1, max_size=40))
def test_l2_is_that_of_the_network(rows):
    net = NETS["mean"]
    penalised = net.objective(X, Y, sample_weight=WEIGHT).with_penalty(l2=0.5)
    own = net.objective(X, Y, l2=0.5, sample_weight=WEIGHT)
    J, D = own(THETA, rows=rows)
    assert penalised(THETA, rows=rows)[0] == pytest.approx(J, rel=1e-13)
    np.testing.assert_allclose(penalised(THETA, rows=rows)[1], D, rtol=1e-11, atol=1e-13)


P_, X_ = fastbp.variables("p x")
CIRCUIT = fastbp.circuit((P_ * X_) ** 2, wrt=[P_]).objective({"x": np.ones(M)})
SMALL = fastbp.mlp(1, 1, l2=0).objective(np.ones((M, 1)), np.zeros(M))


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (parts(NETS["mean"])[0] + NETS["mean"].objective(X[:5], Y[:5]), ValueError,
         "rows of every part of a sum, but <Objective.* has 24 samples and <Objective.* has 5"),
        (parts(NETS["mean"])[0] + (lambda t: (0.0, 0 * t)), TypeError,
         "a callable that knows no rows: give the sum of the others"),
        ((CIRCUIT + CIRCUIT), TypeError, "rows= is for objectives of networks"),
        (CIRCUIT.with_penalty(l2=1), TypeError, "rows= is for objectives of networks"),
        (SMALL.frozen("layer 1 bias") + CIRCUIT, TypeError, "rows= is for objectives of networks"),
        (parts(NETS["mean"])[0].frozen("layer 1 bias") + parts(NETS["mean"])[1].frozen(
            "layer 1 bias"), IndexError, "24 samples"),
    ],
)  # fmt: skip
def test_what_has_no_such_rows_says_so(objective, error, message):
    theta = np.zeros(objective.n_parameters)
    for call in (objective, objective.cost, objective.fun, objective.jac):
        with pytest.raises(error, match=message):
            call(theta, rows=[0, M])
