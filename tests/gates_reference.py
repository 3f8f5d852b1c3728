"""What each gate computes, and what its slopes are: an independent reference in mpmath.

The slopes here are differences of the values at many digits, or written down by hand where a gate
has an edge; nothing is taken from the rules of the recorder.
"""

import itertools
import math

import numpy as np
from mpmath import mp, mpf

from fastbp import _recorder

GATES = _recorder.GATES
NUMBERS = {name: op for op, name in enumerate(GATES)}
INF, NAN = math.inf, math.nan


def _finite_only(f):
    return lambda x: f(x) if mp.isfinite(x) else mp.nan


def _below(lowest, at, f):
    """f, but nan below `lowest` and `at` there."""
    return lambda x: mp.nan if x < lowest else (at if x == lowest else f(x))


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x)) if x > 0 else mp.exp(x) / (1 + mp.exp(x))


def _sigmoid_slope(x):
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def _log1p(x):
    return mp.log1p(x) if mp.isfinite(x) else mp.inf


def _tanh(x):
    return mp.tanh(x) if mp.isfinite(x) else mp.sign(x)


def _within(lowest, highest, f):
    return lambda x: f(x) if lowest <= x <= highest else mp.nan


def _is_pole(x):
    """Of the gamma function; far below 0 every double is one."""
    return x <= 0 and mp.floor(x) == x


def _gammaln(x):
    if not mp.isfinite(x) or _is_pole(x):
        return mp.inf
    if x > 0:
        return mp.loggamma(x)
    return mp.log(mp.pi / abs(mp.sinpi(x))) - mp.loggamma(1 - x)


def _digamma(x):
    if x == 0 or x == mp.inf:
        return mp.inf if x else -mp.inf
    if x == -mp.inf or _is_pole(x):
        return mp.nan
    if x > 0:
        return mp.psi(0, x)
    return mp.psi(0, 1 - x) - mp.pi * mp.cospi(x) / mp.sinpi(x)


ONE = {
    "negative": lambda x: -x,
    "absolute": abs,
    "sqrt": _below(0, mpf(0), mp.sqrt),
    "exp": mp.exp,
    "expm1": lambda x: mp.expm1(x) if mp.isfinite(x) else mp.exp(x) - 1,
    "log": _below(0, -mp.inf, mp.log),
    "log1p": _below(-1, -mp.inf, _log1p),
    "sin": _finite_only(mp.sin),
    "cos": _finite_only(mp.cos),
    "tan": _finite_only(mp.tan),
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": lambda x: max(x, mpf(0)) + mp.log1p(mp.exp(-abs(x))),
    "relu": lambda x: max(x, mpf(0)),
    "erf": lambda x: mp.erf(x) if mp.isfinite(x) else mp.sign(x),
    "sign": mp.sign,
    "sigmoid_slope": _sigmoid_slope,
    "gaussian": lambda x: mp.exp(-x * x),
    "floor": lambda x: mp.floor(x) if mp.isfinite(x) else x,
    "round": lambda x: mp.nint(x) if mp.isfinite(x) else x,
    "arcsin": _within(-1, 1, mp.asin),
    "arccos": _within(-1, 1, mp.acos),
    "arcsinh": lambda x: mp.asinh(x) if mp.isfinite(x) else x,
    "arccosh": _within(1, mp.inf, lambda x: mp.acosh(x) if mp.isfinite(x) else x),
    "arctanh": _within(-1, 1, lambda x: mp.atanh(x) if abs(x) < 1 else x * mp.inf),
    "gammaln": _gammaln,
    "digamma": _digamma,
    "one_minus_square": lambda x: 1 - x * x,
}


def _power(a, b):
    if b == 0 or a == 1:
        return mpf(1)
    if mp.isnan(a) or mp.isnan(b):
        return mp.nan
    if not (mp.isfinite(a) and mp.isfinite(b)) or a == 0:
        with np.errstate(all="ignore"):
            return mpf(float(np.power(float(a), float(b))))
    if a < 0 and b != mp.floor(b):
        return mp.nan
    return mp.power(a, b)


def _divide(a, b):
    with np.errstate(all="ignore"):
        if b == 0 or not (mp.isfinite(a) and mp.isfinite(b)):
            top = mp.sign(a) if mp.isfinite(a) else a
            return mpf(float(np.divide(float(top), float(b))))
    return a / b


def _hypot(a, b):
    return mp.hypot(a, b) if mp.isfinite(a) and mp.isfinite(b) else mp.inf


def _atan2(a, b):
    return mp.atan2(a, b) if mp.isfinite(a) and mp.isfinite(b) else mpf(math.atan2(a, b))


def _mod(a, b):
    if b == 0 or not mp.isfinite(a) or not mp.isfinite(b):
        with np.errstate(all="ignore"):
            return mpf(float(np.remainder(float(a), float(b))))
    return a - b * mp.floor(a / b)


def _logaddexp(a, b):
    if a == b or not (mp.isfinite(a) and mp.isfinite(b)):
        return max(a, b) + (mp.log(2) if a == b else 0)
    return max(a, b) + mp.log1p(mp.exp(-abs(a - b)))


def _polygamma(n, x):
    """The order is an integer, to within the steps of differences."""
    order = mp.nint(n) if mp.isfinite(n) else mp.nan
    if not 1 <= order <= 170 or abs(n - order) > mpf("1e-40"):
        return mp.nan
    if x == mp.inf or x == -mp.inf:
        return mpf(0) if x > 0 else mp.nan
    n = int(order)
    if _is_pole(x):
        return mp.inf if n % 2 else -mp.inf
    return (-1) ** (n + 1) * mp.factorial(n) * mp.zeta(n + 1, x) if x > 0 else mp.psi(n, x)


