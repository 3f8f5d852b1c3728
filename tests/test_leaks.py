"""Nothing is lost per call: not over a million evaluations, not on the way out of an error.

Each case runs in a process of its own, after a warm-up. Two things are counted: blocks of Python's
allocator, which see every object, and the resident memory, which sees what C allocated too.
"""

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from arrays import with_entry
from chains import dense_chain

import fastbp
from fastbp import kernels
from fastbp._core import core

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="reads the resident memory from /proc"
)
# A sanitized build keeps what is freed in quarantine and is many times slower.
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
WINDOWS = 5
SLACK = 50_000  # bytes in a window, however many its calls: a quarter of a byte for each of 200 000
BLOCKS = 50  # Python's own caches move by some dozens

NET = fastbp.mlp(2, 3, 1, output="sigmoid", loss="cross_entropy", l2=0.1)
X = np.random.default_rng(0).normal(size=(6, 2))
Y = np.arange(6) % 2
THETA = NET.init(seed=0)
OBJECTIVE = NET.objective(X, Y)
SINGLE = fastbp.mlp(2, 3, 1, output="sigmoid", loss="cross_entropy", dtype="float32")
IN_SINGLE = SINGLE.objective(X, Y)
LARGE_NET = fastbp.mlp(20, 30, 5)
LARGE = LARGE_NET.objective(np.ones((5000, 20)), np.ones((5000, 5)), n_threads=2)
LARGE_THETA = LARGE_NET.init(seed=0)
ROW = np.ones((6, 1))
FREE = np.delete(THETA, NET.blocks()[1].indices)
BUFFER = np.empty_like(THETA)
APART = NET.objective(np.ones((6, 5))[:, 1:3], Y)
ROWS = np.array([3, 1, -1])
MODEL = NET.bind(THETA)


