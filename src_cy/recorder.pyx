"""Records arithmetic on variables, differentiates it, and writes it down as a program.

    variables.pxi     Vector, and the order of variables
    expressions.pxi   Expression: a variable, a number, or a gate on other expressions
    text.pxi          an expression as text
    walk.pxi          through an expression, every part once
    graph.pxi         Graph: the gates by number, equal ones shared
    simplify.pxi      what is folded and simplified when a gate is put into a graph
    conversion.pxi    expressions into nodes, and back
    range.pxi         which nodes are surely finite
    masks.pxi         pulls times slopes, where a pull of 0 stays 0
    sweep.pxi         reverse sweeps, which append the gates of a derivative
    derivatives.pxi   the derivative of each gate
    emission.pxi      Program: the gates that some outputs need, as rows for the engine

Nothing here recurses: a chain of a million gates is a long loop. Nothing depends on the precision
or the CPU level.
"""
import os
from importlib import import_module
from threading import RLock

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from cpython.object cimport PyObject, PyTypeObject, Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.math cimport INFINITY, NAN, exp, fabs, floor, fmax, fmin, frexp, log, pow, signbit, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

import numpy as np

from tape.gates cimport (
    ABSOLUTE, ADD, ARCCOS, ARCCOSH, ARCSIN, ARCSINH, ARCTANH, ATAN2, CONSTANT, COS, DIGAMMA, DIVIDE,
    EQUAL, ERF, EXP, EXPM1, FLOOR, GAMMALN, GAUSSIAN, HYPOT, INPUT, LESS, LESS_EQUAL, LOG, LOG1P,
    LOGADDEXP, MASKED_DIVIDE, MASKED_MULTIPLY, MASKED_MULTIPLY_ADD, MASKED_PRODUCT, MAXIMUM,
    MINIMUM, MOD, MULTIPLY, MULTIPLY_ADD, NEGATIVE, NOT_EQUAL, N_GATES, ONE_MINUS_SQUARE, POLYGAMMA,
    POWER, RELU, ROUND, SELECT, SIGMOID, SIGMOID_SLOPE, SIGN, SIN, SOFTPLUS, SQRT, SUBTRACT, TAN,
    TANH, gate_arity, gate_name, is_fused,
)

cnp.import_array()

# One lock for all graphs: while one is made of expressions, it writes marks into them. Reentrant,
# since a signal handler may run in the middle of long work.
_lock = RLock()


def _fresh_lock():
    """A forked child has none of the threads that may hold the lock."""
    global _lock
    _lock = RLock()


os.register_at_fork(after_in_child=_fresh_lock)

GATES = tuple([gate_name(op).decode() for op in range(N_GATES)])
ARITIES = tuple([max(gate_arity(op), 0) for op in range(N_GATES)])
cdef dict NUMBERS = {name: op for op, name in enumerate(GATES)}


cdef dict _hooks = {}


def set_hooks(**hooks):
    """What the recorder needs of modules that are built on it; fastbp.circuits sets it.

    Parameters
    ----------
    fold : callable (gate number, a, b, c) -> float
        The value of a gate of constants, where a Graph has no function of its own for it.
    ufunc : callable (ufunc, method, inputs, options)
    function : callable (function, arguments, options)
        NumPy's functions of expressions.
    described : callable (value) -> str
        A value in a message.
    along : callable (expression, variables)
        The derivative of an expression along inputs of a network.
    """
    _hooks.update(hooks)


cdef object hook(str name):
    if name not in _hooks:      # a pickle has brought an expression here before its package
        import_module("fastbp.circuits")
    return _hooks[name]


cdef void *grown(void *items, Py_ssize_t count, size_t size) except NULL:
    """The array `items` with room for `count` items of `size` bytes."""
    cdef void *larger = realloc(items, <size_t>count * size)
    if larger == NULL:
        raise MemoryError(f"no memory for {count} gates of an expression")
    return larger


include "recorder/variables.pxi"
include "recorder/expressions.pxi"
include "recorder/text.pxi"
include "recorder/walk.pxi"
include "recorder/range.pxi"
include "recorder/graph.pxi"
include "recorder/conversion.pxi"
include "recorder/simplify.pxi"
include "recorder/masks.pxi"
include "recorder/sweep.pxi"
include "recorder/derivatives.pxi"
include "recorder/emission.pxi"
