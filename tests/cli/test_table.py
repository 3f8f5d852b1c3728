"""CSV files: their layouts, and one line that names the place of a mistake."""

import csv
import io
import os

import pandas as pd
import pytest
from tables import column, flowers, plane, write

import fastbp
from fastbp import files
from fastbp.cli.errors import CommandError
from fastbp.cli.table import Column, open_table

FAST = ["--widths", "4", "--maxiter", "30"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_layouts_are_recognised(run, delimiter, mark, newline):
    text = as_text(flowers(), delimiter).replace("\r\n", newline)
    with open("flowers.csv", "w", encoding="utf-8", newline="") as file:
        file.write(mark + text + newline)  # and a blank row at the end
    table = open_table("flowers.csv")
    assert table.names == ("long", "wide", "high", "const", "kind")
    assert table.delimiter == delimiter
    data = table.read([Column(0), Column(3)], 4)
    rows = flowers()[1:]
    assert data.numbers.tolist() == [[float(row[0]), 7.1] for row in rows]
    assert data.texts == [row[4] for row in rows]


@pytest.mark.parametrize("gap", [" ", "  ", "   \t ", "\t  "])
def test_any_amount_of_white_space_is_one_delimiter(run, gap):
    lines = [gap.join([*(f"{cell:.3f}" for cell in row[:2]), row[2]]) for row in species()]
    with open("uci.data", "w") as file:
        file.writelines(f"  {line} \n" for line in lines)
    code, out, _ = run("train", "uci.data", "--target", 2, *FAST)
    assert code == 0
    assert "Inputs: 2 columns: 0, 1" in out
    assert "Target: 2, classification into no, yes" in out


def species():
    return [(i % 2 + 1.5, 2 - i % 2 + 0.25, ("no", "yes")[i % 2]) for i in range(40)]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a|b|y\n1.5|2|no\n2.5|1|yes\n", "|"),
        ("1.5  2  no\n2.5  1  yes\n", " "),
        ('18.0 8 "ford pinto"\n15.0 8 "buick"\n', " "),
        ("a b,c\n1,2\n3,4\n", ","),
        ("a b,c d\n1 2,2\n3 4,4\n", ","),
        ("a b|c,d\n1,2\n3,4\n", ","),
        ("my value\n1\n2\n", ","),
        ("y\n1\n2\n", ","),
        ("a,b\n1,2\n3 4\n", ","),
        ("first name,y\n1 1,2\n3 3\n", ","),
    ],
)
def test_the_delimiter_is_found(text, delimiter):
    with open("t.csv", "w") as file:
        file.write(text)
    assert open_table("t.csv").delimiter == delimiter


# What df.to_csv() writes: the number of the row, in a column without a name


@pytest.mark.parametrize(
    ("header", "row", "place"),
    [
        (",a,b,y", "{i},{a},{b},{y}", 0),
        ("a,b,y,", "{a},{b},{y},", 3),
        ("a,,b,y", "{a},x,{b},{y}", 1),
    ],
)
def test_a_column_without_a_name_can_be_left_out_by_its_index(run, refuse, header, row, place):
    lines = [row.format(i=i, a=a, b=b, y=y) for i, (a, b, y) in enumerate(species())]
    with open("t.csv", "w") as file:
        file.write("\n".join([header, *lines, ""]))
    words = ["train", "t.csv", "--target", "y", *FAST]
    line = refuse(*words)
    assert f"t.csv, row 1: column {place} (from 0) has no name; give it one" in line
    assert line.endswith(f"or leave it out: --ignore {place}")
    code, out, _ = run(*words, "--ignore", place)
    assert code == 0
    assert "Inputs: 2 columns: a, b" in out
    # predict goes by names, with the column and without it
    expected = column(run("predict", "t.fastbp", "t.csv")[1], "y")
    assert expected == [y for *_, y in species()]
    write("bare.csv", [["b", "a"], *[[b, a] for a, b, _ in species()]])
    assert column(run("predict", "t.fastbp", "bare.csv")[1], "y") == expected


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("names", [["a", "b", "y"], [0, 1, 2]])
def test_what_pandas_writes_can_be_trained_on(run, refuse, index, names):
    pd.DataFrame(species(), columns=names).to_csv("t.csv", index=index)
    words = []
    if index:  # 0 may be the name of another column
        option = "0" if names[0] == "a" else "'column 0 (no name)'"
        line = refuse("train", "t.csv", "--target", names[2], *FAST)
        assert line.endswith(f"leave it out: --ignore {option}")
        words = ["--ignore", option.strip("'")]
    code, out, err = run("train", "t.csv", "--target", names[2], *words, *FAST)
    assert (code, err) == (0, "")
    assert f"Inputs: 2 columns: {names[0]}, {names[1]}" in out
    assert "classification into no, yes" in out


