# Circuits of samples as Python sees them.


@cython.no_gc_clear     # the arrays whose memory is read must live as long as the object
cdef class BoundCircuit:
    """A circuit bound to samples.

    Parameters
    ----------
    tape : SampleTape
    columns : list of ndarray of real, (m,)
        One for each varying input, of any stride.
    fixed : ndarray of float64
        The last of the uniform inputs; a call gives those before them.
    sample_weight : ndarray of float64, (m,), contiguous, or None
    m : int
    mean : bool
    n_threads : int
    alike : (nodes, sums), optional
        The size of a circuit and of its largest result, to be given to all tapes of it whose sums
        shall have the same bits; by default those of this tape.
    """
    cdef CircuitData samples
    cdef SampleTape tape
    cdef CircuitRun own              # scratch that is kept; whoever comes second makes their own
    cdef long long owner            # see try_own
    cdef int n_threads
    cdef object arrays              # keeps the data alive
    cdef object fixed
    cdef Py_ssize_t n_given
    cdef readonly long long n_evaluations
    cdef long long nanoseconds

    def __cinit__(self):
        memset(&self.samples, 0, sizeof(CircuitData))
        self.own.numbers = NULL

    def __dealloc__(self):
        free(self.samples.columns)
        free(self.own.numbers)

    def __init__(self, SampleTape tape not None, list columns, fixed, sample_weight, Py_ssize_t m,
                 bint mean, int n_threads, alike=None):
        cdef CircuitData *samples = &self.samples
        cdef const Code *code = &tape.tape.code
        cdef Py_ssize_t rows, size, sums
        if samples.columns != NULL:
            raise RuntimeError("a BoundCircuit is bound once")
        self.tape = tape
        samples.tape = &tape.tape
        self._bind(columns, fixed, sample_weight, m)
        samples.mean = mean
        rows = code.n_slots - code.n_numbers
        samples.tile = MAX_COLUMNS
        while (samples.tile > MIN_COLUMNS
               and samples.tile * rows * <Py_ssize_t>sizeof(real) > ROW_BYTES):
            samples.tile //= 2
        size, sums = (code.n_gates + 1, 1) if alike is None else alike
        if size < 1:
            raise ValueError(f"a circuit of {size} nodes")
        self._cut(size, max(sums, code.n_outputs))
        samples.poll_tiles = 1 + POLL_WORK // (samples.tile * (code.n_gates + 1))
        samples.stride = row_stride(whole_registers(min(samples.tile, m)))
        samples.stream = code.n_outputs * m * <Py_ssize_t>sizeof(real) > STREAM_BYTES
        samples.scratch = (rows + 2) * samples.stride + count_sums(samples) * PARTS
        self.n_threads = <int>max(1, min(
            n_threads, samples.n_chunks,
            1 + m * (code.n_gates + code.n_outputs) // <Py_ssize_t>GATE_SAMPLES))
        self._new_scratch(&self.own)

    cdef void _cut(self, Py_ssize_t size, Py_ssize_t sums) noexcept:
        """The samples into chunks: the order of the sums follows from m and these two alone.

        A circuit of `size` nodes has half as many rows in the tape of value and gradient: chunks
        are of whole tiles of it. Fewer than threads could make use of would be of no use.
        """
        cdef CircuitData *samples = &self.samples
        cdef Py_ssize_t m = samples.m
        samples.grain = MAX_COLUMNS
        while (samples.grain > MIN_COLUMNS
               and samples.grain * size * <Py_ssize_t>sizeof(real) > 2 * ROW_BYTES):
            samples.grain //= 2
        samples.n_grains = (m + samples.grain - 1) // samples.grain
        samples.n_chunks = min(
            samples.n_grains, <Py_ssize_t>MAX_CHUNKS, 1 + m * size // <Py_ssize_t>CHUNK_WORK)
        while (samples.n_chunks > MIN_CHUNKS
               and samples.n_chunks * sums * PARTS > CHUNK_DOUBLES):
            samples.n_chunks //= 2

    cdef int _bind(self, list columns, fixed, sample_weight, Py_ssize_t m) except -1:
        cdef CircuitData *samples = &self.samples
        cdef const double[::1] fixed_view = fixed
        cdef const Code *code = &samples.tape.code
        cdef const real[:] column
        cdef const double[::1] weights
        cdef Py_ssize_t i
        if m < 1:
            raise ValueError(f"{m} samples")
        if len(columns) != code.n_columns:
            raise ValueError(f"{len(columns)} columns, the program has {code.n_columns}")
        self.n_given = code.n_inputs - code.n_columns - fixed_view.shape[0]
        if self.n_given < 0:
            raise ValueError(f"{fixed_view.shape[0]} fixed inputs are too many")
        samples.m = m
        samples.columns = <Column *>allocate(code.n_columns * sizeof(Column))
        self.arrays = (columns[:], sample_weight)
        samples.adjacent = True
        self.fixed = fixed
        for i in range(code.n_columns):
            column = columns[i]
            if column.shape[0] != m or column.strides[0] % <Py_ssize_t>sizeof(real) != 0:
                raise ValueError(f"column {i} is not {m} numbers, whole strides apart")
            samples.columns[i].at = &column[0]
            samples.columns[i].step = column.strides[0] // <Py_ssize_t>sizeof(real)
            samples.adjacent = samples.adjacent and samples.columns[i].step == 1
        if sample_weight is not None:
            weights = sample_weight
            if weights.shape[0] != m:
                raise ValueError(f"{weights.shape[0]} weights for {m} samples")
            samples.weights = &weights[0]
            samples.weight_factor = wide_factor(np.max(sample_weight))
        return 0

    cdef int _new_scratch(self, CircuitRun *run) except -1:
        """One block: numbers and their registers, rows of the threads, partial sums."""
        cdef const Code *code = &self.samples.tape.code
        cdef Py_ssize_t top = 0, splats, rows, scratch, partial, sums
        cdef Py_ssize_t reals = sizeof(double) // sizeof(real)
        take(&top, code.n_numbers)
        splats = take(&top, code.n_numbers * LANES)
        rows = take(&top, self.n_threads * code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real)))
        scratch = take(&top, self.n_threads * self.samples.scratch)
        partial = take(&top, count_sums(&self.samples) * PARTS * self.samples.n_chunks * reals)
        sums = take(&top, code.n_outputs * reals)
        run.numbers = <real *>allocate(top * sizeof(real))
        run.samples = &self.samples
        run.splats = run.numbers + splats
        run.rows = <Row *>(run.numbers + rows)
        run.scratch = run.numbers + scratch
        run.partial = <double *>(run.numbers + partial)
        run.sums = <double *>(run.numbers + sums)
        return 0

    cdef const Code *_code(self) except NULL:
        if self.own.numbers == NULL:
            raise RuntimeError("this BoundCircuit is not bound to data")
        return &self.samples.tape.code

    cdef int _run(self, inputs, real *values, double *first, double *rest) except -1:
        """Values of the samples; or the sum of the first output, and those of the others."""
        cdef CircuitRun fresh
        cdef CircuitRun *run = &self.own
        cdef const Code *code = self._code()
        cdef Py_ssize_t i, n = self.n_given, missing
        cdef Py_ssize_t n_fixed = code.n_inputs - code.n_columns - n
        cdef const double *source
        cdef const double *fixed
        cdef long long start = now()
        cdef bint owner
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
            run.weight_factor = self.samples.weight_factor
            missing = run_samples(run, self.n_threads)
            if run.polling.stopped:
                missing = -1
            elif values == NULL:
                first[0] = run.sums[0]
                for i in range(1, code.n_outputs):
                    rest[i - 1] = run.sums[i]
                self.samples.weight_factor = run.weight_factor
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
        cdef cnp.npy_intp n = self._code().n_outputs - 1
        cdef double first = 0
        out = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT64)
        self._run(inputs, NULL, &first, <double *>cnp.PyArray_DATA(<cnp.ndarray>out))
        return first, out

    def evaluate_into(self, inputs, out):
        """As `evaluate`, but the others are written to `out`, a contiguous float64 vector."""
        cdef double first = 0
        if not is_vector(out, self._code().n_outputs - 1) or not cnp.PyArray_ISWRITEABLE(
                <cnp.ndarray>out):
            raise TypeError("out is not a writable float64 vector of their number")
        self._run(inputs, NULL, &first, <double *>cnp.PyArray_DATA(<cnp.ndarray>out))
        return first

    def values(self, inputs):
        """The outputs of each sample, (n_outputs, m)."""
        cdef cnp.npy_intp shape[2]
        shape[0] = self._code().n_outputs
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
