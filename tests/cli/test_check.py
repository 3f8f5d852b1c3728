"""``fastbp check``: on random data and on a trained network."""

import pytest
from tables import flowers, plane, write

import fastbp
from fastbp.check import check_gradient


def test_check_passes_and_shows_the_blocks(run):
    code, out, err = run("check", "--widths", "5,4,3")
    assert (code, err) == (0, "")
    assert "layer 1 weights" in out
    assert "layer 2 bias" in out


@pytest.mark.parametrize("loss", fastbp.losses())
@pytest.mark.parametrize("width", [1, 3])
def test_check_passes_for_every_loss(run, loss, width):
    if width == 1 and loss in ("multiclass_hinge", "weston_watkins"):
        return  # one class against none
    code, out, _ = run("check", "--widths", f"4,5,{width}", "--loss", loss, "--samples", 9)
    assert code == 0, out


@pytest.mark.parametrize(
    "words",
    [
        ["--hidden", "softplus", "--output", "softmax", "--l2", "0.5"],
        ["--directions", "2", "--seed", "4"],
        ["--n-checks", "7", "--samples", "3"],
        ["--dtype", "float32"],
    ],
)
def test_check_takes_its_options(run, words):
    code, out, _ = run("check", "--widths", "6,5,4", *words)
    assert code == 0, out
    if "float32" in words:
        assert "float32" in out
    if "softplus" in words:
        assert "softplus" in out


def test_check_of_a_wrong_gradient_ends_with_1(run, monkeypatch):
    from fastbp.cli import check

    def wrong(objective, theta, **_):
        return check_gradient(lambda t: (objective.cost(t), 1.01 * objective(t)[1]), theta)

    monkeypatch.setattr(check, "check_gradient", wrong)
    code, out, err = run("check", "--widths", "3,2,2")
    assert (code, err) == (1, "")
    assert "FAIL" in out.upper()


@pytest.mark.parametrize("rows", [flowers(), plane()])
def test_check_of_a_model_on_its_data(run, refuse, rows):
    write("t.csv", rows)
    run("train", "t.csv", "--target", rows[0][-1], "--maxiter", 5, "--widths", 3)
    code, out, err = run("check", "t.fastbp", "t.csv", "--samples", 50)
    assert (code, err) == (0, ""), out
    write("bare.csv", [row[:-1] for row in rows])
    assert "lacks the target" in refuse("check", "t.fastbp", "bare.csv")


def test_check_of_a_class_the_model_does_not_know(run, refuse):
    rows = flowers()
    write("t.csv", rows)
    run("train", "t.csv", "--target", "kind", "--maxiter", 5, "--widths", 3)
    write("new.csv", [*rows[:3], [*rows[3][:4], "tulip"]])
    line = refuse("check", "t.fastbp", "new.csv")
    assert "row 4, column 'kind': 'tulip' is not a class the model knows" in line
