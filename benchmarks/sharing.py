"""What `fun` and `jac` pay to know that the data has not changed, beside what sharing saves.

    python benchmarks/sharing.py [case ...]

For each case, in microseconds: an evaluation, the cost alone, one fingerprint of the data, and how
many products a cost takes for each byte of data. Sharing costs two fingerprints for each pair of
calls and saves one cost: `fastbp/last_evaluation.py` shares where products per byte are many.
"""

import sys
from timeit import repeat

from cases import CASES
from peers.fastbp import prepare

from fastbp._memory import fingerprint


def best(call):
    number = max(1, int(0.01 / max(1e-7, min(repeat(call, number=1, repeat=3)))))
    return 1e6 * min(repeat(call, number=number, repeat=15)) / number


def main(names):
    print(f"{'case':12} {'evaluation':>10} {'cost':>8} {'data':>8} {'products/byte':>13}  shared")
    for name in names:
        case = CASES[name]
        objective, theta = prepare(case), case.thetas(1)[0]
        y = case.targets if case.labels is None else case.labels
        times = [
            best(lambda objective=objective, theta=theta: objective(theta)),
            best(lambda objective=objective, theta=theta: objective.cost(theta)),
            best(lambda arrays=(case.X, y), n=objective.n_threads: fingerprint(arrays, n)),
        ]
        ratio = case.n_samples * theta.size / (case.X.nbytes + y.nbytes)
        print(
            f"{name:12} {times[0]:10.1f} {times[1]:8.1f} {times[2]:8.1f} {ratio:13.1f}  "
            f"{objective._shares()}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:] or CASES)