def test_a_column_without_a_name_can_be_the_target(run):
    write("t.csv", [["a", "b", ""], *species()])
    code, out, _ = run("train", "t.csv", "--target", 2, *FAST)
    assert code == 0
    assert "Target: column 2 (no name), classification into no, yes" in out
    assert "40 rows with a known target" in run("predict", "t.fastbp", "t.csv")[2]


def test_a_name_that_is_a_number_is_not_taken_for_a_column_without_one(run):
    write("named.csv", [["0", "1", "y"], *species()])
    run("train", "named.csv", "--target", "y", "--header", "yes", "--save", "model", *FAST)
    write("indexed.csv", [["", "0", "1", "y"], *[[i, *row] for i, row in enumerate(species())]])
    code, out, _ = run("predict", "model", "indexed.csv", "--header", "yes")
    assert (code, column(out, "y")) == (0, [y for *_, y in species()])


def test_many_columns_are_read_in_good_time():
    n = 30000  # looked for one among the others, names would take minutes
    write("wide.csv", [[f"x{i}" for i in range(n)], range(n), range(n)])
    table = open_table("wide.csv")
    assert table.read([Column(place) for place in range(n)]).numbers.shape == (2, n)
    write("wide.csv", [[*(f"x{i}" for i in range(n)), "x7"], range(n + 1)])
    with pytest.raises(CommandError, match=f"columns 7 and {n} .* are both named 'x7'"):
        open_table("wide.csv").check_named(range(n + 1))


def as_text(rows, delimiter):

    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def test_columns_go_by_name_first_then_by_index(run):
    with open("t.csv", "w") as file:
        file.write("1,b,0\n1,2,3\n4,5,6\n")
    table = open_table("t.csv", "yes")
    assert table.column("1", "--target") == 0
    assert table.column("2", "--target") == 2
    assert table.column("b", "--target") == 1
    with pytest.raises(CommandError, match=r"--target '3' is not a column of t\.csv, which has 3"):
        table.column("3", "--target")


@pytest.mark.parametrize(
    ("text", "has_header"),
    [
        ("a,b\n1,2\n", True),
        ("1,2\n3,4\n", False),
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", False),
        ("0,1,kind\n5.1,3.5,2\n", True),  # columns named by numbers
        ("a,b\nx,y\n", True),
        (",0,1\n0,1.5,no\n", True),  # what pandas writes of columns without names
        (",0,1\n0,1.5,2\n", True),
        ("0,1\n1.5,no\n", True),
        ("0,1\n1.5,NA\n", False),
        ("0,1\n1.5,2\n", False),
        (",0,2\n0,1.5,2\n", False),
        ("1,,2\n3,4,5\n", False),
        ("1,NA,2\n3,4,5\n", False),
        ('"a b","c"\n1,2\n', True),
    ],
)
def test_a_header_is_recognised(text, has_header):
    with open("t.csv", "w") as file:
        file.write(text)
    assert open_table("t.csv").has_header is has_header
    if "b" not in text:
        assert open_table("t.csv", "no").has_header is False


