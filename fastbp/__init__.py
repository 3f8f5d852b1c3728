"""Exact cost and gradient of feed-forward networks in one compiled call, for any optimiser."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import fastbp._core  # noqa: F401  before what needs a compiled module: it says what to do without
from fastbp._version import __version__
from fastbp.config import show_config
from fastbp.layers import (
    GRU,
    LSTM,
    RNN,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Dense,
    Flatten,
    MaxPool1d,
    MaxPool2d,
)
from fastbp.model import Model
from fastbp.names import activations, losses
from fastbp.network import Network
from fastbp.objective import Objective
from fastbp.parameterised import named
from fastbp.perceptron import mlp
from fastbp.threads import get_num_threads, num_threads, set_num_threads

if TYPE_CHECKING:
    from fastbp import circuits, datasets, files, kernels, optimize
    from fastbp.check import (
        GradientCheckError,
        GradientReport,
        check_gradient,
        check_hessp,
        check_input_gradient,
        check_jacobian,
    )
    from fastbp.circuits.circuit import Circuit, circuit
    from fastbp.circuits.new_variables import variable, variables
    from fastbp.files import load
    from fastbp.optimize import levenberg_marquardt

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AvgPool1d",
    "AvgPool2d",
    "Circuit",
    "Conv1d",
    "Conv2d",
    "Dense",
    "Flatten",
    "GradientCheckError",
    "GradientReport",
    "MaxPool1d",
    "MaxPool2d",
    "Model",
    "Network",
    "Objective",
    "__version__",
    "activations",
    "check_gradient",
    "check_hessp",
    "check_input_gradient",
    "check_jacobian",
    "circuit",
    "circuits",
    "datasets",
    "files",
    "get_num_threads",
    "kernels",
    "levenberg_marquardt",
    "load",
    "losses",
    "mlp",
    "named",
    "num_threads",
    "optimize",
    "set_num_threads",
    "show_config",
    "variable",
    "variables",
]

# Imported when first named: most of fastbp's import time, and many programs need none of them.
_MODULES = ("check", "circuits", "datasets", "files", "kernels", "optimize")
_LATER = {
    "Circuit": "fastbp.circuits.circuit",
    "GradientCheckError": "fastbp.check",
    "GradientReport": "fastbp.check",
    "check_gradient": "fastbp.check",
    "check_hessp": "fastbp.check",
    "check_input_gradient": "fastbp.check",
    "check_jacobian": "fastbp.check",
    "circuit": "fastbp.circuits.circuit",
    "levenberg_marquardt": "fastbp.optimize",
    "load": "fastbp.files",
    "variable": "fastbp.circuits.new_variables",
    "variables": "fastbp.circuits.new_variables",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"fastbp.{name}")
    if name in _LATER:
        value = getattr(import_module(_LATER[name]), name)
        globals()[name] = value
        return value
    from fastbp.elsewhere import missing

    raise missing(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES, *_LATER]
