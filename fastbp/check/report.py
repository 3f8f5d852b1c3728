"""What a gradient check found: a table by block, and the sentence that says where to look."""

from dataclasses import dataclass, field
from html import escape

import numpy as np
import numpy.typing as npt

from fastbp.check.contract import FloatArray


class GradientCheckError(AssertionError):
    """Raised by `GradientReport.raise_if_failed`; the message is the whole report."""


@dataclass(frozen=True)
class BlockResult:
    """One row of the table.

    Errors are worst cases over the checked slopes that are not kinks; the relative error is
    |gradient - numerical| / (max(|gradient|, |numerical|) + error bar / rtol), so that it exceeds
    rtol exactly where a slope fails, and rounding noise in J does not count as an error.
    `worst_index` is an index into theta, `worst_position` the (row, column) in the layer's Theta,
    bias in column 0. With directions both are the number of the direction.
    """

    name: str
    layer: int
    kind: str
    shape: tuple[int, ...]
    n_parameters: int
    n_checked: int
    n_failed: int
    n_kinks: int
    n_unclear: int
    max_relative_error: float
    max_absolute_error: float
    worst_index: int
    worst_position: tuple[int, ...]
    worst_gradient: float
    worst_numerical: float
    hint: str = ""

    @property
    def passed(self) -> bool:
        """Whether no slope of this block is wrong."""
        return self.n_failed == 0

    @property
    def verdict(self) -> str:
        """ "FAIL", "kink" (right up to kinks of J), or "ok"."""
        return "FAIL" if self.n_failed else "kink" if self.n_kinks else "ok"


@dataclass(frozen=True)
class Kink:
    """A parameter where J has two slopes, and the gradient given lies between them."""

    block: str
    index: int
    position: tuple[int, ...]
    left: float
    right: float
    gradient: float


@dataclass(frozen=True, repr=False)
class GradientReport:
    """The result of `check_gradient`. Truthy when the gradient passes; prints as a table.

    Attributes
    ----------
    passed : whether every slope and every promise to the optimiser holds.
    blocks : a `BlockResult` for each block.
    problems : what is wrong besides the numbers (shape, dtype, reused memory, randomness).
    likely : names of the blocks where the mistake is to be looked for first.
    advice : the same in a sentence; empty when the check passes.
    kinks : a `Kink` for each parameter at a kink of J.
    method, rtol, noise : "central" or "complex"; the tolerance; the uncertainty of one value of J.
    n_evaluations : evaluations of the cost.
    gradient, numerical, indices, failed : arrays over all checked slopes, for scatter plots;
        `indices` are indices into theta (numbers of directions with `directions=`).
    """

    passed: bool
    blocks: tuple[BlockResult, ...]
    problems: tuple[str, ...]
    likely: tuple[str, ...]
    advice: str
    kinks: tuple[Kink, ...]
    method: str
    rtol: float
    noise: float
    n_evaluations: int
    directions: bool
    gradient: FloatArray = field(compare=False)
    numerical: FloatArray = field(compare=False)
    indices: npt.NDArray[np.int64] = field(compare=False)
    failed: npt.NDArray[np.bool_] = field(compare=False)

    def __bool__(self) -> bool:
        return self.passed

    @property
    def worst(self) -> BlockResult | None:
        """The block with the largest relative error."""
        return max(self.blocks, key=lambda block: block.max_relative_error, default=None)

    @property
    def max_relative_error(self) -> float:
        """The largest relative error of all; nan when nothing could be compared."""
        return self.worst.max_relative_error if self.worst else float("nan")

    @property
    def analytic(self) -> FloatArray:
        """Another name for `gradient`."""
        return self.gradient

    def raise_if_failed(self) -> None:
        """Raise GradientCheckError, with the report as its message, unless the check passed."""
        if not self.passed:
            raise GradientCheckError(str(self))

    def __str__(self) -> str:
        lines = [self._headline(), ""]
        if self.blocks:
            rows = [self._header(), *(self._row(block) for block in self.blocks)]
            widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
            lines += [
                "  ".join(
                    cell.ljust(width) if i < 2 else cell.rjust(width)
                    for i, (cell, width) in enumerate(zip(row, widths, strict=True))
                ).rstrip()
                for row in rows
            ]
        notes = self._notes()
        return "\n".join([*lines, "", *notes] if notes else lines).rstrip()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self._header())
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in self._row(block)) + "</tr>"
            for block in self.blocks
        )
        notes = "".join(f"<p>{escape(note.strip())}</p>" for note in self._notes())
        return (
            f"<p><b>{escape(self._headline())}</b></p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}"
        )

    def _headline(self) -> str:
        n_failed = sum(not block.passed for block in self.blocks)
        if self.passed:
            verdict = "passed"
        elif n_failed:
            verdict = f"FAILED in {n_failed} of {len(self.blocks)} blocks"
        else:
            verdict = "FAILED"
        method = "complex step" if self.method == "complex" else "central differences"
        return (
            f"Gradient check {verdict} ({method}, {self.n_evaluations} evaluations, "
            f"rtol {self.rtol:.0e})"
        )

    def _header(self) -> list[str]:
        where = "direction" if self.directions else "at"
        return ["block", "shape", "checked", "relative error", "absolute error", where,
                "gradient", "numerical", "verdict"]  # fmt: skip

    def _row(self, block: BlockResult) -> list[str]:
        position = ", ".join(map(str, block.worst_position))
        shape = " x ".join(map(str, block.shape))
        return [
            block.name, shape, str(block.n_checked),
            f"{block.max_relative_error:.1e}", f"{block.max_absolute_error:.1e}", f"[{position}]",
            f"{block.worst_gradient:.9g}", f"{block.worst_numerical:.9g}", block.verdict,
        ]  # fmt: skip

    def _notes(self) -> list[str]:
        notes = list(self.problems)
        if self.advice:
            notes.append(self.advice)
        notes += [f"  {block.name}: {block.hint}" for block in self.blocks if block.hint]
        for block in self.blocks:
            first = next((kink for kink in self.kinks if kink.block == block.name), None)
            if first:
                position = ", ".join(map(str, first.position))
                notes.append(
                    f"{block.name}: {block.n_kinks} of {block.n_checked} at a kink, first at "
                    f"[{position}]: slopes {first.left:.6g} and {first.right:.6g}, gradient "
                    f"{first.gradient:.6g} between them"
                )
        n_unclear = sum(block.n_unclear for block in self.blocks)
        if n_unclear:
            n_checked = sum(block.n_checked for block in self.blocks)
            notes.append(
                f"{n_unclear} of {n_checked} slopes are too small to be seen above the noise in J "
                f"({self.noise:.1e}); they agree with the gradient within it"
            )
        return notes
