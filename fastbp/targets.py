"""What y means: labels or targets, and which values a loss takes.

A network with K > 1 outputs takes labels (m,) or (m, 1), integers 0..K-1, or targets (m, K). One
with a single output takes targets (m,) or (m, 1). Where the output is a sequence, all this holds of
every step of a sample: labels (m, T), targets (m, T, K). Which values a loss takes stands here too;
a loss that is not named takes any finite targets.
"""

from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fastbp._core import core
from fastbp.missing import ADVICE, as_nan
from fastbp.missing import read as read_missing
from fastbp.names import OF_CLASSES
from fastbp.parameterised import without_parameter
from fastbp.validate import (
    blocks,
    extremes,
    finite_reals,
    first_where,
    numbers,
)
from fastbp.words import code, columns_of, listed, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.missing import Missing
    from fastbp.network import Network

CLASSIFIERS = ("cross_entropy", "focal", "hinge", "squared_hinge", *OF_CLASSES)
# Losses that, after "identity", take a for the logarithm of the mean.
OF_LOG_MEAN = ("poisson", "gamma", "negative_binomial")

# loss -> (least, greatest, in words)
RANGES = {
    "cross_entropy": (0.0, 1.0, "probabilities from 0 to 1"),
    "focal": (0.0, 1.0, "probabilities from 0 to 1"),
    "poisson": (0.0, np.inf, "counts or rates >= 0"),
    "negative_binomial": (0.0, np.inf, "counts or rates >= 0"),
    "gamma": (1.4e-45, np.inf, "numbers > 0"),  # from the least of float32 on
}
ROW_SUM_TOLERANCE = 1e-3  # the sum of probabilities in float16 may be off so far

Read = tuple["NDArray[np.int64] | None", "NDArray[Any] | None"]


def read(
    y: Any,
    network: "Network",
    m: int,
    steps: "NDArray[np.int64] | None" = None,
    missing: "Missing" = "error",
) -> Read:
    """y as the engine reads it: (labels, None) or (None, targets).

    labels: contiguous int64 (m,), 0..K-1. targets: C-contiguous (m, K) of the network's dtype; for
    the hinge losses -1 and 1. Of a sequence of outputs (m, T) and (m, T K), and 0 after the end of
    a sample, whatever y holds there.

    steps : of each sample, contiguous int64 (m,)
    missing : "ignore" if targets may be missing (missing.py)
    """
    if missing == "ignore":
        y = as_nan(y)
    shape = network._outputs_shape
    K = shape[-1]
    array = numbers(y, "y", K > 1 or name_of(network) in CLASSIFIERS, ADVICE)
    if len(shape) > 1:
        return _of_positions(array, network, m, steps, y, missing)
    if array.shape == (m, *network.output_shape):
        array = array.reshape(m, K)  # outputs of a convolution, channel by channel
    _check_shape(array, K, m, y, network)
    return _of_any_samples(array, network, y, missing)


def _of_any_samples(array: "NDArray[Any]", network: "Network", y: Any, missing: "Missing") -> Read:
    """Of an array whose shape has been checked, of which some targets may be missing."""
    if missing == "ignore":
        return read_missing(array, network, y, _of_samples)
    return _of_samples(array, network, y)


def name_of(network: "Network") -> Any:
    """The name of its loss without the parameter; a loss that is a circuit is itself."""
    return without_parameter(network.loss)


def _of_samples(array: "NDArray[Any]", network: "Network", y: Any) -> Read:
    """Of an array whose shape has been checked."""
    m, K = len(array), network._outputs_shape[-1]
    loss = name_of(network)
    if K > 1 and array.shape in ((m,), (m, 1)):
        if RANGES.get(loss, (0,))[0] > 0:
            raise ValueError(
                f"y has shape {array.shape}, as labels have; loss {loss!r} takes "
                f"{RANGES[loss][2]}, and one-hot rows hold 0: give targets ({m}, {K})"
            )
        return _labels(_flat(array), K, y), None
    if K == 1:
        array = _flat(array)
    in_place = array.dtype == network.dtype and array.flags.c_contiguous and array.flags.aligned
    targets = finite_reals(array, network.dtype, "y", bool(in_place), y, ADVICE)
    if not isinstance(loss, str):
        return None, targets.reshape(m, K)  # a circuit may be a loss of any numbers
    if loss in RANGES:
        _check_range(targets, network, y)
    if loss in core(network.dtype.name).SIGNED_LOSSES:
        targets = _signed(targets, loss, y)
    elif loss in OF_CLASSES:
        return _one_hot_labels(targets, loss, y), None
    elif loss == "cross_entropy" and network.activations[-1] == "softmax":
        _check_row_sums(targets)
    return None, targets.reshape(m, K)


