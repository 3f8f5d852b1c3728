"""Exact cost and gradient of feed-forward networks in one compiled call, for any optimiser."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastbp.check import GradientCheckError, GradientReport, check_gradient
from fastbp.config import show_config
from fastbp.layers import Dense
from fastbp.network import Network, mlp
from fastbp.objective import Objective
from fastbp.threads import get_num_threads, num_threads, set_num_threads

if TYPE_CHECKING:
    from fastbp import datasets, files, kernels

__version__ = "0.1.0"

__all__ = [
    "Dense",
    "GradientCheckError",
    "GradientReport",
    "Network",
    "Objective",
    "__version__",
    "check_gradient",
    "datasets",
    "files",
    "get_num_threads",
    "kernels",
    "mlp",
    "num_threads",
    "set_num_threads",
    "show_config",
]

# Imported when first named: half of fastbp's import time, and most programs need none of them.
_LATER = ("datasets", "files", "kernels")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"fastbp.{name}")
    raise AttributeError(f"module 'fastbp' has no attribute {name!r}")
