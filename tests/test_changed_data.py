"""`fun`, `jac`, `hessp` and the classic calls answer from the data as it is, never as it was."""

import threading

import numpy as np
import pytest
from interrupting import counted, stop_in_the_middle
from numpy.lib.stride_tricks import as_strided
from oracle import SIGNED
from problems import needs_classes, pairs

import fastbp
from fastbp._memory import fingerprint

RNG = np.random.default_rng(0)


def changed(array):
    array *= 2


def one_number(array):
    array.flat[-1] += 1


def through_a_view(array):
    view = array.reshape(-1)[:1]
    view += 1


def through_its_buffer(array):
    memoryview(array).cast("B")[0] ^= 1


def in_another_thread(array):
    worker = threading.Thread(target=changed, args=(array,))
    worker.start()
    worker.join()


def signs(array):
    array *= -1


def two_rows_exchanged(array):
    array[[0, 1]] = array[[1, 0]]


CHANGES = [
    changed, one_number, through_a_view, through_its_buffer, in_another_thread, signs,
    two_rows_exchanged,
]  # fmt: skip


class Of:
    """An objective and its arrays, and the same made anew of copies: the oracle."""

    def __init__(self, make, arrays, theta):
        self.make, self.arrays, self.theta = make, arrays, theta
        self.objective = make(**arrays)

    def right(self):
        return self.make(**{name: array.copy() for name, array in self.arrays.items()})(self.theta)


def network(m=40, memmap=None):
    net = fastbp.mlp(3, 4, 2)
    arrays = {"X": RNG.normal(size=(m, 3)), "y": RNG.normal(size=(m, 2))}
    if memmap is not None:
        mapped = np.memmap(memmap, np.float64, "w+", shape=(m, 3))
        mapped[:] = arrays["X"]
        arrays["X"] = mapped
    arrays["sample_weight"] = RNG.uniform(1, 2, m)
    return Of(net.objective, arrays, net.init(seed=0))


def float32():
    net = fastbp.mlp(3, 4, 2, dtype="float32")
    arrays = {"X": RNG.normal(size=(9, 3)).astype("f4"), "y": RNG.normal(size=(9, 2)).astype("f4")}
    return Of(net.objective, arrays, net.init(seed=0))


def rows_apart():
    net = fastbp.mlp(3, 4, 2)
    arrays = {"X": RNG.normal(size=(40, 7))[::-1, 2:5], "y": RNG.normal(size=(40, 2))}
    return Of(net.objective, arrays, net.init(seed=0))


def labels():
    net = fastbp.mlp(3, 4, 3, output="softmax", loss="cross_entropy")
    arrays = {"X": RNG.normal(size=(12, 3)), "y": np.arange(12) % 2}
    return Of(net.objective, arrays, net.init(seed=0))


def circuit(m=40):
    w, v, x = *fastbp.variables("w v"), fastbp.variables("x", 2)
    f = fastbp.circuit((w * np.tanh(v * x[0]) - x[1]) ** 2, wrt=[w, v])
    arrays = {"x": RNG.normal(size=(m, 2)), "sample_weight": RNG.uniform(1, 2, m)}
    return Of(lambda x, sample_weight: f.objective({"x": x}, sample_weight=sample_weight),
              arrays, np.array([0.3, 0.7]))  # fmt: skip


def columns():
    a, x, y = fastbp.variables("a x y")
    f = fastbp.circuit((a * x - y) ** 2, wrt=[a])
    table = RNG.normal(size=(50, 4))
    arrays = {"x": table[:, 1], "y": table[::-1, 2]}
    return Of(lambda x, y: f.objective({"x": x, "y": y}), arrays, np.array([0.3]))


MADE = {each.__name__: each for each in (network, float32, rows_apart, labels, circuit, columns)}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", MADE)
def test_fun_and_jac_see_what_has_changed(kind, change):
    names = list(MADE[kind]().arrays)
    for name in names:
        of = MADE[kind]()
        J, D = of.right()
        assert of.objective.fun(of.theta) == J
        np.testing.assert_array_equal(of.objective.jac(of.theta), D)
        if name == "sample_weight" and change is signs:
            continue
        if change is through_its_buffer and not of.arrays[name].flags.c_contiguous:
            continue
        if kind == "labels" and name == "y":
            of.arrays[name][:] = 1 - of.arrays[name]
        else:
            change(of.arrays[name])
        J, D = of.right()
        np.testing.assert_allclose(of.objective.jac(of.theta), D, rtol=1e-12, atol=1e-300)
        assert of.objective.fun(of.theta) == pytest.approx(J, rel=1e-13)
        assert of.objective.cost(of.theta) == pytest.approx(J, rel=1e-13)


