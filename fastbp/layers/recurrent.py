"""Recurrent layers: the same Thetas at every step of a sequence, which passes on a state."""

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fastbp.layers.layer import NONE, Layer, Matrix, Shape, by
from fastbp.names import HiddenActivation, activations, advised, checked
from fastbp.validate import MAX_WIDTH, count, flag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.circuits.circuit import Circuit
    from fastbp.layers.program import Array, Builder
    from fastbp.parameterised import Parameterised

DIRECTIONS = ("forward", "backward")


class Recurrent(Layer):
    """What recurrent layers of all kinds have in common."""

    __slots__ = ("bidirectional", "hidden_size", "input_size", "return_sequences")

    _required: ClassVar[tuple[str, ...]] = ("input_size", "hidden_size")
    _options: ClassVar[dict[str, Any]] = {"return_sequences": False, "bidirectional": False}
    _gates: ClassVar[tuple[str, ...]] = ()
    units_are_last: ClassVar[bool] = True

    input_size: int | None  # a network's own layers have it always
    hidden_size: int
    return_sequences: bool
    bidirectional: bool

    def _set_sizes(
        self, input_size: Any, hidden_size: Any, return_sequences: Any, bidirectional: Any
    ) -> None:
        """Sets the attributes that recurrent layers of all kinds have, checked."""
        kind = type(self).__name__
        if hidden_size is None:
            raise TypeError(
                f"{kind} needs the size of its state: {kind}(input_size, hidden_size), or "
                f"{kind}(None, {8 if input_size is None else input_size}) where the layers before "
                "determine input_size"
            )
        size = None if input_size is None else count(input_size, "input_size", MAX_WIDTH)
        self._set(
            input_size=size,
            hidden_size=count(hidden_size, "hidden_size", MAX_WIDTH),
            return_sequences=flag(return_sequences, "return_sequences"),
            bidirectional=flag(bidirectional, "bidirectional"),
        )

    @property
    def along_time(self) -> str:
        """See Layer.along_time."""
        return "keeps" if self.return_sequences else "ends"

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """Those of the forward direction, then those of the backward one, if there is one."""
        if self.input_size is None:
            raise ValueError(
                f"{self!r} has no input_size before it is part of a network: net.layers"
            )
        if not self.bidirectional:
            return self._of_direction(self.input_size, "")
        each = [self._of_direction(self.input_size, direction) for direction in DIRECTIONS]
        return (*each[0], *each[1])

    def _of_direction(self, n_in: int, direction: str) -> tuple[Matrix, ...]:
        """One Theta that multiplies x_t and h_{t-1} at once."""
        H, gates = self.hidden_size, self._gates
        shape = max(1, len(gates)) * H, 1 + n_in + H
        return (Matrix(shape, n_in + H, H, gates, direction),)

    def fitted(self, shape: Shape, before: str = "the input") -> Self:
        """See Layer.fitted."""
        if len(shape) != 2:
            advice = "give input_shape=(steps, features)"
            if len(shape) == 1:
                advice = (
                    "leave out Flatten(), and give the recurrent layer before "
                    "return_sequences=True; " + advice
                )
            raise ValueError(
                f"takes a sequence, steps x features, but {before} has {by(shape)}; {advice}"
            )
        if self.input_size is None:
            return self._with(input_size=shape[1])
        if self.input_size != shape[1]:
            first = " (steps come first)" if self.input_size == shape[0] else ""
            raise ValueError(
                f"takes {self.input_size} features at each step, but {before} has {by(shape)}: "
                f"{shape[1]} feature{'s' * (shape[1] > 1)}{first}; give both the same number"
            )
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """(T, H) with return_sequences, else (H,); 2 H if bidirectional."""
        units = self.hidden_size * (2 if self.bidirectional else 1)
        return (shape[0], units) if self.return_sequences else (units,)

    def emit(self, program: "Builder", x: "Array") -> "Array":
        """The steps of each direction, one time after the other."""
        T = x.shape[0]
        states = States(program, self, T, self._states_are_activations(program))
        for direction in range(2 if self.bidirectional else 1):
            times = range(T) if direction == 0 else range(T - 1, -1, -1)
            program.at(direction)
            self._emit_direction(program, x, direction, times, states)
        return states.output

    def _states_are_activations(self, program: "Builder") -> bool:
        """Whether a map makes the states, so that they need arrays z."""
        return False

    def _emit_direction(
        self, program: "Builder", x: "Array", direction: int, times: range, states: "States"
    ) -> None:
        """Emits the steps of one direction, in the order of `times`, with the matrices of the
        direction."""
        raise NotImplementedError


