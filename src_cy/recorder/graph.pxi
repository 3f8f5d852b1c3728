# The gates of a circuit by number. A gate comes after its operands, and equal gates are one.

cdef enum:
    SIGNALS_AFTER = 65536       # gates between two chances for Ctrl-C; a few ms

cdef struct Node:
    int32_t op, a, b, c         # input: a is its place among the inputs. Constant: a, b: its bits

cdef enum:
    INDEPENDENT, DEPENDENT, WANTED

cdef struct Sweep:
    int32_t *adjoint            # of each node
    uint64_t *pending           # a bit for each node that has got its adjoint, and not passed it on
    uint8_t *depends            # whether a node depends on the inputs that are wanted
    int32_t known               # the number of nodes of which that is known
    int64_t room

cdef extern from *:
    """
    #define leading_zeros __builtin_clzll
    """
    int leading_zeros(uint64_t) noexcept nogil


@cython.final
cdef class Work:
    """What adding and sweeping remember from one call to the next.

    A signal handler or a finalizer may run in the middle of a call and use the same graph: it gets
    a Work of its own, and what it has interrupted goes on with the old one.
    """
    cdef Walk walk                      # of what `add` has met; its roots are kept meanwhile
    cdef list roots
    cdef Sweep sweep
    cdef list wanted                    # the inputs of the last sweep
    cdef Range *ranges                  # of the first n_ranges nodes
    cdef int32_t n_ranges, ranges_room
    cdef bint busy

    def __cinit__(self):
        self.roots = []

    def __dealloc__(self):
        self.forget()

    cdef void forget(self) noexcept:
        end(&self.walk)
        end_sweep(&self.sweep)
        free(self.ranges)
        self.ranges = NULL
        self.n_ranges = self.ranges_room = 0


