# Circuits as Python sees them: a Program (see fastbp._recorder) ready to run on numbers, on buffers or
# on samples. It has `gates` int32 (n, 5) with rows op, out, a, b, c, the first n_uniform of them on
# numbers, `constants`, `n_inputs`, `n_uniform_inputs`, `n_uniform`, `n_uniform_slots`, `n_slots`,
# `outputs`.

cdef enum:
    ON_STACK = 256              # slots of a circuit whose numbers need no memory of their own
    LONG_CALL = 10000           # gates worth giving up the GIL for
    ROW_BYTES = 24576           # what the rows of a tile may take of the first-level cache
    MIN_COLUMNS = 64
    MAX_COLUMNS = 512
    POLL_WORK = 1000000         # gates times samples between two looks at the clock: 1 to 5 ms
    GATE_SAMPLES = 100000       # gates times samples worth waking a thread for


cdef int read_program(program, Code *code) except -1:
    """Copies a Program, checking that no gate reaches beyond the slots."""
    cdef const int[:, ::1] gates = np.ascontiguousarray(program.gates, np.intc)
    cdef const double[::1] constants = np.ascontiguousarray(program.constants, np.float64)
    cdef const int[::1] outputs = np.ascontiguousarray(program.outputs, np.intc)
    cdef Py_ssize_t n = gates.shape[0], n_uniform = program.n_uniform, i
    cdef Gate g, following
    code.n_inputs = program.n_inputs
    code.n_columns = code.n_inputs - <Py_ssize_t>program.n_uniform_inputs
    code.n_constants = constants.shape[0]
    code.n_numbers = program.n_uniform_slots
    code.n_slots = program.n_slots
    code.n_outputs = outputs.shape[0]
    if not (
        gates.shape[1] == 5 and 0 <= n_uniform <= n and 0 <= code.n_columns <= code.n_inputs
        and code.n_inputs - code.n_columns + code.n_constants <= code.n_numbers
        and 0 <= code.n_numbers + code.n_columns <= code.n_slots and code.n_outputs > 0
    ):
        raise ValueError("the sizes of this program contradict each other")
    code.number_gates = <threaded_t *>allocate((n_uniform + 1) * sizeof(threaded_t))
    code.gates = <Gate *>allocate((n - n_uniform) * sizeof(Gate))
    code.constants = <real *>allocate(code.n_constants * sizeof(real))
    code.outputs = <unsigned int *>allocate(code.n_outputs * sizeof(int))
    i = 0
    while i < n:
        read_gate(gates, i, n_uniform, code, &g)
        if i + 1 < n and i + 1 != n_uniform:
            read_gate(gates, i + 1, n_uniform, code, &following)
            i += join(&g, &following)
        if i < n_uniform:
            write_number_gate(code.number_gates + code.n_number_gates, &g)
            code.n_number_gates += 1
        else:
            code.gates[code.n_gates] = g
            code.n_gates += 1
        i += 1
    link(N_GATES, code.number_gates + code.n_number_gates)
    for i in range(code.n_constants):
        code.constants[i] = <real>constants[i]
    for i in range(code.n_outputs):
        if not 0 <= outputs[i] < code.n_slots:
            raise ValueError(f"output {i} is slot {outputs[i]} of {code.n_slots}")
        code.outputs[i] = outputs[i]
    return 0


cdef int read_gate(
    const int[:, ::1] gates, Py_ssize_t i, Py_ssize_t n_uniform, const Code *code, Gate *g,
) except -1:
    cdef Py_ssize_t bound = code.n_numbers if i < n_uniform else code.n_slots, k
    if gate_arity(gates[i, 0]) < 1:
        raise ValueError(f"gate {i} has the number {gates[i, 0]}: no gate that computes")
    for k in range(1, 5):
        if not 0 <= gates[i, k] < bound:
            raise ValueError(f"gate {i} names slot {gates[i, k]} of {bound}")
    if i >= n_uniform and gates[i, 1] < code.n_numbers:
        raise ValueError(f"gate {i} on samples writes to slot {gates[i, 1]} of a number")
    g.op, g.out, g.a, g.b, g.c = gates[i, 0], gates[i, 1], gates[i, 2], gates[i, 3], gates[i, 4]
    return 0


