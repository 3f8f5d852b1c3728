"""Circuits among threads, forks and signals, over many calls, and in pickles.

Scripts run in a process of their own: a hang or a crash is the failure of one test.
"""

import gc
import os
import pickle
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import processes
import pytest
from processes import POSIX

from fastbp import circuit, circuits, variable, variables

SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")

PREAMBLE = """\
import gc, pickle
from fastbp import circuit, circuits, variable, variables

a, b, x = variables("a b x")
w = variables("w", 3)

def make():
    return circuit(circuits.tanh(a * x + b) ** 2 * circuits.exp(-(w @ w)), wrt=[a, b, w])

p = np.array([0.5, -0.25, 0.1, 0.2, 0.3])

def bits(f, objective):
    value, gradient = objective(p)
    return b"".join(np.asarray(part).tobytes() for part in (
        value, gradient, objective.hessp(p, p), f(p, x=2.0), f.gradient(p, x=2.0),
        f.hessian(p, x=2.0), f.hessp(p, p, x=2.0), f.jacobian(p, x=np.arange(5.0))))

def bind(m=20_000, n_threads=2):
    f = make()
    return f, f.objective({"x": np.resize(np.linspace(-2, 2, 977), m)}, n_threads=n_threads)

def chain(length):
    e = a
    for i in range(length):
        e = e * b + a
    return e
"""

run = partial(processes.run, preamble=PREAMBLE, MALLOC_ARENA_MAX="1")


# Threads


