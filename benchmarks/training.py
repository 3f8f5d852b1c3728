"""Train 64-25-10 on the 1797 digits with at most 200 L-BFGS-B iterations, beside scikit-learn.

    python benchmarks/training.py [--rounds 5]

The same problem for both: tanh, softmax cross entropy, the same penalty, scipy's L-BFGS-B
without a gradient tolerance. Each run is a process of its own, once with one BLAS thread and once
with the default; runs are interleaved.
"""

import argparse
import json
import subprocess
import sys
import time
from statistics import median

from remote import environment
from run import markdown_table

L2 = 1.0
ITERATIONS = 200
RUNNERS = ("fastbp", "sklearn")


def _digits():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y


def train_fastbp(seed):
    from scipy.optimize import minimize

    import fastbp

    X, y = _digits()
    start = time.perf_counter()
    net = fastbp.mlp(64, 25, 10, hidden="tanh", output="softmax", loss="cross_entropy", l2=L2)
    objective = net.objective(X, y)
    options = {"maxiter": ITERATIONS, "gtol": 0}
    result = minimize(objective, net.init(seed), jac=True, method="L-BFGS-B", options=options)
    seconds = time.perf_counter() - start
    accuracy = (net.predict(result.x, X) == y).mean()
    return seconds, objective.seconds, result.nit, objective.n_evaluations, result.fun, accuracy


def train_sklearn(seed):
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)

    class Timed(MLPClassifier):
        """Counts the calls of the objective and the time inside it."""

        calls, inside = 0, 0.0

        def _loss_grad_lbfgs(self, *args):
            start = time.perf_counter()
            result = super()._loss_grad_lbfgs(*args)
            self.inside += time.perf_counter() - start
            self.calls += 1
            return result

    X, y = _digits()
    model = Timed((25,), "tanh", solver="lbfgs", alpha=L2, max_iter=ITERATIONS, tol=0)
    model.set_params(random_state=seed)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    return seconds, model.inside, model.n_iter_, model.calls, model.loss_, model.score(X, y)


def train(runner, blas_threads, seed):
    """The numbers of one run, in a new process; only BLAS is bounded, not our own threads."""
    env = environment(blas_threads)
    env.pop("FASTBP_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, __file__, "--run", runner, str(seed)],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def rows(rounds, runners=RUNNERS):
    """Medians: [runner, BLAS threads, s, s inside, iterations, evaluations, cost, accuracy]."""
    runs = {(runner, blas): [] for runner in runners for blas in (1, None)}
    for seed in range(rounds):
        for (runner, blas), results in runs.items():
            results.append(train(runner, blas, seed))
    for (runner, blas), results in runs.items():
        columns = (median(column) for column in zip(*results, strict=True))
        seconds, inside, iterations, calls, cost, accuracy = columns
        cells = [f"{seconds:.3f}", f"{inside:.3f}", f"{seconds - inside:.3f}", f"{iterations:.0f}"]
        cells += [f"{calls:.0f}", f"{cost:.4f}", f"{100 * accuracy:.2f} %"]
        yield [runner, "default" if blas is None else str(blas), *cells]


def markdown(rounds, runners=RUNNERS):
    head = ["library", "BLAS threads", "s", "s in the objective", "s elsewhere", "iterations"]
    head += ["evaluations", "cost", "accuracy"]
    return "\n".join(markdown_table(head, list(rows(rounds, runners))))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runners", nargs="+", choices=RUNNERS, default=RUNNERS)
    parser.add_argument("--run", nargs=2, metavar=("RUNNER", "SEED"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.run:
        runner, seed = args.run
        result = globals()[f"train_{runner}"](int(seed))
        print(json.dumps([float(number) for number in result]))
        return
    print(markdown(args.rounds, args.runners))


if __name__ == "__main__":
    main()
