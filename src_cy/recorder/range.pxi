# Between what limits does a node lie, as long as the inputs are of ordinary size? A slope that is
# surely finite needs no mask, and a product of it stays an ordinary one, which a sum can absorb.

cdef enum:
    # What an input is taken for: four of them multiplied stay within float32. A larger input does
    # no harm; it can only bring back the product 0 * inf, where arithmetic overflows.
    INPUT_SIZE = 1000000000

cdef extern from *:
    """
    #define LARGEST 1e37
    """
    const double LARGEST

cdef struct Range:
    double low, high            # infinite: it may overflow. low is NaN: it may be NaN

cdef inline Range between(double low, double high) noexcept nogil:
    if low != low or high != high:
        return Range(NAN, NAN)
    return Range(low if low > -LARGEST else -INFINITY, high if high < LARGEST else INFINITY)


cdef inline Range anything() noexcept nogil:
    return Range(NAN, NAN)


cdef inline bint is_known(Range x) noexcept nogil:
    """Whether it is a number; it may be infinite."""
    return x.low == x.low


cdef inline bint is_finite(Range x) noexcept nogil:
    return x.low > -INFINITY and x.high < INFINITY


cdef inline bint has_zero(Range x) noexcept nogil:
    return x.low <= 0 <= x.high


cdef Range product_range(Range a, Range b) noexcept nogil:
    cdef double p = a.low * b.low, q = a.low * b.high, r = a.high * b.low, s = a.high * b.high
    if (has_zero(a) and not is_finite(b)) or (has_zero(b) and not is_finite(a)):
        return anything()
    return between(fmin(fmin(p, q), fmin(r, s)), fmax(fmax(p, q), fmax(r, s)))


cdef Range quotient_range(Range a, Range b) noexcept nogil:
    if b.low > 1 / LARGEST or b.high < -1 / LARGEST:
        return product_range(a, between(1 / b.high, 1 / b.low))
    return anything()


cdef Range hull(Range a, Range b) noexcept nogil:
    if not (is_known(a) and is_known(b)):
        return anything()
    return between(fmin(a.low, b.low), fmax(a.high, b.high))


cdef Range power_range(Range a, Range b) noexcept nogil:
    """Of powers with a constant exponent."""
    cdef double size = fmax(fabs(a.low), fabs(a.high))
    if b.low != b.high or not is_finite(a):
        return anything()
    if b.low < 0:
        return between(pow(a.high, b.low), pow(a.low, b.low)) if a.low > 1 / LARGEST else anything()
    if a.low < 0 and b.low != floor(b.low):
        return anything()
    return between(-pow(size, b.low) if a.low < 0 else 0, pow(size, b.low))


cdef Range range_of_one(int op, Range a) noexcept nogil:
    """Of a gate of one operand, which is a number."""
    cdef double size = fmax(fabs(a.low), fabs(a.high))
    if op == NEGATIVE: return between(-a.high, -a.low)
    if op == ABSOLUTE: return between(0 if has_zero(a) else fmin(fabs(a.low), fabs(a.high)), size)
    if op == RELU: return between(fmax(a.low, 0), fmax(a.high, 0))
    if op == EXP: return between(exp(a.low), exp(a.high))
    if op == EXPM1: return between(-1, exp(a.high))
    if op == SOFTPLUS: return between(0, fmax(a.high, 0) + 1)
    if op == SIGMOID or op == SIGMOID_SLOPE or op == GAUSSIAN: return between(0, 1)
    if op == TANH or op == ERF or op == SIGN: return between(-1, 1)
    if (op == SIN or op == COS) and is_finite(a): return between(-1, 1)
    if op == FLOOR or op == ROUND: return between(a.low - 1, a.high + 1)
    if (op == ARCSIN or op == ARCCOS) and -1 <= a.low and a.high <= 1: return between(-4, 4)
    if op == ARCSINH and is_finite(a): return between(-800, 800)
    if op == SQRT and a.low >= 0: return between(sqrt(a.low), sqrt(a.high))
    if op == LOG and a.low > 1 / LARGEST: return between(log(a.low), log(a.high))
    if op == LOG1P and a.low > -0.5: return between(-1, log(1 + a.high))
    return anything()


cdef Range range_of_two(int op, Range a, Range b) noexcept nogil:
    """Of a gate of two operands, which are numbers."""
    if op == ADD: return between(a.low + b.low, a.high + b.high)
    if op == SUBTRACT: return between(a.low - b.high, a.high - b.low)
    if op == MULTIPLY: return product_range(a, b)
    if op == MASKED_MULTIPLY or op == MASKED_PRODUCT:
        return hull(product_range(a, b), Range(0, 0))
    if op == DIVIDE: return quotient_range(a, b)
    if op == MASKED_DIVIDE: return hull(quotient_range(a, b), Range(0, 0))
    if op == POWER: return power_range(a, b)
    if op == MINIMUM or op == MAXIMUM: return hull(a, b)
    if op == HYPOT:
        return between(0, fmax(fabs(a.low), fabs(a.high)) + fmax(fabs(b.low), fabs(b.high)))
    if op == ATAN2: return between(-4, 4)
    if op == LOGADDEXP: return between(fmax(a.low, b.low), fmax(a.high, b.high) + 1)
    return anything()


cdef Range new_range(const Node *node, const Range *known) noexcept:
    """Of a node, where those of its operands are known."""
    cdef double value
    cdef Range a, b
    if node.op == CONSTANT:
        value = value_in(node)
        return between(value, value)
    if node.op == INPUT:
        return between(-INPUT_SIZE, INPUT_SIZE)
    if LESS <= node.op <= NOT_EQUAL:
        return between(0, 1)
    if node.op == SELECT:
        return hull(known[node.b], known[node.c])
    a = known[node.a]
    if gate_arity(node.op) == 1:
        return range_of_one(node.op, a) if is_known(a) else a
    b = known[node.b]
    if not (is_known(a) and is_known(b)):
        return anything()
    if node.a == node.b and node.op == MULTIPLY:
        a = b = range_of_one(ABSOLUTE, a)
    return range_of_two(node.op, a, b)


cdef int learn_ranges(Graph g) except -1:
    """The ranges of all nodes that there are."""
    cdef Work work = g.work
    cdef int32_t i
    if work.ranges_room < g.count:
        work.ranges = <Range *>grown(work.ranges, g.room, sizeof(Range))
        work.ranges_room = g.room
    for i in range(work.n_ranges, g.count):
        work.ranges[i] = new_range(&g.items[i], work.ranges)
    work.n_ranges = g.count
    return 0


cdef bint surely_finite(Graph g, int32_t i) except -1:
    """Whether node i is a finite number wherever the inputs are of ordinary size."""
    if g.work.n_ranges <= i:
        learn_ranges(g)
    return is_finite(g.work.ranges[i])
