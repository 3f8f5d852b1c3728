"""Which compiled engine runs here: the CPU level is chosen once, when an engine is first needed.

The same source is compiled for each CPU level (x86-64-v2, v3, v4; one build, "base", elsewhere) and
each precision into the modules `f64_v2 ... f32_v4`. The highest level the CPU supports is taken;
the environment variable FASTBP_CPU=v2|v3|v4 takes a lower one. v3 and v4 give the same bits.

The level is not chosen at import: then the command line could not say in one line what is wrong
with FASTBP_CPU.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastbp._core.interface import Engine

PRECISIONS = {"float64": "f64", "float32": "f32"}
X86_LEVELS = ("v2", "v3", "v4")

try:
    import_module("fastbp._threads")
except ModuleNotFoundError as error:
    raise ImportError(
        f"fastbp's compiled modules for Python {sys.version_info[0]}.{sys.version_info[1]} are "
        f"missing: {Path(__file__).resolve().parents[2]} holds sources that this Python has not "
        "built; run `python -m pip install -e .` there, or start Python in another folder to "
        "import an installed fastbp"
    ) from error


def available_levels() -> tuple[str, ...]:
    """The levels that this CPU can run and that were built, lowest first."""
    highest: str = import_module("fastbp._threads").cpu_level()
    if highest == "v1":
        raise ImportError(
            "this CPU is older than fastbp's lowest level, x86-64-v2: it lacks SSE4.2 or POPCNT"
        )
    known = X86_LEVELS if highest in X86_LEVELS else (highest,)
    levels = known[: known.index(highest) + 1]
    built = tuple(level for level in levels if find_spec(f"fastbp._core.f64_{level}"))
    if not built:
        raise ImportError(
            f"fastbp was built for none of this CPU's levels ({', '.join(levels)}), but on or for "
            "another; build it again here, or anywhere with FASTBP_LEVELS=all"
        )
    return built


def choose_level(available: tuple[str, ...], wanted: str | None) -> str:
    """The highest available level, or the one FASTBP_CPU asks for.

    Raises
    ------
    ValueError
        If FASTBP_CPU names no level, or one that this CPU (or this build) lacks.
    """
    if not wanted:
        return available[-1]
    if wanted in available:
        return wanted
    known = X86_LEVELS if available[-1] in X86_LEVELS else available
    if wanted not in known:
        raise ValueError(
            f"FASTBP_CPU={wanted[:40]!r} is not a CPU level; use one of {', '.join(known)}, "
            "or unset it"
        )
    raise ValueError(
        f"FASTBP_CPU={wanted}: this CPU and this build of fastbp have only {', '.join(available)}; "
        "use one of these, or unset FASTBP_CPU"
    )


_level: str | None = None
_engines: "dict[str, Engine]" = {}


def level() -> str:
    """The level that is used in this process."""
    global _level
    if _level is None:
        _level = choose_level(available_levels(), os.environ.get("FASTBP_CPU"))
    return _level


def core(dtype: str) -> "Engine":
    """The engine that computes in `dtype` ("float64" or "float32"), imported at its first use."""
    engine = _engines.get(dtype)
    if engine is None:
        engine = _engines[dtype] = import_module(f"fastbp._core.{PRECISIONS[dtype]}_{level()}")
    return engine
