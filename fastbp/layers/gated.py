"""Recurrent layers whose state passes through gates: LSTM and GRU."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastbp.layers.layer import NONE, Matrix
from fastbp.layers.recurrent import Recurrent, States, inputs, some, state_rows
from fastbp.names import advised
from fastbp.validate import finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.layers.program import Array, Builder


class LSTM(Recurrent):
    """Long short-term memory, as torch.nn.LSTM(batch_first=True) of one layer:

        i, f, g, o = W [x_t, h_{t-1}] + b       through sigmoid, sigmoid, tanh, sigmoid
        c_t = f c_{t-1} + i g,   h_t = o tanh(c_t),   c_0 = h_0 = 0

    Its parameters are one matrix Theta of shape (4 H, 1 + n_in + H), the gates in this order, H
    rows each: the bias (PyTorch's b_ih + b_hh), the weights of x, the weights of h. With
    bidirectional=True there is a second one, which reads the sequence from its end, and the states
    of both lie side by side.

    Parameters
    ----------
    input_size, hidden_size : int
        n_in, numbers at each step, and H. Where the layers before determine n_in it may be None:
        LSTM(None, 32).
    return_sequences : bool
        Whether the output is h after every step, (T, H), or the last alone, (H,).
    bidirectional : bool
        Twice as many outputs: the last states are those after the last and the first step.
    forget_bias : float, optional
        What `Network.init` gives b_f: 1 lets a new network remember (Jozefowicz et al., 2015).

    Raises
    ------
    TypeError, ValueError
        If a size is no positive integer, or forget_bias no finite number.

    Examples
    --------
    >>> layer = LSTM(3, 8, return_sequences=True)
    >>> layer.output_shape((50, 3)), layer.n_parameters
    ((50, 8), 384)
    """

    __slots__ = ("forget_bias",)

    _options: ClassVar[dict[str, Any]] = {**Recurrent._options, "forget_bias": None}
    _gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")

    forget_bias: float | None

    @advised
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
        forget_bias: float | None = None,
    ) -> None:
        self._set_sizes(input_size, hidden_size, return_sequences, bidirectional)
        bias = None if forget_bias is None else finite(forget_bias, "forget_bias")
        self._set(forget_bias=bias)

    def adjust(self, Thetas: "list[NDArray[np.float64]]") -> None:
        """The bias of the forget gates."""
        if self.forget_bias is not None:
            for Theta in Thetas:
                Theta[self.hidden_size : 2 * self.hidden_size, 0] = self.forget_bias

    def _emit_direction(
        self, program: "Builder", x: "Array", direction: int, times: range, states: States
    ) -> None:
        """Emits the steps of one direction: of each time the gates, then c and h."""
        T, H = len(times), self.hidden_size
        ends = program.with_lengths
        z = program.array("z", (T, 4 * H))
        gates = program.twin(z)
        ig_at = some(program, "ig", T - 1, H)
        c_at = program.array("c", (T, H)).first
        # The next step reads c itself; tanh reads a copy, which has a delta of its own.
        copy = program.array("zc", (T, H))
        tanh_at = program.twin(copy, "tc").first
        new_c_at, new_h_at = (some(program, name, T * ends, H) for name in ("nc", "nh"))
        c_before = h_before = NONE
        for n, t in enumerate(times):
            program.at(direction, t)
            at = t * H
            first = z.first + 4 * at
            program.affine(direction, inputs(x, t, h_before, H), first, unit_step=1)
            i, f, g, o = (gates.first + 4 * at + k * H for k in range(4))
            program.map("sigmoid", first, i, 2 * H)
            program.map("tanh", first + 2 * H, g, H)
            program.map("sigmoid", first + 3 * H, o, H)
            c, (h, _) = c_at + at, states(direction, t)
            new_c, new_h = (new_c_at + at, new_h_at + at) if ends else (c, h)
            if n == 0:
                program.multiply_add(new_c, H, i, g)
            else:
                ig = ig_at + (n - 1) * H
                program.multiply_add(ig, H, i, g)
                program.multiply_add(new_c, H, f, c_before, ig)
            program.multiply_add(copy.first + at, H, d=new_c)
            program.map("tanh", copy.first + at, tanh_at + at, H)
            program.multiply_add(new_h, H, o, tanh_at + at)
            if ends:
                program.within_length(t, c, H, new_c, c_before)
                program.within_length(t, h, H, new_h, h_before)
            c_before, h_before = c, h


class GRU(Recurrent):
    """A gated recurrent unit, as torch.nn.GRU(batch_first=True) of one layer:

        r = sigmoid(W_r x_t + b_r + V_r h_{t-1} + c_r),   z likewise
        n = tanh(W_n x_t + b_n + r (V_n h_{t-1} + c_n))
        h_t = (1 - z) n + z h_{t-1},   h_0 = 0

    Its parameters are two matrices, Theta_x = [b, W] of shape (3 H, 1 + n_in) and Theta_h = [c, V]
    of shape (3 H, 1 + H), the gates in the order r, z, n, H rows each. With bidirectional=True
    there are two more, which read the sequence from its end, and the states of both lie side by
    side.

    Parameters
    ----------
    input_size, hidden_size : int
        n_in, numbers at each step, and H. Where the layers before determine n_in it may be None:
        GRU(None, 32).
    return_sequences : bool
        Whether the output is the state after every step, (T, H), or the last alone, (H,).
    bidirectional : bool
        Twice as many outputs: the last states are those after the last and the first step.

    Raises
    ------
    TypeError, ValueError
        If a size is no positive integer.

    Examples
    --------
    >>> layer = GRU(3, 8)
    >>> layer.output_shape((50, 3)), layer.n_parameters
    ((8,), 312)
    """

    __slots__ = ()

    _gates: ClassVar[tuple[str, ...]] = ("r", "z", "n")

    @advised
    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
    ) -> None:
        self._set_sizes(input_size, hidden_size, return_sequences, bidirectional)

    def _of_direction(self, n_in: int, direction: str) -> tuple[Matrix, ...]:
        """A gate is a sum over x and h, so both matrices have the same fan-in."""
        H = self.hidden_size
        return tuple(
            Matrix((3 * H, 1 + width), n_in + H, H, self._gates, direction, operand)
            for operand, width in (("x", n_in), ("h", H))
        )

    def _emit_direction(
        self, program: "Builder", x: "Array", direction: int, times: range, states: States
    ) -> None:
        """Emits the steps of one direction: W x + b of all times at once, then time by time the
        rest."""
        T, H = len(times), self.hidden_size
        ends = program.with_lengths
        of_x, of_h = 2 * direction, 2 * direction + 1
        both, new = (0, 2 * H), (2 * H, 3 * H)  # units: the gates r and z, and n
        zrz = program.array("z", (T, 2 * H))
        gates = program.twin(zrz)
        xn, hn, zn = (program.array(name, (T, H)) for name in ("xn", "hn", "zn"))
        n_at = program.twin(zn, "n").first
        rest_at = some(program, "u", T - 1, H)
        new_h_at = some(program, "nh", T * ends, H)
        program.affine(of_x, x.rows, zrz.first, unit_step=1, position_step=2 * H, units=both)
        program.affine(of_x, x.rows, xn.first, unit_step=1, position_step=H, units=new)
        before = NONE
        for k, t in enumerate(times):
            program.at(direction, t)
            at, rows = t * H, state_rows(before, H)[np.newaxis]
            first = zrz.first + 2 * at
            program.affine(of_h, rows, first, unit_step=1, units=both, adds=True)
            program.affine(of_h, rows, hn.first + at, unit_step=1, units=new)
            r, z = gates.first + 2 * at, gates.first + 2 * at + H
            n, (h, _) = n_at + at, states(direction, t)
            program.map("sigmoid", first, r, 2 * H)
            program.multiply_add(zn.first + at, H, r, hn.first + at, xn.first + at)
            program.map("tanh", zn.first + at, n, H)
            new_h = new_h_at + at if ends else h
            if k == 0:
                program.negative_multiply_add(new_h, H, z, n, n)
            else:
                rest = rest_at + (k - 1) * H
                program.negative_multiply_add(rest, H, z, n, n)
                program.multiply_add(new_h, H, z, before, rest)
            if ends:
                program.within_length(t, h, H, new_h, before)
            before = h
