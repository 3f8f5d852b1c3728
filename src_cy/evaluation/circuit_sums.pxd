"""Sums of a circuit's outputs over the samples of a tile, weighted or not, and of the weights.

Every sum is made of PARTS partial sums side by side. Some tiles one after the other are summed in
`real`, and these sums in double.
"""
cimport cython

from libc.math cimport INFINITY
from libc.string cimport memset

from evaluation.weights cimport scaled
from matrix.sizes cimport PARTS
from simd.lanes cimport (
    DOUBLES, LANES, doubles_load, doubles_store, kernel_void, lanes_from_doubles, lanes_load,
    lanes_splat, lanes_store, lanes_t, real,
)
from simd.lanes_math cimport lanes_eq, lanes_least, lanes_min, lanes_rounded, lanes_select
from tape.tape cimport Row


# An output as it is added up: a row, or the product of two that needs no row of its own.
cdef struct Term:
    unsigned int a, b
    bint product


cdef inline void gather_term(
    const Term *term, const Row *rows, Py_ssize_t count, Py_ssize_t columns, real *out,
) noexcept nogil:
    """An output of a tile that is not full, and 0 behind it."""
    cdef const Row *a = rows + term.a
    cdef const Row *b = rows + term.b
    cdef Py_ssize_t i
    for i in range(count):
        out[i] = a.at[i if a.step > 0 else 0]
        if term.product:
            out[i] *= b.at[i if b.step > 0 else 0]
    memset(out + count, 0, (columns - count) * sizeof(real))


