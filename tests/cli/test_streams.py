"""Standard streams that are closed or full, files that are devices: a line, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tables import column, plane, write

import fastbp
from fastbp import files
from fastbp.cli import main, streams

FAST = "--widths 2 --maxiter 5"
PACKAGES = str(Path(fastbp.__file__).parents[1])


def shell(command, **environment):
    """A command of the shell in this folder: (exit code, standard output, standard error)."""
    done = subprocess.run(
        ["sh", "-c", command.replace("fastbp", f"'{sys.executable}' -m fastbp", 1)],
        env={**os.environ, "PYTHONPATH": PACKAGES, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def model(run):
    write("plane.csv", plane(40))
    assert run("train", "plane.csv", "--target", "y", *FAST.split())[0] == 0
    return "plane.fastbp"


def test_training_goes_on_without_standard_output(model):
    os.rename(model, "expected")
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        code, out, err = shell(f"fastbp train plane.csv --target y {FAST} {closed}")
        assert (code, err) == (0, "")
        assert (out == "") == (closed != "2>&-")
        assert Path("expected").read_bytes() == Path(model).read_bytes()
        os.remove(model)


def test_predictions_need_standard_output_or_a_file(model):
    code, _, err = shell(f"fastbp predict {model} plane.csv >&-")
    assert (code, err) == (
        2, "fastbp: error: standard output is closed; name a file with --save\n",
    )  # fmt: skip
    code, _, err = shell(f"fastbp predict {model} plane.csv --save out.csv >&-")
    assert code == 0
    assert "40 rows with a known target" in err
    assert len(column(Path("out.csv").read_text(), "y")) == 40


def test_an_exit_code_needs_no_stream(model):
    assert shell("fastbp check --widths 2,1 --loss huber >&-")[0] == 0
    assert shell("fastbp nonsense >&- 2>&-") == (2, "", "")
    assert shell("fastbp nonsense 2>&-") == (2, "", "")  # not on standard output either
    for words in ("info", "--help", "--version", ""):
        assert shell(f"fastbp {words} >&-") == (0, "", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
@pytest.mark.parametrize(
    "words",
    [
        "info",
        "--help",
        "--version",
        "check --widths 2,1 --loss huber",
        "predict plane.fastbp plane.csv",
        f"train plane.csv --target y {FAST}",
    ],
)
@pytest.mark.parametrize("buffered", [True, False])
def test_a_full_standard_output_gets_one_line(model, words, buffered):
    environment = {"PYTHONUNBUFFERED": "" if buffered else "1"}
    line = "fastbp: error: No space left on device\n"
    assert shell(f"fastbp {words} >/dev/full", **environment) == (2, "", line)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_standard_error_leaves_the_exit_code(buffered):
    assert shell("fastbp nonsense 2>/dev/full", PYTHONUNBUFFERED=buffered) == (2, "", "")
    assert shell("fastbp info >/dev/full 2>/dev/full", PYTHONUNBUFFERED=buffered) == (2, "", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
def test_devices_as_output(model, run, refuse):
    train = ["train", "plane.csv", "--target", "y", *FAST.split()]
    assert run(*train, "--save", "/dev/null")[0] == 0
    assert run("predict", model, "plane.csv", "--save", "/dev/null")[:2] == (0, "")
    expected = "/dev/full: No space left on device"
    assert refuse(*train, "--save", "/dev/full") == expected
    assert refuse("predict", model, "plane.csv", "--save", "/dev/full") == expected


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_a_model_goes_through_a_pipe(model):
    os.mkfifo("pipe")
    code, _, err = shell(f"cat pipe >copy & fastbp train plane.csv --target y {FAST} --save pipe")
    assert (code, err) == (0, "")
    assert files.load("copy").network == files.load(model).network


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")
def test_a_write_protected_model_is_refused_before_training(refuse, monkeypatch):
    write("plane.csv", plane(40))
    write("model", [["old"]])

    def refused(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("fastbp.cli.trained.check_writable", refused)
    line = refuse("train", "plane.csv", "--target", "y", "--save", "model")
    assert line == "--save model: Permission denied"


def test_streams_come_back(monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["nonsense"]) == 2
    assert sys.stdout is sys.stderr is None
    with streams.opened():
        assert streams.is_closed(sys.stdout)
        assert streams.is_closed(sys.stderr)
        print("lost")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
def test_a_full_disk_leaves_the_old_model(model):
    before = Path(model).read_bytes()
    code, _, err = shell(
        f"ulimit -f 1; fastbp train plane.csv --target y {FAST} --seed 1 --widths 99"
    )
    assert (code, err) == (2, "fastbp: error: plane.fastbp: File too large\n")
    assert Path(model).read_bytes() == before
    assert sorted(os.listdir()) == ["plane.csv", "plane.fastbp"]


def test_a_damaged_model_is_one_line(model, refuse):
    content = Path(model).read_bytes()
    place = content.index(b"dtype")  # of an array, in the header
    for damaged in (
        b"",
        content[:-1],
        content[:place] + b"x" + content[place + 1 :],
        b"PK\5\6" * 9,
    ):
        Path("damaged").write_bytes(damaged)
        for command in ("predict", "check"):
            assert refuse(command, "damaged", "plane.csv").startswith(
                "damaged is not a fastbp model"
            )


# The environment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMP_NUM_THREADS", "9" * 5000),
        ("OMP_NUM_THREADS", "many\nlines"),
        ("COLUMNS", "9" * 5000),
        ("COLUMNS", "1000000000"),
        ("COLUMNS", "-3"),
    ],
)
def test_an_absurd_environment_is_ignored_in_a_line_at_most(name, value):
    code, out, err = shell("fastbp info", **{name: value})
    assert (code, fastbp.__version__ in out) == (0, True)
    assert err.count("\n") == (name == "OMP_NUM_THREADS")
    assert err == "" or err.startswith("fastbp: warning: OMP_NUM_THREADS='")


def test_an_absurd_number_of_threads_is_refused_in_a_line():
    code, _, err = shell("fastbp info", FASTBP_NUM_THREADS="9" * 5000)
    assert code == 2
    assert err.startswith("fastbp: error: the environment variable FASTBP_NUM_THREADS is '999")
    assert err.count("\n") == 1
    assert len(err) < 300


# Mistakes of ours


def test_a_mistake_of_ours_is_one_line_that_can_be_reported(refuse, monkeypatch):
    def fail(*_, **__):
        raise IndexError("list index\nout of range")

    monkeypatch.setattr(fastbp, "show_config", fail)
    line = refuse("info")
    assert line.startswith("IndexError: list index out of range (test_streams.py, line ")
    assert line.endswith(
        "; this is a mistake in fastbp: please report it with the command and this line"
    )


@pytest.mark.parametrize(
    "words", [["check", "--samples"], ["demo", "--n-threads"], ["demo", "--maxiter"]]
)
@pytest.mark.parametrize("value", ["2147483648", "9" * 5000])
def test_numbers_no_machine_can_count_to_get_one_line(refuse, words, value):
    line = refuse(*words, value)
    assert "is more than 2147483647" in line or "is not a whole number" in line
    assert len(line) < 200
