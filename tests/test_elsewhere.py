"""Names, keywords and attributes of other libraries: what is said about them, and that it works."""

import copy
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import fastbp
from fastbp import elsewhere, initializers, names, parameters
from fastbp.words import folded

TYPED_NAMES = Path(__file__).parents[1] / ".ci" / "typed_names.py"
NET = fastbp.mlp(3, 4, 2)
X, Y = np.ones((5, 3)), np.ones((5, 2))
OBJECTIVE = NET.objective(X, Y)
CIRCUIT = fastbp.circuit(fastbp.variable("x") ** 2)


# Types


def test_types_have_the_names_of_the_tables():
    assert get_args(names.Activation) == fastbp.activations()
    assert get_args(names.HiddenActivation) == fastbp.activations(hidden=True)
    assert get_args(names.Loss) == tuple(fastbp.losses())
    assert get_args(initializers.Scheme) == initializers.SCHEMES
    assert get_args(parameters.Order) == ("C", "F")
    for reduction in get_args(names.Reduction):
        assert fastbp.mlp(2, 1, reduction=reduction).reduction == reduction


def test_a_type_checker_finds_wrong_names(tmp_path):
    pytest.importorskip("mypy")
    marked = TYPED_NAMES.read_text().splitlines()
    script = tmp_path / "script.py"
    script.write_text("\n".join(line.partition("  # type:")[0] for line in marked))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(script)]
    answer = subprocess.run(command, capture_output=True, text=True)
    lines = {int(line.split(":")[1]) for line in answer.stdout.splitlines() if ": error:" in line}
    assert lines == {i for i, line in enumerate(marked, 1) if "# type:" in line}, answer.stdout


# Names


def known(kind):
    return {
        "activation": fastbp.activations(),
        "loss": tuple(fastbp.losses()),
        "scheme": initializers.SCHEMES,
    }[kind]


@pytest.mark.parametrize("kind", elsewhere.NAMES)
def test_every_name_leads_to_one_that_there_is(kind):
    ours = {folded(name) for name in known(kind)}
    for theirs, name in elsewhere.NAMES[kind].items():
        assert name in known(kind)
        assert theirs not in ours
        assert theirs not in elsewhere.CIRCUITS.get(kind, {})
    assert set(elsewhere.FORMULAS) <= set(known("loss"))


CALLS = {
    "activation": [
        lambda name: fastbp.mlp(2, 3, 2, output=name, loss="squared_error"),
        lambda name: fastbp.Dense(2, 2, name),
        lambda name: fastbp.kernels.forward(np.ones((2, 3)), np.ones((4, 2)), name),
    ],
    "loss": [
        lambda name: fastbp.Network([fastbp.Dense(2, 2)], name),
        lambda name: fastbp.mlp(2, 2, loss=name),
        lambda name: fastbp.kernels.output_delta(name, "identity", X, X),
    ],
    "scheme": [lambda name: NET.init(scheme=name)],
}


@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        ("loss", "log_loss", "cross_entropy"),
        ("loss", "binary_crossentropy", "cross_entropy"),
        ("loss", "BCEWithLogitsLoss", "cross_entropy"),
        ("loss", "sparse_categorical_crossentropy", "cross_entropy"),
        ("loss", "mse", "squared_error"),
        ("loss", "MSELoss", "squared_error"),
        ("loss", "mean_squared_error", "squared_error"),
        ("loss", "L1Loss", "absolute_error"),
        ("loss", "SmoothL1Loss", "huber"),
        ("loss", "PoissonNLLLoss", "poisson"),
        ("activation", "logistic", "sigmoid"),
        ("activation", "logsig", "sigmoid"),
        ("activation", "linear", "identity"),
        ("activation", "purelin", "identity"),
        ("activation", "tansig", "tanh"),
        ("activation", "swish", "silu"),
        ("activation", "LReLU", "leaky_relu"),
        ("scheme", "xavier", "glorot"),
        ("scheme", "xavier_normal", "glorot_normal"),
        ("scheme", "kaiming_uniform", "he_uniform"),
    ],
)
def test_names_of_other_libraries(kind, theirs, ours):
    for call in CALLS[kind]:
        with pytest.raises(ValueError, match=f"unknown .*{theirs}'; here it is called '{ours}'"):
            call(theirs)