cdef inline bint join(Gate *g, const Gate *following) noexcept:
    """Makes one gate of two where they are a pair at one place."""
    cdef unsigned int out = g.out
    if g.a != following.a or g.out == following.a or g.out == following.out:
        return False
    if pair(g.op, following.op) != 0:
        g.op = pair(g.op, following.op)
        g.b = following.out
        return True
    if pair(following.op, g.op) != 0:
        g.op = pair(following.op, g.op)
        g.out = following.out
        g.b = out
        return True
    return False


cdef Py_ssize_t count_long(const Gate *gates, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i, count = 0
    for i in range(n):
        count += not is_arithmetic(gates[i].op)
    return count


cdef inline void write_number_gate(threaded_t *number, const Gate *g) noexcept:
    number.out, number.a, number.b, number.c = g.out, g.a, g.b, g.c
    link(g.op, number)


cdef void free_code(Code *code) noexcept:
    free(code.number_gates)
    free(code.gates)
    free(code.constants)
    free(code.outputs)


cdef inline void run_code(const Code *code, real *s) noexcept:
    """All gates, of a program of numbers; its inputs are in s."""
    cdef Py_ssize_t i
    for i in range(code.n_constants):
        s[code.n_inputs + i] = code.constants[i]
    if code.n_number_gates < LONG_CALL:
        run_threaded(code.number_gates, s)
    else:
        with nogil:
            run_threaded(code.number_gates, s)


cdef inline bint is_vector(array, Py_ssize_t n) noexcept:
    """Whether this is a contiguous float64 vector of length n, to be read where it lies."""
    return (cnp.PyArray_Check(array)
            and cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.NPY_FLOAT64
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)
            and cnp.PyArray_NDIM(<cnp.ndarray>array) == 1
            and cnp.PyArray_DIM(<cnp.ndarray>array, 0) == n)


cdef inline bint read_number(object x, real *out) noexcept:
    """A Python float (NumPy's too) or int that has one; not a bool."""
    if PyFloat_Check(x):
        out[0] = <real>PyFloat_AS_DOUBLE(x)
        return True
    if PyLong_CheckExact(x):
        try:
            out[0] = <real>PyLong_AsDouble(x)
        except OverflowError:
            return False
        return True
    return False


cdef int find_terms(Samples *samples) except -1:
    """Leaves out gates that only multiply what is to be added up: the sum can multiply too."""
    cdef const Code *code = &samples.code
    cdef const Gate *g
    cdef Py_ssize_t i, j, k, arity
    cdef unsigned int[3] operands
    # of each slot: the output it is, if it is just one; whether a later gate reads or writes it
    output = np.full(code.n_slots, -1, np.intp)
    read = np.zeros(code.n_slots, np.intc)
    written = np.zeros(code.n_slots, np.intc)
    cdef Py_ssize_t[::1] output_of = output
    cdef int[::1] read_later = read, written_later = written
    samples.sum_gates = <Gate *>allocate(code.n_gates * sizeof(Gate))
    samples.terms = <Term *>allocate(code.n_outputs * sizeof(Term))
    for j in range(code.n_outputs):
        samples.terms[j].a = code.outputs[j]
        output_of[code.outputs[j]] = j if output_of[code.outputs[j]] == -1 else -2
    k = code.n_gates
    for i in range(code.n_gates - 1, -1, -1):
        g = &code.gates[i]
        j = output_of[g.out]
        if (g.op == MULTIPLY and j >= 0 and g.out != g.a and g.out != g.b
                and not (read_later[g.out] or written_later[g.out] or written_later[g.a]
                         or written_later[g.b])):
            samples.terms[j] = Term(g.a, g.b, True)
            written_later[g.out] = True
            continue
        k -= 1
        samples.sum_gates[k] = g[0]
        written_later[g.out] = True
        operands[0], operands[1], operands[2] = g.a, g.b, g.c
        arity = gate_arity(g.op)
        if arity < 0:       # a pair
            written_later[g.b] = True
            arity = 1
        for j in range(arity):
            read_later[operands[j]] = True
    samples.n_sum_gates = code.n_gates - k
    memmove(samples.sum_gates, samples.sum_gates + k, samples.n_sum_gates * sizeof(Gate))
    return 0


