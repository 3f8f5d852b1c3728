"""check_gradient finds what is planted, names the place, and raises no false alarm."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import ACTIVATIONS, BUGS, Planted

from fastbp.check import BlockResult, GradientCheckError, GradientReport, check_gradient


def failing(report):
    return {block.name for block in report.blocks if not block.passed}


def layer(*numbers):
    return {f"layer {n} {kind}" for n in numbers for kind in ("weights", "bias")}


ALL = layer(1, 2, 3)
WEIGHTS = {f"layer {n} weights" for n in (1, 2, 3)}
BIASES = {f"layer {n} bias" for n in (1, 2, 3)}

# bug, layer, what must fail, where the report must point, a word of its explanation
CASES = [
    ("lambda not divided by m", None, WEIGHTS, "layer 3", "weights blocks fail"),
    ("lambda not divided by m", 2, {"layer 2 weights"}, "layer 2", "* theta"),
    ("bias regularised", None, BIASES, "layer 3", "bias blocks fail"),
    ("bias regularised", 1, {"layer 1 bias"}, "layer 1", "* theta"),
    ("slope left out", 2, layer(1, 2), "layer 2", "g' of layer 2"),
    ("slope left out", 1, layer(1), "layer 1", "g' of layer 1"),
    ("slope at z instead of a", 2, layer(1, 2), "layer 2", "g' of layer 2"),
    ("slope at z instead of a", 1, layer(1), "layer 1", "g' of layer 1"),
    ("bias step summed over units", None, BIASES, "layer 3", "same for every unit"),
    ("bias step summed over units", 2, {"layer 2 bias"}, "layer 2", "same for every unit"),
    ("Delta not divided by m", None, ALL, "layer 3", "7 times"),
    ("Delta not divided by m", 1, layer(1), "layer 1", "7 times"),
    ("transposed Theta", 2, layer(1), "layer 1", "Theta of layer 2"),
    ("gradient transposed", 2, {"layer 2 weights"}, "layer 2", "transposed"),
    # the padding is zero, so that the weights of layer 1 never see it
    ("padding leaks", None, ALL - {"layer 1 weights"}, "layer 3", "layer 3"),
    ("padding leaks", 2, layer(2), "layer 2", "layer 2"),
    ("one wrong weight", None, {"layer 2 weights"}, "layer 2", "one entry of 16"),
    ("relative error 1e-5", 1, layer(1), "layer 1", "1.00001 times"),
    ("relative error 1e-5", 2, layer(2), "layer 2", "1.00001 times"),
    ("relative error 1e-5", 3, layer(3), "layer 3", "1.00001 times"),
]
assert {case[0] for case in CASES} == set(BUGS)


def planted(bug, where, **options):
    return Planted(5, 4, 4, 3, bug=bug, layer=where, index=31, **options)


@pytest.mark.parametrize("method", ["central", "complex"])
@pytest.mark.parametrize(("bug", "where", "wrong", "likely", "word"), CASES)
def test_finds_and_names_a_planted_bug(bug, where, wrong, likely, word, method):
    options = {"l2": 0.0} if bug.startswith("Delta") else {}
    objective = planted(bug, where, **options)
    report = check_gradient(objective, objective.init(), method=method)
    assert not report
    assert failing(report) == wrong
    assert report.likely
    assert all(name.startswith(likely) for name in report.likely)
    assert set(report.likely) <= wrong
    assert word in str(report)


@pytest.mark.parametrize("hidden", ["tanh", "softplus"])
@pytest.mark.parametrize("mode", [{"n_checks": 60}, {"directions": 4}])
@pytest.mark.parametrize(
    ("bug", "where", "wrong", "likely", "word"),
    [case for case in CASES if case[0] != "one wrong weight"],
)
def test_finds_it_by_sampling_too(bug, where, wrong, likely, word, mode, hidden):
    objective = planted(bug, where, hidden=hidden)
    report = check_gradient(objective, objective.init(), method="central", **mode)
    assert failing(report) == wrong
    assert all(name.startswith(likely) for name in report.likely)


@pytest.mark.parametrize("hidden", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("bug", ["slope left out", "Delta not divided by m", "transposed Theta"])
def test_finds_it_in_single_precision(bug, hidden):
    objective = planted(bug, 2, hidden=hidden, output="identity", dtype=np.float32)
    report = check_gradient(objective, objective.init())
    assert report.rtol == 1e-3
    top = 1 if bug == "transposed Theta" else 2  # the delta of layer 1 is the first to be wrong
    assert report.likely
    assert all(name.startswith(f"layer {top}") for name in report.likely)


def test_one_wrong_weight_among_100_000():
    wrong = 54_321
    objective = Planted(326, 300, 7, m=1, bug="one wrong weight", index=wrong, l2=0.0)
    assert objective.n_parameters > 100_000
    theta = objective.init()
    report = check_gradient(objective, theta, method="central")
    assert failing(report) == {"layer 1 weights"}
    assert report.indices[report.failed].tolist() == [wrong]
    row, column = divmod(wrong, 327)
    assert report.worst.worst_position == (row, column)
    assert f"[{row}, {column}]" in str(report)
    assert report.n_evaluations < 2.5 * objective.n_parameters
    objective.bug = None
    assert check_gradient(objective, theta, n_checks=200, method="central")


def test_directions_cost_nothing_per_parameter():
    counts = []
    for width in (5, 200):
        objective = Planted(width, 4, 3)
        report = check_gradient(objective, objective.init(), directions=3, method="central")
        assert report
        assert [block.n_checked for block in report.blocks] == [3] * 4
        counts.append(report.n_evaluations)
    assert max(counts) < 60


def test_full_check_takes_two_evaluations_per_parameter():
    objective = Planted(20, 15, 5)
    report = check_gradient(objective, objective.init(), method="central")
    assert report
    assert report.n_evaluations < 2.2 * objective.n_parameters + 50


@pytest.mark.parametrize("n_checks", [1, 6, 7, 20, 10_000])
def test_random_subset_covers_every_block(n_checks):
    objective = Planted(5, 4, 4, 3)
    report = check_gradient(objective, objective.init(), n_checks=n_checks)
    counts = [block.n_checked for block in report.blocks]
    assert min(counts) >= 1
    assert sum(counts) == min(max(n_checks, 6), objective.n_parameters)
    assert len(set(report.indices.tolist())) == report.indices.size
    again = check_gradient(objective, objective.init(), n_checks=n_checks)
    assert np.array_equal(report.indices, again.indices)


widths = st.lists(st.integers(1, 6), min_size=2, max_size=5)
seeds = st.integers(0, 2**31)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    widths, seeds, st.sampled_from(sorted(ACTIVATIONS)), st.sampled_from(["sigmoid", "identity"]),
    st.sampled_from([np.float64, np.float32]), st.integers(1, 20), st.sampled_from([0.0, 0.1, 3.0]),
    st.sampled_from(["auto", "central"]),
    st.sampled_from([{}, {"n_checks": 12}, {"directions": 2}]),
)  # fmt: skip
def test_no_false_alarm(widths, seed, hidden, output, dtype, m, l2, method, mode):
    objective = Planted(*widths, m=m, hidden=hidden, output=output, l2=l2, seed=seed, dtype=dtype)
    report = check_gradient(objective, objective.init(seed), method=method, seed=seed, **mode)
    assert report, str(report)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds, st.sampled_from(sorted(ACTIVATIONS)), st.sampled_from(["auto", "central"]))
def test_no_false_alarm_with_badly_scaled_parameters(seed, hidden, method):
    """Inputs from 1e-6 to 1e6, and weights that undo it (or do not)."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-6, 6, size=4)
    objective = Planted(4, 5, 3, hidden=hidden, output="identity", seed=seed, x_scale=scale)
    theta = objective.init(seed)
    if seed % 2:
        objective.unpack(theta)[0][:, 1:] /= scale
        objective.l2 = 0.0
    report = check_gradient(objective, theta, method=method)
    assert report, str(report)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds, st.floats(-8, 8), st.sampled_from([1.0, -1.0]))
