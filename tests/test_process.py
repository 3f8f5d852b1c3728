"""What a process may do around and in the middle of an evaluation: fork, take signals, exit.

Each test runs a script in a process of its own: a hang, a crash or a lost signal is its failure
and nobody else's. In the scripts `bind(m, n_threads)` gives (objective, theta) of a network whose
work is shared out to threads, and `bits` cost and gradient as bytes.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fastbp

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
TIMEOUT = 300  # seconds; for a machine much slower than any

PREAMBLE = """\
import faulthandler, os, signal, sys, threading, time
import numpy as np
import fastbp
from fastbp import _threads

faulthandler.enable()

def bind(m=5000, n_threads=2, hidden=(30,)):
    net = fastbp.mlp(20, *hidden, 5, l2=0.1)
    rng = np.random.default_rng(0)
    X, y = (np.resize(rng.normal(size=(1000, k)), (m, k)) for k in (20, 5))
    return net.objective(X, y, n_threads=n_threads), net.init(seed=0)

def bits(objective, theta):
    J, D = objective(theta)
    return np.append(D, J).tobytes()

def bind_long(seconds, n_threads=2):
    # Work that takes this long here and now, or longer.
    m = 3000
    while True:
        objective, theta = bind(m, n_threads, (200, 200))
        start = time.perf_counter()
        objective(theta)
        took = time.perf_counter() - start
        if took > seconds:
            return objective, theta
        m = int(m * 1.5 * seconds / took)

def finish(child):
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def start(script, tmp_path):
    """The script, running; its errors and those of its children come on stdout."""
    path = tmp_path / "script.py"
    path.write_text(PREAMBLE + script)
    packages = str(Path(fastbp.__file__).parents[1])  # the fastbp that this process has
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": packages},
        text=True,
        start_new_session=True,
    )


def finish(process):
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"the script hung; until then it said:\n{output}")
    assert process.returncode == 0, output
    return output


@pytest.fixture
def run(tmp_path):
    return lambda script: finish(start(script, tmp_path))


# Import


def test_import_starts_no_thread_and_leaves_the_arithmetic_alone(run):
    run("""
assert _threads.pool_size() == 0
objective, theta = bind()
assert _threads.pool_size() == 0
if os.path.isdir("/proc/self/task"):
    before = len(os.listdir("/proc/self/task"))
    objective(theta)
    assert _threads.pool_size() == 1
    assert len(os.listdir("/proc/self/task")) == before + 1
state = np.random.get_state()[1].copy()
bind_long(0.01)
assert np.array_equal(np.random.get_state()[1], state)
assert np.float64(5e-324) * 1.0 > 0 and np.float32(1e-45) * np.float32(1) > 0  # no flush to zero
""")


# Fork


def test_a_thousand_forks_between_evaluations(run):
    run("""
objective, theta = bind()
assert objective._problem.threads_used == 2
want = bits(objective, theta)
for turn in range(1000):
    assert bits(objective, theta) == want
    child = os.fork()
    if child == 0:
        assert _threads.pool_size() == 0
        right = bits(objective, theta) == want and _threads.pool_size() == 1
        os._exit(0 if right else 1)
    finish(child)
    assert bits(objective, theta) == want
assert _threads.pool_size() == 1
""")


def test_children_of_children(run):
    run("""
objective, theta = bind()
want = bits(objective, theta)
for depth in range(20):
    child = os.fork()
    if child:
        finish(child)
        break
    assert bits(objective, theta) == want
assert bits(objective, theta) == want
""")


def test_forks_while_another_thread_evaluates(run):
    run("""
shared, theta = bind(30000)
other, _ = bind(5000, 3)
want, small = bits(shared, theta), bits(other, theta)
running = True
def work():
    while running:
        assert bits(shared, theta) == want
thread = threading.Thread(target=work)
thread.start()
for turn in range(100):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        # The thread that owns the pool and the objective's scratch is not in this process.
        right = bits(shared, theta) == want and bits(other, theta) == small
        os._exit(0 if right and _threads.pool_size() > 0 else 1)
    finish(child)
running = False
thread.join()
""")


