"""The compiled part: one source, built once for each precision and CPU level.

Everything else about the package is in pyproject.toml. Cython runs once; the C it writes is
compiled into `fastbp._core.f64_v2 ... f32_v4`, which differ in compiler flags and module name.

A wheel may be installed anywhere, so it holds every level. What is built in place (`pip install
-e`, `setup.py build_ext --inplace`) is for this processor: its level alone, in half the time.

Environment: FASTBP_LEVELS="v3 v4" (these levels), "all" or "native"; FASTBP_BUILD=checked (Cython's
bounds checks on), profiled (symbols kept), sanitized (ASan and UBSan), races (TSan).
"""

import copy
import itertools
import os
import platform
import re
import shlex
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

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
LINK_FLAGS = ["-lm"]
LEVELS = {
    "v2": ["-march=x86-64-v2"],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
# What a compiler says of a processor that has a level, beside what the level below it has.
LEVEL_MACROS = {
    "v2": ("__SSE4_2__", "__POPCNT__"),
    "v3": ("__AVX2__", "__FMA__", "__BMI__", "__BMI2__", "__F16C__", "__LZCNT__", "__MOVBE__"),
    "v4": ("__AVX512F__", "__AVX512BW__", "__AVX512CD__", "__AVX512DQ__", "__AVX512VL__"),
}
PRECISIONS = {"f64": [], "f32": [("FASTBP_FLOAT32", "1")]}
BUILDS = {
    "checked": [],
    "profiled": ["-g"],
    "sanitized": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g"],
    "races": ["-fsanitize=thread", "-g", "-O1"],
}
build = os.environ.get("FASTBP_BUILD", "")
if build and build not in BUILDS:
    raise SystemExit(f"FASTBP_BUILD={build!r} is unknown; use {', '.join(BUILDS)} or leave it out")
FLAGS += BUILDS.get(build, ["-g0"])  # Python's own flags say -g, which makes most of a wheel
if build in ("sanitized", "races"):
    LINK_FLAGS += BUILDS[build]
if build == "checked":
    DIRECTIVES.update(boundscheck=True, wraparound=True, initializedcheck=True, cdivision=False)
if sys.platform != "darwin":
    LINK_FLAGS += ["-pthread"] if build in BUILDS else ["-pthread", "-Wl,--strip-all"]


def target_machine(target=None):
    """The machine that is built for, as Python names it: another than this one in a cross build."""
    target = target or sysconfig.get_platform()  # it knows _PYTHON_HOST_PLATFORM
    asked = re.findall(r"-arch\s+(\S+)", os.environ.get("ARCHFLAGS", ""))
    if len(asked) == 1:
        return asked[0]
    if target.endswith("universal2"):
        raise SystemExit(
            "fastbp is built for one machine at a time; set ARCHFLAGS='-arch "
            f"{platform.machine()}' and _PYTHON_HOST_PLATFORM="
            f"{target.replace('universal2', platform.machine())}"
        )
    return target.rpartition("-")[2]


def native_level(compiler):
    """The level of this processor; None if the compiler does not tell."""
    command = [*compiler, "-march=native", "-dM", "-E", "-x", "c", os.devnull]
    try:
        macros = set(subprocess.run(command, capture_output=True, text=True).stdout.split())
    except OSError:  # the build will say it better
        return None
    has = itertools.takewhile(lambda level: macros.issuperset(LEVEL_MACROS[level]), LEVELS)
    return [None, *has][-1]


def levels_of(machine, compiler, in_place):
    """The levels to build, with their flags."""
    levels = LEVELS if machine in ("x86_64", "amd64") else {"base": []}
    wanted = os.environ.get("FASTBP_LEVELS") or ("native" if in_place else "all")
    if wanted == "all" or (len(levels) == 1 and wanted == "native"):
        return levels
    if wanted == "native":
        native = native_level(compiler) if platform.machine() == machine else None
        return {native: levels[native]} if native else levels
    unknown = sorted(set(wanted.split()) - set(levels))
    if unknown:
        raise SystemExit(
            f"FASTBP_LEVELS names {', '.join(unknown)}; {machine} has {', '.join(levels)}, "
            "all and native"
        )
    return {level: levels[level] for level in wanted.split()}


def extension(name, source, flags=(), macros=()):
    return Extension(
        name,
        [str(SOURCE / source)],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"), *macros],
        extra_compile_args=[*FLAGS, *flags],
        extra_link_args=LINK_FLAGS,
        depends=[
            str(path) for path in sorted(SOURCE.rglob("*")) if path.suffix in (".h", ".pxd", ".pxi")
        ],
    )


ENGINE = extension("fastbp._core.engine", "core.pyx")
OTHERS = [  # what takes longest first
    extension("fastbp._recorder", "recorder.pyx"),
    extension("fastbp._memory", "memory.pyx"),
    extension("fastbp._threads", "threads.pyx"),
]


def engines(levels):
    for level, flags in levels.items():
        for precision, macros in PRECISIONS.items():
            name = f"{precision}_{level}"
            renamed = ("PyInit_engine", f"PyInit_{name}")
            built = ("FASTBP_BUILD_NAME", f'"{name}"')
            yield extension(f"fastbp._core.{name}", "core.pyx", flags, [*macros, renamed, built])


def home():
    """The address of the repository this is built from, or None: that of its remote `origin`."""
    if Path("PKG-INFO").exists():  # an sdist
        noted = re.search(
            r"^Project-URL: Source, (\S+)$", Path("PKG-INFO").read_text("utf-8"), re.M
        )
        return noted and noted[1]
    if not Path(".git").exists():
        return None
    command = ["git", "remote", "get-url", "origin"]
    try:
        origin = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return None
    address = r"(?:https://(?:[^/@]*@)?|(?:ssh://)?git@)([\w.-]+)[:/](.+?)(?:\.git)?/?"
    found = re.fullmatch(address, origin)
    return found and f"https://{found[1]}/{found[2]}"


def project_urls(home):
    if not home:
        return {}
    pages = {"Documentation": "docs/index.md", "Changelog": "CHANGELOG.md"}
    return {
        "Source": home,
        "Issues": f"{home}/issues",
        **{name: f"{home}/blob/HEAD/{page}" for name, page in pages.items()},
    }


def from_anywhere(page, home):
    """The page with links and pictures that lead to the repository, for a package index."""
    if not home:
        return page
    return re.sub(
        r"(!?)(\[[^\]]*\])\((?!\w+:|#)([^)\s]+)\)",
        lambda m: f"{m[1]}{m[2]}({home}/{'raw' if m[1] else 'blob'}/HEAD/{m[3]})",
        page,
    )


class BuildEngines(build_ext):
    """Makes of the one engine those of the levels, and says how far it is."""

    def finalize_options(self):
        in_place = self.inplace or self.editable_mode
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))
        levels = levels_of(target_machine(), compiler, in_place)
        self.distribution.ext_modules = [*engines(levels), *OTHERS]
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        self.finished = itertools.count(1)

    def run(self):
        import numpy
        from Cython.Build import cythonize

        self.include_dirs += [str(SOURCE), numpy.get_include()]
        self.tell(f"writing C, of which {len(self.extensions)} modules are compiled")
        written = {
            extension.name: extension.sources
            for extension in cythonize(
                [ENGINE, *OTHERS],
                build_dir="build/cython",
                include_path=[str(SOURCE), "."],
                compiler_directives=DIRECTIVES,
                quiet=True,
            )
        }
        for ext in self.extensions:
            ext.sources = written.get(ext.name) or written[ENGINE.name]
        super().run()

    def build_extension(self, ext):
        """Gives each extension its own objects: all engines are made of the same C file."""
        apart = copy.copy(self)  # extensions are built at the same time
        apart.build_temp = os.path.join(self.build_temp, ext.name)
        start = time.monotonic()
        super(BuildEngines, apart).build_extension(ext)
        took = f"{time.monotonic() - start:.0f} s"
        self.tell(f"{next(self.finished)} of {len(self.extensions)}: {ext.name}, {took}")

    def tell(self, message):
        print(f"fastbp: {message}", flush=True)


if __name__ == "__main__":
    setup(
        ext_modules=[ENGINE, *OTHERS],
        cmdclass={"build_ext": BuildEngines},
        project_urls=project_urls(home()),
        long_description=from_anywhere(Path("README.md").read_text("utf-8"), home()),
        long_description_content_type="text/markdown",
        verbose=0,  # compilers' commands would hide how far it is: `setup.py -v` shows them
    )
