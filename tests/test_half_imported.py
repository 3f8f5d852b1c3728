"""Modules that another thread is importing: `sys.modules` holds them before they are complete."""

import sys
import types

import numpy as np
import pytest
from processes import run

import fastbp

NET = fastbp.mlp(3, 4, 1)
X, Y = np.zeros((5, 3)), np.zeros(5)
NOT_NEEDED = ("numpy.ma", "fastbp.circuits.circuit")


@pytest.mark.parametrize("module", NOT_NEEDED)
def test_a_module_without_its_names_is_not_looked_into(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    objective = NET.objective(X, Y)
    assert objective(NET.init(seed=0))[0] >= 0
    with pytest.raises(TypeError, match="X has dtype object; expected real numbers"):
        NET.objective([[object()] * 3] * 5, Y)
    with pytest.raises(TypeError, match="activation must be a name"):
        fastbp.Dense(1, 1, object())


@pytest.mark.parametrize("module", [*NOT_NEEDED, "fastbp._recorder"])
def test_a_module_whose_import_is_forbidden_is_none(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    NET.objective(X, Y)
    fastbp.Dense(1, 1)


def test_a_masked_array_is_found_when_its_module_has_no_other_name_yet(monkeypatch):
    masked = np.ma.array(X, mask=np.eye(5, 3) > 0)
    half = types.ModuleType("numpy.ma")
    half.MaskedArray = np.ma.MaskedArray
    monkeypatch.setitem(sys.modules, "numpy.ma", half)
    with pytest.raises(ValueError, match="X is masked at row 0, column 0"):
        NET.objective(masked, Y)
    NET.objective(np.ma.array(X), Y)  # hides nothing


def test_masked_records_are_refused_as_records():
    records = np.ma.array([(1, 2.0)], dtype=[("a", int), ("b", float)], mask=[(True, False)])
    with pytest.raises(TypeError, match="X has dtype"):
        NET.objective(records, Y)


@pytest.mark.parametrize("module", ["numpy.ma", "fastbp.circuits", "fastbp.check", "fastbp.files"])
def test_calls_go_on_while_another_thread_imports(module):
    run(f"""
from importlib import import_module
net = fastbp.mlp(3, 4, 1); X = np.zeros((5, 3)); y = np.zeros(5)
assert {module!r} not in sys.modules
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=import_module, args=[{module!r}]) for _ in range(2)]
[thread.start() for thread in threads]
while any(thread.is_alive() for thread in threads):
    net.objective(X, y)
    fastbp.Dense(3, 4, "tanh")
    try:
        net.objective([[object()] * 3] * 5, y)
    except TypeError as error:
        assert "expected real numbers" in str(error), error
    else:
        raise AssertionError
""")
