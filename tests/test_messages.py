"""Data of every wrong kind: what the message names, and that following its advice works."""

import fractions
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from following import (
    CLASSES,
    DATES,
    DATETIMES,
    DAYS,
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

STRINGS = np.dtypes.StringDType()
ZONES = [DAYS[0].tz_localize("UTC"), *(day.tz_localize("Europe/Rome") for day in DAYS[1:])]


def frame(**columns):
    return pd.DataFrame({"x": A, **columns})


# X: (what is given, what the message names, code in the message)

DAYS_OF = (
    "t = pd.to_datetime(X[{0!r}], utc=True); X[{0!r}] = (t - t.min()) / np.timedelta64(1, 'D')"
)
ONE_HOT = "pd.get_dummies(X, columns={}, dtype=float)"
HSTACK = (
    "np.hstack([np.delete({0}, {1}, axis=1).astype(float), "
    "*({0}[:, [j]] == np.unique({0}[:, j]) for j in {1})])"
)
STAMPS = (
    "X = np.array(X, object); X[:, [1]] = np.vectorize(lambda t: t.{}(), otypes=[float])(X[:, [1]])"
    "; X = X.astype(float)"
)
RECORDS = (
    "from numpy.lib.recfunctions import structured_to_unstructured; "
    "X = structured_to_unstructured({})"
)
MIXED = [[i, word] for i, word in enumerate(WORDS)]
X_CASES = {
    # frames
    "text": (frame(c=WORDS), ["text ('a' at row 0, column 1 'c')"], ONE_HOT.format(["c"])),
    "text, left out": (frame(c=WORDS), ["text"], "X.drop(columns=['c'])"),
    "two texts": (frame(c=WORDS, d=WORDS), ["column 1 'c'"], ONE_HOT.format(["c", "d"])),
    "object text": (
        frame(c=pd.Series(WORDS, dtype=object)), ["dtype object", "text"], ONE_HOT.format(["c"])
    ),
    "categories": (
        frame(c=pd.Categorical(WORDS)), ["text ('a' at row 0, column 1 'c')"], ONE_HOT.format(["c"])
    ),
    "strings": (frame(c=pd.array(WORDS, "string")), ["text"], ONE_HOT.format(["c"])),
    "text below": (
        frame(c=[1, 2, 3, "b", 4, 5]), ["text ('b' at row 3, column 1 'c')"], ONE_HOT.format(["c"])
    ),
    "numbers as text": (
        frame(c=["1", "2", "3", "4", "5", "6.5"]), ["text ('1' at row 0, column 1 'c')"],
        "np.array(X, float)",
    ),
    "decimals": (frame(c=[Decimal(1)] * M), ["Decimal('1')"], "np.array(X, float)"),
    "dates": (
        frame(day=DAYS), ["dates (Timestamp('2024-01-01 00:00:00') ", "at row 0, column 1 'day'"],
        DAYS_OF.format("day"),
    ),
    "dates of one zone": (
        frame(day=DAYS.tz_localize("Asia/Tokyo")), ["dates", "'day'"], DAYS_OF.format("day")
    ),
    "dates of two zones": (frame(day=ZONES), ["dates", "'day'"], DAYS_OF.format("day")),
    "dates as objects": (frame(day=DATES), ["dates (datetime.date("], DAYS_OF.format("day")),
    "only dates": (
        pd.DataFrame({"a": DAYS, "b": DAYS}), ["dtype datetime64", "column 0 'a'"],
        "for name in ['a', 'b']: t = pd.to_datetime(X[name], utc=True); "
        "X[name] = (t - t.min()) / np.timedelta64(1, 'D')",
    ),
    "durations": (
        frame(span=SPANS), ["durations", "column 1 'span'"],
        "X['span'] = pd.to_timedelta(X['span']) / np.timedelta64(1, 'D')",
    ),
    "periods": (
        frame(month=pd.period_range("2024-01", periods=M, freq="M")),
        ["periods (Period('2024-01', 'M')", "at row 0, column 1 'month'"],
        "t = pd.PeriodIndex(X['month']).to_timestamp(); "
        "X['month'] = (t - t.min()) / np.timedelta64(1, 'D')",
    ),
    "periods in an array": (
        np.array([[1.0, p] for p in pd.period_range("2024-01", periods=M, freq="M")], object),
        ["periods (Period(", "row 0, column 1"],
        "X = np.array(X, object); X[:, [1]] = np.vectorize(lambda t: t.ordinal, otypes=[float])"
        "(X[:, [1]]); X = X.astype(float)",
    ),
    "intervals": (
        frame(size=pd.cut(A, 3)), ["Python objects (Interval(", "column 1 'size'"],
        ONE_HOT.format(["size"]),
    ),
    "column of a number": (
        pd.DataFrame({7: WORDS, "x": A}), ["column 0 7"], ONE_HOT.format([7])
    ),
    "a column of two names": (
        pd.DataFrame({("u", "v"): A, ("u", "w"): WORDS}), ["column 1 ('u', 'w')"],
        "X.drop(columns=[('u', 'w')])",
    ),
    "complex frame": (frame(z=[1j] * M), ["complex numbers"], "np.real(X)"),
    # arrays and lists
    "array of text": (np.array(MIXED), ["dtype <U", "'a' at row 0, column 1"],
                      HSTACK.format("X", [1])),
    "array of text, left out": (
        np.array(MIXED), ["text"], "np.delete(X, [1], axis=1).astype(float)"
    ),
    "list with text": (MIXED, ["'a' at row 0, column 1"], HSTACK.format("np.asarray(X)", [1])),
    "objects with text": (np.array(MIXED, object), ["text"], HSTACK.format("X", [1])),
    "StringDType": (np.array(MIXED, object).astype(str).astype(STRINGS), ["StringDType", "text"],
                    HSTACK.format("X", [1])),
    "written numbers": (np.array([["1", "2"], ["3", "4.5"]]), ["text"], "np.array(X, float)"),
    "bytes": (np.array([[b"1", b"2"]]), ["dtype |S1", "text"], "np.array(X, float)"),
    "StringDType of numbers": (
        np.array([["1", "2.5"]], dtype=STRINGS), ["text"], "np.array(X, float)"
    ),
    "objects": (np.array([[1.0, 2]], object), ["Python objects (1.0"], "np.array(X, float)"),
    "fractions": ([[fractions.Fraction(1, 3), 1]], ["Fraction"], "np.array(X, float)"),
    "long integers": ([[10**30, 1]], ["Python objects (1000"], "np.array(X, float)"),
    "datetime64": (
        np.column_stack([DAYS, DAYS[::-1]]), ["dtype datetime64", "dates"],
        "X = (X - X.min()) / np.timedelta64(1, 'D')",
    ),
    "timedelta64": (np.ones((3, 2), "m8[h]"), ["durations"], "X = (X) / np.timedelta64(1, 'D')"),
    "datetimes": ([[1.0, t] for t in DATETIMES], ["dates (datetime.datetime("],
                  STAMPS.format("timestamp")),
    "days": ([[1.0, t] for t in DATES], ["dates"], STAMPS.format("toordinal")),
    "spans": ([[1.0, t] for t in SPANS], ["durations"], STAMPS.format("total_seconds")),
    "numpy's dates": (
        [[t, t] for t in np.array(DATES, "M8[D]")], ["datetime64"],
        "X = (np.asarray(X) - np.asarray(X).min()) / np.timedelta64(1, 'D')",
    ),
    "complex": ([[1, 2j]], ["complex128", "complex numbers"], "np.real(X)"),
    "complex objects": (np.array([[1, 2j]], object), ["complex numbers"],
                        "np.real(np.array(X, complex))"),
    "records": (np.zeros(M, "f8,i4"), ["records"], RECORDS.format("X")),
    "records with text": (
        np.zeros(M, [("a", "f8"), ("c", "U3"), ("b", "f8")]), ["records"],
        RECORDS.format("X[['a', 'b']]"),
    ),
    "sparse": (
        scipy.sparse.csr_array(np.eye(2)), ["sparse", "pass X.toarray(); where"], "X.toarray()"
    ),
    "large sparse": (
        scipy.sparse.eye_array(1000, format="csr"), ["toarray(), 8 MB in float64"], "X.toarray()"
    ),
    "sparse rows": (
        scipy.sparse.coo_array(np.eye(2)), ["sparse matrix (coo_array) of shape (2, 2)"],
        "X.tocsr()[rows].toarray()",
    ),
    "one sample": ([1.0, 2.0], ["(2,)", "single sample"], "np.asarray(X).reshape(1, -1)"),
    "a series": (pd.Series([1.0, 2.0]), ["(2,)"], "np.asarray(X).reshape(1, -1)"),
    "an index": (pd.Index([1.0, 2.0]), ["(2,)"], "np.asarray(X).reshape(1, -1)"),
    "images": ([[[1.0], [2.0]]] * 3, ["(3, 2, 1)"], "np.asarray(X).reshape(len(X), -1)"),
    "transposed": (
        [[1.0] * 5, [2.0] * 5], ["(2, 5)", "samples are rows"], "np.asarray(X).T"
    ),
    "transposed frame": (pd.DataFrame(np.ones((2, 5))), ["samples are rows"], "np.asarray(X).T"),
    "column of ones": ([[1, 2, 3.0]] * 4, ["adds the bias itself"], "np.asarray(X)[:, 1:]"),
    "column of ones in a frame": (
        pd.DataFrame({"one": 1, "a": A, "b": A}), ["3 columns (one, a, b)"], "X[['a', 'b']]"
    ),
    "masked": (
        np.ma.MaskedArray(np.ones((2, 2)), [[0, 0], [0, 1]]), ["masked at row 1, column 1"],
        "X.filled(value)",
    ),
    "an iterator": (iter([[1.0, 2.0]]), ["list_iterator"], "np.array(list(X))"),
    "a dict": ({"a": A, "b": A}, ["dict"], "np.column_stack(list(X.values()))"),
}  # fmt: skip
WRONG_SHAPES = {"transposed", "transposed frame", "column of ones", "column of ones in a frame"}


@pytest.mark.parametrize("case", X_CASES)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_X_that_holds_no_numbers(case):
    X, words, code = X_CASES[case]

    def bind(X):
        shape = np.shape(np.asarray(X))
        net = fastbp.mlp(shape[1] if len(shape) == 2 and case not in WRONG_SHAPES else 2, 1)
        net.forward(net.init(seed=0), X)
        net.objective(X, np.zeros(len(X)))

    assert_followed(bind, "X", X, words, code)


# y

COLUMN = [[word] for word in WORDS]
NUMBERED_AS_TEXT = "classes, y = np.unique(np.array(y, str), return_inverse=True)"
SERIES_DAYS = "t = pd.to_datetime(y, utc=True); y = (t - t.min()) / np.timedelta64(1, 'D')"
Y_CASES = {
    # F10: the same advice for all
    "text": (CLASSES, np.array(WORDS), ["dtype <U1", "text ('a' at row 0)"], NUMBERED),
    "a list": (CLASSES, WORDS, ["text ('a' at row 0)"], NUMBERED),
    "a series": (CLASSES, pd.Series(WORDS), ["text ('a' at row 0)"], NUMBERED),
    "categories": (CLASSES, pd.Series(WORDS, dtype="category"), ["text ('a'"], NUMBERED),
    "a Categorical": (CLASSES, pd.Categorical(WORDS), ["text"], NUMBERED),
    "an index": (CLASSES, pd.Index(WORDS), ["text"], NUMBERED),
    "StringDType": (CLASSES, np.array(WORDS, STRINGS), ["StringDType", "text"], NUMBERED),
    "objects": (CLASSES, np.array(WORDS, object), ["text"], NUMBERED),
    "pandas strings": (CLASSES, pd.Series(WORDS, dtype="string"), ["text"], NUMBERED),
    "bytes": (CLASSES, np.array(WORDS, "S"), ["text (b'a'"], NUMBERED),
    "a frame": (CLASSES, pd.DataFrame({"kind": WORDS}), ["row 0, column 0 'kind'"], NUMBERED),
    "a column": (CLASSES, COLUMN, ["text ('a' at row 0, column 0)"], NUMBERED),
    "numbers as text": (CLASSES, ["1", "2", "10", "1", "2", "1"], ["text ('1'"], NUMBERED),
    "numbers and text": (
        CLASSES, np.array([1, "a", 2, "a", 1, 1], object), ["text ('a' at row 1)"], NUMBERED_AS_TEXT
    ),
    "intervals": (
        CLASSES, pd.Series(pd.cut(A, 3)), ["Interval("], NUMBERED_AS_TEXT
    ),
    "yes and no": (YES_NO, pd.Series(["yes", "no"] * 3), ["text ('yes'"], NUMBERED),
    "signs": (SIGNS, ["up", "down"] * 3, ["text ('up'"], NUMBERED),
    "classes for numbers": (NUMBER, WORDS, ["text ('a'"], NUMBERED),
    "numbers for numbers": (NUMBER, ["1.5"] * M, ["text ('1.5'"], "np.array(y, float)"),
    "number objects": (NUMBER, np.array(A, object), ["Python objects"], "np.array(y, float)"),
    "label objects": (CLASSES, np.array([0, 1, 2] * 2, object), ["objects"], "np.array(y, float)"),
    # dates
    "datetime64": (
        NUMBER, DAYS.to_numpy(), ["dates"], "y = (y - y.min()) / np.timedelta64(1, 'D')"
    ),
    "dates in a series": (NUMBER, pd.Series(DAYS), ["dates"], SERIES_DAYS),
    "dates in an index": (NUMBER, DAYS, ["dates"], SERIES_DAYS),
    "dates of a zone": (NUMBER, pd.Series(DAYS.tz_localize("Asia/Tokyo")), ["dates"], SERIES_DAYS),
    "dates of zones": (NUMBER, pd.Series(ZONES), ["dates"], SERIES_DAYS),
    "a list of datetimes": (
        NUMBER, DATETIMES, ["dates"], "y = np.array([t.timestamp() for t in y])"
    ),
    "a list of dates": (NUMBER, DATES, ["dates"], "y = np.array([t.toordinal() for t in y])"),
    "a list of spans": (
        NUMBER, SPANS, ["durations"], "y = np.array([t.total_seconds() for t in y])"
    ),
    "spans in a series": (
        NUMBER, pd.Series(SPANS), ["durations"], "y = pd.to_timedelta(y) / np.timedelta64(1, 'D')"
    ),
    "dates in a frame": (
        NUMBER, pd.DataFrame({"day": DAYS}), ["dates", "column 0 'day'"],
        "t = pd.to_datetime(y['day'], utc=True); y['day'] = (t - t.min()) / np.timedelta64(1, 'D')",
    ),
    "periods in a series": (
        NUMBER, pd.Series(pd.period_range("2024", periods=M, freq="M")), ["periods (Period("],
        "t = pd.PeriodIndex(y).to_timestamp(); y = (t - t.min()) / np.timedelta64(1, 'D')",
    ),
    # shapes and ranges
    "a row": (CLASSES, [[0, 1, 2, 0, 1, 2]], ["(1, 6)", "for labels"], "np.ravel(y)"),
    "targets in columns": (PAIRS, [A, A], ["(2, 6)", "samples are rows"], "np.asarray(y).T"),
    "start at 1": (CLASSES, [1, 2, 3] * 2, ["labels 1..3", "start at 1"], "np.asarray(y) - 1"),
    "start at 1, a column": (
        CLASSES, np.array([[1], [2], [3]] * 2, np.uint8), ["labels start at 1"], "y - 1"
    ),
    "start at 1, a frame": (
        CLASSES, pd.DataFrame({"label": [1, 2, 3] * 2}), ["labels start at 1"], "y - 1"
    ),
    "start at 1, none of the first": (CLASSES, [2, 3] * 3, ["start at 1"], "np.asarray(y) - 1"),
    "start at 1, two": (YES_NO, [1, 2] * 3, ["start at 1"], "np.asarray(y) - 1"),
    "start at 1, signs": (SIGNS, [1, 2] * 3, ["start at 1"], "np.asarray(y) - 1"),
    "-1 and 1": (
        fastbp.mlp(2, 2, output="softmax", loss="cross_entropy"), [1, -1] * 3, ["labels -1 and 1"],
        "(np.asarray(y) + 1) // 2",
    ),
    "-1 and 1, one output": (
        YES_NO, np.array([1, -1] * 3), ["labels -1 and 1"], "(y + 1) / 2"
    ),
    "labels of their own": (CLASSES, [10, 20, 30] * 2, ["labels 10..30"], NUMBERED),
    "complex": (NUMBER, [1j] * M, ["complex numbers"], "np.real(y)"),
    "sparse": (NUMBER, scipy.sparse.csr_array(np.ones((M, 1))), ["sparse"], "y.toarray()"),
}  # fmt: skip


@pytest.mark.parametrize("case", Y_CASES)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_y_that_holds_no_numbers(case):
    net, y, words, code = Y_CASES[case]
    assert_followed(lambda y: net.objective(SAMPLES, y), "y", y, words, code)


@pytest.mark.parametrize(
    "gap", [None, np.nan, pd.NA, pd.NaT, Decimal("nan"), np.datetime64("NaT", "ns")]
)
@pytest.mark.parametrize(
    "kind", [lambda y: np.array(y, object), lambda y: pd.Series(y, dtype=object)]
)
def test_classes_of_which_some_are_missing(kind, gap):
    y = kind(["a", "b", gap, "b", "a", "a"])
    with pytest.raises(TypeError, match=r"not missing values .* at row 2\); fill"):
        CLASSES.objective(SAMPLES, y)


@pytest.mark.parametrize("kind", ["uint8", "int64", "bool", "float32"])
@pytest.mark.parametrize("wrap", [np.asarray, pd.DataFrame, np.ndarray.tolist, np.asfortranarray])
def test_a_column_of_labels_is_labels(kind, wrap):
    labels = np.array([0, 1, 1, 0, 1, 0], kind)
    for net in (CLASSES, fastbp.mlp(2, 3), fastbp.mlp(2, 3, loss="multiclass_hinge")):
        theta = net.init(seed=0)
        J, D = net.cost_and_gradient(theta, SAMPLES, labels)
        J1, D1 = net.cost_and_gradient(theta, SAMPLES, wrap(labels[:, None]))
        assert J == J1
        np.testing.assert_array_equal(D, D1)


# Anything in a message


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2024"),
        pd.Timedelta(1, "D"),
        pd.NaT,
        pd.NA,
        pd.Interval(0, 1),
        pd.Period("2024"),
    ],
    ids=repr,
)
def test_what_has_to_numpy_but_no_shape_is_written(value):
    words = type(value).__name__
    calls = [
        lambda: fastbp.mlp(2, value),
        lambda: fastbp.mlp(2, 1, l2=value),
        lambda: fastbp.mlp(2, 1, dtype=value),
        lambda: fastbp.mlp(2, 1, output=value),
        lambda: fastbp.mlp(2, 1, loss=value),
        lambda: fastbp.Network([value]),
        lambda: NUMBER.init(epsilon=value),
        lambda: NUMBER.objective(value, A),
        lambda: NUMBER.objective(SAMPLES, value),
        lambda: NUMBER.objective(SAMPLES, A, n_threads=value),
        lambda: NUMBER.cost(value, SAMPLES, A),
        lambda: fastbp.circuit(fastbp.variable("x") ** 2)(value),
        lambda: fastbp.set_num_threads(value),
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError), match=words):
            call()


def test_long_values_are_cut_and_cost_nothing():
    with pytest.raises(TypeError) as raised:
        fastbp.mlp(2, 1, l2=list(range(10**6)))
    assert len(str(raised.value)) < 120
    with pytest.raises(TypeError) as raised:
        fastbp.mlp(2, 1, loss={"x" * 10**6: [0] * 10**6})
    assert len(str(raised.value)) < 400
