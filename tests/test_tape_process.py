"""Tapes and samples on several threads and CPU levels: the same bits."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from processes import run
from tapes import (
    DTYPES,
    problem,
    program,
    random_program,
    same,
)

from fastbp._core import available_levels, core

BOTH = pytest.mark.parametrize("dtype", DTYPES)


# Threads


@BOTH
@pytest.mark.parametrize("m", [600, 5000, 100_001])
def test_threads_do_not_change_a_bit(m, dtype):
    rng = np.random.default_rng(m)
    made = random_program(rng, names=("multiply", "tanh", "add", "sigmoid", "sin", "minimum"))
    columns = [rng.normal(size=m).astype(dtype) for _ in range(3)]
    weights = rng.uniform(size=m)
    p = rng.normal(size=3)

    def bits(threads, weights=None):
        first, rest = problem(made, columns, weights, threads=threads, dtype=dtype).evaluate(p)
        return np.append(rest, first).tobytes()

    alone, weighted = bits(1), bits(1, weights)
    rows = problem(made, columns, dtype=dtype).values(p)
    for threads in range(2, 9):
        assert bits(threads) == alone
        assert bits(threads, weights) == weighted
        assert same(problem(made, columns, threads=threads, dtype=dtype).values(p), rows)


def at_once(work, n=8):
    errors = []

    def guarded():
        try:
            for _ in range(30):
                work()
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=guarded) for _ in range(n)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []


def test_eight_threads_may_share_a_tape_and_a_problem():
    rng = np.random.default_rng(0)
    n = 20_000  # so long that the GIL is let go
    gates = [("sin", 2 + k % 400, 2 + (k - 1) % 400 if k else 0) for k in range(n)]
    tape = core("float64").Tape(program(gates, [2 + (n - 1) % 400], 2), "value", (), 2, {}, None)
    made = random_program(rng, names=("multiply", "tanh", "add"))
    bound = problem(made, [rng.normal(size=20_000) for _ in range(3)], threads=2)
    points = rng.normal(size=(5, 3))
    wanted = [(tape.run(p[:2].copy()), bound.evaluate(p)) for p in points]

    def work():
        for p, (value, (first, rest)) in zip(points, wanted, strict=True):
            assert tape.run(p[:2].copy()) == value
            assert tape.call(*p[:2].tolist()) == value
            got = bound.evaluate(p)
            assert got[0] == first
            assert same(got[1], rest)

    at_once(work)


def test_buffers_at_work_are_not_for_another_thread():
    n = 3_000_000
    gates = [("sin", 1, 1 if k else 0) for k in range(n)]
    value = np.zeros(1)
    tape = core("float64").BufferTape(program(gates, [1], 1), [np.ones(1)], [value])
    refused = []

    def work():
        try:
            tape.run()
        except RuntimeError as error:
            refused.append(str(error))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all("another thread" in text for text in refused)
    alone = core("float64").Tape(program(gates, [1], 1), "value", (), 1, {}, None)
    assert value[0] == alone.run(np.ones(1))


# Levels

BITS = """
import hashlib, json, sys
import numpy as np
sys.path.insert(0, {tests!r})
from tapes import ARITY, COMPUTING, DTYPES, NUMBERS, problem, program, random_program, special

digests = {{}}
for dtype in DTYPES:
    rng = np.random.default_rng(0)
    a = special(dtype, rng, 4000)
    b, c = rng.permutation(a), rng.permutation(a)
    for name in COMPUTING:
        one = program([(name, 3, 0, 1, 2)], [3], 3, n_columns=3, n_numbers=0)
        rows = problem(one, [a, b, c], dtype=dtype).values(np.empty(0))
        rows[np.isnan(rows)] = np.nan
        digests[f"{{name}} {{dtype}}"] = hashlib.sha256(rows.tobytes()).hexdigest()
    for m in (1, 5, 64, 700, 5001):
        made = random_program(rng, names=("multiply", "tanh", "add", "sigmoid", "multiply_add"))
        columns = [rng.normal(size=m) for _ in range(3)]
        for weights in (None, rng.uniform(size=m)):
            bound = problem(made, columns, weights, threads=2, dtype=dtype)
            first, rest = bound.evaluate(rng.normal(size=3))
            digests[f"sums of {{m}} {{dtype}} {{weights is None}}"] = [first, *rest.tolist()]
json.dump(digests, sys.stdout)
"""


@pytest.mark.skipif(not {"v3", "v4"} <= set(available_levels()), reason="needs a CPU of level v4")
def test_v3_and_v4_give_the_same_bits(monkeypatch):
    found = []
    for level in ("v3", "v4"):
        monkeypatch.setenv("FASTBP_CPU", level)
        found.append(json.loads(run(BITS.format(tests=str(Path(__file__).parent)))))
    different = [name for name in found[0] if found[0][name] != found[1][name]]
    assert different == []
