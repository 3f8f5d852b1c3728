# Circuits of samples as Python sees them.

cdef enum:
    ROW_BYTES = 24576           # what the rows of a tile may take of the first-level cache
    MIN_COLUMNS = 64
    MAX_COLUMNS = 512
    POLL_WORK = 1000000         # gates times samples between two looks at the clock: 1 to 5 ms
    STREAM_BYTES = 8388608      # of all values: if more, they are written past the caches
    GATE_SAMPLES = 100000       # gates times samples worth waking a thread for


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
            # The sum reads the operands: a factor that is an output and a product needs its row.
            read_later[g.a] = read_later[g.b] = True
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
    cdef long long owner            # see try_own
    cdef int n_threads
    cdef object arrays              # keeps the data alive
    cdef object fixed
    cdef Py_ssize_t n_given
    cdef readonly long long n_evaluations
    cdef long long nanoseconds

    def __cinit__(self):
        memset(&self.samples, 0, sizeof(Samples))
        self.own.numbers = NULL

    def __dealloc__(self):
        free_code(&self.samples.code)
        free(self.samples.sum_gates)
        free(self.samples.terms)
        free(self.samples.columns)
        free(self.own.numbers)

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
        samples.stream = samples.code.n_outputs * m * <Py_ssize_t>sizeof(real) > STREAM_BYTES
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
        owner = try_own(&self.owner)
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
            if run.stopped:
                missing = -1
            elif values == NULL:
                first[0] = run.sums[0]
                for i in range(1, code.n_outputs):
                    rest[i - 1] = run.sums[i]
        if owner:
            disown(&self.owner)
        else:
            free(run.numbers)
        if missing < 0:
            return -1       # the exception of the signal handler is set
        if missing > 0:
            raise RuntimeError("the process forked while this evaluation ran; evaluate again")
        count_up(&self.n_evaluations, 1)
        count_up(&self.nanoseconds, now() - start)
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
