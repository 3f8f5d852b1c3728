"""The progress line, held-out samples and scores."""

import io
import re
import sys

import numpy as np
import pytest

from fastbp import layout, preparation
from fastbp.cli import scores, screen
from fastbp.cli.progress import Progress, duration


class Terminal:
    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_on_a_terminal_one_line_is_drawn_over(monkeypatch):
    monkeypatch.setenv("COLUMNS", "121")
    monkeypatch.setattr("fastbp.cli.progress.REDRAW", 0.0)
    terminal = Terminal()
    progress = Progress(terminal, 100)
    for i in range(1, 4):
        progress.update(i, 2 * i, 1 / i, 0.5)
    progress.finish(4, 8, 0.25, 0.5)
    assert terminal.text.endswith("\n")
    lines = terminal.text[:-1].split("\r")[1:]
    assert [line.split("  ")[0] for line in lines] == [f"iteration {i}/100" for i in (1, 2, 3, 4)]
    assert {len(line) for line in lines} == {120}  # nothing of a longer line shines through


@pytest.mark.parametrize("columns", [80, 50, 30])
def test_a_narrow_terminal_gets_one_line_that_fits(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("fastbp.cli.progress.REDRAW", 0.0)
    monkeypatch.setattr("time.perf_counter", iter(range(100)).__next__)
    terminal = Terminal()
    progress = Progress(terminal, 200)
    progress.update(120, 12345, 0.0918117, 1.81e-3)
    line = terminal.text.removeprefix("\r")
    assert len(line) == columns - 1
    expected = {
        80: r"iteration 120/200  cost 0.091812  \d.* left  gradient norm 1.8e-03 *",
        50: r"iteration 120/200  cost 0.091812  \d.* left *",
        30: r"120/200  cost 0.091812 *",
    }
    assert re.fullmatch(expected[columns], line)


def test_elsewhere_lines_are_sparse(capsys):
    progress = Progress(sys.stdout, 1000)
    for i in range(1, 131):
        progress.update(i, i, 1.0, None)
        progress.update(i, i, 1.0, None)
    progress.finish(130, 130, 1.0, None)
    shown = [int(n) for n in re.findall(r"iteration (\d+)/1000", capsys.readouterr().out)]
    assert shown == [1, 2, 5, 10, 20, 50, 100, 130]


def test_durations_read_well():
    assert [duration(s) for s in (0.123, 12.3, 200, 7500)] == [
        "0.12 s", "12 s", "3 min 20 s", "2 h 5 min",
    ]  # fmt: skip


@pytest.mark.parametrize("fraction", [0, 0.2, 0.5, 0.99])
def test_split_takes_the_same_share_of_every_class(fraction):
    labels = np.repeat([0, 1, 2, 3], [100, 50, 10, 1])
    train, test = preparation.split(len(labels), fraction, 7, labels)
    assert sorted([*train, *test]) == list(range(len(labels)))
    for label, size in enumerate([100, 50, 10, 1]):
        held_out = int((labels[test] == label).sum())
        assert held_out == min(round(fraction * size), size - 1)
    again = preparation.split(len(labels), fraction, 7, labels)
    assert np.array_equal(train, again[0])
    assert fraction in (0, 0.99) or not np.array_equal(
        train, preparation.split(len(labels), fraction, 8, labels)[0]
    )


def test_scores_by_hand():
    assert scores.accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])) == 0.75
    truth, predicted = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])
    assert scores.r_squared(truth, predicted) == -1.0
    assert scores.root_mean_square(truth, predicted) == pytest.approx(np.sqrt(4 / 3))
    assert np.isnan(scores.r_squared(np.ones(3), predicted))


def test_confusion_table_by_hand(capsys, monkeypatch):
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    scores.show_confusion(truth, predicted, ["no", "yes"])
    assert capsys.readouterr().out.splitlines() == [
        "      predicted",
        "true   no  yes",
        "no      1    1",
        "yes     .    2",
    ]
    monkeypatch.setattr(screen, "columns", lambda: 30)
    scores.show_confusion(np.arange(9), np.arange(9)[::-1], range(9))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0  0 of 1 right, 1 as 8"
    assert lines[4] == "4  1 of 1 right"
    assert len(lines) == 9


def test_classes_with_long_names_are_told_apart():
    for names, short in [
        (["no", "a name of 20 letters"], ["no", "a name of~"]),
        ([2**53, 2**53 + 1], ["~254740992", "~254740993"]),
        (["the first long name", "the first long game"], ["~long name", "~long game"]),
        (["the long big one of them", "the long red one of them"],) * 2,
        (["a name of~", "a name of 20 letters"], ["a name of~", "~0 letters"]),
    ]:
        assert scores.short_names(names) == short


# Colours


def painted(text, monkeypatch, terminal=True, **environment):
    """What `say` writes in green, to a terminal or not."""
    out = io.StringIO()
    out.isatty = lambda: terminal
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", out)
    screen.say(text, screen.GOOD)
    return out.getvalue()


def test_a_terminal_has_colours_with_rich(monkeypatch):
    pytest.importorskip("rich")
    text = "[bold]a :smile: 12 'x'[/bold] " + "long " * 60
    green = painted(text, monkeypatch)
    assert green.startswith("\x1b[32m")
    assert re.sub(r"\x1b\[[\d;]*m", "", green) == f"{text}\n"  # no markup, nothing broken


@pytest.mark.parametrize(
    ("terminal", "environment"),
    [(False, {}), (True, {"NO_COLOR": "1"}), (True, {"TERM": "dumb"})],
)
def test_elsewhere_there_are_none(monkeypatch, terminal, environment):
    assert painted("a", monkeypatch, terminal, **environment) == "a\n"


def test_without_rich_there_are_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert painted("a", monkeypatch) == "a\n"


# Layout


def test_tables_and_lists():
    rows = [["a", "bb"], ["ccc", "1"]]
    assert layout.table(rows) == "a    bb\nccc   1"
    assert layout.table(rows, left=(0, 1)) == "a    bb\nccc  1"
    assert layout.listing(["x", "long", "y"], [["a", "1", ""], ["b", "2", "3"]]) == (
        "a\n  long  1\nb\n  long  2\n  y     3"
    )


@pytest.mark.parametrize("columns", [10, 17, 30, None])
def test_lines_are_broken_between_words(columns):
    text = "some words and (more of them)\n\n  indented lines stay so, broken or not\n"
    broken = layout.wrapped(text, columns)
    assert broken.split() == text.split()
    assert layout.fits(broken, columns)
    assert broken.endswith("\n")
    assert (broken == text) == (columns is None)
    assert all(len(line) - len(line.lstrip()) in (0, 2, 4) for line in broken.splitlines())
