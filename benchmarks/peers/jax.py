"""JAX: one jitted function from theta to (cost, gradient).

The blocks are cut from theta before differentiation and the gradient is joined after it, which
spares XLA the adding up of padded slices.
"""

import jax
import jax.numpy as jnp
import numpy as np
from layouts import split
from layouts import weights_then_bias as ORDER  # noqa: F401

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

ACTIVATE = {
    "identity": lambda z: z,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
}


def functions(case):
    """z of the outputs, of layers and X, and the cost, of layers, X and y."""
    hidden, output = ACTIVATE[case.hidden], ACTIVATE.get(case.output)
    m, last = case.n_samples, len(case.widths) - 2

    def outputs(layers, X):
        a = X
        for n, (w, b) in enumerate(layers):
            a = a @ w.T + b
            if n < last:
                a = hidden(a)
        return a

    def loss(z, y):
        if case.loss == "squared_error":
            return 0.5 * jnp.sum((output(z) - y) ** 2)
        if case.output == "softmax":
            picked = jnp.take_along_axis(z, y[:, None], axis=1)
            return jnp.sum(jax.nn.logsumexp(z, axis=1)) - jnp.sum(picked)
        return jnp.sum(jax.nn.softplus(z) - y * z)

    def cost(layers, X, y):
        total = loss(outputs(layers, X), y)
        if case.l2:
            total += 0.5 * case.l2 * sum(jnp.sum(w * w) for w, _ in layers)
        return total / m

    return outputs, cost


def data(case):
    """X and y where JAX computes."""
    y = case.labels if case.output == "softmax" else case.targets
    return jax.device_put(case.X), jax.device_put(y)


def prepare(case):
    if case.layers:
        from peers import jax_layers

        return jax_layers.prepare(case)
    _, cost = functions(case)
    X, y = data(case)

    @jax.jit
    def cost_and_gradient(theta, X, y):
        layers = split(theta.astype(case.dtype), case.shapes)
        value, grads = jax.value_and_grad(cost)(layers, X, y)
        flat = jnp.concatenate([g.ravel() for layer in grads for g in layer])
        return value, flat.astype(jnp.float64)

    def evaluate(theta):
        value, gradient = cost_and_gradient(theta, X, y)
        return float(value), np.asarray(gradient)

    return evaluate
