"""Damaged CSV files: one line, whatever bytes they hold."""

import random

import pytest
from tables import flowers, plane, write

FAST = ["--widths", "2", "--maxiter", "2"]
PIECES = [
    b"", b",", b";", b"|", b"\t", b" ", b'"', b'""', b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff",
    b"\xef\xbb\xbf", b"nan", b"inf", b"-", b"1e999", b"1e-999", b"1_000", b"0x1", b"\xd9\xa3",
    b"9" * 400, b"9" * 5000, b"x" * 140000, b"1e308", b"-1e308", b"9007199254740993",
    b"1e-9999999999999999999", b"1E+99999999999999999999", b"a,b,y\n",
]  # fmt: skip


def damaged(content, rng):
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(content) + 1)
        length = rng.choice([0, 0, 1, 5, 200])
        content[place : place + length] = rng.choice(PIECES) * rng.choice([1, 1, 3])
    return bytes(content)


@pytest.mark.parametrize("name", ["flowers", "plane"])
def test_tables_with_any_bytes_changed(run, name):
    rows, target = (flowers(30), "kind") if name == "flowers" else (plane(30), "y")
    write("good.csv", rows)
    with open("good.csv", "rb") as file:
        content = file.read()
    train = ["train", "damaged.csv", "--target", target, "--save", "trained", *FAST]
    assert run("train", "good.csv", "--target", target, "--save", "model", *FAST)[0] == 0
    rng, codes = random.Random(0), {0: 0, 2: 0}
    for number in range(300):
        with open("damaged.csv", "wb") as file:
            file.write(damaged(content, rng))
        words = [
            ["predict", "model", "damaged.csv"],
            ["predict", "model", "damaged.csv", "--header", "no"],
            ["check", "model", "damaged.csv", "--n-checks", "2"],
            train,
            [*train, "--task", "classification"],
        ][number % 5]  # fmt: skip
        code, _, err = run(*words)
        assert code in codes, err
        assert "mistake in fastbp" not in err, (number, err)
        assert err.count("\n") <= 1, (number, err)
        assert len(err) < 700, (number, err)
        codes[code] += 1
    assert min(codes.values()) > 30
