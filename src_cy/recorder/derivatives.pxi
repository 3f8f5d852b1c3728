# The derivative of each gate: out = gate(a, b, c) has got its adjoint `bar`, and passes it on to
# its operands. The gates that this takes are appended to the graph, so they can be differentiated
# too. Slopes are written so that they are accurate relative to themselves in the tails, and without
# infinity - infinity where the derivative exists; masks.pxi sees to 0 * infinity.

cdef int differentiate(Graph g, int32_t out, int32_t bar) except -1:
    cdef Node node = g.items[out]       # a copy: the array moves when it grows
    cdef int op = node.op
    cdef int32_t a = node.a, b = node.b, c = node.c, zero, slope
    if gate_arity(op) == 1:
        pull(g, a, slope_times(g, op, a, out, bar))
    elif op == ADD:
        pull(g, a, bar)
        pull(g, b, bar)
    elif op == SUBTRACT:
        pull(g, a, bar)
        if wants(g, b): pull(g, b, negative(g, bar))
    elif op == MULTIPLY:
        if wants(g, a): pull(g, a, masked(g, bar, b))
        if wants(g, b): pull(g, b, masked(g, bar, a))
    elif op == MASKED_MULTIPLY:
        if wants(g, a): pull(g, a, masked(g, bar, b))
        if wants(g, b): pull(g, b, masked_product(g, bar, a))
    elif op == MASKED_PRODUCT:
        if wants(g, a): pull(g, a, masked_product(g, bar, b))
        if wants(g, b): pull(g, b, masked_product(g, bar, a))
    elif op == DIVIDE:
        differentiate_quotient(g, a, b, out, bar)
    elif op == MASKED_DIVIDE:
        slope = masked_quotient(g, bar, b)
        pull(g, a, slope)
        if wants(g, b): pull(g, b, negative(g, masked_product(g, slope, out)))
    elif op == POWER:
        if wants(g, a): pull(g, a, masked(g, bar, slope_of_base(g, a, b)))
        if wants(g, b): pull(g, b, masked(g, bar, slope_of_exponent(g, a, b, out)))
    elif op == MINIMUM or op == MAXIMUM:
        zero = constant_node(g, 0)
        slope = less(g, a, b) if op == MINIMUM else less(g, b, a)   # 1 where a is the one
        if wants(g, a): pull(g, a, select(g, slope, bar, zero))
        if wants(g, b): pull(g, b, select(g, slope, zero, bar))
    elif op == HYPOT:
        differentiate_hypot(g, a, b, out, bar)
    elif op == ATAN2:
        slope = safe_divisor(g, gate2(g, HYPOT, a, b))
        if wants(g, a):
            pull(g, a, masked(g, bar, divide(g, divide(g, b, slope), slope)))
        if wants(g, b):
            pull(g, b, negative(g, masked(g, bar, divide(g, divide(g, a, slope), slope))))
    elif op == MOD:
        pull(g, a, bar)
        if wants(g, b):     # less the quotient, an integer
            slope = gate1(g, ROUND, divide(g, subtract(g, out, a), b))
            pull(g, b, masked(g, bar, slope))
    elif op == LOGADDEXP:
        if wants(g, a): pull(g, a, masked(g, bar, gate1(g, SIGMOID, subtract(g, a, b))))
        if wants(g, b): pull(g, b, masked(g, bar, gate1(g, SIGMOID, subtract(g, b, a))))
    elif op == POLYGAMMA:       # the order is an integer, where it is flat
        if wants(g, b):
            slope = gate2(g, POLYGAMMA, add(g, a, constant_node(g, 1)), b)
            pull(g, b, masked(g, bar, slope))
    elif op == SELECT:
        zero = constant_node(g, 0)
        if wants(g, b): pull(g, b, select(g, a, bar, zero))
        if wants(g, c): pull(g, c, select(g, a, zero, bar))
    elif not LESS <= op <= NOT_EQUAL:       # comparisons are flat
        raise ValueError(f"the gate {GATES[op]} has no derivative rule")
    return 0


