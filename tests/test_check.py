"""check_gradient finds what is planted, names the place, and says so in its report."""

import numpy as np
import pytest
from planted import BUGS, Planted, failing, layer

from fastbp.check import BlockResult, GradientCheckError, GradientReport, check_gradient

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


def test_network_behind_bound_methods():
    """net.cost with net.gradient, and objective.fun with objective.jac, know their blocks."""
    objective = planted("slope left out", 1)
    report = check_gradient(objective.cost, objective.init(), objective.gradient)
    assert failing(report) == layer(1)
