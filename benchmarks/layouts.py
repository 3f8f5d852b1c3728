"""Orders in which libraries flatten a network's parameters, as index arrays.

With ``order`` from here, ``theta[order]`` is the peer's vector for our ``theta`` and
``gradient[order] = peer_gradient`` brings its gradient back. Only the flat order differs, so
conversion stays outside of the timed call.
"""

import itertools

import numpy as np


def _blocks(widths):
    """Indices into our theta, per layer: (weights (s_out, s_in), bias (s_out,))."""
    start = 0
    for n_in, n_out in itertools.pairwise(widths):
        block = start + np.arange(n_out * (1 + n_in)).reshape(n_out, 1 + n_in)
        start += block.size
        yield block[:, 1:], block[:, 0]


def bias_first(widths):
    """fastbp: each layer (s_out, 1 + s_in) with the bias in column 0."""
    return np.arange(sum((1 + a) * b for a, b in itertools.pairwise(widths)))


def weights_then_bias(widths):
    """PyTorch: per layer weights (s_out, s_in), then bias."""
    return np.concatenate([part.ravel() for block in _blocks(widths) for part in block])


def coefs_then_intercepts(widths):
    """scikit-learn: weights (s_in, s_out) of all layers, then all biases."""
    weights, biases = zip(*_blocks(widths), strict=True)
    return np.concatenate([w.T.ravel() for w in weights] + list(biases))


def split(theta, widths):
    """Views [(weights (s_out, s_in), bias (s_out,)), ...] of a weights-then-bias vector."""
    parts, start = [], 0
    for n_in, n_out in itertools.pairwise(widths):
        stop = start + n_in * n_out
        parts.append((theta[start:stop].reshape(n_out, n_in), theta[stop : stop + n_out]))
        start = stop + n_out
    return parts
