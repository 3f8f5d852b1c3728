"""Objectives of objectives: sums, penalties and frozen parameters against NumPy's formulas."""

import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from composed import (
    FREE,
    NET,
    POINT,
    THETA,
    WEIGHTS,
    A,
    B,
    F,
    P,
    X,
    Y,
    all_ways,
    same,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import fastbp


def square(theta):
    """A callable of nobody's: J = |theta|^2."""
    return float(theta @ theta), 2 * theta


# Sums

TERMS = st.lists(st.tuples(st.floats(-10, 10), st.integers(0, 2)), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(TERMS, st.floats(0.1, 10), st.integers(0, 3))
def test_sums_are_linear(terms, divisor, seed):
    parts = [A, B, square]
    theta = NET.init(seed=seed)
    known = [part(theta) for part in parts]
    total, J, D = 0 * A, 0.0, np.zeros(P)
    for factor, which in terms:
        total = total + factor * (parts[which] if which < 2 else 0 * A + square)
        J += factor * known[which][0]
        D += factor * known[which][1]
    scale = sum(abs(f * known[w][0]) for f, w in terms) + 1e-300
    for result in (total(theta), (-1 * -total)(theta), ((total - A) + A)(theta)):
        assert abs(result[0] - J) <= 1e-12 * (scale + abs(known[0][0]))
        np.testing.assert_allclose(result[1], D, rtol=1e-10, atol=1e-12 * (scale + 1))
    value, slope = (total / divisor)(theta)
    assert abs(value - J / divisor) <= 1e-12 * scale / divisor
    np.testing.assert_allclose(slope, D / divisor, rtol=1e-10, atol=1e-12 * scale)


def test_the_sum_of_the_issue():
    J, D = all_ways(A + 2 * B, THETA)
    (a, da), (b, db) = A(THETA), B(THETA)
    same((J, D), a + 2 * b, da + 2 * db)
    same(all_ways(sum([A, B, square]), THETA), a + b + square(THETA)[0], da + db + 2 * THETA)
    same((square - A)(THETA), square(THETA)[0] - a, 2 * THETA - da)
    same((np.float64(2) * A)(THETA), 2 * a, 2 * da)
    same((np.array(3) * A / np.int8(2))(THETA), 1.5 * a, 1.5 * da)
    assert sum([A]) is A
    assert [factor for factor, _ in (2 * (A - 3 * B)).terms] == [2, -6]


def test_a_term_of_factor_0_is_left_out():
    def breaks(theta):
        raise AssertionError

    same(all_ways(A + 0 * (B + breaks), THETA), *A(THETA))
    J, D = all_ways(0 * A, THETA)
    assert J == 0
    assert not D.any()


def test_circuits_and_networks_add_up():
    net = fastbp.mlp(2, 1)
    objective = net.objective(X[:, :2], Y[:, 0])
    w = fastbp.variables("w", 3)
    prior = fastbp.circuit(np.sum(w**4), wrt=[w]).objective()
    theta = net.init(seed=1)
    J, D = objective(theta)
    same(all_ways(objective + 0.5 * prior, theta), J + 0.5 * (theta**4).sum(), D + 2 * theta**3)


def test_what_cannot_be_added():
    for wrong in (3, 1.5, np.float64(2)):
        with pytest.raises(TypeError, match="a constant changes no gradient: leave it out"):
            A + wrong
    with pytest.raises(TypeError, match="an objective and 'b' cannot be added up"):
        A + "b"
    with pytest.raises(TypeError, match="multiplied or divided by one finite number, not by <Obj"):
        A * B
    for wrong in (np.nan, np.inf, [2.0], "2", 1j, None):
        with pytest.raises(TypeError, match="multiplied or divided by one finite number, not by"):
            wrong * A
    with pytest.raises(ZeroDivisionError, match="cannot be divided by 0"):
        A / 0
    other = fastbp.mlp(3, 5, 2).objective(X, Y)
    message = r"3-4-2.* has 26 parameters and .*3-5-2.* has 32: objectives are added up on one the"
    with pytest.raises(ValueError, match=message):
        A + other
    with pytest.raises(ValueError, match=r"theta has shape \(5,\); expected \(26,\) for <Sum: "):
        (A + B)(np.zeros(5))


def test_a_callable_that_returns_something_else():
    for wrong in (lambda t: 3.0, lambda t: (t, t), lambda t: (1.0, "a")):
        with pytest.raises(TypeError, match=r"is part of a sum and must return \(J, D\)"):
            (A + wrong)(THETA)
    with pytest.raises(ValueError, match=r"returned a gradient of shape \(3,\); expected \(26,\)"):
        (A + (lambda t: (1.0, np.zeros(3))))(THETA)


# Penalties


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 100), st.floats(0, 100), st.booleans(), st.booleans(), st.integers(0, 3),
    st.sampled_from(["mean", "sum"]),
)  # fmt: skip
def test_penalties_are_their_formula(l2, l1, biases, moved, seed, reduction):
    net = fastbp.mlp(3, 4, 2, reduction=reduction)
    weights = np.arange(20) % 3 + 1.0
    objective = net.objective(X[:20], Y[:20], sample_weight=weights)
    theta, towards = net.init(seed=seed), net.init(seed=9) if moved else None
    m = weights.sum() if reduction == "mean" else 1
    d = (theta - (0 if towards is None else towards)) * (1.0 if biases else FREE)
    J, D = objective(theta)
    J += l2 / (2 * m) * (d**2).sum() + l1 / m * np.abs(d).sum()
    D = D + l2 / m * d + l1 / m * np.sign(d)
    same(all_ways(objective.with_penalty(l2, l1, biases, towards), theta), J, D, 1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_l2_is_that_of_the_network(reduction):
    net = fastbp.mlp(3, 4, 2, reduction=reduction)
    for options in ({}, {"sample_weight": np.arange(30) % 4}):
        plain, own = net.objective(X, Y, **options), net.objective(X, Y, l2=0.7, **options)
        same(plain.with_penalty(l2=0.7)(THETA), *own(THETA))
        same(plain.with_penalty(l2=0.3).with_penalty(l2=0.4)(THETA), *own(THETA))
        same((2 * plain).with_penalty(l2=1.4)(THETA), *(2 * own)(THETA))


def test_m_follows_weights_that_change():
    weights = np.ones(30)
    objective = NET.objective(X, Y, sample_weight=weights).with_penalty(l2=3.0)
    before = objective.cost(THETA) - objective.terms[0][1].cost(THETA)
    weights *= 2
    after = objective.cost(THETA) - objective.terms[0][1].cost(THETA)
    assert after == pytest.approx(before / 2, rel=1e-12)


def test_several_objectives_have_no_m():
    penalty = (A + B).with_penalty(l2=2.0)
    same(penalty(THETA), (A + B)(THETA)[0] + (THETA[WEIGHTS] ** 2).sum(),
         (A + B)(THETA)[1] + 2 * FREE * THETA)  # fmt: skip


def test_the_subgradient_at_0_is_0_and_infinite_biases_are_left_out():
    _, D = A.with_penalty(l1=5.0)(np.zeros(P))
    assert np.array_equal(D, A(np.zeros(P))[1])
    penalty = A.with_penalty(l2=1.0, l1=1.0).terms[1][1]
    theta = THETA.copy()
    theta[0] = np.inf
    assert np.isfinite(penalty(theta)[0])
    assert penalty(theta)[1][0] == 0


def test_a_circuit_s_penalty_has_all_parameters():
    x = fastbp.variable("x")
    a, b = fastbp.variables("a b")
    objective = fastbp.circuit((a * x + b) ** 2, wrt=[a, b]).objective({"x": np.arange(4.0)})
    p = np.array([0.5, -2.0])
    same(all_ways(objective.with_penalty(l2=3, l1=2), p),
         objective(p)[0] + 3 / 8 * (p**2).sum() + 2 / 4 * 2.5,
         objective(p)[1] + 3 / 4 * p + 2 / 4 * np.sign(p))  # fmt: skip


def test_bad_penalties():
    for options in ({"l2": -1}, {"l1": np.nan}, {"l2": "a"}):
        with pytest.raises((TypeError, ValueError), match=r"l[12] must be"):
            A.with_penalty(**options)
    for flag in ("no", 0, 1.0, None, [True]):
        with pytest.raises(TypeError, match="biases must be True or False, got"):
            A.with_penalty(l2=1, biases=flag)
    with pytest.raises(ValueError, match=r"towards has shape \(3,\); expected \(26,\)"):
        A.with_penalty(l2=1, towards=np.zeros(3))
    with pytest.raises(ValueError, match="towards is nan at row 4"):
        A.with_penalty(l2=1, towards=np.where(np.arange(P) == 4, np.nan, 0))


# One object for optimisers and the check


def nested():
    inside = (A.with_penalty(l2=0.5, towards=THETA) + 2 * B + square).frozen("layer 1 bias", THETA)
    return (inside / 2).with_penalty(l1=0.01).frozen("layer 2 bias", inside.reduce(THETA))


def test_nested_objectives():
    part = nested()
    names = ["layer 1 weights", "layer 2 weights"]
    assert [block.name for block in part.blocks()] == names
    free = np.concatenate([b.indices for b in NET.blocks() if b.name in names])
    x = THETA[np.sort(free)] + 0.05
    theta = THETA.copy()
    theta[np.sort(free)] = x
    d = np.where(FREE, theta - THETA, 0)
    J = A(theta)[0] + 0.5 / (2 * A._m()) * (d**2).sum() + 2 * B(theta)[0] + theta @ theta
    D = A(theta)[1] + 0.5 / A._m() * d + 2 * B(theta)[1] + 2 * theta
    J, D = J / 2 + 0.01 * np.abs(x).sum(), D[np.sort(free)] / 2 + 0.01 * np.sign(x)
    same(all_ways(part, x), J, D, 1e-12)
    assert fastbp.check_gradient(part, x)


@pytest.mark.parametrize("make", [
    lambda: A + 2 * B, lambda: A.with_penalty(l2=1, l1=1), lambda: A.frozen("layer 1 bias", THETA),
    nested,
])  # fmt: skip
@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "TNC", "SLSQP"])
def test_scipy_and_the_check_see_one_object(make, method):
    objective = make()
    theta = NET.init(seed=4)[: objective.n_parameters]
    together = minimize(objective, theta, jac=True, method=method)
    apart = minimize(objective.fun, theta, jac=objective.jac, method=method)
    assert together.fun < objective.fun(theta)
    assert np.array_equal(together.x, apart.x)
    report = fastbp.check_gradient(objective, theta)
    assert report
    assert {b.name for b in report.blocks} == {b.name for b in objective.blocks()}