def test_the_case():
    X = np.ones((4, 3))
    objective, theta = fastbp.mlp(3, 1).objective(X, np.zeros(4)), np.ones(4)
    assert objective.fun(theta) == 8.0
    X[:] = 9
    assert objective.fun(theta) == objective(theta)[0] == 392.0
    np.testing.assert_array_equal(objective.jac(theta), objective(theta)[1])


def test_a_memmap_that_a_file_handle_changes(tmp_path):
    of = network(memmap=tmp_path / "X")
    before = of.objective.fun(of.theta)
    with open(tmp_path / "X", "r+b") as file:
        file.write(np.float64(30).tobytes())
    J, D = of.right()
    assert of.objective.fun(of.theta) == J != before
    np.testing.assert_array_equal(of.objective.jac(of.theta), D)


@pytest.mark.parametrize("kind", ["network", "circuit"])
def test_hessp_and_hessian_see_it_too(kind):
    of = MADE[kind]()
    if not hasattr(of.objective, "hessp"):
        pytest.skip("no Hessian products")
    of.objective.hessp(of.theta, of.theta)
    changed(of.arrays[next(iter(of.arrays))])
    fresh = of.make(**of.arrays)
    v = np.ones_like(of.theta)
    np.testing.assert_array_equal(of.objective.hessp(of.theta, v), fresh.hessp(of.theta, v))


def test_weights_count_by_their_proportion_after_a_change_too():
    for of in (network(), circuit()):
        J, D = of.objective(of.theta)
        of.arrays["sample_weight"] *= 2
        assert of.objective(of.theta)[0] == pytest.approx(J, rel=1e-14)
        assert of.objective.fun(of.theta) == pytest.approx(J, rel=1e-14)
        np.testing.assert_allclose(of.objective.jac(of.theta), D, rtol=1e-13)


def test_data_that_changes_during_an_evaluation_is_not_what_jac_answers_from():
    of = network()
    evaluate = of.objective._evaluate

    def slow(vector):
        result = evaluate(vector)
        changed(of.arrays["X"])  # another thread, before the evaluation returns
        return result

    of.objective._set(_evaluate=slow)
    of.objective.fun(of.theta)
    of.objective._set(_evaluate=evaluate)
    np.testing.assert_array_equal(of.objective.jac(of.theta), of.right()[1])


def test_data_that_was_converted_does_not_change():
    net = fastbp.mlp(3, 4, 2)
    X, y = np.arange(30).reshape(10, 3), RNG.normal(size=(10, 2)).tolist()
    objective, theta = net.objective(X, y), net.init(seed=0)
    J = objective.fun(theta)
    X += 1
    y[0][0] = 7
    assert objective.fun(theta) == objective(theta)[0] == J
    assert objective.n_evaluations == 2
    assert objective._last.data == ()


def test_what_changes_back_is_one_evaluation():
    of = network()
    J = of.objective.fun(of.theta)
    of.arrays["X"] += 0
    np.testing.assert_array_equal(of.objective.jac(of.theta), of.right()[1])
    assert of.objective.fun(of.theta) == J
    assert of.objective.n_evaluations == 1


def test_large_data_of_little_work_is_evaluated_twice_rather_than_read_twice():
    net = fastbp.mlp(200, 1)
    X, y = RNG.normal(size=(5000, 200)), RNG.normal(size=5000)
    objective, theta = net.objective(X, y), net.init(seed=0)
    J, D = objective(theta)
    for _ in range(2):
        assert objective.fun(theta) == J
        np.testing.assert_array_equal(objective.jac(theta), D)
    assert objective.n_evaluations == 5
    X[3, 3] = 9
    assert objective.fun(theta) == objective(theta)[0] != J
    copied = net.objective(X.astype("f4"), y.tolist())  # our own arrays: nothing to look at
    copied.fun(theta)
    copied.jac(theta)
    assert copied.n_evaluations == 1


# The fingerprint


def test_a_fingerprint_is_of_all_bytes_and_of_their_order():
    for shape in ((1,), (7,), (8,), (9,), (3, 5), (63, 65), (300, 401)):
        array = RNG.normal(size=shape)
        seen = {fingerprint((array,), 1)}
        places = {0, 1, 7, 8, array.nbytes // 2, array.nbytes - 1} | {
            int(i) for i in RNG.integers(0, array.nbytes, 60)
        }
        bytes_ = array.reshape(-1).view(np.uint8)
        for place in places & set(range(array.nbytes)):
            for bit in range(8):
                bytes_[place] ^= 1 << bit
                seen.add(fingerprint((array,), 1))
                bytes_[place] ^= 1 << bit
        assert len(seen) == 1 + 8 * len(places & set(range(array.nbytes)))
        assert fingerprint((array,), 1) in seen


