"""Convolutions: one small Theta at every position of a signal or an image."""

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from fastbp.layers.layer import Layer, Matrix, Shape, by
from fastbp.layers.windows import Padding, counts, sizes, windows
from fastbp.names import HiddenActivation, activations, advised, checked
from fastbp.validate import MAX_WIDTH, count
from fastbp.words import described

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit
    from fastbp.layers.program import Array, Builder
    from fastbp.parameterised import Parameterised

Sizes = int | tuple[int, ...]


class _Convolution(Layer):
    """What convolutions over any number of axes have in common."""

    __slots__ = ("activation", "dilation", "in_channels", "kernel_size", "out_channels",
                 "padding", "stride")  # fmt: skip

    _required: ClassVar[tuple[str, ...]] = ("in_channels", "out_channels", "kernel_size")
    _axes: ClassVar[tuple[str, ...]]

    in_channels: int | None  # a network's own layers have it always
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    activation: "HiddenActivation | Parameterised | Circuit"

    @advised
    def __init__(
        self,
        in_channels: int | None = None,
        out_channels: int | None = None,
        kernel_size: "Sizes | None" = None,
        stride: Sizes = 1,
        padding: "Sizes | str" = 0,
        dilation: Sizes = 1,
        activation: "HiddenActivation | Parameterised | Circuit" = "identity",
    ) -> None:
        kind = type(self).__name__
        if out_channels is None or kernel_size is None:
            missing = "out_channels" if out_channels is None else "kernel_size"
            raise TypeError(
                f"{kind} needs {missing}: {kind}(in_channels, out_channels, kernel_size), or "
                f"{kind}(None, out_channels, kernel_size) where the layers before determine "
                "in_channels"
            )
        n, known = len(self._axes), activations(hidden=True)
        channels = None if in_channels is None else count(in_channels, "in_channels", MAX_WIDTH)
        self._set(
            in_channels=channels,
            out_channels=count(out_channels, "out_channels", MAX_WIDTH),
            kernel_size=sizes(kernel_size, "kernel_size", n),
            stride=sizes(stride, "stride", n),
            dilation=sizes(dilation, "dilation", n),
            padding=_padding(padding, n),
            activation=checked(activation, "activation", known, "activation"),
        )
        if self.padding == "same" and set(self.stride) != {1}:
            raise ValueError(
                f"padding='same' with stride {by(self.stride)}: the output cannot have the size of "
                "the input; give the padding in numbers"
            )

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """Theta; its columns after the bias are weight.reshape(out_channels, -1) of PyTorch."""
        if self.in_channels is None:
            raise ValueError(
                f"{self!r} has no number of channels before it is part of a network: net.layers"
            )
        taps = prod(self.kernel_size)
        fan_in, fan_out = self.in_channels * taps, self.out_channels * taps
        return (Matrix((self.out_channels, 1 + fan_in), fan_in, fan_out),)

    @property
    def output_activation(self) -> Any:
        """The layer's activation."""
        return self.activation

    def fitted(self, shape: Shape, before: str = "the input") -> Self:
        """See Layer.fitted."""
        if len(shape) != 1 + len(self._axes):
            wanted = " x ".join(("channels", *self._axes))
            raise ValueError(
                f"takes {wanted}, but {before} has {by(shape)}; give input_shape= these axes, "
                "channels first"
            )
        if self.in_channels is None:
            return self._with(in_channels=shape[0])
        if self.in_channels != shape[0]:
            last = " (channels come first)" if self.in_channels == shape[-1] else ""
            raise ValueError(
                f"takes {self.in_channels} channels, but {before} has {by(shape)}: {shape[0]} "
                f"channel{'s' * (shape[0] > 1)}{last}; give both the same number"
            )
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """(out_channels, *windows), floor((n + 2 padding - dilation (k - 1) - 1) / stride) + 1."""
        along = counts(shape[1:], self.kernel_size, self.stride, self.padding, self.dilation)
        return (self.out_channels, *along)

    def emit(self, program: "Builder", x: "Array") -> "Array":
        """One affine at every position, and the activation."""
        each = windows(x.rows, self.kernel_size, self.stride, self.padding, self.dilation)
        positions = each.shape[1]
        rows = each.swapaxes(0, 1).reshape(positions, -1)
        z = program.array("z", self.output_shape(x.shape))
        program.affine(0, rows, z.first, unit_step=positions, position_step=1)
        return program.activated(z, self.activation)


