"""Layers that change the shape alone."""

from math import prod
from typing import TYPE_CHECKING, Self

from fastbp.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastbp.layers.program import Array, Builder


class Flatten(Layer):
    """All numbers of a sample as one vector, in C order: (8, 12, 12) becomes (1152,).

    As torch.nn.Flatten(). It has no parameters and costs nothing: the numbers stay where they are.

    Examples
    --------
    >>> Flatten().output_shape((8, 12, 12))
    (1152,)
    """

    __slots__ = ()

    def fitted(self, shape: Shape, before: str = "the input") -> Self:
        """Any shape will do."""
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """One axis."""
        return (prod(shape),)

    def emit(self, program: "Builder", x: "Array") -> "Array":
        """No step: a vector is the same rows."""
        return x._replace(shape=self.output_shape(x.shape))
