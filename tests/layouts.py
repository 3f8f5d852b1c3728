"""The same numbers in other layouts."""

import numpy as np

LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "columns apart": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "rows backwards": lambda a: a[::-1].copy()[::-1],
}


def read_only(array, layout="C"):
    array = LAYOUTS[layout](array)
    array.flags.writeable = False
    return array
