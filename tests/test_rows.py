"""objective(theta, rows=k): the bits of an objective of X[k] and y[k], without making one."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import draw_targets, pairs
from processes import POSIX, run

import fastbp

LOSSES = []  # every loss, each with another of its outputs
for turn, name in enumerate(fastbp.losses()):
    allowed = [output for loss, output in pairs() if loss == name]
    LOSSES.append((name, allowed[turn % len(allowed)]))
# Narrow ones, one whose X has aligned rows, one that lies by strips, and one that keeps spans.
SHAPES = {
    "narrow": ((3, 5, 4), 40),
    "aligned": ((64, 25, 10), 700),
    "odd": ((33, 17, 3), 300),
    "strips": ((301, 50, 4), 260),
    "spans": ((301, 900, 3), 200),
}


def draw(widths, m, loss, output, dtype, rng):
    X = rng.normal(size=(m, widths[0])).astype(dtype)
    labels, targets = draw_targets(rng, loss, output, m, widths[-1], kind=rng.integers(3))
    return X, labels if targets is None else targets.astype(dtype)


def bits(pair):
    return np.append(pair[1], pair[0]).tobytes()


def fresh(net, X, y, k, weight, **options):
    return net.objective(X[k], y[k], sample_weight=None if weight is None else weight[k], **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_bits_of_a_fresh_objective(shape, dtype):
    widths, m = SHAPES[shape]
    rng = np.random.default_rng(len(shape))
    turn = 0
    for (loss, output), reduction, weighted in product(LOSSES, ("mean", "sum"), (False, True)):
        turn += 1
        if shape == "spans" and turn % 4:
            continue
        net = fastbp.mlp(
            *widths, hidden="tanh", output=output, loss=loss, dtype=dtype, reduction=reduction
        )
        X, y = draw(widths, m, loss, output, dtype, rng)
        weight = rng.random(m).astype(dtype) if weighted else None
        theta, l2 = net.init(seed=turn), (0.0, 0.7)[turn % 2]
        objective = net.objective(X, y, l2, weight, n_threads=1 + turn % 3)
        for k in (
            rng.integers(-m, m, 32),
            rng.permutation(m),
            rng.integers(0, m, 2 * m + 1),  # more than there are, many of them twice
            np.array([m - 1]),
            np.array([0, m - 1]),
            slice(None),
            slice(3, 30, 2),
            slice(None, 5, -3),
        ):
            there = fresh(net, X, y, k, weight, l2=l2)
            assert bits(objective(theta, rows=k)) == bits(there(theta)), (loss, k)
            assert objective.cost(theta, rows=k) == there.cost(theta)
        assert bits(objective(theta)) == bits(net.objective(X, y, l2, weight)(theta))


NET = fastbp.mlp(4, 6, 3, output="softmax", loss="cross_entropy", l2=0.3)
RNG = np.random.default_rng(0)
M = 50
X, Y, WEIGHT = RNG.normal(size=(M, 4)), RNG.integers(0, 3, M), RNG.random(M)
THETA = NET.init(seed=0)
OBJECTIVE = NET.objective(X, Y, sample_weight=WEIGHT)
SAME = fresh(NET, X, Y, [3, 7, 7, -1], WEIGHT)(THETA)


@settings(deadline=None, max_examples=150)
@given(
    rows=st.one_of(
        st.lists(st.integers(-M, M - 1), min_size=1, max_size=80),
        st.builds(
            slice,
            st.none() | st.integers(-2 * M, 2 * M),
            st.none() | st.integers(-2 * M, 2 * M),
            st.none() | st.integers(-9, 9).filter(bool) | st.just(10**30),
        ).filter(lambda s: len(range(M)[s]) > 0),
        st.lists(st.booleans(), min_size=M, max_size=M).filter(any),
    )
)
def test_any_rows(rows):
    k = rows if isinstance(rows, slice) else np.array(rows)
    assert bits(OBJECTIVE(THETA, rows=rows)) == bits(fresh(NET, X, Y, k, WEIGHT)(THETA))


@pytest.mark.parametrize("dtype", [*"bhilq", "f4", "f8"])
def test_data_in_any_layout(dtype):
    """Rows of X that lie apart, integers, lists: what is gathered is what was bound."""
    wide = np.arange(20 * 9).reshape(20, 9) % 7 - 3
    net = fastbp.mlp(4, 3)
    theta, y = net.init(seed=0), np.arange(60).reshape(20, 3) / 7
    for view in (wide[:, :4], wide[::-1, 2:6], np.asfortranarray(wide)[:, :4]):
        data = view.astype(dtype)
        objective = net.objective(data, y)
        want = net.objective(data.astype(float)[[4, 4, 19]], y[[4, 4, 19]])(theta)
        assert bits(objective(theta, rows=[4, 4, 19])) == bits(want)
    apart = np.full((20, 9), np.nan)
    apart[:, 3:7] = wide[:, :4]
    objective = net.objective(apart[:, 3:7], y)
    want = net.objective(wide[:, :4][5:9], y[5:9])(theta)
    assert bits(objective(theta, rows=range(5, 9))) == bits(want)


@pytest.mark.parametrize(
    "rows",
    [
        [3, 7, 7, -1],
        (3, 7, 7, -1),
        np.array([3, 7, 7, -1]),
        np.array([3, 7, 7, -1], np.int8),
        np.array([3, 7, 7, M - 1], np.uint64),
        np.array([3, 7, 7, -1], ">i4"),
        np.array([3, 0, 7, 0, 7, 0, -1])[::2],
        np.array([3, 7, 7, -1], np.longlong),
    ],
)
def test_row_numbers_of_any_kind(rows):
    assert bits(OBJECTIVE(THETA, rows=rows)) == bits(SAME)
    assert OBJECTIVE.fun(THETA, rows=rows) == OBJECTIVE.cost(THETA, rows=rows) == SAME[0]
    assert np.array_equal(OBJECTIVE.jac(THETA, rows=rows), SAME[1])
    assert bits(OBJECTIVE([*THETA], rows=rows)) == bits(SAME)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([0, M], IndexError, r"rows\[1\] is 50.*50 samples.*-50 \.\.\. 49"),
        (np.array([-M - 1]), IndexError, r"rows\[0\] is -51"),
        (np.array([1, 2**64 - 1], np.uint64), IndexError, r"rows\[1\] is 18446744073709551615"),
        ([True] * 49, IndexError, "mask of 49 booleans, but there are 50"),
        ([False] * 50, ValueError, "False for each of the 50"),
        ([], ValueError, "none of the 50 samples"),
        (np.array([], int), ValueError, "none; expected at least one"),
        (slice(5, 5), ValueError, "slice.5, 5.* of 50 samples are none"),
        (slice(60, None), ValueError, "none"),
        (3, ValueError, r"shape \(\).*list of one"),
        ([[1, 2]], ValueError, r"shape \(1, 2\).*ravel"),
        ([1.0], TypeError, r"dtype float64.*integers"),
        (["a"], TypeError, "dtype <U1"),
        ([None], TypeError, "dtype object"),
        (slice("a"), TypeError, "slice indices"),
        ("a", TypeError, "rows is 'a'; expected row numbers"),
        (2.0, TypeError, "rows is 2.0; expected row numbers"),
        (len, TypeError, "rows is <built-in function len>.*; expected row numbers"),
        ({3, 1}, TypeError, r"rows has no order: \{1, 3\} \(set\); .*sorted"),
        ({3: 1}, TypeError, "rows has no order"),
    ],
)
def test_refused(rows, error, message):
    for call in (OBJECTIVE, OBJECTIVE.fun, OBJECTIVE.jac, OBJECTIVE.cost):
        with pytest.raises(error, match=message):
            call(THETA, rows=rows)
    assert bits(OBJECTIVE(THETA, rows=[3, 7, 7, -1])) == bits(SAME)


def test_rows_that_weigh_nothing():
    weight = WEIGHT.copy()
    weight[:4] = 0
    objective = NET.objective(X, Y, sample_weight=weight)
    with pytest.raises(ValueError, match="0 for every one of these rows"):
        objective(THETA, rows=slice(4))
    there = NET.objective(X[:6], Y[:6], sample_weight=weight[:6])
    assert bits(objective(THETA, rows=slice(6))) == bits(there(THETA))


def test_a_wrong_theta_is_refused_as_ever():
    with pytest.raises(ValueError, match="theta has 3 numbers"):
        OBJECTIVE(np.zeros(3), rows=[1])


def test_circuits_have_no_rows():
    p, x = fastbp.variables("p x")
    objective = fastbp.circuit(p * x, wrt=[p]).objective({"x": np.ones(3)})
    for call in (objective, objective.fun, objective.jac, objective.cost):
        with pytest.raises(TypeError, match="rows= is for objectives of networks"):
            call([1.0], rows=[0])


def test_data_changed_since_is_what_is_gathered():
    data, labels = X.copy(), Y.copy()
    objective = NET.objective(data, labels)
    before = objective(THETA, rows=[1, 2])
    data[1], labels[2] = 7.0, (labels[2] + 1) % 3
    after = objective(THETA, rows=[1, 2])
    assert bits(after) != bits(before)
    assert bits(after) == bits(NET.objective(data[1:3], labels[1:3])(THETA))
    labels[:] = 10**9  # no class, and no place in memory either
    assert np.isfinite(objective(THETA, rows=[1, 2])[0])


def test_sizes_in_turn_threads_and_copies():
    rng = np.random.default_rng(1)
    wanted = [rng.integers(0, M, n) for n in (1, 2, 3, 32, 5, 32, 7, 1, 200)] * 4
    want = [bits(fresh(NET, X, Y, k, WEIGHT)(THETA)) for k in wanted]
    assert [bits(OBJECTIVE(THETA, rows=k)) for k in wanted] == want
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            assert [*pool.map(lambda k: bits(OBJECTIVE(THETA, rows=k)), wanted)] == want
    again = pickle.loads(pickle.dumps(OBJECTIVE))
    assert [bits(again(THETA, rows=k)) for k in wanted] == want


def test_each_is_counted():
    objective = NET.objective(X, Y)
    for rows in ([1], slice(3), None):
        objective(THETA, rows=rows)
    objective.cost(THETA, rows=[1])
    assert objective.n_evaluations == 4
    assert objective.seconds > 0


FORKED = """
net = fastbp.mlp(30, 40, 20, 3, output="softmax", loss="cross_entropy")
rng = np.random.default_rng(0)
X, y, theta = rng.normal(size=(5000, 30)), rng.integers(0, 3, 5000), net.init(seed=0)
objective = net.objective(X, y, n_threads=2)
k = rng.integers(0, 5000, 3000)
want = bits(lambda theta: objective(theta, rows=k), theta)
child = os.fork()
if child == 0:
    os._exit(0 if bits(lambda theta: objective(theta, rows=k), theta) == want else 1)
assert os.waitpid(child, 0)[1] == 0
assert bits(net.objective(X[k], y[k]), theta) == want
"""


@POSIX
def test_after_fork():
    run(FORKED)
