"""What the engine looks for in arrays before it reads them: extremes, nan, inf; and what it refuses
of callers who come past the checks of Python."""

import numpy as np
import pytest
from chains import dense_chain
from problems import DTYPES

import fastbp
from fastbp import validate
from fastbp._core import core


@pytest.mark.parametrize("dtype", [*DTYPES, "int64", "int32", "float16", "longdouble", "uint64"])
def test_extremes_are_those_of_numpy(dtype):
    rng = np.random.default_rng(0)
    for n in (*range(1, 70), 1000, validate.BLOCK + 3):
        array = (100 * rng.normal(size=n)).astype(dtype)
        for view in (array, array[::-1], array.reshape(1, -1), array[:, np.newaxis]):
            assert validate.extremes(view) == (view.min(), view.max())
    assert all(type(limit) is int for limit in validate.extremes(np.arange(3)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_that_is_not_finite_is_found_wherever_it_is(bad, dtype):
    net = fastbp.mlp(5, 3, 2, dtype=dtype)
    theta = net.init(seed=0)
    model = net.bind(theta)
    for m in (1, 2, 9, 40):
        X = np.zeros((m, 5), dtype)
        for place in range(5 * m):
            X.flat[place] = bad
            low, high = validate.extremes(X)
            assert np.isnan([low, high]).all() if np.isnan(bad) else bad in (low, high)
            assert not validate.all_finite(X)
            message = rf"{bad} at row {place // 5}, column {place % 5}"
            for call in (model, lambda X: net.forward(theta, X)):
                with pytest.raises(ValueError, match=message):
                    call(X)
            X.flat[place] = 0
        assert validate.all_finite(X)


def test_huge_numbers_are_finite():
    X = np.full((3, 5), np.finfo(float).max)
    assert validate.all_finite(X)
    assert validate.extremes(-X) == (-np.finfo(float).max,) * 2


def test_what_was_not_made_is_refused():
    engine = core("float64")
    chain, X, y, theta = engine.Chain.__new__(engine.Chain), np.ones((3, 2)), np.ones((3, 1)), [0.0]
    for call in (
        lambda: engine.BoundNetwork(chain, X, None, y, None, 0.0, True, 1),
        lambda: engine.Model(chain, np.zeros(3), 1),
        lambda: engine.forward(chain, np.zeros(3), X, 1),
        lambda: engine.BoundNetwork.__new__(engine.BoundNetwork).evaluate(np.zeros(3)),
        lambda: engine.Model.__new__(engine.Model).run(X),
    ):
        with pytest.raises(RuntimeError, match=r"not (made|bound)"):
            call()
    made = dense_chain(engine, (2, 1), ("identity",), "squared_error")
    for wrong in (None, 3, object()):
        with pytest.raises(TypeError):
            engine.BoundNetwork(wrong, X, None, y, None, 0.0, True, 1)
    problem = engine.BoundNetwork(made, X, None, y, None, 0.0, True, 1)
    assert problem.evaluate(theta) is None  # it cannot be read where it lies
    for rows in ([1], np.array([1], "i4"), np.array([[1]]), np.arange(6)[::2], 1, "a"):
        assert problem.evaluate(np.zeros(3), True, rows) is None
    for rows in (np.array([3]), np.array([-4]), np.array([0, 2**62])):
        with pytest.raises(IndexError, match=r"expected -3 \.\.\. 2"):
            problem.evaluate(np.zeros(3), True, rows)
    for again in (problem, made):
        with pytest.raises((RuntimeError, TypeError)):
            again.__init__(*((2, 1), ("identity",), "squared_error") if again is made else
                           (made, X, None, y, None, 0.0, True, 1))  # fmt: skip


@pytest.mark.parametrize("wrong", [
    {"X": np.ones((3, 2), "f4")}, {"X": np.ones((3, 3))}, {"X": np.ones((0, 2))},
    {"X": np.ones((2, 3)).T}, {"X": [[1.0, 2.0]]}, {"X": np.ones(6)}, {"X": np.ones((3, 2), ">f8")},
    {"targets": np.ones((3, 2))}, {"targets": np.ones((2, 1))}, {"targets": np.ones(3)},
    {"targets": np.ones((3, 1), "f4")}, {"targets": None}, {"labels": np.zeros(3, "i8")},
    {"targets": None, "labels": np.zeros(3, "i4")}, {"targets": None, "labels": np.zeros(2, "i8")},
    {"targets": None, "labels": np.full(3, 1)}, {"targets": None, "labels": np.full(3, -1)},
    {"sample_weight": np.ones(2)}, {"sample_weight": np.ones(3, "f4")},
    {"sample_weight": np.ones(6)[::2]}, {"sample_weight": [1.0, 1.0, 1.0]},
], ids=str)  # fmt: skip
def test_data_that_would_be_read_beyond_its_end(wrong):
    engine = core("float64")
    arguments = {
        "chain": dense_chain(engine, (2, 1), ("identity",), "squared_error"), "X": np.ones((3, 2)),
        "labels": None, "targets": np.ones((3, 1)), "sample_weight": None, "l2": 0.0, "mean": True,
        "n_threads": 1,
    }  # fmt: skip
    engine.BoundNetwork(**arguments)
    with pytest.raises((TypeError, ValueError)):
        engine.BoundNetwork(**{**arguments, **wrong})
