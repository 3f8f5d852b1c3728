"""The same layers in JAX, jitted (see jax.py)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from layouts import split


def convolve(a, w, b):
    """Cross-correlation, channels first, and relu."""
    z = lax.conv(a, w, (1,) * (a.ndim - 2), "VALID")
    return jax.nn.relu(z + b.reshape(1, -1, *(1,) * (a.ndim - 2)))


def pool(a, size):
    window = (1, 1) + (size,) * (a.ndim - 2)
    return lax.reduce_window(a, -jnp.inf, lax.max, window, window, "VALID")


def recurrent(kind, a, w, b):
    """The last state of a scan over the steps."""
    units = w.shape[0] // (4 if kind == "lstm" else 1)
    zero = jnp.zeros((len(a), units), a.dtype)

    def step(state, x):
        h, c = state
        z = jnp.concatenate([x, h], axis=1) @ w.T + b
        if kind == "rnn":
            return (jnp.tanh(z), c), None
        i, f, g, o = jnp.split(z, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    return lax.scan(step, (zero, zero), a.swapaxes(0, 1))[0][0]


def prepare(case):
    def cost(blocks, X, y):
        a, left = X, iter(blocks)
        for kind, size, *rest in case.layers:
            if kind == "pool":
                a = pool(a, size)
                continue
            w, b = next(left)
            if kind == "conv":
                kernel = (rest[0],) * (X.ndim - 2)
                a = convolve(a, w.reshape(size, -1, *kernel), b)
            elif kind == "dense":
                a = a.reshape(len(a), -1) @ w.T + b
            else:
                a = recurrent(kind, a, w, b)
        if case.labels is None:
            return 0.5 * jnp.sum((a - y) ** 2) / case.n_samples
        picked = jnp.take_along_axis(a, y[:, None], axis=1)
        return (jnp.sum(jax.nn.logsumexp(a, axis=1)) - jnp.sum(picked)) / case.n_samples

    @jax.jit
    def cost_and_gradient(theta, X, y):
        blocks = split(theta.astype(case.dtype), case.shapes)
        value, grads = jax.value_and_grad(cost)(blocks, X, y)
        flat = jnp.concatenate([g.ravel() for block in grads for g in block])
        return value, flat.astype(jnp.float64)

    X = jax.device_put(case.X)
    y = jax.device_put(case.targets if case.labels is None else case.labels)

    def evaluate(theta):
        value, gradient = cost_and_gradient(theta, X, y)
        return float(value), np.asarray(gradient)

    return evaluate
