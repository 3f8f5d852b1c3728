"""Derives the coefficients of the elementary functions: ``python coefficients.py``.

Each polynomial is the minimax fit (Remez exchange, mpmath) of the function it stands for,
weighted so that the error is relative to the final result. Where the interval begins at 0,
coefficients are rounded from the lowest power up and the rest is fitted again after each rounding,
so that a rounding error is made up for by its successors. The last column printed is
the largest relative error, as a power of two.
"""

import mpmath as mp
import numpy as np

mp.mp.dps = 60
POINTS = 1500


def remez(f, weight, lo, hi, n):
    """n coefficients c minimising max |weight (f - sum c_k x^k)| on [lo, hi], and that maximum."""
    grid = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * k / POINTS) for k in range(POINTS + 1)]
    values = [(x, f(x), weight(x)) for x in grid if abs(x) > 1e-5 * hi]
    nodes = [round(k * (len(values) - 1) / n) for k in range(n + 1)]
    c = []
    for _ in range(40):
        system = mp.matrix(n + 1)
        right = mp.matrix(n + 1, 1)
        for row, node in enumerate(nodes):
            x, y, w = values[node]
            for k in range(n):
                system[row, k] = w * x**k
            system[row, n] = (-1) ** row
            right[row] = w * y
        solution = mp.lu_solve(system, right)
        c = [solution[k] for k in range(n)]
        error = [w * (y - mp.polyval(c[::-1], x)) for x, y, w in values]
        extremes = []  # the largest error of each run of one sign
        for k, e in enumerate(error):
            if extremes and (e > 0) == (error[extremes[-1]] > 0):
                if abs(e) > abs(error[extremes[-1]]):
                    extremes[-1] = k
            else:
                extremes.append(k)
        while len(extremes) > n + 1:
            end = 0 if abs(error[extremes[0]]) < abs(error[extremes[-1]]) else -1
            extremes.pop(end)
        worst = max(abs(e) for e in error)
        if len(extremes) < n + 1 or worst < abs(solution[n]) * mp.mpf("1.001"):
            break
        nodes = extremes
    return c, worst


def fit(name, f, weight, lo, hi, n, real):
    """Prints the n coefficients of one polynomial, rounded to the floating-point type ``real``."""
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    rounded = []
    if lo < 0:  # the powers above a fixed one are no Chebyshev system around 0: round all at once
        rounded = [mp.mpf(float(real(c))) for c in remez(f, weight, lo, hi, n)[0]]
    for k in range(len(rounded), n):

        def rest(x, k=k):
            done = mp.polyval(rounded[::-1], x) if rounded else mp.mpf(0)
            return (f(x) - done) / x**k

        c, _ = remez(rest, lambda x, k=k: weight(x) * abs(x) ** k, lo, hi, n - k)
        rounded.append(mp.mpf(float(real(c[0]))))
    grid = [lo + (hi - lo) * k / POINTS for k in range(POINTS + 1)]
    worst = max(abs(weight(x) * (f(x) - mp.polyval(rounded[::-1], x))) for x in grid)
    print(f"{name:12} {real.__name__}  2^{float(mp.log(worst, 2)):.1f}")
    for k, c in enumerate(rounded):
        print(f"    {k:2}  {float(c)!r}")


def parts(name, value, bits, n, real):
    """Prints value as a sum of n - 1 parts of ``bits`` bits each and a rest rounded to ``real``."""
    print(f"{name:12} {real.__name__}  {bits} bits")
    for k in range(n):
        p = mp.mpf(float(real(value)))
        if k < n - 1:
            unit = mp.mpf(2) ** (mp.floor(mp.log(abs(value), 2)) + 1 - bits)
            p = mp.nint(value / unit) * unit
        print(f"    {k:2}  {float(p)!r}")
        value -= p


def series(f, taylor):
    """f with its removable singularity at 0 filled by the Taylor coefficients given."""

    def filled(x):
        return f(x) if abs(x) > mp.mpf("1e-9") else mp.polyval(taylor[::-1], x)

    return filled


