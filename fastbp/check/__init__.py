"""Is this gradient the derivative of this cost? `check_gradient` answers, block by block.

`check_hessp`, `check_jacobian` and `check_input_gradient` ask the same of other derivatives.
"""

from fastbp.check.derivatives import check_hessp, check_input_gradient, check_jacobian
from fastbp.check.gradient import check_gradient
from fastbp.check.report import BlockResult, GradientCheckError, GradientReport, Kink

__all__ = [
    "BlockResult",
    "GradientCheckError",
    "GradientReport",
    "Kink",
    "check_gradient",
    "check_hessp",
    "check_input_gradient",
    "check_jacobian",
]
