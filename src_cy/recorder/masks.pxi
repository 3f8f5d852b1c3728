# The products and quotients of a derivative. A pull of exactly 0 stays 0, even where the slope it
# meets is infinite or NaN: the branch that is not taken adds nothing. A slope of 0 does not stop an
# infinite pull: where inf * 0 comes up there may be no derivative, and NaN says so. In derivatives
# of derivatives a slope is itself pulled, by the pull it was multiplied by: there 0 stays 0 from
# either side.

cdef int32_t masked(Graph g, int32_t bar, int32_t slope) except -1:
    """bar * slope, but 0 where bar is 0."""
    cdef int32_t shared
    if is_zero(g, bar):
        return constant_node(g, 0)
    if is_constant(g, bar) or (is_constant(g, slope) and surely_finite(g, slope)):
        return multiply(g, bar, slope)
    if is_gate(g, bar, NEGATIVE) and is_gate(g, slope, NEGATIVE):
        return masked(g, g.items[bar].a, g.items[slope].a)
    if not surely_finite(g, slope):
        return find_or_append(g, MASKED_MULTIPLY, bar, slope, 0)
    # nothing is hidden: a product that is there will do, or one without an order
    shared = find(g, MULTIPLY, min(bar, slope), max(bar, slope))
    if shared >= 0:
        return shared
    if surely_finite(g, bar):
        return find_or_append(g, MASKED_PRODUCT, min(bar, slope), max(bar, slope), 0)
    return find_or_append(g, MASKED_MULTIPLY, bar, slope, 0)


cdef int32_t masked_product(Graph g, int32_t a, int32_t b) except -1:
    """a * b, but 0 where either is 0."""
    if is_zero(g, a) or is_zero(g, b):
        return constant_node(g, 0)
    if is_constant(g, a) or is_constant(g, b):
        return masked(g, b, a) if is_constant(g, a) else masked(g, a, b)
    if is_gate(g, a, NEGATIVE) and is_gate(g, b, NEGATIVE):
        return masked_product(g, g.items[a].a, g.items[b].a)
    if surely_finite(g, a) and surely_finite(g, b):
        return masked(g, a, b)
    return find_or_append(g, MASKED_PRODUCT, min(a, b), max(a, b), 0)


cdef int32_t masked_quotient(Graph g, int32_t bar, int32_t x) except -1:
    """bar / x, but 0 where bar is 0."""
    if is_zero(g, bar):
        return constant_node(g, 0)
    if is_constant(g, bar) or (is_constant(g, x) and value_of(g, x) * 0 == 0 != value_of(g, x)):
        return divide(g, bar, x)
    if is_gate(g, bar, NEGATIVE) and is_gate(g, x, NEGATIVE):
        return masked_quotient(g, g.items[bar].a, g.items[x].a)
    return find_or_append(g, MASKED_DIVIDE, bar, x, 0)


cdef inline bint is_zero(Graph g, int32_t i) noexcept:
    return is_constant(g, i) and value_of(g, i) == 0


cdef int32_t without_factor(Graph g, int32_t bar, int32_t x, int depth=8) except -2:
    """y where bar = x * y, or a product or quotient with x among its factors, or a sum of these;
    else -1.

    The slope of a root is infinite at 0, but that of its square is not: the root cancels.
    """
    cdef Node node = g.items[bar]
    cdef int32_t a, b
    if bar == x:
        return constant_node(g, 1)
    if node.op == MULTIPLY or node.op == MASKED_MULTIPLY or node.op == MASKED_PRODUCT:
        if node.a == x or node.b == x:
            return node.b if node.a == x else node.a
        a = without_factor(g, node.a, x, depth - 1) if depth > 0 else -1
        if a >= 0:
            return masked(g, a, node.b)
        b = without_factor(g, node.b, x, depth - 1) if depth > 0 else -1
        return b if b < 0 else masked(g, node.a, b)
    if depth > 0 and (node.op == DIVIDE or node.op == MASKED_DIVIDE):
        a = without_factor(g, node.a, x, depth - 1)
        return a if a < 0 else masked_quotient(g, a, node.b)
    if depth == 0 or (node.op != ADD and node.op != SUBTRACT and node.op != NEGATIVE):
        return -1
    a = without_factor(g, node.a, x, depth - 1)
    if a < 0 or node.op == NEGATIVE:
        return a if a < 0 else negative(g, a)
    b = without_factor(g, node.b, x, depth - 1)
    if b < 0:
        return -1
    return add(g, a, b) if node.op == ADD else subtract(g, a, b)