def _padding(value: Any, axes: int) -> Any:
    """Padding as it is kept: "same", "valid", or a number for each axis."""
    if isinstance(value, str):
        if value in ("same", "valid"):
            return value
        raise ValueError(
            f"padding must be 'same', 'valid' or integers >= 0, got {described(value)}"
        )
    return sizes(value, "padding", axes, least=0)


class Conv1d(_Convolution):
    """A convolution over a signal (channels, length), a' = g(z), as torch.nn.Conv1d:

        z[k, i] = b[k] + sum_{c, j} w[k, c, j] a[c, stride i + dilation j - padding]

    with a = 0 outside. Its parameters are one matrix Theta of shape
    (out_channels, 1 + in_channels kernel_size): column 0 is the bias b, the others are w[k],
    channel by channel. The output has floor((n + 2 padding - dilation (kernel_size - 1) - 1) /
    stride) + 1 positions of a signal of n.

    Parameters
    ----------
    in_channels, out_channels : int
        Where the layers before determine in_channels it may be None: Conv1d(None, 8, 5).
    kernel_size, stride, dilation : int
        At least 1.
    padding : int, "valid" or "same"
        Zeros at either end. "valid" means none. "same": as many as keep the length, the odd one at
        the end; stride 1 only.
    activation : str or Circuit
        As of a hidden `Dense` layer.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small, or a name is unknown.

    Examples
    --------
    >>> layer = Conv1d(1, 8, 7, activation="relu")
    >>> layer.output_shape((1, 200)), layer.n_parameters
    ((8, 194), 64)
    """

    __slots__ = ()

    _axes: ClassVar[tuple[str, ...]] = ("length",)
    _options: ClassVar[dict[str, Any]] = {
        "stride": (1,), "padding": (0,), "dilation": (1,), "activation": "identity"
    }  # fmt: skip


class Conv2d(_Convolution):
    """A convolution over an image (channels, height, width), a' = g(z), as torch.nn.Conv2d:

        z[k, y, x] = b[k] + sum_{c, i, j} w[k, c, i, j] a[c, s y + d i - p, s x + d j - p]

    with stride s, dilation d, padding p, and a = 0 outside. Its parameters are one matrix Theta of
    shape (out_channels, 1 + in_channels kernel height kernel width): column 0 is the bias b, the
    others are w[k].ravel(), PyTorch's weight[k]. Along each axis of n the output has
    floor((n + 2 p - d (kernel_size - 1) - 1) / s) + 1 positions.

    Parameters
    ----------
    in_channels, out_channels : int
        Where the layers before determine in_channels it may be None: Conv2d(None, 8, 5).
    kernel_size, stride, dilation : int or (int, int)
        At least 1; two of them are (vertical, horizontal).
    padding : int, (int, int), "valid" or "same"
        Zeros on either side. "valid" means none. "same": as many as keep the size, the odd one at
        the end; stride 1 only.
    activation : str or Circuit
        As of a hidden `Dense` layer.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small, or a name is unknown.

    Examples
    --------
    >>> layer = Conv2d(1, 8, 5, activation="relu")
    >>> layer.output_shape((1, 28, 28)), layer.n_parameters
    ((8, 24, 24), 208)
    """

    __slots__ = ()

    _axes: ClassVar[tuple[str, ...]] = ("height", "width")
    _options: ClassVar[dict[str, Any]] = {
        "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "activation": "identity"
    }  # fmt: skip
