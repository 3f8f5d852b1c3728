"""Networks of every layer through the engine, against their programs run step by step in NumPy."""

import pickle

import numpy as np
import pytest
from layer_cases import CASES, SEQUENCES, data
from program_reference import Reference

import fastbp
from fastbp import Network
from fastbp.layers import GRU, LSTM, RNN, Conv1d, Conv2d, Dense, Flatten, MaxPool1d, MaxPool2d

TOLERANCE = {"float64": 1e-12, "float32": 2e-4}  # of the largest entry
HIDDEN = fastbp.activations()[:-1]


def reference(net, X, y, lengths=None, **settings):
    program = net.program(lengths is not None)
    return Reference(program, net.loss, np.reshape(X, (len(X), -1)), np.reshape(y, (len(y), -1)),
                     lengths=lengths, **settings)  # fmt: skip


def assert_near(found, expected, dtype="float64"):
    scale = max(1e-300, abs(np.asarray(expected)).max())
    assert abs(np.asarray(found) - expected).max() <= TOLERANCE[dtype] * scale


def check(net, m, lengths=False, seed=0, **settings):
    theta, X, y, ends = data(net, m, seed)
    ends = ends if lengths else None
    ours = reference(net, X, y, ends, l2=net.l2, **settings)
    J, D = net.objective(X, y, lengths=ends, **settings)(theta)
    dtype = net.dtype.name
    assert_near(J, ours.cost(theta), dtype)
    assert_near(D, ours.gradient(theta), dtype)
    a = net.forward(theta, X, ends)
    assert a.shape == (m, *net.output_shape)
    expected = ours.forward(theta).reshape(a.shape)
    if lengths and a.ndim == 3:
        ended = np.arange(a.shape[1]) >= ends[:, None]
        assert (a[ended] == 0).all()
        expected[ended] = 0
    assert_near(a, expected, dtype)
    if not lengths:
        model = net.bind(theta)
        assert (model(X) == a).all()
        assert_near(model(X[0]), expected[0], dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [1, 5, 33, 129])
@pytest.mark.parametrize("name", CASES)
def test_layers(name, m, dtype):
    layers, shape = CASES[name]
    net = Network(layers, l2=0.3, dtype=dtype, input_shape=shape)
    check(net, m, sample_weight=np.linspace(0.5, 2, m))
    if name in SEQUENCES:
        check(net, m, lengths=True, seed=1)


@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("kind", ["Conv1d", "Conv2d", "RNN", "Dense"])
def test_activations(kind, activation):
    layers, shape = {
        "Conv1d": ([Conv1d(2, 3, 2, activation=activation), Flatten(), Dense(None, 2)], (2, 5)),
        "Conv2d": ([Conv2d(1, 2, 2, activation=activation), MaxPool2d(2), Flatten(),
                    Dense(None, 2)], (1, 5, 5)),
        "RNN": ([RNN(2, 3, activation), Dense(None, 2)], (4, 2)),
        "Dense": ([Dense(2, 3, activation), GRU(None, 2), Dense(None, 2)], (4, 2)),
    }[kind]  # fmt: skip
    check(Network(layers, input_shape=shape), 7)
    if kind in ("RNN", "Dense"):
        check(Network(layers, input_shape=shape), 7, lengths=True)


def outputs_for(loss, m, shape, rng):
    """Targets that a loss takes, (m, *shape)."""
    if loss in ("multiclass_hinge", "weston_watkins"):
        return np.eye(shape[-1])[rng.integers(0, shape[-1], (m, *shape[:-1]))]
    if loss in ("hinge", "squared_hinge"):
        return rng.choice([-1.0, 1.0], (m, *shape))
    y = rng.random((m, *shape))
    return y / y.sum(axis=-1, keepdims=True)


LOSSES = [(loss, output) for loss, outputs in fastbp.losses().items() for output in outputs]


