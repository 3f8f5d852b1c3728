"""Peers on a processor with AVX2: a library that hides from a process what is wider."""

import functools
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("avx2_only.c")


class Unavailable(Exception):
    """This machine cannot hide anything; the message says what is missing."""


@functools.cache
def avx2_only():
    """Path of the library to preload, compiled once and tried; see avx2_only.c."""
    folder = tempfile.TemporaryDirectory()
    library = Path(folder.name, "avx2_only.so")
    avx2_only.folder = folder  # kept as long as this process runs
    compiler = shlex.split(os.environ.get("CC", "cc"))
    compiled = [*compiler, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(library)]
    tried = [sys.executable, "-c", ""]
    preloaded = os.environ | {"LD_PRELOAD": str(library)}
    try:
        subprocess.run(compiled, check=True, capture_output=True, text=True)
        subprocess.run(tried, check=True, capture_output=True, text=True, env=preloaded)
    except (OSError, subprocess.CalledProcessError) as error:
        why = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise Unavailable(f"AVX-512 cannot be hidden here: {why}") from None
    return str(library)


def with_avx2(names):
    """The same libraries as a processor with AVX2 runs them."""
    chosen = ("fastbp@v3" if name.startswith("fastbp") else f"{name}@avx2" for name in names)
    return tuple(dict.fromkeys(chosen))