def exp_rest(r):
    return (mp.expm1(r) - r) / r**2


def tanh_rest(r):
    return (mp.expm1(2 * r) / 2 - r) / r**2


def log1p_rest(e):
    return (mp.log1p(e) - e) / e**2


def log_rest(z):
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def log_weight(z):
    return z / (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z)) if z else mp.mpf(0)


def pow_rest(z):
    return (log_rest(z) - mp.mpf(2) / 3) / z


def sin_rest(u):
    r = mp.sqrt(u)
    return (mp.sin(r) / r - 1) / u


def sin_weight(u):
    return u / (mp.sin(mp.sqrt(u)) / mp.sqrt(u)) if u else mp.mpf(0)


def cos_rest(u):
    return (mp.cos(mp.sqrt(u)) - 1 + u / 2) / u**2


def atan_rest(u):
    t = mp.sqrt(u)
    return (mp.atan(t) / t - 1) / u


def atan_weight(u):
    return u / (mp.atan(mp.sqrt(u)) / mp.sqrt(u)) if u else mp.mpf(0)


def erf_rest(u):
    x = mp.sqrt(u)
    return mp.erf(x) / x - 1


def erf_weight(u):
    return mp.sqrt(u) / mp.erf(mp.sqrt(u)) if u else mp.sqrt(mp.pi) / 2


def erfc_scaled(t):
    y = mp.mpf("2.5") * (1 + t) / (1 - t)
    return mp.erfc(y) * mp.exp(y * y) * (y + mp.mpf("2.5"))


MIDDLE = mp.mpf("1.732")  # of 1 and 3, for t = (x - MIDDLE) / (x + MIDDLE)


def middle(x):
    return (x - MIDDLE) / (x + MIDDLE)


def away_from(zeros, x):
    """x, but not so near to a zero that 0 / 0 would come up."""
    near = [zero for zero in zeros if abs(x - zero) < mp.mpf("1e-20")]
    return near[0] + mp.mpf("1e-25") if near else x


def gammaln_middle(t):
    x = away_from((1, 2), MIDDLE * (1 + t) / (1 - t))
    return mp.loggamma(x) / ((x - 1) * (x - 2))


def digamma_middle(t):
    root = mp.findroot(mp.digamma, 1.46)
    x = away_from((root,), MIDDLE * (1 + t) / (1 - t))
    return mp.digamma(x) / (x - root)


