"""Random first thetas: spread, zero biases, reproducible, and what a bad request gets."""

from functools import reduce

import numpy as np
import pytest

import fastbp
from fastbp.initializers import SCHEMES, SHORT_NAMES

WIDE = fastbp.mlp(400, 300, 200, hidden="sigmoid")
SPREADS = {  # standard deviation of a weight, from s_in and s_out
    "glorot": lambda s_in, s_out: np.sqrt(2 / (s_in + s_out)),
    "he": lambda s_in, s_out: np.sqrt(2 / s_in),
    "lecun": lambda s_in, s_out: np.sqrt(1 / s_in),
}


def layers_of(net, theta):
    return zip(net.layers, net.unpack(theta), strict=True)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_theta_is_float64_of_the_right_length_and_repeats_with_its_seed(scheme, dtype):
    net = fastbp.mlp(7, 5, 3, dtype=dtype)
    theta = net.init(seed=3, scheme=scheme)
    assert theta.dtype == np.float64
    assert theta.shape == (net.n_parameters,)
    assert np.array_equal(theta, net.init(seed=3, scheme=scheme))
    assert not np.array_equal(theta, net.init(seed=4, scheme=scheme))


def test_uniform_fills_plus_minus_epsilon_by_the_widths_of_each_layer_biases_included():
    theta = WIDE.init(seed=0)
    for layer, Theta in layers_of(WIDE, theta):
        epsilon = np.sqrt(6 / (layer.n_in + layer.n_out))
        assert np.abs(Theta).max() <= epsilon
        assert np.abs(Theta).max() > 0.999 * epsilon
        assert np.abs(Theta[:, 0]).max() > 0.9 * epsilon
        assert Theta.mean() == pytest.approx(0, abs=5 * epsilon / np.sqrt(3 * Theta.size))


def test_uniform_takes_a_given_epsilon():
    theta = WIDE.init(seed=0, epsilon=0.12)
    assert 0.1199 < theta.max() <= 0.12
    assert -0.12 <= theta.min() < -0.1199


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_weights_have_the_spread_of_their_formula_and_biases_are_zero(name, law):
    for layer, Theta in layers_of(WIDE, WIDE.init(seed=1, scheme=f"{name}_{law}")):
        weights, spread = Theta[:, 1:], SPREADS[name](layer.n_in, layer.n_out)
        assert not Theta[:, 0].any()
        assert weights.std() == pytest.approx(spread, rel=0.02)
        assert weights.mean() == pytest.approx(0, abs=5 * spread / np.sqrt(weights.size))
        if law == "uniform":
            assert 0.999 < np.abs(weights).max() / (np.sqrt(3) * spread) <= 1
        else:
            assert np.abs(weights).max() > 3 * spread


@pytest.mark.parametrize(("short", "full"), SHORT_NAMES.items())
def test_short_names_are_the_full_ones(short, full):
    assert np.array_equal(WIDE.init(seed=2, scheme=short), WIDE.init(seed=2, scheme=full))


def test_a_generator_is_used_and_moves_on():
    rng = np.random.default_rng(5)
    first, second = WIDE.init(rng), WIDE.init(rng)
    assert np.array_equal(first, WIDE.init(5))
    assert not np.array_equal(first, second)


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    WIDE.init()
    after = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    assert np.array_equal(before["key"], after["key"])
    assert before["pos"] == after["pos"]


def test_without_a_seed_two_draws_differ():
    assert not np.array_equal(WIDE.init(), WIDE.init())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scheme": "xavier"}, ValueError, "unknown scheme 'xavier'.*Known: uniform, glorot, he"),
        ({"scheme": "glorott"}, ValueError, "did you mean 'glorot'"),
        ({"scheme": 1}, TypeError, "scheme must be a name, got 1"),
        ({"scheme": "he", "epsilon": 0.1}, ValueError, "epsilon belongs to scheme='uniform'"),
        ({"epsilon": 0}, ValueError, "epsilon must be a finite number > 0, got 0"),
        ({"epsilon": np.inf}, ValueError, "epsilon must be a finite number > 0, got inf"),
        ({"epsilon": [0.1, 0.2]}, TypeError, r"epsilon must be one number > 0, got \[0.1, 0.2\]"),
        ({"seed": -1}, ValueError, "seed=-1 cannot start a random generator"),
        ({"seed": "abc"}, TypeError, "seed='abc' cannot start a random generator; expected None"),
        ({"seed": 0.12}, TypeError, r"seed=0.12 cannot .* \[-0.12, 0.12\] epsilon=0.12"),
    ],
)
def test_bad_requests_say_what_is_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        WIDE.init(**arguments)


def holding_itself():
    result = [1]
    result.append(result)
    return result


GOOD_SEEDS = {
    "an int": 5,
    "a long int": 2**300,
    "a NumPy int": np.int8(5),
    "a list": [3, 0, 2**100],
    "a tuple": (1, np.uint8(2)),
    "a range": range(4),
    "nothing": [],
    "int64": np.arange(4),
    "uint32": np.arange(4, dtype=np.uint32),
    "uint64": np.array([2**63, 1], np.uint64),
}
BAD_SEEDS = {
    "a matrix": np.ones((1, 3), int).view(np.matrix),  # NumPy's default_rng overflows its stack
    "a list that holds itself": holding_itself(),
    "a deep list": reduce(lambda deeper, _: [deeper], range(100000), 1),
    "lists in a list": [[1, 2], [3]],
    "an array of no dimension": np.array(5),
    "an array of rows": np.ones((2, 2), int),
    "an array of objects": np.array([holding_itself(), 1], object),
    "floats": [1.5],
    "an array of floats": np.ones(3),
    "a float of an array": np.array(5.0),
    "texts": ["1"],
    "bytes": b"x",
    "a set": {1},
    "a dictionary": {1: 2},
    "an iterator": iter([1]),
    "an object": object(),
    "a complex number": 1 + 2j,
    "nan": float("nan"),
    "negative in a list": [3, -1],
    "negative in an array": np.array([-1]),
    "negative and long": -(10**5000),
    "a type": int,
}


@pytest.mark.parametrize("name", GOOD_SEEDS)
def test_the_numbers_of_a_seed_are_those_of_numpy(name):
    seed, net = GOOD_SEEDS[name], fastbp.mlp(3, 1)
    expected = np.random.default_rng(seed).uniform(-1, 1, (1, 4)).ravel()
    assert np.array_equal(net.init(seed, epsilon=1), expected)


@pytest.mark.parametrize(
    "kind", [np.random.PCG64, np.random.SeedSequence, np.random.RandomState, np.random.Philox]
)
def test_what_numpy_makes_of_seeds_is_taken(kind):
    net = fastbp.mlp(3, 1)
    assert np.array_equal(net.init(kind(3)), net.init(kind(3)))


@pytest.mark.parametrize("name", BAD_SEEDS)
def test_no_seed_ends_the_process(name):
    with pytest.raises((TypeError, ValueError), match=r"^seed=.* cannot start a random") as caught:
        WIDE.init(BAD_SEEDS[name])
    assert len(str(caught.value)) < 300
    with pytest.raises(caught.type, match=r"^seed=.* cannot start a random"):
        fastbp.check_gradient(lambda t: (t @ t, 2 * t), np.ones(2), seed=BAD_SEEDS[name])