@cython.cdivision(True)     # a register cannot be returned beside an error of a division
cdef inline lanes_t summand(
    const bint product, const Term *term, const Row *rows, Py_ssize_t at,
) noexcept nogil:
    """An output at some columns. A product is rounded, as it would be in a row of its own."""
    cdef const Row *a = rows + term.a
    cdef const Row *b = rows + term.b
    if not product:
        return lanes_load(a.at + at)
    return lanes_rounded(lanes_load(a.at + a.step // LANES * at)
                         * lanes_load(b.at + b.step // LANES * at))


cdef inline lanes_t weighted(
    const bint some_left_out, lanes_t v, lanes_t weight, lanes_t sum,
) noexcept nogil:
    """sum + v weight. The v of a sample that is left out may be infinite or nan."""
    if some_left_out:
        v = lanes_select(lanes_eq(weight, lanes_splat(0)), lanes_splat(0), v)
    return sum + v * weight


cdef inline void add_terms(
    const bint two, const bint product, const bint other_product, const bint some_left_out,
    Py_ssize_t columns, const Term *term, const Term *other, const Row *rows, const real *w,
    lanes_t *acc,
) noexcept nogil:
    """Adds one output, or two at once: these read the weights once, and while the sum of one waits
    for an addition the other goes on."""
    cdef Py_ssize_t i = 0, at
    cdef lanes_t weight = lanes_splat(0)
    cdef int k, n = PARTS // LANES
    while i < columns:
        for k in range(n):
            at = i + k * LANES
            if w == NULL:
                acc[k] += summand(product, term, rows, at)
                if two:
                    acc[n + k] += summand(other_product, other, rows, at)
                continue
            weight = lanes_load(w + at)
            acc[k] = weighted(some_left_out, summand(product, term, rows, at), weight, acc[k])
            if two:
                acc[n + k] = weighted(
                    some_left_out, summand(other_product, other, rows, at), weight, acc[n + k])
        i += PARTS


cdef inline void add_some(
    const bint two, const bint product, const bint other_product, Py_ssize_t columns,
    const Term *term, const Term *other, const Row *rows, const real *w, bint some_left_out,
    lanes_t *acc,
) noexcept nogil:
    """`add_terms` with what there is of weights known to the compiler."""
    if w == NULL:
        add_terms(two, product, other_product, False, columns, term, other, rows, NULL, acc)
    elif some_left_out:
        add_terms(two, product, other_product, True, columns, term, other, rows, w, acc)
    else:
        add_terms(two, product, other_product, False, columns, term, other, rows, w, acc)


cdef inline void begin_sums(bint first, const real *running, lanes_t *acc) noexcept nogil:
    """The sums so far, of the tiles that are summed in `real`."""
    cdef int k
    for k in range(PARTS // LANES):
        acc[k] = lanes_splat(0) if first else lanes_load(running + k * LANES)


cdef inline void end_sums(
    bint last, const lanes_t *acc, real *running, double *parts,
) noexcept nogil:
    """Back to where they came from, or after the last tile to the sums in double."""
    cdef int k
    for k in range(PARTS // LANES):
        if last and sizeof(real) == sizeof(double):
            lanes_store(<real *>parts + k * LANES, acc[k] + lanes_load(<real *>parts + k * LANES))
        else:
            lanes_store(running + k * LANES, acc[k])
    if last and sizeof(real) != sizeof(double):
        for k in range(PARTS):
            parts[k] += running[k]


cdef inline kernel_void add_up(
    const bint two, Py_ssize_t columns, const Term *term, const Term *other, const Row *rows,
    const real *w, bint some_left_out, real *running, real *other_running, double *parts,
    double *other_parts, bint first, bint last,
) noexcept nogil:
    """running[i % PARTS] += a[i] b[i] w[i], of one output or of two; b and w are optional. The part
    depends on i alone, so that every register width gives the same bits.

    With the first columns `running` begins at 0; after the last, parts += running.
    """
    cdef lanes_t acc[32]
    cdef int n = PARTS // LANES
    begin_sums(first, running, acc)
    if two:
        begin_sums(first, other_running, acc + n)
    if not two and term.product:
        add_some(False, True, False, columns, term, other, rows, w, some_left_out, acc)
    elif not two:
        add_some(False, False, False, columns, term, other, rows, w, some_left_out, acc)
    elif term.product and other.product:
        add_some(True, True, True, columns, term, other, rows, w, some_left_out, acc)
    elif term.product:
        add_some(True, True, False, columns, term, other, rows, w, some_left_out, acc)
    elif other.product:
        add_some(True, False, True, columns, term, other, rows, w, some_left_out, acc)
    else:
        add_some(True, False, False, columns, term, other, rows, w, some_left_out, acc)
    end_sums(last, acc, running, parts)
    if two:
        end_sums(last, acc + n, other_running, other_parts)


cdef inline void add_parts(double *parts) noexcept nogil:
    """Their sum to parts[0], in a tree."""
    cdef int k, width = PARTS // 2
    while width >= DOUBLES:
        k = 0
        while k < width:
            doubles_store(parts + k, doubles_load(parts + k) + doubles_load(parts + k + width))
            k += DOUBLES
        width //= 2
    while width > 0:
        for k in range(width):
            parts[k] += parts[k + width]
        width //= 2


cdef inline real add_weights(
    const bint from_doubles, Py_ssize_t columns, const double *weights, double factor, real *w,
    lanes_t *acc,
) noexcept nogil:
    """acc[i % PARTS] += w[i]; returns the least of them. from_doubles: w is the weights times the
    factor, and made here."""
    cdef lanes_t least[2]
    cdef lanes_t v
    cdef Py_ssize_t i = 0, at
    cdef int k
    least[0] = least[1] = lanes_splat(INFINITY)
    while i < columns:
        for k in range(PARTS // LANES):
            at = i + k * LANES
            if from_doubles:
                v = lanes_from_doubles(weights + at, factor)
                lanes_store(w + at, v)
            else:
                v = lanes_load(w + at)
            acc[k] += v
            least[k % 2] = lanes_min(v, least[k % 2])
        i += PARTS
    return lanes_least(lanes_min(least[0], least[1]))


cdef inline kernel_void weigh_tile(
    const double *weights, double factor, Py_ssize_t count, Py_ssize_t columns, bint first,
    bint last, real *room, real *running, double *parts, const real **w, bint *some_left_out,
) noexcept nogil:
    """w: the weights of a tile times the factor, in `room` or where they lie, and 0 where there is
    no sample; they are added up as an output is. Are some samples left out?"""
    cdef lanes_t acc[16]
    cdef real least
    cdef Py_ssize_t s
    w[0] = room
    begin_sums(first, running, acc)
    if count < columns:
        memset(room + count, 0, (columns - count) * sizeof(real))
        least = 0
    elif factor != 1:
        least = add_weights(True, columns, weights, factor, room, acc)
    elif sizeof(real) == sizeof(double):
        w[0] = <const real *>weights
        least = add_weights(False, columns, NULL, 1, <real *>weights, acc)
    else:
        least = add_weights(True, columns, weights, 1, room, acc)
    some_left_out[0] = not least > 0
    if some_left_out[0] and w[0] == room:       # some are 0, or were rounded to it
        for s in range(count):
            room[s] = scaled(factor, weights[s])
        begin_sums(first, running, acc)
        add_weights(False, columns, NULL, 1, room, acc)
    end_sums(last, acc, running, parts)
