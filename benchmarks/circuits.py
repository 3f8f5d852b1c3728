"""Time circuits beside the libraries that people would use instead.

    python benchmarks/circuits.py [--peers fastbp casadi ...] [--rounds 5] [--seconds 0.2]
    python benchmarks/circuits.py --parts calls samples recording

calls: value and gradient at one point, as a float and a fresh array and into buffers. samples: the
neuron at a million points. recording: see recording.py. One thread.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import recording
from circuit_cases import CASES, N_SAMPLES
from circuit_peers import NAMES
from remote import Missing, Remote
from run import REST, markdown_table, significant

PARTS = ("calls", "samples", "recording")
SAMPLE_WAYS = {"each": "every value and gradient", "mean": "mean and its gradient"}


@dataclass
class Row:
    peer: str
    way: str
    case: str
    deviation: float = np.nan  # largest of value and gradient, over the largest entry
    rounds: list[float] = field(default_factory=list)  # median microseconds

    @property
    def us(self):
        return median(self.rounds)


def measure(workers, ways, case, rounds, seconds):
    """One case in every library and way that there is, in rounds that visit each in turn."""
    rows, reference = [], None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.npy")
        todo = [(w, way) for way in ways for w in workers if way in w.call("ways")]
        for worker, way in todo:
            worker.call("open", way, case, str(file))
            out = np.load(file)
            reference = out if reference is None else reference
            deviation = np.abs(out - reference).max() / np.abs(reference).max()
            rows.append(Row(worker.peer, way, case, deviation))
        for _ in range(rounds):
            for (worker, way), row in zip(todo, rows, strict=True):
                time.sleep(REST)
                row.rounds.append(median(worker.call("time", way, case, seconds)))
    return rows


def spread(row):
    return f"{significant(min(row.rounds))}-{significant(max(row.rounds))}"


def calls(workers, rounds, seconds):
    """Lines of a Markdown table: one point."""
    body = []
    for name in CASES:
        for row in measure(workers, ("call", "buffers"), name, rounds, seconds):
            cells = [f"{name}, {row.way}", row.peer, significant(row.us), spread(row)]
            body.append([*cells, f"{row.deviation:.1e}"])
    head = ["value and gradient", "library", "µs", "spread", "deviation"]
    return markdown_table(head, body)


def samples(workers, rounds, seconds):
    """Lines of a Markdown table: a million points."""
    body = []
    for way, title in SAMPLE_WAYS.items():
        rows = measure(workers, (way, f"{way}_in_place"), "neuron", rounds, seconds)
        first = rows[0].us
        for row in rows:
            peer = f"{row.peer}, in place" if row.way != way else row.peer
            cells = [title, peer, f"{row.us / 1e3:.2f}", f"{row.us / first:.1f}"]
            low, high = (f"{x / 1e3:.2f}" for x in (min(row.rounds), max(row.rounds)))
            body.append([*cells, f"{low}-{high}", f"{row.deviation:.1e}"])
    head = [f"neuron, {N_SAMPLES} samples", "library", "ms", "/ first", "spread", "deviation"]
    return markdown_table(head, body)


def sections(parts, peers, rounds, seconds):
    """Yield the tables one by one."""
    with contextlib.ExitStack() as stack:
        workers = []
        for name in peers if set(parts) != {"recording"} else ():
            try:
                workers.append(stack.enter_context(Remote(name, 1, "circuit_worker.py")))
            except Missing as error:
                print(f"{name}: skipped ({error})", file=sys.stderr)
        if "calls" in parts:
            yield "\n".join(calls(workers, rounds, seconds))
        if "samples" in parts:
            yield "\n".join(samples(workers, rounds, seconds))
        versions = ", ".join(f"{worker.peer} {worker.version}" for worker in workers)
    if "recording" in parts:
        yield recording.markdown(rounds)
    if versions:
        yield versions


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peers", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="per library, way and round")
    args = parser.parse_args(argv)
    for section in sections(args.parts, args.peers, args.rounds, args.seconds):
        print(section, end="\n\n", flush=True)


if __name__ == "__main__":
    main()