def test_eight_threads_share_a_circuit_from_its_first_call():
    """All derivatives are compiled while the others call, and the objective is bound meanwhile."""
    a, b, x = variables("a b x")
    w = variables("w", 300)  # more slots than fit the stack
    e = circuits.tanh(a * x + b) * circuits.sum(circuits.sin(w) * a)
    p, data = np.linspace(-1, 1, 302), np.linspace(-2, 2, 3000)

    def results(f, objective):
        some = f.callable_into(p, value := np.zeros(1), x=np.ones(1))
        some()
        return pickle.dumps(
            (
                f(p, x=1.5), f.value_and_gradient(p, x=1.5), f.gradient(p.tolist(), x=data[:3]),
                f.jacobian(p, x=0.5), f.hessp(p, p, x=1.5), value, objective(p), objective.cost(p),
                objective.hessp(p, p), objective.fun(p), objective.jac(p),
            )
        )  # fmt: skip

    def bound(f):
        return f.objective({"x": data}, n_threads=2)

    reference = circuit(e, wrt=[a, b, w])
    want = results(reference, bound(reference))
    for _ in range(3):
        f = circuit(e, wrt=[a, b, w])
        objective, errors, gate = bound(f), [], threading.Barrier(8)

        def work(f=f, objective=objective, errors=errors, gate=gate):
            try:
                gate.wait()
                for turn in range(6):
                    assert results(f, bound(f) if turn == 3 else objective) == want
            except BaseException as error:
                errors.append(error)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            workers = [threading.Thread(target=work) for _ in range(8)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        finally:
            sys.setswitchinterval(interval)
        assert errors == []


# Forks


@POSIX
def test_forks_between_evaluations_and_compilations():
    run("""
f, objective = bind()
want = bits(f, objective)
for turn in range(40):
    child = os.fork()
    if child == 0:
        fresh, other = bind()
        os._exit(0 if bits(f, objective) == want == bits(fresh, other) else 1)
    finish(child)
    assert bits(f, objective) == want
""")


@POSIX
def test_forks_while_other_threads_compile_and_evaluate():
    run("""
import warnings
warnings.simplefilter("ignore")
f, objective = bind()
want = bits(f, objective)
long = chain(30_000)
slope = circuit(long).gradient(0.5, 0.25).tolist()
running, current = True, circuit(long)
def compile_():
    global current
    while running:
        current = circuit(long)
        assert current.gradient(0.5, 0.25).tolist() == slope
def evaluate():
    while running:
        assert bits(f, objective) == want
threads = [threading.Thread(target=work) for work in (compile_, evaluate)]
for thread in threads:
    thread.start()
for turn in range(12):
    child = os.fork()
    if child == 0:
        # the graph of `current` may be in the middle of a sweep, of a thread that is not here
        right = current.gradient(0.5, 0.25).tolist() == slope and bits(f, objective) == want
        os._exit(0 if right else 1)
    finish(child)
running = False
for thread in threads:
    thread.join()
""")


# Signals


@POSIX
def test_ctrl_c_in_a_long_evaluation_of_any_kind():
    run("""
def made(m):
    f, objective = bind(m)
    data = np.resize(np.linspace(-2, 2, 977), m)
    return objective, (
        objective, objective.cost, objective.fun, objective.jac, lambda p: objective.hessp(p, p),
        lambda p: f(p, x=data), lambda p: f.gradient(p, x=data))
def at(m):
    global calls
    objective, calls = made(m)
    # Calls on arrays are not counted: they may have been interrupted at their end.
    return lambda: calls[i](p), lambda: objective.n_evaluations
for i in range(7):
    m = stop_in_the_middle(at, 100_000)
    # the same call again, and another one where nothing was interrupted
    assert pickle.dumps(calls[i](p)) == pickle.dumps(made(m)[1][i](p))
""")


COMPILING = """
long = chain(70_000)
calls = 0
def handler(number, frame):
    global calls
    calls += 1
    act()
def act():
    pass
def compiled():
    return current.gradient(0.5, 0.25).tolist()
current = circuit(long)
start = time.perf_counter()
slope = compiled()
took = time.perf_counter() - start  # about: the signals may also come before or after
value = circuit(long)(0.5, 0.25)
signal.signal(signal.SIGALRM, handler)
"""


@POSIX
def test_a_signal_handler_may_compile_the_circuit_that_is_being_compiled():
    """And others of the same expression, while the marks of a walk are in it."""
    run(
        COMPILING
        + """
kinds = [lambda: current(0.5, 0.25) == value or sys.exit("value"),
         lambda: current.gradient(0.5, 0.25).tolist() == slope or sys.exit("gradient"),
         lambda: circuit(long)(0.5, 0.25) == value or sys.exit("another"),
         lambda: circuit(long * 2).gradient(0.5, 0.25)[0] == 2 * slope[0] or sys.exit("twice")]
for act in kinds:
    for part in (0.3, 0.7):
        before = calls
        signal.setitimer(signal.ITIMER_REAL, part * took)
        current = circuit(long)
        assert compiled() == slope
        while calls == before:
            time.sleep(0.001)
    assert abs(circuit(long * a).gradient(0.5, 0.25)[0] - value - 0.5 * slope[0]) < 1e-9
"""
    )


@POSIX
def test_ctrl_c_in_a_compilation_leaves_the_circuit_as_it_was():
    run(
        COMPILING
        + """
def act():
    raise KeyboardInterrupt
interrupted = 0
for part in np.linspace(0.05, 0.95, 3):
    current = circuit(long)
    try:
        signal.setitimer(signal.ITIMER_REAL, part * took)
        compiled()
        time.sleep(60)
    except KeyboardInterrupt:
        interrupted += 1
    assert compiled() == slope
    assert current(0.5, 0.25) == value
assert interrupted == 3
"""
    )


# Memory

LEAKS = """
f, objective = bind(64, 1)
g = circuit([a * b, a + b])
given = np.array([1.5, 2.5])
value, gradient = np.zeros(1), np.zeros(5)
into = f.callable_into(p, value, gradient, x=np.ones(1))
samples = {"x": np.arange(10.0)}
large = circuit(chain(2000))
nan = np.array([1.0, np.nan])

def fails(call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except (TypeError, ValueError):
        return
    raise AssertionError("no error")

def everything(f):
    f(p, x=1.0), f.gradient(p, x=1.0), f.hessian(p, x=1.0), f.hessp(p, p, x=1.0), f(p, **samples)

# what: (how many calls, the call)
CASES = {
    "calls": (100_000, lambda: f(p, x=1.0)),
    "value and gradient": (100_000, lambda: f.value_and_gradient(p, x=1.0)),
    "arrays": (100_000, lambda: g.jacobian(given)),
    "large": (1_000, lambda: large(1.0, 0.5)),
    "converted": (4_000, lambda: f.gradient([1, 2, 3, 4, 5], x=1)),
    "hessp": (4_000, lambda: f.hessp(p, p, x=1.0)),
    "samples": (4_000, lambda: f.gradient(p, **samples)),
    "no samples": (4_000, lambda: f(p, x=np.zeros(0))),
    "buffers": (100_000, into),
    "objective": (100_000, lambda: objective(p)),
    "fun and jac": (4_000, lambda: (objective.fun(p), objective.jac(p))),
    "objective hessp": (4_000, lambda: objective.hessp(p, p)),
    "p too short": (4_000, lambda: fails(f, p[:-1], x=1.0)),
    "p is none": (4_000, lambda: fails(f, None, x=1.0)),
    "unknown name": (5_000, lambda: fails(f, p, z=1.0)),
    "no data": (4_000, lambda: fails(f, p)),
    "no number": (4_000, lambda: fails(f, p, x="1")),
    "samples do not match": (4_000, lambda: fails(g, given, a=nan)),
    "objective p too short": (4_000, lambda: fails(objective, p[:-1])),
    "objective p complex": (4_000, lambda: fails(objective, p * 1j)),
    "objective hessp refused": (4_000, lambda: fails(objective.hessp, p, 1)),
    "data not finite": (4_000, lambda: fails(f.objective, {"x": nan})),
    "weights refused": (4_000, lambda: fails(f.objective, samples, sample_weight=[1.0])),
    "buffers refused": (4_000, lambda: fails(f.callable_into, p, value, value, x=value)),
    "objectives": (2_000, lambda: f.objective(samples)(p)),
    "buffers bound": (2_000, lambda: f.callable_into(p, value, gradient, x=value)),
    "circuits": (80, lambda: everything(make())),
    "circuits refused": (5_000, lambda: fails(circuit, a * b, wrt=[a, a])),
    "expressions refused": (20_000, lambda: fails(lambda: a * b + "c")),
    "expressions": (20_000, lambda: circuits.sin(a * b + 2.0) ** 2),
    "long expressions": (12, lambda: chain(10_000)),
    "pickles": (80, lambda: pickle.loads(pickle.dumps(f))),
}

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

lost = {}
for what, (calls, call) in CASES.items():
    counts = []
    for _ in range(5):
        for _ in range(calls // 4):
            call()
        gc.collect()
        counts.append((resident(), sys.getallocatedblocks()))
    memory, blocks = np.diff(counts, axis=0).min(axis=0)
    if memory > 50_000 or blocks > 50:
        lost[what] = f"{memory:.0f} bytes, {blocks:.0f} blocks in {calls // 4} calls"
print(lost)
"""


@pytest.mark.skipif(SANITIZED, reason="a sanitized build keeps what is freed")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_nothing_is_lost():
    assert run(LEAKS) == "{}\n"


def test_circuits_expressions_and_objectives_are_freed():
    import weakref

    class Vector(np.ndarray):
        """An array that can tell when it is gone."""

    data = np.ones(1000).view(Vector)
    gone = weakref.ref(data)
    a, x = variable("a"), variable("x")
    f = circuit(a * x, wrt=[a])
    objective = f.objective({"x": data})
    objective([2.0])
    f([2.0], x=data)
    del data
    gc.collect()
    assert gone() is not None
    circuits_gone = weakref.ref(f)
    del f, objective
    gc.collect()
    assert gone() is None
    assert circuits_gone() is None


# Pickles


@POSIX
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pickles_give_the_same_bits_in_another_process(method):
    """Also of large circuits, which are deep."""
    script = f"""
import multiprocessing

def work(pair):
    return bits(*pair)

def slope(f):
    return f.gradient(0.5, 0.25).tolist()

if __name__ == "__main__":
    f, objective = bind(1000)
    want = bits(f, objective)
    deep = circuit(chain(50_000))
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(work, [(f, objective)] * 4) == [want] * 4
        assert pool.map(slope, [deep] * 2) == [slope(deep)] * 2
"""
    run(script)


def test_damaged_pickles_are_refused():
    a, x = variable("a"), variable("x")
    f = circuit(a * x + 2, wrt=[a])
    rebuild, (version, graph, outputs, *rest) = f.__reduce__()
    make, (inputs, table, fold) = graph.__reduce__()
    for bad in (table[:-16] + b"\xff" * 16, table[:32] + b"\x12\0\0\0" + b"\x7f" * 12):
        with pytest.raises(ValueError, match="damaged"):
            make(inputs, bad, fold)
    with pytest.raises(ValueError, match="format 'x'"):
        rebuild("x", graph, outputs, *rest)
    for bad in ([10**6], [-1], [1.0], [0, 1], [], None):
        with pytest.raises(ValueError, match="damaged"):
            rebuild(version, graph, bad, *rest)
