"""The functions of NumPy that do with arrays of expressions what they do with numbers.

Each arranges the elements, or computes by ufuncs, which record. Any other could drop what is
recorded, or ask what its value is, so that a function that is not here is refused: those of later
versions of NumPy too.
"""

from typing import Any

import numpy as np

_ARRANGE = """
    append array_split atleast_1d atleast_2d atleast_3d block broadcast_arrays broadcast_to
    column_stack compress concat concatenate copy copyto delete diag diagflat diagonal dsplit dstack
    expand_dims extract flip fliplr flipud hsplit hstack insert matrix_transpose meshgrid moveaxis
    pad permute_dims ravel repeat reshape resize roll rollaxis rot90 row_stack split squeeze stack
    swapaxes take take_along_axis tile transpose tril triu unstack vsplit vstack
"""
_COMPUTE = """
    amax amin apply_along_axis apply_over_axes average convolve correlate cross cumprod cumsum
    cumulative_prod cumulative_sum diff dot einsum gradient inner kron max mean min outer
    poly polyadd polyder polyint polysub polyval prod ptp real std sum tensordot trace
    trapezoid trapz vander var vdot clip
"""
_LINEAR = """
    cross diagonal matmul matrix_power matrix_transpose multi_dot outer tensordot trace vecdot
"""
# These tell something about arrays, whatever their values.
_ABOUT = """
    array2string array_repr array_str can_cast iscomplexobj isrealobj may_share_memory
    min_scalar_type ndim result_type shape shares_memory size
"""


def _named(module: Any, names: str) -> frozenset[Any]:
    """Those of the named functions that this NumPy has."""
    return frozenset(getattr(module, name) for name in names.split() if hasattr(module, name))


ABOUT = _named(np, _ABOUT)
RECORDABLE = _named(np, _ARRANGE + _COMPUTE) | _named(np.linalg, _LINEAR) | ABOUT

# What to use in place of functions that are not recorded.
INSTEAD = {
    "nan_to_num": "use np.where(a == a, a, 0)",
    **dict.fromkeys(
        ("argmax", "argmin", "argsort", "argpartition", "sort", "partition", "searchsorted",
         "median", "percentile", "quantile", "unique"),
        "what comes first depends on values, which are not known yet; np.maximum, np.minimum, "
        "np.max and np.min are recorded",
    ),
    **dict.fromkeys(
        ("pinv", "lstsq", "cholesky", "qr", "svd", "eig", "eigh", "eigvals",
         "eigvalsh", "slogdet", "matrix_rank", "cond"),
        "there is no formula for it; np.linalg.det, inv and solve are recorded up to 4 x 4, and "
        "what depends on data alone can be computed before and passed as data",
    ),
    **dict.fromkeys(
        ("fill_diagonal", "place", "put", "put_along_axis", "putmask"),
        "assign instead: out = np.zeros_like(x); out[i] = a",
    ),
    **dict.fromkeys(
        ("nonzero", "flatnonzero", "argwhere", "count_nonzero"),
        "whether an expression is 0 is not known before it has a value; a sum of comparisons "
        "counts",
    ),
}  # fmt: skip
