"""The measuring side of derivatives.py: one process, one library. See worker.py."""

import importlib

import numpy as np
from derivative_cases import CASES
from worker import serve, time_calls, version_of


class Worker:
    def __init__(self, peer):
        self.peer = importlib.import_module(f"derivative_peers.{peer}")
        self.timed = {}

    def open(self, what, name, columns, file):
        """Prepare a derivative of a case, and leave it, in our order of theta, in a file."""
        case = CASES[name]
        order = self.peer.ORDER(case.shapes)
        thetas = [theta[order] for theta in case.thetas(5)]
        arguments = [case]
        if columns:
            shape = (len(order), columns) if columns > 1 else len(order)
            arguments.append(np.random.default_rng(5).standard_normal(shape)[order])
        function = getattr(self.peer, what)(*arguments)
        self.timed = {"function": function, "thetas": thetas}
        found = function(thetas[0])
        if what == "gradient":
            return
        out = np.array(found)
        if what in ("product", "forces", "burgers"):
            out[order] = found
        elif what == "jacobian":
            out[:, order] = found
        np.save(file, out)

    def time(self, seconds):
        return time_calls(self.timed["function"], self.timed["thetas"], seconds)

    def version(self):
        return version_of(self.peer)


if __name__ == "__main__":
    serve(Worker)
