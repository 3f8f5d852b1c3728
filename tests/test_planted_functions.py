"""Mistakes planted in losses, activations and functions are seen by what the engine's pass."""

import numpy as np
import oracle
import planted_functions as planted
import pytest
from problems import DTYPES, Case, hidden_names, pairs
from test_circuit_functions import ONE, TWO, X, Y, slopes

import fastbp
from fastbp import check_gradient, circuits


def each(table):
    return [(*(key if isinstance(key, tuple) else (key,)), mistake)
            for key, mistakes in table.items() for mistake in mistakes]  # fmt: skip


# Losses and activations of networks


def mistaken_loss(text, output, value=None, slope=None):
    """(table of the reference, key, the loss with its value or slope mistaken)"""
    if (text, output) in oracle.OF_PREACTIVATION:
        entries, key = oracle.OF_PREACTIVATION, (text, output)
    else:
        entries, key = oracle.OF_OUTPUT, text
    right = entries[key]

    def mistaken(f, a, y):
        values, slopes = right(f, a, y)
        values = values if value is None else f.array(value(f, a, y))
        return values, slopes if slope is None else f.array(slope(f, a, y))

    return entries, key, mistaken


def mistaken_activation(text, slope):
    g, _, second = oracle.ACTIVATIONS[text]
    return oracle.ACTIVATIONS, text, (g, lambda f, z: f.array(slope(f, z)), second)


def problem(loss, output, hidden, dtype):
    return Case(loss, output, hidden, (4, 5, 3), 60, dtype, kind=1)


def assert_seen(case, entry, monkeypatch):
    """The engine is not what the mistake would give."""
    assert max(case.deviations()) <= 1
    monkeypatch.setitem(*entry)
    assert max(case.deviations()) > 1


def assert_fails_its_check(case, entry, monkeypatch):
    """Of a cost that is right and a gradient with the mistake, with every method."""

    def cost(theta):
        return float(case.oracle.cost(theta, np.float64))

    def right(theta):
        return case.oracle.cost_and_gradient(theta, np.float64)[1]

    def wrong(theta):
        with monkeypatch.context() as mistake:
            mistake.setitem(*entry)
            return right(theta)

    assert check_gradient(cost, case.theta, right)
    for options in ({}, {"method": "central"}, {"n_checks": 12}):
        assert not check_gradient(cost, case.theta, wrong, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output", "mistake"), each(planted.SLOPES_OF_LOSSES))
def test_slopes_of_losses(loss, output, mistake, dtype, monkeypatch):
    case = problem(loss, output, "tanh", dtype)
    slope = planted.SLOPES_OF_LOSSES[loss, output][mistake]
    entry = mistaken_loss(loss, output, slope=slope)
    if dtype == "float64":
        assert_fails_its_check(case, entry, monkeypatch)
    assert_seen(case, entry, monkeypatch)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output", "mistake"), each(planted.VALUES_OF_LOSSES))
def test_values_of_losses(loss, output, mistake, dtype, monkeypatch):
    value = planted.VALUES_OF_LOSSES[loss, output][mistake]
    entry = mistaken_loss(loss, output, value=value)
    assert_seen(problem(loss, output, "tanh", dtype), entry, monkeypatch)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "mistake"), each(planted.SLOPES_OF_ACTIVATIONS))
def test_slopes_of_activations(name, mistake, dtype, monkeypatch):
    case = problem("squared_error", "identity", name, dtype)
    entry = mistaken_activation(name, planted.SLOPES_OF_ACTIVATIONS[name][mistake])
    if dtype == "float64":
        assert_fails_its_check(case, entry, monkeypatch)
    assert_seen(case, entry, monkeypatch)


