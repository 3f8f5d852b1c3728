"""Is this gradient the derivative of this cost? `check_gradient` answers, block by block."""

from fastbp.check.gradient import check_gradient
from fastbp.check.report import BlockResult, GradientCheckError, GradientReport, Kink

__all__ = ["BlockResult", "GradientCheckError", "GradientReport", "Kink", "check_gradient"]
