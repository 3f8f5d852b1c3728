"""Orders in which libraries flatten a network's parameters, as index arrays.

``shapes`` are (height, width) of each layer's matrix: W is (height, width), b (height,).

With ``order`` from here, ``theta[order]`` is the peer's vector for our ``theta`` and
``gradient[order] = peer_gradient`` brings its gradient back. Only the flat order differs, so
conversion stays outside of the timed call.
"""

import numpy as np


def _blocks(shapes):
    """Indices into our theta, per layer: (weights (height, width), bias (height,))."""
    start = 0
    for height, width in shapes:
        block = start + np.arange(height * (1 + width)).reshape(height, 1 + width)
        start += block.size
        yield block[:, 1:], block[:, 0]


def bias_first(shapes):
    """fastbp: each layer (height, 1 + width) with the bias in column 0."""
    return np.arange(sum((1 + width) * height for height, width in shapes))


def weights_then_bias(shapes):
    """PyTorch: per layer weights (height, width), then bias."""
    return np.concatenate([part.ravel() for block in _blocks(shapes) for part in block])


def coefs_then_intercepts(shapes):
    """scikit-learn: weights (width, height) of all layers, then all biases."""
    weights, biases = zip(*_blocks(shapes), strict=True)
    return np.concatenate([w.T.ravel() for w in weights] + list(biases))


def split(theta, shapes):
    """Views [(weights (height, width), bias (height,)), ...] of a weights-then-bias vector."""
    parts, start = [], 0
    for height, width in shapes:
        stop = start + height * width
        parts.append((theta[start:stop].reshape(height, width), theta[stop : stop + height]))
        start = stop + height
    return parts
