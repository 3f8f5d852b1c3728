"""Plain chains of dense layers as programs, without the classes of fastbp.layers."""

import itertools

import numpy as np

NONE = -1


def dense_chain(engine, widths, activations, loss):
    """The engine's Chain; activations and loss are names or compiled circuits."""
    arrays, steps, table = [(widths[0], NONE)], [], []
    first, before = widths[0], 0  # rows so far; where the inputs of the next layer begin
    for number, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        steps.append((0, number, 0, n_out, 0, n_in, len(table), 1, first, 1, 1, 1))
        table += range(before, before + n_in)
        arrays.append((n_out, NONE))
        before, first = first, first + n_out
        if number + 2 < len(widths):
            arrays.append((n_out, len(arrays) - 1))
            steps.append((1, number, before, first, n_out, *(0,) * 7))
            before, first = first, first + n_out
    shapes = [(n_out, n_in) for n_in, n_out in itertools.pairwise(widths)]
    return engine.Chain(
        np.array(arrays, np.int32), np.array(shapes, np.int32), tuple(activations[:-1]),
        np.array(steps, np.int32), np.array(table, np.int32), len(arrays) - 1, 1,
        activations[-1], loss,
    )  # fmt: skip