@pytest.mark.parametrize(("loss", "output"), LOSSES)
def test_losses_of_sequences(loss, output):
    net = Network([LSTM(2, 3, return_sequences=True), Dense(None, 3, output)], loss, 0.1,
                  input_shape=(5, 2))  # fmt: skip
    theta, X, _, lengths = data(net, 9)
    y = outputs_for(loss, 9, (5, 3), np.random.default_rng(3))
    for ends in (None, lengths):
        ours = reference(net, X, y, ends, l2=0.1)
        J, D = net.objective(X, y, lengths=ends)(theta)
        assert_near(J, ours.cost(theta))
        assert_near(D, ours.gradient(theta))


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "weston_watkins"])
def test_labels_of_steps(loss):
    output = "softmax" if loss == "cross_entropy" else "identity"
    net = Network([GRU(2, 3, return_sequences=True), Dense(None, 4, output)], loss,
                  input_shape=(5, 2))  # fmt: skip
    theta, X, _, lengths = data(net, 8)
    labels = np.random.default_rng(0).integers(0, 4, (8, 5))
    rows = np.eye(4)[labels] * (2 if loss == "hinge" else 1) - (1 if loss == "hinge" else 0)
    J, D = net.objective(X, rows)(theta)
    for each in (labels, labels.astype(float), labels.tolist()):
        J2, D2 = net.objective(X, each)(theta)
        assert_near(J2, J)
        assert_near(D2, D)
    ended = np.arange(5) >= lengths[:, None]
    padded = np.where(ended, -100, labels)
    J, D = net.objective(X, rows, lengths=lengths)(theta)
    J2, D2 = net.objective(X, padded, lengths=lengths)(theta)
    assert_near(J2, J)
    assert_near(D2, D)
    predicted = net.predict(theta, X, lengths)
    assert (predicted[ended] == -1).all()
    assert (predicted == np.where(ended, -1, net.predict(theta, X))).all()


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_steps_after_the_end_count_for_nothing(kind):
    net = Network([kind(2, 3, return_sequences=True, bidirectional=True), kind(None, 2,
                   return_sequences=True), Dense(None, 2)], input_shape=(6, 2))  # fmt: skip
    theta, X, y, lengths = data(net, 7)
    J, D = net.objective(X, y, lengths=lengths)(theta)
    ended = np.arange(6) >= lengths[:, None]
    X[ended] = 1e3
    y[ended] = np.nan
    again, D2 = net.objective(X, y, lengths=lengths)(theta)
    assert again == J
    assert (D2 == D).all()
    total = sum(
        net.objective(x[None], t[None], lengths=[n], l2=0)(theta)[0]
        for x, t, n in zip(X, np.nan_to_num(y), lengths, strict=True)
    )
    assert_near(J, total / 7)
    short = Network([*net.layers], input_shape=(lengths[1], 2))
    alone = short.objective(X[1:2, : lengths[1]], y[1:2, : lengths[1]])(theta)
    full = net.objective(X[1:2], y[1:2], lengths=lengths[1:2])(theta)
    assert_near(full[0], alone[0])
    assert_near(full[1], alone[1])


@pytest.mark.parametrize("name", ["lenet", "lstm stacked", "gru both ways", "conv1d last"])
def test_the_same_bits_for_any_number_of_threads(name):
    layers, shape = CASES[name]
    net = Network(layers, input_shape=shape)
    theta, X, y, lengths = data(net, 700)
    for ends in (None, lengths) if name in SEQUENCES else (None,):
        results = [net.objective(X, y, lengths=ends, n_threads=n)(theta) for n in (1, 2, 3, 8)]
        for J, D in results[1:]:
            assert results[0][0] == J
            assert (results[0][1] == D).all()


def test_layouts_of_x():
    net = Network([Conv2d(2, 3, 2), MaxPool2d(2), Flatten(), Dense(None, 2)], input_shape=(2, 4, 5))
    theta, X, y, _ = data(net, 6)
    J, D = net.objective(X, y)(theta)
    wide = np.zeros((6, 2, 4, 9))
    wide[..., 2:7] = X
    moved = np.moveaxis(np.ascontiguousarray(np.moveaxis(X, 1, -1)), -1, 1)
    every = np.zeros((12, 40))
    every[::2] = X.reshape(6, 40)
    frozen = X.copy()
    frozen.flags.writeable = False
    forms = [X.reshape(6, -1), np.asfortranarray(X), wide[..., 2:7], moved, every[::2], X.tolist(),
             frozen, X.astype(">f8"), X.astype(np.longdouble)]  # fmt: skip
    for form in forms:
        again, D2 = net.objective(form, y)(theta)
        assert again == J
        assert (D2 == D).all()
        assert (net.forward(theta, form) == net.forward(theta, X)).all()


def test_data_in_the_input_shape_is_read_in_place():
    net = Network([LSTM(2, 3), Dense(None, 1)], input_shape=(4, 2))
    theta, X, y, _ = data(net, 5)
    objective = net.objective(X, y)
    before = objective(theta)[0]
    X += 1
    assert objective(theta)[0] != before


