"""PyTorch's layers, eager (see torch.py)."""

import os

import torch
from layouts import split
from torch.nn import functional as F


def recurrent(kind, a, w, b):
    """The last state. PyTorch takes two matrices and two biases, of which one is 0."""
    units = w.shape[0] // (4 if kind == "lstm" else 1)
    n_in = w.shape[1] - units
    parameters = [w[:, :n_in], w[:, n_in:], b, torch.zeros_like(b)]
    state = a.new_zeros(1, len(a), units)
    if kind == "lstm":
        out = torch.lstm(a, (state, state), parameters, True, 1, 0.0, False, False, True)
    else:
        out = torch.rnn_tanh(a, state, parameters, True, 1, 0.0, False, False, True)
    return out[0][:, -1]


def prepare(case):
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    dtype = getattr(torch, case.dtype)
    X = torch.from_numpy(case.X)
    two = len(case.input_shape) == 3
    convolve, pool = (F.conv2d, F.max_pool2d) if two else (F.conv1d, F.max_pool1d)
    labels = None if case.labels is None else torch.from_numpy(case.labels)
    targets = torch.from_numpy(case.targets) if labels is None else None

    def evaluate(theta):
        vector = torch.from_numpy(theta).to(dtype)
        blocks = [[p.requires_grad_() for p in block] for block in split(vector, case.shapes)]
        a, left = X, iter(blocks)
        for kind, size, *rest in case.layers:
            if kind == "pool":
                a = pool(a, size)
                continue
            w, b = next(left)
            if kind == "conv":
                kernel = (rest[0],) * (1 + two)
                a = torch.relu(convolve(a, w.reshape(size, -1, *kernel), b))
            elif kind == "dense":
                a = F.linear(a.flatten(1), w, b)
            else:
                a = recurrent(kind, a, w, b)
        if labels is None:
            total = 0.5 * F.mse_loss(a, targets, reduction="sum") / case.n_samples
        else:
            total = F.cross_entropy(a, labels)
        grads = torch.autograd.grad(total, [p for block in blocks for p in block])
        gradient = torch.cat([g.reshape(-1) for g in grads]).to(torch.float64)
        return total.item(), gradient.numpy()

    return evaluate