cdef int32_t slope_times(Graph g, int op, int32_t x, int32_t out, int32_t bar) except -1:
    """bar times the slope at x of a gate of one operand, out = gate(x)."""
    if op == NEGATIVE:
        return negative(g, bar)
    if op == ABSOLUTE:
        return masked(g, bar, gate1(g, SIGN, x))
    if op == SQRT:
        x = without_factor(g, bar, out)
        if x >= 0:
            return times(g, 0.5, x)
        return masked(g, bar, divide(g, constant_node(g, 0.5), out))
    if op == EXP:
        return masked(g, bar, out)
    if op == EXPM1:
        return masked(g, bar, gate1(g, EXP, x))
    if op == LOG:
        return masked_quotient(g, bar, x)
    if op == LOG1P:
        return masked_quotient(g, bar, add(g, x, constant_node(g, 1)))
    if op == SIN:
        return masked(g, bar, gate1(g, COS, x))
    if op == COS:
        return negative(g, masked(g, bar, gate1(g, SIN, x)))
    if op == TAN:
        return masked(g, bar, add(g, multiply(g, out, out), constant_node(g, 1)))
    if op == TANH:
        return masked(g, bar, times(g, 4, gate1(g, SIGMOID_SLOPE, twice(g, x))))
    if op == SIGMOID:
        return masked(g, bar, gate1(g, SIGMOID_SLOPE, x))
    if op == SOFTPLUS:
        return masked(g, bar, gate1(g, SIGMOID, x))
    if op == RELU:
        zero = constant_node(g, 0)
        return select(g, less(g, zero, x), bar, zero)
    if op == ERF:
        return masked(g, bar, times(g, 1.1283791670955126, gate1(g, GAUSSIAN, x)))
    if op == SIGMOID_SLOPE:
        return negative(g, masked(g, bar, multiply(g, out, gate1(g, TANH, half(g, x)))))
    if op == GAUSSIAN:
        # beyond 30, out is 0, and so is the slope, at infinity too
        x = gate2(g, MAXIMUM, gate2(g, MINIMUM, x, constant_node(g, 30)), constant_node(g, -30))
        return masked(g, bar, multiply(g, times(g, -2, x), out))
    if op == SIGN or op == FLOOR or op == ROUND:
        return constant_node(g, 0)
    if op == ARCSIN or op == ARCCOS:
        x = masked_quotient(g, bar, gate1(g, SQRT, gate1(g, ONE_MINUS_SQUARE, x)))
        return x if op == ARCSIN else negative(g, x)
    if op == ARCSINH:
        return masked_quotient(g, bar, gate2(g, HYPOT, x, constant_node(g, 1)))
    if op == ARCCOSH:       # of each factor, since the product may overflow
        bar = masked_quotient(g, bar, gate1(g, SQRT, subtract(g, x, constant_node(g, 1))))
        return masked_quotient(g, bar, gate1(g, SQRT, add(g, x, constant_node(g, 1))))
    if op == ARCTANH:
        return masked_quotient(g, bar, gate1(g, ONE_MINUS_SQUARE, x))
    if op == ONE_MINUS_SQUARE:
        return masked(g, bar, times(g, -2, x))
    if op == GAMMALN:
        return masked(g, bar, gate1(g, DIGAMMA, x))
    if op == DIGAMMA:
        return masked(g, bar, gate2(g, POLYGAMMA, constant_node(g, 1), x))
    raise ValueError(f"the gate {GATES[op]} has no derivative rule")


cdef int differentiate_hypot(Graph g, int32_t a, int32_t b, int32_t out, int32_t bar) except -1:
    cdef int32_t y = without_factor(g, bar, out), divisor
    if y >= 0:                          # of the square of a length, say
        if wants(g, a): pull(g, a, masked(g, y, a))
        if wants(g, b): pull(g, b, masked(g, y, b))
        return 0
    divisor = safe_divisor(g, out)
    if wants(g, a): pull(g, a, masked(g, bar, divide(g, a, divisor)))
    if wants(g, b): pull(g, b, masked(g, bar, divide(g, b, divisor)))
    return 0


