"""The limit of differences as their step h·4^k goes to 0, and an error bar.

Where J is smooth, errors of differences are powers of h, which are taken off one by one (Romberg).
Where it has a slope but no curvature, as |x|^1.5 at 0, the power is unknown, and the ratio test
says where the differences go.
"""

from math import inf, isfinite

RATIO = 4.0
# A limit by the ratio test needs this many ratios of steps that follow each other, up to 4^7 apart.
RATIOS = 6

Row = dict[int, float]  # a difference, or what noise does to it, by k


def romberg(
    row: Row, noise: Row, powers: tuple[float, ...], gain: float
) -> dict[int, tuple[float, float]]:
    """For each step k the extrapolation with the smallest error bar, and that bar.

    `powers` are RATIO to the exponents of the error terms, in turn; `gain` is how many times the
    rounding noise of one J a difference carries.
    """
    found: dict[int, tuple[float, float]] = {}
    for power in powers:
        better = {k: row[k] + (row[k] - row[k + 1]) / (power - 1.0) for k in row if k + 1 in row}
        for k in better:
            if k + 1 not in better:
                continue
            # The change can be 0 by chance: the error is at least a hundredth of the correction.
            change = max(abs(better[k] - better[k + 1]), 0.01 * abs(better[k] - row[k]))
            error = change + gain * noise[k]
            if isfinite(error) and (k not in found or error < found[k][1]):
                found[k] = (better[k], error)
        row = better
    return found


def by_ratio(row: Row, noise: Row) -> tuple[float, float, float]:
    """(limit, error bar, how far the differences that show it have come); the bar is inf where
    nothing shows a limit.

    If every change c is q times that of the step above, low <= q <= high < 1, a difference lies
    q / (1 - q) times its change from the limit: the sum of a geometric series. The bar is what low,
    high and the noise of the changes leave open. Of windows of RATIOS ratios the one with the
    narrowest bar is taken, the longer ones only while they agree with those below. Differences that
    do not change, but for noise, are at their limit.
    """
    best = 0.0, inf, 0.0
    for k in sorted(row):
        window = range(k, k + RATIOS + 2)
        if not all(i in row and isfinite(row[i]) for i in window):
            continue
        changes = [row[i + 1] - row[i] for i in window[:-1]]
        bars = [noise[i + 1] + noise[i] for i in window[:-1]]
        if all(abs(c) <= bar for c, bar in zip(changes, bars, strict=True)):
            found = row[k], noise[k] + max(map(abs, changes)), 0.0
        else:
            low, high = _ratios(changes, bars)
            if not 0.0 < low <= high < 1.0:
                continue
            nearest, farthest = low / (1.0 - low), high / (1.0 - high)
            way = 0.5 * (nearest + farthest) * changes[0]
            error = 0.5 * (farthest - nearest) * abs(changes[0]) + farthest * bars[0] + noise[k]
            found = row[k] - way, error, abs(row[window[-1]] - row[k] + way)
        if abs(found[0] - best[0]) > found[1] + best[1]:
            break
        if found[1] < best[1]:
            best = found
    return best


def _ratios(changes: list[float], bars: list[float]) -> tuple[float, float]:
    """Between what the ratios of changes one after the other lie, where noise may be `bars`."""
    low, high = inf, -inf
    for i in range(len(changes) - 1):
        shorter, longer = changes[i], changes[i + 1]
        if abs(shorter) <= bars[i] or abs(longer) <= bars[i + 1] or shorter * longer <= 0.0:
            return -inf, inf
        low = min(low, (abs(shorter) - bars[i]) / (abs(longer) + bars[i + 1]))
        high = max(high, (abs(shorter) + bars[i]) / (abs(longer) - bars[i + 1]))
    return low, high