@pytest.mark.parametrize("then", ["pass", "nested()", "elsewhere()"])
def test_fork_in_a_signal_handler_in_the_middle(run, then):
    """The child has lost the workers: it gets an error or the right bits, never wrong ones."""
    run(f"""
objective, theta = bind_long(0.15)
want = bits(objective, theta)
small, first = bind()
right = bits(small, first)
def nested():
    assert bits(small, first) == right
def elsewhere():
    thread = threading.Thread(target=bits, args=(objective, theta))
    thread.start()
    thread.join()
def handler(number, frame):
    global child
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        {then}
signal.signal(signal.SIGALRM, handler)
for turn in range(4):
    child = None
    signal.setitimer(signal.ITIMER_REAL, 0.002 + 0.03 * turn)
    try:
        got = bits(objective, theta)
    except RuntimeError as error:
        assert child == 0 and "fork" in str(error)
        got = bits(objective, theta)
    if child == 0:
        os._exit(0 if got == want and bits(objective, theta) == want else 1)
    assert got == want
    while child is None:
        time.sleep(0.001)
    finish(child)
""")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(run, method):
    run(f"""
import multiprocessing
def work(arguments):
    return bits(*arguments)
if __name__ == "__main__":
    objective, theta = bind()
    want = bits(objective, theta)
    with multiprocessing.get_context("{method}").Pool(3) as pool:
        assert pool.map(work, [(objective, theta)] * 12) == [want] * 12
    assert bits(objective, theta) == want
""")


# Signals


@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_stops_an_evaluation_in_its_middle(run, n_threads):
    run(f"""
objective, theta = bind_long(0.5, {n_threads})
want, before = bits(objective, theta), objective.n_evaluations
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    objective(theta)
except KeyboardInterrupt:
    pass
else:
    raise AssertionError("the evaluation went on to its end")
assert objective.n_evaluations == before, "it was interrupted at its end, not in its middle"
for function in (objective, objective.cost, objective.fun):
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        function(theta)
    except KeyboardInterrupt:
        continue
    raise AssertionError(function)
assert bits(objective, theta) == want
assert objective.fun(theta) == objective(theta)[0]
""")


def test_ctrl_c_from_the_terminal(tmp_path):
    script = """
objective, theta = bind_long(0.3)
want = bits(objective, theta)
try:
    print("ready", flush=True)
    while True:
        assert bits(objective, theta) == want
except KeyboardInterrupt:
    pass
assert bits(objective, theta) == want
print("stopped")
"""
    process = start(script, tmp_path)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert finish(process) == "stopped\n"


def test_ctrl_c_at_any_time_changes_nothing(run):
    run("""
import random
random.seed(0)
objective, theta = bind_long(0.12)
small, first = bind()
want, other = bits(objective, theta), bits(small, first)
interrupted = 0
for turn in range(25):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 0.1))
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        while True:
            bits(objective, theta)
            bits(small, first)
    except KeyboardInterrupt:
        interrupted += 1
    assert bits(small, first) == other
    if turn % 5 == 0:
        assert bits(objective, theta) == want
assert interrupted == 25
assert bits(objective, theta) == want
""")


@pytest.mark.parametrize("error", ["TypeError", "ValueError", "OSError", "SystemExit"])
def test_what_a_signal_handler_raises_arrives(run, error):
    run(f"""
objective, theta = bind_long(0.3)
want, before = bits(objective, theta), objective.n_evaluations
def handler(number, frame):
    raise {error}("from the handler")
signal.signal(signal.SIGALRM, handler)
for given in (theta, theta.tolist()):
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        objective(given)
    except {error} as raised:
        assert raised.args == ("from the handler",), raised
    else:
        raise AssertionError("the exception was lost")
assert objective.n_evaluations == before
assert bits(objective, theta) == want
""")


