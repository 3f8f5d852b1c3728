"""Which parameters belong together, and what they are called."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Block(NamedTuple):
    """A part of theta that belongs together: the weights, or the bias, of one layer or gate; or a
    variable of a circuit.

    Attributes
    ----------
    name : str
        Such as "layer 1 weights".
    layer : int
        Counted from 1 at the input; 0 where there are no layers, and for what is left of a matrix
        of which a part is frozen.
    kind : str
        "weights" or "bias"; "" where there are no layers.
    indices : ndarray of int
        Of its entries in theta.
    shape : tuple of int
        Of its entries; () if it has none but that of `indices`.
    origin, columns : int
        Entry j of theta is at (row, column) = divmod(j - origin, columns) of the matrix Theta that
        it belongs to, whose column 0 is the bias. `columns` is 0 where there is no such matrix.
    """

    name: str
    layer: int
    kind: str
    indices: "NDArray[np.intp]"
    shape: tuple[int, ...] = ()
    origin: int = 0
    columns: int = 0

    def position(self, index: int) -> tuple[int, ...]:
        """(row, column) in Theta of an entry of theta; (index,) where there is no Theta."""
        return divmod(index - self.origin, self.columns) if self.columns else (index,)
