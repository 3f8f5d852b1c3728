"""What check_gradient takes as theta and as a cost, and what it says to what it does not take."""

import numpy as np
import pytest

import fastbp
from fastbp import check_gradient


class Tensor:
    """Behaves like a tensor that records gradients: NumPy reads it only once detached."""

    def __init__(self, value, recording=True):
        self._value, self._recording = np.asarray(value), recording
        self.dtype = object()  # no dtype of NumPy
        self.ndim = self._value.ndim

    def detach(self):
        return Tensor(self._value, False)

    def __array__(self, dtype=None, copy=None):
        if self._recording:
            raise RuntimeError("can't read a tensor that records gradients")
        return np.array(self._value, dtype)


@pytest.mark.parametrize("recording", [True, False])
def test_a_cost_and_a_gradient_that_are_tensors(recording):
    def pair(t):
        return Tensor(t @ t, recording), Tensor(2 * t, recording)

    assert check_gradient(pair, [1.1, 2.3])
    assert not check_gradient(lambda t: (Tensor(t @ t, recording), 2.1 * t), [1.1, 2.3])
    narrow = check_gradient(
        lambda t: (Tensor(np.float32(t @ t)), Tensor((2 * t).astype(np.float32))), [1.1, 2.3]
    )
    assert narrow.single
    assert "float32" in narrow.problems[0]


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_scalars_of_other_libraries(library):
    module = pytest.importorskip(library)
    if library == "torch":
        assert check_gradient(lambda t: (module.tensor(t @ t), 2 * t), np.array([1.1, 0.7]))
        return
    cost = module.value_and_grad(lambda t: (t @ t) / 2)

    def pair(t):
        J, D = cost(module.numpy.asarray(t))
        return J, np.asarray(D, float)

    assert check_gradient(pair, np.array([1.1, 0.7]))


def both(w):
    return (w[0] ** 2).sum() + np.sin(w[1]).sum(), [2 * w[0], np.cos(w[1])]


def test_theta_in_a_list_of_arrays():
    rng = np.random.default_rng(0)
    theta = [rng.normal(size=(2, 3)), rng.normal(size=2)]
    report = check_gradient(both, theta)
    assert report
    assert [(b.name, b.n_parameters) for b in report.blocks] == [("theta[0]", 6), ("theta[1]", 2)]
    wrong = check_gradient(lambda w: (both(w)[0], [2 * w[0], np.sin(w[1])]), theta)
    assert wrong.likely == ("theta[1]",)
    assert check_gradient(lambda w: both(w)[0], tuple(theta), lambda w: tuple(both(w)[1]))
    with pytest.raises(ValueError, match=r"shapes \[\(3, 2\), \(2,\)\], those of theta"):
        check_gradient(lambda w: (both(w)[0], [2 * w[0].T, np.cos(w[1])]), theta)


def test_theta_in_a_dict_of_arrays():
    theta = {"W": np.array([[1.0, 2.0]]), "b": 3.0}

    def cost(w, factor):
        return factor * (w["W"] ** 2).sum() * w["b"]

    def gradient(w, factor):
        return {"b": factor * (w["W"] ** 2).sum(), "W": factor * 2 * w["W"] * w["b"]}

    report = check_gradient(cost, theta, gradient, args=(2.0,))
    assert report
    assert [block.name for block in report.blocks] == ["W", "b"]
    assert not check_gradient(cost, theta, lambda w, f: {**gradient(w, f), "b": 1.0}, args=(2.0,))
    with pytest.raises(TypeError, match="lacks theta's"):
        check_gradient(cost, theta, lambda w, f: {"W": w["W"]}, args=(2.0,))


NET = fastbp.mlp(4, 5, 3)
OBJECTIVE = NET.objective(np.ones((2, 4)), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: check_gradient(NET.init(seed=0), OBJECTIVE), TypeError, "arguments are swapped"),
        (lambda: check_gradient([1.0, 2.0], lambda t: t @ t), TypeError, "arguments are swapped"),
        (
            lambda: check_gradient(NET, NET.init(seed=0), args=(np.ones((2, 4)), np.ones((2, 3)))),
            TypeError,
            r"check_gradient\(net.objective\(X, y\), theta\)",
        ),
        (lambda: check_gradient(OBJECTIVE, NET.unpack(NET.init())), TypeError, "net.pack"),
        (lambda: check_gradient(OBJECTIVE, [[1, 2], [3]]), ValueError, "net.pack"),
        (lambda: check_gradient(lambda t: t @ t, lambda t: 2 * t), TypeError, "the order is"),
        (lambda: check_gradient(lambda t: t @ t, {}), ValueError, "no parameter"),
    ],
)
def test_mistaken_arguments_are_told(call, error, word):
    with pytest.raises(error, match=word):
        call()
