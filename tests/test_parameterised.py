"""Activations and losses with a parameter: names such as "huber(2)"."""

import json
import math
import pickle
import re

import numpy as np
import pytest
from oracle import OF_OUTPUT, numbers
from problems import DTYPES, Case

import fastbp
from fastbp import files
from fastbp._core import core
from fastbp.names import activations

BOTH = pytest.mark.parametrize("dtype", DTYPES)
ACTIVATIONS = ["leaky_relu(0.25)", "leaky_relu(0)", "leaky_relu(3)", "elu(0.5)", "elu(2.5)"]
LOSSES = ["quantile(0.875)", "quantile(0)", "quantile(1)", "huber(0.25)", "huber(4)"]
CASES = [
    *((loss, output, "tanh") for loss in LOSSES for output in ("identity", "tanh", "softmax")),
    *(("squared_error", g, g) for g in ACTIVATIONS),
    *((loss, g, g) for loss, g in zip(LOSSES, ACTIVATIONS, strict=True)),
    ("weston_watkins", "identity", "elu(0.5)"),
]


@BOTH
@pytest.mark.parametrize(("loss", "output", "hidden"), CASES)
def test_cost_and_gradient_are_those_of_the_formulas(loss, output, hidden, dtype):
    for n, (widths, m) in enumerate([((3, 5, 4, 3), 7), ((20, 17, 2), 130), ((4, 3), 1)]):
        case = Case(loss, output, hidden, widths, m, dtype, kind=n + 1, weighted=n == 1)
        assert max(case.deviations()) < 1, (widths, m)


@BOTH
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_activations(name, dtype):
    """By the formulas in many digits, and by a complex step away from the kink."""
    base, value = name.rstrip(")").split("(")
    p = float(value)
    z = np.concatenate([np.linspace(-30, 30, 400), [-700, -90, 90, 700, -1e-8, 1e-8]]).astype(dtype)
    wide = z.astype(float)
    if base == "elu":
        want = (np.where(wide > 0, wide, p * np.expm1(np.minimum(wide, 0))),
                np.where(wide > 0, 1, p * np.exp(np.minimum(wide, 0))),
                np.where(wide > 0, 0, p * np.exp(np.minimum(wide, 0))))  # fmt: skip
    else:
        want = np.where(wide > 0, wide, p * wide), np.where(wide > 0, 1.0, p), 0 * wide
    for order in (0, 1, 2):
        got = core(dtype).apply_activation(name, z, order)
        eps, tiny = np.finfo(dtype).eps, float(np.finfo(dtype).smallest_normal)
        np.testing.assert_allclose(got, want[order], 4 * eps, 100 * tiny)
    step = 1e-30
    own = np.expm1(wide[wide < 0] + 1j * step) * p if base == "elu" else p * (wide + 1j * step)
    slope = core("float64").apply_activation(name, wide, 1)
    np.testing.assert_allclose(slope[wide < 0], own.imag[: (wide < 0).sum()] / step, 1e-14, 1e-300)


def test_kinks_have_the_slope_of_the_lower_branch_and_quantiles_none():
    for name, slope in [("leaky_relu(0.25)", 0.25), ("elu(0.5)", 0.5), ("elu", 1)]:
        assert core("float64").apply_activation(name, np.zeros(1), 1) == [slope]
    net = fastbp.mlp(1, 1, loss="quantile(0.9)")
    assert net.gradient([2.0, 0.0], [[1.0]], [2.0]).tolist() == [0, 0]
    J, D = net.cost_and_gradient([math.nan, 0.0], [[1.0]], [2.0])
    assert math.isnan(J)
    assert np.isnan(D[0])


def test_pytorch_agrees():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    rng = np.random.default_rng(0)
    z = rng.normal(size=(6, 4))
    y, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    net = {loss: fastbp.mlp(4, 4, loss=loss) for loss in ("huber(0.5)", "weston_watkins")}
    theta = np.eye(4, 5, 1).ravel()
    t, target = torch.from_numpy(z), torch.from_numpy(y)
    want = F.huber_loss(t, target, delta=0.5, reduction="sum").item() / 6
    assert net["huber(0.5)"].cost(theta, z, y) == pytest.approx(want)
    want = 4 * F.multi_margin_loss(t, torch.from_numpy(labels)).item()
    assert net["weston_watkins"].cost(theta, z, labels) == pytest.approx(want)
    for name, g in [("leaky_relu(0.25)", lambda x: F.leaky_relu(x, 0.25)),
                    ("elu(2.5)", lambda x: F.elu(x, 2.5))]:  # fmt: skip
        got = fastbp.mlp(4, 4, output=name).forward(theta, z)
        np.testing.assert_allclose(got, g(t).numpy(), 1e-14)


