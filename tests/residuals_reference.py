"""Residuals of small dense networks in 50 digits: derivatives by the inputs are differences of the
outputs, and gradients differences of the cost. Nothing of a chain rule is in here.
"""

import numpy as np
import oracle
from mpmath import mpf
from number_types import numbers

STEP = mpf(10) ** -12  # of the inputs: 24 digits of second derivatives
THETA_STEP = mpf(10) ** -8


def outputs(net, theta, x):
    """The outputs at one point; theta and x of mpf."""
    f, a, at = numbers(object), np.array(x, object), 0
    for (n_out, columns), name in zip(net.shapes, net.activations, strict=True):
        Theta = theta[at : at + n_out * columns].reshape(n_out, columns)
        at += n_out * columns
        z = Theta[:, 1:] @ a + Theta[:, 0]
        a = f.exp(z) / f.exp(z).sum() if name == "softmax" else oracle.ACTIVATIONS[name][0](f, z)
    return a


class Point:
    """What a residual may ask of one point: point.u(k, *inputs), a derivative; point.x."""

    def __init__(self, net, theta, x):
        self.net, self.theta = net, theta
        self.x = np.array([mpf(float(each)) for each in x], object)
        self.known = {}

    def at(self, *moves):
        """The outputs beside the point: moves are (input, how many steps)."""
        key = tuple(sorted(moves))
        if key not in self.known:
            x = self.x.copy()
            for i, steps in moves:
                x[i] += steps * STEP
            self.known[key] = outputs(self.net, self.theta, x)
        return self.known[key]

    def u(self, k, *inputs):
        if not inputs:
            return self.at()[k]
        if len(inputs) == 1:
            [i] = inputs
            return (self.at((i, 1))[k] - self.at((i, -1))[k]) / (2 * STEP)
        i, j = inputs
        if i == j:
            return (self.at((i, 1))[k] - 2 * self.at()[k] + self.at((i, -1))[k]) / STEP**2
        return (
            self.at((i, 1), (j, 1))[k] - self.at((i, 1), (j, -1))[k]
            - self.at((i, -1), (j, 1))[k] + self.at((i, -1), (j, -1))[k]
        ) / (4 * STEP**2)  # fmt: skip


def cost(net, theta, points, residuals):
    """1/(2m) sum r^2; residuals(point, further parameters) -> list."""
    n, total = net.n_parameters, mpf(0)
    for x in points:
        point = Point(net, theta[:n], x)
        total += sum(r * r for r in residuals(point, theta[n:]))
    return total / (2 * len(points))


def cost_and_gradient(net, theta, points, residuals):
    """J and D as float64."""
    theta = np.array([mpf(float(each)) for each in theta], object)
    J, D = cost(net, theta, points, residuals), []
    for i in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[i] += THETA_STEP
        down[i] -= THETA_STEP
        slope = cost(net, up, points, residuals) - cost(net, down, points, residuals)
        D.append(float(slope / (2 * THETA_STEP)))
    return float(J), np.array(D)