cdef class Tape:
    """A circuit of numbers, called from Python.

    Parameters
    ----------
    program : Program, all of its inputs uniform
    form : str
        "value" (float), "values" (an array) or "value_and_rest" (float, fresh array)
    shape : tuple of int, of the array
    n_parameters : int
        How many inputs the first argument has.
    names : dict of str to int
        Which input a keyword with a number is.
    otherwise : callable (tape, args, keywords)
        Whom a call is passed on to whose arguments are not floats and float64 vectors.
    """
    cdef Code code
    cdef real *own                  # numbers of a large circuit; whoever comes second allocates
    cdef pthread_mutex_t owner
    cdef int form
    cdef int n_dimensions
    cdef cnp.npy_intp shape[32]
    cdef Py_ssize_t n_parameters
    cdef dict names
    cdef object otherwise

    def __cinit__(self):
        memset(&self.code, 0, sizeof(Code))
        self.own = NULL
        pthread_mutex_init(&self.owner, NULL)

    def __dealloc__(self):
        free_code(&self.code)
        free(self.own)
        pthread_mutex_destroy(&self.owner)

    def __init__(self, program, form, tuple shape, Py_ssize_t n_parameters, dict names, otherwise):
        cdef Py_ssize_t i, size = 1
        if self.code.gates != NULL:
            raise RuntimeError("a Tape has one program")
        read_program(program, &self.code)
        if self.code.n_columns > 0 or self.code.n_gates > 0:
            raise ValueError("a Tape has no samples")
        self.form = ("value", "values", "value_and_rest").index(form)
        self.n_dimensions = <int>len(shape)
        if self.n_dimensions > 32:
            raise ValueError(f"{len(shape)} dimensions")
        for i in range(self.n_dimensions):
            self.shape[i] = shape[i]
            size *= self.shape[i]
        if size != self.code.n_outputs - (self.form == 2) or self.form == 0 != self.n_dimensions:
            raise ValueError(f"{self.code.n_outputs} outputs make no {form} of shape {shape}")
        if not 0 <= n_parameters <= self.code.n_inputs:
            raise ValueError(f"{n_parameters} parameters of {self.code.n_inputs} inputs")
        self.n_parameters = n_parameters
        self.names = dict(names)
        for i in self.names.values():
            if not 0 <= i < self.code.n_inputs:
                raise ValueError(f"no input {i}")
        self.otherwise = otherwise
        if self.code.n_slots > ON_STACK:
            self.own = <real *>allocate(self.code.n_slots * sizeof(real))

    def call(self, p=None, *rest, **keywords):
        """The result for floats, or a float64 vector, and floats by keyword."""
        cdef real numbers[<int>ON_STACK]
        if self.code.n_slots > ON_STACK:
            return self._call_large(p, rest, keywords)
        if not self._read(p, <tuple>rest, <dict>keywords, numbers):
            return self._pass_on(p, rest, keywords)
        run_code(&self.code, numbers)
        return self._result(numbers)

    def run(self, vector):
        """The result for all inputs in one float64 vector."""
        cdef real numbers[<int>ON_STACK]
        if self.code.n_slots > ON_STACK:
            return self._call_large(vector, None, None)
        self._read_all(vector, numbers)
        run_code(&self.code, numbers)
        return self._result(numbers)

    cdef _call_large(self, p, rest, keywords):
        cdef bint owner = pthread_mutex_trylock(&self.owner) == 0, plain = True
        cdef real *numbers = self.own
        if not owner:
            numbers = <real *>allocate(self.code.n_slots * sizeof(real))
        try:
            if rest is None:
                self._read_all(p, numbers)
            else:
                plain = self._read(p, <tuple>rest, <dict>keywords, numbers)
            if plain:
                run_code(&self.code, numbers)
                return self._result(numbers)
        finally:
            if owner:
                pthread_mutex_unlock(&self.owner)
            else:
                free(numbers)
        return self._pass_on(p, rest, keywords)

    cdef _pass_on(self, p, rest, keywords):
        if self.otherwise is None:
            raise TypeError("expected floats, or one contiguous float64 vector")
        return self.otherwise(self, () if p is None and not rest else (p, *rest), keywords)

    cdef int _read_all(self, vector, real *s) except -1:
        cdef Py_ssize_t i
        cdef const double *source
        if not is_vector(vector, self.code.n_inputs):
            raise TypeError(f"expected a contiguous float64 vector of {self.code.n_inputs}")
        source = <const double *>cnp.PyArray_DATA(<cnp.ndarray>vector)
        for i in range(self.code.n_inputs):
            s[i] = <real>source[i]
        return 0

    cdef bint _read(self, p, tuple rest, dict keywords, real *s) noexcept:
        """Whether the arguments are plain and complete; then they are in s."""
        cdef Py_ssize_t i, n = 0
        cdef const double *source
        if is_vector(p, self.n_parameters):
            if len(rest) > 0:
                return False
            source = <const double *>cnp.PyArray_DATA(<cnp.ndarray>p)
            n = self.n_parameters
            for i in range(n):
                s[i] = <real>source[i]
        elif p is not None:
            n = 1 + len(rest)
            if n != self.n_parameters or not read_number(p, s):
                return False
            for i in range(1, n):
                if not read_number(rest[i - 1], s + i):
                    return False
        elif len(rest) > 0:
            return False
        if n + len(keywords) != self.code.n_inputs:
            return False
        for name, x in keywords.items():
            place = self.names.get(name)
            if place is None or <Py_ssize_t>place < n or not read_number(x, s + <Py_ssize_t>place):
                return False
        return True

    cdef _result(self, const real *s):
        cdef const Code *code = &self.code
        cdef Py_ssize_t i, first = self.form == 2
        cdef double *out
        if self.form == 0:
            return <double>s[code.outputs[0]]
        array = cnp.PyArray_SimpleNew(self.n_dimensions, self.shape, cnp.NPY_FLOAT64)
        out = <double *>cnp.PyArray_DATA(<cnp.ndarray>array)
        for i in range(first, code.n_outputs):
            out[i - first] = s[code.outputs[i]]
        return (<double>s[code.outputs[0]], array) if first else array


