"""What every layer is: a description that says its shapes and its matrices, and emits its steps."""

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from fastbp.immutable import Immutable
from fastbp.names import Advising

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fastbp.layers.program import Array, Builder

Shape = tuple[int, ...]
NONE = -1  # no factor, term or twin of a step; as a row number it means a row of zeros


class Matrix(NamedTuple):
    """One matrix Theta of a layer; its column 0 is the bias."""

    shape: tuple[int, int]
    fan_in: int  # numbers of which one preactivation is a sum
    fan_out: int  # preactivations of which one number is a part
    gates: tuple[str, ...] = ()  # what equal parts of its rows compute
    direction: str = ""  # "forward" or "backward" in time
    operand: str = ""  # what it multiplies, where a layer has a matrix for each: "x" or "h"


class Layer(Immutable, Advising):
    """What layers of all kinds have in common: their arguments make them equal, and are pickled.

    A subclass names its arguments in `_required` and `_options`, keeps each as an attribute, and
    says what a network asks of it:

        fitted(shape)           itself with the widths filled in that `shape` determines
        output_shape(shape)     of one sample, after the layer
        matrices                its Thetas, once it is fitted
        emit(program, x)        the steps that make its output of the array x
    """

    __slots__ = ()

    _required: ClassVar[tuple[str, ...]] = ()
    _options: ClassVar[dict[str, Any]] = {}  # with their defaults
    # Whether the units of the layer are along the last axis of its output, as in a sequence (T, K).
    units_are_last: ClassVar[bool] = False

    @property
    def along_time(self) -> str:
        """What becomes of the steps of a sequence (T, features): the layer "keeps" their order,
        "ends" with the state after the last, or "mixes" them."""
        return "mixes"

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The layer's matrices Theta, in the order in which they lie in theta."""
        return ()

    @property
    def n_parameters(self) -> int:
        """Number of entries of all matrices Theta."""
        return sum(prod(matrix.shape) for matrix in self.matrices)

    @property
    def output_activation(self) -> Any:
        """What the outputs go through as the last thing."""
        return "identity"

    def fitted(self, shape: Shape, before: str = "the input") -> Self:
        """The layer with all its widths, on an input of this shape.

        Raises
        ------
        ValueError
            If the layer does not take such an input; `before` says where it comes from.
        """
        raise NotImplementedError

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one sample's output, of an input that the layer takes."""
        raise NotImplementedError

    def emit(self, program: "Builder", x: "Array") -> "Array":
        """Appends the layer's steps; the array of its output."""
        raise NotImplementedError

    def adjust(self, Thetas: "list[NDArray[np.float64]]") -> None:
        """Changes random first matrices, in place, where the layer asks for other values."""

    def arguments(self) -> dict[str, Any]:
        """The arguments that make the layer anew."""
        return {name: getattr(self, name) for name in (*self._required, *self._options)}

    def _with(self, **changes: Any) -> Self:
        """The layer with some arguments changed."""
        return type(self)(**{**self.arguments(), **changes})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.arguments() == other.arguments()

    def __hash__(self) -> int:
        return hash((type(self), *self.arguments().values()))

    def __repr__(self) -> str:
        parts = [_short(getattr(self, name)) for name in self._required]
        for name, usual in self._options.items():
            if getattr(self, name) != usual:
                parts.append(f"{name}={_short(getattr(self, name))}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.arguments())


def _short(value: Any) -> str:
    """A pair of equal numbers as one of them: what may be given is as short."""
    if isinstance(value, tuple) and len(set(value)) == 1:
        return repr(value[0])
    return repr(value)


def _rebuild(kind: type[Layer], arguments: dict[str, Any]) -> Layer:
    """The layer of a pickle."""
    return kind(**arguments)


def by(shape: Shape) -> str:
    """A shape as people write it: 8 x 12 x 12."""
    return " x ".join(map(str, shape))
