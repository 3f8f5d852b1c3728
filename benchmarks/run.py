"""Time one cost-and-gradient call of fastbp and its peers.

Usage, from the repository's folder:

    python benchmarks/run.py                      every case, every installed peer, 1 and 2 threads
    python benchmarks/run.py --cases xor ex4 --peers fastbp numpy --threads 2 --rounds 3
    python benchmarks/run.py --markdown           the same as Markdown tables
    python benchmarks/run.py --peers-isa avx2     fastbp@v3 and its peers on a processor with AVX2
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
import peers
import processor
from cases import CASES
from remote import Missing, Remote

REST = 0.03  # seconds; lets the thread pool measured before fall asleep


@dataclass
class Row:
    """One peer with one number of threads on one case."""

    peer: str
    threads: int
    rounds: list[float] = field(default_factory=list)  # median microseconds of each round
    shares: list[float] = field(default_factory=list)  # of the multiply-add peak, fastbp's only
    deviation: float = np.nan  # largest gradient deviation over the largest gradient entry
    cost_deviation: float = np.nan

    @property
    def us(self):
        return median(self.rounds)


@dataclass
class Result:
    case: str
    rows: list[Row]
    unsupported: dict[str, str]
    peaks: dict[tuple[str, int], list[float]]  # (dtype, threads) -> GFLOP/s of each round


def start(names, thread_counts, note):
    """Start every worker; a peer that is not installed is left out with a note."""
    workers, versions = [], {}
    for name in names:
        for threads in thread_counts:
            try:
                worker = Remote(name, threads)
            except (Missing, processor.Unavailable) as error:
                note(f"{name}: skipped ({error})")
                break
            workers.append(worker)
            versions[name] = worker.version
    return workers, versions


def measure(case, workers, rounds, seconds, probes=()):
    """Time one case in rounds: each round visits every worker, so that drift hits all alike."""
    rows, unsupported, outputs = [], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for worker in workers:
            file = Path(folder, f"{worker.peer}{worker.threads}.npy")
            try:
                worker.call("open", case.name, str(file))
            except peers.Unsupported as error:
                unsupported[worker.peer] = str(error)
                continue
            rows.append((Row(worker.peer, worker.threads), worker))
            outputs[worker.peer, worker.threads] = np.load(file)
    if not rows:
        return Result(case.name, [], unsupported, {})
    reference = outputs[rows[0][0].peer, rows[0][0].threads]
    for row, _ in rows:
        difference = np.abs(outputs[row.peer, row.threads] - reference)
        row.deviation = difference[:-1].max() / np.abs(reference[:-1]).max()
        row.cost_deviation = difference[-1] / abs(reference[-1])
    peaks = {}
    for _ in range(rounds):
        for probe in probes:
            peak = probe.call("peak", case.dtype)
            peaks.setdefault((case.dtype, probe.threads), []).append(peak)
        for row, worker in rows:
            time.sleep(REST)
            before = worker.call("fma_peak", case.dtype)
            row.rounds.append(median(worker.call("time", seconds)))
            if before is not None:
                peak = max(before, worker.call("fma_peak", case.dtype)) * worker.threads
                row.shares.append(case.flops / (1e3 * row.rounds[-1]) / peak)
    return Result(case.name, [row for row, _ in rows], unsupported, peaks)


def significant(number):
    """Three significant digits, without an exponent."""
    if number < 1000:
        return f"{number:.3g}"
    return f"{round(number, 3 - len(str(int(number)))):.0f}"


def table(result, markdown):
    """The result of one case as text."""
    case = CASES[result.case]
    kind = f"{case.output} {case.loss}, {case.dtype}, l2 {case.l2:g}"
    title = f"{case.name}: {case.text}, {kind}, {case.n_samples} samples"
    reference = result.rows[0].peer if result.rows else "-"
    base = {row.threads: row.us for row in result.rows if row.peer == reference}
    head = ["peer", "threads", "µs", f"/ {reference}", "spread", "of FMA peak", "gradient dev.",
            "cost dev."]  # fmt: skip
    body = [
        [
            row.peer,
            str(row.threads),
            significant(row.us),
            f"{row.us / base[row.threads]:.2f}" if row.threads in base else "-",
            f"{significant(min(row.rounds))}-{significant(max(row.rounds))}",
            f"{median(row.shares):.2f}" if row.shares else "-",
            f"{row.deviation:.1e}",
            f"{row.cost_deviation:.1e}",
        ]
        for row in sorted(result.rows, key=lambda row: row.threads)
    ]
    notes = [f"{peer}: not expressible, {why}" for peer, why in result.unsupported.items()]
    for (dtype, threads), values in sorted(result.peaks.items()):
        low, high = min(values), max(values)
        notes.append(f"BLAS {dtype} product, {threads} threads: {low:.0f}-{high:.0f} GFLOP/s")
    if markdown:
        notes = [f"- {note}" for note in notes]
        lines = [f"### {title}", "", *markdown_table(head, body), "", *notes]
    else:
        lines = [title, *_plain(head, body), *(f"  {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def summary(results, threads):
    """All cases in one Markdown table: microseconds of each peer."""
    names = list(dict.fromkeys(row.peer for result in results for row in result.rows))
    body = []
    for result in results:
        us = {row.peer: significant(row.us) for row in result.rows if row.threads == threads}
        body.append([result.case, *(us.get(name, "-") for name in names)])
    return "\n".join(markdown_table(["case", *names], body)) + "\n"


def peak_shares(results):
    """fastbp's share of the multiply-add peak of its build, and how far the best peer is behind.

    A row for each case; for each CPU level and number of threads the products' operations over
    time and peak, both measured in the same round, and the best peer's time over fastbp's.
    """
    ours = list(dict.fromkeys((row.peer, row.threads) for r in results for row in r.rows
                              if row.shares))  # fmt: skip
    head = ["case"]
    for name, threads in ours:
        head += [
            f"{name}, {threads} threads" if threads > 1 else f"{name}, 1 thread",
            "best peer /",
        ]
    body = []
    for result in results:
        body.append([result.case])
        for key in ours:
            row = next((r for r in result.rows if (r.peer, r.threads) == key), None)
            others = [r.us for r in result.rows if not r.shares and r.threads == key[1]]
            body[-1].append(f"{median(row.shares):.2f}" if row else "-")
            body[-1].append(f"{min(others) / row.us:.2f}" if row and others else "-")
    return "\n".join(markdown_table(head, body)) + "\n"


def markdown_table(head, body):
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *body]]


def _plain(head, body):
    sizes = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    for cells in [head, *body]:
        first, *rest = (cell.rjust(size) for cell, size in zip(cells, sizes, strict=True))
        yield "  ".join(["  " + cells[0].ljust(len(first)), *rest])


def benchmark(cases, names, thread_counts, rounds, seconds, show, note, isa=None):
    """Run everything; ``show`` receives each Result as soon as it is there.

    With ``isa="avx2"`` every library runs, and BLAS is probed, as on a processor with AVX2.
    """
    blas = "numpy"
    if isa == "avx2":
        names, (blas,) = processor.with_avx2(names), processor.with_avx2([blas])
        processor.avx2_only()
    with contextlib.ExitStack() as stack:
        workers, versions = start(names, thread_counts, note)
        for worker in workers:
            stack.enter_context(worker)
        probes = [stack.enter_context(Remote(blas, threads)) for threads in thread_counts]
        results = []
        for name in cases:
            results.append(measure(CASES[name], workers, rounds, seconds, probes))
            show(results[-1])
    return results, versions


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--peers", nargs="+", choices=peers.NAMES, default=list(peers.NAMES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="per peer, case and round")
    parser.add_argument("--peers-isa", choices=["avx2"], help="what the peers may use at most")
    parser.add_argument("--markdown", action="store_true")
    return parser.parse_args(argv)


def main(argv=None):
    args = arguments(argv)
    results, versions = benchmark(
        args.cases,
        args.peers,
        args.threads,
        args.rounds,
        args.seconds,
        show=lambda result: print(table(result, args.markdown), flush=True),
        note=lambda text: print(text, file=sys.stderr),
        isa=args.peers_isa,
    )
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    if args.markdown:
        for threads in args.threads:
            print(f"\n{threads} threads, µs per call\n\n{summary(results, threads)}")
        print(f"\nShare of the multiply-add peak\n\n{peak_shares(results)}")


if __name__ == "__main__":
    main()
