"""Models in files: what goes in comes out, whole or not at all, and never through pickle."""

import json
import os
import stat
import zipfile

import numpy as np
import pytest

import fastbp
from fastbp import files

NET = fastbp.mlp(3, 4, 2, hidden="relu", output="softmax", loss="cross_entropy", l2=0.1)
THETA = NET.init(seed=1)


def rewrite(path, **arrays):
    """The model file at `path` with some of its arrays replaced."""
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files} | arrays
    with open(path, "wb") as file:
        np.savez(file, **content)


def header(path):
    with np.load(path, allow_pickle=False) as archive:
        return json.loads(archive["header"].item())


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


def test_the_file_is_a_plain_npz_without_objects(tmp_path):
    files.save(tmp_path / "model", NET, THETA)
    with np.load(tmp_path / "model", allow_pickle=False) as archive:
        assert {name: archive[name].dtype.kind for name in archive.files} == {
            "header": "U",
            "theta": "f",
        }
    assert header(tmp_path / "model")["format"] == "fastbp-model"
    assert header(tmp_path / "model")["network"] == NET.to_dict()


@pytest.mark.parametrize(
    ("theta", "extra", "error", "words"),
    [
        (THETA[:-1], None, ValueError, "theta has shape (25,); this network has 26 parameters"),
        (THETA[None], None, ValueError, "theta has shape (1, 26)"),
        (np.where(np.arange(26) == 7, np.nan, THETA), None, ValueError, "theta[7] is nan"),
        (np.where(np.arange(26) == 3, np.inf, THETA), None, ValueError, "theta[3] is inf"),
        (THETA, {"mean": float("nan")}, ValueError, "JSON"),
        (THETA, {"mean": np.zeros(2)}, TypeError, "JSON"),
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
    rewrite(path, header=np.array(json.dumps(header(path) | {"version": 99})))
    with pytest.raises(ValueError, match=r"format version 99.*upgrade fastbp"):
        files.load(path)


def test_theta_must_fit_the_network_of_the_file(tmp_path):
    path = tmp_path / "model"
    files.save(path, NET, THETA)
    rewrite(path, theta=THETA[:-2])
    with pytest.raises(ValueError, match="theta has shape"):
        files.load(path)


# One step, whole or not at all


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existed", [True, False])
def test_an_interrupted_write_leaves_nothing_behind(tmp_path, error, existed):
    path = tmp_path / "file"
    if existed:
        path.write_text("old")

    def fail_half_way():
        with files.replacing(path) as file:
            file.write(b"half")
            file.flush()
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert os.listdir(tmp_path) == (["file"] if existed else [])
    assert not existed or path.read_text() == "old"


def test_until_the_end_a_reader_sees_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with files.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_the_rights_of_a_file_stay_and_new_ones_follow_the_umask(tmp_path):
    old, new, usual = tmp_path / "old", tmp_path / "new", tmp_path / "usual"
    old.write_text("")
    old.chmod(0o640)
    usual.write_text("")
    for path in (old, new):
        with files.replacing(path) as file:
            file.write(b"x")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with files.replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    with files.replacing(os.devnull) as file:
        file.write(b"x")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_folder_or_a_missing_folder_is_an_error_that_names_the_path(tmp_path):
    with pytest.raises(IsADirectoryError), files.replacing(tmp_path):
        pass
    with pytest.raises(FileNotFoundError) as caught, files.replacing(tmp_path / "no" / "file"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "file")
