"""Optimisers of our own, for what those of SciPy do not make use of."""

from fastbp.optimize.marquardt import levenberg_marquardt

__all__ = ["levenberg_marquardt"]
