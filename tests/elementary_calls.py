"""Calls of one elementary function on each CPU level and in each precision."""

from importlib import import_module

import numpy as np
import pytest

from fastbp._core import PRECISIONS, available_levels

inf, nan = float("inf"), float("nan")
ORDERS = {"trigamma": 1, "tetragamma": 2}  # of polygamma

levels = pytest.mark.parametrize("level", available_levels())
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


def apply(level, dtype, name, *operands):
    engine = import_module(f"fastbp._core.{PRECISIONS[dtype]}_{level}")
    if name in ORDERS:
        name, operands = "polygamma", (np.full(np.shape(operands[0]), ORDERS[name]), *operands)
    name = "power" if name == "pow" else name  # the gate is called as the function of NumPy
    return engine.apply_elementary(name, *[np.asarray(x, dtype) for x in operands])


def edges(dtype):
    """All pairs of the numbers at which something changes, with both signs, and NaN."""
    info = np.finfo(dtype)
    unit = 2.0**info.nmant  # from here on all are integers; from 2 unit on all are even
    values = [0, 1, 0.5, 2, 3, 2.5, 64, 1e10, 1e30, 1 - info.eps / 2, 1 + info.eps, inf]
    values += [unit / 2 + 0.5, unit - 1, unit - 0.5, unit, unit + 1, 2 * unit - 1, 2 * unit]
    values += [2 * unit + 2, info.max, info.smallest_normal, info.smallest_subnormal]
    values = np.array([*values, nan], dtype)
    values = np.concatenate([values, -values])
    return np.repeat(values, values.size), np.tile(values, values.size)
