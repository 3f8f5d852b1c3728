"""Exact cost and gradient of feed-forward networks in one compiled call, for any optimiser."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastbp.config import show_config
from fastbp.layers import Dense
from fastbp.names import activations, losses
from fastbp.network import Network, mlp
from fastbp.objective import Objective
from fastbp.threads import get_num_threads, num_threads, set_num_threads

if TYPE_CHECKING:
    from fastbp import datasets, files, kernels
    from fastbp.check import GradientCheckError, GradientReport, check_gradient

__version__ = "0.1.0"

__all__ = [
    "Dense",
    "GradientCheckError",
    "GradientReport",
    "Network",
    "Objective",
    "__version__",
    "activations",
    "check_gradient",
    "datasets",
    "files",
    "get_num_threads",
    "kernels",
    "losses",
    "mlp",
    "num_threads",
    "set_num_threads",
    "show_config",
]

# Imported when first named: most of fastbp's import time, and many programs need none of them.
_MODULES = ("check", "datasets", "files", "kernels")
_OF_CHECK = ("GradientCheckError", "GradientReport", "check_gradient")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"fastbp.{name}")
    if name in _OF_CHECK:
        return getattr(import_module("fastbp.check"), name)
    raise AttributeError(f"module 'fastbp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_MODULES, *_OF_CHECK]
