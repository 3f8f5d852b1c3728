# A network given as a program, read with every index checked.
#
# The rows of all arrays are numbered through; array 0 is X. See fastbp/layers/program.py for what
# the columns of a step mean.

cdef enum:
    STEP_COLUMNS = 12
    MAX_OFFSET = 2147483647         # of a row in a tile, counted in reals


cdef struct ProgramCode:
    Py_ssize_t n_arrays
    Py_ssize_t n_thetas
    Py_ssize_t n_functions
    Py_ssize_t n_steps
    Py_ssize_t n_table
    Py_ssize_t n_rows
    Py_ssize_t output           # first row of the output array
    const int32_t *arrays       # rows, twin
    const int32_t *thetas       # height, width
    const int32_t *steps
    const int32_t *table
    Py_ssize_t *first           # row of each array, and n_rows
    Function *functions


cdef inline Py_ssize_t array_of(const ProgramCode *code, Py_ssize_t row) noexcept:
    """The array that has this row."""
    cdef Py_ssize_t low = 0, high = code.n_arrays, middle
    while low + 1 < high:
        middle = (low + high) // 2
        if code.first[middle] <= row:
            low = middle
        else:
            high = middle
    return low


cdef int check_rows(const ProgramCode *code, Py_ssize_t row, Py_ssize_t n, what) except -1:
    """n rows from `row` on are of one array."""
    cdef Py_ssize_t array
    if not 0 <= row < code.n_rows or n < 1:
        raise ValueError(f"{what}: no rows {row} ... {row + n - 1} of {code.n_rows}")
    array = array_of(code, row)
    if row + n > code.first[array + 1]:
        raise ValueError(f"{what}: rows {row} ... {row + n - 1} are not of one array")
    return 0


cdef int check_read(const ProgramCode *code, Py_ssize_t row, Py_ssize_t n, what) except -1:
    """As check_rows; rows that a step reads belong to no z, which its maps alone may read."""
    cdef Py_ssize_t array, i
    check_rows(code, row, n, what)
    array = array_of(code, row)
    for i in range(code.n_arrays):
        if code.arrays[2 * i + 1] == array:
            raise ValueError(f"{what}: array {array} is read by maps only, it has a twin")
    if row >= code.output and row < code.first[array_of(code, code.output) + 1]:
        raise ValueError(f"{what}: the output is read by the loss only")
    return 0


cdef int check_written(const ProgramCode *code, Py_ssize_t row, Py_ssize_t n, what) except -1:
    """As check_rows; X is read only, and a twin is written by maps only."""
    cdef Py_ssize_t array
    check_rows(code, row, n, what)
    array = array_of(code, row)
    if array == 0:
        raise ValueError(f"{what}: X is written")
    if code.arrays[2 * array + 1] >= 0:
        raise ValueError(f"{what}: array {array} is written by maps only, it is a twin")
    return 0


cdef int check_table(
    const ProgramCode *code, Py_ssize_t at, Py_ssize_t n, Py_ssize_t window, bint some, what,
) except -1:
    """n windows of the table, each with a row in it if there have to be some."""
    cdef Py_ssize_t i, w, row
    cdef bint found
    if not 0 <= at <= code.n_table or n < 1 or window < 1 or n > (code.n_table - at) // window:
        raise ValueError(f"{what}: {n} windows of {window} rows from {at} on are not in the table")
    for i in range(n):
        found = False
        for w in range(window):
            row = code.table[at + i * window + w]
            if row != -1:
                check_read(code, row, 1, what)
                found = True
        if some and not found:
            raise ValueError(f"{what}: window {i} is empty")
    return 0


cdef int check_affine(const ProgramCode *code, const int32_t *s, what) except -1:
    cdef Py_ssize_t height, width, last
    if not 0 <= s[1] < code.n_thetas:
        raise ValueError(f"{what}: no Theta {s[1]}")
    height, width = code.thetas[2 * s[1]], code.thetas[2 * s[1] + 1]
    if not (0 <= s[2] < height and 0 < s[3] <= height - s[2]
            and 0 <= s[4] < width and 0 < s[5] <= width - s[4]):
        raise ValueError(f"{what}: no such part of Theta {s[1]}, {height} x (1 + {width})")
    check_table(code, s[6], s[7], s[5], False, what)
    if s[9] < 1 or s[10] < 1 or not 0 <= s[11] <= 3:
        raise ValueError(f"{what}: bad strides or flags")
    last = s[8] + (s[3] - 1) * <Py_ssize_t>s[9] + (s[7] - 1) * <Py_ssize_t>s[10]
    check_written(code, s[8], last - s[8] + 1, what)
    return 0


cdef int check_step(const ProgramCode *code, const int32_t *s, what) except -1:
    cdef Py_ssize_t z, a
    if s[0] == AFFINE:
        return check_affine(code, s, what)
    if s[0] == MAP:
        if not 0 <= s[1] < code.n_functions:
            raise ValueError(f"{what}: no function {s[1]}")
        check_rows(code, s[2], s[4], what)
        check_rows(code, s[3], s[4], what)
        z, a = array_of(code, s[2]), array_of(code, s[3])
        if code.arrays[2 * a + 1] != z or s[2] - code.first[z] != s[3] - code.first[a]:
            raise ValueError(f"{what}: array {a} is no twin of array {z} at this place")
        return 0
    if s[0] == GATE:
        if not 0 <= s[1] < N_GATE_OPS:
            raise ValueError(f"{what}: no operation {s[1]}")
        check_written(code, s[2], s[3], what)
        if (s[1] == WITHIN and (s[4] < 0 or s[6] < 0)) or (
                s[1] != WITHIN and (s[4] < 0) != (s[5] < 0)) or (
                s[1] != WITHIN and s[4] < 0 and s[6] < 0):
            raise ValueError(f"{what}: an operand is missing")
        if s[4] >= 0:
            check_read(code, s[4], s[3], what)
        if s[5] >= 0:
            check_read(code, s[5], s[3], what)
        if s[6] >= 0 and s[1] != WITHIN:
            check_read(code, s[6], s[3], what)
        return 0
    if s[0] == POOL:
        if not 0 <= s[1] < N_POOL_OPS or (s[1] == AVERAGE and s[6] < 1):
            raise ValueError(f"{what}: no operation {s[1]} with divisor {s[6]}")
        check_written(code, s[2], s[3], what)
        return check_table(code, s[5], s[3], s[4], s[1] == LARGEST, what)
    raise ValueError(f"{what}: no kind {s[0]}")


