"""Random circuits against JAX and CasADi; samples against single calls; sums against a loop."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_circuit_functions import ONE, TWO

from fastbp import circuit, circuits, variables

SAMPLES = 5
N_DATA, N_PARAMETERS = 2, 4


def checked(examples):
    # derandomize: the same circuits everywhere, so a failure is one that anybody can see again
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


def _scalar(function):
    return np.vectorize(function, otypes=[float])


NUMPY = SimpleNamespace(
    exp=np.exp, expm1=np.expm1, log=np.log, log1p=np.log1p, sqrt=np.sqrt, sin=np.sin, cos=np.cos,
    tan=np.tan, tanh=np.tanh, hypot=np.hypot, atan2=np.arctan2, minimum=np.minimum,
    maximum=np.maximum, where=np.where, absolute=np.abs, erf=_scalar(math.erf),
    sigmoid=lambda x: 1 / (1 + np.exp(-x)), softplus=lambda x: np.logaddexp(0, x),
    relu=lambda x: np.maximum(x, 0), arcsin=np.arcsin, arccos=np.arccos, arctan=np.arctan,
    arcsinh=np.arcsinh, arccosh=np.arccosh, arctanh=np.arctanh, logaddexp=np.logaddexp,
)  # fmt: skip


def always(*operands):
    return True


def apart(a, b, *others):
    """Not at a tie, nor so near that rounding decides."""
    return np.all(np.abs(a - b) > 1e-3)


# gate: (operands, where it is smooth and well conditioned, how it is written)
GATES = {
    "add": (2, always, lambda m, a, b: a + b),
    "subtract": (2, always, lambda m, a, b: a - b),
    "multiply": (2, always, lambda m, a, b: a * b),
    "divide": (2, lambda a, b: np.all(np.abs(b) > 0.2), lambda m, a, b: a / b),
    "negative": (1, always, lambda m, a: -a),
    "square": (1, always, lambda m, a: a**2),
    "cube": (1, always, lambda m, a: a**3),
    "fourth": (1, always, lambda m, a: a**4),
    "fifth": (1, always, lambda m, a: a**5),
    "reciprocal": (1, lambda a: np.all(np.abs(a) > 0.2), lambda m, a: a**-1),
    "minus third": (1, lambda a: np.all(np.abs(a) > 0.4), lambda m, a: a**-3),
    "root of power": (1, lambda a: np.all(a > 0.1), lambda m, a: a**0.5),
    "real power": (1, lambda a: np.all(a > 0.1), lambda m, a: a**-1.7),
    "power": (2, lambda a, b: np.all((a > 0.1) & (np.abs(b) < 4)), lambda m, a, b: a**b),
    "power of 2": (1, always, lambda m, a: 2.0**a),
    "absolute": (1, lambda a: apart(a, 0), lambda m, a: m.absolute(a)),
    "sqrt": (1, lambda a: np.all(a > 0.1), lambda m, a: m.sqrt(a)),
    "exp": (1, always, lambda m, a: m.exp(a)),
    "expm1": (1, always, lambda m, a: m.expm1(a)),
    "log": (1, lambda a: np.all(a > 0.1), lambda m, a: m.log(a)),
    "log1p": (1, lambda a: np.all(a > -0.8), lambda m, a: m.log1p(a)),
    "sin": (1, always, lambda m, a: m.sin(a)),
    "cos": (1, always, lambda m, a: m.cos(a)),
    "tan": (1, lambda a: np.all(np.abs(np.cos(a)) > 0.3), lambda m, a: m.tan(a)),
    "tanh": (1, always, lambda m, a: m.tanh(a)),
    "arcsin": (1, lambda a: np.all(np.abs(a) < 0.9), lambda m, a: m.arcsin(a)),
    "arccos": (1, lambda a: np.all(np.abs(a) < 0.9), lambda m, a: m.arccos(a)),
    "arctan": (1, always, lambda m, a: m.arctan(a)),
    "arcsinh": (1, always, lambda m, a: m.arcsinh(a)),
    "arccosh": (1, lambda a: np.all(a > 1.2), lambda m, a: m.arccosh(a)),
    "arctanh": (1, lambda a: np.all(np.abs(a) < 0.9), lambda m, a: m.arctanh(a)),
    "logaddexp": (2, always, lambda m, a, b: m.logaddexp(a, b)),
    "sigmoid": (1, always, lambda m, a: m.sigmoid(a)),
    "softplus": (1, always, lambda m, a: m.softplus(a)),
    "relu": (1, lambda a: apart(a, 0), lambda m, a: m.relu(a)),
    "erf": (1, always, lambda m, a: m.erf(a)),
    "hypot": (2, lambda a, b: np.all(np.hypot(a, b) > 0.1), lambda m, a, b: m.hypot(a, b)),
    "atan2": (2, lambda a, b: np.all((np.hypot(a, b) > 0.2) & ((b > 0) | (np.abs(a) > 1e-3))),
              lambda m, a, b: m.atan2(a, b)),
    "minimum": (2, apart, lambda m, a, b: m.minimum(a, b)),
    "maximum": (2, apart, lambda m, a, b: m.maximum(a, b)),
    "maximum of number": (1, lambda a: apart(a, 0.5), lambda m, a: m.maximum(0.5, a)),
    "less": (3, apart, lambda m, a, b, c: 1.0 * (a < b) * c),
    "less or equal": (3, apart, lambda m, a, b, c: c - 1.0 * (a <= b)),
    "greater": (3, apart, lambda m, a, b, c: c * (1.0 * (a > b))),
    "equal": (2, apart, lambda m, a, b: a * (1.0 * (a == b)) + b),
    "not equal": (2, apart, lambda m, a, b: a * (1.0 * (a != b))),
    "where": (4, apart, lambda m, a, b, c, d: m.where(a < b, c, d)),
    "multiply add": (3, always, lambda m, a, b, c: a * b + c),
    "scale": (1, always, lambda m, a: 0.25 * a - 1.5),
}  # fmt: skip


class Recipe:
    """A circuit that any library can build, and points at which it is smooth and of moderate size.

    A gate that would leave that region becomes a tanh of its first operand.
    """

    def __init__(self, gates, seed):
        rng = np.random.default_rng(seed)
        self.p = rng.uniform(-2, 2, N_PARAMETERS)
        self.data = rng.uniform(-2, 2, (N_DATA, SAMPLES))
        self.v = rng.uniform(-1, 1, N_PARAMETERS)
        self.steps = []
        values = [*self.p, *self.data, 0.75, -1.25]
        with np.errstate(all="ignore"):
            for name, places in gates:
                arity, fits, write = GATES[name]
                # from the end: the latest results are taken most often, so that depth grows
                chosen = [len(values) - 1 - place % len(values) for place in places[:arity]]
                operands = [values[place] for place in chosen]
                value = write(NUMPY, *operands) if fits(*operands) else np.nan
                if not np.all(np.abs(value) < 20):
                    name, chosen = "tanh", chosen[:1]
                    value = np.tanh(operands[0])
                self.steps.append((name, chosen))
                values.append(value)
        # In the end something of the data is added, so that every circuit has samples.
        n, first, x, y = len(values), 0, N_PARAMETERS, N_PARAMETERS + 1
        self.steps += [("multiply add", [first, x, y]), ("sin", [n]), ("add", [n - 1, n + 1])]

    def __repr__(self):
        return f"Recipe {self.steps} at p={self.p.tolist()}, data={self.data.tolist()}"

    def build(self, library, parameters, data):
        """Three results, beginning with the last one."""
        values = [*parameters, *data, 0.75, -1.25]
        for name, chosen in self.steps:
            values.append(GATES[name][2](library, *(values[place] for place in chosen)))
        return [values[-1], values[-4], values[-5]]

    def circuits(self):
        """(of the last result, of three)."""
        a, b, x, y = variables("a b x y")
        w = variables("w", 2)
        built = self.build(circuits, [a, w[0], w[1], b], [x, y])
        # whatever was not used is an input all the same
        wrt = [a, w, b]
        return circuit(built[0], wrt=wrt), circuit(built, wrt=wrt)

    def given(self, f, sample=slice(None)):
        """The data that a circuit has, by name."""
        return {name: self.data["xy".index(name)][sample] for name in f.data}


@st.composite
def recipes(draw, largest=14):
    places = st.lists(st.integers(0, 11), min_size=4, max_size=4)
    gates = draw(st.lists(st.tuples(st.sampled_from(sorted(GATES)), places), min_size=1,
                          max_size=largest))  # fmt: skip
    return Recipe(gates, draw(st.integers(0, 2**32)))


def close(got, want, scale=1.0):
    want = np.asarray(want, float)
    assert np.shape(got) == want.shape
    # a sum of large terms that cancel is known to their size
    size = max(scale, np.max(np.abs(want), initial=0.0))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10 * size)


def agree(recipe, value, jacobian, hessians):
    """Everything fastbp says against functions of (p, sample's data) of another library."""
    one, three = recipe.circuits()
    for i in (0, SAMPLES - 1):
        at, here, there = recipe.data[:, i], recipe.given(one, i), recipe.given(three, i)
        want, slopes, curvature = (g(recipe.p, at) for g in (value, jacobian, hessians))
        size = max(1.0, np.max(np.abs(slopes)), np.max(np.abs(curvature)))
        close(three(recipe.p, **there), want)
        close(three.jacobian(recipe.p, **there), slopes, size)
        result, gradient = one.value_and_gradient(recipe.p, **here)
        close(result, want[0])
        close(gradient, slopes[0], size)
        close(one.gradient(recipe.p, **here), slopes[0], size)
        close(one.hessian(recipe.p, **here), curvature, size)
        close(one.hessp(recipe.p, recipe.v, **here), curvature @ recipe.v, size)


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


def test_jax(jax):
    np_, special = jax.numpy, jax.scipy.special
    library = SimpleNamespace(
        exp=np_.exp, expm1=np_.expm1, log=np_.log, log1p=np_.log1p, sqrt=np_.sqrt, sin=np_.sin,
        cos=np_.cos, tan=np_.tan, tanh=np_.tanh, hypot=np_.hypot, atan2=np_.arctan2,
        minimum=np_.minimum, maximum=np_.maximum, where=np_.where, absolute=np_.abs,
        erf=special.erf, sigmoid=jax.nn.sigmoid, softplus=jax.nn.softplus, relu=jax.nn.relu,
        arcsin=np_.arcsin, arccos=np_.arccos, arctan=np_.arctan, arcsinh=np_.arcsinh,
        arccosh=np_.arccosh, arctanh=np_.arctanh, logaddexp=np_.logaddexp,
    )  # fmt: skip

    @checked(6)
    @given(recipes(10))
    def check(recipe):
        def outputs(p, data):
            return np_.stack([np_.asarray(x, float) for x in recipe.build(library, p, data)])

        def single(p, data):
            return outputs(p, data)[0]

        functions = (outputs, jax.jacrev(outputs), jax.hessian(single))
        together = jax.jit(lambda p, data: [f(p, data) for f in functions])
        agree(recipe, *(lambda p, data, k=k: together(p, data)[k] for k in range(3)))

    check()


def test_casadi():
    casadi = pytest.importorskip("casadi")
    library = SimpleNamespace(
        exp=casadi.exp, expm1=casadi.expm1, log=casadi.log, log1p=casadi.log1p, sqrt=casadi.sqrt,
        sin=casadi.sin, cos=casadi.cos, tan=casadi.tan, tanh=casadi.tanh, hypot=casadi.hypot,
        atan2=casadi.atan2, minimum=casadi.fmin, maximum=casadi.fmax, where=casadi.if_else,
        absolute=casadi.fabs, erf=casadi.erf, sigmoid=lambda x: 1 / (1 + casadi.exp(-x)),
        softplus=lambda x: casadi.log1p(casadi.exp(x)), relu=lambda x: casadi.fmax(x, 0),
        arcsin=casadi.asin, arccos=casadi.acos, arctan=casadi.atan, arcsinh=casadi.asinh,
        arccosh=casadi.acosh, arctanh=casadi.atanh,
        logaddexp=lambda x, y: y + casadi.log1p(casadi.exp(x - y)),
    )  # fmt: skip

    @checked(120)
    @given(recipes(25))
    def check(recipe):
        p, data = casadi.SX.sym("p", N_PARAMETERS), casadi.SX.sym("data", N_DATA)
        outputs = casadi.vertcat(
            *recipe.build(library, casadi.vertsplit(p), casadi.vertsplit(data))
        )
        f = casadi.Function(
            "f", [p, data],
            [outputs, casadi.jacobian(outputs, p), casadi.hessian(outputs[0], p)[0]],
        )  # fmt: skip

        def part(k, shape):
            return lambda p, at: np.asarray(f(p, at)[k].full()).reshape(shape)

        n = N_PARAMETERS
        agree(recipe, part(0, (-1,)), part(1, (-1, n)), part(2, (n, n)))

    check()


def numerically(f, p, data, step=1e-5):
    slopes = []
    for i in range(len(p)):
        moved = np.array([p, p])
        moved[:, i] += [step, -step]
        slopes.append((f(moved[0], **data) - f(moved[1], **data)) / (2 * step))
    return np.array(slopes)


@checked(60)
@given(recipes())
def test_numpy_and_differences(recipe):
    """Without a peer: the values by NumPy, the derivatives by differences."""
    one, three = recipe.circuits()
    want = np.array(
        [np.broadcast_to(x, SAMPLES) for x in recipe.build(NUMPY, recipe.p, recipe.data)]
    )
    for i in range(SAMPLES):
        data = recipe.given(three, i)
        np.testing.assert_allclose(three(recipe.p, **data), want[:, i], rtol=1e-9, atol=1e-12)
        here = recipe.given(one, i)
        H = one.hessian(recipe.p, **here)
        differences = numerically(one.gradient, recipe.p, here)
        size = 1 + np.max(np.abs(H))
        # a difference knows as much of a slope as the next derivatives let it
        if size < 1e3:
            np.testing.assert_allclose(differences, H, rtol=1e-3, atol=1e-3 * size)
        np.testing.assert_allclose(H, H.T, rtol=1e-9, atol=1e-11 * size)


# The same circuit by other ways


def same_bits(a, b):
    return np.asarray(a).shape == np.asarray(b).shape and np.asarray(a).tobytes() == (
        np.asarray(b).tobytes()
    )


@checked(60)
@given(recipes(), st.sampled_from([1, 2, 7, 63, 64, 65, 513, 700]))
def test_samples_have_the_bits_of_single_calls(recipe, m):
    one, three = recipe.circuits()
    p, v = recipe.p, recipe.v
    rng = np.random.default_rng(m)
    columns = rng.normal(size=(N_DATA, m)) * 2  # not smooth everywhere: bits are bits
    for f, kinds in (
        (one, ("", "value_and_gradient", "hessian", "hessp")),
        (three, ("", "jacobian")),
    ):
        data = {name: columns["xy".index(name)] for name in f.data}
        for kind in kinds if data else ():
            call = getattr(f, kind) if kind else f
            arguments = (p, v) if kind == "hessp" else (p,)
            rows = call(*arguments, **data)
            for i in {0, m // 2, m - 1}:
                alone = call(*arguments, **{name: float(x[i]) for name, x in data.items()})
                if kind == "value_and_gradient":
                    assert same_bits(rows[0][i], alone[0])
                    assert same_bits(rows[1][i], alone[1])
                else:
                    assert same_bits(rows[i], alone)


@checked(60)
@given(recipes(), st.sampled_from([1, 5, 64, 200]), st.booleans(), st.sampled_from(["mean", "sum"]))
def test_objectives_are_sums_over_samples(recipe, m, weighted, reduction):
    f = recipe.circuits()[0]
    data = recipe.given(f, np.arange(m) % SAMPLES)
    weights = np.random.default_rng(1).integers(0, 3, m).astype(float)
    weights[0] = 1
    objective = f.objective(data, reduction, weights if weighted else None)
    total, slope, product, largest = 0.0, 0.0, 0.0, 1.0
    for i in range(m):
        weight = weights[i] if weighted else 1.0
        if weight == 0:
            continue
        here = {name: float(x[i]) for name, x in data.items()}
        value, gradient = f.value_and_gradient(recipe.p, **here)
        H = f.hessian(recipe.p, **here)
        total += weight * value
        slope = slope + weight * gradient
        product = product + weight * (H @ recipe.v)
        largest = max(largest, *(np.max(np.abs(x)) for x in (value, gradient, H)))
    over = 1.0
    if reduction == "mean":
        over = weights.sum() if weighted else m
    tolerance = {"rtol": 1e-10, "atol": 1e-13 * largest * m}
    value, gradient = objective(recipe.p)
    np.testing.assert_allclose(value, total / over, **tolerance)
    np.testing.assert_allclose(gradient, slope / over, **tolerance)
    np.testing.assert_allclose(objective.cost(recipe.p), total / over, **tolerance)
    np.testing.assert_allclose(objective.hessp(recipe.p, recipe.v), product / over, **tolerance)


@checked(8)
@given(recipes(), st.sampled_from(["float64", "float32"]))
def test_the_number_of_threads_changes_no_bit(recipe, dtype):
    f = recipe.circuits()[0]
    columns = np.random.default_rng(0).normal(size=(N_DATA, 40_000))
    data = {name: columns["xy".index(name)] for name in f.data}
    weights = np.random.default_rng(1).uniform(size=40_000)

    def bits(n_threads):
        objective = f.objective(data, "mean", weights, n_threads, dtype)
        value, gradient = objective(recipe.p)
        product = objective.hessp(recipe.p, recipe.v)
        return np.concatenate([[value], gradient, product]).tobytes()

    alone = bits(1)
    assert [n for n in range(2, 9) if bits(n) != alone] == []


@checked(60)
@given(recipes())
def test_buffers_have_the_bits_of_calls(recipe):
    for f in recipe.circuits():
        n = int(np.prod(f.shape))
        p, value, slopes = recipe.p.copy(), np.empty(n), np.empty((n, N_PARAMETERS))
        data = {name: np.array([x]) for name, x in recipe.given(f, 0).items()}
        run = f.callable_into(p, value, slopes, **data)
        for i in range(2):
            for name, buffer in data.items():
                buffer[0] = recipe.data["xy".index(name)][i]
            run()
            here = recipe.given(f, i)
            assert same_bits(value.reshape(f.shape), np.asarray(f(p, **here)))
            assert same_bits(slopes.reshape(*f.shape, -1), f.jacobian(p, **here))


@checked(40)
@given(recipes())
def test_a_pickle_has_the_bits_of_its_circuit(recipe):
    import pickle

    for f in recipe.circuits():
        other = pickle.loads(pickle.dumps(f))
        here = recipe.given(f, 0)
        assert same_bits(other(recipe.p, **here), f(recipe.p, **here))
        # derivatives are made anew, of gates in another order perhaps
        np.testing.assert_allclose(
            other.jacobian(recipe.p, **here), f.jacobian(recipe.p, **here), rtol=1e-9, atol=1e-9
        )


def test_every_gate_is_among_the_random_circuits():
    """What the properties above say of all gates they say of those that they meet."""
    met = set()

    @checked(600)
    @given(recipes(25))
    def look(recipe):
        met.update(name for name, _ in recipe.steps)

    look()
    assert met == set(GATES)
    others = {
        "derivative",
        "dot",
        "logsumexp",
        "polygamma",
        "sum",
    }  # of no fixed number of operands
    written = {name for name in circuits.__all__ if name.islower()} - others
    compared = {*vars(NUMPY), *ONE, *TWO}
    assert written <= compared, "a function of fastbp.circuits is not compared with anything"
