"""Circuits that are copies of the activations and losses there are by name."""

import numpy as np

from fastbp import circuit, variable, variables
from fastbp.circuits import (  # fmt: skip
    absolute,
    erf,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    relu,
    sigmoid,
    sin,
    softplus,
    tanh,
    where,
)

Z = variable("z")
A, Y = variables("a y")
V = variables("v", 2)
E = A - Y

ACTIVATIONS = {
    "identity": Z, "sigmoid": sigmoid(Z), "tanh": tanh(Z), "relu": relu(Z),
    "leaky_relu": where(Z > 0, Z, 0.01 * Z), "elu": where(Z > 0, Z, expm1(where(Z > 0, 0, Z))),
    "softplus": softplus(Z), "silu": Z * sigmoid(Z), "gelu": Z * (1 + erf(Z / np.sqrt(2))) / 2,
    "sin": sin(Z), "gaussian": exp(-(Z**2)),
}  # fmt: skip
ACTIVATIONS = {name: circuit(e) for name, e in ACTIVATIONS.items()}

# (loss, output): the loss of a, and the output it then follows
LOSSES = {
    ("squared_error", "identity"): (E**2 / 2, "identity"),
    ("squared_error", "tanh"): (E**2 / 2, "tanh"),
    ("squared_error", "softmax"): (E**2 / 2, "softmax"),
    ("absolute_error", "identity"): (absolute(E), "identity"),
    ("quantile", "identity"): (absolute(E) / 2, "identity"),
    ("huber", "sin"): (where(absolute(E) <= 1, E**2 / 2, absolute(E) - 0.5), "sin"),
    ("log_cosh", "identity"):
        (absolute(E) + log1p(exp(-2 * absolute(E))) - np.log(2), "identity"),
    ("poisson", "identity"): (exp(A) - Y * A, "identity"),
    ("poisson", "softplus"): (A - Y * log(A), "softplus"),
    ("hinge", "identity"): (maximum(0, 1 - Y * A), "identity"),
    ("squared_hinge", "tanh"): (maximum(0, 1 - Y * A) ** 2, "tanh"),
    ("cross_entropy", "sigmoid"): (softplus(A) - Y * A, "identity"),
}  # fmt: skip
LOSSES = {key: (circuit(e, wrt=[A, Y]), output) for key, (e, output) in LOSSES.items()}
