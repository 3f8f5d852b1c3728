"""The same numbers in every kind of array: shared by the tests here."""

import numpy as np
import pandas as pd


def with_entry(array, index, value, dtype=None):
    changed = np.array(array, dtype=dtype)
    changed[index] = value
    return changed


def assert_same(left, right):
    assert left[0] == right[0]
    assert np.array_equal(left[1], right[1])


def misaligned(array):
    buffer = np.empty(array.nbytes + 1, np.uint8)
    view = buffer[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


KINDS = {
    "list": lambda a: a.tolist(),
    "Fortran order": np.asfortranarray,
    "rows apart": lambda a: np.repeat(a, 2, axis=0)[::2],
    "columns apart": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "part of a wider array": lambda a: np.hstack([a, a])[:, : a.shape[1]],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "read-only": read_only,
    "big-endian": lambda a: a.astype(">f8"),
    "float32": lambda a: a.astype(np.float32),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "misaligned": misaligned,
    "DataFrame": pd.DataFrame,
    "matrix": lambda a: a.view(np.matrix),
    "masked, nothing masked": lambda a: np.ma.MaskedArray(a, mask=False),
}
