"""A network as the engine runs it."""

from typing import TYPE_CHECKING, Any

from fastbp import names
from fastbp._core import core

if TYPE_CHECKING:
    from fastbp._core.interface import Engine
    from fastbp.network import Network

MOST = 2**40  # parameters; with more, a size that the engine computes could exceed 64 bits


def chain(network: "Network", with_lengths: bool = False) -> "tuple[Engine, Any]":
    """The engine of the network's dtype, and the network there; made once.

    with_lengths : whether samples may end before the last step of their sequence
    """
    made = network._engines.get(with_lengths)
    if made is None:
        loss = names.compiled(network.loss, "loss", network.dtype.name)
        made = _made(network, network.activations[-1], loss, with_lengths)
        network._engines[with_lengths] = made
    return made


def cost_chain(network: "Network", with_lengths: bool = False) -> "tuple[Engine, Any]":
    """The engine, and the network as its cost runs there: of sigmoid outputs a loss that is a
    circuit is computed from z, which still has what a = 1 or 0 has lost."""
    if isinstance(network.loss, str) or network.activations[-1] != "sigmoid":
        return chain(network, with_lengths)
    loss = names.compiled(network.loss, "logit loss", network.dtype.name)
    return _made(network, "identity", loss, with_lengths)


def _made(network: "Network", output: Any, loss: Any, with_lengths: bool) -> "tuple[Engine, Any]":
    """The network in the engine, with this output activation and compiled loss."""
    dtype = network.dtype.name
    engine = core(dtype)
    output = names.compiled(output, "activation", dtype)
    if network.n_parameters > MOST:  # refused here: a program of so many rows takes long to make
        raise MemoryError(
            f"a network of {network.n_parameters} parameters needs "
            f"{network.n_parameters * network.dtype.itemsize / 1e12:.3g} TB for theta alone; make "
            "its layers narrower"
        )
    p = network.program(with_lengths)
    functions = tuple(names.compiled(g, "activation", dtype) for g in p.functions)
    steps = network.input_shape[0] if with_lengths else 1
    return engine, engine.Chain(
        p.arrays, p.thetas, functions, p.steps, p.table, p.output, p.positions, output, loss, steps
    )
