"""The fully connected layer."""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from fastbp.layers.layer import Layer, Matrix, Shape, by
from fastbp.names import Activation, activations, advised, checked
from fastbp.validate import MAX_WIDTH, count

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit
    from fastbp.layers.program import Array, Builder
    from fastbp.parameterised import Parameterised


class Dense(Layer):
    """A fully connected layer, z = W a + b, a' = g(z).

    Its parameters are one matrix Theta of shape (n_out, 1 + n_in): column 0 is the bias b, the
    others are the weights W. On an input of several axes, a sequence (T, n_in) say, it acts on the
    last, with the same Theta at every step: (T, n_out).

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and of outputs, at least 1. Where the layers before determine n_in it may
        be left out: Dense(None, 10), or Dense(n_out=10).
    activation : str or Circuit
        Name of g, one of `fastbp.activations()`: "tanh", or "elu(0.5)" where it has a parameter;
        in the last layer also "softmax". Or a circuit of one variable z, whose value is g(z).
        The page of formulas has them all.

    Raises
    ------
    TypeError, ValueError
        If a width is no positive integer, the activation is unknown, or a circuit that has more
        than one variable or output.

    Examples
    --------
    >>> layer = Dense(400, 25, "sigmoid")
    >>> layer.shape, layer.n_parameters
    ((25, 401), 10025)
    """

    __slots__ = ("activation", "n_in", "n_out")

    _required: ClassVar[tuple[str, ...]] = ("n_in", "n_out", "activation")
    units_are_last: ClassVar[bool] = True

    n_in: int | None  # a network's own layers have it always
    n_out: int
    activation: "Activation | Parameterised | Circuit"

    @advised
    def __init__(
        self,
        n_in: int | None = None,
        n_out: int | None = None,
        activation: "Activation | Parameterised | Circuit" = "identity",
    ) -> None:
        if n_out is None:
            raise TypeError(
                f"Dense needs its number of outputs: Dense(n_in, n_out), or Dense(None, "
                f"{10 if n_in is None else n_in}) where the layers before determine n_in"
            )
        self._set(
            n_in=None if n_in is None else count(n_in, "n_in", MAX_WIDTH),
            n_out=count(n_out, "n_out", MAX_WIDTH),
            activation=checked(activation, "activation", activations(), "activation"),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of Theta, (n_out, 1 + n_in)."""
        if self.n_in is None:
            raise ValueError(
                f"{self!r} has no number of inputs before it is part of a network: net.layers"
            )
        return self.n_out, 1 + self.n_in

    @property
    def along_time(self) -> str:
        """See Layer.along_time."""
        return "keeps"

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """Theta."""
        shape = self.shape
        return (Matrix(shape, shape[1] - 1, self.n_out),)

    @property
    def output_activation(self) -> Any:
        """The layer's activation."""
        return self.activation

    def fitted(self, shape: Shape, before: str = "the input") -> Self:
        """See Layer.fitted."""
        if self.n_in is None:
            return self._with(n_in=shape[-1])
        if self.n_in != shape[-1]:
            if len(shape) == 1:
                raise ValueError(
                    f"takes {self.n_in} inputs, but {before} has {shape[0]} outputs; give both the "
                    "same number"
                )
            raise ValueError(
                f"takes {self.n_in} inputs, but {before} has an output of {by(shape)}, whose last "
                f"axis has {shape[-1]}; make them equal, or put Flatten() before the layer"
            )
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """The last axis has n_out."""
        return (*shape[:-1], self.n_out)

    def emit(self, program: "Builder", x: "Array") -> "Array":
        """One affine at every position, and the activation."""
        rows = x.rows.reshape(-1, x.shape[-1])
        z = program.array("z", self.output_shape(x.shape))
        program.affine(0, rows, z.first, unit_step=1, position_step=self.n_out)
        return program.activated(z, self.activation)