def test_data_without_a_header(run):
    rows = flowers()[1:]
    write("flowers.csv", rows)
    code, out, _ = run("train", "flowers.csv", "--target", 4, "--save", "model", *FAST)
    assert code == 0
    assert "Target: 4, classification" in out
    whole = run("predict", "model", "flowers.csv")
    assert "120 rows with a known target" in whole[2]
    write("inputs.csv", [row[:4] for row in rows])
    assert run("predict", "model", "inputs.csv") == (0, whole[1], "")
    # the target in front: without it the inputs move, and come in their order
    write("front.csv", [[row[4], *row[:4]] for row in rows])
    run("train", "front.csv", "--target", 0, "--save", "model", *FAST)
    with_target = column(run("predict", "model", "front.csv")[1], "0")
    assert column(run("predict", "model", "inputs.csv")[1], "0") == with_target


def test_columns_can_be_ignored(run):
    rows = flowers()
    write("t.csv", [["id", *rows[0]], *[[f"n{i}", *row] for i, row in enumerate(rows[1:])]])
    code, out, _ = run("train", "t.csv", "--target", "kind", "--ignore", "id", "--ignore", 3, *FAST)
    assert code == 0
    assert "3 columns: long, wide, const" in out


def test_rows_with_an_unknown_target_are_predicted_and_not_scored(run):
    rows = flowers()
    write("flowers.csv", rows)
    run("train", "flowers.csv", "--target", "kind", *FAST)
    rows = [rows[0], *[[*row[:4], ""] for row in rows[1:11]], *rows[11:21]]
    write("new.csv", rows)
    code, out, err = run("predict", "flowers.fastbp", "new.csv")
    assert code == 0
    assert len(column(out, "kind")) == 20
    assert err.startswith("10 rows with a known target")
    write("new.csv", [rows[0], *[[*row[:4], "tulip"] for row in rows[1:5]]])
    assert "4 rows with a known target: accuracy 0.00%" in run(
        "predict", "flowers.fastbp", "new.csv"
    )[2]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "t.csv is empty"),
        (b"\n\n", "t.csv is empty"),
        (b"a,y\n", "has a header and no rows"),
        (b"a,y\n1,2\n3\n", "row 3: 1 value where the header has 2"),
        (b"a,y\n1,2\n\n3,4,5\n", "row 4: 3 values where the header has 2"),
        (b"a,b,y\n1,2,3\n4,,6\n", "row 3, column 'b': the value is missing (empty)"),
        (b"a,b,y\n1,2,3\n4,NA,6\n", "row 3, column 'b': the value is missing ('NA')"),
        (b"a,b,y\n1,2,3\n4,nan,6\n", "row 3, column 'b': nan is not a finite number"),
        (b"a,b,y\n1,2,3\n4,-inf,6\n", "row 3, column 'b': -inf is not a finite number"),
        (b"a,b,y\n1,2,3\n4,red,6\n", "row 3, column 'b': 'red' is not a number"),
        (b"a;b;y\n1;2;3\n4;1,5;6\n", "row 3, column 'b': '1,5' is not a number; write a decimal"),
        (b"a,b,y\n1,2,3\n4,5,\n", "row 3, column 'y': the value is missing"),
        (b"a,b,y\n1,2,3\n4,5,NA\n", "row 3, column 'y': the value is missing ('NA')"),
        (b"a,b,y\n1,2,3\n4,5,nan\n", "row 3, column 'y': the value is missing ('nan')"),
        (b"a,b,y\n1,2,3\n4,5,inf\n", "row 3, column 'y': inf is not a finite number; correct it"),
        (b"a,b,a,y\n1,2,3,4\n", "columns 0 and 2 (from 0) are both named 'a'"),
        (b"a,,y\n1,2,3\n", "column 1 (from 0) has no name"),
        (b"y\n1\n2\n", "has no column besides the target"),
        (b"a,b\n1,2\n3,4\n", "--target 'y' is not a column of t.csv, which has 2: a, b"),
        (b"a:b:y\n1:2:3\n", "are looked for between tabs, semicolons, commas, bars or white space"),
        (b"a\tb|y\n1\t2|3\n4\t5|6\n", "--target 'y' is not a column"),
        (
            b"a,y\n1|2,3\n1|4,5\n",
            "'1|2' is not a number, but 2 of them between bars; the file is read",
        ),
        (
            b"a,y\n1 2 3,3\n",
            "'1 2 3' is not a number, but 3 of them between white space; the file",
        ),
        (b"a,y\n1,same\n2,same\n", "one class only ('same')"),
        (b"a,y\n1,5\n2,5\n", "one class only (5)"),
        (b"a,b,y\n1," + b"x" * 100000 + b",3\n", "xxx... is not a number; column 'b' holds text"),
        (b"a,y\n1,caf\xe9\n", "not UTF-8 text (byte 0xe9)"),
        (b'a,y\n1,"2\n', "row 2: "),
        (b"a,y\n1e308,1\n-1e308,2\n1e308,1\n", "column 'a' is too large to standardise"),
    ],
)
def test_a_bad_file_gets_one_line_that_names_the_place(refuse, content, words):
    with open("t.csv", "wb") as file:
        file.write(content)
    assert words in refuse("train", "t.csv", "--target", "y", *FAST)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "regression"], "row 2, column 'kind': "),
        (["--task", "classification", "--loss", "huber"], "--loss huber is not for classification"),
        (["--loss", "huber"], "row 2, column 'kind': "),
        (["--task", "regression", "--loss", "hinge"], "--loss hinge is not for regression"),
        (["--ignore", "depth"], "--ignore 'depth' is not a column"),
        (["--save", "no/such/model"], "there is no folder"),
        (["--save", "."], "is a folder"),
        (["--save", "flowers.csv"], "is read by this command"),
    ],
)
def test_train_refuses_before_any_work(refuse, words, message):
    write("flowers.csv", flowers())
    assert message in refuse("train", "flowers.csv", "--target", "kind", *words)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_a_quantity_must_be_finite(refuse, value):
    write("t.csv", [["x", "y"], [1, 2.5], [2, value], [3, 1]])
    assert f"row 3, column 'y': '{value}' is not a finite number" in refuse(
        "train", "t.csv", "--target", "y", "--task", "regression"
    )


