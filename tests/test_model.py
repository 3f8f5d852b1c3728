"""Networks bound to parameters: the bits of net.forward, one sample or many, in place or not."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from problems import DTYPES, hidden_names, needs_classes, pairs
from processes import POSIX, run

import fastbp

NET = fastbp.mlp(4, 16, 2)
THETA = NET.init(seed=0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
MODEL = NET.bind(THETA)
OUT = NET.forward(THETA, X)

# Narrow; aligned and packed from 512 samples on; by strips; so wide that spans would be kept.
WIDTHS = [(4, 16, 2), (64, 130, 70, 10), (301, 50, 4), (301, 900, 3)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_the_bits_of_forward(widths, dtype):
    net = fastbp.mlp(*widths, output="softmax", loss="cross_entropy", dtype=dtype)
    theta = net.init(seed=1)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(1500, widths[0])).astype(dtype)
    for n_threads in (1, 2):
        model = net.bind(theta, n_threads=n_threads)
        for m in (1, 2, 3, 5, 129, 700, 1, 1500, 700, 2):  # sizes come back after others
            want = net.forward(theta, data[:m])
            assert want.dtype == dtype
            for _ in range(2):  # what is packed is used again
                assert np.array_equal(model(data[:m]), want), m
            out = np.full((m, widths[-1]), np.nan, dtype)
            assert model(data[:m], out=out) is out
            assert np.array_equal(out, want)
            assert np.array_equal(model(data[0]), net.forward(theta, data[:1])[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", hidden_names())
def test_every_activation(hidden, dtype):
    net = fastbp.mlp(5, 9, 7, 3, hidden=hidden, output=hidden, dtype=dtype)
    theta, data = net.init(seed=2), RNG.normal(size=(30, 5)).astype(dtype)
    model = net.bind(theta)
    for m in (1, 2, 30):
        assert np.array_equal(model(data[:m]), net.forward(theta, data[:m]))


def test_against_numpy():
    T1, T2 = NET.unpack(THETA)
    want = np.tanh(X @ T1[:, 1:].T + T1[:, 0]) @ T2[:, 1:].T + T2[:, 0]
    np.testing.assert_allclose(MODEL(X), want, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(MODEL(X[3]), want[3], rtol=1e-13, atol=1e-15)


def test_circuits_as_activation_and_loss():
    z = fastbp.variable("z")
    net = fastbp.mlp(4, 6, 2, hidden=fastbp.circuit(z * fastbp.circuits.exp(-z * z)))
    theta = net.init(seed=0)
    model = net.bind(theta)
    for m in (1, 40):
        assert np.array_equal(model(X[:m]), net.forward(theta, X[:m]))


@pytest.mark.parametrize(
    "given",
    [
        X.tolist(),
        X.astype(">f8"),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X[::-1].copy()[::-1],
        X.copy().view(type("Other", (np.ndarray,), {})),
        np.ma.masked_array(X),
    ],
)
def test_samples_in_any_form(given):
    assert np.array_equal(MODEL(given), OUT)
    assert np.array_equal(MODEL.predict(given), NET.predict(THETA, X))
    assert np.array_equal(NET.forward(THETA, given), OUT)


def test_integers_frames_read_only_and_mapped(tmp_path):
    pd = pytest.importorskip("pandas")
    assert np.array_equal(MODEL(pd.DataFrame(X)), OUT)
    assert np.array_equal(MODEL(pd.Series(X[0])), MODEL(X[0]))
    frozen = X.copy()
    frozen.flags.writeable = False
    assert np.array_equal(MODEL(frozen), OUT)
    np.save(tmp_path / "X.npy", X)
    assert np.array_equal(MODEL(np.load(tmp_path / "X.npy", mmap_mode="r")), OUT)
    whole = np.arange(8).reshape(2, 4)
    assert np.array_equal(MODEL(whole), NET.forward(THETA, whole.astype(float)))
    assert np.array_equal(MODEL([1, 2, 3, 4]), MODEL(np.array([1.0, 2, 3, 4])))


def test_one_sample():
    for i in (0, 7):
        one = MODEL(X[i])
        assert one.shape == (2,)
        assert np.array_equal(one, NET.forward(THETA, X[i : i + 1])[0])
        assert np.array_equal(MODEL(list(X[i])), one)
        out = np.empty(2)
        assert MODEL(X[i], out=out) is out
        assert np.array_equal(out, one)
        assert MODEL([*X[i]], out=out) is out
        assert np.array_equal(out, one)
    single = fastbp.mlp(1, 3, 2)
    model = single.bind(single.init(seed=0))
    assert model(np.array([0.5])).shape == (2,)
    assert model([[0.5], [0.25]]).shape == (2, 2)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize(("loss", "output"), list(pairs()))
def test_predictions(outputs, output, loss):
    if outputs == 1 and needs_classes(loss, output):
        return
    net = fastbp.mlp(4, 5, outputs, output=output, loss=loss)
    theta = net.init(seed=0)
    model = net.bind(theta)
    assert np.array_equal(model.predict(X), net.predict(theta, X))
    assert np.array_equal(model.predict(X[5]), net.predict(theta, X[5:6])[0])
    if output in ("sigmoid", "softmax"):
        assert np.array_equal(model.predict_proba(X), net.predict_proba(theta, X))
        assert np.array_equal(model.predict_proba(X[5]), net.predict_proba(theta, X[5:6])[0])
    else:
        with pytest.raises(ValueError, match="no probabilities"):
            model.predict_proba(X)


def test_classes_of_saturated_outputs_follow_from_z():
    net = fastbp.mlp(1, 3, output="sigmoid", loss="cross_entropy")
    model = net.bind([40.0, 0, 50.0, 0, 45.0, 0])
    assert model.predict([[0.0]]) == [1]
    assert model.predict([0.0]) == 1


def test_a_theta_that_is_not_finite():
    model = NET.bind(np.full(NET.n_parameters, np.nan))
    assert np.isnan(model(X)).all()  # as IEEE says
    with pytest.raises(ValueError, match="theta is not finite"):
        model.predict(X)


def test_theta_is_copied():
    theta = THETA.copy()
    model = NET.bind(theta)
    theta[:] = 0
    assert np.array_equal(model(X), OUT)
    assert not model.theta.flags.writeable
    model.theta.flags.writeable = True  # who insists changes what is shown alone
    model.theta[:] = 0
    assert np.array_equal(model(X), OUT)
    assert np.array_equal(NET.bind([*THETA])(X), OUT)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.zeros((3, 5)), ValueError, "5 columns; the network has 4 inputs"),
        (np.zeros(5), ValueError, r"X has shape \(5,\); expected \(4,\), one sample, or \(m, 4\)"),
        (np.zeros((0, 4)), ValueError, "no samples"),
        (np.zeros((1, 2, 4)), ValueError, "flatten"),
        (1.0, ValueError, "put each sample into a row"),
        ([[1, 2, np.nan, 4]], ValueError, "nan at row 0, column 2"),
        (np.array([1, 2, np.inf, 4]), ValueError, "inf at row 0, column 2"),
        (np.where(np.arange(160).reshape(40, 4) == 158, -np.inf, X), ValueError, "row 39"),
        (X * 1j, TypeError, "complex"),
        ([["a"] * 4], TypeError, "text"),
        (np.ma.masked_less(X, 0), ValueError, "masked"),
    ],
)
def test_refused(given, error, message):
    with pytest.raises(error, match=message):
        MODEL(given)
    with pytest.raises(error, match=message):
        MODEL.predict(given)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((39, 2)), r"shape \(40, 2\), not an array of shape \(39, 2\)"),
        (np.empty((40, 2), np.float32), "of float64"),
        (np.empty((2, 40)).T, "C-contiguous"),
        (np.empty((40, 4))[:, :2], "C-contiguous"),
        (np.empty(2), r"\(40, 2\)"),
        ([0.0], "not .0.0. .list"),
        (np.frombuffer(bytes(640)).reshape(40, 2), "writeable"),
    ],
)
def test_out_that_cannot_be_written_to(out, message):
    with pytest.raises(ValueError, match=message):
        MODEL(X, out=out)


def test_out_in_the_memory_of_X():
    memory = np.zeros(400)
    memory[100:260] = X.ravel()
    data = memory[100:260].reshape(40, 4)
    for start in (21, 100, 180, 259):
        with pytest.raises(ValueError, match="lies in the memory of X"):
            MODEL(data, out=memory[start : start + 80].reshape(40, 2))
    for start in (20, 260):
        out = memory[start : start + 80].reshape(40, 2)
        assert np.array_equal(MODEL(data, out=out), OUT)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        MODEL(X[0], out=np.empty((1, 2)))


def test_a_model_is_immutable_and_says_what_it_is():
    assert repr(NET.bind(THETA, n_threads=3)) == (
        "<Model: 4-16-2, 114 parameters, float64, n_threads=3>"
    )
    for name in ("theta", "network", "n_threads", "other"):
        with pytest.raises(AttributeError, match="cannot be set"):
            setattr(MODEL, name, 1)
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del MODEL.theta
    with pytest.raises(ValueError, match="theta has 3 numbers"):
        NET.bind(np.zeros(3))
    with pytest.raises(ValueError, match="n_threads"):
        NET.bind(THETA, n_threads=0)


def test_threads_are_those_of_the_place_where_it_was_bound():
    with fastbp.num_threads(3):
        model = NET.bind(THETA)
        given = NET.bind(THETA, n_threads=2)
    assert (model.n_threads, given.n_threads) == (3, 2)
    with fastbp.num_threads(5):
        assert pickle.loads(pickle.dumps(model)).n_threads == 5
        assert pickle.loads(pickle.dumps(given)).n_threads == 2


def pickled(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("same", [copy.copy, copy.deepcopy, pickled])
def test_copies(same):
    again = same(MODEL)
    assert again.network == NET
    assert np.array_equal(again(X), OUT)
    with pytest.raises(ValueError, match="format 99"):
        fastbp.model.rebuild(99)


def test_threads_may_share_a_model():
    net = fastbp.mlp(30, 64, 40, 3, dtype="float32")
    theta = net.init(seed=0)
    data = [RNG.normal(size=(m, 30)).astype("f4") for m in (1, 2, 7, 64, 300, 1000)] * 5
    want = [net.forward(theta, each) for each in data]
    model = net.bind(theta, n_threads=2)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            for got, right in zip(pool.map(model, data), want, strict=True):
                assert np.array_equal(got, right)


FORKED = """
net = fastbp.mlp(30, 200, 100, 3)
theta = net.init(seed=0)
X = np.random.default_rng(0).normal(size=(5000, 30))
model = net.bind(theta, n_threads=2)
want = model(X)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(model(X), want) else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(model(X), want)
"""


@POSIX
def test_after_fork():
    run(FORKED)


INTERRUPTED = """
net = fastbp.mlp(300, 2000, 2000, 3)
model = net.bind(net.init(seed=0), n_threads=2)
rows = np.random.default_rng(0).normal(size=(1000, 300))
def make(m):
    global X
    X = np.resize(rows, (m, 300))
    return counted(model._run, X, None)
stop_in_the_middle(make, 2000)
# Weights that were packed in part are not used.
assert np.array_equal(model(X), net.forward(model.theta, X))
"""


@POSIX
def test_ctrl_c():
    run(INTERRUPTED)
