"""Products with Hessian and Gauss-Newton matrix by differences in long double of the reference.

The gradient of `program_reference.Reference` shares nothing with the engine. Its differences along
a direction, extrapolated twice, have some 13 digits where the function is smooth.
"""

import itertools

import numpy as np
import oracle
from program_reference import _activate

LONG = np.longdouble


def derivative(f, h=2e-5):
    """f'(0) of a smooth vector function of one number, by central differences of three steps."""
    step = LONG(h)
    slopes = [(f(step / 2**i) - f(-step / 2**i)) / (2 * step / 2**i) for i in range(3)]
    for order in (4, 16):
        slopes = [(order * b - a) / (order - 1) for a, b in itertools.pairwise(slopes)]
    return slopes[0]


def hessian_product(reference, theta, v):
    theta, v = np.asarray(theta, LONG), np.asarray(v, LONG)
    return derivative(lambda h: reference.gradient(theta + h * v, LONG)).astype(float)


def _from_z(loss, output):
    """Whether the Gauss-Newton matrix starts from z(L): where the loss is computed from it."""
    return (loss, output) in (
        ("cross_entropy", "sigmoid"), ("cross_entropy", "softmax"), ("poisson", "identity"),
        ("poisson", "softplus"), ("gamma", "identity"), ("negative_binomial", "identity"),
        ("focal", "sigmoid"), ("multiclass_hinge", "identity"), ("weston_watkins", "identity"),
    )  # fmt: skip


def gauss_newton_matrix(reference, theta):
    """1/m sum J' H J of a small network, from whole Jacobians and Hessians of the loss."""
    theta = np.asarray(theta, LONG)
    p = reference.program
    output, loss = p.output_function, reference.loss
    starts_from_z = _from_z(loss, output)

    def outputs(at):
        z = reference._outputs(reference._values(at, LONG))
        return z if starts_from_z else _activate(output, z)

    def slope(value, y):
        f = oracle.numbers(LONG)
        return oracle.loss_and_delta(f, loss, output if starts_from_z else "identity", value, y)[1]

    unit = np.eye(len(theta), dtype=LONG)
    jacobian = np.stack([derivative(lambda h, e=e: outputs(theta + h * e)) for e in unit], -1)
    value = outputs(theta)
    y = reference._targets(value, LONG)
    K = value.shape[1]
    curvature = np.stack(
        [derivative(lambda h, e=e: slope(value + h * e, y), 1e-6) for e in np.eye(K, dtype=LONG)],
        -1,
    )
    factors, m = reference._factors(LONG)
    G = np.einsum("s,skp,skl,slq->pq", factors, jacobian, curvature, jacobian) / m
    penalty, at = np.zeros(len(theta), LONG), 0
    for height, width in p.thetas.tolist():
        block = np.full((height, 1 + width), LONG(reference.l2) / m)
        block[:, 0] = 0
        penalty[at : at + block.size] = block.ravel()
        at += block.size
    return (G + np.diag(penalty)).astype(float)
