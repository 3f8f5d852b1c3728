"""A process may fork at any time: parent and child go on as if nothing had happened."""

import sys

import pytest
from processes import POSIX, run

pytestmark = POSIX


def test_a_thousand_forks_between_evaluations():
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


def test_children_of_children():
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


def test_forks_while_another_thread_evaluates():
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
        # The thread that owns the pool and the objective's scratch is not in this process.
        right = bits(shared, theta) == want and bits(other, theta) == small
        os._exit(0 if right and _threads.pool_size() > 0 else 1)
    finish(child)
running = False
thread.join()
""")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space differ elsewhere")
def test_a_child_gets_the_scratch_that_a_thread_of_its_parent_was_using():
    run("""
net = fastbp.mlp(1100, 1000)  # scratch of 45 MB, more than malloc keeps, and a gradient of 9 MB
X = np.ones((1900, 1100))
objective, theta = net.objective(X, X[:, :1000].copy(), n_threads=1), net.init(seed=0)
want = bits(objective, theta)
running = True
def work():
    while running:
        objective(theta)
thread = threading.Thread(target=work, daemon=True)
thread.start()
for turn in range(5):
    time.sleep(0.02)
    child = os.fork()
    if child == 0:
        lift = limit_memory(25000000)
        for _ in range(2):
            objective(theta)
        lift()
        os._exit(0 if bits(objective, theta) == want else 1)
    finish(child)
running = False
thread.join()
""")


@pytest.mark.parametrize(
    ("then", "n_threads"),
    [("pass", 2), ("nested()", 2), ("elsewhere()", 2), ("elsewhere()", 1), ("again()", 1)],
)
def test_fork_in_a_signal_handler_in_the_middle(then, n_threads):
    """The child has lost the workers: it gets an error or the right bits, never wrong ones."""
    run(f"""
objective, theta = bind_long(0.15, {n_threads})
want = bits(objective, theta)
small, first = bind()
right = bits(small, first)
def nested():
    assert bits(small, first) == right
def again():
    bits(objective, theta)
def elsewhere():
    thread = threading.Thread(target=bits, args=(objective, theta))
    thread.start()
    thread.join()
def handler(number, frame):
    global child
    child = os.fork()
    if child == 0:
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
    while child is None:  # the evaluation was quicker: the process forks here
        time.sleep(0.001)
    if child == 0:
        os._exit(0 if got == want and bits(objective, theta) == want else 1)
    assert got == want
    finish(child)
""")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method):
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