def test_hessp_is_there_where_all_parts_have_it():
    def both(p):
        return F.frozen("w", POINT) if len(p) == 2 else 2 * F + F.with_penalty(l2=3)

    for p, v in ((POINT, np.array([1.0, 2.0, -1.0])), (POINT[:2], np.array([0.5, 2.0]))):
        objective = both(p)
        steps = [objective(p + s * 1e-5 * v)[1] for s in (1, -1)]
        product = objective.hessp(p, v)
        np.testing.assert_allclose(product, (steps[0] - steps[1]) / 2e-5, rtol=1e-7, atol=1e-7)
        best = minimize(objective.fun, p, jac=objective.jac, hessp=objective.hessp,
                        method="trust-ncg")  # fmt: skip
        assert best.fun <= objective.fun(p)
    for without in (F + (lambda p: (0.0, 0 * p)), (F + (lambda p: (0.0, 0 * p))).frozen("w")):
        assert not hasattr(without, "hessp")
    with pytest.raises(AttributeError, match=r"no hessp: .*, 2 \* <function.*L-BFGS-B"):
        _ = (F + 2 * (0 * F + (lambda p: (0.0, p)))).hessp


@pytest.mark.parametrize("make", [
    lambda: A + 2 * B + square, lambda: A.with_penalty(2, 1, True, THETA),
    lambda: B.frozen("layer 1 bias", THETA), nested,
])  # fmt: skip
def test_pickles_and_repr(make):
    objective = make()
    x = NET.init(seed=2)[: objective.n_parameters]
    again = pickle.loads(pickle.dumps(objective))
    assert again(x)[0] == objective(x)[0]
    assert np.array_equal(again(x)[1], objective(x)[1])
    assert type(objective).__name__ in repr(objective)
    with pytest.raises(AttributeError, match="n_parameters cannot be set; make another one with"):
        objective.n_parameters = 3


