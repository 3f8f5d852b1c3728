"""A circuit that reads and writes buffers of the caller."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._core import core
from fastbp.circuits.compiler import Compiler
from fastbp.circuits.inputs import as_keywords


def callable_into(
    compiler: Compiler, p: Any, value: Any, gradient: Any, data: Mapping[str, Any]
) -> Callable[[], None]:
    """See Circuit.callable_into."""
    inputs, n = compiler.inputs, len(compiler.outputs)
    inputs.check_names(data)
    missing = [each for each in inputs.data if each.name not in data]
    if missing:
        raise TypeError(
            f"no buffers for the data {', '.join(each.text for each in missing)}; pass them by "
            f"name: {as_keywords(missing)}"
        )
    sources = [_buffer(p, inputs.n_parameters, "p", False)]
    point = ": a callable is for one point at a time, not for samples"
    sources += [
        _buffer(data[each.name], each.size, each.name, False, point) for each in inputs.data
    ]
    targets = [_buffer(value, n, "value", True)]
    if gradient is not None:
        targets.append(_buffer(gradient, n * inputs.n_parameters, "gradient", True))
    program = compiler.fresh_program("value" if gradient is None else "value_and_gradient")
    return core("float64").BufferTape(program, sources, targets).run


def _buffer(
    buffer: Any, size: int, name: str, writeable: bool, hint: str = ""
) -> NDArray[np.float64]:
    """A buffer as a flat array of the same memory."""
    if not isinstance(buffer, np.ndarray):
        try:
            buffer = np.frombuffer(buffer, np.float64) if memoryview(buffer).format == "d" else None
        except TypeError:
            buffer = None
    fits = (
        isinstance(buffer, np.ndarray)
        and buffer.dtype == np.float64
        and buffer.flags.c_contiguous
        and buffer.flags.aligned
        and (buffer.flags.writeable or not writeable)
    )
    if not fits:
        raise TypeError(
            f"{name} must be a {'writeable ' if writeable else ''}C-contiguous buffer of float64; "
            f"np.zeros({size}) makes one"
        )
    if buffer.size != size:
        raise ValueError(f"{name} has {buffer.size} numbers; expected {size}{hint}")
    return buffer.reshape(-1)  # type: ignore[no-any-return]
