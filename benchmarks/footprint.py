"""What fastbp weighs: import time over NumPy, and the size of its wheel.

    python benchmarks/footprint.py [--imports 21] [--wheel dist/fastbp-….whl]

Without --wheel one is built from the working tree.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
TIMED = """
import time, numpy
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""


def import_ms(module, repeats):
    """Median milliseconds of ``import module`` in a fresh process that has NumPy already.

    Byte code is cached, as it is for an installed package; the first import fills the cache.
    """
    with tempfile.TemporaryDirectory() as cache:
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-X", f"pycache_prefix={cache}", "-c"]
        command.append(TIMED.format(module=module))

        def once():
            done = subprocess.run(
                command, env=env, cwd=cache, check=True, capture_output=True, text=True
            )
            return 1e3 * float(done.stdout)

        once()
        return median(once() for _ in range(repeats))


def wheel_mb(wheel=None):
    """Megabytes of the given wheel, or of one built now."""
    if wheel is not None:
        return Path(wheel).stat().st_size / 1e6
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", folder, str(ROOT)]
        subprocess.run(command, check=True)
        return next(Path(folder).glob("*.whl")).stat().st_size / 1e6


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--imports", type=int, default=21, help="repetitions")
    parser.add_argument("--wheel", help="measure this file instead of building one")
    args = parser.parse_args(argv)
    ms = import_ms("fastbp", args.imports)
    print(f"import over NumPy: {ms:.1f} ms", flush=True)
    print(f"wheel: {wheel_mb(args.wheel):.2f} MB")


if __name__ == "__main__":
    main()
