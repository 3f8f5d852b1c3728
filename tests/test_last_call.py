"""net.cost and net.gradient: bound once for the same arrays, right for changed ones."""

import copy
import gc
import pickle
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.optimize import minimize

import fastbp
from fastbp import last_call

RNG = np.random.default_rng(0)


def network(**options):
    return fastbp.mlp(3, 4, 2, **options)  # its last call is its own


def arrays(m=20, dtype=float):
    return RNG.normal(size=(m, 3)).astype(dtype), RNG.normal(size=(m, 2)).astype(dtype)


@pytest.fixture
def bindings(monkeypatch):
    """How often a network was bound to data."""
    made = []

    class Counted(fastbp.Objective):
        __slots__ = ()

        def __init__(self, *arguments, **options):
            made.append(1)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(last_call, "Objective", Counted)
    return made


def right(net, theta, X, y, l2=None, w=None):
    copies = (None if a is None else np.array(a) for a in (X, y, w))
    X, y, w = copies
    return net.objective(X, y, l2, w)(theta)


def agrees(net, theta, *data):
    J, D = right(net, theta, *data)
    assert net.cost(theta, *data) == J
    assert np.array_equal(net.gradient(theta, *data), D)
    both = net.cost_and_gradient(theta, *data)
    assert both[0] == J
    assert np.array_equal(both[1], D)
    assert net.cost(theta, *data) == J


def test_the_same_arrays_are_bound_once_and_evaluated_once(bindings):
    net, (X, y) = network(), arrays()
    thetas = [net.init(seed=seed) for seed in range(5)]
    for theta in thetas:
        J, D = right(net, theta, X, y, 1)
        assert net.cost(theta, X, y, 1) == J
        gradient = net.gradient(theta, X, y, 1)
        assert np.array_equal(gradient, D)
        gradient[:] = 0  # it is the caller's
        assert np.array_equal(net.gradient(theta, X, y, 1), D)
    assert len(bindings) == 1
    objective = net._last_call.kept.objective
    assert objective.n_evaluations == 6  # the first cost could not know of a gradient


@pytest.mark.parametrize("axis", [(slice(None), None), None])
def test_axes_of_length_1_have_any_stride(axis, bindings):
    net, x, y = fastbp.mlp(1, 3, 1), RNG.normal(size=20), RNG.normal(size=20)
    X, Y = (x[:, None], y[:, None]) if axis else (x[None].T, y[None].T)
    for seed in range(3):
        agrees(net, net.init(seed=seed), X, Y)
    assert len(bindings) == 1


def test_costs_alone_are_evaluated_without_gradients(monkeypatch):
    net, (X, y) = network(), arrays()
    net.cost(net.init(seed=0), X, y)
    objective = net._last_call.kept.objective

    def gradient(*arguments):
        raise AssertionError

    objective._set(_evaluate=gradient)
    for seed in range(5):
        net.cost(net.init(seed=seed), X, y)


CONVERTED = {
    "in place": lambda X, y, w: (X, y, None),
    "weighted": lambda X, y, w: (X, y, w),
    "float32": lambda X, y, w: (X.astype("f4"), y.astype("f2"), w.astype(int)),
    "columns": lambda X, y, w: (np.asfortranarray(X), y[::-1], w),
    "swapped bytes": lambda X, y, w: (X.astype(">f8"), y.astype(">f4"), w),
}


@pytest.mark.parametrize("kind", CONVERTED)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_changed_data_is_noticed(kind, dtype, bindings):
    net, (X, y) = network(dtype=dtype), arrays()
    X, y, w = CONVERTED[kind](X, y, RNG.uniform(1, 9, 20))
    theta = net.init(seed=0)
    agrees(net, theta, X, y, 0.5, w)
    agrees(net, theta, X, y, 0.5, w)
    assert len(bindings) == 1
    for array in (X, y, w):
        if array is not None:
            array.flat[3] += 1
            agrees(net, theta, X, y, 0.5, w)
            array[...] = array[::-1].copy()
            agrees(net, theta, X, y, 0.5, w)


def test_data_that_became_wrong_is_refused():
    net, (X, y) = network(), arrays()
    theta = net.init(seed=0)
    net.gradient(theta, X, y)
    X[4, 1] = np.nan
    for call in (net.cost, net.gradient, net.cost_and_gradient):
        with pytest.raises(ValueError, match="X is nan at row 4, column 1"):
            call(theta, X, y)
    classes = fastbp.mlp(3, 2, output="softmax", loss="cross_entropy")
    labels = np.arange(20) % 2
    X[4, 1] = 0
    theta = classes.init(seed=0)
    classes.cost(theta, X, labels)
    labels[7] = 2
    with pytest.raises(ValueError, match=r"y holds labels 0\.\.2"):
        classes.cost(theta, X, labels)


