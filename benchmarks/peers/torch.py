"""PyTorch, eager: parameters are leaves that share theta's memory, gradients from autograd."""

import os

import torch
from layouts import split
from layouts import weights_then_bias as ORDER  # noqa: F401
from torch.nn import functional as F

ACTIVATE = {
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
}


def functions(case):
    """z of the outputs, of layers and X, and the cost, of layers and X."""
    targets = torch.from_numpy(case.targets)
    labels = None if case.labels is None else torch.from_numpy(case.labels)
    hidden, output = ACTIVATE[case.hidden], ACTIVATE.get(case.output)
    m, last = case.n_samples, len(case.widths) - 2

    def outputs(layers, X):
        a = X
        for n, (w, b) in enumerate(layers):
            a = F.linear(a, w, b)
            if n < last:
                a = hidden(a)
        return a

    def loss(z):
        if case.loss == "squared_error":
            return 0.5 * F.mse_loss(output(z), targets, reduction="sum")
        if case.output == "softmax":
            return F.cross_entropy(z, labels, reduction="sum")
        return F.binary_cross_entropy_with_logits(z, targets, reduction="sum")

    def cost(layers, X):
        total = loss(outputs(layers, X))
        if case.l2:
            total = total + 0.5 * case.l2 * sum((w * w).sum() for w, _ in layers)
        return total / m

    return outputs, cost


def leaves(theta, case):
    """The layers as leaves that share theta's memory."""
    vector = torch.from_numpy(theta).to(getattr(torch, case.dtype))
    return [[p.requires_grad_() for p in layer] for layer in split(vector, case.shapes)]


def prepare(case):
    if case.layers:
        from peers import torch_layers

        return torch_layers.prepare(case)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    X = torch.from_numpy(case.X)
    _, cost = functions(case)

    def evaluate(theta):
        layers = leaves(theta, case)
        total = cost(layers, X)
        grads = torch.autograd.grad(total, [p for layer in layers for p in layer])
        gradient = torch.cat([g.reshape(-1) for g in grads]).to(torch.float64)
        return total.item(), gradient.numpy()

    return evaluate
