"""The recorder knows nothing of the package above it: what it needs, fastbp.circuits registers."""

import pickle

import numpy as np
import pytest
from processes import run

from fastbp import _recorder, circuit, variable

x = variable("x")
# What an expression needs of the package, in a process that has only unpickled it.
NEEDS = {
    "ufunc": "print(type(np.sinh(x)).__name__)",
    "function": "print(np.where(x, x, x))",
    "fold": "print(_recorder.Graph([x]).add(_recorder.gate('exp', 0.0)))",
    "described": "try: _recorder.variable(3)\nexcept TypeError as error: print(error)",
}
ALONE = """
import pickle, sys
import numpy as np
x = pickle.loads(bytes.fromhex({pickled!r}))
from fastbp import _recorder
assert "fastbp.circuits" not in sys.modules
{need}
assert "fastbp.circuits" in sys.modules
"""


@pytest.mark.parametrize("need", NEEDS)
def test_an_expression_of_a_pickle_finds_the_package(need):
    script = ALONE.format(pickled=pickle.dumps(x).hex(), need=NEEDS[need])
    assert run(script, preamble="").strip()


def test_gates_of_constants_are_folded_by_the_function_that_is_set():
    graph = _recorder.Graph([x], lambda op, a, b, c: 7.0)
    assert graph.constant_value(graph.add(_recorder.gate("exp", 0.0))) == 7.0
    assert circuit(_recorder.gate("exp", 0.0) * x)(2.0) == 2.0
    assert np.isnan(circuit(_recorder.gate("log", -1.0) * x)(2.0))
