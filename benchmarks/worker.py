"""The measuring side: one process, one peer, one number of threads.

Started by remote.py with the thread variables already set. It reads one JSON request per line
from stdin and answers with one JSON line.
"""

import importlib
import importlib.metadata
import json
import os
import sys
import time

import numpy as np
from cases import CASES, MILLION
from peers import Unsupported

SAMPLE = 2e-4  # seconds; shorter calls are timed in groups, so that the clock costs nothing
PEAK_SIZE = 1024


def time_calls(function, thetas, seconds):
    """Microseconds per call: one number for each group of calls made within ``seconds``."""
    started = time.perf_counter()
    for theta in thetas:
        function(theta)
    one = (time.perf_counter() - started) / len(thetas)
    group = max(1, round(SAMPLE / one))
    calls = (thetas * (group // len(thetas) + 1))[:group]
    if group == 1:
        calls = thetas
    samples = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(samples) < 3:
        if group == 1:
            calls = calls[1:] + calls[:1]
            start = time.perf_counter()
            function(calls[0])
            samples.append(1e6 * (time.perf_counter() - start))
        else:
            start = time.perf_counter()
            for theta in calls:
                function(theta)
            samples.append(1e6 * (time.perf_counter() - start) / group)
    return samples


def peak_gflops(dtype):
    """Speed of a square matrix product of the BLAS behind NumPy: what the machine gives now."""
    a = np.ones((PEAK_SIZE, PEAK_SIZE), dtype)
    out = np.empty_like(a)
    best = np.inf
    for _ in range(4):
        start = time.perf_counter()
        np.matmul(a, a, out=out)
        best = min(best, time.perf_counter() - start)
    return 2e-9 * PEAK_SIZE**3 / best


def resident(field):
    """VmRSS (now) or VmHWM (peak) of this process in bytes; Linux."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(field))
    return 1024 * int(line.split()[1])


def forget_peak():
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")


class Worker:
    def __init__(self, peer):
        self.peer = importlib.import_module(f"peers.{peer}")

    def open(self, name, gradient_file):
        """Bind a case, run it once and leave cost and gradient (in our order) in a file."""
        self.function = self.thetas = None
        case = CASES[name]
        self.function = self.peer.prepare(case)
        order = self.peer.ORDER(case.shapes)
        ours = case.thetas(5)
        self.thetas = [theta[order] for theta in ours]
        cost, gradient = self.function(self.thetas[0])
        if type(cost) is not float or gradient.dtype != np.float64 or gradient.ndim != 1:
            raise TypeError("a peer must return a float and a flat float64 gradient")
        restored = np.empty_like(gradient)
        restored[order] = gradient
        np.save(gradient_file, np.append(restored, cost))

    def time(self, seconds):
        return time_calls(self.function, self.thetas, seconds)

    def peak(self, dtype):
        return peak_gflops(dtype)

    def fma_peak(self, dtype):
        """GFLOP/s of multiply-adds in registers, of fastbp's build, one thread; None for peers."""
        if self.peer.__name__ != "peers.fastbp":
            return None
        from fastbp._core import core

        return core(dtype).peak_gflops()

    def memory(self):
        """Bytes above the data: while binding it, and while evaluating twice."""
        case = MILLION
        case.X.sum(), case.targets.sum()
        theta = case.thetas(1)[0][self.peer.ORDER(case.shapes)]
        before = resident("VmRSS")
        forget_peak()
        function = self.peer.prepare(case)
        bind = resident("VmHWM") - before
        forget_peak()
        function(theta), function(theta)
        return {
            "data": case.X.nbytes + case.targets.nbytes,
            "bind": bind,
            "evaluate": resident("VmHWM") - before,
        }

    def version(self):
        return version_of(self.peer)


def version_of(peer):
    """Version of the library that a module in peers/ is about and has the name of."""
    name = peer.__name__.rpartition(".")[2]
    return getattr(sys.modules[name], "__version__", None) or importlib.metadata.version(name)


def serve(kind):
    """Answers for a worker of this class until stdin ends."""
    # Libraries may print: keep the answers on a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**message):
        print(json.dumps(message), file=answers, flush=True)

    try:
        worker = kind(sys.argv[1])
        answer(result=worker.version())
    except ImportError as error:
        answer(missing=str(error))
        return
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            answer(result=getattr(worker, method)(*arguments))
        except Unsupported as error:
            answer(unsupported=str(error))


if __name__ == "__main__":
    serve(Worker)