@pytest.mark.parametrize(
    ("kind", "slip", "ours"),
    [
        ("loss", "crossentropy", "cross_entropy"),
        ("loss", "Cross-Entropy", "cross_entropy"),
        ("loss", "squarederror", "squared_error"),
        ("activation", "ReLU", "relu"),
        ("activation", "LeakyReLU", "leaky_relu"),
        ("activation", "rellu", "relu"),
        ("scheme", "GlorotUniform", "glorot_uniform"),
    ],
)
def test_slips(kind, slip, ours):
    for call in CALLS[kind]:
        with pytest.raises(ValueError, match=rf"'{slip}'; did you mean '{ours}'\? Known"):
            call(slip)


def test_functions_and_classes_in_the_place_of_a_name():
    class ReLU:  # as that of torch.nn
        pass

    class MSELoss:
        pass

    cases = [
        (lambda: fastbp.mlp(2, 3, 1, hidden=np.tanh), "did you mean 'tanh'?; known: identity"),
        (lambda: fastbp.mlp(2, 3, 1, hidden=ReLU()), "did you mean 'relu'?"),
        (lambda: fastbp.mlp(2, 3, 1, hidden=ReLU), "did you mean 'relu'?"),
        (lambda: fastbp.mlp(2, 1, loss=MSELoss()), "here it is called 'squared_error'"),
        (lambda: fastbp.mlp(2, 1, output=None), "must be a name, got None; known"),
        (lambda: fastbp.mlp(2, 1, output=lambda z: z), "or a circuit: fastbp.circuit(...)"),
    ]
    for call, words in cases:
        with pytest.raises(TypeError) as raised:
            call()
        assert words in str(raised.value)


@pytest.mark.parametrize("kind", elsewhere.CIRCUITS)
def test_what_is_not_here_by_name_can_be_a_circuit(kind):
    for name in elsewhere.CIRCUITS[kind]:
        arguments = {"loss": name} if kind == "loss" else {"hidden": name}
        with pytest.raises(ValueError, match="; it can be a circuit: from fastbp") as raised:
            fastbp.mlp(2, 3, 1, **arguments)
        code = str(raised.value).split("circuit: ")[1].split(". Known")[0]
        *statements, expression = code.split("; ")
        space = {"fastbp": fastbp}
        exec("\n".join(statements), space)
        net = fastbp.mlp(2, 3, 1, **{key: eval(expression, space) for key in arguments})
        assert fastbp.check_gradient(net.objective(X[:, :2], Y[:, 0]), net.init(seed=0))


# Keywords

KEYWORDS = [
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "activation", "here it is hidden= (output= is the last"),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "nonlinearity", "here it is hidden="),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "output_activation", "here it is output="),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "alpha", "here it is l2="),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "weight_decay", "here it is l2="),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "criterion", "here it is loss="),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "hidden_layer_sizes", "inputs first: mlp(400, 25, 10)"),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "random_state", "it belongs to net.init(seed=...)"),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "epsilon", "it belongs to net.init(epsilon=...)"),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "sample_weight", "belongs to net.objective(X, y, samp"),
    (
        lambda **k: fastbp.mlp(2, 3, 1, **k),
        "learning_rate",
        "scipy.optimize.minimize(net.objective",
    ),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "use_bias", "every layer has a bias: column 0"),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "outputt", "did you mean output=?"),
    (lambda **k: fastbp.mlp(2, 3, 1, **k), "zzz", "it has hidden, output, loss, l2, dtype, reduct"),
    (lambda **k: fastbp.Dense(2, 3, **k), "hidden", "here it is activation="),
    (lambda **k: fastbp.Dense(**k), "units", "here it is n_out="),
    (lambda **k: fastbp.Dense(**k), "in_features", "here it is n_in="),
    (lambda **k: fastbp.Network([], **k), "regularization", "here it is l2="),
    (lambda **k: fastbp.Network([], **k), "activation", "belongs to mlp(..., hidden=...)"),
    (lambda **k: NET.init(**k), "eps", "here it is epsilon="),
    (lambda **k: NET.init(**k), "random_state", "here it is seed="),
    (lambda **k: NET.init(**k), "method", "here it is scheme="),
    (lambda **k: NET.objective(X, Y, **k), "weights", "here it is sample_weight="),
    (lambda **k: NET.objective(X, Y, **k), "n_jobs", "here it is n_threads="),
    (lambda **k: NET.objective(X, Y, **k), "lambda_", "here it is l2="),
    (lambda **k: NET.cost(None, X, Y, **k), "reg", "here it is l2="),
    (lambda **k: NET.gradient(None, X, Y, **k), "weights", "here it is sample_weight="),
    (lambda **k: NET.cost_and_gradient(None, X, Y, **k), "n_jobs", "belongs to net.objective(X, y"),
]


