"""Random circuits against JAX and CasADi; samples against single calls; sums against a loop."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from recipes import (
    N_DATA,
    N_PARAMETERS,
    NUMPY,
    SAMPLES,
    checked,
    recipes,
)


def close(got, want, scale=1.0):
    want = np.asarray(want, float)
    assert np.shape(got) == want.shape
    # a sum of large terms that cancel is known to their size
    size = max(scale, np.max(np.abs(want), initial=0.0))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10 * size)


def agree(recipe, value, jacobian, hessians):
    """Everything fastbp says against functions of (p, sample's data) of another library."""
    one, three = recipe.circuits()
    for i in (0, SAMPLES - 1):
        at, here, there = recipe.data[:, i], recipe.given(one, i), recipe.given(three, i)
        want, slopes, curvature = (g(recipe.p, at) for g in (value, jacobian, hessians))
        size = max(1.0, np.max(np.abs(slopes)), np.max(np.abs(curvature)))
        close(three(recipe.p, **there), want)
        close(three.jacobian(recipe.p, **there), slopes, size)
        result, gradient = one.value_and_gradient(recipe.p, **here)
        close(result, want[0])
        close(gradient, slopes[0], size)
        close(one.gradient(recipe.p, **here), slopes[0], size)
        close(one.hessian(recipe.p, **here), curvature, size)
        close(one.hessp(recipe.p, recipe.v, **here), curvature @ recipe.v, size)


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


def test_jax(jax):
    np_, special = jax.numpy, jax.scipy.special
    library = SimpleNamespace(
        exp=np_.exp, expm1=np_.expm1, log=np_.log, log1p=np_.log1p, sqrt=np_.sqrt, sin=np_.sin,
        cos=np_.cos, tan=np_.tan, tanh=np_.tanh, hypot=np_.hypot, atan2=np_.arctan2,
        minimum=np_.minimum, maximum=np_.maximum, where=np_.where, absolute=np_.abs,
        erf=special.erf, sigmoid=jax.nn.sigmoid, softplus=jax.nn.softplus, relu=jax.nn.relu,
        arcsin=np_.arcsin, arccos=np_.arccos, arctan=np_.arctan, arcsinh=np_.arcsinh,
        arccosh=np_.arccosh, arctanh=np_.arctanh, logaddexp=np_.logaddexp,
    )  # fmt: skip

    @checked(6)
    @given(recipes(10))
    def check(recipe):
        def outputs(p, data):
            return np_.stack([np_.asarray(x, float) for x in recipe.build(library, p, data)])

        def single(p, data):
            return outputs(p, data)[0]

        functions = (outputs, jax.jacrev(outputs), jax.hessian(single))
        together = jax.jit(lambda p, data: [f(p, data) for f in functions])
        agree(recipe, *(lambda p, data, k=k: together(p, data)[k] for k in range(3)))

    check()


def test_casadi():
    casadi = pytest.importorskip("casadi")
    library = SimpleNamespace(
        exp=casadi.exp, expm1=casadi.expm1, log=casadi.log, log1p=casadi.log1p, sqrt=casadi.sqrt,
        sin=casadi.sin, cos=casadi.cos, tan=casadi.tan, tanh=casadi.tanh, hypot=casadi.hypot,
        atan2=casadi.atan2, minimum=casadi.fmin, maximum=casadi.fmax, where=casadi.if_else,
        absolute=casadi.fabs, erf=casadi.erf, sigmoid=lambda x: 1 / (1 + casadi.exp(-x)),
        softplus=lambda x: casadi.log1p(casadi.exp(x)), relu=lambda x: casadi.fmax(x, 0),
        arcsin=casadi.asin, arccos=casadi.acos, arctan=casadi.atan, arcsinh=casadi.asinh,
        arccosh=casadi.acosh, arctanh=casadi.atanh,
        logaddexp=lambda x, y: y + casadi.log1p(casadi.exp(x - y)),
    )  # fmt: skip

    @checked(120)
    @given(recipes(25))
    def check(recipe):
        p, data = casadi.SX.sym("p", N_PARAMETERS), casadi.SX.sym("data", N_DATA)
        outputs = casadi.vertcat(
            *recipe.build(library, casadi.vertsplit(p), casadi.vertsplit(data))
        )
        f = casadi.Function(
            "f", [p, data],
            [outputs, casadi.jacobian(outputs, p), casadi.hessian(outputs[0], p)[0]],
        )  # fmt: skip

        def part(k, shape):
            return lambda p, at: np.asarray(f(p, at)[k].full()).reshape(shape)

        n = N_PARAMETERS
        agree(recipe, part(0, (-1,)), part(1, (-1, n)), part(2, (n, n)))

    check()


def numerically(f, p, data, step=1e-5):
    slopes = []
    for i in range(len(p)):
        moved = np.array([p, p])
        moved[:, i] += [step, -step]
        slopes.append((f(moved[0], **data) - f(moved[1], **data)) / (2 * step))
    return np.array(slopes)


@checked(60)
@given(recipes())
def test_numpy_and_differences(recipe):
    """Without a peer: the values by NumPy, the derivatives by differences."""
    one, three = recipe.circuits()
    want = np.array(
        [np.broadcast_to(x, SAMPLES) for x in recipe.build(NUMPY, recipe.p, recipe.data)]
    )
    for i in range(SAMPLES):
        data = recipe.given(three, i)
        np.testing.assert_allclose(three(recipe.p, **data), want[:, i], rtol=1e-9, atol=1e-12)
        here = recipe.given(one, i)
        H = one.hessian(recipe.p, **here)
        differences = numerically(one.gradient, recipe.p, here)
        size = 1 + np.max(np.abs(H))
        # a difference knows as much of a slope as the next derivatives let it
        if size < 1e3:
            np.testing.assert_allclose(differences, H, rtol=1e-3, atol=1e-3 * size)
        np.testing.assert_allclose(H, H.T, rtol=1e-9, atol=1e-11 * size)