def test_counters_are_those_of_the_parts():
    a, b = NET.objective(X, Y), NET.objective(X, Y, l2=1)
    total = (a + b + a).with_penalty(l2=1).frozen("layer 1 bias", THETA)
    assert (total.n_evaluations, total.seconds) == (0, 0.0)
    x = total.reduce(THETA)
    total.fun(x)
    total.jac(x)
    assert total.n_evaluations == 2  # one of a, one of b: fun and jac share them
    total(x)
    assert total.n_evaluations == a.n_evaluations + b.n_evaluations == 5
    assert total.seconds == a.seconds + b.seconds > 0


def test_a_sum_sees_data_that_changes():
    data = X.copy()
    total = NET.objective(data, Y) + A
    total.fun(THETA)
    data *= 2
    J, D = (NET.objective(data.copy(), Y) + A)(THETA)
    assert total.fun(THETA) == J
    assert np.array_equal(total.jac(THETA), D)


def test_threads_share_a_composite():
    part = nested()
    points = [NET.init(seed)[: part.n_parameters] for seed in range(20)]
    expected = [part(p) for p in points]

    def work(number):
        for turn in range(60):
            i = (7 * number + turn) % 20
            J, D = expected[i]
            if part.fun(points[i]) != J or not np.array_equal(part.jac(points[i]), D):
                return f"point {i}"
        return ""

    with ThreadPoolExecutor(8) as pool:
        assert not "".join(pool.map(work, range(8)))


def test_nothing_is_kept():
    data, theta = X.copy(), THETA.copy()
    gone = [weakref.ref(data), weakref.ref(theta)]
    total = (
        (NET.objective(data, Y) + A).with_penalty(l2=1, towards=theta).frozen("layer 1 bias", theta)
    )
    total(total.reduce(theta))
    gc.disable()
    try:
        del theta
        assert gone[1]() is None
        del data, total
        assert gone[0]() is None
    finally:
        gc.enable()
