"""The compiled part: one source, built once for each precision and CPU level.

Everything else about the package is in pyproject.toml. Cython runs once; the C it writes is
compiled into `fastbp._core.f64_v2 ... f32_v4`, which differ in compiler flags and module name.
Environment: FASTBP_BUILD=checked (Cython's bounds checks on), sanitized (ASan and UBSan), races
(TSan), FASTBP_LEVELS="v3 v4" (only these).
"""

import copy
import os
import platform
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = Path("src_cy")
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "freethreading_compatible": True,
}
FLAGS = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fno-semantic-interposition",
    "-Wno-unknown-pragmas",
    "-Wno-psabi",
    "-std=gnu11",
]
LEVELS = {
    "v2": ["-march=x86-64-v2"],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
SANITIZERS = {
    "sanitized": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g"],
    "races": ["-fsanitize=thread", "-g", "-O1"],
}
PRECISIONS = {"f64": [], "f32": [("FASTBP_FLOAT32", "1")]}

build = os.environ.get("FASTBP_BUILD", "")
link_flags = ["-lm"]
if sys.platform != "darwin":
    link_flags.append("-pthread")
if build == "checked":
    DIRECTIVES.update(boundscheck=True, wraparound=True, initializedcheck=True, cdivision=False)
elif build in SANITIZERS:
    FLAGS += SANITIZERS[build]
    link_flags += SANITIZERS[build]
elif build:
    known = ", ".join(["checked", *SANITIZERS])
    raise SystemExit(f"FASTBP_BUILD={build!r} is unknown; use {known} or leave it out")

if build not in SANITIZERS:
    FLAGS.append("-g0")  # Python's own flags say -g, which makes most of a wheel

levels = LEVELS if platform.machine().lower() in ("x86_64", "amd64") else {"base": []}
if "FASTBP_LEVELS" in os.environ:
    wanted = os.environ["FASTBP_LEVELS"].split()
    unknown = sorted(set(wanted) - set(levels))
    if unknown:
        raise SystemExit(f"FASTBP_LEVELS names {unknown}; this machine has {sorted(levels)}")
    levels = {name: levels[name] for name in wanted}


def extension(name, source, flags=(), macros=()):
    return Extension(
        name,
        [str(source)],
        include_dirs=[str(SOURCE), numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"), *macros],
        extra_compile_args=[*FLAGS, *flags],
        extra_link_args=link_flags,
        depends=[
            str(path) for path in sorted(SOURCE.glob("*")) if path.suffix in (".h", ".pxd", ".pxi")
        ],
    )


def extensions():
    threads, memory, recorder, core = cythonize(
        [
            extension("fastbp._threads", SOURCE / "threads.pyx"),
            extension("fastbp._memory", SOURCE / "memory.pyx"),
            extension("fastbp._recorder", SOURCE / "recorder.pyx"),
            extension("fastbp._core.engine", SOURCE / "core.pyx"),
        ],
        build_dir="build/cython",
        include_path=[str(SOURCE), "."],
        compiler_directives=DIRECTIVES,
    )
    yield threads
    yield memory
    yield recorder
    for level, level_flags in levels.items():
        for precision, macros in PRECISIONS.items():
            name = f"{precision}_{level}"
            renamed = ("PyInit_engine", f"PyInit_{name}")
            built = ("FASTBP_BUILD_NAME", f'"{name}"')
            yield extension(
                f"fastbp._core.{name}", core.sources[0], level_flags, [*macros, renamed, built]
            )


class BuildEachApart(build_ext):
    """Gives each extension its own objects: six of them are made of the same C file."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extension(self, ext):
        apart = copy.copy(self)  # extensions are built at the same time
        apart.build_temp = os.path.join(self.build_temp, ext.name)
        super(BuildEachApart, apart).build_extension(ext)


setup(ext_modules=list(extensions()), cmdclass={"build_ext": BuildEachApart})