@pytest.mark.parametrize("fill", [0.0, 1.0, -1.0, np.inf, 5e-324])
def test_a_fingerprint_tells_constant_arrays_apart(fill):
    lengths = [*range(70), *range(16380, 16390)]
    seen = {fingerprint((np.full(n, fill),), 1) for n in lengths}
    assert len(seen) == len(lengths)


def test_a_fingerprint_does_not_depend_on_threads_or_on_how_an_array_lies():
    array = RNG.normal(size=(1500, 901))
    expected = fingerprint((array,), 1)
    assert {fingerprint((array,), n) for n in range(1, 9)} == {expected}
    wide = np.zeros((1500, 1802))
    wide[:, ::2] = array
    apart = wide[:, ::2]
    before = fingerprint((apart,), 1)
    wide[7, 9] = 1  # not in it
    assert fingerprint((apart,), 1) == before
    apart[1499, 900] += 1
    assert fingerprint((apart,), 1) != before


def test_a_fingerprint_of_no_numbers_and_of_odd_arrays():
    assert fingerprint((), 1) == fingerprint((None,), 1)
    for odd in (np.zeros((0, 3)), np.zeros(()), np.zeros((3, 0, 2))[::2], np.zeros(5, bool),
                np.zeros((4, 6), np.longdouble)[::2, ::-3], np.zeros((2, 3), ">f2").T,
                np.broadcast_to(np.arange(3.0), (10**9, 3))):  # fmt: skip
        assert isinstance(fingerprint((odd,), 2), int)


LARGE = {
    "together": np.zeros,  # never written: one page of memory
    "apart": lambda n: as_strided(np.zeros(n // 400 + 800), (n // 400, 400), (8, 16)),
}


@pytest.mark.parametrize("kind", LARGE)
def test_the_fingerprint_of_large_data_can_be_interrupted(kind):
    stop_in_the_middle(lambda n: counted(fingerprint, (LARGE[kind](n),), 1), 50_000_000)


@pytest.mark.parametrize("kind", [np.float32, np.int64, list, np.float64])
def test_weights_that_were_converted_are_changed_where_they_are_read(kind):
    weights = kind(np.arange(1, 7)) if kind is not list else [1, 2, 3, 4, 5, 6]
    X, y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
    net = fastbp.mlp(3, 2)
    theta = net.init(seed=0)
    objective = net.objective(X, y, sample_weight=weights)
    before = objective.cost(theta), objective.fun(theta)
    weights[2] = 9
    followed = kind is np.float64
    assert (objective.cost(theta) != before[0]) == followed
    objective.sample_weight[2] = 9
    fresh = net.objective(X, y, sample_weight=np.array([1.0, 2, 9, 4, 5, 6]))
    assert objective.cost(theta) == fresh.cost(theta) == objective.fun(theta)
    assert objective.jac(theta).tolist() == fresh.jac(theta).tolist()


def test_a_model_never_follows_its_theta():
    net = fastbp.mlp(3, 2)
    for dtype in ("f8", "f4"):
        theta = net.init(seed=0).astype(dtype)
        model = net.bind(theta)
        before = model(np.ones(3))
        theta[:] = 0
        assert model(np.ones(3)).tolist() == before.tolist() != [0, 0]


NO_CLASS = [3, -1, 10**12, np.iinfo(np.int64).min, np.iinfo(np.int64).max]
# Every (loss, output) that takes labels, and what other classes than the sample's have as target;
# None: no row of targets says that there is no class.
WITH_LABELS = {
    (loss, output): None if needs_classes(loss, output) else -1 if loss in SIGNED else 0
    for loss, output in pairs()
    if loss != "gamma"  # whose targets are > 0: no one-hot rows
}


@pytest.mark.parametrize("names", WITH_LABELS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_label_changed_to_no_class_is_a_sample_of_no_class(names, dtype):
    loss, output = names
    net = fastbp.mlp(3, 4, 3, output=output, loss=loss, dtype=dtype)
    X, y = RNG.normal(size=(70, 3)).astype(dtype), np.arange(70) % 3
    theta = net.init(seed=0)
    other, found = WITH_LABELS[names], []
    objective = net.objective(X, y)
    for bad in NO_CLASS:
        y[[1, 69]] = bad
        J, D = objective(theta)
        if other is not None:
            targets = np.full((70, 3), other, dtype)
            inside = (y >= 0) & (y < 3)
            targets[np.flatnonzero(inside), y[inside]] = 1
            want = net.objective(X, targets)(theta)
            assert (J, D.tolist()) == (want[0], want[1].tolist())
        assert np.isfinite(D).all()
        found.append((J, D.tolist()))
        assert found[0] == found[-1]
        assert np.isfinite(objective(theta, rows=[1, 2])[0])
