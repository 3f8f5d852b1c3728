# A reverse sweep: from some nodes, each with its cotangent, back to the inputs, from the highest
# number down. The adjoint of a node is the node of d output / d node; -1: it has none (yet).

cdef list adjoints_of(Graph g, list nodes, list cotangents, list inputs, dict every=None):
    """The adjoints of `inputs`; puts those of all nodes into `every`, if it is given."""
    before = begin(g)
    try:
        return swept(g, nodes, cotangents, inputs, every)
    finally:
        finish(g, before)


cdef list swept(Graph g, list nodes, list cotangents, list inputs, dict every):
    cdef Sweep *sweep = &g.work.sweep
    cdef int32_t start = g.count, zero
    for node in (*nodes, *cotangents, *inputs):
        check_node(g, node)
    zero = constant_node(g, 0)
    prepare(g, start, inputs)
    try:
        for node, cotangent in zip(nodes, cotangents):
            pull(g, node, cotangent)
        sweep_down(g, start, every)
        adjoints = [sweep.adjoint[<int32_t>node] for node in inputs]
    except BaseException:
        end_sweep(sweep)                # the sweep stopped half-way: its adjoints are not all -1
        raise
    for node in inputs:
        sweep.adjoint[<int32_t>node] = -1
    return [zero if adjoint < 0 else adjoint for adjoint in adjoints]


cdef int sweep_down(Graph g, int32_t start, dict every) except -1:
    cdef Sweep *sweep = &g.work.sweep
    cdef int32_t word, i, bar
    cdef int64_t done = 0
    for word in range((start - 1) >> 6, -1, -1):
        while sweep.pending[word]:
            i = (word << 6) + 63 - leading_zeros(sweep.pending[word])
            sweep.pending[word] ^= <uint64_t>1 << (i & 63)
            bar = sweep.adjoint[i]
            if every is not None:
                every[i] = bar
            if sweep.depends[i] != WANTED:
                sweep.adjoint[i] = -1
            if g.items[i].op > INPUT:
                differentiate(g, i, bar)
            done += 1
            if done % SIGNALS_AFTER == 0:
                PyErr_CheckSignals()
    return 0


cdef int prepare(Graph g, int32_t start, list inputs) except -1:
    """Room for the nodes below `start`; and which of them depend on `inputs`."""
    cdef Sweep *sweep = &g.work.sweep
    cdef int32_t i, known
    cdef uint8_t *depends
    if start > sweep.room:
        make_sweep_room(sweep, start + <int64_t>(start >> 1))
    depends = sweep.depends
    known = sweep.known if g.work.wanted == inputs else 0
    sweep.known = 0
    memset(&depends[known], INDEPENDENT, start - known)
    for node in inputs:
        depends[<int32_t>node] = WANTED
    g.work.wanted = inputs
    for i in range(known, start):
        if depends[i] != WANTED and depends_on_inputs(&g.items[i], depends):
            depends[i] = DEPENDENT
    sweep.known = start
    return 0


cdef inline bint depends_on_inputs(Node *node, uint8_t *depends) noexcept:
    cdef int arity = gate_arity(node.op)
    return ((arity > 0 and depends[node.a] != INDEPENDENT)
            or (arity > 1 and depends[node.b] != INDEPENDENT)
            or (arity > 2 and depends[node.c] != INDEPENDENT))


cdef int make_sweep_room(Sweep *sweep, int64_t room) except -1:
    """Room for that many nodes. All adjoints are -1 and nothing is pending between two sweeps."""
    cdef int64_t words = (room >> 6) + 1
    room = words << 6
    sweep.adjoint = <int32_t *>grown(sweep.adjoint, room, sizeof(int32_t))
    sweep.depends = <uint8_t *>grown(sweep.depends, room, sizeof(uint8_t))
    sweep.pending = <uint64_t *>grown(sweep.pending, words, sizeof(uint64_t))
    memset(sweep.adjoint, 0xff, room * sizeof(int32_t))
    memset(sweep.pending, 0, words * sizeof(uint64_t))
    sweep.room = room
    return 0


cdef void end_sweep(Sweep *sweep) noexcept:
    free(sweep.adjoint)
    free(sweep.depends)
    free(sweep.pending)
    memset(sweep, 0, sizeof(Sweep))


cdef inline bint wants(Graph g, int32_t node) noexcept:
    """Whether the node depends on the inputs, so that its adjoint is of use."""
    return g.work.sweep.depends[node] != INDEPENDENT


cdef int pull(Graph g, int32_t node, int32_t term) except -1:
    """Adds the node `term` to the adjoint of `node`."""
    cdef Sweep *sweep = &g.work.sweep
    if sweep.depends[node] == INDEPENDENT:
        return 0
    if sweep.adjoint[node] < 0:
        sweep.adjoint[node] = term
        sweep.pending[node >> 6] |= <uint64_t>1 << (node & 63)
    else:
        sweep.adjoint[node] = add(g, sweep.adjoint[node], term)
    return 0
