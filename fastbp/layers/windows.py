"""Windows that slide over an image or a signal: their sizes, and the rows that each one reads."""

import operator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fastbp.layers.layer import Shape, by
from fastbp.validate import MAX_WIDTH
from fastbp.words import described

if TYPE_CHECKING:
    from numpy.typing import NDArray

Padding = tuple[int, ...] | Literal["same", "valid"]


def sizes(value: Any, what: str, axes: int, least: int = 1) -> Shape:
    """An int, or one for each axis, as a tuple: kernel_size=5 is (5, 5) of an image."""
    each = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    wanted = f"an integer >= {least}" + (f" or {axes} of them" if axes > 1 else "")
    if len(each) != axes:
        raise ValueError(f"{what} has {len(each)} numbers; expected {wanted}")
    try:
        if any(isinstance(number, bool | np.bool_) for number in each):
            raise TypeError
        numbers = tuple(operator.index(number) for number in each)
    except TypeError:
        raise TypeError(f"{what} must be {wanted}, got {described(value)}") from None
    for number in numbers:
        if not least <= number <= MAX_WIDTH:
            raise ValueError(f"{what} must be {wanted}, got {described(value)}")
    return numbers


def around(padding: Padding, kernel: Shape, dilation: Shape) -> list[tuple[int, int]]:
    """Zeros before and after each axis. "same" has the odd one after, as PyTorch does."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(int(p), int(p)) for p in padding]


def counts(
    spatial: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape
) -> Shape:
    """How many windows there are along each axis: floor((n + 2p - d (k - 1) - 1) / s) + 1.

    Raises
    ------
    ValueError
        If there is none: the kernel is larger than its input.
    """
    zeros = around(padding, kernel, dilation)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    room = tuple(n + sum(pair) for n, pair in zip(spatial, zeros, strict=True))
    if any(n < r for n, r in zip(room, reach, strict=True)):
        spread = "" if reach == kernel else f" (with dilation it reaches over {by(reach)})"
        padded = "" if room == spatial else f", padded {by(room)}"
        raise ValueError(
            f"has a kernel of {by(kernel)}{spread}, larger than its input of {by(spatial)}"
            f"{padded}; take a smaller kernel, or more padding"
        )
    return tuple((n - r) // s + 1 for n, r, s in zip(room, reach, stride, strict=True))


def windows(
    rows: "NDArray[np.int32]", kernel: Shape, stride: Shape, padding: Padding, dilation: Shape
) -> "NDArray[np.int32]":
    """The rows of all windows of an array of rows (channels, *spatial), -1 where there is padding.

    Returns
    -------
    ndarray of int32, shape (channels, positions, taps)
        Positions and taps in C order.
    """
    axes = len(kernel)
    padded = np.pad(rows, [(0, 0), *around(padding, kernel, dilation)], constant_values=-1)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    view = sliding_window_view(padded, reach, axis=tuple(range(1, 1 + axes)))
    every = tuple(slice(None, None, s) for s in stride)
    taps = tuple(slice(None, None, d) for d in dilation)
    chosen = view[(slice(None), *every, *taps)]
    return chosen.reshape(rows.shape[0], -1, int(np.prod(kernel)))
