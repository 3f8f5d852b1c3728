# Through an expression, every part once, without recursion. The lock is held meanwhile, since a
# walk marks each expression with the place where it has met it. A signal handler may walk in
# between and overwrite some marks: those expressions are met a second time, which costs time alone.

cdef struct Walk:
    PyObject **seen             # the expressions met; the mark of each is its place here
    int32_t *nodes              # and what each has become
    Py_ssize_t count, room
    PyObject **stack
    Py_ssize_t depth, stack_room


cdef inline Py_ssize_t place_in(Walk *walk, PyObject *e) noexcept:
    """Where the walk has met e, else -1. A mark left by another walk does no harm."""
    cdef Py_ssize_t mark = (<Expression>e).mark
    return mark if mark < walk.count and walk.seen[mark] == e else -1


cdef int meet(Walk *walk, PyObject *e, int32_t node) except -1:
    cdef Py_ssize_t room
    if walk.count == walk.room:
        room = walk.room + walk.room // 2 + 256
        if room > 0x7fffffff:
            raise MemoryError("an expression of more than 2**31 gates")
        walk.seen = <PyObject **>grown(walk.seen, room, sizeof(PyObject *))
        walk.nodes = <int32_t *>grown(walk.nodes, room, sizeof(int32_t))
        walk.room = room
    walk.seen[walk.count] = e
    walk.nodes[walk.count] = node
    (<Expression>e).mark = <int32_t>walk.count
    walk.count += 1
    if walk.count % SIGNALS_AFTER == 0:
        PyErr_CheckSignals()
    return 0


cdef int push(Walk *walk, PyObject *e) except -1:
    cdef Py_ssize_t room
    if walk.depth == walk.stack_room:
        room = walk.stack_room + walk.stack_room // 2 + 256
        walk.stack = <PyObject **>grown(walk.stack, room, sizeof(PyObject *))
        walk.stack_room = room
    walk.stack[walk.depth] = e
    walk.depth += 1
    return 0


cdef inline bint push_unseen(Walk *walk, PyObject *x) except -1:
    """Whether x is an expression not met yet, which is then pushed."""
    if not is_expression(x) or place_in(walk, x) >= 0:
        return False
    push(walk, x)
    return True


cdef inline bint is_expression(PyObject *x) noexcept:
    return x != NULL and x.ob_type == <PyTypeObject *>Expression


cdef void end(Walk *walk) noexcept:
    free(walk.seen)
    free(walk.nodes)
    free(walk.stack)
    memset(walk, 0, sizeof(Walk))


def variables_of(expressions):
    """The variables in some expressions (an iterable of expressions and numbers).

    They come in the order in which they were made.

    Raises
    ------
    TypeError
        If there is something else among them.
    """
    cdef Walk walk
    cdef PyObject *e
    if isinstance(expressions, np.ndarray):
        expressions = expressions.flat
    roots = [required(x, "a circuit") for x in expressions]
    found = []
    memset(&walk, 0, sizeof(Walk))
    with _lock:
        try:
            for root in roots:
                push_unseen(&walk, <PyObject *>root)
                while walk.depth:
                    walk.depth -= 1
                    e = walk.stack[walk.depth]
                    if place_in(&walk, e) >= 0:
                        continue
                    meet(&walk, e, 0)
                    if (<Expression>e).op == INPUT:
                        found.append((serial_of(<Expression>e), <object>e))
                    elif (<Expression>e).op != CONSTANT:
                        push_unseen(&walk, (<Expression>e).a)
                        push_unseen(&walk, (<Expression>e).b)
                        push_unseen(&walk, (<Expression>e).c)
        finally:
            end(&walk)
    unique = dict(reversed(found))      # of one that was met twice, the first
    return sorted(unique.values(), key=order_of)
