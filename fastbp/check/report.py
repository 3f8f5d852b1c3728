"""What a gradient check found: a table by block, and the sentence that says where to look."""

from dataclasses import dataclass, field
from html import escape

import numpy as np
import numpy.typing as npt

from fastbp import layout
from fastbp.check.contract import FloatArray

# Columns of the table that are left out on a narrow screen, the fewest first.
LEFT_OUT: tuple[tuple[str, ...], ...] = (
    (),
    ("absolute error",),
    ("absolute error", "at", "direction"),
    ("absolute error", "at", "direction", "shape"),
)


class GradientCheckError(AssertionError):
    """Raised by `GradientReport.raise_if_failed`; the message is the whole report."""


@dataclass(frozen=True)
class BlockResult:
    """One row of the table.

    Errors are worst cases over the failed slopes, or over all but kinks where none failed. The
    relative error is |gradient - numerical| / max(|gradient|, |numerical|); where a slope passes,
    its error bar / rtol is added to the scale, so that noise in J does not count as an error.
    `n_unclear` slopes are hidden by the noise of J: their error bars are wider than 100 rtol of
    their size. `n_zero` are 0, and given as 0.
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
    n_zero: int = 0

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
    method, rtol, noise : "complex" where complex steps that central differences confirm gave
        the numerical slopes, else "central"; the tolerance; the uncertainty of one value of J.
    n_evaluations : evaluations of the cost.
    gradient, numerical, indices, failed, error : arrays over all checked slopes, for scatter
        plots; `indices` are indices into theta (numbers of directions with `directions=`), `error`
        the error bars of slopes that one central difference did not settle.
    single : whether J was taken for one of single precision.
    left_out : indices of the parameters that `blocks=` leaves out.
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
    error: FloatArray = field(compare=False)
    single: bool = False
    left_out: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, np.int64), compare=False
    )

    def __bool__(self) -> bool:
        return self.passed

    @property
    def n_checked(self) -> int:
        """How many slopes were compared."""
        return sum(block.n_checked for block in self.blocks)

    @property
    def n_zero(self) -> int:
        """How many of them are 0 = 0."""
        return sum(block.n_zero for block in self.blocks)

    @property
    def n_unclear(self) -> int:
        """How many of them the noise of J hides."""
        return sum(block.n_unclear for block in self.blocks)

    @property
    def conclusive(self) -> bool:
        """Whether the verdict rests on most slopes: it failed, or most are neither hidden by the
        noise of J nor 0 = 0."""
        return not self.passed or 2 * (self.n_zero + self.n_unclear) <= self.n_checked

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
        return self.text()

    def text(self, columns: int | None = None) -> str:
        """The report for a screen of so many columns; None for any number.

        Where the table is too wide, columns of it are left out, then it becomes a list.
        """
        parts = [layout.wrapped(self._headline(), columns)]
        if self.blocks:
            parts.append(self._table(columns))
        if notes := self._notes():
            parts.append("\n".join(layout.wrapped(note, columns) for note in notes))
        return "\n\n".join(parts)

    def _table(self, columns: int | None) -> str:
        """The rows as a table of so many columns, or as a list where none fits."""
        header = self._header()
        for left_out in LEFT_OUT:
            digits = 6 if left_out else 9
            kept = [i for i, name in enumerate(header) if name not in left_out]
            rows = [header, *(self._row(block, digits) for block in self.blocks)]
            rows = [[row[i] for i in kept] for row in rows]
            left = (0,) if "shape" in left_out else (0, 1)
            text = layout.table(rows, left)
            if layout.fits(text, columns):
                return text
        return layout.listing(rows[0], rows[1:])

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
        """The verdict, and how it was found."""
        n_failed = sum(not block.passed for block in self.blocks)
        if self.passed:
            verdict = "passed" if self.conclusive else "passed, but proves little"
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
        """Names of the table's columns."""
        where = "direction" if self.directions else "at"
        return ["block", "shape", "checked", "relative error", "absolute error", where,
                "gradient", "numerical", "verdict"]  # fmt: skip

    def _row(self, block: BlockResult, digits: int = 9) -> list[str]:
        """One row of the table, of the block's worst parameter."""
        position = ", ".join(map(str, block.worst_position))
        shape = " x ".join(map(str, block.shape))
        return [
            block.name, shape, str(block.n_checked),
            f"{block.max_relative_error:.1e}", f"{block.max_absolute_error:.1e}", f"[{position}]",
            f"{block.worst_gradient:.{digits}g}", f"{block.worst_numerical:.{digits}g}",
            block.verdict,
        ]  # fmt: skip

    def _notes(self) -> list[str]:
        """The sentences below the table."""
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
        return [*notes, *self._reservations()]

    def _reservations(self) -> list[str]:
        """What the verdict does not cover, and what would make it."""
        notes = []
        if self.n_zero and 2 * self.n_zero > self.n_checked:
            notes.append(
                f"{self.n_zero} of {self.n_checked} slopes are 0 = 0, which proves nothing: most "
                "mistakes leave them 0; check at a random theta, such as net.init(seed=0)"
            )
        if self.n_unclear:
            bar, scale = self.error, np.fmax(np.abs(self.gradient), np.abs(self.numerical))
            lost = (bar > scale) & ~self.failed
            shares = (bar / np.where(scale > 0.0, scale, np.inf))[(bar > 100.0 * self.rtol * scale)]
            known = f"known to {100 * np.median(shares):.1g} % of their size"
            what = "too small to be seen" if 2 * lost.sum() > self.n_unclear else known
            notes.append(
                f"{self.n_unclear} of {self.n_checked} slopes are {what} above the noise in J "
                f"({self.noise:.1e}); they agree with the gradient within it"
            )
        if not self.conclusive and 2 * self.n_unclear > self.n_checked:
            notes.append(
                "the noise of J hides the slopes: compute J in double precision, do not round it, "
                "leave out large constants, and let iterations inside it converge further"
            )
        if self.single:
            notes.append(
                "J has single precision, and is checked as such; compute it in double precision "
                "to see errors below rtol"
            )
        if self.left_out.size:
            first = ", ".join(map(str, self.left_out[:5]))
            dots = ", ..." if self.left_out.size > 5 else ""
            notes.append(
                f"not checked, because blocks leaves them out: {self.left_out.size} of "
                f"{self.left_out.size + sum(block.n_parameters for block in self.blocks)} "
                f"parameters, indices {first}{dots}"
            )
        return notes
