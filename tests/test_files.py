"""Models in files: what goes in comes out, whole or not at all, and never through pickle."""

import json
import os
import threading
import zipfile
from functools import reduce

import numpy as np
import pytest

import fastbp
from fastbp import files, safetensors

NET = fastbp.mlp(3, 4, 2, hidden="relu", output="softmax", loss="cross_entropy", l2=0.1)
THETA = NET.init(seed=1)


def content(path):
    """The matrices, and the description, of the model file at `path`."""
    with open(path, "rb", buffering=0) as file:
        arrays, metadata = safetensors.read(file)
    return arrays, json.loads(metadata["fastbp"])


def rewrite(path, arrays, description):
    with open(path, "wb") as file:
        safetensors.write(file, arrays, {"fastbp": json.dumps(description)})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_what_is_saved_is_loaded(tmp_path, dtype, reduction):
    net = fastbp.Network(
        [fastbp.Dense(3, 4, "gelu"), fastbp.Dense(4, 1, "softplus")],
        loss="poisson", l2=1 / 3, dtype=dtype, reduction=reduction,
    )  # fmt: skip
    theta = net.init(seed=2)
    extra = {"classes": ["ä", 2], "mean": [0.1, 1e-300], "nested": {"a": None}}
    files.save(tmp_path / "model", net, theta, extra)
    loaded = files.load(tmp_path / "model")
    assert loaded.network == net
    assert loaded.extra == extra
    assert loaded.theta.dtype == np.float64
    assert np.array_equal(loaded.theta, theta)
    assert np.array_equal(loaded.theta.view(np.int64), theta.view(np.int64))
    assert tuple(loaded) == (loaded.network, loaded.theta, loaded.extra)


def test_extra_may_be_left_out_and_the_path_is_taken_as_it_is(tmp_path):
    files.save(str(tmp_path / "model.txt"), NET, THETA)
    assert os.listdir(tmp_path) == ["model.txt"]
    assert files.load(tmp_path / "model.txt").extra == {}


def test_the_file_has_the_matrices_by_name(tmp_path):
    NET.save(tmp_path / "model", THETA, {"a": 1})
    arrays, description = content(tmp_path / "model")
    assert list(arrays) == ["Theta[0]", "Theta[1]"]
    assert all(
        np.array_equal(a, b) for a, b in zip(arrays.values(), NET.unpack(THETA), strict=True)
    )
    assert description["network"] == NET.to_dict()
    assert description["extra"] == {"a": 1}
    network, theta, extra = fastbp.load(tmp_path / "model")
    assert (network, extra) == (NET, {"a": 1})
    assert np.array_equal(theta, THETA)


def test_matrices_of_every_layer_come_back_in_their_order(tmp_path):
    layers = [fastbp.LSTM(2, 3, bidirectional=True, return_sequences=True), fastbp.Flatten()]
    net = fastbp.Network([*layers, *(fastbp.Dense(None, 3, "tanh") for _ in range(12))],
                         input_shape=(4, 2))  # fmt: skip
    theta = net.init(seed=0)
    net.save(tmp_path / "model", theta)
    loaded = fastbp.load(tmp_path / "model")
    assert loaded.network == net
    assert np.array_equal(loaded.theta, theta)


