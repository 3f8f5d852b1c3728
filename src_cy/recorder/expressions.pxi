# What is recorded: expressions, made by operators, functions and NumPy's protocols.

cdef extern from *:
    """
    /* Operands of expressions that were freed, to be let go one after the other. */
    static _Thread_local struct { PyObject **items; Py_ssize_t count, room; int busy; } dying;

    static void let_go(PyObject *operand) {
        if (dying.count == dying.room) {
            Py_ssize_t room = dying.room ? 2 * dying.room : 64;
            PyObject **items = realloc(dying.items, room * sizeof(PyObject *));
            if (!items) { Py_DECREF(operand); return; }  /* recurses, but leaks nothing */
            dying.items = items; dying.room = room;
        }
        dying.items[dying.count++] = operand;
    }

    static void let_all_go(void) {
        if (dying.busy) return;
        dying.busy = 1;
        while (dying.count) Py_DECREF(dying.items[--dying.count]);
        dying.busy = 0;
        free(dying.items);
        dying.items = NULL; dying.room = 0;
    }
    """
    void let_go(PyObject *) noexcept
    void let_all_go() noexcept


cdef object operand(object x):
    """x as an operand, an Expression, float or int; None if it is none."""
    if type(x) is Expression or PyFloat_CheckExact(x):
        return x
    if PyLong_CheckExact(x):
        PyLong_AsDouble(x)              # raises OverflowError if it is too large
        return x
    if isinstance(x, (bool, np.bool_)):
        return None
    if isinstance(x, (int, float, np.integer, np.floating)):
        return float(x)
    if isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "iufO":
        return operand(x.item())
    return None


def is_operand(x):
    """Whether x is an Expression or a real number."""
    return operand(x) is not None


cdef object required(object x, str gate):
    """x as an operand of a gate that is called by name."""
    result = operand(x)
    if result is None:
        raise TypeError(
            f"{gate} takes variables, expressions of them, and real numbers; got {x!r} "
            f"({type(x).__name__})")
    return result


cdef Expression record(int op, object a, object b=None, object c=None):
    cdef Expression e = Expression.__new__(Expression)
    e.op = op
    Py_INCREF(a)
    e.a = <PyObject *>a
    if b is not None:
        Py_INCREF(b)
        e.b = <PyObject *>b
    if c is not None:
        Py_INCREF(c)
        e.c = <PyObject *>c
    return e


cdef object record_two(int op, Expression e, object x, bint swapped):
    other = operand(x)
    if other is None:
        return NotImplemented
    return record(op, other, e) if swapped else record(op, e, other)


def gate(str name, *operands):
    """The gate `name` on its operands: numbers and expressions. Records even if all are numbers."""
    cdef int op = NUMBERS[name]
    values = [required(x, "where" if op == SELECT else name) for x in operands]
    if len(values) != gate_arity(op) or op < NEGATIVE:
        raise TypeError(f"{name} has {gate_arity(op)} operands, got {len(values)}")
    values += [None] * (3 - len(values))
    return record(op, values[0], values[1], values[2])


def refuse_truth(str what):
    """The error of `if` on what is recorded."""
    raise TypeError(
        f"{what} has no truth value: it is recorded, not computed. Use "
        "fastbp.circuits.where(condition, a, b) for `a if condition else b`, "
        "fastbp.circuits.maximum and minimum for max and min, and "
        "(0 < x) * (x < 1) for `0 < x < 1` or `and`; instead of np.array([x, y]), which compares "
        "by truth values, use fastbp.circuits.ExpressionArray([x, y])")


def constant(x):
    """A number as an expression."""
    x = required(x, "constant")
    return x if type(x) is Expression else record(CONSTANT, float(x))


cdef Expression as_expression(PyObject *x):
    return constant(<object>x) if x != NULL else None


