"""Networks of any layers keep the engine's promises: rows, weights, threads, processes, signals."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from layer_cases import CASES, SEQUENCES, data
from processes import POSIX, run

from fastbp import Network

NAMES = ("lenet", "maxpool1d overlapping", "avgpool2d", "gru both ways", "lstm stacked")


def bound(name, m, **settings):
    layers, shape = CASES[name]
    net = Network(layers, l2=0.3, input_shape=shape)
    theta, X, y, lengths = data(net, m)
    lengths = lengths if name in SEQUENCES else None
    return net, theta, X, y, lengths


def bits(result):
    return np.append(result[1], result[0]).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_as_an_objective_of_them(name):
    net, theta, X, y, lengths = bound(name, 70)
    weight = np.linspace(0.1, 2, 70)
    whole = net.objective(X, y, sample_weight=weight, lengths=lengths)
    for rows in (slice(3, None, 2), np.arange(70)[::-3], np.array([5, 5, -1])):
        ends = None if lengths is None else lengths[rows]
        fresh = net.objective(X[rows], y[rows], sample_weight=weight[rows], lengths=ends)
        assert bits(whole(theta, rows=rows)) == bits(fresh(theta))


@pytest.mark.parametrize("name", NAMES)
def test_samples_of_weight_0_leave_nothing(name):
    net, theta, X, y, lengths = bound(name, 20)
    weight = np.arange(20) % 3 * 1.0
    want = net.objective(X, y, sample_weight=weight, lengths=lengths)(theta)
    X = X.copy()
    X[weight == 0] = 1e300
    found = net.objective(X, y, sample_weight=weight, lengths=lengths)(theta)
    assert bits(found) == bits(want)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_comes_out(name):
    net, theta, X, y, lengths = bound(name, 9)
    objective = net.objective(X, y, lengths=lengths)
    theta[-1] = np.nan
    J, D = objective(theta)
    assert np.isnan(J)
    assert np.isnan(D).any()
    with pytest.raises(ValueError, match="no samples"):
        net.objective(X[:0], y[:0])


@pytest.mark.parametrize("name", NAMES)
def test_many_threads_share_an_objective(name):
    net, theta, X, y, lengths = bound(name, 200)
    objective = net.objective(X, y, lengths=lengths, n_threads=2)
    want = bits(objective(theta))
    with ThreadPoolExecutor(8) as pool:
        assert set(map(bits, pool.map(objective, [theta] * 40))) == {want}


@POSIX
def test_fork_and_signals():
    run("""
from fastbp.layers import LSTM, Dense
def bind_steps(m):
    net = fastbp.Network([LSTM(4, 16), Dense(16, 2)], input_shape=(30, 4))
    return net.objective(np.ones((m, 30, 4)), np.ones((m, 2)), n_threads=2), net.init(seed=0)
objective, theta = bind_steps(400)
want = bits(objective, theta)
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if bits(objective, theta) == want else 1)
    finish(child)
def long(m):
    big, at = bind_steps(m)
    return lambda: big(at), lambda: big.n_evaluations
stop_in_the_middle(long, 1000)
assert bits(objective, theta) == want
""")
