"""Random first thetas: spread, zero biases, reproducible, and what a bad request gets."""

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
    ],
)
def test_bad_requests_say_what_is_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        WIDE.init(**arguments)
