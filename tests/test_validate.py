"""What bad input gets, read from its messages, and what any good input gives: the same numbers."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from arrays import KINDS, assert_same, with_entry
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbp
from fastbp import validate

M = 40
REGRESSION = fastbp.mlp(3, 4, 1)
X = np.random.default_rng(0).integers(-8, 9, (M, 3)) / 4.0  # exact in every floating dtype
VALUES = X[:, 0] - 2 * X[:, 1]


def cost_and_gradient(net, X=X, **kwargs):
    return net.cost_and_gradient(net.init(seed=0), X, VALUES, **kwargs)


# Good X of any kind


def read_only_memmap(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_X_of_any_kind_gives_the_same_bits(kind, dtype):
    net = fastbp.mlp(3, 4, 1, dtype=dtype)
    assert_same(cost_and_gradient(net, KINDS[kind](X)), cost_and_gradient(net))


@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int64", "uint64", ">i4"])
def test_X_of_any_integer_dtype_gives_the_same_bits(kind):
    whole = (X > 0) if kind == "bool" else np.abs(np.round(X))
    assert_same(
        cost_and_gradient(REGRESSION, whole.astype(kind)),
        cost_and_gradient(REGRESSION, whole.astype(float)),
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_X_in_a_memory_map(tmp_path, dtype):
    net = fastbp.mlp(3, 4, 1, dtype=dtype)
    mapped = read_only_memmap(tmp_path, X)
    assert_same(cost_and_gradient(net, mapped), cost_and_gradient(net))


@pytest.mark.parametrize("bound", [True, False])
def test_nothing_is_mutated(bound):
    net = fastbp.mlp(3, 4, 1, loss="hinge", dtype="float32")
    data, y, weights = X.copy(), (VALUES > 0).astype(np.float32), np.ones(M, np.float32)
    theta = net.init(seed=0)
    before = [a.tobytes() for a in (data, y, weights, theta)]
    if bound:
        net.objective(data, y, sample_weight=weights)(theta)
    else:
        net.cost_and_gradient(theta, data, y, sample_weight=weights)
    assert [a.tobytes() for a in (data, y, weights, theta)] == before


def peak_of_binding(net, *data):
    net.objective(*(a[:10] for a in data))
    tracemalloc.start()
    try:
        objective = net.objective(*data)
        return tracemalloc.get_traced_memory()[1], objective
    finally:
        tracemalloc.stop()


def test_data_of_the_right_kind_is_bound_without_a_copy_or_a_large_temporary():
    m = 200_000
    big, y = np.ones((m, 10)), np.zeros((m, 1))
    for data in (big, big[::-1], np.ones((m, 12))[:, 1:11]):
        peak, objective = peak_of_binding(fastbp.mlp(10, 1), data, y)
        assert objective.n_samples == m
        assert peak < big.nbytes / 10


def test_other_data_is_converted_once():
    m = 200_000
    big, y = np.asfortranarray(np.ones((m, 10))), np.zeros((m, 1))
    peak, _ = peak_of_binding(fastbp.mlp(10, 1), big, y)
    assert big.nbytes <= peak < 1.2 * big.nbytes


# Bad X


@pytest.mark.parametrize("where", [(0, 0), (31337, 2), (49_999, 1)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["C", "F", "float32", "float16", "longdouble"])
def test_nan_and_inf_are_found_at_their_row_and_column(where, bad, kind):
    data = with_entry(np.zeros((50_000, 3)), where, bad)
    data = np.array(data, order=kind) if kind in ("C", "F") else data.astype(kind)
    message = f"X is {bad} at row {where[0]}, column {where[1]} .*expected finite numbers"
    with pytest.raises(ValueError, match=message):
        REGRESSION.objective(data, np.zeros(50_000))


def test_the_first_of_many_is_named():
    data = with_entry(np.zeros((M, 3)), (slice(7, None), slice(1, None)), np.nan)
    with pytest.raises(ValueError, match="row 7, column 1"):
        REGRESSION.objective(data, VALUES)


@pytest.mark.parametrize("value", [1e308, -1e308, 1e-320, 0.0])
def test_values_whose_sum_overflows_are_still_finite(value):
    X_large = np.full((M, 3), value)
    assert REGRESSION.objective(X_large, VALUES).n_samples == M
    assert REGRESSION.objective(X, np.full(M, value)).n_samples == M


@pytest.mark.parametrize("value", [1e39, -1e300])
def test_values_too_large_for_float32_are_named_not_turned_into_inf(value):
    net = fastbp.mlp(3, 4, 1, dtype="float32")
    with pytest.raises(ValueError, match=r"X is .* at row 5, column 2 .*too large for float32"):
        net.objective(with_entry(X, (5, 2), value), VALUES)
    with pytest.raises(
        ValueError, match=r"y is .* at row 9.*too large for float32.*dtype='float64'"
    ):
        net.objective(X, with_entry(VALUES, 9, value))
    assert np.isfinite(REGRESSION.objective(with_entry(X, (5, 2), value), VALUES).n_samples)


@pytest.mark.skipif(np.finfo(np.longdouble).max <= np.finfo(float).max, reason="no wider float")
def test_values_too_large_for_float64_are_named():
    data = with_entry(X, (5, 2), np.longdouble("1e4000"), np.longdouble)
    with pytest.raises(
        ValueError, match=r"X is 1e\+4000 at row 5, column 2 .*too large for float64"
    ):
        REGRESSION.objective(data, VALUES)


BAD_X = {
    "no samples": (X[:0], ValueError, r"X has shape \(0, 3\): no samples"),
    "no samples, list": ([], ValueError, r"X has shape \(0,\); expected \(m, 3\)"),
    "too narrow": (X[:, :2], ValueError, r"2 columns; the network has 3 inputs.*for 2 inputs"),
    "bias column": (
        np.hstack([np.ones((M, 1)), X]), ValueError, r"leave out the column of ones, X\[:, 1:\]"
    ),
    "no inputs": (X[:, :0], ValueError, r"0 columns; the network has 3 .*sample has no numbers"),
    "as many samples as inputs, and nothing in them": (
        X[:3, :0], ValueError, r"X has shape \(3, 0\), so 0 columns.*each sample has no numbers"
    ),
    "transposed": (X.T, ValueError, "samples are rows: pass X.T"),
    "one sample": (X[0], ValueError, r"shape \(3,\); expected \(m, 3\).*X.reshape\(1, -1\)"),
    "images": (np.ones((M, 8, 8)), ValueError, r"shape \(40, 8, 8\).*X.reshape\(len\(X\), -1\)"),
    "a number": (3.0, ValueError, r"X has shape \(\); expected \(m, 3\)"),
    "complex": (X + 0j, TypeError, r"complex128; expected real numbers, not complex.*np.real"),
    "objects": (X.astype(object), TypeError, r"X has dtype object.*np.array\(X, float\)"),
    "mixed frame": (
        pd.DataFrame({"a": [1.0] * M, "b": [2] * M, "c": ["x"] * M}),
        TypeError, "not text .'x' at row 0, column 2 'c'.",
    ),
    "missing": (
        with_entry(X, (4, 1), None, object), TypeError, "dtype object.*None at row 4, column 1"
    ),
    "text": (X.astype(str), TypeError, "expected real numbers, not text"),
    "dates": (X.astype("datetime64[s]"), TypeError, r"not dates.*X = \(X - X.min\(\)\) / np"),
    "records": (np.zeros(M, "f8,f8,f8"), TypeError, "structured_to_unstructured"),
    "ragged": ([[1, 2, 3], [1, 2]], TypeError, "X cannot be read as an array of numbers"),
    "nothing": (
        None, TypeError, r"X has dtype object; .* Python objects \(None\); pass an array or a list"
    ),
    "one text": ("3", TypeError, r"not text \(\'3\'\); pass an array or a list of numbers"),
    "a generator": (iter(X), TypeError, "iterator.*; pass an array or a list of numbers"),
    "a dict": (
        dict(enumerate(X.T)), TypeError, r"pass one array, such as np.column_stack\(list\(X.values"
    ),
    "sparse matrix": (scipy.sparse.csr_matrix(X), TypeError, r"X is a sparse.*X.toarray\(\)"),
    "sparse array": (scipy.sparse.coo_array(X), TypeError, "sparse matrix .coo_array. .*dense"),
    "masked": (
        np.ma.MaskedArray(X, mask=np.arange(3 * M).reshape(M, 3) == 16),
        ValueError, r"X is masked at row 5, column 1; .*X.filled\(value\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_X)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_bad_X_says_what_is_wrong(case):
    data, error, message = BAD_X[case]
    with pytest.raises(error, match=message):
        REGRESSION.objective(data, VALUES)
    with pytest.raises(error, match=message):
        REGRESSION.forward(REGRESSION.init(seed=0), data)


def test_a_column_of_single_inputs_is_asked_for():
    with pytest.raises(ValueError, match=r"samples of one number each use X.reshape\(-1, 1\)"):
        fastbp.mlp(1, 2, 1).objective(VALUES, VALUES)


NULLABLE = ["Float64", "Float32", "Int64", "UInt8"]


@pytest.mark.parametrize("first", NULLABLE)
@pytest.mark.parametrize("second", [*NULLABLE, "float64", "int8"])
def test_nullable_frames_and_series_are_read(first, second):
    whole = abs(np.round(X))
    frame = pd.DataFrame(whole).astype({0: first, 1: first, 2: second})
    y = pd.Series(abs(np.round(VALUES)), dtype=first)
    theta = REGRESSION.init(seed=0)
    assert_same(
        REGRESSION.cost_and_gradient(theta, frame, y),
        REGRESSION.cost_and_gradient(theta, whole, y.to_numpy(float)),
    )


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "boolean"])
def test_a_missing_value_in_a_nullable_frame_is_named(dtype):
    frame = pd.DataFrame({"a": [1.0] * M, "b": pd.array([1] * M, dtype), "c": [2] * M})
    frame.loc[7, "b"] = pd.NA
    with pytest.raises(ValueError, match=r"X is (missing|nan) at row 7, column 1 'b' \(counted"):
        REGRESSION.objective(frame, VALUES)
    y = pd.Series(VALUES, dtype="Float64").where(np.arange(M) != 9)
    with pytest.raises(ValueError, match=r"y is (missing|nan) at row 9 \(counted"):
        REGRESSION.objective(X, y)


def test_text_beside_a_nullable_column_stays_text():
    frame = pd.DataFrame({"a": pd.array([1.0, 2.0], "Float64"), "b": ["1", "2"]})
    with pytest.raises(TypeError, match=r"not text \('1' at row 0, column 1 'b'\);.*np.array"):
        fastbp.mlp(2, 1).objective(frame, [0.0, 1.0])


# Bad sample weights


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (with_entry(np.ones(M), 12, -1), ValueError, "sample_weight is -1.0 at row 12; .*>= 0"),
        (np.zeros(M), ValueError, "sample_weight is 0 for every sample"),
        (with_entry(np.ones(M), 12, np.nan), ValueError, "sample_weight is nan at row 12"),
        (with_entry(np.ones(M), 12, np.inf), ValueError, "sample_weight is inf at row 12"),
        (
            np.ones(M - 1),
            ValueError,
            r"shape \(39,\); expected \(40,\); give one weight per sample",
        ),
        (
            np.ones((M, 1)),
            ValueError,
            r"shape \(40, 1\); expected \(40,\); use np.ravel",
        ),
        (1.0, ValueError, r"sample_weight has shape \(\)"),
        (np.ones(M) + 0j, TypeError, "sample_weight has dtype complex128"),
        (["a"] * M, TypeError, "sample_weight has dtype <U1"),
    ],
)
def test_bad_sample_weights_say_what_is_wrong(weights, error, message):
    with pytest.raises(error, match=message):
        REGRESSION.objective(X, VALUES, sample_weight=weights)


@pytest.mark.parametrize(
    "weights",
    [[1] * M, np.ones(M, bool), np.ones(M, np.int8), np.ones(2 * M)[::2], pd.Series(np.ones(M))],
    ids=lambda w: type(w).__name__,
)
def test_weights_of_any_kind(weights):
    J, D = cost_and_gradient(REGRESSION, sample_weight=weights)
    expected = cost_and_gradient(REGRESSION)
    assert pytest.approx(expected[0], rel=1e-14) == J
    np.testing.assert_allclose(D, expected[1], rtol=1e-12)


# Bad theta


@pytest.mark.parametrize(
    ("theta", "error", "message"),
    [
        (np.zeros(20), ValueError, "theta has 20 numbers, but the network has 21 parameters; "
         r"net.init\(seed=0\)(.|\n)*layer  Theta(.|\n)*4 x \(1 \+ 3\)(.|\n)*total +21"),
        (np.zeros(16), ValueError, "so many are the weights alone: column 0 of each"),
        (np.zeros((21, 1)), ValueError, r"shape \(21, 1\); expected \(21,\); use np.ravel"),
        (np.zeros((4, 4)), ValueError, r"shape \(4, 4\); expected \(21,\); net.pack"),
        (3.0, ValueError, r"theta has shape \(\)"),
        ([np.zeros((4, 4)), np.zeros((1, 5))], TypeError, r"2 arrays.*pass net.pack\(theta\)"),
        (np.zeros(21, complex), TypeError, "theta has dtype complex128"),
        (np.zeros(21, object), TypeError, "theta has dtype object"),
        (["a"] * 21, TypeError, "theta has dtype <U1"),
        (None, TypeError, "theta is None; expected one vector of 21 numbers; net.init"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", ["__call__", "fun", "jac", "cost"])
def test_bad_theta_says_what_is_wrong(theta, error, message, call):
    objective = REGRESSION.objective(X, VALUES)
    with pytest.raises(error, match=message) as raised:
        getattr(objective, call)(theta)
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    with pytest.raises(error, match=message):
        REGRESSION.cost(theta, X, VALUES)
    with pytest.raises(error, match=message):
        REGRESSION.gradient(theta, X, VALUES)


# Numbers


@pytest.mark.parametrize("value", [0, 1, 2.5, np.float32(1), np.int8(3), np.array(4.0), True])
def test_l2_may_be_any_real_number(value):
    assert REGRESSION.objective(X, VALUES, value).l2 == float(value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-0.5, ValueError, "l2 must be a finite number >= 0, got -0.5"),
        (np.inf, ValueError, "got inf"),
        (np.ones(M), TypeError, r"l2 must be one number >= 0, got an array of shape \(40,\)"),
        (1j, TypeError, "l2 must be one number >= 0, got 1j"),
        ("1", TypeError, "got '1'"),
    ],
)
def test_bad_l2_says_what_is_wrong(value, error, message):
    with pytest.raises(error, match=message):
        REGRESSION.cost(REGRESSION.init(seed=0), X, VALUES, value)


@given(
    st.lists(st.floats(width=64), min_size=1, max_size=50),
    st.sampled_from([np.float64, np.float32, np.float16]),
)
@settings(max_examples=200, deadline=None)
def test_all_finite_is_exact(values, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = np.array(values).astype(dtype)
    assert validate.all_finite(array) == bool(np.isfinite(array).all())


def test_blocks_cover_every_row_once():
    for shape in [(1, 1), (5, 3), (100_000, 7), (3, 400_000), (131_072, 1), (262_145, 1)]:
        array = np.broadcast_to(0.0, shape)
        rows = [range(shape[0])[rows] for rows in validate.blocks(array)]
        assert sum(map(len, rows)) == shape[0]
        assert rows[0][0] == 0
        assert rows[-1][-1] == shape[0] - 1
        assert all(len(part) * shape[1] <= max(validate.BLOCK, shape[1]) for part in rows)