@pytest.mark.parametrize(("call", "keyword", "words"), KEYWORDS, ids=lambda value: str(value)[:20])
def test_keywords_of_other_libraries(call, keyword, words):
    with pytest.raises(TypeError, match=f"has no keyword '{keyword}'; ") as raised:
        call(**{keyword: 1})
    assert words in str(raised.value)


def test_keywords_lead_to_ones_that_there_are():
    ours = set()
    layers = fastbp.Dense, fastbp.Conv2d, fastbp.MaxPool2d, fastbp.RNN, fastbp.LSTM
    for function in (fastbp.mlp, fastbp.Network, *layers, NET.init, NET.objective):
        ours |= set(inspect.signature(function).parameters)
    assert {name for meant in elsewhere.KEYWORDS.values() for name in meant} <= ours
    assert set(elsewhere.PLACES) <= ours


def test_functions_with_advice_are_themselves_otherwise():
    assert str(inspect.signature(fastbp.mlp)).startswith("(*widths: int, hidden: ")
    assert fastbp.mlp.__name__ == "mlp"
    assert fastbp.mlp.__doc__.startswith("A network of dense layers")
    with pytest.raises(TypeError, match=r"Dense needs its number of outputs"):
        fastbp.Dense(2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        NET.objective(X)


@pytest.mark.parametrize(
    ("call", "words", "code"),
    [
        (lambda: fastbp.mlp(3, 1, hidden=[25, 10]), "separate", "fastbp.mlp(3, 25, 10, 1)"),
        (lambda: fastbp.mlp(3, 1, hidden=25), "widths", "fastbp.mlp(3, 25, 1)"),
        (lambda: fastbp.mlp(3, 1, hidden=(25,)), "widths", "fastbp.mlp(3, 25, 1)"),
        (lambda: fastbp.mlp([3, 25, 1]), "widths", "mlp(*widths) for widths = [3, 25, 1]"),
        (lambda: fastbp.mlp(3, 4, 1, "relu"), "got 'relu'; activations have keywords: hidden=", ""),
        (
            lambda: fastbp.mlp(3, 4, 5, 1, hidden=["relu", "tanh"]),
            "one activation for all hidden layers",
            "fastbp.Network([fastbp.Dense(3, 4, 'relu'), fastbp.Dense(4, 5, 'tanh'), "
            "fastbp.Dense(5, 1, 'identity')], ...)",
        ),
        (lambda: fastbp.mlp(3, 4, 1, hidden=["relu"] * 3), "list of Dense(n_in, n_out", ""),
        (lambda: fastbp.Network(3, 4), "list of layers, got 3; fastbp.mlp(400, 25, 10)", ""),
        (lambda: fastbp.Network([3, 4, 1]), "layer 1 is 3", "fastbp.mlp(3, 4, 1)"),
        (lambda: fastbp.Network("dense"), "list of layers, got 'dense'", ""),
        (lambda: fastbp.Network(["relu"]), "layer 1 is 'relu'; expected a Dense layer", ""),
        (lambda: fastbp.Network(fastbp.Dense(3, 4)), "Network([Dense(3, 4, 'identity')]", ""),
        (
            lambda: fastbp.Network([fastbp.Dense(3, 4)], fastbp.Dense(4, 1)),
            "loss must be a name, got Dense(4, 1, 'identity')",
            "",
        ),
    ],
)
def test_widths_and_layers_in_other_forms(call, words, code):
    with pytest.raises(TypeError) as raised:
        call()
    assert words in str(raised.value)
    assert code in str(raised.value)
    if code.startswith("fastbp."):
        made = eval(code.replace(", ...", ""), {"fastbp": fastbp})
        assert made.widths[0] == 3
        assert made.widths[-1] == 1


@pytest.mark.parametrize("value", [0.12, np.float32(0.12), 1e-3])
def test_a_number_for_init_is_taken_for_epsilon(value):
    with pytest.raises(TypeError, match=rf"seed=.*epsilon={value:g}$") as raised:
        NET.init(value)
    keyword, number = str(raised.value).split()[-1].split("=")
    assert abs(NET.init(**{keyword: float(number)})).max() <= float(number)


# Attributes


def owner(kind):
    things = (NET, OBJECTIVE, CIRCUIT, CIRCUIT.objective(), NET.layers[0])
    return {"module": fastbp, **{type(thing).__name__: thing for thing in things}}[kind]


@pytest.mark.parametrize("kind", elsewhere.ATTRIBUTES)
def test_attributes_that_are_looked_for_lead_somewhere(kind):
    seen = []
    for row, advice in elsewhere.ATTRIBUTES[kind].items():
        for name in row.split():
            assert not hasattr(owner(kind), name), f"{name} is there: its row is of no use"
            with pytest.raises(AttributeError) as raised:
                getattr(owner(kind), name)
            assert f"has no attribute {name!r}; {advice}" in str(raised.value)
            seen.append(name)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("name", ["hessp", "fit", "dump", "to_c"])
def test_where_a_network_has_it(name):
    words = {
        "hessp": "net.objective(X, y) has hessp",
        "fit": "minimize(net.objective(X, y)",
        "dump": "net.save(path, theta)",
        "to_c": "net.circuit(theta).to_c(name)",
    }
    with pytest.raises(AttributeError, match=f"'Network' object has no attribute '{name}'") as e:
        getattr(NET, name)
    assert words[name] in str(e.value)


def test_names_of_activations_are_no_functions():
    with pytest.raises(AttributeError, match="an activation is given by its name: 'relu'"):
        fastbp.relu  # noqa: B018
    with pytest.raises(AttributeError, match="a loss is given by its name: 'huber'"):
        fastbp.huber  # noqa: B018


def test_other_attributes_are_missing_as_usual():
    for thing in (NET, OBJECTIVE, CIRCUIT, CIRCUIT.objective(), NET.layers[0], fastbp):
        assert getattr(thing, "nothing", 3) == 3
        with pytest.raises(AttributeError, match=r"has no attribute 'nothing'$") as raised:
            thing.nothing  # noqa: B018
        assert raised.value.name == "nothing"
        assert raised.value.obj is thing
    with pytest.raises(ImportError):
        from fastbp import nothing  # noqa: F401


def test_copies_and_pickles_are_as_before():
    theta = NET.init(seed=0)
    for make in (copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))):
        assert make(NET) == NET
        assert make(OBJECTIVE)(theta)[0] == OBJECTIVE(theta)[0]
        assert make(CIRCUIT)(3.0) == 9
        assert make(CIRCUIT.objective())(3.0)[0] == 9
        assert make(NET.layers[0]) == NET.layers[0]
    empty = fastbp.Network.__new__(fastbp.Network)
    with pytest.raises(AttributeError):
        empty.layers  # noqa: B018
    assert not hasattr(NET, "__array__")
    assert np.asarray(NET, object).shape == ()