class States:
    """Where the state after each step goes: into the output, one step beside the other; or, where
    only the last is wanted, into an array of its own but for the last.
    """

    def __init__(self, program: "Builder", layer: Recurrent, T: int, are_activations: bool) -> None:
        self._T, self._H = T, layer.hidden_size
        self._n = 2 if layer.bidirectional else 1
        self._is_sequence = layer.return_sequences
        self._z: list[Array] = []
        self._h: list[Array] = []

        def add(z: str, h: str, shape: Shape) -> None:
            """An array of states, with an array of their z if they are activations."""
            made = program.array(z if are_activations else h, shape)
            self._z.append(made)
            self._h.append(program.twin(made, h) if are_activations else made)

        if self._is_sequence:
            add("z", "h", layer.output_shape((T, 1)))
        else:
            add("zend", "end", layer.output_shape((T, 1)))
            for direction in range(self._n if T > 1 else 0):
                program.at(direction)
                add("z", "h", (T - 1, self._H))
        self.output = self._h[0]

    def __call__(self, direction: int, t: int) -> tuple[int, int]:
        """First row of the state after step t, and that of its z."""
        H = self._H
        if self._is_sequence:
            which, offset = 0, (t * self._n + direction) * H
        elif t == (0 if direction else self._T - 1):
            which, offset = 0, direction * H
        else:
            which, offset = 1 + direction, (t - direction) * H
        return self._h[which].first + offset, self._z[which].first + offset


def state_rows(state: int, H: int) -> "NDArray[np.int32]":
    """The rows of a state, or -1 for the one before the first step."""
    if state == NONE:
        return np.full(H, NONE, np.int32)
    return np.arange(state, state + H, dtype=np.int32)


def inputs(x: "Array", t: int, state: int, H: int) -> "NDArray[np.int32]":
    """The rows of x_t, then those of the state before: of one position."""
    return np.concatenate([x.rows[t], state_rows(state, H)])[np.newaxis]


def some(program: "Builder", name: str, n: int, H: int) -> int:
    """First row of a new array (n, H); of none where n = 0."""
    return program.array(name, (n, H)).first if n else NONE


class RNN(Recurrent):
    """A recurrent layer, as torch.nn.RNN(batch_first=True) of one layer:

        h_t = g(b + W [x_t, h_{t-1}]),   h_0 = 0

    Its parameters are one matrix Theta of shape (H, 1 + n_in + H): the bias (b_ih + b_hh of
    PyTorch), the weights of x, the weights of h. With bidirectional=True there is a second one,
    which reads the sequence from its end, and the states of both lie side by side.

    Parameters
    ----------
    input_size, hidden_size : int
        n_in, numbers at each step, and H. Where the layers before determine n_in it may be None:
        RNN(None, 32).
    nonlinearity : str or Circuit
        g: "tanh", "relu", or any other activation of a hidden layer.
    return_sequences : bool
        Whether the output is the state after every step, (T, H), or the last alone, (H,).
    bidirectional : bool
        Twice as many outputs: the last states are those after the last and the first step.

    Raises
    ------
    TypeError, ValueError
        If a size is no positive integer, or a name is unknown.

    Examples
    --------
    >>> layer = RNN(3, 8)
    >>> layer.output_shape((50, 3)), layer.n_parameters
    ((8,), 96)
    """

    __slots__ = ("nonlinearity",)

    _options: ClassVar[dict[str, Any]] = {"nonlinearity": "tanh", **Recurrent._options}

    nonlinearity: "HiddenActivation | Parameterised | Circuit"

    @advised
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        nonlinearity: "HiddenActivation | Parameterised | Circuit" = "tanh",
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
    ) -> None:
        self._set_sizes(input_size, hidden_size, return_sequences, bidirectional)
        known = activations(hidden=True)
        g = checked(nonlinearity, "activation", known, "nonlinearity")
        self._set(nonlinearity=g)

    def _states_are_activations(self, program: "Builder") -> bool:
        """See Recurrent: with lengths a gate makes them, and the identity is no map."""
        return not program.with_lengths and self.nonlinearity != "identity"

    def _emit_direction(
        self, program: "Builder", x: "Array", direction: int, times: range, states: States
    ) -> None:
        """Emits the steps of one direction: of each time an affine of x and h, and g."""
        H, g = self.hidden_size, self.nonlinearity
        ends = program.with_lengths
        z_at = a_at = before = NONE
        if ends:  # g makes a new state, and a gate takes it only before the sample's end
            own = program.array("z", (len(times), H))
            z_at = a_at = own.first
            if g != "identity":
                a_at = program.twin(own).first
        for t in times:
            program.at(direction, t)
            h, z = states(direction, t)
            a = h
            if ends:
                z, a = z_at + t * H, a_at + t * H
            program.affine(direction, inputs(x, t, before, H), z, unit_step=1)
            if g != "identity":
                program.map(g, z, a, H)
            if ends:
                program.within_length(t, h, H, a, before)
            before = h