@cython.final
cdef class Graph:
    """The gates of some expressions, and of their derivatives, as numbered nodes.

    The nodes 0 to len(inputs) - 1 are the inputs. A Graph grows only: `add` appends the gates of an
    expression, `gradient` and its sisters those of derivatives, unless an equal gate is there;
    gates of constants are folded. `emit` writes down what some nodes need.

    Parameters
    ----------
    inputs : iterable of variables
    fold : callable (gate number, a, b, c) -> float, optional
        Computes gates of constants; the engine's own float64 gate unless given.

    Raises
    ------
    TypeError, ValueError
        If an input is no variable or comes twice, or if two different ones have the same name.
    """
    cdef Node *items
    cdef int32_t count, room
    cdef int32_t *table                 # node + 1 by hash, 0: free
    cdef int bits                       # the table has 2**bits places
    cdef int64_t limit                  # of nodes, for a table of this size; 0: there is no table
    cdef list variables                 # of the inputs
    cdef dict serials                   # serial number of a variable -> its node
    cdef object folder
    cdef Work work

    def __cinit__(self):
        self.variables = []
        self.serials = {}
        self.work = Work()
        self.bits = 6

    def __init__(self, inputs, fold=None):
        with _lock:
            if self.count:
                raise TypeError("this Graph has its inputs already; make another one")
            self.folder = fold
            owners = {}
            for e in inputs:
                if type(e) is not Expression or (<Expression>e).op != INPUT:
                    raise TypeError(
                        f"an input of a circuit must be a variable, got {e!r} "
                        f'({type(e).__name__}); x = fastbp.variable("x") makes one')
                check_owner(owners, <Expression>e)
                if serial_of(e) in self.serials:
                    raise ValueError(
                        f"the variable {name_of(e)} comes twice among the inputs; name it once")
                append_input(self, e)

    def __dealloc__(self):
        free(self.items)
        free(self.table)

    def __len__(self):
        return self.count

    def __repr__(self):
        return f"<Graph of {self.count} nodes, {len(self.variables)} of them inputs>"

    def __reduce__(self):
        with _lock:
            return _graph, (self.variables, node_table(self), self.folder)

    def first(self, int32_t n):
        """The Graph of the first n nodes: this one, when it had so many.

        To write its expressions down anew would number the nodes differently, and so change the
        order of sums in derivatives.
        """
        with _lock:
            if not 0 <= n <= self.count:
                raise ValueError(f"this Graph has {self.count} nodes; got {n}")
            inputs = sum([self.items[i].op == INPUT for i in range(n)])
            table = node_table(self)[:n * sizeof(Node)]
            return _graph(self.variables[:inputs], table, self.folder)

    def put(self, str name, operands=(), value=0.0):
        """The node of a gate of other nodes, or of the constant `value`: as `node` describes it.

        Nothing is folded or simplified; an equal node is shared.

        Raises
        ------
        ValueError
            If there is no such gate, or operands are too many, too few, or no nodes.
        """
        cdef Node node
        node.op = GATES.index(name) if name in GATES else -1
        node.a = node.b = node.c = 0
        with _lock:
            if node.op == CONSTANT:
                return constant_node(self, value)
            if node.op <= INPUT or is_fused(node.op) or len(operands) != gate_arity(node.op):
                raise ValueError(f"{name!r} is no gate of {len(operands)} operands")
            for operand in operands:
                check_node(self, operand)
            node.a, node.b, node.c = (*operands, 0, 0)[:3]
            return find_or_append(self, node.op, node.a, node.b, node.c)

    @property
    def inputs(self):
        """The variables, in the order of the first nodes and those of `new_input`."""
        return list(self.variables)

    def add(self, expression):
        """The node of an expression or a number, which is appended unless it is there.

        Raises
        ------
        TypeError
            If it is neither.
        ValueError
            If it has a variable that is not among the inputs.
        """
        root = required(expression, "a circuit")
        with _lock:
            if type(root) is not Expression:
                return constant_node(self, root)
            before = begin(self)
            try:
                # what the walk has met stays alive while it is remembered
                self.work.roots.append(root)
                return place(self, <PyObject *>root)
            finally:
                finish(self, before)

    def new_input(self, name):
        """The node of one more input, behind all others; `name` need not be unique."""
        if not isinstance(name, str):
            raise TypeError(f"the name of an input must be a str, got {name!r}")
        with _lock:
            return append_input(self, new_variable(name, serial_numbers(1)))

    def gradient(self, node, inputs):
        """The nodes of d node / d input, one for each node in `inputs`."""
        with _lock:
            return adjoints_of(self, [node], [constant_node(self, 1.0)], list(inputs))

    def jacobian_product(self, nodes, cotangents, inputs):
        """The nodes of sum_k cotangents[k] d nodes[k] / d input, one for each node in `inputs`.

        `cotangents` are nodes too, and are taken as constants.
        """
        nodes, cotangents = list(nodes), list(cotangents)
        if len(nodes) != len(cotangents):
            raise ValueError(
                f"jacobian_product got {len(nodes)} nodes and {len(cotangents)} cotangents; "
                "give one for each node")
        with _lock:
            return adjoints_of(self, nodes, cotangents, list(inputs))

    def adjoints(self, output):
        """{node: node of d output / d node} for every node on a way from an input to `output`."""
        with _lock:
            inputs = [self.serials[serial_of(e)] for e in self.variables]
            every = {}
            adjoints_of(self, [output], [constant_node(self, 1.0)], inputs, every)
            return every

    def emit(self, outputs, uniform_inputs, varying_inputs, fuse=True):
        """The Program that computes the nodes `outputs` from the inputs, given as nodes.

        Uniform inputs are one number for all samples, varying ones a number for each sample.
        fuse=False writes no gate multiply_add.

        Raises
        ------
        ValueError
            If the outputs need an input that is in neither list.
        """
        with _lock:
            before = begin(self)
            try:
                self.forget()
                return emitted(
                    self, list(outputs), list(uniform_inputs), list(varying_inputs), fuse)
            finally:
                finish(self, before)

    def nodes(self):
        """What `node` says of each node."""
        with _lock:
            return [self.node(i) for i in range(self.count)]

    def node(self, int32_t i):
        """(gate number, its operands' nodes, value of a constant or name of an input) of node i."""
        cdef Node node
        node.op = node.a = node.b = node.c = 0
        with _lock:
            check_node(self, i)
            node = self.items[i]
        if node.op == CONSTANT:
            return CONSTANT, (), value_in(&node)
        if node.op == INPUT:
            return INPUT, (), name_of(self.variables[node.a])
        return node.op, (node.a, node.b, node.c)[:gate_arity(node.op)], None

    def constant_value(self, int32_t i):
        """The value of node i, a constant."""
        op, _, value = self.node(i)
        if op != CONSTANT:
            raise ValueError(f"node {i} is no constant, but {GATES[op]}")
        return value

    def expression(self, int32_t i):
        """Node i as an Expression of the inputs; a derivative can be read in this way."""
        with _lock:
            check_node(self, i)
            return expression_of(self, i)

    cdef void forget(self) noexcept:
        """Lets go what only helped to add gates; it is made again when the next is added."""
        free(self.table)
        self.table = NULL
        self.limit = 0
        self.work.forget()
        self.work.roots.clear()


