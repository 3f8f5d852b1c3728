"""Networks and layers: description, theta and its matrices, outputs, identity."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbp
from fastbp import Dense, Network
from fastbp._core import core

DIGITS = fastbp.mlp(400, 25, 10, hidden="sigmoid", output="sigmoid", loss="cross_entropy", l2=1.0)
widths = st.lists(st.integers(1, 6), min_size=2, max_size=5)


# Description


def test_mlp_and_network_spell_the_same_thing():
    spelled = Network(
        [Dense(400, 25, "sigmoid"), Dense(25, 10, "sigmoid")], loss="cross_entropy", l2=1.0
    )
    assert spelled == DIGITS
    assert hash(spelled) == hash(DIGITS)
    assert len({spelled, DIGITS}) == 1


def test_attributes():
    assert DIGITS.widths == (400, 25, 10)
    assert DIGITS.activations == ("sigmoid", "sigmoid")
    assert DIGITS.shapes == ((25, 401), (10, 26))
    assert DIGITS.n_parameters == 10285
    assert (DIGITS.loss, DIGITS.l2, DIGITS.reduction) == ("cross_entropy", 1.0, "mean")
    assert DIGITS.dtype == np.dtype("float64")
    assert DIGITS.layers[0].shape == (25, 401)
    assert DIGITS.layers[0].n_parameters == 10025


def test_defaults_of_mlp():
    net = fastbp.mlp(3, 4, 2)
    assert net.activations == ("tanh", "identity")
    assert (net.loss, net.l2, net.dtype.name, net.reduction) == (
        "squared_error", 0.0, "float64", "mean",
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        fastbp.mlp(400, 25, 10, hidden="tanh", output="sigmoid", loss="cross_entropy", l2=1.0),
        fastbp.mlp(400, 24, 10, hidden="sigmoid", output="sigmoid", loss="cross_entropy", l2=1.0),
        fastbp.mlp(400, 25, 10, hidden="sigmoid", output="sigmoid", loss="cross_entropy"),
        fastbp.mlp(400, 25, 10, hidden="sigmoid", output="sigmoid", l2=1.0),
        "400-25-10",
    ],
)
def test_different_networks_are_not_equal(other):
    assert other != DIGITS


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32"), ">f4"])
def test_dtype_by_any_name_is_the_native_one(dtype):
    net = fastbp.mlp(2, 1, dtype=dtype)
    assert net.dtype == np.dtype(np.float32)
    assert net.dtype.isnative


def test_repr_is_a_table_of_layers_with_their_parameters():
    assert repr(DIGITS).splitlines() == [
        "Network 400-25-10: loss cross_entropy, l2 1, float64, mean",
        "  layer  Theta           activation  parameters",
        "  1      25 x (1 + 400)  sigmoid          10025",
        "  2      10 x (1 + 25)   sigmoid            260",
        "  total                                   10285",
    ]
    assert repr(DIGITS.layers[1]) == "Dense(25, 10, 'sigmoid')"


def test_networks_and_layers_cannot_be_changed():
    with pytest.raises(AttributeError, match="Network is immutable"):
        DIGITS.l2 = 2.0
    with pytest.raises(AttributeError, match="Network is immutable"):
        del DIGITS.layers
    with pytest.raises(AttributeError, match="a Dense is immutable"):
        DIGITS.layers[0].n_in = 3
    with pytest.raises(AttributeError, match="a Dense is immutable"):
        del DIGITS.layers[0].n_in


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_and_pickles_are_equal(copied):
    net = fastbp.mlp(3, 4, 2, hidden="relu", dtype="float32", reduction="sum", l2=0.1)
    assert copied(net) == net
    assert copied(net.layers[0]) == net.layers[0]


def test_a_network_goes_through_json():
    net = fastbp.mlp(3, 4, 2, hidden="gelu", l2=1 / 3, dtype="float32", reduction="sum")
    assert Network.from_dict(json.loads(json.dumps(net.to_dict()))) == net


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "written in format 99; this fastbp reads formats 1 and 2"),
        ({"loss": "mse"}, "unknown loss 'mse'"),
        ({"layers": [{"n_in": 2}]}, "not the description of a network: .*n_out"),
        ({"layers": 3}, "not the description of a network"),
        ({"l2": None}, "not the description of a network: l2 must be one number"),
    ],
)
def test_a_wrong_description_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Network.from_dict({**DIGITS.to_dict(), **change})


def test_a_description_is_a_dict():
    with pytest.raises(ValueError, match=r"not the description of a network: \[1\]"):
        Network.from_dict([1])


def test_a_description_with_an_entry_missing_is_refused():
    description = DIGITS.to_dict()
    del description["loss"]
    with pytest.raises(ValueError, match="'loss' is missing"):
        Network.from_dict(description)


def test_a_pickle_of_another_version_is_refused():
    rebuild, (description,) = DIGITS.__reduce__()
    with pytest.raises(ValueError, match="written in format 3"):
        rebuild({**description, "version": 3})


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: fastbp.mlp(), ValueError, r"at least two widths.*got \(\)"),
        (lambda: fastbp.mlp(5), ValueError, r"at least two widths.*got \(5,\)"),
        (lambda: fastbp.mlp([5, 3]), TypeError, r"widths are separate arguments: mlp\(\*widths\)"),
        (lambda: fastbp.mlp(5, 0), ValueError, "n_out must be an integer from 1 .* got 0"),
        (lambda: fastbp.mlp(5, -3, 1), ValueError, "got -3"),
        (lambda: fastbp.mlp(5, 2.0), TypeError, "n_out must be an integer from 1 .* got 2.0"),
        (lambda: fastbp.mlp(5, True), TypeError, "got True"),
        (lambda: fastbp.mlp(5, "tanh"), TypeError, "got 'tanh'"),
        (lambda: fastbp.mlp(5, 2**40), ValueError, "from 1 to 2147483647, got 1099511627776"),
        (lambda: fastbp.mlp(5, 2, hidden="sigmod"), ValueError, "did you mean 'sigmoid'"),
        (lambda: fastbp.mlp(5, 2, output="Sigmoid"), ValueError, "did you mean 'sigmoid'"),
        (lambda: fastbp.mlp(5, 2, output="step"), ValueError, "output activation 'step'.*relu"),
        (lambda: fastbp.mlp(5, 2, output=None), TypeError, "activation must be a name, got None"),
        (lambda: fastbp.mlp(5, 2, 1, hidden="softmax"), ValueError, "unknown hidden activation"),
        (lambda: fastbp.mlp(5, 2, loss="mse"), ValueError, "unknown loss 'mse'.*squared_error"),
        (lambda: fastbp.mlp(5, 2, loss=None), TypeError, "loss must be a name, got None"),
        (lambda: fastbp.mlp(5, 2, dtype="float16"), ValueError, "'float32', got 'float16'"),
        (lambda: fastbp.mlp(5, 2, dtype="double precision"), ValueError, "got 'double precision'"),
        (lambda: fastbp.mlp(5, 2, dtype=int), ValueError, "dtype must be 'float64' or 'float32'"),
        (lambda: fastbp.mlp(5, 2, dtype=None), ValueError, "dtype must be.*got None"),
        (lambda: fastbp.mlp(5, 2, reduction="none"), ValueError, "unknown reduction.*mean, sum"),
        (lambda: fastbp.mlp(5, 2, l2=-1), ValueError, "l2 must be a finite number >= 0, got -1.0"),
        (lambda: fastbp.mlp(5, 2, l2=np.nan), ValueError, "a finite number >= 0, got nan"),
        (lambda: fastbp.mlp(5, 2, l2="1"), TypeError, "l2 must be one number >= 0, got '1'"),
        (lambda: fastbp.mlp(5, 2, l2=[1.0]), TypeError, r"l2 must be one number >= 0, got \[1.0\]"),
        (lambda: Network([]), ValueError, "at least one layer"),
        (lambda: Network(Dense(2, 1)), TypeError, r"must be a list of layers: Network\(\[Dense"),
        (lambda: Network([(2, 1)]), TypeError, r"layer 1 is \(2, 1\) \(tuple\); expected a Dense"),
        (
            lambda: Network([Dense(2, 3), Dense(4, 1)]),
            ValueError,
            "layer 2 takes 4 inputs, but layer 1 has 3 outputs(.|\n)*3 x ",
        ),
        (
            lambda: Network([Dense(2, 3, "softmax"), Dense(3, 1)]),
            ValueError,
            "layer 1 of 2 has activation 'softmax', which only the last layer can have",
        ),
        (
            lambda: fastbp.mlp(5, 1, output="softmax", loss="cross_entropy"),
            ValueError,
            "softmax over a single output is constant; use output='sigmoid'",
        ),
        (
            lambda: fastbp.mlp(5, 1, loss="multiclass_hinge"),
            ValueError,
            "multiclass_hinge over a single output is constant; use loss='hinge'",
        ),
    ],
)  # fmt: skip
def test_bad_descriptions_say_what_is_wrong(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize("loss", core("float64").LOSSES)
@pytest.mark.parametrize("output", core("float64").ACTIVATIONS)
def test_every_loss_follows_the_outputs_of_the_table_and_no_other(loss, output):
    allowed = core("float64").LOSSES[loss]
    if allowed is None or output in allowed:
        assert fastbp.mlp(4, 3, output=output, loss=loss).activations == (output,)
    else:
        use = " or ".join(f"'{name}'" for name in allowed)
        with pytest.raises(
            ValueError,
            match=f"loss '{loss}' cannot follow output '{output}'; use output {use}, or keep the "
            "output and use loss .*'squared_error'",
        ):
            fastbp.mlp(4, 3, output=output, loss=loss)


def test_cross_entropy_of_a_relu_says_what_to_use():
    with pytest.raises(ValueError, match="use output 'sigmoid' or 'softmax', or keep the output"):
        fastbp.mlp(4, 3, output="relu", loss="cross_entropy")


# theta and its matrices


@given(widths, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_unpack_is_the_inverse_of_pack(sizes, seed):
    net = fastbp.mlp(*sizes)
    theta = np.random.default_rng(seed).normal(size=net.n_parameters)
    Thetas = net.unpack(theta)
    assert [Theta.shape for Theta in Thetas] == list(net.shapes)
    assert all(np.shares_memory(Theta, theta) for Theta in Thetas)
    assert np.array_equal(net.pack(Thetas), theta)
    assert np.array_equal(np.concatenate([Theta.ravel() for Theta in Thetas]), theta)


@given(widths)
@settings(max_examples=30, deadline=None)
def test_blocks_share_out_theta_and_name_its_biases(sizes):
    net = fastbp.mlp(*sizes)
    blocks = net.blocks()
    everything = np.concatenate([block.indices for block in blocks])
    assert np.array_equal(np.sort(everything), np.arange(net.n_parameters))
    theta = np.zeros(net.n_parameters)
    for block in blocks:
        assert block.name == f"layer {block.layer} {block.kind}"
        theta[block.indices] = block.layer if block.kind == "bias" else -block.layer
    for number, Theta in enumerate(net.unpack(theta), 1):
        assert np.all(Theta[:, 0] == number)
        assert np.all(Theta[:, 1:] == -number)


def test_writing_to_a_matrix_writes_to_theta():
    net = fastbp.mlp(2, 3, 1)
    theta = np.zeros(net.n_parameters)
    net.unpack(theta)[1][0, 2] = 7
    assert np.flatnonzero(theta).tolist() == [9 + 2]


def test_a_read_only_theta_has_read_only_matrices():
    net = fastbp.mlp(2, 3, 1)
    theta = net.init(seed=0)
    theta.flags.writeable = False
    assert not any(Theta.flags.writeable for Theta in net.unpack(theta))


@pytest.mark.parametrize("theta", [np.arange(26.0)[::2], np.arange(13, dtype=complex)])
def test_unpack_views_any_stride_and_dtype(theta):
    Thetas = fastbp.mlp(2, 3, 1).unpack(theta)
    assert all(np.shares_memory(Theta, theta) for Theta in Thetas)
    assert np.array_equal(np.concatenate([Theta.ravel() for Theta in Thetas]), theta)


def test_pack_gives_a_fresh_float64_vector():
    net = fastbp.mlp(2, 1)
    Theta = np.array([[1, 2, 3]], dtype=np.int8)
    theta = net.pack([Theta])
    assert theta.dtype == np.float64
    assert theta.tolist() == [1, 2, 3]
    single = np.array([[1.0, 2, 3]])
    assert not np.shares_memory(net.pack([single]), single)
    assert np.array_equal(net.pack([np.asfortranarray(single)]), theta)


@pytest.mark.parametrize(
    ("Thetas", "error", "message"),
    [
        ([np.ones((3, 3))], ValueError, "pack got 1 matrices, but the network has 2 layers"),
        ([np.ones((3, 3)), np.ones((4, 1))], ValueError, r"\(4, 1\).*np.transpose\(Theta\[1\]\)"),
        ([np.ones((3, 2)), np.ones((1, 4))], ValueError, r"Theta\[0\].*biases is missing"),
        ([np.ones((3, 3)), np.ones(4)], ValueError, r"has shape \(4,\); expected \(1, 4\)"),
        ([np.ones((3, 3)), 1j * np.ones((1, 4))], TypeError, r"Theta\[1\] has dtype complex128"),
    ],
)  # fmt: skip
def test_pack_refuses_matrices_that_do_not_fit(Thetas, error, message):
    with pytest.raises(error, match=message):
        fastbp.mlp(2, 3, 1).pack(Thetas)


@pytest.mark.parametrize("theta", ["abc", ["a"] * 13, b"\0" * 13])
def test_unpack_of_text_is_refused(theta):
    with pytest.raises(TypeError, match=r"theta has dtype [<|].*; expected real numbers"):
        fastbp.mlp(2, 3, 1).unpack(theta)


def test_unpack_of_a_wrong_length_shows_the_layers():
    with pytest.raises(
        ValueError, match=r"theta has 12 numbers.*13 parameters(.|\n)*3 x \(1 \+ 2\)"
    ):
        fastbp.mlp(2, 3, 1).unpack(np.zeros(12))
