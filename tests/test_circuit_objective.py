"""Circuits bound to data: sums over samples, the contract of an objective, scipy, the checker."""

import copy
import gc
import math
import pickle
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from arrays import misaligned
from processes import POSIX, run
from scipy.optimize import minimize, minimize_scalar

import fastbp
from fastbp import circuit, circuits, variables
from fastbp.circuits import maximum, sigmoid

RNG = np.random.default_rng(0)
A, B, C, X, Y, LABEL, ALPHA = variables("a b c x y label alpha")
LOSS = (sigmoid(A * X + B * Y + C) - LABEL) ** 2 + ALPHA * (A * A + B * B)
F = circuit(LOSS, wrt=[A, B, C])
M = 1500
DATA = {"x": RNG.normal(size=M), "y": RNG.normal(size=M), "label": RNG.integers(0, 2, M)}
P = np.array([0.5, -1.0, 0.25])


def bound(f=F, alpha=0.1, **options):
    return f.objective(data={**DATA, "alpha": alpha}, **options)


def by_samples(weights=None):
    """Value and gradient from one call for each sample."""
    weights = np.ones(M) if weights is None else weights
    values, gradients = F.value_and_gradient(P, **DATA, alpha=0.1)
    total = math.fsum(weights)
    gradient = [math.fsum(weights * column) / total for column in gradients.T]
    return math.fsum(weights * values) / total, np.array(gradient)


