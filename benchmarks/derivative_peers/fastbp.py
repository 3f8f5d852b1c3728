"""fastbp: methods of the objective and of its network."""

from derivative_cases import VISCOSITY, edge, wanted_slopes
from peers.fastbp import ORDER, prepare  # noqa: F401


def gradient(case):
    """Cost and gradient, which everything else is compared with."""
    return prepare(case)


def product(case, V):
    objective = prepare(case)
    return lambda theta: objective.hessp(theta, V)


def input_gradient(case):
    net = prepare(case).network
    return lambda theta: net.input_gradient(theta, case.X)


def forces(case):
    """The gradient of squared errors of a and da/dX."""
    net, y = prepare(case).network, case.targets
    objective = net.objective(case.X, y, dy=wanted_slopes(case))
    return lambda theta: objective(theta)[1]


def burgers(case):
    net = prepare(case).network
    x, t, u = net.symbols("x t", "u")
    inside = net.collocation(case.X, u.d(t) + u * u.d(x) - VISCOSITY * u.d(x, x))
    objective = inside + 10 * net.objective(*edge(case))
    return lambda theta: objective(theta)[1]


def jacobian(case):
    return prepare(case).jacobian
