"""Print the worst deviation from the reference over the whole table, in units of relative error.

Usage, once for each CPU level:

    FASTBP_CPU=v3 python tests/accuracy.py
"""

from problems import DTYPES, TOLERANCE, Case, name_of, table

from fastbp._core import level


def main():
    for dtype in DTYPES:
        worst = max(
            (max(Case(**settings).deviations()), name_of(settings)) for settings in table(dtype)
        )
        print(f"{level()} {dtype}: {worst[0] * TOLERANCE[dtype][0]:.1e} in {worst[1]}", flush=True)


if __name__ == "__main__":
    main()
