"""When an evaluation serves a second call: at the same bytes of theta and of the data."""

import numpy as np
import pytest

from fastbp import last_evaluation
from fastbp.last_evaluation import LastEvaluation, referred

ARRAY = np.arange(6.0)


class Counted:
    """A cost whose evaluations are counted."""

    def __init__(self):
        self.thetas = []

    def __call__(self, vector):
        self.thetas.append(vector.copy())
        return float(vector.sum()), 2 * vector


def at(last, evaluate, theta):
    J, D = last.at(np.array(theta), evaluate)
    np.testing.assert_array_equal(J, np.sum(theta))
    np.testing.assert_array_equal(D, 2 * np.array(theta))


def test_one_theta_is_evaluated_once():
    last, evaluate = LastEvaluation((ARRAY.copy(),), 1), Counted()
    for theta in ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [1.0, 3.0], [1.0, 2.0]):
        at(last, evaluate, theta)
    assert len(evaluate.thetas) == 3


@pytest.mark.parametrize(
    ("first", "second", "evaluations"),
    [([0.0], [-0.0], 2), ([np.nan], [np.nan], 1), ([np.inf], [-np.inf], 2), ([1.0], [1.0, 1.0], 2)],
)
def test_theta_is_compared_by_its_bytes(first, second, evaluations):
    last, evaluate = LastEvaluation((), 1), Counted()
    at(last, evaluate, first)
    at(last, evaluate, second)
    assert len(evaluate.thetas) == evaluations


@pytest.mark.parametrize("n_threads", [1, 4])
def test_data_is_compared_by_its_bytes(n_threads):
    data = ARRAY.copy(), ARRAY.astype(np.float32)
    last, evaluate = LastEvaluation(data, n_threads), Counted()
    at(last, evaluate, [1.0])
    for array in data:
        array[3] += 1
        at(last, evaluate, [1.0])
        array[3] += 0
        at(last, evaluate, [1.0])
    assert len(evaluate.thetas) == 3


def test_a_fingerprint_that_is_given_is_not_taken_again(monkeypatch):
    monkeypatch.setattr(last_evaluation, "fingerprint", None)
    last, evaluate = LastEvaluation((ARRAY,), 1), Counted()
    theta = np.array([1.0])
    assert not last.is_at(theta, 7)
    last.at(theta, evaluate, 7)
    assert last.is_at(theta, 7)
    assert not last.is_at(theta, 8)
    assert not last.is_at(-theta, 7)


def test_what_was_evaluated_is_what_is_remembered():
    """Another thread may write into theta while it is evaluated."""
    theta = np.array([1.0, 2.0])
    last, evaluate = LastEvaluation((), 1), Counted()

    def slow(vector):
        theta[:] = 9.0
        return evaluate(vector)

    assert last.at(theta, slow)[0] == 3.0
    at(last, evaluate, [1.0, 2.0])
    assert len(evaluate.thetas) == 1


@pytest.mark.parametrize(
    ("nbytes", "products", "shared"),
    [
        (last_evaluation.SMALL_DATA, 0, True),
        (last_evaluation.SMALL_DATA + 1, 0, False),
        (10**6, last_evaluation.PRODUCTS_PER_BYTE * 10**6, True),
        (10**6, last_evaluation.PRODUCTS_PER_BYTE * 10**6 - 1, False),
    ],
)
def test_large_data_is_only_looked_at_beside_much_work(nbytes, products, shared):
    half = nbytes // 2
    last = LastEvaluation((np.zeros(half, np.int8), np.zeros(nbytes - half, np.int8)), 1)
    assert last.is_shared is None
    assert last.decide(lambda: products) is shared
    assert last.is_shared is shared


def test_arrays_of_the_caller_are_referred_to():
    class Frame:
        pass

    view, copy = ARRAY[::2], ARRAY.copy()
    pairs = [(ARRAY, ARRAY), (view, ARRAY), (copy, ARRAY), (copy, [1.0]), (copy, (1.0,))]
    assert [id(each) for each in referred(pairs, None)] == [id(ARRAY), id(view)]
    weights = np.ones(6)
    assert [id(each) for each in referred([(copy, Frame())], weights)] == [id(copy), id(weights)]
