"""A network's program: the steps that the engine runs, over rows of numbers, and their builder.

A row is one number of every sample; the arrays of a network (its input, each z, each activation)
are consecutive rows in C order. Row -1 is a row of zeros: padding, or the state before the first
step of a sequence. There are four kinds of step besides the loss:

    affine   out[u, p] = b[u] + sum_k W[u, k] row[table[p, k]]
    map      out = g(row)
    gate     out = a b + d,  -a b + d,  or a before the end of a sequence and b after it
    pool     out = the largest of rows, or their mean
"""

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp.immutable import Immutable
from fastbp.layers.layer import NONE, Layer, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = 12  # of a step
AFFINE, MAP, GATE, POOL = range(4)
MULTIPLY_ADD, NEGATIVE_MULTIPLY_ADD, WITHIN_LENGTH = range(3)  # gates
MAXIMUM, MEAN = range(2)  # pools
ADDS_BIAS, ADDS_TO_OUT = 1, 2  # flags of affine
MOST = 2**31 - 1  # what an int32 counts


class Array(NamedTuple):
    """Consecutive rows, seen as an array of the shape of one sample."""

    number: int
    first: int  # its first row
    shape: Shape

    @property
    def size(self) -> int:
        """Number of rows."""
        return prod(self.shape)

    @property
    def rows(self) -> "NDArray[np.int32]":
        """The numbers of the rows, in the array's shape."""
        return np.arange(self.first, self.first + self.size, dtype=np.int32).reshape(self.shape)


class Moment(NamedTuple):
    """Which step of a sequence some steps of a program compute."""

    layer: int
    direction: int
    time: int


class Program(Immutable):
    """The steps of one network as int32 arrays; print shows them. Made by `Network.program`.

    Attributes
    ----------
    arrays : ndarray of int32, shape (n, 2)
        Number of rows, and the array whose activation it is, z, or -1. Array 0 is the input.
    thetas : ndarray of int32, shape (n, 2)
        Height h and width w: Theta has shape (h, 1 + w). They lie one after the other in theta.
    functions : tuple of str or Circuit
        Activations, numbered.
    steps : ndarray of int32, shape (n, 12)
        The kind (0 affine, 1 map, 2 gate, 3 pool), then

            theta, unit, n_units, column, depth, table_at, n_positions, out, out_unit,
                out_position, flags (1 adds the bias, 2 adds to out)
            function, z, a, n
            op, out, n, a, b, d     (0: a b + d, 1: -a b + d, 2: a where d < length, else b)
            op, out, n, window, table_at, divisor     (0: maximum, 1: sum / divisor)
    table : ndarray of int32
        Row numbers, which affine and pool read.
    output : int
        The array whose rows are the outputs' z: K numbers for each of the positions.
    positions : int
        How many vectors of outputs a sample has: steps of a sequence, or 1.
    output_function : str or Circuit
        Of the outputs; it belongs to the loss and is no step.
    names : tuple of str
        Of the arrays.
    shapes : tuple of tuple of int
        Of the arrays.
    moments : tuple
        For each step, of which layer, direction and step of a sequence it is part; or None.
    """

    __slots__ = ("arrays", "functions", "moments", "names", "output", "output_function",
                 "positions", "shapes", "steps", "table", "thetas")  # fmt: skip

    arrays: "NDArray[np.int32]"
    thetas: "NDArray[np.int32]"
    functions: tuple[Any, ...]
    steps: "NDArray[np.int32]"
    table: "NDArray[np.int32]"
    output: int
    positions: int
    output_function: Any
    names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    moments: tuple[Moment | None, ...]

    def __init__(self, **values: Any) -> None:
        for value in values.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self._set(**values)

    @property
    def n_rows(self) -> int:
        """Numbers that one sample takes in the program's arrays, its deltas not counted."""
        return int(self.arrays[:, 0].sum())

    def __str__(self) -> str:
        from fastbp.layers.listing import listing

        return listing(self)

    def __repr__(self) -> str:
        return f"<Program: {len(self.steps)} steps over {self.n_rows} rows>"