def _of_positions(
    array: "NDArray[Any]",
    network: "Network",
    m: int,
    steps: "NDArray[np.int64] | None",
    y: Any,
    missing: "Missing",
) -> Read:
    """Of outputs at several positions: each is read as if it were a sample."""
    *lead, K = network._outputs_shape
    n = m * prod(lead)
    rows: NDArray[Any]
    if array.shape == (m, *lead):
        rows = array.reshape(n)
    elif array.shape in ((m, *lead, K), (m, prod(lead) * K)):
        rows = array.reshape(n, K)
    else:
        _refuse_positions(array, network, m)
    ended = None
    if steps is not None:
        ended = (np.arange(lead[0]) >= steps[:, np.newaxis]).reshape(n)
        rows = rows.copy()
        rows[ended] = rows[0]  # y may hold anything after the end; row 0 is never after it
    try:
        labels, targets = _of_any_samples(rows, network, rows, missing)
    except (TypeError, ValueError) as error:
        form = "y.reshape(-1)" if rows.ndim == 1 else f"y.reshape(-1, {K})"
        raise type(error)(
            f"{error}; rows are those of {form}, so row r is step r % {lead[-1]} of its sample"
        ) from None
    result = labels if targets is None else targets
    assert result is not None
    if ended is not None:
        result[ended] = 0  # `result` is a copy of what the caller gave
    result = result.reshape(m, -1)
    return (result, None) if targets is None else (None, result)


def _refuse_positions(array: "NDArray[Any]", network: "Network", m: int) -> NoReturn:
    """For outputs at several positions, when y has no entry for each of them."""
    *lead, K = network._outputs_shape
    each = ", ".join(map(str, lead))
    wanted = f"({m}, {each}) or ({m}, {each}, 1)"
    if K > 1:
        wanted = f"labels ({m}, {each}) or targets ({m}, {each}, {K})"
    shape = array.shape
    if array.ndim and shape[0] != m:
        advice = f"X has {m} samples and y has {shape[0]}: they must be the same"
    elif shape in ((m,), (m, K)):
        advice = (
            "for one target for each sample leave out return_sequences=True of the last recurrent "
            "layer"
        )
    elif array.ndim > 1 and shape[1] != lead[0]:
        advice = f"each sample has outputs at {lead[0]} steps and y has {shape[1]}"
    else:
        advice = "give one target for each step"
    raise ValueError(f"y has shape {shape}; expected {wanted}; {advice}\n{network.table()}")


def _flat(array: "NDArray[Any]") -> "NDArray[Any]":
    """A column as a vector; a vector is itself, not a view."""
    return array if array.ndim == 1 else array.reshape(-1)


def _check_shape(array: "NDArray[Any]", K: int, m: int, y: Any, network: "Network") -> None:
    """Refuses a y that has not one label, or one row of targets, for each sample."""
    shape = array.shape
    if shape in ((m,), (m, 1), (m, K)):
        return
    wanted = f"({m},) or ({m}, 1)" if K == 1 else f"labels ({m},) or targets ({m}, {K})"
    if array.ndim == 0:
        advice = "give one row per sample"
    elif shape == (K, m):
        advice = f"samples are rows: pass {code(y, 'y')}.T"
    elif shape == (1, m):
        advice = "for labels use np.ravel(y)"
    elif shape[0] != m:
        advice = f"X has {m} rows and y has {shape[0]}: they must be the same samples"
    else:
        advice = f"the last layer has {K} output{'s' * (K > 1)}"
        if array.ndim == 2:
            names = columns_of(y)
            columns = "columns" if names is None else f"columns ({listed(names)})"
            advice += f" and y has {shape[1]} {columns}: give both the same number"
    text = f"y has shape {shape}; expected {wanted}; {advice}"
    raise ValueError(text if network._is_plain else f"{text}\n{network.table()}")


def _labels(array: "NDArray[Any]", K: int, y: Any) -> "NDArray[np.int64]":
    """Integers 0 ... K-1, of any real dtype, as contiguous int64."""
    if array.dtype.kind == "f":
        finite_reals(array, array.dtype, "y", True, y, ADVICE)
        place = first_where(array, lambda part: np.floor(part) != part)
        if place is not None:
            raise ValueError(
                f"y is {array[place]} at {where(place, y)}: no label; a y of shape {np.shape(y)} "
                f"holds integers 0..{K - 1}, targets for {K} outputs have shape {(len(array), K)}"
            )
    low, high = extremes(array)
    if low < 0 or high >= K:
        _refuse_labels(array, int(low), int(high), K, y)
    return np.ascontiguousarray(array, np.int64)


