"""Circuits that are copies of the activations and losses there are by name."""

import numpy as np

import fastbp
from fastbp import circuit, variable, variables
from fastbp.circuits import (  # fmt: skip
    absolute,
    exp,
    log,
    log1p,
    maximum,
    softplus,
    steps,
    where,
)

Z = variable("z")
A, Y = variables("a y")
V = variables("v", 2)
E = A - Y

ACTIVATIONS = {  # gate by gate, as `net.expressions` has them
    name: circuit(steps.activated(name, Z)) for name in fastbp.activations(hidden=True)
}

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
    ("gamma", "identity"): (A + Y * exp(-A), "identity"),
    ("negative_binomial", "identity"): ((Y + 1) * softplus(A) - Y * A, "identity"),
    ("focal", "sigmoid"):
        (-Y * (1 - A) ** 2 * log(A) - (1 - Y) * A**2 * log(1 - A), "sigmoid"),
    ("hinge", "identity"): (maximum(0, 1 - Y * A), "identity"),
    ("squared_hinge", "tanh"): (maximum(0, 1 - Y * A) ** 2, "tanh"),
    ("cross_entropy", "sigmoid"): (softplus(A) - Y * A, "identity"),
}  # fmt: skip
LOSSES = {key: (circuit(e, wrt=[A, Y]), output) for key, (e, output) in LOSSES.items()}
