# A program: the gates that some outputs need, as rows for the engine, which give their results to
# slots. First the gates that are uniform over samples, then those that vary.

cdef enum:
    LIVE = 1, VARYING = 2, GIVEN = 4, IS_OUTPUT = 8
    FOREVER = 0x7fffffff

cdef struct Emission:
    uint8_t *flags
    int32_t *slot
    int32_t *last                       # the last gate that reads a node; of a free slot: the next
    int32_t *rows
    int32_t n_slots
    int32_t free_slot                   # a node that is dead and has left its slot, or -1
    int64_t n_gates
    bint fuse


@cython.final
cdef class Program:
    """Gates for the engine, in order; each writes one slot and reads up to three.

    Slots below n_uniform_slots hold one number for all samples: the uniform inputs, then the
    constants, then results; the others a number for each sample: the varying inputs, then results.

    Attributes
    ----------
    gates : ndarray of int32, shape (n, 5)
        Rows (gate number, result's slot, operands' slots a, b, c); what is unused is 0. The result
        may lie where an operand lay.
    constants : ndarray of float64
    outputs : ndarray of int32
        Slots of the results that are wanted; one may be an input's or a constant's.
    n_inputs, n_uniform_inputs, n_uniform_slots, n_slots : int
    n_uniform : int
        The first so many gates touch uniform slots only.
    """
    cdef readonly object gates, constants, outputs
    cdef readonly int n_inputs, n_uniform_inputs, n_uniform, n_uniform_slots, n_slots

    def __init__(self, gates, constants, outputs, n_inputs, n_uniform_inputs, n_uniform,
                 n_uniform_slots, n_slots):
        self.gates, self.constants, self.outputs = gates, constants, outputs
        self.n_inputs, self.n_uniform_inputs = n_inputs, n_uniform_inputs
        self.n_uniform, self.n_uniform_slots, self.n_slots = n_uniform, n_uniform_slots, n_slots

    def __reduce__(self):
        return Program, (self.gates, self.constants, self.outputs, self.n_inputs,
                         self.n_uniform_inputs, self.n_uniform, self.n_uniform_slots, self.n_slots)

    def __repr__(self):
        return (f"<Program of {len(self.gates)} gates, {self.n_uniform} of them uniform, "
                f"in {self.n_slots} slots>")


cdef Program emitted(Graph g, list outputs, list uniform_inputs, list varying_inputs, bint fuse):
    cdef Emission to
    cdef int32_t n = 0, i
    for node in outputs:
        check_node(g, node)
        n = max(n, <int32_t>node + 1)
    for node in (*uniform_inputs, *varying_inputs):
        check_node(g, node)
        if g.items[<int32_t>node].op != INPUT:
            raise ValueError(f"node {node} is no input of this Graph, but a gate or a constant")
        n = max(n, <int32_t>node + 1)
    memset(&to, 0, sizeof(Emission))
    try:
        to.flags = <uint8_t *>calloc(n + 1, sizeof(uint8_t))
        to.slot = <int32_t *>malloc((n + 1) * sizeof(int32_t))
        to.last = <int32_t *>malloc((n + 1) * sizeof(int32_t))
        if to.flags == NULL or to.slot == NULL or to.last == NULL:
            raise MemoryError(f"no memory for the program of {n} gates")
        to.fuse = fuse
        for i in range(n):
            if MASKED_MULTIPLY <= g.items[i].op <= MASKED_DIVIDE:
                learn_ranges(g)
                break
        mark_live(g, &to, n, outputs)
        mark_varying(g, &to, n, uniform_inputs, varying_inputs)
        mark_last(g, &to, n)
        return written_down(g, &to, n, outputs, uniform_inputs, varying_inputs)
    finally:
        free(to.flags)
        free(to.slot)
        free(to.last)


cdef Node as_emitted(Graph g, Emission *to, int32_t i) noexcept:
    """Node i as the program has it: a*b + c, masked or not, is one gate, which is rounded once.

    Of a sum the operands alone decide, never what else is computed: whoever asks for a node, beside
    whatever others, gets the same bits. What else reads the product computes it once more.
    """
    cdef Node node = g.items[i], product
    if node.op != ADD or not to.fuse:
        return without_masks(g, node)
    product = without_masks(g, g.items[node.a])
    if product.op != MULTIPLY and product.op != MASKED_MULTIPLY:
        product = without_masks(g, g.items[node.b])
        if product.op != MULTIPLY and product.op != MASKED_MULTIPLY:
            return node
        node.b = node.a
    node.op = MULTIPLY_ADD if product.op == MULTIPLY else MASKED_MULTIPLY_ADD
    node.c, node.a, node.b = node.b, product.a, product.b
    return node


cdef inline Node without_masks(Graph g, Node node) noexcept:
    """A node without the masks that hide nothing: 0 is the product with what is finite anyway."""
    cdef const Range *ranges = g.work.ranges
    if node.op == MASKED_PRODUCT:
        if is_finite(ranges[node.b]):
            node.a, node.b = node.b, node.a
        if is_finite(ranges[node.a]):
            node.op = MASKED_MULTIPLY
    if node.op == MASKED_MULTIPLY and is_finite(ranges[node.b]):
        node.op = MULTIPLY
    if node.op == MASKED_DIVIDE and is_known(ranges[node.b]) and not has_zero(ranges[node.b]):
        node.op = DIVIDE
    return node


