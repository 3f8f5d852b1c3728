"""A circuit: expressions compiled, to be evaluated and differentiated at any numbers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastbp import validate
from fastbp._recorder import Expression, Graph, Program
from fastbp.circuits.arrays import plain
from fastbp.circuits.buffers import callable_into
from fastbp.circuits.compiler import KINDS, Compiler
from fastbp.circuits.gate_by_gate import GateByGate
from fastbp.circuits.inputs import Inputs, check_parts
from fastbp.circuits.listing import listing
from fastbp.circuits.wires import Wires
from fastbp.immutable import Immutable
from fastbp.names import Advising, OwnFunction

if TYPE_CHECKING:
    from fastbp.circuits.drawing import Drawing
    from fastbp.circuits.objective import CircuitObjective

PICKLE_VERSION = 1


def circuit(outputs: Any, wrt: Any = None) -> "Circuit":
    """Compile an expression, or several, into a `Circuit`.

        a, b, c, x, y = fastbp.variables("a b c x y")
        f = fastbp.circuit(fastbp.circuits.sigmoid(a * x + b * y + c), wrt=[a, b, c])
        f.value_and_gradient([1.0, 2.0, -3.0], x=-1.0, y=3.0)

    Parameters
    ----------
    outputs : Expression, or a list or array of expressions
        One expression gives a circuit whose value is a float, others one whose value is an array.
    wrt : sequence of variables and arrays of variables, optional
        The parameters, in this order. What else the expressions have is data, given by name. By
        default everything is a parameter, in the order in which the variables were made.

    Raises
    ------
    TypeError
        If an output is no expression or number, or wrt holds anything but variables.
    ValueError
        If there is no output, a parameter comes twice, or two variables have one name.
    """
    array = np.asarray(plain(outputs), dtype=object)
    if array.size == 0:
        raise ValueError(f"a circuit needs at least one output, got {validate.described(outputs)}")
    expressions = array.ravel().tolist()
    inputs = Inputs(expressions, wrt)
    graph = Graph(inputs.variables)
    return Circuit(graph, [graph.add(each) for each in expressions], array.shape, inputs)


class Circuit(Immutable, Advising, OwnFunction):
    """Compiled expressions of parameters p and data; made by `fastbp.circuit`.

        f(p), f(1.0, 2.0, -3.0), f(a=1.0, b=2.0, c=-3.0)    the value
        f.value_and_gradient(p)                              (float, fresh array)

    Everything takes the parameters in one of these ways: one vector p of n_parameters numbers, all
    parameters one by one in their order, or all by name; and the data by name. Data that is given
    as arrays of samples, with one row for each, gives results with one row for each sample. All
    numbers are float64; what is undefined is nan, what overflows inf, never an exception.

    Each derivative is compiled at its first use, into a tape of its own that all objectives share.
    Results have the same bits whichever call made them. A circuit is immutable and may be used from
    any number of threads.

    Attributes
    ----------
    parameters, data : tuple of str
        Names of the parameters in their order, and of the data.
    n_parameters : int
        Length of p.
    shape : tuple of int
        Of the value: () for a single expression.
    n_gates : int
        Gates of the tape that computes the value.

    Raises
    ------
    TypeError
        For unknown or missing names, a wrong number of arguments, or what is no real number; for a
        gradient or Hessian of several outputs.
    ValueError
        For wrong shapes, or data of different numbers of samples.
    """

    shape: tuple[int, ...]
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    n_parameters: int
    _compiler: Compiler  # what the other modules of this folder are given of a circuit
    _gates: GateByGate

    def __init__(
        self, graph: Graph, outputs: list[int], shape: tuple[int, ...], inputs: Inputs
    ) -> None:
        compiler = Compiler(graph, outputs, shape, inputs)
        self._set(
            shape=shape,
            parameters=tuple(each.name for each in inputs.parameters),
            data=tuple(each.name for each in inputs.data),
            n_parameters=inputs.n_parameters,
            _compiler=compiler,
            _gates=GateByGate(compiler),
        )

    # Values and derivatives

    def _compiled(self, kind: str, name: str = "") -> Callable[..., Any]:
        """The compiled function of a kind.

        It becomes an attribute of the circuit, of the kind's name unless another is given. The
        next call finds it there, before the method of this name, and runs no Python code at all.
        """
        call = self._compiler.tape(kind).call
        self._set(**{name or kind: call})
        return call  # type: ignore[no-any-return]

    def __call__(self, /, *p: Any, **data: Any) -> Any:
        """The value: a float, or an array of `shape`; with samples (m, *shape)."""
        return self._value(*p, **data)

    def _value(self, /, *p: Any, **data: Any) -> Any:
        """The value, by a function that is compiled now; see `_compiled`."""
        return self._compiled("value", "_value")(*p, **data)

    def value_and_gradient(self, /, *p: Any, **data: Any) -> Any:
        """The value and its gradient by the parameters, a fresh vector.

        Returns
        -------
        value : float; with samples (m,)
        gradient : ndarray of float64, (n_parameters,); with samples (m, n_parameters)
            d value / d p

        Raises
        ------
        TypeError, ValueError
            As the class says; of several outputs a TypeError.
        """
        self._compiler.check_single("a gradient", "f.jacobian has the derivatives of all")
        return self._compiled("value_and_gradient")(*p, **data)

    def gradient(self, /, *p: Any, **data: Any) -> NDArray[np.float64]:
        """The gradient by the parameters: (n_parameters,); with samples (m, n_parameters)."""
        self._compiler.check_single("a gradient", "f.jacobian has the derivatives of all")
        return self._compiled("gradient")(*p, **data)  # type: ignore[no-any-return]

    def jacobian(self, /, *p: Any, **data: Any) -> NDArray[np.float64]:
        """Derivatives of all outputs: (*shape, n_parameters); with samples (m, *shape, ...)."""
        return self._compiled("jacobian")(*p, **data)  # type: ignore[no-any-return]

    def hessian(self, /, *p: Any, **data: Any) -> NDArray[np.float64]:
        """Second derivatives, (n, n) with n = n_parameters; with samples (m, n, n)."""
        self._compiler.check_single("a Hessian", "make a circuit of each")
        return self._compiled("hessian")(*p, **data)  # type: ignore[no-any-return]

    def hessp(self, p: Any, v: Any, /, **data: Any) -> NDArray[np.float64]:
        """The Hessian at p times a vector v, d/dh gradient(p + h v) at h = 0, without the Hessian.

        Parameters
        ----------
        p, v : array_like, shape (n_parameters,)
        **data : values of the data, by name

        Returns
        -------
        ndarray of float64, (n_parameters,); with samples (m, n_parameters)

        Raises
        ------
        TypeError, ValueError
            As the class says; also if v has another shape than p.
        """
        self._compiler.check_single("a Hessian", "make a circuit of each")
        n, compiler = self.n_parameters, self._compiler
        values = compiler.inputs.read((p if n > 1 else np.ravel(p),), data)
        vector = validate.numbers(v, "v")
        if vector.shape != (n,):
            raise ValueError(f"v has shape {vector.shape}; expected ({n},), as p")
        uniform = np.concatenate([values.uniform[:n], vector, values.uniform[n:]])
        tape = compiler.tape("hessp")
        return compiler.result("hessp", tape, values._replace(uniform=uniform))  # type: ignore[no-any-return]

    # Other forms

    def objective(
        self,
        data: Any = None,
        reduction: str = "mean",
        sample_weight: Any = None,
        n_threads: int | None = None,
        dtype: Any = "float64",
    ) -> "CircuitObjective":
        """The circuit bound to data: a function of p alone, for optimisers.

            objective = f.objective(data={"x": X, "y": y})
            minimize(objective, p0, jac=True)

        Parameters
        ----------
        data : mapping, or anything with keys() such as a DataFrame
            Values of all data, by name, variable or vector of variables. A value of the variable's
            own shape, () for a single one, is the same for all samples; an array with one more
            dimension in front has the samples in its rows.
        reduction : {"mean", "sum"}
            Of the samples' values.
        sample_weight : array_like, shape (m,), optional
            Weights >= 0 of the samples, always float64; a mean is divided by their sum and does not
            depend on their scale. A weight of 0 leaves a sample out, whatever its value is.
        n_threads : int, optional
            Upper limit of the threads of one call; see `fastbp.threads`.
        dtype : {"float64", "float32"}
            Precision of the arithmetic. Parameters, value and gradient are float64 in either case.

        Raises
        ------
        TypeError, ValueError
            If data is missing, unknown, not finite or of the wrong shape.
        """
        from fastbp.circuits.objective import CircuitObjective

        return CircuitObjective(self, data, reduction, sample_weight, n_threads, dtype)

    def callable_into(
        self, p: Any, value: Any, gradient: Any = None, /, **data: Any
    ) -> Callable[[], None]:
        """A function without arguments that reads and writes your buffers, and allocates nothing.

            p, value, gradient = np.zeros(3), np.zeros(1), np.zeros(3)
            run = f.callable_into(p, value, gradient, x=x, y=y)
            p[:] = 1.0, 2.0, -3.0
            run()

        Parameters
        ----------
        p : buffer of n_parameters numbers
        value : writeable buffer, one number for each output
        gradient : writeable buffer, optional
            Of n_parameters numbers for each output; by name unless the circuit has such data.
        **data : buffers, one for each data variable

        All buffers are C-contiguous float64 arrays. One such function is for one thread at a time.

        Raises
        ------
        TypeError, ValueError
            If a buffer is missing, or of the wrong type or length.
        """
        if gradient is None and "gradient" not in self.data:
            gradient = data.pop("gradient", None)
        return callable_into(self._compiler, p, value, gradient, data)

    def to_c(self, name: str, prefix: str = "fastbp_") -> str:
        """A function in C that computes value and gradient, as source code that needs math.h alone.

            f.to_c("neuron")
            double fastbp_neuron(const double *p, double x_, double y_, double *gradient);

        It returns the value, and writes the gradient unless that is NULL. A circuit of several
        outputs returns nothing and writes double *value and double *jacobian. Data comes one by
        one in the order of `data`, arrays as const double *; the comment at the top of the code
        says what is where. The function allocates nothing and may run in any number of threads. If
        it keeps more than 8192 numbers in between, it wants room for them from its caller, as a
        last argument `double *work`. By rule no name is one of a library, a macro or a keyword:
        functions have the prefix in front, data an underscore behind, or is data0_, data1_, ...

        Compiled with -ffp-contract=off, arithmetic, square roots, comparisons and choices give the
        bits of the gates; only where the tape makes one gate of a product and a sum, it rounds
        once and C twice. The other functions are those of the C library: with GNU's, within 4
        units in the last place of the true values.

        Parameters
        ----------
        name : str
            Letters of the English alphabet, digits and single underscores between them.
        prefix : str
            As a name, a letter first, with an underscore at its end; one that no library owns.

        Raises
        ------
        TypeError, ValueError
            If the name or the prefix is no str, is made of other characters, or too long.
        """
        from fastbp.circuits.c_source import c_source

        return c_source(self._compiler, name, prefix)

    def tape(self, kind: str = "value") -> str:
        """The tape as text, one gate in a line.

        Parameters
        ----------
        kind : {"value", "value_and_gradient", "gradient", "jacobian", "hessp", "hessian"}

        Raises
        ------
        TypeError, ValueError
            If there is no such kind.
        """
        validate.one_of(kind, KINDS, "tape")
        names = [str(variable.name) for variable in self._compiler.inputs.variables]
        if kind == "hessp":
            n = self.n_parameters
            names[n:n] = [f"v[{i}]" for i in range(n)]
        return listing(self.program(kind), names)

    @property
    def n_gates(self) -> int:
        """Number of gates of the tape that computes the value."""
        return len(self.program("value").gates)

    def program(self, kind: str, varying: tuple[str, ...] = ()) -> Program:
        """The gates of a kind of evaluation, with the data of these names varying over samples.

        Its uniform inputs are p, for "hessp" v, and the data that does not vary, in the order of
        the circuit; its varying ones those of `columns`.
        """
        return self._compiler.program(kind, varying)

    # Identity

    def _identity(self) -> tuple[Any, ...]:
        """What makes circuits equal: the program of the value, and the inputs."""
        program = self.program("value")
        arrays = (program.gates, program.constants, program.outputs)
        given = self._compiler.inputs
        inputs = tuple(each[:4] for each in (*given.parameters, *given.data))
        return self.shape, self.n_parameters, inputs, *(array.tobytes() for array in arrays)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Circuit):
            return NotImplemented
        return self is other or self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        outputs = f", outputs of shape {self.shape}" if self.shape else ""
        return f"<Circuit of {self._compiler.inputs.text}: {self.n_gates} gates{outputs}>"

    def __reduce__(self) -> tuple[Any, ...]:
        compiler = self._compiler
        parts = (compiler.graph, compiler.outputs, self.shape, compiler.inputs)
        return _rebuild, (PICKLE_VERSION, *parts)

    def expression(self, node: int) -> Expression:
        """Node `node` of the graph as an expression; a ValueError if there is no such node."""
        return self._compiler.graph.expression(node)

    # Gate by gate

    def forward(self, /, *p: Any, **values: Any) -> Any:
        """The value, as f(...); and the inputs are remembered for `wires`, `draw` and `step`.

        Each gate is computed by itself here, while f(...) makes one of a product and a sum, which
        is rounded once: the last bits of the two may differ.

        Inputs that are not given keep their values. They are remembered in this object: threads
        that use it in this way need a copy each (copy.copy(f)); nothing else is affected. Errors
        are those of a call; arrays of samples get a ValueError.
        """
        return self._gates.forward(p, values)

    def wires(self, output: Any = None) -> Wires:
        """Every input and gate with its value and grad where `forward` or `step` was last.

        Of several outputs the grads are of their sum, with output=k of output k. A RuntimeError
        if there was no `forward`, a ValueError if there is no such output.
        """
        return self._gates.wires(output)

    def draw(self, output: Any = None) -> "Drawing":
        """`wires` as a picture: text when printed, SVG or HTML in a notebook; errors as there."""
        from fastbp.circuits.drawing import Drawing

        return Drawing(self.wires(output))

    def step(self, rate: Any) -> Any:
        """Moves all parameters together, p + rate * grad: uphill. Gives the new value.

        A RuntimeError if there was no `forward`, a ValueError if the rate is not finite.
        """
        return self._gates.step(rate)


def _rebuild(version: int, *arguments: Any) -> Circuit:
    """The circuit of a pickle, which may be damaged."""
    validate.pickle_version(version, PICKLE_VERSION, "Circuit")
    check_parts(*arguments)
    return Circuit(*arguments)