def _refuse_labels(array: "NDArray[Any]", low: int, high: int, K: int, y: Any) -> NoReturn:
    """For labels beyond 0 ... K-1."""
    held = f"y holds labels {low}..{high}"
    wanted = f"the network's {K} outputs are the classes 0..{K - 1}"
    values = _values(y)
    if low >= 1 and high == K:
        raise ValueError(f"{held}, but {wanted}: labels start at 1; subtract 1: {values} - 1")
    place = first_where(array, lambda part: (part < 0) | (part >= K))
    assert place is not None
    if low == -1 and high == 1 and K == 2:
        advice = f"for labels -1 and 1 pass ({values} + 1) // 2, or use a network with one output"
    elif low < 0 or len(np.unique(array)) <= K:
        advice = (
            "labels are integers >= 0, and nan with missing='ignore' where there is none; "
            "classes, y = np.unique(y, return_inverse=True) numbers the classes"
        )
    else:
        advice = f"{high + 1} classes need a last layer of {high + 1} outputs"
    raise ValueError(f"{held}, but {wanted} (first at {where(place, y)}); {advice}")


def _values(y: Any) -> str:
    """How code names y where it computes with it."""
    return "y" if hasattr(y, "dtype") or hasattr(y, "to_numpy") else "np.asarray(y)"


def _check_range(targets: "NDArray[Any]", network: "Network", y: Any) -> None:
    """Refuses targets that the loss does not take: see RANGES."""
    loss = name_of(network)
    least, greatest, words = RANGES[loss]
    low, high = extremes(targets)
    if least <= low and high <= greatest:
        return
    place = first_where(targets, lambda part: (part < least) | (part > greatest))
    assert place is not None
    advice = "for targets of any value use loss='squared_error'"
    of_two = loss in ("cross_entropy", "focal")
    if of_two and (low, high) == (1, 2):
        advice = f"labels start at 1; subtract 1: {_values(y)} - 1"
    elif of_two and (low, high) == (-1, 1):
        advice = f"for labels -1 and 1 pass ({_values(y)} + 1) / 2, or use loss='hinge'"
    elif of_two and network._outputs_shape[-1] == 1:
        advice += f", for classes 0..K-1 a network of K outputs (y goes up to {high:g})"
    raise ValueError(
        f"y is {targets[place]} at {where(place, y)}; loss {network.loss!r} takes {words}; {advice}"
    )


def _signed(targets: "NDArray[Any]", loss: str, y: Any) -> "NDArray[Any]":
    """Targets 0 and 1, or -1 and 1, as -1 and 1."""
    low = -1 if extremes(targets)[0] < 0 else 0
    place = first_where(targets, lambda part: (part != low) & (part != 1))
    if place is not None:
        advice = "for other targets use loss='squared_error'"
        if extremes(targets) == (1, 2):
            advice = f"labels start at 1; subtract 1: {_values(y)} - 1"
        raise ValueError(
            f"y is {targets[place]} at {where(place, y)}; loss {loss!r} takes -1 and 1, or 0 and "
            f"1, not a mixture; {advice}"
        )
    if low == -1:
        return targets
    result = np.empty_like(targets)
    for rows in blocks(targets):
        result[rows] = 2 * targets[rows] - 1
    return result


def _one_hot_labels(targets: "NDArray[Any]", loss: str, y: Any) -> "NDArray[np.int64]":
    """The labels of one-hot rows, written with 0 and 1 or with -1 and 1."""
    signs = _signed(targets, loss, y)
    labels = np.empty(len(signs), np.int64)
    for rows in blocks(signs):
        hot = signs[rows] == 1
        wrong = np.count_nonzero(hot, axis=1) != 1
        if wrong.any():
            row = rows.start + int(wrong.argmax())
            raise ValueError(
                f"y names {np.count_nonzero(signs[row] == 1)} classes in row {row}; loss "
                f"{loss!r} takes exactly one per sample; for several use loss='hinge'"
            )
        labels[rows] = hot.argmax(axis=1)
    return labels


def _check_row_sums(targets: "NDArray[Any]") -> None:
    """Refuses rows of probabilities that do not sum to 1."""
    for rows in blocks(targets):
        sums = targets[rows].sum(axis=1, dtype=np.float64)
        wrong = np.abs(sums - 1) > ROW_SUM_TOLERANCE
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"y sums to {sums[row]:g} in row {rows.start + row}; with a softmax output the "
                "targets of a sample are the probabilities of its classes and sum to 1; for "
                "several classes per sample use output='sigmoid'"
            )
