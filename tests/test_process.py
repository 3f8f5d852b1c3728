"""A process around evaluations: import, scarcity of threads, exit, other interpreters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import COMMON, POSIX, PREAMBLE, TIMEOUT, run

import fastbp

pytestmark = POSIX


# Import


def test_import_starts_no_thread_and_leaves_the_arithmetic_alone():
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


# Scarcity


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space differ elsewhere")
def test_without_new_threads_the_calling_one_does_the_work():
    run("""
alone, theta = bind(n_threads=1)
objective, _ = bind(n_threads=4)
want = bits(alone, theta)
lift = limit_memory(1000000)  # no room for a stack
assert bits(objective, theta) == want
assert _threads.pool_size() == 0
lift()
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
def test_exit(how):
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
        + COMMON
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
    packages = os.pathsep.join(map(str, (Path(fastbp.__file__).parents[1], Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": packages},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "checked\n", "")


# Interpreters


def test_another_interpreter_is_refused_or_served():
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
