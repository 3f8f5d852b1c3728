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
    from fastbp import circuits, datasets, files, kernels
    from fastbp.circuits.circuit import Circuit, circuit
    from fastbp.circuits.expressions import variable, variables

__version__ = "0.1.0"

__all__ = [
    "Circuit",
    "Dense",
    "GradientCheckError",
    "GradientReport",
    "Network",
    "Objective",
    "__version__",
    "check_gradient",
    "circuit",
    "circuits",
    "datasets",
    "files",
    "get_num_threads",
    "kernels",
    "mlp",
    "num_threads",
    "set_num_threads",
    "show_config",
    "variable",
    "variables",
]

# Imported when first named: half of fastbp's import time, and most programs need none of them.
_LATER = ("circuits", "datasets", "files", "kernels")
_LATER_FROM = {
    "Circuit": "fastbp.circuits.circuit",
    "circuit": "fastbp.circuits.circuit",
    "variable": "fastbp.circuits.expressions",
    "variables": "fastbp.circuits.expressions",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"fastbp.{name}")
    if name in _LATER_FROM:
        value = getattr(import_module(_LATER_FROM[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'fastbp' has no attribute {name!r}")