cdef int differentiate_quotient(
    Graph g, int32_t a, int32_t b, int32_t out, int32_t bar
) except -1:
    cdef int32_t q = masked_quotient(g, bar, b), h = hypotenuse(g, b), leg = -1, ratio
    cdef int32_t at_zero = -1, to_a, to_leg
    if h >= 0:
        leg = g.items[h].b if g.items[h].a == a else g.items[h].a if g.items[h].b == a else -1
    if leg < 0:
        pull(g, a, q)
        if wants(g, b): pull(g, b, negative(g, masked(g, q, out)))
        return 0
    # a / hypot(a, leg): 1 - (a/h)**2 would cancel where a is nearly h; it is (leg/h)**2
    ratio = divide(g, leg, b)
    to_leg = masked(g, q, ratio)
    to_a = masked(g, to_leg, ratio)
    to_leg = negative(g, masked(g, to_leg, out))
    if h != b and not is_value(g, g.items[b].c, INFINITY):
        # a divisor of its own where h is 0
        at_zero = g.items[b].c
        to_a = select(g, h, to_a, q)
        to_leg = select(g, h, to_leg, constant_node(g, 0))
        if wants(g, at_zero):
            q = negative(g, masked(g, q, out))
            pull(g, at_zero, select(g, h, constant_node(g, 0), q))
    if wants(g, a): pull(g, a, to_a)
    if wants(g, leg): pull(g, leg, to_leg)
    return 0


cdef int32_t hypotenuse(Graph g, int32_t x) noexcept:
    """h if x is h = hypot(...), or where(h, h, something), else -1."""
    cdef Node node = g.items[x]
    if node.op == SELECT and node.a == node.b:
        x = node.a
    return x if is_gate(g, x, HYPOT) else -1


cdef int32_t slope_of_base(Graph g, int32_t a, int32_t b) except -1:
    """d a**b / da = b a**(b-1), and 0 where b == 0 even if a is 0 or NaN."""
    cdef int32_t keep, safe = a
    if not is_constant(g, b):
        # Only what would make 0 * infinity is replaced, so that where b == 0 the derivative of
        # this slope by b is 1/a, as it should be.
        keep = less(g, constant_node(g, 1e-307), gate1(g, ABSOLUTE, a))
        keep = select(g, b, constant_node(g, 1), keep)
        safe = select(g, keep, a, constant_node(g, 1))
    return multiply(g, b, power(g, safe, subtract(g, b, constant_node(g, 1))))


cdef int32_t slope_of_exponent(Graph g, int32_t a, int32_t b, int32_t out) except -1:
    """d a**b / db = a**b log(a), and 0 where a**b is 0, and at 0**0."""
    cdef int32_t keep, safe = a
    if not (is_constant(g, a) and 0 < value_of(g, a) < INFINITY):
        keep = select(g, a, out, less(g, b, constant_node(g, 0)))
        safe = select(g, keep, a, constant_node(g, 1))
    return multiply(g, out, gate1(g, LOG, safe))


cdef int32_t safe_divisor(Graph g, int32_t x) except -1:
    """x, but infinite where x == 0: a divisor that makes 0 / x, and its slopes, 0."""
    return select(g, x, x, constant_node(g, INFINITY))


cdef int32_t times(Graph g, double factor, int32_t x) except -1:
    return multiply(g, x, constant_node(g, factor))


cdef int32_t twice(Graph g, int32_t x) except -1:
    cdef int32_t whole = operand_of_multiple(g, x, 0.5)
    return times(g, 2, x) if whole < 0 else whole


cdef int32_t half(Graph g, int32_t x) except -1:
    cdef int32_t whole = operand_of_multiple(g, x, 2)
    return times(g, 0.5, x) if whole < 0 else whole


cdef int32_t operand_of_multiple(Graph g, int32_t x, double factor) noexcept:
    """y if x = y * factor, else -1: tanh and sigmoid_slope share their gates in this way."""
    cdef Node node = g.items[x]
    if node.op == MULTIPLY and is_value(g, node.b, factor):
        return node.a
    if node.op == MULTIPLY and is_value(g, node.a, factor):
        return node.b
    return -1
