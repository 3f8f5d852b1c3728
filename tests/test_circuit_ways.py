"""The same circuit, evaluated in other ways."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from recipes import (
    GATES,
    N_DATA,
    N_PARAMETERS,
    NUMPY,
    SAMPLES,
    checked,
    recipes,
)
from test_circuit_functions import ONE, TWO

from fastbp import circuits

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
