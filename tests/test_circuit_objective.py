"""Circuits bound to data: sums over samples, the contract of an objective, scipy, the checker."""

import gc
import math
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from arrays import misaligned
from bound_circuit import ALPHA, DATA, LABEL, LOSS, RNG, A, B, C, F, M, P, X, bound
from processes import POSIX, run
from scipy.optimize import minimize, minimize_scalar

import fastbp
from fastbp import circuit, circuits, variables
from fastbp.circuits import maximum


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
