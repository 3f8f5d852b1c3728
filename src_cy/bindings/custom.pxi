# A circuit as activation or loss of a network, compiled into the tiles of the engine.

cdef class CustomFunction:
    """A circuit of each element of a layer.

    Parameters
    ----------
    programs : tuple of Program, all of whose inputs vary
        Of an activation four, of z: g, g', g'' and g'''. Of a loss two, of a, y and any
        number of further inputs: itself and its slope, then slope and second derivative.
    """
    cdef Custom elements[4]
    cdef int count

    def __cinit__(self):
        memset(self.elements, 0, sizeof(self.elements))
        self.count = 0

    def __dealloc__(self):
        cdef int i
        for i in range(4):
            free_code(&self.elements[i].code)
            free(self.elements[i].splats)

    def __init__(self, tuple programs):
        cdef Py_ssize_t n = len(programs), i
        if self.elements[0].code.gates != NULL:
            raise RuntimeError("a CustomFunction is made once")
        if n not in (2, 4):
            raise ValueError(f"{n} programs make no activation and no loss")
        for i in range(n):
            self._read(&self.elements[i], programs[i], 1 if n == 4 else 2)
        if n == 2 and self.elements[0].code.n_inputs != self.elements[1].code.n_inputs:
            raise ValueError("the programs of a loss have different numbers of inputs")
        self.count = <int>n

    cdef int _read(self, Custom *element, program, Py_ssize_t n) except -1:
        """A program of n columns and n outputs."""
        cdef Code *code = &element.code
        cdef real *numbers
        cdef Py_ssize_t i
        read_program(program, code)
        if (code.n_inputs < n or (n == 1 and code.n_inputs != 1)
                or code.n_columns != code.n_inputs or code.n_outputs != n):
            raise ValueError(
                f"a program of {code.n_inputs} inputs, {code.n_columns} of them varying, and "
                f"{code.n_outputs} outputs; expected {n} and {n}")
        numbers = <real *>allocate(code.n_numbers * sizeof(real))
        try:
            run_code(code, numbers)
            element.splats = <real *>allocate(code.n_numbers * LANES * sizeof(real))
            for i in range(code.n_numbers):
                lanes_store(element.splats + i * LANES, lanes_splat(numbers[i]))
        finally:
            free(numbers)
        return 0

    cdef const Custom *activation(self) except NULL:
        if self.count != 4:
            raise ValueError("this circuit is no activation")
        return self.elements

    cdef const Custom *loss(self) except NULL:
        if self.count != 2:
            raise ValueError("this circuit is no loss")
        return self.elements

    cdef Py_ssize_t scratch(self) noexcept:
        """Reals that a thread needs."""
        cdef Py_ssize_t most = 0
        cdef int i
        for i in range(self.count):
            most = max(most, custom_scratch(&self.elements[i]))
        return most


cdef int read_function(Function *g, activation) except -1:
    """The function of a layer, a name or an Elementwise."""
    if isinstance(activation, CustomFunction):
        g.activation = N_ACTIVATIONS        # none of the table
        g.circuit = (<CustomFunction>activation).activation()
        g.keeps_slopes = False
    else:
        name, value = parted(activation)
        row = ACTIVATION_ROWS.get(name)
        g.parameter = value
        if row is None:
            raise ValueError(f"no activation {activation!r}")
        g.activation = row
        g.circuit = NULL
        g.keeps_slopes = activations[g.activation].keeps == KEEPS_SLOPE
    return 0


cdef Py_ssize_t most_scratch(functions) except -1:
    """Reals that a thread needs for those that are circuits."""
    cdef Py_ssize_t most = 0
    for each in functions:
        if isinstance(each, CustomFunction):
            most = max(most, (<CustomFunction>each).scratch())
    return most
