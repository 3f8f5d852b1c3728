"""The asking side of a worker: start a process with its threads bounded, and talk to it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import processor
from peers import Unsupported

HERE = Path(__file__).parent
THREAD_VARIABLES = (
    "FASTBP_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class Missing(Exception):
    """The peer is not installed."""


def environment(threads, level=""):
    """This process's environment with every thread pool bounded (None leaves the defaults), and
    the processor chosen, if one is named: "avx2" for any library, or a CPU level of fastbp."""
    kept = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    if level == "avx2":
        kept["LD_PRELOAD"] = processor.avx2_only()
    elif level:
        kept["FASTBP_CPU"] = level
    if threads is not None:
        kept.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if threads == 1:
        kept["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return kept


def bound_to(threads):
    """A preexec function: only as many CPUs as threads. XLA sizes its pool by them alone."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    if len(cpus) < threads:
        raise SystemExit(f"{threads} threads asked for, but only {len(cpus)} CPUs are available")
    return lambda: os.sched_setaffinity(0, cpus)


class Remote:
    """A running worker. Its methods are those of the script's Worker; results come back as JSON.

    The peer's name may end with a CPU level of fastbp, "fastbp@v3", or for any library with the
    processor it sees: "numpy@avx2".
    """

    def __init__(self, peer, threads, script="worker.py"):
        self.peer, self.threads = peer, threads
        module, _, level = peer.partition("@")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads, level),
            preexec_fn=bound_to(threads),
        )
        try:
            self.version = self._receive()
        except Missing:
            self.close()
            raise

    def _receive(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.peer} process died; its message is above")
        message = json.loads(line)
        if "missing" in message:
            raise Missing(message["missing"])
        if "unsupported" in message:
            raise Unsupported(message["unsupported"])
        return message["result"]

    def call(self, method, *arguments):
        print(json.dumps([method, arguments]), file=self.process.stdin, flush=True)
        return self._receive()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
