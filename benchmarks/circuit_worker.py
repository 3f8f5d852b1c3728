"""The measuring side of circuits.py: one process, one library. See worker.py, which it is like."""

import importlib
import itertools
import time

import numpy as np
from circuit_cases import CASES, sample_points, samples
from worker import SAMPLE, serve, time_calls, version_of

WAYS = ("call", "buffers", "each", "mean", "each_in_place", "mean_in_place")


def time_runs(run, seconds):
    """Microseconds per run(), as time_calls has them for functions of an argument."""
    group, took = 1, 0.0
    while took < SAMPLE:
        group *= 2
        start = time.perf_counter()
        for _ in itertools.repeat(None, group):
            run()
        took = time.perf_counter() - start
    result = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(result) < 3:
        start = time.perf_counter()
        for _ in itertools.repeat(None, group):
            run()
        result.append(1e6 * (time.perf_counter() - start) / group)
    return result


class Worker:
    def __init__(self, peer):
        self.peer = importlib.import_module(f"circuit_peers.{peer}")
        self.timed = {}

    def ways(self):
        """Which of the functions the library has."""
        return [way for way in WAYS if hasattr(self.peer, way)]

    def open(self, way, name, file):
        """Prepare a way of evaluation and leave values and gradients at some points in a file."""
        make = getattr(self.peer, way)
        results = []
        if way == "buffers":
            run, p, value, gradient = make(CASES[name])
            for point in CASES[name].points(5):
                p[:] = point
                run()
                results += [value.copy(), gradient.copy()]
            self.timed[way, name] = lambda seconds: time_runs(run, seconds)
        else:
            points = CASES[name].points(5) if way == "call" else sample_points(5)
            function = make(CASES[name]) if way == "call" else make(*samples())
            for point in points[:1] if way.startswith("each") else points:
                results += function(point)
            self.timed[way, name] = lambda seconds: time_calls(function, points, seconds)
        np.save(file, np.concatenate([np.ravel(result) for result in results]))

    def time(self, way, name, seconds):
        return self.timed[way, name](seconds)

    def version(self):
        return version_of(self.peer)


if __name__ == "__main__":
    serve(Worker)
