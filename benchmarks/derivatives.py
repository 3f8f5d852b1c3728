"""Time derivatives beyond the gradient, beside JAX and PyTorch.

    python benchmarks/derivatives.py [--cases xor ex4 ...] [--peers jax torch] [--threads 2]
                                     [--rounds 5] [--seconds 0.2]

Hessian products along one direction and along eight at once; the gradient by the inputs; a cost on
it beside that of the values, with its gradient by theta; that of the residuals of a differential
equation; the Jacobian of residuals by theta. Each
library is a process of its own, visited in rounds, and the shortest call of each counts: ratios
then hold on a machine that is not quiet. In the table "/ gradient" is fastbp's time over that of
its own cost and gradient, measured in the same rounds, and "/ 8 single" that of eight products at
once over eight times one."""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from derivative_cases import CASES, TABLE
from derivative_peers import NAMES
from remote import Missing, Remote
from run import REST, markdown_table

SCRIPT = "derivative_worker.py"


def opened(workers, what, case, columns):
    """Prepares it everywhere; the largest deviation of a result from the first worker's, over its
    largest entry."""
    deviation, reference = np.nan, None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.npy")
        for worker in workers:
            worker.call("open", what, case, columns, str(file))
            out = np.load(file)
            if reference is None:
                reference = out
                continue
            found = np.abs(out - reference).max() / np.abs(reference).max()
            deviation = np.nanmax([deviation, found])
    return deviation


def measure(workers, gradient, what, case, columns, rounds, seconds):
    """Milliseconds of each worker, and of a gradient; and the deviation."""
    deviation = opened(workers, what, case, columns)
    gradient.call("open", "gradient", case, 0, "")
    timed = [*workers, gradient]
    taken = [[] for _ in timed]
    for _ in range(rounds):
        for worker, times in zip(timed, taken, strict=True):
            time.sleep(REST)
            times.append(min(worker.call("time", seconds)) / 1e3)
    *ms, of_gradient = (min(times) for times in taken)
    return ms, of_gradient, deviation


def significant(ms):
    return f"{ms:.3g}" if ms < 1000 else f"{ms:.0f}"


def rows(workers, gradient, cases, rounds, seconds):
    """Lines of the table, one after the other."""
    single = {}
    for title, what, columns, names in TABLE:
        for case in names:
            if case.partition(",")[0] not in cases:
                continue
            ms, of_gradient, deviation = measure(
                workers, gradient, what, case, columns, rounds, seconds
            )
            ours, *others = ms
            at_once = "-"
            if columns == 1:
                single[case] = ours
            elif columns:
                at_once = f"{ours / (columns * single[case]):.2f}"
            beside = f"{min(others) / ours:.2f}" if others else "-"
            yield [
                title, case, *map(significant, ms), f"{ours / of_gradient:.2f}", at_once, beside,
                f"{deviation:.1e}",
            ]  # fmt: skip


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(dict.fromkeys(name.partition(",")[0] for name in CASES))
    parser.add_argument("--cases", nargs="+", choices=names, default=names, metavar="CASE")
    parser.add_argument("--peers", nargs="+", choices=NAMES[1:], default=list(NAMES[1:]))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="per library, case and round")
    args = parser.parse_args(argv)
    with contextlib.ExitStack() as stack:
        workers = []
        for name in ("fastbp", *args.peers):
            try:
                workers.append(stack.enter_context(Remote(name, args.threads, SCRIPT)))
            except Missing as error:
                print(f"{name}: skipped ({error})", file=sys.stderr)
        gradient = stack.enter_context(Remote("fastbp", args.threads, SCRIPT))
        head = ["derivative", "case", *(f"{w.peer}, ms" for w in workers), "/ gradient",
                "/ 8 single", "best peer / fastbp", "deviation"]  # fmt: skip
        print("\n".join(markdown_table(head, [])), flush=True)
        for row in rows(workers, gradient, args.cases, args.rounds, args.seconds):
            print(markdown_table(head, [row])[-1], flush=True)
        print(f"\n{args.threads} threads;", ", ".join(f"{w.peer} {w.version}" for w in workers))


if __name__ == "__main__":
    main()
