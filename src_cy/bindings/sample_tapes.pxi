# Programs laid out for samples.

@cython.final
cdef class SampleTape:
    """A Program laid out for samples: what all that is bound to data shares, and never changes.

    Parameters
    ----------
    program : Program
    """
    cdef SampleCode tape

    def __cinit__(self):
        memset(&self.tape, 0, sizeof(SampleCode))

    def __dealloc__(self):
        free_code(&self.tape.code)
        free(self.tape.sum_gates)
        free(self.tape.terms)

    def __init__(self, program):
        cdef Code *code = &self.tape.code
        if code.gates != NULL:
            raise RuntimeError("a SampleTape has one program")
        read_program(program, code)
        find_terms(&self.tape)
        self.tape.piece = 1 + code.n_columns // max(
            <Py_ssize_t>1, count_long(code.gates, code.n_gates))

    @property
    def n_gates(self):
        return self.tape.code.n_gates

    @property
    def n_outputs(self):
        return self.tape.code.n_outputs


cdef int find_terms(SampleCode *tape) except -1:
    """Leaves out gates that only multiply what is to be added up: the sum can multiply too."""
    cdef const Code *code = &tape.code
    cdef const Gate *g
    cdef Py_ssize_t i, j, k, arity
    cdef unsigned int[3] operands
    # of each slot: the output it is, if it is just one; whether a later gate reads or writes it
    output = np.full(code.n_slots, -1, np.intp)
    read = np.zeros(code.n_slots, np.intc)
    written = np.zeros(code.n_slots, np.intc)
    cdef Py_ssize_t[::1] output_of = output
    cdef int[::1] read_later = read, written_later = written
    tape.sum_gates = <Gate *>allocate(code.n_gates * sizeof(Gate))
    tape.terms = <Term *>allocate(code.n_outputs * sizeof(Term))
    for j in range(code.n_outputs):
        tape.terms[j].a = code.outputs[j]
        output_of[code.outputs[j]] = j if output_of[code.outputs[j]] == -1 else -2
    k = code.n_gates
    for i in range(code.n_gates - 1, -1, -1):
        g = &code.gates[i]
        j = output_of[g.out]
        if (g.op == MULTIPLY and j >= 0 and g.out != g.a and g.out != g.b
                and not (read_later[g.out] or written_later[g.out] or written_later[g.a]
                         or written_later[g.b])):
            tape.terms[j] = Term(g.a, g.b, True)
            written_later[g.out] = True
            # The sum reads the operands: a factor that is an output and a product needs its row.
            read_later[g.a] = read_later[g.b] = True
            continue
        k -= 1
        tape.sum_gates[k] = g[0]
        written_later[g.out] = True
        operands[0], operands[1], operands[2] = g.a, g.b, g.c
        arity = gate_arity(g.op)
        if arity < 0:       # a pair
            written_later[g.b] = True
            arity = 1
        for j in range(arity):
            read_later[operands[j]] = True
    tape.n_sum_gates = code.n_gates - k
    memmove(tape.sum_gates, tape.sum_gates + k, tape.n_sum_gates * sizeof(Gate))
    return 0