def test_no_false_alarm_with_an_offset_in_the_cost(seed, exponent, sign):
    objective = Planted(3, 4, 2, seed=seed, offset=sign * 10.0**exponent)
    report = check_gradient(objective, objective.init(seed), method="central")
    assert report, str(report)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_finds_a_small_error_at_every_scale(scale, offset):
    """J = sum cos(x / s) at x of size s: each parameter as far from 1 as the next is near."""
    theta = scale * np.array([0.3, 1.1, -2.0])

    def cost(x):
        return np.cos(x / scale).sum() + offset

    def right(x):
        return -np.sin(x / scale) / scale

    assert check_gradient(cost, theta, right, method="central")
    wrong = check_gradient(cost, theta, lambda x: right(x) * [1, 1 + 1e-5, 1], method="central")
    assert wrong.indices[wrong.failed].tolist() == [1]


def test_vanishing_gradient_is_still_checked():
    """Layer 1 behind three saturated layers: slopes of 1e-7 beside a cost of 1."""
    options = {"l2": 0.0, "hidden": "sigmoid"}
    theta = Planted(3, 4, 4, 4, 2, **options).init(scale=0.1)
    good, bad = (
        Planted(3, 4, 4, 4, 2, bug=bug, layer=1, **options) for bug in (None, "relative error 1e-5")
    )
    assert np.max(np.abs(good.gradient(theta)[:16])) < 1e-5
    assert check_gradient(good, theta, method="central")
    assert failing(check_gradient(bad, theta, method="central")) == layer(1)


