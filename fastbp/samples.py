"""What X means: samples in rows, each of the network's input shape; and lengths of sequences."""

from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fastbp.layers.layer import Shape, by
from fastbp.validate import as_array, extremes, finite_reals, first_where, numbers, readable
from fastbp.words import code, columns_of, listed, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network


def data(X: Any, network: "Network") -> "NDArray[Any]":
    """X as the engine reads it: real (m, n), finite, adjacent within a row; m >= 1.

    n is the number of numbers in a sample, which may come as (n,) or in the input shape.
    """
    shape, real = network.input_shape, network.dtype
    array = numbers(X, "X")
    if len(shape) == 1:
        if array.ndim != 2:
            _refuse_dimensions(array, shape[0], X)
        if array.shape[1] != shape[0]:
            _refuse_width(array, shape[0], X)
    elif array.ndim < 2 or array.shape[1:] not in (shape, (prod(shape),)):
        _refuse_shape(array, network, X)
    if array.shape[0] == 0:
        raise ValueError(f"X has shape {array.shape}: no samples; expected at least one row")
    if array.ndim != 2:
        # This copies only where the numbers of a sample are not adjacent.
        array = array.reshape(len(array), -1)
    return finite_reals(array, real, "X", readable(array, real), X)


def one(x: Any, network: "Network") -> "NDArray[Any]":
    """One sample, of the input shape or flat, as a row."""
    shape, array = network.input_shape, numbers(x, "X")
    n = prod(shape)
    if array.shape not in (shape, (n,)):
        raise ValueError(
            f"X has shape {array.shape}; expected {shape}, one sample, or {_wanted(shape)}, one "
            "row per sample"
        )
    return array.reshape(1, n)


def is_one(X: Any, network: "Network") -> bool:
    """Whether X is one sample without a row for it."""
    shape = as_array(X, "X").shape
    if len(network.input_shape) == 1:
        return len(shape) == 1
    return len(shape) == 1 or shape == network.input_shape


def lengths(value: Any, network: "Network", m: int) -> "NDArray[np.int64] | None":
    """Steps of each sample as the engine reads them: a copy, contiguous int64 (m,), 1 ... T.

    Raises
    ------
    TypeError, ValueError
        If there is not one integer for each sample, within the sequence, or the network's layers
        do not keep the steps of a sequence apart.
    """
    if value is None:
        return None
    refusal = network._refuses_lengths()
    if refusal:
        raise ValueError(f"lengths are of sequences, but {refusal}\n{network.table()}")
    T = network.input_shape[0]
    array = numbers(value, "lengths")
    if array.shape not in ((m,), (m, 1)):
        raise ValueError(
            f"lengths has shape {array.shape}; expected ({m},), the number of steps of each "
            f"sample\n{network.table()}"
        )
    array = array.reshape(-1)
    if array.dtype.kind not in "iu":
        place = first_where(array, lambda part: np.floor(part) != part)
        if array.dtype.kind == "b" or place is not None:
            came = array[0] if place is None else array[place]
            raise TypeError(
                f"lengths are numbers of steps, integers from 1 to {T}; got {came} at "
                f"{where(place or (0,), value)}"
            )
    low, high = extremes(array)
    if not 1 <= low <= high <= T:
        place = first_where(array, lambda part: ~((part >= 1) & (part <= T)))
        assert place is not None
        advice = "leave a sample without steps out" if array[place] == 0 else "count its own steps"
        raise ValueError(
            f"lengths is {array[place]} at {where(place, value)}; expected 1 ... {T}, as the "
            f"samples have {T} steps; {advice}\n{network.table()}"
        )
    result = np.array(array, np.int64)
    result.flags.writeable = False
    return result


def _wanted(shape: Shape) -> str:
    """The shape of samples in rows, as a message writes it."""
    return f"(m, {', '.join(map(str, shape))})"


def _refuse_shape(array: "NDArray[Any]", network: "Network", X: Any) -> NoReturn:
    """For samples that are no vectors."""
    shape = network.input_shape
    n, name = prod(shape), code(X, "X")
    came = array.shape
    if came == shape:
        advice = f"for a single sample use {name}[None]"
    elif len(came) == len(shape) and came[1:] == shape[1:] and shape[0] == 1:
        advice = f"the axis of 1 is missing: {name}[:, None]"
    elif len(came) == 3 and len(shape) == 2 and came[1:] == shape[::-1]:
        advice = f"the axes are swapped: {name}.swapaxes(1, 2)"
    elif len(came) == len(shape) + 1 and came[-1] == shape[0] and came[1:-1] == shape[1:]:
        advice = f"channels come first: np.moveaxis({name}, -1, 1)"
    elif array.ndim >= 2 and prod(came[1:]) == n:
        advice = f"there are as many numbers: {name}.reshape(-1, {', '.join(map(str, shape))})"
    else:
        advice = f"give samples of {by(shape)}, or the network another input_shape"
    raise ValueError(
        f"X has shape {came}; expected {_wanted(shape)} or (m, {n}), one sample after the other; "
        f"{advice}\n{network.table()}"
    )


def _refuse_dimensions(array: "NDArray[Any]", n_in: int, X: Any) -> NoReturn:
    """For samples that are vectors, when X is no matrix."""
    array_of = code(X, "X")
    advice = f"flatten each sample: {array_of}.reshape(len(X), -1)"
    if array.ndim == 0:
        advice = "put each sample into a row"
    elif array.ndim == 1 and n_in == 1:
        advice = f"for samples of one number each use {array_of}.reshape(-1, 1)"
    elif array.ndim == 1:
        advice = f"for a single sample use {array_of}.reshape(1, -1)"
    raise ValueError(
        f"X has shape {array.shape}; expected (m, {n_in}), one row per sample; {advice}"
    )


def _refuse_width(array: "NDArray[Any]", n_in: int, X: Any) -> NoReturn:
    """For samples that are vectors of another length."""
    m, n = array.shape
    names = columns_of(X)
    columns = "columns" if names is None else f"columns ({listed(names)})"
    advice = f"give it {n_in} columns, or build the network for {n} inputs"
    if n == 0:
        advice = "each sample has no numbers"
    elif m == n_in:
        advice = f"samples are rows: pass {code(X, 'X')}.T"
    elif n == n_in + 1 and m > 0 and bool(np.all(array[:, 0] == 1)):
        rest = f"{code(X, 'X')}[:, 1:]" if names is None else f"X[{names[1:]}]"
        advice = f"fastbp adds the bias itself: leave out the column of ones, {rest}"
    raise ValueError(
        f"X has shape {array.shape}, so {n} {columns}; the network has {n_in} inputs and expects "
        f"(m, {n_in}); {advice}"
    )
