"""At the ends of the data whole registers would reach beyond it: nothing is read there."""

import sys

import pytest
from processes import POSIX, run

SCRIPT = """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
SIZE = 1 << 21
memory = mmap.mmap(-1, SIZE + mmap.PAGESIZE)
guard = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + SIZE  # who reads here dies
assert libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
room = np.frombuffer(memory, np.uint8, SIZE)
rng = np.random.default_rng(0)
for dtype in ("float64", "float32"):
    inside = room.view(dtype)
    shapes = [(n, 5) for n in (1, 2, 7, 8, 15, 16, 17, 30, 33, 64, 100)]
    # With 301 inputs and 50 units Delta lies by strips, and X is turned; with 900 spans are kept.
    for n, units in (*shapes, (301, 50), (301, 900)):
        net = fastbp.mlp(n, units, 2, dtype=dtype)
        theta = net.init(seed=0)
        for m in (1, 2, 3, 5, 129, 700):
            X, y = rng.normal(size=(m, n)).astype(dtype), np.zeros((m, 2))
            want = bits(net.objective(X, y), theta)
            # Rows side by side, further apart, and all with the same distance from alignment.
            for row in (n, n + 3, n + -n % 16, n + -n % 16 + 16):
                for spare in (0, 3, 8):
                    length = (m - 1) * row + n
                    view = np.lib.stride_tricks.as_strided(
                        inside[SIZE // X.itemsize - length - spare:], (m, n),
                        (row * X.itemsize, X.itemsize))
                    inside[:] = np.nan
                    view[:] = X
                    assert bits(net.objective(view, y), theta) == want, (dtype, n, m, row, spare)
"""


# Programs: images, and sequences with labels, targets and lengths of their own, whole and by rows.
LAYERS = """
from fastbp.layers import Conv1d, Dense, Flatten, LSTM, MaxPool1d, GRU

def placed(array):
    # as the last thing before the protected page
    flat = room.view(np.uint8)[SIZE - array.nbytes:].view(array.dtype)
    flat = flat.reshape(array.shape)
    flat[...] = array
    return flat

image = [Conv1d(2, 3, 3, activation="tanh"), MaxPool1d(2), Flatten(), Dense(None, 3)]
steps = [LSTM(2, 3, return_sequences=True), Dense(None, 3, "softmax")]
for dtype in ("float64", "float32"):
    for layers, shape, loss, T in ((image, (2, 9), "squared_error", 0),
                                   (steps, (4, 2), "cross_entropy", 4),
                                   ([GRU(3, 5)], (3, 3), "squared_error", 0)):
        net = fastbp.Network(layers, loss=loss, dtype=dtype, input_shape=shape)
        theta = net.init(seed=0)
        for m in (1, 2, 3, 8, 17, 130):
            X = rng.normal(size=(m, *shape)).astype(dtype)
            K = net.output_shape[-1]
            rows = np.arange(m)[::-2]
            ys = [np.full((m, *net.output_shape), 1 / K, dtype)]
            if T:
                ys.append(rng.integers(0, K, (m, T)))
            lengths = rng.integers(1, shape[0] + 1, m) if loss != "squared_error" else None
            weight = np.ones(m)
            for y in ys:
                settings = {"lengths": lengths, "sample_weight": weight}
                want = bits(net.objective(X, y, **settings), theta)
                few = net.objective(X, y, **settings)(theta, rows=rows)
                assert bits(net.objective(placed(X), y, **settings), theta) == want
                assert bits(net.objective(X, placed(y), **settings), theta) == want
                settings["sample_weight"] = placed(weight)
                assert bits(net.objective(X, y, **settings), theta) == want
                settings["sample_weight"] = weight
                if lengths is not None:
                    # a copy is bound, so that the engine is given ours
                    from fastbp import compiled
                    core, chain = compiled.cost_chain(net, True)
                    flat = X.reshape(m, -1)
                    labels, targets = (y.reshape(-1), None) if y.ndim == 2 else (
                        None, y.reshape(m, -1))
                    bound = core.BoundNetwork(chain, flat, labels, targets, weight, 0.0, True, 1,
                                              placed(lengths))
                    J, D = bound.evaluate(theta)
                    assert np.append(D, J).tobytes() == want
                objective = net.objective(X, y, **settings)
                J, D = objective(theta, rows=placed(rows))
                assert J == few[0] and (D == few[1]).all()
                objective = net.objective(placed(X), y, **settings)
                J, D = objective(theta, rows=rows)
                assert J == few[0] and (D == few[1]).all()
                assert (net.forward(theta, placed(X)) == net.forward(theta, X)).all()
                model = net.bind(theta)
                assert (model(placed(X)) == model(X)).all()
"""

# Lengths, labels and rows that somebody changes after they were bound.
CHANGED = """
from fastbp import compiled
from fastbp.layers import Dense, LSTM, RNN
rng = np.random.default_rng(0)
LARGEST = 2**63 - 1
for dtype in ("float64", "float32"):
    for shape in ((3, 4), (5, 1), (1, 2)):
        net = fastbp.Network(
            [LSTM(None, 3, bidirectional=True, return_sequences=True), RNN(None, 4, "relu",
             return_sequences=True), Dense(None, 3, "softmax")],
            loss="cross_entropy", dtype=dtype, input_shape=shape)
        engine, chain = compiled.cost_chain(net, True)
        theta = net.init(seed=0)
        for m in (1, 9, 200):
            X = rng.normal(size=(m, shape[0] * shape[1])).astype(dtype)
            lengths = np.full(m, shape[0])
            labels = np.zeros(m * shape[0], np.int64)
            bound = engine.BoundNetwork(chain, X, labels, None, None, 0.0, True, 2, lengths)
            want = bound.evaluate(theta)
            for value in (0, -1, -LARGEST, -LARGEST - 1, LARGEST, LARGEST // 2, 2**62, 2**62 + 1,
                          2**61 + 3, 2**32, 2**31, 2**53 + 1, LARGEST // 3 + 1, 2**64 // 3 + 1):
                for places in (slice(None), slice(0, 1), slice(-1, None)):
                    lengths[:] = shape[0]
                    lengths[places] = value
                    J, D = bound.evaluate(theta)
                    assert np.isfinite(D).all()
                    bound.evaluate(theta, True, np.arange(m)[::-1].copy())
                    if value > shape[0]:
                        assert J == want[0] and (D == want[1]).all()
                    labels[places] = value
                    bound.evaluate(theta)
                    labels[:] = 0
            lengths[:] = shape[0]
            J, D = bound.evaluate(theta)
            assert J == want[0] and (D == want[1]).all()
"""


@POSIX
@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through the C library")
def test_nothing_is_read_beyond_the_data():
    run(SCRIPT)


@POSIX
@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through the C library")
def test_nothing_is_read_beyond_the_data_of_layers():
    run(SCRIPT.partition("for dtype in")[0] + LAYERS)


def test_lengths_and_labels_that_change_after_binding():
    run(CHANGED)