def slopes(value):
    return lambda x: np.array([value, 2 * x[1]])


def kinked(x):
    return 3 * max(x[0], 0.0) - 1 * min(x[0], 0.0) + x[1] ** 2  # slopes -1 and 3 at 0


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0, 2.5, 3.0])
def test_kink_is_reported_and_passes(slope):
    report = check_gradient(kinked, [0.0, 1.0], slopes(slope), method="central")
    assert report
    assert report.blocks[0].verdict == "kink"
    assert report.blocks[0].n_kinks == 1
    (kink,) = report.kinks
    assert (kink.index, kink.gradient) == (0, slope)
    assert kink.left == pytest.approx(-1, abs=1e-8)
    assert kink.right == pytest.approx(3, abs=1e-8)
    assert "1 of 2 at a kink" in str(report)


@pytest.mark.parametrize("slope", [-1.001, 3.001, 10.0, -np.inf])
def test_wrong_gradient_at_a_kink_fails(slope):
    assert not check_gradient(kinked, [0.0, 1.0], slopes(slope), method="central")


@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_kink_beside_theta_is_stepped_around(distance, side):
    theta = [side * distance, 1.0]
    assert check_gradient(kinked, theta, slopes(3.0 if side > 0 else -1.0), method="central")
    assert not check_gradient(kinked, theta, slopes(3.0 if side < 0 else -1.0), method="central")
    assert not check_gradient(kinked, theta, slopes(1.0), method="central")


def test_relu_network_at_its_kinks():
    """Zero inputs and zero biases put every hidden unit of one sample exactly at its kink."""
    objective = Planted(3, 4, 2, hidden="relu", output="identity", l2=0.0)
    objective.X[2] = 0.0
    theta = objective.init()
    objective.unpack(theta)[0][:, 0] = 0.0
    report = check_gradient(objective, theta)
    assert report
    assert {kink.block for kink in report.kinks} == {"layer 1 bias"}
    bug = Planted(3, 4, 2, hidden="relu", output="identity", l2=0.0, bug="slope left out", layer=1)
    bug.X[2] = 0.0
    assert not check_gradient(bug, theta)


def rosenbrock(x, a=100.0):
    return a * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def rosenbrock_gradient(x, a=100.0):
    return np.array(
        [-4 * a * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 2 * a * (x[1] - x[0] ** 2)]
    )


