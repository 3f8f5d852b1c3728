"""From wrong numbers to their likely cause: which block first, and what pattern the error has."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fastbp.blocks import Block
from fastbp.check.blocks import IntArray
from fastbp.check.contract import FloatArray
from fastbp.check.report import BlockResult
from fastbp.check.sweep import Comparison

BoolArray = npt.NDArray[np.bool_]

# A pattern explains the error of a gradient if at most this part of the error is left. Patterns are
# only looked for if the error bars of the slopes are at most KNOWN of the error.
CLOSE = 1e-3
KNOWN = 0.05


def pattern(
    block: Block, theta: FloatArray, indices: IntArray, found: Comparison, failed: BoolArray
) -> str:
    """What the error of a failing block looks like, in words; empty when like nothing known.

    theta, indices, `found` and `failed` hold the checked parameters of the block. A pattern is
    told only where the data prove it: the slopes are known far better than they are off (so not at
    kinks, not in noise), and more than one of them carries the fit.
    """
    given, numerical = found.given, found.numerical
    difference = given - numerical
    size = float(np.linalg.norm(difference))
    if given.size < 2 or not np.isfinite(size):
        return ""
    if not np.linalg.norm(found.error[failed]) <= KNOWN * size:
        return ""
    if np.sum(failed) == 1 and given.size > 2:
        place = block.position(int(indices[np.argmax(failed)]))
        return f"one entry of {given.size} is wrong, at {list(place)}"
    if size**4 < 1.5 * float(np.sum(difference**4)):  # one entry outweighs all others
        return ""
    if not given.any():
        return "the gradient is 0, but the cost is not flat"
    factor, rest = _fit(given, numerical)
    if rest <= CLOSE * size:
        return f"the gradient is {factor:.7g} times the numerical one"
    factor, rest = _fit(difference, theta)
    if rest <= CLOSE * size:
        return f"the gradient is off by {factor:.7g} * theta: look at the regularisation"
    whole = given.size == block.indices.size
    total = float(np.sum(numerical))
    if block.kind == "bias" and whole and np.all(np.abs(given - total) <= CLOSE * abs(total)):
        return "the gradient is the same for every unit: summed over units as well as samples?"
    if len(block.shape) == 2 and block.shape[0] == block.shape[1] and whole:
        turned = numerical.reshape(block.shape).T.ravel()
        if np.linalg.norm(given - turned) <= CLOSE * size:
            return "the gradient is transposed"
    return ""


def _fit(target: FloatArray, base: FloatArray) -> tuple[float, float]:
    """The factor c that brings c * base nearest to target, and how far that still is."""
    square = float(base @ base)
    if square == 0.0:
        return 0.0, float("inf")
    factor = float(target @ base) / square
    return factor, float(np.linalg.norm(target - factor * base))


def likely_blocks(results: Sequence[BlockResult]) -> tuple[str, ...]:
    """The failing blocks of the failing layer nearest to the output.

    Errors travel from the output to the input, never the other way: whatever spoils the delta of a
    layer spoils all layers below it, while the layers above stay right.
    """
    failing = [result for result in results if not result.passed]
    top = max((result.layer for result in failing), default=0)
    return tuple(result.name for result in failing if result.layer == top)


def advise(results: Sequence[BlockResult]) -> str:
    """Where to look, from which layers fail and which do not."""
    failing = [result for result in results if not result.passed]
    likely = likely_blocks(results)
    if not likely:
        return ""
    look = f"Look first at {' and '.join(likely)}"
    top = max(result.layer for result in failing)
    if top == 0:
        return look + "."
    last = max(result.layer for result in results)
    kinds = {result.kind for result in failing}
    of_kind = [result for result in results if result.kind in kinds]
    if len(kinds) == 1 and len(results) > len(of_kind) == len(failing) > 1:
        return (
            f"Exactly the {failing[0].kind} blocks fail: every delta is right; "
            f"look at what is done to {failing[0].kind} only."
        )
    below = {result.layer for result in results if result.layer < top and result.n_checked}
    if below - {result.layer for result in failing}:
        return look + ": below it a whole layer is right, so its delta is; the error is its own."
    if top == last:
        return look + ": the error begins at the output (its delta, or what all layers share)."
    if not all(not result.passed for result in results if result.layer <= top):
        return look + "."
    return (
        f"{look}: layer {top + 1} is right and nothing below it, so the error enters with the "
        f"delta of layer {top}: g' of layer {top}, or the product with Theta of layer {top + 1}."
    )
