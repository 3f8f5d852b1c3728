"""Run a command in this process, in a folder of its own."""

import os

import pytest

from fastbp.cli import main


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")  # lines as they are, not broken where a terminal ends


@pytest.fixture
def run(capsys):
    """Run a command here: (exit code, standard output, standard error)."""

    def run(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refuse(run):
    """Run a command that must fail: its one line of error, with nothing left behind."""

    def refuse(*words):
        before = {entry.name: entry.stat().st_mtime_ns for entry in os.scandir()}
        code, _, err = run(*words)
        assert code == 2
        assert err.startswith("fastbp: error: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        assert {entry.name: entry.stat().st_mtime_ns for entry in os.scandir()} == before
        return err.removeprefix("fastbp: error: ").strip()

    return refuse
