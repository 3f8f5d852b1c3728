"""What stays as it was made: no attribute of it can be set or deleted, whatever its name."""

import copy
import pickle

import numpy as np
import pytest

import fastbp
from fastbp.immutable import Immutable

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
NET = fastbp.mlp(3, 4, 2)
A, B, U = fastbp.variables("a b u")
F = fastbp.circuit((A * U + B) ** 2, wrt=[A, B])
OBJECTIVE = NET.objective(X, Y)
SYMBOLS = NET.symbols("x", "u")
COLLOCATION = NET.collocation(X, SYMBOLS[1][0].d(SYMBOLS[0][1]) - A)

MADE = {
    "Dense": fastbp.Dense(3, 4, "tanh"),
    "Conv2d": fastbp.Conv2d(1, 2, 3),
    "MaxPool1d": fastbp.MaxPool1d(2),
    "Flatten": fastbp.Flatten(),
    "RNN": fastbp.RNN(3, 4),
    "GRU": fastbp.GRU(3, 4),
    "LSTM": fastbp.LSTM(3, 4, forget_bias=1),
    "Network": NET,
    "Program": NET.program(),
    "Model": NET.bind(NET.init(seed=0)),
    "Circuit": F,
    "Objective": OBJECTIVE,
    "CircuitObjective": F.objective({"u": X[:, 0]}),
    "Sum": OBJECTIVE + 2 * OBJECTIVE,
    "Frozen": OBJECTIVE.frozen("layer 1 bias"),
    "Penalty": OBJECTIVE.with_penalty(l2=1).terms[1][1],
    "Collocation": COLLOCATION,
    "Placed": (OBJECTIVE + COLLOCATION).terms[0][1],
}
ANOTHER = {
    "Model": "with net.bind(theta)",
    "Circuit": "make another one",
    "Objective": "with net.objective(...)",
    "CircuitObjective": "with f.objective(...)",
    "Sum": "with a + 2 * b",
    "Frozen": "with objective.frozen(...)",
    "Penalty": "with objective.with_penalty(...)",
    "Collocation": "with net.collocation(...)",
}


def names(made):
    """The names of all attributes that it keeps."""
    slots = {name for kind in type(made).__mro__ for name in getattr(kind, "__slots__", ())}
    return sorted(slots | set(getattr(made, "__dict__", ())))


def kinds(kind=Immutable):
    """All classes of the package that are immutable, and can be made."""
    for each in kind.__subclasses__():
        yield from kinds(each)
        if not each.__subclasses__() and each.__module__.startswith("fastbp."):
            yield each.__name__


def test_every_kind_is_tried():
    alike = {"Conv1d": "Conv2d", "MaxPool2d": "MaxPool1d", "AvgPool1d": "MaxPool1d",
             "AvgPool2d": "MaxPool1d"}  # fmt: skip
    assert {alike.get(name, name) for name in kinds()} == set(MADE)
    assert all(type(made).__name__ == name for name, made in MADE.items())


@pytest.mark.parametrize("name", MADE)
def test_no_attribute_can_be_set_or_deleted(name):
    made = MADE[name]
    kept = {each: getattr(made, each) for each in names(made)}
    for each in (*kept, "another", "_another"):
        with pytest.raises(AttributeError, match=f"{each} cannot be set; make another one") as info:
            setattr(made, each, None)
        assert str(info.value).endswith(ANOTHER.get(name, "make another one"))
        with pytest.raises(AttributeError, match=f"{each} cannot be deleted"):
            delattr(made, each)
    assert all(getattr(made, each) is value for each, value in kept.items())


@pytest.mark.parametrize("name", MADE)
def test_a_copy_and_a_pickle_are_immutable_too(name):
    if name == "Program":
        pytest.skip("a program is made anew by its network")
    for made in (copy.copy(MADE[name]), pickle.loads(pickle.dumps(MADE[name]))):
        assert type(made) is type(MADE[name])
        with pytest.raises(AttributeError, match="cannot be set"):
            made.another = 1
