# What becomes of a gate when it is put into a graph: gates of constants are folded by the engine's
# own gate, and what can be left out without changing a bit is left out. Not x*0 (x may be infinite
# or NaN) and not x + 0 (x may be -0).

cdef inline bint is_constant(Graph g, int32_t i) noexcept:
    return g.items[i].op == CONSTANT


cdef inline bint is_value(Graph g, int32_t i, double value) noexcept:
    """Whether node i is this constant, sign of zero included."""
    cdef double own
    if g.items[i].op != CONSTANT:
        return False
    own = value_of(g, i)
    return own == value and signbit(own) == signbit(value)


cdef inline bint is_gate(Graph g, int32_t i, int op) noexcept:
    return g.items[i].op == op


cdef int32_t folded(Graph g, int op, int32_t a, int32_t b, int32_t c) except -1:
    fold = hook("fold") if g.folder is None else g.folder
    return constant_node(g, fold(op, value_of(g, a), value_of(g, b), value_of(g, c)))


cdef int32_t gate1(Graph g, int op, int32_t a) except -1:
    if is_constant(g, a):
        return folded(g, op, a, a, a)
    if op == NEGATIVE and is_gate(g, a, NEGATIVE):
        return g.items[a].a
    if op == ABSOLUTE:
        if is_gate(g, a, ABSOLUTE):
            return a
        if is_gate(g, a, NEGATIVE):
            a = g.items[a].a
    return find_or_append(g, op, a, 0, 0)


cdef int32_t gate2(Graph g, int op, int32_t a, int32_t b) except -1:
    if is_constant(g, a) and is_constant(g, b):
        return folded(g, op, a, b, b)
    if op == ADD: return add(g, a, b)
    if op == SUBTRACT: return subtract(g, a, b)
    if op == MULTIPLY: return multiply(g, a, b)
    if op == DIVIDE: return divide(g, a, b)
    if op == POWER: return power(g, a, b)
    if op == MASKED_MULTIPLY: return masked(g, a, b)
    if op == MASKED_PRODUCT: return masked_product(g, a, b)
    if op == MASKED_DIVIDE: return masked_quotient(g, a, b)
    if op == MINIMUM or op == MAXIMUM:
        if a == b:
            return a
        if is_constant(g, a):           # where both are equal the second has the slope
            a, b = b, a
    elif op == HYPOT or op == EQUAL or op == NOT_EQUAL or op == LOGADDEXP:
        if a > b:
            a, b = b, a
    return find_or_append(g, op, a, b, 0)


cdef int32_t gate3(Graph g, int op, int32_t a, int32_t b, int32_t c) except -1:
    if op == SELECT:
        return select(g, a, b, c)
    return add(g, multiply(g, a, b), c)     # multiply_add is a matter of emission


cdef int32_t negative(Graph g, int32_t a) except -1:
    return gate1(g, NEGATIVE, a)


cdef int32_t add(Graph g, int32_t a, int32_t b) except -1:
    if is_constant(g, a) and is_constant(g, b):
        return folded(g, ADD, a, b, b)
    if is_value(g, b, -0.0):
        return a
    if is_value(g, a, -0.0):
        return b
    if is_gate(g, b, NEGATIVE):
        return subtract(g, a, g.items[b].a)
    if is_gate(g, a, NEGATIVE):
        return subtract(g, b, g.items[a].a)
    return find_or_append(g, ADD, min(a, b), max(a, b), 0)


cdef int32_t subtract(Graph g, int32_t a, int32_t b) except -1:
    if is_constant(g, a) and is_constant(g, b):
        return folded(g, SUBTRACT, a, b, b)
    if is_value(g, b, 0.0):
        return a
    if is_gate(g, b, NEGATIVE):
        return add(g, a, g.items[b].a)
    return find_or_append(g, SUBTRACT, a, b, 0)


cdef int32_t multiply(Graph g, int32_t a, int32_t b) except -1:
    if is_constant(g, a) and is_constant(g, b):
        return folded(g, MULTIPLY, a, b, b)
    if is_constant(g, a):
        a, b = b, a
    if is_value(g, b, 1):
        return a
    if is_value(g, b, -1):
        return negative(g, a)
    if is_gate(g, a, NEGATIVE):
        if is_constant(g, b):
            return multiply(g, g.items[a].a, negative(g, b))
        if is_gate(g, b, NEGATIVE):
            return multiply(g, g.items[a].a, g.items[b].a)
    return find_or_append(g, MULTIPLY, min(a, b), max(a, b), 0)


cdef int32_t divide(Graph g, int32_t a, int32_t b) except -1:
    cdef double value
    cdef int exponent
    if is_constant(g, a) and is_constant(g, b):
        return folded(g, DIVIDE, a, b, b)
    if is_constant(g, b):
        value = value_of(g, b)
        if fabs(frexp(value, &exponent)) == 0.5 and -125 < exponent < 127:
            # a power of two, and its inverse in float32 too: the product is the quotient
            return multiply(g, a, constant_node(g, 1 / value))
    if is_gate(g, a, NEGATIVE):
        if is_constant(g, b):
            return divide(g, g.items[a].a, negative(g, b))
        if is_gate(g, b, NEGATIVE):
            return divide(g, g.items[a].a, g.items[b].a)
    return find_or_append(g, DIVIDE, a, b, 0)


cdef int32_t power(Graph g, int32_t a, int32_t b) except -1:
    cdef double value
    cdef int32_t square
    if is_constant(g, a) and is_constant(g, b):
        return folded(g, POWER, a, b, b)
    if is_value(g, a, 1):
        return a
    if not is_constant(g, b):
        return find_or_append(g, POWER, a, b, 0)
    value = value_of(g, b)
    if value == 0:
        return constant_node(g, 1)
    if value == 1:
        return a
    if value == -1 or value == -2 or value == -3 or value == -4:
        # powers of 1/a, not 1 over powers of a, which over- and underflow before the result does
        return power(g, divide(g, constant_node(g, 1), a), constant_node(g, -value))
    if value == 2 or value == 3 or value == 4:
        square = multiply(g, a, a)
        if value == 2:
            return square
        return multiply(g, square, a if value == 3 else square)
    return find_or_append(g, POWER, a, b, 0)


cdef int32_t less(Graph g, int32_t a, int32_t b) except -1:
    return gate2(g, LESS, a, b)


cdef int32_t select(Graph g, int32_t condition, int32_t a, int32_t b) except -1:
    if a == b:
        return a
    if is_constant(g, condition):
        return a if value_of(g, condition) != 0 else b
    return find_or_append(g, SELECT, condition, a, b)