def stirling(w):
    if w < mp.mpf("1e-12"):
        return mp.mpf(1) / 12 - w / 360
    x = 1 / mp.sqrt(w)
    return x * (mp.loggamma(x) - (x - mp.mpf("0.5")) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def digamma_rest(w):
    if w < mp.mpf("1e-12"):
        return mp.mpf(1) / 12 - w / 120
    x = 1 / mp.sqrt(w)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / w


def main():
    sixth = mp.mpf(1) / 6
    exp_f = series(exp_rest, [mp.mpf(1) / 2, sixth, mp.mpf(1) / 24])
    exp_w = series(lambda r: r**2 / abs(mp.expm1(r)), [0, 1])
    tanh_f = series(tanh_rest, [mp.mpf(1), mp.mpf(2) / 3, mp.mpf(1) / 3])
    tanh_w = series(lambda r: 2 * r**2 / mp.expm1(2 * r), [0, 1])
    log1p_f = series(log1p_rest, [-mp.mpf(1) / 2, mp.mpf(1) / 3])
    log1p_w = series(lambda e: e**2 / mp.log1p(e), [0, 1])
    log_f = series(log_rest, [mp.mpf(2) / 3, mp.mpf(2) / 5])
    pow_f = series(pow_rest, [mp.mpf(2) / 5, mp.mpf(2) / 7])
    sin_f = series(sin_rest, [-sixth, mp.mpf(1) / 120])
    cos_f = series(cos_rest, [mp.mpf(1) / 24, -mp.mpf(1) / 720])
    atan_f = series(atan_rest, [-mp.mpf(1) / 3, mp.mpf(1) / 5])
    erf_f = series(erf_rest, [2 / mp.sqrt(mp.pi) - 1, -2 / mp.sqrt(mp.pi) / 3])
    half = mp.log(2) / 2 * mp.mpf("1.0001")
    log_end = (3 - 2 * mp.sqrt(2)) ** 2 * mp.mpf("1.0001")
    sin_end = (mp.pi / 4) ** 2 * mp.mpf("1.0001")

    for real, n in (np.float64, 10), (np.float32, 5):
        fit("exp", exp_f, lambda r: abs(exp_w(r)), -half, half, n, real)
    for real, n in (np.float64, 10), (np.float32, 5):
        fit("tanh", tanh_f, tanh_w, 0, half, n, real)
    for real, n in (np.float64, 7), (np.float32, 3):
        fit("log", log_f, log_weight, 0, log_end, n, real)
    for real, n in (np.float64, 7), (np.float32, 3):
        fit("pow", pow_f, lambda z: z * log_weight(z), 0, log_end, n, real)
    for real, n in (np.float64, 20), (np.float32, 9):
        fit("log1p", log1p_f, log1p_w, 0, 1, n, real)
    for real, n in (np.float64, 6), (np.float32, 3):
        fit("sin", sin_f, sin_weight, 0, sin_end, n, real)
        fit("cos", cos_f, lambda u: u**2 / mp.cos(mp.sqrt(u)), 0, sin_end, n, real)
    for real, n in (np.float64, 12), (np.float32, 6):
        fit("atan", atan_f, atan_weight, 0, mp.mpf("0.25"), n, real)
    for real, n in (np.float64, 13), (np.float32, 7):
        fit("erf", erf_f, erf_weight, 0, 1, n, real)
    for real, n, last in (np.float64, 21, "27.5"), (np.float32, 9, "10.2"):
        ends = [(y - mp.mpf("2.5")) / (y + mp.mpf("2.5")) for y in (mp.mpf("0.5"), mp.mpf(last))]
        fit("erfc", erfc_scaled, lambda t: 1 / erfc_scaled(t), *ends, n, real)
    ninth = mp.mpf(1) / 9 * mp.mpf("1.0001")
    for real, n in (np.float64, 20), (np.float32, 9):
        for name, f in ("gammaln", gammaln_middle), ("digamma", digamma_middle):
            fit(name, f, lambda t, f=f: 1 / abs(f(t)), middle(1), middle(3), n, real)
    for real, n in (np.float64, 11), (np.float32, 4):
        fit("stirling", stirling, lambda w: mp.mpf(1) / 40, 0, ninth, n, real)
    for real, n in (np.float64, 13), (np.float32, 4):
        fit("digamma", digamma_rest, lambda w: w, 0, ninth, n, real)
    parts("1/e", mp.exp(-1), 53, 2, np.float64)
    parts("1/e", mp.exp(-1), 24, 2, np.float32)
    parts("root", mp.findroot(mp.digamma, 1.46), 53, 2, np.float64)
    parts("root", mp.findroot(mp.digamma, 1.46), 24, 2, np.float32)
    parts("ln 2", mp.log(2), 42, 2, np.float64)
    parts("ln 2", mp.log(2), 15, 2, np.float32)
    parts("2/3", mp.mpf(2) / 3, 53, 2, np.float64)
    parts("2/3", mp.mpf(2) / 3, 24, 2, np.float32)
    parts("pi/4", mp.pi / 4, 50, 2, np.float64)
    parts("pi/4", mp.pi / 4, 21, 2, np.float32)
    parts("pi/2", mp.pi / 2, 33, 4, np.float64)
    parts("pi/2", mp.pi / 2, 13, 4, np.float32)


if __name__ == "__main__":
    main()