class Builder:
    """A program while layers emit their steps into it."""

    def __init__(self, input_shape: Shape, with_lengths: bool = False) -> None:
        self.with_lengths = with_lengths  # whether samples may end before the last step
        self._arrays: list[tuple[int, int]] = []
        self._names: list[str] = []
        self._shapes: list[Shape] = []
        self._thetas: list[tuple[int, int]] = []
        self._functions: list[Any] = []
        self._steps: list[tuple[int, ...]] = []
        self._moments: list[Moment | None] = []
        self._moment: Moment | None = None
        self._table: list[NDArray[np.int32]] = []
        self._table_at: dict[bytes, int] = {}  # where equal parts of the table begin
        self._table_size = self._n_rows = self._first_theta = self._layer = 0
        self._is_last = False
        self._suffix = ""  # of names: the number of the layer, and "b" for the backward direction
        self.x = self.array("x", input_shape)

    def begin(self, number: int, layer: Layer, is_last: bool) -> None:
        """The steps that follow are those of this layer, counted from 1."""
        self._layer, self._is_last = number, is_last
        self.at(0)
        self._first_theta = len(self._thetas)
        for matrix in layer.matrices:
            height, columns = matrix.shape
            self._thetas.append((height, columns - 1))

    def at(self, direction: int, time: int | None = None) -> None:
        """The steps that follow compute this step of a sequence; without a time, all of them."""
        self._moment = None if time is None else Moment(self._layer, direction, time)
        self._suffix = f"{self._layer}{'b' if direction else ''}"

    def array(self, name: str, shape: Shape) -> Array:
        """A new array."""
        return self._append(name + self._suffix, shape, NONE)

    def twin(self, z: Array, name: str = "a") -> Array:
        """A new array for the activations of `z`, whose deltas are those of z."""
        return self._append(name + self._suffix, z.shape, z.number)

    def _append(self, name: str, shape: Shape, twin: int) -> Array:
        """A new array; `twin` is the number of the array of its z, or NONE."""
        made = Array(len(self._arrays), self._n_rows, shape)
        self._n_rows += made.size
        if self._n_rows > MOST:
            raise ValueError(
                f"one sample takes more than {MOST} numbers in the network's arrays; make the "
                "input or the layers smaller"
            )
        self._arrays.append((made.size, twin))
        self._names.append(name)
        self._shapes.append(shape)
        return made

    def affine(
        self,
        matrix: int,
        rows: "NDArray[np.int32]",
        out: int,
        unit_step: int,
        position_step: int = 1,
        units: tuple[int, int] | None = None,
        adds: bool = False,
    ) -> None:
        """out[u, p] = b[u] + sum_k W[u, k] row[rows[p, k]], at out + u unit_step + p position_step.

        Parameters
        ----------
        matrix : int
            Of the layer's matrices.
        rows : ndarray of int32, shape (positions, depth)
        units : (int, int), optional
            First unit and the one after the last; all unless given.
        adds : bool
            To what is in `out`.
        """
        theta = self._first_theta + matrix
        first, last = (0, self._thetas[theta][0]) if units is None else units
        positions, depth = rows.shape
        flags = ADDS_BIAS | (ADDS_TO_OUT if adds else 0)
        self._step(AFFINE, theta, first, last - first, 0, depth, self._tabled(rows), positions,
                   out, unit_step, position_step, flags)  # fmt: skip

    def activated(self, z: Array, activation: Any) -> Array:
        """g(z), or z itself where g is the identity, or belongs to the loss: in the last layer."""
        if self._is_last or activation == "identity":
            return z
        a = self.twin(z)
        self.map(activation, z.first, a.first, z.size)
        return a

    def map(self, activation: Any, z: int, a: int, n: int) -> None:
        """a = g(z) of n rows; `a` is in the twin of the array of `z`, at the same place."""
        if activation not in self._functions:
            self._functions.append(activation)
        self._step(MAP, self._functions.index(activation), z, a, n)

    def multiply_add(self, out: int, n: int, a: int = NONE, b: int = NONE, d: int = NONE) -> None:
        """out = a b + d of n rows; factors and terms may be left out, and of d alone it copies."""
        self._step(GATE, MULTIPLY_ADD, out, n, a, b, d)

    def negative_multiply_add(self, out: int, n: int, a: int, b: int, d: int = NONE) -> None:
        """out = -a b + d of n rows."""
        self._step(GATE, NEGATIVE_MULTIPLY_ADD, out, n, a, b, d)

    def within_length(self, time: int, out: int, n: int, a: int, b: int = NONE) -> None:
        """out = a where the sample has a step `time`, else b, or zeros; n rows."""
        self._step(GATE, WITHIN_LENGTH, out, n, a, b, time)

    def pool(self, out: int, rows: "NDArray[np.int32]", divisor: int) -> None:
        """The largest of each row of `rows`, (n, window), or with a divisor their mean."""
        n, window = rows.shape
        op = MEAN if divisor else MAXIMUM
        self._step(POOL, op, out, n, window, self._tabled(rows), divisor or 1)

    def _tabled(self, rows: "NDArray[np.int32]") -> int:
        """Where these row numbers begin in the table; equal ones are there once."""
        entries = np.ascontiguousarray(rows, np.int32).ravel()
        key = entries.tobytes()
        if key not in self._table_at:
            self._table_at[key] = self._table_size
            self._table.append(entries)
            self._table_size += entries.size
            if self._table_size > MOST:
                raise ValueError(
                    f"the windows of the network's layers have more than {MOST} places; make the "
                    "input or the layers smaller"
                )
        return self._table_at[key]

    def _step(self, *columns: int) -> None:
        """Appends a step; the columns that its kind does not use are 0."""
        self._steps.append(columns + (0,) * (COLUMNS - len(columns)))
        self._moments.append(self._moment)

    def finished(self, output: Array, positions: int, output_function: Any) -> Program:
        """The program whose outputs are this array, or a copy: what the loss reads is read by no
        step, and is no activation."""
        read = np.concatenate([np.empty(0, np.int32), *self._table])
        inside = (read >= output.first) & (read < output.first + output.size)
        if self._arrays[output.number][1] != NONE or inside.any():
            self.at(0)
            copied = self.array("y", output.shape)
            self.multiply_add(copied.first, output.size, d=output.first)
            output = copied
        return Program(
            arrays=np.array(self._arrays, np.int32),
            thetas=np.array(self._thetas, np.int32).reshape(-1, 2),
            functions=tuple(self._functions),
            steps=np.array(self._steps, np.int32).reshape(-1, COLUMNS),
            table=read,
            output=output.number,
            positions=positions,
            output_function=output_function,
            names=tuple(self._names),
            shapes=tuple(self._shapes),
            moments=tuple(self._moments),
        )


def build(
    layers: Iterable[Layer], input_shape: Shape, positions: int, with_lengths: bool = False
) -> Program:
    """The program of layers that fit one another; `positions`: how many vectors the output has."""
    program, chain = Builder(input_shape, with_lengths), tuple(layers)
    array = program.x
    for number, layer in enumerate(chain, 1):
        program.begin(number, layer, number == len(chain))
        array = layer.emit(program, array)
    return program.finished(array, positions, chain[-1].output_activation)
