"""Print, as JSON, a digest of cost and gradient of many problems at this process's CPU level.

test_engine.py runs this under FASTBP_CPU=v3 and v4 and compares.
"""

import hashlib
import json
import sys

import numpy as np
from problems import DTYPES, LARGE, SAMPLES, WIDE, Case, hidden_names, name_of, table

from fastbp._core import core

# Sizes of a tile and of the partial sums must not depend on the length of a register: these walk
# past the points where they change.
TILES = [((n, 20, 5), 700) for n in range(120, 280)]
SUMS = [((n, 40), 3001) for n in range(296, 320)]
# One and two samples go another way; their sums too are longer than a panel.
FEW = [((4, n, 200, 2), m) for n in (33, 37) for m in (1, 2)]
STRIPS = [(widths, m) for widths in WIDE for m in SAMPLES]


def settings(dtype):
    yield from table(dtype)
    for widths, m in (*TILES, *SUMS, *FEW, *STRIPS, ((30, 20, 20, 1), 20011), *LARGE):
        names = {"loss": "squared_error", "output": "identity", "hidden": "tanh"}
        yield {**names, "widths": widths, "m": m, "dtype": dtype, "kind": 1}


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def digests():
    for dtype in DTYPES:
        for row in settings(dtype):
            yield name_of(row), digest(Case(**row).bits(2))
        for n in (4, 8, 12):  # products that underflow: the sign of a zero too
            shape = ((1, n, 1), ("tanh", "identity"), "squared_error")
            one = np.ones((1, 1), dtype)
            chain = core(dtype).Chain(*shape)
            problem = core(dtype).BoundNetwork(chain, one, None, 0 * one, None, 0.0, True, 1)
            theta = np.zeros(3 * n + 1)
            theta[2 * n] = np.finfo(dtype).tiny ** 0.7
            theta[2 * n + 1 :] = -theta[2 * n]
            yield f"underflow-{n}-{dtype}", digest(problem.evaluate(theta, True)[1].tobytes())
        z = np.linspace(-50, 50, 4001).astype(dtype)
        for name in hidden_names():
            for order in range(3):
                values = core(dtype).apply_activation(name, z, order)
                yield f"{name}-{order}-{dtype}", digest(values.tobytes())


if __name__ == "__main__":
    json.dump(dict(digests()), sys.stdout)
