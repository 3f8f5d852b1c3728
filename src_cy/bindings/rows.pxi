# Some rows of the data: how many they are, which, and their weights.


cdef Py_ssize_t count_rows(rows, Py_ssize_t m, Py_ssize_t *first, Py_ssize_t *step) except -1:
    """How many rows they are, of m; of a slice also which."""
    cdef Py_ssize_t count
    if type(rows) is slice:
        numbers = range(*rows.indices(m))
        count = len(numbers)
        if count > 0:
            first[0] = numbers[0]
        if count > 1:       # else it may be too large for C
            step[0] = numbers.step
    else:
        count = cnp.PyArray_DIM(<cnp.ndarray>rows, 0)
    if count == 0:
        raise ValueError(f"rows {rows!r} of {m} samples are none; expected at least one")
    return count


cdef int read_rows(rows, Py_ssize_t m, Py_ssize_t count, int64_t *numbers) except -1:
    """Copies row numbers, so that those that were checked are those that are used."""
    cdef const int64_t *source = <const int64_t *>cnp.PyArray_DATA(<cnp.ndarray>rows)
    cdef Py_ssize_t i
    cdef int64_t row
    for i in range(count):
        row = source[i]
        if not -m <= row < m:
            raise IndexError(
                f"rows[{i}] is {row}, but there are {m} samples: expected {-m} ... {m - 1}")
        numbers[i] = row + m if row < 0 else row
    return 0


cdef int gather_weights(Evaluation *run, Py_ssize_t m) except -1:
    """The weights of m rows side by side, from where they are taken from now on."""
    cdef Py_ssize_t s, row
    cdef bint some = False
    for s in range(m):
        row = run.rows[s] if run.rows != NULL else run.first + s * run.step
        run.row_weights[s] = run.data.weights[row]
        some = some or run.row_weights[s] != 0
    if not some:
        raise ValueError(
            "sample_weight is 0 for every one of these rows; expected at least one weight > 0")
    run.data.weights = run.row_weights
    return 0