cdef Work begin(Graph g):
    """Begins a call that may be interrupted; returns the Work to go back to."""
    cdef Work before = g.work
    if before.busy:
        g.work = Work()
    g.work.busy = True
    return before


cdef int finish(Graph g, Work before) except -1:
    g.work.busy = False
    g.work = before
    return 0


cdef int32_t append_input(Graph g, Expression e) except -1:
    node = find_or_append(g, INPUT, <int32_t>len(g.variables), 0, 0)
    g.variables.append(e)
    g.serials[serial_of(e)] = node
    return node


cdef int check_node(Graph g, object i) except -1:
    if not 0 <= i < g.count:
        raise ValueError(f"this Graph has the nodes 0 to {g.count - 1}; got {i!r}")
    return 0


# Storage

cdef inline uint64_t hashed(const Node *node) noexcept nogil:
    cdef uint64_t h = <uint64_t>node.op << 32 ^ <uint32_t>node.a
    h *= <uint64_t>0x9E3779B97F4A7C15
    h ^= h >> 29
    h ^= <uint64_t><uint32_t>node.b << 32 ^ <uint32_t>node.c
    h *= <uint64_t>0xD6E8FEB86659FD93
    h ^= h >> 32
    return h * <uint64_t>0x9E3779B97F4A7C15


cdef int32_t find_or_append(Graph g, int op, int32_t a, int32_t b, int32_t c) except -1:
    """The node of a gate: the one that is there, or a new one."""
    cdef Node node = Node(op, a, b, c)
    cdef uint64_t h
    if g.count == g.room:
        make_room(g)
    if g.count >= g.limit:
        make_places(g)
    h = place_of(g, &node)
    if g.table[h] == 0:
        g.items[g.count] = node
        g.count += 1
        g.table[h] = g.count
    return g.table[h] - 1


cdef int32_t find(Graph g, int op, int32_t a, int32_t b) noexcept:
    """The node of a gate of two operands, or -1."""
    cdef Node node = Node(op, a, b, 0)
    return g.table[place_of(g, &node)] - 1 if g.limit else -1


cdef inline uint64_t place_of(Graph g, const Node *node) noexcept nogil:
    """Where a node stands in the table, or where it would."""
    cdef uint64_t mask = (<uint64_t>1 << g.bits) - 1, h = hashed(node) >> (64 - g.bits)
    cdef const Node *other
    while g.table[h]:
        other = &g.items[g.table[h] - 1]
        if (other.op == node.op and other.a == node.a and other.b == node.b
                and other.c == node.c):
            break
        h = (h + 1) & mask
    return h


cdef int make_room(Graph g) except -1:
    cdef int64_t room = g.room + g.room // 2 + 64
    if room > 0x7ffffff0:
        raise MemoryError("a graph has at most 2**31 nodes")
    g.items = <Node *>grown(g.items, room, sizeof(Node))
    g.room = <int32_t>room
    return 0


cdef int make_places(Graph g) except -1:
    cdef int bits = g.bits + 1 if g.limit else g.bits
    cdef uint64_t mask = (<uint64_t>1 << bits) - 1, h
    cdef int32_t *table = <int32_t *>calloc(mask + 1, sizeof(int32_t))
    cdef int32_t i
    if table == NULL:
        raise MemoryError(f"no memory for a graph of {g.count} nodes")
    free(g.table)
    g.table = table
    g.bits = bits
    g.limit = (<int64_t>1 << bits) // 4 * 3
    for i in range(g.count):
        h = hashed(&g.items[i]) >> (64 - g.bits)
        while table[h]:
            h = (h + 1) & mask
        table[h] = i + 1
    return 0


cdef inline double value_in(const Node *node) noexcept:
    cdef double value
    memcpy(&value, &node.a, sizeof(double))
    return value


cdef inline double value_of(Graph g, int32_t i) noexcept:
    return value_in(&g.items[i])


cdef int32_t constant_node(Graph g, double value) except -1:
    cdef int32_t bits[2]
    memcpy(bits, &value, sizeof(double))
    return find_or_append(g, CONSTANT, bits[0], bits[1], 0)
