"""JAX: forward over reverse for Hessian products, all jitted; several directions by vmap.
Derivatives by the inputs within a cost are forward too, of all samples at once."""

import jax
import jax.numpy as jnp
import numpy as np
from derivative_cases import VISCOSITY, edge, wanted_slopes
from layouts import split
from peers.jax import ORDER, data, functions  # noqa: F401


def joined(layers):
    return jnp.concatenate([part.ravel() for layer in layers for part in layer])


def product(case, V):
    _, cost = functions(case)
    X, y = data(case)
    rows = jax.device_put(np.ascontiguousarray(V.T))

    @jax.jit
    def products(theta, rows, X, y):
        layers = split(theta, case.shapes)

        def along(v):
            gradient = jax.grad(lambda layers: cost(layers, X, y))
            return joined(jax.jvp(gradient, (layers,), (split(v, case.shapes),))[1])

        return along(rows) if rows.ndim == 1 else jax.vmap(along)(rows)

    return lambda theta: np.asarray(products(theta, rows, X, y)).T


def input_gradient(case):
    outputs, _ = functions(case)
    X, _ = data(case)

    @jax.jit
    def gradient(theta, X):
        layers = split(theta, case.shapes)
        return jax.grad(lambda X: outputs(layers, X).sum())(X)

    return lambda theta: np.asarray(gradient(theta, X))


def forces(case):
    outputs, _ = functions(case)
    X, y = data(case)
    slopes = jax.device_put(wanted_slopes(case))

    def cost(layers, X, y, slopes):
        one = jax.vmap(jax.value_and_grad(lambda x: outputs(layers, x[None])[0, 0]))
        a, of_inputs = one(X)
        errors = jnp.sum((a - y[:, 0]) ** 2) + jnp.sum((of_inputs - slopes) ** 2)
        return 0.5 * errors / case.n_samples

    @jax.jit
    def both(theta, X, y, slopes):
        J, D = jax.value_and_grad(cost)(split(theta, case.shapes), X, y, slopes)
        return J, joined(D)

    def gradient(theta):
        J, D = both(theta, X, y, slopes)
        float(J)
        return np.asarray(D)

    return gradient


def burgers(case):
    outputs, _ = functions(case)
    X, _ = data(case)
    points, y = map(jax.device_put, edge(case))
    along_x, along_t = jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 1.0]])

    def cost(layers, X, points, y):
        u = lambda X: outputs(layers, X)[:, 0]  # noqa: E731
        by_x = lambda X: jax.jvp(u, (X,), (jnp.broadcast_to(along_x, X.shape),))  # noqa: E731
        (a, a_x), (_, a_xx) = jax.jvp(by_x, (X,), (jnp.broadcast_to(along_x, X.shape),))
        a_t = jax.jvp(u, (X,), (jnp.broadcast_to(along_t, X.shape),))[1]
        inside = 0.5 * jnp.mean((a_t + a * a_x - VISCOSITY * a_xx) ** 2)
        return inside + 5 * jnp.mean((outputs(layers, points) - y) ** 2)

    @jax.jit
    def both(theta, X, points, y):
        J, D = jax.value_and_grad(cost)(split(theta, case.shapes), X, points, y)
        return J, joined(D)

    def gradient(theta):
        J, D = both(theta, X, points, y)
        float(J)
        return np.asarray(D)

    return gradient


def jacobian(case):
    outputs, _ = functions(case)
    X, _ = data(case)

    @jax.jit
    def rows(theta, X):
        layers = split(theta, case.shapes)
        gradient = jax.grad(lambda layers, x: outputs(layers, x)[0])
        row = jax.vmap(lambda x: joined(gradient(layers, x)))
        return row(X) / case.n_samples**0.5

    return lambda theta: np.asarray(rows(theta, X))