# Meaning


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_and_sum_over_the_samples(weighted):
    weights = RNG.uniform(0, 2, M) if weighted else None
    value, gradient = by_samples(weights)
    mean = bound(sample_weight=weights)
    assert mean(P)[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(mean(P)[1], gradient, rtol=1e-12)
    scale = M if weights is None else weights.sum()
    total = bound(reduction="sum", sample_weight=weights)
    assert total(P)[0] == pytest.approx(scale * value, rel=1e-13)
    np.testing.assert_allclose(total(P)[1], scale * gradient, rtol=1e-12)


def test_a_weight_counts_like_repeated_samples():
    times = np.arange(M) % 4
    repeated = {name: np.repeat(column, times) for name, column in DATA.items()}
    value, gradient = F.objective(data={**repeated, "alpha": 0.1})(P)
    weighted = bound(sample_weight=times)
    assert weighted.n_samples == M
    assert weighted(P)[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(weighted(P)[1], gradient, rtol=1e-12)


POINTS = np.array([[1.2, 0.7], [-0.3, -0.5], [3, 0.1], [-0.1, -1], [-1, 1.1], [2.1, -3]])
LABELS = np.array([1, -1, 1, -1, -1, 1])


def test_the_svm_cost():
    w, x = variables("w", 2), variables("x", 2)
    cost = maximum(0, 1 - LABEL * (np.dot(w, x) + B)) + ALPHA / 3 * np.dot(w, w)
    f = circuit(cost, wrt=[w, B])
    points = np.array([[1.2, 0.7], [-0.3, 0.5], [3, 2.5]])
    data = {"x": points, "label": [1, -1, 1], "alpha": 0.1}
    value, gradient = f.objective(data=data, reduction="sum")([0.1, 0.2, 0.3])
    assert value == pytest.approx(1.815, rel=1e-14)
    np.testing.assert_allclose(gradient, [-1.48, -0.16, 0], rtol=1e-13, atol=1e-15)


def test_the_two_layer_net():
    """Three ReLU units, one score, hinge loss, l2 on all but the biases: circuit and Network."""
    net = fastbp.mlp(2, 3, 1, hidden="relu", loss="hinge", l2=0.1)
    theta = net.init(seed=3)
    T1, T2 = variables("T1", (3, 3)), variables("T2", (1, 4))
    x = variables("x", 2)
    hidden = maximum(0, T1[:, 1:] @ x + T1[:, 0])
    score = (T2[:, 1:] @ hidden + T2[:, 0])[0]
    l2 = circuits.sum(T1[:, 1:] ** 2) + circuits.sum(T2[:, 1:] ** 2)
    f = circuit(maximum(0, 1 - LABEL * score) + 0.1 / (2 * 6) * l2, wrt=[T1, T2])
    ours = f.objective(data={"x": POINTS, "label": LABELS})
    network = net.objective(POINTS, LABELS)
    for _ in range(50):
        value, gradient = ours(theta)
        want, slope = network(theta)
        assert value == pytest.approx(want, rel=1e-13)
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-15)
        theta = theta - 0.1 * gradient


def test_one_parameter_may_be_a_number():
    objective = circuit((A - X) ** 2, wrt=[A]).objective(data={"x": [1.0, 3]})
    for number in (5, 5.0, np.float64(5), np.array(5.0)):
        assert objective(number)[0] == objective([5])[0] == objective.cost(number) == 10
        assert objective.fun(number) == 10
        assert objective(number)[1].tolist() == objective.jac(number).tolist() == [6]
        assert objective.hessp(number, 1).tolist() == [2]
        assert objective.hessian(number).tolist() == [[2]]
    assert minimize_scalar(objective.cost).x == pytest.approx(2)
    with pytest.raises(ValueError, match=r"p has shape \(\); expected \(3,\)"):
        bound()(1.0)


def test_vectors_of_data_in_every_layout():
    w, x = variables("w", 4), variables("x", (2, 2))
    f = circuit(circuits.sum(w.reshape(2, 2) @ x) ** 2 + w[0], wrt=[w])
    p, samples = RNG.normal(size=4), RNG.normal(size=(300, 2, 2))
    want = f.objective(data={"x": samples})(p)
    assert want[0] == pytest.approx(f(p, x=samples).mean(), rel=1e-13)
    layouts = [
        np.asfortranarray(samples), np.repeat(samples, 3, axis=0)[::3], samples[::-1].copy()[::-1],
        samples.astype(">f8"), samples.tolist(), misaligned(samples),
    ]  # fmt: skip
    for layout in layouts:
        value, gradient = f.objective(data={"x": layout})(p)
        assert value == want[0]
        assert gradient.tolist() == want[1].tolist()
    uniform = f.objective(data={"x": samples[0]})
    assert uniform.n_samples == 1
    assert uniform(p)[0] == f(p, x=samples[0])


def test_a_circuit_without_data():
    x = variables("x", 5)
    rosenbrock = circuits.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    objective = circuit(rosenbrock).objective()
    assert objective(np.zeros(5))[0] == 4
    for options in ({"method": "L-BFGS-B"}, {"method": "trust-ncg", "hessp": objective.hessp}):
        found = minimize(objective.fun, np.zeros(5), jac=objective.jac, **options)
        np.testing.assert_allclose(found.x, 1, atol=1e-3)


def test_float32():
    single = bound(dtype="float32")
    assert single.dtype == np.float32
    value, gradient = single(P)
    assert type(value) is float
    assert gradient.dtype == np.float64
    assert value == pytest.approx(bound()(P)[0], rel=1e-6)
    np.testing.assert_allclose(gradient, bound()(P)[1], rtol=2e-5)
    assert value != bound()(P)[0]


# The contract of an objective


def test_a_call_gives_a_float_and_a_fresh_contiguous_gradient():
    objective = bound()
    (value, first), (_, second) = objective(P), objective(P)
    assert type(value) is type(objective.fun(P)) is type(objective.cost(P)) is float
    for gradient in (first, objective.jac(P), objective.hessp(P, P)):
        assert gradient.dtype == np.float64
        assert gradient.flags.c_contiguous
    assert first is not second
    first[:] = 0
    assert second.any()
    kept = objective.jac(P)
    kept[:] = 0
    assert objective.jac(P).any()


def test_all_ways_agree_and_fun_and_jac_share_one_evaluation():
    objective = bound()
    value, gradient = objective(P)
    assert objective.cost(P) == pytest.approx(value, rel=1e-15)
    before = objective.n_evaluations
    assert objective.fun(P) == value
    assert objective.jac(P).tolist() == gradient.tolist()
    assert objective.n_evaluations == before + 1
    assert objective.seconds > 0
    for p in (P.tolist(), P.astype("f4"), np.repeat(P, 2)[::2], P.astype(">f8"), misaligned(P)):
        assert objective(p)[0] == objective.cost(p) == objective(np.array(p, np.float64))[0]
    frozen = P.copy()
    frozen.setflags(write=False)
    assert objective(frozen)[0] == value
    moved = P.copy()
    objective.fun(moved)
    moved[0] = 3
    assert objective.fun(moved) == objective(moved)[0]


def test_the_checker_and_scipy():
    objective = bound()
    assert fastbp.check_gradient(objective, P)
    found = minimize(objective, P, jac=True, method="L-BFGS-B")
    trusted = minimize(
        objective.fun, P, jac=objective.jac, hessp=objective.hessp, method="trust-ncg"
    )
    assert found.success
    np.testing.assert_allclose(found.x, trusted.x, atol=1e-3)


def test_what_ieee_says():
    objective = bound()
    for value in (np.nan, np.inf, 1e308):
        result, gradient = objective(np.full(3, value))
        assert not np.isfinite(result)
        assert gradient.shape == (3,)
    assert np.isfinite(objective(P)[0])


def test_data_that_needs_no_conversion_is_referred_to():
    x = DATA["x"].copy()
    objective = F.objective(data={**DATA, "x": x, "alpha": 0})
    before = objective.cost(P)
    x *= 2
    assert objective.cost(P) == F.objective(data={**DATA, "x": x, "alpha": 0}).cost(P) != before


def test_variables_may_be_keys():
    data = {X: DATA["x"], Y: DATA["y"], "label": DATA["label"], ALPHA: 0.1}
    assert F.objective(data=data)(P)[0] == bound()(P)[0]
    w = variables("w", 2)
    f = circuit(A * w[0] - w[1], wrt=[A])
    assert f.objective(data={w: [[1, 2], [3, 4]]}, reduction="sum").cost(5) == 14
    with pytest.raises(TypeError, match="variables, a vector as a whole, got ExpressionArray"):
        f.objective(data={w[:1]: 1})
    with pytest.raises(ValueError, match="data has 'w' twice"):
        f.objective(data={w: [1, 2], "w": [1, 2]})


def test_data_may_be_a_frame():
    frame = pd.DataFrame({**DATA, "alpha": 0.1})
    assert F.objective(data=frame)(P)[0] == bound(alpha=np.full(M, 0.1))(P)[0]

    class Columns:
        def keys(self):
            return list(DATA)

        def __getitem__(self, name):
            return DATA[name]

    f = circuit(A * X + Y * LABEL, wrt=[A])
    assert f.objective(data=Columns())(2)[0] == f.objective(data=DATA)(2)[0]
    with pytest.raises(TypeError, match="'z', which is no data"):
        F.objective(data=frame.rename(columns={"x": "z"}))
    with pytest.raises(ValueError, match="data has 'x' twice"):
        F.objective(data=pd.concat([frame, frame[["x"]]], axis=1))


@pytest.mark.parametrize("copied", [copy.copy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_and_pickles_give_the_same_bits(copied):
    weights = RNG.uniform(size=M)
    for options in ({}, {"sample_weight": weights, "reduction": "sum"}, {"dtype": "float32"}):
        objective = bound(**options)
        other = copied(objective)
        assert other(P)[0] == objective(P)[0]
        assert other(P)[1].tolist() == objective(P)[1].tolist()
        assert other.circuit == objective.circuit
        assert (other.reduction, other.dtype) == (objective.reduction, objective.dtype)


def test_a_pickle_of_another_version_is_refused():
    rebuild, (_, *rest) = bound().__reduce__()
    with pytest.raises(ValueError, match="pickled in format 99; this fastbp reads format 1"):
        rebuild(99, *rest)


def test_attributes_and_repr():
    objective = bound(n_threads=2, sample_weight=np.ones(M))
    assert objective.circuit is F
    assert (objective.n_samples, objective.n_threads, objective.reduction) == (M, 2, "mean")
    assert repr(objective).startswith(
        f"<CircuitObjective: a, b, c; data: x, y, label, alpha, {M} samples, weighted, mean, n_thr"
    )
    with pytest.raises(AttributeError, match="bound to its data and settings: n_threads cannot"):
        objective.n_threads = 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: F.objective(), TypeError, r"no values for the data x, y, label, alpha"),
        (lambda: F.objective(data=DATA), TypeError, r"no values for the data alpha"),
        (lambda: F.objective(data=[1]), TypeError, r"data must be a mapping of names to values"),
        (lambda: F.objective(data={1: 2}), TypeError, r"the keys of data are names or variables"),
        (lambda: F.objective(data={"z": 2}), TypeError, r"'z', which is no data of this circuit"),
        (lambda: F.objective(data={"a": 2}), TypeError, r"'a', which is no data of this circuit"),
        (lambda: bound(alpha="big"), TypeError, r"alpha has dtype"),
        (lambda: bound(alpha=np.nan), ValueError, r"expected finite numbers"),
        (lambda: bound(alpha=np.ones(3)), ValueError, r"the data are not the same samples: x has"),
        (lambda: bound(alpha=np.ones((M, 2))), ValueError, r"alpha has shape .*samples in rows"),
        (lambda: bound(alpha=np.full(M, np.inf)), ValueError, r"alpha is inf at row 0"),
        (lambda: bound(alpha=np.full(M, 1e300), dtype="float32"), ValueError, r"too large for"),
        (lambda: bound(reduction="max"), ValueError, r"unknown reduction 'max'"),
        (lambda: bound(dtype="float16"), ValueError, r"dtype must be 'float64' or 'float32'"),
        (lambda: bound(n_threads=0), ValueError, r"n_threads must be an integer from 1"),
        (lambda: bound(sample_weight=np.ones(3)), ValueError, r"sample_weight has shape \(3,\)"),
        (lambda: bound(sample_weight=-np.ones(M)), ValueError, r"expected weights >= 0"),
        (lambda: circuit(X, wrt=[A]).objective(data={"x": []}), ValueError, r"no samples"),
        (lambda: circuit([A, B]).objective(), TypeError, r"an objective needs a single express"),
        (lambda: bound()(P[:2]), ValueError, r"p has shape \(2,\); expected \(3,\)"),
        (lambda: bound()(P * 1j), TypeError, r"p has dtype complex128"),
        (lambda: bound().cost("abc"), TypeError, r"p has dtype"),
        (lambda: bound().hessp(P, P[:1]), ValueError, r"v has shape \(1,\); expected \(3,\)"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_the_error_of_a_signal_handler_comes_through(monkeypatch, error):
    objective = bound()

    def interrupted(self, p):
        raise error("time is up")

    monkeypatch.setattr(type(objective), "_evaluate", interrupted)
    with pytest.raises(error, match="time is up"):
        objective(P)


# Threads and processes


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_do_not_depend_on_the_number_of_threads(dtype):
    m = 30_000
    data = {name: RNG.normal(size=m) for name in ("x", "y", "label")} | {"alpha": 0.1}
    weights = RNG.uniform(size=m)

    def bits(n_threads):
        objective = F.objective(data, "mean", weights, n_threads, dtype)
        value, gradient = objective(P)
        return [value, *gradient, objective.cost(P), *objective.hessp(P, P)]

    alone = bits(1)
    assert all(bits(n) == alone for n in range(2, 9))


def test_eight_threads_may_share_an_objective():
    objective = bound(n_threads=2)
    points = RNG.normal(size=(20, 3))
    wanted = [(objective(p), objective.hessp(p, P)) for p in points]

    def work(number):
        for turn in range(100):
            i = (number * 7 + turn // 2) % 20
            (value, gradient), product = wanted[i]
            same = objective.fun(points[i]) == value == objective(points[i])[0]
            if not same or objective.jac(points[i]).tolist() != gradient.tolist():
                return f"point {i}"
            if objective.hessp(points[i], P).tolist() != product.tolist():
                return f"Hessian at {i}"
        return ""

    with ThreadPoolExecutor(8) as pool:
        assert not "".join(pool.map(work, range(8)))


PREAMBLE = """\
from fastbp import circuits, variable, variables

w, x = variables("w", 10), variables("x", 10)
f = fastbp.circuit(circuits.tanh(w @ x) ** 2, wrt=[w])
p = np.linspace(-1, 1, 10)

def bind(m, n):
    data = {"x": np.resize(np.linspace(-1, 1, 977), (m, 10))}
    return f.objective(data=data, n_threads=n)

def bits(objective):
    value, gradient = objective(p)
    return np.append(gradient, value).tobytes()

"""


@POSIX
def test_forks_between_evaluations():
    script = """
objective = bind(20_000, 2)
want = bits(objective)
for _ in range(20):
    child = os.fork()
    if child == 0:
        ok = bits(objective) == want and fastbp.circuit(variable("a") ** 2)(3) == 9
        os._exit(0 if ok else 1)
    finish(child)
    assert bits(objective) == want
"""
    run(script, PREAMBLE)


@POSIX
@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_stops_an_evaluation_in_its_middle(n_threads):
    script = f"""
def make(m):
    global objective
    objective = bind(m, {n_threads})
    return lambda: objective(p), lambda: objective.n_evaluations
m = stop_in_the_middle(make, 1_000_000)
assert bits(objective) == bits(bind(m, {n_threads}))
"""
    run(script, PREAMBLE)


def test_a_refused_p_is_let_go_at_once():
    objective = bound()
    p = np.ones(4)
    gone = weakref.ref(p)
    gc.disable()
    try:
        with pytest.raises(ValueError, match="p has shape"):
            objective(p)
        del p
        assert gone() is None
    finally:
        gc.enable()


def test_a_circuit_may_be_bound_many_times_at_once():
    f = circuit(LOSS, wrt=[A, B, C])
    results = []

    def work():
        results.append(f.objective(data={**DATA, "alpha": 0.1})(P)[0])

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [bound()(P)[0]] * 8
