"""Circuits compiled by the machine's C compiler, to be called from a test."""

import ctypes
import os
import shlex
import shutil
import subprocess

import numpy as np

from fastbp._core import core

COMPILER = shlex.split(os.environ.get("CC", "")) or ["cc"]
MISSING = None if shutil.which(COMPILER[0]) else f"no C compiler: {COMPILER[0]} is not in PATH"
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
EXACT = "-ffp-contract=off"


def built(source, folder, *flags, as_object=False, strict=STRICT):
    """The path of a shared library (or an object file) of this source code; no warning allowed."""
    path = folder / f"code{len(os.listdir(folder))}"
    path.with_suffix(".c").write_text(source, encoding="ascii")
    target = path.with_suffix(".o" if as_object else ".so")
    kind, libraries = (["-c"], []) if as_object else (["-shared", "-fPIC"], ["-lm"])
    command = [*COMPILER, *strict, *flags, *kind]
    command += ["-o", str(target), str(path.with_suffix(".c")), *libraries]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[:3000]}\n{source[:3000]}"
    return target


def library(source, folder, *flags):
    return ctypes.CDLL(str(built(source, folder, EXACT, *flags)))


class Function:
    """One circuit in a library; called with p and its data it gives arrays, values and slopes."""

    def __init__(self, library, name, circuit, work=0):
        self.call = getattr(library, f"fastbp_{name}")
        self.call.restype = None if circuit.shape else ctypes.c_double
        self.circuit = circuit
        self.shapes = [each.shape for each in circuit._compiler.inputs.data]
        self.work = [np.full(work, np.nan)] if work else []

    def __call__(self, p, *data, slopes=True):
        f = self.circuit
        n_values = int(np.prod(f.shape))
        jacobian = np.full(n_values * f.n_parameters, 777.0) if slopes else None
        value = [np.full(n_values, 777.0)] if f.shape else []
        p = np.array(p, np.float64)
        given = [
            np.array(x, np.float64) if shape else ctypes.c_double(x)
            for x, shape in zip(data, self.shapes, strict=True)
        ]
        held = [p, *given, *value, jacobian, *self.work]  # alive until the call is over
        result = self.call(
            *(ctypes.c_void_p(x.ctypes.data) if isinstance(x, np.ndarray) else x for x in held)
        )
        return (value[0] if f.shape else np.array([result])), jacobian


def by_engine(f, p, *data):
    """Values and slopes by the engine, with the gates of the exported function: none is fused."""
    graph, outputs, _ = f._compiler.nodes("value_and_gradient")
    program = f._compiler.unfused_program(graph, outputs)
    n = len(program.outputs)
    tape = core("float64").Tape(program, "values", (n,), 0, {}, None)
    vector = np.concatenate([np.ravel(x) for x in (p, *data)]).astype(np.float64)
    result = tape.run(vector)
    n_values = len(f._compiler.outputs)
    return result[:n_values], result[n_values:]
