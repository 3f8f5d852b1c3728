"""Objectives of some parameters, and gradients written to buffers."""

import tracemalloc

import numpy as np
import pytest
from composed import (
    NET,
    POINT,
    THETA,
    WEIGHTS,
    A,
    B,
    F,
    P,
    all_ways,
    same,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbp

# Frozen parameters


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=P, max_size=P).filter(lambda m: not all(m)))
def test_frozen_parameters_stay(mask):
    mask = np.array(mask)
    part = A.frozen(mask, THETA)
    free = THETA[~mask] + 0.1
    whole = THETA.copy()
    whole[~mask] = free
    J, D = A(whole)
    value, slope = all_ways(part, free)
    assert value == J
    assert np.array_equal(slope, D[~mask])
    assert np.array_equal(part.expand(free), whole)
    assert np.array_equal(part.reduce(part.expand(free)), free)
    assert part.n_parameters == np.count_nonzero(~mask)
    assert [*np.concatenate([b.indices for b in part.blocks()])] == [
        np.flatnonzero(~mask).tolist().index(i)
        for b in NET.blocks() for i in b.indices if not mask[i]
    ]  # fmt: skip


def test_blocks_are_frozen_by_name_and_as_they_are():
    first, bias, *_ = NET.blocks()
    mask = np.zeros(P, bool)
    mask[first.indices] = mask[bias.indices] = True
    expected = A.frozen(mask, THETA)
    for which in ([first, bias], ["layer 1 weights", bias], ("layer 1 weights", "layer 1 bias")):
        part = A.frozen(which, THETA)
        assert np.array_equal(part.free, expected.free)
    assert np.array_equal(A.frozen(first, THETA).free, A.frozen("layer 1 weights", THETA).free)
    assert [b.name for b in expected.blocks()] == ["layer 2 weights", "layer 2 bias"]
    assert not A.frozen(first).expand(np.ones(P - 12))[first.indices].any()


def test_variables_of_a_circuit_are_frozen_by_name():
    part = F.frozen("v", POINT)
    same(all_ways(part, POINT[2:]), F(POINT)[0], F(POINT)[1][2:])
    assert part(1.1)[0] == F(POINT)[0]
    assert [b.name for b in F.frozen("w").blocks()] == ["v"]


def test_what_cannot_be_frozen():
    for wrong in (np.zeros(P), [0, 1], np.zeros(3, bool), None, 5):
        with pytest.raises(TypeError, match="frozen takes a mask of 26 bools"):
            A.frozen(wrong)
    with pytest.raises(ValueError, match="did you mean 'layer 1 weights'"):
        A.frozen("layer 1 weight")
    with pytest.raises(ValueError, match="all 26 parameters are frozen"):
        A.frozen(NET.blocks())
    big = fastbp.mlp(30, 4, 2).blocks()[0]
    with pytest.raises(ValueError, match="has 26 parameters: take the blocks of its own network"):
        A.frozen(big)
    with pytest.raises(ValueError, match="theta has"):
        A.frozen("layer 1 bias", np.zeros(3))


# Buffers


@pytest.mark.parametrize("objective", [A, F, A + B, A.frozen("layer 1 bias", THETA)])
def test_into_writes_where_it_is_told(objective):
    n = objective.n_parameters
    theta = np.linspace(-1, 1, n)
    J, D = objective(theta)
    table = np.zeros((3, n))
    assert objective.into(theta, table[1]) == J
    assert np.array_equal(table, [0 * D, D, 0 * D])
    assert objective.into(theta.tolist(), table[2]) == J
    assert objective.into(theta, np.empty(0)) == pytest.approx(J, rel=1e-14)
    same_array = theta.copy()
    assert objective.into(same_array, same_array) == J
    assert np.array_equal(same_array, D)
    wrong = [np.zeros(n + 1), np.zeros(n, "f4"), np.zeros(2 * n)[::2], [0.0] * n, None,
             np.zeros((n, 1)), np.zeros(n).astype(">f8"), np.ma.zeros(n)]  # fmt: skip
    for out in wrong:
        with pytest.raises(TypeError, match=f"out must be a contiguous, writable ndarray of {n}"):
            objective.into(theta, out)
    read_only = np.zeros(n)
    read_only.flags.writeable = False
    with pytest.raises(TypeError, match=r"\(read-only\); np.empty"):
        objective.into(theta, read_only)
    with pytest.raises((TypeError, ValueError), match=r"(theta|p) has"):
        objective.into(theta[:-1], np.zeros(n))


def large_network():
    net = fastbp.mlp(200, 100, 1)
    return net.objective(np.ones((5, 200)), np.ones(5))


def large_circuit():
    w, x = fastbp.variables("w", 2000), fastbp.variable("x")
    return fastbp.circuit((np.sum(w * w) - x) ** 2, wrt=[w]).objective({"x": np.ones(3)})


@pytest.mark.parametrize("make", [large_network, large_circuit])
def test_into_allocates_nothing(make):
    objective = make()
    theta, out = np.ones(objective.n_parameters), np.empty(objective.n_parameters)
    J, D = objective(theta)
    tracemalloc.start()
    try:
        objective.into(theta, out)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert objective.into(theta, out) == J
        assert tracemalloc.get_traced_memory()[1] - before < out.nbytes / 4
    finally:
        tracemalloc.stop()
    assert np.array_equal(out, D)


def test_a_penalty_of_nothing_is_nothing_also_of_huge_weights():
    theta, signs = THETA.copy(), np.zeros(P)
    theta[1] = 1e200  # its square overflows
    signs[WEIGHTS] = np.sign(theta[WEIGHTS])
    J, D = A(theta)
    m = A.sample_weight.sum()
    same(A.with_penalty(l1=1.0)(theta), J + np.abs(theta[WEIGHTS]).sum() / m, D + signs / m)
    same(A.with_penalty()(theta), J, D)
    assert A.with_penalty(l2=1.0)(theta)[0] == np.inf  # and warns of nothing
    assert (1e300 * A)(1e10 * THETA)[0] >= 0


def test_nothing_of_an_objective_is_deleted():
    for objective in (A, A + B, A.with_penalty(l2=1.0)):
        with pytest.raises(AttributeError, match="cannot be deleted"):
            del objective.n_threads
