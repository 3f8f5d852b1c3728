# Programs (see fastbp._recorder) as the engine runs them. A Program has `gates`, int32 (n, 5) with
# rows op, out, a, b, c, the first n_uniform of them on numbers, `constants`, `n_inputs`,
# `n_uniform_inputs`, `n_uniform_slots`, `n_slots` and `outputs`.

cdef enum:                      # what a slot holds
    EMPTY, GIVEN, WRITTEN


cdef int read_program(program, Code *code) except -1:
    """Copies a Program, and checks it whole: a tape of it touches nothing that is not its own.

    Every gate reads what an input, a constant or an earlier gate has put into one of the slots, and
    writes to one that is no input's or constant's; gates on numbers touch numbers only.
    """
    cdef const int[:, ::1] gates = np.ascontiguousarray(program.gates, np.intc)
    cdef const double[::1] constants = np.ascontiguousarray(program.constants, np.float64)
    cdef const int[::1] outputs = np.ascontiguousarray(program.outputs, np.intc)
    cdef Py_ssize_t n = gates.shape[0], n_uniform = program.n_uniform, i
    cdef Gate g, following
    cdef unsigned char[::1] states
    code.n_inputs = program.n_inputs
    code.n_columns = code.n_inputs - <Py_ssize_t>program.n_uniform_inputs
    code.n_constants = constants.shape[0]
    code.n_numbers = program.n_uniform_slots
    code.n_slots = program.n_slots
    code.n_outputs = outputs.shape[0]
    if not (
        gates.shape[1] == 5 and 0 <= n_uniform <= n and 0 <= code.n_columns <= code.n_inputs
        and code.n_inputs - code.n_columns + code.n_constants <= code.n_numbers
        and 0 <= code.n_numbers + code.n_columns <= code.n_slots
        and code.n_slots <= code.n_inputs + code.n_constants + gates.size
    ):
        raise ValueError("the sizes of this program contradict each other")
    code.number_gates = <threaded_t *>allocate((n_uniform + 1) * sizeof(threaded_t))
    code.gates = <Gate *>allocate((n - n_uniform) * sizeof(Gate))
    code.constants = <real *>allocate(code.n_constants * sizeof(real))
    code.outputs = <unsigned int *>allocate(code.n_outputs * sizeof(int))
    states = np.full(code.n_slots, EMPTY, np.uint8)
    states[:code.n_inputs - code.n_columns + code.n_constants] = GIVEN
    states[code.n_numbers:code.n_numbers + code.n_columns] = GIVEN
    for i in range(n):
        check_gate(gates, i, n_uniform, code, states)
    for i in range(code.n_outputs):
        if not (0 <= outputs[i] < code.n_slots and states[outputs[i]] != EMPTY):
            raise ValueError(f"output {i} is slot {outputs[i]} of {code.n_slots}, or an empty one")
        code.outputs[i] = outputs[i]
    i = 0
    while i < n:
        g = gate_at(gates, i)
        if i + 1 < n and i + 1 != n_uniform:
            following = gate_at(gates, i + 1)
            i += join(&g, &following)
        if i < n_uniform:
            write_number_gate(code.number_gates + code.n_number_gates, &g)
            code.n_number_gates += 1
        else:
            code.gates[code.n_gates] = g
            code.n_gates += 1
        i += 1
    link(STOP, code.number_gates + code.n_number_gates)
    for i in range(code.n_constants):
        code.constants[i] = <real>constants[i]
    return 0


cdef int check_gate(
    const int[:, ::1] gates, Py_ssize_t i, Py_ssize_t n_uniform, const Code *code,
    unsigned char[::1] states,
) except -1:
    cdef Py_ssize_t first = 0 if i < n_uniform else code.n_numbers, k
    cdef Py_ssize_t bound = code.n_numbers if i < n_uniform else code.n_slots
    cdef int arity = gate_arity(gates[i, 0])
    if arity < 1:
        raise ValueError(f"gate {i} has the number {gates[i, 0]}: no gate that computes")
    for k in range(1, 5):
        if not 0 <= gates[i, k] < bound:
            raise ValueError(f"gate {i} names slot {gates[i, k]} of {bound}")
    for k in range(2, 2 + arity):
        if states[gates[i, k]] == EMPTY:
            raise ValueError(f"gate {i} reads slot {gates[i, k]}, which is empty then")
    if gates[i, 1] < first:
        raise ValueError(f"gate {i} on samples writes to slot {gates[i, 1]} of a number")
    if states[gates[i, 1]] == GIVEN:
        raise ValueError(f"gate {i} writes to slot {gates[i, 1]} of an input or a constant")
    states[gates[i, 1]] = WRITTEN
    return 0


cdef inline Gate gate_at(const int[:, ::1] gates, Py_ssize_t i) noexcept:
    return Gate(gates[i, 0], gates[i, 1], gates[i, 2], gates[i, 3], gates[i, 4])


cdef inline bint join(Gate *g, const Gate *following) noexcept:
    """Makes one gate of two where they are a pair at one place."""
    cdef unsigned int out = g.out
    if g.a != following.a or g.out == following.a or g.out == following.out:
        return False
    if pair_of(g.op, following.op) != 0:
        g.op = pair_of(g.op, following.op)
        g.b = following.out
        return True
    if pair_of(following.op, g.op) != 0:
        g.op = pair_of(following.op, g.op)
        g.out = following.out
        g.b = out
        return True
    return False


cdef Py_ssize_t count_long(const Gate *gates, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i, count = 0
    for i in range(n):
        count += not is_short(gates[i].op)
    return count


cdef inline void write_number_gate(threaded_t *number, const Gate *g) noexcept:
    number.out, number.a, number.b, number.c = g.out, g.a, g.b, g.c
    link(g.op, number)


cdef void free_code(Code *code) noexcept:
    free(code.number_gates)
    free(code.gates)
    free(code.constants)
    free(code.outputs)
