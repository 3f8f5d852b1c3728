"""Advice of messages, followed."""

import datetime

import numpy as np
import pandas as pd
import pytest

import fastbp

M = 6
DAYS = pd.date_range("2024-01-01", periods=M)
DATETIMES = [day.to_pydatetime() for day in DAYS]
DATES = [day.date() for day in DATETIMES]
SPANS = [datetime.timedelta(hours=6 * i) for i in range(M)]
WORDS = ["a", "b", "c", "b", "a", "c"]
A = [1.0, 2.0, 0.5, -1.0, 4.0, 3.0]


def follow(code, name, value):
    """What `name` is after the advice: an expression, or statements that assign to it."""
    space = {
        "np": np,
        "pd": pd,
        "rows": [0, 1],
        "value": 0.0,
        name: value.copy() if hasattr(value, "copy") else value,
    }
    try:
        return eval(code, space)
    except SyntaxError:
        exec(code, space)
        return space[name]


def assert_followed(bind, name, value, words, code):
    """The message of `bind(value)` has the words in their order and the code, which works."""
    with pytest.raises((TypeError, ValueError)) as raised:
        bind(value)
    message, start = str(raised.value), 0
    for word in (f"{name} ", *words):
        start = message.find(word, start)
        assert start >= 0, f"{word!r} is not in {message!r}"
    assert code in message
    bind(follow(code, name, value))


CLASSES = fastbp.mlp(2, 3, output="softmax", loss="cross_entropy")
YES_NO = fastbp.mlp(2, 1, output="sigmoid", loss="cross_entropy")
NUMBER = fastbp.mlp(2, 1)
SIGNS = fastbp.mlp(2, 1, loss="hinge")
PAIRS = fastbp.mlp(2, 2)
SAMPLES = np.arange(2.0 * M).reshape(M, 2)
NUMBERED = "classes, y = np.unique(y, return_inverse=True)"
