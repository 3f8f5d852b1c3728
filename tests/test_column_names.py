"""Messages name the columns of a frame."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from following import (
    CLASSES,
    DATES,
    DATETIMES,
    NUMBER,
    NUMBERED,
    PAIRS,
    SAMPLES,
    SIGNS,
    SPANS,
    WORDS,
    YES_NO,
    A,
    M,
    assert_followed,
)

import fastbp

# Names of columns in every message


def test_columns_are_named_in_every_message():
    frame = pd.DataFrame({"age": A, "mass": A})
    targets = pd.DataFrame({"up": A, "down": A})
    cases = [
        (lambda: NUMBER.objective(frame.assign(mass=np.nan), A), "X is nan at row 0, column 1 'ma"),
        (lambda: NUMBER.objective(frame.astype("Float64").where(frame.age < 2), A),
         "X is missing at row 1, column 0 'age'"),
        (lambda: fastbp.mlp(2, 1, dtype="float32").objective(frame * 1e40, A),
         "column 0 'age' (counted from 0): too large for float32"),
        (lambda: NUMBER.objective(frame.assign(z=1), A), "3 columns (age, mass, z); the net"),
        (lambda: NUMBER.forward(NUMBER.init(0), frame.assign(age=WORDS)), "column 0 'age'"),
        (lambda: PAIRS.objective(SAMPLES, targets.assign(down=np.inf)),
         "y is inf at row 0, column 1 'down'"),
        (lambda: PAIRS.objective(SAMPLES, targets.assign(down=WORDS)), "at row 0, column 1 'down'"),
        (lambda: fastbp.mlp(2, 2, loss="poisson").objective(SAMPLES, targets),
         "y is -1.0 at row 3, column 0 'up'; loss 'poisson'"),
        (lambda: fastbp.mlp(2, 2, loss="hinge").objective(SAMPLES, targets),
         "column 0 'up'; loss 'hinge' takes -1"),
        (lambda: PAIRS.objective(SAMPLES, targets.assign(left=1)), "3 columns (up, down, left)"),
        (lambda: PAIRS.objective(SAMPLES, pd.DataFrame(np.ones((M, 12)))), "6, 7, ...)"),
    ]  # fmt: skip
    for call, words in cases:
        with pytest.raises((TypeError, ValueError)) as raised:
            call()
        assert words in str(raised.value)


def test_columns_without_names_of_their_own_are_numbers():
    with pytest.raises(ValueError, match=r"X is nan at row 0, column 1 \(counted"):
        NUMBER.objective(pd.DataFrame(np.full((M, 2), [1, np.nan])), A)


def test_frames_of_polars():
    pl = pytest.importorskip("polars")
    text = pl.DataFrame({"x": A, "c": WORDS})
    days = pl.DataFrame({"a": DATES, "b": DATES})
    numbered = "X = X.with_columns([X[name].to_physical() for name in ['a', 'b']])"

    def bind(X):
        fastbp.mlp(X.shape[1], 1).objective(X, A)

    assert_followed(bind, "X", text, ["text ('a' at row 0, column 1 'c')"], "X.to_dummies(['c'])")
    assert_followed(bind, "X", text, ["text"], "X.drop(['c'])")
    assert_followed(bind, "X", days, ["dates", "column 0 'a'"], numbered)
    for y in (pl.Series(WORDS), pl.Series(WORDS, dtype=pl.Categorical)):
        assert_followed(lambda y: CLASSES.objective(SAMPLES, y), "y", y, ["text"], NUMBERED)
    for y in (pl.Series(DATES), pl.Series(DATETIMES), pl.Series(SPANS)):
        code = "y = y.to_physical()"
        assert_followed(lambda y: NUMBER.objective(SAMPLES, y), "y", y, [], code)
    with pytest.raises(ValueError, match="X is nan at row 1, column 0 'x'"):
        bind(pl.DataFrame({"x": [1, None], "c": [1, 2]}))


# Names of columns, wherever a place is named


SOFT = fastbp.mlp(2, 3, output="softmax", loss="cross_entropy")
COUNTS = fastbp.mlp(2, 1, loss="poisson")
BAD = {
    "nan": (NUMBER, [0, np.nan, 0, 0, 0, 0.0]),
    "no label": (SOFT, [0, 1.5, 0, 0, 0, 0]),
    "label out of range": (SOFT, [0, 7, 0, 0, 0, 0]),
    "nan label": (SOFT, [0, np.nan, 0, 0, 0, 0]),
    "probability": (YES_NO, [0, 7.5, 0, 0, 0, 0]),
    "count": (COUNTS, [0, -1, 0, 0, 0, 0]),
    "sign": (SIGNS, [0, 0.5, 0, 0, 0, 0]),
    "too large": (fastbp.mlp(2, 1, dtype="float32"), [0, 1e300, 0, 0, 0, 0]),
    "missing": (NUMBER, pd.array([0, None, 0, 0, 0, 0], "Int64")),
}


@pytest.mark.parametrize("case", BAD)
def test_the_column_of_y_is_named(case):
    net, values = BAD[case]
    frame = pd.DataFrame({"yield": values})
    for y in (frame, frame["yield"]):
        with pytest.raises(ValueError, match=r"row 1, column (0 )?'yield'"):
            net.objective(SAMPLES, y)
    for y in (np.asarray(values), list(values), pd.Series(values), pd.DataFrame(values)):
        with pytest.raises((ValueError, TypeError), match=r"row 1(?!, column (0 )?'yield')"):
            net.objective(SAMPLES, y)


def test_columns_of_targets_and_weights_are_named():
    targets = pd.DataFrame({"low": A, "high": A})
    targets.loc[4, "high"] = np.inf
    with pytest.raises(ValueError, match="row 4, column 1 'high'"):
        PAIRS.objective(SAMPLES, targets)
    weights = pd.Series(np.ones(M), name="importance")
    weights[2] = -1
    with pytest.raises(ValueError, match="row 2, column 'importance'; expected weights >= 0"):
        NUMBER.objective(SAMPLES, A, sample_weight=weights)
    weights[2] = np.nan
    with pytest.raises(ValueError, match="row 2, column 'importance'"):
        NUMBER.objective(SAMPLES, A, sample_weight=weights)


def test_models_name_columns_too():
    frame = pd.DataFrame(SAMPLES, columns=["low", "high"])
    frame.loc[3, "high"] = np.nan
    theta = NUMBER.init(seed=0)
    for call in (NUMBER.bind(theta), NUMBER.bind(theta).predict, partial(NUMBER.predict, theta),
                 partial(NUMBER.forward, theta)):  # fmt: skip
        with pytest.raises(ValueError, match="row 3, column 1 'high'"):
            call(frame)
