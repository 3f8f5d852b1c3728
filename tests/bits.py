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


def losses(dtype):
    """Of many samples at once: a product that one build does not fuse shows in few of them."""
    engine = core(dtype)
    rng = np.random.default_rng(0)
    for loss, outputs in engine.LOSSES.items():
        for output in outputs or engine.ACTIVATIONS:
            for K in (1, 3, 10):
                z = rng.normal(size=(20000, K)) * rng.choice([0.1, 1, 5, 30], size=(20000, 1))
                y = np.zeros((20000, K))
                y[np.arange(20000), rng.integers(0, K, 20000)] = 1
                y = 2 * y - 1 if loss in engine.SIGNED_LOSSES else y
                results = engine.output_delta(loss, output, z.astype(dtype), y.astype(dtype))
                for name, values in zip(("cost", "delta"), results, strict=True):
                    yield f"{loss}-{output}-{K}-{name}-{dtype}", digest(values.tobytes())


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
        yield from losses(dtype)
        z = np.linspace(-50, 50, 4001).astype(dtype)
        for name in hidden_names():
            for order in range(3):
                values = core(dtype).apply_activation(name, z, order)
                yield f"{name}-{order}-{dtype}", digest(values.tobytes())


if __name__ == "__main__":
    json.dump(dict(digests()), sys.stdout)