NEARLY = {"float64": 1 + 1e-9, "float32": 1 + 1e-3}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "output"), list(pairs()))
def test_every_loss_nearly_right(loss, output, dtype, monkeypatch):
    """All losses with every output: the slope a little too large, and of the other sign."""
    case = problem(loss, output, "tanh", dtype)
    right = oracle.loss_and_delta
    assert max(case.deviations()) <= 1
    for factor in (NEARLY[dtype], -1):

        def mistaken(f, *arguments, factor=factor):
            value, delta = right(f, *arguments)
            return value, delta * f.array(factor)

        monkeypatch.setattr(oracle, "loss_and_delta", mistaken)
        assert max(case.deviations()) > 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", hidden_names())
def test_every_activation_nearly_right(name, dtype, monkeypatch):
    slope = oracle.ACTIVATIONS[name][1]
    for factor in (NEARLY[dtype], -1):
        entry = mistaken_activation(name, lambda f, z, c=factor: slope(f, z) * f.array(c))
        with monkeypatch.context() as mistake:
            assert_seen(problem("squared_error", "identity", name, dtype), entry, mistake)


# Functions of circuits


@pytest.mark.parametrize(("name", "mistake"), each(planted.SLOPES))
def test_slopes_of_functions(name, mistake):
    """At one of the points at least where the rules are tested, beyond what is allowed there."""
    (f, points), variables = (ONE[name], [X]) if name in ONE else (TWO[name], [X, Y])
    points = [point if isinstance(point, tuple) else (point,) for point in points]
    compiled = fastbp.circuit(getattr(circuits, name)(*variables), wrt=variables)
    wrong = planted.SLOPES[name][mistake]
    seen = failed = False
    for point in points:
        got = compiled.gradient(*point)
        want = np.array(slopes(f, point)[1 : 1 + len(point)])
        np.testing.assert_allclose(got, want, 4e-15, 1e-200)
        D = np.array([float(x) for x in wrong(*point)])
        seen |= not np.allclose(got, D, 4e-15, 1e-200)
        failed |= not check_gradient(lambda t: compiled(*t), point, lambda t, D=D: D)
    assert seen
    assert failed


@pytest.mark.parametrize(
    ("name", "mistake"), [(name, mistake) for name in planted.VALUES
                          for mistake in planted.VALUES[name][1]],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_of_functions(name, mistake):
    right, mistakes = planted.VALUES[name]
    wrong, point = mistakes[mistake]
    compiled = fastbp.circuit(getattr(circuits, name)(*[X, Y][: len(point)]))
    value = compiled(*point)
    np.testing.assert_allclose(value, right(*point), 1e-14)
    assert not np.isclose(value, float(wrong(*point)), 1e-14, 0)


def test_every_function_has_a_mistake():
    assert set(planted.SLOPES) == {*ONE, *TWO}
    assert set(planted.VALUES) <= {*ONE, *TWO}


def softmax(p):
    return np.exp(p - p.max()) / np.exp(p - p.max()).sum()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p: np.exp(p - p.max()),
        lambda p: np.full(p.size, 1 / p.size),
        lambda p: (p == p.max()) * 1.0,
        lambda p: np.exp(p),
    ],
    ids=["not divided", "means", "largest alone", "exp"],
)
def test_slopes_of_logsumexp(wrong):
    v, p = fastbp.variables("v", 4), np.array([0.3, -1.2, 2.0, 0.7])
    f = fastbp.circuit(circuits.logsumexp(v))
    np.testing.assert_allclose(f.gradient(p), softmax(p), 1e-14)
    assert check_gradient(f, p, softmax)
    assert not check_gradient(f, p, wrong)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_slopes_of_polygamma(n):
    f = fastbp.circuit(circuits.polygamma(n, X))
    for point in ([0.3], [4.5]):
        assert check_gradient(f, point, f.gradient)
        for order, sign in ((n + 1, -1), (n, 1), (n + 2, 1)):
            wrong = fastbp.circuit(sign * circuits.polygamma(order, X))
            assert not check_gradient(f, point, lambda t, g=wrong: [g(t)])
