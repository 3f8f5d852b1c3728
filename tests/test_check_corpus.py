"""check_gradient gives every problem of the corpus the verdict it deserves.

A few seeds here; `python tests/check_rates.py` counts the errors over 50.
"""

import numpy as np
import pytest
from check_corpus import RIGHT, WRONG
from check_rates import errs

SEEDS = (0, 1)


def test_the_corpus_is_as_large_as_the_documentation_says():
    assert len(RIGHT) >= 40
    assert len(WRONG) >= 40
    assert not RIGHT.keys() & WRONG.keys()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name, seed):
    wrong, report = errs(name, RIGHT[name], seed)
    assert not wrong, str(report)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_fail(name, seed):
    wrong, report = errs(name, WRONG[name], seed)
    assert not wrong, str(report)
    assert report.failed.any()


@pytest.mark.parametrize("name", ["offset_that_hides_all", "offset_1e+10", "six_digits"])
def test_hidden_slopes_are_told(name):
    report = RIGHT[name](np.random.default_rng(0)).check()
    assert report.n_unclear
    assert "above the noise in J" in str(report)


@pytest.mark.parametrize("size", [1.0, 0.1, 0.01, 1e-3, 1e-4])
def test_deep_relu_networks_take_a_bounded_number_of_evaluations(size):
    for seed in range(3):
        problem = RIGHT[f"deep_relu_{size:g}"](np.random.default_rng(seed))
        report = problem.check(seed)
        assert report
        assert report.n_evaluations < 14 * problem.theta.size + 200
