"""All of NumPy's functions on expressions: each records the right thing, or says that it cannot."""

import warnings

import numpy as np
import pytest

from fastbp import circuit, variable, variables
from fastbp._recorder import Expression
from fastbp.circuits import arrays, recordable

A, X, M = variable("a"), variables("x", 4), variables("M", (3, 3))
ROW = M[0]
AT = {"a": 0.7, "x": np.array([0.4, -0.3, 0.9, 0.2]),
      "M": np.array([[0.5, -0.2, 0.1], [0.3, 0.8, -0.6], [0.7, 0.05, -0.9]])}  # fmt: skip
VALUES = {id(A): "a", id(X): "x", id(M): "M"}


def has_expressions(result):
    if isinstance(result, tuple | list):
        return any(map(has_expressions, result))
    return type(result) is Expression or (
        isinstance(result, np.ndarray) and result.dtype == object
        and any(type(item) is Expression for item in result.flat)
    )  # fmt: skip


def value(result):
    """What was recorded, at the point AT."""
    if isinstance(result, tuple | list):
        return [value(each) for each in result]
    if type(result) is not Expression and not isinstance(result, np.ndarray):
        return result
    array = np.asarray(result, object)
    if not has_expressions(array):
        return result
    f = circuit(np.ravel(array).tolist())
    given = {name: AT[name] for name in (*f.parameters, *f.data)}
    return f(**given).reshape(array.shape)


def at(argument):
    """An argument with numbers for expressions."""
    if isinstance(argument, list | tuple):
        return type(argument)(map(at, argument))
    if id(argument) in VALUES:  # a copy: some functions write into it
        return np.copy(AT[VALUES[id(argument)]])
    return np.copy(AT["M"][0]) if argument is ROW else argument


def same_values(got, want):
    if isinstance(want, tuple | list):
        return len(got) == len(want) and all(map(same_values, got, want))
    got, want = np.asarray(got, float), np.asarray(want, float)
    return np.allclose(got, want, rtol=1e-12, atol=1e-14, equal_nan=True)


# Not dispatched by NumPy to its arguments: they make plain arrays of objects, read files, or are
# about types. And modules whose functions take no arrays of numbers.
PLAIN = {
    "array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray", "asfortranarray",
    "asmatrix", "bmat", "matrix", "require",
}  # fmt: skip
FILES = {
    "fromfile", "fromregex", "fromstring", "genfromtxt", "get_include", "info", "load", "loadtxt",
    "memmap", "open_memmap", "save", "savetxt", "savez", "savez_compressed", "show_config",
    "show_runtime", "test", "set_printoptions", "setbufsize", "seterr", "seterrcall",
    "printoptions", "errstate", "array2string", "base_repr", "binary_repr", "from_dlpack",
    "frombuffer", "isfortran", "histogramdd", "mintypecode", "format_float_positional",
    "format_float_scientific", "diag_indices",
}  # fmt: skip
MODULES = [
    np, np.linalg, np.fft, np.emath, np.lib, np.lib.stride_tricks, np.lib.scimath,
    np.polynomial.polynomial, np.polynomial.chebyshev, np.polynomial.legendre,
]  # fmt: skip
FUNCTIONS = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in dir(module)
    if not name.startswith("_")
    and name not in FILES
    and callable(getattr(module, name))
    and not isinstance(getattr(module, name), type)
}
ARGUMENTS = [
    (A,), (X,), (M,), (X, X), (M, M), (X, 2), (X, 0.5), (M, ROW), (X, [0.5, 1, 2, 3]), (M, 0),
    (X, [0, 2]), (M, M, M), (X, X, X), ([0.1, 0.2, 0.3, 0.4], X), (2, A), (A, 1, 2),
    (M, (0, 1)), ((3, 3), A), (0.3, [0.1, 0.2, 0.4, 0.5], X),
]  # fmt: skip
# Functions that NumPy asks the elements of a list for; of others it asks the list alone.
OF_LISTS = {
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "multi_dot",
    "row_stack",
    "stack",
    "vstack",
}
LISTS = [([X, X],), ([M, M],)]
REFUSALS = (
    "cannot be recorded", "no truth value", "has no value before", "takes no dtype",
    "expressions take", "an array of expressions holds", "is an array of numbers",
    "cannot be written into", "takes variables", "must be an array", "changes an array of numbers",
    "np.where(condition", "of expressions takes", "of expressions has no norm",
)  # fmt: skip


