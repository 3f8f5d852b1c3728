"""What optimisers rely on in an objective of a circuit."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from arrays import misaligned
from bound_circuit import ALPHA, DATA, LABEL, RNG, A, B, F, M, P, X, Y, bound
from scipy.optimize import minimize

import fastbp
from fastbp import circuit, variables

# The contract of an objective


def test_a_call_gives_a_float_and_a_fresh_contiguous_gradient():
    objective = bound()
    (value, first), (_, second) = objective(P), objective(P)
    assert type(value) is type(objective.fun(P)) is type(objective.cost(P)) is float
    for gradient in (first, objective.jac(P), objective.hessp(P, P)):
        assert gradient.dtype == np.float64
        assert gradient.flags.c_contiguous
    assert first is not second
    first[:] = 0
    assert second.any()
    kept = objective.jac(P)
    kept[:] = 0
    assert objective.jac(P).any()


def test_all_ways_agree_and_fun_and_jac_share_one_evaluation():
    objective = bound()
    value, gradient = objective(P)
    assert objective.cost(P) == pytest.approx(value, rel=1e-15)
    before = objective.n_evaluations
    assert objective.fun(P) == value
    assert objective.jac(P).tolist() == gradient.tolist()
    assert objective.n_evaluations == before + 1
    assert objective.seconds > 0
    for p in (P.tolist(), P.astype("f4"), np.repeat(P, 2)[::2], P.astype(">f8"), misaligned(P)):
        assert objective(p)[0] == objective.cost(p) == objective(np.array(p, np.float64))[0]
    frozen = P.copy()
    frozen.setflags(write=False)
    assert objective(frozen)[0] == value
    moved = P.copy()
    objective.fun(moved)
    moved[0] = 3
    assert objective.fun(moved) == objective(moved)[0]


def test_the_checker_and_scipy():
    objective = bound()
    assert fastbp.check_gradient(objective, P)
    found = minimize(objective, P, jac=True, method="L-BFGS-B")
    trusted = minimize(
        objective.fun, P, jac=objective.jac, hessp=objective.hessp, method="trust-ncg"
    )
    assert found.success
    np.testing.assert_allclose(found.x, trusted.x, atol=1e-3)


def test_what_ieee_says():
    objective = bound()
    for value in (np.nan, np.inf, 1e308):
        result, gradient = objective(np.full(3, value))
        assert not np.isfinite(result)
        assert gradient.shape == (3,)
    assert np.isfinite(objective(P)[0])


def test_data_that_needs_no_conversion_is_referred_to():
    x = DATA["x"].copy()
    objective = F.objective(data={**DATA, "x": x, "alpha": 0})
    before = objective.cost(P)
    x *= 2
    assert objective.cost(P) == F.objective(data={**DATA, "x": x, "alpha": 0}).cost(P) != before


def test_variables_may_be_keys():
    data = {X: DATA["x"], Y: DATA["y"], "label": DATA["label"], ALPHA: 0.1}
    assert F.objective(data=data)(P)[0] == bound()(P)[0]
    w = variables("w", 2)
    f = circuit(A * w[0] - w[1], wrt=[A])
    assert f.objective(data={w: [[1, 2], [3, 4]]}, reduction="sum").cost(5) == 14
    with pytest.raises(TypeError, match="variables, a vector as a whole, got ExpressionArray"):
        f.objective(data={w[:1]: 1})
    with pytest.raises(ValueError, match="data has 'w' twice"):
        f.objective(data={w: [1, 2], "w": [1, 2]})


def test_data_may_be_a_frame():
    frame = pd.DataFrame({**DATA, "alpha": 0.1})
    assert F.objective(data=frame)(P)[0] == bound(alpha=np.full(M, 0.1))(P)[0]

    class Columns:
        def keys(self):
            return list(DATA)

        def __getitem__(self, name):
            return DATA[name]

    f = circuit(A * X + Y * LABEL, wrt=[A])
    assert f.objective(data=Columns())(2)[0] == f.objective(data=DATA)(2)[0]
    with pytest.raises(TypeError, match="'z', which is no data"):
        F.objective(data=frame.rename(columns={"x": "z"}))
    with pytest.raises(ValueError, match="data has 'x' twice"):
        F.objective(data=pd.concat([frame, frame[["x"]]], axis=1))


@pytest.mark.parametrize("copied", [copy.copy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_and_pickles_give_the_same_bits(copied):
    weights = RNG.uniform(size=M)
    for options in ({}, {"sample_weight": weights, "reduction": "sum"}, {"dtype": "float32"}):
        objective = bound(**options)
        other = copied(objective)
        assert other(P)[0] == objective(P)[0]
        assert other(P)[1].tolist() == objective(P)[1].tolist()
        assert other.circuit == objective.circuit
        assert (other.reduction, other.dtype) == (objective.reduction, objective.dtype)


def test_a_pickle_of_another_version_is_refused():
    rebuild, (_, *rest) = bound().__reduce__()
    with pytest.raises(ValueError, match="pickled in format 99; this fastbp reads format 1"):
        rebuild(99, *rest)


def test_attributes_and_repr():
    objective = bound(n_threads=2, sample_weight=np.ones(M))
    assert objective.circuit is F
    assert (objective.n_samples, objective.n_threads, objective.reduction) == (M, 2, "mean")
    assert repr(objective).startswith(
        f"<CircuitObjective: a, b, c; data: x, y, label, alpha, {M} samples, weighted, mean, n_thr"
    )
    with pytest.raises(AttributeError, match="bound to its data and settings: n_threads cannot"):
        objective.n_threads = 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: F.objective(), TypeError, r"no values for the data x, y, label, alpha"),
        (lambda: F.objective(data=DATA), TypeError, r"no values for the data alpha"),
        (lambda: F.objective(data=[1]), TypeError, r"data must be a mapping of names to values"),
        (lambda: F.objective(data={1: 2}), TypeError, r"the keys of data are names or variables"),
        (lambda: F.objective(data={"z": 2}), TypeError, r"'z', which is no data of this circuit"),
        (lambda: F.objective(data={"a": 2}), TypeError, r"'a', which is no data of this circuit"),
        (lambda: bound(alpha="big"), TypeError, r"alpha has dtype"),
        (lambda: bound(alpha=np.nan), ValueError, r"expected finite numbers"),
        (lambda: bound(alpha=np.ones(3)), ValueError, r"the data are not the same samples: x has"),
        (lambda: bound(alpha=np.ones((M, 2))), ValueError, r"alpha has shape .*samples in rows"),
        (lambda: bound(alpha=np.full(M, np.inf)), ValueError, r"alpha is inf at row 0"),
        (lambda: bound(alpha=np.full(M, 1e300), dtype="float32"), ValueError, r"too large for"),
        (lambda: bound(reduction="max"), ValueError, r"unknown reduction 'max'"),
        (lambda: bound(dtype="float16"), ValueError, r"dtype must be 'float64' or 'float32'"),
        (lambda: bound(n_threads=0), ValueError, r"n_threads must be an integer from 1"),
        (lambda: bound(sample_weight=np.ones(3)), ValueError, r"sample_weight has shape \(3,\)"),
        (lambda: bound(sample_weight=-np.ones(M)), ValueError, r"expected weights >= 0"),
        (lambda: circuit(X, wrt=[A]).objective(data={"x": []}), ValueError, r"no samples"),
        (lambda: circuit([A, B]).objective(), TypeError, r"an objective needs a single express"),
        (lambda: bound()(P[:2]), ValueError, r"p has shape \(2,\); expected \(3,\)"),
        (lambda: bound()(P * 1j), TypeError, r"p has dtype complex128"),
        (lambda: bound().cost("abc"), TypeError, r"p has dtype"),
        (lambda: bound().hessp(P, P[:1]), ValueError, r"v has shape \(1,\); expected \(3,\)"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_the_error_of_a_signal_handler_comes_through(monkeypatch, error):
    objective = bound()

    def interrupted(self, p):
        raise error("time is up")

    monkeypatch.setattr(type(objective), "_evaluate", interrupted)
    with pytest.raises(error, match="time is up"):
        objective(P)