def test_lists_and_frames_are_bound_anew(bindings):
    pd = pytest.importorskip("pandas")
    net, (X, y) = network(), arrays()
    theta = net.init(seed=0)
    rows = X.tolist()
    agrees(net, theta, rows, y)
    rows[0][0] = 5.0
    agrees(net, theta, rows, y)
    frame = pd.DataFrame(X)
    agrees(net, theta, frame, y)
    frame.iloc[0, 0] = 7.0
    agrees(net, theta, frame, y)
    objects = X.astype(object)
    with pytest.raises(TypeError, match="objects"):
        net.cost(theta, objects, y)
    assert net._last_call is None
    assert len(bindings) == 17


def test_other_arguments_are_other_calls():
    net, (X, y) = network(l2=0.1), arrays()
    theta, w = net.init(seed=0), np.arange(20) + 1.0
    for _ in range(2):
        for l2 in (None, 0, 1, 1.0, np.float64(2), np.array(3.0)):
            for weights in (None, w):
                agrees(net, theta, X, y, l2, weights)
        agrees(net, theta + 1, X[::-1], y)
        agrees(net, theta, X[:10], y[:10])
    with pytest.raises(ValueError, match="theta has"):
        net.cost(theta[:-1], X, y)
    with fastbp.num_threads(1):
        agrees(net, theta, X, y)
        assert net._last_call.kept.objective.n_threads == 1


def test_an_array_that_changes_its_shape_or_its_memory():
    net = fastbp.mlp(2, 1)
    theta, X, y = net.init(seed=0), RNG.normal(size=(6, 2)), RNG.normal(size=6)
    agrees(net, theta, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2.5 and later
        X.shape = (4, 3)
    with pytest.raises(ValueError, match="X has shape"):
        net.cost(theta, X, y)
    grown = RNG.normal(size=(6, 2))
    agrees(net, theta, grown, y)
    grown.resize((8, 2), refcheck=False)
    with pytest.raises(ValueError, match="y has shape"):
        net.cost(theta, grown, y)


@pytest.mark.parametrize("kind", ["in place", "float32"])
def test_arrays_are_not_kept_alive(kind):
    net, (X, y) = network(), arrays()
    X, y, _ = CONVERTED[kind](X, y, np.ones(20))
    theta = net.init(seed=0)
    gc.disable()
    try:
        net.gradient(theta, X, y)
        made = weakref.ref(net._last_call.kept)
        gone = weakref.ref(y)
        del y
        assert gone() is None
        kept = net._last_call.kept.objective
        assert (kept is None) == (kind == "float32")  # nor what was copied
        del kept
        gone = weakref.ref(X)
        del X
        assert gone() is None
        X, y = arrays()
        net.gradient(theta, X, y)
        assert made() is None
        made = weakref.ref(net._last_call.kept)
        del net
        gc.collect()
        assert made() is None
    finally:
        gc.enable()


def test_arrays_that_come_and_go_at_one_place():
    net = network()
    theta = net.init(seed=0)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
        J, D = net.objective(X, y)(theta)
        assert net.cost(theta, X, y) == J
        assert np.array_equal(net.gradient(theta, X, y), D)


def test_a_network_is_the_same_before_and_after():
    net, (X, y) = network(), arrays()
    before = hash(net), pickle.dumps(net), repr(net), net.to_dict()
    net.gradient(net.init(seed=0), X, y)
    assert (hash(net), pickle.dumps(net), repr(net), net.to_dict()) == before
    assert net == network()
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other == net
        assert other._last_call is None


@pytest.mark.parametrize("method", ["TNC", "L-BFGS-B", "BFGS"])
def test_the_documented_call_goes_the_way_of_the_objective(method, bindings):
    net, (X, y) = network(), arrays()
    theta, objective = net.init(seed=0), net.objective(X, y, 1)
    fit = minimize(net.cost, theta, args=(X, y, 1), method=method, jac=net.gradient)
    same = minimize(objective.fun, theta, method=method, jac=objective.jac)
    assert np.array_equal(fit.x, same.x)
    assert len(bindings) == 1
    evaluated = net._last_call.kept.objective.n_evaluations
    assert evaluated <= objective.n_evaluations + 1 + 0.1 * same.nfev


def test_threads_share_a_network():
    net = network()
    theta = net.init(seed=0)
    data = [arrays() for _ in range(3)]
    expected = [net.objective(X, y)(theta) for X, y in data]

    def work(number):
        for turn in range(100):
            i = (number + turn // 3) % 3
            X, y = data[i] if turn % 2 else (data[i][0].copy(), data[i][1].copy())
            same = net.cost(theta, X, y) == expected[i][0]
            if not same or not np.array_equal(net.gradient(theta, X, y), expected[i][1]):
                return f"data {i}"
        return ""

    with ThreadPoolExecutor(8) as pool:
        assert not "".join(pool.map(work, range(8)))