def test_a_signal_handler_may_evaluate(run):
    run("""
objective, theta = bind_long(0.2)
small, first = bind()
want, other = bits(objective, theta), bits(small, first)
calls = 0
def handler(number, frame):
    global calls
    assert bits(small, first) == other
    thread = threading.Thread(target=bits, args=(small, first))
    thread.start()
    thread.join()
    assert bits(objective, theta) == want  # the one that is running below
    calls += 1
signal.signal(signal.SIGALRM, handler)
for turn in range(5):
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    assert bits(objective, theta) == want
    while calls == turn:
        time.sleep(0.001)
assert calls == 5
""")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_workers_take_no_signals(run):
    run("""
objective, theta = bind(n_threads=3)
before = set(os.listdir("/proc/self/task"))
objective(theta)
workers = set(os.listdir("/proc/self/task")) - before
assert len(workers) == 2 == _threads.pool_size()
for task in workers:
    with open(f"/proc/self/task/{task}/status") as file:
        blocked = int(next(line for line in file if line.startswith("SigBlk")).split()[1], 16)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        assert blocked >> (number - 1) & 1, number
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
""")


# Scarcity


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space differ elsewhere")
def test_without_new_threads_the_calling_one_does_the_work(run):
    run("""
import resource
# A sanitized build maps terabytes: no limit of address space is small enough there.
if "asan" in os.environ.get("LD_PRELOAD", "") + os.environ.get("ASAN_OPTIONS", ""):
    sys.exit()
alone, theta = bind(n_threads=1)
objective, _ = bind(n_threads=4)
want = bits(alone, theta)
with open("/proc/self/statm") as file:
    mapped = int(file.read().split()[0]) * resource.getpagesize()
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (mapped + 1000000, before[1]))  # no room for a stack
assert bits(objective, theta) == want
assert _threads.pool_size() == 0
resource.setrlimit(resource.RLIMIT_AS, before)
assert bits(objective, theta) == want
assert _threads.pool_size() == 3
""")


# Exit


ENDS = {
    "at the end of the script": "",
    "by sys.exit": "sys.exit(0)",
    "by os._exit": "os._exit(0)",
    "in an exit handler": """
import atexit
def check():
    assert bits(objective, theta) == want
    print("checked", flush=True)
atexit.register(check)
""",
    "with a thread at work": """
def work():
    for turn in range(50):
        assert bits(objective, theta) == want
threading.Thread(target=work).start()
""",
    "with a daemon at work": """
def work():
    while True:
        bits(objective, theta)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
""",
    "with a daemon in a long evaluation": """
long, theta = bind_long(0.5)
threading.Thread(target=bits, args=(long, theta), daemon=True).start()
time.sleep(0.05)
""",
    "from a child": """
child = os.fork()
if child:
    finish(child)
else:
    assert bits(objective, theta) == want
    sys.exit(0)
""",
    "after the workers were stopped": """
_threads._stop()
_threads._stop()
assert _threads.pool_size() == 0
assert bits(objective, theta) == want
assert _threads.pool_size() == 0
""",
}


@pytest.mark.parametrize("how", ENDS)
def test_exit(run, how):
    output = run(f"""
objective, theta = bind(n_threads=4)
want = bits(objective, theta)
assert _threads.pool_size() == 3
{ENDS[how]}
""")
    assert output == ("checked\n" if "handler" in how else "")


def test_exit_handlers_registered_before_the_import_run_after_the_workers_stopped(tmp_path):
    path = tmp_path / "early.py"
    path.write_text(
        "import atexit\natexit.register(lambda: last())\n"
        + PREAMBLE
        + """
objective, theta = bind()
want = bits(objective, theta)
def last():
    assert _threads.pool_size() == 0
    assert bits(objective, theta) == want
    child = os.fork()
    if child == 0:
        os._exit(0 if bits(objective, theta) == want else 1)
    finish(child)
    print("checked", flush=True)
"""
    )
    packages = str(Path(fastbp.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": packages},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "checked\n", "")


# Interpreters


def test_another_interpreter_is_refused_or_served(run):
    output = run("""
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
objective, theta = bind()
want = bits(objective, theta)
script = '''
try:
    import fastbp
    net = fastbp.mlp(2, 3, 1)
    assert net.cost(net.init(seed=0), [[1.0, 2.0]], [1.0]) > 0
except ImportError:
    pass
'''
for turn in range(2):
    other = interpreters.create()
    failed = interpreters.run_string(other, script)
    assert failed is None, failed
    interpreters.destroy(other)
    assert bits(objective, theta) == want
print("done")
""")
    assert output.endswith("done\n")