@pytest.mark.parametrize("theta", [[1.2, -0.3], np.array([3, 2]), np.float32([0.1, 5.0])])
def test_plain_functions_of_every_style(theta):
    for report in (
        check_gradient(rosenbrock, theta, rosenbrock_gradient),
        check_gradient(rosenbrock, theta, rosenbrock_gradient, args=(7.0,)),
        check_gradient(lambda x: (rosenbrock(x), rosenbrock_gradient(x)), theta),
        check_gradient(lambda x: (rosenbrock(x), rosenbrock_gradient(x)), theta, jac=True),
        check_gradient(lambda x: np.array(rosenbrock(x)), theta, rosenbrock_gradient),
        check_gradient(lambda x: np.array([rosenbrock(x)]), theta, rosenbrock_gradient),
    ):
        assert report
        assert [block.name for block in report.blocks] == ["theta"]
        assert report.blocks[0].shape == (2,)
    assert not check_gradient(rosenbrock, theta, rosenbrock_gradient, args=(7.0,)).problems
    assert not check_gradient(lambda x: rosenbrock(x, 7.0), theta, rosenbrock_gradient)


def test_scalar_theta_integer_cost_and_a_constant():
    assert check_gradient(lambda x: 3, 2.0, lambda x: np.zeros(1))
    assert not check_gradient(lambda x: 3, 2.0, lambda x: np.ones(1))
    assert check_gradient(lambda x: float(x[0] ** 2), 2.0, lambda x: 2 * x)
    assert check_gradient(lambda x: 0.5 * x @ x, [1.0, 2.0], lambda x: x)  # D is theta itself


def test_given_blocks():
    blocks = {"a": slice(0, 2), "b": [2], "c": np.array([False] * 3 + [True] * 2)}

    def cost(x):
        return (x**3).sum()

    report = check_gradient(cost, np.arange(1.0, 6), lambda x: 3 * x**2, blocks=blocks)
    assert report
    assert [block.name for block in report.blocks] == ["a", "b", "c"]
    assert [block.n_parameters for block in report.blocks] == [2, 1, 2]
    wrong = check_gradient(
        cost, np.arange(1.0, 6), lambda x: 3 * x**2 + [0, 0, 0, 0, 1], blocks=blocks
    )
    assert wrong.likely == ("c",)
    assert wrong.worst.worst_position == (4,)


def test_complex_step_is_used_where_it_works():
    theta = [1.2, -0.3]
    assert check_gradient(rosenbrock, theta, rosenbrock_gradient).method == "complex"
    report = check_gradient(rosenbrock, theta, rosenbrock_gradient, method="central")
    assert report.method == "central"
    exact = check_gradient(rosenbrock, theta, rosenbrock_gradient, method="complex")
    assert exact.max_relative_error < 1e-14


@pytest.mark.parametrize(
    "cost",
    [
        lambda x: float(np.exp(x).real.sum()),  # drops the imaginary part
        lambda x: np.abs(np.exp(x)).sum(),
        lambda x: np.exp(np.asarray(x, dtype=float)).sum(),  # refuses, or warns
        lambda x: sum(math.exp(t) for t in x),
        lambda x: np.exp(x[0]) + np.abs(np.exp(x[1])),  # complex, but wrong
    ],
)
def test_complex_step_is_not_used_where_it_does_not(cost):
    report = check_gradient(cost, [0.3, -0.2], np.exp)
    assert report
    assert report.method == "central"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        assert check_gradient(cost, [0.3, -0.2], np.exp, method="complex")


def good(x):
    return (x**2).sum()


def test_theta_is_never_changed():
    theta = np.array([1.0, 2.0])
    theta.flags.writeable = False
    assert check_gradient(good, theta, lambda x: 2 * x)
    assert theta.tolist() == [1.0, 2.0]


def test_reused_gradient_buffer_fails():
    buffer = np.empty(3)

    def gradient(x):
        return np.multiply(2, x, out=buffer)

    report = check_gradient(good, [1.0, 2.0, 3.0], gradient)
    assert not report
    assert not failing(report)
    assert "fresh array" in report.problems[0]
    views = check_gradient(good, [1.0, 2.0, 3.0], lambda x: gradient(x)[:])
    assert "fresh array" in views.problems[0]