cdef inline int operands_of(const Node *node, int32_t *operands) noexcept:
    """How many operands a node has; and which."""
    operands[0], operands[1], operands[2] = node.a, node.b, node.c
    return gate_arity(node.op)


cdef int mark_live(Graph g, Emission *to, int32_t n, list outputs) except -1:
    """LIVE what the outputs need."""
    cdef int32_t i
    cdef int k
    cdef int32_t operands[3]
    cdef Node node
    for output in outputs:
        to.flags[<int32_t>output] |= LIVE | IS_OUTPUT
    for i in range(n - 1, -1, -1):
        if i % SIGNALS_AFTER == 0:
            PyErr_CheckSignals()
        if not to.flags[i] & LIVE:
            continue
        node = as_emitted(g, to, i)
        for k in range(operands_of(&node, operands)):
            to.flags[operands[k]] |= LIVE
    return 0


cdef int mark_varying(
    Graph g, Emission *to, int32_t n, list uniform_inputs, list varying_inputs
) except -1:
    cdef int32_t i
    cdef int k
    cdef int32_t operands[3]
    cdef Node node
    cdef uint8_t *flags = to.flags
    for inputs, kind in ((uniform_inputs, GIVEN), (varying_inputs, GIVEN | VARYING)):
        for given in inputs:
            i = given
            if flags[i] & GIVEN:
                raise ValueError(f"the input {name_of(g.variables[g.items[i].a])} is given twice")
            flags[i] |= <uint8_t>kind
    for i in range(n):
        if not flags[i] & LIVE or g.items[i].op == CONSTANT:
            continue
        node = as_emitted(g, to, i)
        if node.op == INPUT:
            if not flags[i] & GIVEN:
                raise ValueError(
                    f"the outputs need the input {name_of(g.variables[node.a])}, which is neither "
                    "among the uniform nor among the varying inputs")
            continue
        for k in range(operands_of(&node, operands)):
            flags[i] |= flags[operands[k]] & VARYING
    return 0


cdef void mark_last(Graph g, Emission *to, int32_t n) noexcept:
    cdef int32_t i
    cdef int k
    cdef Node node
    cdef int32_t operands[3]
    for i in range(n):
        to.last[i] = FOREVER if to.flags[i] & IS_OUTPUT else -1
        if not to.flags[i] & LIVE:
            continue
        node = as_emitted(g, to, i)
        for k in range(operands_of(&node, operands)):
            if to.last[operands[k]] == FOREVER:
                continue
            # what is uniform and read by a varying gate is read for every tile of samples
            if (to.flags[operands[k]] ^ to.flags[i]) & VARYING:
                to.last[operands[k]] = FOREVER
            else:
                to.last[operands[k]] = i
        to.n_gates += node.op > INPUT


cdef Program written_down(
    Graph g, Emission *to, int32_t n, list outputs, list uniform_inputs, list varying_inputs
):
    cdef cnp.npy_intp shape[2]
    cdef int32_t i, n_uniform_slots
    cdef int64_t n_uniform
    shape[0], shape[1] = to.n_gates, 5
    gates = cnp.PyArray_ZEROS(2, shape, cnp.NPY_INT32, 0)
    to.rows = <int32_t *>cnp.PyArray_DATA(gates)
    constants = []
    for node in uniform_inputs:
        to.slot[<int32_t>node] = new_slot(to)
    for i in range(n):
        if to.flags[i] & LIVE and g.items[i].op == CONSTANT:
            to.slot[i] = new_slot(to)
            constants.append(value_of(g, i))
    write_rows(g, to, n, 0)
    n_uniform = (to.rows - <int32_t *>cnp.PyArray_DATA(gates)) // 5
    n_uniform_slots = to.n_slots
    for node in varying_inputs:
        to.slot[<int32_t>node] = new_slot(to)
    write_rows(g, to, n, VARYING)
    return Program(
        gates, np.array(constants, np.float64),
        np.array([to.slot[<int32_t>node] for node in outputs], np.int32),
        len(uniform_inputs) + len(varying_inputs), len(uniform_inputs), n_uniform,
        n_uniform_slots, to.n_slots)


cdef inline int32_t new_slot(Emission *to) noexcept:
    to.n_slots += 1
    return to.n_slots - 1


cdef int write_rows(Graph g, Emission *to, int32_t n, int varying) except -1:
    """The gates that vary, or those that do not. The dead leave their slots to later results."""
    cdef int32_t i, x
    cdef int k, arity
    cdef Node node
    cdef int32_t operands[3]
    to.free_slot = -1
    for i in range(n):
        if i % SIGNALS_AFTER == 0:
            PyErr_CheckSignals()
        if (not to.flags[i] & LIVE or to.flags[i] & VARYING != varying
                or g.items[i].op <= INPUT):
            continue
        node = as_emitted(g, to, i)
        arity = operands_of(&node, operands)
        to.rows[0] = node.op
        for k in range(arity):
            x = operands[k]
            to.rows[2 + k] = to.slot[x]
            if to.last[x] == i and g.items[x].op > INPUT:
                to.last[x] = to.free_slot
                to.free_slot = x
        if to.free_slot < 0:
            to.slot[i] = new_slot(to)
        else:
            x = to.free_slot
            to.free_slot = to.last[x]
            to.slot[i] = to.slot[x]
        to.rows[1] = to.slot[i]
        to.rows += 5
    return 0
