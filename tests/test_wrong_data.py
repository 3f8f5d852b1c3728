"""Whatever is given in the place of numbers, names and settings: an error of ours, or an answer."""

import array
import datetime
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.optimize import OptimizeResult

import fastbp
from fastbp import kernels

M = 4
DAYS = pd.date_range("2024-01-01", periods=M)
Q = fastbp.variable("q")


class RefusesArrays:
    def __array__(self, dtype=None, copy=None):
        raise AttributeError("'RefusesArrays' object has no attribute 'numbers'")


class NoRepr:
    def __repr__(self):
        raise RuntimeError("no repr")


def itself():
    entries = []
    entries.append(entries)
    return entries


def objects(*items):
    result = np.empty(len(items), object)
    result[:] = items
    return result


def small(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    return np.ones(M, getattr(ml_dtypes, name))


# Made anew for each call: some can be read once.
VALUES = {
    "None": lambda: None,
    "text": lambda: "abc",
    "bytes": lambda: b"ab",
    "empty list": list,
    "empty frame": pd.DataFrame,
    "empty series": lambda: pd.Series([], dtype=float),
    "dict": lambda: {"a": [1, 2]},
    "set": lambda: {1, 2},
    "generator": lambda: (i for i in range(3)),
    "zip": lambda: zip([1, 2], [3, 4], strict=True),
    "list of itself": itself,
    "ragged": lambda: [[1, 2], [1]],
    "ragged inside": lambda: [[[1], [2]], [[1]]],
    "ragged deep": lambda: [[[1], [2, 3]], [[1], [2, 3]]],
    "objects of lists": lambda: objects([1], [1, 2], 3, 4),
    "objects": lambda: objects(*[object()] * M),
    "missing in lists": lambda: [[None, 1.0]] * M,
    "index of dates": lambda: DAYS,
    "series of dates": lambda: pd.Series(DAYS),
    "dates of a zone": lambda: pd.Series(DAYS.tz_localize("UTC")),
    "periods": lambda: pd.period_range("2024", periods=M, freq="D"),
    "intervals": lambda: pd.Series(pd.cut([1.0, 2, 3, 4], 2)),
    "Timestamp": lambda: pd.Timestamp("2024"),
    "Timedelta": lambda: pd.Timedelta(1, "D"),
    "NaT": lambda: pd.NaT,
    "NA": lambda: pd.NA,
    "categories": lambda: pd.Categorical(list("abca")),
    "categories of numbers": lambda: pd.Series([1, 2, 1, 2], dtype="category"),
    "nullable": lambda: pd.Series([1, None, 2, 3], dtype="Int64"),
    "nullable bool": lambda: pd.array([True, None, True, False], dtype="boolean"),
    "text with a gap": lambda: pd.Series(["a", None, "b", "c"]),
    "MultiIndex": lambda: pd.MultiIndex.from_product([[1, 2], [3, 4]]),
    "frame with text": lambda: pd.DataFrame({"a": list("abcd"), "b": 1.0}),
    "frame with dates": lambda: pd.DataFrame({"d": DAYS, "x": 1.0}),
    "frame of two zones": lambda: pd.DataFrame(
        {"d": [pd.Timestamp("2024", tz="UTC"), pd.Timestamp("2024", tz="Asia/Tokyo")], "x": 1.0}
    ),
    "frame of objects": lambda: pd.DataFrame({"d": [None, 1, 2, "x"], "x": 1.0}),
    "frame of complex": lambda: pd.DataFrame({"d": 1j * np.ones(M), "x": 1.0}),
    "frame with twins": lambda: pd.DataFrame(np.full((M, 2), "a"), columns=["a", "a"]),
    "sparse frame": lambda: pd.DataFrame.sparse.from_spmatrix(scipy.sparse.eye(M)),
    "array of text": lambda: np.array(list("abcd")),
    "StringDType": lambda: np.array(list("abcd"), np.dtypes.StringDType()),
    "datetime64": lambda: np.ones(M, "M8[s]"),
    "timedelta64": lambda: np.ones(M, "m8[s]"),
    "times": lambda: [datetime.time(1)] * M,
    "dates": lambda: [datetime.date(2024, 1, 1)] * M,
    "datetimes": lambda: [datetime.datetime(2024, 1, 1)] * M,
    "decimals": lambda: [Decimal(1)] * M,
    "fractions": lambda: [Fraction(1, 2)] * M,
    "beyond float64": lambda: [10**400] * M,
    "complex": lambda: np.ones(M) * 1j,
    "complex objects": lambda: np.ones(M, object) * 1j,
    "records": lambda: np.zeros(M, "f8,f8"),
    "records with text": lambda: np.zeros(M, [("a", "f8"), ("b", "U2")]),
    "one record": lambda: np.zeros(1, "f8,f8")[0],
    "void": lambda: np.zeros(M, "V8"),
    "bfloat16": lambda: small("bfloat16"),
    "float8": lambda: small("float8_e5m2"),
    "int4": lambda: small("int4"),
    "masked": lambda: np.ma.MaskedArray(np.ones(M), [0, 1, 0, 0]),
    "masked number": lambda: np.ma.masked,
    "sparse matrix": lambda: scipy.sparse.csr_matrix(np.eye(M)),
    "sparse array": lambda: scipy.sparse.coo_array(np.ones(M)),
    "no dimension": lambda: np.array(3.0),
    "object of no dimension": lambda: np.array(None),
    "four dimensions": lambda: np.ones((2, 2, 2, 2)),
    "longdouble": lambda: np.ones(M, np.longdouble),
    "float16": lambda: np.ones(M, np.float16),
    "nan": lambda: np.array([1, np.nan, 1, 1]),
    "inf": lambda: [np.inf] * M,
    "huge": lambda: [1e308] * M,
    "array.array": lambda: array.array("d", [1, 2, 3, 4]),
    "memoryview": lambda: memoryview(b"abcd"),
    "range": lambda: range(M),
    "slice": lambda: slice(3),
    "Ellipsis": lambda: ...,
    "class": lambda: float,
    "function": lambda: len,
    "result": lambda: OptimizeResult(x=np.ones(3)),
    "network": lambda: fastbp.mlp(2, 1),
    "circuit": lambda: fastbp.circuit(Q * Q),
    "variable": lambda: Q,
    "variables": lambda: fastbp.variables("q", 3),
    "refuses arrays": RefusesArrays,
    "no repr": NoRepr,
}

NET = fastbp.mlp(2, 1)
CLASSES = fastbp.mlp(2, 3, output="softmax", loss="cross_entropy")
THETA = NET.init(seed=0)
X, Y, T = np.ones((M, 2)), np.ones(M), np.ones((2, 3))
OBJECTIVE = NET.objective(X, Y)
MODEL = NET.bind(THETA)
PX, P = fastbp.variables("x p")
V = fastbp.variables("v", 3)
F = fastbp.circuit(P * PX, wrt=[P])
G = fastbp.circuit(V @ V)
BOUND = F.objective({"x": Y})
CALLS = {
    "X": lambda a: NET.objective(a, Y),
    "X of forward": lambda a: NET.forward(THETA, a),
    "X of predict": lambda a: CLASSES.predict(np.zeros(9), a),
    "targets": lambda a: NET.objective(X, a),
    "labels": lambda a: CLASSES.objective(X, a),
    "sample_weight": lambda a: NET.objective(X, Y, sample_weight=a),
    "theta": lambda a: NET.cost(a, X, Y),
    "theta of an objective": lambda a: OBJECTIVE(a),
    "theta of fun": lambda a: OBJECTIVE.fun(a),
    "theta of unpack": lambda a: NET.unpack(a),
    "theta of a model": lambda a: NET.bind(a),
    "X of a model": lambda a: MODEL(a),
    "X of a model's classes": lambda a: MODEL.predict(a),
    "rows": lambda a: OBJECTIVE(THETA, rows=a),
    "buffer": lambda a: OBJECTIVE.into(THETA, a),
    "factor": lambda a: OBJECTIVE * a,
    "part": lambda a: OBJECTIVE + a,
    "frozen": lambda a: OBJECTIVE.frozen(a, THETA),
    "frozen at": lambda a: OBJECTIVE.frozen("layer 1 bias", a),
    "penalty": lambda a: OBJECTIVE.with_penalty(l2=a),
    "towards": lambda a: OBJECTIVE.with_penalty(l2=1, towards=a),
    "theta of a file": lambda a: fastbp.files.save("none.npz", NET, a),
    "network of a file": lambda a: fastbp.files.save("none.npz", a, THETA),
    "Thetas": lambda a: NET.pack(a),
    "Theta": lambda a: NET.pack([a]),
    "l2": lambda a: NET.objective(X, Y, l2=a),
    "l2 of a network": lambda a: fastbp.mlp(2, 1, l2=a),
    "n_threads": lambda a: NET.objective(X, Y, n_threads=a),
    "dtype": lambda a: fastbp.mlp(2, 1, dtype=a),
    "width": lambda a: fastbp.mlp(2, a),
    "widths": lambda a: fastbp.mlp(a),
    "hidden": lambda a: fastbp.mlp(2, 2, 1, hidden=a),
    "output": lambda a: fastbp.mlp(2, 1, output=a),
    "loss": lambda a: fastbp.mlp(2, 1, loss=a),
    "reduction": lambda a: fastbp.mlp(2, 1, reduction=a),
    "layers": lambda a: fastbp.Network(a),
    "layer": lambda a: fastbp.Network([a]),
    "seed": lambda a: NET.init(a),
    "scheme": lambda a: NET.init(scheme=a),
    "epsilon": lambda a: NET.init(epsilon=a),
    "Theta of a kernel": lambda a: kernels.forward(a, X),
    "a of a kernel": lambda a: kernels.forward(T, a),
    "activation of a kernel": lambda a: kernels.forward(T, X, a),
    "error of a kernel": lambda a: kernels.backpropagate(T, np.ones((M, 2)), X, error=a),
    "delta of a kernel": lambda a: kernels.backpropagate(T, a, X),
    "samples of accumulate": lambda a: kernels.accumulate(X, a),
    "Delta of accumulate": lambda a: kernels.accumulate(X, X, a),
    "Delta": lambda a: kernels.regularized_gradient(a, T, 0, 1),
    "l2 of a kernel": lambda a: kernels.regularized_gradient(T, T, a, 1),
    "m": lambda a: kernels.regularized_gradient(T, T, 0, a),
    "y of a kernel": lambda a: kernels.output_delta("squared_error", "identity", X, a),
    "parameter": lambda a: F(a, x=1.0),
    "data": lambda a: F(1.0, x=a),
    "vector": lambda a: G(a),
    "p": lambda a: G.value_and_gradient(a),
    "data of an objective": lambda a: F.objective(a),
    "one of the data": lambda a: F.objective({"x": a}),
    "weights of a circuit": lambda a: F.objective({"x": Y}, sample_weight=a),
    "p of an objective": lambda a: BOUND(a),
    "p of fun": lambda a: BOUND.fun(a),
    "direction": lambda a: BOUND.hessp([1.0], a),
}
# What NumPy, pandas and Python say when nobody looked before.
NOT_OURS = (
    "inhomogeneous", "Cannot cast", "setting an array", "could not convert", "ufunc", "dtype('",
    "must be real number", "unsupported operand", "not subscriptable", "has no len",
    "has no attribute", "not iterable", "invalid literal", "Cannot interpret", "not understood",
    "incorrect", "truth value", "argument must be", "not callable", "0-d", "isna",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_anything_in_the_place_of(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = []
    for name, make in VALUES.items():
        if (call, name) == ("seed", "no repr"):
            continue  # numpy.random writes it
        try:
            value = make()
        except pytest.skip.Exception:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
                CALLS[call](value)
        except (TypeError, ValueError, IndexError) as error:
            text = str(error)
            # The words of an array that refuses to be one are passed on.
            ours = not any(words in text for words in NOT_OURS) or name == "refuses arrays"
            if not ours or len(text) < 20 or "\n" in text.split("\n  layer  Theta")[0]:
                wrong.append(f"{name}: {text}")
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    assert wrong == []


@pytest.mark.parametrize("name", ["bfloat16", "float8_e5m2", "int4"])
def test_small_dtypes_of_jax_are_data(name):
    ones = small(name)
    J, D = NET.cost_and_gradient(THETA, np.column_stack([ones, ones]), ones)
    expected = NET.cost_and_gradient(THETA, X, Y)
    assert expected[0] == J
    np.testing.assert_array_equal(D, expected[1])


class Tensor:
    """As a tensor of torch that takes part in differentiation, or lies on another device."""

    layout = "torch.strided"

    def __init__(self, values, state=()):
        self.values, self.state = values, state

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def __getattr__(self, name):
        if name not in ("detach", "cpu", "double", "numpy"):
            raise AttributeError(name)
        state = (*self.state, name)
        return lambda: self.values if name == "numpy" else Tensor(self.values, state)


def test_a_tensor_that_numpy_cannot_read_says_how():
    with pytest.raises(TypeError, match=r"X is a Tensor that NumPy cannot read; pass X\.") as e:
        NET.objective(Tensor(X), Y)
    code = str(e.value).split("pass ")[1]
    assert NET.objective(eval(code, {"X": Tensor(X)}), Y).n_samples == M
