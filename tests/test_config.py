"""The CPU level and the report of what runs here."""

import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp import _core

ALL = ("v2", "v3", "v4")


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


# CPU levels


@pytest.mark.parametrize(
    ("supported", "wanted", "expected"),
    [
        (ALL, None, "v4"),
        (ALL, "", "v4"),
        (ALL[:2], None, "v3"),
        (ALL, "v2", "v2"),
        (ALL, "v3", "v3"),
        (("base",), None, "base"),
        (("base",), "base", "base"),
    ],
)
def test_the_highest_level_or_the_wanted_one_is_chosen(supported, wanted, expected):
    assert _core.choose_level(supported, wanted) == expected


@pytest.mark.parametrize(
    ("supported", "wanted", "message"),
    [
        (ALL, "v5", "FASTBP_CPU='v5' is not a CPU level; use one of v2, v3, v4, or unset it"),
        (ALL[:1], "avx2", "FASTBP_CPU='avx2' is not a CPU level; use one of v2, v3, v4"),
        (
            ALL[:2],
            "v4",
            "FASTBP_CPU=v4: this CPU and this build of fastbp have only v2, v3; use one",
        ),
        (("base",), "v3", "FASTBP_CPU='v3' is not a CPU level; use one of base"),
    ],
)
def test_an_impossible_level_says_which_there_are(supported, wanted, message):
    with pytest.raises(ValueError, match=message):
        _core.choose_level(supported, wanted)


@pytest.mark.parametrize("level", _core.available_levels())
@pytest.mark.parametrize("dtype", _core.PRECISIONS)
def test_every_level_of_this_cpu_runs(level, dtype):
    code = (
        "import fastbp\n"
        f"net = fastbp.mlp(2, 3, 1, dtype={dtype!r})\n"
        "J = net.cost(net.init(seed=0), [[0.5, -1.0], [2.0, 1.0]], [0.25, -1.0])\n"
        "print(fastbp.show_config('dicts')['engine']['CPU level'], J)"
    )
    result = run(code, FASTBP_CPU=level)
    assert not result.stderr
    chosen, J = result.stdout.split()
    net = fastbp.mlp(2, 3, 1, dtype=dtype)
    here = net.cost(net.init(seed=0), [[0.5, -1.0], [2.0, 1.0]], [0.25, -1.0])
    assert chosen == level
    assert float(J) == pytest.approx(here, rel=1e-13 if dtype == "float64" else 1e-5)


def test_an_unknown_level_in_the_environment_stops_the_first_network():
    result = run("import fastbp; print('here'); fastbp.mlp(2, 1)", FASTBP_CPU="v9")
    assert result.stdout == "here\n"
    assert result.returncode != 0
    assert "ValueError: FASTBP_CPU='v9' is not a CPU level" in result.stderr


def test_a_cpu_below_the_lowest_level_is_told_so(monkeypatch):
    monkeypatch.setattr("fastbp._threads.cpu_level", lambda: "v1")
    with pytest.raises(ImportError, match="older than fastbp's lowest level, x86-64-v2"):
        _core.available_levels()


def test_importing_loads_no_other_library_and_starts_no_thread():
    code = (
        "import sys, os, fastbp\n"
        "print([name for name in ('scipy', 'pandas', 'matplotlib') if name in sys.modules],"
        " len(os.listdir('/proc/self/task')) if os.path.exists('/proc/self/task') else 1)"
    )
    # NumPy's BLAS starts its own threads when it is imported, unless told not to.
    result = run(code, OPENBLAS_NUM_THREADS="1")
    assert result.stdout.split() == ["[]", "1"]


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="has the lock")
def test_a_python_without_the_interpreter_lock_stays_without_it():
    code = (
        "import sys, fastbp, numpy as np\n"
        "from fastbp import circuits, files, kernels\n"
        "for dtype in ('float64', 'float32'):\n"
        "    net = fastbp.mlp(3, 4, 1, dtype=dtype)\n"
        "    net.objective(np.ones((5, 3)), np.ones(5))(net.init(seed=0))\n"
        "print(fastbp.circuit(fastbp.variable('x') ** 2)(3.0), sys._is_gil_enabled())"
    )
    assert run(code).stdout.split() == ["9.0", "False"]


@pytest.mark.skipif("san.so" in os.environ.get("LD_PRELOAD", ""), reason="a build of its own kind")
def test_the_modules_carry_no_debugging_information():
    """A wheel of all six was 6 MB with it, and is 2.4 MB without."""
    modules = Path(fastbp.__file__).parent.glob("_core/*.so")
    assert max(path.stat().st_size for path in modules) < 1_500_000


# show_config


def test_show_config_prints_and_returns_nothing(capsys):
    assert fastbp.show_config() is None
    text = capsys.readouterr().out
    for word in (fastbp.__version__, np.__version__, _core.level(), platform.python_version()):
        assert word in text
    assert f"fastbp._core.f64_{_core.level()}" in text
    assert "number" in text


def test_show_config_returns_dicts_and_prints_nothing(capsys):
    with fastbp.num_threads(3):
        config = fastbp.show_config(mode="dicts")
    assert capsys.readouterr().out == ""
    assert config["versions"]["fastbp"] == fastbp.__version__
    assert config["engine"]["CPU level"] == _core.level()
    assert config["engine"]["float32"] == f"fastbp._core.f32_{_core.level()}"
    assert config["threads"] == {"number": 3, "from": "num_threads() block"}


def test_show_config_refuses_other_modes():
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', got 'json'"):
        fastbp.show_config("json")


def test_every_public_name_is_there_and_documented():
    for name in fastbp.__all__:
        assert getattr(fastbp, name).__doc__
    assert set(fastbp.__all__) <= set(dir(fastbp))
    with pytest.raises(AttributeError, match="module 'fastbp' has no attribute 'backprop'"):
        fastbp.backprop  # noqa: B018
