# An expression as text: what `repr` shows. Only its top, since below it may be a million gates.

cdef enum:
    DEPTH_SHOWN = 5
    LENGTH_SHOWN = 200
    # how strongly a gate binds its operands
    COMPARED, SUMMED, MULTIPLIED, NEGATED, RAISED, WHOLE

cdef dict INFIX = {
    ADD: (" + ", SUMMED), SUBTRACT: (" - ", SUMMED), MULTIPLY: ("*", MULTIPLIED),
    DIVIDE: ("/", MULTIPLIED), POWER: ("**", RAISED), LESS: (" < ", COMPARED),
    LESS_EQUAL: (" <= ", COMPARED), EQUAL: (" == ", COMPARED), NOT_EQUAL: (" != ", COMPARED),
    # of derivatives
    MASKED_MULTIPLY: ("*", MULTIPLIED), MASKED_PRODUCT: ("*", MULTIPLIED),
    MASKED_DIVIDE: ("/", MULTIPLIED),
}
cdef dict CALLED = {ABSOLUTE: "abs", SELECT: "where"}


cdef str name_of(Expression e):
    """The name of a variable: "a", or "x[3]" as an element of a vector."""
    owner = <object>e.a
    if type(owner) is not Vector:
        return owner
    if not owner.shape:
        return owner.name
    place = np.unravel_index(serial_of(e) - (<Vector>owner).first, owner.shape)
    return f"{owner.name}[{','.join([str(int(i)) for i in place])}]"


cdef str number_text(double x):
    return repr(x).removesuffix(".0")


cdef str text_of(Expression e):
    text = written(<PyObject *>e, DEPTH_SHOWN)[0]
    return text if len(text) <= LENGTH_SHOWN else text[:LENGTH_SHOWN - 3] + "..."


cdef tuple written(PyObject *x, int depth):
    """The text of an operand, and how strongly it holds together."""
    cdef Expression e
    if x == NULL or type(<object>x) is not Expression:
        value = number(x)
        return number_text(value), WHOLE if not value < 0 else NEGATED
    e = <Expression>x
    if e.op == CONSTANT:
        return written(e.a, depth)
    if e.op == INPUT:
        return name_of(e), WHOLE
    if depth == 0:
        return "...", WHOLE
    if e.op == NEGATIVE:
        return f"-{held(e.a, depth, NEGATED)}", NEGATED
    if e.op in INFIX:
        sign, strength = INFIX[e.op]
        # brackets wherever Python would read another expression: (a**b)**c, and a + (b + c) too
        first = strength + (strength in (RAISED, COMPARED))
        second = strength + (strength != RAISED)
        return held(e.a, depth, first) + sign + held(e.b, depth, second), strength
    operands = [written(e.a, depth - 1)[0]]
    if e.b != NULL:
        operands.append(written(e.b, depth - 1)[0])
    if e.c != NULL:
        operands.append(written(e.c, depth - 1)[0])
    return f"{CALLED.get(e.op, GATES[e.op])}({', '.join(operands)})", WHOLE


cdef str held(PyObject *x, int depth, int strength):
    """The text of an operand, in brackets if it would fall apart."""
    text, own = written(x, depth - 1)
    return text if own >= strength else f"({text})"