TWO = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": _divide,
    "power": _power,
    "minimum": min,
    "maximum": max,
    "hypot": _hypot,
    "atan2": _atan2,
    "masked_multiply": lambda a, b: a * b,
    "masked_product": lambda a, b: a * b,
    "masked_divide": _divide,
    "mod": _mod,
    "logaddexp": _logaddexp,
    "polygamma": _polygamma,
}
COMPARISONS = {
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
}


# What a masked gate is otherwise.
UNMASKED = {
    "masked_multiply": "multiply",
    "masked_product": "multiply",
    "masked_divide": "divide",
    "masked_multiply_add": "multiply_add",
}
THREE = ("select", "multiply_add", "masked_multiply_add")
# What programs have and graphs have not.
FUSED = ("multiply_add", "masked_multiply_add")


def is_masked(name, operands):
    """Whether a masked gate shows nothing of the other operand."""
    return name in UNMASKED and (
        operands[0] == 0 or (name == "masked_product" and operands[1] == 0)
    )


def value(name, *operands):
    """The value of a gate of mpf operands, at the working precision; infinities and nan as IEEE."""
    if is_masked(name, operands):
        return operands[2] if name in FUSED else mpf(0)
    name = UNMASKED.get(name, name)
    if name == "select":
        return operands[1] if operands[0] != 0 else operands[2]
    if name == "multiply_add":
        return operands[0] * operands[1] + operands[2]
    if name in COMPARISONS:
        return mpf(int(COMPARISONS[name](*operands)))
    if name != "power" and any(map(mp.isnan, operands)):
        return mp.nan
    return ONE[name](*operands) if name in ONE else TWO[name](*operands)


def _nearest(x):
    """The double next to x; float() of mpmath rounds subnormal numbers twice."""
    if not mp.isfinite(x) or abs(x) > mpf(2) ** -1022:
        return float(x)
    return math.ldexp(float(mp.nint(mp.ldexp(x, 1074))), -1074)


_EXACT = {
    "negative": np.negative, "absolute": np.absolute, "add": np.add, "subtract": np.subtract,
    "multiply": np.multiply, "divide": np.divide, "minimum": np.minimum, "maximum": np.maximum,
    "floor": np.floor, "round": np.rint, "mod": np.remainder,
}  # fmt: skip


def in_doubles(op, a, b=0.0, c=0.0):
    """The gate as a perfect engine computes it: rounded once to double."""
    name = GATES[op]
    operands = (a, b, c)[: arity(name)]
    if is_masked(name, operands):
        return c if name in FUSED else 0.0
    name = UNMASKED.get(name, name)
    if name in _EXACT:  # mpmath has no -0
        with np.errstate(all="ignore"):
            return float(_EXACT[name](*operands))
    if name == "digamma" and a == 0:
        return -math.copysign(INF, a)
    if name == "polygamma" and b == 0 and a in range(1, 171):
        return INF if a % 2 else -math.copysign(INF, b)
    if name == "power" and (a == 0 or not math.isfinite(a)):
        with np.errstate(all="ignore"):
            return float(np.power(a, b))
    with mp.workdps(40):
        return _nearest(value(name, *map(mpf, operands)))


def in_mpmath(op, a, b=0, c=0):
    """The gate at the working precision."""
    name = GATES[op]
    return value(name, *(a, b, c)[: arity(name)])


def arity(name):
    return 1 if name in ONE else 3 if name in THREE else 2


def evaluate(graph, wanted, inputs, gate=in_doubles, number=float):
    """The values of the nodes `wanted` of a Graph, one gate after the other."""
    values = []
    given = iter(inputs)
    for op, operands, constant in graph.nodes():
        if GATES[op] == "input":
            values.append(number(next(given)))
        elif GATES[op] == "constant":
            values.append(number(constant))
        else:
            values.append(gate(op, *(values[x] for x in operands)))
    return [values[node] for node in wanted]


def run(program, inputs, gate=in_doubles):
    """The outputs of a Program, with the slots as the engine has them."""
    slots = [None] * program.n_slots
    n = program.n_uniform_inputs
    slots[:n] = inputs[:n]
    slots[n : n + len(program.constants)] = map(float, program.constants)
    slots[program.n_uniform_slots : program.n_uniform_slots + len(inputs) - n] = inputs[n:]
    for op, out, *operands in program.gates.tolist():
        slots[out] = gate(op, *(slots[x] for x in operands[: arity(GATES[op])]))
    return [slots[out] for out in program.outputs]


def slopes(f, point):
    """Value, gradient and Hessian of f at a finite point by central differences of 60 digits."""
    point = [mpf(x) for x in point]
    k = len(point)
    steps = [max(abs(x), mpf("1e-320")) * mpf("1e-60") for x in point]

    def at(*moves):
        moved = list(point)
        for i, sign in moves:
            moved[i] += sign * steps[i]
        return f(*moved)

    gradient = [(at((i, 1)) - at((i, -1))) / (2 * steps[i]) for i in range(k)]
    hessian = [[mpf(0)] * k for _ in range(k)]
    for i, j in itertools.product(range(k), repeat=2):
        if i == j:
            hessian[i][i] = (at((i, 1)) - 2 * at() + at((i, -1))) / steps[i] ** 2
        else:
            corners = at((i, 1), (j, 1)) + at((i, -1), (j, -1))
            hessian[i][j] = (corners - at((i, 1), (j, -1)) - at((i, -1), (j, 1))) / (
                4 * steps[i] * steps[j]
            )
    return at(), gradient, hessian
