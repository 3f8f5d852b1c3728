"""A signal in the middle of an evaluation: Ctrl-C ends it, and nothing is wrong afterwards."""

import signal
from pathlib import Path

import pytest
from processes import POSIX, finish, run, start

pytestmark = POSIX


@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_stops_an_evaluation_in_its_middle(n_threads):
    run(f"""
def make(m):
    global objective, theta
    objective, theta = bind(m, {n_threads}, (200, 200))
    function = getattr(objective, name)
    return lambda: function(theta), lambda: objective.n_evaluations
for name in ("__call__", "cost", "fun"):
    m = stop_in_the_middle(make, 10_000)
    fresh, _ = bind(m, {n_threads}, (200, 200))
    assert bits(objective, theta) == bits(fresh, theta)
    assert objective.fun(theta) == objective(theta)[0]
""")


@pytest.mark.parametrize("kernel", ["forward", "backward", "accumulate", "delta"])
def test_ctrl_c_stops_a_kernel_in_its_middle(kernel):
    run(f"""
from fastbp._core import core
engine = core("float64")
Theta, m = np.full((1500, 501), 1e-3), 2000
def make(m):
    low, high, y = np.ones((m, 500)), np.ones((m, 1500)), np.full((m, 1500), 7.0)
    return counted(*{{
        "forward": (engine.layer_forward, Theta, low, "tanh"),
        "backward": (engine.layer_backward, Theta, high, low, "tanh"),
        "accumulate": (engine.layer_accumulate, high, low, None),
        "delta": (engine.output_delta, "log_cosh", "gelu", high, y),
    }}["{kernel}"])
stop_in_the_middle(make, m)
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


def test_ctrl_c_at_any_time_changes_nothing():
    run("""
import random
random.seed(0)
objective, theta = bind_long(0.12)
small, first = bind()
want, other = bits(objective, theta), bits(small, first)
interrupted = 0
for turn in range(25):
    try:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 0.1))
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
def test_what_a_signal_handler_raises_arrives(error):
    run(f"""
def make(m):
    global objective, theta
    objective, theta = bind(m, 2, (200, 200))
    given = kind(theta)
    return lambda: objective(given), lambda: objective.n_evaluations
for kind in (np.array, list):
    m = stop_in_the_middle(make, 20_000, {error})
    fresh, _ = bind(m, 2, (200, 200))
    assert bits(objective, theta) == bits(fresh, theta)
""")


def test_a_signal_handler_may_evaluate():
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
def test_workers_take_no_signals():
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


@pytest.mark.parametrize(("width", "m"), [(3500, 256), (6000, 1)], ids=str)
def test_ctrl_c_stops_long_products_in_their_middle(width, m):
    """The products of a very large network are given up, not only the samples after them."""
    run(f"width, m = {width}, {m}" + STOP_IN_A_TILE)


STOP_IN_A_TILE = """
rng = np.random.default_rng(0)
net = fastbp.mlp(width, width, 2)
objective = net.objective(rng.normal(size=(m, width)), np.zeros((m, 2)), n_threads=1)
theta = net.init(seed=0)
objective(theta)
def work():
    # What this thread works, whatever else the machine does.
    start = time.thread_time()
    try:
        objective(theta)
    except KeyboardInterrupt:
        pass
    return time.thread_time() - start
whole = min(work() for _ in range(3))
if whole < 0.15:
    sys.exit()  # so fast a machine has no products that last longer than two looks for a signal
signal.signal(signal.SIGALRM, signal.default_int_handler)
took = []
while not took or took[-1] > 0.7 * whole and len(took) < 10:
    signal.setitimer(signal.ITIMER_REAL, 0.1 * whole)
    took.append(work())
    signal.setitimer(signal.ITIMER_REAL, 0)
assert took[-1] < 0.7 * whole, (took, whole)
"""