def test_the_sum_of_margins_is_that_of_the_course():
    """The example of CS231n: scores 13, -7, 11, the label is the first, margins of 10 there."""
    net = fastbp.mlp(3, 3, loss="weston_watkins")
    theta = np.eye(3, 4, 1).ravel()
    scores = np.array([[13.0, -7, 11], [3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]) / 1
    want = [0, 2.9, 0, 12.9]
    costs = [net.cost(theta, [s], [k]) for s, k in zip(scores, [0, 0, 1, 2], strict=True)]
    np.testing.assert_allclose(costs, want, atol=1e-12)
    largest = fastbp.mlp(3, 3, loss="multiclass_hinge")
    assert largest.cost(theta, scores[3:], [2]) == pytest.approx(6.6)


def test_quantiles_are_found():
    from scipy.optimize import minimize

    y = np.random.default_rng(0).exponential(size=501)
    for tau in (0.1, 0.5, 0.9):
        net = fastbp.mlp(1, 1, loss=fastbp.named("quantile", tau))
        cost = net.objective(np.zeros((501, 1)), y)
        found = minimize(lambda b, cost=cost: cost.fun(np.array([b[0], 0.0])), [1.0],
                         method="Nelder-Mead", options={"xatol": 1e-9})  # fmt: skip
        assert found.x[0] == pytest.approx(np.quantile(y, tau), abs=1e-6)


def test_one_text_for_one_function():
    texts = ["huber(2)", "huber( 2.0 )", " huber(2)", "huber(delta=2)", "huber(2e0)"]
    nets = [fastbp.mlp(2, 3, 1, loss=text, hidden="elu(0.5)") for text in texts]
    assert {net.loss for net in nets} == {"huber(2)"} == {fastbp.named("huber", 2)}
    assert len({*nets}) == 1
    for usual in ("huber(1)", "leaky_relu(0.01)", "elu(1.0)", "quantile(0.5)"):
        base = usual.partition("(")[0]
        kind = {"hidden": usual} if base in activations() else {"loss": usual}
        assert fastbp.mlp(2, 2, 1, **kind) == fastbp.mlp(2, 2, 1, **dict.fromkeys(kind, base))
    assert fastbp.named("quantile", 0.9) == "quantile(0.9)"
    assert fastbp.named("quantile", np.float32(0.25)) == "quantile(0.25)"
    assert fastbp.named("elu", 1) == "elu"
    assert "elu(0.5)" in nets[0].table()
    assert "loss huber(2)" in repr(nets[0])


def test_files_pickles_and_descriptions_have_the_text(tmp_path):
    net = fastbp.mlp(2, 3, 1, loss="huber(2)", hidden="elu(0.5)", output="leaky_relu(0.125)")
    assert pickle.loads(pickle.dumps(net)) == net
    description = json.loads(json.dumps(net.to_dict()))
    assert fastbp.Network.from_dict(description) == net
    path = tmp_path / "net.npz"
    files.save(path, net, net.init(seed=0))
    assert files.load(path)[0] == net
    assert eval(repr(net.layers[0]), {"Dense": fastbp.Dense}) == net.layers[0]


def test_kernels_and_models_take_them():
    rng = np.random.default_rng(0)
    net = fastbp.mlp(3, 4, 2, hidden="leaky_relu(0.3)", loss="quantile(0.9)")
    theta, X, y = net.init(seed=0), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    first, second = net.unpack(theta)
    _, a = fastbp.kernels.forward(first, X, "leaky_relu(0.3)")
    z, out = fastbp.kernels.forward(second, a)
    np.testing.assert_allclose(out, net.forward(theta, X), 1e-14)
    np.testing.assert_allclose(net.bind(theta)(X), out, 1e-14)
    np.testing.assert_allclose(net.circuit(theta)(X[0]), out[0], 1e-14)
    loss, delta = OF_OUTPUT["quantile(0.9)"](numbers(np.float64), z, y)
    cost, got = fastbp.kernels.output_delta("quantile(0.9)", "identity", z, y)
    np.testing.assert_allclose(cost, loss.sum(1), 1e-14)
    np.testing.assert_allclose(got, delta, 1e-14)
    with pytest.raises(ValueError, match="s of leaky_relu must be"):
        fastbp.kernels.forward(first, X, "leaky_relu(-1)")


def test_the_circuit_of_a_parameterised_network():
    for name in ACTIVATIONS:
        net = fastbp.mlp(2, 3, 1, hidden=name)
        theta = net.init(seed=0)
        x = [0.3, -0.4]
        assert net.circuit(theta)(x) == pytest.approx(net.forward(theta, [x])[0, 0], rel=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fastbp.mlp(2, 1, loss="poisson(2)"), "'poisson' has no parameter; those that"),
        (lambda: fastbp.mlp(2, 1, loss="hubber(2)"), "unknown loss 'hubber'; did you mean 'huber'"),
        (lambda: fastbp.mlp(2, 1, loss="huber(0)"), "delta of huber must be finite and > 0, got 0"),
        (lambda: fastbp.mlp(2, 1, loss="huber(inf)"), "delta of huber must be finite"),
        (lambda: fastbp.mlp(2, 1, loss="huber(nan)"), "delta of huber must be finite"),
        (lambda: fastbp.mlp(2, 1, loss="huber(two)"), "expected one number in the brackets"),
        (lambda: fastbp.mlp(2, 1, loss="huber(1, 2)"), "expected one number in the brackets"),
        (lambda: fastbp.mlp(2, 1, loss="huber(tau=2)"), "is called delta, not tau"),
        (lambda: fastbp.mlp(2, 1, loss="quantile(1.5)"), "tau of quantile must be from 0 to 1"),
        (lambda: fastbp.mlp(2, 2, 1, hidden="leaky_relu(-0.1)"), "s of leaky_relu must be finite"),
        (lambda: fastbp.mlp(2, 2, 1, hidden="elu(0)"), "alpha of elu must be finite and > 0"),
        (lambda: fastbp.mlp(2, 2, 1, hidden="huber(2)"), "unknown hidden activation 'huber'"),
        (lambda: fastbp.mlp(2, 1, loss="weston_watkins"), "a weston_watkins over a single output"),
        (lambda: fastbp.named("tanh", 2), "'tanh' has no parameter"),
        (lambda: fastbp.named("quantile", -1), "tau of quantile must be from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_a_parameter_is_a_number():
    for wrong in ("2", None, True, [1.0]):
        with pytest.raises(TypeError, match="the parameter of huber must be one number"):
            fastbp.named("huber", wrong)
