# Expressions into nodes of a graph, and back; graphs into pickles, and back.

cdef int32_t place(Graph g, PyObject *root) except -1:
    """The node of an expression."""
    cdef Walk *walk = &g.work.walk
    cdef PyObject *e
    cdef bint waits
    cdef Py_ssize_t met
    cdef int32_t node = -1
    walk.depth = 0
    push(walk, root)
    while walk.depth:
        e = walk.stack[walk.depth - 1]
        met = place_in(walk, e)
        if met >= 0:
            node = walk.nodes[met]
        else:
            if (<Expression>e).op > INPUT:
                # the first operand on top: nodes come in the order in which people write
                waits = push_unseen(walk, (<Expression>e).c)
                waits |= push_unseen(walk, (<Expression>e).b)
                waits |= push_unseen(walk, (<Expression>e).a)
                if waits:
                    continue
            node = node_of_gate(g, <Expression>e)
            meet(walk, e, node)
        walk.depth -= 1
    return node                         # the root is the last to go


cdef int32_t node_of_gate(Graph g, Expression e) except -1:
    cdef int arity
    cdef int32_t a, b, c
    if e.op == CONSTANT:
        return constant_node(g, number(e.a))
    if e.op == INPUT:
        node = g.serials.get(serial_of(e))
        if node is None:
            raise ValueError(
                f"the expression has the variable {name_of(e)}, which is not among the inputs "
                f"({inputs_text(g)}); add it to them")
        return node
    arity = gate_arity(e.op)
    a = node_of_operand(g, e.a)
    if arity == 1:
        return gate1(g, e.op, a)
    b = node_of_operand(g, e.b)
    if arity == 2:
        return gate2(g, e.op, a, b)
    return gate3(g, e.op, a, b, node_of_operand(g, e.c))


cdef int32_t node_of_operand(Graph g, PyObject *x) except -1:
    if is_expression(x):
        return g.work.walk.nodes[place_in(&g.work.walk, x)]
    return constant_node(g, number(x))


cdef str inputs_text(Graph g):
    names = [name_of(e) for e in g.variables[:8]]
    return ", ".join(names + ["..."] * (len(g.variables) > 8)) or "there are none"


cdef Expression expression_of(Graph g, int32_t root):
    cdef bytearray flags = bytearray(root + 1)
    cdef char *wanted = flags
    cdef int32_t i
    cdef int arity
    cdef Node *node
    wanted[root] = 1
    for i in range(root, -1, -1):
        node = &g.items[i]
        if wanted[i] and node.op > INPUT:
            arity = gate_arity(node.op)
            wanted[node.a] = 1
            if arity > 1:
                wanted[node.b] = 1
            if arity > 2:
                wanted[node.c] = 1
    made = {}
    for i in range(root + 1):
        if not wanted[i]:
            continue
        node = &g.items[i]
        if node.op == CONSTANT:
            made[i] = value_of(g, i)
        elif node.op == INPUT:
            made[i] = g.variables[node.a]
        else:
            arity = gate_arity(node.op)
            made[i] = record(
                node.op, made[node.a], made[node.b] if arity > 1 else None,
                made[node.c] if arity > 2 else None)
    return constant(made[root])


cdef bytes node_table(Graph g):
    """The nodes as they are in memory: rows (op, a, b, c) of int32."""
    return (<char *>g.items)[:g.count * sizeof(Node)]


def _graph(list variables, bytes table, fold):
    """The Graph of a pickle.

    Raises
    ------
    ValueError
        If the table is no graph of these variables.
    """
    cdef Graph g = Graph([], fold)
    cdef Node *nodes = <Node *><char *>table
    cdef Py_ssize_t i, n = len(table) // <Py_ssize_t>sizeof(Node)
    cdef bint sound = n * <Py_ssize_t>sizeof(Node) == len(table) and n < 0x7fffffff
    for i in range(n):
        sound = sound and is_sound(&nodes[i], i)
        if sound and nodes[i].op == INPUT:
            sound = is_next_input(g, variables, nodes[i].a)
            if sound:
                append_input(g, variables[nodes[i].a])
        elif sound:
            # an equal one would be shared, and all that follow would be numbered differently
            sound = find_or_append(g, nodes[i].op, nodes[i].a, nodes[i].b, nodes[i].c) == i
    if not sound or len(variables) != len(g.variables):
        raise ValueError("this pickle of a circuit is damaged: its gates are no graph")
    return g


cdef bint is_sound(const Node *node, Py_ssize_t i) noexcept:
    """Whether a graph has such a gate, whose operands come before it; what is unused must be 0."""
    cdef int arity = gate_arity(node.op)
    if arity < 0 or is_fused(node.op):
        return False
    if node.op == CONSTANT or node.op == INPUT:
        return node.c == 0 and (node.op == CONSTANT or node.b == 0)
    return (0 <= node.a < i
            and (0 <= node.b < i if arity > 1 else node.b == 0)
            and (0 <= node.c < i if arity > 2 else node.c == 0))


cdef bint is_next_input(Graph g, list variables, int32_t place) except -1:
    """Whether this is the place of the variable that comes next, and it is a new one."""
    if place != len(g.variables) or place >= len(variables):
        return False
    variable = variables[place]
    return (type(variable) is Expression and (<Expression>variable).op == INPUT
            and serial_of(variable) not in g.serials)
