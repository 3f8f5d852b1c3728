"""A file takes the place of another in one step, or nothing has happened."""

import contextlib
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from processes import POSIX, run

import fastbp
from fastbp.replacing import check_writable, replacing

LEFTOVER = ".fastbp-0123456789ab.tmp"


def write(path, content=b"new"):
    with replacing(path) as file:
        file.write(content)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existed", [True, False])
def test_an_interrupted_write_leaves_nothing_behind(tmp_path, error, existed):
    path = tmp_path / "file"
    if existed:
        path.write_text("old")

    def fail_half_way():
        with replacing(path) as file:
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
    with replacing(path) as file:
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
        with replacing(path) as file:
            file.write(b"x")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_what_nobody_else_may_read_is_so_from_the_start(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as file:
        file.write(b"secret")
        file.flush()
        modes = {stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(tmp_path)}
    assert modes == {0o600}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="for root")
def test_what_root_writes_stays_its_owners(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, 65534, 65533)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid, path.read_text()) == (65534, 65533, "new")


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    with replacing(os.devnull) as file:
        file.write(b"x")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_folder_or_a_missing_folder_is_an_error_that_names_the_path(tmp_path):
    with pytest.raises(IsADirectoryError), replacing(tmp_path):
        pass
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "no" / "file"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "file")


# A disk that is full, a file that is write-protected


@contextlib.contextmanager
def largest_file(n_bytes):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@POSIX
@pytest.mark.parametrize("size", [2000, 10**6])
def test_no_room_leaves_the_old_file_and_is_told_of_it(tmp_path, size):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="File too large") as caught, largest_file(1000):
        write(path, bytes(size))
    assert caught.value.filename == str(path)
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_text() == "old"


@contextlib.contextmanager
def as_somebody():
    """Without the rights of root, and in a folder that is somebody's."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
            try:
                yield folder
            finally:
                os.seteuid(0)
        else:
            yield folder


@POSIX
def test_a_write_protected_file_stays_as_it_is():
    with as_somebody() as folder:
        path = os.path.join(folder, "file")
        write(path, b"old")
        os.chmod(path, 0o444)
        with pytest.raises(PermissionError) as expected, open(path, "wb"):
            pass
        with pytest.raises(PermissionError) as caught:
            write(path)
        assert str(caught.value) == str(expected.value)
        with open(path, "rb") as file:
            assert file.read() == b"old"
        assert os.listdir(folder) == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="for root")
def test_modes_do_not_bind_root(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o444)
    with open(path, "r+b"):  # so it is with every program
        write(path)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_asking_changes_nothing(tmp_path):
    path = tmp_path / "file"
    check_writable(path)
    assert not path.exists()
    path.write_text("old")
    before = path.stat().st_mtime_ns
    check_writable(path)
    assert (path.read_text(), path.stat().st_mtime_ns) == ("old", before)
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)


# What killed writers leave


def test_the_next_writer_removes_what_nobody_holds(tmp_path):
    (tmp_path / LEFTOVER).write_text("half")
    write(tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_live_writer_holds_stays(tmp_path):
    with replacing(tmp_path / "first") as first:
        first.write(b"one")
        for _ in range(3):
            write(tmp_path / "second", b"two")
        assert len(os.listdir(tmp_path)) == 2
    assert sorted(os.listdir(tmp_path)) == ["first", "second"]
    assert (tmp_path / "first").read_bytes() == b"one"


@POSIX
def test_only_files_of_that_very_name_are_removed(tmp_path):
    others = [".fastbp-.tmp", "fastbp-0123456789ab.tmp", LEFTOVER + "x", ".fastbp-0123456789AB.tmp"]
    for name in others:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".fastbp-000000000000.tmp").mkdir()
    os.mkfifo(tmp_path / ".fastbp-000000000001.tmp")
    (tmp_path / ".fastbp-000000000002.tmp").symlink_to(others[0])
    before = set(os.listdir(tmp_path))
    write(tmp_path / "file")
    assert set(os.listdir(tmp_path)) == before | {"file"}
    assert all((tmp_path / name).read_text() == "mine" for name in others)


@POSIX
def test_a_file_without_locks_is_written_all_the_same(tmp_path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(38, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / LEFTOVER).write_text("perhaps somebody's")
    write(tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == [LEFTOVER, "file"]


@POSIX
def test_two_writers_at_once_never_lose_their_files(tmp_path):
    script = f"""
from fastbp.replacing import replacing
for i in range(150):
    with replacing(os.path.join({str(tmp_path)!r}, sys.argv[1])) as file:
        file.write(b"x" * 100)
"""
    path = tmp_path / "script.py"
    path.write_text("import os, sys" + script)
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parents[1])}
    writers = [
        subprocess.Popen([sys.executable, path, name], env=environment) for name in ("a", "b")
    ]
    assert [writer.wait(300) for writer in writers] == [0, 0]
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "script.py"]


@POSIX
def test_a_writer_killed_at_any_time_never_damages_a_model(tmp_path):
    run(f"""
import random
from fastbp import files
os.chdir({str(tmp_path)!r})
net = fastbp.mlp(30, 40, 5)
thetas = [np.full(net.n_parameters, float(k)) for k in range(2)]
files.save("model", net, thetas[0])
rng, left, turns = random.Random(0), 0, 0
while turns < 60 or not left and turns < 2000:
    turns += 1
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begun, b"x")
        for k in range(10**6):
            files.save("model", net, thetas[k % 2])
    os.read(ready, 1)
    time.sleep(rng.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready), os.close(begun)
    left += len(os.listdir()) > 1
    network, theta, extra = files.load("model")
    assert network == net and (theta == theta[0]).all() and theta[0] in (0, 1)
assert left > 0  # else this has tried nothing
files.save("model", net, thetas[0])
assert os.listdir() == ["model"], os.listdir()
""")
