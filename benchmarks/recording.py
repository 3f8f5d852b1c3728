"""Long circuits: seconds and bytes of recording an expression and compiling it.

    python benchmarks/recording.py [--rounds 5] [--peers fastbp casadi]

Each measurement is a process of its own. An expression of 100 000 gates, a sum of sigmoids, is
recorded by Python operators, compiled, and evaluated once; then its gradient by a hundred
variables. Bytes are what the process has grown by when the garbage is collected, for each gate of
the expression; of the objects of Python, tracemalloc says the same in a run that is not timed.
Then a chain of a million gates, each the operand of the next. Linux only: it reads VmRSS.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
import tracemalloc
from statistics import median

import numpy as np
from circuit_cases import N_CHAIN, N_GATES, many_gates
from remote import environment
from run import markdown_table
from worker import resident

N_VARIABLES = 100
PEERS = ("fastbp", "casadi")


def _chain(x, y, n):
    e = x
    for _ in range(n // 2):
        e = e * x + y
    return e


class _Fastbp:
    def __init__(self):
        import fastbp
        from fastbp import circuits

        self.m, self.circuit = circuits, fastbp.circuit
        self.variables = [fastbp.variable(f"x{i}") for i in range(N_VARIABLES)]
        # what the first circuit of a process loads is not the cost of a long one
        fastbp.circuit(circuits.sigmoid(self.variables[0])).value_and_gradient(0.0)

    def compile(self, expression, variables):
        self.f = self.circuit(expression, wrt=variables)
        self.f(np.full(len(variables), 0.5))

    def differentiate(self, n):
        return self.f.value_and_gradient(np.full(n, 0.5))


class _Casadi:
    def __init__(self):
        import casadi
        from circuit_peers.casadi import M

        self.m, self.ca = M, casadi
        x = casadi.SX.sym("x", N_VARIABLES)
        self.variables = [x[i] for i in range(N_VARIABLES)]
        self.compile(M.sigmoid(self.variables[0]), self.variables)

    def compile(self, expression, variables):
        self.expression, self.x = expression, self.ca.vertcat(*variables)
        self.ca.Function("f", [self.x], [expression])(np.full(len(variables), 0.5))

    def differentiate(self, n):
        gradient = self.ca.gradient(self.expression, self.x)
        f = self.ca.Function("f", [self.x], [self.expression, gradient])
        value, gradient = f(np.full(n, 0.5))
        return float(value), gradient.full().ravel()


def _grown(since):
    gc.collect()
    return resident("VmRSS") - since


def measured(peer, what, traced):
    """One run: seconds of three steps and of freeing, bytes after each, value and gradient."""
    library = _Fastbp() if peer == "fastbp" else _Casadi()
    variables = library.variables if what == "sum" else library.variables[:2]
    gc.collect()
    if traced:
        tracemalloc.start()
    start_bytes = resident("VmRSS")
    times, grown = [time.perf_counter()], []
    if what == "sum":
        expression = many_gates(variables, N_GATES, library.m)
    else:
        expression = _chain(*variables, N_CHAIN)
    times.append(time.perf_counter())
    traced_bytes = tracemalloc.get_traced_memory()[0] if traced else 0
    if traced:
        tracemalloc.stop()
    grown.append(_grown(start_bytes))
    seconds = [times[1] - times[0]]
    start = time.perf_counter()
    library.compile(expression, variables)
    seconds.append(time.perf_counter() - start)
    grown.append(_grown(start_bytes))
    start = time.perf_counter()
    value, gradient = library.differentiate(len(variables))
    seconds.append(time.perf_counter() - start)
    grown.append(_grown(start_bytes))
    start = time.perf_counter()
    del expression, library
    gc.collect()
    seconds.append(time.perf_counter() - start)
    return {
        "seconds": seconds, "bytes": grown, "traced": traced_bytes,
        "results": [value, *gradient.tolist()],
    }  # fmt: skip


def run(peer, what, traced=False):
    """`measured` in a new process, with one thread."""
    command = [sys.executable, __file__, "--run", peer, what, *(["traced"] if traced else [])]
    done = subprocess.run(
        command, env=environment(1), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def rows(rounds, peers):
    for what, n in (("sum", N_GATES), ("chain", N_CHAIN)):
        reference = None
        for peer in peers if what == "sum" else ("fastbp",):
            # Objects made by CasADi's operators take 100 times as long: once is enough.
            runs = [run(peer, what) for _ in range(rounds if peer == "fastbp" else 1)]
            seconds = zip(*(each["seconds"] for each in runs), strict=True)
            grown = zip(*(each["bytes"] for each in runs), strict=True)
            traced = "-" if peer == "casadi" else f"{run(peer, what, True)['traced'] / n:.0f}"
            results = np.array(runs[0]["results"])
            reference = results if reference is None else reference
            deviation = np.abs(results - reference).max() / np.abs(reference).max()
            cells = [f"{what} of {n} gates", peer, *(f"{median(each):.3f}" for each in seconds)]
            cells += [traced, *(f"{median(each) / n:.0f}" for each in grown)]
            yield [*cells, f"{deviation:.1e}"]


def markdown(rounds, peers=PEERS):
    head = ["expression", "library", "recording, s", "compiling, s", "gradient, s", "freeing, s"]
    head += ["bytes a gate: objects", "recorded", "compiled", "with gradient", "deviation"]
    return "\n".join(markdown_table(head, list(rows(rounds, peers))))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument("--run", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.run:
        peer, what, *traced = args.run
        print(json.dumps(measured(peer, what, bool(traced))))
    else:
        print(markdown(args.rounds, args.peers))


if __name__ == "__main__":
    main()
