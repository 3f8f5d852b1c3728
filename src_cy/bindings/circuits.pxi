# Circuits of numbers as Python sees them: a Program ready to be called, or to run on buffers.


cdef inline void run_code(const Code *code, real *s) noexcept:
    """All gates on numbers; the inputs are in s."""
    cdef Py_ssize_t i
    for i in range(code.n_constants):
        s[code.n_inputs - code.n_columns + i] = code.constants[i]
    if code.n_number_gates < LONG_CALL:
        run_threaded(code.number_gates, s)
    else:
        with nogil:
            run_threaded(code.number_gates, s)


cdef inline bint is_vector(array, Py_ssize_t n) noexcept:
    """Whether this is a contiguous float64 vector of length n, to be read where it lies.

    A subclass is not: a masked array says more than its numbers do.
    """
    return (cnp.PyArray_CheckExact(array)
            and cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.NPY_FLOAT64
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)
            and cnp.PyArray_NDIM(<cnp.ndarray>array) == 1
            and cnp.PyArray_DIM(<cnp.ndarray>array, 0) == n)


cdef inline bint read_number(object x, real *out) noexcept:
    """A Python float (NumPy's too) or int that has one; not a bool."""
    if PyFloat_Check(x):
        out[0] = <real>PyFloat_AS_DOUBLE(x)
        return True
    if PyLong_CheckExact(x):
        try:
            out[0] = <real>PyLong_AsDouble(x)
        except OverflowError:
            return False
        return True
    return False


