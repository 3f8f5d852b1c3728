"""What can be done with any objective: added up, frozen in part, penalised, written to a buffer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastbp import validate
from fastbp.immutable import Immutable
from fastbp.names import Advising

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fastbp.blocks import Block
    from fastbp.compose import Frozen, Sum
    from fastbp.last_evaluation import Result

Strength = float | Sequence[float] | dict[int, float]  # of all parameters, or layer by layer
PICKLE_VERSION = 1


class Composable(Immutable, Advising):
    """An objective: J(theta) and its gradient by a call, J by `fun`, the gradient by `jac`.

        a + 2 * b,   a - b,   a / 3,   sum([a, b, c])        on the same theta
        a.with_penalty(l2=0.1)
        a.frozen("layer 1 weights", theta)

    are objectives again. A part may also be any callable that returns (J, D).

    A subclass gives `n_parameters`, `__call__`, `cost`, `fun`, `jac`, the counters, and
    `_arguments`, the arguments that make it anew.
    """

    __slots__ = ()

    _nature = "an objective is bound to its data and settings"
    _argument: ClassVar[str] = "theta"  # what messages call the vector
    _further: tuple[str, ...] = ()  # names of parameters behind a network's; see further.py
    __array_ufunc__ = None  # a NumPy number times an objective is then __rmul__ of the objective

    @property
    def n_parameters(self) -> int:
        """The length of theta."""
        raise NotImplementedError

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations since the objective was made."""
        raise NotImplementedError

    @property
    def seconds(self) -> float:
        """Time spent in the evaluations, in seconds."""
        raise NotImplementedError

    def _vector(self, theta: Any, name: str = "") -> "NDArray[np.float64]":
        """theta, or another vector of its length that is called `name`, as the engine reads it."""
        n = self.n_parameters
        if validate.is_vector(theta, n):
            return theta  # type: ignore[no-any-return]
        name = name or self._argument
        array = validate.numbers(theta, name)
        if array.ndim == 0 and n == 1:
            array = array.reshape(1)
        if array.shape != (n,):
            raise ValueError(
                f"{name} has shape {array.shape}; expected ({n},){self._parameters_in_words()}"
            )
        return np.require(array, np.float64, ["C", "A"])

    def _parameters_in_words(self) -> str:
        """What a message says of the parameters, behind their number."""
        return f" for {self!r}"

    def _arguments(self) -> tuple[Any, ...]:
        """The arguments that make the objective anew, for pickles."""
        raise NotImplementedError

    def __call__(self, theta: Any, rows: Any = None) -> "Result":
        raise NotImplementedError

    def cost(self, theta: Any, rows: Any = None) -> float:
        """J alone."""
        raise NotImplementedError

    def fun(self, theta: Any, rows: Any = None) -> float:
        """J; may share its evaluation with `jac`."""
        raise NotImplementedError

    def jac(self, theta: Any, rows: Any = None) -> "NDArray[np.float64]":
        """The gradient alone, a fresh array; may share its evaluation with `fun`."""
        raise NotImplementedError

    def _samples(self) -> int | None:
        """How many samples `rows` are rows of; None where it has no data of its own.

        Raises TypeError where it takes no rows.
        """
        raise NotImplementedError

    def into(self, theta: Any, out: "NDArray[np.float64]") -> float:
        """The cost at `theta`; its gradient is written into `out`.

        For optimisers that hand a buffer, such as NLopt's:

            opt.set_min_objective(objective.into)

        Parameters
        ----------
        theta : ndarray, shape (n_parameters,)
        out : ndarray of float64, shape (n_parameters,)
            Contiguous and writable. An empty one, which NLopt gives to methods without gradient,
            asks for the cost alone. It may be theta itself.

        Returns
        -------
        J : float
            J and the gradient have the same bits as those of a call.

        Raises
        ------
        TypeError, ValueError
            If `out` is no such array, or theta does not fit.
        """
        if isinstance(out, np.ndarray) and out.size == 0 < self.n_parameters:
            return self.cost(theta)
        check_out(out, self.n_parameters)
        return self._write(theta, out)

    def _write(self, theta: Any, out: "NDArray[np.float64]") -> float:
        """J at theta; D is written to `out`, which has been checked."""
        J, out[:] = self(theta)
        return J

    def blocks(self) -> "list[Block]":
        """The parameters that belong together, with their names and the indices in theta."""
        return []

    def _m(self, rows: Any = None) -> float:
        """What a penalty is divided by: m where J is a mean over samples, or some, else 1."""
        return 1.0

    # Objectives made of this one

    def frozen(self, which: Any, theta: Any = None) -> "Frozen":
        """This objective of some parameters; the others stay as they are.

            part = objective.frozen("layer 1 weights", theta)
            fit = minimize(part, part.reduce(theta), jac=True)
            best = part.expand(fit.x)                          # the full theta

        Parameters
        ----------
        which : ndarray of bool, Block, str, or list of Block and str
            What is frozen: a mask that is True there, or blocks of parameters, as `net.blocks()`
            gives them or by their names; of a circuit, the names of variables.
        theta : array_like, shape (n_parameters,), optional
            The values of what is frozen. 0 unless given, which leaves those parameters out.

        Raises
        ------
        TypeError, ValueError
            If `which` names no parameters of this objective, or leaves none.
        """
        from fastbp.compose import Frozen, mask_of

        return Frozen(self, mask_of(self, which), theta)

    def with_penalty(
        self,
        l2: Strength = 0.0,
        l1: Strength = 0.0,
        biases: bool = False,
        towards: Any = None,
        group_inputs: Strength = 0.0,
        group_units: Strength = 0.0,
        smooth: float = 0.0,
    ) -> "Sum":
        """This objective plus a penalty on the size of the parameters.

            J(theta) + 1/m (l2/2 sum_j d_j^2 + l1 sum_j |d_j|
                            + group_inputs sum_c |d_c| + group_units sum_r |d_r|)

        with d = theta - towards, c the columns and r the rows of the weights W of each layer, and m
        as in J: the number of samples or the sum of their weights where J is a mean, 1 with
        reduction="sum". Where several objectives were added up there is no one m: nothing is
        divided. So `net.objective(X, y).with_penalty(l2=1)` is `net.objective(X, y, l2=1)`.

        l2 and l1 together are the elastic net (Zou and Hastie 2005). The last two are group lasso
        (Yuan and Lin 2006, without their root of the size of a group): an input of a layer, or a
        unit of it, is left out as a whole. At d = 0 lengths have a kink: their slope there is 0,
        the subgradient of least norm, so that what starts at `towards` and has no other slope stays
        there. With smooth > 0 they are root(|d|^2 + smooth^2) - smooth, which Newton's methods and
        L-BFGS-B like better.

        Second derivatives are there for all; `residuals` and `jacobian` for l2.

        Parameters
        ----------
        l2, l1, group_inputs, group_units : float >= 0, sequence of float, or dict
            One strength, or one for each layer that has parameters, in their order, or a dict of
            layer: strength, layers counted from 1 as in `net.blocks()`, and 0 for the others.
        biases : bool
            Whether the sums have the biases of a network too: in rows with their unit, and as a
            column of their own. Other parameters are always in l2 and l1.
        towards : array_like, shape (n_parameters,), optional
            Where the penalty is 0; the origin unless given.
        smooth : float >= 0
            In units of theta.

        Raises
        ------
        TypeError, ValueError
            If a strength or `smooth` is no finite number >= 0, there is no such layer, `biases` is
            no bool, `towards` does not fit or is not finite, or groups are asked for where there
            are no whole layers.
        """
        from fastbp.compose import Sum
        from fastbp.penalty import Penalty

        strengths = {
            "l2": l2, "l1": l1, "group_inputs": group_inputs, "group_units": group_units,
        }  # fmt: skip
        return Sum(((1.0, self), (1.0, Penalty(self, strengths, biases, towards, smooth))))

    def __add__(self, other: Any) -> "Composable":
        return _added(self, other)

    def __radd__(self, other: Any) -> "Composable":
        if isinstance(other, int) and other == 0:  # what sum() begins with
            return self
        return _added(other, self)

    def __sub__(self, other: Any) -> "Composable":
        return _added(self, other, -1.0)

    def __rsub__(self, other: Any) -> "Composable":
        return _added(other, self, -1.0)

    def __neg__(self) -> "Composable":
        return self * -1.0

    def __mul__(self, factor: Any) -> "Composable":
        from fastbp.compose import Sum

        return Sum(((_factor(factor), self),))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> "Composable":
        from fastbp.compose import Sum

        number = _factor(divisor)
        if number == 0:
            raise ZeroDivisionError("an objective cannot be divided by 0")
        return Sum(((1 / number, self),))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (PICKLE_VERSION, type(self), *self._arguments())


