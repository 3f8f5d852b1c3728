"""PyTorch, eager: backward twice for Hessian products, several directions through one graph."""

import os

import numpy as np
import torch
from derivative_cases import VISCOSITY, edge, wanted_slopes
from layouts import split
from peers.torch import ORDER, functions, leaves  # noqa: F401


def joined(parts):
    return torch.cat([part.reshape(-1) for part in parts])


def of_data(case):
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return torch.from_numpy(case.X), *functions(case)


def product(case, V):
    X, _, cost = of_data(case)
    directions = torch.from_numpy(np.ascontiguousarray(V.T).reshape(-1, len(V)))

    def products(theta):
        layers = leaves(theta, case)
        parameters = [part for layer in layers for part in layer]
        slopes = joined(torch.autograd.grad(cost(layers, X), parameters, create_graph=True))
        out = [
            joined(torch.autograd.grad(slopes, parameters, v, retain_graph=True))
            for v in directions
        ]
        return out[0].numpy() if V.ndim == 1 else torch.stack(out, 1).numpy()

    return products


def input_gradient(case):
    X, outputs, _ = of_data(case)

    def gradient(theta):
        points = X.detach().requires_grad_()
        total = outputs(split(torch.from_numpy(theta), case.shapes), points).sum()
        return torch.autograd.grad(total, points)[0].numpy()

    return gradient


def forces(case):
    X, outputs, _ = of_data(case)
    y, slopes = torch.from_numpy(case.targets), torch.from_numpy(wanted_slopes(case))

    def gradient(theta):
        layers = leaves(theta, case)
        points = X.detach().requires_grad_()
        a = outputs(layers, points)
        of_inputs = torch.autograd.grad(a.sum(), points, create_graph=True)[0]
        errors = ((a - y) ** 2).sum() + ((of_inputs - slopes) ** 2).sum()
        J = 0.5 * errors / case.n_samples
        D = torch.autograd.grad(J, [part for layer in layers for part in layer])
        J.item()
        return joined(D).numpy()

    return gradient


def burgers(case):
    X, outputs, _ = of_data(case)
    points, y = map(torch.from_numpy, edge(case))

    def gradient(theta):
        layers = leaves(theta, case)
        inputs = X.detach().requires_grad_()
        u = outputs(layers, inputs)
        slopes = torch.autograd.grad(u.sum(), inputs, create_graph=True)[0]
        u_x, u_t = slopes[:, :1], slopes[:, 1:]
        u_xx = torch.autograd.grad(u_x.sum(), inputs, create_graph=True)[0][:, :1]
        J = 0.5 * ((u_t + u * u_x - VISCOSITY * u_xx) ** 2).mean()
        J = J + 5 * ((outputs(layers, points) - y) ** 2).mean()
        D = torch.autograd.grad(J, [part for layer in layers for part in layer])
        J.item()
        return joined(D).numpy()

    return gradient


def jacobian(case):
    X, outputs, _ = of_data(case)
    one = torch.func.grad(lambda theta, x: outputs(split(theta, case.shapes), x[None])[0, 0])
    rows = torch.func.vmap(one, in_dims=(None, 0))
    return lambda theta: (rows(torch.from_numpy(theta), X) / case.n_samples**0.5).numpy()