def test_counts_must_not_be_negative(refuse):
    write("t.csv", [["x", "y"], [1, 2.5], [2, -1], [3, 1]])
    assert "row 3, column 'y': '-1' is not a count" in refuse(
        "train", "t.csv", "--target", "y", "--loss", "poisson"
    )


def test_missing_files_and_models(refuse, run):
    assert refuse("train", "no.csv", "--target", "y") == "no.csv: No such file or directory"
    assert refuse("predict", "no.model", "no.csv") == "no.model: No such file or directory"
    write("plane.csv", plane())
    assert "is not a fastbp model" in refuse("predict", "plane.csv", "plane.csv")
    net = fastbp.mlp(2, 1)
    files.save("bare", net, net.init(seed=0))
    assert "not its columns" in refuse("predict", "bare", "plane.csv")
    os.mkdir("folder")
    assert "folder is a folder; give a CSV file" in refuse("train", "folder", "--target", "y")


def test_predict_refuses_what_does_not_fit(run, refuse):
    write("flowers.csv", flowers())
    write("plane.csv", plane())
    run("train", "flowers.csv", "--target", "kind", *FAST)
    run("train", "plane.csv", "--target", "y", *FAST)
    line = refuse("predict", "flowers.fastbp", "plane.csv")
    assert "lacks the columns 'long', 'wide', 'high', 'const' the model needs" in line
    write("bare.csv", [row[:4] for row in flowers()[1:]])
    assert "no header row" in refuse("predict", "flowers.fastbp", "bare.csv")
    assert "--proba needs a classifier" in refuse("predict", "plane.fastbp", "plane.csv", "--proba")
    write("bad.csv", [*plane(5), [1, "x", 2]])
    line = refuse("predict", "plane.fastbp", "bad.csv", "--save", "out.csv")
    assert "row 7, column 'b'" in line
    for read in ("plane.csv", "plane.fastbp"):
        assert "is read by this command" in refuse(
            "predict", "plane.fastbp", "plane.csv", "--save", read
        )
