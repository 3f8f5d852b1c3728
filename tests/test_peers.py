"""Cost and gradient as JAX and PyTorch see them, with their own functions, wherever they have any.

Only the cost is written down here: every slope is the other library's.
"""

from functools import cache

import numpy as np
import pytest
from problems import Case, hidden_names, pairs

WIDTHS, SAMPLES = (6, 5, 4, 3), 40  # of all cases: JAX compiles each operation for each shape
TOLERANCE = 1e-12  # of the largest entry


@cache
def jax_peer():
    """(value and gradient of a function, array, activations, losses of a sample)"""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp, nn = jax.numpy, jax.nn

    def squared_hinge(z, a, y):
        return (nn.relu(1 - y * a) ** 2).sum(1)

    def multiclass_hinge(z, a, y):
        other = jnp.where(y > 0, -jnp.inf, z).max(1)
        return nn.relu(1 + other - jnp.where(y > 0, z, 0).sum(1))

    def weston_watkins(z, a, y):
        margins = nn.relu(1 + z - jnp.where(y > 0, z, 0).sum(1, keepdims=True))
        return jnp.where(y > 0, 0, margins).sum(1)

    activations = {
        "identity": nn.identity,
        "sigmoid": nn.sigmoid,
        "tanh": nn.tanh,
        "relu": nn.relu,
        "leaky_relu": nn.leaky_relu,
        "elu": nn.elu,
        "softplus": nn.softplus,
        "silu": nn.silu,
        "gelu": lambda z: nn.gelu(z, approximate=False),
        "sin": jnp.sin,
        "gaussian": lambda z: jnp.exp(-z * z),
        "softmax": nn.softmax,
    }
    losses = {
        ("cross_entropy", "sigmoid"): lambda z, a, y: (nn.softplus(z) - y * z).sum(1),
        ("cross_entropy", "softmax"): lambda z, a, y: -(y * nn.log_softmax(z)).sum(1),
        ("poisson", "identity"): lambda z, a, y: (jnp.exp(z) - y * z).sum(1),
        ("poisson", "softplus"): lambda z, a, y: (a - y * jnp.log(a)).sum(1),
        "gamma": lambda z, a, y: (z + y * jnp.exp(-z)).sum(1),
        "negative_binomial": lambda z, a, y: ((y + 1) * jnp.log1p(jnp.exp(z)) - y * z).sum(1),
        "focal": lambda z, a, y: (
            -(y * (1 - a) ** 2 * nn.log_sigmoid(z) + (1 - y) * a**2 * nn.log_sigmoid(-z)).sum(1)
        ),
        "squared_error": lambda z, a, y: ((a - y) ** 2).sum(1) / 2,
        "absolute_error": lambda z, a, y: abs(a - y).sum(1),
        "huber": lambda z, a, y: jnp.where(abs(a - y) < 1, (a - y) ** 2 / 2, abs(a - y) - 0.5).sum(
            1
        ),
        "log_cosh": lambda z, a, y: (jnp.logaddexp(a - y, y - a) - np.log(2)).sum(1),
        "hinge": lambda z, a, y: nn.relu(1 - y * a).sum(1),
        "squared_hinge": squared_hinge,
        "multiclass_hinge": multiclass_hinge,
        "weston_watkins": weston_watkins,
        "quantile": lambda z, a, y: (abs(a - y) / 2).sum(1),
    }
    return jax.value_and_grad, jnp.asarray, activations, losses


@cache
def torch_peer():
    """The same of PyTorch; of the losses only those that it has."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    def value_and_gradient(cost):
        def evaluate(theta):
            theta = theta.requires_grad_()
            value = cost(theta)
            return value.item(), torch.autograd.grad(value, theta)[0].numpy()

        return evaluate

    def of(function, factor=1, **settings):
        return lambda z, a, y: factor * function(a, y, reduction="none", **settings).sum(1)

    activations = {
        "identity": torch.nn.Identity(),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "softplus": lambda z: F.softplus(z, threshold=100),
        "silu": F.silu,
        "gelu": F.gelu,
        "sin": torch.sin,
        "gaussian": lambda z: torch.exp(-z * z),
        "softmax": lambda z: torch.softmax(z, 1),
    }
    logits = F.binary_cross_entropy_with_logits
    losses = {
        ("cross_entropy", "sigmoid"): lambda z, a, y: logits(z, y, reduction="none").sum(1),
        ("cross_entropy", "softmax"): lambda z, a, y: F.cross_entropy(z, y, reduction="none"),
        ("poisson", "identity"): of(F.poisson_nll_loss, log_input=True),
        ("poisson", "softplus"): of(F.poisson_nll_loss, log_input=False, eps=0.0),
        "squared_error": of(F.mse_loss, 0.5),
        "absolute_error": of(F.l1_loss),
        "huber": of(F.huber_loss),
        "weston_watkins": lambda z, a, y: (
            z.shape[1] * F.multi_margin_loss(z, y.argmax(1), reduction="none")
        ),
    }
    return value_and_gradient, torch.from_numpy, activations, losses


def every_loss():
    """Every loss with each hidden activation, and with each of its outputs, in turn."""
    outputs, hidden = {}, hidden_names()
    for loss, output in pairs():
        outputs.setdefault(loss, []).append(output)
    for loss, own in outputs.items():
        for n in range(max(len(hidden), len(own))):
            yield n, loss, own[n % len(own)], hidden[n % len(hidden)]


@pytest.mark.parametrize("peer", [jax_peer, torch_peer])
@pytest.mark.parametrize(("n", "loss", "output", "hidden"), list(every_loss()))
def test_cost_and_gradient(peer, n, loss, output, hidden):
    value_and_gradient, array, activations, losses = peer()
    each = losses.get((loss, output)) or losses.get(loss)
    if each is None or not {output, hidden} <= activations.keys():
        pytest.skip("a function that it has not")
    options = {"mean": n % 3 != 0, "weighted": n % 2 == 0, "kind": n}
    case = Case(loss, output, hidden, WIDTHS, SAMPLES, "float64", **options)
    o = case.oracle
    weights = np.ones(SAMPLES) if o.sample_weight is None else o.sample_weight
    X, y, weight = array(o.X), array(o.targets * 1.0), array(weights)

    def cost(theta):
        a, penalty = X, 0
        for Theta, name in zip(o.matrices(theta), o.activations, strict=True):
            z = a @ Theta[:, 1:].T + Theta[:, 0]
            a = activations[name](z)
            penalty = penalty + (Theta[:, 1:] ** 2).sum()
        total = (weight * each(z, a, y)).sum() + o.l2 / 2 * penalty
        return total / weight.sum() if o.mean else total

    J, D = case.evaluate()
    value, gradient = value_and_gradient(cost)(array(case.theta.copy()))
    assert pytest.approx(float(value), rel=TOLERANCE) == J
    np.testing.assert_allclose(D, gradient, rtol=0, atol=TOLERANCE * abs(D).max())
