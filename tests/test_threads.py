"""The same bits, whoever computes them: any number of threads, any number of callers at once."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from chains import dense_chain

import fastbp
from fastbp._core import core

BOTH = pytest.mark.parametrize("dtype", ["float64", "float32"])

# widths, samples, settings: each is work for eight threads or more.
LARGE = [
    ((30, 20, 20, 1), 20011, {}),
    ((64, 25, 10), 8193, {"output": "softmax", "loss": "cross_entropy", "l2": 1.0}),
    ((400, 10), 3001, {"output": "sigmoid", "loss": "cross_entropy"}),
    ((1, 33, 2), 70001, {"hidden": "gelu", "loss": "huber", "reduction": "sum"}),
    ((500, 300, 7), 1000, {"hidden": "relu", "l2": 0.1}),
    ((500, 600, 7), 40, {"l2": 0.1}),  # one tile, and columns of the gradient for all threads
]


def bind(widths, m, settings, dtype="float64", n_threads=None, seed=0):
    """(objective, theta) of random data."""
    net = fastbp.mlp(*widths, dtype=dtype, **settings)
    rng = np.random.default_rng(seed)
    classes = net.loss == "cross_entropy"
    y = rng.integers(0, widths[-1], m) if classes else rng.normal(size=(m, widths[-1]))
    X = rng.normal(size=(m, widths[0])).astype(dtype)
    return net.objective(X, y, n_threads=n_threads), net.init(seed=seed)


def bits(objective, theta):
    J, D = objective(theta)
    return np.append(D, J).tobytes()


def threads_used(objective):
    return objective._problem.threads_used


@BOTH
@pytest.mark.parametrize(("widths", "m", "settings"), LARGE, ids=lambda v: str(v))
def test_one_to_eight_threads(widths, m, settings, dtype):
    alone, theta = bind(widths, m, settings, dtype, 1)
    want, cost, X = bits(alone, theta), alone.cost(theta), alone._data[0]
    outputs = alone.network.forward(theta, X)
    assert threads_used(alone) == 1
    for n in range(2, 9):
        objective, _ = bind(widths, m, settings, dtype, n)
        # Chunks bound the number of threads: there are four where Delta is large, and no spans.
        assert threads_used(objective) == n or (n > 4 and (widths[0], dtype) == (500, "float32"))
        for _ in range(3):
            assert bits(objective, theta) == want
        assert objective.cost(theta) == cost
        with fastbp.num_threads(n):
            np.testing.assert_array_equal(alone.network.forward(theta, X), outputs)


def test_small_work_stays_on_the_calling_thread():
    objective, theta = bind((2, 3, 1), 6, {}, n_threads=8)
    assert threads_used(objective) == 1
    assert bits(objective, theta) == bits(bind((2, 3, 1), 6, {}, n_threads=1)[0], theta)


def test_sample_weights_and_threads():
    rng = np.random.default_rng(0)
    net = fastbp.mlp(20, 30, 3, output="softmax", loss="cross_entropy", l2=0.5)
    X, y, weight = rng.normal(size=(9001, 20)), rng.integers(0, 3, 9001), rng.random(9001)
    theta = net.init(seed=0)
    want = {
        bits(net.objective(X, y, sample_weight=weight, n_threads=n), theta) for n in range(1, 9)
    }
    assert len(want) == 1


def at_once(work, n=8):
    """Runs work(0) ... work(n - 1), all started together; raises what they raise."""
    start = threading.Barrier(n, timeout=300)

    def run(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


@BOTH
@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize(("m", "calls"), [(6, 2000), (3000, 60)])
def test_eight_callers_share_one_objective(m, calls, n_threads, dtype):
    objective, theta = bind((20, 30, 5), m, {}, dtype, n_threads)
    thetas = [theta * (1 + number / 8) for number in range(8)]
    want = [bits(objective, t) for t in thetas]
    costs = [objective.cost(t) for t in thetas]
    before = objective.n_evaluations

    def work(number):
        own = thetas[number]
        for _ in range(calls):
            assert bits(objective, own) == want[number]
            assert objective.cost(own) == costs[number]

    at_once(work)
    assert objective.n_evaluations == before + 8 * 2 * calls


def test_eight_callers_with_objectives_of_their_own():
    shapes = [((n + 1, 20 + n, 3), 500 * n + 1, {}) for n in range(8)]
    bound = [bind(*shape, n_threads=1 + n % 4) for n, shape in enumerate(shapes)]
    want = [bits(objective, theta) for objective, theta in bound]

    def work(number):
        for turn in range(80):
            k = (number + turn) % 8
            assert bits(*bound[k]) == want[k]

    at_once(work)


def test_eight_callers_of_fun_and_jac_get_what_belongs_to_their_theta():
    objective, theta = bind((5, 6, 2), 40, {})
    thetas = [theta + number for number in range(8)]
    want = [objective(t) for t in thetas]

    def work(number):
        for turn in range(1000):
            k = (number + turn) % 8 if turn % 3 else number
            J, D = objective.fun(thetas[k]), objective.jac(thetas[k])
            assert want[k][0] == J
            assert np.array_equal(want[k][1], D)
            D[:] = np.nan  # it is fresh: nobody else's

    at_once(work)


def test_eight_callers_of_a_network_and_of_the_kernels():
    net = fastbp.mlp(10, 20, 3, output="softmax", loss="cross_entropy")
    rng = np.random.default_rng(0)
    X, y, theta = rng.normal(size=(4000, 10)), rng.integers(0, 3, 4000), net.init(seed=0)
    Theta = net.unpack(theta)[0]
    J, D = net.cost_and_gradient(theta, X, y)
    output, hidden = net.forward(theta, X), fastbp.kernels.forward(Theta, X, "tanh")[1]

    def work(number):
        with fastbp.num_threads(1 + number % 3):
            for _ in range(20):
                again, gradient = net.cost_and_gradient(theta, X, y)
                assert again == J
                assert np.array_equal(gradient, D)
                assert np.array_equal(net.forward(theta, X), output)
                assert np.array_equal(fastbp.kernels.forward(Theta, X, "tanh")[1], hidden)

    at_once(work)


def test_objectives_come_and_go_while_others_compute():
    objective, theta = bind((20, 30, 5), 3000, {}, n_threads=2)
    want = bits(objective, theta)

    def work(number):
        for turn in range(40):
            if number % 2:
                assert bits(objective, theta) == want
            else:
                fresh, start = bind((20, 30, 5), 3000, {}, n_threads=1 + turn % 4)
                assert bits(fresh, start) == want

    at_once(work, 4)


def test_thousands_of_objectives_at_a_time():
    bound = [bind((3, 4, 2), 10, {}, seed=seed) for seed in range(2000)]
    want = [bits(*pair) for pair in bound]
    del bound[::2]
    gc.collect()
    assert [bits(*pair) for pair in bound] == want[1::2]


def test_a_cycle_with_an_objective_is_collected():
    class Owner(np.ndarray):
        """An array that can be referred to weakly, and refer back."""

    net = fastbp.mlp(3, 2)
    X = np.zeros((5, 3)).view(Owner)
    chain = dense_chain(core("float64"), net.widths, net.activations, net.loss)
    objective = core("float64").BoundNetwork(chain, X, None, np.zeros((5, 2)), None, 0.0, True, 1)
    X.objective = objective
    gone = weakref.ref(X)
    del X, objective
    gc.collect()
    assert gone() is None


def test_data_lives_as_long_as_its_objective():
    X = np.ones((1000, 3))
    alive = weakref.ref(X)
    objective = fastbp.mlp(3, 2).objective(X, np.zeros((1000, 2)))
    theta = np.ones(8)
    want = bits(objective, theta)
    del X
    gc.collect()
    assert alive() is not None
    assert bits(objective, theta) == want
    del objective
    gc.collect()
    assert alive() is None
