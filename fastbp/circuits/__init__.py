"""Real-valued circuits: expressions of scalars, compiled with their derivatives."""

from fastbp.circuits import functions, symbols  # noqa: F401 (symbols: u.d of expressions)
from fastbp.circuits.arrays import ExpressionArray
from fastbp.circuits.derivatives import derivative
from fastbp.circuits.functions import *  # noqa: F403

__all__ = ["ExpressionArray", "derivative"]
__all__ += functions.__all__