@cython.final
cdef class Expression:
    """A variable, a number, or a gate on other expressions: what arithmetic on variables gives.

        a, b = fastbp.variables("a b")
        f = 2 * a + fastbp.circuits.exp(-b)

    Operators + - * / ** and abs, comparisons (1 where true, 0 where false), the functions of
    fastbp.circuits and NumPy's functions record a gate and give a new Expression; nothing is
    computed. Operands are expressions, int, float, NumPy's real scalars and arrays of them. An
    expression never changes, and has no value of its own: fastbp.circuit(f) compiles it.

    Attributes
    ----------
    op : str
        Name of the gate; "input" for a variable, "constant" for a number.
    left, right, third : Expression or None
        Its operands.
    value : float or None
        Of a constant.
    name : str or None
        Of a variable.
    vector : Vector or None, index : int or None
        Of a variable that was made as part of a vector: the vector, and its place there.
    meaning : tuple or None
        Of a variable that stands for something: whose it is, what, and its place in the vector.

    Raises
    ------
    TypeError
        When used as a truth value or as a float, or if an operand is no real number.
    """
    # 48 bytes: an expression of a million gates is a million of these.
    cdef int32_t op
    cdef int32_t mark                   # its place in the walk that met it last
    cdef PyObject *a                    # operands: Expression, float or int; NULL: none
    cdef PyObject *b                    # constant: a is a float
    cdef PyObject *c                    # variable: a is its name or Vector, c its serial number

    __array_priority__ = 1000.0

    def __init__(self, *arguments, **named):
        raise TypeError('expressions are made of variables: x = fastbp.variable("x"); 2 * x + 1')

    def __dealloc__(self):
        if self.op == INPUT:
            Py_XDECREF(self.a)
            return
        if self.a != NULL:
            let_go(self.a)
        if self.b != NULL:
            let_go(self.b)
        if self.c != NULL:
            let_go(self.c)
        let_all_go()

    def __add__(self, other): return record_two(ADD, self, other, False)
    def __radd__(self, other): return record_two(ADD, self, other, True)
    def __sub__(self, other): return record_two(SUBTRACT, self, other, False)
    def __rsub__(self, other): return record_two(SUBTRACT, self, other, True)
    def __mul__(self, other): return record_two(MULTIPLY, self, other, False)
    def __rmul__(self, other): return record_two(MULTIPLY, self, other, True)
    def __truediv__(self, other): return record_two(DIVIDE, self, other, False)
    def __rtruediv__(self, other): return record_two(DIVIDE, self, other, True)
    def __neg__(self): return record(NEGATIVE, self)
    def __pos__(self): return self
    def __abs__(self): return record(ABSOLUTE, self)

    def __pow__(self, other, modulus):
        if modulus is not None:
            raise TypeError("pow() of an expression takes two arguments: real powers, no modulus")
        return record_two(POWER, self, other, False)

    def __rpow__(self, other, modulus):
        return record_two(POWER, self, other, True)

    def __floor__(self): return record(FLOOR, self)
    def __ceil__(self): return np.ceil(self)
    def __trunc__(self): return np.trunc(self)
    def __round__(self, digits=0): return np.round(self, digits)

    # Some of NumPy's functions are refused with what to use instead.
    def __floordiv__(self, other): return np.floor_divide(self, other)
    def __rfloordiv__(self, other): return np.floor_divide(other, self)
    def __mod__(self, other): return np.remainder(self, other)
    def __rmod__(self, other): return np.remainder(other, self)
    def __and__(self, other): return np.bitwise_and(self, other)
    def __rand__(self, other): return np.bitwise_and(other, self)
    def __or__(self, other): return np.bitwise_or(self, other)
    def __ror__(self, other): return np.bitwise_or(other, self)
    def __xor__(self, other): return np.bitwise_xor(self, other)
    def __rxor__(self, other): return np.bitwise_xor(other, self)
    def __invert__(self): return np.invert(self)

    def __richcmp__(self, other, int kind):
        if kind == Py_LT: return record_two(LESS, self, other, False)
        if kind == Py_LE: return record_two(LESS_EQUAL, self, other, False)
        if kind == Py_GT: return record_two(LESS, self, other, True)
        if kind == Py_GE: return record_two(LESS_EQUAL, self, other, True)
        if operand(other) is None and isinstance(other, (bool, complex, np.bool_)):
            # By Python's protocol the answer would be False, whatever the variables are.
            raise TypeError(f"an expression is compared with real numbers, not with {other!r}")
        return record_two(EQUAL if kind == Py_EQ else NOT_EQUAL, self, other, False)

    def __hash__(self):
        return hash(<Py_ssize_t><void *>self)

    def __bool__(self):
        refuse_truth(repr(self))

    def __float__(self):
        if self.op != CONSTANT and variables_of([self]):
            raise TypeError(
                f"{self!r} has no value before its variables have: fastbp.circuit(...) compiles "
                "it. Functions of the module math take numbers only; "
                "use those of fastbp.circuits or numpy")
        graph = Graph([])
        return graph.constant_value(graph.add(self))

    def __int__(self):
        return int(float(self))

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return hook("ufunc")(ufunc, method, inputs, options)

    def __array_function__(self, function, types, arguments, options):
        return hook("function")(function, arguments, options)

    # NumPy's functions of arrays of objects call these methods of the elements.

    def exp(self): return record(EXP, self)
    def expm1(self): return record(EXPM1, self)
    def log(self): return record(LOG, self)
    def log1p(self): return record(LOG1P, self)
    def sqrt(self): return record(SQRT, self)
    def sin(self): return record(SIN, self)
    def cos(self): return record(COS, self)
    def tan(self): return record(TAN, self)
    def tanh(self): return record(TANH, self)
    def fabs(self): return record(ABSOLUTE, self)
    def conjugate(self): return self
    def hypot(self, other): return record(HYPOT, self, required(other, "hypot"))
    def arctan2(self, other): return record(ATAN2, self, required(other, "atan2"))
    def arcsin(self): return record(ARCSIN, self)
    def arccos(self): return record(ARCCOS, self)
    def arctan(self): return np.arctan(self)
    def arcsinh(self): return record(ARCSINH, self)
    def arccosh(self): return record(ARCCOSH, self)
    def arctanh(self): return record(ARCTANH, self)
    def sinh(self): return np.sinh(self)
    def cosh(self): return np.cosh(self)
    def rint(self): return record(ROUND, self)

    # As NumPy's numbers have them: np.var of a list asks its mean.

    @property
    def shape(self): return ()

    @property
    def ndim(self): return 0

    @property
    def size(self): return 1

    @property
    def dtype(self): return np.dtype(object)

    @property
    def op(self): return GATES[self.op]

    @property
    def left(self): return None if self.op <= INPUT else as_expression(self.a)

    @property
    def right(self): return None if self.op <= INPUT else as_expression(self.b)

    @property
    def third(self): return None if self.op <= INPUT else as_expression(self.c)

    @property
    def value(self): return number(self.a) if self.op == CONSTANT else None

    @property
    def name(self): return name_of(self) if self.op == INPUT else None

    @property
    def vector(self):
        vector = <object>self.a if self.op == INPUT else None
        return vector if type(vector) is Vector and vector.shape else None

    @property
    def meaning(self):
        owner = <object>self.a if self.op == INPUT else None
        if type(owner) is not Vector or (<Vector>owner).meaning is None:
            return None
        return *(<Vector>owner).meaning, serial_of(self) - (<Vector>owner).first

    def d(self, *variables):
        """The derivative along inputs of a network; see Network.symbols."""
        return hook("along")(self, variables)

    @property
    def index(self):
        return None if self.vector is None else serial_of(self) - (<Vector>self.a).first

    def __repr__(self):
        return text_of(self)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        if self.op == CONSTANT:
            return constant, (number(self.a),)
        if self.op != INPUT:
            graph = Graph(variables_of([self]))
            root = graph.add(self)
            return _expression, (graph, root)
        if self.vector is not None:
            return _element, (self.vector, self.index)
        if self.meaning is not None:
            return _element, (<object>self.a, 0)
        return _variable, (name_of(self), *order_in_pickle(self))


cdef double number(PyObject *x):
    """The value of an operand that is no Expression; NULL, as of a bare constant, is 0."""
    if x == NULL:
        return 0
    if PyFloat_CheckExact(<object>x):
        return PyFloat_AS_DOUBLE(<object>x)
    return PyLong_AsDouble(<object>x)


def _expression(Graph graph not None, root):
    """The gate of a pickle."""
    return graph.expression(root)