cdef class Tape:
    """A circuit of numbers, called from Python.

    Parameters
    ----------
    program : Program, all of its inputs uniform
    form : str
        "value" (float), "values" (an array) or "value_and_rest" (float, fresh array)
    shape : tuple of int, of the array
    n_parameters : int
        How many inputs the first argument has.
    names : dict of str to int
        Which input a keyword with a number is.
    otherwise : callable (tape, args, keywords)
        Whom a call is passed on to whose arguments are not floats and float64 vectors.
    """
    cdef Code code
    cdef Scratch scratch            # numbers of a large circuit
    cdef int form
    cdef int n_dimensions
    cdef cnp.npy_intp shape[32]
    cdef Py_ssize_t n_parameters
    cdef dict names
    cdef object otherwise

    def __cinit__(self):
        memset(&self.code, 0, sizeof(Code))
        self.scratch.kept = NULL

    def __dealloc__(self):
        free_code(&self.code)
        free_room(self.scratch.kept)

    def __init__(self, program, form, tuple shape, Py_ssize_t n_parameters, dict names, otherwise):
        cdef Py_ssize_t i, size = 1
        if self.code.gates != NULL:
            raise RuntimeError("a Tape has one program")
        read_program(program, &self.code)
        if self.code.n_columns > 0 or self.code.n_gates > 0:
            raise ValueError("a Tape has no samples")
        self.form = ("value", "values", "value_and_rest").index(form)
        self.n_dimensions = <int>len(shape)
        if self.n_dimensions > 32:
            raise ValueError(f"{len(shape)} dimensions")
        for i in range(self.n_dimensions):
            self.shape[i] = shape[i]
            if not 0 <= self.shape[i] <= self.code.n_outputs:
                raise ValueError(f"{self.code.n_outputs} outputs have no shape {shape}")
            size *= self.shape[i]
        if size != self.code.n_outputs - (self.form == 2) or self.form == 0 != self.n_dimensions:
            raise ValueError(f"{self.code.n_outputs} outputs make no {form} of shape {shape}")
        if not 0 <= n_parameters <= self.code.n_inputs:
            raise ValueError(f"{n_parameters} parameters of {self.code.n_inputs} inputs")
        self.n_parameters = n_parameters
        self.names = dict(names)
        for i in self.names.values():
            if not 0 <= i < self.code.n_inputs:
                raise ValueError(f"no input {i}")
        self.otherwise = otherwise
        if self.code.n_slots > ON_STACK:
            keep_scratch(&self.scratch, self.code.n_slots)

    def call(self, p=None, /, *rest, **keywords):
        """The result for floats, or a float64 vector, and floats by keyword."""
        cdef real numbers[<int>ON_STACK]
        if self.code.n_slots > ON_STACK:
            return self._call_large(p, rest, keywords)
        if not self._read(p, <tuple>rest, <dict>keywords, numbers):
            return self._pass_on(p, rest, keywords)
        run_code(&self.code, numbers)
        return self._result(numbers)

    def run(self, vector):
        """The result for all inputs in one float64 vector."""
        cdef real numbers[<int>ON_STACK]
        if self.code.n_slots > ON_STACK:
            return self._call_large(vector, None, None)
        self._read_all(vector, numbers)
        run_code(&self.code, numbers)
        return self._result(numbers)

    cdef _call_large(self, p, rest, keywords):
        cdef bint plain = True
        cdef real *numbers = lend(&self.scratch)
        try:
            if rest is None:
                self._read_all(p, numbers)
            else:
                plain = self._read(p, <tuple>rest, <dict>keywords, numbers)
            if plain:
                run_code(&self.code, numbers)
                return self._result(numbers)
        finally:
            give_back(&self.scratch, numbers)
        return self._pass_on(p, rest, keywords)

    cdef _pass_on(self, p, rest, keywords):
        if self.otherwise is None:
            raise TypeError("expected floats, or one contiguous float64 vector")
        return self.otherwise(self, () if p is None and not rest else (p, *rest), keywords)

    cdef int _read_all(self, vector, real *s) except -1:
        cdef Py_ssize_t i
        cdef const double *source
        if not is_vector(vector, self.code.n_inputs):
            raise TypeError(f"expected a contiguous float64 vector of {self.code.n_inputs}")
        source = <const double *>cnp.PyArray_DATA(<cnp.ndarray>vector)
        for i in range(self.code.n_inputs):
            s[i] = <real>source[i]
        return 0

    cdef bint _read(self, p, tuple rest, dict keywords, real *s) noexcept:
        """Whether the arguments are plain and complete; then they are in s."""
        cdef Py_ssize_t i, n = 0
        cdef const double *source
        if is_vector(p, self.n_parameters):
            if len(rest) > 0:
                return False
            source = <const double *>cnp.PyArray_DATA(<cnp.ndarray>p)
            n = self.n_parameters
            for i in range(n):
                s[i] = <real>source[i]
        elif p is not None:
            n = 1 + len(rest)
            if n != self.n_parameters or not read_number(p, s):
                return False
            for i in range(1, n):
                if not read_number(rest[i - 1], s + i):
                    return False
        elif len(rest) > 0:
            return False
        if n + len(keywords) != self.code.n_inputs:
            return False
        for name, x in keywords.items():
            place = self.names.get(name)
            if place is None or <Py_ssize_t>place < n or not read_number(x, s + <Py_ssize_t>place):
                return False
        return True

    cdef _result(self, const real *s):
        cdef const Code *code = &self.code
        cdef Py_ssize_t i, first = self.form == 2
        cdef double *out
        if self.form == 0:
            return <double>s[code.outputs[0]]
        array = cnp.PyArray_SimpleNew(self.n_dimensions, self.shape, cnp.NPY_FLOAT64)
        out = <double *>cnp.PyArray_DATA(<cnp.ndarray>array)
        for i in range(first, code.n_outputs):
            out[i - first] = s[code.outputs[i]]
        return (<double>s[code.outputs[0]], array) if first else array


