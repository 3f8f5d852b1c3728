"""What runs here: the versions, the CPU level, the threads, and why these."""

import platform
from typing import Any

import numpy as np

from fastbp import _core, threads
from fastbp._version import __version__


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print, or return, what fastbp runs on; add it to a bug report.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        "stdout" prints and returns None; "dicts" returns a dictionary and prints nothing.

    Raises
    ------
    ValueError
        For another mode.
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode must be 'stdout' or 'dicts', got {mode!r}")
    config = _config()
    if mode == "dicts":
        return config
    for title, entries in config.items():
        print(title)
        width = max(map(len, entries))
        for key, value in entries.items():
            text = ", ".join(value) if isinstance(value, tuple) else value
            print(f"  {key:<{width}}  {text}")
    return None


def _config() -> dict[str, dict[str, Any]]:
    engines = {name: _core.core(name) for name in _core.PRECISIONS}
    n_threads, reason = threads.explain()
    build = {}
    for attribute in ("COMPILER", "BUILD_FLAGS"):
        value = getattr(engines["float64"], attribute, None)
        if value is not None:
            build[attribute.lower().replace("_", " ")] = value
    return {
        "versions": {
            "fastbp": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        "engine": {
            "CPU level": _core.level(),
            "CPU levels to choose from": _core.available_levels(),
            **{name: getattr(engine, "__name__", "") for name, engine in engines.items()},
            **build,
        },
        "threads": {"number": n_threads, "from": reason},
    }