class Composite(Composable):
    """An objective that only passes theta on: it keeps nothing between calls.

    A subclass gives `_objectives` and `_samples`, besides what `Composable` asks for.
    """

    __slots__ = ("n_parameters",)

    n_parameters: int

    def _objectives(self) -> "Iterable[Composable]":
        """The objectives that evaluate something, each once."""
        raise NotImplementedError

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations of its objectives, also those outside of it."""
        return sum(part.n_evaluations for part in self._objectives())

    @property
    def seconds(self) -> float:
        """Time spent in these evaluations, in seconds."""
        return float(sum(part.seconds for part in self._objectives()))


def _added(a: Any, b: Any, factor: float = 1.0) -> Composable:
    """a + factor b, each an objective or a callable that returns (J, D)."""
    from fastbp.compose import Sum

    for part in (a, b):
        if not callable(part):
            advice = "a constant changes no gradient: leave it out"
            if not isinstance(part, int | float | np.number):
                advice = "a part is an objective, or a callable that returns (J, D)"
            raise TypeError(
                f"an objective and {validate.described(part)} cannot be added up; {advice}"
            )
    return Sum(((1.0, a), (factor, b)))


def _factor(value: Any) -> float:
    """The finite number that an objective is multiplied by, or divided."""
    array = None
    if not isinstance(value, str | bytes | Composable):
        array = validate.as_array(value, "the factor of an objective")
    if array is None or array.ndim or array.dtype.kind not in "biuf" or not np.isfinite(array):
        raise TypeError(
            "an objective is multiplied or divided by one finite number, not by "
            f"{validate.described(value)}"
        )
    return float(array)


def check_out(out: Any, n: int) -> None:
    """Refuses what the engine cannot write a gradient of n numbers to."""
    if not validate.is_vector(out, n) or not out.flags.writeable:
        held = validate.described(out)
        if isinstance(out, np.ndarray):
            missing = [
                name
                for name, has in (
                    ("not contiguous", not out.flags.c_contiguous),
                    ("read-only", not out.flags.writeable),
                )
                if has
            ]
            held += f" ({' and '.join(missing)})" if missing else ""
        raise TypeError(
            f"out must be a contiguous, writable ndarray of {n} float64, got {held}; "
            f"np.empty({n}) makes one"
        )


def rebuild(version: int, kind: type[Composable], *arguments: Any) -> Composable:
    """The objective of a pickle; its counters start at 0, its threads are those of this process."""
    validate.pickle_version(version, PICKLE_VERSION, "objective")
    return kind(*arguments)