cdef class BufferTape:
    """A circuit of numbers that reads and writes buffers of the caller.

    Parameters
    ----------
    program : Program, all of its inputs uniform
    sources, targets : list of C-contiguous float64 buffers
        The inputs and the outputs, in their order.
    """
    cdef Code code
    cdef real *numbers
    cdef const double **sources
    cdef double **targets
    cdef Py_ssize_t *counts         # of the sources, then of the targets
    cdef Py_ssize_t n_sources, n_targets
    cdef pthread_mutex_t owner
    cdef object views               # while they are held nobody can resize what is behind them

    def __cinit__(self):
        memset(&self.code, 0, sizeof(Code))
        self.numbers = NULL
        self.sources = NULL
        self.targets = NULL
        self.counts = NULL
        pthread_mutex_init(&self.owner, NULL)

    def __dealloc__(self):
        free_code(&self.code)
        free(self.numbers)
        free(self.sources)
        free(self.targets)
        free(self.counts)
        pthread_mutex_destroy(&self.owner)

    def __init__(self, program, list sources, list targets):
        cdef const double[::1] source
        cdef double[::1] target
        cdef Py_ssize_t i, n_in = 0, n_out = 0
        if self.numbers != NULL:
            raise RuntimeError("a BufferTape is bound once")
        read_program(program, &self.code)
        if self.code.n_columns > 0 or self.code.n_gates > 0:
            raise ValueError("a BufferTape has no samples")
        self.numbers = <real *>allocate(self.code.n_slots * sizeof(real))
        self.n_sources = len(sources)
        self.n_targets = len(targets)
        self.sources = <const double **>allocate(self.n_sources * sizeof(double *))
        self.targets = <double **>allocate(self.n_targets * sizeof(double *))
        self.counts = <Py_ssize_t *>allocate((self.n_sources + self.n_targets) * sizeof(Py_ssize_t))
        self.views = []
        for i in range(self.n_sources):
            source = sources[i]
            self.views.append(source)
            self.counts[i] = source.shape[0]
            n_in += source.shape[0]
            if source.shape[0] > 0:
                self.sources[i] = &source[0]
        for i in range(self.n_targets):
            target = targets[i]
            self.views.append(target)
            self.counts[self.n_sources + i] = target.shape[0]
            n_out += target.shape[0]
            if target.shape[0] > 0:
                self.targets[i] = &target[0]
        if n_in != self.code.n_inputs or n_out != self.code.n_outputs:
            raise ValueError(
                f"buffers of {n_in} and {n_out} numbers for {self.code.n_inputs} inputs and "
                f"{self.code.n_outputs} outputs")
        for i in range(self.code.n_constants):
            self.numbers[self.code.n_inputs + i] = self.code.constants[i]

    def run(self):
        """Reads the sources, computes, writes the targets."""
        cdef Py_ssize_t i, j
        cdef real *s = self.numbers
        cdef const unsigned int *slot = self.code.outputs
        if pthread_mutex_trylock(&self.owner) != 0:
            raise RuntimeError(
                "this callable is at work in another thread, on the same buffers: make one for "
                "each thread")
        for i in range(self.n_sources):
            for j in range(self.counts[i]):
                s[j] = <real>self.sources[i][j]
            s += self.counts[i]
        s = self.numbers
        if self.code.n_number_gates < LONG_CALL:
            run_threaded(self.code.number_gates, s)
        else:
            with nogil:
                run_threaded(self.code.number_gates, s)
        for i in range(self.n_targets):
            for j in range(self.counts[self.n_sources + i]):
                self.targets[i][j] = s[slot[j]]
            slot += self.counts[self.n_sources + i]
        pthread_mutex_unlock(&self.owner)