def test_changed_theta_fails_and_is_survived():
    def cost(x):
        value = (x**2).sum()
        x *= 2
        return value

    report = check_gradient(cost, [1.0, 2.0], lambda x: 2 * x)
    assert "changes the theta" in report.problems[0]

    def pair(x):
        D = 2 * x
        value = (x**2).sum()
        x += 1
        return value, D

    report = check_gradient(pair, [1.0, 2.0])
    assert len(report.problems) == 1
    assert "changes the theta" in report.problems[0]
    assert not failing(report)


def test_function_that_remembers_theta_by_reference_is_checked_rightly():
    class Memo:
        x = value = None

        def __call__(self, x):
            if self.x is None or not np.array_equal(self.x, x):
                self.x, self.value = x, (x**2).sum()  # keeps the caller's array
            return self.value

    assert check_gradient(Memo(), [1.0, 2.0], lambda x: 2 * x, method="central")
    assert not check_gradient(Memo(), [1.0, 2.0], lambda x: 2.1 * x, method="central")


def test_random_cost_fails():
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: good(x) + rng.normal(), [1.0, 2.0], lambda x: 2 * x)
    assert "not repeatable" in report.problems[0]
    report = check_gradient(good, [1.0, 2.0], lambda x: 2 * x + rng.normal())
    assert "gradient is not repeatable" in report.problems[0]


@pytest.mark.parametrize(
    ("gradient", "word"),
    [
        (lambda x: np.ones(4), "shape (4,), theta has shape (3,)"),
        (lambda x: (2 * x)[:, None], "shape (3, 1)"),
        (lambda x: (2 * x).astype(np.float32), "float32, expected float64"),
        (lambda x: (2 * x).astype(int), "int64, expected float64"),
        (lambda x: 2 * x + 0j, "complex128"),
        (lambda x: 2 * x + [0, np.nan, 0], "1 of 3 entries, first nan at index 1"),
        (lambda x: 2 * x + [np.inf, 0, np.nan], "2 of 3 entries, first inf at index 0"),
    ],
)
def test_gradients_that_are_no_gradients(gradient, word):
    report = check_gradient(good, [1.0, 2.0, 3.0], gradient)
    assert not report
    assert word in " ".join(report.problems)
    assert word in str(report)
    with pytest.raises(GradientCheckError):
        report.raise_if_failed()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_cost_that_is_not_finite(value):
    report = check_gradient(lambda x: value, [1.0], lambda x: x)
    assert not report
    assert f"the cost at theta is {value}" in str(report)
    assert math.isnan(report.max_relative_error)


def test_domain_with_an_edge():
    def cost(x):
        return math.log(x[0]) + x[1]  # raises ValueError below 0

    def gradient(x):
        return np.array([1 / x[0], 1.0])

    assert check_gradient(cost, [1e-7, 1.0], gradient)
    assert not check_gradient(cost, [1e-7, 1.0], lambda x: gradient(x) * [1.0001, 1.0])

    def one_sided(x):
        return math.sqrt(1 + x[0]) if x[0] >= 0 else math.nan

    assert check_gradient(one_sided, [0.0], lambda x: np.array([0.5]))
    assert not check_gradient(one_sided, [0.0], lambda x: np.array([0.51]))


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ((3, [1.0]), TypeError, "fun must be callable"),
        ((good, [1.0], 3), TypeError, "jac must be a callable"),
        ((good, [1.0]), TypeError, r"\(cost, gradient\) was expected"),
        ((lambda x: (1.0, x), [1.0], lambda x: x), TypeError, "returned a tuple although"),
        ((lambda x: x, [1.0, 2.0], lambda x: x), TypeError, "must be one number"),
        ((lambda x: "a", [1.0, 2.0], lambda x: x), TypeError, "must be one number"),
        ((lambda x: 1j, [1.0, 2.0], lambda x: x), TypeError, "complex cost"),
        ((good, np.ones((2, 2)), lambda x: x), ValueError, r"shape \(2, 2\)"),
        ((good, [], lambda x: x), ValueError, "at least one parameter"),
        ((good, [1.0, np.nan], lambda x: x), ValueError, r"theta\[1\] = nan"),
        ((good, [1j], lambda x: x), TypeError, "complex128"),
        ((good, ["a"], lambda x: x), TypeError, "real numbers"),
    ],
)
def test_bad_arguments(arguments, error, word):
    with pytest.raises(error, match=word):
        check_gradient(*arguments)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"method": "forward"}, "auto, central, complex"),
        ({"n_checks": 0}, "n_checks must be a whole number"),
        ({"directions": 1.5}, "directions must be a whole number"),
        ({"n_checks": 1, "directions": 1}, "not both"),
        ({"rtol": 0.0}, "rtol"),
        ({"atol": -1.0}, "atol"),
        ({"step": 2.0}, "step"),
        ({"blocks": {}}, "blocks is empty"),
        ({"blocks": {"a": []}}, "holds no parameter"),
        ({"blocks": {"a": [7]}}, "does not index"),
    ],
)
def test_bad_options(options, word):
    with pytest.raises(ValueError, match=word):
        check_gradient(good, [1.0, 2.0], lambda x: 2 * x, **options)