def test_one_sample_of_a_model():
    net = Network([Conv1d(1, 3, 2, activation="relu"), MaxPool1d(2), Flatten(),
                   Dense(None, 3, "softmax")], "cross_entropy", input_shape=(1, 6))  # fmt: skip
    theta, X, _, _ = data(net, 4)
    model = net.bind(theta)
    a = net.forward(theta, X)
    for x in (X[2], X[2].ravel(), X[2].ravel().tolist()):
        assert_near(model(x), a[2])
        assert model.predict(x) == a[2].argmax()
        assert_near(model.predict_proba(x), a[2])
    out = np.empty((4, 3))
    assert model(X, out=out) is out
    assert (out == a).all()
    single = np.empty(3)
    assert model(X[1], out=single) is single
    assert_near(single, a[1])
    with pytest.raises(ValueError, match=r"shape \(4, 3\)"):
        model(X, out=np.empty((3, 4)))


def test_probabilities_of_each_step():
    net = Network([GRU(2, 3, return_sequences=True), Dense(None, 1, "sigmoid")], "cross_entropy",
                  input_shape=(4, 2))  # fmt: skip
    theta, X, _, lengths = data(net, 5)
    a = net.forward(theta, X)
    p = net.predict_proba(theta, X)
    assert p.shape == (5, 4, 2)
    assert_near(p[..., 1], a[..., 0])
    assert_near(p.sum(axis=-1), np.ones((5, 4)))
    assert (net.predict(theta, X) == (a[..., 0] > 0.5)).all()
    ended = np.arange(4) >= lengths[:, None]
    assert (net.predict_proba(theta, X, lengths)[ended] == 0).all()


def test_objectives_of_sequences_are_pickled_with_their_lengths():
    net = Network([LSTM(2, 3, return_sequences=True), Dense(None, 2)], input_shape=(4, 2))
    theta, X, y, lengths = data(net, 5)
    objective = net.objective(X, y, lengths=lengths)
    again = pickle.loads(pickle.dumps(objective))
    assert again(theta)[0] == objective(theta)[0]
    lengths[:] = 1  # a copy was made
    assert again(theta)[0] == objective(theta)[0]
    assert not objective.lengths.flags.writeable


def test_rows_of_sequences_bring_their_lengths():
    net = Network([LSTM(2, 3, return_sequences=True), Dense(None, 2)], input_shape=(4, 2))
    theta, X, y, lengths = data(net, 9)
    objective = net.objective(X, y, lengths=lengths)
    for rows in (slice(2, 7), [8, 0, 3, 3]):
        J, D = objective(theta, rows=rows)
        J2, D2 = net.objective(X[rows], y[rows], lengths=lengths[rows])(theta)
        assert_near(J, J2)
        assert_near(D, D2)


def test_classic_calls_take_lengths():
    net = Network([RNN(2, 3, return_sequences=True), Dense(None, 2)], input_shape=(4, 2))
    theta, X, y, lengths = data(net, 5)
    J, D = net.objective(X, y, lengths=lengths)(theta)
    assert net.cost(theta, X, y, lengths=lengths) == J
    assert (net.gradient(theta, X, y, None, None, lengths) == D).all()
    lengths[0] = 1
    assert net.cost(theta, X, y, lengths=lengths) != J
    assert net.cost(theta, X, y) == net.objective(X, y).cost(theta)


def test_a_circuit_as_loss_and_as_activation():
    z = fastbp.variable("z")
    a, y = fastbp.variables("a y")
    g = fastbp.circuit(z * fastbp.circuits.tanh(z))
    loss = fastbp.circuit((a - y) ** 4)
    layers = [Conv1d(1, 2, 3, activation=g), RNN(None, 3, g, return_sequences=True),
              Dense(None, 2, "sigmoid")]  # fmt: skip
    net = Network(layers, loss, input_shape=(1, 6))
    theta, X, y, _ = data(net, 5)
    report = fastbp.check_gradient(net.objective(X, y), theta)
    assert report.passed
    labels = np.zeros((5, 2), int)
    assert np.isfinite(net.objective(X, labels)(theta)[0])


def test_check_gradient_names_layer_and_gate():
    net = Network([LSTM(2, 3, bidirectional=True), Dense(None, 1)], input_shape=(4, 2))
    theta, X, y, _ = data(net, 5)
    report = fastbp.check_gradient(net.objective(X, y), theta)
    assert report.passed
    assert "layer 1 backward gate f weights" in str(report)

    def wrong(theta):
        J, D = net.objective(X, y)(theta)
        block = next(b for b in net.blocks() if b.name == "layer 1 forward gate o weights")
        D[block.indices[4]] += 0.1
        return J, D

    wrong.network = net
    report = fastbp.check_gradient(wrong, theta)
    assert not report.passed
    assert report.likely == ("layer 1 forward gate o weights",)
