"""theta from elsewhere: MATLAB's order, lists of matrices, weights and biases apart."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import OptimizeResult

import fastbp

rng = np.random.default_rng(0)
NET = fastbp.mlp(3, 4, 2, hidden="sigmoid")
THETA = NET.init(seed=0)
Theta1, Theta2 = NET.unpack(THETA)
X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))


def column_by_column(matrices):
    """[Theta1(:); Theta2(:)], number by number."""
    return np.array([M[i, j] for M in matrices for j in range(M.shape[1]) for i in range(len(M))])


# MATLAB's order


def test_a_vector_of_matlab_is_converted_and_back():
    unrolled = column_by_column([Theta1, Theta2])
    matrices = NET.unpack(unrolled, order="F")
    np.testing.assert_array_equal(matrices[0], Theta1)
    np.testing.assert_array_equal(matrices[1], Theta2)
    np.testing.assert_array_equal(NET.pack(matrices), THETA)
    np.testing.assert_array_equal(NET.pack(NET.unpack(THETA), order="F"), unrolled)
    assert not np.array_equal(unrolled, THETA)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("widths", [(1, 1), (3, 2), (1, 5, 1), (4, 4, 4), (2, 7, 3, 5)])
def test_unpack_undoes_pack_and_gives_views(order, widths):
    net = fastbp.mlp(*widths)
    theta = net.init(seed=1)
    matrices = net.unpack(theta, order)
    assert [M.shape for M in matrices] == list(net.shapes)
    assert all(np.shares_memory(M, theta) for M in matrices)
    packed = net.pack(matrices, order)
    assert packed.flags.c_contiguous
    assert packed.dtype == np.float64
    np.testing.assert_array_equal(packed, theta)


def test_the_column_that_matlab_saves_says_how_it_is_read():
    column = column_by_column([Theta1, Theta2])[:, None]  # (P, 1), as scipy.io.loadmat reads it
    with pytest.raises(ValueError, match=r"\(26, 1\); expected \(26,\)") as raised:
        NET.cost(column, X, Y)
    theta = column
    for code in ("np.ravel(theta)", "net.pack(net.unpack(np.ravel(theta), order='F'))"):
        assert code in str(raised.value)
        assert np.isfinite(NET.cost(eval(code, {"np": np, "net": NET, "theta": theta}), X, Y))
    np.testing.assert_array_equal(NET.pack(NET.unpack(np.ravel(theta), order="F")), THETA)


def test_orders_are_named():
    with pytest.raises(ValueError, match=r"unknown order .matlab.\. Known: C, F"):
        NET.unpack(THETA, order="matlab")
    with pytest.raises(ValueError, match="unknown order 'f'; did you mean 'F'"):
        NET.pack([Theta1, Theta2], order="f")
    with pytest.raises(TypeError, match=r"one list of matrices: net.pack\(\[Theta1, Theta2"):
        NET.pack(Theta1, Theta2)


# theta that is not one vector: (what was given, the advice in the message), which works

W1, b1, W2, b2 = Theta1[:, 1:], Theta1[:, 0], Theta2[:, 1:], Theta2[:, 0]
LAYERS = "for W, b in zip(theta[::2], theta[1::2])])"
PARTS = {
    "matrices": ([Theta1, Theta2], "net.pack(theta)"),
    "a tuple": ((Theta1, Theta2), "net.pack(theta)"),
    "lists": ([Theta1.tolist(), Theta2.tolist()], "net.pack(theta)"),
    "frames": ([pd.DataFrame(Theta1), pd.DataFrame(Theta2)], "net.pack(theta)"),
    "a dict": ({"Theta1": Theta1, "Theta2": Theta2}, "net.pack(list(theta.values()))"),
    "vectors": ([Theta1.ravel(), Theta2.ravel()], "np.concatenate(theta)"),
    "as PyTorch has them": ([W1, b1, W2, b2], f"net.pack([np.column_stack([b, W]) {LAYERS}"),
    "as Keras has them": ([W1.T, b1, W2.T, b2], f"net.pack([np.column_stack([b, W.T]) {LAYERS}"),
    "a result": (OptimizeResult(x=THETA, fun=1.0), "theta.x"),
    "a column": (THETA[:, None], "np.ravel(theta)"),
    "a row": ([THETA.tolist()], "np.concatenate(theta)"),
    "a frame": (pd.DataFrame(THETA), "np.ravel(theta)"),
    "a matrix": (np.asmatrix(THETA), "np.ravel(theta)"),
}
CALLS = {
    "cost": lambda theta: NET.cost(theta, X, Y),
    "objective": lambda theta: NET.objective(X, Y)(theta),
    "fun": lambda theta: NET.objective(X, Y).fun(theta),
    "forward": lambda theta: NET.forward(theta, X),
    "unpack": lambda theta: NET.unpack(theta),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", PARTS)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_parts_of_theta_say_how_they_are_joined(case, call):
    given, advice = PARTS[case]
    with pytest.raises((TypeError, ValueError)) as raised:
        CALLS[call](given)
    assert advice in str(raised.value)
    assert "26" in str(raised.value)
    joined = eval(advice, {"np": np, "net": NET, "theta": given})
    np.testing.assert_array_equal(joined, THETA)
    CALLS[call](joined)


def test_an_object_array_of_matrices_says_so_too():
    theta = np.empty(2, object)
    theta[:] = Theta1, Theta2
    with pytest.raises(TypeError, match=r"ndarray of 2 arrays; expected.*net.pack\(theta\)"):
        NET.cost(theta, X, Y)
    with pytest.raises(TypeError, match=r"net.pack\(theta\)"):
        NET.cost([Theta1[:, :3], Theta1], X, Y)  # and pack says what is wrong with them


def test_X_in_the_place_of_theta_is_recognised():
    with pytest.raises(ValueError, match="looks like X: theta is the first argument, X the second"):
        NET.forward(X, THETA)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Theta1, r"list with one Theta for each of the 2 layers, got an array.*\[Theta1, \.\.\.\]"),
        (3.0, "one Theta for each of the 2 layers, got 3.0"),
        ({"a": Theta1, "b": Theta2}, r"pass list\(Thetas.values\(\)\)"),
        ([W1, b1, W2, b2], r"join weights and biases: net.pack\(\[np.column_stack\(\[b, W\]\)"),
        ([W1.T, b1, W2.T, b2], r"net.pack\(\[np.column_stack\(\[b, W.T\]\)"),
    ],
)
def test_pack_says_how_parts_become_matrices(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        NET.pack(given)


def test_unpack_takes_any_numbers_as_before():
    objects = np.array([SimpleNamespace(place=i) for i in range(26)], object)
    assert NET.unpack(objects)[1][0, 0].place == 16
    assert NET.unpack(THETA + 1j)[0].dtype == complex
    assert NET.unpack(THETA.tolist())[0].dtype == float