cdef class BufferTape:
    """A circuit of numbers that reads and writes buffers of the caller.

    Parameters
    ----------
    program : Program, all of its inputs uniform
    sources, targets : list of C-contiguous float64 buffers
        The inputs and the outputs, in their order.
    """
    cdef Code code
    cdef real *numbers
    cdef const double **sources
    cdef double **targets
    cdef Py_ssize_t *counts         # of the sources, then of the targets
    cdef Py_ssize_t n_sources, n_targets
    cdef long long owner            # see try_own
    cdef object views               # while they are held nobody can resize what is behind them

    def __cinit__(self):
        memset(&self.code, 0, sizeof(Code))
        self.numbers = NULL
        self.sources = NULL
        self.targets = NULL
        self.counts = NULL

    def __dealloc__(self):
        free_code(&self.code)
        free(self.numbers)
        free(self.sources)
        free(self.targets)
        free(self.counts)

    def __init__(self, program, list sources, list targets):
        cdef const double[::1] source
        cdef double[::1] target
        cdef Py_ssize_t i, n_in = 0, n_out = 0
        if self.numbers != NULL:
            raise RuntimeError("a BufferTape is bound once")
        read_program(program, &self.code)
        if self.code.n_columns > 0 or self.code.n_gates > 0:
            raise ValueError("a BufferTape has no samples")
        self.numbers = <real *>allocate(self.code.n_slots * sizeof(real))
        self.n_sources = len(sources)
        self.n_targets = len(targets)
        self.sources = <const double **>allocate(self.n_sources * sizeof(double *))
        self.targets = <double **>allocate(self.n_targets * sizeof(double *))
        self.counts = <Py_ssize_t *>allocate((self.n_sources + self.n_targets) * sizeof(Py_ssize_t))
        self.views = []
        for i in range(self.n_sources):
            source = sources[i]
            self.views.append(source)
            self.counts[i] = source.shape[0]
            n_in += source.shape[0]
            if source.shape[0] > 0:
                self.sources[i] = &source[0]
        for i in range(self.n_targets):
            target = targets[i]
            self.views.append(target)
            self.counts[self.n_sources + i] = target.shape[0]
            n_out += target.shape[0]
            if target.shape[0] > 0:
                self.targets[i] = &target[0]
        if n_in != self.code.n_inputs or n_out != self.code.n_outputs:
            raise ValueError(
                f"buffers of {n_in} and {n_out} numbers for {self.code.n_inputs} inputs and "
                f"{self.code.n_outputs} outputs")
        for i in range(self.code.n_constants):
            self.numbers[self.code.n_inputs + i] = self.code.constants[i]

    def run(self):
        """Reads the sources, computes, writes the targets."""
        cdef Py_ssize_t i, j
        cdef real *s = self.numbers
        cdef const unsigned int *slot = self.code.outputs
        if not try_own(&self.owner):
            raise RuntimeError(
                "this callable is at work in another thread, on the same buffers: make one for "
                "each thread")
        for i in range(self.n_sources):
            for j in range(self.counts[i]):
                s[j] = <real>self.sources[i][j]
            s += self.counts[i]
        s = self.numbers
        if self.code.n_number_gates < LONG_CALL:
            run_threaded(self.code.number_gates, s)
        else:
            with nogil:
                run_threaded(self.code.number_gates, s)
        for i in range(self.n_targets):
            for j in range(self.counts[self.n_sources + i]):
                self.targets[i][j] = s[slot[j]]
            slot += self.counts[self.n_sources + i]
        disown(&self.owner)


def apply_gate(int op, double a, double b=0, double c=0):
    """The value of a gate, as every tape computes it."""
    cdef real numbers[4]
    cdef threaded_t gates[2]
    cdef Gate g = Gate(op, 0, 1, 2, 3)
    if gate_arity(op) < 1:
        raise ValueError(f"no gate has the number {op}")
    numbers[1], numbers[2], numbers[3] = <real>a, <real>b, <real>c
    write_number_gate(&gates[0], &g)
    link(STOP, &gates[1])
    run_threaded(gates, numbers)
    return <double>numbers[0]
