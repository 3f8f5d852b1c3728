"""One module per library. Each has

    ORDER           the function of layouts.py that says how it flattens parameters
    prepare(case)   -> a callable: flat float64 theta -> (float cost, flat float64 gradient)

``prepare`` binds the data and compiles what can be compiled; it may raise ``Unsupported``. The
callable is what one would hand to scipy.optimize.minimize(..., jac=True).

"fastbp@v3" is fastbp as a processor with AVX2 runs it, whatever this one could do; "numpy@avx2", or
any other library with this ending, that library as such a processor runs it.
"""

NAMES = ("fastbp", "fastbp@v3", "numpy", "torch", "jax", "autograd", "sklearn")


class Unsupported(Exception):
    """The library's objective cannot express the case."""


def dense_only(case):
    """Refuses a case that has other layers."""
    if case.layers:
        raise Unsupported("it has no other layers than dense ones here")