def test_theta_of_the_wrong_length_for_the_network():
    objective = Planted(3, 2)
    with pytest.raises(ValueError, match="9 parameters, but the network has 8"):
        check_gradient(objective, np.ones(9))


def test_report():
    objective = planted("slope left out", 2)
    report = check_gradient(objective, objective.init(), method="central")
    assert isinstance(report, GradientReport)
    assert all(isinstance(block, BlockResult) for block in report.blocks)
    assert report.passed is False
    assert bool(report) is False
    text = str(report)
    assert repr(report) == text
    assert text.startswith("Gradient check FAILED in 4 of 6 blocks (central differences")
    assert [line.split("  ")[0] for line in text.splitlines()[3:9]] == [
        block.name for block in report.blocks
    ]
    assert [line.split()[-1] for line in text.splitlines()[3:9]] == ["FAIL"] * 4 + ["ok"] * 2
    with pytest.raises(GradientCheckError, match="layer 2 weights") as caught:
        report.raise_if_failed()
    assert isinstance(caught.value, AssertionError)
    html = report._repr_html_()
    assert html.count("<tr>") == 7
    assert "g&#x27; of layer 2" in html
    n = objective.n_parameters
    assert report.gradient.shape == report.numerical.shape == report.indices.shape == (n,)
    assert np.array_equal(report.gradient, objective.gradient(objective.init())[report.indices])
    assert np.allclose(
        report.numerical, planted(None, 2).gradient(objective.init())[report.indices], atol=1e-9
    )
    assert report.max_relative_error == report.worst.max_relative_error > 0.1

    fine = check_gradient(planted(None, 2), objective.init())
    fine.raise_if_failed()
    assert fine.max_relative_error < 1e-6
    assert fine.likely == ()
    assert fine.advice == ""
    assert all(block.verdict == "ok" for block in fine.blocks)


def test_worst_index_and_position_agree():
    for index in (0, 3, 24, 30, 43):
        objective = Planted(5, 4, 4, 3, bug="one wrong weight", index=index)
        report = check_gradient(objective, objective.init())
        assert report.worst.worst_index == index
        start, columns = (0, 6) if index < 24 else (24, 5)
        row, column = divmod(index - start, columns)
        assert report.worst.worst_position == (row, column)
        assert report.worst.kind == ("weights" if column else "bias")
        assert f"at [{row}, {column}]" in str(report)


def test_noise_that_hides_the_gradient_is_admitted():
    report = check_gradient(
        lambda x: 1e12 + x.sum() * 1e-9, [1.0, 2.0], lambda x: np.full(2, 1e-9), method="central"
    )
    assert report
    assert report.blocks[0].n_unclear == 2
    assert "2 of 2 slopes are too small to be seen above the noise" in str(report)


def test_network_behind_bound_methods():
    """net.cost with net.gradient, and objective.fun with objective.jac, know their blocks."""
    objective = planted("slope left out", 1)
    report = check_gradient(objective.cost, objective.init(), objective.gradient)
    assert failing(report) == layer(1)
