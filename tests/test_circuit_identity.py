"""Circuits as objects: equality, pickles, lifetime, threads, size, lazy import."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from processes import run

import fastbp
from fastbp import circuit, circuits, variable, variables
from fastbp.circuits import sigmoid

A, B, C, X, Y = variables("a b c x y")
NEURON = circuit(sigmoid(A * X + B * Y + C))
POINT = np.array([1.0, 2, -3, -1, 3])
FED = circuit(sigmoid(A * X + B * Y + C), wrt=[A, B, C])


def test_equal_circuits_are_equal():
    def build(factor=2.0):
        a, b, x = variable("a"), variables("b", 2), variable("x")
        return circuit(sigmoid(factor * a * x) + b @ b, wrt=[a, b])

    assert build() == build()
    assert hash(build()) == hash(build())
    assert build() != build(3.0)
    assert build() != NEURON
    assert NEURON != FED
    assert build() != "circuit"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))]
)
def test_copies_and_pickles_are_equal_and_give_the_same_bits(copied):
    w, x = variables("w", 3), variables("x", 3)
    f = circuit([sigmoid(w @ x), circuits.sum(w * w)], wrt=[w])
    p, q = np.array([0.1, 0.2, 0.3]), np.array([1.0, -1, 2])
    wanted = f(p, x=q).tolist(), f.jacobian(p, x=q).tolist()
    other = copied(f)
    assert other == f
    assert repr(other) == repr(f)
    assert (other(p, x=q).tolist(), other.jacobian(p, x=q).tolist()) == wanted
    NEURON.hessp(POINT, POINT)
    other = copied(NEURON)
    assert other.hessp(POINT, POINT).tolist() == NEURON.hessp(POINT, POINT).tolist()


def test_a_pickle_of_another_version_is_refused():
    rebuild, (_, *rest) = NEURON.__reduce__()
    with pytest.raises(ValueError, match="pickled in format 99; this fastbp reads format 1"):
        rebuild(99, *rest)


def test_a_circuit_is_freed():
    f = circuit(A * B + C)
    f.value_and_gradient(1, 2, 3)
    f.hessian([1, 2, 3])
    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None


def test_eight_threads_may_share_a_circuit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    points = rng.normal(size=(20, 3))
    fresh = circuit(sigmoid(A * X + B * Y + C), wrt=[A, B, C])
    errors = []

    def wanted(f, p):
        results = (
            f.value_and_gradient(p, x=1.5, y=2.5), f.value_and_gradient(p.tolist(), x=x, y=0),
            f.hessian(p, x=1.5, y=2), f.hessp(p, p, x=1.5, y=x), f.jacobian(p, x=1, y=1),
        )  # fmt: skip
        return pickle.dumps(results)

    want = [wanted(FED, p) for p in points]

    def work():
        try:
            for _ in range(10):
                for p, bits in zip(points, want, strict=True):
                    assert wanted(fresh, p) == bits
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []


def test_large_circuits():
    """More slots than the stack holds, and more gates than are worth keeping the GIL for."""
    x = variables("x", 300)
    total, chain = circuits.sum(x * x), x[0]
    for _ in range(20_000):
        chain = circuits.sin(chain) + x[1]
    f = circuit(total + chain)
    p = np.linspace(-1, 1, 300)
    value, gradient = f.value_and_gradient(p)
    want, slope = p[0], 1.0
    for _ in range(20_000):
        slope *= np.cos(want)
        want = np.sin(want) + p[1]
    np.testing.assert_allclose(value, p @ p + want, rtol=1e-12)
    np.testing.assert_allclose(gradient[2:], 2 * p[2:])
    np.testing.assert_allclose(gradient[0], 2 * p[0] + slope, rtol=1e-10)
    assert f(p.tolist()) == f(p) == f(*p.tolist())


def test_networks_may_be_made_while_circuits_are_imported():
    """A module half imported has no Circuit yet, and no network can have one."""
    run("""
errors, stop = [], threading.Event()
def work():
    try:
        while not stop.is_set():
            fastbp.Dense(2, 3, "tanh")
    except BaseException as error:
        errors.append(error)
fastbp.mlp(2, 3, 1)
workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
fastbp.circuit
stop.set()
for worker in workers:
    worker.join()
assert errors == [], errors
""")


def test_importing_fastbp_does_not_import_circuits():
    script = (
        "import sys, fastbp; assert not any('circuit' in m for m in sys.modules if 'fastbp' in m)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    script = (
        "from fastbp import Circuit, circuit, circuits, variable, variables; circuit(variable('a'))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert fastbp.circuit is circuit
