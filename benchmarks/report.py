"""Write RESULTS.md: every measurement, with the machine and the versions it was made with.

    python benchmarks/report.py [--rounds 7] [--seconds 0.2] [--output benchmarks/RESULTS.md]

What limits the speed is in LIMITS.md. Takes about 25 minutes with all peers. Leave the machine
alone meanwhile.
"""

import argparse
import os
import platform
import sys
from datetime import date
from pathlib import Path

import calls
import circuits
import footprint
import memory
import network_or_circuit
import own_functions
import peers
import processor
import scaling
import training
from cases import CASES
from run import benchmark, peak_shares, summary, table

MEMORY_PEERS = ("fastbp", "numpy", "torch", "jax", "sklearn")


def processor_name():
    """The CPU's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def peaks(results):
    """What a BLAS product reached while the cases ran: {(dtype, threads): all rounds}."""
    found = {}
    for result in results:
        for key, values in result.peaks.items():
            found.setdefault(key, []).extend(values)
    return found


def compared(args, note, isa=None):
    """Results of all cases, and the versions of the libraries."""
    return benchmark(
        CASES,
        ("fastbp", *(name for name in peers.NAMES if not name.startswith("fastbp"))),
        (1, 2),
        args.rounds,
        args.seconds,
        show=lambda result: print(table(result, markdown=False), file=sys.stderr),
        note=note,
        isa=isa,
    )


def one_call(results):
    """Yield the tables of one comparison."""
    yield "\n".join(
        f"- NumPy's BLAS, {dtype}, threads: {threads}: {min(v):.0f}-{max(v):.0f} GFLOP/s"
        for (dtype, threads), v in sorted(peaks(results).items())
    )
    for threads in (2, 1):
        yield f"## One cost-and-gradient call, threads: {threads}, µs"
        yield summary(results, threads)
    yield "## Share of the multiply-add peak, and of the best peer's time"
    yield (
        "Operations of the products over time and over the peak of multiply-adds in registers that "
        "the same build reached in the same rounds; the best peer's time over fastbp's."
    )
    yield peak_shares(results)


def sections(args):
    """Yield the document piece by piece."""
    notes = []
    together, versions = compared(args, notes.append)
    yield f"# Measured on {date.today().isoformat()}"
    yield f"{processor_name()}, {os.cpu_count()} CPUs, {platform.system()}, Python " + ", ".join(
        [platform.python_version(), *(f"{name} {text}" for name, text in versions.items())]
    )
    yield from one_call(together)
    try:
        with_avx2, _ = compared(args, notes.append, isa="avx2")
    except processor.Unavailable as error:
        notes.append(str(error))
    else:
        yield "# The same on a processor with AVX2"
        yield (
            "Every library of these tables sees a processor without AVX-512 (`avx2_only.c`), and "
            "takes the kernels it has for one; the figures of BLAS show that it does."
        )
        yield from one_call(with_avx2)
    if notes:
        yield "\n".join(f"- {note}" for note in notes)
    yield "# The rest"
    yield "## From one thread to two"
    yield scaling.markdown(args.rounds, args.seconds)
    yield "## Memory beyond the data, 30-20-20-1 on a million samples"
    yield memory.markdown(MEMORY_PEERS, 2, notes.append)
    yield "## Training 64-25-10 on the digits, at most 200 L-BFGS-B iterations"
    yield training.markdown(args.rounds)
    yield "## Footprint"
    yield f"- import over NumPy: {footprint.import_ms('fastbp', 21):.1f} ms"
    yield f"- wheel: {footprint.wheel_mb():.2f} MB"
    yield "## Circuits, 1 thread"
    yield from circuits.sections(circuits.PARTS, circuits.NAMES, args.rounds, args.seconds)
    yield "## Circuits as activation or loss of a network, 1 thread"
    yield own_functions.markdown(args.rounds, args.seconds)
    yield "## The same network as a circuit, 1 thread"
    yield network_or_circuit.markdown(network_or_circuit.WIDTHS, args.rounds, args.seconds)
    yield "## Short calls, 1 thread"
    yield calls.markdown(200, 0.0006)
    yield "## Case by case"
    for result in together:
        yield table(result, markdown=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--output", default=Path(__file__).with_name("RESULTS.md"), type=Path)
    args = parser.parse_args(argv)
    text = "\n\n".join(part.strip() for part in sections(args)) + "\n"
    args.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