@cython.no_gc_clear     # the arrays whose memory is read must live as long as the object
cdef class TapeProblem:
    """A circuit bound to samples.

    Parameters
    ----------
    program : Program
    columns : list of ndarray of real, (m,)
        One for each varying input, of any stride.
    fixed : ndarray of float64
        The last of the uniform inputs; a call gives those before them.
    sample_weight : ndarray of real, (m,), or None
    m : int
    mean : bool
    n_threads : int
    """
    cdef Samples samples
    cdef SampleRun own              # scratch that is kept; whoever comes second makes their own
    cdef pthread_mutex_t owner
    cdef int n_threads
    cdef object arrays              # keeps the data alive
    cdef object fixed
    cdef Py_ssize_t n_given
    cdef readonly long long n_evaluations
    cdef long long nanoseconds

    def __cinit__(self):
        memset(&self.samples, 0, sizeof(Samples))
        self.own.numbers = NULL
        pthread_mutex_init(&self.owner, NULL)

    def __dealloc__(self):
        free_code(&self.samples.code)
        free(self.samples.sum_gates)
        free(self.samples.terms)
        free(self.samples.columns)
        free(self.own.numbers)
        pthread_mutex_destroy(&self.owner)

    def __init__(self, program, list columns, fixed, sample_weight, Py_ssize_t m, bint mean,
                 int n_threads):
        cdef Samples *samples = &self.samples
        cdef Py_ssize_t rows, tile
        if samples.columns != NULL:
            raise RuntimeError("a TapeProblem is bound once")
        read_program(program, &samples.code)
        find_terms(samples)
        self._bind(columns, fixed, sample_weight, m)
        samples.mean = mean
        samples.share = 1 + samples.code.n_columns // max(
            <Py_ssize_t>1, count_long(samples.code.gates, samples.code.n_gates))
        # Tiles and chunks follow from m and the circuit alone: the order of the sums must.
        rows = samples.code.n_slots - samples.code.n_numbers
        tile = MAX_COLUMNS
        while tile > MIN_COLUMNS and tile * rows * <Py_ssize_t>sizeof(real) > ROW_BYTES:
            tile //= 2
        samples.tile = tile
        samples.n_tiles = (m + tile - 1) // tile
        samples.n_chunks = min(samples.n_tiles, <Py_ssize_t>MAX_CHUNKS)
        while (samples.n_chunks > MIN_CHUNKS
               and samples.n_chunks * samples.code.n_outputs * PARTS > CHUNK_DOUBLES):
            samples.n_chunks //= 2
        samples.poll_tiles = 1 + POLL_WORK // (tile * (samples.code.n_gates + 1))
        samples.stride = row_stride(whole_registers(min(tile, m)))
        samples.scratch = (rows + 2) * samples.stride
        self.n_threads = <int>max(1, min(
            n_threads, samples.n_chunks,
            1 + m * (samples.code.n_gates + samples.code.n_outputs) // <Py_ssize_t>GATE_SAMPLES))
        self._new_scratch(&self.own)

    cdef int _bind(self, list columns, fixed, sample_weight, Py_ssize_t m) except -1:
        cdef Samples *samples = &self.samples
        cdef const double[::1] fixed_view = fixed
        cdef const real[:] column
        cdef const real[::1] weights
        cdef Py_ssize_t i
        if m < 1:
            raise ValueError(f"{m} samples")
        if len(columns) != samples.code.n_columns:
            raise ValueError(f"{len(columns)} columns, the program has {samples.code.n_columns}")
        self.n_given = samples.code.n_inputs - samples.code.n_columns - fixed_view.shape[0]
        if self.n_given < 0:
            raise ValueError(f"{fixed_view.shape[0]} fixed inputs are too many")
        samples.m = m
        samples.columns = <Column *>allocate(samples.code.n_columns * sizeof(Column))
        self.arrays = (columns[:], sample_weight)
        samples.adjacent = True
        self.fixed = fixed
        for i in range(samples.code.n_columns):
            column = columns[i]
            if column.shape[0] != m or column.strides[0] % <Py_ssize_t>sizeof(real) != 0:
                raise ValueError(f"column {i} is not {m} numbers, whole strides apart")
            samples.columns[i].at = &column[0]
            samples.columns[i].step = column.strides[0] // <Py_ssize_t>sizeof(real)
            samples.adjacent = samples.adjacent and samples.columns[i].step == 1
        samples.total_weight = m
        if sample_weight is not None:
            weights = sample_weight
            if weights.shape[0] != m:
                raise ValueError(f"{weights.shape[0]} weights for {m} samples")
            samples.weights = &weights[0]
            samples.total_weight = float(np.sum(sample_weight, dtype=float))
        return 0

    cdef int _new_scratch(self, SampleRun *run) except -1:
        """One block: numbers and their registers, rows of the threads, partial sums."""
        cdef const Code *code = &self.samples.code
        cdef Py_ssize_t top = 0, splats, rows, scratch, partial, sums
        cdef Py_ssize_t reals = sizeof(double) // sizeof(real)
        take(&top, code.n_numbers)
        splats = take(&top, code.n_numbers * LANES)
        rows = take(&top, self.n_threads * code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real)))
        scratch = take(&top, self.n_threads * self.samples.scratch)
        partial = take(&top, code.n_outputs * PARTS * self.samples.n_chunks * reals)
        sums = take(&top, code.n_outputs * reals)
        run.numbers = <real *>allocate(top * sizeof(real))
        run.samples = &self.samples
        run.splats = run.numbers + splats
        run.rows = <Row *>(run.numbers + rows)
        run.scratch = run.numbers + scratch
        run.partial = <double *>(run.numbers + partial)
        run.sums = <double *>(run.numbers + sums)
        return 0

    cdef int _run(self, inputs, real *values, double *first, double *rest) except -1:
        """Values of the samples; or the sum of the first output, and those of the others."""
        cdef SampleRun fresh
        cdef SampleRun *run = &self.own
        cdef const Code *code = &self.samples.code
        cdef Py_ssize_t i, n = self.n_given, missing
        cdef Py_ssize_t n_fixed = code.n_inputs - code.n_columns - n
        cdef const double *source
        cdef const double *fixed
        cdef long long start = now()
        cdef bint owner
        if self.own.numbers == NULL:
            raise RuntimeError("this TapeProblem is not bound to data")
        if not is_vector(inputs, n):
            raise TypeError(f"expected a contiguous float64 vector of {n} inputs")
        owner = pthread_mutex_trylock(&self.owner) == 0
        if not owner:
            run = &fresh
            self._new_scratch(run)
        source = <const double *>cnp.PyArray_DATA(<cnp.ndarray>inputs)
        fixed = <const double *>cnp.PyArray_DATA(<cnp.ndarray>self.fixed)
        with nogil:
            for i in range(n):
                run.numbers[i] = <real>source[i]
            for i in range(n_fixed):
                run.numbers[n + i] = <real>fixed[i]
            for i in range(code.n_constants):
                run.numbers[n + n_fixed + i] = code.constants[i]
            run.values = values
            missing = run_samples(run, self.n_threads)
            if values == NULL:
                first[0] = run.sums[0]
                for i in range(1, code.n_outputs):
                    rest[i - 1] = run.sums[i]
        stopped = run.stopped
        if owner:
            pthread_mutex_unlock(&self.owner)
        else:
            free(run.numbers)
        if stopped:
            return -1       # the exception of the signal handler is set
        if missing > 0:
            raise RuntimeError("the process forked while this evaluation ran; evaluate again")
        self.n_evaluations += 1
        self.nanoseconds += now() - start
        return 0

    def evaluate(self, inputs):
        """The sum, or mean, of the first output over the samples and a fresh vector of the others;
        `inputs`: the uniform inputs that are not fixed, a contiguous float64 vector."""
        cdef cnp.npy_intp n = self.samples.code.n_outputs - 1
        cdef double first = 0
        out = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT64)
        self._run(inputs, NULL, &first, <double *>cnp.PyArray_DATA(<cnp.ndarray>out))
        return first, out

    def values(self, inputs):
        """The outputs of each sample, (n_outputs, m)."""
        cdef cnp.npy_intp shape[2]
        shape[0] = self.samples.code.n_outputs
        shape[1] = self.samples.m
        out = cnp.PyArray_SimpleNew(2, shape, REAL_TYPE)
        self._run(inputs, <real *>cnp.PyArray_DATA(<cnp.ndarray>out), NULL, NULL)
        return out

    @property
    def seconds(self):
        """Time spent in evaluations."""
        return self.nanoseconds * 1e-9

    @property
    def threads_used(self):
        """How many threads an evaluation is shared among: small work gets fewer than asked for."""
        return self.n_threads


def apply_gate(int op, double a, double b=0, double c=0):
    """The value of a gate, as every tape computes it."""
    cdef real numbers[4]
    cdef threaded_t gates[2]
    cdef Gate g = Gate(op, 0, 1, 2, 3)
    if gate_arity(op) < 1:
        raise ValueError(f"no gate has the number {op}")
    numbers[1], numbers[2], numbers[3] = <real>a, <real>b, <real>c
    write_number_gate(&gates[0], &g)
    link(N_GATES, &gates[1])
    run_threaded(gates, numbers)
    return <double>numbers[0]