@pytest.mark.parametrize(
    ("theta", "extra", "error", "words"),
    [
        (THETA[:-1], None, ValueError, "theta has shape (25,); this network has 26 parameters"),
        (THETA[None], None, ValueError, "theta has shape (1, 26)"),
        (np.where(np.arange(26) == 7, np.nan, THETA), None, ValueError, "theta[7] is nan"),
        (np.where(np.arange(26) == 3, np.inf, THETA), None, ValueError, "theta[3] is inf"),
        (THETA, {"mean": float("nan")}, ValueError, "JSON"),
        (THETA, {"mean": np.zeros(2)}, TypeError, "JSON"),
        (THETA, {"deep": reduce(lambda deep, _: [deep], range(200_000), 0)}, ValueError, "nested"),
        (THETA, "notes", TypeError, "extra is 'notes'; expected a dictionary, or None"),
        (THETA, [("a", 1)], TypeError, "expected a dictionary, or None"),
        (THETA + 0j, None, TypeError, "theta has dtype complex128; expected real numbers"),
        (["a"] * 26, None, TypeError, "theta has dtype <U1; expected real numbers"),
        ([10**400] * 26, None, TypeError, "theta has dtype object"),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_file_as_it_was(tmp_path, theta, extra, error, words):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with pytest.raises(error) as caught:
        files.save(path, NET, theta, extra)
    assert words in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("network", ["x", None, THETA, fastbp.Dense(1, 1), NET.to_dict()])
def test_what_is_no_network_cannot_be_saved(tmp_path, network):
    with pytest.raises(TypeError, match=r"network is .*; expected a fastbp.Network: files.save"):
        files.save(tmp_path / "model", network, THETA)
    assert os.listdir(tmp_path) == []


def test_a_path_may_be_bytes(tmp_path):
    files.save(os.fsencode(tmp_path / "model"), NET, THETA)
    assert files.load(os.fsencode(tmp_path / "model")).network == NET
    with pytest.raises(TypeError, match="path"):
        files.save(NET, tmp_path / "model", THETA)


# Devices and pipes


@pytest.mark.parametrize("widths", [(1, 1), (3, 4, 2), (100, 100)])
def test_a_model_can_be_thrown_away(widths):
    net = fastbp.mlp(*widths)
    files.save(os.devnull, net, net.init(seed=0))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
@pytest.mark.parametrize("widths", [(1, 1), (3, 4, 2), (100, 100)])
def test_a_full_device_is_named(widths):
    net = fastbp.mlp(*widths)
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        files.save("/dev/full", net, net.init(seed=0))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_what_is_saved_to_a_pipe_is_a_model(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    files.save(tmp_path / "pipe", NET, THETA, {"a": 1})
    reader.join()
    (tmp_path / "model").write_bytes(received[0])
    loaded = files.load(tmp_path / "model")
    assert (loaded.network, loaded.extra) == (NET, {"a": 1})
    assert np.array_equal(loaded.theta, THETA)


# What is no model


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.load(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x80\x04N."])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a fastbp model"):
        files.load(path)


def test_a_zip_or_an_npz_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a.txt", "text")
    np.savez(tmp_path / "arrays.npz", header=np.array('{"format": "x"}'), theta=THETA)
    np.savez(tmp_path / "list.npz", header=np.array("[]"), theta=THETA)
    np.savez(tmp_path / "number.npz", header=np.array(1.0), theta=THETA)
    for name in ("zip", "arrays.npz", "list.npz", "number.npz"):
        with pytest.raises(ValueError, match="is not a fastbp model or is damaged"):
            files.load(tmp_path / name)


def test_pickled_objects_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    trap = np.array(Trap(), dtype=object)
    np.savez(tmp_path / "model.npz", header=trap, theta=THETA)
    with pytest.raises(ValueError, match="is not a fastbp model or is damaged"):
        files.load(tmp_path / "model.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_cut_short_is_refused(tmp_path, share):
    path = tmp_path / "model"
    files.save(path, NET, THETA)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="not a fastbp model"):
        files.load(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "model"
    files.save(path, NET, THETA)
    content = bytearray(path.read_bytes())
    place = content.find(THETA.astype("<f8").tobytes())
    assert place > 0
    content[place + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        files.load(path)


def test_a_newer_format_says_upgrade(tmp_path):
    path = tmp_path / "model"
    files.save(path, NET, THETA)
    arrays, description = content(path)
    for version in (99, True, "1"):
        rewrite(path, arrays, description | {"version": version})
        with pytest.raises(ValueError, match=rf"format version '?{version}.*upgrade fastbp"):
            files.load(path)


def test_the_matrices_must_be_those_of_the_network(tmp_path):
    path = tmp_path / "model"
    files.save(path, NET, THETA)
    arrays, description = content(path)
    first, second = arrays["Theta[0]"], arrays["Theta[1]"]
    for other, words in (
        ({"Theta[0]": first}, r"holds no Theta\[1\]"),
        ({"Theta[0]": first, "Theta[1]": second[:-1]}, r"expected float64 \(2, 5\)"),
        ({"Theta[0]": first.astype(np.float32), "Theta[1]": second}, "float32"),
        (arrays | {"b": first}, "'b' too"),
        ({"Theta[0]": first + 1, "Theta[1]": second}, "crc32"),
    ):
        rewrite(path, other, description)
        with pytest.raises(ValueError, match=words):
            files.load(path)


def test_safetensors_of_something_else_are_refused(tmp_path):
    with open(tmp_path / "other", "wb") as file:
        safetensors.write(file, {"weight": np.ones(3)}, {"format": "pt"})
    with pytest.raises(ValueError, match="names no network"):
        files.load(tmp_path / "other")
