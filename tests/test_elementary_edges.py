"""Special cases of the functions of two operands, at the numbers where something changes."""

import math

import numpy as np
import pytest
from elementary_calls import apply, dtypes, edges, inf, levels, nan


def c99_pow(x, y):
    """Python's pow is that of C, but raises where C returns."""
    odd = y.is_integer() and y % 2 == 1
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0 and odd else inf
    except ValueError:
        if x == 0:
            return math.copysign(inf, x) if odd else inf
        return nan


@levels
@dtypes
@pytest.mark.parametrize(
    ("name", "of_c"), [("pow", c99_pow), ("atan2", math.atan2), ("hypot", math.hypot)]
)
def test_special_cases_and_signs_are_those_of_c(name, of_c, dtype, level):
    x, y = edges(dtype)
    with np.errstate(over="ignore", under="ignore"):
        want = np.array([of_c(float(a), float(b)) for a, b in zip(x, y, strict=True)]).astype(dtype)
    got = apply(level, dtype, name, x, y)
    info = np.finfo(dtype)
    np.testing.assert_allclose(got, want, rtol=info.eps, atol=float(info.smallest_subnormal))
    number = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


@levels
@dtypes
def test_minimum_and_maximum_give_nan_if_there_is_one_and_the_second_at_ties(dtype, level):
    x, y = edges(dtype)
    missing = np.isnan(x) | np.isnan(y)
    for name, first in [("minimum", x < y), ("maximum", x > y)]:
        got = apply(level, dtype, name, x, y)
        assert np.isnan(got[missing]).all()
        want = np.where(first, x, y)[~missing]
        assert got[~missing].tobytes() == want.tobytes()  # which zero, too
