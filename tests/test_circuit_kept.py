"""What a circuit keeps of its compilations: by kind, shared by its objectives, and bounded."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastbp import circuit, circuits, variables
from fastbp.circuits import compiler

A, B, X, Y = variables("a b x y")
P = np.array([0.3, -0.7])
DATA = {"x": np.linspace(-1, 1, 100), "y": np.linspace(0, 1, 100)}


def made():
    return circuit((circuits.sigmoid(A * X + B) - Y) ** 2, wrt=[A, B])


@pytest.fixture
def compilations(monkeypatch):
    """What is compiled, kind by kind."""
    seen = []
    fresh = compiler.Compiler.fresh_program

    def counted(self, kind, varying=()):
        seen.append((kind, varying))
        return fresh(self, kind, varying)

    monkeypatch.setattr(compiler.Compiler, "fresh_program", counted)
    return seen


def test_a_new_objective_compiles_nothing_again(compilations):
    f = made()

    def use(data):
        objective = f.objective(data)
        objective(P), objective.cost(P), objective.hessp(P, P), objective.hessian(P)

    use(DATA)
    assert len(compilations) == 4
    for m in (1, 64, 1000):
        use({"x": np.ones(m), "y": np.ones(m)})
    assert len(compilations) == 4
    use({"x": DATA["x"], "y": 0.5})
    assert len(compilations) == 8


def test_values_of_samples_compile_once(compilations):
    f = made()
    for _ in range(3):
        f(P, **DATA), f.gradient(P, **DATA), f.value_and_gradient(P, x=0.5, y=1.0)
    assert len(compilations) == len(set(compilations)) == 5  # numbers first, then samples


def test_what_is_kept_is_bounded():
    data = variables(" ".join(f"d{i}" for i in range(8)))
    f = circuit(A * sum(data), wrt=[A])
    size = len(f._compiler.graph)
    for turn in range(2 * compiler.KEPT):
        columns = {each.name: np.ones(3) if turn >> i & 1 else 1.0 for i, each in enumerate(data)}
        assert f.objective(columns)(2.0)[0] == 16
        f.forward(2.0, **dict.fromkeys(columns, 1.0))
        assert f.wires()[A * sum(data)].value == 16
        f.hessp([2.0], [1.0], **columns)
        assert len(f._compiler._kept) <= compiler.KEPT
    assert len(f._compiler.graph) == size
    outputs = circuit([A * k for k in range(100)])
    outputs.forward(1.0)
    for k in range(100):
        assert outputs.wires(k).gradient[0] == k
    assert len(outputs._compiler._kept) <= compiler.KEPT


def test_copies_and_pickles_have_nothing_of_it():
    f = made()
    before = len(pickle.dumps(f))
    f.objective(DATA)(P)
    f.hessian(P, **DATA)
    assert len(pickle.dumps(f)) == before
    for other in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert other == f
        assert not {"samples", "tape"} & {key[0] for key in other._compiler._kept}
        assert other.objective(DATA)(P)[0] == f.objective(DATA)(P)[0]


def test_threads_that_compile_the_same_circuit():
    for _ in range(20):
        f = made()
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _, f=f: f.objective(DATA)(P), range(16)))
        assert len({J for J, _ in results}) == 1
        assert len({D.tobytes() for _, D in results}) == 1
