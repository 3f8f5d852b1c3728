"""Where tables come from: standard input, pipes, encodings; and names that other tools use."""

import io
import os
import subprocess
import sys
import threading

import pytest
from tables import column, plane, write

from fastbp.cli.source import encoding

FAST = ["--widths", "none", "--l2", "1", "--maxiter", "20"]


class Input:
    """Standard input of these bytes."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)


def test_a_minus_is_standard_input(run, refuse, monkeypatch):
    write("plane.csv", plane(40))
    with open("plane.csv", "rb") as file:
        content = file.read()
    expected = run("train", "plane.csv", "--target", "y", *FAST)
    monkeypatch.setattr(sys, "stdin", Input(content))
    code, out, err = run("train", "-", "--target", "y", *FAST)
    assert (code, err) == (0, "")
    assert out.splitlines()[:9] == expected[1].splitlines()[:9]
    assert "Model written to model.fastbp" in out
    of_file = run("predict", "model.fastbp", "plane.csv")
    monkeypatch.setattr(sys, "stdin", Input(content))
    assert run("predict", "plane.fastbp", "-") == of_file
    monkeypatch.setattr(sys, "stdin", Input(content))
    assert run("check", "plane.fastbp", "-")[0] == 0
    monkeypatch.setattr(sys, "stdin", Input(content + b"1,x,2\n"))
    assert refuse("train", "-", "--target", "y", *FAST).startswith(
        "standard input, row 42, column 'b': 'x' is not a number"
    )
    monkeypatch.setattr(sys, "stdin", Input(b""))
    assert refuse("predict", "plane.fastbp", "-") == "standard input is empty"
    monkeypatch.setattr(sys, "stdin", None)
    assert refuse("predict", "plane.fastbp", "-") == "standard input is closed; name a file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_a_pipe_is_read_once(run):
    write("plane.csv", plane(40))
    run("train", "plane.csv", "--target", "y", *FAST)
    os.mkfifo("pipe")

    def fill():
        with open("plane.csv", "rb") as source, open("pipe", "wb") as pipe:
            pipe.write(source.read())

    thread = threading.Thread(target=fill)
    thread.start()
    code, out, _ = run("predict", "plane.fastbp", "pipe")
    thread.join()
    assert code == 0
    assert len(column(out, "y")) == 40


@pytest.mark.parametrize("name", ["latin-1", "cp1252", "utf-16", "utf-16-le", "mac-roman", "utf-8"])
def test_encodings(run, refuse, name):
    rows = [["å", "ö", "y"], *[[i, i % 5, ("café", "thé")[i % 2]] for i in range(40)]]
    text = "\n".join(",".join(map(str, row)) for row in rows) + "\n"
    with open("t.csv", "wb") as file:
        file.write(text.encode(name))
    words = ["train", "t.csv", "--target", "y", *FAST]
    code, out, err = run(*words, "--encoding", name)
    assert (code, err) == (0, "")
    assert "Inputs: 2 columns: å, ö" in out
    assert "classification into café, thé" in out
    code, out, _ = run("predict", "t.fastbp", "t.csv", "--encoding", name)
    assert set(column(out, "y")) <= {"café", "thé"}
    if name == "latin-1":
        line = refuse(*words)
        assert "t.csv is not UTF-8 text (byte 0xe5): save it as CSV in UTF-8, or say" in line
        assert run(*words, "--encoding", line.split(" or ")[-1])[0] == 0
    if name == "utf-16":
        line = refuse(*words)
        assert line.endswith("it looks like UTF-16: say --encoding utf-16")
    if name == "cp1252":
        assert "t.csv is not ascii text (byte 0xe5): say another --encoding" in refuse(
            *words, "--encoding", "ascii"
        )


@pytest.mark.parametrize("name", ["nonsense", "base64", "rot13", "\0"])
def test_what_is_no_encoding(refuse, name):
    line = refuse("train", "t.csv", "--target", "y", "--encoding", name)
    assert "is no encoding of text; such are utf-8, utf-16, cp1252, latin-1" in line


def test_utf_8_may_have_a_mark():
    assert encoding("utf8") == encoding("UTF-8") == "utf-8-sig"


def test_what_a_terminal_cannot_say_is_written_in_ascii():
    rows = [["å", "y"], *[[i, ("café", "thé")[i % 2]] for i in range(40)]]
    write("t.csv", rows)
    command = [sys.executable, "-m", "fastbp", "train", "t.csv", "--target", "y", *FAST]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"Inputs: 1 column: \xe5" in done.stdout
    assert r"classification into caf\xe9, th\xe9" in done.stdout


# Names that other tools use, and the ones before


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["train", "x.csv", "--target", "y", "--activation", "relu"], "--hidden"),
        (["train", "x.csv", "--target", "y", "--output", "model"], "--save"),
        (["predict", "model", "x.csv", "--output", "y.csv"], "--save"),
        (["check", "--output-activation", "softmax"], "--output"),
        (["demo", "--threads", "2"], "--n-threads"),
        (["demo", "--n-jobs", "2"], "--n-threads"),
        (["demo", "--test-fraction", "0.1"], "--test"),
        (["train", "x.csv", "--target", "y", "--alpha", "1"], "--l2"),
        (["train", "x.csv", "--target", "y", "--epochs=10"], "--maxiter"),
        (["train", "x.csv", "--target", "y", "--validation-split", "0.1"], "--validation"),
        (["train", "x.csv", "--target", "y", "--optimizer", "adam"], "--method"),
        (["train", "x.csv", "--target", "y", "--hidden-layer-sizes", "25"], "--widths"),
        (["check", "--criterion", "mse"], "--loss"),
    ],
)
def test_options_of_other_tools(refuse, words, ours):
    assert f"; here it is {ours} (see fastbp {words[0]} --help)" in refuse(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "--loss", "mse"], "here it is called 'squared_error'"),
        (["check", "--hidden", "logistic"], "here it is called 'sigmoid'"),
        (["check", "--output", "linear"], "here it is called 'identity'"),
        (["check", "--hidden", "25"], "'25' is no activation; widths are given by --widths"),
        (["train", "x.csv", "--target", "y", "--l2", "much"], "is not a number of at least 0, and"),
        (["train", "x.csv", "--target", "y", "nonsense"], "unrecognized arguments: nonsense (see"),
        (["--nonsense"], "unrecognized arguments: --nonsense (see fastbp --help)"),
    ],
)
def test_names_of_other_libraries(refuse, words, message):
    assert message in refuse(*words)
