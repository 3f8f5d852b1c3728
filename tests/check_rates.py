"""How often check_gradient errs, over the corpus and many seeds.

    python tests/check_rates.py             # 50 seeds, the figures of docs/gradient_checking.md
    python tests/check_rates.py 5           # 5 seeds
    python tests/check_rates.py 5 relu      # of the problems whose names hold this word

A wrong gradient is passed when the report is truthy, whatever it says besides. A right one is
failed when the report is falsy, or when it calls half of the slopes hidden where none need be.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from check_corpus import RIGHT, WRONG  # noqa: E402


def verdict(make, seed):
    """The report on one problem of this seed."""
    return make(np.random.default_rng(seed)).check(seed)


def errs(name, make, seed):
    """Whether the verdict on this problem is not the one it deserves; the report."""
    problem = make(np.random.default_rng(seed))
    report = problem.check(seed)
    if name in WRONG:
        return bool(report), report
    unfair = 2 * report.n_unclear > report.n_checked and not problem.hidden
    return not report or unfair, report


def main(n_seeds=50, word=""):
    for title, corpus in (("right", RIGHT), ("wrong", WRONG)):
        chosen = {name: make for name, make in corpus.items() if word in name}
        errors, unclear, evaluations = Counter(), 0, 0
        for name, make in chosen.items():
            for seed in range(n_seeds):
                wrong, report = errs(name, make, seed)
                errors[name] += wrong
                unclear += not report.conclusive
                evaluations += report.n_evaluations
        n = len(chosen) * n_seeds
        what = "failed" if title == "right" else "passed"
        print(f"{title}: {len(chosen)} problems x {n_seeds} seeds = {n}")
        print(f"  {what}: {errors.total()}, {errors.total() / max(n, 1):.2%}")
        print(f"  passed with little proved: {unclear}; evaluations in the mean: "
              f"{evaluations / max(n, 1):.0f}")  # fmt: skip
        for name, count in errors.most_common():
            if count:
                print(f"    {name}: {count} of {n_seeds}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
