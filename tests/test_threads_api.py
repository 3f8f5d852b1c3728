"""The number of threads: who decides it, and what a bad one gets."""

import asyncio
import contextvars
import os
import threading
import warnings
from itertools import permutations

import numpy as np
import pytest

import fastbp
from fastbp import threads

NET = fastbp.mlp(2, 1)
DATA = (np.ones((4, 2)), np.ones(4))


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No number set: not by the program, not by the environment, and none remembered."""
    monkeypatch.setattr(threads, "_process", None)
    monkeypatch.setattr(threads, "_default", None)
    monkeypatch.delenv("FASTBP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def n_threads_of(n_threads=None):
    return NET.objective(*DATA, n_threads=n_threads).n_threads


# Who decides


def test_each_source_goes_before_the_next(monkeypatch):
    monkeypatch.setattr(threads, "affinity", lambda: 64)
    monkeypatch.setattr(threads, "cgroup_quota", lambda: None)
    cases = [
        (lambda: None, 64, "CPUs this process may use"),
        (lambda: monkeypatch.setattr(threads, "cgroup_quota", lambda: 7.5), 7, "quota of 7.5"),
        (lambda: monkeypatch.setenv("OMP_NUM_THREADS", "6"), 6, "OMP_NUM_THREADS"),
        (lambda: monkeypatch.setenv("FASTBP_NUM_THREADS", "5"), 5, "FASTBP_NUM_THREADS"),
        (lambda: fastbp.set_num_threads(4), 4, "set_num_threads"),
    ]  # fmt: skip
    for change, expected, reason in cases:
        change()
        monkeypatch.setattr(threads, "_default", None)
        assert fastbp.get_num_threads() == expected
        assert reason in threads.explain()[1]
        assert n_threads_of() == expected
    with fastbp.num_threads(3) as n:
        assert n == fastbp.get_num_threads() == n_threads_of() == 3
        assert n_threads_of(2) == 2
    assert fastbp.get_num_threads() == 4


def test_an_objective_keeps_the_number_it_was_bound_with():
    with fastbp.num_threads(3):
        objective = NET.objective(*DATA)
    fastbp.set_num_threads(2)
    assert objective.n_threads == 3


def test_blocks_nest_and_restore_after_an_error():
    fastbp.set_num_threads(2)
    with fastbp.num_threads(3):
        with pytest.raises(ValueError, match="theta"), fastbp.num_threads(5):
            NET.cost([fastbp.get_num_threads()], *DATA)
        assert fastbp.get_num_threads() == 3
    assert fastbp.get_num_threads() == 2


def test_a_block_belongs_to_its_thread_and_a_set_number_to_all():
    fastbp.set_num_threads(2)
    entered, leave, seen = threading.Event(), threading.Event(), []

    def other():
        with fastbp.num_threads(7):
            entered.set()
            leave.wait(10)
            seen.append(fastbp.get_num_threads())
        seen.append(fastbp.get_num_threads())

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10)
    with fastbp.num_threads(5):
        assert fastbp.get_num_threads() == 5
    assert fastbp.get_num_threads() == 2
    leave.set()
    thread.join()
    assert seen == [7, 2]
    assert fastbp.get_num_threads() == 2


# Coroutines: blocks that overlap


def test_blocks_that_overlap_in_one_thread_end_in_any_order():
    def block(n):
        with fastbp.num_threads(n):
            yield

    fastbp.set_num_threads(2)
    for order in permutations(range(3)):
        blocks = [block(n) for n in (3, 5, 7)]
        for each in blocks:
            next(each)
        left = [3, 5, 7]
        for i in order:
            assert fastbp.get_num_threads() == left[-1]
            blocks[i].close()
            left.remove((3, 5, 7)[i])
        assert fastbp.get_num_threads() == 2


def test_blocks_of_tasks_do_not_see_one_another():
    seen = []

    async def task(n, first, second):
        await asyncio.sleep(first)
        with fastbp.num_threads(n):
            seen.append(fastbp.get_num_threads() == n)
            await asyncio.sleep(second)
            seen.append(fastbp.get_num_threads() == n)
        seen.append(fastbp.get_num_threads() == 2)

    async def main():
        await asyncio.gather(task(3, 0, 0.03), task(5, 0.01, 0), task(7, 0.01, 0.04))
        return fastbp.get_num_threads()

    fastbp.set_num_threads(2)
    assert asyncio.run(main()) == fastbp.get_num_threads() == 2
    assert seen == [True] * 9


def test_tasks_started_in_a_block_have_it_until_it_ends():
    async def child(ended):
        inside = fastbp.get_num_threads(), await asyncio.to_thread(fastbp.get_num_threads)
        await ended.wait()
        return *inside, fastbp.get_num_threads()

    async def main():
        ended = asyncio.Event()
        with fastbp.num_threads(3):
            task = asyncio.create_task(child(ended))
            await asyncio.sleep(0.01)
        ended.set()
        return await task

    fastbp.set_num_threads(2)
    assert asyncio.run(main()) == (3, 3, 2)


def test_a_block_that_ends_in_another_context_is_undone_where_it_began():
    def block():
        with fastbp.num_threads(3):
            yield

    fastbp.set_num_threads(2)
    inner, thread = block(), block()
    next(inner), next(thread)
    contextvars.Context().run(inner.close)
    other = threading.Thread(target=thread.close)
    other.start()
    other.join()
    assert fastbp.get_num_threads() == 2
    with fastbp.num_threads(5):
        assert len(threads._blocks.get()) == 1  # nothing piles up


def test_a_block_is_a_decorator_too():
    fastbp.set_num_threads(2)
    assert fastbp.num_threads(3)(fastbp.get_num_threads)() == 3
    assert fastbp.get_num_threads() == 2


def test_the_default_is_what_this_process_may_use():
    assert 1 <= fastbp.get_num_threads() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_the_default_respects_the_affinity_mask():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert fastbp.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


# Bad numbers

BAD = [
    (0, ValueError, "an integer from 1 to 256, got 0"),
    (-2, ValueError, "got -2"),
    (257, ValueError, "from 1 to 256, got 257"),
    (10**30, ValueError, "from 1 to 256"),
    (2.0, TypeError, "an integer from 1 to 256, got 2.0"),
    ("2", TypeError, "got '2'"),
    (True, TypeError, "got True"),
]


@pytest.mark.parametrize(("n", "error", "message"), [*BAD, (None, TypeError, "got None")])
def test_bad_numbers_say_what_is_wrong(n, error, message):
    with pytest.raises(error, match=f"the number of threads must be.*{message}|{message}"):
        fastbp.set_num_threads(n)
    with pytest.raises(error, match=message), fastbp.num_threads(n):
        pytest.fail("the block was entered")
    assert threads._process is None


@pytest.mark.parametrize(("n", "error", "message"), BAD)
def test_bad_numbers_of_an_objective_say_what_is_wrong(n, error, message):
    with pytest.raises(error, match="n_threads must be"):
        n_threads_of(n)
    with pytest.raises(error, match=message):
        n_threads_of(n)


def test_numpy_integers_are_integers():
    fastbp.set_num_threads(np.int8(3))
    assert fastbp.get_num_threads() == 3
    assert type(fastbp.get_num_threads()) is int


# The environment


@pytest.mark.parametrize("text", ["two", "0", "-1", "2.5", "1,2", "1e3", "257", "\u0663", "²"])
def test_a_malformed_fastbp_variable_is_an_error(monkeypatch, text):
    monkeypatch.setenv("FASTBP_NUM_THREADS", text)
    with pytest.raises(
        ValueError, match=f"FASTBP_NUM_THREADS is '{text}'; expected an integer from 1"
    ):
        fastbp.get_num_threads()
    with pytest.raises(ValueError, match="correct it or unset it"):
        n_threads_of()
    assert n_threads_of(2) == 2


@pytest.mark.parametrize("text", ["9" * 5000, "x" * 10**5, "0" * 5000, "\udcff" * 5000])
def test_an_absurd_variable_is_an_error_in_a_line_or_ignored(monkeypatch, text):
    monkeypatch.setattr(threads, "affinity", lambda: 1)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    with pytest.warns(
        RuntimeWarning, match=r"OMP_NUM_THREADS='.*\.\.\. is not a positive"
    ) as caught:
        assert n_threads_of() == 1
    assert len(str(caught[0].message)) < 200
    monkeypatch.setattr(threads, "_default", None)
    monkeypatch.setenv("FASTBP_NUM_THREADS", text)
    with pytest.raises(
        ValueError, match=r"FASTBP_NUM_THREADS is '.*\.\.\.; expected an"
    ) as refused:
        n_threads_of()
    assert len(str(refused.value)) < 250


def test_leading_zeros_do_not_count(monkeypatch):
    monkeypatch.setenv("FASTBP_NUM_THREADS", "0" * 5000 + "3")
    assert fastbp.get_num_threads() == 3


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_an_unset_one(monkeypatch, text):
    monkeypatch.setattr(threads, "affinity", lambda: 1)
    monkeypatch.setenv("FASTBP_NUM_THREADS", text)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert fastbp.get_num_threads() == 1


@pytest.mark.parametrize("text", ["many", "0", "-3", "auto,2"])
def test_a_malformed_openmp_variable_is_ignored_with_one_warning(monkeypatch, text):
    monkeypatch.setattr(threads, "affinity", lambda: 1)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    with pytest.warns(RuntimeWarning, match=f"OMP_NUM_THREADS='{text}' is not a positive integer"):
        assert fastbp.get_num_threads() == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fastbp.get_num_threads() == 1


@pytest.mark.parametrize("text", ["3", " 3 ", "3,2,1", "03"])
def test_an_openmp_variable_counts_its_outermost_level(monkeypatch, text):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert fastbp.get_num_threads() == 3


# Control groups


def write(folder, **limits):
    """Writes limits given as (quota, period) of v1, or as the text of cpu.max of v2."""
    for path, limit in limits.items():
        place = folder.joinpath(*path.split("__"))
        place.mkdir(parents=True, exist_ok=True)
        if isinstance(limit, str):
            (place / "cpu.max").write_text(limit + "\n")
        else:
            (place / "cpu.cfs_quota_us").write_text(f"{limit[0]}\n")
            (place / "cpu.cfs_period_us").write_text(f"{limit[1]}\n")


V1 = "5:memory:/a/b\n3:cpu,cpuacct:/a/b\n0::/\n"


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        ("0::/a/b\n", {"a__b": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a": "200000 100000", "a__b": "max 100000"}, 2.0),
        ("0::/a/b\n", {"a": "200000 100000", "a__b": "400000 100000"}, 2.0),
        ("0::/a/b\n", {".": "300000 100000"}, 3.0),
        ("0::/a/b\n", {"a__b": "max 100000"}, None),
        ("0::/a/b\n", {"c": "100000 100000"}, None),
        ("1:cpu:/\n0::/a\n", {"unified__a": "100000 50000"}, 2.0),
        (V1, {"cpu,cpuacct__a__b": (250000, 100000)}, 2.5),
        (V1, {"cpu__a": (50000, 100000), "cpu__a__b": (-1, 100000)}, 0.5),
        (V1, {"cpu": (100000, 100000)}, 1.0),
        (V1, {"cpu__a__b": (-1, 100000)}, None),
        (V1, {"memory__a__b": (100000, 100000)}, None),
        ("0::/\n", {".": "nonsense"}, None),
        ("0::/\n", {".": "100000 0"}, None),
        ("0::/\n", {}, None),
        ("", {}, None),
        ("nonsense\n\n:\n1:cpu\n0::/a\n", {"a": "300000 100000"}, 3.0),
        ("0::/a\x00b\n0::/a\n", {"a": "300000 100000"}, 3.0),
        ("0::/a\n", {"a": "²00000 100000"}, None),
        ("0::/a\n", {"a": "9" * 5000 + " 100000"}, None),
        ("0::/a\n", {"a": "100000 " + "9" * 5000}, None),
        ("0::/a\n", {"a": "-5 100000"}, None),
        ("0::/../..\n", {".": "300000 100000"}, 3.0),
    ],
)
def test_the_smallest_quota_of_all_groups_counts(tmp_path, own, limits, expected):
    (tmp_path / "own").write_text(own)
    write(tmp_path / "root", **limits)
    assert threads.cgroup_quota(str(tmp_path / "root"), str(tmp_path / "own")) == expected


def test_an_affinity_that_may_not_be_asked_for_is_every_cpu(monkeypatch):
    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
    assert threads.affinity() == os.cpu_count()


def test_no_control_groups_means_no_quota(tmp_path):
    assert threads.cgroup_quota(str(tmp_path / "none"), str(tmp_path / "nowhere")) is None


@pytest.mark.parametrize(("limit", "cpus", "expected"), [(0.5, 4, 1), (2.9, 4, 2), (8.0, 4, 4)])
def test_a_quota_is_rounded_down_but_leaves_one_thread(monkeypatch, limit, cpus, expected):
    monkeypatch.setattr(threads, "affinity", lambda: cpus)
    monkeypatch.setattr(threads, "cgroup_quota", lambda: limit)
    assert fastbp.get_num_threads() == expected
