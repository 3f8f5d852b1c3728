# Variables: their names, and the order in which they were made.

cdef int64_t _variables_made = 0


@cython.final
cdef class Epoch:
    """When variables were made: those of this process one by one, those of a pickle all at once.

    Every variable of a pickle refers to one Epoch, and to its place in the order that it had where
    it was pickled. Here all come after what was made before, and keep that order.
    """
    cdef int64_t start                  # serial number
    cdef dict places                    # in that other order -> in this one
    cdef bint sorted

    def __cinit__(self):
        self.start = serial_numbers(1)
        self.places = {}

    cdef int64_t place(self, order) except -1:
        if not self.sorted:
            with _lock:
                self.places = {each: i for i, each in enumerate(sorted(self.places))}
                self.sorted = True
        return self.places[order]

    def __reduce__(self):
        return Epoch, ()


# What stands for this process in a pickle: one object, so that one Epoch is made of it.
cdef object _this_process = None


@cython.final
cdef class Vector:
    """Variables made together: their common name and shape. Without dimensions it is one variable
    that comes from a pickle, or stands for something.

    `epoch`, `order`: of a pickle; see `order_in_pickle`. `meaning`: what they stand for, as its
    owner says it, a tuple with the owner in front; or None.
    """
    cdef readonly str name
    cdef readonly tuple shape
    cdef int64_t first                  # serial number of the first of them
    cdef Epoch epoch
    cdef tuple order
    cdef readonly tuple meaning

    def __init__(self, name, tuple shape, Epoch epoch=None, tuple order=(0, 0),
                 tuple meaning=None):
        self.name = checked_name(name)
        self.shape = shape
        self.first = serial_numbers(size_of(shape))
        self.epoch = epoch
        self.order = order
        self.meaning = meaning
        if epoch is not None:
            with _lock:
                epoch.places[order] = 0
                epoch.sorted = False

    def elements(self):
        """The variables, in row-major order."""
        cdef int64_t i
        return [new_variable(self, self.first + i) for i in range(size_of(self.shape))]

    def __reduce__(self):
        order = order_in_pickle(new_variable(self, self.first))
        more = () if self.meaning is None else (self.meaning,)
        return Vector, (self.name, self.shape, *order, *more)

    def __repr__(self):
        return f"<Vector {self.name!r} of shape {self.shape}>"


cdef int64_t size_of(tuple shape) except -1:
    cdef int64_t size = 1
    for length in shape:
        size *= <int64_t>length
    return size


cdef int64_t serial_numbers(int64_t count) except -1:
    """The first of `count` new serial numbers; they give variables their order."""
    global _variables_made
    with _lock:
        first = _variables_made
        _variables_made += count
    return first


cdef str checked_name(name):
    if not isinstance(name, str):
        raise TypeError(
            f"a variable's name must be a str, got {hook('described')(name)}; "
            'for example fastbp.variable("a")')
    if not name or name != name.strip():
        raise ValueError(
            f"a variable's name must be a word without blanks at its ends, got {name!r}; "
            'for example fastbp.variable("a")')
    if "[" in name or "]" in name:
        raise ValueError(
            f"a variable's name must be without brackets, got {name!r}; "
            'fastbp.variables("x", 5) makes x[0] to x[4]')
    return str(name)


cdef Expression new_variable(object owner, int64_t serial):
    """`owner` is its name, or its Vector."""
    cdef Expression e = Expression.__new__(Expression)
    e.op = INPUT
    Py_INCREF(owner)
    e.a = <PyObject *>owner
    e.c = <PyObject *><Py_ssize_t>serial
    return e


def variable(name):
    """A new variable; see fastbp.variable."""
    name = checked_name(name)
    return new_variable(name, serial_numbers(1))


cdef int64_t serial_of(Expression e):
    return <int64_t><Py_ssize_t>e.c


cdef int check_owner(dict owners, Expression e) except -1:
    """Refuses two variables, or two vectors, of one name."""
    owner = <object>e.a
    name = (<Vector>owner).name if type(owner) is Vector else owner
    key = (<Vector>owner).first if type(owner) is Vector else serial_of(e)
    if owners.setdefault(name, key) != key:
        raise ValueError(
            f"two different variables are named {name!r}; give each its own name, and make each "
            "once")
    return 0


cdef tuple order_of(Expression e):
    """What sorts variables: (serial number, place among those of the same pickle, index)."""
    cdef Vector vector
    cdef int64_t serial = serial_of(e)
    if type(<object>e.a) is not Vector:
        return serial, 0, 0
    vector = <Vector>e.a
    if vector.epoch is None:
        return vector.first, 0, serial - vector.first
    return vector.epoch.start, vector.epoch.place(vector.order), serial - vector.first


cdef tuple order_in_pickle(Expression e):
    """What keeps the order of the variables of a pickle: an Epoch, and a place in it."""
    global _this_process
    with _lock:
        if _this_process is None:
            _this_process = Epoch()
    return _this_process, order_of(e)[:2]


def _element(Vector vector, int64_t index):
    """The variable of a pickle that is part of a vector, or stands for something."""
    if not 0 <= index < size_of(vector.shape):
        raise ValueError(f"a vector of shape {vector.shape} has no variable {index}")
    e = new_variable(vector, vector.first + index)
    return e if vector.meaning is None else vector.meaning[0].adopted(e)


def _variable(name, Epoch epoch, tuple order):
    """The variable of a pickle that is no part of a vector."""
    cdef Vector owner = Vector(name, (), epoch, order)
    return new_variable(owner, owner.first)