def outcome(function, arguments):
    """A result, or an exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*arguments), None
        except Exception as error:
            return None, error


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_records_or_refuses(name):
    function = FUNCTIONS[name]
    for arguments in ARGUMENTS + LISTS * (name.split(".")[-1] in OF_LISTS):
        want, misuse = outcome(function, [at(x) for x in arguments])
        got, error = outcome(function, arguments)
        if error is not None:
            refused = type(error) is TypeError and any(text in str(error) for text in REFUSALS)
            out = any(text in str(error) for text in ("read-only", "output array is not"))
            assert refused or out or misuse is not None, (arguments, error)
        elif misuse is None and has_expressions(got):
            assert same_values(value(got), want), (arguments, got)
        elif misuse is None and name.split(".")[-1] not in PLAIN:
            assert is_about_arrays(function) or same_values(value(got), want), (arguments, got)


ABOUT = {
    "broadcast_shapes", "byte_bounds", "diag_indices_from", "empty", "get_printoptions",
    "getbufsize", "geterr", "geterrcall", "indices", "isdtype", "isfortran", "isscalar",
    "issubdtype", "iterable", "mintypecode", "ndindex", "nested_iters", "tril_indices_from",
    "triu_indices_from", "typename", "zeros_like", "empty_like",
}  # fmt: skip


def is_about_arrays(function):
    return function in recordable.ABOUT or function.__name__ in ABOUT


def test_what_records_nothing_is_refused():
    for use, advice in (
        (lambda: np.nan_to_num(X), r"np\.nan_to_num cannot be recorded; use np\.where\(a == a"),
        (lambda: np.nan_to_num(A), "cannot be recorded"),
        (lambda: np.argmax(M, axis=0), r"np\.argmax cannot be recorded; .*depends on values"),
        (lambda: M.argmax(axis=0), r"np\.argmax cannot be recorded"),
        (lambda: M.sort(), r"np\.sort cannot be recorded"),
        (lambda: np.linalg.inv(variables("B", (5, 5))), "recorded for a matrix of 5 x 5"),
        (lambda: np.linalg.qr(M), r"np\.linalg\.qr cannot be recorded; .*up to 4 x 4"),
        (lambda: np.interp(0.5, X[:2], [2, 3]), r"np\.interp cannot be recorded with expressions"),
        (lambda: np.interp(A, [0, 1], [2, 3], period=1), "has no period"),
        (lambda: np.real_if_close(X), "cannot be recorded"),
        (lambda: np.imag(X), "cannot be recorded"),
        (lambda: np.fft.fft(X), r"np\.fft\.fft cannot be recorded"),
        (lambda: np.emath.sqrt(X), "cannot be recorded"),
        (lambda: np.array_equal(X, M), "cannot be recorded"),
        (lambda: np.copyto(np.zeros(4), X), r"np\.copyto cannot be recorded with these arguments"),
        (lambda: np.put(np.zeros(4), 1, A), r"np\.put cannot be recorded; assign instead"),
        (lambda: np.add(X, X, 0.5), r"out of np\.add must be an array"),
    ):
        with pytest.raises(TypeError, match=advice):
            use()


def test_einsum_and_its_like():
    for function, *arguments in (
        (np.einsum, "i,i", X, X), (np.einsum, "ij,j->i", M, ROW), (np.einsum, "ij->j", M),
        (np.insert, X, 1, A), (np.average, X, None, [1, 2, 3, 4]), (np.linalg.matrix_power, M, 3),
        (np.linalg.multi_dot, [M, M, M]), (np.apply_along_axis, np.sum, 0, M), (np.pad, X, 1),
        (np.convolve, X, [1, 2]), (np.correlate, X, [1, 2]), (np.block, [X, X]),
        (np.vander, X, 3), (np.poly, X), (np.gradient, X), (np.cross, ROW, ROW[::-1]),
    ):  # fmt: skip
        want = function(*(AT["M"][0][::-1] if x is arguments[-1] and function is np.cross else at(x)
                          for x in arguments))  # fmt: skip
        assert same_values(value(function(*arguments)), want), function


def test_a_function_of_a_later_numpy_is_refused():
    def function(x):
        raise AssertionError

    function.__module__, function.__name__ = "numpy", "later"
    with pytest.raises(TypeError, match=r"np\.later cannot be recorded; write its formula"):
        arrays.apply_function(function, (X,), {})
