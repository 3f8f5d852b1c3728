"""Inputs and outputs of a network as variables of expressions, and derivatives of the outputs."""

from math import prod
from typing import Any

from fastbp._recorder import Expression, Vector, constant, set_hooks, variables_of
from fastbp.circuits.arrays import ExpressionArray
from fastbp.circuits.derivatives import derivative
from fastbp.validate import described

INPUT, OUTPUT, DERIVATIVE = "input", "output", "derivative"
MOST = 2  # orders of derivatives that there are


class Symbols:
    """The variables that `Network.symbols` makes, and what each stands for.

    A variable of them has the meaning (symbols, kind, at, place): input or output number at +
    place; or a derivative, whose `at` is its output and, in order, the inputs by which it is one.

    Parameters
    ----------
    inputs, outputs : tuple of str
        A name for each number; or one name, of a vector of the shape.
    input_shape, output_shape : tuple of int
        Of a sample.
    """

    def __init__(
        self,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
    ) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.input_shape, self.output_shape = input_shape, output_shape
        self._derivatives: dict[tuple[int, ...], Expression] = {}

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of inputs and outputs."""
        return prod(self.input_shape), prod(self.output_shape)

    def before(self) -> "Symbols":
        """The same of a network whose outputs are z, by which these are g(z)."""
        inputs, outputs = self.sizes
        return Symbols(
            tuple(_word(self.inputs, i) for i in range(inputs)),
            tuple(f"z of {_word(self.outputs, k)}" for k in range(outputs)),
            (inputs,), (outputs,),
        )  # fmt: skip

    def variables(self) -> tuple[Any, ...]:
        """The inputs, then the outputs."""
        inputs = self._made(INPUT, self.inputs, self.input_shape)
        return (*inputs, *self._made(OUTPUT, self.outputs, self.output_shape))

    def _made(self, kind: str, names: tuple[str, ...], shape: tuple[int, ...]) -> list[Any]:
        if len(names) < prod(shape):
            vector = Vector(names[0], shape, meaning=(self, kind, 0))
            array = ExpressionArray(vector.elements()).reshape(shape)
            array.setflags(write=False)
            return [array]
        return [  # each a vector of its own, since its name is its own
            Vector(name, (), meaning=(self, kind, at)).elements()[0]
            for at, name in enumerate(names)
        ]

    def derivative(self, output: int, *inputs: int) -> Expression:
        """The variable for a derivative of an output by one or two inputs."""
        key = (output, *sorted(inputs))
        if key not in self._derivatives:
            by = ", ".join(_word(self.inputs, i) for i in key[1:])
            vector = Vector(
                f"{_word(self.outputs, output)}.d({by})", (), meaning=(self, DERIVATIVE, key)
            )
            self._derivatives.setdefault(key, vector.elements()[0])
        return self._derivatives[key]

    def adopted(self, variable: Expression) -> Expression:
        """A variable that a pickle has brought: of a derivative, the one there is."""
        meaning = variable.meaning
        assert meaning is not None
        if meaning[1] != DERIVATIVE:
            return variable
        return self._derivatives.setdefault(meaning[2], variable)

    def __reduce__(self) -> tuple[Any, ...]:
        return Symbols, (self.inputs, self.outputs, self.input_shape, self.output_shape)


def _word(names: tuple[str, ...], i: int) -> str:
    """The name of a number, without the brackets that vectors have."""
    return names[i] if i < len(names) else f"{names[0]}{i}"


def is_symbol(variable: Expression, *kinds: str) -> bool:
    """Whether a variable stands for something of a network, of these kinds if there are some."""
    meaning = variable.meaning
    return meaning is not None and (not kinds or meaning[1] in kinds)


def number(variable: Expression) -> int:
    """Of an input or an output, among all of them."""
    meaning = variable.meaning
    assert meaning is not None
    return meaning[2] + meaning[3]  # type: ignore[no-any-return]


def along(expression: Any, inputs: tuple[Any, ...]) -> Expression:
    """The derivative of an expression of symbols by inputs, one after the other.

        u.d(x)                  a symbol, of which the engine computes the values
        u.d(x, t)               another; the order of the inputs does not matter
        (u * u.d(x)).d(x)       by the chain rule: u.d(x) ** 2 + u * u.d(x, x)

    Outputs and their derivatives depend on the inputs; all other variables do not.

    Raises
    ------
    TypeError
        If there is no input, or something else in its place.
    ValueError
        If it has third derivatives of an output, or the inputs are of another network.
    """
    if not inputs:
        raise TypeError("d needs inputs: u.d(x), or u.d(x, t)")
    for x in inputs:
        if not isinstance(x, Expression) or not is_symbol(x, INPUT):
            what = repr(x) if isinstance(x, Expression) else described(x)
            raise TypeError(
                f"derivatives are by inputs of the network, got {what}; x, t, u = "
                'net.symbols("x t", "u") gives the inputs first'
            )
    for x in inputs:
        expression = _once(expression, x)
    return expression  # type: ignore[no-any-return]


def _once(expression: Expression, x: Expression) -> Expression:
    """The total derivative by one input."""
    if expression.op == "input":
        return _of_variable(expression, x)
    total: Any = None
    depends = [v for v in variables_of([expression]) if is_symbol(v)]
    for variable in depends:
        if is_symbol(variable, INPUT) and number(variable) != number(x):
            continue
        term = derivative(expression, variable)
        if not is_symbol(variable, INPUT):
            term = term * _of_variable(variable, x)
        total = term if total is None else total + term
    return constant(0.0) if total is None else total


def _of_variable(variable: Expression, x: Expression) -> Expression:
    meaning, by = variable.meaning, x.meaning
    assert by is not None
    if meaning is None:
        return constant(0.0)
    symbols, kind, at, _ = meaning
    if symbols is not by[0]:
        raise ValueError(
            f"{variable} and {x} are symbols of two calls of net.symbols; take all of a residual "
            "from one"
        )
    if kind == INPUT:
        return constant(float(number(variable) == number(x)))
    output, *inputs = (number(variable),) if kind == OUTPUT else at
    if len(inputs) >= MOST:
        raise ValueError(
            f"{variable} by {x} is a third derivative, and there are two orders; for a higher one "
            f"give the network a further output v with the residual v - {variable}, and take v.d"
        )
    return symbols.derivative(output, *inputs, number(x))  # type: ignore[no-any-return]


set_hooks(along=along)
