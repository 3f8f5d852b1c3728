"""The inputs of a circuit: which are parameters, which are data, and what a call gives for them."""

import math
from collections.abc import Callable, Iterable, Mapping
from keyword import iskeyword
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastbp._recorder import Expression, Graph, variables_of
from fastbp.validate import described, numbers


class Input(NamedTuple):
    """A variable, or an array of variables that is given as a whole."""

    name: str
    shape: tuple[int, ...]
    start: int  # place of the first among the inputs of the circuit
    size: int
    used: tuple[int, ...]  # those of its variables that the expressions have

    @property
    def text(self) -> str:
        """The name, with the shape of a vector: "x[5]"."""
        return f"{self.name}{list(self.shape)}" if self.shape else self.name


class Values(NamedTuple):
    """What a call gives: numbers for all samples, and columns of samples."""

    uniform: NDArray[np.float64]  # the parameters, then the data that is the same for all samples
    samples: dict[str, NDArray[Any]]  # data -> (m, its size)
    m: int


class Inputs:
    """The inputs of a circuit in their order: parameters, then data.

    Parameters
    ----------
    expressions : list of Expression and numbers
    wrt : what the user gave for it: None, a variable, or a sequence of variables and arrays of them
    """

    def __init__(self, expressions: list[Any], wrt: Any) -> None:
        variables = variables_of(expressions)
        found = {_key(variable) for variable in variables}
        groups = _whole(variables) if wrt is None else _given(wrt)
        self.variables: list[Expression] = []
        self.parameters = self._append(groups, found)
        self.n_parameters = len(self.variables)
        known = {_key(variable) for variable in self.variables}
        if len(known) < self.n_parameters:
            keys = [_key(variable) for variable in self.variables]
            twice = next(v for v in self.variables if keys.count(_key(v)) > 1)
            raise ValueError(f"{twice.name} comes twice in wrt; name each parameter once")
        rest = [variable for variable in variables if _key(variable) not in known]
        self.data = self._append(_whole(rest, known), found)
        self.by_name = {each.name: each for each in (*self.parameters, *self.data)}

    def _append(self, groups: "list[Group]", found: set[Any]) -> tuple[Input, ...]:
        """Appends variables, in groups; `found` are the keys of those that the expressions have."""
        result = []
        for name, shape, variables in groups:
            used = tuple(i for i, variable in enumerate(variables) if _key(variable) in found)
            result.append(Input(name, shape, len(self.variables), len(variables), used))
            self.variables += variables
        return tuple(result)

    def is_sound(self, variables: list[Expression]) -> bool:
        """Whether these are inputs of a graph with these variables: a pickle may be damaged."""
        groups = (*self.parameters, *self.data)
        sizes = [each.size for each in groups]
        return (
            [*map(id, self.variables)] == [*map(id, variables[: len(self.variables)])]
            and sum(sizes) == len(self.variables)
            and self.n_parameters == sum(sizes[: len(self.parameters)])
            and [each.start for each in groups] == [sum(sizes[:k]) for k in range(len(sizes))]
            and all(math.prod(each.shape) == each.size >= 1 for each in groups)
            and all(i in range(each.size) for each in groups for i in each.used)
            and self.by_name == {each.name: each for each in groups}
        )

    @property
    def text(self) -> str:
        """The inputs as in a call: "a, b, x[5]; data: y"."""
        if not self.by_name:
            return "no inputs"
        parameters, data = (
            ", ".join(each.text for each in g) for g in (self.parameters, self.data)
        )
        return f"{parameters}; data: {data}" if data else parameters

    def names(self) -> dict[str, int]:
        """The scalar inputs by name, each with its place."""
        return {each.name: each.start for each in self.by_name.values() if not each.shape}

    def read(
        self,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        written: Callable[[list[Input]], str] | None = None,
    ) -> Values:
        """The values of one call, checked; `written`: how a message writes inputs by their names.

        Raises
        ------
        TypeError
            For unknown or missing names, a wrong number of arguments, or what is no number.
        ValueError
            For wrong shapes, or different numbers of samples.
        """
        self.check_names(keywords)
        vector = np.empty(len(self.variables))
        self._read_parameters(vector, arguments, keywords)
        samples: dict[str, NDArray[Any]] = {}
        uniform = [vector[: self.n_parameters]]
        for each in self.data:
            if each.name not in keywords:
                missing = [other for other in self.data if other.name not in keywords]
                raise TypeError(
                    f"no values for the data {', '.join(other.text for other in missing)}; pass "
                    f"them by name: {(written or as_keywords)(missing)}"
                )
            array = numbers(keywords[each.name], each.name)
            if array.shape == each.shape:
                uniform.append(np.asarray(array, np.float64).ravel())
            elif array.shape[1:] == each.shape:
                samples[each.name] = array.reshape(len(array), each.size)
            else:
                _refuse_data(each, array)
        return Values(np.concatenate(uniform), samples, _common_length(samples))

    def check_names(self, keywords: Mapping[str, Any]) -> None:
        """Refuses keywords that are no inputs."""
        unknown = [name for name in keywords if name not in self.by_name]
        if unknown:
            from difflib import get_close_matches

            close = get_close_matches(str(unknown[0]), self.by_name, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ";"
            raise TypeError(f"this circuit has no input {unknown[0]!r}{hint} it has {self.text}")

    def _read_parameters(
        self, vector: NDArray[np.float64], arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> None:
        """Writes the parameters of a call to `vector`, however they are given."""
        n, by_name = self.n_parameters, [each.name in keywords for each in self.parameters]
        if not arguments and n:
            missing = [
                e.text for e, given in zip(self.parameters, by_name, strict=True) if not given
            ]
            if missing:
                raise TypeError(
                    f"no values for the parameters {', '.join(missing)}; pass one vector of {n} "
                    f"numbers, or all parameters in their order ({self.text}), or by name"
                )
            arguments = tuple(keywords[each.name] for each in self.parameters)
        elif any(by_name):
            name = self.parameters[by_name.index(True)].name
            raise TypeError(
                f"{name} is given by name and by position; give all parameters in one of these ways"
            )
        if len(arguments) == 1 != len(self.parameters):
            array = numbers(arguments[0], "p")
            if array.shape != (n,):
                raise ValueError(
                    f"p has shape {array.shape}; expected ({n},), the parameters in their order: "
                    f"{self.text}"
                )
            vector[:n] = array
            return
        if len(arguments) != len(self.parameters):
            raise TypeError(
                f"got {len(arguments)} arguments; expected one vector of {n} numbers, or the "
                f"{len(self.parameters)} parameters: {self.text}{self._unnamed(keywords)}"
            )
        for each, value in zip(self.parameters, arguments, strict=True):
            array = numbers(value, each.name)
            if array.shape != each.shape and array.shape != (each.size,):
                advice = self._unnamed(keywords) if array.shape == (n,) else ""
                if not advice and array.shape[1:] == each.shape:
                    advice = f"; only data may have samples: for that leave {each.name} out of wrt"
                raise ValueError(
                    f"{each.name} has shape {array.shape}; expected {each.shape}{advice}"
                )
            vector[each.start : each.start + each.size] = array.ravel()

    def _unnamed(self, keywords: Mapping[str, Any]) -> str:
        """What to do if data was given by position."""
        missing = [each for each in self.data if each.name not in keywords]
        return f"; pass data by name: {as_keywords(missing)}" if missing else ""


def check_parts(graph: Any, outputs: Any, shape: Any, inputs: Any) -> None:
    """Refuses what a damaged pickle makes of a circuit."""
    try:
        sound = (
            isinstance(graph, Graph)
            and isinstance(inputs, Inputs)
            and isinstance(shape, tuple)
            and all(type(x) is int and x >= 0 for x in (*outputs, *shape))
            and all(x < len(graph) for x in outputs)
            and len(outputs) == math.prod(shape)
            and inputs.is_sound(graph.inputs)
        )
    except (TypeError, AttributeError, ValueError):
        sound = False
    if not sound:
        raise ValueError("this pickle of a circuit is damaged: its inputs and outputs do not fit")


def as_keywords(inputs: Iterable[Input]) -> str:
    """Inputs as arguments of a call: x=..., y=..."""
    words = ((each.name, each.name.isidentifier() and not iskeyword(each.name)) for each in inputs)
    return ", ".join(f"{name}=..." if word else f'**{{"{name}": ...}}' for name, word in words)


def as_mapping(inputs: Iterable[Input]) -> str:
    """Inputs as the data of an objective: data={"x": ..., "y": ...}"""
    return "data={" + ", ".join(f'"{each.name}": ...' for each in inputs) + "}"


Group = tuple[str, tuple[int, ...], list[Expression]]


def _key(variable: Expression) -> Any:
    """What tells variables apart: hashing one is cheap, comparing two would record a gate."""
    vector = variable.vector
    return id(variable) if vector is None else (id(vector), variable.index)


def _whole(variables: Iterable[Expression], but: Any = ()) -> list[Group]:
    """Variables in groups: each by itself, or the whole vector it belongs to."""
    groups: list[Group] = []
    seen = set()
    parts = {key[0] for key in but if isinstance(key, tuple)}
    for variable in variables:
        vector = variable.vector
        if vector is None:
            groups.append((_name(variable), (), [variable]))
        elif id(vector) in parts:
            # Others of the vector are parameters: it cannot be given as a whole.
            groups.append((_name(variable), (), [variable]))
        elif id(vector) not in seen:
            seen.add(id(vector))
            groups.append((vector.name, vector.shape, vector.elements()))
    return groups


def _given(wrt: Any) -> list[Group]:
    """The parameters as the user names them."""
    if isinstance(wrt, Expression):
        wrt = [wrt]
    elif isinstance(wrt, np.ndarray):
        wrt = [wrt] if wrt.dtype == object and vector_name(wrt) else wrt.ravel().tolist()
    elif not isinstance(wrt, list | tuple):
        raise TypeError(
            f"wrt must be a list of variables and arrays of variables, got {described(wrt)}"
        )
    groups: list[Group] = []
    for each in wrt:
        if isinstance(each, np.ndarray | list | tuple):
            array = np.asarray(each, dtype=object)
            name = vector_name(array)
            for variable in array.flat:
                _check_variable(variable)
            if name:
                groups.append((name, array.shape, array.ravel().tolist()))
            else:
                groups += [(_name(variable), (), [variable]) for variable in array.flat]
        else:
            _check_variable(each)
            groups.append((_name(each), (), [each]))
    if not groups:
        raise ValueError("wrt is empty; leave it out and all variables are parameters")
    return groups


def _check_variable(value: Any) -> None:
    """Refuses what is no variable in wrt."""
    if not isinstance(value, Expression) or value.op != "input":
        raise TypeError(
            f"wrt holds {described(value)}; expected variables, such as those of "
            'fastbp.variable("a") and fastbp.variables("x", 5)'
        )


def vector_name(array: NDArray[Any]) -> str | None:
    """The name of the vector whose variables these are, all of them and in their order."""
    first = array.flat[0] if array.size else None
    vector = first.vector if isinstance(first, Expression) else None
    if vector is None or array.size != np.prod(vector.shape):
        return None
    for i, variable in enumerate(array.flat):
        if not isinstance(variable, Expression) or variable.vector is not vector:
            return None
        if variable.index != i:
            return None
    return str(vector.name)


def _name(variable: Expression) -> str:
    """The name that every variable has."""
    assert variable.name is not None
    return variable.name


def _refuse_data(each: Input, array: NDArray[Any]) -> None:
    """For data of a shape that is neither the variable's nor that of samples."""
    one = f"{each.shape}" if each.shape else "a number"
    raise ValueError(
        f"{each.name} has shape {array.shape}; expected {one}, the same for all samples, or "
        f"samples in rows, {('m', *each.shape)}".replace("'", "")
    )


def _common_length(samples: dict[str, NDArray[Any]]) -> int:
    """The number of samples, which all data that varies has; 1 where none varies."""
    lengths = {name: len(array) for name, array in samples.items()}
    if len(set(lengths.values())) > 1:
        held = ", ".join(f"{name} has {m}" for name, m in lengths.items())
        raise ValueError(f"the data are not the same samples: {held}; give each one row per sample")
    return next(iter(lengths.values()), 1)
