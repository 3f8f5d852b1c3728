"""Random first values of theta.

Weights that are all equal leave the hidden units identical for ever, so every scheme draws them at
random. With s_in and s_out the widths on both sides of a layer (of a convolution the channels times
the places of its kernel; of a gate s_in is the inputs and the state together, s_out the state):

    uniform          Theta in [-eps, eps], bias included; eps given or sqrt(6 / (s_in + s_out))
    glorot_uniform   W in [-r, r], r = sqrt(6 / (s_in + s_out)); bias 0   (Glorot and Bengio, 2010)
    glorot_normal    W of standard deviation sqrt(2 / (s_in + s_out)); bias 0
    he_uniform       W in [-r, r], r = sqrt(6 / s_in); bias 0                    (He et al., 2015)
    he_normal        W of standard deviation sqrt(2 / s_in); bias 0
    lecun_uniform    W in [-r, r], r = sqrt(3 / s_in); bias 0                 (LeCun et al., 1998)
    lecun_normal     W of standard deviation sqrt(1 / s_in); bias 0

"glorot" is glorot_uniform, "he" he_normal and "lecun" lecun_normal. Glorot suits sigmoid and tanh,
He relu and its relatives. The normal schemes are not truncated.
"""

import operator
from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastbp.validate import described, one_of, positive

# Annotations are strings: an annotation that names numpy.random would import it.
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.layers.layer import Layer, Matrix

# scheme -> (law, variance of a weight times ...): a uniform law on [-r, r] has variance r^2 / 3.
VARIANCES: dict[str, tuple[str, Callable[[int, int], float]]] = {
    "glorot_uniform": ("uniform", lambda s_in, s_out: 2 / (s_in + s_out)),
    "glorot_normal": ("normal", lambda s_in, s_out: 2 / (s_in + s_out)),
    "he_uniform": ("uniform", lambda s_in, s_out: 2 / s_in),
    "he_normal": ("normal", lambda s_in, s_out: 2 / s_in),
    "lecun_uniform": ("uniform", lambda s_in, s_out: 1 / s_in),
    "lecun_normal": ("normal", lambda s_in, s_out: 1 / s_in),
}
SHORT_NAMES = {"glorot": "glorot_uniform", "he": "he_normal", "lecun": "lecun_normal"}
SCHEMES = ("uniform", *SHORT_NAMES, *VARIANCES)
Scheme = Literal[
    "uniform", "glorot", "he", "lecun", "glorot_uniform", "glorot_normal", "he_uniform",
    "he_normal", "lecun_uniform", "lecun_normal",
]  # fmt: skip


def random_theta(
    layers: "tuple[Layer, ...]", seed: Any, scheme: str, epsilon: float | None
) -> "NDArray[np.float64]":
    """A fresh theta for `layers`, the layers drawn in order from one generator."""
    scheme = one_of(scheme, SCHEMES, "scheme", kind="scheme")
    scheme = SHORT_NAMES.get(scheme, scheme)
    if epsilon is not None:
        if scheme != "uniform":
            raise ValueError(
                f"epsilon belongs to scheme='uniform'; {scheme} takes its spread from the widths"
            )
        epsilon = positive(epsilon, "epsilon")
    rng = generator(seed, "; the spread of the weights is epsilon=")
    parts = []
    for layer in layers:
        Thetas = [_random_matrix(rng, matrix, scheme, epsilon) for matrix in layer.matrices]
        layer.adjust(Thetas)
        parts += [Theta.ravel() for Theta in Thetas]
    return np.concatenate(parts)


def _random_matrix(
    rng: "np.random.Generator", matrix: "Matrix", scheme: str, epsilon: float | None
) -> "NDArray[np.float64]":
    """One Theta, drawn by the scheme."""
    s_in, s_out = matrix.fan_in, matrix.fan_out
    if scheme == "uniform":
        bound = sqrt(6 / (s_in + s_out)) if epsilon is None else epsilon
        return rng.uniform(-bound, bound, matrix.shape)
    law, variance = VARIANCES[scheme]
    spread = sqrt(variance(s_in, s_out))
    Theta = np.zeros(matrix.shape)
    weights = Theta[:, 1:]
    if law == "normal":
        weights[...] = rng.normal(0, spread, weights.shape)
    else:
        weights[...] = rng.uniform(-sqrt(3) * spread, sqrt(3) * spread, weights.shape)
    return Theta


def generator(seed: Any, of_a_float: str = "") -> "np.random.Generator":
    """The random generator of a seed: None, an int >= 0, a flat sequence of them, or a Generator.

    Also a BitGenerator, a SeedSequence or a RandomState, as numpy.random.default_rng takes them.
    `of_a_float`: what else the caller of a float may have meant.
    """
    try:
        if isinstance(seed, list | tuple | range | np.ndarray):
            seed = _flat(seed)
        return np.random.default_rng(seed)
    except (TypeError, ValueError, OverflowError) as error:
        spread = isinstance(seed, float | np.floating)  # net.init(0.12)
        advice = f"; for weights in [-{seed:g}, {seed:g}] epsilon={seed:g}" if spread else ""
        kind = ValueError if isinstance(error, OverflowError) else type(error)
        raise kind(
            f"seed={described(seed)} cannot start a random generator; expected None, an integer "
            f">= 0, a flat sequence of them, or a numpy.random.Generator{advice}"
        ) from error


def _flat(seed: Any) -> list[int]:
    """The integers of a seed.

    NumPy looks for them in sequences of sequences, at any depth: a numpy.matrix, whose rows are
    matrices again, and a list that holds itself end the process there.
    """
    entries = np.asarray(seed) if isinstance(seed, np.ndarray) else seed
    return [operator.index(each) for each in entries]