def fails(call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except (TypeError, ValueError, IndexError):
        return
    raise AssertionError("no error")


def half_bound(**wrong):
    """The engine's own refusals, after it has begun to allocate."""
    engine, network = core("float64"), {
        "widths": (2, 3, 1), "activations": ("tanh", "sigmoid"), "loss": "cross_entropy",
    }  # fmt: skip
    if network.keys() & wrong.keys():
        fails(dense_chain, engine, **{**network, **wrong})
        return
    arguments = {
        "chain": dense_chain(engine, **network), "X": X, "labels": None, "targets": ROW,
        "sample_weight": None, "l2": 0.0, "mean": True, "n_threads": 1,
    }  # fmt: skip
    fails(engine.BoundNetwork, **{**arguments, **wrong})


def every_refusal_of_the_engine():
    half_bound(X=X[:, :1])
    half_bound(targets=None)
    half_bound(targets=ROW[:3])
    half_bound(labels=np.full(6, 7), targets=None)
    half_bound(sample_weight=np.ones(5))
    half_bound(loss="nothing")
    half_bound(activations=("tanh", "nothing"))
    half_bound(X=X.astype("f4"))


def interrupted():
    """A handler evaluates the objective that is running, then raises."""

    def handler(number, frame):
        LONG.cost(LARGE_THETA)
        raise ValueError

    signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while True:
            LONG(LARGE_THETA)
    except ValueError:
        return


def at_once():
    """Two callers of one objective: the second makes its own scratch."""

    def work():
        for _ in range(20):
            LARGE(LARGE_THETA)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kernel_calls():
    z, a = kernels.forward(NET.unpack(THETA)[0], X, "tanh")
    kernels.output_delta("squared_error", "tanh", z, a)
    Delta = kernels.accumulate(z, X)
    kernels.regularized_gradient(Delta, Delta, 1, 6)


def bad_kernel_calls():
    fails(kernels.forward, [[1.0, 2.0]], X)
    fails(kernels.forward, NET.unpack(THETA)[0], X, "nothing")
    fails(kernels.accumulate, X, X, X)


WITH_NAN = with_entry(X, (3, 1), np.nan)
# what: (how many calls, the call)
CASES = {
    "cost and gradient": (1_000_000, lambda: OBJECTIVE(THETA)),
    "cost and gradient, float32": (200_000, lambda: IN_SINGLE(THETA)),
    "cost": (200_000, lambda: OBJECTIVE.cost(THETA)),
    "fun and jac": (50_000, lambda: (OBJECTIVE.fun(THETA), OBJECTIVE.jac(THETA))),
    "on threads": (1_000, lambda: LARGE(LARGE_THETA)),
    "two callers at once": (25, at_once),
    "theta converted": (50_000, lambda: OBJECTIVE([0.5] * 13)),
    "theta too short": (100_000, lambda: fails(OBJECTIVE, THETA[:-1])),
    "theta of the wrong shape": (30_000, lambda: fails(OBJECTIVE, ROW)),
    "theta that is none": (30_000, lambda: fails(OBJECTIVE, None)),
    "theta complex": (30_000, lambda: fails(OBJECTIVE.cost, THETA * 1j)),
    "theta not read by the engine": (1_000_000, lambda: OBJECTIVE._evaluate(0, True)),
    "theta not finite": (50_000, lambda: OBJECTIVE(THETA * np.nan)),
    "objectives": (10_000, lambda: NET.objective(X, Y, sample_weight=Y)),
    "objectives with room for threads": (1_000, lambda: LARGE_NET.objective(*LARGE._data)),
    "classic calls": (10_000, lambda: NET.cost_and_gradient(THETA, X, Y, 1)),
    "classic calls with other arrays": (5_000, lambda: NET.cost(THETA, X.astype("f4"), Y.copy())),
    "composites": (10_000, lambda: (2 * OBJECTIVE.with_penalty(l1=1)).frozen("layer 1 bias")(FREE)),
    "into a buffer": (100_000, lambda: OBJECTIVE.into(THETA, BUFFER)),
    "into no buffer": (30_000, lambda: fails(OBJECTIVE.into, THETA, ROW)),
    "data apart": (10_000, lambda: APART.fun(THETA)),
    "forward": (30_000, lambda: NET.forward(THETA, X)),
    "rows": (100_000, lambda: OBJECTIVE(THETA, rows=ROWS)),
    "rows of many sizes": (20_000, lambda: [OBJECTIVE(THETA, rows=slice(n)) for n in (1, 2, 3)]),
    "rows there are not": (20_000, lambda: fails(OBJECTIVE, THETA, [10**6])),
    "models": (10_000, lambda: NET.bind(THETA)(X)),
    "samples": (300_000, lambda: MODEL(X[0])),
    "samples refused": (20_000, lambda: fails(MODEL, WITH_NAN)),
    "data not finite": (20_000, lambda: fails(NET.objective, WITH_NAN, Y)),
    "labels out of range": (20_000, lambda: fails(NET.objective, X, Y + 3)),
    "rows do not match": (20_000, lambda: fails(NET.objective, X, Y[:-1])),
    "refusals of the engine": (4_000, every_refusal_of_the_engine),
    "kernels": (10_000, kernel_calls),
    "kernels refuse": (10_000, bad_kernel_calls),
    "interrupted": (20, interrupted),
}  # fmt: skip
KEPT = []
LEAK = {"leak": (100_000, lambda: KEPT.append(OBJECTIVE(THETA)))}


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(what):
    """(bytes, blocks) that a window of a case's calls leaves behind, the least of the windows.

    A heap that once grows, for two calls that happen to meet, or a cache of Python's that fills,
    grows in some windows; a leak in all.
    """
    global LONG
    calls, call = (CASES | LEAK)[what]
    if what == "interrupted":
        m = 150_000
        LONG = LARGE_NET.objective(np.ones((m, 20)), np.ones((m, 5)), n_threads=2)
    counts = []
    for _ in range(WINDOWS + 1):
        for _ in range(calls // WINDOWS):
            call()
        gc.collect()
        counts.append((resident(), sys.getallocatedblocks()))
    return tuple(int(n) for n in np.diff(counts, axis=0).min(axis=0))


def measured(what):
    packages = str(Path(fastbp.__file__).parents[1])  # the fastbp that this process has
    # One arena, so that a thread's share of the allocator is no growth; and large blocks go back
    # to the system, so that a leak of one shows.
    environment = {"PYTHONPATH": packages, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, __file__, what],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return tuple(map(int, done.stdout.split()))


@pytest.mark.skipif(SANITIZED, reason="a sanitized build keeps what is freed")
def test_nothing_is_lost():
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(CASES, pool.map(measured, CASES), strict=True))
    lost = {
        what: f"{memory} bytes, {blocks} blocks in {CASES[what][0]} calls"
        for what, (memory, blocks) in found.items()
        if memory > SLACK or blocks > BLOCKS
    }
    assert lost == {}


@pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: t * 1j, lambda t: t.reshape(1, -1)])
def test_a_refused_theta_is_let_go_at_once(spoil):
    """Without waiting for the collector of cycles."""
    theta = spoil(THETA.copy())
    gone = weakref.ref(theta)
    gc.disable()
    try:
        with pytest.raises((TypeError, ValueError)):
            OBJECTIVE(theta)
        fails(OBJECTIVE, theta)
        del theta
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(SANITIZED, reason="a sanitized build keeps what is freed")
def test_a_leak_would_be_seen():
    memory, blocks = measured("leak")
    assert blocks > BLOCKS
    assert memory > SLACK


if __name__ == "__main__":
    print(*growth(sys.argv[1]))
