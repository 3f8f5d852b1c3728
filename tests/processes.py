"""Scripts in processes of their own: a hang, a crash or a lost signal is a failure of one test.

In the scripts `bind(m, n_threads)` gives (objective, theta) of a network whose work is shared out
to threads, `bind_long(seconds)` one whose evaluation takes about so long, `bits` cost and gradient
as bytes, and `limit_memory` lets the process map only so many bytes more. No script may fail where
`bind_long` was wrong: one that needs a signal in the middle takes `stop_in_the_middle`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import fastbp

POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
TIMEOUT = 300  # seconds; for a machine much slower than any

COMMON = """\
import faulthandler, os, signal, sys, threading, time
import numpy as np
import fastbp
from interrupting import counted, stop_in_the_middle

faulthandler.enable()
# It is ignored in what a shell starts in the background, and so in all that starts from there.
signal.signal(signal.SIGINT, signal.default_int_handler)

def finish(child):
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

"""
PREAMBLE = """\
from fastbp import _threads

def bind(m=5000, n_threads=2, hidden=(30,)):
    net = fastbp.mlp(20, *hidden, 5, l2=0.1)
    rng = np.random.default_rng(0)
    X, y = (np.resize(rng.normal(size=(1000, k)), (m, k)) for k in (20, 5))
    return net.objective(X, y, n_threads=n_threads), net.init(seed=0)

def bits(objective, theta):
    J, D = objective(theta)
    return np.append(D, J).tobytes()

def bind_long(seconds, n_threads=2):
    m = 3000
    while True:
        objective, theta = bind(m, n_threads, (200, 200))
        start = time.perf_counter()
        objective(theta)
        took = time.perf_counter() - start
        if took > seconds:
            return objective, theta
        m = int(m * 1.5 * seconds / took)

def limit_memory(n_bytes):
    import resource
    # A sanitized build maps terabytes: no limit of address space is small enough there.
    if "asan" in os.environ.get("LD_PRELOAD", "") + os.environ.get("ASAN_OPTIONS", ""):
        os._exit(0)
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + n_bytes, before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_AS, before)
"""

# Of scripts that damage pickles. Python's own unpickler fills a list as long as a damaged number
# says, of gigabytes where the system grants them.
BOUNDED = """
if sys.platform == "linux":
    limit_memory(2**31)
"""


def start(script, folder, preamble=PREAMBLE, **environment):
    """The script, running; its errors and those of its children come on stdout."""
    path = folder / "script.py"
    path.write_text(COMMON + preamble + script)
    # the fastbp that this process has, and what stands beside this file
    packages = os.pathsep.join(map(str, (Path(fastbp.__file__).parents[1], Path(__file__).parent)))
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": packages, **environment},
        text=True,
        start_new_session=True,
    )


def finish(process):
    """What the script printed; one that fails or hangs is a failure of the test."""
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"the script hung; until then it said:\n{output}")
    assert process.returncode == 0, output
    return output


def run(script, preamble=PREAMBLE, **environment):
    """What the script prints, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return finish(start(script, Path(folder), preamble, **environment))
