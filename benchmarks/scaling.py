"""fastbp with 1 and 2 threads: the speed-up on each case, and whether one gets slower.

Usage:

    python benchmarks/scaling.py [--cases ...] [--rounds 9]
"""

import argparse
import contextlib

from cases import CASES
from remote import Remote
from run import markdown_table, measure, significant


def scaling(names, rounds, seconds, peer="fastbp"):
    """Rows [case, us with 1 thread, us with 2, speed-up]."""
    body = []
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Remote(peer, threads)) for threads in (1, 2)]
        for name in names:
            one, two = (row.us for row in measure(CASES[name], workers, rounds, seconds).rows)
            body.append([name, significant(one), significant(two), f"{one / two:.2f}"])
    return body


def markdown(rounds, seconds):
    head = ["case", "1 thread, µs", "2 threads, µs", "speed-up"]
    return "\n".join(markdown_table(head, scaling(CASES, rounds, seconds)))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2)
    args = parser.parse_args(argv)
    for name, one, two, speedup in scaling(args.cases, args.rounds, args.seconds):
        print(f"{name:12} {one:>8} µs {two:>8} µs  speed-up {speedup}")


if __name__ == "__main__":
    main()
