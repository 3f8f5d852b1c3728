"""Pooling: the largest number, or the mean, of each window."""

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from fastbp.layers.layer import Layer, Shape, by
from fastbp.layers.windows import counts, sizes, windows
from fastbp.names import advised

if TYPE_CHECKING:
    from fastbp.layers.program import Array, Builder

Sizes = int | tuple[int, ...]


class _Pooling(Layer):
    """What pooling of both kinds, over any number of axes, has in common."""

    __slots__ = ("kernel_size", "padding", "stride")

    _required: ClassVar[tuple[str, ...]] = ("kernel_size",)
    _options: ClassVar[dict[str, Any]] = {"stride": None, "padding": None}
    _axes: ClassVar[tuple[str, ...]]
    _is_maximum: ClassVar[bool]

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    @advised
    def __init__(
        self, kernel_size: Sizes, stride: "Sizes | None" = None, padding: Sizes = 0
    ) -> None:
        n = len(self._axes)
        window = sizes(kernel_size, "kernel_size", n)
        self._set(
            kernel_size=window,
            stride=window if stride is None else sizes(stride, "stride", n),
            padding=sizes(padding, "padding", n, least=0),
        )
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding {by(self.padding)} is more than half of the kernel, "
                f"{by(self.kernel_size)}: windows would lie in the padding alone; pad less"
            )

    def fitted(self, shape: Shape, before: str = "the input") -> Self:
        """See Layer.fitted."""
        if len(shape) != 1 + len(self._axes):
            wanted = " x ".join(("channels", *self._axes))
            raise ValueError(
                f"takes {wanted}, but {before} has {by(shape)}; pool before Flatten(), and over as "
                "many axes as there are"
            )
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, *windows), floor((n + 2 padding - kernel_size) / stride) + 1 along an axis."""
        ones = (1,) * len(self._axes)
        return (shape[0], *counts(shape[1:], self.kernel_size, self.stride, self.padding, ones))

    def emit(self, program: "Builder", x: "Array") -> "Array":
        """One step over all windows of all channels."""
        ones = (1,) * len(self._axes)
        each = windows(x.rows, self.kernel_size, self.stride, self.padding, ones)
        out = program.array("p", self.output_shape(x.shape))
        divisor = 0 if self._is_maximum else prod(self.kernel_size)
        program.pool(out.first, each.reshape(-1, each.shape[2]), divisor)
        return out

    def __repr__(self) -> str:
        parts = [str(_one(self.kernel_size))]
        if self.stride != self.kernel_size:
            parts.append(f"stride={_one(self.stride)}")
        if any(self.padding):
            parts.append(f"padding={_one(self.padding)}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _one(each: tuple[int, ...]) -> Any:
    """A tuple of equal numbers as one of them, as it may be given."""
    return each[0] if len(set(each)) == 1 else each


class MaxPool1d(_Pooling):
    """The largest number of each window of a signal (channels, length), as torch.nn.MaxPool1d.

    Windows begin every `stride` numbers; a rest that fills no window is left out (PyTorch's
    ceil_mode=False): there are floor((length + 2 padding - kernel_size) / stride) + 1. Padding
    never is the largest. The first of several largest gets the whole slope.

    Parameters
    ----------
    kernel_size : int
    stride : int, optional
        kernel_size unless given.
    padding : int
        At either end, at most half of kernel_size.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small, or there is too much padding.

    Examples
    --------
    >>> MaxPool1d(2).output_shape((8, 195))
    (8, 97)
    """

    __slots__ = ()
    _axes: ClassVar[tuple[str, ...]] = ("length",)
    _is_maximum: ClassVar[bool] = True


class MaxPool2d(_Pooling):
    """The largest number of each window of an image (channels, height, width), as
    torch.nn.MaxPool2d.

    Windows begin every `stride` numbers; a rest that fills no window is left out (PyTorch's
    ceil_mode=False): there are floor((n + 2 padding - kernel_size) / stride) + 1 along an axis.
    Padding never is the largest. The first of several largest gets the whole slope.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        kernel_size unless given.
    padding : int or (int, int)
        On either side, at most half of kernel_size.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small, or there is too much padding.

    Examples
    --------
    >>> MaxPool2d(2).output_shape((8, 24, 25))
    (8, 12, 12)
    """

    __slots__ = ()
    _axes: ClassVar[tuple[str, ...]] = ("height", "width")
    _is_maximum: ClassVar[bool] = True


class AvgPool1d(_Pooling):
    """The mean of each window of a signal (channels, length), as torch.nn.AvgPool1d.

    Windows as those of `MaxPool1d`. Padding counts as zeros, so every sum is divided by
    kernel_size (PyTorch's count_include_pad=True).

    Parameters
    ----------
    kernel_size : int
    stride : int, optional
        kernel_size unless given.
    padding : int
        At either end, at most half of kernel_size.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small, or there is too much padding.
    """

    __slots__ = ()
    _axes: ClassVar[tuple[str, ...]] = ("length",)
    _is_maximum: ClassVar[bool] = False


class AvgPool2d(_Pooling):
    """The mean of each window of an image (channels, height, width), as torch.nn.AvgPool2d.

    Windows as those of `MaxPool2d`. Padding counts as zeros, so every sum is divided by the number
    of places in the kernel (PyTorch's count_include_pad=True).

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        kernel_size unless given.
    padding : int or (int, int)
        On either side, at most half of kernel_size.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small, or there is too much padding.
    """

    __slots__ = ()
    _axes: ClassVar[tuple[str, ...]] = ("height", "width")
    _is_maximum: ClassVar[bool] = False