cdef const int32_t *whole_numbers(array, Py_ssize_t columns, what) except NULL:
    """The numbers of an int32 array in C order, of so many columns; 0: a vector."""
    if not is_plain(array, cnp.NPY_INT32, 2 if columns > 0 else 1) or (
            columns > 0 and cnp.PyArray_DIM(<cnp.ndarray>array, 1) != columns):
        raise TypeError(f"{what} are no int32 array in C order of the right shape")
    return <const int32_t *>cnp.PyArray_DATA(<cnp.ndarray>array)


cdef int read_arrays(ProgramCode *code) except -1:
    """Where the rows of each array begin."""
    cdef Py_ssize_t i, k, rows, twin, top = 0
    for i in range(code.n_arrays):
        rows, twin = code.arrays[2 * i], code.arrays[2 * i + 1]
        code.first[i] = top
        if rows < 1 or not -1 <= twin < i or (twin >= 0 and (
                i == 0 or twin == 0 or code.arrays[2 * twin] != rows)):
            raise ValueError(f"array {i} of {rows} rows is no twin of array {twin}")
        for k in range(i if twin >= 0 else 0):
            if code.arrays[2 * k + 1] == twin or (k == twin and code.arrays[2 * k + 1] >= 0):
                raise ValueError(f"array {i} is not the only twin of array {twin}, or twin of one")
        top += rows
    code.first[code.n_arrays] = code.n_rows = top
    if top > MAX_OFFSET // 16:
        raise ValueError(f"a sample of {top} rows is too large")
    return 0


cdef int check_output(const ProgramCode *code, Py_ssize_t output) except -1:
    cdef Py_ssize_t i
    for i in range(code.n_arrays):
        if code.arrays[2 * i + 1] == output or code.arrays[2 * output + 1] >= 0:
            raise ValueError(f"output {output} is a twin, or has one")
    return 0


cdef int read_functions(ProgramCode *code, tuple functions) except -1:
    cdef Py_ssize_t i
    for i in range(code.n_functions):
        read_function(&code.functions[i], functions[i])
        if code.functions[i].circuit == NULL and activations[
                code.functions[i].activation].output_only:
            raise ValueError(f"{functions[i]!r} is for outputs only")
    return 0


cdef int read_sizes(const ProgramCode *code, Py_ssize_t output, Plan *plan) except -1:
    """How many parameters, multiply-adds and outputs a network has, each step checked."""
    cdef Py_ssize_t i
    cdef double total = 0
    cdef const int32_t *s
    for i in range(code.n_thetas):
        if code.thetas[2 * i] < 1 or code.thetas[2 * i + 1] < 1:
            raise ValueError(f"Theta {i} is empty")
        total += code.thetas[2 * i] * (1.0 + code.thetas[2 * i + 1])
    check_size(total)
    plan.n_parameters = <Py_ssize_t>total
    for i in range(code.n_steps):
        s = code.steps + i * STEP_COLUMNS
        check_step(code, s, f"step {i}")
        if s[0] == AFFINE:
            plan.multiply_adds += <Py_ssize_t>s[3] * s[5] * s[7]
    plan.n_in = code.arrays[0]
    plan.n_out = code.arrays[2 * output] // plan.positions
    return 0


cdef bint takes_all(const ProgramCode *code, const int32_t *s, Py_ssize_t before,
                    Py_ssize_t theta) noexcept:
    """Whether an AFFINE step is a dense layer: all of the array before, by all of this Theta."""
    cdef Py_ssize_t k
    if not (s[0] == AFFINE and s[1] == theta and s[3] == code.thetas[2 * theta]
            and s[5] == code.thetas[2 * theta + 1] == code.arrays[2 * before]
            and s[7] == 1 and s[9] == 1 and s[11] == WITH_BIAS):
        return False
    for k in range(s[5]):
        if code.table[s[6] + k] != code.first[before] + k:
            return False
    return True


cdef list dense_layers(const ProgramCode *code, tuple functions, output):
    """(n_in, n_out, activation) of the layers of a program that is a plain chain of dense ones;
    None for any other."""
    cdef Py_ssize_t i = 0, before = 0, z
    cdef const int32_t *s
    layers = []
    while i < code.n_steps:
        s = code.steps + i * STEP_COLUMNS
        if len(layers) == code.n_thetas or not takes_all(code, s, before, len(layers)):
            return None
        z = array_of(code, s[8])
        if s[8] != code.first[z] or code.arrays[2 * z] != s[3]:
            return None
        before, n_in, n_out, activation = z, s[5], s[3], "identity"
        i += 1
        s = code.steps + i * STEP_COLUMNS
        if code.first[z] == code.output:
            activation = output
        elif i < code.n_steps and s[0] == MAP:
            if s[2] != code.first[z] or s[4] != code.arrays[2 * z]:
                return None
            before, activation = array_of(code, s[3]), functions[s[1]]
            i += 1
        layers.append((n_in, n_out, activation))
    if len(layers) != code.n_thetas or code.first[before] != code.output:
        return None
    return layers
