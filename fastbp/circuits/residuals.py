"""Residuals of networks: from expressions of symbols to the tapes that the engine runs."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._core import core
from fastbp._recorder import GATES, Expression, Graph, gate, variables_of
from fastbp.circuits.arrays import ExpressionArray, is_array, plain
from fastbp.circuits.steps import activated
from fastbp.circuits.symbols import DERIVATIVE, INPUT, OUTPUT, Symbols, is_symbol, number
from fastbp.validate import described

OF_INPUT, OF_OUTPUT, OF_DATA = range(3)  # sources of a tape, as the engine numbers them


class Residuals:
    """What some expressions need of a network, and their tapes.

    Parameters
    ----------
    given : expression, or sequence or array of them
    n_inputs, n_outputs : int
        Of the network.
    positions : int
        How many vectors of outputs there are.
    function : str or Circuit
        The activation of the outputs, which the engine leaves to the tapes.
    data : sequence of str
        Names of variables that are columns of data; the others that are no symbols are parameters.

    Attributes
    ----------
    expressions : tuple of Expression
    parameters : tuple of str
        Names of the further parameters, in the order in which their variables were made.
    inputs : list of int
        By which first derivatives are taken.
    pairs : list of (int, int)
        Of second derivatives: places in `inputs`.
    sources : list of (int, int, int)
        See BoundCollocation in fastbp/_core/interface.py.

    Raises
    ------
    TypeError, ValueError
        If the expressions are none of symbols of this network.
    """

    def __init__(
        self, given: Any, n_inputs: int, n_outputs: int, positions: int, function: Any,
        data: Iterable[str],
    ) -> None:  # fmt: skip
        self.expressions = _listed(given)
        names = tuple(data)
        used = variables_of(list(self.expressions))
        Graph(used)  # refuses two variables of one name
        self._check(used, n_inputs, n_outputs, names)
        derivatives = [v.meaning[2] for v in used if v.meaning and v.meaning[1] == DERIVATIVE]
        self.inputs = sorted({i for _, *by in derivatives for i in by})
        self.pairs = sorted(
            {tuple(self.inputs.index(i) for i in by) for _, *by in derivatives if len(by) == 2}
        )
        further = [v for v in used if not is_symbol(v) and v.name not in names]
        self.parameters = tuple(str(v.name) for v in further)
        expressions = list(self.expressions)
        if function != "identity":
            expressions = self._behind(function, used, n_outputs // positions)
        inside = variables_of(expressions)
        symbols = [v for v in inside if is_symbol(v)]
        columns = [v for v in inside if v.name in names]
        outputs = [v for v in symbols if not is_symbol(v, INPUT)]
        self.sources = [
            *((OF_INPUT, number(v), 0) for v in symbols if is_symbol(v, INPUT)),
            *((OF_OUTPUT, *self._stream(v)) for v in outputs),
            *((OF_DATA, names.index(str(v.name)), 0) for v in columns),
        ]
        varying = [*(v for v in symbols if is_symbol(v, INPUT)), *outputs, *columns]
        self._graph = Graph([*further, *varying])
        self._nodes = [self._graph.add(each) for each in expressions]
        n, first = len(further), sum(kind == OF_INPUT for kind, *_ in self.sources)
        self._wanted = [*range(n + first, n + first + len(outputs)), *range(n)]
        self._uniform, self._varying = list(range(n)), list(range(n, n + len(varying)))

    def _check(
        self, used: list[Expression], n_inputs: int, n_outputs: int, names: tuple[str, ...]
    ) -> None:
        symbols = [v for v in used if is_symbol(v)]
        owners = {id(v.meaning[0]): v.meaning[0] for v in symbols if v.meaning}
        if len(owners) > 1:
            raise ValueError(
                "the residuals have symbols of several calls of net.symbols; make them once, and "
                "all residuals of these"
            )
        for owner in owners.values():
            _check_owner(owner, n_inputs, n_outputs)
        for each in self.expressions:
            if not any(is_symbol(v, OUTPUT, DERIVATIVE) for v in variables_of([each])):
                raise ValueError(
                    f"the residual {each!r} has no output of the network and no derivative of one; "
                    'x, t, u = net.symbols("x t", "u") gives them as variables'
                )
        known = {str(v.name) for v in used}
        for name in names:
            if name not in known:
                raise ValueError(f"the data has {name!r}, which no residual has")
        for v in symbols:
            if v.name in names:
                raise ValueError(f"{v.name} is a symbol of the network, and no data")

    def _stream(self, variable: Expression) -> tuple[int, int]:
        """The output, and which of its streams: the value, first or second derivatives."""
        assert variable.meaning is not None
        _, kind, at, _ = variable.meaning
        if kind == OUTPUT:
            return number(variable), 0
        output, *by = at
        places = tuple(self.inputs.index(i) for i in by)
        if len(places) == 1:
            return output, 1 + places[0]
        return output, 1 + len(self.inputs) + self.pairs.index(places)

    def _behind(self, function: Any, used: list[Expression], K: int) -> list[Expression]:
        """The residuals as expressions of z of the outputs, by the chain rule for a = g(z)."""
        outputs = [v for v in used if is_symbol(v, OUTPUT, DERIVATIVE)]
        assert outputs[0].meaning is not None
        owner: Symbols = outputs[0].meaning[0]
        n = owner.sizes[0]
        behind = owner.before().variables()
        x, z = behind[:n], behind[n:]
        a: dict[int, Any] = {}
        made: dict[int, Any] = {}
        for v in outputs:
            assert v.meaning is not None
            k, *by = (number(v),) if v.meaning[1] == OUTPUT else v.meaning[2]
            if k not in a:
                first = k // K * K
                each = activated(function, ExpressionArray(list(z[first : first + K])))
                a.update(enumerate(np.asarray(each).astype(object).ravel().tolist(), first))
            made[id(v)] = a[k].d(*(x[i] for i in by)) if by else a[k]
        return replaced(list(self.expressions), made)

    def numbers(self) -> "tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]":
        """inputs, pairs and sources as the engine reads them."""
        pairs = np.array(self.pairs, np.int32).reshape(-1, 2)
        sources = np.array(self.sources, np.int32).reshape(-1, 3)
        return np.array(self.inputs, np.int32), pairs, sources

    def tapes(self, dtype: str) -> tuple[Any, Any]:
        """SampleTapes: of half the sum of squares and its derivatives; of the residuals and
        theirs."""
        engine, graph = core(dtype), self._graph.first(len(self._graph))
        squares = [graph.put("multiply", (node, node)) for node in self._nodes]
        total = squares[0]
        for node in squares[1:]:
            total = graph.put("add", (total, node))
        total = graph.put("multiply", (total, graph.put("constant", value=0.5)))
        cost = [total, *graph.gradient(total, self._wanted)]
        rows = [*self._nodes]
        for node in self._nodes:
            rows += graph.gradient(node, self._wanted)
        return tuple(
            engine.SampleTape(graph.emit(nodes, self._uniform, self._varying))
            for nodes in (cost, rows)
        )  # type: ignore[return-value]


def _check_owner(owner: Symbols, n_inputs: int, n_outputs: int) -> None:
    if owner.sizes != (n_inputs, n_outputs):
        raise ValueError(
            f"the residuals have symbols of a network of {owner.sizes[0]} inputs and "
            f"{owner.sizes[1]} outputs; this one has {n_inputs} and {n_outputs}"
        )


def _listed(given: Any) -> tuple[Expression, ...]:
    """The residuals as expressions."""
    values = np.asarray(plain(given), dtype=object).ravel().tolist() if is_array(given) else given
    found = list(values) if isinstance(values, list | tuple) else [values]
    flat: list[Any] = []
    for each in found:
        flat += _listed(each) if is_array(each) else [each]
    for each in flat:
        if not isinstance(each, Expression):
            raise TypeError(
                "a residual is an expression of the symbols of a network, such as u.d(t) - "
                f"u.d(x, x), or a list of them; got {described(each)}"
            )
    if not flat:
        raise ValueError("there is no residual; for example net.collocation(points, u.d(t) - u)")
    return tuple(flat)


def replaced(expressions: list[Expression], by: dict[int, Any]) -> list[Expression]:
    """Expressions with others in the place of variables, which are known by their id."""
    variables = variables_of(expressions)
    graph = Graph(variables)
    roots = [graph.add(each) for each in expressions]
    made: list[Any] = [by.get(id(v), v) for v in variables]
    for op, operands, value in graph.nodes()[len(made) :]:
        name = GATES[op]
        made.append(value if name == "constant" else gate(name, *(made[i] for i in operands)))
    return [made[root] for root in roots]
