"""A network without its loss: the chain of its layers, their parameters, their program."""

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import names, parameters, validate
from fastbp.as_expressions import AsExpressions
from fastbp.blocks import Block
from fastbp.immutable import Immutable
from fastbp.initializers import Scheme, random_theta
from fastbp.layers.chain import Chain, blocks, chain, table
from fastbp.layers.layer import Layer, by
from fastbp.layers.program import Program, build

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.circuits.circuit import Circuit
    from fastbp.parameterised import Parameterised


class Layered(Immutable, AsExpressions):
    """What a network is apart from its loss; see `Network`."""

    __slots__ = ("_is_plain", "_structure", "activations", "input_shape", "layers", "n_parameters",
                 "output_shape", "shapes", "widths")  # fmt: skip

    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    widths: tuple[int, ...]
    activations: "tuple[names.Activation | Parameterised | Circuit, ...]"
    shapes: tuple[tuple[int, int], ...]
    n_parameters: int
    _structure: Chain
    _is_plain: bool  # see Chain.is_plain

    def _link(self, layers: Iterable[Layer], input_shape: Any) -> None:
        """Sets the attributes, after checking that each layer fits the one before."""
        made = chain(layers, input_shape)
        linked = made.layers
        shapes = tuple(each.shape for layer in linked for each in layer.matrices)
        self._set(
            layers=linked,
            input_shape=made.shapes[0],
            output_shape=made.shapes[-1],
            widths=tuple(map(prod, made.shapes)),
            activations=tuple(layer.output_activation for layer in linked),
            shapes=shapes,
            n_parameters=sum(map(prod, shapes)),
            _structure=made,
            _is_plain=made.is_plain,
        )

    @property
    def _outputs_shape(self) -> tuple[int, ...]:
        """The output's shape as targets have it: the last axis has the K outputs of each position,
        all others are positions. Of a last layer that is no chain of units it is a vector."""
        return self.output_shape if self.layers[-1].units_are_last else self.widths[-1:]

    def _refuses_lengths(self) -> str:
        """Why samples cannot have a number of steps each; empty if they can."""
        if len(self.input_shape) != 2:
            return f"the input is {by(self.input_shape)}, not steps x features"
        for number, layer in enumerate(self.layers, 1):
            if layer.along_time == "mixes":
                return f"layer {number}, {layer!r}, mixes the steps"
            if layer.along_time == "ends":
                break
        return ""

    def program(self, with_lengths: bool = False) -> Program:
        """The network's steps, in the order in which the engine runs them.

            print(net.program())        z1 = affine(Theta1, x), a1 = tanh(z1), ...

        A chain of dense layers on vectors the engine runs as such, with the same results.

        Parameters
        ----------
        with_lengths : bool
            Whether samples may have fewer steps than the sequence, as with lengths=.

        Raises
        ------
        ValueError
            If lengths are not for this network, or one sample takes too many numbers.
        """
        if validate.flag(with_lengths, "with_lengths") and self._refuses_lengths():
            raise ValueError(f"lengths are of sequences, but {self._refuses_lengths()}")
        positions = prod(self._outputs_shape[:-1])
        return build(self.layers, self.input_shape, positions, with_lengths)

    # Parameters

    @names.advised
    def init(
        self, seed: Any = None, scheme: Scheme = "uniform", epsilon: float | None = None
    ) -> "NDArray[np.float64]":
        """A random first theta, float64, the same for the same seed.

        Parameters
        ----------
        seed : None, int, sequence of int or numpy.random.Generator
            As numpy.random.default_rng takes them; None draws a new one from the system.
        scheme : str
            "uniform": every entry, biases included, in [-epsilon, epsilon]. "glorot_uniform",
            "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal": weights
            by the widths, bias 0. "glorot" means glorot_uniform, "he" he_normal, "lecun"
            lecun_normal. Formulas and sources: `fastbp.initializers`.
        epsilon : float, optional
            Of the uniform scheme; sqrt(6 / (s_in + s_out)) per layer unless given.

        Raises
        ------
        TypeError, ValueError
            For an unknown scheme, a bad seed, or an epsilon that is not positive.
        """
        return random_theta(self.layers, seed, scheme, epsilon)

    def unpack(self, theta: Any, order: "parameters.Order" = "C") -> "list[NDArray[Any]]":
        """The matrices Theta[0], Theta[1], ... of `theta`, as views of it.

        Writing to a matrix writes to theta; a read-only theta gives read-only matrices. A gradient
        is unpacked in the same way. `theta` may have any dtype of numbers, and any stride.

        Parameters
        ----------
        theta : array_like, shape (n_parameters,)
        order : {"C", "F"}
            "C": theta holds the matrices row by row, as everywhere in this library. "F": column by
            column, as MATLAB and Octave unroll them, [Theta1(:); Theta2(:)]. Such a vector has the
            right length and the wrong meaning: convert it once, net.pack(net.unpack(v, order="F")).

        Raises
        ------
        TypeError, ValueError
            If theta is no vector of n_parameters numbers.
        """
        return parameters.unpack(self, theta, order)

    def pack(self, Thetas: Iterable[Any], order: "parameters.Order" = "C") -> "NDArray[np.float64]":
        """A fresh vector theta from the matrices Theta[0], Theta[1], ...: the inverse of unpack.

        With order="F" it is the vector that MATLAB and Octave make of them, for use there; every
        other function of this library takes order "C".

        Raises
        ------
        TypeError, ValueError
            If there is not one real matrix of shape (s_{l+1}, 1 + s_l) per layer.
        """
        return parameters.pack(self, Thetas, order)

    def blocks(self) -> list[Block]:
        """The bias and the weights of each layer, with the indices of their entries in theta."""
        return blocks(self.layers)

    @property
    def name(self) -> str:
        """The widths or shapes, as people write them: "400-25-10", "1x28x28-8x24x24-10"."""
        return "-".join("x".join(map(str, shape)) for shape in self._structure.shapes)

    def table(self) -> str:
        """The layers as text: one row each with Theta's shape, activation and parameters; of other
        layers than Dense with the shape of the output."""
        return table(self._structure)
